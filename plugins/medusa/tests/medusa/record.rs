//! What happened, written into Medusa: what the plugin is told, and what it answers to.

use jiff::Timestamp;
use kasse_core::{
    Delivered, DeliveryKind, Error, EventKind, Money, Note, OrderId, Payment, RecordError,
    ShippingOption, VatRate,
};
use serde_json::{Value, json};

use crate::stage::{
    CART, ORDER, Stage, authorised, captured, happen, payment, personal, refunded, released, start,
};

fn shown(order: &str) -> Value {
    json!({ "order": order, "shown": true })
}

fn paid() -> Payment {
    let mut payment = payment();
    happen(&mut payment, authorised(139_702));
    payment
}

#[tokio::test(start_paused = true)]
async fn a_reservation_makes_an_order_of_the_cart() {
    let stage = Stage::new();
    let mut payment = payment();
    let noted: Timestamp = start();
    payment.notes = vec![Note {
        at: noted,
        text: "The order was changed while it was paid.".into(),
    }];
    let event = happen(&mut payment, authorised(139_702));
    stage.answers(&shown(ORDER));
    let told = stage.record(&payment, &event).await.unwrap();
    let order = told.order.unwrap();
    assert_eq!(
        (order.order.as_str(), order.shop.as_str()),
        (ORDER, "fjell")
    );
    insta::assert_json_snapshot!("reserved", stage.asked());
    // Told again, for the order that it is by now.
    payment.order.order = OrderId::new(ORDER).unwrap();
    stage.answers(&shown(ORDER));
    assert_eq!(stage.record(&payment, &event).await.unwrap().order, None);
    let again = &stage.asked()[0];
    assert_eq!(again["body"]["order"], ORDER);
}

fn express() -> Payment {
    let mut payment = payment();
    payment.express = true;
    payment.personal = Some(personal());
    payment.delivery = Some(Delivered {
        wire_id: "1-1".into(),
        title: "Hjem".into(),
        cost: Money::nok(9_900),
        option: Some(ShippingOption {
            id: "so_a+so_b".into(),
            title: "Hjem".into(),
            price: Money::nok(9_000),
            vat: VatRate::percent(25),
            kind: DeliveryKind::Other,
            brand: String::new(),
            estimate: None,
            default: true,
            priority: 0,
            engine: json!([{ "id": "so_a" }, { "id": "so_b" }]),
        }),
    });
    payment
}

#[tokio::test(start_paused = true)]
async fn an_express_reservation_brings_customer_address_and_delivery() {
    let stage = Stage::new();
    let mut payment = express();
    let event = happen(&mut payment, authorised(144_702));
    stage.answers(&shown(ORDER));
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
    payment.personal.as_mut().unwrap().address = None;
    assert!(matches!(
        stage.record(&payment, &event).await,
        Err(RecordError::Later(_))
    ));
    assert!(stage.asked().is_empty());
    // What comes later has none of it: a note or a log is no place for a person.
    let event = happen(&mut payment, captured(144_702));
    stage.answers(&shown(ORDER));
    stage.record(&payment, &event).await.unwrap();
    let asked = stage.asked();
    assert!(asked[0]["body"]["express"].is_null());
    assert!(!asked[0].to_string().contains("Lovelace"));
}

#[tokio::test(start_paused = true)]
async fn only_the_plugins_own_no_is_never_and_everything_else_is_later() {
    let stage = Stage::new();
    let mut payment = payment();
    let event = happen(&mut payment, authorised(139_702));
    stage.fails(409, r#"{"message":"The last lamp is sold"}"#);
    let Err(RecordError::Never(error)) = stage.record(&payment, &event).await else {
        panic!("taken")
    };
    assert_eq!(error.why, "The last lamp is sold.");
    for (status, body) in [
        // Medusa's own conflict passes; a proxy's page, and a Medusa without the plugin, are nobody's no.
        (
            409,
            r#"{"code":"invalid_state_error","type":"conflict","message":"The request conflicted with another request."}"#,
        ),
        (409, "conflict"),
        (404, r#"{"message":"There is no such order"}"#),
        (404, "<pre>Cannot POST /kasse/record</pre>"),
        (400, r#"{"message":"unreadable"}"#),
        (401, r#"{"message":"not signed"}"#),
        (
            500,
            r#"{"type":"unknown_error","message":"An unknown error occurred."}"#,
        ),
        (503, r#"{"message":"another writing of it is under way"}"#),
        (200, "{}"),
    ] {
        stage.fails(status, body);
        let told = stage.record(&payment, &event).await;
        assert!(
            matches!(told, Err(RecordError::Later(_))),
            "{status} {body}: {told:?}"
        );
    }
    stage.away();
    assert!(matches!(
        stage.record(&payment, &event).await,
        Err(RecordError::Later(_))
    ));
}

#[tokio::test(start_paused = true)]
async fn each_event_tells_the_sums_so_far() {
    let stage = Stage::new();
    let mut payment = paid();
    payment.order.order = OrderId::new(ORDER).unwrap();
    for what in [
        captured(10_000),
        captured(50_000),
        refunded(2_005),
        released(79_702),
    ] {
        let event = happen(&mut payment, what);
        stage.answers(&shown(ORDER));
        assert_eq!(stage.record(&payment, &event).await.unwrap().order, None);
    }
    insta::assert_json_snapshot!("sums", stage.asked());
}

#[tokio::test(start_paused = true)]
async fn what_medusa_cannot_show_is_said() {
    let stage = Stage::new();
    let mut payment = paid();
    let event = happen(&mut payment, released(139_702));
    let why = "The order has a fulfilment, and was not cancelled.";
    stage.answers(&json!({ "order": ORDER, "shown": false, "message": why }));
    let told = stage.record(&payment, &event).await;
    assert_eq!(told, Err(RecordError::NotShowable(why.to_owned())));
}

#[tokio::test(start_paused = true)]
async fn what_ends_without_money_leaves_the_cart_to_be_paid_again() {
    for (what, word) in [
        (EventKind::Rejected, "rejected"),
        (EventKind::Cancelled, "cancelled"),
        (EventKind::Expired, "expired"),
        (
            EventKind::Failed {
                error: Error::invalid("The payment was not started", "no.", "Try again."),
            },
            "failed",
        ),
    ] {
        let stage = Stage::new();
        let mut payment = payment();
        let event = happen(&mut payment, what);
        stage.answers(&shown(CART));
        assert_eq!(stage.record(&payment, &event).await.unwrap().order, None);
        let asked = stage.asked();
        assert_eq!(asked[0]["body"]["what"], word);
        assert_eq!(asked[0]["body"]["note"].is_null(), word != "failed");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_unknown_is_a_note_and_the_beginning_is_known_already() {
    let stage = Stage::new();
    let mut payment = payment();
    let event = happen(&mut payment, EventKind::Initiated);
    stage.record(&payment, &event).await.unwrap();
    assert!(stage.asked().is_empty());
    let operation = "TELEPORT".to_owned();
    let event = happen(&mut payment, EventKind::Unknown { operation });
    stage.answers(&shown(CART));
    stage.record(&payment, &event).await.unwrap();
    let told = &stage.asked()[0]["body"];
    assert_eq!(told["what"], "note");
    assert!(told["note"].as_str().unwrap().contains("TELEPORT"));
}
