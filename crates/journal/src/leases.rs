//! Leases, in memory.
//!
//! One process owns the file, so nobody outside can take a lease, and a process that ends gives all
//! of its leases up: after a crash nobody waits for one to run out. They live on the writer's
//! thread. What is taken, given back and written there happens one after the other, so that a lease
//! cannot be lost between the check and the commit.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kasse_core::journal::{Lease, LeaseKey};

#[derive(Debug)]
pub(crate) struct Leases {
    held: BTreeMap<LeaseKey, Lease>,
    epoch: u64,
}

impl Leases {
    /// None held. `opened` counts how often the file was opened: the epochs of one time are larger
    /// than those of all before, so that a lease from before is never taken for a new one.
    pub(crate) fn new(opened: u32) -> Self {
        Self {
            held: BTreeMap::new(),
            epoch: u64::from(opened) << 32,
        }
    }

    pub(crate) fn acquire(
        &mut self,
        key: LeaseKey,
        now: Timestamp,
        until: Timestamp,
    ) -> Option<Lease> {
        if self.held.get(&key).is_some_and(|held| held.until > now) {
            return None;
        }
        self.epoch += 1;
        let lease = Lease {
            key: key.clone(),
            epoch: self.epoch,
            until,
        };
        self.held.insert(key, lease.clone());
        Some(lease)
    }

    pub(crate) fn release(&mut self, lease: &Lease) {
        if self.holds(lease) {
            self.held.remove(&lease.key);
        }
    }

    /// Is one held whose key begins so?
    pub(crate) fn anyone_holds(&self, beginning: &LeaseKey, now: Timestamp) -> bool {
        self.held
            .range(beginning..)
            .take_while(|(key, _)| key.as_str().starts_with(beginning.as_str()))
            .any(|(_, held)| held.until > now)
    }

    /// Is it still the one that was taken last?
    pub(crate) fn holds(&self, lease: &Lease) -> bool {
        self.held
            .get(&lease.key)
            .is_some_and(|held| held.epoch == lease.epoch)
    }
}
