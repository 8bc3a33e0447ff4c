//! How a payment is shown: callback, details, status, sums.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::clock::{days, written};
use crate::ledger::{Payment, PaymentState};
use crate::money::ore_to_json;

/// Personal data is shown for 7 days after the reservation.
const PERSONAL_DATA: Duration = days(7);
/// What stands for personal data after that.
const EXPIRED: &str = "[Expired]";
/// The "first six digits" of the test card.
const CARD_NUMBER_START: u64 = 492_560;

impl Payment {
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
        self.order.is_express() || self.order.scope.is_some()
    }

    /// The callback's body (eCom OpenAPI 2.0.3, `TransactionUpdateCallbackOneOf`).
    pub(crate) fn callback_body(&self, at: Timestamp) -> Value {
        let amount = if self.is_reserved() {
            self.authorised
        } else {
            self.order.amount
        };
        let transaction_id = self
            .history
            .last()
            .map_or("", |e| e.transaction_id.as_str());
        let msn_as_number = self.order.ecom().is_some_and(|terms| terms.msn_as_number);
        let mut body = json!({
            "merchantSerialNumber": msn_value(&self.order.msn, msn_as_number),
            "orderId": self.order.order_id,
            "transactionInfo": {
                "amount": amount,
                "status": self.callback_status(),
                "timeStamp": written(at),
                "transactionId": transaction_id,
            },
        });
        let Some(object) = body.as_object_mut() else {
            return body;
        };
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
            let info =
                json!({ "errorGroup": "Payment", "errorCode": code, "errorMessage": message });
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
        let mut details =
            json!({ "orderId": self.order.order_id, "transactionLogHistory": history });
        let Some(object) = details.as_object_mut() else {
            return details;
        };
        if self.user_has_acted() {
            let mut summary = self.summary();
            if self.reserved_at.is_some()
                && let Some(summary) = summary.as_object_mut()
            {
                summary.insert(
                    "bankIdentificationNumber".to_owned(),
                    CARD_NUMBER_START.into(),
                );
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
            let mut written = json!({
                "addressLine1": shown(&address.address_line1),
                "city": shown(&address.city),
                // No secret, and the only value that the schema has.
                "country": "Norway",
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

    fn personal(&self, text: &str, now: Timestamp) -> String {
        if self.later_than(PERSONAL_DATA, now) {
            EXPIRED.to_owned()
        } else {
            text.to_owned()
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
