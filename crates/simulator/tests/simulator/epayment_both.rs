//! Both APIs on the same payments: ePayment knows what eCom made, and not the other way round.

use kasse_simulator::{Api, Approval, SalesUnit};
use serde_json::json;

use crate::epayment_support::{REF, code, payment};
use crate::support::{MSN, World, express, pretty, regular};

#[tokio::test]
async fn what_ecom_made_is_captured_refunded_and_cancelled() {
    let world = World::start().await;
    world.reserved("ecom-1", 10000).await;
    let callbacks = world.shop.calls().len();
    world.adjust("capture", "ecom-1", 6000, "k").await.ok();
    // eCom and ePayment work on the same sums.
    world.capture("ecom-1", Some(1000), "e").await.ok();
    world.adjust("refund", "ecom-1", 500, "k").await.ok();
    world.void("ecom-1", None).await.ok();
    assert_eq!(world.sums("ecom-1").await, [10000, 3000, 7000, 500]);
    assert_eq!(
        world.operations("ecom-1").await,
        [
            "VOID", "REFUND", "CAPTURE", "CAPTURE", "RESERVE", "INITIATE"
        ]
    );
    let details = world.details("ecom-1").await.ok();
    assert_eq!(details["transactionLogHistory"][1]["requestId"], "k");
    let shown = world.get("ecom-1").await.ok();
    insta::assert_snapshot!("epayment_get_of_ecom", pretty(&shown));
    assert_eq!(
        world.names("ecom-1").await,
        [
            "CREATED",
            "AUTHORIZED",
            "CAPTURED",
            "CAPTURED",
            "REFUNDED",
            "CANCELLED"
        ]
    );
    assert_eq!(world.shop.calls().len(), callbacks, "nobody is told");
    assert_eq!(world.payment("ecom-1").api, Api::Ecom);
}

#[tokio::test]
async fn what_ecom_made_is_cancelled_before_it_is_approved() {
    let world = World::start().await;
    world.initiate(&regular("ecom-1", 10000)).await.ok();
    assert_eq!(world.get("ecom-1").await.ok()["state"], "CREATED");
    let only = json!({"cancelTransactionOnly": true});
    let gone = world.void("ecom-1", Some(&only)).await.ok();
    assert_eq!(gone["state"], "TERMINATED");
    assert_eq!(world.operations("ecom-1").await, ["CANCEL", "INITIATE"]);
}

#[tokio::test]
async fn what_ecom_made_shows_delivery_and_customer() {
    let world = World::start().await;
    let mut order = express("ecom-1", 10000);
    order["transaction"]["scope"] = "name phoneNumber".into();
    world.initiate(&order).await.ok();
    let control = world.simulator.control();
    control
        .approve(MSN, "ecom-1", Approval::default())
        .await
        .unwrap();
    let shown = world.get("ecom-1").await.ok();
    assert_eq!(shown["shippingDetails"]["shippingOptionId"], "mailbox");
    assert_eq!(shown["shippingDetails"]["shippingCost"], 4900);
    assert_eq!(
        shown["userDetails"],
        json!({"firstName": "Ada", "lastName": "Lovelace", "mobileNumber": "4791234567"})
    );
    assert_eq!(world.sums("ecom-1").await, [14900, 0, 0, 0]);
}

/// eCom's direct capture is an authorisation and a capture.
#[tokio::test]
async fn a_sale() {
    let world = World::with(SalesUnit {
        direct_capture: true,
        ..SalesUnit::default()
    })
    .await;
    world.reserved("ecom-1", 10000).await;
    assert_eq!(world.get("ecom-1").await.ok()["state"], "AUTHORIZED");
    assert_eq!(world.sums("ecom-1").await, [10000, 0, 10000, 0]);
    assert_eq!(
        world.names("ecom-1").await,
        ["CREATED", "AUTHORIZED", "CAPTURED"]
    );
    // ePayment has no direct capture.
    world.authorized(&payment(REF, 10000)).await;
    assert_eq!(world.sums(REF).await, [10000, 0, 0, 0]);
}

#[tokio::test]
async fn ecom_does_not_know_what_epayment_made() {
    let world = World::start().await;
    world.authorized(&payment(REF, 10000)).await;
    let unknown = || (400, "Merchant".to_owned(), "35".to_owned());
    assert_eq!(world.details(REF).await.refusal(), unknown());
    assert_eq!(
        world.capture(REF, Some(100), "k").await.refusal(),
        unknown()
    );
    assert_eq!(world.refund(REF, Some(100), "k").await.refusal(), unknown());
    assert_eq!(world.cancel(REF, true).await.refusal(), unknown());
    // One space of references.
    let used = world.initiate(&regular(REF, 10000)).await.refusal();
    assert_eq!(used, (400, "Merchant".to_owned(), "34".to_owned()));
    world.initiate(&regular("ecom-shop-1", 10000)).await.ok();
    let used = world.create(&payment("ecom-shop-1", 10000)).await;
    assert_eq!(code(&used), "4150");
}

/// Nothing of what happens to a payment of eCom's goes to the webhooks, and each API keeps its own
/// counts of calls.
#[tokio::test]
async fn limits_are_each_apis_own() {
    let world = World::start().await;
    world.reserved("ecom-1", 10000).await;
    for n in 0..5 {
        world
            .capture("ecom-1", Some(100), &format!("e{n}"))
            .await
            .ok();
        world
            .adjust("capture", "ecom-1", 100, &format!("k{n}"))
            .await
            .ok();
    }
    assert_eq!(world.capture("ecom-1", Some(100), "e").await.status, 429);
    assert_eq!(
        world.adjust("capture", "ecom-1", 100, "k").await.status,
        429
    );
}

/// The windows of the one API do not change the other's payments.
#[tokio::test]
async fn only_epayment_lets_a_reservation_lapse() {
    let mut world = World::start().await;
    world.reserved("ecom-1", 10000).await;
    world.authorized(&payment(REF, 10000)).await;
    world.pass_days(181).await;
    assert_eq!(world.sums("ecom-1").await, [10000, 0, 0, 0]);
    assert_eq!(world.sums(REF).await, [10000, 10000, 0, 0]);
    assert_eq!(
        code(&world.adjust("capture", "ecom-1", 100, "k").await),
        "6100"
    );
    assert_eq!(code(&world.void("ecom-1", None).await), "6030");
}
