//! Each fault, as a client sees it.

use std::time::Duration;

use kasse_simulator::{
    Approval, Direction, ExchangeFilter, Fault, FaultKind, Operation, SalesUnit,
};
use serde_json::json;

use crate::support::{AUTH_TOKEN, MSN, World, express, regular};

fn set(world: &World, on: Operation, kind: FaultKind) {
    world
        .simulator
        .control()
        .add_fault(Fault::new(on, kind))
        .unwrap();
}

async fn approve(world: &World) -> kasse_simulator::Acted {
    world
        .simulator
        .control()
        .approve(MSN, "acme-1", Approval::default())
        .await
        .unwrap()
}

async fn initiated() -> World {
    let world = World::start().await;
    world.initiate(&regular("acme-1", 10000)).await.ok();
    world
}

async fn reserved() -> World {
    let world = World::start().await;
    world.reserved("acme-1", 10000).await;
    world
}

#[tokio::test]
async fn an_answer_is_lost_after_the_work_was_done() {
    let world = reserved().await;
    set(&world, Operation::Capture, FaultKind::LostAfterDone);
    let request = world.modification("capture", "acme-1", Some(4000), "key");
    let error = world.try_send(request.clone()).await.unwrap_err();
    assert!(error.is_incomplete_message(), "{error:?}");
    assert_eq!(world.payment("acme-1").captured, 4000);
    let replay = world.send(request).await.ok();
    assert_eq!(replay["transactionSummary"]["capturedAmount"], 4000);
    assert_eq!(world.payment("acme-1").captured, 4000);
    let record = world
        .simulator
        .control()
        .exchanges(&ExchangeFilter::order("acme-1").direction(Direction::In));
    let lost = record.iter().find(|e| e.status.is_none()).unwrap();
    assert!(
        lost.note
            .as_deref()
            .unwrap()
            .contains("after the answer 200"),
        "{lost:?}"
    );
}

#[tokio::test]
async fn a_connection_breaks_with_nothing_done() {
    let world = World::start().await;
    set(&world, Operation::Any, FaultKind::Reset);
    let order = regular("acme-1", 10000);
    let error = world
        .try_send(world.request("POST", "/ecomm/v2/payments", Some(&order)))
        .await
        .unwrap_err();
    assert!(error.is_incomplete_message(), "{error:?}");
    assert!(world.simulator.control().payments().is_empty());
    world.initiate(&order).await.ok();
}

#[tokio::test]
async fn statuses_and_errors_with_nothing_done() {
    let world = reserved().await;
    set(
        &world,
        Operation::Capture,
        FaultKind::Status {
            status: 503,
            retry_after: Some(7),
        },
    );
    set(
        &world,
        Operation::Capture,
        FaultKind::Error {
            status: 402,
            group: "Payment".to_owned(),
            code: "63".to_owned(),
        },
    );
    set(&world, Operation::Capture, FaultKind::Locked);
    set(&world, Operation::Capture, FaultKind::Azure401);
    let unavailable = world.capture("acme-1", None, "key").await;
    assert_eq!(
        (unavailable.status, &unavailable.headers["retry-after"]),
        (503, &"7".parse().unwrap())
    );
    assert_eq!(
        world.capture("acme-1", None, "key").await.refusal(),
        (402, "Payment".to_owned(), "63".to_owned())
    );
    assert_eq!(
        world.capture("acme-1", None, "key").await.refusal(),
        (423, "VippsError".to_owned(), "94".to_owned())
    );
    let azure = world.capture("acme-1", None, "key").await;
    assert_eq!(
        (azure.status, &azure.json()["responseInfo"]["responseCode"]),
        (401, &json!(401))
    );
    set(&world, Operation::Capture, FaultKind::Page { status: 502 });
    let page = world.capture("acme-1", None, "key").await;
    assert_eq!(page.status, 502);
    assert!(page.body.starts_with(b"<html>"));
    assert_eq!(world.payment("acme-1").captured, 0);
    world.capture("acme-1", None, "key").await.ok();
    assert!(world.simulator.control().faults().is_empty());
}

#[tokio::test]
async fn a_fault_is_for_its_call_its_order_and_its_times() {
    let world = reserved().await;
    world.reserved("acme-2", 10000).await;
    let fault = Fault::new(Operation::Details, FaultKind::Locked)
        .for_order("acme-2")
        .times(2);
    world.simulator.control().add_fault(fault).unwrap();
    world.details("acme-1").await.ok();
    world.capture("acme-2", Some(100), "k").await.ok();
    assert_eq!(world.details("acme-2").await.status, 423);
    assert_eq!(world.details("acme-2").await.status, 423);
    world.details("acme-2").await.ok();
}

#[tokio::test]
async fn json_is_cut_and_a_state_is_unknown() {
    let world = reserved().await;
    set(&world, Operation::Details, FaultKind::CutJson);
    let cut = world.details("acme-1").await;
    assert_eq!(cut.status, 200);
    assert!(serde_json::from_slice::<serde_json::Value>(&cut.body).is_err());
    set(
        &world,
        Operation::Details,
        FaultKind::UnknownStatus {
            value: "HOVERING".to_owned(),
        },
    );
    assert_eq!(world.operations("acme-1").await, ["HOVERING", "INITIATE"]);
    set(
        &world,
        Operation::Capture,
        FaultKind::UnknownStatus {
            value: "Hovering".to_owned(),
        },
    );
    let captured = world.capture("acme-1", None, "k").await.ok();
    assert_eq!(captured["transactionInfo"]["status"], "Hovering");
    assert_eq!(world.payment("acme-1").captured, 10000);
}

#[tokio::test]
async fn a_token_can_fail() {
    let world = World::start().await;
    set(
        &world,
        Operation::Token,
        FaultKind::Status {
            status: 500,
            retry_after: None,
        },
    );
    let request = http::Request::post("/accesstoken/get")
        .body(String::new())
        .unwrap();
    assert_eq!(world.send(request).await.status, 500);
    world.new_token().await;
}

#[tokio::test]
async fn an_answer_is_slow() {
    let world = initiated().await;
    set(&world, Operation::Details, FaultKind::Slow { seconds: 30 });
    // Tokio's own clock, not the simulator's: it jumps when everything waits.
    tokio::time::pause();
    let before = tokio::time::Instant::now();
    world.details("acme-1").await.ok();
    assert!(before.elapsed() >= Duration::from_secs(30));
}

#[tokio::test]
async fn a_callback_is_lost() {
    let world = initiated().await;
    set(&world, Operation::Callback, FaultKind::CallbackLost);
    let report = approve(&world).await.callback.unwrap();
    assert!(!report.sent);
    assert!(world.shop.calls().is_empty());
    assert_eq!(world.operations("acme-1").await, ["RESERVE", "INITIATE"]);
}

#[tokio::test]
async fn a_callback_comes_twice() {
    let world = initiated().await;
    set(&world, Operation::Callback, FaultKind::CallbackTwice);
    approve(&world).await;
    let calls = world.shop.calls();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0].body, calls[1].body);
}

#[tokio::test]
async fn a_callback_is_late_by_the_simulators_clock() {
    let world = initiated().await;
    set(
        &world,
        Operation::Callback,
        FaultKind::CallbackLate { seconds: 90 },
    );
    assert!(!approve(&world).await.callback.unwrap().sent);
    world.pass(1).await;
    assert!(world.shop.calls().is_empty());
    world.pass(1).await;
    let call = world.shop.only_call();
    assert_eq!(call.status(), "RESERVED");
    assert_eq!(
        call.json()["transactionInfo"]["timeStamp"],
        "2026-03-01T10:00:00.000Z"
    );
}

#[tokio::test]
async fn a_callback_is_late_once() {
    let world = initiated().await;
    let late = FaultKind::CallbackLate { seconds: 60 };
    let control = world.simulator.control();
    control
        .add_fault(Fault::new(Operation::Callback, late).times(2))
        .unwrap();
    approve(&world).await;
    world.pass(1).await;
    assert_eq!(world.shop.only_call().status(), "RESERVED");
    assert_eq!(
        control.faults().len(),
        1,
        "the next callback's fault is not used up by this one"
    );
}

#[tokio::test]
async fn late_callbacks_come_out_of_order() {
    let world = initiated().await;
    world.initiate(&regular("acme-2", 10000)).await.ok();
    set(
        &world,
        Operation::Callback,
        FaultKind::CallbackLate { seconds: 90 },
    );
    approve(&world).await;
    world
        .simulator
        .control()
        .reject(MSN, "acme-2")
        .await
        .unwrap();
    world.pass(2).await;
    let told: Vec<String> = world.shop.calls().iter().map(|c| c.status()).collect();
    assert_eq!(told, ["CANCELLED", "RESERVED"]);
}

#[tokio::test]
async fn a_forged_callback_comes_before_the_true_one() {
    let world = initiated().await;
    let forged = FaultKind::CallbackForged {
        status: "CANCELLED".to_owned(),
        token: Some("wrong".to_owned()),
    };
    set(&world, Operation::Callback, forged);
    approve(&world).await;
    let calls = world.shop.calls();
    let seen: Vec<_> = calls
        .iter()
        .map(|c| (c.status(), c.header("authorization").unwrap()))
        .collect();
    assert_eq!(
        seen,
        [
            ("CANCELLED".to_owned(), "wrong"),
            ("RESERVED".to_owned(), AUTH_TOKEN)
        ]
    );
}

#[tokio::test]
async fn a_callback_is_odd() {
    let world = initiated().await;
    set(&world, Operation::Callback, FaultKind::CallbackMsnNumber);
    approve(&world).await;
    assert_eq!(
        world.shop.only_call().json()["merchantSerialNumber"],
        123_456
    );

    let world = initiated().await;
    set(&world, Operation::Callback, FaultKind::CallbackWrongAmount);
    approve(&world).await;
    assert_eq!(
        world.shop.only_call().json()["transactionInfo"]["amount"],
        10001
    );

    let world = initiated().await;
    set(
        &world,
        Operation::Callback,
        FaultKind::UnknownStatus {
            value: "HOVERING".to_owned(),
        },
    );
    approve(&world).await;
    assert_eq!(world.shop.only_call().status(), "HOVERING");

    let world = World::with(SalesUnit {
        msn_as_number: true,
        ..SalesUnit::default()
    })
    .await;
    world.reserved("acme-1", 10000).await;
    assert_eq!(
        world.shop.only_call().json()["merchantSerialNumber"],
        123_456
    );
}

#[tokio::test]
async fn the_shop_is_unreachable_or_slow_for_the_shipping_call() {
    let world = World::start().await;
    world.initiate(&express("acme-1", 10000)).await.ok();
    set(&world, Operation::Shipping, FaultKind::Reset);
    let quote = world
        .simulator
        .control()
        .shipping(MSN, "acme-1", None)
        .await
        .unwrap();
    assert_eq!(
        quote.user_sees.as_deref(),
        Some("No shipping methods found")
    );
    set(&world, Operation::Shipping, FaultKind::Slow { seconds: 11 });
    tokio::time::pause();
    let quote = world
        .simulator
        .control()
        .shipping(MSN, "acme-1", None)
        .await
        .unwrap();
    assert_eq!(
        quote.user_sees.as_deref(),
        Some("No shipping methods found")
    );
}

#[tokio::test]
async fn faults_that_make_no_sense_are_refused() {
    let world = World::start().await;
    let control = world.simulator.control();
    for fault in [
        Fault::new(Operation::Capture, FaultKind::CallbackLost),
        Fault::new(Operation::Callback, FaultKind::LostAfterDone),
        Fault::new(Operation::Shipping, FaultKind::Locked),
        Fault::new(
            Operation::Initiate,
            FaultKind::UnknownStatus {
                value: "x".to_owned(),
            },
        ),
        Fault::new(
            Operation::Any,
            FaultKind::Status {
                status: 99,
                retry_after: None,
            },
        ),
        Fault::new(Operation::Any, FaultKind::Slow { seconds: 100_000 }),
        Fault::new(Operation::Any, FaultKind::Locked).times(0),
    ] {
        assert!(control.add_fault(fault.clone()).is_err(), "{fault:?}");
    }
    assert!(control.faults().is_empty());
}
