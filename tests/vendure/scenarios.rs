//! What happens in the shop, at Vipps and in between.

use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use http::{Method, StatusCode};
use kasse_simulator::{Address, Approval, Forgery};
use serde_json::{Value, json};

use crate::alike::the_same_cart_in_both_engines;
use crate::people::{Merchant, Shopper, notes};
use crate::stage::{MSN, Stage};

pub(crate) type Scenario = fn(&mut Stage) -> LocalBoxFuture<'_, ()>;

macro_rules! scenarios {
    ($($name:ident),* $(,)?) => {
        /// All of them, in the order in which they are played.
        pub(crate) const ALL: &[(&str, Scenario)] = &[$((stringify!($name), |stage| $name(stage).boxed_local())),*];
    };
}

scenarios![
    paid_and_thanked,
    settled_in_the_admin_once_however_often,
    cancelled_in_the_admin,
    refunded_in_the_admin_in_part_and_whole,
    a_refund_above_the_payment_never_reaches_vipps,
    captured_and_refunded_through_kasse,
    cancelled_through_kasse,
    done_in_vipps_portal,
    a_partial_capture_is_a_note,
    express_with_an_address,
    express_where_the_shop_does_not_deliver,
    express_rejected_and_paid_at_the_checkout,
    express_of_the_last_one_that_somebody_else_bought,
    rejected_then_paid,
    the_same_click_twice,
    the_cart_changed_after_the_first_attempt,
    cancelled_in_vendure_while_the_customer_paid,
    a_settle_that_vipps_has_not_answered,
    a_refund_that_vipps_refused_can_be_tried_again,
    vipps_is_away_when_the_customer_pays,
    unsigned_calls_change_nothing,
    the_consent_is_taken_back,
    the_same_cart_in_both_engines,
    vendure_is_away_for_a_while,
    expired_then_paid,
];

const JUMPER: &[(&str, u32)] = &[("jumper", 1)];
const DELIVERED_JUMPER: i64 = 94_800;

/// A reserved order: its code and its reference.
async fn reserved(stage: &Stage, merchant: &mut Merchant) -> (Shopper, String, Value) {
    let (shopper, reference) = Shopper::at_vipps(stage, JUMPER).await;
    stage.approve(&reference).await;
    let order = merchant
        .sees_state(stage, &shopper.code, "PaymentAuthorized")
        .await;
    (shopper, reference, order)
}

/// The same, settled.
async fn settled(stage: &Stage, merchant: &mut Merchant) -> (Shopper, String, Value) {
    let (shopper, reference, order) = reserved(stage, merchant).await;
    let done = merchant.settle(stage, &order["payments"][0]).await;
    assert_eq!(done["state"], "Settled", "{done}");
    let order = merchant
        .sees_state(stage, &shopper.code, "PaymentSettled")
        .await;
    (shopper, reference, order)
}

/// Vipps calls back, whatever for: a hint, and kasse reads the truth.
async fn hint(stage: &Stage, reference: &str) {
    let answer = stage
        .vipps()
        .forge_callback(MSN, reference, Forgery::default())
        .await
        .unwrap();
    assert_eq!(answer.status, Some(200));
}

fn refunds(order: &Value) -> Vec<(String, i64)> {
    let refunds = order["payments"][0]["refunds"].as_array().unwrap().iter();
    refunds
        .map(|refund| {
            (
                refund["state"].as_str().unwrap().to_owned(),
                refund["total"].as_i64().unwrap(),
            )
        })
        .collect()
}

fn states(order: &Value) -> Vec<&str> {
    let payments = order["payments"].as_array().unwrap().iter();
    let mut states: Vec<&str> = payments
        .map(|payment| payment["state"].as_str().unwrap())
        .collect();
    states.sort_unstable();
    states
}

async fn paid_and_thanked(stage: &mut Stage) {
    let cart = [("jumper", 1), ("mug", 2), ("coffee", 1)];
    let (mut shopper, reference) = Shopper::at_vipps(stage, &cart).await;
    let view = stage.at_vipps(&reference);
    assert_eq!((view.amount, view.express), (155_790, false));
    assert_eq!(
        view.transaction_text,
        format!("Fjell: order {}", shopper.code)
    );
    let acted = stage.approve(&reference).await;
    // The browser comes to kasse's page, and is sent on to the storefront's.
    let (status, page) = stage.get(&acted.browser_url.unwrap()).await.unwrap();
    let page = String::from_utf8_lossy(&page).into_owned();
    assert_eq!(status, StatusCode::OK);
    let thanks = format!("{}/thanks/{}", stage.vendure, shopper.code);
    assert!(page.contains(&thanks), "{page}");
    let mut merchant = Merchant::new(stage).await;
    let order = merchant
        .sees_state(stage, &shopper.code, "PaymentAuthorized")
        .await;
    assert_eq!(
        (&order["active"], &order["payments"][0]["amount"]),
        (&json!(false), &json!(155_790))
    );
    assert_eq!(order["payments"][0]["transactionId"], reference.as_str());
    assert_eq!(states(&order), ["Authorized"]);
    assert_eq!(shopper.thanks(stage).await["state"], "PaymentAuthorized");
    let (_, page) = stage.get(&thanks).await.unwrap();
    assert!(
        String::from_utf8_lossy(&page).contains("Thank you"),
        "the storefront's page"
    );
}

async fn settled_in_the_admin_once_however_often(stage: &mut Stage) {
    let mut merchant = Merchant::new(stage).await;
    let (shopper, reference, order) = settled(stage, &mut merchant).await;
    assert_eq!(stage.at_vipps(&reference).captured, 94_800);
    for _ in 0..3 {
        let again = merchant.settle(stage, &order["payments"][0]).await;
        assert_eq!(again["state"], "Settled", "{again}");
    }
    assert_eq!(stage.calls(&reference, "capture"), 1);
    let order = merchant.order(stage, &shopper.code).await;
    assert_eq!((states(&order), refunds(&order)), (vec!["Settled"], vec![]));
}

async fn cancelled_in_the_admin(stage: &mut Stage) {
    let mut merchant = Merchant::new(stage).await;
    let (_, reference, order) = reserved(stage, &mut merchant).await;
    for _ in 0..2 {
        let done = merchant.cancel(stage, &order["payments"][0]).await;
        assert_eq!(done["state"], "Cancelled", "{done}");
    }
    let view = stage.at_vipps(&reference);
    assert_eq!((view.remaining_to_capture, view.captured), (0, 0));
    assert_eq!(stage.calls(&reference, "cancel"), 1);
}

async fn refunded_in_the_admin_in_part_and_whole(stage: &mut Stage) {
    let mut merchant = Merchant::new(stage).await;
    let (shopper, reference, order) = settled(stage, &mut merchant).await;
    let payment = &order["payments"][0];
    for (amount, sum) in [(10_000, 10_000), (10_000, 20_000), (74_800, 94_800)] {
        let done = merchant.refund(stage, payment, amount).await;
        assert_eq!(
            (&done["state"], &done["total"]),
            (&json!("Settled"), &json!(amount)),
            "{done}"
        );
        assert_eq!(stage.at_vipps(&reference).refunded, sum);
    }
    // kasse tells the shop of each, and the shop has them already.
    let told = |stage: &Stage| {
        stage.payments(&["show", &reference])["to_tell"]
            .as_array()
            .unwrap()
            .is_empty()
    };
    stage
        .until("the shop is told", async |stage| told(stage).then_some(()))
        .await;
    let order = merchant.order(stage, &shopper.code).await;
    let three = [10_000, 10_000, 74_800].map(|total| ("Settled".to_owned(), total));
    assert_eq!(refunds(&order), three);
}

async fn a_refund_above_the_payment_never_reaches_vipps(stage: &mut Stage) {
    let mut merchant = Merchant::new(stage).await;
    let (_, reference, order) = settled(stage, &mut merchant).await;
    let refused = merchant
        .refund(stage, &order["payments"][0], DELIVERED_JUMPER + 1)
        .await;
    assert_eq!(refused["__typename"], "RefundAmountError", "{refused}");
    assert_eq!(stage.calls(&reference, "refund"), 0);
}

async fn captured_and_refunded_through_kasse(stage: &mut Stage) {
    let mut merchant = Merchant::new(stage).await;
    let (shopper, reference, _) = reserved(stage, &mut merchant).await;
    stage.payments(&["capture", &reference]);
    merchant
        .sees_state(stage, &shopper.code, "PaymentSettled")
        .await;
    stage.payments(&["refund", &reference, "300.00"]);
    let shown = |order: &Value| refunds(order) == [("Settled".to_owned(), 30_000)];
    let order = merchant.sees(stage, &shopper.code, "refunded", shown).await;
    // And the next one in the admin, on top of it.
    let done = merchant.refund(stage, &order["payments"][0], 4_800).await;
    assert_eq!(done["state"], "Settled", "{done}");
    let view = stage.at_vipps(&reference);
    assert_eq!((view.captured, view.refunded), (94_800, 34_800));
    assert_eq!(
        (
            stage.calls(&reference, "capture"),
            stage.calls(&reference, "refund")
        ),
        (1, 2)
    );
}

async fn cancelled_through_kasse(stage: &mut Stage) {
    let mut merchant = Merchant::new(stage).await;
    let (shopper, reference, _) = reserved(stage, &mut merchant).await;
    stage.payments(&["cancel", &reference]);
    let cancelled = |order: &Value| states(order) == ["Cancelled"];
    merchant
        .sees(stage, &shopper.code, "cancelled", cancelled)
        .await;
    assert_eq!(stage.calls(&reference, "cancel"), 1);
}

async fn done_in_vipps_portal(stage: &mut Stage) {
    let mut merchant = Merchant::new(stage).await;
    let (shopper, reference, _) = reserved(stage, &mut merchant).await;
    stage.vipps().portal_capture(MSN, &reference, None).unwrap();
    hint(stage, &reference).await;
    merchant
        .sees_state(stage, &shopper.code, "PaymentSettled")
        .await;
    stage
        .vipps()
        .portal_refund(MSN, &reference, Some(12_345))
        .unwrap();
    hint(stage, &reference).await;
    let shown = |order: &Value| refunds(order) == [("Settled".to_owned(), 12_345)];
    merchant.sees(stage, &shopper.code, "refunded", shown).await;
    let (shopper, reference, _) = reserved(stage, &mut merchant).await;
    stage.vipps().portal_cancel(MSN, &reference).unwrap();
    hint(stage, &reference).await;
    merchant
        .sees(stage, &shopper.code, "cancelled", |order| {
            states(order) == ["Cancelled"]
        })
        .await;
    assert_eq!(stage.calls(&reference, "cancel"), 0);
}

async fn a_partial_capture_is_a_note(stage: &mut Stage) {
    let mut merchant = Merchant::new(stage).await;
    let (shopper, reference, order) = reserved(stage, &mut merchant).await;
    stage.payments(&["capture", &reference, "500.00"]);
    let noted = |order: &Value| notes(order).contains("500.00 NOK of 948.00 NOK is captured");
    let shown = merchant.sees(stage, &shopper.code, "noted", noted).await;
    assert_eq!(
        (states(&shown), &shown["state"]),
        (vec!["Authorized"], &json!("PaymentAuthorized"))
    );
    // What Vendure settles is the whole: the rest is taken.
    let done = merchant.settle(stage, &order["payments"][0]).await;
    assert_eq!(done["state"], "Settled", "{done}");
    assert_eq!(stage.at_vipps(&reference).captured, 94_800);

    let (shopper, reference, order) = reserved(stage, &mut merchant).await;
    stage.payments(&["capture", &reference, "500.00"]);
    stage.payments(&["cancel", &reference]);
    let noted = |order: &Value| notes(order).contains("448.00 NOK of 948.00 NOK is released");
    merchant.sees(stage, &shopper.code, "noted", noted).await;
    let refused = merchant.settle(stage, &order["payments"][0]).await;
    assert_eq!(refused["__typename"], "SettlePaymentError", "{refused}");
    let shown = merchant.order(stage, &shopper.code).await;
    assert_eq!(
        states(&shown),
        ["Authorized"],
        "not in a state from which nothing leads on"
    );
}

async fn express_with_an_address(stage: &mut Stage) {
    let mut merchant = Merchant::new(stage).await;
    let mut shopper = Shopper::with(stage, &[("jumper", 1), ("coffee", 2)]).await;
    let reference = shopper.express(stage).await;
    let goods = 89_900 + 2 * 24_990;
    assert_eq!(stage.at_vipps(&reference).amount, goods);
    let oslo = stage.vipps().shipping(MSN, &reference, None).await.unwrap();
    let prices: Vec<u64> = oslo.options.iter().map(|option| option.cost_ore).collect();
    assert_eq!(prices, [4_900, 9_900], "{oslo:?}");
    let tromso = Address {
        address_line1: "Storgata 2".into(),
        address_line2: None,
        post_code: "9008".into(),
        city: "Tromsø".into(),
        country: "NO".into(),
    };
    let tromso = stage
        .vipps()
        .shipping(MSN, &reference, Some(tromso))
        .await
        .unwrap();
    let home = tromso
        .options
        .iter()
        .find(|option| option.cost_ore == 14_900)
        .unwrap();
    let approval = Approval {
        shipping_method_id: Some(home.shipping_method_id.clone()),
        ..Approval::default()
    };
    stage
        .vipps()
        .approve(MSN, &reference, approval)
        .await
        .unwrap();
    let order = merchant
        .sees_state(stage, &shopper.code, "PaymentAuthorized")
        .await;
    let view = stage.at_vipps(&reference);
    let user = view.user.unwrap();
    assert_eq!(view.authorised, goods + 14_900);
    assert_eq!(order["totalWithTax"].as_u64(), Some(view.authorised));
    assert_eq!(
        order["payments"][0]["amount"].as_u64(),
        Some(view.authorised)
    );
    assert_eq!(order["shippingLines"][0]["shippingMethod"]["code"], "home");
    assert_eq!(order["shippingAddress"]["postalCode"], "9008");
    assert_eq!(
        order["customer"]["emailAddress"].as_str(),
        Some(user.email.to_lowercase().as_str())
    );
    assert_eq!(order["customer"]["lastName"], user.last_name.as_str());
    assert_eq!(
        (&order["surcharges"], notes(&order).as_str()),
        (&json!([]), "[]")
    );
    let done = merchant.settle(stage, &order["payments"][0]).await;
    assert_eq!(done["state"], "Settled", "{done}");
    assert_eq!(stage.at_vipps(&reference).captured, goods + 14_900);
}

async fn express_where_the_shop_does_not_deliver(stage: &mut Stage) {
    let mut shopper = Shopper::with(stage, JUMPER).await;
    let reference = shopper.express(stage).await;
    let longyearbyen = Address {
        address_line1: "Vei 500".into(),
        address_line2: None,
        post_code: "9170".into(),
        city: "Longyearbyen".into(),
        country: "NO".into(),
    };
    let nothing = stage
        .vipps()
        .shipping(MSN, &reference, Some(longyearbyen))
        .await
        .unwrap();
    assert!(
        nothing.options.is_empty() && nothing.user_sees.is_some(),
        "{nothing:?}"
    );
    let oslo = stage.vipps().shipping(MSN, &reference, None).await.unwrap();
    assert_eq!(oslo.options.len(), 2, "{oslo:?}");
}

async fn express_rejected_and_paid_at_the_checkout(stage: &mut Stage) {
    let mut merchant = Merchant::new(stage).await;
    let mut shopper = Shopper::with(stage, JUMPER).await;
    let first = shopper.express(stage).await;
    stage.vipps().reject(MSN, &first).await.unwrap();
    shopper.check_out(stage).await;
    let second = shopper.pay(stage).await;
    assert_ne!(first, second);
    stage.approve(&second).await;
    let order = merchant
        .sees_state(stage, &shopper.code, "PaymentAuthorized")
        .await;
    assert_eq!(states(&order), ["Authorized"]);
}

async fn express_of_the_last_one_that_somebody_else_bought(stage: &mut Stage) {
    let mut merchant = Merchant::new(stage).await;
    let mut late = Shopper::with(stage, &[("lamp", 1)]).await;
    let reference = late.express(stage).await;
    let (quick, first) = Shopper::at_vipps(stage, &[("lamp", 1)]).await;
    stage.approve(&first).await;
    merchant
        .sees_state(stage, &quick.code, "PaymentAuthorized")
        .await;
    stage.approve(&reference).await;
    stage
        .until("the money is let go", async |stage| {
            (stage.at_vipps(&reference).remaining_to_capture == 0).then_some(())
        })
        .await;
    let order = merchant.order(stage, &late.code).await;
    assert_eq!(
        (&order["state"], states(&order)),
        (&json!("AddingItems"), vec![])
    );
    assert!(
        order["customer"].is_null(),
        "nothing of the person is left in a cart: {order}"
    );
}

async fn rejected_then_paid(stage: &mut Stage) {
    let mut merchant = Merchant::new(stage).await;
    let (mut shopper, first) = Shopper::at_vipps(stage, JUMPER).await;
    stage.vipps().reject(MSN, &first).await.unwrap();
    let declined = |order: &Value| states(order) == ["Declined"];
    let order = merchant
        .sees(stage, &shopper.code, "declined", declined)
        .await;
    assert_eq!(order["state"], "ArrangingPayment");
    assert_eq!(order["lines"][0]["productVariant"]["sku"], "jumper");
    let second = shopper.pay(stage).await;
    assert_ne!(first, second);
    stage.approve(&second).await;
    let order = merchant
        .sees_state(stage, &shopper.code, "PaymentAuthorized")
        .await;
    assert_eq!(states(&order), ["Authorized", "Declined"]);
}

async fn the_same_click_twice(stage: &mut Stage) {
    let mut merchant = Merchant::new(stage).await;
    let (mut shopper, first) = Shopper::at_vipps(stage, JUMPER).await;
    // The same page at Vipps, and one payment in Vendure that counts.
    assert_eq!(shopper.pay(stage).await, first);
    let order = merchant.order(stage, &shopper.code).await;
    assert_eq!(states(&order), ["Cancelled", "Created"]);
    stage.approve(&first).await;
    let order = merchant
        .sees_state(stage, &shopper.code, "PaymentAuthorized")
        .await;
    assert_eq!(states(&order), ["Authorized", "Cancelled"]);
    let payments = order["payments"].as_array().unwrap();
    let payment = payments
        .iter()
        .find(|payment| payment["state"] == "Authorized")
        .unwrap();
    let mut second = Merchant::new(stage).await;
    let both = tokio::join!(
        merchant.settle(stage, payment),
        second.settle(stage, payment)
    );
    assert_eq!(
        (&both.0["state"], &both.1["state"]),
        (&json!("Settled"), &json!("Settled")),
        "{both:?}"
    );
    assert_eq!(
        (
            stage.calls(&first, "capture"),
            stage.at_vipps(&first).captured
        ),
        (1, 94_800)
    );
}

async fn the_cart_changed_after_the_first_attempt(stage: &mut Stage) {
    let mut merchant = Merchant::new(stage).await;
    let (mut shopper, first) = Shopper::at_vipps(stage, JUMPER).await;
    shopper.go(stage, "AddingItems").await;
    shopper.add(stage, "mug", 1).await;
    shopper.go(stage, "ArrangingPayment").await;
    let second = shopper.pay(stage).await;
    assert_ne!(first, second);
    assert_eq!(stage.at_vipps(&second).amount, 112_800);
    assert!(
        stage
            .vipps()
            .approve(MSN, &first, Approval::default())
            .await
            .is_err(),
        "the first is over"
    );
    stage.approve(&second).await;
    let order = merchant
        .sees_state(stage, &shopper.code, "PaymentAuthorized")
        .await;
    assert_eq!(states(&order), ["Authorized", "Cancelled"]);
}

async fn cancelled_in_vendure_while_the_customer_paid(stage: &mut Stage) {
    let mut merchant = Merchant::new(stage).await;
    let (shopper, reference) = Shopper::at_vipps(stage, JUMPER).await;
    let order = merchant.order(stage, &shopper.code).await;
    merchant.cancel_order(stage, &order).await;
    stage.approve(&reference).await;
    stage
        .until("the money is let go", async |stage| {
            (stage.at_vipps(&reference).remaining_to_capture == 0).then_some(())
        })
        .await;
    assert_eq!(
        merchant.order(stage, &shopper.code).await["state"],
        "Cancelled"
    );
}

async fn a_settle_that_vipps_has_not_answered(stage: &mut Stage) {
    let mut merchant = Merchant::new(stage).await;
    let (shopper, reference, order) = reserved(stage, &mut merchant).await;
    let slow = json!({ "on": "capture", "orderId": reference, "kind": "slow", "seconds": 14 });
    stage
        .vipps()
        .add_fault(serde_json::from_value(slow).unwrap())
        .unwrap();
    let answer = merchant.settle(stage, &order["payments"][0]).await;
    assert_eq!(answer["__typename"], "SettlePaymentError", "{answer}");
    assert!(
        answer["paymentErrorMessage"]
            .as_str()
            .unwrap()
            .contains("not answered yet"),
        "{answer}"
    );
    let shown = merchant.order(stage, &shopper.code).await;
    assert_eq!(
        (states(&shown), &shown["state"]),
        (vec!["Authorized"], &json!("PaymentAuthorized"))
    );
    let order = merchant
        .sees_state(stage, &shopper.code, "PaymentSettled")
        .await;
    assert!(order["payments"][0]["errorMessage"].is_null(), "{order}");
    assert_eq!(stage.at_vipps(&reference).captured, 94_800);
}

async fn a_refund_that_vipps_refused_can_be_tried_again(stage: &mut Stage) {
    let mut merchant = Merchant::new(stage).await;
    let (shopper, reference, order) = settled(stage, &mut merchant).await;
    let refusal = json!({ "on": "refund", "orderId": reference, "kind": "error",
        "status": 400, "group": "Payment", "code": "99" });
    stage
        .vipps()
        .add_fault(serde_json::from_value(refusal).unwrap())
        .unwrap();
    let payment = &order["payments"][0];
    let failed = merchant.refund(stage, payment, 10_000).await;
    assert_eq!(failed["state"], "Failed", "{failed}");
    let done = merchant.refund(stage, payment, 10_000).await;
    assert_eq!(done["state"], "Settled", "{done}");
    assert_eq!(stage.at_vipps(&reference).refunded, 10_000);
    // Its answer was lost: the same click again is the same refund.
    let lost = json!({ "on": "refund", "orderId": reference, "kind": "lost_after_done" });
    stage
        .vipps()
        .add_fault(serde_json::from_value(lost).unwrap())
        .unwrap();
    merchant.refund(stage, payment, 20_000).await;
    let shown = |order: &Value| {
        let sums = refunds(order);
        sums.iter()
            .filter(|(state, _)| state == "Settled")
            .map(|(_, total)| total)
            .sum::<i64>()
            == 30_000
    };
    merchant.sees(stage, &shopper.code, "refunded", shown).await;
    assert_eq!(stage.at_vipps(&reference).refunded, 30_000);
}

async fn vipps_is_away_when_the_customer_pays(stage: &mut Stage) {
    let mut merchant = Merchant::new(stage).await;
    let mut shopper = Shopper::with(stage, JUMPER).await;
    shopper.check_out(stage).await;
    let refusal = json!({ "on": "initiate", "kind": "error", "status": 400, "group": "Merchant", "code": "35" });
    stage
        .vipps()
        .add_fault(serde_json::from_value(refusal).unwrap())
        .unwrap();
    let answer = shopper.try_to_pay(stage).await;
    assert_eq!(answer["__typename"], "PaymentFailedError", "{answer}");
    assert!(
        !answer["paymentErrorMessage"].as_str().unwrap().is_empty(),
        "{answer}"
    );
    stage.vipps().clear_faults();
    let reference = shopper.pay(stage).await;
    stage.approve(&reference).await;
    let order = merchant
        .sees_state(stage, &shopper.code, "PaymentAuthorized")
        .await;
    assert_eq!(states(&order), ["Authorized", "Error"]);
}

async fn unsigned_calls_change_nothing(stage: &mut Stage) {
    let mut merchant = Merchant::new(stage).await;
    let (_, reference, order) = reserved(stage, &mut merchant).await;
    let body = json!({ "order": order["code"], "reference": reference }).to_string();
    let url = format!("{}/engine/fjell/capture", stage.kasse);
    let time = jiff::Timestamp::now().as_second().to_string();
    let (id, wrong) = ("0".repeat(32), "0".repeat(64));
    for headers in [
        &[][..],
        &[
            ("x-kasse-time", time.as_str()),
            ("x-kasse-id", id.as_str()),
            ("x-kasse-signature", wrong.as_str()),
        ],
    ] {
        let (status, _, _) = stage
            .send(Method::POST, &url, headers, Bytes::from(body.clone()))
            .await
            .unwrap();
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(stage.calls(&reference, "capture"), 0);
}

async fn the_consent_is_taken_back(stage: &mut Stage) {
    let mut merchant = Merchant::new(stage).await;
    let mut shopper = Shopper::with(stage, JUMPER).await;
    let reference = shopper.express(stage).await;
    let user = kasse_simulator::User {
        user_id: "leaves".into(),
        email: "leaves@example.com".into(),
        ..Default::default()
    };
    let approval = Approval {
        user: Some(user),
        ..Approval::default()
    };
    stage
        .vipps()
        .approve(MSN, &reference, approval)
        .await
        .unwrap();
    merchant
        .sees_state(stage, &shopper.code, "PaymentAuthorized")
        .await;
    assert!(!stage.vipps().remove_consent("leaves").await.is_empty());
    let gone = |order: &Value| order["shippingAddress"]["streetLine1"].is_null();
    let order = merchant.sees(stage, &shopper.code, "forgotten", gone).await;
    assert_eq!(order["customer"]["lastName"], "");
    assert!(!order.to_string().contains("leaves@example.com"), "{order}");
    assert_eq!(
        order["lines"][0]["productVariant"]["sku"], "jumper",
        "the goods stay in the accounts"
    );
}

async fn vendure_is_away_for_a_while(stage: &mut Stage) {
    let mut merchant = Merchant::new(stage).await;
    let (one, first) = Shopper::at_vipps(stage, JUMPER).await;
    let (two, second, _) = settled(stage, &mut merchant).await;
    stage.stop_vendure();
    // Vipps is answered at once, and what is done meanwhile is done.
    let acted = stage.approve(&first).await;
    assert_eq!(
        acted.callback.and_then(|callback| callback.status),
        Some(200)
    );
    stage
        .until("kasse knows", async |stage| {
            let shown = stage.payments(&["show", &first]);
            (shown["payment"]["state"] == "authorised").then_some(())
        })
        .await;
    stage.payments(&["capture", &first]);
    stage.payments(&["refund", &second, "100.00"]);
    stage.payments(&["refund", &second, "50.00"]);
    for reference in [&first, &second] {
        stage
            .until("the shop was tried to be told", async |stage| {
                let shown = stage.payments(&["show", reference]);
                let tried = shown["to_tell"][0]["tries"].as_u64()?;
                (tried > 0).then_some(())
            })
            .await;
    }
    stage.start_vendure().await;
    let mut merchant = Merchant::new(stage).await;
    let order = merchant
        .sees_state(stage, &one.code, "PaymentSettled")
        .await;
    assert_eq!(states(&order), ["Settled"]);
    let sum = |order: &Value| refunds(order).iter().map(|(_, total)| total).sum::<i64>();
    let order = merchant
        .sees(stage, &two.code, "refunded", |order| sum(order) == 15_000)
        .await;
    assert!(
        refunds(&order).iter().all(|(state, _)| state == "Settled"),
        "{order}"
    );
    assert_eq!(
        (
            stage.calls(&first, "capture"),
            stage.calls(&second, "refund")
        ),
        (1, 2)
    );
    for reference in [&first, &second] {
        stage
            .until("everything is told", async |stage| {
                let shown = stage.payments(&["show", reference]);
                shown["to_tell"]
                    .as_array()
                    .unwrap()
                    .is_empty()
                    .then_some(())
            })
            .await;
    }
    assert_eq!(sum(&merchant.order(stage, &two.code).await), 15_000);
}

/// The last: Vipps' clock is moved.
async fn expired_then_paid(stage: &mut Stage) {
    let mut merchant = Merchant::new(stage).await;
    let (mut shopper, first) = Shopper::at_vipps(stage, JUMPER).await;
    stage.vipps().advance(Duration::from_secs(11 * 60)).await;
    let order = merchant
        .sees(stage, &shopper.code, "ended", |order| {
            states(order) == ["Cancelled"]
        })
        .await;
    assert_eq!(order["state"], "ArrangingPayment");
    let second = shopper.pay(stage).await;
    assert_ne!(first, second);
    stage.approve(&second).await;
    let order = merchant
        .sees_state(stage, &shopper.code, "PaymentAuthorized")
        .await;
    assert_eq!(states(&order), ["Authorized", "Cancelled"]);
}
