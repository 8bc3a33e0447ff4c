//! `X-Request-Id`: the first answer again, and no second effect.

use crate::support::{World, regular};

#[tokio::test]
async fn a_replay_gives_the_first_answer_and_has_no_effect() {
    let world = World::start().await;
    world.reserved("acme-1", 10000).await;
    let first = world.capture("acme-1", Some(4000), "key-1").await;
    let again = world.capture("acme-1", Some(4000), "key-1").await;
    assert_eq!((first.status, &first.body), (200, &again.body));
    assert_eq!(world.payment("acme-1").captured, 4000);
    // Another key is another capture, also of the same amount.
    world.capture("acme-1", Some(4000), "key-2").await.ok();
    assert_eq!(world.payment("acme-1").captured, 8000);
    let details = world.details("acme-1").await.ok();
    assert_eq!(details["transactionLogHistory"][0]["requestId"], "key-2");
    assert_eq!(details["transactionLogHistory"][1]["requestId"], "key-1");
}

#[tokio::test]
async fn a_key_belongs_to_its_endpoint_and_its_order() {
    let world = World::start().await;
    world.reserved("acme-1", 10000).await;
    world.reserved("acme-2", 10000).await;
    world.capture("acme-1", None, "key").await.ok();
    world.refund("acme-1", None, "key").await.ok();
    world.capture("acme-2", Some(500), "key").await.ok();
    assert_eq!(world.payment("acme-1").refunded, 10000);
    assert_eq!(world.payment("acme-2").captured, 500);
}

#[tokio::test]
async fn a_refusal_stays_with_its_key() {
    let world = World::start().await;
    world.initiate(&regular("acme-1", 10000)).await.ok();
    let early = world.capture("acme-1", None, "key").await;
    assert_eq!(early.refusal().2, "62");
    world
        .simulator
        .control()
        .approve(crate::support::MSN, "acme-1", Default::default())
        .await
        .unwrap();
    assert_eq!(world.capture("acme-1", None, "key").await.body, early.body);
    world.capture("acme-1", None, "key-2").await.ok();
}

#[tokio::test]
async fn two_at_once_with_one_key_capture_once() {
    let world = World::start().await;
    world.reserved("acme-1", 10000).await;
    let (a, b, c) = tokio::join!(
        world.capture("acme-1", Some(4000), "key"),
        world.capture("acme-1", Some(4000), "key"),
        world.capture("acme-1", Some(4000), "key"),
    );
    assert_eq!(a.body, b.body);
    assert_eq!(b.body, c.body);
    assert_eq!(world.payment("acme-1").captured, 4000);
}
