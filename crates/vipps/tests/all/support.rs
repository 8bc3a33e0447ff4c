//! A scripted Vipps, a clock moved by hand, and samples.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use kasse_core::api::{
    Caller, Cancellation, Initiation, MemoryLimits, Modification, PaymentApi, System, Urls,
};
use kasse_core::{
    Account, AccountId, Buyer, Context, CountedIds, Currency, DeliveryKind, Environment, Express,
    IdempotencyKey, Line, LineId, LineKind, Money, Msn, Order, OrderId, OrderRef, QuotedOption,
    Reference, Runtime, ShippingOption, ShopId, Task, Transport, TransportError, VatRate, after,
};
use kasse_vipps::Ecom;
use url::Url;

/// One scripted answer.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Answer(u16, Vec<(&'static str, String)>, String),
    Fail(TransportError),
}

pub(crate) fn answer(status: u16, body: impl Into<String>) -> Reply {
    Reply::Answer(status, Vec::new(), body.into())
}

pub(crate) fn lost() -> Reply {
    Reply::Fail(TransportError::Unanswered("the connection broke".into()))
}

pub(crate) fn unreachable() -> Reply {
    Reply::Fail(TransportError::NotSent("could not connect".into()))
}

/// Vipps by script. Token requests are answered with `token-1`, `token-2`, … unless scripted too.
#[derive(Debug, Default)]
pub(crate) struct Vipps {
    script: Mutex<VecDeque<Reply>>,
    token_script: Mutex<VecDeque<Reply>>,
    seen: Mutex<Vec<(Request<Bytes>, Duration)>>,
}

impl Vipps {
    pub(crate) fn then(&self, reply: Reply) {
        self.script.lock().unwrap().push_back(reply);
    }

    pub(crate) fn then_token(&self, reply: Reply) {
        self.token_script.lock().unwrap().push_back(reply);
    }

    fn seen(&self, tokens: bool) -> Vec<(Request<Bytes>, Duration)> {
        let seen = self.seen.lock().unwrap();
        seen.iter()
            .filter(|(request, _)| is_token(request) == tokens)
            .cloned()
            .collect()
    }

    /// The requests so far, less those for tokens, and how long each might take.
    pub(crate) fn requests(&self) -> Vec<(Request<Bytes>, Duration)> {
        self.seen(false)
    }

    /// The requests for tokens so far.
    pub(crate) fn token_requests(&self) -> Vec<(Request<Bytes>, Duration)> {
        self.seen(true)
    }
}

fn is_token(request: &Request<Bytes>) -> bool {
    request.uri().path().ends_with("/accesstoken/get")
}

#[async_trait]
impl Transport for Vipps {
    async fn send(
        &self,
        request: Request<Bytes>,
        limit: Duration,
    ) -> Result<Response<Bytes>, TransportError> {
        let tokens = is_token(&request);
        self.seen.lock().unwrap().push((request, limit));
        // Others get their turn, as they would while a real answer is awaited.
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        let reply = if tokens {
            let number = self.token_requests().len();
            self.token_script.lock().unwrap().pop_front().unwrap_or_else(|| {
                answer(200, format!(r#"{{"token_type":"Bearer","expires_in":"3600","access_token":"token-{number}"}}"#))
            })
        } else {
            self.script
                .lock()
                .unwrap()
                .pop_front()
                .expect("a request that the script does not know")
        };
        match reply {
            Reply::Fail(error) => Err(error),
            Reply::Answer(status, headers, body) => {
                let mut response = Response::builder().status(status);
                for (name, value) in headers {
                    response = response.header(name, value);
                }
                Ok(response.body(body.into()).unwrap())
            }
        }
    }
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub(crate) struct Clock(Mutex<Timestamp>);

impl Clock {
    pub(crate) fn forward(&self, time: Duration) {
        let mut now = self.0.lock().unwrap();
        *now = after(*now, time);
    }

    pub(crate) fn set(&self, now: Timestamp) {
        *self.0.lock().unwrap() = now;
    }
}

impl Runtime for Clock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    fn sleep(&self, time: Duration) -> Task {
        // Nothing moves the clock while a call is under way, so only no time at all ends.
        if time.is_zero() {
            Box::pin(std::future::ready(()))
        } else {
            Box::pin(std::future::pending())
        }
    }

    fn spawn(&self, _: Task) {
        panic!("the wire starts no tasks");
    }
}

/// Everything that a test of calls needs.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) api: Ecom,
    pub(crate) vipps: Arc<Vipps>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) cx: Context,
    pub(crate) caller: Caller,
}

pub(crate) fn bench() -> Bench {
    let vipps = Arc::new(Vipps::default());
    let clock = Arc::new(Clock(Mutex::new(noon())));
    let cx = Context::new(
        vipps.clone(),
        clock.clone(),
        Arc::new(CountedIds::default()),
    );
    Bench {
        api: Ecom::new(),
        vipps,
        clock,
        cx,
        caller: caller(),
    }
}

pub(crate) fn noon() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

/// Runs a future on this thread.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

pub(crate) fn caller() -> Caller {
    caller_in(Environment::Test)
}

pub(crate) fn caller_in(environment: Environment) -> Caller {
    Caller {
        account: Arc::new(Account {
            id: AccountId::new("main").unwrap(),
            environment,
            msn: Msn::new("123456").unwrap(),
            client_id: "fb492b5e-7907-4d83-ba20-c7fb60ca35de".into(),
            client_secret: "sample-client-secret".to_owned().into(),
            subscription_key: "sample-subscription-key".to_owned().into(),
            market: None,
            late_capture: false,
        }),
        system: System::new("acme", "3.1.2", "acme-webshop", "4.5.6").unwrap(),
        limits: Arc::new(MemoryLimits::default()),
    }
}

pub(crate) fn reference() -> Reference {
    Reference::new("acme-shop-123-order123abc").unwrap()
}

pub(crate) fn order(express: Option<Express>) -> Order {
    Order {
        at: OrderRef::new(ShopId::new("acme").unwrap(), OrderId::new("123").unwrap()),
        amount: Money::nok(49_900),
        lines: vec![Line {
            id: LineId::new("1").unwrap(),
            name: "Socks".into(),
            quantity: 1,
            total: Money::nok(49_900),
            discount: Money::nok(0),
            vat: VatRate::percent(25),
            kind: LineKind::Goods,
        }],
        text: "One pair of «blå» socks".into(),
        buyer: Buyer::default(),
        express,
        deliveries: Vec::new(),
        return_to: Url::parse("https://shop.example/thanks").unwrap(),
    }
}

pub(crate) fn option(wire_id: &str, title: &str, minor: i64, default: bool) -> QuotedOption {
    QuotedOption {
        wire_id: wire_id.into(),
        option: ShippingOption {
            id: wire_id.into(),
            title: title.into(),
            price: Money::nok(minor),
            vat: VatRate::percent(25),
            kind: DeliveryKind::Home,
            brand: "Posten".into(),
            estimate: None,
            default,
            priority: 0,
            engine: serde_json::Value::Null,
        },
    }
}

pub(crate) fn options() -> Vec<QuotedOption> {
    vec![
        option("posten.1.1", "Posten, på døra", 7990, true),
        option("hentes.1.2", "Hentes i butikk", 0, false),
        option("bud.1.3", "Bud i dag", 19_905, false),
    ]
}

pub(crate) fn initiation(express: Option<Express>) -> Initiation {
    Initiation {
        reference: reference(),
        order: order(express),
        urls: Urls {
            callback: Url::parse("https://pay.shop.example/vipps/acme").unwrap(),
            consent: Url::parse("https://pay.shop.example/vipps/acme/c/0123456789abcdef").unwrap(),
            back: Url::parse("https://pay.shop.example/return/acme/sample-return-token").unwrap(),
        },
        token: "sample-callback-token".to_owned().into(),
        options: if express == Some(Express::Static) {
            options()
        } else {
            Vec::new()
        },
        key: IdempotencyKey::new("00000000000000000000000000000001").unwrap(),
        wishes: kasse_core::Wishes::default(),
        expires: None,
    }
}

pub(crate) fn modification(minor: i64, text: &str) -> Modification {
    Modification {
        reference: reference(),
        amount: Money::nok(minor),
        text: text.into(),
        key: IdempotencyKey::new("00000000000000000000000000000001").unwrap(),
    }
}

pub(crate) fn cancellation(release: bool) -> Cancellation {
    Cancellation {
        reference: reference(),
        release,
        text: "Order 123 was cancelled".into(),
        only_open: false,
        key: IdempotencyKey::new("00000000000000000000000000000001").unwrap(),
    }
}

pub(crate) fn initiated() -> Reply {
    answer(
        200,
        format!(
            r#"{{"orderId":"{}","url":"https://api.vipps.no/dwo-api-application/v1/deeplink/vippsgateway?v=2&token=sample-landing-token"}}"#,
            reference()
        ),
    )
}

/// Every request that is pinned: its name, the published schema of its body, and the request as it
/// was sent.
pub(crate) fn pinned() -> Vec<(&'static str, Option<&'static str>, Request<Bytes>)> {
    let bench = bench();
    let (api, cx, caller, reference) = (&bench.api, &bench.cx, &bench.caller, reference());
    let mut pinned = Vec::new();
    let mut sent = |name, schema| {
        pinned.push((
            name,
            schema,
            bench.vipps.requests().last().unwrap().0.clone(),
        ))
    };
    run(async {
        for (name, express) in [
            ("initiate_regular", None),
            ("initiate_express_static", Some(Express::Static)),
            ("initiate_express_dynamic", Some(Express::Dynamic)),
        ] {
            bench.vipps.then(initiated());
            api.initiate(cx, caller, &initiation(express))
                .await
                .unwrap();
            sent(name, Some("InitiatePaymentCommand"));
            bench.clock.forward(Duration::from_secs(60));
        }
        for (name, minor, text) in [
            ("capture_full", 49_900, "Order 123 was sent"),
            ("capture_partial", 20_000, "A part of order 123 was sent"),
        ] {
            bench.vipps.then(answer(200, "{}"));
            api.capture(cx, caller, &modification(minor, text))
                .await
                .unwrap();
            sent(name, Some("PaymentActionsRequest"));
        }
        for (name, minor, text) in [
            ("refund_full", 49_900, "Order 123 came back"),
            ("refund_partial", 10_000, "A part of order 123 came back"),
        ] {
            bench.vipps.then(answer(200, "{}"));
            api.refund(cx, caller, &modification(minor, text))
                .await
                .unwrap();
            sent(name, Some("PaymentActionsRequest"));
        }
        bench.clock.forward(Duration::from_secs(60));
        for (name, release) in [("cancel", false), ("cancel_with_release", true)] {
            bench.vipps.then(answer(200, "{}"));
            api.cancel(cx, caller, &cancellation(release))
                .await
                .unwrap();
            sent(name, Some("CancelPaymentActionRequest"));
        }
        bench
            .vipps
            .then(answer(200, r#"{"transactionLogHistory":[]}"#));
        api.read(cx, caller, &reference, Currency::Nok)
            .await
            .unwrap();
        sent("details", None);
        bench.vipps.then(answer(200, ""));
        let token = "sample-landing-token".to_owned().into();
        api.force_approve(cx, caller, &reference, "91234567", &token)
            .await
            .unwrap();
        sent("force_approve", Some("ForceApproveRequest"));
    });
    pinned.push((
        "access_token",
        None,
        bench.vipps.token_requests()[0].0.clone(),
    ));
    pinned
}
