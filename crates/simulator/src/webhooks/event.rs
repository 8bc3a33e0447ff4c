//! What a webhook tells (Webhooks guide, "Payload").

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::clock::written;
use crate::ledger::HistoryEntry;
use crate::money::Currency;

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

    /// The event as a merchant subscribes to it.
    pub(super) fn subscribed(&self) -> String {
        format!("epayments.payment.{}.v1", self.name.to_ascii_lowercase())
    }

    /// Whether it tells of the customer and the delivery, too.
    pub(super) fn tells_of_the_customer(&self) -> bool {
        self.name == "AUTHORIZED" && self.success
    }

    /// The body of its webhook. `more`: what this event tells beside.
    pub(super) fn body(&self, msn: &str, reference: &str, more: Map<String, Value>) -> Value {
        let mut body = json!({
            "msn": msn,
            "reference": reference,
            "pspReference": self.psp_reference,
            "name": self.name,
            "amount": { "currency": self.currency, "value": self.amount },
            "timestamp": written(self.at),
            "success": self.success,
        });
        if let Some(body) = body.as_object_mut() {
            body.extend(more);
            if let Some(key) = &self.key {
                body.insert("idempotencyKey".to_owned(), key.clone().into());
            }
        }
        body
    }
}
