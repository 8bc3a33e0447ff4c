//! Within the process: no sockets, Tokio's clock paused, every run alike.

use std::sync::Arc;
use std::time::Duration;

use kasse_simulator::{Dial, Dialling, Fault, FaultKind, Operation, Options, SalesUnit, Simulator};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::time::Instant;

use crate::support::{MSN, World, express, pretty, regular};

async fn exchanges(world: &World, of: &str) -> Vec<Value> {
    let list = world
        .control("GET", &format!("exchanges{of}"), Value::Null)
        .await
        .ok();
    list.as_array().unwrap().clone()
}

/// An express payment from the initiate to the refund, all of it over HTTP.
async fn express_payment(world: &World) {
    let at = |what: &str| format!("payments/{MSN}/acme-1/{what}");
    let initiated = world.initiate(&express("acme-1", 10000)).await.ok();
    let page = initiated["url"].as_str().unwrap();
    let path = page.strip_prefix("https://vipps.example").unwrap();
    let request = http::Request::get(path).body(String::new()).unwrap();
    assert!(
        world
            .send(request)
            .await
            .text()
            .contains("Two pairs of socks")
    );
    let approval = json!({"shippingMethodId": "parcel", "user": {"firstName": "Grace"}});
    let acted = world.control("POST", &at("approve"), approval).await.ok();
    assert_eq!(acted["callback"]["status"], 200);
    assert_eq!(
        acted["browserUrl"],
        "https://shop.example/order/acme-1?from=vipps"
    );
    let details = world.details("acme-1").await.ok();
    assert_eq!(details["userDetails"]["firstName"], "Grace");
    world.capture("acme-1", Some(4000), "c1").await.ok();
    world.cancel("acme-1", true).await;
    world.refund("acme-1", Some(1000), "r1").await.ok();
    let payment = world.payment("acme-1");
    assert_eq!((payment.captured, payment.refunded), (4000, 1000));
}

#[tokio::test(start_paused = true)]
async fn a_whole_express_payment() {
    let before = Instant::now();
    let world = World::within().await;
    assert_eq!(world.simulator.address(), None);
    express_payment(&world).await;
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_shop_that_is_late_costs_no_real_time() {
    let real = std::time::Instant::now();
    let world = World::within().await;
    world.initiate(&express("acme-1", 10000)).await.ok();
    let shipping = format!("payments/{MSN}/acme-1/shipping");

    world.shop.takes(Duration::from_secs(11));
    let before = Instant::now();
    let quote = world.control("POST", &shipping, Value::Null).await.ok();
    assert_eq!(quote["userSees"], "No shipping methods found");
    assert_eq!(quote["reason"], "no answer within 10 s");
    assert_eq!(before.elapsed().as_secs(), 10);

    world.shop.takes(Duration::from_secs(9));
    let quote = world.control("POST", &shipping, Value::Null).await.ok();
    assert_eq!(quote["userSees"], Value::Null);

    // The callback has 3 seconds.
    let before = Instant::now();
    let acted = world
        .simulator
        .control()
        .approve(MSN, "acme-1", Default::default())
        .await
        .unwrap();
    assert_eq!(
        acted.callback.unwrap().error.as_deref(),
        Some("no answer within 3 s")
    );
    assert_eq!(before.elapsed().as_secs(), 3);
    let now = world.control("GET", "clock", Value::Null).await.ok();
    assert_eq!(now["now"], "2026-03-01T10:00:00Z", "it stands still");
    assert!(real.elapsed() < Duration::from_secs(9));
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_costs_no_real_time() {
    let real = std::time::Instant::now();
    let world = World::within().await;
    world.initiate(&regular("acme-1", 10000)).await.ok();
    let fault = json!({"on": "details", "orderId": "acme-1", "kind": "slow", "seconds": 600});
    world.control("POST", "faults", fault).await.ok();
    let before = Instant::now();
    world.details("acme-1").await.ok();
    assert_eq!(before.elapsed().as_secs(), 600);
    let broken = Fault::new(Operation::Capture, FaultKind::LostAfterDone);
    world.simulator.control().add_fault(broken).unwrap();
    let lost = world.modification("capture", "acme-1", None, "k");
    assert!(world.try_send(lost).await.is_err());
    assert!(real.elapsed() < Duration::from_secs(60));
}

#[tokio::test(start_paused = true)]
async fn what_is_slow_is_done_also_when_the_caller_has_hung_up() {
    let world = World::within().await;
    world.reserved("acme-1", 10000).await;
    let slow = json!({"on": "capture", "kind": "slow", "seconds": 60});
    world.control("POST", "faults", slow).await.ok();
    let capture = world.modification("capture", "acme-1", None, "k");
    let late = tokio::time::timeout(Duration::from_secs(10), world.try_send(capture)).await;
    assert!(late.is_err(), "{late:?}");
    assert_eq!(world.payment("acme-1").captured, 0);
    tokio::time::sleep(Duration::from_secs(51)).await;
    assert_eq!(world.payment("acme-1").captured, 10000);
}

#[tokio::test(start_paused = true)]
async fn a_running_clock_is_tokios() {
    let options = Options {
        start: Some("2026-03-01T10:00:00Z".parse().unwrap()),
        ..Options::default()
    };
    let simulator = Simulator::within(options, Arc::new(Nobody)).unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(
        simulator.control().now().to_string(),
        "2026-03-01T10:01:00Z"
    );
}

#[derive(Debug)]
struct Nobody;

impl Dial for Nobody {
    fn dial(&self, host: &str) -> Option<Dialling> {
        (host != "unknown.example").then(|| {
            let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
            Box::pin(async move { Err(refused) }) as Dialling
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_shop_that_is_not_there_is_recorded() {
    let mut world = World::within().await;
    let options = Options {
        counted: true,
        ..Options::default()
    };
    world.simulator = Simulator::within(options, Arc::new(Nobody)).unwrap();
    world.token = world.new_token().await;
    for (order, host, sent, why) in [
        ("acme-1", "shop.example", true, "connection refused"),
        ("acme-2", "unknown.example", false, "the call was not made"),
    ] {
        let mut initiate = regular(order, 10000);
        initiate["merchantInfo"]["callbackPrefix"] = format!("https://{host}/vipps").into();
        world.initiate(&initiate).await.ok();
        let path = format!("payments/{MSN}/{order}/reject");
        let acted = world.control("POST", &path, Value::Null).await.ok();
        assert_eq!(acted["callback"]["sent"], sent);
        let error = acted["callback"]["error"].as_str().unwrap();
        assert!(error.contains(why), "{error}");
        let out = exchanges(&world, &format!("?orderId={order}&direction=out")).await;
        assert!(out[0]["note"].as_str().unwrap().contains(why), "{out:?}");
        assert_eq!(out[0]["status"], Value::Null);
    }
}

/// What one run records, and every byte that it answered to the first call.
async fn run() -> (String, String) {
    let world = World::within().await;
    let first = format!("{:?}", world.control("GET", "clock", Value::Null).await);
    express_payment(&world).await;
    world.initiate(&regular("acme-2", 5000)).await.ok();
    world.pass(11).await;
    world.initiate(&regular("acme-2", 5000)).await;
    let record = exchanges(&world, "").await;
    let text = pretty(&Value::Array(record));
    // What would be random is in it.
    assert!(text.contains("token=0000000000"), "{text}");
    assert!(!text.contains(&world.token), "an access token is shown");
    assert!(!text.contains("eyJ0eX"), "an access token is shown");
    (text, first)
}

#[tokio::test(start_paused = true)]
async fn two_runs_are_alike() {
    let (record, first) = run().await;
    assert!(record.contains("\"https://shop.example/vipps/v2/payments/acme-2\""));
    assert!(
        first.contains("Sun, 01 Mar 2026 10:00:00 GMT"),
        "the answer's date is the simulator's: {first}"
    );
    assert_eq!((record, first), run().await);
}

#[tokio::test(start_paused = true)]
async fn tokens_are_random_unless_asked_otherwise() {
    let mut world = World::within().await;
    let counted = world.token.clone();
    assert_ne!(world.new_token().await, counted);
    for _ in 0..2 {
        let options = Options::default();
        world.simulator = Simulator::within(options, Arc::new(Nobody)).unwrap();
        let random = world.new_token().await;
        assert_ne!(random, counted);
        assert_ne!(random, world.new_token().await);
    }
}

/// How often a call was made for an order, by the record.
fn count(record: &[Value], method: &str, url: &str, status: u16) -> usize {
    record
        .iter()
        .filter(|e| e["method"] == method && e["url"] == url && e["status"] == status)
        .count()
}

#[tokio::test(start_paused = true)]
async fn the_record_tells_how_the_rate_limits_stand() {
    let world = World::within().await;
    world.reserved("acme-1", 10000).await;
    for n in 0..7 {
        world.capture("acme-1", Some(100), &format!("k{n}")).await;
    }
    world.details("acme-1").await.ok();
    world.new_token().await;
    let of_order = exchanges(&world, "?orderId=acme-1&direction=in").await;
    let capture = "/ecomm/v2/payments/acme-1/capture";
    assert_eq!(count(&of_order, "POST", capture, 200), 5);
    assert_eq!(count(&of_order, "POST", capture, 429), 2);
    let details = "/ecomm/v2/payments/acme-1/details";
    assert_eq!(count(&of_order, "GET", details, 200), 1);
    assert_eq!(count(&of_order, "POST", "/ecomm/v2/payments", 200), 1);
    let refused = of_order.iter().find(|e| e["status"] == 429).unwrap();
    assert_eq!(refused["at"], "2026-03-01T10:00:00Z");
    assert!(
        refused["response"]
            .as_str()
            .unwrap()
            .contains("try again in 60 seconds")
    );
    assert!(
        refused["headers"]
            .as_array()
            .unwrap()
            .contains(&json!(["x-request-id", "k5"]))
    );
    let all = exchanges(&world, "").await;
    assert_eq!(count(&all, "POST", "/accesstoken/get", 200), 2);
}

#[tokio::test(start_paused = true)]
async fn every_act_of_the_customer_over_http() {
    let world = World::within().await;
    let at = |order: &str, what: &str| format!("payments/{MSN}/{order}/{what}");
    world.initiate(&regular("acme-1", 10000)).await.ok();
    let inside = |inside: bool| json!({"inside": inside});
    world
        .control("POST", &at("acme-1", "in-3ds"), inside(true))
        .await
        .ok();
    assert!(world.payment("acme-1").in_3ds);
    assert_eq!(world.cancel("acme-1", false).await.status, 400);
    world
        .control("POST", &at("acme-1", "in-3ds"), inside(false))
        .await
        .ok();
    let declined = world
        .control("POST", &at("acme-1", "decline"), Value::Null)
        .await
        .ok();
    assert_eq!(declined["callback"], Value::Null);
    assert!(world.shop.calls().is_empty());
    let rejected = world
        .control("POST", &at("acme-1", "reject"), Value::Null)
        .await
        .ok();
    assert_eq!(rejected["callback"]["status"], 200);
    let forged = world
        .control("POST", &at("acme-1", "forge-callback"), Value::Null)
        .await
        .ok();
    assert_eq!(forged["status"], 200);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_cannot_be_and_an_end() {
    let twice = Options {
        units: vec![SalesUnit::default(), SalesUnit::default()],
        ..Options::default()
    };
    let error = Simulator::within(twice, Arc::new(Nobody)).unwrap_err();
    assert!(error.to_string().contains("123456 is there twice"));

    let world = World::within().await;
    let mut open = world.simulator.connect();
    world.simulator.stop().await;
    assert_eq!(open.read(&mut [0; 8]).await.unwrap(), 0, "it is closed");
}

#[tokio::test]
async fn one_with_sockets_can_be_reached_without() {
    let world = World::start().await;
    let request = http::Request::get("/__simulator/health");
    let answer = crate::support::send(
        world.simulator.connect(),
        request.body(String::new()).unwrap(),
    )
    .await
    .unwrap();
    assert_eq!(answer.ok()["status"], "ok");
}
