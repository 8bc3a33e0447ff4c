//! What Vipps calls at the merchant's: callback, shipping details, consent removal.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::payment::{Address, CallbackReport, Payment, Quote, ShippingOption, msn_value};
use super::schema;
use crate::clock::after;
use crate::faults::{FaultKind, Operation};
use crate::money::ore_from_json;
use crate::outgoing::{Call, NoAnswer, call};
use crate::state::Shared;

/// The callback: one attempt of 3 seconds, never repeated (eCom guide, "Callbacks").
const CALLBACK_TIMEOUT: Duration = Duration::from_secs(3);
/// The shipping call: 10 seconds (eCom guide, "Get shipping details").
const SHIPPING_TIMEOUT: Duration = Duration::from_secs(10);
/// Consent removal: the documents give no time; as the callback's.
const CONSENT_TIMEOUT: Duration = CALLBACK_TIMEOUT;

/// What the customer sees when the shop is late or cannot be reached.
const NO_SHIPPING_METHODS: &str = "No shipping methods found";
/// What the customer sees when the shop's answer is wrong.
const PAYMENT_FAILED: &str = "Payment failed";

/// Everything but what RFC 3986 calls unreserved.
const SEGMENT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A callback to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Callback {
    msn: String,
    order_id: String,
    url: String,
    authorization: Option<SecretString>,
    body: Value,
    /// Whether its fault was already taken: a callback is late once.
    held: bool,
}

impl Callback {
    pub(crate) fn of(payment: &Payment, at: Timestamp) -> Self {
        Self {
            msn: payment.order.msn.clone(),
            order_id: payment.order.order_id.clone(),
            url: callback_url(payment),
            authorization: payment.order.auth_token.clone(),
            body: payment.callback_body(at),
            held: false,
        }
    }

    fn told(&self) -> String {
        self.body.pointer("/transactionInfo/status").and_then(Value::as_str).unwrap_or("").to_owned()
    }

    fn set(&mut self, pointer: &str, value: Value) {
        if let Some(place) = self.body.pointer_mut(pointer) {
            *place = value;
        }
    }

    async fn send(&self, shared: &Shared, note: Option<&str>) -> CallbackReport {
        let request = Call {
            method: Method::POST,
            url: self.url.clone(),
            authorization: self.authorization.clone(),
            body: Some(Bytes::from(self.body.to_string())),
            timeout: CALLBACK_TIMEOUT,
            order_id: Some(self.order_id.clone()),
            note: note.map(str::to_owned),
        };
        let told = self.told();
        let report = match call(shared, request).await {
            Ok(answer) => CallbackReport { told, sent: true, status: Some(answer.status), error: None },
            Err(why) => CallbackReport {
                told,
                sent: !matches!(why, NoAnswer::NotResolved(_) | NoAnswer::Url(_)),
                status: None,
                error: Some(why.to_string()),
            },
        };
        self.note(shared, report.clone());
        report
    }

    fn note(&self, shared: &Shared, report: CallbackReport) {
        if let Some(payment) = shared.lock().payment_mut(&self.msn, &self.order_id) {
            payment.callbacks.push(report);
        }
    }

    fn not_sent(&self, shared: &Shared, why: &str) -> CallbackReport {
        let report = CallbackReport { told: self.told(), sent: false, status: None, error: Some(why.to_owned()) };
        self.note(shared, report.clone());
        report
    }
}

fn callback_url(payment: &Payment) -> String {
    format!("{}/v2/payments/{}", payment.order.callback_prefix, payment.order.order_id)
}

/// Sends a callback, with the fault that is set for it, if any. The report is that of the true one.
pub(crate) async fn deliver(shared: &Shared, mut callback: Callback) -> CallbackReport {
    let fault = if callback.held {
        None
    } else {
        shared.lock().faults.take(Operation::Callback, Some(&callback.order_id))
    };
    match fault {
        Some(FaultKind::CallbackLost) => callback.not_sent(shared, "lost by a fault"),
        Some(FaultKind::CallbackLate { seconds }) => {
            let report = callback.not_sent(shared, "held back by a fault");
            callback.held = true;
            let mut state = shared.lock();
            let due = after(state.now(), Duration::from_secs(seconds));
            state.held.push((due, callback));
            report
        }
        Some(FaultKind::CallbackTwice) => {
            let first = callback.send(shared, None).await;
            callback.send(shared, Some("sent twice by a fault")).await;
            first
        }
        Some(FaultKind::CallbackForged { status, token }) => {
            let mut forged = callback.clone();
            forged.set("/transactionInfo/status", status.into());
            if let Some(token) = token {
                forged.authorization = Some(token.into());
            }
            forged.send(shared, Some("forged by a fault")).await;
            callback.send(shared, None).await
        }
        Some(FaultKind::CallbackMsnNumber) => {
            callback.set("/merchantSerialNumber", msn_value(&callback.msn.clone(), true));
            callback.send(shared, None).await
        }
        Some(FaultKind::CallbackWrongAmount) => {
            let amount = callback.body.pointer("/transactionInfo/amount").and_then(Value::as_u64);
            callback.set("/transactionInfo/amount", amount.unwrap_or(0).saturating_add(1).into());
            callback.send(shared, Some("one øre too much by a fault")).await
        }
        Some(FaultKind::UnknownStatus { value }) => {
            callback.set("/transactionInfo/status", value.into());
            callback.send(shared, Some("unknown status by a fault")).await
        }
        _ => callback.send(shared, None).await,
    }
}

/// Sends every callback that is due, one after the other.
pub(crate) async fn flush(shared: &Shared) {
    let due = std::mem::take(&mut shared.lock().outbox);
    for callback in due {
        deliver(shared, callback).await;
    }
}

/// As [`flush`], without waiting for it.
pub(crate) fn flush_soon(shared: &Arc<Shared>) {
    if !shared.lock().outbox.is_empty() {
        let shared = Arc::clone(shared);
        tokio::spawn(async move { flush(&shared).await });
    }
}

// A forged callback.

/// The `Authorization` of a forged callback.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ForgedToken {
    /// The payment's `authToken`.
    #[default]
    Right,
    /// One that has the right length, and is wrong.
    Wrong,
    /// None.
    None,
    /// The word `text`: short, and without secrets.
    Text,
}

/// A callback as an attacker, or a confused Vipps, would send it. What is `None` is taken from the
/// payment as it stands.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Forgery {
    /// The status that it tells.
    pub status: Option<String>,
    /// The amount in øre.
    pub amount: Option<u64>,
    /// The MSN.
    pub msn: Option<String>,
    /// The `Authorization`.
    pub token: ForgedToken,
    /// A body that is sent as it stands, instead of everything above but the token.
    pub body: Option<String>,
}

/// What the shop answered to a forged callback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ShopAnswer {
    /// The HTTP status; `None`: there was no answer.
    pub status: Option<u16>,
    /// The body.
    pub body: String,
    /// Why there was no answer.
    pub error: Option<String>,
}

pub(crate) async fn forge(shared: &Shared, payment: &Payment, forgery: Forgery) -> ShopAnswer {
    let now = shared.lock().now();
    let mut callback = Callback::of(payment, now);
    if let Some(status) = forgery.status {
        callback.set("/transactionInfo/status", status.into());
    }
    if let Some(amount) = forgery.amount {
        callback.set("/transactionInfo/amount", amount.into());
    }
    if let Some(msn) = forgery.msn {
        callback.set("/merchantSerialNumber", msn.into());
    }
    let right = payment.order.auth_token.clone();
    let authorization = match forgery.token {
        ForgedToken::Right => right,
        ForgedToken::None => None,
        ForgedToken::Text => Some("text".into()),
        ForgedToken::Wrong => {
            use secrecy::ExposeSecret as _;
            Some("f".repeat(right.map_or(32, |t| t.expose_secret().len())).into())
        }
    };
    let request = Call {
        method: Method::POST,
        url: callback.url,
        authorization,
        body: Some(Bytes::from(forgery.body.unwrap_or_else(|| callback.body.to_string()))),
        timeout: CALLBACK_TIMEOUT,
        order_id: Some(callback.order_id),
        note: Some("forged".to_owned()),
    };
    match call(shared, request).await {
        Ok(answer) => ShopAnswer {
            status: Some(answer.status),
            body: String::from_utf8_lossy(&answer.body).into_owned(),
            error: None,
        },
        Err(why) => ShopAnswer { status: None, body: String::new(), error: Some(why.to_string()) },
    }
}

// Shipping.

/// Asks the shop for the deliveries to an address, or takes the static ones.
pub(crate) async fn quote(shared: &Shared, payment: &Payment, address: Address) -> Quote {
    let at = shared.lock().now();
    let Some(express) = &payment.order.express else {
        return failed(at, address, PAYMENT_FAILED, "the payment is not an express payment".to_owned());
    };
    if !express.static_options.is_empty() {
        return Quote { at, address: Some(address), options: express.static_options.clone(), user_sees: None, reason: None };
    }
    let Some(prefix) = &express.shipping_details_prefix else {
        return failed(at, address, NO_SHIPPING_METHODS, "there is no shippingDetailsPrefix".to_owned());
    };
    let order_id = &payment.order.order_id;
    // Any number from 100 (eCom OpenAPI 2.0.3, `addressId`); each address of the payment has its own.
    let address_id = 100_u64.saturating_add(u64::try_from(payment.quotes.len()).unwrap_or(0));
    let body = json!({
        "addressId": address_id,
        "addressLine1": address.address_line1,
        "addressLine2": address.address_line2.as_deref().unwrap_or(""),
        "country": address.country,
        "city": address.city,
        "postCode": address.post_code,
        "addressType": "H",
    });
    let fault = shared.lock().faults.take(Operation::Shipping, Some(order_id));
    let mut timeout = SHIPPING_TIMEOUT;
    match fault {
        Some(FaultKind::Reset) => {
            return failed(at, address, NO_SHIPPING_METHODS, "the connection was broken by a fault".to_owned());
        }
        Some(FaultKind::Slow { seconds }) => {
            let wait = Duration::from_secs(seconds).min(timeout);
            tokio::time::sleep(wait).await;
            timeout = timeout.saturating_sub(wait);
        }
        _ => {}
    }
    let request = Call {
        method: Method::POST,
        url: format!("{prefix}/v2/payments/{order_id}/shippingDetails"),
        authorization: payment.order.auth_token.clone(),
        body: Some(Bytes::from(body.to_string())),
        timeout,
        order_id: Some(order_id.clone()),
        note: None,
    };
    match call(shared, request).await {
        Err(why) => failed(at, address, NO_SHIPPING_METHODS, why.to_string()),
        Ok(answer) => match read_quote(answer.status, &answer.body, address_id, order_id) {
            Ok(options) => Quote { at, address: Some(address), options, user_sees: None, reason: None },
            Err(reason) => failed(at, address, PAYMENT_FAILED, reason),
        },
    }
}

fn failed(at: Timestamp, address: Address, user_sees: &str, reason: String) -> Quote {
    Quote { at, address: Some(address), options: Vec::new(), user_sees: Some(user_sees.to_owned()), reason: Some(reason) }
}

#[derive(Deserialize)]
struct RawCosts<'a> {
    #[serde(borrow, rename = "shippingDetails")]
    shipping_details: Vec<RawCost<'a>>,
}

#[derive(Deserialize)]
struct RawCost<'a> {
    #[serde(borrow, rename = "shippingCost")]
    shipping_cost: &'a RawValue,
}

/// Reads the shop's answer; the error says precisely what is wrong.
fn read_quote(status: u16, body: &[u8], address_id: u64, order_id: &str) -> Result<Vec<ShippingOption>, String> {
    if status != 200 {
        return Err(format!("the shop answered {status}, not 200"));
    }
    let value: Value = serde_json::from_slice(body).map_err(|e| format!("the answer is not JSON: {e}"))?;
    schema::check("FetchShippingCostResponse", &value).map_err(|refused| {
        let (_, body) = refused.answer("");
        let message = body.pointer("/0/errorMessage").and_then(Value::as_str).unwrap_or("").to_owned();
        format!("the answer breaks the schema: {message}")
    })?;
    if value.get("addressId").and_then(Value::as_u64) != Some(address_id) {
        return Err(format!("addressId is not {address_id}, as it was asked"));
    }
    if value.get("orderId").and_then(Value::as_str) != Some(order_id) {
        return Err(format!("orderId is not {order_id}, as it was asked"));
    }
    let raw: RawCosts<'_> =
        serde_json::from_slice(body).map_err(|e| format!("the answer breaks the schema: {e}"))?;
    let items = value.get("shippingDetails").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let costs: Vec<&str> = raw.shipping_details.iter().map(|r| r.shipping_cost.get()).collect();
    let options = read_options(items, &costs)?;
    if options.is_empty() {
        return Err("shippingDetails is empty".to_owned());
    }
    Ok(options)
}

/// Reads options that passed the schema. `costs`: the text of each cost, as it came.
pub(crate) fn read_options(items: &[Value], costs: &[&str]) -> Result<Vec<ShippingOption>, String> {
    let text = |item: &Value, name: &str| item.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
    let mut seen = BTreeSet::new();
    let mut options = Vec::new();
    for (item, cost) in items.iter().zip(costs) {
        let id = text(item, "shippingMethodId");
        if !seen.insert(id.clone()) {
            return Err(format!("shippingMethodId {id} is there twice"));
        }
        let cost_ore = ore_from_json(cost).map_err(|e| format!("shippingCost of {id} {e}"))?;
        options.push(ShippingOption {
            shipping_method: text(item, "shippingMethod"),
            cost_ore,
            priority: item.get("priority").and_then(Value::as_i64),
            is_default: text(item, "isDefault") == "Y",
            shipping_method_id: id,
        });
    }
    // Ascending; those without a priority come last, in the order in which they came.
    options.sort_by_key(|o| o.priority.unwrap_or(i64::MAX));
    Ok(options)
}

// Consent removal.

/// One consent removal call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ConsentCall {
    /// The URL that was called.
    pub url: String,
    /// What the shop answered; `None`: nothing.
    pub status: Option<u16>,
    /// Why there was no answer.
    pub error: Option<String>,
}

/// `DELETE`s the consent at each distinct prefix.
pub(crate) async fn remove_consent(shared: &Shared, prefixes: BTreeSet<String>, user_id: &str) -> Vec<ConsentCall> {
    let segment = utf8_percent_encode(user_id, SEGMENT).to_string();
    let mut calls = Vec::new();
    for prefix in prefixes {
        let url = format!("{prefix}/v2/consents/{segment}");
        let request = Call {
            method: Method::DELETE,
            url: url.clone(),
            // Not documented to carry the authToken.
            authorization: None,
            body: None,
            timeout: CONSENT_TIMEOUT,
            order_id: None,
            note: None,
        };
        calls.push(match call(shared, request).await {
            Ok(answer) => ConsentCall { url, status: Some(answer.status), error: None },
            Err(why) => ConsentCall { url, status: None, error: Some(why.to_string()) },
        });
    }
    calls
}
