//! What is hostile, broken or late, from outside.

use bytes::Bytes;
use http::{Method, StatusCode};
use kasse_simulator::{Address, Approval, ForgedToken, Forgery, PaymentState};
use serde_json::json;

use crate::support::{MSN, Stage};

const NOTHING: [&str; 4] = ["0.00", "0.00", "0.00", "0.00"];
const RESERVED: [&str; 4] = ["1328.90", "0.00", "0.00", "0.00"];

async fn begun(name: &str, express: Option<&str>) -> (Stage, String, String) {
    let mut stage = Stage::new(name).await;
    stage.start().await;
    let number = stage.place(express).await;
    let reference = stage.pay(&number).await;
    (stage, number, reference)
}

fn callback(reference: &str) -> String {
    format!("/vipps/fjord/v2/payments/{reference}")
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_callbacks_and_shipping_calls_change_nothing() {
    let (mut stage, number, reference) = begun("forged", Some("dynamic")).await;
    let other = stage.place(None).await;
    let other = stage.pay(&other).await;
    for token in [ForgedToken::Wrong, ForgedToken::None] {
        let forged = Forgery {
            status: Some("RESERVE".into()),
            token,
            ..Forgery::default()
        };
        let answer = stage
            .vipps()
            .forge_callback(MSN, &reference, forged)
            .await
            .unwrap();
        assert_eq!(answer.status, Some(401));
    }
    let body = Bytes::from_static(b"{\"addressId\":100,\"addressLine1\":\"x\",\"city\":\"Oslo\",\"country\":\"NO\",\"postCode\":\"0154\"}");
    for headers in [&[][..], &[("authorization", "x")]] {
        let path = format!("{}/shippingDetails", callback(&reference));
        let (status, _) = stage
            .send(Method::POST, &path, headers, body.clone())
            .await
            .unwrap();
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
    // The right token, and a status that is a lie: a hint, and the truth is read.
    let lie = Forgery {
        status: Some("SALE".into()),
        ..Forgery::default()
    };
    assert_eq!(
        stage
            .vipps()
            .forge_callback(MSN, &other, lie)
            .await
            .unwrap()
            .status,
        Some(200)
    );
    let shown = stage.shows(&number, "waiting", NOTHING).await;
    assert!(
        shown["events"]
            .as_array()
            .unwrap()
            .iter()
            .all(|event| event["event"] == "initiated")
    );
    assert!(stage.reserved().is_empty());
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_malformed_and_huge_calls_are_refused_with_the_right_status() {
    let (stage, _, reference) = begun("malformed", None).await;
    let call = |method: Method, path: String, body: Vec<u8>| {
        let stage = &stage;
        async move {
            stage
                .send(method, &path, &[("authorization", "x")], body.into())
                .await
                .map(|(status, _)| status)
        }
    };
    let good = br#"{"merchantSerialNumber":"123456","orderId":"x","transactionInfo":{}}"#.to_vec();
    for (method, path, body, status) in [
        (Method::POST, callback("fjord-9999"), good.clone(), 404),
        (Method::POST, callback("no_reference!"), good.clone(), 404),
        (
            Method::POST,
            "/vipps/nobody/v2/payments/fjord-1001".into(),
            good.clone(),
            404,
        ),
        (Method::GET, callback(&reference), Vec::new(), 405),
        (Method::POST, callback(&reference), b"{\"half".to_vec(), 400),
        (Method::POST, callback(&reference), b"[]".to_vec(), 400),
        (Method::POST, callback(&reference), good, 401),
        (
            Method::GET,
            "/return/fjord/fjord-1001-0123456789abcdef0123456789abcdef".into(),
            Vec::new(),
            404,
        ),
        (
            Method::DELETE,
            "/vipps/fjord/c/0123456789012345678901234567890123456789/v2/consents/x".into(),
            Vec::new(),
            404,
        ),
        (Method::GET, "/nothing".into(), Vec::new(), 404),
    ] {
        let what = format!("{method} {path}");
        assert_eq!(call(method, path, body).await.unwrap(), status, "{what}");
    }
    // A server that has read enough may close before all of it is sent: either way it is not taken.
    match call(
        Method::POST,
        callback(&reference),
        vec![b' '; 2 * 1024 * 1024],
    )
    .await
    {
        Ok(status) => assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE),
        Err(kasse_core::TransportError::Unanswered(_)) => {}
        Err(other) => panic!("{other}"),
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_for_another_sales_unit_or_amount_is_kept_and_reported() {
    let (mut stage, number, reference) = begun("odd", None).await;
    let odd = Forgery {
        msn: Some("654321".into()),
        amount: Some(99),
        ..Forgery::default()
    };
    assert_eq!(
        stage
            .vipps()
            .forge_callback(MSN, &reference, odd)
            .await
            .unwrap()
            .status,
        Some(200)
    );
    stage
        .vipps()
        .approve(MSN, &reference, Approval::default())
        .await
        .unwrap();
    let order = stage.shows(&number, "reserved", RESERVED).await;
    assert!(order.to_string().contains("654321"), "{order}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_not_served_is_400_and_another_one_can_be_chosen() {
    let (stage, _, reference) = begun("unserved", Some("dynamic")).await;
    let svalbard = Address {
        address_line1: "Vei 500".into(),
        address_line2: None,
        post_code: "9170".into(),
        city: "Longyearbyen".into(),
        country: "NO".into(),
    };
    let quote = stage
        .vipps()
        .shipping(MSN, &reference, Some(svalbard))
        .await
        .unwrap();
    assert!(
        quote.options.is_empty() && quote.user_sees.is_some(),
        "{quote:?}"
    );
    assert!(
        quote
            .reason
            .as_ref()
            .is_some_and(|reason| reason.contains("400")),
        "{quote:?}"
    );
    let oslo = stage.vipps().shipping(MSN, &reference, None).await.unwrap();
    assert!(oslo.options.len() >= 2, "{oslo:?}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_that_is_down_is_told_when_it_is_back_and_vipps_gets_its_200() {
    let (mut stage, number, reference) = begun("down", None).await;
    stage.shows(&number, "waiting", NOTHING).await;
    stage
        .shop(Method::POST, "/down", json!({ "down": true }))
        .await;
    let acted = stage
        .vipps()
        .approve(MSN, &reference, Approval::default())
        .await
        .unwrap();
    assert_eq!(
        acted.callback.and_then(|callback| callback.status),
        Some(200)
    );
    stage
        .shop(Method::POST, "/down", json!({ "down": false }))
        .await;
    stage.shows(&number, "reserved", RESERVED).await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_above_what_was_captured_never_reaches_vipps() {
    let (mut stage, number, reference) = begun("refund", None).await;
    stage
        .vipps()
        .approve(MSN, &reference, Approval::default())
        .await
        .unwrap();
    stage.shows(&number, "reserved", RESERVED).await;
    stage.act(&number, "capture", Some("500.00"), "c").await;
    for amount in ["500.01", "0.00", "1328.90"] {
        let path = format!("/orders/{number}/refund");
        let (status, answer) = stage
            .shop(Method::POST, &path, json!({ "amount": amount }))
            .await;
        assert!(status.is_client_error(), "{answer}");
        if amount != "0.00" {
            assert!(
                answer["why"].as_str().unwrap().contains("500.00"),
                "the remainder is named: {answer}"
            );
        }
    }
    let asked = stage
        .vipps()
        .exchanges(&kasse_simulator::ExchangeFilter::default());
    assert!(
        !asked
            .iter()
            .any(|exchange| exchange.url.contains("/refund"))
    );
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_changed_meanwhile_is_reported_and_the_payment_stands() {
    let (mut stage, number, reference) = begun("changed", None).await;
    let items = json!([{ "sku": "mug", "quantity": 1 }]);
    let (status, answer) = stage
        .shop(
            Method::POST,
            &format!("/orders/{number}/change"),
            json!({ "items": items }),
        )
        .await;
    assert!(status.is_success(), "{answer}");
    stage
        .vipps()
        .approve(MSN, &reference, Approval::default())
        .await
        .unwrap();
    let order = stage.shows(&number, "reserved", RESERVED).await;
    let notes = order["notes"].to_string();
    assert!(
        notes.contains("1328.90") && notes.contains("180.00"),
        "{order}"
    );
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_secret_or_personal_is_in_the_log() {
    let (mut stage, number, reference) = begun("log", Some("dynamic")).await;
    stage.vipps().shipping(MSN, &reference, None).await.unwrap();
    stage
        .vipps()
        .approve(MSN, &reference, Approval::default())
        .await
        .unwrap();
    let shown = stage
        .shop_until(&number, |order| {
            order["state"] == "reserved" && !order["customer"].is_null()
        })
        .await;
    let payment = stage.vipps().payment(MSN, &reference).unwrap();
    assert_eq!(payment.state, PaymentState::Reserved);
    let user = payment.user.unwrap();
    let log = std::fs::read_to_string(stage.folder.join("log.txt")).unwrap();
    assert!(
        log.contains(&reference),
        "the log has the reference in it: {log}"
    );
    for word in [
        "Y8Kteew6GE2ZmeycEt6egg==",
        "0f14ebcab0ec4b29ae0cb90d91b4a84a",
        "0123456789abcdef0123456789abcdef",
        &user.first_name,
        &user.last_name,
        &user.email,
        &user.mobile_number,
        &user.user_id,
    ] {
        assert!(!log.contains(word), "the log holds {word}");
    }
    assert!(
        shown.to_string().contains(&user.email),
        "the shop has what it needs: {shown}"
    );
    stage.end().await;
}
