//! What the merchant is told of payments made by the ePayment API.

use jiff::Timestamp;

use crate::ledger::HistoryEntry;
use crate::money::Currency;
use crate::state::State;

/// Something that happened to a payment, as its log and its webhooks tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    /// `CREATED`, `AUTHORIZED`, …
    pub(crate) name: &'static str,
    /// The event's own.
    pub(crate) psp_reference: String,
    /// Minor units.
    pub(crate) amount: u64,
    pub(crate) currency: Currency,
    /// The merchant's `Idempotency-Key`, where there was one.
    pub(crate) key: Option<String>,
    /// Whether it succeeded.
    pub(crate) success: bool,
    pub(crate) at: Timestamp,
}

impl Event {
    pub(crate) fn of(entry: &HistoryEntry, currency: Currency) -> Self {
        Self {
            name: entry.event,
            psp_reference: entry.transaction_id.clone(),
            amount: entry.amount,
            currency,
            key: (!entry.request_id.is_empty()).then(|| entry.request_id.clone()),
            success: entry.operation_success,
            at: entry.at,
        }
    }
}

/// Something happened: it is called once for each, in order, under the lock.
pub(crate) fn happened(state: &mut State, msn: &str, reference: &str, event: Event) {
    let key = (msn.to_owned(), reference.to_owned());
    state.happened.entry(key).or_default().push(event);
}
