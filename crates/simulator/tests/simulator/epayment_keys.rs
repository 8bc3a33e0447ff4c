//! Idempotency keys and limits of ePayment.

use kasse_simulator::{Fault, FaultKind, Operation};
use serde_json::json;

use crate::epayment_support::{REF, code, payment};
use crate::support::World;

#[tokio::test]
async fn the_same_again_has_the_first_answer() {
    let world = World::start().await;
    let order = payment(REF, 10000);
    let first = world.created(&order).await;
    world
        .simulator
        .control()
        .approve(crate::support::MSN, REF, Default::default())
        .await
        .unwrap();
    // White space is no other request.
    let mut again = world.epayment("POST", "payments", Some(&order), Some("create-acme-shop-1"));
    *again.body_mut() = serde_json::to_string_pretty(&order).unwrap();
    let again = world.send(again).await;
    assert_eq!((again.status, again.json()), (201, first));
    let captured = world.adjust("capture", REF, 4000, "k").await.ok();
    world.adjust("capture", REF, 1000, "k2").await.ok();
    assert_eq!(world.adjust("capture", REF, 4000, "k").await.ok(), captured);
    let refunded = world.adjust("refund", REF, 500, "k").await.ok();
    assert_eq!(world.adjust("refund", REF, 500, "k").await.ok(), refunded);
    assert_eq!(world.sums(REF).await, [10000, 0, 5000, 500]);
    // Cancel may have a key, too.
    let cancel = || world.epayment("POST", &format!("payments/{REF}/cancel"), None, Some("k"));
    let cancelled = world.send(cancel()).await.ok();
    assert_eq!(world.send(cancel()).await.ok(), cancelled);
    assert_eq!(code(&world.void(REF, None).await), "6190");
    assert_eq!(
        world.names(REF).await,
        [
            "CREATED",
            "AUTHORIZED",
            "CAPTURED",
            "CAPTURED",
            "REFUNDED",
            "CANCELLED"
        ]
    );
}

/// A refusal stays for its key, though it would be done now; another key does it.
#[tokio::test]
async fn a_refusal_sticks_to_its_key() {
    let world = World::start().await;
    world.created(&payment(REF, 10000)).await;
    let refused = world.adjust("capture", REF, 100, "k").await;
    assert_eq!(code(&refused), "6080");
    let control = world.simulator.control();
    control
        .approve(crate::support::MSN, REF, Default::default())
        .await
        .unwrap();
    let again = world.adjust("capture", REF, 100, "k").await;
    assert_eq!(again.json(), refused.json(), "traceId and all");
    world.adjust("capture", REF, 100, "k2").await.ok();
    // Of a create, too: with the same reference, too small an amount and then a right one.
    let request = |amount| {
        let order = payment("acme-shop-2", amount);
        world.epayment("POST", "payments", Some(&order), Some("c"))
    };
    assert_eq!(code(&world.send(request(1)).await), "6010");
    assert_eq!(code(&world.send(request(100)).await), "4020");
    world.created(&payment("acme-shop-2", 100)).await;
}

/// What was not done because of something passing is done with the same key.
#[tokio::test]
async fn what_passes_does_not_stick() {
    let world = World::start().await;
    world.authorized(&payment(REF, 10000)).await;
    let control = world.simulator.control();
    for kind in [
        FaultKind::Locked,
        FaultKind::Problem {
            status: 400,
            code: "6280".to_owned(),
        },
        FaultKind::Status {
            status: 500,
            retry_after: None,
        },
    ] {
        control
            .add_fault(Fault::new(Operation::Capture, kind))
            .unwrap();
        assert!(world.adjust("capture", REF, 100, "k").await.status >= 400);
    }
    world.adjust("capture", REF, 100, "k").await.ok();
    assert_eq!(world.sums(REF).await, [10000, 0, 100, 0]);
}

/// The answer was lost; with the same key the money moves once.
#[tokio::test]
async fn a_lost_answer_is_had_again() {
    let world = World::start().await;
    let control = world.simulator.control();
    let lost = |on| {
        control
            .add_fault(Fault::new(on, FaultKind::LostAfterDone))
            .unwrap()
    };
    lost(Operation::Initiate);
    let order = payment(REF, 10000);
    let request = || world.epayment("POST", "payments", Some(&order), Some("c"));
    assert!(world.try_send(request()).await.is_err());
    assert_eq!(world.send(request()).await.status, 201);
    control
        .approve(crate::support::MSN, REF, Default::default())
        .await
        .unwrap();
    let body = json!({"modificationAmount": {"currency": "NOK", "value": 4000}});
    let path = format!("payments/{REF}/capture");
    let request = || world.epayment("POST", &path, Some(&body), Some("k"));
    lost(Operation::Capture);
    assert!(world.try_send(request()).await.is_err());
    world.send(request()).await.ok();
    assert_eq!(world.sums(REF).await, [10000, 0, 4000, 0]);
}

#[tokio::test]
async fn keys_of_the_endpoints_and_units_are_their_own() {
    let world = World::start().await;
    let order = payment(REF, 10000);
    let request = world.epayment("POST", "payments", Some(&order), Some("k"));
    assert_eq!(world.send(request).await.status, 201);
    world
        .simulator
        .control()
        .approve(crate::support::MSN, REF, Default::default())
        .await
        .unwrap();
    world.adjust("capture", REF, 4000, "k").await.ok();
    world.adjust("refund", REF, 4000, "k").await.ok();
}

#[tokio::test]
async fn five_of_each_a_minute() {
    let world = World::start().await;
    world.authorized(&payment(REF, 10000)).await;
    for what in ["capture", "refund"] {
        for n in 0..5 {
            world.adjust(what, REF, 100, &format!("k{n}")).await.ok();
        }
        // The same again counts as well, and has no effect on its key.
        let refused = world.adjust(what, REF, 100, "k0").await;
        assert_eq!(refused.status, 429);
        assert_eq!(refused.headers["retry-after"], "60");
        assert_eq!(refused.json()["statusCode"], 429);
    }
    world.pass(1).await;
    world.adjust("capture", REF, 100, "k0").await.ok();
    assert_eq!(world.sums(REF).await, [10000, 0, 500, 500]);
    for _ in 0..5 {
        world
            .void(REF, Some(&json!({"cancelTransactionOnly": true})))
            .await;
    }
    assert_eq!(world.void(REF, None).await.status, 429);
    // Another reference has a count of its own.
    world.created(&payment("acme-shop-2", 10000)).await;
    for _ in 0..4 {
        world.created(&payment("acme-shop-2", 10000)).await;
    }
    assert_eq!(
        world.create(&payment("acme-shop-2", 10000)).await.status,
        429
    );
    world.created(&payment("acme-shop-3", 10000)).await;
}

/// Without the field `reference` all are one.
#[tokio::test]
async fn misspelt_references_share_a_count() {
    let world = World::start().await;
    for n in 0..6 {
        let mut order = payment("x", 10000);
        order.as_object_mut().unwrap().remove("reference");
        order["Reference"] = format!("acme-shop-{n}").into();
        let key = format!("k{n}");
        let answer = world
            .send(world.epayment("POST", "payments", Some(&order), Some(&key)))
            .await;
        assert_eq!(answer.status, if n < 5 { 400 } else { 429 });
    }
}

#[tokio::test]
async fn reads_of_both_kinds_count_together() {
    let world = World::start().await;
    world.authorized(&payment(REF, 10000)).await;
    for _ in 0..60 {
        world.get(REF).await.ok();
        world.events(REF).await.ok();
    }
    assert_eq!(world.get(REF).await.status, 429);
    assert_eq!(world.events(REF).await.status, 429);
    world.pass(1).await;
    world.events(REF).await.ok();
}
