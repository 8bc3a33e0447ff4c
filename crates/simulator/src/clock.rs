//! The simulator's time: the real one, or one that stands still; both can be moved forward.

use std::time::Duration;

use jiff::Timestamp;
// Tokio's, not std's: a running clock stands still where Tokio's is paused.
use tokio::time::Instant;

#[derive(Debug)]
pub(crate) struct Clock {
    base: Timestamp,
    /// `None`: frozen.
    running_since: Option<Instant>,
}

impl Clock {
    pub(crate) fn new(start: Option<Timestamp>, frozen: bool) -> Self {
        Self {
            base: start.unwrap_or_else(Timestamp::now),
            running_since: (!frozen).then(Instant::now),
        }
    }

    pub(crate) fn is_frozen(&self) -> bool {
        self.running_since.is_none()
    }

    pub(crate) fn now(&self) -> Timestamp {
        after(
            self.base,
            self.running_since
                .map(|since| since.elapsed())
                .unwrap_or_default(),
        )
    }

    pub(crate) fn advance(&mut self, by: Duration) {
        self.base = after(self.base, by);
    }
}

/// `at` moved by `by`; what lies beyond the last date stays at the last date.
pub(crate) fn after(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// How Vipps writes a moment: `2018-12-12T11:18:38.246Z`.
pub(crate) fn written(at: Timestamp) -> String {
    format!("{at:.3}")
}

pub(crate) const fn minutes(n: u64) -> Duration {
    Duration::from_secs(n * 60)
}

pub(crate) const fn days(n: u64) -> Duration {
    Duration::from_secs(n * 24 * 60 * 60)
}
