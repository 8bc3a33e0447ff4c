//! The same cart, placed in Vendure and in the demo shop.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use kasse_core::flow::{FlowOptions, InstallationKeys};
use kasse_core::journal::MemoryJournal;
use kasse_core::registry::{EngineConfig, Setup};
use kasse_core::{
    Context, Flow, OrderId, OrderRef, RandomIds, ReqwestTransport, ShopId, TokioRuntime, Verb,
};
use serde_json::{Value, json};
use url::Url;

use crate::differences::differences;
use crate::people::Shopper;
use crate::stage::{SECRET, Stage};

/// Both orders in kasse's words, by their adapters: the differences are these and no others.
pub(crate) async fn the_same_cart_in_both_engines(stage: &mut Stage) {
    let cart = [("jumper", 1), ("mug", 2), ("coffee", 1)];
    let options = FlowOptions {
        public_url: Url::parse("https://kasse.example").unwrap(),
        keys: InstallationKeys {
            keys: vec![("1".into(), "k".repeat(32).into())],
        },
        quote_budget: Duration::from_secs(6),
        observer: Arc::new(kasse_core::flow::Unobserved),
    };
    let cx = Context::new(
        Arc::new(ReqwestTransport::new().unwrap()),
        Arc::new(TokioRuntime::system()),
        Arc::new(RandomIds),
    );
    let journal = Arc::new(MemoryJournal::new());
    let flow = Flow::new(options, cx.clone(), journal, Vec::new(), Vec::new()).unwrap();
    let shop = ShopId::new("fjell").unwrap();
    let adapter = |engine: &str, config: Value| {
        let plugin = kasse_core::registry::plugin(engine).unwrap();
        (plugin.make)(Setup {
            flow: flow.shop_flow(&shop),
            engine: EngineConfig(config),
            engine_url: Url::parse("https://kasse.example/engine/fjell").unwrap(),
            data: None,
        })
        .unwrap()
    };
    let demo = adapter(
        "demo-shop",
        json!({ "storefront": "Fjell", "site_url": "https://shop.example" }),
    );
    let vendure = adapter(
        "vendure",
        json!({
            "api_url": format!("{}/admin-api", stage.vendure),
            "username": "kasse@shop.example", "password": "kasse-password", "secret": SECRET,
            "return_url": "https://shop.example/thanks/{code}", "storefront": "Fjell",
        }),
    );
    // Express, so that the customer's choice of a delivery is in neither.
    let items: Vec<Value> = cart
        .iter()
        .map(|(sku, quantity)| json!({ "sku": sku, "quantity": quantity }))
        .collect();
    let placed = json!({ "items": items, "express": "dynamic" }).to_string();
    let request = Request::post("/api/orders")
        .body(Bytes::from(placed))
        .unwrap();
    let ask = demo.read(&cx, &request).await.unwrap();
    let Verb::Answered(answer) = ask.verb else {
        panic!("{ask:?}")
    };
    let answer: Value = serde_json::from_slice(answer.body()).unwrap();
    let number = answer["number"]
        .as_str()
        .unwrap_or_else(|| panic!("{answer}"))
        .to_owned();
    let shopper = Shopper::with(stage, &cart).await;
    let at = |id: &str| OrderRef::new(shop.clone(), OrderId::new(id).unwrap());
    let one = demo.order(&cx, &at(&number)).await.unwrap();
    let other = vendure.order(&cx, &at(&shopper.code)).await.unwrap();
    let code = &shopper.code;
    let mut found = differences(
        &serde_json::to_value(&one).unwrap(),
        &serde_json::to_value(&other).unwrap(),
    );
    for difference in &mut found {
        *difference = difference
            .replace(&number, "NUMBER")
            .replace(code.as_str(), "CODE");
        // An engine's ids of lines and its pages are its own.
        let own = difference.starts_with("/lines/") && difference.contains("/id: ");
        if own || difference.starts_with("/return_to") {
            difference.truncate(difference.find(':').unwrap());
        }
    }
    assert_eq!(
        found,
        [
            "/at/order: \"NUMBER\" | \"CODE\"",
            "/lines/0/id",
            "/lines/1/id",
            "/lines/2/id",
            "/return_to",
            "/text: \"Fjell: order NUMBER\" | \"Fjell: order CODE\"",
        ]
    );
}
