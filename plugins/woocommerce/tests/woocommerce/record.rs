//! What happened, written into WooCommerce: what is asked and written, and what it answers to.

use kasse_core::{
    Delivered, DeliveryKind, EventKind, Money, Note, Payment, PaymentEvent, RecordError,
    ShippingOption, VatRate,
};
use serde_json::{Value, json};

use crate::stage::{
    REFERENCE, Stage, authorised, captured, happen, marked, order, order_in, payment, personal,
    recorded_order, refunded, released, start,
};

const TOTAL: i64 = 139_702;

fn paid() -> Payment {
    let mut payment = payment();
    happen(&mut payment, authorised(TOTAL));
    payment
}

fn on_hold() -> Value {
    order_in("on-hold", REFERENCE)
}

/// The order with the sums that were written to it.
fn with_sums(mut order: Value, sums: &[(&str, &str)]) -> Value {
    let metas = order["meta_data"].as_array_mut().unwrap();
    let written = sums.iter().zip(100..);
    metas.extend(written.map(|((key, sum), id)| json!({ "id": id, "key": key, "value": sum })));
    order
}

/// Told, with these answers; gives what was asked.
async fn told(
    payment: &Payment,
    event: &PaymentEvent,
    answers: impl IntoIterator<Item = Value>,
) -> (Result<(), RecordError>, Vec<Value>) {
    let stage = Stage::new();
    for answer in answers {
        stage.answers(answer);
    }
    let told = stage.record(payment, event).await;
    (told, stage.asked())
}

/// The body of the one writing.
async fn written(payment: &Payment, event: &PaymentEvent, order: Value) -> Value {
    let (told, mut asked) = told(payment, event, [order.clone(), order]).await;
    told.unwrap();
    assert_eq!(asked.len(), 2, "{asked:?}");
    asked.pop().unwrap()["body"].clone()
}

/// Nothing is written.
async fn left_alone(payment: &Payment, event: &PaymentEvent, order: Value) {
    let (told, asked) = told(payment, event, [order]).await;
    told.unwrap();
    assert_eq!(asked.len(), 1, "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn a_reservation_puts_the_order_on_hold_and_never_sets_it_paid() {
    let mut payment = payment();
    let event = happen(&mut payment, authorised(TOTAL));
    let (result, asked) = told(&payment, &event, [order(), on_hold()]).await;
    result.unwrap();
    insta::assert_json_snapshot!("reserved", asked);
    for status in ["failed", "checkout-draft", "cancelled"] {
        let body = written(&payment, &event, order_in(status, "")).await;
        assert_eq!(body["status"], "on-hold", "{status}");
        assert!(body.get("set_paid").is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_told_already_is_left_alone_wherever_the_order_went_since() {
    let mut payment = payment();
    let event = happen(&mut payment, authorised(TOTAL));
    for status in [
        "on-hold",
        "processing",
        "completed",
        "refunded",
        "cancelled",
        "packed",
    ] {
        left_alone(&payment, &event, order_in(status, REFERENCE)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_that_is_gone_or_paid_otherwise_is_never_taken() {
    let mut payment = payment();
    let event = happen(&mut payment, authorised(TOTAL));
    for order in [
        // Thrown away: it is read as if it were there.
        marked(recorded_order("045"), "trash", ""),
        order_in("processing", ""),
        order_in("completed", "pi_card"),
        order_in("on-hold", "pi_card"),
        order_in("packed", "pi_card"),
        order_in("refunded", "pi_card"),
    ] {
        let status = order["status"].clone();
        let (told, _) = told(&payment, &event, [order]).await;
        assert!(matches!(told, Err(RecordError::Never(_))), "{status}");
    }
    // Deleted for good, before it was read and after.
    let gone = r#"{"code":"woocommerce_rest_shop_order_invalid_id","message":"Invalid ID.","data":{"status":404}}"#;
    let stage = Stage::new();
    stage.says(404, gone);
    let told = stage.record(&payment, &event).await;
    assert!(matches!(told, Err(RecordError::Never(_))), "{told:?}");
    stage.answers(order());
    stage.answers_as("112");
    let told = stage.record(&payment, &event).await;
    assert!(matches!(told, Err(RecordError::Never(_))), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn goods_that_are_gone_are_not_sold_below_nothing() {
    let mut payment = payment();
    let event = happen(&mut payment, authorised(TOTAL));
    for status in ["pending", "cancelled"] {
        let mut gone = order_in(status, "");
        gone["kasse"]["sold_out"] = json!(["Bålpanne Ø60"]);
        let (told, asked) = told(&payment, &event, [gone]).await;
        let Err(RecordError::Never(error)) = told else {
            panic!("taken")
        };
        assert!(error.why.contains("Bålpanne Ø60"), "{error}");
        assert_eq!(asked.len(), 1);
    }
    // What is on hold has its goods.
    let mut held = order_in("on-hold", "");
    held["kasse"]["sold_out"] = json!(["Bålpanne Ø60"]);
    written(&payment, &event, held).await;
}

#[tokio::test(start_paused = true)]
async fn another_method_that_was_chosen_meanwhile_and_not_paid_gives_way() {
    let mut payment = payment();
    let event = happen(&mut payment, authorised(TOTAL));
    let mut bank = order_in("on-hold", "");
    bank["payment_method"] = "bacs".into();
    let body = written(&payment, &event, bank).await;
    assert_eq!(body["payment_method"], "kasse_vipps");
    assert_eq!(body["transaction_id"], REFERENCE);
    assert!(body.get("status").is_none(), "it is on hold already");
    // A status of the shop's own is its to change.
    let body = written(&payment, &event, order_in("packed", "")).await;
    assert!(body.get("status").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_shop_that_is_away_or_does_not_let_us_in_is_told_later() {
    let mut payment = payment();
    let event = happen(&mut payment, authorised(TOTAL));
    let later = |told: Result<(), RecordError>| {
        assert!(matches!(told, Err(RecordError::Later(_))), "{told:?}")
    };
    let stage = Stage::new();
    stage.away();
    later(stage.record(&payment, &event).await);
    for recorded in ["106", "107", "109", "122"] {
        stage.answers_as(recorded);
        later(stage.record(&payment, &event).await);
    }
    // A key that may only read.
    stage.answers(order());
    stage.answers_as("110");
    later(stage.record(&payment, &event).await);
    stage.answers(order());
    stage.says(503, "<html>maintenance</html>");
    later(stage.record(&payment, &event).await);
    // A status that the shop does not know is none that passes, and no reason to give money back.
    stage.answers(order());
    stage.says(400, r#"{"code":"rest_invalid_param","message":"Invalid parameter(s): status","data":{"status":400}}"#);
    later(stage.record(&payment, &event).await);
}

fn express() -> Payment {
    let mut payment = payment();
    payment.express = true;
    payment.personal = Some(personal());
    payment.delivery = Some(Delivered {
        wire_id: "flat-rate-1.1.1".into(),
        title: "Hentested".into(),
        cost: Money::nok(4_900),
        option: Some(ShippingOption {
            id: "flat_rate:1".into(),
            title: "Hentested".into(),
            price: Money::nok(4_900),
            vat: VatRate::percent(25),
            kind: DeliveryKind::Other,
            brand: String::new(),
            estimate: None,
            default: true,
            priority: 0,
            engine: Value::Null,
        }),
    });
    payment
}

#[tokio::test(start_paused = true)]
async fn an_express_reservation_brings_customer_address_and_delivery_before_it_is_on_hold() {
    let mut payment = express();
    let event = happen(&mut payment, authorised(TOTAL));
    let total = json!({ "total": "1397.02" });
    let (result, asked) = told(&payment, &event, [order(), total, on_hold()]).await;
    result.unwrap();
    insta::assert_json_snapshot!("express_reserved", asked);
    // Told again: it is there.
    left_alone(&payment, &event, on_hold()).await;

    // Another price than the offered one is what was paid, and the merchant is told.
    let mut dearer = payment.clone();
    dearer.delivery.as_mut().unwrap().cost = Money::nok(5_900);
    let answers = [
        order(),
        json!({ "total": "1407.02" }),
        on_hold(),
        json!([]),
        json!({}),
    ];
    let (result, asked) = told(&dearer, &event, answers).await;
    result.unwrap();
    assert_eq!(asked[1]["body"]["delivery"]["price"], "59.00");
    let note = asked[4]["body"]["note"].as_str().unwrap();
    assert!(
        note.contains("49.00 NOK") && note.contains("59.00 NOK"),
        "{note}"
    );
    // One that nobody offered is written as Vipps has it.
    dearer.delivery.as_mut().unwrap().option = None;
    let answers = [order(), json!({ "total": "1407.02" }), on_hold()];
    let (result, asked) = told(&dearer, &event, answers).await;
    result.unwrap();
    assert_eq!(asked[1]["body"]["delivery"]["id"], "flat-rate-1.1.1");

    // Without an address it can never be delivered; before Vipps gave it, not yet.
    payment.forgotten = true;
    let (result, _) = told(&payment, &event, [order()]).await;
    assert!(matches!(result, Err(RecordError::Never(_))), "{result:?}");
    payment.forgotten = false;
    payment.personal.as_mut().unwrap().address = None;
    let (result, _) = told(&payment, &event, [order()]).await;
    assert!(matches!(result, Err(RecordError::Later(_))), "{result:?}");
}

#[tokio::test(start_paused = true)]
async fn only_the_shops_own_no_to_an_express_order_is_never() {
    let mut payment = express();
    let event = happen(&mut payment, authorised(TOTAL));
    let stage = Stage::new();
    let no = json!({ "code": "kasse_not_taken", "message": "Bålpanne Ø60 is sold out.", "data": { "status": 409 } });
    stage.answers(order());
    stage.says(409, &no.to_string());
    let Err(RecordError::Never(error)) = stage.record(&payment, &event).await else {
        panic!("taken")
    };
    assert!(error.why.contains("sold out"), "{error}");
    for (status, code) in [
        (409, "kasse_replayed"),
        (401, "kasse_clock"),
        (503, "kasse_not_set_up"),
        (500, "internal_server_error"),
        (404, "rest_no_route"),
    ] {
        let said = json!({ "code": code, "message": "no", "data": { "status": status } });
        stage.answers(order());
        stage.says(status, &said.to_string());
        let told = stage.record(&payment, &event).await;
        assert!(
            matches!(told, Err(RecordError::Later(_))),
            "{code}: {told:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_whole_capture_is_processing_and_what_is_further_on_stays() {
    let mut payment = paid();
    let event = happen(&mut payment, captured(TOTAL));
    let (result, asked) = told(&payment, &event, [on_hold(), json!({})]).await;
    result.unwrap();
    insta::assert_json_snapshot!("captured", asked);
    // Nobody sends what is downloaded.
    let mut download = on_hold();
    download["needs_processing"] = false.into();
    assert_eq!(
        written(&payment, &event, download).await["status"],
        "completed"
    );
    // Completed by the merchant, which is why it was captured: only the sum is written.
    for status in ["processing", "completed", "refunded", "cancelled", "packed"] {
        let body = written(&payment, &event, order_in(status, REFERENCE)).await;
        assert!(body.get("status").is_none(), "{status}");
        assert_eq!(
            body["meta_data"][0],
            json!({ "key": "_kasse_captured", "value": "1397.02" })
        );
    }
    // Told again.
    let known = with_sums(
        order_in("processing", REFERENCE),
        &[
            ("_kasse_captured", "1397.02"),
            ("_kasse_refunded", "0.00"),
            ("_kasse_released", "0.00"),
        ],
    );
    left_alone(&payment, &event, known).await;
}

#[tokio::test(start_paused = true)]
async fn parts_are_sums_and_a_note_once() {
    let mut payment = paid();
    let event = happen(&mut payment, captured(40_000));
    let (result, asked) = told(
        &payment,
        &event,
        [on_hold(), json!({}), json!([]), json!({})],
    )
    .await;
    result.unwrap();
    let note = asked[3]["body"].clone();
    insta::assert_json_snapshot!("part_captured", asked);
    // Told again: sums and note are there.
    let sums = [
        ("_kasse_captured", "400.00"),
        ("_kasse_refunded", "0.00"),
        ("_kasse_released", "0.00"),
    ];
    let known = with_sums(on_hold(), &sums);
    let (result, asked) = told(&payment, &event, [known.clone(), json!([note])]).await;
    result.unwrap();
    assert_eq!(asked.len(), 2);
    // The rest is let go: nothing is left to capture, so what is captured is what is paid.
    let event = happen(&mut payment, released(TOTAL - 40_000));
    let (result, asked) = told(
        &payment,
        &event,
        [known, json!({}), json!([note]), json!({})],
    )
    .await;
    result.unwrap();
    assert_eq!(asked[1]["body"]["status"], "processing");
    assert_eq!(
        asked[1]["body"]["meta_data"],
        json!([{ "key": "_kasse_released", "value": "997.02" }])
    );
}

#[tokio::test(start_paused = true)]
async fn sums_only_grow() {
    let mut payment = paid();
    let early = happen(&mut payment, captured(40_000));
    let known = with_sums(
        on_hold(),
        &[
            ("_kasse_captured", "1397.02"),
            ("_kasse_refunded", "0.00"),
            ("_kasse_released", "0.00"),
        ],
    );
    let (result, asked) = told(&payment, &early, [known, json!([]), json!({})]).await;
    result.unwrap();
    assert!(
        asked
            .iter()
            .all(|ask| !ask["ask"].as_str().unwrap().starts_with("PUT")),
        "{asked:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_whole_release_cancels_the_order() {
    let mut payment = paid();
    let event = happen(&mut payment, released(TOTAL));
    assert_eq!(
        written(&payment, &event, on_hold()).await["status"],
        "cancelled"
    );
    // Cancelled by the merchant, or sent: its status stays.
    for status in ["cancelled", "completed", "processing"] {
        let body = written(&payment, &event, order_in(status, REFERENCE)).await;
        assert!(body.get("status").is_none(), "{status}");
    }
    // Another payment's order is another payment's: a note, and no more.
    let other = order_in("on-hold", "fjell-17-2");
    let (result, asked) = told(&payment, &event, [other, json!([]), json!({})]).await;
    result.unwrap();
    assert_eq!(asked[2]["ask"], "POST /wp-json/wc/v3/orders/17/notes");
}

#[tokio::test(start_paused = true)]
async fn of_refunds_only_what_is_missing_is_written_and_the_gateway_is_not_asked() {
    let mut payment = paid();
    happen(&mut payment, captured(TOTAL));
    happen(&mut payment, refunded(32_890));
    let event = happen(&mut payment, refunded(5_000));
    // Recorded: refunds of 79.90, 49.00, 0.00 and two of 100.00, which are 328.90.
    let with = |refunds: &[&str]| {
        let mut order = order_in("processing", REFERENCE);
        order["refunds"] = refunds
            .iter()
            .zip(50..)
            .map(|(total, id)| json!({ "id": id, "reason": "", "total": total, "total_tax": "0.00" }))
            .collect();
        order
    };
    let mut recorded = with(&[]);
    recorded["refunds"] = recorded_order("062")["refunds"].clone();
    let (result, asked) = told(&payment, &event, [recorded, json!({}), json!({})]).await;
    result.unwrap();
    insta::assert_json_snapshot!("refunded", asked);
    // The shop's own refund is there before Vipps is asked; or it shows more.
    for refunds in [
        vec!["-378.90"],
        vec!["-328.90", "-50.00", "-0.00"],
        vec!["-500.00"],
    ] {
        let body = written(&payment, &event, with(&refunds)).await;
        assert!(body.get("amount").is_none(), "{refunds:?}");
    }
    // Nothing was written where the answer got lost: what is there is read again, and not refunded
    // twice.
    let stage = Stage::new();
    stage.answers(with(&["-328.90"]));
    stage.away();
    assert!(matches!(
        stage.record(&payment, &event).await,
        Err(RecordError::Later(_))
    ));
    assert_eq!(
        stage.asked_where().last().unwrap(),
        "POST /orders/17/refunds"
    );
    stage.answers(with(&["-328.90", "-50.00"]));
    stage.answers(json!({}));
    stage.record(&payment, &event).await.unwrap();
    assert_eq!(stage.asked_where(), ["GET /orders/17", "PUT /orders/17"]);
}

#[tokio::test(start_paused = true)]
async fn a_refund_that_woocommerce_never_takes_is_a_note_though_it_answers_500() {
    let mut payment = paid();
    happen(&mut payment, captured(TOTAL));
    let event = happen(&mut payment, refunded(500));
    // After a full refund, above what is left, of a gateway without support: one code for all.
    for recorded in ["052", "057", "064"] {
        let stage = Stage::new();
        stage.answers(order_in("processing", REFERENCE));
        stage.answers_as(recorded);
        stage.answers(json!([]));
        stage.answers(json!({}));
        let told = stage.record(&payment, &event).await;
        assert!(
            matches!(told, Err(RecordError::NotShowable(_))),
            "{recorded}: {told:?}"
        );
        let note = stage.asked().pop().unwrap()["body"]["note"].clone();
        assert!(
            note.as_str().unwrap().contains("5.00 NOK is refunded"),
            "{note}"
        );
    }
    // An order that is gone says so with a 500, too.
    let stage = Stage::new();
    stage.answers(order_in("processing", REFERENCE));
    stage.answers_as("113");
    let told = stage.record(&payment, &event).await;
    assert!(matches!(told, Err(RecordError::Never(_))), "{told:?}");
    // Any other 500 passes.
    stage.answers(order_in("processing", REFERENCE));
    stage.says(
        500,
        r#"{"code":"internal_server_error","message":"critical error","data":{"status":500}}"#,
    );
    let told = stage.record(&payment, &event).await;
    assert!(matches!(told, Err(RecordError::Later(_))), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn what_ends_without_money_fails_the_order_and_it_can_be_paid_again() {
    for what in [
        EventKind::Rejected,
        EventKind::Cancelled,
        EventKind::Expired,
    ] {
        let word = what.word();
        let mut payment = payment();
        let event = happen(&mut payment, what);
        let body = written(&payment, &event, order()).await;
        assert_eq!(body["status"], "failed");
        assert_eq!(
            body["meta_data"],
            json!([{ "key": "_kasse_state", "value": word }])
        );
        // Only forward: what is reserved, paid or over stays so.
        for (status, transaction) in [
            ("on-hold", REFERENCE),
            ("processing", REFERENCE),
            ("trash", ""),
        ] {
            left_alone(&payment, &event, order_in(status, transaction)).await;
        }
        // What is over in the shop is over at Vipps, too, from now on: that is written once.
        for status in ["failed", "cancelled"] {
            let body = written(&payment, &event, order_in(status, "")).await;
            assert_eq!(
                body,
                json!({ "meta_data": [{ "key": "_kasse_state", "value": word }] })
            );
            let known = with_sums(order_in(status, ""), &[("_kasse_state", word)]);
            left_alone(&payment, &event, known).await;
        }
        // Another attempt is under way, or another method was chosen.
        let mut again = order();
        again["kasse"]["reference"] = "fjell-17-2".into();
        left_alone(&payment, &event, again).await;
        let mut bank = order();
        bank["payment_method"] = "bacs".into();
        bank["kasse"] = Value::Null;
        left_alone(&payment, &event, bank).await;
        // Of an order that is gone there is nothing to be told.
        let stage = Stage::new();
        stage.says(
            404,
            r#"{"code":"woocommerce_rest_shop_order_invalid_id","message":"Invalid ID."}"#,
        );
        stage.record(&payment, &event).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_unknown_is_a_note_and_the_beginning_is_known_already() {
    let mut payment = payment();
    let event = happen(&mut payment, EventKind::Initiated);
    let (result, asked) = told(&payment, &event, []).await;
    result.unwrap();
    assert!(asked.is_empty());
    let operation = r"TELE\PORT".into();
    let event = happen(&mut payment, EventKind::Unknown { operation });
    let (result, asked) = told(&payment, &event, [json!([]), json!({})]).await;
    result.unwrap();
    // WordPress takes backslashes away, and the note would not be found again.
    let note = asked[1]["body"]["note"].as_str().unwrap();
    assert_eq!(
        note,
        "Vipps fjell-17: says \"TELE/PORT\", which is not known"
    );
    // There is no order to note it on.
    let stage = Stage::new();
    stage.answers_as("114");
    let told = stage.record(&payment, &event).await;
    assert!(matches!(told, Err(RecordError::Never(_))), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn what_kasse_noticed_is_a_note_once() {
    let mut payment = payment();
    let event = happen(&mut payment, authorised(TOTAL));
    let text = "The order was changed while it was paid.".to_owned();
    payment.notes = vec![Note { at: start(), text }];
    let (result, asked) = told(&payment, &event, [order(), on_hold(), json!([]), json!({})]).await;
    result.unwrap();
    let note = asked[3]["body"].clone();
    assert_eq!(
        note["note"],
        "Vipps fjell-17: The order was changed while it was paid."
    );
    let (result, asked) = told(&payment, &event, [on_hold(), json!([note])]).await;
    result.unwrap();
    assert_eq!(asked.len(), 2);
}
