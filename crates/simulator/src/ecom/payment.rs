//! One payment: its states, its sums and its history (eCom guide, "Payment states").
//!
//! Everything here is pure: a moment goes in, the new state comes out; nothing waits or calls.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::Serialize;
use serde_json::Value;

use super::customer::{Address, User};
use crate::clock::{after, days, minutes};
use crate::refusal::{
    CANCEL_CAPTURED, CANCEL_DONE, CANCEL_IN_3DS, CANCEL_TOO_LATE, CAPTURE_DONE,
    CAPTURE_NOT_ALLOWED, CAPTURE_NOT_RESERVED, CAPTURE_TOO_LATE, CAPTURE_TOO_MUCH,
    REFUND_CANCELLED, REFUND_RESERVATION, REFUND_TOO_LATE, REFUND_TOO_MUCH, Refusal,
};

/// The link of the landing page can be opened for 5 minutes (knowledge base, "Timeouts").
const LINK: Duration = minutes(5);
/// Once opened, the customer has 5 minutes to act.
const IN_APP: Duration = minutes(5);
/// All in all a payment waits for 10 minutes.
const WINDOW: Duration = minutes(10);
/// Capture and cancel are possible for 180 days after the reservation.
const CAPTURE_WINDOW: Duration = days(180);
/// Refund is possible for 365 days after the reservation.
const REFUND_WINDOW: Duration = days(365);
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

/// One delivery that the shop offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShippingOption {
    /// `shippingMethodId`.
    pub shipping_method_id: String,
    /// `shippingMethod`: the text that the customer sees.
    pub shipping_method: String,
    /// The cost in øre.
    pub cost_ore: u64,
    /// The place in the list, smallest first.
    pub priority: Option<i64>,
    /// Whether it is chosen unless the customer chooses another.
    pub is_default: bool,
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

/// A line of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct HistoryEntry {
    /// Øre.
    pub amount: u64,
    /// `INITIATE`, `RESERVE`, `SALE`, `CAPTURE`, `REFUND`, `CANCEL`, `VOID`.
    pub operation: &'static str,
    /// Whether it happened.
    pub operation_success: bool,
    /// The merchant's `X-Request-Id`; empty where there was none.
    pub request_id: String,
    /// When.
    pub at: Timestamp,
    /// Vipps' id of the transaction.
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

/// What an express payment has beside a regular one.
#[derive(Debug, Clone)]
pub(crate) struct Express {
    pub(crate) consent_removal_prefix: String,
    pub(crate) shipping_details_prefix: Option<String>,
    pub(crate) static_options: Vec<ShippingOption>,
}

/// Everything an initiate settles.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) msn: String,
    pub(crate) order_id: String,
    pub(crate) amount: u64,
    pub(crate) text: String,
    pub(crate) callback_prefix: String,
    pub(crate) fall_back: String,
    pub(crate) auth_token: Option<SecretString>,
    pub(crate) phone: Option<String>,
    pub(crate) scope: Option<String>,
    pub(crate) skip_landing_page: bool,
    pub(crate) express: Option<Express>,
    pub(crate) direct_capture: bool,
    pub(crate) msn_as_number: bool,
}

/// The endpoints with an idempotency key. The key is unique for order, MSN and endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Endpoint {
    Capture,
    Refund,
}

/// The first answer to a key.
#[derive(Debug, Clone)]
pub(crate) struct Remembered {
    pub(crate) amount: Option<u64>,
    pub(crate) text: String,
    pub(crate) answer: (http::StatusCode, Value),
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
    pub(super) declined: bool,
    pub(super) reserved_at: Option<Timestamp>,
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
    pub(crate) remembered: BTreeMap<(Endpoint, String), Remembered>,
}

/// What goes into the history beside the operation.
pub(crate) struct Note<'a> {
    pub(crate) at: Timestamp,
    pub(crate) transaction_id: String,
    pub(crate) request_id: &'a str,
    pub(crate) text: &'a str,
}

impl Payment {
    pub(crate) fn new(order: Order, token: String, at: Timestamp, transaction_id: String) -> Self {
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
            order,
        };
        let amount = payment.order.amount;
        payment.write(
            "INITIATE",
            amount,
            true,
            Note {
                at,
                transaction_id,
                request_id: "",
                text: &text,
            },
        );
        payment
    }

    fn write(&mut self, operation: &'static str, amount: u64, success: bool, note: Note<'_>) {
        self.history.push(HistoryEntry {
            amount,
            operation,
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

    pub(super) fn is_reserved(&self) -> bool {
        matches!(self.state, PaymentState::Reserved | PaymentState::Sale)
    }

    pub(crate) fn remaining_to_capture(&self) -> u64 {
        self.authorised
            .saturating_sub(self.captured)
            .saturating_sub(self.released)
    }

    pub(super) fn remaining_to_refund(&self) -> u64 {
        self.captured.saturating_sub(self.refunded)
    }

    /// When the payment ends if nobody acts.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        if !self.is_waiting() {
            return None;
        }
        let window = after(self.created, WINDOW);
        Some(match self.opened {
            Some(opened) => after(opened, IN_APP).min(window),
            None => window,
        })
    }

    // What the customer does.

    /// The customer opens the link.
    pub(crate) fn open(&mut self, now: Timestamp) -> Result<(), String> {
        self.must_wait()?;
        if self.state == PaymentState::Initiated {
            if now > after(self.created, LINK) {
                return Err("the link has expired: it can be opened for 5 minutes".to_owned());
            }
            self.opened = Some(now);
            self.state = PaymentState::Opened;
        }
        Ok(())
    }

    fn must_wait(&self) -> Result<(), String> {
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
        let (state, operation) = if self.order.direct_capture {
            self.captured = self.authorised;
            (PaymentState::Sale, "SALE")
        } else {
            (PaymentState::Reserved, "RESERVE")
        };
        self.state = state;
        let text = self.order.text.clone();
        let note = Note {
            at: now,
            transaction_id,
            request_id: "",
            text: &text,
        };
        self.write(operation, self.authorised, true, note);
        Ok(())
    }

    /// The customer's card is declined. The payment stays open: another card may do.
    pub(crate) fn decline(&mut self, now: Timestamp, transaction_id: String) -> Result<(), String> {
        self.must_wait()?;
        self.declined = true;
        self.in_3ds = false;
        let shipping = self.chosen.as_ref().map_or(0, |option| option.cost_ore);
        let operation = if self.order.direct_capture {
            "SALE"
        } else {
            "RESERVE"
        };
        let text = self.order.text.clone();
        let note = Note {
            at: now,
            transaction_id,
            request_id: "",
            text: &text,
        };
        self.write(
            operation,
            self.order.amount.saturating_add(shipping),
            false,
            note,
        );
        self.user_sees = Some("Your card was declined. Try another one.".to_owned());
        Ok(())
    }

    /// The customer cancels in the app.
    pub(crate) fn reject(&mut self, now: Timestamp, transaction_id: String) -> Result<(), String> {
        self.must_wait()?;
        self.end(PaymentState::CancelledByUser, now, transaction_id);
        Ok(())
    }

    /// The time has run out. `at` is the moment when it did.
    pub(crate) fn time_out(&mut self, at: Timestamp, transaction_id: String) {
        let state = if self.declined {
            PaymentState::Failed
        } else {
            PaymentState::TimedOut
        };
        self.end(state, at, transaction_id);
    }

    fn end(&mut self, state: PaymentState, at: Timestamp, transaction_id: String) {
        self.state = state;
        self.in_3ds = false;
        let text = self.order.text.clone();
        let note = Note {
            at,
            transaction_id,
            request_id: "",
            text: &text,
        };
        self.write("CANCEL", self.order.amount, true, note);
    }

    // What the merchant does.

    /// Captures `amount`, or all that is left. Gives the amount.
    pub(crate) fn capture(
        &mut self,
        amount: Option<u64>,
        note: Note<'_>,
    ) -> Result<u64, &'static Refusal> {
        if self.is_waiting() {
            return Err(CAPTURE_NOT_RESERVED);
        }
        if !self.is_reserved() || self.released > 0 {
            return Err(CAPTURE_NOT_ALLOWED);
        }
        if self.later_than(CAPTURE_WINDOW, note.at) {
            return Err(CAPTURE_TOO_LATE);
        }
        let left = self.remaining_to_capture();
        let amount = match amount {
            None if left == 0 => return Err(CAPTURE_DONE),
            None => left,
            Some(amount) if amount > left => return Err(CAPTURE_TOO_MUCH),
            Some(amount) => amount,
        };
        self.captured = self.captured.saturating_add(amount);
        self.write("CAPTURE", amount, true, note);
        Ok(amount)
    }

    /// Refunds `amount`, or all that is captured and not yet refunded. Gives the amount.
    pub(crate) fn refund(
        &mut self,
        amount: Option<u64>,
        note: Note<'_>,
    ) -> Result<u64, &'static Refusal> {
        if !self.is_waiting() && !self.is_reserved() {
            return Err(REFUND_CANCELLED);
        }
        if self.captured == 0 {
            return Err(REFUND_RESERVATION);
        }
        if self.later_than(REFUND_WINDOW, note.at) {
            return Err(REFUND_TOO_LATE);
        }
        let left = self.remaining_to_refund();
        let amount = amount.unwrap_or(left);
        if amount > left || left == 0 {
            return Err(REFUND_TOO_MUCH);
        }
        self.refunded = self.refunded.saturating_add(amount);
        self.write("REFUND", amount, true, note);
        Ok(amount)
    }

    /// Cancels the payment, or releases what is left of it. Gives the amount.
    pub(crate) fn cancel(
        &mut self,
        release: bool,
        note: Note<'_>,
    ) -> Result<u64, &'static Refusal> {
        if self.is_waiting() {
            if self.in_3ds {
                return Err(CANCEL_IN_3DS);
            }
            self.state = PaymentState::CancelledByMerchant;
            self.write("CANCEL", self.order.amount, true, note);
            return Ok(self.order.amount);
        }
        if !self.is_reserved() {
            return Err(CANCEL_DONE);
        }
        let left = self.remaining_to_capture();
        if self.captured > 0 && (!release || left == 0) {
            return Err(CANCEL_CAPTURED);
        }
        if self.later_than(CAPTURE_WINDOW, note.at) {
            return Err(CANCEL_TOO_LATE);
        }
        self.released = left;
        if self.captured == 0 {
            self.state = PaymentState::Voided;
        }
        self.write("VOID", left, true, note);
        Ok(left)
    }

    pub(super) fn later_than(&self, window: Duration, now: Timestamp) -> bool {
        self.reserved_at.is_some_and(|at| now > after(at, window))
    }

    /// The deliveries that the customer can choose from now.
    pub(crate) fn options(&self) -> &[ShippingOption] {
        match self.quotes.last() {
            Some(quote) => &quote.options,
            None => self
                .order
                .express
                .as_ref()
                .map_or(&[], |e| &e.static_options),
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

    fn payment(direct_capture: bool, at: Timestamp) -> Payment {
        let order = Order {
            msn: "123456".to_owned(),
            order_id: "acme-1".to_owned(),
            amount: 10_000,
            text: "socks".to_owned(),
            callback_prefix: String::new(),
            fall_back: String::new(),
            auth_token: None,
            phone: None,
            scope: None,
            skip_landing_page: false,
            express: None,
            direct_capture,
            msn_as_number: false,
        };
        Payment::new(order, String::new(), at, "1".to_owned())
    }

    proptest! {
        /// Whatever is tried, in whatever order: no money appears or disappears, a refusal changes
        /// nothing, and the history adds up to the sums.
        #[test]
        fn the_sums_hold(direct in any::<bool>(), acts in prop::collection::vec(act(), 0..40)) {
            let mut now = Timestamp::UNIX_EPOCH;
            let mut payment = payment(direct, now);
            for act in acts {
                let before = payment.clone();
                let note = || Note { at: now, transaction_id: "2".to_owned(), request_id: "", text: "" };
                let id = "3".to_owned();
                let refused = match act {
                    Act::Capture(amount) => payment.capture(amount, note()).is_err(),
                    Act::Refund(amount) => payment.refund(amount, note()).is_err(),
                    Act::Cancel(release) => payment.cancel(release, note()).is_err(),
                    Act::Approve => payment.approve(now, id).is_err(),
                    Act::Decline => payment.decline(now, id).is_err(),
                    Act::Reject => payment.reject(now, id).is_err(),
                    Act::Pass(n) => { now = after(now, days(n)); false }
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
                prop_assert_eq!(of("REFUND"), payment.refunded);
                prop_assert_eq!(of("VOID"), payment.released);
                prop_assert_eq!(of("CAPTURE") + of("SALE"), payment.captured);
                prop_assert_eq!(of("RESERVE") + of("SALE"), payment.authorised);
            }
        }
    }
}
