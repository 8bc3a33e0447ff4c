//! What the tests stand on: an adapter with a set clock, and a WooCommerce that answers by script.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use kasse_core::flow::{FlowOptions, InstallationKeys};
use kasse_core::journal::{
    Batch, Command, CommandState, CommandVerb, Journal, LeaseKey, MemoryJournal, Write,
};
use kasse_core::piece::Piece;
use kasse_core::registry::{EngineConfig, Setup};
use kasse_core::testing;
pub(crate) use kasse_core::testing::{address, authorised, captured, personal, refunded, released};
use kasse_core::{
    CommandId, Context, CountedIds, Error, EventKind, Flow, IdempotencyKey, Money, OrderId,
    OrderRef, Payment, PaymentEvent, PaymentProvider, RecordError, ShopId, TokioRuntime, Transport,
    TransportError,
};
use kasse_woocommerce::WooCommerce;
use serde_json::{Value, json};
use url::Url;

pub(crate) const SECRET: &str = "a-secret-of-thirty-two-characters";
pub(crate) const REFERENCE: &str = "fjell-17";

/// WooCommerce: what it was asked, and what it still has to answer.
#[derive(Debug)]
pub(crate) struct Script {
    asked: Mutex<Vec<Value>>,
    answers: Mutex<VecDeque<Result<(u16, String), TransportError>>>,
    /// What checks kasse's calls to our plugin there.
    piece: Piece,
    cx: Mutex<Option<Context>>,
}

#[async_trait]
impl Transport for Script {
    async fn send(
        &self,
        request: Request<Bytes>,
        _: Duration,
    ) -> Result<Response<Bytes>, TransportError> {
        let header = |name: &str| {
            let value = request.headers().get(name)?;
            Some(value.to_str().unwrap().to_owned())
        };
        let (host, path) = (request.uri().host().unwrap(), request.uri().path());
        assert_eq!(host, "shop.example");
        if path.contains("/wp-json/kasse/v1/") {
            let cx = self.cx.lock().unwrap().clone().unwrap();
            self.piece.verify_from_kasse(&cx, &request).unwrap();
            assert_eq!(header("authorization"), None, "the keys are WooCommerce's");
        } else if request.uri().scheme_str() == Some("https") {
            let keys = BASE64_STANDARD.encode("ck_one:cs_two");
            assert_eq!(header("authorization"), Some(format!("Basic {keys}")));
            assert_eq!(request.uri().query(), None);
        } else {
            assert_eq!(
                header("authorization"),
                None,
                "keys are sent over TLS alone"
            );
            let query = request.uri().query().unwrap();
            assert!(query.contains("oauth_signature="), "{query}");
            assert!(!query.contains("cs_two"), "{query}");
        }
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let mut asked = json!({
            "ask": format!("{} {path}", request.method()),
            "body": body,
            "event": header("x-kasse-event"),
        });
        let query = request.uri().query().unwrap_or_default();
        if let Some((_, nonce)) = query.split_once("oauth_nonce=") {
            asked["nonce"] = nonce.split('&').next().into();
        }
        self.asked.lock().unwrap().push(asked);
        let answer = self.answers.lock().unwrap().pop_front();
        let answer = answer.unwrap_or_else(|| panic!("nobody said what is answered to {path}"))?;
        let mut response = Response::new(Bytes::from(answer.1));
        *response.status_mut() = answer.0.try_into().unwrap();
        Ok(response)
    }
}

pub(crate) struct Stage {
    pub(crate) adapter: WooCommerce,
    pub(crate) cx: Context,
    woocommerce: Arc<Script>,
    journal: Arc<MemoryJournal>,
    /// The adapter holds it weakly.
    _flow: Flow,
}

pub(crate) fn start() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

pub(crate) fn config() -> Value {
    json!({
        "site_url": "https://shop.example/",
        "consumer_key": "ck_one",
        "consumer_secret": "cs_two",
        "secret": SECRET,
        "webhook_secret": "whsec_test_5f2c9b0a7d3e41",
        "storefront": "Fjell",
    })
}

pub(crate) fn piece() -> Piece {
    Piece::new("woocommerce", SECRET.to_owned().into()).unwrap()
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with(config()).unwrap()
    }

    pub(crate) fn with(config: Value) -> Result<Self, Error> {
        Self::starting(config, start())
    }

    pub(crate) fn starting(config: Value, start: Timestamp) -> Result<Self, Error> {
        let secret = config["secret"].as_str().unwrap_or(SECRET).to_owned();
        let checked = Piece::new("woocommerce", secret.into()).unwrap_or_else(|_| piece());
        let woocommerce = Arc::new(Script {
            asked: Mutex::default(),
            answers: Mutex::default(),
            piece: checked,
            cx: Mutex::default(),
        });
        let cx = Context::new(
            woocommerce.clone(),
            Arc::new(TokioRuntime::starting_at(start)),
            Arc::new(CountedIds::default()),
        );
        *woocommerce.cx.lock().unwrap() = Some(cx.clone());
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
        let adapter = WooCommerce::new(Setup {
            flow: flow.shop_flow(&ShopId::new("fjell").unwrap()),
            engine: EngineConfig(config),
            engine_url: Url::parse("https://kasse.example/engine/fjell").unwrap(),
            data: None,
        })?;
        Ok(Self {
            adapter,
            cx,
            woocommerce,
            journal,
            _flow: flow,
        })
    }

    /// What WooCommerce answers next, after what it was told before.
    pub(crate) fn answers(&self, body: Value) {
        self.says(200, &body.to_string());
    }

    /// The recorded answer.
    pub(crate) fn answers_as(&self, file: &str) {
        let recorded = recording(file);
        let status = recorded["response"]["status"].as_u64().unwrap();
        self.says(
            status.try_into().unwrap(),
            &recorded["response"]["body"].to_string(),
        );
    }

    pub(crate) fn says(&self, status: u16, body: &str) {
        let answer = Ok((status, body.to_owned()));
        self.woocommerce.answers.lock().unwrap().push_back(answer);
    }

    pub(crate) fn away(&self) {
        let away = Err(TransportError::NotSent("connection refused".into()));
        self.woocommerce.answers.lock().unwrap().push_back(away);
    }

    /// What WooCommerce was asked since the last time, which used up all its answers.
    pub(crate) fn asked(&self) -> Vec<Value> {
        assert!(self.woocommerce.answers.lock().unwrap().is_empty());
        std::mem::take(&mut *self.woocommerce.asked.lock().unwrap())
    }

    /// The same, only where.
    pub(crate) fn asked_where(&self) -> Vec<String> {
        let asked = self.asked();
        let places = asked.iter().map(|ask| ask["ask"].as_str().unwrap());
        places
            .map(|place| place.replace("/wp-json/wc/v3", ""))
            .collect()
    }

    /// Vipps refused a capture of a payment that kasse knows of.
    pub(crate) async fn refused_at_vipps(&self, payment: &Payment) {
        let amount = payment.sums.authorised;
        let command = Command {
            id: CommandId::new("one").unwrap(),
            payment: payment.id.clone(),
            shop: payment.order.shop.clone(),
            verb: CommandVerb::Capture { amount },
            key: IdempotencyKey::new("one").unwrap(),
            caller: None,
            text: "Order 17".into(),
            rest: true,
            state: CommandState::Refused {
                error: Error::invalid("what", "why", "advice"),
            },
            created: start(),
            tries: 1,
        };
        self.write(payment, Write::Command(Box::new(command))).await;
    }

    /// kasse knows of a payment.
    pub(crate) async fn journaled(&self, payment: &Payment) {
        self.write(payment, Write::Insert(Box::new(payment.clone())))
            .await;
    }

    async fn write(&self, payment: &Payment, write: Write) {
        let key = LeaseKey::payment(&payment.id);
        let until = start() + jiff::SignedDuration::from_secs(60);
        let lease = self
            .journal
            .acquire(&key, start(), until)
            .await
            .unwrap()
            .unwrap();
        self.journal
            .write(Batch::under(&lease).with(write))
            .await
            .unwrap();
        self.journal.release(lease).await.unwrap();
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

/// A recorded exchange, by its number.
pub(crate) fn recording(number: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    let files = std::fs::read_dir(folder).unwrap();
    let file = files.map(|file| file.unwrap().path()).find(|path| {
        path.file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with(number)
    });
    let text = std::fs::read_to_string(file.unwrap()).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// An order, as it was recorded.
pub(crate) fn recorded_order(number: &str) -> Value {
    recording(number)["response"]["body"].clone()
}

pub(crate) fn at() -> OrderRef {
    let id = OrderId::new("17").unwrap();
    OrderRef::new(ShopId::new("fjell").unwrap(), id)
}

/// Two cups, a fire pan and a cheese, with a coupon of 10 %, two rates and a delivery: recorded, and
/// as the kasse plugin adds to it.
pub(crate) fn order() -> Value {
    order_in("pending", "")
}

/// The order in a status, with a transaction.
pub(crate) fn order_in(status: &str, transaction: &str) -> Value {
    marked(recorded_order("018"), status, transaction)
}

/// A recorded order, as the kasse plugin would have given it.
pub(crate) fn marked(mut order: Value, status: &str, transaction: &str) -> Value {
    order["status"] = status.into();
    order["transaction_id"] = transaction.into();
    order["payment_method"] = "kasse_vipps".into();
    let number = order["id"].to_string();
    order["kasse"] = json!({
        "return_url": format!("https://shop.example/checkout/order-received/{number}/?key=wc_order_x"),
        "express": false,
        "language": "nb_NO",
        "reference": REFERENCE,
    });
    order
}

pub(crate) fn payment() -> Payment {
    testing::payment(at(), REFERENCE, Money::nok(139_702), start())
}

/// The payment's next event, a minute ago.
pub(crate) fn happen(payment: &mut Payment, what: EventKind) -> PaymentEvent {
    testing::happen(payment, what, "2026-11-22T11:59:00Z".parse().unwrap())
}
