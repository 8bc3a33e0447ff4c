//! Rate limits: how often something may be asked of Vipps.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::context::{after, before};
use crate::journal::{Journal, JournalError};

/// How long a call is remembered at most: no limit of Vipps' is for longer.
const LONGEST: Duration = Duration::from_secs(60);

/// Counts calls against limits, for all who make them together.
#[async_trait]
pub trait Limits: Debug + Send + Sync + 'static {
    /// Counts a call: `most` with one `key` within `per`, which is a minute at the most. `None`: it
    /// is counted, and may be made. Otherwise: when it may be at the earliest; nothing is counted.
    ///
    /// # Errors
    /// It could not be counted, and so must not be made.
    async fn take(
        &self,
        key: &str,
        now: Timestamp,
        most: usize,
        per: Duration,
    ) -> Result<Option<Timestamp>, JournalError>;
}

/// Limits counted in a journal: for all servers that share it, and beyond a crash.
#[derive(Debug)]
pub(crate) struct JournalLimits(pub(crate) Arc<dyn Journal>);

#[async_trait]
impl Limits for JournalLimits {
    async fn take(
        &self,
        key: &str,
        now: Timestamp,
        most: usize,
        per: Duration,
    ) -> Result<Option<Timestamp>, JournalError> {
        self.0.count(key, now, most, per).await
    }
}

/// Limits counted in memory: for one process that has no journal.
#[derive(Debug, Default)]
pub struct MemoryLimits(Mutex<Calls>);

#[async_trait]
impl Limits for MemoryLimits {
    async fn take(
        &self,
        key: &str,
        now: Timestamp,
        most: usize,
        per: Duration,
    ) -> Result<Option<Timestamp>, JournalError> {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(calls.take(key, now, most, per))
    }
}

/// The calls of the last minute, by key.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    times: BTreeMap<String, VecDeque<Timestamp>>,
    swept: Option<Timestamp>,
}

impl Calls {
    /// As [`Limits::take`].
    pub(crate) fn take(
        &mut self,
        key: &str,
        now: Timestamp,
        most: usize,
        per: Duration,
    ) -> Option<Timestamp> {
        self.sweep(now);
        let times = self.times.entry(key.to_owned()).or_default();
        let recent = times.iter().filter(|time| counts(**time, now, per));
        let first = recent.clone().min().copied();
        if let Some(first) = first.filter(|_| recent.count() >= most) {
            return Some(after(first, per));
        }
        times.push_back(now);
        None
    }

    /// Once in a while, forgets what counts no more: so much is kept as was called in two minutes.
    fn sweep(&mut self, now: Timestamp) {
        if self.swept.is_some_and(|swept| counts(swept, now, LONGEST)) {
            return;
        }
        self.times.retain(|_, times| {
            times.retain(|time| counts(*time, now, LONGEST));
            !times.is_empty()
        });
        self.swept = Some(now);
    }
}

/// Within the time. A call after now means that the clock was set back: it counts no more, or it
/// would block for as long as the clock went back.
fn counts(time: Timestamp, now: Timestamp, per: Duration) -> bool {
    time <= now && time > before(now, per)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_no_more_is_forgotten() {
        let mut calls = Calls::default();
        for number in 0..500_u64 {
            let now = after(Timestamp::UNIX_EPOCH, Duration::from_secs(number));
            assert_eq!(calls.take(&format!("read {number}"), now, 1, LONGEST), None);
            let kept = calls.times.len();
            assert!(kept <= 121, "{kept} after {number} seconds");
        }
    }
}
