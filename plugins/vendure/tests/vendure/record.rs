//! What happened, written into Vendure: what is asked and written, and what it answers to.

use kasse_core::{
    Delivered, DeliveryKind, EventKind, Money, Payment, RecordError, ShippingOption, VatRate,
};
use serde_json::{Value, json};

use crate::stage::{
    Stage, authorised, captured, happen, listed, order_with, payment, personal, refunded, released,
    start,
};

fn written(name: &str) -> Value {
    json!({ "written": { "__typename": name } })
}

fn no_notes() -> Value {
    json!({ "order": { "history": { "items": [] } } })
}

fn paid() -> Payment {
    let mut payment = payment();
    happen(&mut payment, authorised(27_292));
    payment
}

#[tokio::test(start_paused = true)]
async fn a_reservation_is_written_by_the_piece_in_the_shop() {
    let stage = Stage::new();
    let mut payment = payment();
    let event = happen(&mut payment, authorised(27_292));
    stage.answers(written("Order"));
    stage.answers(listed(order_with("Authorized", &json!([]))));
    stage.record(&payment, &event).await.unwrap();
    insta::assert_json_snapshot!("reserved", stage.asked());
}

#[tokio::test(start_paused = true)]
async fn an_express_reservation_brings_customer_address_and_delivery() {
    let stage = Stage::new();
    let mut payment = payment();
    payment.express = true;
    payment.personal = Some(personal());
    payment.delivery = Some(Delivered {
        wire_id: "1-1".into(),
        title: "Hjem".into(),
        cost: Money::nok(9_900),
        option: Some(ShippingOption {
            id: "2".into(),
            title: "Hjem".into(),
            price: Money::nok(9_000),
            vat: VatRate::percent(25),
            kind: DeliveryKind::Other,
            brand: String::new(),
            estimate: None,
            default: true,
            priority: 0,
            engine: Value::Null,
        }),
    });
    let event = happen(&mut payment, authorised(37_192));
    stage.answers(written("Order"));
    stage.answers(listed(order_with("Authorized", &json!([]))));
    stage.answers(no_notes());
    stage.answers(written("Order"));
    stage.record(&payment, &event).await.unwrap();
    insta::assert_json_snapshot!("express_reserved", stage.asked());

    // Without an address it can never be delivered; without the delivery neither.
    payment.forgotten = true;
    assert!(matches!(
        stage.record(&payment, &event).await,
        Err(RecordError::Never(_))
    ));
    payment.forgotten = false;
    payment.delivery.as_mut().unwrap().option = None;
    assert!(matches!(
        stage.record(&payment, &event).await,
        Err(RecordError::Never(_))
    ));
    assert!(stage.asked().is_empty());
}

#[tokio::test(start_paused = true)]
async fn only_the_shops_own_no_is_never_and_everything_else_is_later() {
    let stage = Stage::new();
    let mut payment = payment();
    let event = happen(&mut payment, authorised(27_292));
    stage.fails("KASSE_NOT_TAKEN", "The order was cancelled.");
    let Err(RecordError::Never(error)) = stage.record(&payment, &event).await else {
        panic!("taken")
    };
    assert!(error.why.contains("cancelled"), "{error}");
    stage.fails("INTERNAL_SERVER_ERROR", "SQLITE_BUSY");
    assert!(matches!(
        stage.record(&payment, &event).await,
        Err(RecordError::Later(_))
    ));
    stage.away();
    assert!(matches!(
        stage.record(&payment, &event).await,
        Err(RecordError::Later(_))
    ));
    stage.fails("FORBIDDEN", "no");
    stage.fails("FORBIDDEN", "no");
    assert!(matches!(
        stage.record(&payment, &event).await,
        Err(RecordError::Later(_))
    ));
}

#[tokio::test(start_paused = true)]
async fn a_whole_capture_settles_and_what_is_settled_is_left_alone() {
    let stage = Stage::new();
    let mut payment = paid();
    let event = happen(&mut payment, captured(27_292));
    stage.answers(listed(order_with("Authorized", &json!([]))));
    stage.answers(written("Payment"));
    stage.record(&payment, &event).await.unwrap();
    insta::assert_json_snapshot!("settled", stage.asked().last());
    stage.answers(listed(order_with("Settled", &json!([]))));
    stage.record(&payment, &event).await.unwrap();
    assert_eq!(stage.asked_names(), ["KasseOrder"]);
    // Vendure's errors stand in the data.
    stage.answers(listed(order_with("Authorized", &json!([]))));
    stage.answers(
        json!({ "written": { "__typename": "SettlePaymentError", "message": "failed",
        "paymentErrorMessage": "why" } }),
    );
    let Err(RecordError::Later(error)) = stage.record(&payment, &event).await else {
        panic!("taken")
    };
    assert!(
        error.why.contains("why") && error.why.contains("SettlePaymentError"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn parts_are_a_note_once() {
    let stage = Stage::new();
    let mut payment = paid();
    let event = happen(&mut payment, captured(10_000));
    stage.answers(listed(order_with("Authorized", &json!([]))));
    stage.answers(no_notes());
    stage.answers(written("Order"));
    let told = stage.record(&payment, &event).await;
    assert!(matches!(told, Err(RecordError::NotShowable(_))), "{told:?}");
    let asked = stage.asked();
    let note = asked[2]["variables"]["note"].clone();
    insta::assert_json_snapshot!("part_captured", asked);
    // Told again, the note is there.
    stage.answers(listed(order_with("Authorized", &json!([]))));
    stage.answers(json!({ "order": { "history": { "items": [{ "data": { "note": note } }] } } }));
    assert!(matches!(
        stage.record(&payment, &event).await,
        Err(RecordError::NotShowable(_))
    ));
    assert_eq!(stage.asked_names(), ["KasseOrder", "KasseNotes"]);
    let event = happen(&mut payment, released(17_292));
    stage.answers(listed(order_with("Authorized", &json!([]))));
    stage.answers(no_notes());
    stage.answers(written("Order"));
    assert!(matches!(
        stage.record(&payment, &event).await,
        Err(RecordError::NotShowable(_))
    ));
}

#[tokio::test(start_paused = true)]
async fn a_whole_release_cancels_the_payment() {
    let stage = Stage::new();
    let mut payment = paid();
    let event = happen(&mut payment, released(27_292));
    stage.answers(listed(order_with("Authorized", &json!([]))));
    stage.answers(written("Payment"));
    stage.record(&payment, &event).await.unwrap();
    assert_eq!(stage.asked_names(), ["KasseOrder", "KasseCancel"]);
    stage.answers(listed(order_with("Cancelled", &json!([]))));
    stage.record(&payment, &event).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn of_refunds_only_what_is_missing_is_written() {
    let stage = Stage::new();
    let mut payment = paid();
    happen(&mut payment, captured(27_292));
    happen(&mut payment, refunded(1_000));
    let mut event = happen(&mut payment, refunded(500));
    let refunds =
        json!([{ "total": 1_000, "state": "Settled" }, { "total": 500, "state": "Failed" }]);
    stage.answers(listed(order_with("Settled", &refunds)));
    stage.answers(written("Refund"));
    stage.record(&payment, &event).await.unwrap();
    insta::assert_json_snapshot!("refunded", stage.asked().last());
    // A refund that was made in Vendure is there, or on its way.
    for refunds in [
        json!([{ "total": 1_500, "state": "Settled" }]),
        json!([{ "total": 2_000, "state": "Pending" }]),
    ] {
        stage.answers(listed(order_with("Settled", &refunds)));
        stage.record(&payment, &event).await.unwrap();
        assert_eq!(stage.asked_names(), ["KasseOrder"]);
    }
    // It may be committed in a moment: nothing is written before that.
    event.at = start();
    stage.answers(listed(order_with("Settled", &json!([]))));
    assert!(matches!(
        stage.record(&payment, &event).await,
        Err(RecordError::Later(_))
    ));
}

#[tokio::test(start_paused = true)]
async fn what_ends_without_money_ends_in_vendures_own_state() {
    for (what, state) in [
        (EventKind::Rejected, "Declined"),
        (EventKind::Cancelled, "Cancelled"),
        (EventKind::Expired, "Cancelled"),
    ] {
        let stage = Stage::new();
        let mut payment = payment();
        let event = happen(&mut payment, what);
        stage.answers(listed(order_with("Created", &json!([]))));
        stage.answers(written("Payment"));
        stage.record(&payment, &event).await.unwrap();
        assert_eq!(stage.asked()[1]["variables"]["state"], state);
        // Only forward: what is reserved or over stays so.
        for state in ["Authorized", "Settled", "Cancelled"] {
            stage.answers(listed(order_with(state, &json!([]))));
            stage.record(&payment, &event).await.unwrap();
            assert_eq!(stage.asked_names(), ["KasseOrder"]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_unknown_is_a_note_and_the_beginning_is_known_already() {
    let stage = Stage::new();
    let mut payment = payment();
    let event = happen(&mut payment, EventKind::Initiated);
    stage.record(&payment, &event).await.unwrap();
    assert!(stage.asked().is_empty());
    let event = happen(
        &mut payment,
        EventKind::Unknown {
            operation: "TELEPORT".into(),
        },
    );
    stage.answers(listed(order_with("Created", &json!([]))));
    stage.answers(no_notes());
    stage.answers(written("Order"));
    stage.record(&payment, &event).await.unwrap();
    assert!(
        stage.asked()[2]["variables"]["note"]
            .as_str()
            .unwrap()
            .contains("TELEPORT")
    );
}

#[tokio::test(start_paused = true)]
async fn a_refund_that_vendure_never_takes_is_a_note() {
    let stage = Stage::new();
    let mut payment = paid();
    happen(&mut payment, captured(27_292));
    let event = happen(&mut payment, refunded(500));
    stage.answers(listed(order_with("Settled", &json!([]))));
    let error = json!({ "__typename": "RefundOrderStateError", "message": "not in this state" });
    stage.answers(json!({ "written": error }));
    stage.answers(no_notes());
    stage.answers(written("Order"));
    let told = stage.record(&payment, &event).await;
    assert!(matches!(told, Err(RecordError::NotShowable(_))), "{told:?}");
    let note = stage.asked().pop().unwrap()["variables"]["note"].clone();
    assert!(
        note.as_str().unwrap().contains("not in this state"),
        "{note}"
    );
}

#[tokio::test(start_paused = true)]
async fn of_two_payments_with_one_reference_the_one_that_counts_is_settled() {
    let mut payment = paid();
    let event = happen(&mut payment, captured(27_292));
    for order_of_rows in [[0, 1], [1, 0]] {
        let stage = Stage::new();
        let mut order = order_with("Authorized", &json!([]));
        let mut replaced = order["payments"][0].clone();
        replaced["id"] = "6".into();
        replaced["state"] = "Cancelled".into();
        let rows = [order["payments"][0].clone(), replaced];
        order["payments"] = order_of_rows.map(|row| rows[row].clone()).to_vec().into();
        stage.answers(listed(order));
        stage.answers(written("Payment"));
        stage.record(&payment, &event).await.unwrap();
        assert_eq!(stage.asked()[1]["variables"]["id"], "7");
    }
}
