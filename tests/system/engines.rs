//! All engines speak to Vipps alike: the same neutral order gives the same bytes, whichever adapter
//! it came by.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use kasse_core::flow::{FlowOptions, InstallationKeys, Shop};
use kasse_core::journal::MemoryJournal;
use kasse_core::registry::{EngineConfig, Setup};
use kasse_core::{
    Account, AccountId, ApiKind, Buyer, Context, CountedIds, Currency, Environment, Express, Flow,
    Initiate, Language, Line, LineId, LineKind, Money, Msn, Order, OrderId, OrderRef, Outcome,
    ReferencePrefix, ShopId, TokioRuntime, Transport, TransportError, VatRate,
};
use serde_json::{Value, json};
use url::Url;

use crate::differences::differences;
use crate::shops::{self, ENGINES};

/// Vipps, as far as a payment begins.
#[derive(Debug, Default)]
struct Vipps(Mutex<Vec<Request<Bytes>>>);

#[async_trait]
impl Transport for Vipps {
    async fn send(
        &self,
        request: Request<Bytes>,
        _: Duration,
    ) -> Result<Response<Bytes>, TransportError> {
        let answer = if request.uri().path().contains("accesstoken") {
            json!({ "token_type": "Bearer", "expires_in": "3600", "access_token": "token" })
        } else {
            let body: Value = serde_json::from_slice(request.body()).unwrap();
            json!({ "orderId": body["transaction"]["orderId"], "url": "https://pay.example/1" })
        };
        self.0.lock().unwrap().push(request);
        Ok(Response::new(Bytes::from(answer.to_string())))
    }
}

/// A flow over the real wire, with one account in Vipps' test environment.
pub(crate) fn flow(cx: &Context) -> Flow {
    let options = FlowOptions {
        public_url: Url::parse("https://kasse.example").unwrap(),
        keys: InstallationKeys {
            keys: vec![("1".into(), "k".repeat(32).into())],
        },
        quote_budget: Duration::from_secs(6),
        observer: Arc::new(kasse_core::flow::Unobserved),
    };
    let account = Account {
        id: AccountId::new("main").unwrap(),
        environment: Environment::Test,
        msn: Msn::new("123456").unwrap(),
        client_id: "client".into(),
        client_secret: "secret".to_owned().into(),
        subscription_key: "key".to_owned().into(),
        market: None,
        late_capture: false,
    };
    let journal = Arc::new(MemoryJournal::new());
    let wire = kasse_vipps::wire();
    Flow::new(options, cx.clone(), journal, wire, vec![account]).unwrap()
}

/// What goes to Vipps when a shop of this engine begins this order: headers and body.
async fn begun(engine: &str, express: Option<Express>) -> Value {
    let vipps = Arc::new(Vipps::default());
    let start = "2026-11-22T12:00:00Z".parse().unwrap();
    let runtime = Arc::new(TokioRuntime::starting_at(start));
    let cx = Context::new(vipps.clone(), runtime, Arc::new(CountedIds::default()));
    let flow = flow(&cx);
    let id = ShopId::new(engine).unwrap();
    let plugin = kasse_core::registry::plugin(engine).unwrap();
    let adapter = (plugin.make)(Setup {
        flow: flow.shop_flow(&id),
        engine: EngineConfig(shops::config(engine, Currency::Nok)),
        engine_url: Url::parse(&format!("https://kasse.example/engine/{engine}")).unwrap(),
        data: None,
    })
    .unwrap();
    let shop = Shop {
        id: id.clone(),
        name: "Fjell".into(),
        account: AccountId::new("main").unwrap(),
        api: ApiKind::Ecom,
        prefix: ReferencePrefix::new(engine).unwrap(),
        language: Language::Nb,
        wishes: kasse_core::Wishes::default(),
    };
    flow.add_shop(shop, adapter.clone()).unwrap();
    let order = Order {
        at: OrderRef::new(id, OrderId::new("1001").unwrap()),
        amount: Money::nok(15_990),
        lines: vec![Line {
            id: LineId::new("1").unwrap(),
            name: "Kaffekopp «Blåbær»".into(),
            quantity: 2,
            total: Money::nok(15_990),
            discount: Money::nok(0),
            vat: VatRate::percent(25),
            kind: LineKind::Goods,
        }],
        text: "Fjell: order 1001".into(),
        buyer: Buyer {
            phone: Some("4712345678".into()),
            language: Language::Nb,
            address: None,
        },
        express,
        deliveries: Vec::new(),
        return_to: Url::parse("https://shop.example/thanks").unwrap(),
    };
    let outcome = adapter.initiate(&cx, Initiate { order, key: None }).await;
    assert!(matches!(outcome, Outcome::Started(_)), "{outcome:?}");
    let sent = vipps.0.lock().unwrap();
    let request = sent.last().unwrap();
    let headers: serde_json::Map<String, Value> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().into()))
        .collect();
    json!({
        "to": format!("{} {}", request.method(), request.uri()),
        "headers": headers,
        "body": serde_json::from_slice::<Value>(request.body()).unwrap(),
        "bytes": String::from_utf8_lossy(request.body()).replace(engine, "{shop}"),
    })
}

/// Reference, URLs, tokens (they are made of the shop's name) and system names: nothing else.
const MAY_DIFFER: [&str; 10] = [
    "/body/merchantInfo/authToken",
    "/body/merchantInfo/callbackPrefix",
    "/body/merchantInfo/consentRemovalPrefix",
    "/body/merchantInfo/fallBack",
    "/body/merchantInfo/shippingDetailsPrefix",
    "/body/transaction/orderId",
    "/headers/vipps-system-name",
    "/headers/vipps-system-version",
    "/headers/vipps-system-plugin-name",
    "/headers/vipps-system-plugin-version",
];

#[tokio::test(start_paused = true)]
async fn the_same_neutral_order_gives_the_same_bytes_through_all_adapters() {
    for express in [None, Some(Express::Dynamic)] {
        let mut one = begun(ENGINES[0], express).await;
        let bytes = without_tokens(one["bytes"].take().as_str().unwrap());
        for engine in &ENGINES[1..] {
            let mut other = begun(engine, express).await;
            // Byte for byte, the order of the fields and the spaces too, once the tokens are put away.
            let same = without_tokens(other["bytes"].take().as_str().unwrap());
            assert_eq!(bytes, same, "{engine}");
            let found = differences(&one, &other);
            let place = |difference: &String| difference.split(": ").next().unwrap().to_owned();
            let odd: Vec<&String> = found
                .iter()
                .filter(|difference| !MAY_DIFFER.contains(&place(difference).as_str()))
                .collect();
            assert!(odd.is_empty(), "{engine}: {odd:#?}");
            let places: Vec<String> = found.iter().map(place).collect();
            for certain in ["/body/transaction/orderId", "/headers/vipps-system-name"] {
                assert!(places.contains(&certain.to_owned()), "{engine}: {places:?}");
            }
        }
    }
}

/// Runs of 32 and more hexadecimal digits are tokens.
fn without_tokens(text: &str) -> String {
    let words = text.split_inclusive(|c: char| !c.is_ascii_hexdigit());
    words
        .map(|word| if word.len() > 32 { "{token}" } else { word })
        .collect()
}

#[test]
fn the_examples_of_the_adapters_are_configurations_that_work() {
    for engine in ENGINES.iter().filter(|engine| **engine != "demo-shop") {
        let example = format!("plugins/{engine}/kasse.example.toml");
        let checked = std::process::Command::new(env!("CARGO_BIN_EXE_kasse"))
            .args(["config", "check", "--config"])
            .arg(crate::support::workspace().join(example))
            .output()
            .unwrap();
        assert!(checked.status.success(), "{engine}: {checked:?}");
    }
}
