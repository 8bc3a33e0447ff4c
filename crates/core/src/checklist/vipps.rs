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
use crate::{ApiKind, Currency, Money};

/// A payment, as Vipps holds it. Amounts in minor units.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Held {
    /// The generation of the API that made it.
    #[serde(default = "ecom")]
    pub api: ApiKind,
    /// Of all its amounts.
    #[serde(default = "kroner")]
    pub currency: Currency,
    /// Where it stands: `initiated`, `reserved`, `voided`, …
    pub state: String,
    /// The same in ePayment's words: `CREATED`, `AUTHORIZED`, `ABORTED`, `EXPIRED`, `TERMINATED`.
    #[serde(default)]
    pub epayment_state: String,
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
    /// The callbacks, where the API has such.
    pub callbacks: Vec<CallbackReport>,
    /// The webhooks, where the API has such.
    #[serde(default)]
    pub webhooks: Vec<WebhookReport>,
}

const fn ecom() -> ApiKind {
    ApiKind::Ecom
}

const fn kroner() -> Currency {
    Currency::Nok
}

impl Held {
    /// What Vipps told kasse of it, by whichever way: a line for each callback, or for each webhook but
    /// the one that says that the payment was made.
    pub fn told(&self) -> Vec<CallbackReport> {
        let by_webhook = self
            .webhooks
            .iter()
            .filter(|webhook| webhook.name != CREATED);
        let by_webhook = by_webhook.map(|webhook| CallbackReport {
            told: webhook.name.clone(),
            sent: !webhook.attempts.is_empty(),
            status: webhook.attempts.last().and_then(|attempt| attempt.status),
        });
        self.callbacks.iter().cloned().chain(by_webhook).collect()
    }

    /// One of its amounts.
    pub fn money(&self, minor: i64) -> Money {
        Money::new(minor, self.currency)
    }
}

/// The webhook that a payment was made: nobody waits for it.
const CREATED: &str = "CREATED";

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
    /// The same in ePayment's words: `CREATED`, `AUTHORIZED`, `CAPTURED`, …
    #[serde(default)]
    pub event: String,
    /// Vipps' own name of it.
    #[serde(default)]
    pub transaction_id: String,
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

/// A webhook as it went, or did not.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhookReport {
    /// The event that it tells: `AUTHORIZED`, …
    pub name: String,
    /// The event's own name at Vipps.
    pub psp_reference: String,
    /// `waiting`, `delivered`, `lost`, …
    pub state: String,
    /// How often it was sent, the oldest first.
    pub attempts: Vec<WebhookAttempt>,
}

/// One attempt to deliver a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct WebhookAttempt {
    /// When.
    pub at: Timestamp,
    /// What kasse answered.
    pub status: Option<u16>,
}

/// A registration of webhooks, as Vipps holds it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisteredWebhook {
    /// Vipps' id of it.
    pub id: String,
    /// The sales unit; `None`: a partner's.
    pub msn: Option<String>,
    /// Where it goes.
    pub url: String,
    /// The events.
    pub events: Vec<String>,
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
    /// Its group's `type`, where the API has groups.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    /// Its group's `brand`, where the API has groups.
    #[serde(default)]
    pub brand: Option<String>,
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

    /// The key under which it is done once, where it has one: `X-Request-Id`, or `Idempotency-Key`.
    pub fn key(&self) -> Option<&str> {
        self.header("x-request-id")
            .or_else(|| self.header("idempotency-key"))
    }

    /// Was it answered well?
    pub fn succeeded(&self) -> bool {
        self.status
            .is_some_and(|status| (200..300).contains(&status))
    }

    /// Which operation it is: `token`, `initiate`, `capture`, `cancel`, `refund`, `details` (in ePayment
    /// the payment itself), `events`, `register`, `registrations`, `unregister`, `receipt`, `link`,
    /// `userinfo`; or where Vipps called `callback` (a webhook, too), `created` (the webhook that a
    /// payment was made), `shipping`, `consent`.
    pub fn operation(&self) -> &'static str {
        let path = self.url.split('?').next().unwrap_or_default();
        let last = path.rsplit('/').next().unwrap_or_default();
        if self.to_vipps() {
            return match (self.method.as_str(), last) {
                (_, "get") if path.starts_with("/accesstoken/") => "token",
                ("POST", "webhooks") => "register",
                ("GET", "webhooks") => "registrations",
                ("DELETE", _) if path.starts_with("/webhooks/") => "unregister",
                ("PUT", _) if path.starts_with("/order-management/") => "link",
                _ if path.starts_with("/order-management/") => "receipt",
                _ if path.contains("/userinfo/") => "userinfo",
                (_, "payments") => "initiate",
                (_, "capture") => "capture",
                (_, "cancel") => "cancel",
                (_, "refund") => "refund",
                (_, "events") => "events",
                (_, "details" | "status") => "details",
                ("GET", _) if path.starts_with("/epayment/v1/payments/") => "details",
                _ => "other",
            };
        }
        let path =
            Url::parse(&self.url).map_or_else(|_| path.to_owned(), |url| url.path().to_owned());
        let shipping = path.starts_with("/vipps/") && path.contains("/x/");
        match last {
            "shippingDetails" => "shipping",
            _ if shipping => "shipping",
            _ if path.contains("/v2/consents/") => "consent",
            _ if is_webhook(&path) && self.json().get("name") == Some(&CREATED.into()) => "created",
            _ => "callback",
        }
    }
}

/// Is it an address to which Vipps sends webhooks?
fn is_webhook(path: &str) -> bool {
    path.starts_with("/webhooks/")
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
    let mut operated: Operated = control(bench, Method::POST, &path, Some(body)).await?;
    if bench.facts().api == ApiKind::Epayment {
        operated.callback = held(bench, reference).await?.told().pop();
    }
    Ok(operated)
}

/// What befalls a callback befalls the webhook, where the API tells by webhooks.
fn as_webhook_fault(on: &str, mut fault: Value) -> (&str, Value) {
    if on != "callback" {
        return (on, fault);
    }
    let kind = fault.get_mut("kind");
    if let Some(Value::String(kind)) = kind
        && let Some(what) = kind.strip_prefix("callback_")
    {
        *kind = format!("webhook_{what}");
    }
    ("webhook", fault)
}

/// A callback of one's own making as a webhook of one's own making.
fn as_webhook_forgery(callback: &Value) -> Value {
    let mut webhook = callback.clone();
    let Some(fields) = webhook.as_object_mut() else {
        return webhook;
    };
    if let Some(status) = fields.remove("status") {
        let name = match status.as_str().unwrap_or_default() {
            "RESERVED" | "RESERVE" | "SALE" => "AUTHORIZED",
            "REJECTED" => "ABORTED",
            "CANCELLED" => "TERMINATED",
            "RESERVE_FAILED" | "SALE_FAILED" => "EXPIRED",
            other => other,
        };
        let name = name.to_owned();
        fields.insert("name".into(), name.into());
    }
    if let Some(token) = fields.remove("token") {
        let signature = match token.as_str().unwrap_or_default() {
            "right" => "right",
            "none" => "none",
            "wrong" => "wrong",
            _ => "other_secret",
        };
        fields.insert("signature".into(), signature.into());
    }
    webhook
}

pub(super) async fn control_payment(
    bench: &dyn Bench,
    reference: &str,
    what: &str,
    body: &Value,
) -> Done<Value> {
    let webhook = what == "forge-callback" && bench.facts().api == ApiKind::Epayment;
    let path = find(bench, reference).await?;
    if webhook {
        let body = as_webhook_forgery(body);
        return control(
            bench,
            Method::POST,
            &format!("{path}/forge-webhook"),
            Some(&body),
        )
        .await;
    }
    control(bench, Method::POST, &format!("{path}/{what}"), Some(body)).await
}

/// What is registered at Vipps, of all sales units.
pub(super) async fn registered(bench: &dyn Bench) -> Done<Vec<RegisteredWebhook>> {
    control(bench, Method::GET, "/webhooks", None).await
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
    let (on, mut fault) = match bench.facts().api {
        ApiKind::Ecom => (on, kind),
        ApiKind::Epayment => as_webhook_fault(on, kind),
    };
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
    "reference",
    "pspReference",
    "name",
    "state",
    "success",
    "idempotencyKey",
    "currency",
    "value",
    "modificationAmount",
    "authorizedAmount",
    "cancelledAmount",
    "captureGuaranteedUntil",
    "cancelTransactionOnly",
    "paymentDescription",
    "userFlow",
    "type",
    "brand",
    "id",
    "shippingOptionId",
    "expiresAt",
    "minimumUserAge",
    "title",
    "reason",
    "traceId",
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
        // So does the last segment here.
        None if !exchange.to_vipps() && is_webhook(&path) => {
            let account = path.rsplit_once('/').map_or("", |(account, _)| account);
            format!("{account}/…")
        }
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
    // `name` is an event's or a delivery's, but for here, where it is a person's.
    let of_person = exchange.operation() == "userinfo";
    let body = |text: &str| match of_person {
        true => String::new(),
        false => harmless_part(text.as_bytes(), HARMLESS).unwrap_or_default(),
    };
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
        Fate::Api(ApiKind::Ecom) => "the shop pays by the eCom API from now on".into(),
        Fate::Api(ApiKind::Epayment) => "the shop pays by the ePayment API from now on".into(),
        Fate::Receipts => "the shop wants a receipt with each payment from now on".into(),
        Fate::RenewWebhooks => "kasse's operator renews the webhooks' secret".into(),
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
