//! Faults of ePayment's calls.

use std::time::Duration;

use kasse_simulator::{Fault, FaultKind, Operation};
use serde_json::json;

use crate::epayment_support::{REF, code, payment};
use crate::support::World;

fn set(world: &World, on: Operation, kind: FaultKind) {
    let fault = Fault::new(on, kind).for_order(REF);
    world.simulator.control().add_fault(fault).unwrap();
}

#[tokio::test]
async fn each_operation_has_its_faults() {
    let world = World::start().await;
    world.authorized(&payment(REF, 10000)).await;
    let problem = || FaultKind::Problem {
        status: 409,
        code: "6160".to_owned(),
    };
    for on in [
        Operation::Details,
        Operation::Events,
        Operation::Capture,
        Operation::Refund,
        Operation::Cancel,
        Operation::Approve,
        Operation::Initiate,
    ] {
        set(&world, on, problem());
        let answer = match on {
            Operation::Details => world.get(REF).await,
            Operation::Events => world.events(REF).await,
            Operation::Capture => world.adjust("capture", REF, 100, "k").await,
            Operation::Refund => world.adjust("refund", REF, 100, "k").await,
            Operation::Cancel => world.void(REF, None).await,
            Operation::Approve => world.force(REF, json!({})).await,
            _ => world.create(&payment(REF, 10000)).await,
        };
        assert_eq!((answer.status, code(&answer)), (409, "6160".to_owned()));
        assert_eq!(answer.json()["title"], "Order processing");
        assert!(world.simulator.control().faults().is_empty());
    }
    // Nothing was done.
    assert_eq!(world.sums(REF).await, [10000, 0, 0, 0]);
}

#[tokio::test]
async fn a_problem_without_a_code() {
    let world = World::start().await;
    let kind = json!({"on": "events", "kind": "problem", "status": 500});
    world.control("POST", "faults", kind).await.ok();
    let answer = world.events(REF).await;
    assert_eq!(answer.status, 500);
    assert_eq!(answer.json()["extraDetails"], json!(null));
}

/// An older sample has the status as a text.
#[tokio::test]
async fn the_status_as_text() {
    let world = World::start().await;
    world.created(&payment(REF, 10000)).await;
    set(&world, Operation::Capture, FaultKind::StatusAsText);
    let refused = world.adjust("capture", REF, 100, "k").await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.json()["status"], "400");
    // The key has its answer as it would have been.
    assert_eq!(
        world.adjust("capture", REF, 100, "k").await.json()["status"],
        400
    );
}

#[tokio::test]
async fn unknown_words() {
    let world = World::start().await;
    world.authorized(&payment(REF, 10000)).await;
    let unknown = || FaultKind::UnknownStatus {
        value: "PONDERED".to_owned(),
    };
    set(&world, Operation::Details, unknown());
    assert_eq!(world.get(REF).await.ok()["state"], "PONDERED");
    set(&world, Operation::Events, unknown());
    assert_eq!(world.names(REF).await, ["CREATED", "PONDERED"]);
    set(&world, Operation::Capture, unknown());
    let captured = world.adjust("capture", REF, 100, "k").await.ok();
    assert_eq!(captured["state"], "PONDERED");
    assert_eq!(world.sums(REF).await, [10000, 0, 100, 0]);
}

#[tokio::test]
async fn a_log_that_is_behind() {
    let world = World::start().await;
    world.authorized(&payment(REF, 10000)).await;
    world.adjust("capture", REF, 100, "k").await.ok();
    set(&world, Operation::Events, FaultKind::EventsBehind);
    assert_eq!(world.names(REF).await, ["CREATED", "AUTHORIZED"]);
    assert_eq!(world.sums(REF).await, [10000, 0, 100, 0]);
    assert_eq!(
        world.names(REF).await,
        ["CREATED", "AUTHORIZED", "CAPTURED"]
    );
}

#[tokio::test]
async fn broken_answers() {
    let world = World::start().await;
    world.authorized(&payment(REF, 10000)).await;
    set(&world, Operation::Events, FaultKind::CutJson);
    let cut = world.events(REF).await;
    assert!(serde_json::from_slice::<serde_json::Value>(&cut.body).is_err());
    set(&world, Operation::Details, FaultKind::Page { status: 502 });
    assert!(world.get(REF).await.text().contains("<html>"));
    set(&world, Operation::Details, FaultKind::Azure401);
    assert_eq!(
        world.get(REF).await.json()["responseInfo"]["responseCode"],
        401
    );
    set(&world, Operation::Details, FaultKind::Locked);
    let locked = world.get(REF).await;
    assert_eq!(
        (locked.status, &locked.json()["title"]),
        (423, &json!("Locked"))
    );
    // Their old API's shape comes to their new one's callers at times.
    let kind = FaultKind::Error {
        status: 400,
        group: "Payment".to_owned(),
        code: "61".to_owned(),
    };
    set(&world, Operation::Capture, kind);
    let odd = world.adjust("capture", REF, 100, "k").await;
    assert_eq!(odd.json()[0]["errorCode"], "61");
}

/// The caller hangs up; the work is done all the same, once.
#[tokio::test(start_paused = true)]
async fn slow() {
    let world = World::within().await;
    world.authorized(&payment(REF, 10000)).await;
    set(&world, Operation::Capture, FaultKind::Slow { seconds: 30 });
    let body = json!({"modificationAmount": {"currency": "NOK", "value": 4000}});
    let path = format!("payments/{REF}/capture");
    let request = || world.epayment("POST", &path, Some(&body), Some("k"));
    let given_up = tokio::time::timeout(Duration::from_secs(5), world.send(request())).await;
    assert!(given_up.is_err());
    assert_eq!(world.sums(REF).await, [10000, 0, 0, 0]);
    world.send(request()).await.ok();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(world.sums(REF).await, [10000, 0, 4000, 0]);
}

#[tokio::test]
async fn faults_that_do_not_exist() {
    let world = World::start().await;
    for (on, kind) in [
        (Operation::Events, FaultKind::CallbackLost),
        (Operation::Details, FaultKind::EventsBehind),
        (Operation::Callback, FaultKind::StatusAsText),
        (
            Operation::Shipping,
            FaultKind::Problem {
                status: 400,
                code: String::new(),
            },
        ),
        (
            Operation::Details,
            FaultKind::Problem {
                status: 600,
                code: String::new(),
            },
        ),
    ] {
        let control = world.simulator.control();
        assert!(control.add_fault(Fault::new(on, kind)).is_err());
    }
}
