//! Rate limits, by the simulator's clock.

use std::time::Duration;

use crate::support::{World, regular};

#[tokio::test]
async fn details_two_a_second() {
    let world = World::start().await;
    world.reserved("acme-1", 10000).await;
    world.reserved("acme-2", 10000).await;
    for _ in 0..120 {
        world.details("acme-1").await.ok();
    }
    let refused = world.details("acme-1").await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.headers["retry-after"], "60");
    assert_eq!(refused.json()["statusCode"], 429);
    world.details("acme-2").await.ok();
    world
        .simulator
        .control()
        .advance(Duration::from_secs(59))
        .await;
    assert_eq!(world.details("acme-1").await.headers["retry-after"], "1");
    world
        .simulator
        .control()
        .advance(Duration::from_secs(1))
        .await;
    world.details("acme-1").await.ok();
}

#[tokio::test]
async fn five_captures_refunds_and_cancels_a_minute() {
    let world = World::start().await;
    world.reserved("acme-1", 10000).await;
    for n in 0..5 {
        world
            .capture("acme-1", Some(100), &format!("c{n}"))
            .await
            .ok();
        world
            .refund("acme-1", Some(100), &format!("r{n}"))
            .await
            .ok();
        assert_eq!(world.cancel("acme-1", false).await.status, 400);
    }
    assert_eq!(world.capture("acme-1", Some(100), "c6").await.status, 429);
    assert_eq!(world.refund("acme-1", Some(100), "r6").await.status, 429);
    assert_eq!(world.cancel("acme-1", false).await.status, 429);
    assert_eq!(world.payment("acme-1").captured, 500);
    world.pass(1).await;
    // What was refused for its rate never reached the order: its key is still free.
    world.capture("acme-1", Some(100), "c6").await.ok();
}

#[tokio::test]
async fn two_initiates_a_minute_for_one_order() {
    let world = World::start().await;
    let order = regular("acme-1", 10000);
    world.initiate(&order).await.ok();
    assert_eq!(world.initiate(&order).await.refusal().2, "34");
    assert_eq!(world.initiate(&order).await.status, 429);
    world.initiate(&regular("acme-2", 10000)).await.ok();
}
