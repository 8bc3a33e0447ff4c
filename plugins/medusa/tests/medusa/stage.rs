//! What the tests stand on: an adapter with a set clock, and a plugin in Medusa that answers by
//! script.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use jiff::Timestamp;
use kasse_core::flow::{FlowOptions, InstallationKeys};
use kasse_core::journal::MemoryJournal;
use kasse_core::piece::Piece;
use kasse_core::registry::{EngineConfig, Setup};
use kasse_core::testing;
pub(crate) use kasse_core::testing::{address, authorised, captured, personal, refunded, released};
use kasse_core::{
    Context, CountedIds, Error, EventKind, Flow, Money, OrderId, OrderRef, Payment, PaymentEvent,
    PaymentProvider, RecordError, Recorded, ShopId, TokioRuntime, Transport, TransportError,
};
use kasse_medusa::Medusa;
use kasse_testkit::recordings::Recording;
use serde_json::{Value, json};
use url::Url;

pub(crate) const SECRET: &str = "a-secret-of-thirty-two-characters";
pub(crate) const CART: &str = "cart_01M816JFD56VDXPV40MBTPBNVD";
/// What kasse calls it.
pub(crate) const NAME: &str = "01M816JFD56VDXPV40MBTPBNVD";
pub(crate) const ORDER: &str = "order_01M816JM8KVFH0G8PEGSN442T7";
pub(crate) const REFERENCE: &str = "fjell-01M816JFD56VDXPV";

type Said = Result<(StatusCode, String), TransportError>;

/// The plugin in Medusa: what it was asked, and what it still has to answer.
#[derive(Debug, Default)]
pub(crate) struct Script {
    asked: Mutex<Vec<Value>>,
    answers: Mutex<VecDeque<Said>>,
}

#[async_trait]
impl Transport for Script {
    async fn send(
        &self,
        request: Request<Bytes>,
        _: Duration,
    ) -> Result<Response<Bytes>, TransportError> {
        assert_eq!(request.uri().host(), Some("medusa.example"));
        piece()
            .verify_from_kasse(&context(Arc::new(Self::default())), &request)
            .expect("signed as the plugin wants it");
        let body = match request.method() {
            &Method::GET => Value::Null,
            _ => serde_json::from_slice(request.body()).unwrap(),
        };
        let asked = format!("{} {}", request.method(), request.uri().path());
        self.asked
            .lock()
            .unwrap()
            .push(json!({ "ask": asked, "body": body }));
        let answer = self.answers.lock().unwrap().pop_front();
        let (status, body) = answer.unwrap_or_else(|| panic!("nobody said what {asked} gives"))?;
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = status;
        Ok(response)
    }
}

pub(crate) fn piece() -> Piece {
    Piece::new("medusa", SECRET.to_owned().into()).unwrap()
}

fn context(transport: Arc<Script>) -> Context {
    Context::new(
        transport,
        Arc::new(TokioRuntime::starting_at(start())),
        Arc::new(CountedIds::default()),
    )
}

pub(crate) struct Stage {
    pub(crate) adapter: Medusa,
    pub(crate) cx: Context,
    pub(crate) medusa: Arc<Script>,
    /// The adapter holds it weakly.
    _flow: Flow,
}

pub(crate) fn start() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

pub(crate) fn config() -> Value {
    json!({
        "url": "http://medusa.example/",
        "secret": SECRET,
        "return_url": "https://shop.example/thanks?cart={cart}",
        "storefront": "Fjell",
    })
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with(config()).unwrap()
    }

    pub(crate) fn with(config: Value) -> Result<Self, Error> {
        let medusa = Arc::new(Script::default());
        let cx = context(medusa.clone());
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
        let adapter = Medusa::new(Setup {
            flow: flow.shop_flow(&ShopId::new("fjell").unwrap()),
            engine: EngineConfig(config),
            engine_url: Url::parse("https://kasse.example/engine/fjell").unwrap(),
            data: None,
        })?;
        Ok(Self {
            adapter,
            cx,
            medusa,
            _flow: flow,
        })
    }

    fn next(&self, answer: Said) {
        self.medusa.answers.lock().unwrap().push_back(answer);
    }

    /// What the plugin answers next, after what it was told before.
    pub(crate) fn answers(&self, body: &Value) {
        self.next(Ok((StatusCode::OK, body.to_string())));
    }

    pub(crate) fn fails(&self, status: u16, body: &str) {
        let status = StatusCode::from_u16(status).unwrap();
        self.next(Ok((status, body.to_owned())));
    }

    pub(crate) fn away(&self) {
        self.next(Err(TransportError::NotSent("connection refused".into())));
    }

    /// What the plugin was asked since the last time, which used up all its answers.
    pub(crate) fn asked(&self) -> Vec<Value> {
        assert!(self.medusa.answers.lock().unwrap().is_empty());
        std::mem::take(&mut *self.medusa.asked.lock().unwrap())
    }

    pub(crate) async fn record(
        &self,
        payment: &Payment,
        event: &PaymentEvent,
    ) -> Result<Recorded, RecordError> {
        self.adapter
            .record(&self.cx, &payment.order, payment, event)
            .await
    }
}

pub(crate) fn at() -> OrderRef {
    OrderRef::new(ShopId::new("fjell").unwrap(), OrderId::new(NAME).unwrap())
}

/// A recorded answer of Medusa 2.21.0.
pub(crate) fn recorded(file: &str) -> Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings");
    let text = std::fs::read_to_string(format!("{folder}/{file}")).unwrap();
    let recording: Recording = serde_json::from_str(&text).unwrap();
    let order = recording.response.unwrap().body["order"].clone();
    assert!(order.is_object());
    order
}

/// A recorded order as the plugin describes it: Medusa's exact numbers, noise and all.
pub(crate) fn described(order: &Value) -> Value {
    let raw = |of: &Value, name: &str| {
        let raw = &of[format!("raw_{name}")]["value"];
        if raw.is_null() {
            of[name].clone()
        } else {
            raw.clone()
        }
    };
    let price = |of: &Value, mut line: Value| {
        line["total"] = raw(of, "total");
        line["original_total"] = raw(of, "original_total");
        let taxes = of["tax_lines"].as_array().unwrap().iter();
        line["tax_lines"] = taxes
            .map(|tax| json!({ "rate": raw(tax, "rate") }))
            .collect();
        line
    };
    let items = order["items"].as_array().unwrap().iter().map(|item| {
        price(
            item,
            json!({
                "id": item["id"], "variant_id": item["variant_id"], "title": item["title"],
                "variant_title": item["variant_title"], "quantity": raw(item, "quantity"),
            }),
        )
    });
    let methods = order["shipping_methods"]
        .as_array()
        .unwrap()
        .iter()
        .map(|method| {
            price(
                method,
                json!({
                    "id": method["id"], "shipping_option_id": method["shipping_option_id"],
                    "name": method["name"],
                }),
            )
        });
    let collections = order["payment_collections"]
        .as_array()
        .into_iter()
        .flatten();
    let sessions = collections.flat_map(|all| all["payment_sessions"].as_array().unwrap().iter());
    let payments = sessions
        .map(|session| &session["payment"])
        .filter(|paid| paid.is_object());
    let sum = |of: &Value| -> Value {
        let parts = of.as_array().into_iter().flatten();
        parts
            .map(|part| raw(part, "amount"))
            .next()
            .unwrap_or_else(|| "0".into())
    };
    json!({
        "id": order["id"], "cart_id": CART, "order_id": order["id"],
        "display_id": order["display_id"], "status": order["status"],
        "currency_code": order["currency_code"], "email": order["email"],
        "phone": order["shipping_address"]["phone"], "locale": order["locale"],
        "country_code": order["shipping_address"]["country_code"],
        "total": order["total"], "credit_line_total": order["credit_line_total"],
        "items": items.collect::<Value>(),
        "shipping_methods": methods.collect::<Value>(),
        "payments": payments.map(|paid| json!({
            "id": paid["id"], "provider_id": "pp_kasse_vipps",
            "reference": paid["data"]["reference"], "amount": raw(paid, "amount"),
            "captured": sum(&paid["captures"]), "refunded": sum(&paid["refunds"]),
            "canceled": !paid["canceled_at"].is_null(),
        })).collect::<Value>(),
    })
}

/// A cart of two cups, a fire pan and a cheese with a coupon of 10 %, as Medusa 2.21.0 has it.
pub(crate) fn cart() -> Value {
    let mut cart = described(&recorded("18-order-after-capture.json"));
    cart["id"] = CART.into();
    cart["order_id"] = Value::Null;
    cart["display_id"] = Value::Null;
    cart["status"] = "cart".into();
    cart["payments"] = json!([]);
    cart
}

pub(crate) fn payment() -> Payment {
    testing::payment(at(), REFERENCE, Money::nok(139_702), start())
}

/// The payment's next event, a minute ago.
pub(crate) fn happen(payment: &mut Payment, what: EventKind) -> PaymentEvent {
    testing::happen(payment, what, "2026-11-23T11:59:00Z".parse().unwrap())
}
