//! What the tests stand on: an adapter with a set clock, and a Saleor that answers by script.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD as BASE64URL};
use bytes::Bytes;
use http::{Method, Request, Response};
use jiff::Timestamp;
use kasse_core::flow::{FlowOptions, InstallationKeys};
use kasse_core::journal::{Batch, Journal, LeaseKey, MemoryJournal, Write};
use kasse_core::registry::{EngineConfig, Setup};
use kasse_core::testing;
pub(crate) use kasse_core::testing::{address, authorised, captured, personal, refunded, released};
use kasse_core::{
    Context, CountedIds, Error, EventKind, Flow, Money, OrderId, OrderRef, Payment, PaymentEvent,
    PaymentProvider, RecordError, Recorded, ShopId, TokioRuntime, Transport, TransportError,
};
use kasse_saleor::Saleor;
use kasse_testkit::recordings::Recording;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents};
use serde_json::{Value, json};
use url::Url;

pub(crate) const API: &str = "http://127.0.0.1:8000/graphql/";
/// The recorded checkout, and the order that it became.
pub(crate) const CHECKOUT: &str = "Q2hlY2tvdXQ6ZWVjNzlhZjEtOGQyYy00NDdlLTgwYjktOTc2ZGIxYzRkMDRk";
pub(crate) const ORDER: &str = "T3JkZXI6MmZkMTkwN2MtMzc4Ni00NTE4LWE3ZDktZTAyNGVmZGFkNDA4";
/// The recorded transaction, and what the recorded payment was called.
pub(crate) const TRANSACTION: &str =
    "VHJhbnNhY3Rpb25JdGVtOjU4Y2Q0MTNhLTJlMmYtNDRmNC04ZjIxLTkyODhmYWVlNTY0Mg==";
pub(crate) const REFERENCE: &str = "acme-psp-2";
/// Which app we are in Saleor.
pub(crate) const APP: &str = "QXBwOjE=";

/// Saleor: what it was asked, and what it still has to answer.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) asked: Mutex<Vec<Value>>,
    answers: Mutex<VecDeque<Result<Value, TransportError>>>,
    pub(crate) jwks: Mutex<Result<Value, TransportError>>,
    pub(crate) keys_read: Mutex<u32>,
    /// How long it takes to answer.
    pub(crate) slow: Mutex<Duration>,
}

#[async_trait]
impl Transport for Script {
    async fn send(
        &self,
        request: Request<Bytes>,
        _: Duration,
    ) -> Result<Response<Bytes>, TransportError> {
        if request.method() == Method::GET {
            assert_eq!(request.uri(), "http://127.0.0.1:8000/.well-known/jwks.json");
            *self.keys_read.lock().unwrap() += 1;
            let jwks = self.jwks.lock().unwrap().clone()?;
            return Ok(Response::new(Bytes::from(jwks.to_string())));
        }
        assert_eq!(request.uri(), API);
        let header = |name: &str| request.headers().get(name).map(|it| it.to_str().unwrap());
        assert_eq!(header("content-type"), Some("application/json"));
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        let query = body["query"].as_str().unwrap();
        let name = query.split([' ', '(']).nth(1).unwrap();
        self.asked.lock().unwrap().push(json!({
            "ask": name,
            "variables": body["variables"],
            "token": header("authorization"),
        }));
        let slow = *self.slow.lock().unwrap();
        tokio::time::sleep(slow).await;
        let answer = self.answers.lock().unwrap().pop_front();
        let answer = answer.unwrap_or_else(|| panic!("nobody said what Saleor answers {name}"))?;
        Ok(Response::new(Bytes::from(answer.to_string())))
    }
}

pub(crate) struct Stage {
    pub(crate) adapter: Saleor,
    pub(crate) cx: Context,
    pub(crate) saleor: Arc<Script>,
    journal: Arc<MemoryJournal>,
    /// The adapter holds it weakly.
    _flow: Flow,
}

pub(crate) fn start() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

pub(crate) fn config() -> Value {
    json!({
        "api_url": API,
        "app_id": "acme.vipps.adapter",
        "app_token": "the-token",
        "return_url": "https://shop.example/thanks/{id}",
        "storefront": "Fjell",
    })
}

/// A key that only tests have.
fn key() -> RsaKeyPair {
    RsaKeyPair::from_pkcs8(include_bytes!(
        "../../src/stand_in/only-for-tests.pkcs8.der"
    ))
    .unwrap()
}

pub(crate) fn jwks(kid: &str) -> Value {
    let public: RsaPublicKeyComponents<Vec<u8>> = key().public().into();
    let (n, e) = (BASE64URL.encode(public.n), BASE64URL.encode(public.e));
    json!({ "keys": [{ "kty": "RSA", "kid": kid, "n": n, "e": e, "alg": "RS256", "use": "sig" }] })
}

pub(crate) fn jws(header: &Value, body: &[u8]) -> String {
    let header = BASE64URL.encode(header.to_string());
    let message = [header.as_bytes(), b".", body].concat();
    let key = key();
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        &message,
        &mut signature,
    )
    .unwrap();
    format!("{header}..{}", BASE64URL.encode(signature))
}

pub(crate) fn jws_header(kid: &str) -> Value {
    json!({ "alg": "RS256", "b64": false, "crit": ["b64"], "kid": kid, "typ": "JWT" })
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with(config()).unwrap()
    }

    pub(crate) fn with(config: Value) -> Result<Self, Error> {
        Self::made(config, start(), None)
    }

    pub(crate) fn made(config: Value, now: Timestamp, data: Option<&Path>) -> Result<Self, Error> {
        let saleor = Arc::new(Script {
            asked: Mutex::default(),
            answers: Mutex::default(),
            jwks: Mutex::new(Ok(jwks("test"))),
            keys_read: Mutex::default(),
            slow: Mutex::default(),
        });
        let cx = Context::new(
            saleor.clone(),
            Arc::new(TokioRuntime::starting_at(now)),
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
        let flow = Flow::new(options, cx.clone(), journal.clone(), Vec::new(), Vec::new())?;
        let adapter = Saleor::new(Setup {
            flow: flow.shop_flow(&shop()),
            engine: EngineConfig(config),
            engine_url: Url::parse("https://kasse.example/engine/fjell").unwrap(),
            data: data.map(Path::to_path_buf),
        })?;
        Ok(Self {
            adapter,
            cx,
            saleor,
            journal,
            _flow: flow,
        })
    }

    /// What Saleor answers next, after what it was told before.
    pub(crate) fn answers(&self, data: Value) {
        self.replies(json!({ "data": data }));
    }

    pub(crate) fn replies(&self, reply: Value) {
        self.saleor.answers.lock().unwrap().push_back(Ok(reply));
    }

    pub(crate) fn away(&self) {
        let away = Err(TransportError::NotSent("connection refused".into()));
        self.saleor.answers.lock().unwrap().push_back(away);
    }

    /// What Saleor says of itself and of us.
    pub(crate) fn about(&self, version: &str, app: &str) {
        self.answers(json!({
            "shop": { "version": version },
            "app": { "id": app, "identifier": "acme.vipps.adapter" },
        }));
    }

    /// What Saleor was asked since the last time, which used up all its answers.
    pub(crate) fn asked(&self) -> Vec<Value> {
        assert!(self.saleor.answers.lock().unwrap().is_empty());
        let mut asked = std::mem::take(&mut *self.saleor.asked.lock().unwrap());
        for ask in &mut asked {
            let ask = ask.as_object_mut().unwrap();
            assert_eq!(ask.remove("token").unwrap(), "Bearer the-token");
        }
        asked
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
    ) -> Result<Recorded, RecordError> {
        self.adapter
            .record(&self.cx, &payment.order, payment, event)
            .await
    }

    /// kasse has this payment.
    pub(crate) async fn has(&self, payment: &Payment) {
        let until = kasse_core::after(self.cx.now(), Duration::from_secs(60));
        let key = LeaseKey::payment(&payment.id);
        let lease = self.journal.acquire(&key, self.cx.now(), until).await;
        let lease = lease.unwrap().unwrap();
        let batch = Batch::under(&lease).with(Write::Insert(Box::new(payment.clone())));
        self.journal.write(batch).await.unwrap();
    }
}

pub(crate) fn shop() -> ShopId {
    ShopId::new("fjell").unwrap()
}

/// Where kasse knows one of Saleor's ids: by its UUID.
pub(crate) fn place(id: &str) -> OrderRef {
    let text = String::from_utf8(STANDARD.decode(id).unwrap_or_default()).unwrap_or_default();
    let id = match text.split_once(':') {
        Some(("Checkout", uuid)) => uuid.to_owned(),
        Some(("Order", uuid)) => format!("o-{uuid}"),
        _ => id.to_owned(),
    };
    OrderRef::new(shop(), OrderId::new(id).unwrap())
}

pub(crate) fn recordings() -> Vec<Recording> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    Recording::all(&folder).unwrap()
}

pub(crate) fn recording(start: &str) -> Recording {
    let mut all = recordings().into_iter();
    all.find(|one| one.file.starts_with(start)).unwrap()
}

/// A recorded webhook as our own manifest asks for it, made just now.
pub(crate) fn webhook(start_of_file: &str, typename: &str) -> Value {
    let mut body = recording(start_of_file).request.body;
    body["__typename"] = typename.into();
    body["issuedAt"] = start().to_string().into();
    body
}

/// Signed as Saleor does.
pub(crate) fn signed(event: &str, body: &str) -> Request<Bytes> {
    Request::post("/webhook")
        .header("content-type", "application/json")
        .header("saleor-event", event)
        .header("saleor-api-url", API)
        .header(
            "saleor-signature",
            jws(&jws_header("test"), body.as_bytes()),
        )
        .body(Bytes::from(body.to_owned()))
        .unwrap()
}

/// The recorded order, in our own words' shape.
pub(crate) fn order_of(start: &str) -> Value {
    let recorded = recording(start).response.unwrap();
    let mut order = recorded.body["data"]["order"].clone();
    order["__typename"] = "Order".into();
    order["languageCode"] = "NB".into();
    order["totalPrice"] = order["total"].clone();
    let transactions = order.as_object_mut().unwrap().remove("transactions");
    order["orderTransactions"] = transactions.unwrap();
    for line in order["lines"].as_array_mut().unwrap() {
        line["productVariantId"] = line["variant"]["id"].clone();
        line["variant"].take();
        line["undiscountedTotal"] = line["undiscountedTotalPrice"].take();
    }
    order
}

/// The recorded checkout of three things, a voucher and a delivery, with our transaction.
pub(crate) fn checkout(events: &Value) -> Value {
    let mut checkout = recording("075").request.body["sourceObject"].take();
    checkout["isShippingRequired"] = true.into();
    checkout["languageCode"] = "NB".into();
    checkout["deliveryMethod"] =
        json!({ "__typename": "ShippingMethod", "name": "Hentested Oslo" });
    checkout["transactions"] = transactions(events);
    checkout
}

pub(crate) fn transactions(events: &Value) -> Value {
    json!([{
        "id": TRANSACTION, "pspReference": REFERENCE, "createdAt": "2026-11-22T11:50:00+00:00",
        "authorizedAmount": { "amount": 0 }, "chargedAmount": { "amount": 0 },
        "events": events,
    }])
}

/// An event of our transaction.
pub(crate) fn event(kind: &str, name: &str, amount: f64, message: &str) -> Value {
    json!({
        "id": "VHJhbnNhY3Rpb25FdmVudDox", "type": kind, "pspReference": name, "message": message,
        "createdAt": "2026-11-22T11:51:00.000000+00:00", "idempotencyKey": null,
        "amount": { "amount": amount },
    })
}

pub(crate) fn begun() -> Value {
    event("AUTHORIZATION_ACTION_REQUIRED", REFERENCE, 1397.02, "")
}

pub(crate) fn authorised_there() -> Value {
    event("AUTHORIZATION_SUCCESS", REFERENCE, 1397.02, "")
}

/// As Saleor is asked for a checkout.
pub(crate) fn found(checkout: Value) -> Value {
    json!({ "checkout": checkout, "orders": { "edges": [] } })
}

pub(crate) fn payment() -> Payment {
    testing::payment(place(CHECKOUT), REFERENCE, Money::nok(139_702), start())
}

/// The payment's next event, a minute ago.
pub(crate) fn happen(payment: &mut Payment, what: EventKind) -> PaymentEvent {
    testing::happen(payment, what, "2026-11-22T11:59:00Z".parse().unwrap())
}

/// Reserved in full.
pub(crate) fn paid() -> Payment {
    let mut payment = payment();
    happen(&mut payment, authorised(139_702));
    payment
}
