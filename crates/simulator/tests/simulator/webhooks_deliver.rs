//! The webhooks as a merchant gets them: what they tell, in which order, how often.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::Response;
use kasse_simulator::{
    Approval, DeliveryState, DeliveryView, Direction, ExchangeFilter, SalesUnit,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::epayment_support::{fixed, payment};
use crate::support::{MSN, ShopCall, World, pretty};
use crate::webhooks_register::{PATH, events};

/// A webhook at `https://shop.example/{path}` for every event, and its secret.
pub(crate) struct Hook {
    pub(crate) id: String,
    pub(crate) secret: String,
}

pub(crate) async fn hook(world: &World, path: &str) -> Hook {
    let body = json!({ "url": format!("https://shop.example/{path}"), "events": events() });
    let mut request = world.request("POST", PATH, Some(&body));
    request
        .headers_mut()
        .insert("Merchant-Serial-Number", MSN.parse().unwrap());
    let made = world.send(request).await;
    assert_eq!(made.status, 201, "{made:?}");
    let text = |name: &str| made.json()[name].as_str().unwrap().to_owned();
    Hook {
        id: text("id"),
        secret: text("secret"),
    }
}

pub(crate) async fn create(world: &World, reference: &str) {
    world.created(&payment(reference, 49900)).await;
    arrived(world).await;
}

pub(crate) async fn approve(world: &World, reference: &str) {
    let control = world.simulator.control();
    control
        .approve(MSN, reference, Approval::default())
        .await
        .unwrap();
}

async fn capture(world: &World, reference: &str, value: u64) {
    let captured = world.adjust("capture", reference, value, "capture").await;
    assert_eq!(captured.status, 200, "{captured:?}");
    arrived(world).await;
}

/// What is due after a call to the API goes out by itself; this waits for it.
pub(crate) async fn arrived(world: &World) {
    world.simulator.control().advance(Duration::ZERO).await;
}

pub(crate) async fn pass(world: &World, seconds: u64) {
    let control = world.simulator.control();
    control.advance(Duration::from_secs(seconds)).await;
}

/// The webhooks that came to a path, oldest first.
pub(crate) fn came(world: &World, path: &str) -> Vec<ShopCall> {
    let path = format!("/{path}");
    let calls = world.shop.calls();
    calls.into_iter().filter(|c| c.path == path).collect()
}

pub(crate) fn names(calls: &[ShopCall]) -> Vec<String> {
    let name = |c: &ShopCall| c.json()["name"].as_str().unwrap().to_owned();
    calls.iter().map(name).collect()
}

fn deliveries(world: &World, reference: &str) -> Vec<DeliveryView> {
    world.payment(reference).webhooks
}

pub(crate) fn states(world: &World, reference: &str) -> Vec<DeliveryState> {
    let webhooks = deliveries(world, reference);
    webhooks.iter().map(|d| d.state).collect()
}

/// The signature over what came, by the documents' words and not by the simulator's code.
pub(crate) fn signature(secret: &[u8], call: &ShopCall, path: &str, host: &str) -> String {
    let hash = STANDARD.encode(Sha256::digest(&call.body));
    let date = call.header("x-ms-date").unwrap();
    let text = ["POST", path, &format!("{date};{host};{hash}")].join("\n");
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    mac.update(text.as_bytes());
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    format!("HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={signature}")
}

/// The shop answers webhooks with this status.
fn answers(world: &World, status: u16) {
    world.shop.quotes(status, "");
}

#[tokio::test]
async fn every_event_is_told_in_order_and_signed() {
    let world = World::start().await;
    let hook = hook(&world, "hooks/1?a=b").await;
    create(&world, "acme-shop-1").await;
    pass(&world, 3).await;
    approve(&world, "acme-shop-1").await;
    capture(&world, "acme-shop-1", 100).await;
    world
        .simulator
        .control()
        .portal_refund(MSN, "acme-shop-1", Some(50))
        .unwrap();
    let cancelled = world.void("acme-shop-1", None).await;
    assert_eq!(cancelled.status, 200, "{cancelled:?}");
    arrived(&world).await;
    let calls = came(&world, "hooks/1?a=b");
    assert_eq!(
        names(&calls),
        ["CREATED", "AUTHORIZED", "CAPTURED", "REFUNDED", "CANCELLED"]
    );
    for call in &calls {
        assert_eq!(call.method, "POST");
        assert_eq!(call.header("webhook-id"), Some(hook.id.as_str()));
        assert_eq!(call.header("host"), Some("shop.example"));
        let expected = signature(hook.secret.as_bytes(), call, "/hooks/1?a=b", "shop.example");
        assert_eq!(call.header("authorization"), Some(expected.as_str()));
        let hash = STANDARD.encode(Sha256::digest(&call.body));
        assert_eq!(call.header("x-ms-content-sha256"), Some(hash.as_str()));
    }
    assert_eq!(
        calls[1].header("x-ms-date"),
        Some("Sun, 01 Mar 2026 10:00:03 GMT")
    );
    let bodies: Vec<Value> = calls.iter().map(ShopCall::json).collect();
    insta::assert_snapshot!("webhooks", pretty(&json!(bodies)));
    // What the log tells is what the webhooks told.
    let log = world.events("acme-shop-1").await.ok();
    let told = |of: &[Value]| -> Vec<(Value, Value, Value)> {
        let of = of.iter();
        of.map(|e| {
            (
                e["pspReference"].clone(),
                e["name"].clone(),
                e["amount"].clone(),
            )
        })
        .collect()
    };
    assert_eq!(told(&bodies), told(log.as_array().unwrap()));
    assert_eq!(states(&world, "acme-shop-1"), [DeliveryState::Delivered; 5]);
}

#[tokio::test]
async fn ends_and_failures_are_told_too() {
    let world = World::start().await;
    let control = world.simulator.control();
    hook(&world, "1").await;
    for reference in ["aborted-1", "terminated-1", "declined-1", "forced-1"] {
        create(&world, reference).await;
    }
    control.reject(MSN, "aborted-1").await.unwrap();
    let ended = world.void("terminated-1", None).await;
    assert_eq!(ended.status, 200, "{ended:?}");
    arrived(&world).await;
    control.decline(MSN, "declined-1").unwrap();
    approve(&world, "declined-1").await;
    let customer = json!({"customer": {"phoneNumber": "4791234567"}});
    let forced = world.force("forced-1", customer).await;
    assert_eq!(forced.status, 200, "{forced:?}");
    arrived(&world).await;
    let told: Vec<(Value, Value, Value)> = came(&world, "1")
        .iter()
        .map(|c| {
            let body = c.json();
            let field = |name: &str| body[name].clone();
            (field("reference"), field("name"), field("success"))
        })
        .skip(4)
        .collect();
    let line = |a: &str, b: &str, c: bool| (json!(a), json!(b), json!(c));
    assert_eq!(
        told,
        [
            line("aborted-1", "ABORTED", true),
            line("terminated-1", "TERMINATED", true),
            line("declined-1", "AUTHORIZED", false),
            line("declined-1", "AUTHORIZED", true),
            line("forced-1", "AUTHORIZED", true),
        ]
    );
}

#[tokio::test]
async fn an_approval_tells_what_the_customer_consented_to() {
    let world = World::start().await;
    hook(&world, "1").await;
    let mut with_scope = payment("acme-shop-1", 49900);
    with_scope["profile"] = json!({"scope": "name email"});
    world.authorized(&with_scope).await;
    let body = came(&world, "1").pop().unwrap().json();
    let payment = world.get("acme-shop-1").await.ok();
    assert_eq!(body["sub"], payment["profile"]["sub"]);
    assert!(body["sub"].is_string());
    assert_eq!(body["userDetails"], payment["userDetails"]);
    assert_eq!(
        body["captureGuaranteedUntil"],
        payment["captureGuaranteedUntil"]
    );
}

#[tokio::test]
async fn an_express_approval_tells_the_delivery() {
    let world = World::start().await;
    hook(&world, "1").await;
    world.authorized(&fixed("acme-shop-1", 49900)).await;
    let body = came(&world, "1").pop().unwrap().json();
    assert_eq!(body["amount"]["value"], 59800, "with the delivery");
    assert_eq!(body["shippingDetails"]["shippingOptionId"], "home");
    let payment = world.get("acme-shop-1").await.ok();
    assert_eq!(body["shippingDetails"], payment["shippingDetails"]);
}

#[tokio::test]
async fn a_profile_that_comes_later_is_not_in_the_webhook() {
    let world = World::with(SalesUnit {
        profile_after: 2,
        ..SalesUnit::default()
    })
    .await;
    hook(&world, "1").await;
    let mut with_scope = payment("acme-shop-1", 49900);
    with_scope["profile"] = json!({"scope": "name"});
    world.authorized(&with_scope).await;
    let body = came(&world, "1").pop().unwrap().json();
    assert!(
        body.get("sub").is_none() && body.get("userDetails").is_none(),
        "{body}"
    );
}

#[tokio::test]
async fn a_payment_of_ecom_has_no_webhook() {
    let world = World::start().await;
    hook(&world, "1").await;
    world.reserved("acme-shop-1", 10000).await;
    world.capture("acme-shop-1", None, "key").await.ok();
    let refunded = world.adjust("refund", "acme-shop-1", 100, "refund").await;
    assert_eq!(refunded.status, 200, "{refunded:?}");
    arrived(&world).await;
    assert!(came(&world, "1").is_empty());
    assert!(deliveries(&world, "acme-shop-1").is_empty());
}

#[tokio::test]
async fn the_end_by_time_is_told_at_its_own_moment() {
    let world = World::start().await;
    hook(&world, "1").await;
    create(&world, "acme-shop-1").await;
    pass(&world, 3600).await;
    let calls = came(&world, "1");
    assert_eq!(names(&calls), ["CREATED", "EXPIRED"]);
    assert_eq!(calls[1].json()["timestamp"], "2026-03-01T10:10:00.000Z");
    // Sent when the clock was moved, and signed so.
    assert_eq!(
        calls[1].header("x-ms-date"),
        Some("Sun, 01 Mar 2026 11:00:00 GMT")
    );
}

#[tokio::test]
async fn only_what_is_subscribed_is_told_and_only_for_its_unit() {
    let world = World::start().await;
    let second = SalesUnit {
        msn: "654321".to_owned(),
        ..SalesUnit::default()
    };
    world.simulator.control().add_unit(second).unwrap();
    let of = async |path: &str, msn: Option<&str>, event: &str| {
        let body = json!({ "url": format!("https://shop.example/{path}"), "events": [event] });
        let mut request = world.request("POST", PATH, Some(&body));
        if let Some(msn) = msn {
            let headers = request.headers_mut();
            headers.insert("Merchant-Serial-Number", msn.parse().unwrap());
        }
        assert_eq!(world.send(request).await.status, 201);
    };
    of("mine", Some(MSN), "epayments.payment.created.v1").await;
    of("partner", None, "epayments.payment.created.v1").await;
    of("other", Some("654321"), "epayments.payment.created.v1").await;
    of("captures", Some(MSN), "epayments.payment.captured.v1").await;
    create(&world, "acme-shop-1").await;
    let paths: Vec<String> = world.shop.calls().into_iter().map(|c| c.path).collect();
    assert_eq!(paths, ["/mine", "/partner"]);
}

/// The moments, in seconds after the first, at which a webhook that is never taken is tried.
fn schedule() -> Vec<i64> {
    let mut at = vec![0, 2, 4, 6, 66, 186];
    for n in 1..=23 {
        at.push(186 + n * 3600);
    }
    let day = 24 * 3600;
    let mut next = 186 + 23 * 3600 + day;
    while next <= 7 * day {
        at.push(next);
        next += day;
    }
    at
}

fn seconds(delivery: &DeliveryView) -> Vec<i64> {
    let first = delivery.attempts[0].at;
    let since = |a: &kasse_simulator::DeliveryAttempt| a.at.duration_since(first).as_secs();
    delivery.attempts.iter().map(since).collect()
}

#[tokio::test]
async fn what_is_not_taken_is_tried_again_by_the_schedule() {
    let world = World::start().await;
    answers(&world, 500);
    let hook = hook(&world, "1").await;
    create(&world, "acme-shop-1").await;
    let attempts = |n: usize| {
        let mut calls = came(&world, "1");
        calls.retain(|c| c.json()["name"] == "CREATED");
        assert_eq!(calls.len(), n);
        let last = calls.last().unwrap().clone();
        let expected = signature(hook.secret.as_bytes(), &last, "/1", "shop.example");
        assert_eq!(last.header("authorization"), Some(expected.as_str()));
        last.header("x-ms-date").unwrap().to_owned()
    };
    assert_eq!(attempts(1), "Sun, 01 Mar 2026 10:00:00 GMT");
    // Step by step, a second before each attempt and at it: signed anew each time.
    let mut done = 1;
    let mut gone = 0;
    for at in schedule().into_iter().skip(1) {
        let wait = u64::try_from(at).unwrap() - gone;
        pass(&world, wait - 1).await;
        attempts(done);
        pass(&world, 1).await;
        done += 1;
        attempts(done);
        gone += wait;
    }
    assert_eq!(done, 29 + 6);
    assert_eq!(seconds(&deliveries(&world, "acme-shop-1")[0]), schedule());
    let created = &deliveries(&world, "acme-shop-1")[0];
    assert_eq!(created.state, DeliveryState::GivenUp);
    assert_eq!(created.next, None);
}

#[tokio::test]
async fn a_leap_of_the_clock_makes_every_attempt_in_it() {
    let world = World::start().await;
    answers(&world, 503);
    hook(&world, "1").await;
    create(&world, "acme-shop-1").await;
    pass(&world, 8 * 24 * 3600).await;
    let webhooks = deliveries(&world, "acme-shop-1");
    let told: Vec<&str> = webhooks.iter().map(|d| d.name.as_str()).collect();
    assert_eq!(told, ["CREATED", "EXPIRED"]);
    assert_eq!(seconds(&webhooks[0]), schedule());
    assert_eq!(webhooks[0].state, DeliveryState::GivenUp);
    // The one behind it had its first attempt when the one before it was over.
    assert_eq!(
        webhooks[1].attempts[0].at,
        webhooks[0].attempts.last().unwrap().at
    );
    assert_eq!(webhooks[1].state, DeliveryState::Waiting);
}

#[tokio::test]
async fn the_end_of_all_time_comes() {
    let world = World::start().await;
    answers(&world, 500);
    hook(&world, "1").await;
    create(&world, "acme-shop-1").await;
    pass(&world, u64::MAX).await;
    assert_eq!(
        deliveries(&world, "acme-shop-1")[0].state,
        DeliveryState::GivenUp
    );
    assert!(world.simulator.control().webhooks().is_empty());
}

#[tokio::test]
async fn the_record_counts_the_attempts() {
    let world = World::start().await;
    answers(&world, 500);
    hook(&world, "1").await;
    create(&world, "acme-shop-1").await;
    pass(&world, 4).await;
    let of_payment = ExchangeFilter::order("acme-shop-1").direction(Direction::Out);
    let record = world.simulator.control().exchanges(&of_payment);
    let notes: Vec<Option<&str>> = record.iter().map(|e| e.note.as_deref()).collect();
    assert_eq!(notes, [None, Some("attempt 2"), Some("attempt 3")]);
    assert!(record.iter().all(|e| e.status == Some(500)));
    // The signature is a secret to the record.
    let signed = ("authorization".to_owned(), "***".to_owned());
    assert!(record.iter().all(|e| e.headers.contains(&signed)));
}

#[tokio::test]
async fn a_shop_that_is_back_gets_what_it_missed_in_order() {
    let world = World::start().await;
    hook(&world, "1").await;
    answers(&world, 502);
    create(&world, "acme-shop-1").await;
    approve(&world, "acme-shop-1").await;
    capture(&world, "acme-shop-1", 100).await;
    assert_eq!(names(&came(&world, "1")), ["CREATED"]);
    answers(&world, 200);
    pass(&world, 1).await;
    assert_eq!(came(&world, "1").len(), 1);
    pass(&world, 1).await;
    assert_eq!(
        names(&came(&world, "1")),
        ["CREATED", "CREATED", "AUTHORIZED", "CAPTURED"]
    );
}

/// Refuses what tells of `name`, or comes to `path`.
fn refuses(world: &World, path: &'static str, name: &'static str) {
    world.shop.answers(move |call| {
        let refused = call.path.contains(path) && call.json()["name"] == name;
        let status = if refused { 500 } else { 200 };
        Some(
            Response::builder()
                .status(status)
                .body(String::new())
                .unwrap(),
        )
    });
}

#[tokio::test]
async fn what_is_stuck_blocks_its_payment_alone_and_its_registration_alone() {
    let world = World::start().await;
    hook(&world, "stuck").await;
    hook(&world, "fine").await;
    refuses(&world, "stuck", "AUTHORIZED");
    create(&world, "acme-shop-1").await;
    approve(&world, "acme-shop-1").await;
    capture(&world, "acme-shop-1", 100).await;
    create(&world, "acme-shop-2").await;
    assert_eq!(names(&came(&world, "fine")).len(), 4);
    let stuck: Vec<(String, String)> = came(&world, "stuck")
        .iter()
        .map(|c| {
            let text = |name: &str| c.json()[name].as_str().unwrap().to_owned();
            (text("reference"), text("name"))
        })
        .collect();
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(
        stuck,
        [
            pair("acme-shop-1", "CREATED"),
            pair("acme-shop-1", "AUTHORIZED"),
            pair("acme-shop-2", "CREATED")
        ]
    );
}

#[tokio::test]
async fn only_a_2xx_is_taken() {
    for (status, taken) in [
        (200, true),
        (202, true),
        (204, true),
        (301, false),
        (307, false),
        (400, false),
        (401, false),
        (404, false),
        (410, false),
        (500, false),
    ] {
        let world = World::start().await;
        hook(&world, "1").await;
        answers(&world, status);
        create(&world, "acme-shop-1").await;
        let state = states(&world, "acme-shop-1")[0];
        assert_eq!(state == DeliveryState::Delivered, taken, "{status}");
        let attempt = &deliveries(&world, "acme-shop-1")[0].attempts[0];
        assert_eq!(attempt.status, Some(status));
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_after_ten_seconds_is_none() {
    let world = World::within().await;
    hook(&world, "1").await;
    world.shop.takes(Duration::from_secs(9));
    create(&world, "acme-shop-1").await;
    world.shop.takes(Duration::from_secs(11));
    create(&world, "acme-shop-2").await;
    assert_eq!(states(&world, "acme-shop-1"), [DeliveryState::Delivered]);
    let late = &deliveries(&world, "acme-shop-2")[0];
    assert_eq!(late.state, DeliveryState::Waiting);
    assert_eq!(
        late.attempts[0].error.as_deref(),
        Some("no answer within 10 s")
    );
}

#[tokio::test]
async fn a_host_that_is_not_known_is_tried_and_fails() {
    let world = World::start().await;
    let body = json!({ "url": "https://other.example/1", "events": events() });
    let made = world.send(world.request("POST", PATH, Some(&body))).await;
    assert_eq!(made.status, 201);
    create(&world, "acme-shop-1").await;
    let failed = &deliveries(&world, "acme-shop-1")[0];
    assert!(
        failed.attempts[0]
            .error
            .as_deref()
            .unwrap()
            .contains("other.example")
    );
    assert_eq!(failed.state, DeliveryState::Waiting);
}

const DAY: u64 = 24 * 60 * 60;

#[tokio::test]
async fn a_server_that_takes_nothing_for_two_weeks_loses_its_webhook() {
    let mut world = World::start().await;
    let control = world.simulator.control().clone();
    let dead = hook(&world, "dead").await;
    let alive = hook(&world, "alive").await;
    world.shop.answers(|call| {
        let status = if call.path == "/dead" { 500 } else { 200 };
        Some(
            Response::builder()
                .status(status)
                .body(String::new())
                .unwrap(),
        )
    });
    create(&world, "acme-shop-1").await;
    assert_eq!(control.webhooks()[0].failing_since, Some(control.now()));
    world.pass_days(13).await;
    create(&world, "acme-shop-3").await;
    pass(&world, DAY - 1).await;
    let ids = || -> Vec<String> { control.webhooks().into_iter().map(|w| w.id).collect() };
    assert_eq!(ids(), [dead.id.clone(), alive.id.clone()]);
    pass(&world, 1).await;
    assert_eq!(ids(), std::slice::from_ref(&alive.id));
    let of_dead = |reference: &str| -> Vec<DeliveryState> {
        let webhooks = deliveries(&world, reference).into_iter();
        let of_dead = webhooks.filter(|d| d.webhook == dead.id);
        of_dead.map(|d| d.state).collect()
    };
    assert_eq!(of_dead("acme-shop-1")[0], DeliveryState::GivenUp);
    assert_eq!(of_dead("acme-shop-3"), [DeliveryState::Dropped; 2]);
    // Nothing comes there any more.
    world.token = world.new_token().await;
    let before = came(&world, "dead").len();
    create(&world, "acme-shop-2").await;
    assert_eq!(came(&world, "dead").len(), before);
    assert_eq!(control.webhooks()[0].failing_since, None);
}

#[tokio::test]
async fn a_server_that_takes_one_in_time_keeps_its_webhook() {
    let world = World::start().await;
    let control = world.simulator.control();
    hook(&world, "1").await;
    answers(&world, 500);
    create(&world, "acme-shop-1").await;
    pass(&world, 13 * DAY).await;
    answers(&world, 200);
    // Two more weeks at once: the attempts in them come first, and are taken.
    pass(&world, 14 * DAY).await;
    assert_eq!(control.webhooks().len(), 1);
    assert_eq!(control.webhooks()[0].failing_since, None);
}

#[tokio::test]
async fn a_deleted_webhook_gets_nothing_more() {
    let world = World::start().await;
    let hook = hook(&world, "1").await;
    answers(&world, 500);
    create(&world, "acme-shop-1").await;
    let mut request = world.request("DELETE", &format!("{PATH}/{}", hook.id), None);
    request
        .headers_mut()
        .insert("Merchant-Serial-Number", MSN.parse().unwrap());
    assert_eq!(world.send(request).await.status, 204);
    pass(&world, DAY).await;
    assert_eq!(came(&world, "1").len(), 1);
    assert_eq!(states(&world, "acme-shop-1"), [DeliveryState::Dropped]);
}

#[tokio::test]
async fn a_new_webhook_gets_what_happens_from_then_on() {
    let world = World::start().await;
    create(&world, "acme-shop-1").await;
    hook(&world, "1").await;
    approve(&world, "acme-shop-1").await;
    assert_eq!(names(&came(&world, "1")), ["AUTHORIZED"]);
}

#[tokio::test(start_paused = true)]
async fn a_running_clock_delivers_by_itself() {
    use kasse_simulator::{Options, Resolve, Simulator};
    // The shop of another world, under a simulator whose clock runs by Tokio's.
    let world = World::within().await;
    let options = Options {
        units: vec![SalesUnit::default()],
        resolve: Vec::<Resolve>::new(),
        counted: true,
        ..Options::default()
    };
    let simulator = Simulator::within(options, Arc::new(world.shop.clone())).unwrap();
    let running = World {
        token: String::new(),
        simulator,
        shop: world.shop.clone(),
        shop_address: None,
    };
    let running = World {
        token: running.new_token().await,
        ..running
    };
    hook(&running, "1").await;
    let status = Arc::new(Mutex::new(500));
    let shown = Arc::clone(&status);
    running.shop.answers(move |_| {
        let status = *shown.lock().unwrap();
        Some(
            Response::builder()
                .status(status)
                .body(String::new())
                .unwrap(),
        )
    });
    running.created(&payment("acme-shop-1", 49900)).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(came(&running, "1").len(), 3, "at 0, 2 and 4 s");
    *status.lock().unwrap() = 200;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(states(&running, "acme-shop-1"), [DeliveryState::Delivered]);
    assert_eq!(came(&running, "1").len(), 4);
}

#[tokio::test]
async fn runs_are_alike() {
    let mut seen = Vec::new();
    for _ in 0..2 {
        let world = World::within().await;
        hook(&world, "1").await;
        create(&world, "acme-shop-1").await;
        approve(&world, "acme-shop-1").await;
        let calls = came(&world, "1");
        let each: Vec<_> = calls
            .iter()
            .map(|c| (c.body.clone(), c.header("authorization").map(str::to_owned)))
            .collect();
        assert_eq!(each.len(), 2);
        seen.push(each);
    }
    assert_eq!(seen[0], seen[1]);
}
