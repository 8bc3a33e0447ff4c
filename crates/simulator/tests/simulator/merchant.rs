//! What the simulator calls at the merchant's, and what it makes of the answers.

use http::Response;
use kasse_simulator::{Address, Approval, PaymentState, User};
use serde_json::{Value, json};

use crate::support::{MSN, World, deliveries, express, regular};

async fn express_world() -> World {
    let world = World::start().await;
    world.initiate(&express("acme-1", 10000)).await.ok();
    world
}

fn quote(changes: Value) -> Value {
    let mut quote = json!({"addressId": 100, "orderId": "acme-1", "shippingDetails": deliveries()});
    for (name, value) in changes.as_object().unwrap() {
        quote[name] = value.clone();
    }
    quote
}

fn one(changes: Value) -> Value {
    let mut option = deliveries()[0].clone();
    for (name, value) in changes.as_object().unwrap() {
        option[name] = value.clone();
    }
    quote(json!({"shippingDetails": [option]}))
}

#[tokio::test]
async fn wrong_deliveries_show_payment_failed_and_why() {
    let cases = [
        (500, quote(json!({})).to_string(), "answered 500"),
        (204, String::new(), "answered 204"),
        (302, String::new(), "answered 302"),
        (200, "<html>".to_owned(), "not JSON"),
        (200, "[]".to_owned(), "schema"),
        (
            200,
            quote(json!({"addressId": 101})).to_string(),
            "addressId is not 100",
        ),
        (
            200,
            quote(json!({"addressId": "100"})).to_string(),
            "schema",
        ),
        (
            200,
            quote(json!({"orderId": "acme-2"})).to_string(),
            "orderId is not acme-1",
        ),
        (
            200,
            quote(json!({"shippingDetails": []})).to_string(),
            "empty",
        ),
        (
            200,
            quote(json!({"shippingDetails": [deliveries()[0], deliveries()[0]]})).to_string(),
            "parcel is there twice",
        ),
        (
            200,
            one(json!({"shippingCost": -1})).to_string(),
            "negative",
        ),
        (
            200,
            one(json!({"shippingCost": "79.90"})).to_string(),
            "must be a number",
        ),
        (
            200,
            one(json!({"shippingCost": 79.905})).to_string(),
            "smaller than one øre",
        ),
        (
            200,
            one(json!({"isDefault": true})).to_string(),
            "isDefault",
        ),
        (
            200,
            one(json!({"isDefault": "yes"})).to_string(),
            "isDefault",
        ),
        (
            200,
            one(json!({"shippingMethod": "x".repeat(257)})).to_string(),
            "longer than 256",
        ),
        (
            200,
            one(json!({"shippingMethodId": "x".repeat(101)})).to_string(),
            "longer than 100",
        ),
        (200, one(json!({"priority": 1.5})).to_string(), "priority"),
    ];
    for (status, body, reason) in cases {
        let world = express_world().await;
        world.shop.quotes(status, body.clone());
        let quote = world
            .simulator
            .control()
            .shipping(MSN, "acme-1", None)
            .await
            .unwrap();
        assert_eq!(quote.user_sees.as_deref(), Some("Payment failed"), "{body}");
        assert!(
            quote.reason.as_deref().unwrap().contains(reason),
            "{:?} for {body}",
            quote.reason
        );
        assert!(quote.options.is_empty());
        let refused = world
            .simulator
            .control()
            .approve(MSN, "acme-1", Approval::default())
            .await
            .unwrap_err();
        assert!(refused.to_string().contains("Payment failed"), "{refused}");
        assert_eq!(
            world.payment("acme-1").user_sees.as_deref(),
            Some("Payment failed")
        );
        assert_eq!(world.payment("acme-1").state, PaymentState::Opened);
    }
}

#[tokio::test]
async fn a_cost_is_exact_to_the_ore() {
    for (text, ore) in [
        ("79.90", 7990),
        ("19.99", 1999),
        ("0", 0),
        ("0.1", 10),
        ("1e2", 10000),
        ("49.00", 4900),
    ] {
        let world = express_world().await;
        world.shop.quotes(
            200,
            one(json!({"shippingCost": 12345}))
                .to_string()
                .replace("12345", text),
        );
        let quote = world
            .simulator
            .control()
            .shipping(MSN, "acme-1", None)
            .await
            .unwrap();
        assert_eq!(quote.options[0].cost_ore, ore, "{text}");
    }
    // A double cannot tell these apart; the shop can.
    let world = express_world().await;
    world.shop.quotes(
        200,
        one(json!({"shippingCost": 12345}))
            .to_string()
            .replace("12345", "19.99000000000000000001"),
    );
    let quote = world
        .simulator
        .control()
        .shipping(MSN, "acme-1", None)
        .await
        .unwrap();
    assert!(quote.reason.unwrap().contains("smaller than one øre"));
}

#[tokio::test]
async fn each_address_has_its_own_id_and_the_last_quote_counts() {
    let world = express_world().await;
    let control = world.simulator.control();
    control.shipping(MSN, "acme-1", None).await.unwrap();
    let svalbard = Address {
        address_line2: Some("c/o Ada".to_owned()),
        ..Address::samples().remove(2)
    };
    control
        .shipping(MSN, "acme-1", Some(svalbard))
        .await
        .unwrap();
    let asked: Vec<Value> = world.shop.calls().iter().map(|c| c.json()).collect();
    assert_eq!(asked[0]["addressId"], 100);
    assert_eq!(asked[1]["addressId"], 101);
    assert_eq!(asked[1]["postCode"], "9170");
    assert_eq!(asked[1]["addressLine2"], "c/o Ada");
    control
        .approve(MSN, "acme-1", Approval::default())
        .await
        .unwrap();
    let callback = world.shop.calls().pop().unwrap().json();
    assert_eq!(callback["shippingDetails"]["address"]["zipCode"], "9170");
    assert_eq!(
        callback["shippingDetails"]["address"]["addressLine2"],
        "c/o Ada"
    );
}

#[tokio::test]
async fn a_shop_that_hangs_is_given_up() {
    let world = express_world().await;
    world.shop.answers(|_| None);
    // The shop never answers: Tokio's clock jumps to the end of the wait.
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
    assert_eq!(quote.reason.as_deref(), Some("no answer within 10 s"));
    world.initiate(&regular("acme-2", 10000)).await.ok();
    let acted = world
        .simulator
        .control()
        .approve(MSN, "acme-2", Approval::default())
        .await
        .unwrap();
    assert_eq!(
        acted.callback.unwrap().error.as_deref(),
        Some("no answer within 3 s")
    );
    assert_eq!(acted.state, PaymentState::Reserved);
}

#[tokio::test]
async fn redirects_are_not_followed_and_nothing_is_repeated() {
    let world = World::start().await;
    world.shop.answers(|_| {
        Some(
            Response::builder()
                .status(302)
                .header("Location", "https://shop.example/elsewhere")
                .body(String::new())
                .unwrap(),
        )
    });
    world.initiate(&regular("acme-1", 10000)).await.ok();
    let acted = world
        .simulator
        .control()
        .approve(MSN, "acme-1", Approval::default())
        .await
        .unwrap();
    assert_eq!(acted.callback.unwrap().status, Some(302));
    assert_eq!(world.shop.only_call().path, "/vipps/v2/payments/acme-1");
}

#[tokio::test]
async fn a_host_that_is_not_resolved_is_not_called() {
    let world = World::start().await;
    let mut order = regular("acme-1", 10000);
    order["merchantInfo"]["callbackPrefix"] = "https://elsewhere.example/x".into();
    order["merchantInfo"]["fallBack"] = "https://elsewhere.example/thanks".into();
    world.initiate(&order).await.ok();
    let acted = world
        .simulator
        .control()
        .approve(MSN, "acme-1", Approval::default())
        .await
        .unwrap();
    let report = acted.callback.unwrap();
    assert!(!report.sent);
    assert!(report.error.unwrap().contains("no --resolve for this host"));
    assert_eq!(acted.browser_url, acted.redirect);
}

#[tokio::test]
async fn no_token_no_authorization() {
    let world = World::start().await;
    let mut order = express("acme-1", 10000);
    order["merchantInfo"]
        .as_object_mut()
        .unwrap()
        .remove("authToken");
    world.initiate(&order).await.ok();
    world
        .simulator
        .control()
        .approve(MSN, "acme-1", Approval::default())
        .await
        .unwrap();
    assert!(
        world
            .shop
            .calls()
            .iter()
            .all(|c| c.header("authorization").is_none())
    );
}

#[tokio::test]
async fn consent_is_taken_back_at_each_prefix_once() {
    let world = World::start().await;
    let user = User {
        user_id: "a/b+c=d==".to_owned(),
        ..User::default()
    };
    for n in 1..=3 {
        let id = format!("acme-{n}");
        let mut order = express(&id, 10000);
        if n == 3 {
            order["merchantInfo"]["consentRemovalPrefix"] = "https://shop.example/other".into();
        }
        world.initiate(&order).await.ok();
        let approval = Approval {
            user: Some(user.clone()),
            ..Approval::default()
        };
        world
            .simulator
            .control()
            .approve(MSN, &id, approval)
            .await
            .unwrap();
    }
    let before = world.shop.calls().len();
    let calls = world.simulator.control().remove_consent("a/b+c=d==").await;
    assert!(calls.iter().all(|c| c.status == Some(200)), "{calls:?}");
    let seen = world.shop.calls().split_off(before);
    let paths: Vec<_> = seen
        .iter()
        .map(|c| (c.method.as_str(), c.path.as_str()))
        .collect();
    assert_eq!(
        paths,
        [
            ("DELETE", "/other/v2/consents/a%2Fb%2Bc%3Dd%3D%3D"),
            (
                "DELETE",
                "/vipps/secret-segment/v2/consents/a%2Fb%2Bc%3Dd%3D%3D"
            ),
        ]
    );
    assert!(seen.iter().all(|c| c.header("authorization").is_none()));
    assert!(
        world
            .simulator
            .control()
            .remove_consent("nobody")
            .await
            .is_empty()
    );
}
