//! One payment: its states, its sums and its history (eCom guide, "Payment states").
//!
//! Everything here is pure: a moment goes in, the new state comes out; nothing waits or calls.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clock::{after, days, minutes, written};
use crate::money::ore_to_json;
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
/// Personal data is shown for 7 days after the reservation.
const PERSONAL_DATA: Duration = days(7);
/// What stands for personal data after that.
const EXPIRED: &str = "[Expired]";
/// The "first six digits" of the test card.
const CARD_NUMBER_START: u64 = 492_560;

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

/// An address, as the customer chose it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Address {
    /// Street and number.
    pub address_line1: String,
    /// A second line.
    #[serde(default)]
    pub address_line2: Option<String>,
    /// The postcode: four digits in Norway.
    pub post_code: String,
    /// The place.
    pub city: String,
    /// The country's code.
    #[serde(default = "norway")]
    pub country: String,
}

fn norway() -> String {
    "NO".to_owned()
}

impl Address {
    fn at(line: &str, post_code: &str, city: &str) -> Self {
        Self {
            address_line1: line.to_owned(),
            address_line2: None,
            post_code: post_code.to_owned(),
            city: city.to_owned(),
            country: norway(),
        }
    }

    /// The test customers' addresses; the first one, in Oslo, is the default.
    #[must_use]
    pub fn samples() -> Vec<Self> {
        vec![
            Self::at("Robert Levins gate 5", "0154", "Oslo"),
            Self::at("Storgata 1", "9008", "Tromsø"),
            Self::at("Vei 610", "9170", "Longyearbyen"),
        ]
    }
}

impl Default for Address {
    fn default() -> Self {
        Self::at("Robert Levins gate 5", "0154", "Oslo")
    }
}

/// A test customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct User {
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// E-mail address.
    pub email: String,
    /// Phone number, 8 digits.
    pub mobile_number: String,
    /// Vipps' id of the customer; may hold `/`, `=` and `+`.
    pub user_id: String,
    /// The id for the userinfo API.
    pub sub: String,
}

impl User {
    /// The test customer with this phone number. The ids follow from the number: the same customer
    /// has the same ids in every payment.
    #[must_use]
    pub fn with_phone(mobile_number: &str) -> Self {
        Self {
            first_name: "Ada".to_owned(),
            last_name: "Lovelace".to_owned(),
            email: "user@example.com".to_owned(),
            mobile_number: mobile_number.to_owned(),
            user_id: format!("uiJ/skNQ+{mobile_number}=="),
            sub: format!("c06c4afe-d9e1-4c5d-939a-{mobile_number:0>12}"),
        }
    }
}

impl Default for User {
    fn default() -> Self {
        Self::with_phone("91234567")
    }
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

#[derive(Debug, Clone)]
pub(crate) struct Payment {
    pub(crate) order: Order,
    /// The landing page's token.
    pub(crate) token: String,
    pub(crate) state: PaymentState,
    pub(crate) created: Timestamp,
    opened: Option<Timestamp>,
    pub(crate) in_3ds: bool,
    declined: bool,
    reserved_at: Option<Timestamp>,
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
            state: if order.skip_landing_page { PaymentState::Opened } else { PaymentState::Initiated },
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
        payment.write("INITIATE", amount, true, Note { at, transaction_id, request_id: "", text: &text });
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

    fn is_reserved(&self) -> bool {
        matches!(self.state, PaymentState::Reserved | PaymentState::Sale)
    }

    pub(crate) fn remaining_to_capture(&self) -> u64 {
        self.authorised.saturating_sub(self.captured).saturating_sub(self.released)
    }

    fn remaining_to_refund(&self) -> u64 {
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
        Err(format!("the payment no longer waits for the customer: it is {state}"))
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
        let note = Note { at: now, transaction_id, request_id: "", text: &text };
        self.write(operation, self.authorised, true, note);
        Ok(())
    }

    /// The customer's card is declined. The payment stays open: another card may do.
    pub(crate) fn decline(&mut self, now: Timestamp, transaction_id: String) -> Result<(), String> {
        self.must_wait()?;
        self.declined = true;
        self.in_3ds = false;
        let shipping = self.chosen.as_ref().map_or(0, |option| option.cost_ore);
        let operation = if self.order.direct_capture { "SALE" } else { "RESERVE" };
        let text = self.order.text.clone();
        let note = Note { at: now, transaction_id, request_id: "", text: &text };
        self.write(operation, self.order.amount.saturating_add(shipping), false, note);
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
        let state = if self.declined { PaymentState::Failed } else { PaymentState::TimedOut };
        self.end(state, at, transaction_id);
    }

    fn end(&mut self, state: PaymentState, at: Timestamp, transaction_id: String) {
        self.state = state;
        self.in_3ds = false;
        let text = self.order.text.clone();
        let note = Note { at, transaction_id, request_id: "", text: &text };
        self.write("CANCEL", self.order.amount, true, note);
    }

    // What the merchant does.

    /// Captures `amount`, or all that is left. Gives the amount.
    pub(crate) fn capture(&mut self, amount: Option<u64>, note: Note<'_>) -> Result<u64, Refusal> {
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
    pub(crate) fn refund(&mut self, amount: Option<u64>, note: Note<'_>) -> Result<u64, Refusal> {
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
    pub(crate) fn cancel(&mut self, release: bool, note: Note<'_>) -> Result<u64, Refusal> {
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

    fn later_than(&self, window: Duration, now: Timestamp) -> bool {
        self.reserved_at.is_some_and(|at| now > after(at, window))
    }

    // What is shown.

    /// The status that the callback tells (eCom guide, "Callback statuses").
    pub(crate) fn callback_status(&self) -> &'static str {
        match self.state {
            PaymentState::Reserved if self.shares_profile() => "RESERVE",
            PaymentState::Reserved => "RESERVED",
            PaymentState::Sale => "SALE",
            PaymentState::Failed if self.order.direct_capture => "SALE_FAILED",
            PaymentState::Failed => "RESERVE_FAILED",
            PaymentState::TimedOut | PaymentState::Initiated | PaymentState::Opened => "REJECTED",
            PaymentState::CancelledByUser
            | PaymentState::CancelledByMerchant
            | PaymentState::Voided => "CANCELLED",
        }
    }

    /// Express, or userinfo: the callback has the longer form.
    fn shares_profile(&self) -> bool {
        self.order.express.is_some() || self.order.scope.is_some()
    }

    /// The callback's body (eCom OpenAPI 2.0.3, `TransactionUpdateCallbackOneOf`).
    pub(crate) fn callback_body(&self, at: Timestamp) -> Value {
        let amount = if self.is_reserved() { self.authorised } else { self.order.amount };
        let transaction_id = self.history.last().map_or("", |e| e.transaction_id.as_str());
        let mut body = json!({
            "merchantSerialNumber": msn_value(&self.order.msn, self.order.msn_as_number),
            "orderId": self.order.order_id,
            "transactionInfo": {
                "amount": amount,
                "status": self.callback_status(),
                "timeStamp": written(at),
                "transactionId": transaction_id,
            },
        });
        let Some(object) = body.as_object_mut() else { return body };
        if self.is_reserved() && self.shares_profile() {
            if let Some(mut shipping) = self.shipping_details(at) {
                // Here the postcode is called zipCode, and nowhere else.
                if let Some(address) = shipping.get_mut("address").and_then(Value::as_object_mut)
                    && let Some(code) = address.remove("postCode")
                {
                    address.insert("zipCode".to_owned(), code);
                }
                object.insert("shippingDetails".to_owned(), shipping);
            }
            if let Some(user) = self.user_details(at) {
                object.insert("userDetails".to_owned(), user);
            }
        }
        let error = match self.state {
            PaymentState::Failed => Some(("42", "Refused by the issuer")),
            PaymentState::TimedOut => Some(("45", "Reservation failed, reason unknown")),
            _ => None,
        };
        if let Some((code, message)) = error {
            let info = json!({ "errorGroup": "Payment", "errorCode": code, "errorMessage": message });
            object.insert("errorInfo".to_owned(), info);
        }
        body
    }

    /// The answer to details (eCom OpenAPI 2.0.3, `TransactionDetails`).
    pub(crate) fn details(&self, now: Timestamp) -> Value {
        let history: Vec<Value> = self
            .history
            .iter()
            .rev()
            .map(|e| {
                json!({
                    "amount": e.amount,
                    "operation": e.operation,
                    "operationSuccess": e.operation_success,
                    "requestId": e.request_id,
                    "timeStamp": written(e.at),
                    "transactionId": e.transaction_id,
                    "transactionText": e.transaction_text,
                })
            })
            .collect();
        let mut details = json!({ "orderId": self.order.order_id, "transactionLogHistory": history });
        let Some(object) = details.as_object_mut() else { return details };
        if self.user_has_acted() {
            let mut summary = self.summary();
            if self.reserved_at.is_some()
                && let Some(summary) = summary.as_object_mut()
            {
                summary.insert("bankIdentificationNumber".to_owned(), CARD_NUMBER_START.into());
            }
            object.insert("transactionSummary".to_owned(), summary);
        }
        if self.reserved_at.is_some() && self.shares_profile() {
            if let Some(shipping) = self.shipping_details(now) {
                object.insert("shippingDetails".to_owned(), shipping);
            }
            if let Some(user) = self.user_details(now) {
                object.insert("userDetails".to_owned(), user);
            }
            if let Some(user) = &self.user {
                object.insert("sub".to_owned(), user.sub.as_str().into());
            }
        }
        details
    }

    fn user_has_acted(&self) -> bool {
        self.declined || self.reserved_at.is_some() || self.state == PaymentState::CancelledByUser
    }

    /// The answer to the deprecated status call (eCom OpenAPI 2.0.3, `PaymentStatus`).
    pub(crate) fn status(&self) -> Value {
        let last = self.history.last();
        let status = match self.state {
            PaymentState::CancelledByUser => "REJECTED",
            PaymentState::Failed => "FAILED",
            _ => match last {
                Some(e) if e.operation_success => e.operation,
                _ => "INITIATE",
            },
        };
        json!({
            "orderId": self.order.order_id,
            "transactionInfo": {
                "amount": last.map_or(self.order.amount, |e| e.amount),
                "status": status,
                "timeStamp": written(last.map_or(self.created, |e| e.at)),
                "transactionId": last.map_or("", |e| e.transaction_id.as_str()),
            },
        })
    }

    pub(crate) fn summary(&self) -> Value {
        json!({
            "capturedAmount": self.captured,
            "refundedAmount": self.refunded,
            "remainingAmountToCapture": self.remaining_to_capture(),
            "remainingAmountToRefund": self.remaining_to_refund(),
        })
    }

    /// Whether a card was used: only then the answers name it.
    pub(crate) fn payment_instrument(&self) -> Option<&'static str> {
        self.reserved_at.map(|_| "Visa")
    }

    fn shipping_details(&self, now: Timestamp) -> Option<Value> {
        let option = self.chosen.as_ref()?;
        let shown = |text: &str| self.personal(text, now);
        let mut details = json!({
            "shippingCost": ore_to_json(option.cost_ore),
            "shippingMethod": option.shipping_method,
            "shippingMethodId": option.shipping_method_id,
        });
        if let (Some(address), Some(object)) = (&self.address, details.as_object_mut()) {
            // The country is no secret, and the schema knows only "Norway".
            let country = match address.country.as_str() {
                "NO" | "no" | "Norway" => "Norway",
                other => other,
            };
            let mut written = json!({
                "addressLine1": shown(&address.address_line1),
                "city": shown(&address.city),
                "country": country,
                "postCode": shown(&address.post_code),
            });
            if let (Some(line), Some(written)) = (&address.address_line2, written.as_object_mut()) {
                written.insert("addressLine2".to_owned(), shown(line).into());
            }
            object.insert("address".to_owned(), written);
        }
        Some(details)
    }

    fn user_details(&self, now: Timestamp) -> Option<Value> {
        let user = self.user.as_ref()?;
        let shown = |text: &str| self.personal(text, now);
        Some(json!({
            "bankIdVerified": 1,
            "email": shown(&user.email),
            "firstName": shown(&user.first_name),
            "lastName": shown(&user.last_name),
            "mobileNumber": shown(&user.mobile_number),
            // The id stays: the merchant has to know whose consent is taken back.
            "userId": user.user_id,
        }))
    }

    fn personal<'a>(&self, text: &'a str, now: Timestamp) -> &'a str {
        if self.later_than(PERSONAL_DATA, now) { EXPIRED } else { text }
    }

    /// The deliveries that the customer can choose from now.
    pub(crate) fn options(&self) -> &[ShippingOption] {
        match self.quotes.last() {
            Some(quote) => &quote.options,
            None => self.order.express.as_ref().map_or(&[], |e| &e.static_options),
        }
    }
}

/// An MSN as the callback carries it: the schema says a string, the guide's samples are numbers.
pub(crate) fn msn_value(msn: &str, as_number: bool) -> Value {
    match msn.parse::<u64>() {
        Ok(number) if as_number => number.into(),
        _ => msn.into(),
    }
}
