//! Vipps as checks steer it: the controls of `kasse simulate` over HTTP, typed.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::Url;

use super::bench::{Bench, DieAt, Fate};
use super::run::{Call, Done, Stop};
use super::shop::{Act, Shown};
use crate::flow::harmless_part;

/// A payment, as Vipps holds it. Amounts in minor units.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Held {
    /// Where it stands: `initiated`, `reserved`, `voided`, …
    pub state: String,
    /// Is it an express payment?
    pub express: bool,
    /// The amount of the initiate.
    pub amount: i64,
    /// The text of the initiate.
    pub transaction_text: String,
    /// What is reserved or sold, with the delivery.
    pub authorised: i64,
    /// What is captured.
    pub captured: i64,
    /// What is refunded.
    pub refunded: i64,
    /// What was released.
    pub released: i64,
    /// Where the customer is sent back to.
    pub fall_back: String,
    /// The delivery that was chosen.
    pub shipping: Option<Offered>,
    /// What the customer was told last, if something went wrong.
    pub user_sees: Option<String>,
    /// What was done.
    pub history: Vec<HistoryEntry>,
    /// The callbacks.
    pub callbacks: Vec<CallbackReport>,
}

/// A line of a payment's history at Vipps.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    /// In minor units.
    pub amount: i64,
    /// `INITIATE`, `RESERVE`, `CAPTURE`, …
    pub operation: String,
    /// Did it happen?
    pub operation_success: bool,
    /// The request's key; empty where it had none.
    pub request_id: String,
    /// The text.
    pub transaction_text: String,
}

/// A callback as it went, or did not.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CallbackReport {
    /// The status that it told.
    pub told: String,
    /// Did it leave Vipps?
    pub sent: bool,
    /// What kasse answered.
    pub status: Option<u16>,
}

/// A delivery that the app offers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Offered {
    /// Its id.
    pub shipping_method_id: String,
    /// Its name.
    pub shipping_method: String,
    /// Its price in minor units.
    pub cost_ore: i64,
    /// Is it chosen unless the customer chooses another?
    pub is_default: bool,
}

/// What came of asking for deliveries.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Offer {
    /// The deliveries, in the order in which the customer sees them.
    pub options: Vec<Offered>,
    /// What the customer sees when there are none.
    pub user_sees: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// What came of an act at Vipps.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Operated {
    /// Where the payment stands now.
    pub state: String,
    /// The callback, after its one attempt.
    pub callback: Option<CallbackReport>,
    /// Where the customer is sent back to.
    pub redirect: Option<String>,
}

/// One call and its answer, whole, but for secrets.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exchange {
    /// When, by Vipps' clock.
    pub at: Timestamp,
    /// `in`: kasse called Vipps; `out`: Vipps called kasse.
    pub direction: String,
    /// The order, where there is one.
    pub order_id: Option<String>,
    /// The method.
    pub method: String,
    /// A path with its query, or (outwards) a URL.
    pub url: String,
    /// The request's headers; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The request's body.
    pub request: String,
    /// The answer's status.
    pub status: Option<u16>,
    /// The answer's body.
    pub response: String,
    /// A fault, a reason, an error.
    pub note: Option<String>,
}

impl Exchange {
    /// Did kasse call Vipps?
    pub fn to_vipps(&self) -> bool {
        self.direction == "in"
    }

    /// The header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The request's body as JSON; `Null` where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.request).unwrap_or_default()
    }

    /// Which operation it is: `token`, `initiate`, `capture`, `cancel`, `refund`, `details`; or
    /// `callback`, `shipping`, `consent` where Vipps called.
    pub fn operation(&self) -> &'static str {
        let path = self.url.split('?').next().unwrap_or_default();
        let last = path.rsplit('/').next().unwrap_or_default();
        match (self.to_vipps(), last) {
            (true, "get") => "token",
            (true, "payments") => "initiate",
            (true, "capture") => "capture",
            (true, "cancel") => "cancel",
            (true, "refund") => "refund",
            (true, "details" | "status") => "details",
            (false, "shippingDetails") => "shipping",
            (false, _) if path.contains("/v2/consents/") => "consent",
            (false, _) => "callback",
            _ => "other",
        }
    }
}

pub(super) async fn control<T: DeserializeOwned>(
    bench: &dyn Bench,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> Done<T> {
    let body = body.map(Value::to_string).unwrap_or_default();
    let request = Request::builder()
        .method(method)
        .uri(format!("/__simulator{path}"))
        .header("content-type", "application/json")
        .body(Bytes::from(body))
        .map_err(|error| Stop::Harness(error.to_string()))?;
    let response = bench.vipps(request).await?;
    let text = String::from_utf8_lossy(response.body());
    if !response.status().is_success() {
        return Err(Stop::Harness(format!(
            "the simulator answers {} to {path}: {text}",
            response.status().as_u16()
        )));
    }
    serde_json::from_str(&text)
        .map_err(|error| Stop::Harness(format!("the simulator's answer to {path}: {error}")))
}

/// The path of a payment's controls, on whichever sales unit has it.
async fn find(bench: &dyn Bench, reference: &str) -> Done<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Named {
        msn: String,
        order_id: String,
    }
    let all: Vec<Named> = control(bench, Method::GET, "/payments", None).await?;
    let msn = all
        .into_iter()
        .find(|payment| payment.order_id == reference)
        .map_or_else(|| bench.facts().msn.clone(), |payment| payment.msn);
    Ok(format!("/payments/{msn}/{reference}"))
}

pub(super) async fn held(bench: &dyn Bench, reference: &str) -> Done<Held> {
    let path = find(bench, reference).await?;
    control(bench, Method::GET, &path, None).await
}

/// The reference of the payment whose landing page this is.
pub(super) async fn behind(bench: &dyn Bench, url: &Url) -> Done<Option<String>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Named {
        order_id: String,
        landing_page: String,
    }
    let all: Vec<Named> = control(bench, Method::GET, "/payments", None).await?;
    let found = all
        .into_iter()
        .find(|payment| payment.landing_page == url.as_str());
    Ok(found.map(|payment| payment.order_id))
}

pub(super) async fn operate(
    bench: &dyn Bench,
    reference: &str,
    what: &str,
    body: &Value,
) -> Done<Operated> {
    let path = format!("{}/{what}", find(bench, reference).await?);
    control(bench, Method::POST, &path, Some(body)).await
}

pub(super) async fn control_payment(
    bench: &dyn Bench,
    reference: &str,
    what: &str,
    body: &Value,
) -> Done<Value> {
    let path = format!("{}/{what}", find(bench, reference).await?);
    control(bench, Method::POST, &path, Some(body)).await
}

pub(super) async fn offer(
    bench: &dyn Bench,
    reference: &str,
    address: Option<Value>,
) -> Done<Offer> {
    let path = format!("{}/shipping", find(bench, reference).await?);
    let body = address.map_or_else(|| json!({}), |address| json!({ "address": address }));
    control(bench, Method::POST, &path, Some(&body)).await
}

pub(super) async fn fault(
    bench: &dyn Bench,
    reference: Option<&str>,
    on: &str,
    kind: Value,
) -> Done {
    let mut fault = kind;
    if let Some(fields) = fault.as_object_mut() {
        fields.insert("on".into(), on.into());
        if let Some(reference) = reference {
            fields.insert("orderId".into(), reference.into());
        }
    }
    control::<Value>(bench, Method::POST, "/faults", Some(&fault))
        .await
        .map(drop)
}

pub(super) async fn call_as(
    bench: &dyn Bench,
    reference: &str,
    method: &str,
    url: &str,
    body: Option<&str>,
    token: &str,
) -> Done<(Option<u16>, String)> {
    #[derive(Deserialize)]
    struct Answer {
        status: Option<u16>,
        body: String,
    }
    let path = format!("{}/call", find(bench, reference).await?);
    let call = json!({ "method": method, "url": url, "body": body, "token": token });
    let answer: Answer = control(bench, Method::POST, &path, Some(&call)).await?;
    Ok((answer.status, answer.body))
}

pub(super) async fn exchanges(bench: &dyn Bench, reference: Option<&str>) -> Done<Vec<Exchange>> {
    let path = reference.map_or_else(
        || "/exchanges".to_owned(),
        |reference| {
            format!(
                "/exchanges?orderId={}",
                utf8_percent_encode(reference, NON_ALPHANUMERIC)
            )
        },
    );
    control(bench, Method::GET, &path, None).await
}

pub(super) async fn remove_consent(bench: &dyn Bench, user: &str) -> Done<Vec<Option<u16>>> {
    #[derive(Deserialize)]
    struct Answer {
        status: Option<u16>,
    }
    let user = utf8_percent_encode(user, NON_ALPHANUMERIC);
    let path = format!("/consents/{user}/remove");
    let calls: Vec<Answer> = control(bench, Method::POST, &path, Some(&json!({}))).await?;
    Ok(calls.into_iter().map(|call| call.status).collect())
}

/// Fields whose values are neither secret nor personal: what evidence shows of a body.
const HARMLESS: &[&str] = &[
    "orderId",
    "merchantSerialNumber",
    "amount",
    "transactionText",
    "status",
    "operation",
    "operationSuccess",
    "transactionId",
    "requestId",
    "timeStamp",
    "timestamp",
    "capturedAmount",
    "refundedAmount",
    "remainingAmountToCapture",
    "remainingAmountToRefund",
    "shouldReleaseRemainingFunds",
    "callbackPrefix",
    "shippingDetailsPrefix",
    "paymentType",
    "isApp",
    "skipLandingPage",
    "useExplicitCheckoutFlow",
    "scope",
    "addressId",
    "isDefault",
    "priority",
    "shippingCost",
    "shippingMethod",
    "shippingMethodId",
    "errorGroup",
    "errorCode",
    "errorMessage",
    "contextId",
    "token_type",
    "expires_in",
    "code",
    "message",
    "statusCode",
];

/// Headers whose values are neither secret nor personal.
const HARMLESS_HEADERS: &[&str] = &[
    "content-type",
    "merchant-serial-number",
    "vipps-system-name",
    "vipps-system-version",
    "vipps-system-plugin-name",
    "vipps-system-plugin-version",
    "x-request-id",
    "idempotency-key",
];

/// A call, as evidence shows it.
pub(super) fn shown_call(exchange: &Exchange) -> Call {
    let path = Url::parse(&exchange.url)
        .map(|url| url.path().to_owned())
        .unwrap_or_else(|_| exchange.url.clone());
    // The prefix holds a secret of kasse's, and what follows is a customer's id.
    let path = match path.find("/v2/consents/") {
        Some(_) => "…/v2/consents/…".to_owned(),
        None => path,
    };
    let headers = exchange
        .headers
        .iter()
        .map(|(name, value)| {
            let known = HARMLESS_HEADERS.contains(&name.to_ascii_lowercase().as_str());
            (name.clone(), if known { value.clone() } else { "…".into() })
        })
        .filter(|(_, value)| value != "…")
        .collect();
    let body = |text: &str| harmless_part(text.as_bytes(), HARMLESS).unwrap_or_default();
    Call {
        way: if exchange.to_vipps() {
            "to Vipps"
        } else {
            "from Vipps"
        },
        what: format!("{} {path}", exchange.method),
        headers,
        said: body(&exchange.request),
        status: exchange.status,
        answered: body(&exchange.response),
        note: exchange.note.clone(),
    }
}

// Words for evidence.

pub(super) fn act_words(act: &Act) -> String {
    match act {
        Act::Pay => "the shopper presses the button again".into(),
        Act::Change => "the shopper adds to the cart while it is being paid".into(),
        Act::Capture(Some(amount)) => format!("the merchant captures {amount}"),
        Act::Capture(None) => "the merchant captures what is left".into(),
        Act::Cancel => "the merchant cancels".into(),
        Act::Refund(Some(amount)) => format!("the merchant refunds {amount}"),
        Act::Refund(None) => "the merchant refunds what is left".into(),
        Act::SellOut => "others buy what the shop has left".into(),
    }
}

pub(super) fn fate_words(fate: Fate) -> String {
    match fate {
        Fate::Die => "kasse dies".into(),
        Fate::DieAt(DieAt::BeforeWrite(n)) => format!("kasse will die before its write {n}"),
        Fate::DieAt(DieAt::AfterWrite(n)) => format!("kasse will die after its write {n}"),
        Fate::DieAt(DieAt::AfterVippsDid) => {
            "kasse will die when Vipps has done what it asks next".into()
        }
        Fate::DieAt(DieAt::BeforeTelling) => "kasse will die before it tells the shop".into(),
        Fate::DieAt(DieAt::AfterTelling) => {
            "kasse will die when it has told the shop, before it notes that".into()
        }
        Fate::Start => "kasse starts".into(),
        Fate::OtherAccount => "the shop gets the keys of another sales unit".into(),
        Fate::DirectCapture => "the sales unit captures directly from now on".into(),
        Fate::EngineAnswerLost => {
            "the engine will do what it is told next, and its answer will be lost".into()
        }
        Fate::EngineAway => "the engine is away".into(),
        Fate::EngineSlow(time) => format!("the engine takes {} to answer", time_words(time)),
        Fate::EngineBack => "the engine is back".into(),
    }
}

pub(super) fn time_words(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

pub(super) fn shown_words(shown: &Shown) -> String {
    let mut words = format!(
        "\"{}\" ({:?}), total {}",
        shown.word, shown.standing, shown.total
    );
    for (name, sum) in [
        ("authorised", shown.authorised),
        ("captured", shown.captured),
        ("refunded", shown.refunded),
        ("released", shown.released),
    ] {
        if let Some(sum) = sum {
            words.push_str(&format!(", {name} {sum}"));
        }
    }
    words
}
