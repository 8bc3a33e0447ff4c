//! Webhooks that go wrong on purpose, and those of one's own making.

use std::collections::BTreeMap;

use kasse_simulator::{
    DeliveryState, Fault, FaultKind, Operation, WebhookForgery, WebhookSignature,
};
use serde_json::{Value, json};

use crate::support::{MSN, ShopCall, World};
use crate::webhooks_deliver::{Hook, approve, came, create, hook, names, pass, signature, states};

async fn with_fault(kind: FaultKind) -> (World, Hook) {
    let world = World::start().await;
    let hook = hook(&world, "1").await;
    // It may be set for one payment alone.
    let fault = Fault::new(Operation::Webhook, kind).for_order("acme-shop-1");
    world.simulator.control().add_fault(fault).unwrap();
    create(&world, "other-shop-1").await;
    let others = came(&world, "1");
    assert_eq!(others.len(), 1);
    create(&world, "acme-shop-1").await;
    (world, hook)
}

fn of_acme(world: &World) -> Vec<ShopCall> {
    let calls = came(world, "1").into_iter();
    calls
        .filter(|c| c.json()["reference"] == "acme-shop-1")
        .collect()
}

fn is_right(hook: &Hook, call: &ShopCall) -> bool {
    let expected = signature(hook.secret.as_bytes(), call, "/1", "shop.example");
    call.header("authorization") == Some(expected.as_str())
}

#[tokio::test]
async fn a_webhook_is_lost_and_the_next_one_comes() {
    let (world, _) = with_fault(FaultKind::WebhookLost).await;
    assert!(of_acme(&world).is_empty());
    approve(&world, "acme-shop-1").await;
    assert_eq!(names(&of_acme(&world)), ["AUTHORIZED"]);
    assert_eq!(
        states(&world, "acme-shop-1"),
        [DeliveryState::Lost, DeliveryState::Delivered]
    );
}

#[tokio::test]
async fn a_webhook_comes_twice() {
    let (world, hook) = with_fault(FaultKind::WebhookTwice).await;
    let calls = of_acme(&world);
    assert_eq!(names(&calls), ["CREATED", "CREATED"]);
    assert_eq!(calls[0].body, calls[1].body);
    assert!(calls.iter().all(|c| is_right(&hook, c)));
}

#[tokio::test]
async fn a_late_webhook_holds_back_those_after_it() {
    let (world, _) = with_fault(FaultKind::WebhookLate { seconds: 60 }).await;
    approve(&world, "acme-shop-1").await;
    assert!(of_acme(&world).is_empty());
    pass(&world, 59).await;
    assert!(of_acme(&world).is_empty());
    pass(&world, 1).await;
    assert_eq!(names(&of_acme(&world)), ["CREATED", "AUTHORIZED"]);
}

#[tokio::test]
async fn a_webhook_comes_after_the_next_one() {
    let (world, _) = with_fault(FaultKind::WebhookOutOfOrder).await;
    pass(&world, 60).await;
    assert!(of_acme(&world).is_empty());
    approve(&world, "acme-shop-1").await;
    assert_eq!(names(&of_acme(&world)), ["AUTHORIZED", "CREATED"]);
    assert_eq!(
        states(&world, "acme-shop-1"),
        [DeliveryState::Delivered, DeliveryState::Delivered]
    );
}

#[tokio::test]
async fn a_forged_webhook_comes_first() {
    let name = Some("AUTHORIZED".to_owned());
    let (world, hook) = with_fault(FaultKind::WebhookForged { name }).await;
    let calls = of_acme(&world);
    assert_eq!(names(&calls), ["AUTHORIZED", "CREATED"]);
    assert!(!is_right(&hook, &calls[0]) && is_right(&hook, &calls[1]));
    assert!(
        calls[0]
            .header("authorization")
            .unwrap()
            .starts_with("HMAC-SHA256 ")
    );
}

#[tokio::test]
async fn a_failed_operation_is_told_first() {
    let (world, hook) = with_fault(FaultKind::WebhookFailed).await;
    let calls = of_acme(&world);
    let told: Vec<Value> = calls.iter().map(|c| c.json()["success"].clone()).collect();
    assert_eq!(told, [json!(false), json!(true)]);
    assert_ne!(
        calls[0].json()["pspReference"],
        calls[1].json()["pspReference"]
    );
    assert!(calls.iter().all(|c| is_right(&hook, c)));
}

#[tokio::test]
async fn a_bad_signature_is_right_at_the_next_attempt() {
    let world = World::start().await;
    let hook = hook(&world, "1").await;
    let secret = hook.secret.clone();
    // A shop that looks.
    world.shop.answers(move |call| {
        let expected = signature(secret.as_bytes(), call, "/1", "shop.example");
        let right = call.header("authorization") == Some(expected.as_str());
        let status = if right { 200 } else { 401 };
        Some(
            http::Response::builder()
                .status(status)
                .body(String::new())
                .unwrap(),
        )
    });
    let fault = Fault::new(Operation::Webhook, FaultKind::WebhookBadSignature);
    world.simulator.control().add_fault(fault).unwrap();
    create(&world, "acme-shop-1").await;
    let statuses = || -> Vec<Option<u16>> {
        let webhooks = world.payment("acme-shop-1").webhooks;
        webhooks[0].attempts.iter().map(|a| a.status).collect()
    };
    assert_eq!(statuses(), [Some(401)]);
    pass(&world, 2).await;
    assert_eq!(statuses(), [Some(401), Some(200)]);
}

#[tokio::test]
async fn a_clock_that_is_off() {
    for (seconds, date) in [
        (-301, "Sun, 01 Mar 2026 09:54:59 GMT"),
        (301, "Sun, 01 Mar 2026 10:05:01 GMT"),
    ] {
        let (world, hook) = with_fault(FaultKind::WebhookClock { seconds }).await;
        let call = of_acme(&world).remove(0);
        assert_eq!(call.header("x-ms-date"), Some(date));
        assert!(is_right(&hook, &call));
    }
}

#[tokio::test]
async fn the_signature_comes_in_another_header() {
    let (world, hook) = with_fault(FaultKind::WebhookOtherHeader).await;
    let call = of_acme(&world).remove(0);
    assert_eq!(call.header("authorization"), None);
    let expected = signature(hook.secret.as_bytes(), &call, "/1", "shop.example");
    assert_eq!(
        call.header("x-vipps-authorization"),
        Some(expected.as_str())
    );
}

#[tokio::test]
async fn a_name_that_nobody_knows() {
    let value = "HOVERING".to_owned();
    let (world, hook) = with_fault(FaultKind::UnknownStatus { value }).await;
    let calls = of_acme(&world);
    assert_eq!(names(&calls), ["HOVERING"]);
    assert!(is_right(&hook, &calls[0]));
}

#[tokio::test]
async fn faults_that_do_not_exist_are_refused() {
    let world = World::start().await;
    let control = world.simulator.control();
    for (on, kind) in [
        (Operation::Webhook, FaultKind::CallbackLost),
        (Operation::Webhook, FaultKind::Reset),
        (Operation::Webhook, FaultKind::Locked),
        (Operation::Callback, FaultKind::WebhookLost),
        (Operation::Capture, FaultKind::WebhookTwice),
        (
            Operation::Register,
            FaultKind::UnknownStatus {
                value: "X".to_owned(),
            },
        ),
    ] {
        let fault = Fault::new(on, kind);
        assert!(control.add_fault(fault.clone()).is_err(), "{fault:?}");
    }
    // A fault for any call is not for what the simulator sends.
    hook(&world, "1").await;
    control
        .add_fault(Fault::new(Operation::Any, FaultKind::Reset))
        .unwrap();
    control
        .forge_webhook(MSN, "acme-shop-1", WebhookForgery::default())
        .await
        .unwrap();
    assert_eq!(control.faults().len(), 1);
}

async fn forged(world: &World, forgery: WebhookForgery) -> ShopCall {
    let before = world.shop.calls().len();
    let control = world.simulator.control();
    let answer = control.forge_webhook(MSN, "acme-shop-1", forgery).await;
    assert_eq!(answer.unwrap().status, Some(200));
    let mut calls = world.shop.calls();
    assert_eq!(calls.len(), before + 1);
    calls.remove(before)
}

#[tokio::test]
async fn every_way_to_sign_wrongly() {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    let world = World::start().await;
    let hook = hook(&world, "1").await;
    create(&world, "acme-shop-1").await;
    let with = |signature| WebhookForgery {
        signature,
        ..WebhookForgery::default()
    };
    let right = forged(&world, with(WebhookSignature::Right)).await;
    assert!(is_right(&hook, &right));
    assert_eq!(right.json()["amount"]["value"], 49900);
    assert_eq!(right.json()["name"], "AUTHORIZED");
    for wrong in [
        WebhookSignature::Wrong,
        WebhookSignature::OtherSecret,
        WebhookSignature::DecodedSecret,
        WebhookSignature::OtherBody,
        WebhookSignature::OtherScheme,
    ] {
        let call = forged(&world, with(wrong)).await;
        assert!(!is_right(&hook, &call), "{wrong:?}");
        assert!(
            call.header("authorization").unwrap().len() > 80,
            "{wrong:?}"
        );
    }
    let call = forged(&world, with(WebhookSignature::DecodedSecret)).await;
    let decoded = STANDARD.decode(&hook.secret).unwrap();
    let expected = signature(&decoded, &call, "/1", "shop.example");
    assert_eq!(call.header("authorization"), Some(expected.as_str()));
    let none = forged(&world, with(WebhookSignature::None)).await;
    assert_eq!(none.header("authorization"), None);
    let other = forged(&world, with(WebhookSignature::OtherHeader)).await;
    assert_eq!(other.header("authorization"), None);
    assert!(other.header("x-vipps-authorization").is_some());
}

#[tokio::test]
async fn what_a_proxy_does_on_the_way() {
    let world = World::start().await;
    let hook = hook(&world, "1").await;
    let forgery = WebhookForgery {
        url: Some("https://shop.example/rewritten".to_owned()),
        headers: BTreeMap::from([("Host".to_owned(), "inner.example".to_owned())]),
        ..WebhookForgery::default()
    };
    let call = forged(&world, forgery).await;
    assert_eq!(call.path, "/rewritten");
    assert_eq!(call.header("host"), Some("inner.example"));
    // Signed for what is registered.
    assert!(is_right(&hook, &call));
}

#[tokio::test]
async fn anything_can_be_told_and_signed_rightly() {
    let world = World::start().await;
    let first = hook(&world, "1").await;
    let second = hook(&world, "2").await;
    // No such payment, and a name that there is not.
    let call = forged(
        &world,
        WebhookForgery {
            name: Some("HOVERING".to_owned()),
            amount: Some(7),
            currency: Some("SEK".to_owned()),
            msn: Some("999999".to_owned()),
            psp_reference: Some("p".to_owned()),
            success: Some(false),
            clock_off_seconds: 60,
            ..WebhookForgery::default()
        },
    )
    .await;
    assert!(is_right(&first, &call));
    assert_eq!(
        call.json(),
        json!({
            "msn": "999999", "reference": "acme-shop-1", "pspReference": "p", "name": "HOVERING",
            "amount": {"currency": "SEK", "value": 7}, "success": false,
            "timestamp": "2026-03-01T10:00:00.000Z",
        })
    );
    assert_eq!(
        call.header("x-ms-date"),
        Some("Sun, 01 Mar 2026 10:01:00 GMT")
    );
    // To another registration; bytes that are no text.
    let call = forged(
        &world,
        WebhookForgery {
            webhook: Some(second.id.clone()),
            body_bytes: Some(vec![0, 255]),
            ..WebhookForgery::default()
        },
    )
    .await;
    assert_eq!(
        (call.path.as_str(), call.body.as_ref()),
        ("/2", &[0, 255][..])
    );
    let expected = signature(second.secret.as_bytes(), &call, "/2", "shop.example");
    assert_eq!(call.header("authorization"), Some(expected.as_str()));
}

#[tokio::test]
async fn what_cannot_be_forged_says_so() {
    let world = World::start().await;
    let control = world.simulator.control();
    let forge = async |msn: &str, forgery| control.forge_webhook(msn, "acme-shop-1", forgery).await;
    let none = forge(MSN, WebhookForgery::default()).await.unwrap_err();
    assert_eq!(none.to_string(), "there is no such webhook");
    assert!(forge("999999", WebhookForgery::default()).await.is_err());
    hook(&world, "1").await;
    let headers = BTreeMap::from([("a b".to_owned(), String::new())]);
    let unsent = WebhookForgery {
        headers,
        ..WebhookForgery::default()
    };
    assert!(forge(MSN, unsent).await.is_err());
}

#[tokio::test]
async fn the_controls_over_http() {
    let world = World::start().await;
    let hook = hook(&world, "1").await;
    world.shop.quotes(500, "");
    create(&world, "acme-shop-1").await;
    let listed = world.control("GET", "webhooks", Value::Null).await.ok();
    assert_eq!(
        listed,
        json!([{
            "id": hook.id, "msn": MSN, "clientId": null, "url": "https://shop.example/1",
            "events": crate::webhooks_register::events(),
            "made": "2026-03-01T10:00:00Z", "failingSince": "2026-03-01T10:00:00Z",
            "deliveries": [{
                "webhook": hook.id, "msn": MSN, "orderId": "acme-shop-1", "name": "CREATED",
                "pspReference": listed[0]["deliveries"][0]["pspReference"],
                "state": "waiting", "next": "2026-03-01T10:00:02Z",
                "attempts": [{"at": "2026-03-01T10:00:00Z", "status": 500, "error": null}],
            }],
        }])
    );
    let payment = world
        .control("GET", &format!("payments/{MSN}/acme-shop-1"), Value::Null)
        .await
        .ok();
    assert_eq!(payment["webhooks"], listed[0]["deliveries"]);
    // Nothing needs to be waited for.
    world.shop.quotes(200, "");
    let now = world
        .control("POST", "webhooks/deliver", Value::Null)
        .await
        .ok();
    assert_eq!(now[0]["deliveries"][0]["state"], "delivered");
    assert_eq!(now[0]["failingSince"], Value::Null);
    let forgery = json!({"signature": "other_secret", "name": "CAPTURED", "amount": 1});
    let path = format!("payments/{MSN}/acme-shop-1/forge-webhook");
    let answer = world.control("POST", &path, forgery).await.ok();
    assert_eq!(answer["status"], 200);
    let faults = [
        json!({"on": "webhook", "kind": "webhook_late", "seconds": 5, "times": 1}),
        json!({"on": "webhook", "orderId": "acme-shop-1", "kind": "webhook_forged", "name": "CAPTURED", "times": 2}),
        json!({"on": "webhook", "kind": "webhook_clock", "seconds": -400, "times": 1}),
        json!({"on": "registrations", "kind": "locked", "times": 1}),
    ];
    for fault in &faults {
        world.control("POST", "faults", fault.clone()).await.ok();
    }
    assert_eq!(
        world.control("GET", "faults", Value::Null).await.ok(),
        json!(faults)
    );
    let path = format!("webhooks/{}", hook.id);
    world.control("DELETE", &path, Value::Null).await.ok();
    let left = world.control("GET", "webhooks", Value::Null).await.ok();
    assert_eq!(left, json!([]));
}

#[tokio::test]
async fn what_a_fault_holds_back_can_be_delivered_now() {
    for kind in [
        FaultKind::WebhookLate { seconds: 3600 },
        FaultKind::WebhookOutOfOrder,
    ] {
        let (world, _) = with_fault(kind).await;
        assert!(of_acme(&world).is_empty());
        world.simulator.control().deliver_webhooks().await;
        assert_eq!(names(&of_acme(&world)), ["CREATED"]);
    }
}
