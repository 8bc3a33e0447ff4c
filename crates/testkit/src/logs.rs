//! Everything that kasse logs on a stage, as its server would write it: one JSON object in a line.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::subscriber::DefaultGuard;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};

/// What was logged.
#[derive(Debug, Clone, Default)]
pub(crate) struct Logs(Arc<Mutex<Vec<u8>>>);

impl Logs {
    /// Takes what is logged on this thread, until the guard is dropped.
    pub(crate) fn take(&self) -> DefaultGuard {
        let lines = tracing_subscriber::fmt::layer()
            .json()
            // The stage's clock is not the system's.
            .without_time()
            .with_writer(self.clone());
        // All that kasse says, at its most talkative. Vipps' own log is none of its.
        let of_kasse = Targets::new()
            .with_target("kasse", LevelFilter::TRACE)
            .with_target("kasse_simulator", LevelFilter::OFF);
        let subscriber = tracing_subscriber::registry().with(lines.with_filter(of_kasse));
        tracing::subscriber::set_default(subscriber)
    }

    /// What kasse logged.
    pub(crate) fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Logs {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
