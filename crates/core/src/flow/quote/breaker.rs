//! Notices an engine that is late or fails again and again, and spares customers the waiting.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::context::after;
use crate::ids::ShopId;

/// So many questions in a row that an engine did not answer well, or not in time, open the breaker.
const IN_A_ROW: u32 = 3;
/// So long it is not asked then where the last good answer is there, and again after each try.
const PAUSE: Duration = Duration::from_secs(30);

/// The breakers of all shops.
#[derive(Debug, Default)]
pub(in crate::flow) struct Breakers(Mutex<HashMap<ShopId, Breaker>>);

#[derive(Debug, Default)]
struct Breaker {
    bad: u32,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    since: Timestamp,
    /// The next try.
    next: Timestamp,
}

/// What became of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turned {
    Open,
    Shut,
}

impl Breakers {
    fn lock(&self) -> MutexGuard<'_, HashMap<ShopId, Breaker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A shop's engine answered well and in time, or not.
    pub(super) fn went(&self, shop: &ShopId, well: bool, now: Timestamp) -> Option<Turned> {
        let mut breakers = self.lock();
        if well {
            let before = breakers.remove(shop);
            return before
                .and_then(|breaker| breaker.open)
                .map(|_| Turned::Shut);
        }
        let breaker = breakers.entry(shop.clone()).or_default();
        breaker.bad = breaker.bad.saturating_add(1);
        if breaker.open.is_some() || breaker.bad < IN_A_ROW {
            return None;
        }
        let next = after(now, PAUSE);
        breaker.open = Some(Open { since: now, next });
        Some(Turned::Open)
    }

    /// Is a shop's engine not to be waited for?
    pub(super) fn is_open(&self, shop: &ShopId) -> bool {
        let breakers = self.lock();
        breakers
            .get(shop)
            .is_some_and(|breaker| breaker.open.is_some())
    }

    /// Is it time to try it again? Whoever is told so tries it: nobody else is, for a while.
    pub(super) fn tries(&self, shop: &ShopId, now: Timestamp) -> bool {
        let mut breakers = self.lock();
        let Some(open) = breakers
            .get_mut(shop)
            .and_then(|breaker| breaker.open.as_mut())
        else {
            return false;
        };
        let due = open.next <= now;
        if due {
            open.next = after(now, PAUSE);
        }
        due
    }

    /// The shops whose engines are not waited for, and since when.
    pub(super) fn open(&self) -> Vec<(ShopId, Timestamp)> {
        let breakers = self.lock();
        let open = breakers.iter().filter_map(|(shop, breaker)| {
            let open = breaker.open.as_ref()?;
            Some((shop.clone(), open.since))
        });
        let mut open: Vec<_> = open.collect();
        open.sort();
        open
    }
}
