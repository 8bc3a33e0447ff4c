//! What stands in for Medusa is held to Medusa: every recorded exchange on a path in use is played
//! to it, in the order in which it was recorded.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod kasse;
mod replay;

use kasse_medusa::stand_in::{KEY, PROVIDER};
use serde_json::{Value, json};

use kasse::Says;
use replay::Replay;

/// Each recording that has to be played: those on a path that the stand-in has.
fn is_in_use(method: &str, path: &str) -> bool {
    let bare = path.split('?').next().unwrap_or(path);
    let pieces: Vec<&str> = bare.split('/').skip(1).collect();
    matches!(
        (method, pieces.as_slice()),
        ("GET", ["store", "regions" | "products" | "shipping-options"])
            | ("POST", ["store", "carts"])
            | ("GET", ["store", "carts", _])
            | (
                "POST",
                [
                    "store",
                    "carts",
                    _,
                    "line-items" | "promotions" | "shipping-methods" | "complete"
                ]
            )
            | ("POST", ["store", "payment-collections"])
            | ("POST", ["store", "payment-collections", _, "payment-sessions"])
            | ("POST", ["auth", "user", "emailpass"])
            | ("GET", ["admin", "orders", _])
            | ("POST", ["admin", "orders", _, "cancel"])
            | ("POST", ["admin", "payments", _, "capture" | "refund"])
            // What Medusa calls in our piece. Its webhooks are none that we use.
            | (
                "POST",
                [
                    "payment",
                    "initiatePayment"
                        | "deletePayment"
                        | "authorizePayment"
                        | "capturePayment"
                        | "refundPayment"
                        | "cancelPayment"
                ]
            )
    )
}

#[tokio::test(start_paused = true)]
async fn every_recording_on_a_path_in_use_is_answered_alike() {
    let mut replay = Replay::new();
    for (recorded, ours) in [
        ("reg_01M816JDK57ZP2VD57JG3FEREQ", "reg_norway"),
        ("sc_01M816JD9QDY4H4FYMSRF6TTAQ", "sc_fjell"),
        ("variant_01M816JET249W6EKQ9YMKVCXQZ", "variant_mug"),
        ("so_01M816JEF520G4PXR0M3JC79HS", "so_parcel"),
        ("pp_vipps_vipps", PROVIDER),
        ("SOMMER10", "TEN"),
        (
            "pk_9d3ef38b6cefba5aa0836b94c8dd04d5060fe2b2ff5dd407b974bdc0e49d06c3",
            KEY,
        ),
        // Two mugs with the coupon and the parcel come to 373.
        ("1297.02", "273"),
        ("1197.02", "173"),
    ] {
        replay.is(recorded, ours);
    }

    // Who may ask.
    for number in ["60", "61", "62", "63"] {
        replay.play(number).await;
    }
    // What is not there.
    for number in ["64", "65"] {
        replay.play(number).await;
    }

    // A cart, to the till.
    for number in ["01", "38", "02", "03", "32", "04", "05", "06"] {
        replay.play(number).await;
    }
    replay.called("40");
    replay.play("10").await;
    replay.called("41");
    replay.kasse.says(Says::Waits);
    replay.play("11").await;
    replay.called("42");
    replay.kasse.says(Says::Done);
    let cart = replay.ours("cart_01M816JFD56VDXPV40MBTPBNVD");
    let first = replay.complete(&cart).await;
    let again = replay.play("12").await;
    assert_eq!(first.pointer("/order/id"), again.pointer("/order/id"));

    // What is wrong with carts.
    for (number, cart) in [
        ("69", "cart_01M816KSWXV69MQXV56VDF3N11B"),
        ("70", "cart_01M816KT73Z90NFCPWSNNFXYPC"),
        ("71", "cart_01M816KV22XAWCRV7T5ANGTWY7"),
        ("37", "cart_01M816K3NC1W1ZGM44PGE6Z2GX"),
    ] {
        let made = replay.cart("mug", "no").await;
        replay.is(cart, &made);
        replay.play(number).await;
    }
    let made = replay.cart("mug", "sj").await;
    replay.is("cart_01M816K5AW4YR6Q25Z9MMBH5KC", &made);
    let there = replay.play("39").await;
    assert_eq!(there, json!({ "shipping_options": [] }));
    let made = replay.cart("mug", "no").await;
    let collection = replay.collection(&made).await;
    replay.is("pay_col_01M816KXM6KSV3VD0Z5CHJJMR0", &collection);
    replay.play("77").await;

    // The merchant captures.
    let order = replay.play("08").await;
    assert_eq!(order.pointer("/order/total"), Some(&json!(373)));
    replay.play("09").await;
    replay.play("14").await;
    replay.called("43");
    for number in ["15", "16", "17", "18"] {
        replay.play(number).await;
    }
    replay.called("44");

    // And gives back; the same again is another refund.
    replay.play("25").await;
    replay.called("45");
    let twice = replay.play("26").await;
    let refunds = twice.pointer("/payment/refunds").and_then(Value::as_array);
    assert_eq!(refunds.map(Vec::len), Some(2));
    replay.play("27").await;
    replay.kasse.says(Says::Refuses("Refund declined"));
    replay.play("28").await;
    replay.kasse.says(Says::Done);
    for number in ["29", "30"] {
        replay.play(number).await;
    }
    // An order's total is what was not given back.
    let order = replay.play("31").await;
    assert_eq!(order.pointer("/order/total"), Some(&json!(0)));

    // An order that is cancelled.
    let (order, payment) = replay.ordered("mug").await;
    replay.is("order_01M816JSAF4EP7ZWFHQP6SSZ05", &order);
    replay.is("pay_01M816JSE3CYPPB0QBXGC0PR9Y", &payment);
    for number in ["54", "55", "19", "21"] {
        replay.play(number).await;
    }
    let again = replay
        .admin("POST", &format!("/orders/{order}/cancel"))
        .await;
    assert_eq!(again.0, 400);
    assert_eq!(replay.captures(&payment).await, 400);

    // One that is cancelled after its money was taken: that is given back.
    let (order, payment) = replay.ordered("mug").await;
    replay.is("order_01M816JW59BWCX7QEXTJSNQ8TH", &order);
    assert_eq!(replay.captures(&payment).await, 200);
    replay.play("22").await;
    replay.called("47");
    replay.play("23").await;

    // One that was sent.
    let (order, _) = replay.ordered("mug").await;
    replay.is("order_01M816JZ5NZMRTX69R4N9A7Z8S", &order);
    let sent = replay
        .recorded("81")
        .pointer("/order/fulfillments")
        .cloned();
    replay.medusa.fulfilled(&order, sent.unwrap());
    replay.play("81").await;
    replay.play("57").await;

    // One without tax, and one that was captured without the merchant.
    for number in ["84", "53"] {
        let (order, payment) = replay.ordered("book").await;
        if number == "53" {
            assert_eq!(replay.captures(&payment).await, 200);
        }
        let of = replay.path_id(number, "order_");
        replay.is(&of, &order);
        replay.play(number).await;
    }
    let cart = replay.last_cart();
    replay.is("cart_01M816KBCQ9XW5GYYWB61A4944", &cart);
    replay.play("50").await;

    // Coming back from Vipps without money.
    let (cart, session) = replay.at_the_till().await;
    replay.is("cart_01M816M0HSWZS36CR2VBPN71VY", &cart);
    replay.is("payses_01M816M22NR8NHSETCB4M0RQPH", &session);
    replay.kasse.says(Says::Waits);
    replay.play("75").await;
    let (cart, _) = replay.at_the_till().await;
    replay.is("cart_01M816KW354ESR7CG3Y6D634E9", &cart);
    replay.kasse.says(Says::Ended);
    let declined = replay.complete(&cart).await;
    assert_eq!(declined["type"], "not_allowed");
    replay.play("73").await;
    let (cart, _) = replay.at_the_till().await;
    replay.is("cart_01M816KYR00SA0RXPPM2F8R9WZ", &cart);
    replay.kasse.says(Says::Nothing);
    let thrown = replay.play("74").await;
    assert_eq!(thrown["type"], "cart");

    let played = replay.all_played(is_in_use);
    println!("{played} recordings were played to the stand-in");
    assert_eq!(played, 58);
}
