//! What happened, written into Saleor: what is asked and written, and what it answers to.

use kasse_core::{
    Delivered, DeliveryKind, EventKind, Money, Note, Payment, PaymentProvider, RecordError,
    ShippingOption, VatRate,
};
use serde_json::{Value, json};

use crate::stage::{
    CHECKOUT, ORDER, REFERENCE, Stage, authorised, authorised_there, begun, captured, checkout,
    event, found, happen, order_of, paid, payment, personal, place, refunded, released, start,
};

fn written() -> Value {
    json!({ "written": { "alreadyProcessed": false, "errors": [] } })
}

fn refused(code: &str) -> Value {
    let error = json!({ "field": "id", "message": "Saleor's words.", "code": code });
    json!({ "written": { "errors": [error] } })
}

fn completed(total: f64) -> Value {
    json!({ "written": {
        "order": { "id": ORDER, "number": "21",
            "totalPrice": { "gross": { "amount": total, "currency": "NOK" } } },
        "errors": [],
    } })
}

fn no_notes() -> Value {
    json!({ "order": { "events": [{ "type": "PLACED", "message": null }] } })
}

/// The order with one payment of ours, and these events of it.
fn order_with(events: &Value) -> Value {
    let mut order = order_of("009");
    let mut transactions = crate::stage::transactions(events);
    std::mem::swap(&mut order["orderTransactions"], &mut transactions);
    json!({ "order": order })
}

/// A payment that is an order's by now.
fn placed() -> Payment {
    let mut payment = paid();
    payment.begun_for = Some(place(CHECKOUT));
    payment.order = place(ORDER);
    payment
}

#[tokio::test(start_paused = true)]
async fn a_reservation_is_reported_and_the_checkout_becomes_an_order() {
    let stage = Stage::new();
    let mut payment = payment();
    let event = happen(&mut payment, authorised(139_702));
    stage.answers(found(checkout(&json!([begun()]))));
    stage.answers(written());
    stage.answers(completed(1397.02));
    let recorded = stage.record(&payment, &event).await.unwrap();
    assert_eq!(recorded.order, Some(place(ORDER)));
    insta::assert_json_snapshot!("reserved", stage.asked());
}

#[tokio::test(start_paused = true)]
async fn the_same_reservation_again_writes_nothing_more() {
    let stage = Stage::new();
    let mut payment = payment();
    let event = happen(&mut payment, authorised(139_702));
    // Reported, and cut short before it was an order.
    stage.answers(found(checkout(&json!([authorised_there(), begun()]))));
    stage.answers(completed(1397.02));
    let recorded = stage.record(&payment, &event).await.unwrap();
    assert_eq!(recorded.order, Some(place(ORDER)));
    assert_eq!(stage.asked_names(), ["KasseCheckout", "KasseComplete"]);
    // The storefront was faster: there is an order already.
    let mut order = order_with(&json!([authorised_there()]));
    let node = order["order"].take();
    stage.answers(json!({ "checkout": null, "orders": { "edges": [{ "node": node }] } }));
    let recorded = stage.record(&payment, &event).await.unwrap();
    assert_eq!(recorded.order, Some(place(ORDER)));
    assert_eq!(stage.asked_names(), ["KasseCheckout"]);
}

fn express() -> Payment {
    let mut payment = payment();
    payment.express = true;
    payment.amount = Money::nok(134_802);
    payment.personal = Some(personal());
    payment.delivery = Some(Delivered {
        wire_id: "1-1".into(),
        title: "Hjem".into(),
        cost: Money::nok(9_900),
        option: Some(ShippingOption {
            id: "U2hpcHBpbmdNZXRob2Q6MjI=".into(),
            title: "Hjem".into(),
            price: Money::nok(9_900),
            vat: VatRate::percent(25),
            kind: DeliveryKind::Other,
            brand: String::new(),
            estimate: None,
            default: true,
            priority: 0,
            engine: json!({ "id": "U2hpcHBpbmdNZXRob2Q6MjI=" }),
        }),
    });
    payment
}

fn expressed(field: &str, code: &str) -> Value {
    let good = json!({ "errors": [] });
    let mut all = json!({ "email": good, "shipping": good, "billing": good, "delivery": good });
    if !code.is_empty() {
        for part in if field == "phone" {
            vec!["shipping", "billing"]
        } else {
            vec![field]
        } {
            let error = json!({ "field": field, "message": "Saleor's words.", "code": code });
            all[part] = json!({ "errors": [error] });
        }
    }
    all
}

#[tokio::test(start_paused = true)]
async fn an_express_reservation_brings_customer_address_and_delivery_first() {
    let stage = Stage::new();
    let mut payment = express();
    let event = happen(&mut payment, authorised(144_702));
    stage.answers(found(checkout(&json!([begun()]))));
    stage.answers(expressed("", ""));
    stage.answers(written());
    stage.answers(completed(1447.02));
    let recorded = stage.record(&payment, &event).await.unwrap();
    assert_eq!(recorded.order, Some(place(ORDER)));
    insta::assert_json_snapshot!("express", stage.asked());
}

#[tokio::test(start_paused = true)]
async fn a_total_that_is_not_what_was_paid_is_said_to_the_merchant() {
    let stage = Stage::new();
    let mut payment = express();
    payment.delivery.as_mut().unwrap().cost = Money::nok(8_900);
    let event = happen(&mut payment, authorised(143_702));
    stage.answers(found(checkout(&json!([begun()]))));
    stage.answers(expressed("", ""));
    stage.answers(written());
    stage.answers(completed(1400.0));
    stage.answers(no_notes());
    stage.answers(written());
    stage.answers(written());
    stage.record(&payment, &event).await.unwrap();
    let asked = stage.asked();
    let notes: Vec<&Value> = asked[5..]
        .iter()
        .map(|it| &it["variables"]["message"])
        .collect();
    assert_eq!(
        notes,
        [
            &json!(
                "Vipps acme-psp-2: the delivery \"Hjem\" was offered for 99.00 NOK, and 89.00 NOK was paid for it"
            ),
            &json!(
                "Vipps acme-psp-2: 1437.02 NOK was paid, and the order comes to 1400.00 NOK: settle the difference with the customer"
            ),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_phone_that_saleor_does_not_take_is_left_out() {
    let stage = Stage::new();
    let mut payment = express();
    let event = happen(&mut payment, authorised(144_702));
    stage.answers(found(checkout(&json!([begun()]))));
    stage.answers(expressed("phone", "INVALID"));
    stage.answers(expressed("", ""));
    stage.answers(written());
    stage.answers(completed(1447.02));
    stage.record(&payment, &event).await.unwrap();
    let asked = stage.asked();
    assert_eq!(asked[1]["variables"]["shipping"]["phone"], "+4712345678");
    assert_eq!(asked[2]["variables"]["shipping"]["phone"], "");
}

#[tokio::test(start_paused = true)]
async fn an_express_payment_that_cannot_become_an_order_is_let_go() {
    // The delivery is no longer there.
    let stage = Stage::new();
    let mut payment = express();
    let event = happen(&mut payment, authorised(144_702));
    stage.answers(found(checkout(&json!([begun()]))));
    stage.answers(expressed("delivery", "NOT_FOUND"));
    let error = stage.record(&payment, &event).await.unwrap_err();
    assert!(matches!(error, RecordError::Never(_)), "{error}");
    // The consent is gone, and the address with it.
    for change in [
        (|payment: &mut Payment| payment.forgotten = true) as fn(&mut Payment),
        |payment| payment.personal = None,
        |payment| payment.delivery.as_mut().unwrap().option = None,
    ] {
        let mut payment = express();
        change(&mut payment);
        let event = happen(&mut payment, authorised(144_702));
        stage.answers(found(checkout(&json!([begun()]))));
        let error = stage.record(&payment, &event).await.unwrap_err();
        assert!(matches!(error, RecordError::Never(_)), "{error}");
    }
    // Only the address is late.
    let mut payment = express();
    payment.personal.as_mut().unwrap().address = None;
    let event = happen(&mut payment, authorised(144_702));
    stage.answers(found(checkout(&json!([begun()]))));
    let error = stage.record(&payment, &event).await.unwrap_err();
    assert!(matches!(error, RecordError::Later(_)), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_saleor_says_of_a_checkout_decides_between_never_and_later() {
    for (code, express_too, never) in [
        ("INSUFFICIENT_STOCK", false, true),
        ("UNAVAILABLE_VARIANT_IN_CHANNEL", false, true),
        ("VOUCHER_NOT_APPLICABLE", false, true),
        // Nobody could pay the rest.
        ("CHECKOUT_NOT_FULLY_PAID", true, true),
        ("NOT_FOUND", false, true),
        // The storefront may still set it.
        ("EMAIL_NOT_SET", false, false),
        ("EMAIL_NOT_SET", true, true),
        ("SHIPPING_METHOD_NOT_SET", false, false),
        // Something of Saleor's own.
        ("TAX_ERROR", false, false),
        ("GRAPHQL_ERROR", true, false),
        ("", false, false),
    ] {
        let stage = Stage::new();
        let (mut payment, amount) = if express_too {
            (express(), 144_702)
        } else {
            (payment(), 139_702)
        };
        let event = happen(&mut payment, authorised(amount));
        stage.answers(found(checkout(&json!([begun()]))));
        if express_too {
            stage.answers(expressed("", ""));
        }
        stage.answers(written());
        stage.answers(refused(code));
        let error = stage.record(&payment, &event).await.unwrap_err();
        assert_eq!(
            matches!(error, RecordError::Never(_)),
            never,
            "{code}: {error}"
        );
        assert_eq!(
            matches!(error, RecordError::Later(_)),
            !never,
            "{code}: {error}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn saleor_away_is_always_later() {
    let steps: [Vec<Value>; 3] = [
        vec![],
        vec![found(checkout(&json!([begun()])))],
        vec![found(checkout(&json!([begun()]))), written()],
    ];
    for before in steps {
        let stage = Stage::new();
        let mut payment = payment();
        let event = happen(&mut payment, authorised(139_702));
        for answer in before {
            stage.answers(answer);
        }
        stage.away();
        let error = stage.record(&payment, &event).await.unwrap_err();
        assert!(matches!(error, RecordError::Later(_)), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_is_never() {
    let stage = Stage::new();
    let mut payment = payment();
    let event = happen(&mut payment, authorised(139_702));
    stage.answers(found(Value::Null));
    let error = stage.record(&payment, &event).await.unwrap_err();
    assert!(matches!(error, RecordError::Never(_)), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_checkout_that_another_gateway_was_paid_for_is_never() {
    let stage = Stage::new();
    let mut payment = payment();
    let event = happen(&mut payment, authorised(139_702));
    let mut cart = checkout(&json!([begun()]));
    let other = json!({
        "id": "VHJhbnNhY3Rpb25JdGVtOm90aGVy", "pspReference": "card-1", "events": [],
        "authorizedAmount": { "amount": 397.02 }, "chargedAmount": { "amount": 1000 },
    });
    cart["transactions"].as_array_mut().unwrap().push(other);
    stage.answers(found(cart.clone()));
    let error = stage.record(&payment, &event).await.unwrap_err();
    assert!(matches!(error, RecordError::Never(_)), "{error}");
    // A part of it is not all of it.
    cart["transactions"][1]["chargedAmount"]["amount"] = 0.into();
    stage.answers(found(cart));
    stage.answers(written());
    stage.answers(completed(1397.02));
    assert!(stage.record(&payment, &event).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_checkout_that_grew_while_it_was_paid_keeps_its_money() {
    let stage = Stage::new();
    let mut payment = payment();
    let event = happen(&mut payment, authorised(139_702));
    stage.answers(found(checkout(&json!([begun()]))));
    stage.answers(written());
    stage.answers(refused("CHECKOUT_NOT_FULLY_PAID"));
    let recorded = stage.record(&payment, &event).await.unwrap();
    assert_eq!(recorded.order, None);
}

#[tokio::test(start_paused = true)]
async fn a_part_waits_for_the_rest() {
    let stage = Stage::new();
    let mut payment = payment();
    payment.amount = Money::nok(50_000);
    let event = happen(&mut payment, authorised(50_000));
    let mark = "Vipps: a part of the total";
    let begun = crate::stage::event("AUTHORIZATION_ACTION_REQUIRED", REFERENCE, 500.0, mark);
    stage.answers(found(checkout(&json!([begun]))));
    stage.answers(written());
    stage.answers(refused("CHECKOUT_NOT_FULLY_PAID"));
    let recorded = stage.record(&payment, &event).await.unwrap();
    assert_eq!(recorded.order, None);
}

#[tokio::test(start_paused = true)]
async fn a_payment_that_was_not_begun_in_saleor_is_made_there() {
    let stage = Stage::new();
    let mut payment = placed();
    payment.sums.authorised = Money::nok(0);
    let event = happen(&mut payment, authorised(139_702));
    let mut order = order_with(&json!([]));
    order["order"]["orderTransactions"] = json!([]);
    stage.answers(order);
    stage.answers(json!({ "written": { "transaction": { "id": "new" }, "errors": [] } }));
    stage.answers(written());
    stage.record(&payment, &event).await.unwrap();
    insta::assert_json_snapshot!("pay_link", stage.asked());
}

#[tokio::test(start_paused = true)]
async fn of_two_transactions_with_one_page_at_vipps_one_is_told() {
    let stage = Stage::new();
    let mut payment = payment();
    let event = happen(&mut payment, authorised(139_702));
    let mut cart = checkout(&json!([authorised_there(), begun()]));
    let second = json!({
        "id": "VHJhbnNhY3Rpb25JdGVtOnNlY29uZA==", "pspReference": REFERENCE,
        "createdAt": "2026-11-22T11:55:00+00:00", "events": [begun()],
    });
    cart["transactions"].as_array_mut().unwrap().push(second);
    stage.answers(found(cart.clone()));
    stage.answers(completed(1397.02));
    stage.record(&payment, &event).await.unwrap();
    assert_eq!(stage.asked_names(), ["KasseCheckout", "KasseComplete"]);
    // None was told yet: the later one is what the shopper sees.
    cart["transactions"][0]["events"] = json!([begun()]);
    stage.answers(found(cart));
    stage.answers(written());
    stage.answers(completed(1397.02));
    stage.record(&payment, &event).await.unwrap();
    let asked = stage.asked();
    assert_eq!(
        asked[1]["variables"]["id"],
        "VHJhbnNhY3Rpb25JdGVtOnNlY29uZA=="
    );
}

async fn moved(stage: &Stage, payment: &mut Payment, what: EventKind, there: &Value) -> Vec<Value> {
    let event = happen(payment, what);
    stage.answers(order_with(there));
    stage.answers(written());
    stage.record(payment, &event).await.unwrap();
    stage.asked().split_off(1)
}

#[tokio::test(start_paused = true)]
async fn captures_refunds_and_releases_are_reported_by_their_sums() {
    let stage = Stage::new();
    let mut payment = placed();
    let mut asked = Vec::new();
    let mut there = vec![authorised_there()];
    for (what, event_there) in [
        (
            captured(10_000),
            event("CHARGE_SUCCESS", "acme-psp-2-c10000", 100.0, ""),
        ),
        (
            captured(100_000),
            event("CHARGE_SUCCESS", "acme-psp-2-c110000", 1000.0, ""),
        ),
        (
            refunded(5_000),
            event("REFUND_SUCCESS", "acme-psp-2-r5000", 50.0, ""),
        ),
        (
            released(29_702),
            event("CANCEL_SUCCESS", "acme-psp-2-x29702", 297.02, ""),
        ),
    ] {
        asked.extend(moved(&stage, &mut payment, what, &there.clone().into()).await);
        there.push(event_there);
    }
    insta::assert_json_snapshot!("moved", asked);
}

#[tokio::test(start_paused = true)]
async fn what_saleor_has_already_is_not_reported_again() {
    for (what, kind, name) in [
        (captured(10_000), "CHARGE_SUCCESS", "acme-psp-2-c10000"),
        // Under another name: done there by hand.
        (captured(10_000), "CHARGE_SUCCESS", "by-hand"),
        (released(10_000), "CANCEL_SUCCESS", "acme-psp-2-x10000"),
    ] {
        let stage = Stage::new();
        let mut payment = placed();
        let event = happen(&mut payment, what);
        let there = crate::stage::event(kind, name, 100.0, "");
        stage.answers(order_with(&json!([there])));
        stage.record(&payment, &event).await.unwrap();
        assert_eq!(stage.asked_names(), ["KasseOrder"]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_lost_is_made_up_for_under_its_own_name() {
    // Two refunds at once: the answer to the first was lost, and that to the second was not.
    let stage = Stage::new();
    let mut payment = placed();
    happen(&mut payment, captured(139_702));
    let _first = happen(&mut payment, refunded(10_000));
    let second = happen(&mut payment, refunded(20_000));
    let there = event("REFUND_SUCCESS", "acme-psp-2-r30000", 200.0, "");
    stage.answers(order_with(&json!([there])));
    stage.answers(written());
    stage.record(&payment, &second).await.unwrap();
    let asked = stage.asked();
    assert_eq!(asked[1]["variables"]["reference"], "acme-psp-2-r10000");
    assert_eq!(asked[1]["variables"]["amount"], "100.00");
}

#[tokio::test(start_paused = true)]
async fn another_amount_under_the_same_name_is_shown_to_a_person() {
    let stage = Stage::new();
    let mut payment = placed();
    let event = happen(&mut payment, captured(10_000));
    stage.answers(order_with(&json!([])));
    stage.answers(refused("INCORRECT_DETAILS"));
    let error = stage.record(&payment, &event).await.unwrap_err();
    assert!(matches!(error, RecordError::NotShowable(_)), "{error}");
    let event = happen(&mut payment, captured(10_000));
    stage.answers(order_with(&json!([])));
    stage.answers(refused("NOT_FOUND"));
    let error = stage.record(&payment, &event).await.unwrap_err();
    assert!(matches!(error, RecordError::Never(_)), "{error}");
}

#[tokio::test(start_paused = true)]
async fn payments_that_ended_are_failures_and_only_forward() {
    for what in [
        EventKind::Rejected,
        EventKind::Expired,
        EventKind::Cancelled,
    ] {
        let stage = Stage::new();
        let mut payment = payment();
        let event = happen(&mut payment, what.clone());
        stage.answers(found(checkout(&json!([begun()]))));
        stage.answers(written());
        stage.record(&payment, &event).await.unwrap();
        let asked = stage.asked();
        assert_eq!(asked[1]["variables"]["type"], "AUTHORIZATION_FAILURE");
        assert_eq!(asked[1]["variables"]["reference"], REFERENCE);
        // Told already, or reserved meanwhile: nothing is undone.
        for kind in ["AUTHORIZATION_FAILURE", "AUTHORIZATION_SUCCESS"] {
            let there = crate::stage::event(kind, REFERENCE, 1397.02, "");
            stage.answers(found(checkout(&json!([there]))));
            stage.record(&payment, &event).await.unwrap();
            assert_eq!(stage.asked_names(), ["KasseCheckout"], "{what:?}");
        }
        // Never begun there, or gone.
        stage.answers(found(Value::Null));
        stage.record(&payment, &event).await.unwrap();
        let mut bare = checkout(&json!([]));
        bare["transactions"] = Value::Null;
        stage.answers(found(bare));
        stage.record(&payment, &event).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn notes_are_written_once() {
    let stage = Stage::new();
    let mut payment = placed();
    let text = "The order was changed while it was paid.";
    payment.notes.push(Note {
        at: start(),
        text: text.into(),
    });
    payment.sums.authorised = Money::nok(0);
    let event = happen(&mut payment, authorised(139_702));
    stage.answers(order_with(&json!([authorised_there()])));
    stage.answers(no_notes());
    stage.answers(written());
    stage.record(&payment, &event).await.unwrap();
    assert_eq!(
        stage.asked_names(),
        ["KasseOrder", "KasseNotes", "KasseNote"]
    );
    // orderNoteAdd twice would be two notes.
    let note = json!({ "type": "NOTE_ADDED", "message": format!("Vipps acme-psp-2: {text}") });
    stage.answers(order_with(&json!([authorised_there()])));
    stage.answers(json!({ "order": { "events": [note] } }));
    stage.record(&payment, &event).await.unwrap();
    assert_eq!(stage.asked_names(), ["KasseOrder", "KasseNotes"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_known_is_shown_as_it_is() {
    let stage = Stage::new();
    let mut payment = placed();
    let operation = "CHARGEBACK".to_owned();
    let event = happen(&mut payment, EventKind::Unknown { operation });
    stage.answers(order_with(&json!([])));
    stage.answers(no_notes());
    stage.answers(written());
    stage.record(&payment, &event).await.unwrap();
    let asked = stage.asked();
    let note = asked[2]["variables"]["message"].as_str().unwrap();
    assert!(note.contains("CHARGEBACK"), "{note}");
}

#[tokio::test(start_paused = true)]
async fn nothing_personal_is_noted_or_reported() {
    let stage = Stage::new();
    let mut payment = express();
    payment.delivery.as_mut().unwrap().cost = Money::nok(8_900);
    let event = happen(&mut payment, authorised(143_702));
    stage.answers(found(checkout(&json!([begun()]))));
    stage.answers(expressed("", ""));
    stage.answers(written());
    stage.answers(completed(1437.02));
    stage.answers(no_notes());
    stage.answers(written());
    stage.record(&payment, &event).await.unwrap();
    for ask in stage.asked() {
        if ask["ask"] != "KasseExpress" {
            let text = ask.to_string();
            for personal in ["Ada", "Lovelace", "ada@example.com", "12345678", "Storgata"] {
                assert!(!text.contains(personal), "{text}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_customer_is_forgotten_and_what_stays_is_listed() {
    let stage = Stage::new();
    let emptied = |invoices: Value| json!({ "written": { "order": { "number": "21", "invoices": invoices }, "errors": [] } });
    stage.answers(order_with(&json!([])));
    stage.answers(emptied(json!([])));
    let orders = [place(ORDER)];
    let kept = stage.adapter.forget(&stage.cx, &orders).await.unwrap().kept;
    assert!(kept.is_empty());
    insta::assert_json_snapshot!("forgotten", stage.asked());
    stage.answers(order_with(&json!([])));
    stage.answers(emptied(json!([{ "id": "SW52b2ljZTox" }])));
    let kept = stage.adapter.forget(&stage.cx, &orders).await.unwrap().kept;
    assert_eq!(kept, ["the invoices of order 21"]);
    // Not bought yet, and gone.
    let good = json!({ "errors": [] });
    stage.answers(found(checkout(&json!([]))));
    stage.answers(json!({ "email": good, "shipping": good, "billing": good }));
    stage.answers(json!({ "order": null }));
    let orders = [place(CHECKOUT), place(ORDER)];
    assert!(
        stage
            .adapter
            .forget(&stage.cx, &orders)
            .await
            .unwrap()
            .kept
            .is_empty()
    );
    // Saleor is away: it is asked again.
    stage.away();
    assert!(stage.adapter.forget(&stage.cx, &orders).await.is_err());
}
