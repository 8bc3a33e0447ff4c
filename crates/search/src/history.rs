//! What happened, for people. It is written only when somebody wants to read it.

use jiff::Timestamp;

/// The lines, where they are wanted.
#[derive(Debug, Default)]
pub(crate) struct History(Option<Vec<String>>);

impl History {
    pub(crate) fn new(wanted: bool) -> Self {
        Self(wanted.then(Vec::new))
    }

    pub(crate) fn say(&mut self, at: Timestamp, who: &str, line: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.0 {
            lines.push(format!("{:.3}  {who:<9} {}", at, line()));
        }
    }

    pub(crate) fn is_wanted(&self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn take(&mut self) -> Vec<String> {
        self.0.take().unwrap_or_default()
    }
}
