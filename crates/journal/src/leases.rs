//! Leases, in memory.
//!
//! One process owns the file, so nobody outside can take a lease, and a process that ends gives all
//! of its leases up: after a crash nobody waits for one to run out. They are taken and given back
//! where that is asked for, without a way to another thread.
//!
//! A batch is handed to the writer with its leases pinned. One that is pinned is nobody else's,
//! though its time is over or its holder has given it back meanwhile: so a lease cannot be lost
//! between the check and the commit. What was given back goes with its last pin.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use kasse_core::journal::{JournalError, Lease, LeaseKey};

#[derive(Debug, Clone)]
pub(crate) struct Leases(Arc<Mutex<Table>>);

#[derive(Debug)]
struct Table {
    held: BTreeMap<LeaseKey, Held>,
    epoch: u64,
}

#[derive(Debug)]
struct Held {
    epoch: u64,
    until: Timestamp,
    /// So many batches wait for their commit under it.
    pins: usize,
    /// While it was pinned.
    given_back: bool,
}

impl Held {
    fn is_anyones(&self, now: Timestamp) -> bool {
        self.pins > 0 || self.until > now
    }
}

impl Leases {
    /// None held. `opened` counts how often the file was opened: the epochs of one time are larger
    /// than those of all before, so that a lease from before is never taken for a new one.
    pub(crate) fn new(opened: u32) -> Self {
        Self(Arc::new(Mutex::new(Table {
            held: BTreeMap::new(),
            epoch: u64::from(opened) << 32,
        })))
    }

    pub(crate) fn acquire(
        &self,
        key: &LeaseKey,
        now: Timestamp,
        until: Timestamp,
    ) -> Option<Lease> {
        let mut table = self.table();
        if table.held.get(key).is_some_and(|held| held.is_anyones(now)) {
            return None;
        }
        table.epoch += 1;
        let epoch = table.epoch;
        let held = Held {
            epoch,
            until,
            pins: 0,
            given_back: false,
        };
        table.held.insert(key.clone(), held);
        Some(Lease {
            key: key.clone(),
            epoch,
            until,
        })
    }

    pub(crate) fn release(&self, lease: &Lease) {
        let mut table = self.table();
        let Some(held) = table.of(lease) else { return };
        if held.pins > 0 {
            held.given_back = true;
        } else {
            table.held.remove(&lease.key);
        }
    }

    /// Is one held whose key begins so?
    pub(crate) fn anyone_holds(&self, beginning: &LeaseKey, now: Timestamp) -> bool {
        self.table()
            .held
            .range(beginning..)
            .take_while(|(key, _)| key.as_str().starts_with(beginning.as_str()))
            .any(|(_, held)| held.is_anyones(now))
    }

    /// Pins these for a batch, all or none. Each must still be the one that was taken last.
    pub(crate) fn pin(&self, leases: Vec<Lease>) -> Result<Pin, JournalError> {
        let mut table = self.table();
        if let Some(lost) = leases.iter().find(|lease| table.of(lease).is_none()) {
            return Err(JournalError::LeaseLost(lost.key.clone()));
        }
        for lease in &leases {
            if let Some(held) = table.of(lease) {
                held.pins += 1;
            }
        }
        Ok(Pin {
            of: self.clone(),
            leases: leases.into_iter().map(|lease| lease.key).collect(),
        })
    }

    /// Held for moments only: never while anything is read or written.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// It, if nobody has taken it since, and its holder has not given it back.
    fn of(&mut self, lease: &Lease) -> Option<&mut Held> {
        let held = self.held.get_mut(&lease.key)?;
        (held.epoch == lease.epoch && !held.given_back).then_some(held)
    }
}

/// The leases of one batch, which stay as they are until this is dropped.
#[derive(Debug)]
pub(crate) struct Pin {
    of: Leases,
    leases: Vec<LeaseKey>,
}

impl Drop for Pin {
    fn drop(&mut self) {
        if self.leases.is_empty() {
            return;
        }
        let mut table = self.of.table();
        for key in &self.leases {
            // Nobody can have taken it since: it is still the same.
            let Some(held) = table.held.get_mut(key) else {
                continue;
            };
            held.pins -= 1;
            if held.pins == 0 && held.given_back {
                table.held.remove(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
    }

    fn key(reference: &str) -> LeaseKey {
        LeaseKey::payment(&kasse_core::PaymentId {
            account: "main".parse().unwrap(),
            reference: reference.parse().unwrap(),
        })
    }

    #[test]
    fn what_is_pinned_is_nobody_elses_though_its_time_is_over() {
        let (leases, key) = (Leases::new(1), key("acme-1001"));
        let lease = leases.acquire(&key, at(0), at(10)).unwrap();
        let first = leases.pin(vec![lease.clone()]).unwrap();
        let second = leases.pin(vec![lease.clone()]).unwrap();
        for pin in [first, second] {
            assert_eq!(leases.acquire(&key, at(10), at(20)), None);
            assert!(leases.anyone_holds(&key, at(10)));
            drop(pin);
        }
        assert!(!leases.anyone_holds(&key, at(10)));
        let next = leases.acquire(&key, at(10), at(20)).unwrap();
        assert!(next.epoch > lease.epoch);
    }

    #[test]
    fn what_is_given_back_while_it_is_pinned_goes_with_its_last_pin() {
        let (leases, key) = (Leases::new(1), key("acme-1001"));
        let lease = leases.acquire(&key, at(0), at(99)).unwrap();
        let pins = [(); 2].map(|()| leases.pin(vec![lease.clone()]).unwrap());
        leases.release(&lease);
        for pin in pins {
            assert!(leases.anyone_holds(&key, at(1)));
            assert_eq!(leases.acquire(&key, at(1), at(99)), None);
            // Nothing more is done under it.
            let lost = leases.pin(vec![lease.clone()]).unwrap_err();
            assert_eq!(lost, JournalError::LeaseLost(key.clone()));
            drop(pin);
        }
        assert!(!leases.anyone_holds(&key, at(1)));
        assert!(leases.acquire(&key, at(1), at(99)).is_some());
    }

    #[test]
    fn of_several_all_are_pinned_or_none() {
        let leases = Leases::new(1);
        let held = leases.acquire(&key("acme-1001"), at(0), at(10)).unwrap();
        let lost = leases.acquire(&key("acme-1002"), at(0), at(10)).unwrap();
        leases.release(&lost);
        let error = leases.pin(vec![held.clone(), lost.clone()]).unwrap_err();
        assert_eq!(error, JournalError::LeaseLost(lost.key));
        assert!(leases.acquire(&held.key, at(10), at(20)).is_some());
    }
}
