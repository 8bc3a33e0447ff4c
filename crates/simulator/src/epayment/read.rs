//! The payment and its events, as ePayment shows them, whichever API made it.

use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::problem::Refusal;
use super::request::{Request, limit, unknown};
use super::terms::Method;
use crate::auth::header;
use crate::clock::{after, days, written};
use crate::customer::{Address, User};
use crate::faults::Operation;
use crate::ledger::{Api, Kind, Payment, PaymentState};
use crate::server::Reply;
use crate::state::State;

/// How long the bank keeps the money, with the test card (ePayment guide, "Reservations": Visa).
const GUARANTEED: std::time::Duration = days(7);
/// The "first six digits" of the test card.
const CARD_BIN: &str = "540185";

/// What is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    Payment,
    Events,
}

pub(super) fn read(
    state: &mut State,
    request: &Request<'_>,
    reference: &str,
    view: View,
) -> Result<Reply, Refusal> {
    let unit = request.unit(state)?;
    let key = header(request.headers, "Ocp-Apim-Subscription-Key").unwrap_or_default();
    // Both count together.
    limit(state, Operation::Details, format!("{reference} {key}"), 120)?;
    let now = state.now();
    let payment = state
        .payment(&unit.msn, reference)
        .ok_or_else(|| unknown(reference))?;
    let shown = match view {
        View::Payment => payment.epayment(now),
        View::Events => payment.events(),
    };
    Ok(Reply::json(StatusCode::OK, &shown))
}

impl Payment {
    fn money(&self, value: u64) -> Value {
        json!({ "currency": self.order.currency.as_str(), "value": value })
    }

    /// `aggregate`.
    fn aggregate(&self) -> Value {
        // What was never authorised is cancelled whole when the merchant cancels it.
        let cancelled = if self.state == PaymentState::CancelledByMerchant {
            self.order.amount
        } else {
            self.released
        };
        json!({
            "authorizedAmount": self.money(self.authorised),
            "cancelledAmount": self.money(cancelled),
            "capturedAmount": self.money(self.captured),
            "refundedAmount": self.money(self.refunded),
        })
    }

    /// The `pspReference` of the payment: that of its CREATED event.
    fn psp_reference(&self) -> &str {
        self.history
            .first()
            .map_or("", |entry| entry.transaction_id.as_str())
    }

    /// The answer to a modification (ePayment OpenAPI 1.8.1, `ModificationResponse`).
    pub(super) fn adjusted(&self) -> Value {
        json!({
            "amount": self.money(self.order.amount),
            "state": self.state.epayment(),
            "aggregate": self.aggregate(),
            "pspReference": self.psp_reference(),
            "reference": self.order.order_id,
        })
    }

    /// The answer to get payment (ePayment OpenAPI 1.8.1, `GetPaymentResponse`).
    fn epayment(&self, now: Timestamp) -> Value {
        let mut shown = self.adjusted();
        let Some(object) = shown.as_object_mut() else {
            return shown;
        };
        let terms = self.order.epayment();
        let method = terms.map_or(Method::Wallet, |terms| terms.method);
        let mut method = json!({ "type": method.as_str() });
        if let (Some(method), Some(_)) = (method.as_object_mut(), self.reserved_at) {
            method.insert("cardBin".to_owned(), CARD_BIN.into());
        }
        object.insert("paymentMethod".to_owned(), method);
        let profile = self.profile(now);
        let mut sub = Map::new();
        if let Some(user) = profile {
            sub.insert("sub".to_owned(), user.sub.as_str().into());
        }
        object.insert("profile".to_owned(), sub.into());
        if let Some(terms) = terms {
            if let Some(url) = terms.redirect_url.as_ref().filter(|_| self.is_waiting()) {
                object.insert("redirectUrl".to_owned(), url.as_str().into());
            }
            if let Some(metadata) = &terms.metadata {
                object.insert("metadata".to_owned(), metadata.clone().into());
            }
        }
        object.extend(self.of_authorisation(now));
        shown
    }

    /// What a payment and its AUTHORIZED event tell beside the rest, as far as it is known: the
    /// delivery, the customer, until when the bank guarantees.
    pub(crate) fn of_authorisation(&self, now: Timestamp) -> Map<String, Value> {
        let mut shown = Map::new();
        let Some(reserved_at) = self.reserved_at else {
            return shown;
        };
        if let Some(details) = self.delivery() {
            shown.insert("shippingDetails".to_owned(), details);
        }
        if let Some(details) = self.profile(now).map(|user| self.user(user)) {
            shown.insert("userDetails".to_owned(), details);
        }
        let until = written(after(reserved_at, GUARANTEED)).replace('Z', "+00:00");
        shown.insert("captureGuaranteedUntil".to_owned(), until.into());
        shown
    }

    /// Until when the bank guarantees the money.
    pub(crate) fn guaranteed_until(&self) -> Option<Timestamp> {
        Some(after(self.reserved_at?, GUARANTEED))
    }

    /// The customer, once the data that they consented to is there.
    pub(crate) fn profile(&self, now: Timestamp) -> Option<&User> {
        self.order.scope.as_ref()?;
        let wait = self.order.epayment().map(|terms| terms.profile_after);
        let known = after(self.reserved_at?, wait.unwrap_or_default());
        self.user.as_ref().filter(|_| known <= now)
    }

    fn delivery(&self) -> Option<Value> {
        let option = self.chosen.as_ref()?;
        let address = self.address.as_ref()?;
        Some(json!({
            "address": shown_address(address),
            "shippingCost": option.cost_ore,
            "shippingOptionId": option.shipping_method_id,
            "shippingOptionName": option.shipping_method,
        }))
    }

    fn user(&self, user: &User) -> Value {
        let scope = self.order.scope.as_deref().unwrap_or_default();
        let asked = |name: &str| scope.split_whitespace().any(|asked| asked == name);
        let mut details = Map::new();
        if asked("email") {
            details.insert("email".to_owned(), user.email.as_str().into());
        }
        if asked("name") {
            details.insert("firstName".to_owned(), user.first_name.as_str().into());
            details.insert("lastName".to_owned(), user.last_name.as_str().into());
        }
        if asked("phoneNumber") {
            // eCom's customers are Norwegian, and known by their 8 digits.
            let code = match self.order.made_by() {
                Api::Ecom => "47",
                Api::Epayment => "",
            };
            let number = format!("{code}{}", user.mobile_number);
            details.insert("mobileNumber".to_owned(), number.into());
        }
        if asked("birthDate") {
            details.insert("dateOfBirth".to_owned(), User::BIRTH_DATE.into());
        }
        if asked("address") {
            let in_country = || Address::in_country(self.order.country.as_str());
            let address =
                (!user.without_address).then(|| self.address.clone().unwrap_or_else(in_country));
            let addresses: Vec<Value> = address.iter().map(shown_address).collect();
            details.insert("addresses".to_owned(), addresses.into());
        }
        details.into()
    }

    /// The event log, oldest first (ePayment OpenAPI 1.8.1, `PaymentEvent`).
    fn events(&self) -> Value {
        let mut events = Vec::new();
        for entry in &self.history {
            let event = |name: &str| {
                let mut event = json!({
                    "reference": self.order.order_id,
                    "pspReference": entry.transaction_id,
                    "name": name,
                    "amount": self.money(entry.amount),
                    // Seven digits, as Vipps has them.
                    "timestamp": format!("{:.7}", entry.at),
                    "success": entry.operation_success,
                });
                if let (false, Some(event)) = (entry.request_id.is_empty(), event.as_object_mut()) {
                    event.insert(
                        "idempotencyKey".to_owned(),
                        entry.request_id.as_str().into(),
                    );
                }
                event
            };
            events.push(event(entry.event));
            // eCom's direct capture is two things to ePayment.
            if entry.kind == Kind::Sold && entry.operation_success {
                events.push(event(Kind::Captured.event()));
            }
        }
        events.into()
    }
}

fn shown_address(address: &Address) -> Value {
    let mut shown = json!({
        "addressLine1": address.address_line1,
        "city": address.city,
        "country": address.country,
        "postCode": address.post_code,
    });
    if let (Some(line), Some(shown)) = (&address.address_line2, shown.as_object_mut()) {
        shown.insert("addressLine2".to_owned(), line.as_str().into());
    }
    shown
}
