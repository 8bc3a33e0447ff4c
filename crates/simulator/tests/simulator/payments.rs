//! Whole payments, from initiate to refund.

use http::Request;
use kasse_simulator::{Approval, PaymentState, SalesUnit};
use serde_json::json;

use crate::support::{AUTH_TOKEN, MSN, World, express, express_static, pretty, regular};

#[tokio::test]
async fn a_regular_payment() {
    let world = World::start().await;
    let order = regular("acme-1", 49900);
    let initiated = world.initiate(&order).await.ok();
    assert_eq!(initiated["orderId"], "acme-1");
    let url = initiated["url"].as_str().unwrap();
    let page = format!(
        "{}/dwo-api-application/v1/deeplink/vippsgateway?v=2&token=",
        world.simulator.url()
    );
    assert!(url.starts_with(&page), "{url}");
    assert!(
        world
            .details("acme-1")
            .await
            .ok()
            .get("transactionSummary")
            .is_none()
    );

    let acted = world
        .simulator
        .control()
        .approve(MSN, "acme-1", Approval::default())
        .await
        .unwrap();
    assert_eq!(acted.state, PaymentState::Reserved);
    assert_eq!(acted.callback.unwrap().status, Some(200));
    assert_eq!(
        acted.redirect.as_deref(),
        Some("https://shop.example/order/acme-1?from=vipps")
    );
    let here = format!(
        "http://{}/order/acme-1?from=vipps",
        world.shop_address.unwrap()
    );
    assert_eq!(acted.browser_url, Some(here));

    let call = world.shop.only_call();
    assert_eq!(
        (call.method.as_str(), call.path.as_str()),
        ("POST", "/vipps/v2/payments/acme-1")
    );
    assert_eq!(call.header("authorization"), Some(AUTH_TOKEN));
    assert_eq!(call.header("host"), Some("shop.example"));
    assert_eq!(call.header("x-forwarded-proto"), Some("https"));
    assert_eq!(
        call.header("content-type"),
        Some("application/json;charset=UTF-8")
    );
    insta::assert_snapshot!("callback_regular", pretty(&call.json()));

    let captured = world.capture("acme-1", Some(20000), "key-1").await.ok();
    insta::assert_snapshot!("capture", pretty(&captured));
    world.capture("acme-1", Some(9900), "key-2").await.ok();
    let cancelled = world.cancel("acme-1", true).await.ok();
    insta::assert_snapshot!("cancel_with_release", pretty(&cancelled));
    let refunded = world.refund("acme-1", Some(5000), "key-3").await.ok();
    insta::assert_snapshot!("refund", pretty(&refunded));
    insta::assert_snapshot!("details", pretty(&world.details("acme-1").await.ok()));
    assert!(
        world.shop.calls().is_empty(),
        "the merchant's own acts have no callback"
    );
}

#[tokio::test]
async fn an_express_payment() {
    let world = World::start().await;
    world.initiate(&express("acme-1", 49900)).await.ok();
    let control = world.simulator.control();
    let quote = control.shipping(MSN, "acme-1", None).await.unwrap();
    let ids: Vec<&str> = quote
        .options
        .iter()
        .map(|o| o.shipping_method_id.as_str())
        .collect();
    assert_eq!(ids, ["mailbox", "parcel"], "in the order of their priority");
    let asked = world.shop.only_call();
    assert_eq!(asked.path, "/vipps/v2/payments/acme-1/shippingDetails");
    assert_eq!(asked.header("authorization"), Some(AUTH_TOKEN));
    insta::assert_snapshot!("shipping_request", pretty(&asked.json()));

    let approval = Approval {
        shipping_method_id: Some("parcel".to_owned()),
        ..Approval::default()
    };
    control.approve(MSN, "acme-1", approval).await.unwrap();
    insta::assert_snapshot!("callback_express", pretty(&world.shop.only_call().json()));
    insta::assert_snapshot!(
        "details_express",
        pretty(&world.details("acme-1").await.ok())
    );
    // 499.00 and 79.90 for the parcel.
    assert_eq!(world.payment("acme-1").authorised, 57890);
    world.capture("acme-1", None, "key-1").await.ok();
    assert_eq!(world.payment("acme-1").captured, 57890);
    world.refund("acme-1", Some(7890), "key-2").await.ok();
    world.refund("acme-1", None, "key-3").await.ok();
    assert_eq!(world.payment("acme-1").refunded, 57890);
    assert_eq!(
        world.operations("acme-1").await,
        ["REFUND", "REFUND", "CAPTURE", "RESERVE", "INITIATE"]
    );
}

#[tokio::test]
async fn express_takes_the_default_delivery_and_binds_the_last_quote() {
    let world = World::start().await;
    world.initiate(&express("acme-1", 10000)).await.ok();
    let control = world.simulator.control();
    control
        .approve(MSN, "acme-1", Approval::default())
        .await
        .unwrap();
    assert_eq!(world.payment("acme-1").authorised, 14900);

    world.initiate(&express("acme-2", 10000)).await.ok();
    let made_up = Approval {
        shipping_method_id: Some("drone".to_owned()),
        ..Approval::default()
    };
    let refused = control.approve(MSN, "acme-2", made_up).await.unwrap_err();
    assert!(refused.to_string().contains("drone"), "{refused}");
    assert_eq!(world.payment("acme-2").state, PaymentState::Opened);
}

#[tokio::test]
async fn express_with_static_shipping_never_asks_the_shop() {
    let world = World::start().await;
    world.initiate(&express_static("acme-1", 10000)).await.ok();
    world
        .simulator
        .control()
        .approve(MSN, "acme-1", Approval::default())
        .await
        .unwrap();
    assert_eq!(world.payment("acme-1").authorised, 14900);
    let call = world.shop.only_call();
    assert_eq!(call.path, "/vipps/v2/payments/acme-1");
    assert_eq!(
        call.json()["shippingDetails"]["shippingMethodId"],
        "mailbox"
    );
}

#[tokio::test]
async fn the_customer_rejects() {
    let world = World::start().await;
    world.initiate(&regular("acme-1", 10000)).await.ok();
    let acted = world
        .simulator
        .control()
        .reject(MSN, "acme-1")
        .await
        .unwrap();
    assert_eq!(acted.state, PaymentState::CancelledByUser);
    assert_eq!(world.shop.only_call().status(), "CANCELLED");
    assert_eq!(world.operations("acme-1").await, ["CANCEL", "INITIATE"]);
    assert!(
        world
            .simulator
            .control()
            .approve(MSN, "acme-1", Approval::default())
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_declined_card_leaves_the_payment_open() {
    let world = World::start().await;
    world.initiate(&regular("acme-1", 10000)).await.ok();
    world.simulator.control().decline(MSN, "acme-1").unwrap();
    let details = world.details("acme-1").await.ok();
    assert_eq!(details["transactionLogHistory"][0]["operation"], "RESERVE");
    assert_eq!(
        details["transactionLogHistory"][0]["operationSuccess"],
        false
    );
    assert!(world.shop.calls().is_empty());
    world
        .simulator
        .control()
        .approve(MSN, "acme-1", Approval::default())
        .await
        .unwrap();
    assert_eq!(world.shop.only_call().status(), "RESERVED");

    world.initiate(&regular("acme-2", 10000)).await.ok();
    world.simulator.control().decline(MSN, "acme-2").unwrap();
    world.pass(11).await;
    let call = world.shop.only_call();
    insta::assert_snapshot!("callback_failed", pretty(&call.json()));
}

#[tokio::test]
async fn direct_capture_is_a_sale() {
    let world = World::with(SalesUnit {
        direct_capture: true,
        ..SalesUnit::default()
    })
    .await;
    world.reserved("acme-1", 10000).await;
    assert_eq!(world.shop.only_call().status(), "SALE");
    let details = world.details("acme-1").await.ok();
    assert_eq!(details["transactionLogHistory"][0]["operation"], "SALE");
    assert_eq!(details["transactionSummary"]["capturedAmount"], 10000);
    assert_eq!(details["transactionSummary"]["remainingAmountToCapture"], 0);
    world.refund("acme-1", None, "key-1").await.ok();
    assert_eq!(
        world.operations("acme-1").await,
        ["REFUND", "SALE", "INITIATE"]
    );
}

#[tokio::test]
async fn cancels_before_and_after_the_reservation() {
    let world = World::start().await;
    world.initiate(&regular("acme-1", 10000)).await.ok();
    insta::assert_snapshot!(
        "cancel_before_reservation",
        pretty(&world.cancel("acme-1", false).await.ok())
    );
    assert_eq!(world.operations("acme-1").await, ["CANCEL", "INITIATE"]);
    assert_eq!(
        world.payment("acme-1").state,
        PaymentState::CancelledByMerchant
    );

    world.reserved("acme-2", 10000).await;
    world.cancel("acme-2", false).await.ok();
    assert_eq!(
        world.operations("acme-2").await,
        ["VOID", "RESERVE", "INITIATE"]
    );
    assert_eq!(world.payment("acme-2").state, PaymentState::Voided);
    assert_eq!(world.payment("acme-2").remaining_to_capture, 0);
}

#[tokio::test]
async fn a_full_capture_has_no_amount_null_or_zero() {
    let world = World::start().await;
    for (n, amount) in [json!({}), json!({"amount": null}), json!({"amount": 0})]
        .iter()
        .enumerate()
    {
        let order = format!("acme-{n}");
        world.reserved(&order, 12345).await;
        let mut body =
            json!({"merchantInfo": {"merchantSerialNumber": MSN}, "transaction": amount});
        body["transaction"]["transactionText"] = "all".into();
        let mut request = world.request(
            "POST",
            &format!("/ecomm/v2/payments/{order}/capture"),
            Some(&body),
        );
        request
            .headers_mut()
            .insert("X-Request-Id", "k".parse().unwrap());
        let captured = world.send(request).await.ok();
        assert_eq!(captured["transactionInfo"]["amount"], 12345);
        assert_eq!(
            captured["transactionSummary"]["remainingAmountToCapture"],
            0
        );
    }
}

#[tokio::test]
async fn scope_brings_the_customer_along() {
    let world = World::start().await;
    let mut order = regular("acme-1", 10000);
    order["transaction"]["scope"] = "name email".into();
    order["customerInfo"]["mobileNumber"] = "+47 412 34 567".into();
    world.initiate(&order).await.ok();
    world
        .simulator
        .control()
        .approve(MSN, "acme-1", Approval::default())
        .await
        .unwrap();
    let callback = world.shop.only_call().json();
    assert_eq!(callback["transactionInfo"]["status"], "RESERVE");
    assert_eq!(callback["userDetails"]["mobileNumber"], "41234567");
    assert!(callback.get("shippingDetails").is_none());
    let details = world.details("acme-1").await.ok();
    assert_eq!(details["sub"], "c06c4afe-d9e1-4c5d-939a-000041234567");
}

#[tokio::test]
async fn the_deprecated_status() {
    let world = World::start().await;
    world.reserved("acme-1", 10000).await;
    let status = world
        .send(world.request("GET", "/ecomm/v2/payments/acme-1/status", None))
        .await
        .ok();
    insta::assert_snapshot!("status", pretty(&status));
}

#[tokio::test]
async fn force_approve_reserves_and_calls_back() {
    let world = World::start().await;
    world.initiate(&regular("acme-1", 10000)).await.ok();
    let path = "/ecomm/v2/integration-test/payments/acme-1/approve";
    let body = json!({"customerPhoneNumber": "93032103"});
    let answer = world.send(world.request("POST", path, Some(&body))).await;
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert_eq!(world.payment("acme-1").state, PaymentState::Reserved);
    // The callback is on its way by itself; moving the clock by nothing does not send it again.
    for _ in 0..1000 {
        if !world.payment("acme-1").callbacks.is_empty() {
            break;
        }
        tokio::task::yield_now().await;
        world.details("acme-1").await;
    }
    assert_eq!(world.shop.only_call().status(), "RESERVED");
}

#[tokio::test]
async fn the_portal_leaves_no_request_id() {
    let world = World::start().await;
    world.reserved("acme-1", 10000).await;
    let control = world.simulator.control();
    control.portal_capture(MSN, "acme-1", Some(4000)).unwrap();
    control.portal_refund(MSN, "acme-1", Some(1000)).unwrap();
    control.portal_cancel(MSN, "acme-1").unwrap();
    assert!(
        control
            .portal_capture(MSN, "acme-1", None)
            .unwrap_err()
            .to_string()
            .contains("VippsError/91")
    );
    let details = world.details("acme-1").await.ok();
    let history = details["transactionLogHistory"].as_array().unwrap();
    assert!(history.iter().all(|e| e["requestId"] == ""));
    assert_eq!(
        world.operations("acme-1").await,
        ["VOID", "REFUND", "CAPTURE", "RESERVE", "INITIATE"]
    );
    assert_eq!(details["transactionSummary"]["remainingAmountToCapture"], 0);
}

#[tokio::test]
async fn is_app_has_a_deep_link() {
    let world = World::start().await;
    let mut order = regular("acme-1", 10000);
    order["merchantInfo"]["isApp"] = true.into();
    order["merchantInfo"]["fallBack"] = "INTENT".into();
    let url = world.initiate(&order).await.ok()["url"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(url.starts_with("vippsMT://?token="), "{url}");
}

#[tokio::test]
async fn the_access_token_is_all_strings() {
    let world = World::start().await;
    let request = Request::post("/accessToken/get")
        .header("client_id", crate::support::CLIENT_ID)
        .header("client_secret", crate::support::CLIENT_SECRET)
        .header("Ocp-Apim-Subscription-Key", crate::support::KEY)
        .body(String::new())
        .unwrap();
    let mut token = world.send(request).await.ok();
    assert!(token["access_token"].as_str().unwrap().len() > 100);
    token["access_token"] = "…".into();
    insta::assert_snapshot!("access_token", pretty(&token));
}
