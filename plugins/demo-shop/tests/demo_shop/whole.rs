//! The whole way: the shop's call, the flow, a stand-in for Vipps, and back to what the shop shows.

use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use kasse_core::api::{
    ApiError, Asked, BadCall, Caller, Cancellation, Inbound, Initiation, Meaning, Modification,
    Operation, OperationKind, PaymentApi, ShippingCall, Truth, TruthState,
};
use kasse_core::flow::Shop;
use kasse_core::{
    Account, AccountId, ApiKind, Context, Currency, Environment, Flow, Language, Money, Msn,
    QuotedOption, Reference, ReferencePrefix, ShopId, Sums,
};
use kasse_demo_shop::PLUGIN;
use serde_json::{Value, json};
use url::Url;

use crate::stage::{flow, post_json, read_json, setup, usual};

/// A Vipps that knows one payment, and does what it is asked.
#[derive(Debug)]
struct OneVipps(Mutex<Truth>);

impl OneVipps {
    fn truth(&self) -> MutexGuard<'_, Truth> {
        self.0.lock().unwrap()
    }

    fn happen(&self, kind: OperationKind, amount: Money, key: Option<String>) {
        let mut truth = self.truth();
        let sum = match kind {
            OperationKind::Authorise => &mut truth.sums.authorised,
            OperationKind::Capture => &mut truth.sums.captured,
            OperationKind::Refund => &mut truth.sums.refunded,
            _ => &mut truth.sums.released,
        };
        sum.minor += amount.minor;
        let identity = truth.operations.len().to_string();
        let operation = Operation {
            kind,
            amount,
            success: true,
            key,
            at: None,
            identity,
        };
        truth.operations.push(operation);
    }
}

#[async_trait]
impl PaymentApi for OneVipps {
    fn kind(&self) -> ApiKind {
        ApiKind::Ecom
    }
    fn amounts(&self, currency: Currency) -> Option<RangeInclusive<i64>> {
        (currency == Currency::Nok).then_some(100..=i64::MAX)
    }
    fn needs_webhooks(&self) -> bool {
        false
    }
    fn writes_late(&self) -> bool {
        false
    }
    fn token_chars(&self) -> usize {
        64
    }
    fn meaning(&self, _: Asked, _: &kasse_core::Error) -> Meaning {
        Meaning::Other
    }
    fn window(&self) -> Duration {
        Duration::from_secs(600)
    }
    fn initiate_is_idempotent(&self) -> bool {
        false
    }
    async fn initiate(&self, _: &Context, _: &Caller, what: &Initiation) -> Result<Url, ApiError> {
        assert_eq!(what.order.amount, Money::nok(132_890));
        Ok(Url::parse("https://pay.example/session").unwrap())
    }
    async fn capture(&self, _: &Context, _: &Caller, what: &Modification) -> Result<(), ApiError> {
        self.happen(
            OperationKind::Capture,
            what.amount,
            Some(what.key.to_string()),
        );
        Ok(())
    }
    async fn refund(&self, _: &Context, _: &Caller, what: &Modification) -> Result<(), ApiError> {
        self.happen(
            OperationKind::Refund,
            what.amount,
            Some(what.key.to_string()),
        );
        Ok(())
    }
    async fn cancel(&self, _: &Context, _: &Caller, _: &Cancellation) -> Result<(), ApiError> {
        let left = self.truth().sums.left_to_capture();
        self.happen(OperationKind::Release, left, None);
        Ok(())
    }
    async fn read(
        &self,
        _: &Context,
        _: &Caller,
        _: &Reference,
        _: Currency,
    ) -> Result<Option<Truth>, ApiError> {
        Ok(Some(self.truth().clone()))
    }
    fn inbound(&self, _: &str, _: &Request<Bytes>) -> Option<Result<Inbound, BadCall>> {
        None
    }
    fn shown_token<'r>(&self, _: &'r Request<Bytes>) -> Option<&'r [u8]> {
        None
    }
    fn shipping_answer(&self, _: &ShippingCall, _: &[QuotedOption]) -> Response<Bytes> {
        Response::default()
    }
}

/// A flow with the demo shop, made as a program makes it: by the plugin.
fn start() -> (Flow, Arc<OneVipps>) {
    let vipps = Arc::new(OneVipps(Mutex::new(Truth::new(
        TruthState::Open,
        Sums::none(Currency::Nok),
        Vec::new(),
    ))));
    let account = AccountId::new("main").unwrap();
    let keys = Account {
        id: account.clone(),
        environment: Environment::Test,
        msn: Msn::new("123456").unwrap(),
        client_id: "id".into(),
        client_secret: "secret".to_owned().into(),
        subscription_key: "key".to_owned().into(),
        market: None,
        late_capture: false,
    };
    let (flow, _) = flow(vec![vipps.clone()], vec![keys]).unwrap();
    let adapter = (PLUGIN.make)(setup(&flow, json!({}), None)).unwrap();
    let shop = Shop {
        id: ShopId::new("demo").unwrap(),
        name: "Fjord & Fjell".into(),
        account,
        api: ApiKind::Ecom,
        prefix: ReferencePrefix::new("demo").unwrap(),
        language: Language::En,
        wishes: kasse_core::Wishes::default(),
    };
    flow.add_shop(shop, adapter).unwrap();
    (flow, vipps)
}

async fn post(flow: &Flow, path: &str, body: Value) -> (StatusCode, Value) {
    let path = format!("/engine/demo/api{path}");
    read_json(&flow.handle(post_json(&path, &body)).await)
}

/// What the shop shows, once it was told everything.
async fn show(flow: &Flow) -> Value {
    for _ in 0..10 {
        tokio::time::advance(Duration::from_secs(10)).await;
        flow.sweep().await;
    }
    let request = Request::get("/engine/demo/api/orders/1001")
        .body(Bytes::new())
        .unwrap();
    read_json(&flow.handle(request).await).1
}

#[tokio::test(start_paused = true)]
async fn an_order_is_paid_captured_and_refunded() {
    let (flow, vipps) = start();
    post(&flow, "/orders", json!({ "items": usual() })).await;
    let (status, started) = post(&flow, "/orders/1001/pay", json!({})).await;
    assert_eq!(status, StatusCode::OK, "{started}");
    assert_eq!(started["redirect"], "https://pay.example/session");
    assert_eq!(show(&flow).await["state"], "waiting");

    vipps.truth().state = TruthState::Authorised;
    vipps.happen(OperationKind::Authorise, Money::nok(132_890), None);
    assert_eq!(show(&flow).await["state"], "reserved");

    let half = json!({ "amount": "500.00", "key": "click-1" });
    for _ in 0..2 {
        let (status, answer) = post(&flow, "/orders/1001/capture", half.clone()).await;
        assert_eq!(
            (status, &answer["outcome"]),
            (StatusCode::OK, &json!("done")),
            "{answer}"
        );
        assert_eq!(answer["sums"]["captured"], "500.00");
    }
    let (status, refused) = post(&flow, "/orders/1001/refund", json!({ "amount": "500.01" })).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(refused["kind"], "too_much");
    assert!(
        refused["why"].as_str().unwrap().contains("500.00"),
        "{refused}"
    );
    let (status, refused) = post(&flow, "/orders/1001/refund", json!({ "amount": "0" })).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{refused}");

    post(&flow, "/orders/1001/cancel", json!({})).await;
    post(&flow, "/orders/1001/refund", json!({ "amount": "100.00" })).await;
    let shown = show(&flow).await;
    assert_eq!(shown["state"], "partly_refunded");
    assert_eq!(
        shown["sums"],
        json!({
            "reserved": "1328.90", "captured": "500.00", "refunded": "100.00",
            "released": "828.90", "left_to_capture": "0.00", "left_to_refund": "400.00",
        })
    );
    assert_eq!(
        shown["references"].as_array().unwrap(),
        &[started["reference"].clone()]
    );
    assert_eq!(shown["notes"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn what_is_sold_out_meanwhile_is_released() {
    let (flow, vipps) = start();
    post(&flow, "/orders", json!({ "items": usual() })).await;
    post(&flow, "/orders/1001/pay", json!({})).await;
    post(&flow, "/stock", json!({ "sku": "mug", "stock": 0 })).await;
    vipps.truth().state = TruthState::Authorised;
    vipps.happen(OperationKind::Authorise, Money::nok(132_890), None);
    let shown = show(&flow).await;
    assert_eq!(shown["state"], "cancelled");
    assert_eq!(shown["sums"]["released"], "1328.90");
    assert!(shown["notes"].to_string().contains("sold out"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn a_shop_that_was_away_is_told_when_it_is_back() {
    let (flow, vipps) = start();
    post(&flow, "/orders", json!({ "items": usual() })).await;
    post(&flow, "/orders/1001/pay", json!({})).await;
    post(&flow, "/down", json!({ "down": true })).await;
    vipps.truth().state = TruthState::Authorised;
    vipps.happen(OperationKind::Authorise, Money::nok(132_890), None);
    assert_eq!(show(&flow).await["state"], "unpaid");
    post(&flow, "/down", json!({ "down": false })).await;
    for _ in 0..20 {
        show(&flow).await;
    }
    assert_eq!(show(&flow).await["state"], "reserved");
    assert!(vipps.truth().sums.released.is_zero(), "away is not never");
}
