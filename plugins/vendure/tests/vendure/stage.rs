//! What the tests stand on: an adapter with a set clock, and a Vendure that answers by script.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use kasse_core::flow::{FlowOptions, InstallationKeys};
use kasse_core::journal::MemoryJournal;
use kasse_core::registry::{EngineConfig, Setup};
use kasse_core::testing;
pub(crate) use kasse_core::testing::{address, authorised, captured, personal, refunded, released};
use kasse_core::{
    Context, CountedIds, Error, EventKind, Flow, Money, OrderId, OrderRef, Payment, PaymentEvent,
    PaymentProvider, RecordError, ShopId, TokioRuntime, Transport, TransportError,
};
use kasse_vendure::Vendure;
use serde_json::{Value, json};
use url::Url;

pub(crate) const SECRET: &str = "a-secret-of-thirty-two-characters";

/// Vendure: what it was asked, and what it still has to answer.
#[derive(Debug, Default)]
pub(crate) struct Script {
    asked: Mutex<Vec<Value>>,
    answers: Mutex<VecDeque<Result<Value, TransportError>>>,
}

#[async_trait]
impl Transport for Script {
    async fn send(
        &self,
        request: Request<Bytes>,
        _: Duration,
    ) -> Result<Response<Bytes>, TransportError> {
        let header = |name: &str| {
            request
                .headers()
                .get(name)
                .map(|value| value.to_str().unwrap())
        };
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        let query = body["query"].as_str().unwrap();
        let name = query.split([' ', '(']).nth(1).unwrap();
        if name == "KasseLogin" {
            let answer = Response::new(Bytes::from_static(
                br#"{"data":{"login":{"__typename":"CurrentUser"}}}"#,
            ));
            let (mut parts, body) = answer.into_parts();
            parts
                .headers
                .insert("vendure-auth-token", "session".parse().unwrap());
            return Ok(Response::from_parts(parts, body));
        }
        assert_eq!(header("authorization"), Some("Bearer session"));
        assert_eq!(request.uri(), "http://vendure.example/admin-api");
        self.asked.lock().unwrap().push(json!({
            "ask": name,
            "variables": body["variables"],
            "event": header("x-kasse-event"),
        }));
        let answer = self.answers.lock().unwrap().pop_front();
        let answer = answer.unwrap_or_else(|| panic!("nobody said what Vendure answers {name}"))?;
        Ok(Response::new(Bytes::from(answer.to_string())))
    }
}

pub(crate) struct Stage {
    pub(crate) adapter: Vendure,
    pub(crate) cx: Context,
    pub(crate) vendure: Arc<Script>,
    /// The adapter holds it weakly.
    _flow: Flow,
}

pub(crate) fn start() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

pub(crate) fn config() -> Value {
    json!({
        "api_url": "http://vendure.example/admin-api",
        "username": "kasse@shop.example",
        "password": "the-password",
        "secret": SECRET,
        "return_url": "https://shop.example/thanks/{code}",
        "storefront": "Fjell",
    })
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with(config()).unwrap()
    }

    pub(crate) fn with(config: Value) -> Result<Self, Error> {
        let vendure = Arc::new(Script::default());
        let cx = Context::new(
            vendure.clone(),
            Arc::new(TokioRuntime::starting_at(start())),
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
        let flow = Flow::new(options, cx.clone(), journal, Vec::new(), Vec::new())?;
        let adapter = Vendure::new(Setup {
            flow: flow.shop_flow(&ShopId::new("fjell").unwrap()),
            engine: EngineConfig(config),
            engine_url: Url::parse("https://kasse.example/engine/fjell").unwrap(),
            data: None,
        })?;
        Ok(Self {
            adapter,
            cx,
            vendure,
            _flow: flow,
        })
    }

    /// What Vendure answers next, after what it was told before.
    pub(crate) fn answers(&self, data: Value) {
        let answer = Ok(json!({ "data": data }));
        self.vendure.answers.lock().unwrap().push_back(answer);
    }

    pub(crate) fn fails(&self, code: &str, message: &str) {
        let error = json!({ "message": message, "extensions": { "code": code } });
        let answer = Ok(json!({ "data": null, "errors": [error] }));
        self.vendure.answers.lock().unwrap().push_back(answer);
    }

    pub(crate) fn away(&self) {
        let away = Err(TransportError::NotSent("connection refused".into()));
        self.vendure.answers.lock().unwrap().push_back(away);
    }

    /// What Vendure was asked since the last time, which used up all its answers.
    pub(crate) fn asked(&self) -> Vec<Value> {
        assert!(self.vendure.answers.lock().unwrap().is_empty());
        std::mem::take(&mut *self.vendure.asked.lock().unwrap())
    }

    pub(crate) fn asked_names(&self) -> Vec<String> {
        let asked = self.asked();
        asked
            .iter()
            .map(|ask| ask["ask"].as_str().unwrap().to_owned())
            .collect()
    }

    pub(crate) async fn record(
        &self,
        payment: &Payment,
        event: &PaymentEvent,
    ) -> Result<(), RecordError> {
        let told = self
            .adapter
            .record(&self.cx, &payment.order, payment, event)
            .await;
        told.map(|recorded| assert_eq!(recorded.order, None))
    }
}

pub(crate) fn at() -> OrderRef {
    let code = OrderId::new("JZDXSFBU4HFAZ2XY").unwrap();
    OrderRef::new(ShopId::new("fjell").unwrap(), code)
}

/// An order of two cups and a sack of coffee with a coupon of 10 %, as Vendure 3.7.2 gives it.
pub(crate) fn order() -> Value {
    json!({
        "id": "1", "code": "JZDXSFBU4HFAZ2XY", "state": "ArrangingPayment", "currencyCode": "NOK",
        "languageCode": "nb",
        "customer": { "phoneNumber": "+4790012345" },
        "shippingAddress": { "phoneNumber": null },
        "lines": [
            { "quantity": 2, "linePriceWithTax": 15_980, "proratedLinePriceWithTax": 14_382,
              "taxRate": 25, "productVariant": { "id": "11", "name": "Kaffekopp «Blåbær»" } },
            { "quantity": 1, "linePriceWithTax": 8_900, "proratedLinePriceWithTax": 8_010,
              "taxRate": 15, "productVariant": { "id": "12", "name": "Kaffe" } },
            { "quantity": 0, "linePriceWithTax": 0, "proratedLinePriceWithTax": 0,
              "taxRate": 25, "productVariant": { "id": "13", "name": "Taken out again" } },
        ],
        "shippingLines": [
            { "id": "1", "price": 3_920, "priceWithTax": 4_900, "discountedPriceWithTax": 4_900,
              "taxRate": 25, "shippingMethod": { "name": "Pakke" } },
        ],
        "surcharges": [],
        "payments": [],
    })
}

/// The order with one payment of ours.
pub(crate) fn order_with(state: &str, refunds: &Value) -> Value {
    let mut order = order();
    order["payments"] = json!([{
        "id": "7", "amount": 27_292, "state": state, "transactionId": "fjell-JZDXSFBU4HFAZ2XY",
        "metadata": { "kasse": { "reserved": true, "express": false } }, "refunds": refunds,
    }]);
    order
}

/// As the list of the Admin API.
pub(crate) fn listed(order: Value) -> Value {
    json!({ "orders": { "items": [order] } })
}

pub(crate) fn payment() -> Payment {
    testing::payment(at(), "fjell-JZDXSFBU4HFAZ2XY", Money::nok(27_292), start())
}

/// The payment's next event, a minute ago.
pub(crate) fn happen(payment: &mut Payment, what: EventKind) -> PaymentEvent {
    testing::happen(payment, what, "2026-11-22T11:59:00Z".parse().unwrap())
}
