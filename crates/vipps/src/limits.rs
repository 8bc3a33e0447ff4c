//! Vipps' rate limits, kept before anything is sent ("eCom guide, rate limits"; "ePayment
//! guide, rate limits").

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use kasse_core::api::Caller;
use kasse_core::{Reference, after};
use secrecy::ExposeSecret;

const MINUTE: Duration = Duration::from_secs(60);

/// What is counted together. A reference is one payment's in both APIs, so that what both count
/// alike is counted once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Counted {
    /// eCom's initiate: 2 a minute for each orderId and MSN.
    Initiate,
    /// ePayment's create: 5 a minute for each reference and MSN.
    Create,
    /// Captures, cancellations and refunds: 5 a minute for each reference and MSN. The documents can
    /// be read as five of each, or of all three; we keep to five in all, which both allow.
    Modify,
    /// eCom's details, ePayment's payment and its events: 120 a minute for each reference and
    /// subscription key, in all.
    Read,
}

impl Counted {
    fn most(self) -> usize {
        match self {
            Self::Initiate => 2,
            Self::Create | Self::Modify => 5,
            Self::Read => 120,
        }
    }
}

/// The calls of the last minute, by whose limit they count against. No secret is kept: a
/// subscription key only as a number made with this process's own random hash.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    hash: RandomState,
    calls: Mutex<Calls>,
}

#[derive(Debug, Default)]
struct Calls {
    times: HashMap<(u64, Reference, Counted), VecDeque<Timestamp>>,
    swept: Option<Timestamp>,
}

impl Limits {
    /// May it be sent now? Nothing is counted.
    ///
    /// # Errors
    /// The earliest time at which it may.
    pub(crate) fn ready(
        &self,
        now: Timestamp,
        caller: &Caller,
        reference: &Reference,
        what: Counted,
    ) -> Result<(), Timestamp> {
        self.look(now, caller, reference, what, false)
    }

    /// Counts one call.
    ///
    /// # Errors
    /// The earliest time at which it may be sent. Nothing is counted then.
    pub(crate) fn take(
        &self,
        now: Timestamp,
        caller: &Caller,
        reference: &Reference,
        what: Counted,
    ) -> Result<(), Timestamp> {
        self.look(now, caller, reference, what, true)
    }

    fn look(
        &self,
        now: Timestamp,
        caller: &Caller,
        reference: &Reference,
        what: Counted,
        count: bool,
    ) -> Result<(), Timestamp> {
        let account = &caller.account;
        let base = account.environment.base();
        let scope = match what {
            Counted::Read => self
                .hash
                .hash_one((base, account.subscription_key.expose_secret())),
            Counted::Initiate | Counted::Create | Counted::Modify => {
                self.hash.hash_one((base, account.msn.as_str()))
            }
        };
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.sweep(now);
        let times = calls
            .times
            .entry((scope, reference.clone(), what))
            .or_default();
        times.retain(|time| counts(*time, now));
        let answer = match times.front() {
            Some(first) if times.len() >= what.most() => Err(after(*first, MINUTE)),
            _ => Ok(()),
        };
        if count && answer.is_ok() {
            times.push_back(now);
        }
        answer
    }
}

impl Calls {
    /// Once a minute, forgets what counts no more: so much is kept as was called in two minutes.
    fn sweep(&mut self, now: Timestamp) {
        if self.swept.is_some_and(|swept| counts(swept, now)) {
            return;
        }
        self.times
            .retain(|_, times| times.iter().any(|time| counts(*time, now)));
        self.swept = Some(now);
    }
}

/// Within the last minute. A time after now means that the clock was set back: it counts no more,
/// or it would block for as long as the clock went back.
fn counts(time: Timestamp, now: Timestamp) -> bool {
    time <= now && now < after(time, MINUTE)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kasse_core::api::System;
    use kasse_core::{Account, AccountId, Environment, Msn};

    use super::*;

    #[test]
    fn what_counts_no_more_is_forgotten() {
        let caller = Caller {
            account: Arc::new(Account {
                id: AccountId::new("main").unwrap(),
                environment: Environment::Test,
                msn: Msn::new("123456").unwrap(),
                client_id: String::new(),
                client_secret: String::new().into(),
                subscription_key: String::new().into(),
                market: None,
                late_capture: false,
            }),
            system: System::new("a", "1", "b", "2").unwrap(),
        };
        let limits = Limits::default();
        let start = Timestamp::UNIX_EPOCH;
        for number in 0..500_u64 {
            let reference = Reference::new(format!("acme-order-{number}")).unwrap();
            let now = after(start, Duration::from_secs(number));
            assert!(limits.take(now, &caller, &reference, Counted::Read).is_ok());
            let kept = limits.calls.lock().unwrap().times.len();
            assert!(kept <= 121, "{kept} after {number} seconds");
        }
    }
}
