//! Webhooks: where they are registered, and what comes in by them.

use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use jiff::Timestamp;
use kasse_core::api::*;
use kasse_core::flow::{ApplyWebhooks, FlowOptions, InstallationKeys, Shop, StepKind, WhyRegister};
use kasse_core::journal::{Journal, MemoryJournal, RegistrationState};
use kasse_core::*;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::world::*;

const EVENTS: &[&str] = &["payment.authorised", "payment.captured"];

/// The payment API of the other tests, for a Vipps that tells by webhooks.
#[derive(Debug, Clone)]
struct Hooked(FakeVipps);

#[async_trait]
impl PaymentApi for Hooked {
    fn kind(&self) -> ApiKind {
        ApiKind::Epayment
    }
    fn amounts(&self, currency: Currency) -> Option<RangeInclusive<i64>> {
        self.0.amounts(currency)
    }
    fn window(&self) -> Duration {
        self.0.window()
    }
    fn initiate_is_idempotent(&self) -> bool {
        self.0.initiate_is_idempotent()
    }
    fn needs_webhooks(&self) -> bool {
        true
    }
    fn writes_late(&self) -> bool {
        false
    }
    fn token_chars(&self) -> usize {
        self.0.token_chars()
    }
    fn meaning(&self, asked: Asked, error: &Error) -> Meaning {
        self.0.meaning(asked, error)
    }
    async fn initiate(&self, cx: &Context, by: &Caller, it: &Initiation) -> Result<Url, ApiError> {
        self.0.initiate(cx, by, it).await
    }
    async fn capture(&self, cx: &Context, by: &Caller, it: &Modification) -> Result<(), ApiError> {
        self.0.capture(cx, by, it).await
    }
    async fn refund(&self, cx: &Context, by: &Caller, it: &Modification) -> Result<(), ApiError> {
        self.0.refund(cx, by, it).await
    }
    async fn cancel(&self, cx: &Context, by: &Caller, it: &Cancellation) -> Result<(), ApiError> {
        self.0.cancel(cx, by, it).await
    }
    async fn read(
        &self,
        cx: &Context,
        by: &Caller,
        reference: &Reference,
        currency: Currency,
    ) -> Result<Option<Truth>, ApiError> {
        PaymentApi::read(&self.0, cx, by, reference, currency).await
    }
    fn inbound(&self, path: &str, request: &Request<Bytes>) -> Option<Result<Inbound, BadCall>> {
        self.0.inbound(path, request)
    }
    fn shown_token<'r>(&self, request: &'r Request<Bytes>) -> Option<&'r [u8]> {
        self.0.shown_token(request)
    }
    fn shipping_answer(&self, call: &ShippingCall, options: &[QuotedOption]) -> Response<Bytes> {
        self.0.shipping_answer(call, options)
    }
}

#[derive(Debug, Clone)]
struct Hook {
    msn: String,
    at: RegisteredAtVipps,
    secret: String,
}

#[derive(Debug, Default)]
struct HookState {
    hooks: Vec<Hook>,
    made: usize,
    sent: Vec<String>,
    /// The next registration: done and its answer lost, or refused.
    lost: bool,
    refused: bool,
    down: bool,
}

/// Where Vipps keeps registrations.
#[derive(Debug, Clone, Default)]
struct FakeHooks(Arc<Mutex<HookState>>);

fn error(why: &str) -> Error {
    Error::new(ErrorKind::VippsUnavailable, Who::Nobody, "No", why, "")
}

impl FakeHooks {
    fn put(&self, msn: &str, url: &str, events: &[&str]) -> Registered {
        let mut state = self.0.lock().unwrap();
        state.made += 1;
        let (id, secret) = (format!("hook-{}", state.made), format!("s-{}", state.made));
        state.hooks.push(Hook {
            msn: msn.into(),
            at: RegisteredAtVipps {
                id: id.clone(),
                url: url.into(),
                events: events.iter().map(|&event| event.into()).collect(),
            },
            secret: secret.clone(),
        });
        Registered {
            id,
            secret: secret.into(),
        }
    }

    fn ids(&self) -> Vec<String> {
        let state = self.0.lock().unwrap();
        state.hooks.iter().map(|hook| hook.at.id.clone()).collect()
    }

    fn hook(&self, id: &str) -> Hook {
        let state = self.0.lock().unwrap();
        let hook = state.hooks.iter().find(|hook| hook.at.id == id);
        hook.unwrap().clone()
    }

    fn drop_hook(&self, id: &str) {
        let mut state = self.0.lock().unwrap();
        state.hooks.retain(|hook| hook.at.id != id);
    }

    fn sent(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().sent)
    }
}

#[async_trait]
impl WebhookApi for FakeHooks {
    fn events(&self) -> &'static [&'static str] {
        EVENTS
    }
    async fn register(
        &self,
        _: &Context,
        caller: &Caller,
        url: &Url,
        events: &[&str],
    ) -> Result<Registered, ApiError> {
        {
            let mut state = self.0.lock().unwrap();
            state.sent.push(format!("register {}", caller.account.id));
            if std::mem::take(&mut state.refused) {
                return Err(ApiError::Refused(error("there are 25 already.")));
            }
        }
        let made = self.put(caller.account.msn.as_str(), url.as_str(), events);
        if std::mem::take(&mut self.0.lock().unwrap().lost) {
            return Err(ApiError::Unknown(error("the answer was lost.")));
        }
        Ok(made)
    }
    async fn list(&self, _: &Context, by: &Caller) -> Result<Vec<RegisteredAtVipps>, ApiError> {
        let state = self.0.lock().unwrap();
        if state.down {
            return Err(ApiError::Unknown(error("Vipps is down.")));
        }
        let of = |hook: &&Hook| hook.msn == by.account.msn.as_str();
        let hooks = state.hooks.iter().filter(of);
        Ok(hooks.map(|hook| hook.at.clone()).collect())
    }
    async fn remove(&self, _: &Context, _: &Caller, id: &str) -> Result<(), ApiError> {
        self.0.lock().unwrap().sent.push(format!("remove {id}"));
        self.drop_hook(id);
        Ok(())
    }
    fn verify(
        &self,
        request: &Request<Bytes>,
        registered: &Url,
        secret: &SecretString,
        now: Timestamp,
        window: Duration,
    ) -> Result<(), WhyNot> {
        let header = |name: &str| request.headers().get(name)?.to_str().ok();
        let date: Timestamp = header("date")
            .and_then(|date| date.parse().ok())
            .ok_or(WhyNot::NoDate)?;
        if now.duration_since(date).unsigned_abs() > window {
            return Err(WhyNot::Clock);
        }
        let shown = header("authorization").ok_or(WhyNot::NoSignature)?;
        let right = signature(secret.expose_secret(), registered.as_str(), request.body());
        (shown == right).then_some(()).ok_or(WhyNot::Signature)
    }
    fn read(&self, body: &[u8]) -> Result<Notice, BadCall> {
        let text = String::from_utf8_lossy(body);
        let pieces: Vec<&str> = text.split(' ').collect();
        let [msn, reference, psp, name, success] = pieces.as_slice() else {
            return Err(BadCall {
                status: StatusCode::BAD_REQUEST,
                why: "it is no event".into(),
            });
        };
        Ok(Notice {
            msn: Msn::new(*msn).unwrap(),
            reference: (*reference).into(),
            psp_reference: (*psp).into(),
            name: (*name).into(),
            success: *success == "true",
            amount: None,
            at: None,
        })
    }
}

/// As good as Vipps' where nobody has to be kept out.
fn signature(secret: &str, url: &str, body: &[u8]) -> String {
    format!("{secret}|{url}|{}", String::from_utf8_lossy(body))
}

/// A world whose Vipps tells by webhooks.
struct Here {
    w: World,
    hooks: FakeHooks,
}

struct Set {
    url: &'static str,
    keys: Vec<&'static str>,
    accounts: Vec<Account>,
    uses: &'static str,
    api: ApiKind,
}

impl Set {
    fn usual() -> Self {
        Self {
            url: "https://kasse.example",
            keys: vec!["k1"],
            accounts: vec![account("main", "123456")],
            uses: "main",
            api: ApiKind::Epayment,
        }
    }
}

impl Here {
    fn new() -> Self {
        let w = World::new();
        let mut here = Self {
            w,
            hooks: FakeHooks::default(),
        };
        here.restart(Set::usual());
        here
    }

    /// As after a restart with this configuration: the same journal, the same Vipps.
    fn restart(&mut self, set: Set) {
        let key = |name: &&str| ((*name).to_owned(), format!("{name:-<40}").into());
        let options = FlowOptions {
            public_url: Url::parse(set.url).unwrap(),
            keys: InstallationKeys {
                keys: set.keys.iter().map(key).collect(),
            },
            quote_budget: Duration::from_secs(6),
            observer: Arc::new(self.w.vipps.clone()),
        };
        let wire = Wire {
            apis: vec![
                Arc::new(self.w.vipps.clone()),
                Arc::new(Hooked(self.w.vipps.clone())),
            ],
            webhooks: Some(Arc::new(self.hooks.clone())),
            ..Wire::default()
        };
        let journal = Arc::<MemoryJournal>::clone(&self.w.journal);
        let flow = Flow::new(options, self.w.cx.clone(), journal, wire, set.accounts).unwrap();
        let adapter = FakeShop {
            flow: flow.shop_flow(&shop_id()),
            books: self.w.books.clone(),
        };
        let shop = Shop {
            id: shop_id(),
            name: "Acme".into(),
            account: AccountId::new(set.uses).unwrap(),
            api: set.api,
            prefix: ReferencePrefix::new("acme").unwrap(),
            language: Language::En,
            wishes: Wishes::default(),
        };
        flow.add_shop(shop, Arc::new(adapter)).unwrap();
        self.w.flow = flow;
    }

    /// What is planned, and what was done by hand: one word for each step.
    async fn apply(&self, how: ApplyWebhooks) -> Vec<String> {
        let flow = &self.w.flow;
        let planned = flow.webhooks_plan(&self.w.cx).await.unwrap();
        let done = flow.webhooks_apply(&self.w.cx, how).await.unwrap();
        if !how.renew {
            assert_eq!(planned.len(), done.len());
            assert!(planned.iter().all(|step| step.done != Some(true)));
        }
        done.iter()
            .map(|step| word(&step.kind, step.done))
            .collect()
    }

    async fn by_hand(&self) -> Vec<String> {
        self.apply(ApplyWebhooks::default()).await
    }

    async fn unattended(&self) -> Vec<String> {
        let unattended = true;
        self.apply(ApplyWebhooks {
            unattended,
            ..ApplyWebhooks::default()
        })
        .await
    }

    async fn states(&self) -> Vec<RegistrationState> {
        let all = self.w.flow.webhooks().await.unwrap();
        all.iter().map(|known| known.state).collect()
    }

    /// Vipps sends to a registration, signed as it is there.
    async fn send(&self, hook: &Hook, body: &str) -> StatusCode {
        let sign = signature(&hook.secret, &hook.at.url, body.as_bytes());
        let now = self.w.cx.now().to_string();
        self.call(&hook.at.url, Some(&sign), Some(&now), body).await
    }

    async fn call(
        &self,
        url: &str,
        sign: Option<&str>,
        date: Option<&str>,
        body: &str,
    ) -> StatusCode {
        let mut request = Request::post(url);
        if let Some(sign) = sign {
            request = request.header("authorization", sign);
        }
        if let Some(date) = date {
            request = request.header("date", date);
        }
        let request = request.body(Bytes::from(body.to_owned())).unwrap();
        self.w.flow.handle(request).await.status()
    }

    fn heard(&self) -> Vec<String> {
        let mut state = self.w.vipps.0.lock().unwrap();
        let heard = std::mem::take(&mut state.heard);
        let hooks = heard.into_iter().filter_map(|line| {
            let hook = line.strip_prefix("webhook ")?;
            Some(hook.to_owned())
        });
        hooks.collect()
    }
}

fn word(kind: &StepKind, done: Option<bool>) -> String {
    let word = match kind {
        StepKind::Keep => "keep".to_owned(),
        StepKind::Register { why } => format!("register {why:?}"),
        StepKind::Remove { why, waits } => {
            let waits = if *waits { " waits" } else { "" };
            format!("remove {why:?}{waits}")
        }
        StepKind::Foreign => "foreign".into(),
        StepKind::NearLimit { registered } => format!("near {registered}"),
        StepKind::Unknown => "unknown".into(),
    };
    match done {
        Some(true) => word + " done",
        Some(false) => word + " failed",
        None => word,
    }
}

fn body(payment: &Payment, psp: &str, name: &str, success: bool) -> String {
    format!("123456 {} {psp} {name} {success}", payment.id.reference)
}

#[tokio::test(start_paused = true)]
async fn a_sales_unit_is_registered_once_and_with_all_events() {
    let here = Here::new();
    assert_eq!(here.unattended().await, ["register Missing done"]);
    assert_eq!(here.by_hand().await, ["keep"]);
    assert_eq!(here.unattended().await, ["keep"]);
    assert_eq!(here.hooks.sent(), ["register main"]);
    let hook = here.hooks.hook("hook-1");
    assert_eq!(hook.at.events, EVENTS);
    let known = here.w.flow.webhooks().await.unwrap();
    assert_eq!(known[0].url.as_str(), hook.at.url);
    let begins = "https://kasse.example/webhooks/main/";
    assert!(hook.at.url.starts_with(begins), "{}", hook.at.url);
    let kept = format!("{known:?}") + &serde_json::to_string(&known).unwrap();
    assert!(!kept.contains("s-1"), "the secret is sealed: {kept}");
}

#[tokio::test(start_paused = true)]
async fn an_installation_without_such_a_shop_asks_nothing() {
    let mut here = Here::new();
    let api = ApiKind::Ecom;
    here.restart(Set {
        api,
        ..Set::usual()
    });
    assert!(!here.w.flow.needs_webhooks());
    assert!(here.by_hand().await.is_empty());
    // A shop that moved back keeps its registration: the payments of before still need it.
    here.restart(Set::usual());
    assert!(here.w.flow.needs_webhooks());
    here.by_hand().await;
    here.restart(Set {
        api,
        ..Set::usual()
    });
    assert_eq!(here.by_hand().await, ["keep"]);
    assert_eq!(here.states().await, [RegistrationState::Live]);
}

#[tokio::test(start_paused = true)]
async fn a_webhook_is_kept_and_then_the_truth_is_read() {
    let here = Here::new();
    here.by_hand().await;
    let hook = here.hooks.hook("hook-1");
    let payment = here.w.pay(order("1001", 5000)).await;
    let reference = payment.id.reference.as_str();
    here.w
        .vipps
        .push(reference, OperationKind::Authorise, 5000, None);
    let reads = || here.w.vipps.0.lock().unwrap().reads;
    let before = reads();
    let event = body(&payment, "psp-1", "AUTHORIZED", true);
    assert_eq!(here.send(&hook, &event).await, StatusCode::OK);
    assert_eq!(reads(), before, "Vipps is answered first");
    here.w.settle().await;
    assert!(reads() > before);
    assert_eq!(here.w.now(&payment).await.state, PaymentState::Authorised);
    assert!(here.w.told().contains(&"1001 authorised 5000/0/0/0".into()));
    // The same again is taken, and is no news.
    let before = reads();
    assert_eq!(here.send(&hook, &event).await, StatusCode::OK);
    here.w.settle().await;
    assert_eq!(reads(), before);
    // One that tells of a failure is no reason to look.
    let failed = body(&payment, "psp-2", "CAPTURED", false);
    assert_eq!(here.send(&hook, &failed).await, StatusCode::OK);
    here.w.settle().await;
    assert_eq!(reads(), before);
    // Two captures have one name, and are two events.
    for psp in ["psp-3", "psp-4"] {
        let event = body(&payment, psp, "CAPTURED", true);
        assert_eq!(here.send(&hook, &event).await, StatusCode::OK);
        here.w.settle().await;
    }
    assert_eq!(reads(), before + 2);
    assert_eq!(
        here.heard(),
        [
            "main taken",
            "main repeated",
            "main unsuccessful",
            "main taken",
            "main taken"
        ]
    );
    let known = here.w.flow.webhooks().await.unwrap();
    assert!(known[0].last.is_some());
}

#[tokio::test(start_paused = true)]
async fn what_is_not_shown_to_be_vipps_is_not_taken() {
    let here = Here::new();
    here.by_hand().await;
    let hook = here.hooks.hook("hook-1");
    let url = hook.at.url.as_str();
    let payment = here.w.pay(order("1001", 5000)).await;
    let event = body(&payment, "psp-1", "AUTHORIZED", true);
    let now = here.w.cx.now().to_string();
    let sign = signature(&hook.secret, url, event.as_bytes());
    let forged = signature("guessed", url, event.as_bytes());
    let elsewhere = signature(&hook.secret, "https://other.example/", event.as_bytes());
    let off = |seconds: i64| {
        let by = jiff::SignedDuration::from_secs(seconds);
        here.w.cx.now().checked_add(by).unwrap().to_string()
    };
    for (sign, date, wanted) in [
        (None, Some(now.clone()), "no_signature"),
        (Some(&sign), None, "no_date"),
        (Some(&forged), Some(now.clone()), "signature"),
        (Some(&elsewhere), Some(now.clone()), "signature"),
        (Some(&sign), Some(off(-301)), "clock"),
        (Some(&sign), Some(off(301)), "clock"),
    ] {
        let sign = sign.map(String::as_str);
        let status = here.call(url, sign, date.as_deref(), &event).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{wanted}");
        assert_eq!(here.heard(), [format!("main {wanted}")]);
    }
    for off in [off(-299), off(299)] {
        let status = here.call(url, Some(&sign), Some(&off), &event).await;
        assert_eq!(status, StatusCode::OK);
    }
    here.heard();
    // The payment's trace shows what was refused.
    let trace = here.w.flow.trace(&shop_id(), &payment.id.reference).await;
    let exchanges = trace.unwrap().exchanges;
    let refused = exchanges.iter().filter(|e| e.status == Some(401));
    assert!(refused.count() > 0, "{exchanges:?}");
    // Addresses that were never given out.
    let slot = url.rsplit('/').next().unwrap();
    for path in [
        format!("/webhooks/main/{}", "f".repeat(32)),
        format!("/webhooks/other/{slot}"),
        format!("/webhooks/main/{slot}/more"),
        format!("/webhooks/main/{}", &slot[..31]),
        "/webhooks/main/".into(),
        "/webhooks/".into(),
        "/webhooks".into(),
    ] {
        let url = format!("https://kasse.example{path}");
        let status = here.call(&url, Some(&sign), Some(&now), &event).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
    }
    assert!(
        here.heard()
            .iter()
            .all(|heard| heard == "nobody unknown_slot")
    );
    let get = Request::get(url).body(Bytes::new()).unwrap();
    let answer = here.w.flow.handle(get).await;
    assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.headers()["allow"], "POST");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_ours_is_taken_and_counted() {
    let here = Here::new();
    here.by_hand().await;
    let hook = here.hooks.hook("hook-1");
    let payment = here.w.pay(order("1001", 5000)).await;
    for body in [
        "123456 theirs-100100 psp-1 CAPTURED true".to_owned(),
        "123456 x psp-1 CAPTURED false".to_owned(),
        format!("654321 {} psp-1 AUTHORIZED true", payment.id.reference),
    ] {
        assert_eq!(here.send(&hook, &body).await, StatusCode::OK, "{body}");
        assert_eq!(here.send(&hook, &body).await, StatusCode::OK, "{body}");
    }
    let strays = here.w.flow.strays(Timestamp::MIN, 9).await.unwrap();
    let names: Vec<&str> = strays.iter().map(|s| s.reference.as_str()).collect();
    let ours = payment.id.reference.as_str();
    assert_eq!(names, [ours, "x", "theirs-100100"]);
    assert_eq!(strays[2].event, "psp-1/CAPTURED");
    assert!(here.heard().iter().all(|heard| heard == "main stray"));
    let unread = here.w.journal.unread(&payment.id).await.unwrap();
    assert!(unread.is_empty());
    // What is rightly signed and no event.
    assert_eq!(here.send(&hook, "?").await, StatusCode::BAD_REQUEST);
    assert_eq!(here.heard(), ["main unreadable"]);
}

#[tokio::test(start_paused = true)]
async fn a_payment_is_found_whichever_account_of_the_sales_unit_made_it() {
    let mut here = Here::new();
    let accounts = || vec![account("main", "123456"), account("old", "123456")];
    here.restart(Set {
        accounts: accounts(),
        uses: "old",
        ..Set::usual()
    });
    let payment = here.w.pay(order("1001", 5000)).await;
    assert_eq!(payment.id.account.as_str(), "old");
    here.restart(Set {
        accounts: accounts(),
        ..Set::usual()
    });
    assert_eq!(here.by_hand().await, ["register Missing done"]);
    let hook = here.hooks.hook("hook-1");
    assert!(hook.at.url.contains("/webhooks/main/"), "{}", hook.at.url);
    let reference = payment.id.reference.as_str();
    here.w
        .vipps
        .push(reference, OperationKind::Authorise, 5000, None);
    let event = body(&payment, "psp-1", "AUTHORIZED", true);
    assert_eq!(here.send(&hook, &event).await, StatusCode::OK);
    here.w.settle().await;
    assert_eq!(here.w.now(&payment).await.state, PaymentState::Authorised);
    // One registration is enough for both, whichever the shop uses.
    here.restart(Set {
        accounts: accounts(),
        uses: "old",
        ..Set::usual()
    });
    assert_eq!(here.by_hand().await, ["keep"]);
}

#[tokio::test(start_paused = true)]
async fn what_vipps_dropped_is_registered_anew_and_its_address_still_taken() {
    let here = Here::new();
    here.by_hand().await;
    let first = here.hooks.hook("hook-1");
    here.hooks.drop_hook("hook-1");
    assert_eq!(here.unattended().await, ["register DroppedByVipps done"]);
    let (gone, live) = (RegistrationState::Gone, RegistrationState::Live);
    assert_eq!(here.states().await, [gone, live]);
    assert_eq!(here.by_hand().await, ["keep"]);
    let payment = here.w.pay(order("1001", 5000)).await;
    let late = body(&payment, "psp-1", "AUTHORIZED", true);
    assert_eq!(here.send(&first, &late).await, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn after_a_lost_answer_the_orphan_goes_and_another_is_made() {
    let here = Here::new();
    here.hooks.0.lock().unwrap().lost = true;
    assert_eq!(here.unattended().await, ["register Missing failed"]);
    assert_eq!(here.hooks.ids(), ["hook-1"]);
    assert_eq!(here.states().await, [RegistrationState::Asked]);
    // Nothing that it sends can be shown to be right.
    let orphan = here.hooks.hook("hook-1");
    let payment = here.w.pay(order("1001", 5000)).await;
    let event = body(&payment, "psp-1", "AUTHORIZED", true);
    let status = here.send(&orphan, &event).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert_eq!(here.heard(), ["main no_secret"]);
    here.hooks.sent();
    assert_eq!(
        here.unattended().await,
        ["register UnknownSecret done", "remove UnknownSecret done"]
    );
    assert_eq!(here.hooks.sent(), ["register main", "remove hook-1"]);
    let (gone, live) = (RegistrationState::Gone, RegistrationState::Live);
    assert_eq!(here.states().await, [gone, live]);
    assert_eq!(here.unattended().await, ["keep"]);
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_was_lost_leaves_orphans_that_go() {
    let mut here = Here::new();
    here.by_hand().await;
    here.w.journal = Arc::new(MemoryJournal::new());
    here.restart(Set::usual());
    let done = here.unattended().await;
    assert_eq!(
        done,
        ["register UnknownSecret done", "remove UnknownSecret done"]
    );
    assert_eq!(here.hooks.ids(), ["hook-2"]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_registration_removes_nothing() {
    let mut here = Here::new();
    here.by_hand().await;
    here.restart(Set {
        url: "https://new.example",
        ..Set::usual()
    });
    here.hooks.0.lock().unwrap().refused = true;
    let now = true;
    let how = ApplyWebhooks {
        now,
        ..ApplyWebhooks::default()
    };
    let done = here.apply(how).await;
    assert_eq!(done, ["register WrongUrl failed", "remove Replaced waits"]);
    assert_eq!(here.hooks.ids(), ["hook-1"]);
    let (gone, live) = (RegistrationState::Gone, RegistrationState::Live);
    assert_eq!(here.states().await, [live, gone]);
}

#[tokio::test(start_paused = true)]
async fn a_moved_kasse_is_registered_first_and_the_old_address_goes_when_the_new_one_works() {
    let mut here = Here::new();
    here.by_hand().await;
    here.restart(Set {
        url: "https://new.example",
        ..Set::usual()
    });
    assert_eq!(
        here.by_hand().await,
        ["register WrongUrl done", "remove Replaced waits"]
    );
    assert_eq!(here.hooks.ids(), ["hook-1", "hook-2"]);
    let (live, retired) = (RegistrationState::Live, RegistrationState::Retired);
    assert_eq!(here.states().await, [retired, live]);
    assert_eq!(here.by_hand().await, ["remove Replaced waits", "keep"]);
    let hook = here.hooks.hook("hook-2");
    assert!(hook.at.url.starts_with("https://new.example/webhooks/"));
    here.send(&hook, "123456 theirs-100100 psp-1 CAPTURED true")
        .await;
    // Where nobody watches, what leads elsewhere stays: it may be another installation's by now.
    assert_eq!(here.unattended().await, ["remove Replaced", "keep"]);
    assert_eq!(here.by_hand().await, ["remove Replaced done", "keep"]);
    assert_eq!(here.hooks.ids(), ["hook-2"]);
    assert_eq!(here.by_hand().await, ["keep"]);
}

#[tokio::test(start_paused = true)]
async fn a_new_secret_is_asked_for_by_hand_and_both_are_taken_meanwhile() {
    let here = Here::new();
    here.by_hand().await;
    let how = ApplyWebhooks {
        renew: true,
        ..ApplyWebhooks::default()
    };
    assert_eq!(
        here.apply(how).await,
        ["register Renewed done", "remove Replaced waits"]
    );
    let (old, new) = (here.hooks.hook("hook-1"), here.hooks.hook("hook-2"));
    let payment = here.w.pay(order("1001", 5000)).await;
    let event = body(&payment, "psp-1", "CAPTURED", true);
    assert_eq!(here.send(&old, &event).await, StatusCode::OK);
    assert_eq!(here.unattended().await, ["remove Replaced waits", "keep"]);
    assert_eq!(here.send(&new, &event).await, StatusCode::OK);
    assert_eq!(here.heard(), ["main taken", "main repeated"]);
    // It works, so the old one goes; by itself too, since it leads here.
    assert_eq!(here.unattended().await, ["remove Replaced done", "keep"]);
    assert_eq!(here.hooks.ids(), ["hook-2"]);
    // At once, if somebody says so.
    let how = ApplyWebhooks { now: true, ..how };
    assert_eq!(
        here.apply(how).await,
        ["register Renewed done", "remove Replaced done"]
    );
    assert_eq!(here.hooks.ids(), ["hook-3"]);
}

#[tokio::test(start_paused = true)]
async fn an_installation_key_that_is_rotated_opens_what_it_sealed_and_a_lost_one_costs_a_registration()
 {
    let mut here = Here::new();
    here.by_hand().await;
    let keys = vec!["k2", "k1"];
    here.restart(Set {
        keys,
        ..Set::usual()
    });
    assert_eq!(here.unattended().await, ["keep"]);
    // Sealed anew on the way: the old key may go.
    let keys = vec!["k2"];
    here.restart(Set {
        keys,
        ..Set::usual()
    });
    assert_eq!(here.unattended().await, ["keep"]);
    let hook = here.hooks.hook("hook-1");
    let stray = "123456 theirs-100100 psp-1 CAPTURED true";
    assert_eq!(here.send(&hook, stray).await, StatusCode::OK);
    let keys = vec!["k3"];
    here.restart(Set {
        keys,
        ..Set::usual()
    });
    assert_eq!(
        here.unattended().await,
        ["register UnknownSecret done", "remove UnknownSecret done"]
    );
}

#[tokio::test(start_paused = true)]
async fn what_lacks_an_event_is_replaced_and_one_of_two_goes() {
    let here = Here::new();
    here.by_hand().await;
    let change = |change: fn(&mut Vec<Hook>)| change(&mut here.hooks.0.lock().unwrap().hooks);
    change(|hooks| drop(hooks[0].at.events.pop()));
    assert_eq!(
        here.unattended().await,
        ["register WrongEvents done", "remove Replaced waits"]
    );
    // Both are as they should be: the newer stays, and the other waits until that one delivered.
    change(|hooks| hooks[0].at.events = hooks[1].at.events.clone());
    let known = here.w.flow.webhooks().await.unwrap();
    let both = known.into_iter().map(|mut known| {
        known.state = RegistrationState::Live;
        journal::Write::Registration(Box::new(known))
    });
    let batch = journal::Batch {
        leases: Vec::new(),
        writes: both.collect(),
    };
    here.w.journal.write(batch).await.unwrap();
    assert_eq!(here.unattended().await, ["remove Doubled waits", "keep"]);
    let hook = here.hooks.hook("hook-2");
    here.send(&hook, "123456 theirs-100100 psp-1 CAPTURED true")
        .await;
    assert_eq!(here.unattended().await, ["remove Replaced done", "keep"]);
    assert_eq!(here.hooks.ids(), ["hook-2"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_anothers_is_never_touched() {
    let mut here = Here::new();
    let slot = "a".repeat(32);
    here.hooks
        .put("123456", "https://other.example/vipps", EVENTS);
    // Another installation behind the same host, a path that only looks like ours, another sales
    // unit.
    let others = format!("https://kasse.example/webhooks/theirs/{slot}");
    here.hooks.put("123456", &others, EVENTS);
    here.hooks
        .put("123456", "https://kasse.example/webhooks/main/x", EVENTS);
    let ours = format!("https://kasse.example/webhooks/main/{slot}");
    here.hooks.put("654321", &ours, EVENTS);
    let now = true;
    let renew = true;
    let how = ApplyWebhooks {
        now,
        renew,
        ..ApplyWebhooks::default()
    };
    assert_eq!(
        here.apply(how).await,
        ["register Missing done", "foreign", "foreign", "foreign"]
    );
    here.apply(how).await;
    let theirs = ["hook-1", "hook-2", "hook-3", "hook-4"];
    assert_eq!(here.hooks.ids()[..4], theirs);
    let sent = here.hooks.sent();
    assert_eq!(sent, ["register main", "register main", "remove hook-5"]);
    // The other sales unit has its own.
    here.restart(Set {
        accounts: vec![account("main", "123456"), account("two", "654321")],
        uses: "two",
        ..Set::usual()
    });
    let plan = here.w.flow.webhooks_plan(&here.w.cx).await.unwrap();
    let of_two = plan.iter().filter(|step| step.msn.as_str() == "654321");
    let words: Vec<String> = of_two.map(|step| word(&step.kind, None)).collect();
    assert_eq!(words, ["register Missing", "foreign"]);
}

#[tokio::test(start_paused = true)]
async fn many_registrations_and_a_vipps_that_is_down_are_said() {
    let here = Here::new();
    for number in 0..20 {
        let url = format!("https://other.example/{number}?secret=1");
        here.hooks.put("123456", &url, &EVENTS[..1]);
    }
    let plan = here.w.flow.webhooks_plan(&here.w.cx).await.unwrap();
    let last = plan.last().unwrap();
    assert_eq!(last.kind, StepKind::NearLimit { registered: 20 });
    assert!(plan.iter().all(|step| {
        let url = step.url.as_deref().unwrap_or_default();
        !url.contains("secret")
    }));
    assert!(matches!(
        plan[0].kind,
        StepKind::Register {
            why: WhyRegister::Missing
        }
    ));
    here.hooks.0.lock().unwrap().down = true;
    assert_eq!(here.unattended().await, ["unknown failed"]);
    assert!(here.hooks.sent().is_empty());
}
