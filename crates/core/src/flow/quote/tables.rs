//! What shops said of late: an answer that is young is not asked for again.
//!
//! In memory, and bounded. Nothing in here tells where goods go: places are keys. What a shop said is
//! of one payment, and so of one cart; it is thrown away when that cart is known to have changed.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::Place;
use crate::context::before;
use crate::payment::{Payment, PaymentId};
use crate::shipping::{QuotedOption, ShippingOption};

/// So long an answer is not asked for again.
const YOUNG: Duration = Duration::from_secs(60);
/// So long the journal is not asked again for the last good answer: another server may know a newer one.
const LAST: Duration = Duration::from_secs(600);
/// So many payments are remembered at the most, the last ones.
const PAYMENTS: usize = 4096;
/// So many bytes, as far as they can be counted.
const BYTES: usize = 8 * 1024 * 1024;
/// So many destinations of each payment: a customer tries one, or two.
const DESTINATIONS: usize = 8;
/// What a payment takes beside its answers: names, keys, places in maps.
const PAYMENT: usize = 512;

/// What all shops said of late.
#[derive(Debug, Default)]
pub(in crate::flow) struct Tables(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    payments: HashMap<PaymentId, Known>,
    /// The payments by when something was last learnt of them.
    by_age: BTreeMap<u64, PaymentId>,
    learnt: u64,
    bytes: usize,
}

/// What is known of a payment.
#[derive(Debug, Default)]
struct Known {
    /// Its order's cart is another now.
    outdated: bool,
    /// How often it became another: what was asked before was asked of that one.
    changes: u64,
    tables: Vec<Table>,
    age: u64,
}

/// What a shop said for one destination.
#[derive(Debug)]
struct Table {
    place: String,
    key: String,
    at: Timestamp,
    /// Did the shop say it then, for the whole destination?
    young: bool,
    options: Arc<[ShippingOption]>,
    /// As it was journaled and offered.
    offered: Option<Arc<[QuotedOption]>>,
    bytes: usize,
}

/// A table that was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) options: Arc<[ShippingOption]>,
    /// With its ids, where it was offered before.
    pub(super) offered: Option<Arc<[QuotedOption]>>,
}

impl Tables {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the shop said a moment ago for the whole destination.
    pub(super) fn young(&self, id: &PaymentId, whole: &str, now: Timestamp) -> Option<Found> {
        let kept = self.lock();
        let mut tables = kept.payments.get(id)?.tables.iter();
        let table = tables
            .find(|table| table.place == whole && table.young && table.is_from(YOUNG, now))?;
        Some(table.found())
    }

    /// The shop said this; it was asked when the payment's cart had become another so often. `false`:
    /// it has become another since.
    pub(super) fn said(
        &self,
        id: &PaymentId,
        changes: u64,
        place: &Place,
        options: &Arc<[ShippingOption]>,
        now: Timestamp,
    ) -> bool {
        let mut kept = self.lock();
        if kept.changes(id) != Some(changes) {
            return false;
        }
        kept.put(id, place, options, now, true);
        true
    }

    /// This is the last good answer of a place, from the journal.
    pub(super) fn last_was(
        &self,
        id: &PaymentId,
        place: &Place,
        options: &Arc<[ShippingOption]>,
        now: Timestamp,
    ) {
        let mut kept = self.lock();
        if kept.changes(id).is_some() {
            kept.put(id, place, options, now, false);
        }
    }

    /// The last good answer for a payment and the same country and post code, where it is known.
    pub(super) fn last(&self, id: &PaymentId, place: &Place, now: Timestamp) -> Option<Found> {
        let kept = self.lock();
        let mut tables = kept.payments.get(id)?.tables.iter().rev();
        let table = tables.find(|table| {
            table.key == place.key && !table.options.is_empty() && table.is_from(LAST, now)
        })?;
        Some(table.found())
    }

    /// What the shop said was offered, and is in the journal.
    pub(super) fn offered(
        &self,
        id: &PaymentId,
        place: &Place,
        options: &Arc<[ShippingOption]>,
        offered: &Arc<[QuotedOption]>,
    ) {
        let mut kept = self.lock();
        let Some(known) = kept.payments.get_mut(id) else {
            return;
        };
        // The same at another street of the place has the same ids.
        for table in &mut known.tables {
            if table.key == place.key && table.options == *options {
                table.offered = Some(Arc::clone(offered));
            }
        }
    }

    /// An order has this cart now: what was said for payments with another is worth nothing.
    pub(in crate::flow) fn cart_is(&self, cart: &str, payments: &[Payment]) {
        let mut kept = self.lock();
        for payment in payments.iter().filter(|payment| payment.express) {
            let outdated = payment.cart != cart;
            if !outdated && !kept.payments.contains_key(&payment.id) {
                continue;
            }
            let known = kept.learn(&payment.id);
            if outdated && !known.outdated {
                known.changes += 1;
            }
            known.outdated = outdated;
            if outdated {
                let gone: usize = known.tables.drain(..).map(|table| table.bytes).sum();
                kept.bytes = kept.bytes.saturating_sub(gone);
            }
        }
        kept.make_room();
    }

    /// Is anything known for a payment?
    pub(super) fn knows(&self, id: &PaymentId) -> bool {
        let kept = self.lock();
        let known = kept.payments.get(id);
        known.is_some_and(|known| !known.tables.is_empty())
    }

    /// How often a payment's cart became another. `None`: it is another now.
    pub(super) fn changes(&self, id: &PaymentId) -> Option<u64> {
        self.lock().changes(id)
    }
}

impl Kept {
    fn changes(&self, id: &PaymentId) -> Option<u64> {
        match self.payments.get(id) {
            Some(known) if known.outdated => None,
            Some(known) => Some(known.changes),
            None => Some(0),
        }
    }

    /// Something is learnt of a payment: it is the last to be forgotten.
    fn learn(&mut self, id: &PaymentId) -> &mut Known {
        self.learnt += 1;
        let age = self.learnt;
        let known = self.payments.entry(id.clone()).or_insert_with(|| {
            self.bytes += PAYMENT;
            Known::default()
        });
        self.by_age.remove(&known.age);
        self.by_age.insert(age, id.clone());
        known.age = age;
        known
    }

    fn put(
        &mut self,
        id: &PaymentId,
        place: &Place,
        options: &Arc<[ShippingOption]>,
        now: Timestamp,
        young: bool,
    ) {
        let bytes = size(options);
        if bytes > BYTES / 64 {
            return;
        }
        let tables = &mut self.learn(id).tables;
        let old = tables.iter().position(|table| table.place == place.whole);
        let old = old.map(|index| tables.remove(index));
        let mut gone = old.as_ref().map_or(0, |table| table.bytes);
        if tables.len() >= DESTINATIONS {
            gone += tables.remove(0).bytes;
        }
        tables.push(Table {
            place: place.whole.clone(),
            key: place.key.clone(),
            at: now,
            young,
            options: Arc::clone(options),
            // The same again keeps its ids.
            offered: old
                .filter(|old| old.options == *options)
                .and_then(|old| old.offered),
            bytes,
        });
        self.bytes = (self.bytes + bytes).saturating_sub(gone);
        self.make_room();
    }

    fn make_room(&mut self) {
        while self.payments.len() > PAYMENTS || self.bytes > BYTES {
            let Some((_, id)) = self.by_age.pop_first() else {
                return;
            };
            if let Some(known) = self.payments.remove(&id) {
                let gone: usize = known.tables.iter().map(|table| table.bytes).sum();
                self.bytes = self.bytes.saturating_sub(gone + PAYMENT);
            }
        }
    }
}

impl Table {
    fn is_from(&self, time: Duration, now: Timestamp) -> bool {
        // One that is later than now was noted before the clock was set back.
        self.at <= now && self.at > before(now, time)
    }

    fn found(&self) -> Found {
        Found {
            options: Arc::clone(&self.options),
            offered: self.offered.clone(),
        }
    }
}

/// What a table takes, about: it is there twice, once with ids, and a value of JSON takes some times
/// what it is as text.
fn size(options: &[ShippingOption]) -> usize {
    let each = options.iter().map(|option| {
        let estimate = option.estimate.as_ref().map_or(0, String::len);
        let texts = option.id.len() * 2 + option.title.len() + option.brand.len() + estimate;
        let engine = option.engine.to_string().len();
        2 * (size_of::<QuotedOption>() + texts + 4 * engine)
    });
    each.sum::<usize>() + 128
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::AccountId;
    use crate::reference::Reference;
    use crate::shipping::DeliveryKind;
    use crate::{Money, VatRate};

    fn id(number: usize) -> PaymentId {
        PaymentId {
            account: AccountId::new("main").unwrap(),
            reference: Reference::new(format!("acme-{number:05}")).unwrap(),
        }
    }

    fn place(number: usize) -> Place {
        Place {
            whole: format!("whole {number}"),
            key: format!("key {number}"),
        }
    }

    fn table(title: &str) -> Arc<[ShippingOption]> {
        Arc::new([ShippingOption {
            id: "home".into(),
            title: title.into(),
            price: Money::nok(9900),
            vat: VatRate::percent(25),
            kind: DeliveryKind::Home,
            brand: String::new(),
            estimate: None,
            default: false,
            priority: 0,
            engine: serde_json::Value::Null,
        }])
    }

    fn counted(tables: &Tables) -> (usize, usize, usize) {
        let kept = tables.lock();
        let payments = kept.payments.values();
        let bytes: usize = payments
            .map(|known| PAYMENT + known.tables.iter().map(|table| table.bytes).sum::<usize>())
            .sum();
        assert_eq!(bytes, kept.bytes);
        assert_eq!(kept.payments.len(), kept.by_age.len());
        let tables = kept.payments.values().map(|known| known.tables.len());
        (kept.payments.len(), tables.sum(), bytes)
    }

    #[test]
    fn what_is_remembered_is_bounded_and_the_oldest_gives_way() {
        let tables = Tables::default();
        let now = Timestamp::UNIX_EPOCH;
        for number in 0..PAYMENTS + 100 {
            tables.said(&id(number), 0, &place(1), &table("Home"), now);
        }
        let (payments, all, _) = counted(&tables);
        assert_eq!((payments, all), (PAYMENTS, PAYMENTS));
        assert!(tables.young(&id(99), "whole 1", now).is_none());
        assert!(tables.young(&id(100), "whole 1", now).is_some());
        // Of one payment.
        let last = id(PAYMENTS + 99);
        for number in 0..100 {
            tables.said(&last, 0, &place(number), &table("Home"), now);
        }
        assert_eq!(counted(&tables).1, PAYMENTS - 1 + DESTINATIONS);
        // And so are the bytes.
        let large = table(&"x".repeat(30_000));
        for number in 0..PAYMENTS {
            tables.said(&id(number), 0, &place(2), &large, now);
        }
        let (payments, _, bytes) = counted(&tables);
        assert!(bytes <= BYTES && payments < PAYMENTS, "{payments} {bytes}");
        assert!(tables.young(&id(PAYMENTS - 1), "whole 2", now).is_some());
        // One that is too large for it is not kept at all.
        tables.said(&id(1), 0, &place(3), &table(&"x".repeat(BYTES)), now);
        assert!(tables.young(&id(1), "whole 3", now).is_none());
    }

    #[test]
    fn what_was_said_is_young_for_a_minute_by_a_clock_that_goes_on() {
        let tables = Tables::default();
        let now = crate::context::after(Timestamp::UNIX_EPOCH, YOUNG * 10);
        tables.said(&id(1), 0, &place(1), &table("Home"), now);
        for (at, young) in [
            (now, true),
            (
                crate::context::after(now, YOUNG - Duration::from_nanos(1)),
                true,
            ),
            (crate::context::after(now, YOUNG), false),
            (before(now, Duration::from_nanos(1)), false),
        ] {
            let found = tables.young(&id(1), "whole 1", at);
            assert_eq!(found.is_some(), young, "{at}");
        }
        assert!(tables.young(&id(1), "whole 2", now).is_none());
        assert!(tables.young(&id(2), "whole 1", now).is_none());
    }
}
