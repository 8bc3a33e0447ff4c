//! What the tests stand on: an adapter with a clock and ids of its own, and payments to tell of.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use jiff::Timestamp;
use kasse_core::api::PaymentApi;
use kasse_core::flow::{FlowOptions, InstallationKeys};
use kasse_core::journal::MemoryJournal;
use kasse_core::registry::{EngineConfig, Setup};
use kasse_core::testing;
pub(crate) use kasse_core::testing::{authorised, captured, released};
use kasse_core::{
    Account, Address, Ask, Context, CountedIds, Error, EventKind, Flow, Money, OrderId, OrderRef,
    Outcome, Payment, PaymentEvent, PaymentProvider, Personal, RecordError, Refusal, ShopId,
    TokioRuntime, Transport, TransportError, Verb,
};
use kasse_demo_shop::DemoShop;
use serde_json::{Value, json};
use url::Url;

/// An adapter calls nobody in these tests.
#[derive(Debug)]
struct NoNetwork;

#[async_trait]
impl Transport for NoNetwork {
    async fn send(
        &self,
        _: Request<Bytes>,
        _: Duration,
    ) -> Result<Response<Bytes>, TransportError> {
        Err(TransportError::NotSent("there is no network here".into()))
    }
}

pub(crate) struct Stage {
    pub(crate) adapter: DemoShop,
    pub(crate) cx: Context,
    /// The adapter holds it weakly.
    _flow: Flow,
}

pub(crate) fn start() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

pub(crate) fn flow(
    apis: Vec<Arc<dyn PaymentApi>>,
    accounts: Vec<Account>,
) -> Result<(Flow, Context), Error> {
    let runtime = Arc::new(TokioRuntime::starting_at(start()));
    let cx = Context::new(
        Arc::new(NoNetwork),
        runtime,
        Arc::new(CountedIds::default()),
    );
    let options = FlowOptions {
        public_url: Url::parse("https://kasse.example").unwrap(),
        keys: InstallationKeys {
            keys: vec![("one".into(), "k".repeat(32).into())],
        },
        quote_budget: Duration::from_secs(6),
        observer: Arc::new(kasse_core::flow::Unobserved),
    };
    let journal = Arc::new(MemoryJournal::new());
    Ok((Flow::new(options, cx.clone(), journal, apis, accounts)?, cx))
}

pub(crate) fn setup(flow: &Flow, config: Value, data: Option<&Path>) -> Setup {
    Setup {
        flow: flow.shop_flow(&ShopId::new("demo").unwrap()),
        engine: EngineConfig(config),
        engine_url: Url::parse("https://kasse.example/engine/demo").unwrap(),
        data: data.map(Path::to_owned),
    }
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with(json!({ "site_url": "http://127.0.0.1:8080" }), None).unwrap()
    }

    pub(crate) fn with(config: Value, data: Option<&Path>) -> Result<Self, Error> {
        let (flow, cx) = flow(Vec::new(), Vec::new())?;
        let adapter = DemoShop::new(setup(&flow, config, data))?;
        Ok(Self {
            adapter,
            cx,
            _flow: flow,
        })
    }

    pub(crate) async fn read(&self, request: Request<Bytes>) -> Result<Ask, Refusal> {
        self.adapter.read(&self.cx, &request).await
    }

    /// The answer to a request that wants nothing of the flow, or is refused.
    pub(crate) async fn send(&self, request: Request<Bytes>) -> Response<Bytes> {
        match self.read(request).await {
            Ok(Ask {
                verb: Verb::Answered(response),
                ..
            }) => response,
            Ok(ask) => panic!("{ask:?} is the flow's"),
            Err(refusal) => refusal.response,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, String) {
        let response = self
            .send(Request::get(path).body(Bytes::new()).unwrap())
            .await;
        (
            response.status(),
            String::from_utf8(response.body().to_vec()).unwrap(),
        )
    }

    pub(crate) async fn api(&self, path: &str, body: Value) -> (StatusCode, Value) {
        read_json(&self.send(post_json(path, &body)).await)
    }

    pub(crate) async fn show(&self, number: &str) -> Value {
        let path = format!("/api/orders/{number}");
        let response = self
            .send(Request::get(path).body(Bytes::new()).unwrap())
            .await;
        assert_eq!(response.status(), StatusCode::OK);
        read_json(&response).1
    }

    /// Makes an order and answers its number.
    pub(crate) async fn place(&self, body: Value) -> String {
        let (status, order) = self.api("/api/orders", body).await;
        assert_eq!(status, StatusCode::CREATED, "{order}");
        order["number"].as_str().unwrap().to_owned()
    }

    /// Makes the order of the first scene: 1 328.90 in two VAT rates.
    pub(crate) async fn place_usual(&self) -> String {
        self.place(json!({ "items": usual() })).await
    }

    pub(crate) async fn record(
        &self,
        payment: &Payment,
        event: &PaymentEvent,
    ) -> Result<(), RecordError> {
        let recorded = self
            .adapter
            .record(&self.cx, &payment.order, payment, event)
            .await?;
        assert_eq!(recorded.order, None);
        Ok(())
    }

    pub(crate) fn answer(&self, ask: &Ask, outcome: &Outcome) -> Response<Bytes> {
        self.adapter.answer(ask, outcome)
    }
}

pub(crate) fn usual() -> Value {
    json!([
        { "sku": "jumper", "quantity": 1 },
        { "sku": "mug", "quantity": 1 },
        { "sku": "coffee", "quantity": 1 },
    ])
}

pub(crate) fn post_json(path: &str, body: &Value) -> Request<Bytes> {
    Request::post(path)
        .body(Bytes::from(body.to_string()))
        .unwrap()
}

pub(crate) fn post_form(path: &str, body: &str) -> Request<Bytes> {
    Request::post(path)
        .body(Bytes::from(body.to_owned()))
        .unwrap()
}

pub(crate) fn read_json(response: &Response<Bytes>) -> (StatusCode, Value) {
    (
        response.status(),
        serde_json::from_slice(response.body()).unwrap(),
    )
}

pub(crate) fn location(response: &Response<Bytes>) -> &str {
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    response.headers()["location"].to_str().unwrap()
}

pub(crate) fn at(number: &str) -> OrderRef {
    OrderRef::new(ShopId::new("demo").unwrap(), OrderId::new(number).unwrap())
}

/// An attempt to pay an order, as the flow hands it over.
pub(crate) fn payment(number: &str, attempt: u32) -> Payment {
    let reference = match attempt {
        1 => format!("demo-{number}"),
        attempt => format!("demo-{number}-{attempt}"),
    };
    let mut payment = testing::payment(at(number), &reference, Money::nok(132_890), start());
    payment.attempt = attempt;
    payment
}

/// The payment's next event.
pub(crate) fn happen(payment: &mut Payment, what: EventKind) -> PaymentEvent {
    testing::happen(payment, what, start())
}

pub(crate) fn address(post_code: &str, country: &str) -> Address {
    Address {
        line1: "Karl Johans gate 1".into(),
        line2: String::new(),
        post_code: post_code.into(),
        city: "Oslo".into(),
        country: country.into(),
    }
}

pub(crate) fn personal() -> Personal {
    Personal {
        user_id: Some("user/1=".into()),
        sub: None,
        first_name: Some("Ada".into()),
        last_name: Some("<b>Lovelace</b>".into()),
        email: Some("ada@example.com".into()),
        phone: Some("4712345678".into()),
        address: Some(address("0154", "NO")),
    }
}
