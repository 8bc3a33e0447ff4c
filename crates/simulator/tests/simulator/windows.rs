//! What time does.

use std::time::Duration;

use kasse_simulator::{Approval, PaymentState};
use serde_json::Value;

use crate::support::{MSN, World, express, pretty, regular};

async fn advance(world: &World, seconds: u64) {
    world
        .simulator
        .control()
        .advance(Duration::from_secs(seconds))
        .await;
}

#[tokio::test]
async fn a_payment_that_nobody_opens_ends_after_ten_minutes() {
    let world = World::start().await;
    world.initiate(&regular("acme-1", 10000)).await.ok();
    advance(&world, 599).await;
    assert_eq!(world.payment("acme-1").state, PaymentState::Initiated);
    assert!(world.shop.calls().is_empty());
    advance(&world, 3600).await;
    assert_eq!(world.payment("acme-1").state, PaymentState::TimedOut);
    let call = world.shop.only_call();
    // At the moment when it ended, not when the clock was moved.
    assert_eq!(
        call.json()["transactionInfo"]["timeStamp"],
        "2026-03-01T10:10:00.000Z"
    );
    insta::assert_snapshot!("callback_timed_out", pretty(&call.json()));
}

#[tokio::test]
async fn the_end_is_in_the_history() {
    let world = World::start().await;
    world.initiate(&regular("acme-1", 10000)).await.ok();
    world.pass(10).await;
    let details = world.details("acme-1").await.ok();
    assert_eq!(details["transactionLogHistory"][0]["operation"], "CANCEL");
    assert!(
        details.get("transactionSummary").is_none(),
        "the customer never acted"
    );
    assert_eq!(world.cancel("acme-1", false).await.refusal().2, "92");
    assert_eq!(
        world.initiate(&regular("acme-1", 10000)).await.refusal().2,
        "34"
    );
    world.initiate(&regular("acme-1-2", 10000)).await.ok();
}

#[tokio::test]
async fn the_link_opens_for_five_minutes_and_then_there_are_five_more() {
    let world = World::start().await;
    let control = world.simulator.control();
    world.initiate(&regular("acme-1", 10000)).await.ok();
    world.initiate(&regular("acme-2", 10000)).await.ok();
    advance(&world, 300).await;
    control.open(MSN, "acme-1").unwrap();
    advance(&world, 1).await;
    let late = control.open(MSN, "acme-2").unwrap_err();
    assert!(late.to_string().contains("link has expired"), "{late}");
    advance(&world, 298).await;
    assert_eq!(world.payment("acme-1").state, PaymentState::Opened);
    advance(&world, 1).await;
    assert_eq!(world.payment("acme-1").state, PaymentState::TimedOut);
    assert_eq!(world.payment("acme-2").state, PaymentState::TimedOut);
    assert!(
        control
            .approve(MSN, "acme-1", Approval::default())
            .await
            .is_err()
    );
}

#[tokio::test]
async fn an_express_payment_that_times_out_tells_no_customer() {
    let world = World::start().await;
    world.initiate(&express("acme-1", 10000)).await.ok();
    world.pass(11).await;
    let callback = world.shop.only_call().json();
    assert_eq!(callback["transactionInfo"]["status"], "REJECTED");
    assert!(callback.get("userDetails").is_none());
    assert!(callback.get("shippingDetails").is_none());
}

#[tokio::test]
async fn captures_and_cancels_until_the_180th_day() {
    let mut world = World::start().await;
    world.reserved("acme-1", 10000).await;
    world.reserved("acme-2", 10000).await;
    world.pass_days(180).await;
    world.capture("acme-1", None, "k").await.ok();
    world.cancel("acme-2", false).await.ok();
}

#[tokio::test]
async fn refunds_until_the_365th_day() {
    let mut world = World::start().await;
    world.reserved("acme-1", 10000).await;
    world.capture("acme-1", None, "k").await.ok();
    world.pass_days(365).await;
    world.refund("acme-1", None, "k").await.ok();
}

#[tokio::test]
async fn personal_data_is_gone_after_a_week() {
    let mut world = World::start().await;
    world.initiate(&express("acme-1", 10000)).await.ok();
    world
        .simulator
        .control()
        .approve(MSN, "acme-1", Approval::default())
        .await
        .unwrap();
    world.pass_days(7).await;
    let shown = world.details("acme-1").await.ok();
    assert_eq!(shown["userDetails"]["firstName"], "Ada");
    world.pass(1).await;
    let expired = world.details("acme-1").await.ok();
    for place in [
        "/userDetails/firstName",
        "/userDetails/email",
        "/userDetails/mobileNumber",
        "/shippingDetails/address/addressLine1",
        "/shippingDetails/address/postCode",
    ] {
        assert_eq!(
            expired.pointer(place).and_then(Value::as_str),
            Some("[Expired]"),
            "{place}"
        );
    }
    assert_eq!(
        expired["userDetails"]["userId"],
        shown["userDetails"]["userId"]
    );
}

#[tokio::test]
async fn a_running_clock_runs() {
    use kasse_simulator::{Options, Simulator};
    let simulator = Simulator::start(Options::default()).await.unwrap();
    let control = simulator.control().clone();
    let before = control.now();
    let after = control.advance(Duration::from_secs(60)).await;
    assert!(after.duration_since(before).as_secs() >= 60);
    simulator.stop().await;
}
