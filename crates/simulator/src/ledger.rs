//! One payment, whichever API made it: its states, its sums and its history (eCom guide, "Payment
//! states"; ePayment guide, "Payment states").
//!
//! Everything here is pure: a moment goes in, the new state comes out; nothing waits or calls. What
//! isn't possible is a [`Denial`], which each API puts into its own words.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::clock::{after, days, minutes};
use crate::customer::{Address, User};
use crate::ecom;
use crate::epayment;
use crate::money::Currency;
use crate::options::Country;

/// The link of the landing page can be opened for 5 minutes (knowledge base, "Timeouts").
const LINK: Duration = minutes(5);
/// Once opened, the customer has 5 minutes to act.
const IN_APP: Duration = minutes(5);
/// All in all a payment waits for 10 minutes.
const WINDOW: Duration = minutes(10);
/// Refund is possible for 365 days after the reservation.
const REFUND_WINDOW: Duration = days(365);

/// The API that made a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Api {
    /// The eCom API v2.
    Ecom,
    /// The ePayment API.
    Epayment,
}

/// Where a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PaymentState {
    /// Waits for the customer to open the link.
    Initiated,
    /// The customer has it before them.
    Opened,
    /// The customer approved; some or all of it may be captured, refunded or released.
    Reserved,
    /// The customer approved and it was captured at once (direct capture).
    Sale,
    /// The customer cancelled.
    CancelledByUser,
    /// The merchant cancelled before the customer approved.
    CancelledByMerchant,
    /// The merchant cancelled the reservation.
    Voided,
    /// The time ran out.
    TimedOut,
    /// The time ran out after the card was declined.
    Failed,
}

impl PaymentState {
    /// The same in ePayment's words (ePayment OpenAPI 1.8.1, `State`): what was authorised stays
    /// so, whatever is captured, refunded or released.
    pub(crate) const fn epayment(self) -> &'static str {
        match self {
            Self::Initiated | Self::Opened => "CREATED",
            Self::Reserved | Self::Sale | Self::Voided => "AUTHORIZED",
            Self::CancelledByUser => "ABORTED",
            Self::CancelledByMerchant => "TERMINATED",
            Self::TimedOut | Self::Failed => "EXPIRED",
        }
    }
}

/// One delivery that the shop offers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ShippingOption {
    /// `shippingMethodId`, or the option's `id`.
    pub shipping_method_id: String,
    /// `shippingMethod`, or the option's `name`: the text that the customer sees.
    pub shipping_method: String,
    /// The cost in minor units.
    pub cost_ore: u64,
    /// The place in the list, smallest first.
    pub priority: Option<i64>,
    /// Whether it is chosen unless the customer chooses another.
    pub is_default: bool,
    /// `type` of its group (ePayment): `HOME_DELIVERY`, …
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// `brand` of its group (ePayment): `POSTEN`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brand: Option<String>,
    /// `meta` (ePayment).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meta: Option<String>,
    /// `estimatedDelivery` (ePayment).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimated_delivery: Option<String>,
}

/// What came of asking the shop for deliveries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Quote {
    /// When the shop was asked.
    pub at: Timestamp,
    /// The address that it was asked for; `None` for static shipping.
    pub address: Option<Address>,
    /// The deliveries, in the order in which the customer sees them.
    pub options: Vec<ShippingOption>,
    /// What the customer sees when there are none.
    pub user_sees: Option<String>,
    /// Why, precisely.
    pub reason: Option<String>,
}

/// What happened to a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Created,
    Authorised,
    /// Authorised and captured in one (direct capture).
    Sold,
    Captured,
    Refunded,
    /// The customer cancelled.
    Aborted,
    /// The time ran out.
    Expired,
    /// The merchant cancelled before the customer approved.
    Terminated,
    /// What was not captured is released.
    Released,
}

impl Kind {
    /// eCom's word (eCom OpenAPI 2.0.3, `TransactionLogHistory`).
    pub(crate) const fn operation(self) -> &'static str {
        match self {
            Self::Created => "INITIATE",
            Self::Authorised => "RESERVE",
            Self::Sold => "SALE",
            Self::Captured => "CAPTURE",
            Self::Refunded => "REFUND",
            Self::Aborted | Self::Expired | Self::Terminated => "CANCEL",
            Self::Released => "VOID",
        }
    }

    /// ePayment's word (ePayment OpenAPI 1.8.1, `PaymentEventName`).
    pub(crate) const fn event(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::Authorised | Self::Sold => "AUTHORIZED",
            Self::Captured => "CAPTURED",
            Self::Refunded => "REFUNDED",
            Self::Aborted => "ABORTED",
            Self::Expired => "EXPIRED",
            Self::Terminated => "TERMINATED",
            Self::Released => "CANCELLED",
        }
    }
}

/// A line of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct HistoryEntry {
    /// Minor units.
    pub amount: u64,
    /// What it is to both APIs.
    #[serde(skip)]
    pub(crate) kind: Kind,
    /// In eCom's words: `INITIATE`, `RESERVE`, `SALE`, `CAPTURE`, `REFUND`, `CANCEL`, `VOID`.
    pub operation: &'static str,
    /// In ePayment's words: `CREATED`, `AUTHORIZED`, `CAPTURED`, `REFUNDED`, `ABORTED`, `EXPIRED`,
    /// `TERMINATED`, `CANCELLED`.
    pub event: &'static str,
    /// Whether it happened.
    pub operation_success: bool,
    /// The merchant's key, `X-Request-Id` or `Idempotency-Key`; empty where there was none.
    pub request_id: String,
    /// When.
    pub at: Timestamp,
    /// Vipps' id of it: `transactionId`, or the event's own `pspReference`.
    pub transaction_id: String,
    /// The text.
    pub transaction_text: String,
}

/// A callback as it went, or didn't.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CallbackReport {
    /// The status that was told: `RESERVED`, `REJECTED`, …
    pub told: String,
    /// Whether it left the simulator.
    pub sent: bool,
    /// What the shop answered.
    pub status: Option<u16>,
    /// Why there was no answer, or why it wasn't sent.
    pub error: Option<String>,
}

/// Everything that is settled when a payment is made.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) msn: String,
    /// `orderId`, `reference`.
    pub(crate) order_id: String,
    /// Minor units, without a delivery.
    pub(crate) amount: u64,
    pub(crate) currency: Currency,
    /// Where the sales unit is.
    pub(crate) country: Country,
    pub(crate) text: String,
    /// Where the customer is sent back to; empty: nowhere.
    pub(crate) fall_back: String,
    pub(crate) phone: Option<String>,
    pub(crate) scope: Option<String>,
    pub(crate) skip_landing_page: bool,
    pub(crate) direct_capture: bool,
    /// Until when it waits, where the merchant said so; `None`: the usual minutes.
    pub(crate) expires: Option<Timestamp>,
    /// How long after the reservation capture and cancel are possible.
    pub(crate) capture_for: Duration,
    /// What one API alone knows.
    pub(crate) terms: Terms,
}

/// What one API alone knows of an order.
#[derive(Debug, Clone)]
pub(crate) enum Terms {
    Ecom(ecom::Terms),
    Epayment(Box<epayment::Terms>),
}

impl Order {
    pub(crate) const fn made_by(&self) -> Api {
        match self.terms {
            Terms::Ecom(_) => Api::Ecom,
            Terms::Epayment(_) => Api::Epayment,
        }
    }

    pub(crate) const fn ecom(&self) -> Option<&ecom::Terms> {
        match &self.terms {
            Terms::Ecom(terms) => Some(terms),
            Terms::Epayment(_) => None,
        }
    }

    pub(crate) fn epayment(&self) -> Option<&epayment::Terms> {
        match &self.terms {
            Terms::Ecom(_) => None,
            Terms::Epayment(terms) => Some(terms),
        }
    }

    pub(crate) const fn is_express(&self) -> bool {
        match &self.terms {
            Terms::Ecom(terms) => terms.express.is_some(),
            Terms::Epayment(terms) => terms.shipping.is_some(),
        }
    }

    /// The deliveries that the order brought along; empty: there are none, or the shop is asked.
    pub(crate) fn fixed_options(&self) -> &[ShippingOption] {
        match &self.terms {
            Terms::Ecom(terms) => terms.express.as_ref().map_or(&[], |e| &e.static_options),
            Terms::Epayment(terms) => terms.fixed_options(),
        }
    }
}

/// Why an operation on a payment isn't possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denial {
    /// Capture before the customer approved.
    CaptureNotReserved,
    /// Capture of a payment that ended before the customer approved, or was cancelled.
    CaptureEnded,
    /// Capture after the remainder was released.
    CaptureReleased,
    CaptureTooLate,
    /// Capture of all that is left, when nothing is.
    CaptureDone,
    CaptureTooMuch {
        left: u64,
    },
    /// Cancel after a capture, with nothing that may be released.
    CancelCaptured,
    /// Cancel of a payment that has ended or was cancelled.
    CancelDone,
    /// Cancel while the customer's approval is being worked on.
    CancelProcessing,
    CancelTooLate,
    /// Refund before the customer approved.
    RefundNotReserved,
    /// Refund of what is reserved and not captured.
    RefundNotCaptured,
    /// Refund of a payment that ended or was cancelled.
    RefundEnded,
    RefundTooLate,
    RefundTooMuch {
        left: u64,
    },
}

impl Denial {
    /// Why, in words.
    pub(crate) const fn why(self) -> &'static str {
        match self {
            Self::CaptureNotReserved => {
                "the customer has not approved: there is nothing to capture"
            }
            Self::CaptureEnded => "the payment has ended or was cancelled: it cannot be captured",
            Self::CaptureReleased => "what was left was released: it cannot be captured",
            Self::CaptureTooLate => "the time for capture has passed",
            Self::CaptureDone => "all of it is captured",
            Self::CaptureTooMuch { .. } => "the amount exceeds what is left to capture",
            Self::CancelCaptured => "it is captured: there is nothing to cancel",
            Self::CancelDone => "it has ended or was cancelled already",
            Self::CancelProcessing => "the customer's approval is being worked on",
            Self::CancelTooLate => "the time for cancel has passed",
            Self::RefundNotReserved => "the customer has not approved: there is nothing to refund",
            Self::RefundNotCaptured => "nothing is captured: cancel it instead",
            Self::RefundEnded => "the payment has ended or was cancelled: it cannot be refunded",
            Self::RefundTooLate => "the time for refund has passed",
            Self::RefundTooMuch { .. } => "the amount exceeds what is captured and not refunded",
        }
    }
}

#[derive(Clone)]
pub(crate) struct Payment {
    pub(crate) order: Order,
    /// The landing page's token.
    pub(crate) token: String,
    pub(crate) state: PaymentState,
    pub(crate) created: Timestamp,
    opened: Option<Timestamp>,
    pub(crate) in_3ds: bool,
    /// The customer approved, and until then nobody knows what came of it.
    pub(crate) processing: Option<Timestamp>,
    /// Approved by force, and not in the app.
    pub(crate) forced: bool,
    /// The time for capture ran out, and Vipps released the rest.
    pub(crate) lapsed: bool,
    pub(crate) declined: bool,
    pub(crate) reserved_at: Option<Timestamp>,
    pub(crate) authorised: u64,
    pub(crate) captured: u64,
    pub(crate) refunded: u64,
    pub(crate) released: u64,
    pub(crate) user: Option<User>,
    pub(crate) address: Option<Address>,
    pub(crate) chosen: Option<ShippingOption>,
    pub(crate) quotes: Vec<Quote>,
    pub(crate) user_sees: Option<String>,
    pub(crate) history: Vec<HistoryEntry>,
    pub(crate) callbacks: Vec<CallbackReport>,
    /// eCom's idempotency keys.
    pub(crate) remembered: BTreeMap<(ecom::Endpoint, String), ecom::Remembered>,
    /// How many lines of the history have gone to the webhooks.
    pub(crate) told: usize,
}

/// What goes into the history beside the operation.
pub(crate) struct Note<'a> {
    pub(crate) at: Timestamp,
    pub(crate) transaction_id: String,
    pub(crate) request_id: &'a str,
    pub(crate) text: &'a str,
}

impl Payment {
    /// A new payment; `key`: the merchant's, empty where the API has none.
    pub(crate) fn new(
        order: Order,
        token: String,
        at: Timestamp,
        transaction_id: String,
        key: &str,
    ) -> Self {
        let text = order.text.clone();
        let mut payment = Self {
            token,
            state: if order.skip_landing_page {
                PaymentState::Opened
            } else {
                PaymentState::Initiated
            },
            created: at,
            opened: None,
            in_3ds: false,
            processing: None,
            forced: false,
            lapsed: false,
            declined: false,
            reserved_at: None,
            authorised: 0,
            captured: 0,
            refunded: 0,
            released: 0,
            user: None,
            address: None,
            chosen: None,
            quotes: Vec::new(),
            user_sees: None,
            history: Vec::new(),
            callbacks: Vec::new(),
            remembered: BTreeMap::new(),
            told: 0,
            order,
        };
        let amount = payment.order.amount;
        payment.write(
            Kind::Created,
            amount,
            true,
            Note {
                at,
                transaction_id,
                request_id: key,
                text: &text,
            },
        );
        payment
    }

    fn write(&mut self, kind: Kind, amount: u64, success: bool, note: Note<'_>) {
        self.history.push(HistoryEntry {
            amount,
            kind,
            operation: kind.operation(),
            event: kind.event(),
            operation_success: success,
            request_id: note.request_id.to_owned(),
            at: note.at,
            transaction_id: note.transaction_id,
            transaction_text: note.text.to_owned(),
        });
    }

    pub(crate) fn is_waiting(&self) -> bool {
        matches!(self.state, PaymentState::Initiated | PaymentState::Opened)
    }

    pub(crate) fn is_reserved(&self) -> bool {
        matches!(self.state, PaymentState::Reserved | PaymentState::Sale)
    }

    pub(crate) fn remaining_to_capture(&self) -> u64 {
        self.authorised
            .saturating_sub(self.captured)
            .saturating_sub(self.released)
    }

    pub(crate) fn remaining_to_refund(&self) -> u64 {
        self.captured.saturating_sub(self.refunded)
    }

    /// When the payment ends if nobody acts.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        if !self.is_waiting() {
            return None;
        }
        if let Some(at) = self.processing.or(self.order.expires) {
            return Some(at);
        }
        let window = after(self.created, WINDOW);
        Some(match self.opened {
            Some(opened) => after(opened, IN_APP).min(window),
            None => window,
        })
    }

    /// When time alone changes something next.
    pub(crate) fn next_change(&self) -> Option<Timestamp> {
        self.deadline().or_else(|| {
            // Only ePayment is documented to release what is left after the deadline.
            let lapses = self.is_reserved()
                && self.order.made_by() == Api::Epayment
                && self.remaining_to_capture() > 0;
            let reserved_at = self.reserved_at.filter(|_| lapses)?;
            let capture_by = after(reserved_at, self.order.capture_for);
            // On the deadline itself a capture is in time.
            Some(after(capture_by, Duration::from_millis(1)))
        })
    }

    /// Time has passed. `at` is the moment that [`next_change`](Self::next_change) gave.
    pub(crate) fn run_out(&mut self, at: Timestamp, transaction_id: String) {
        if self.processing.take().is_some() {
            // It waits and isn't processing any more: nothing stands in the way.
            let _ = self.approve(at, transaction_id);
        } else if self.is_waiting() {
            self.time_out(at, transaction_id);
        } else {
            self.lapsed = true;
            let note = Note {
                at,
                transaction_id,
                request_id: "",
                text: "",
            };
            self.release(note);
        }
    }

    pub(crate) const fn is_processing(&self) -> bool {
        self.processing.is_some()
    }

    /// Whether the merchant cancelled it, before or after the approval.
    pub(crate) const fn was_cancelled(&self) -> bool {
        matches!(
            self.state,
            PaymentState::CancelledByMerchant | PaymentState::Voided
        )
    }

    // What the customer does.

    /// The customer opens the link.
    pub(crate) fn open(&mut self, now: Timestamp) -> Result<(), String> {
        self.must_wait()?;
        if self.state == PaymentState::Initiated {
            if self.order.expires.is_none() && now > after(self.created, LINK) {
                return Err("the link has expired: it can be opened for 5 minutes".to_owned());
            }
            self.opened = Some(now);
            self.state = PaymentState::Opened;
        }
        Ok(())
    }

    pub(crate) fn must_wait(&self) -> Result<(), String> {
        if self.is_processing() {
            return Err("the approval is being worked on".to_owned());
        }
        if self.is_waiting() {
            return Ok(());
        }
        let state = serde_json::to_value(self.state).unwrap_or_default();
        Err(format!(
            "the payment no longer waits for the customer: it is {state}"
        ))
    }

    /// The customer approves: reserved, or captured at once.
    pub(crate) fn approve(&mut self, now: Timestamp, transaction_id: String) -> Result<(), String> {
        self.must_wait()?;
        let shipping = self.chosen.as_ref().map_or(0, |option| option.cost_ore);
        self.authorised = self.order.amount.saturating_add(shipping);
        self.reserved_at = Some(now);
        self.in_3ds = false;
        let (state, kind) = if self.order.direct_capture {
            self.captured = self.authorised;
            (PaymentState::Sale, Kind::Sold)
        } else {
            (PaymentState::Reserved, Kind::Authorised)
        };
        self.state = state;
        let text = self.order.text.clone();
        let note = Note {
            at: now,
            transaction_id,
            request_id: "",
            text: &text,
        };
        self.write(kind, self.authorised, true, note);
        Ok(())
    }

    /// The customer's card is declined, and `user_sees` says why. The payment stays open: another card may do.
    pub(crate) fn decline(
        &mut self,
        now: Timestamp,
        transaction_id: String,
        user_sees: &str,
    ) -> Result<(), String> {
        self.must_wait()?;
        self.declined = true;
        self.in_3ds = false;
        let shipping = self.chosen.as_ref().map_or(0, |option| option.cost_ore);
        let kind = if self.order.direct_capture {
            Kind::Sold
        } else {
            Kind::Authorised
        };
        let text = self.order.text.clone();
        let note = Note {
            at: now,
            transaction_id,
            request_id: "",
            text: &text,
        };
        self.write(
            kind,
            self.order.amount.saturating_add(shipping),
            false,
            note,
        );
        self.user_sees = Some(user_sees.to_owned());
        Ok(())
    }

    /// The customer cancels in the app.
    pub(crate) fn reject(&mut self, now: Timestamp, transaction_id: String) -> Result<(), String> {
        self.must_wait()?;
        self.end(
            PaymentState::CancelledByUser,
            Kind::Aborted,
            now,
            transaction_id,
        );
        Ok(())
    }

    /// The time has run out. `at` is the moment when it did.
    pub(crate) fn time_out(&mut self, at: Timestamp, transaction_id: String) {
        let state = if self.declined {
            PaymentState::Failed
        } else {
            PaymentState::TimedOut
        };
        self.end(state, Kind::Expired, at, transaction_id);
    }

    fn end(&mut self, state: PaymentState, kind: Kind, at: Timestamp, transaction_id: String) {
        self.state = state;
        self.in_3ds = false;
        let text = self.order.text.clone();
        let note = Note {
            at,
            transaction_id,
            request_id: "",
            text: &text,
        };
        self.write(kind, self.order.amount, true, note);
    }

    // What the merchant does.

    /// Captures `amount`, or all that is left. Gives the amount.
    pub(crate) fn capture(&mut self, amount: Option<u64>, note: Note<'_>) -> Result<u64, Denial> {
        if self.is_waiting() {
            return Err(Denial::CaptureNotReserved);
        }
        if self.lapsed {
            return Err(Denial::CaptureTooLate);
        }
        if !self.is_reserved() {
            return Err(Denial::CaptureEnded);
        }
        if self.released > 0 {
            return Err(Denial::CaptureReleased);
        }
        if self.later_than(self.order.capture_for, note.at) {
            return Err(Denial::CaptureTooLate);
        }
        let left = self.remaining_to_capture();
        let amount = match amount {
            None if left == 0 => return Err(Denial::CaptureDone),
            None => left,
            Some(amount) if amount > left => return Err(Denial::CaptureTooMuch { left }),
            Some(amount) => amount,
        };
        self.captured = self.captured.saturating_add(amount);
        self.write(Kind::Captured, amount, true, note);
        Ok(amount)
    }

    /// Whether a capture of `amount` would be possible.
    pub(crate) fn would_capture(&self, amount: u64, at: Timestamp) -> bool {
        let note = Note {
            at,
            transaction_id: String::new(),
            request_id: "",
            text: "",
        };
        self.clone().capture(Some(amount), note).is_ok()
    }

    /// Refunds `amount`, or all that is captured and not yet refunded. Gives the amount.
    pub(crate) fn refund(&mut self, amount: Option<u64>, note: Note<'_>) -> Result<u64, Denial> {
        if self.is_waiting() {
            return Err(Denial::RefundNotReserved);
        }
        if !self.is_reserved() {
            return Err(Denial::RefundEnded);
        }
        if self.captured == 0 {
            return Err(Denial::RefundNotCaptured);
        }
        if self.later_than(REFUND_WINDOW, note.at) {
            return Err(Denial::RefundTooLate);
        }
        let left = self.remaining_to_refund();
        let amount = amount.unwrap_or(left);
        if amount > left || left == 0 {
            return Err(Denial::RefundTooMuch { left });
        }
        self.refunded = self.refunded.saturating_add(amount);
        self.write(Kind::Refunded, amount, true, note);
        Ok(amount)
    }

    /// Cancels the payment, or releases what is left of it. Gives the amount.
    pub(crate) fn cancel(&mut self, release: bool, note: Note<'_>) -> Result<u64, Denial> {
        if self.is_waiting() {
            if self.in_3ds || self.is_processing() {
                return Err(Denial::CancelProcessing);
            }
            self.state = PaymentState::CancelledByMerchant;
            self.write(Kind::Terminated, self.order.amount, true, note);
            return Ok(self.order.amount);
        }
        if self.lapsed {
            return Err(Denial::CancelTooLate);
        }
        if !self.is_reserved() {
            return Err(Denial::CancelDone);
        }
        let left = self.remaining_to_capture();
        if self.captured > 0 && (!release || left == 0) {
            return Err(Denial::CancelCaptured);
        }
        if self.later_than(self.order.capture_for, note.at) {
            return Err(Denial::CancelTooLate);
        }
        Ok(self.release(note))
    }

    fn release(&mut self, note: Note<'_>) -> u64 {
        let left = self.remaining_to_capture();
        self.released = left;
        if self.captured == 0 {
            self.state = PaymentState::Voided;
        }
        self.write(Kind::Released, left, true, note);
        left
    }

    pub(crate) fn later_than(&self, window: Duration, now: Timestamp) -> bool {
        self.reserved_at.is_some_and(|at| now > after(at, window))
    }

    /// The deliveries that the customer can choose from now.
    pub(crate) fn options(&self) -> &[ShippingOption] {
        match self.quotes.last() {
            Some(quote) => &quote.options,
            None => self.order.fixed_options(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Clone)]
    enum Act {
        Capture(Option<u64>),
        Refund(Option<u64>),
        Cancel(bool),
        Pass(u64),
        Approve,
        Decline,
        Reject,
    }

    fn act() -> impl Strategy<Value = Act> {
        let amount = || prop::option::of(1..15_000_u64);
        prop_oneof![
            4 => amount().prop_map(Act::Capture),
            4 => amount().prop_map(Act::Refund),
            1 => any::<bool>().prop_map(Act::Cancel),
            1 => (0..400_u64).prop_map(Act::Pass),
            2 => Just(Act::Approve),
            1 => Just(Act::Decline),
            1 => Just(Act::Reject),
        ]
    }

    fn payment(api: Api, direct_capture: bool, at: Timestamp) -> Payment {
        let order = Order {
            msn: "123456".to_owned(),
            order_id: "acme-1".to_owned(),
            amount: 10_000,
            text: "socks".to_owned(),
            fall_back: String::new(),
            phone: None,
            scope: None,
            skip_landing_page: false,
            direct_capture: direct_capture && api == Api::Ecom,
            expires: None,
            capture_for: days(180),
            currency: Currency::Nok,
            country: Country::No,
            terms: match api {
                Api::Ecom => Terms::Ecom(ecom::Terms::default()),
                Api::Epayment => Terms::Epayment(Box::default()),
            },
        };
        Payment::new(order, String::new(), at, "1".to_owned(), "")
    }

    proptest! {
        /// Whatever is tried, in whatever order: no money appears or disappears, a refusal changes
        /// nothing, and the history adds up to the sums.
        #[test]
        fn the_sums_hold(epayment in any::<bool>(), direct in any::<bool>(), acts in prop::collection::vec(act(), 0..40)) {
            let mut now = Timestamp::UNIX_EPOCH;
            let api = if epayment { Api::Epayment } else { Api::Ecom };
            let mut payment = payment(api, direct, now);
            for act in acts {
                let before = payment.clone();
                let note = || Note { at: now, transaction_id: "2".to_owned(), request_id: "", text: "" };
                let id = "3".to_owned();
                let refused = match act {
                    Act::Capture(amount) => payment.capture(amount, note()).is_err(),
                    Act::Refund(amount) => payment.refund(amount, note()).is_err(),
                    Act::Cancel(release) => payment.cancel(release, note()).is_err(),
                    Act::Approve => payment.approve(now, id).is_err(),
                    Act::Decline => payment.decline(now, id, "").is_err(),
                    Act::Reject => payment.reject(now, id).is_err(),
                    Act::Pass(n) => {
                        now = after(now, days(n));
                        while let Some(at) = payment.next_change().filter(|at| *at <= now) {
                            payment.run_out(at, id.clone());
                        }
                        false
                    }
                };
                if refused {
                    prop_assert_eq!(&before.history, &payment.history);
                    prop_assert_eq!(before.summary(), payment.summary());
                    prop_assert_eq!(before.state, payment.state);
                }
                let of = |operation: &str| -> u64 {
                    let entries = payment.history.iter().filter(|e| e.operation == operation && e.operation_success);
                    entries.map(|e| e.amount).sum()
                };
                prop_assert!(payment.captured + payment.released <= payment.authorised);
                prop_assert!(payment.refunded <= payment.captured);
                // Nothing can be captured of what lapsed.
                prop_assert!(!payment.lapsed || payment.remaining_to_capture() == 0);
                prop_assert_eq!(of("REFUND"), payment.refunded);
                prop_assert_eq!(of("VOID"), payment.released);
                prop_assert_eq!(of("CAPTURE") + of("SALE"), payment.captured);
                prop_assert_eq!(of("RESERVE") + of("SALE"), payment.authorised);
            }
        }
    }
}
