//! A Vipps, a shop and a clock, all scripted: the flow between them is the real one.

use std::collections::{HashMap, VecDeque};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use jiff::Timestamp;
use kasse_core::api::*;
use kasse_core::flow::{FlowOptions, InstallationKeys, Shop};
use kasse_core::journal::{Journal, MemoryJournal};
use kasse_core::*;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// What happens to the next request of a kind.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Done, and the answer is lost.
    LostAfterDone,
    /// Not done, and the answer is lost.
    Lost,
    /// Refused for good.
    Refused(&'static str, &'static str),
    /// Cannot be done now.
    Again,
    /// The test is told when it arrives, and Vipps does nothing for so long.
    Slow(Duration),
}

#[derive(Debug, Default)]
pub struct State {
    pub payments: HashMap<String, Vec<Operation>>,
    pub personal: HashMap<String, Personal>,
    pub delivery: HashMap<String, Delivered>,
    pub tokens: HashMap<String, String>,
    pub urls: HashMap<String, Urls>,
    /// `capture acme-1001 5000 key`, in the order they arrived.
    pub sent: Vec<String>,
    pub faults: VecDeque<(&'static str, Fault)>,
    pub reads: usize,
    pub down: bool,
    /// What the flow told its observer.
    pub heard: Vec<String>,
    pub slow: Option<Duration>,
    pub done_keys: HashMap<String, i64>,
    /// What the summary says beyond the history.
    pub summary_ahead: i64,
    /// It says that so much is reserved, whatever the history has.
    pub says_authorised: i64,
    /// The currency of all amounts; none: NOK.
    pub currency: Option<Currency>,
    /// Which API a payment was made with.
    pub made_with: HashMap<String, ApiKind>,
    /// Keys and bytes of the starts, in the order they arrived.
    pub starts: Vec<(String, String)>,
    /// What ePayment answered to a key for good.
    pub stuck: HashMap<String, ApiError>,
    /// When a payment of ePayment ends by itself.
    pub expires: HashMap<String, Timestamp>,
    /// It is late with that.
    pub never_expires: bool,
    /// The customer is about to approve: nothing can be cancelled.
    pub approving: bool,
    /// It does not say again where the customer pays.
    pub no_redirect: bool,
    /// Something that is read of payments is still to come.
    pub incomplete: bool,
    /// Until when captures are guaranteed.
    pub guaranteed_until: Option<Timestamp>,
    /// What the Userinfo API knows.
    pub users: HashMap<String, Personal>,
}

/// One API of a Vipps, by its rules for sums and keys. Clones with another kind are the same Vipps.
#[derive(Debug, Clone)]
pub struct FakeVipps(pub Arc<Mutex<State>>, pub ApiKind);

/// An error of eCom's, as ePayment says it.
fn translated<'c>(group: &'c str, code: &'c str) -> (&'c str, &'c str) {
    let code = match (group, code) {
        ("Payment", "61") => "6090",
        ("Payment", "71") => "6150",
        ("Payment", "52") | ("Merchant", "35" | "37") => "6190",
        ("Merchant", "34") => "4150",
        ("VippsError", _) => "3010",
        _ => code,
    };
    ("ePayment", code)
}

fn vipps_error(group: &str, code: &str) -> Error {
    Error::new(
        ErrorKind::Vipps {
            status: 400,
            group: group.into(),
            code: code.into(),
            context: None,
        },
        Who::Shop,
        "Refused",
        "Vipps says no.",
        "",
    )
}

fn lost() -> ApiError {
    ApiError::Unknown(Error::new(
        ErrorKind::VippsUnavailable,
        Who::Nobody,
        "Lost",
        "the answer was lost.",
        "",
    ))
}

impl FakeVipps {
    pub fn fault(&self, verb: &'static str, fault: Fault) {
        self.0.lock().unwrap().faults.push_back((verb, fault));
    }
    pub fn push(&self, reference: &str, kind: OperationKind, minor: i64, key: Option<&str>) {
        let mut state = self.0.lock().unwrap();
        let currency = state.currency.unwrap_or(Currency::Nok);
        let history = state.payments.entry(reference.into()).or_default();
        let identity = format!("{kind:?}-{}", history.len());
        history.push(Operation {
            kind,
            amount: Money::new(minor, currency),
            success: true,
            key: key.map(Into::into),
            at: None,
            identity,
        });
    }
    pub fn count(&self, verb: &str) -> usize {
        self.0
            .lock()
            .unwrap()
            .sent
            .iter()
            .filter(|line| line.starts_with(verb))
            .count()
    }
    pub fn sent(&self) -> Vec<String> {
        self.0.lock().unwrap().sent.clone()
    }
    /// Takes note of a request, and answers what is to become of it: to be done, and the answer.
    async fn arrive(
        &self,
        cx: &Context,
        verb: &'static str,
        line: String,
    ) -> (bool, Result<(), ApiError>) {
        let slow = {
            let mut state = self.0.lock().unwrap();
            let slow = |(on, fault): &(&str, Fault)| *on == verb && matches!(fault, Fault::Slow(_));
            let index = state.faults.iter().position(slow);
            match index.and_then(|index| state.faults.remove(index)) {
                Some((_, Fault::Slow(slow))) => Some(slow),
                _ => state.slow,
            }
        };
        if let Some(slow) = slow {
            cx.runtime.sleep(slow).await;
        }
        let mut state = self.0.lock().unwrap();
        if state.down {
            let error = lost().into_error();
            return (false, Err(ApiError::Again { error, after: None }));
        }
        state.sent.push(format!("{verb} {line}"));
        let fault = |(on, fault): &(&str, Fault)| *on == verb && !matches!(fault, Fault::Slow(_));
        let Some(index) = state.faults.iter().position(fault) else {
            return (true, Ok(()));
        };
        match state.faults.remove(index).unwrap().1 {
            Fault::LostAfterDone => (true, Err(lost())),
            Fault::Lost => (false, Err(lost())),
            Fault::Refused(group, code) => {
                let (group, code) = match self.1 {
                    ApiKind::Ecom => (group, code),
                    ApiKind::Epayment => translated(group, code),
                };
                (false, Err(ApiError::Refused(vipps_error(group, code))))
            }
            Fault::Slow(_) => (true, Ok(())),
            Fault::Again => (
                false,
                Err(ApiError::Again {
                    error: vipps_error("VippsError", "94"),
                    after: None,
                }),
            ),
        }
    }
    fn modify(&self, kind: OperationKind, what: &Modification) {
        let first = {
            let mut state = self.0.lock().unwrap();
            state
                .done_keys
                .insert(what.key.to_string(), what.amount.minor)
                .is_none()
        };
        if first {
            self.push(
                what.reference.as_str(),
                kind,
                what.amount.minor,
                Some(what.key.as_str()),
            );
        }
    }
}

impl FakeVipps {
    /// ePayment's rules: an answer of 4xx stays with its key, and `rule` may refuse.
    fn ruled(
        &self,
        reference: &Reference,
        key: &IdempotencyKey,
        sent: (bool, Result<(), ApiError>),
        rule: impl FnOnce(&[Operation]) -> Option<&'static str>,
    ) -> (bool, Result<(), ApiError>) {
        if self.1 == ApiKind::Ecom {
            return sent;
        }
        let mut state = self.0.lock().unwrap();
        if let Some(stuck) = state.stuck.get(key.as_str()) {
            return (false, Err(stuck.clone()));
        }
        let (done, answer) = sent;
        if let Err(refused @ ApiError::Refused(_)) = &answer {
            state.stuck.insert(key.to_string(), refused.clone());
        }
        if !done || state.done_keys.contains_key(key.as_str()) {
            return (done, answer);
        }
        let history = state.payments.get(reference.as_str());
        let Some(code) = rule(history.map_or(&[], Vec::as_slice)) else {
            return (true, answer);
        };
        let error = vipps_error("ePayment", code);
        let refused = match code {
            "6250" => ApiError::Again { error, after: None },
            _ => ApiError::Refused(error),
        };
        state.stuck.insert(key.to_string(), refused.clone());
        (false, Err(refused))
    }

    /// A payment belongs to the API that made it.
    fn is_mine(&self, reference: &Reference) -> bool {
        let state = self.0.lock().unwrap();
        state
            .made_with
            .get(reference.as_str())
            .is_none_or(|kind| *kind == self.1)
    }

    /// Ends by itself what is too old.
    fn expire(&self, cx: &Context, reference: &str) {
        let over = {
            let state = self.0.lock().unwrap();
            let history = state.payments.get(reference);
            let open = history.is_some_and(|history| {
                !history
                    .iter()
                    .any(|o| matches!(o.kind, OperationKind::Authorise | OperationKind::Cancel(_)))
            });
            let over = state
                .expires
                .get(reference)
                .is_some_and(|at| *at <= cx.now());
            open && over && !state.never_expires && self.1 == ApiKind::Epayment
        };
        if over {
            let kind = OperationKind::Cancel(Ending::TimeOver);
            self.push(reference, kind, 0, None);
        }
    }

    fn hear(&self, what: String) {
        self.0.lock().unwrap().heard.push(what);
    }
}

/// It listens to the flow too.
impl kasse_core::flow::Observer for FakeVipps {
    fn reserved(&self, _: &ShopId, after: Duration) {
        self.hear(format!("reserved after {} s", after.as_secs()));
    }
    fn outcome(&self, _: &ShopId, by: kasse_core::flow::Learnt) {
        self.hear(format!("learnt by {by:?}"));
    }
    fn called_back(&self, _: &ShopId) {
        self.hear("called back".into());
    }
    fn webhook(&self, account: Option<&AccountId>, outcome: &'static str) {
        let account = account.map_or("nobody", AccountId::as_str);
        self.hear(format!("webhook {account} {outcome}"));
    }
    fn refused_call(&self, _: &ShopId, status: u16) {
        self.hear(format!("refused {status}"));
    }
    fn shipping(&self, _: &ShopId, how: kasse_core::flow::Shipping, took: Duration) {
        let _ = HOW.try_with(|cell| cell.set(Some(how)));
        self.hear(format!("shipping {how:?} in {} s", took.as_secs()));
    }
    fn slow(&self, shop: &ShopId, is: bool) {
        self.hear(format!("{shop} is slow: {is}"));
    }
    fn told(&self, _: &ShopId, how: kasse_core::flow::Told) {
        if how != kasse_core::flow::Told::Knows {
            self.hear(format!("told: {how:?}"));
        }
    }
}

#[async_trait]
impl PaymentApi for FakeVipps {
    fn kind(&self) -> ApiKind {
        self.1
    }
    fn amounts(&self, currency: Currency) -> Option<RangeInclusive<i64>> {
        match (self.1, currency) {
            (_, Currency::Nok) => Some(100..=65_000_000),
            (ApiKind::Ecom, _) => None,
            (ApiKind::Epayment, _) => Some(1..=65_000_000),
        }
    }
    fn needs_webhooks(&self) -> bool {
        self.1 == ApiKind::Epayment
    }
    fn writes_late(&self) -> bool {
        self.1 == ApiKind::Epayment
    }
    fn token_chars(&self) -> usize {
        match self.1 {
            ApiKind::Ecom => 64,
            ApiKind::Epayment => 32,
        }
    }
    fn meaning(&self, asked: Asked, error: &Error) -> Meaning {
        let kasse_core::ErrorKind::Vipps { group, code, .. } = &error.kind else {
            return Meaning::Other;
        };
        match (asked, group.as_str(), code.as_str()) {
            (Asked::Initiate, "Merchant", "34") => Meaning::ReferenceUsed,
            (Asked::Capture | Asked::Refund, "Payment", "61" | "71") => Meaning::TooMuch,
            (Asked::Initiate, "ePayment", "4150") => Meaning::ReferenceUsed,
            (_, "ePayment", "6090" | "6150") => Meaning::TooMuch,
            (_, "ePayment", "6040" | "6170" | "6180" | "6190") => Meaning::DoneAlready,
            (_, "ePayment", "6060") => Meaning::AuthorisedMeanwhile,
            (_, "ePayment", "6250") => Meaning::NotNow,
            _ => Meaning::Other,
        }
    }
    fn window(&self) -> Duration {
        Duration::from_secs(600)
    }
    fn initiate_is_idempotent(&self) -> bool {
        self.1 == ApiKind::Epayment
    }
    async fn initiate(&self, cx: &Context, _: &Caller, what: &Initiation) -> Result<Url, ApiError> {
        let reference = what.reference.to_string();
        let mut sent = self
            .arrive(
                cx,
                "initiate",
                format!("{reference} {}", what.order.amount.minor),
            )
            .await;
        let url = Url::parse(&format!("https://vipps.example/{reference}")).unwrap();
        if self.1 == ApiKind::Epayment {
            let key = what.key.to_string();
            // What is secret or personal is not in its Debug.
            let (token, phone) = (what.token.expose_secret(), &what.order.buyer.phone);
            let bytes = format!("{what:?} {token} {phone:?}");
            let earlier = {
                let mut state = self.0.lock().unwrap();
                let earlier = state.starts.iter().position(|(known, _)| *known == key);
                let earlier = earlier.map(|index| state.starts[index].1.clone());
                state.starts.push((key, bytes.clone()));
                earlier
            };
            sent = self.ruled(&what.reference, &what.key, sent, |history| {
                let replayed = earlier.is_some();
                match (history.is_empty(), replayed) {
                    (true, _) => None,
                    (false, true) if earlier.as_ref() == Some(&bytes) => None,
                    (false, true) => Some("4020"),
                    (false, false) => Some("4150"),
                }
            });
            let made = self.0.lock().unwrap().payments.contains_key(&reference);
            if sent.0 && made {
                return sent.1.map(|()| url);
            }
        }
        let (done, answer) = sent;
        if done {
            {
                let mut state = self.0.lock().unwrap();
                let over = what.expires.unwrap_or(after(cx.now(), self.window()));
                state.expires.insert(reference.clone(), over);
                state.made_with.insert(reference.clone(), self.1);
                state
                    .tokens
                    .insert(reference.clone(), what.token.expose_secret().into());
                state.urls.insert(reference.clone(), what.urls.clone());
            }
            self.push(
                &reference,
                OperationKind::Initiate,
                what.order.amount.minor,
                None,
            );
        }
        answer.map(|()| url)
    }
    async fn capture(&self, cx: &Context, _: &Caller, what: &Modification) -> Result<(), ApiError> {
        assert!(self.is_mine(&what.reference), "captured by another API");
        let sent = self
            .arrive(
                cx,
                "capture",
                format!("{} {} {}", what.reference, what.amount.minor, what.key),
            )
            .await;
        let (done, answer) = self.ruled(&what.reference, &what.key, sent, |history| {
            let left = total(history, &OperationKind::Authorise)
                - total(history, &OperationKind::Capture)
                - total(history, &OperationKind::Release);
            (what.amount.minor > left).then_some("6090")
        });
        if done {
            self.modify(OperationKind::Capture, what);
        }
        answer
    }
    async fn refund(&self, cx: &Context, _: &Caller, what: &Modification) -> Result<(), ApiError> {
        assert!(self.is_mine(&what.reference), "refunded by another API");
        let sent = self
            .arrive(
                cx,
                "refund",
                format!("{} {} {}", what.reference, what.amount.minor, what.key),
            )
            .await;
        let (done, answer) = self.ruled(&what.reference, &what.key, sent, |history| {
            let left =
                total(history, &OperationKind::Capture) - total(history, &OperationKind::Refund);
            (what.amount.minor > left).then_some("6150")
        });
        if done {
            self.modify(OperationKind::Refund, what);
        }
        answer
    }
    async fn cancel(&self, cx: &Context, _: &Caller, what: &Cancellation) -> Result<(), ApiError> {
        assert!(self.is_mine(&what.reference), "cancelled by another API");
        let line = match self.1 {
            ApiKind::Ecom => format!("{} release={}", what.reference, what.release),
            ApiKind::Epayment => {
                format!(
                    "{} only_open={} {}",
                    what.reference, what.only_open, what.key
                )
            }
        };
        let sent = self.arrive(cx, "cancel", line).await;
        self.expire(cx, what.reference.as_str());
        let approving = self.0.lock().unwrap().approving;
        let (done, answer) = self.ruled(&what.reference, &what.key, sent, |history| {
            let authorised = total(history, &OperationKind::Authorise);
            let ended = |o: &Operation| matches!(o.kind, OperationKind::Cancel(_));
            if approving {
                Some("6250")
            } else if authorised > 0 && what.only_open {
                Some("6060")
            } else if authorised > 0 && total(history, &OperationKind::Capture) == authorised {
                Some("6040")
            } else if history.iter().any(ended) {
                Some("6190")
            } else {
                None
            }
        });
        if done {
            let (authorised, captured) = self.sums(what.reference.as_str());
            let kind = if authorised > 0 {
                OperationKind::Release
            } else if self.1 == ApiKind::Epayment {
                OperationKind::Cancel(Ending::ByMerchant)
            } else {
                OperationKind::Cancel(Ending::Unsaid)
            };
            self.push(what.reference.as_str(), kind, authorised - captured, None);
        }
        answer
    }
    async fn read(
        &self,
        cx: &Context,
        _: &Caller,
        reference: &Reference,
        currency: Currency,
    ) -> Result<Option<Truth>, ApiError> {
        self.expire(cx, reference.as_str());
        let mine = self.is_mine(reference);
        let mut state = self.0.lock().unwrap();
        state.reads += 1;
        if state.down {
            return Err(lost());
        }
        let Some(operations) = state.payments.get(reference.as_str()).cloned() else {
            return Ok(None);
        };
        if !mine || currency != state.currency.unwrap_or(Currency::Nok) {
            return Ok(None);
        }
        let total = |kind: &OperationKind| Money::new(total(&operations, kind), currency);
        let captured = total(&OperationKind::Capture).minor + state.summary_ahead;
        let sums = Sums {
            authorised: Money::new(
                total(&OperationKind::Authorise).minor + state.says_authorised,
                currency,
            ),
            captured: Money::new(captured, currency),
            refunded: total(&OperationKind::Refund),
            released: total(&OperationKind::Release),
        };
        let truth_state = if sums.authorised.is_positive() {
            TruthState::Authorised
        } else {
            let ended = operations.iter().find_map(|o| match o.kind {
                OperationKind::Cancel(ending) => Some(ending),
                _ => None,
            });
            ended.map_or(TruthState::Open, TruthState::Ended)
        };
        let authorised = truth_state == TruthState::Authorised;
        let redirect = self.1 == ApiKind::Epayment && !state.no_redirect;
        Ok(Some(Truth {
            personal: state.personal.get(reference.as_str()).cloned(),
            delivery: state.delivery.get(reference.as_str()).cloned(),
            incomplete: state.incomplete && authorised,
            redirect: redirect
                .then(|| Url::parse(&format!("https://vipps.example/{reference}")).unwrap()),
            guaranteed_until: state.guaranteed_until.filter(|_| authorised),
            ..Truth::new(truth_state, sums, operations)
        }))
    }
    fn inbound(&self, path: &str, request: &Request<Bytes>) -> Option<Result<Inbound, BadCall>> {
        let shipping = |reference: &str| {
            // `0154`, or `0154 Gata 2`.
            let body = String::from_utf8_lossy(request.body()).into_owned();
            let (post_code, street) = body.split_once(' ').unwrap_or((&body, "Gata 1"));
            Some(Ok(Inbound::Shipping(ShippingCall {
                reference: Reference::new(reference).unwrap(),
                address_id: 1.into(),
                address: Address {
                    line1: street.into(),
                    line2: String::new(),
                    post_code: post_code.into(),
                    city: "Oslo".into(),
                    country: "NO".into(),
                },
            })))
        };
        if self.1 == ApiKind::Epayment {
            return shipping(path.strip_prefix("/express/")?);
        }
        if let Some(rest) = path.strip_prefix("/v2/payments/") {
            if let Some(reference) = rest.strip_suffix("/shippingDetails") {
                return shipping(reference);
            }
            let msn = String::from_utf8_lossy(request.body()).into_owned();
            return Some(Ok(Inbound::Callback(Callback {
                reference: Reference::new(rest).unwrap(),
                msn: Msn::new(msn).ok(),
                body_reference: None,
                amount: None,
                status: Some("RESERVED".into()),
            })));
        }
        let (secret, user) = path.strip_prefix("/c/")?.split_once("/v2/consents/")?;
        Some(Ok(Inbound::Consent(ConsentRemoval {
            secret: secret.into(),
            user_id: user.into(),
        })))
    }
    fn shown_token<'r>(&self, request: &'r Request<Bytes>) -> Option<&'r [u8]> {
        request
            .headers()
            .get("authorization")
            .map(|value| value.as_bytes())
    }
    fn shipping_answer(&self, _: &ShippingCall, options: &[QuotedOption]) -> Response<Bytes> {
        let text: Vec<String> = options
            .iter()
            .map(|o| format!("{} {}", o.wire_id, o.option.price.minor))
            .collect();
        Response::new(Bytes::from(text.join("\n")))
    }
}

fn total(history: &[Operation], kind: &OperationKind) -> i64 {
    let of_kind = history.iter().filter(|o| o.kind == *kind);
    of_kind.map(|o| o.amount.minor).sum()
}

impl FakeVipps {
    fn sums(&self, reference: &str) -> (i64, i64) {
        let state = self.0.lock().unwrap();
        let history = &state.payments[reference];
        (
            total(history, &OperationKind::Authorise),
            total(history, &OperationKind::Capture),
        )
    }
    /// The starts that arrived: key and bytes.
    pub fn starts(&self) -> Vec<(String, String)> {
        self.0.lock().unwrap().starts.clone()
    }
    /// The same Vipps, by another of its APIs.
    pub fn by(&self, kind: ApiKind) -> Self {
        Self(self.0.clone(), kind)
    }
    fn wire(&self) -> Wire {
        let apis = [ApiKind::Ecom, ApiKind::Epayment];
        Wire {
            apis: apis
                .map(|kind| Arc::new(self.by(kind)) as Arc<dyn PaymentApi>)
                .into(),
            webhooks: None,
            orders: Some(Arc::new(self.clone())),
            users: Some(Arc::new(self.clone())),
        }
    }
}

#[async_trait]
impl OrderManagement for FakeVipps {
    async fn receipt(
        &self,
        cx: &Context,
        _: &Caller,
        reference: &Reference,
        order: &Order,
    ) -> Result<(), ApiError> {
        let line = format!("{reference} {}", order.amount.minor);
        self.arrive(cx, "receipt", line).await.1
    }
    async fn link(
        &self,
        cx: &Context,
        _: &Caller,
        reference: &Reference,
        link: &OrderLink,
    ) -> Result<(), ApiError> {
        let line = format!("{reference} {}", link.url);
        self.arrive(cx, "link", line).await.1
    }
    async fn image(&self, _: &Context, _: &Caller, _: &str, _: &Bytes) -> Result<(), ApiError> {
        Err(lost())
    }
    async fn read(
        &self,
        _: &Context,
        _: &Caller,
        _: &Reference,
    ) -> Result<Option<Described>, ApiError> {
        Ok(None)
    }
}

#[async_trait]
impl UserinfoApi for FakeVipps {
    async fn userinfo(
        &self,
        cx: &Context,
        _: &Caller,
        reference: &Reference,
        sub: &str,
    ) -> Result<Option<Personal>, ApiError> {
        let (_, answer) = self
            .arrive(cx, "userinfo", format!("{reference} {sub}"))
            .await;
        answer.map(|()| self.0.lock().unwrap().users.get(sub).cloned())
    }
}

tokio::task_local! {
    /// How the shipping call of this task was answered.
    pub static HOW: std::cell::Cell<Option<kasse_core::flow::Shipping>>;
}

/// What a unit of the cart's price is in prices that tell what they are for.
pub const CART: i64 = 10_000;

/// What the shop shows.
#[derive(Debug, Default)]
pub struct Books {
    /// `1001 authorised 5000/0/0/0`: order, event, sums.
    pub told: Vec<String>,
    pub events: Vec<EventId>,
    pub names: HashMap<String, Option<String>>,
    pub notes: Vec<String>,
    pub forgotten: Vec<String>,
    pub answers: HashMap<String, VecDeque<RecordError>>,
    pub price: HashMap<String, i64>,
    pub options: Vec<ShippingOption>,
    pub quote_takes: Duration,
    pub quote_fails: bool,
    pub quote_breaks: bool,
    /// The number of its price list, where its prices tell what they are for: cart, post code, street
    /// (a digit each) and list.
    pub prices: Option<u32>,
    /// It looks at the cart when it answers, not when it is asked.
    pub looks_late: bool,
    /// How many of our questions for deliveries it has come to the end of.
    pub quotes_ended: usize,
    pub asks: VecDeque<Ask>,
    /// What a cart became, once it was paid.
    pub becomes: HashMap<String, OrderRef>,
    /// Calls of the engine's that wait for our answer.
    pub waiting: usize,
    /// What we asked of the engine while it waited.
    pub called_while_waiting: Vec<&'static str>,
    pub order_takes: Duration,
    /// The countries we asked deliveries for.
    pub asked_for: Vec<String>,
}

impl Books {
    fn deliveries(&self, at: &OrderRef, to: &Destination) -> Vec<ShippingOption> {
        let Some(list) = self.prices else {
            return self.options.clone();
        };
        let Destination::Address(address) = to else {
            return Vec::new();
        };
        let digit = |text: &str| text[text.len() - 1..].parse::<i64>().unwrap();
        let cart = self.price[at.order.as_str()] / CART;
        let place = digit(&address.post_code) * 10 + digit(&address.line1);
        let minor = (cart * 100 + place) * 100_000 + i64::from(list);
        vec![option("home", minor)]
    }

    fn called(&mut self, what: &'static str) {
        if self.waiting > 0 {
            self.called_while_waiting.push(what);
        }
    }
}

#[derive(Debug, Clone)]
pub struct FakeShop {
    pub flow: ShopFlow,
    pub books: Arc<Mutex<Books>>,
}

pub fn shop_id() -> ShopId {
    ShopId::new("acme").unwrap()
}
pub fn at(order: &str) -> OrderRef {
    OrderRef::new(shop_id(), OrderId::new(order).unwrap())
}
pub fn order(id: &str, minor: i64) -> Order {
    Order {
        at: at(id),
        amount: Money::nok(minor),
        lines: vec![Line {
            id: LineId::new("1").unwrap(),
            name: "Socks".into(),
            quantity: 1,
            total: Money::nok(minor),
            discount: Money::nok(0),
            vat: VatRate::percent(25),
            kind: LineKind::Goods,
        }],
        text: format!("Order {id}"),
        buyer: Buyer::default(),
        express: None,
        deliveries: Vec::new(),
        return_to: Url::parse("https://shop.example/thanks").unwrap(),
    }
}
pub fn option(id: &str, minor: i64) -> ShippingOption {
    ShippingOption {
        id: id.into(),
        title: id.into(),
        price: Money::nok(minor),
        vat: VatRate::percent(25),
        kind: DeliveryKind::Home,
        brand: String::new(),
        estimate: None,
        default: false,
        priority: 0,
        engine: serde_json::json!({ "rate": id }),
    }
}

#[async_trait]
impl PaymentProvider for FakeShop {
    fn system(&self) -> System {
        System::new("fake", "1", "fake-kasse", "1").unwrap()
    }
    fn flow(&self) -> &ShopFlow {
        &self.flow
    }
    async fn read(&self, _: &Context, _: &Request<Bytes>) -> Result<Ask, Refusal> {
        let mut books = self.books.lock().unwrap();
        let ask = books.asks.pop_front().ok_or_else(|| Refusal {
            response: Response::builder().status(401).body(Bytes::new()).unwrap(),
            why: "not signed".into(),
        })?;
        books.waiting += 1;
        Ok(ask)
    }
    fn answer(&self, _: &Ask, outcome: &Outcome) -> Response<Bytes> {
        self.books.lock().unwrap().waiting -= 1;
        let text = match outcome {
            Outcome::Started(p) => format!("started {}", p.id.reference),
            Outcome::Done(p) => format!("done {}", p.id.reference),
            Outcome::Pending(p) => format!("pending {}", p.id.reference),
            Outcome::Refused(e) => format!("refused {e}"),
        };
        Response::new(Bytes::from(text))
    }
    async fn order(&self, cx: &Context, at: &OrderRef) -> Result<Order, Error> {
        let takes = {
            let mut books = self.books.lock().unwrap();
            books.called("order");
            books.order_takes
        };
        cx.runtime.sleep(takes).await;
        let price = self
            .books
            .lock()
            .unwrap()
            .price
            .get(at.order.as_str())
            .copied();
        price
            .map(|price| order(at.order.as_str(), price))
            .ok_or_else(|| Error::invalid("No", "no.", ""))
    }
    async fn record(
        &self,
        _: &Context,
        at: &OrderRef,
        now: &Payment,
        event: &PaymentEvent,
    ) -> Result<Recorded, RecordError> {
        let mut books = self.books.lock().unwrap();
        books.called("record");
        if let Some(error) = books
            .answers
            .get_mut(at.order.as_str())
            .and_then(VecDeque::pop_front)
        {
            return Err(error);
        }
        if books.events.contains(&event.id) {
            return Ok(Recorded::default());
        }
        books.events.push(event.id.clone());
        let s = event.sums;
        books.told.push(format!(
            "{} {} {}/{}/{}/{}",
            at.order,
            event.what.word(),
            s.authorised.minor,
            s.captured.minor,
            s.refunded.minor,
            s.released.minor
        ));
        books
            .notes
            .extend(now.notes.iter().map(|note| note.text.clone()));
        books.names.insert(
            at.order.to_string(),
            now.personal.as_ref().and_then(|p| p.first_name.clone()),
        );
        Ok(Recorded {
            order: books.becomes.get(at.order.as_str()).cloned(),
        })
    }
    async fn forget(&self, _: &Context, orders: &[OrderRef]) -> Result<Forgotten, Error> {
        let mut books = self.books.lock().unwrap();
        books
            .forgotten
            .extend(orders.iter().map(|o| o.order.to_string()));
        Ok(Forgotten {
            kept: vec!["amounts".into()],
        })
    }
}

#[async_trait]
impl ShippingQuoter for FakeShop {
    async fn quote(
        &self,
        cx: &Context,
        at: &OrderRef,
        to: &Destination,
    ) -> Result<Vec<ShippingOption>, Error> {
        let (takes, fails, breaks, late, mut options) = {
            let mut books = self.books.lock().unwrap();
            books.called("quote");
            books.asked_for.push(to.country().to_owned());
            let (fails, breaks) = (books.quote_fails, books.quote_breaks);
            let options = books.deliveries(at, to);
            (books.quote_takes, fails, breaks, books.looks_late, options)
        };
        cx.runtime.sleep(takes).await;
        {
            let mut books = self.books.lock().unwrap();
            books.quotes_ended += 1;
            if late {
                options = books.deliveries(at, to);
            }
        }
        assert!(!breaks, "as the test wants");
        if fails {
            return Err(Error::invalid("No deliveries", "the engine is down.", ""));
        }
        Ok(if to.post_code() == "9170" {
            Vec::new()
        } else {
            options
        })
    }
}

#[derive(Debug)]
struct NoHttp;
#[async_trait]
impl Transport for NoHttp {
    async fn send(
        &self,
        _: Request<Bytes>,
        _: Duration,
    ) -> Result<Response<Bytes>, TransportError> {
        panic!("nothing in these tests goes over a wire")
    }
}

/// Everything together.
pub struct World {
    pub vipps: FakeVipps,
    pub books: Arc<Mutex<Books>>,
    pub journal: Arc<MemoryJournal>,
    pub flow: Flow,
    pub cx: Context,
}

pub fn account(name: &str, msn: &str) -> Account {
    Account {
        id: AccountId::new(name).unwrap(),
        environment: Environment::Test,
        msn: Msn::new(msn).unwrap(),
        client_id: "id".into(),
        client_secret: SecretString::from("secret"),
        subscription_key: SecretString::from("key"),
        market: None,
        late_capture: false,
    }
}

impl World {
    /// On eCom.
    pub fn new() -> Self {
        Self::on(ApiKind::Ecom)
    }

    /// A shop whose payments are made with this API.
    pub fn on(api: ApiKind) -> Self {
        Self::wishing(api, account("main", "123456"), Wishes::default())
    }

    /// The same, with a sales unit and wishes of its own.
    pub fn wishing(api: ApiKind, account: Account, wishes: Wishes) -> Self {
        let start = "2026-03-01T12:00:00Z".parse().unwrap();
        let cx = Context::new(
            Arc::new(NoHttp),
            Arc::new(TokioRuntime::starting_at(start)),
            Arc::new(CountedIds::default()),
        );
        let vipps = FakeVipps(Arc::default(), api);
        let journal = Arc::new(MemoryJournal::new());
        let books = Arc::new(Mutex::new(Books::default()));
        let uses = account.id.to_string();
        let flow = Self::flow_wishing(&cx, &vipps, &journal, &books, vec![account], &uses, wishes);
        Self {
            vipps,
            books,
            journal,
            flow,
            cx,
        }
    }

    /// A flow as after a restart: the same journal, the same Vipps, the same shop.
    pub fn flow(
        cx: &Context,
        vipps: &FakeVipps,
        journal: &Arc<MemoryJournal>,
        books: &Arc<Mutex<Books>>,
        accounts: Vec<Account>,
        uses: &str,
    ) -> Flow {
        Self::flow_wishing(cx, vipps, journal, books, accounts, uses, Wishes::default())
    }

    fn flow_wishing(
        cx: &Context,
        vipps: &FakeVipps,
        journal: &Arc<MemoryJournal>,
        books: &Arc<Mutex<Books>>,
        accounts: Vec<Account>,
        uses: &str,
        wishes: Wishes,
    ) -> Flow {
        let journal = journal.clone() as Arc<dyn Journal>;
        Self::flow_over(cx, vipps, journal, books, accounts, uses, wishes)
    }

    /// A flow over another journal.
    pub fn over(&self, journal: Arc<dyn Journal>) -> Flow {
        let accounts = vec![account("main", "123456")];
        let (vipps, books) = (&self.vipps, &self.books);
        Self::flow_over(
            &self.cx,
            vipps,
            journal,
            books,
            accounts,
            "main",
            Wishes::default(),
        )
    }

    fn flow_over(
        cx: &Context,
        vipps: &FakeVipps,
        journal: Arc<dyn Journal>,
        books: &Arc<Mutex<Books>>,
        accounts: Vec<Account>,
        uses: &str,
        wishes: Wishes,
    ) -> Flow {
        let options = FlowOptions {
            public_url: Url::parse("https://kasse.example").unwrap(),
            keys: InstallationKeys {
                keys: vec![(
                    "k1".into(),
                    SecretString::from("0123456789abcdef0123456789abcdef"),
                )],
            },
            quote_budget: Duration::from_secs(6),
            observer: Arc::new(vipps.clone()),
        };
        let flow = Flow::new(options, cx.clone(), journal, vipps.wire(), accounts).unwrap();
        let adapter = FakeShop {
            flow: flow.shop_flow(&shop_id()),
            books: books.clone(),
        };
        let shop = Shop {
            id: shop_id(),
            name: "Acme".into(),
            account: AccountId::new(uses).unwrap(),
            api: vipps.1,
            prefix: ReferencePrefix::new("acme").unwrap(),
            language: Language::En,
            wishes,
        };
        flow.add_shop(shop, Arc::new(adapter)).unwrap();
        flow
    }

    pub async fn pay(&self, order: Order) -> Payment {
        match self
            .flow
            .initiate(&self.cx, Initiate { order, key: None })
            .await
        {
            Outcome::Started(payment) => *payment,
            other => panic!("not started: {other:?}"),
        }
    }

    /// What stands in the journal of an order's payments: reference and state.
    pub async fn payments(&self, order: &str) -> Vec<(String, PaymentState)> {
        let payments = self.journal.payments_of(&at(order)).await.unwrap();
        let shown = payments.into_iter();
        shown
            .map(|payment| (payment.id.reference.to_string(), payment.state))
            .collect()
    }

    /// Asks for the deliveries of a payment, as Vipps does.
    pub async fn deliveries(&self, reference: &str, post_code: &str) -> Response<Bytes> {
        self.flow
            .handle(self.shipping_call(reference, post_code))
            .await
    }

    /// The call for it.
    pub fn shipping_call(&self, reference: &str, post_code: &str) -> Request<Bytes> {
        let token = self.vipps.0.lock().unwrap().tokens[reference].clone();
        let path = match self.vipps.1 {
            ApiKind::Ecom => format!("v2/payments/{reference}/shippingDetails"),
            ApiKind::Epayment => format!("express/{reference}"),
        };
        Request::post(format!("https://kasse.example/vipps/acme/{path}"))
            .header("authorization", token)
            .body(Bytes::from(post_code.to_owned()))
            .unwrap()
    }

    /// The customer approves, and Vipps calls back.
    pub async fn approve(&self, payment: &Payment) {
        self.vipps.push(
            payment.id.reference.as_str(),
            OperationKind::Authorise,
            payment.amount.minor,
            None,
        );
        assert_eq!(self.callback(payment).await, StatusCode::OK);
        self.settle().await;
    }

    /// Vipps calls back; ePayment calls no payment's own address, so there we look by ourselves.
    pub async fn callback(&self, payment: &Payment) -> StatusCode {
        if payment.api == ApiKind::Epayment {
            let target = Target {
                reference: Some(payment.id.reference.clone()),
                ..Target::order(payment.order.clone())
            };
            self.flow.details(&self.cx, &target).await;
            return StatusCode::OK;
        }
        let token = self.vipps.0.lock().unwrap().tokens[payment.id.reference.as_str()].clone();
        self.call(payment.id.reference.as_str(), &token, "123456")
            .await
            .status()
    }

    pub async fn call(&self, reference: &str, token: &str, body: &str) -> Response<Bytes> {
        let request = Request::post(format!(
            "https://kasse.example/vipps/acme/v2/payments/{reference}"
        ))
        .header("authorization", token)
        .body(Bytes::from(body.to_owned()))
        .unwrap();
        self.flow.handle(request).await
    }

    /// Lets what was begun beside us come to rest; the clock is tokio's, paused, and moves by itself.
    pub async fn settle(&self) {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }

    /// Time goes by, with a sweep each second.
    pub async fn seconds(&self, seconds: u64) {
        for _ in 0..seconds {
            tokio::time::sleep(Duration::from_secs(1)).await;
            self.flow.sweep().await;
        }
    }

    pub async fn now(&self, payment: &Payment) -> Payment {
        self.journal.payment(&payment.id).await.unwrap().unwrap()
    }

    pub fn told(&self) -> Vec<String> {
        self.books.lock().unwrap().told.clone()
    }
}
