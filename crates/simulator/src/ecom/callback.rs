//! The callback: what the merchant is told of a payment's outcome, truly or forged.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::shown::msn_value;
use crate::clock::after;
use crate::faults::{FaultKind, Operation};
use crate::ledger::{CallbackReport, Payment, Terms};
use crate::outgoing::{Call, NoAnswer, call};
use crate::state::Shared;

/// One attempt of 3 seconds, never repeated (eCom guide, "Callbacks").
const TIMEOUT: Duration = Duration::from_secs(3);

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
    /// `None`: the payment was not made by eCom, and has none.
    pub(crate) fn of(payment: &Payment, at: Timestamp) -> Option<Self> {
        let terms = payment.order.ecom()?;
        let order_id = &payment.order.order_id;
        Some(Self {
            msn: payment.order.msn.clone(),
            order_id: order_id.clone(),
            url: format!("{}/v2/payments/{order_id}", terms.callback_prefix),
            authorization: terms.auth_token.clone(),
            body: payment.callback_body(at),
            held: false,
        })
    }

    fn told(&self) -> String {
        self.body
            .pointer("/transactionInfo/status")
            .and_then(Value::as_str)
            .unwrap_or("")
            .to_owned()
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
            headers: HeaderMap::new(),
            body: Some(Bytes::from(self.body.to_string())),
            timeout: TIMEOUT,
            order_id: Some(self.order_id.clone()),
            note: note.map(str::to_owned),
        };
        let told = self.told();
        let report = match call(shared, request).await {
            Ok(answer) => CallbackReport {
                told,
                sent: true,
                status: Some(answer.status),
                error: None,
            },
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
        let report = CallbackReport {
            told: self.told(),
            sent: false,
            status: None,
            error: Some(why.to_owned()),
        };
        self.note(shared, report.clone());
        report
    }
}

/// Sends a callback, with the fault that is set for it, if any. The report is that of the true one.
pub(crate) async fn deliver(shared: &Shared, mut callback: Callback) -> CallbackReport {
    let fault = if callback.held {
        None
    } else {
        shared
            .lock()
            .faults
            .take(Operation::Callback, Some(&callback.order_id))
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
            callback.set(
                "/merchantSerialNumber",
                msn_value(&callback.msn.clone(), true),
            );
            callback.send(shared, None).await
        }
        Some(FaultKind::CallbackWrongAmount) => {
            let amount = callback
                .body
                .pointer("/transactionInfo/amount")
                .and_then(Value::as_u64);
            callback.set(
                "/transactionInfo/amount",
                amount.unwrap_or(0).saturating_add(1).into(),
            );
            callback
                .send(shared, Some("one øre too much by a fault"))
                .await
        }
        Some(FaultKind::UnknownStatus { value }) => {
            callback.set("/transactionInfo/status", value.into());
            callback
                .send(shared, Some("unknown status by a fault"))
                .await
        }
        _ => callback.send(shared, None).await,
    }
}

/// Sends callbacks, one after the other.
pub(crate) async fn flush(shared: &Shared, due: Vec<Callback>) {
    for callback in due {
        deliver(shared, callback).await;
    }
}

/// Sends every callback that is due, without waiting for it.
pub(crate) fn flush_soon(shared: &Arc<Shared>) {
    let due = std::mem::take(&mut shared.lock().outbox);
    if !due.is_empty() {
        let sender = Arc::clone(shared);
        shared.spawn(async move { flush(&sender, due).await });
    }
}

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
    /// The first half of the right one.
    Half,
    /// The right one and a character more.
    Longer,
    /// The right one, its letters in the other case.
    OtherCase,
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
    /// The same for a body that is no text: its bytes.
    pub body_bytes: Option<Vec<u8>>,
    /// Headers in the place of, or beside, Vipps' own: as a proxy on the way changes them.
    pub headers: BTreeMap<String, String>,
}

/// What the shop answered to a forged callback, or to a made-up call.
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

/// A call to the merchant of one's own making, as an attacker, or a confused Vipps, would send it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MadeUpCall {
    /// `POST`, `DELETE`, …
    pub method: String,
    /// The address. `{callbackPrefix}`, `{shippingDetailsPrefix}`, `{consentRemovalPrefix}` and
    /// `{orderId}` are the payment's, in ePayment `{callbackUrl}`; `{wrongConsentRemovalPrefix}` has its last character changed.
    pub url: String,
    /// The body.
    #[serde(default)]
    pub body: Option<String>,
    /// The `Authorization`.
    #[serde(default)]
    pub token: ForgedToken,
}

/// Another last character.
fn changed(text: &str) -> String {
    let mut text = text.to_owned();
    let last = text.pop();
    text.push(if last == Some('0') { '1' } else { '0' });
    text
}

fn token(payment: &Payment, wanted: ForgedToken) -> Option<SecretString> {
    let right = match &payment.order.terms {
        Terms::Ecom(terms) => terms.auth_token.clone(),
        Terms::Epayment(terms) => terms.callback_token().cloned(),
    };
    match wanted {
        ForgedToken::Right => right,
        ForgedToken::None => None,
        ForgedToken::Text => Some("text".into()),
        ForgedToken::Half => right.map(|token| {
            let token = token.expose_secret();
            let half = token.chars().count() / 2;
            token.chars().take(half).collect::<String>().into()
        }),
        ForgedToken::Longer => right.map(|token| format!("{}0", token.expose_secret()).into()),
        ForgedToken::OtherCase => right.map(|token| {
            let other = |c: char| {
                if c.is_ascii_lowercase() {
                    c.to_ascii_uppercase()
                } else {
                    c.to_ascii_lowercase()
                }
            };
            let token = token.expose_secret();
            token.chars().map(other).collect::<String>().into()
        }),
        ForgedToken::Wrong => Some(
            "f".repeat(right.map_or(32, |t| t.expose_secret().len()))
                .into(),
        ),
    }
}

/// Makes it. `Err`: there is no such method, or the payment has no such prefix.
pub(crate) async fn make_up(
    shared: &Shared,
    payment: &Payment,
    made_up: MadeUpCall,
) -> Result<ShopAnswer, String> {
    let method = Method::from_bytes(made_up.method.as_bytes())
        .map_err(|_| format!("there is no method {}", made_up.method))?;
    let ecom = payment.order.ecom();
    let express = ecom.and_then(|terms| terms.express.as_ref());
    let shipping = express.and_then(|express| express.shipping_details_prefix.clone());
    let consent = express.map(|express| express.consent_removal_prefix.clone());
    let shipping_call = payment
        .order
        .epayment()
        .and_then(|terms| terms.callback_url());
    let mut url = made_up.url;
    for (name, value) in [
        (
            "{callbackPrefix}",
            ecom.map(|terms| terms.callback_prefix.clone()),
        ),
        ("{callbackUrl}", shipping_call.map(str::to_owned)),
        ("{shippingDetailsPrefix}", shipping),
        (
            "{wrongConsentRemovalPrefix}",
            consent.as_deref().map(changed),
        ),
        ("{consentRemovalPrefix}", consent),
        ("{orderId}", Some(payment.order.order_id.clone())),
    ] {
        if url.contains(name) {
            let value = value.ok_or_else(|| format!("the payment has no {name}"))?;
            url = url.replace(name, &value);
        }
    }
    let request = Call {
        method,
        url,
        authorization: token(payment, made_up.token),
        headers: HeaderMap::new(),
        body: made_up.body.map(Bytes::from),
        timeout: Duration::from_secs(10),
        order_id: Some(payment.order.order_id.clone()),
        note: Some("made up".to_owned()),
    };
    Ok(answered(call(shared, request).await))
}

pub(crate) fn answered(answer: Result<crate::outgoing::Answer, NoAnswer>) -> ShopAnswer {
    match answer {
        Ok(answer) => ShopAnswer {
            status: Some(answer.status),
            body: String::from_utf8_lossy(&answer.body).into_owned(),
            error: None,
        },
        Err(why) => ShopAnswer {
            status: None,
            body: String::new(),
            error: Some(why.to_string()),
        },
    }
}

/// Sends it. `Err`: a header cannot be sent.
pub(crate) async fn forge(
    shared: &Shared,
    payment: &Payment,
    forgery: Forgery,
) -> Result<ShopAnswer, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in &forgery.headers {
        let read = (HeaderName::try_from(name), HeaderValue::try_from(value));
        let (Ok(name), Ok(value)) = read else {
            return Err(format!("the header {name} cannot be sent"));
        };
        headers.insert(name, value);
    }
    let now = shared.lock().now();
    let mut callback = Callback::of(payment, now)
        .ok_or("the payment was made by the ePayment API, which has no callback")?;
    if let Some(status) = forgery.status {
        callback.set("/transactionInfo/status", status.into());
    }
    if let Some(amount) = forgery.amount {
        callback.set("/transactionInfo/amount", amount.into());
    }
    if let Some(msn) = forgery.msn {
        callback.set("/merchantSerialNumber", msn.into());
    }
    let authorization = token(payment, forgery.token);
    let body = forgery.body_bytes.unwrap_or_else(|| {
        let text = forgery.body.unwrap_or_else(|| callback.body.to_string());
        text.into_bytes()
    });
    let request = Call {
        method: Method::POST,
        url: callback.url,
        authorization,
        headers,
        body: Some(Bytes::from(body)),
        timeout: TIMEOUT,
        order_id: Some(callback.order_id),
        note: Some("forged".to_owned()),
    };
    Ok(answered(call(shared, request).await))
}
