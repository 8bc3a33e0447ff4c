//! Without connections: whole requests in, whole calls to the merchant out.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use kasse_simulator::{
    Calling, Direct, Errand, Fault, FaultKind, Merchant, Operation, Options, Reset,
};
use serde_json::Value;

use crate::support::{MSN, regular};

/// Takes calls to `shop.example`, and remembers them.
#[derive(Debug, Default)]
struct Shop(Mutex<Vec<(String, String, Value)>>);

impl Shop {
    fn calls(&self) -> Vec<(String, String, Value)> {
        self.0.lock().unwrap().clone()
    }
}

#[derive(Debug)]
struct Door(Arc<Shop>);

impl Merchant for Door {
    fn call(&self, host: &str, request: Request<Bytes>) -> Option<Calling> {
        let shop = Arc::clone(&self.0);
        (host == "shop.example").then(|| {
            let call = async move {
                let line = format!("{} {}", request.method(), request.uri());
                let host = request.headers()["host"].to_str().unwrap().to_owned();
                let body = serde_json::from_slice(request.body()).unwrap();
                shop.0.lock().unwrap().push((line, host, body));
                Ok(Response::new(Bytes::new()))
            };
            Box::pin(call) as Calling
        })
    }

    fn run(&self, errand: Errand) {
        tokio::spawn(errand);
    }
}

fn simulator() -> (Direct, Arc<Shop>) {
    let shop = Arc::<Shop>::default();
    let options = Options {
        start: Some("2026-03-01T10:00:00Z".parse().unwrap()),
        counted: true,
        ..Options::default()
    };
    let direct = Direct::new(options, Arc::new(Door(Arc::clone(&shop)))).unwrap();
    (direct, shop)
}

async fn call(direct: &Direct, method: &str, path: &str, body: Vec<u8>) -> Response<Bytes> {
    let unit = kasse_simulator::SalesUnit::default();
    use secrecy::ExposeSecret;
    let key = unit.subscription_key.expose_secret();
    let token = Request::post("https://vipps.example/accesstoken/get")
        .header("client_id", &unit.client_id)
        .header("client_secret", unit.client_secret.expose_secret())
        .header("Ocp-Apim-Subscription-Key", key)
        .body(Bytes::new())
        .unwrap();
    let token = direct.handle(token).await.unwrap();
    assert!(token.headers().contains_key("date"));
    let token: Value = serde_json::from_slice(token.body()).unwrap();
    let request = Request::builder()
        .method(method)
        .uri(format!("https://vipps.example{path}"))
        .header(
            "authorization",
            format!("Bearer {}", token["access_token"].as_str().unwrap()),
        )
        .header("Ocp-Apim-Subscription-Key", key)
        .header("X-Request-Id", "1")
        .header("Content-Type", "application/json")
        .body(Bytes::from(body))
        .unwrap();
    direct.handle(request).await.unwrap()
}

async fn initiate(direct: &Direct) -> Response<Bytes> {
    let order = regular("acme-1", 10_000).to_string().into_bytes();
    call(direct, "POST", "/ecomm/v2/payments", order).await
}

#[tokio::test(start_paused = true)]
async fn a_payment_from_its_start_to_its_callback() {
    let (direct, shop) = simulator();
    assert_eq!(initiate(&direct).await.status(), StatusCode::OK);
    let acted = direct.control().approve(MSN, "acme-1", Default::default());
    assert_eq!(acted.await.unwrap().callback.unwrap().status, Some(200));
    let [(line, host, body)] = &shop.calls()[..] else {
        panic!("one call: {:?}", shop.calls());
    };
    assert_eq!(line, "POST /vipps/v2/payments/acme-1");
    assert_eq!(host, "shop.example");
    assert_eq!(body["transactionInfo"]["status"], "RESERVED");
}

#[tokio::test(start_paused = true)]
async fn time_runs_out_when_its_owner_says_so() {
    let (direct, shop) = simulator();
    let control = direct.control();
    assert_eq!(control.next_change(), None);
    initiate(&direct).await;
    let ends = control.next_change().unwrap();
    assert_eq!(ends.to_string(), "2026-03-01T10:10:00Z");
    tokio::time::sleep(Duration::from_secs(599)).await;
    control.tick();
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(shop.calls().is_empty());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(
        control.next_change(),
        Some(ends),
        "it does not happen by itself"
    );
    assert!(shop.calls().is_empty());
    control.tick();
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(shop.calls().len(), 1);
    assert_eq!(control.next_change(), None);
}

#[tokio::test(start_paused = true)]
async fn faults_and_limits_are_those_of_every_simulator() {
    let (direct, _) = simulator();
    let large = vec![b' '; 1024 * 1024 + 1];
    let refused = call(&direct, "POST", "/ecomm/v2/payments", large).await;
    assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let broken = Fault::new(Operation::Initiate, FaultKind::Reset);
    direct.control().add_fault(broken).unwrap();
    let request = Request::post("/ecomm/v2/payments").body(Bytes::new());
    let answer = direct.handle(request.unwrap()).await;
    assert_eq!(answer.unwrap_err(), Reset);
}
