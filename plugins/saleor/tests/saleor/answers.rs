//! What Saleor is answered, to every outcome.

use kasse_core::{
    Ask, Error, ErrorKind, Money, Outcome, Payment, PaymentProvider, PaymentState, Reference, Verb,
};
use serde_json::{Value, json};

use crate::stage::{
    REFERENCE, Stage, authorised, captured, happen, paid, payment, place, refunded, released,
};

fn ask(what: &str, amount: i64, mark: Option<&str>) -> Ask {
    let mut ask = Ask::new(Verb::Details, place("T3JkZXI6MQ=="));
    ask.engine = json!({
        "what": what, "amount": amount, "language": "nb", "name": "key-1", "mark": mark,
    });
    if what != "initialize" {
        ask.payment = Some(Reference::new(REFERENCE).unwrap());
    }
    ask
}

fn answer(ask: &Ask, outcome: &Outcome) -> Value {
    let stage = Stage::new();
    let answer = stage.adapter.answer(ask, outcome);
    // Never a 5xx, whatever happened: Saleor would ask again with an empty body.
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/json");
    serde_json::from_slice(answer.body()).unwrap()
}

fn done(payment: Payment) -> Outcome {
    Outcome::Done(Box::new(payment))
}

#[tokio::test(start_paused = true)]
async fn a_begun_payment_sends_the_shopper_to_vipps() {
    let began = Outcome::Started(Box::new(payment()));
    let whole = answer(&ask("initialize", 139_702, None), &began);
    assert_eq!(
        whole,
        json!({
            "pspReference": REFERENCE,
            "result": "AUTHORIZATION_ACTION_REQUIRED",
            "amount": "1397.02",
            "data": { "reference": REFERENCE, "redirectUrl": "https://pay.example/session" },
        })
    );
    let marked = answer(
        &ask("initialize", 139_702, Some("Vipps express checkout")),
        &began,
    );
    assert_eq!(marked["message"], "Vipps express checkout");
    // The same again is answered the same.
    assert_eq!(answer(&ask("initialize", 139_702, None), &began), whole);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_is_under_way_is_asked_for_again_and_is_no_failure() {
    let mut waiting = payment();
    waiting.redirect = None;
    let answer = answer(
        &ask("initialize", 139_702, None),
        &Outcome::Pending(Box::new(waiting)),
    );
    // AUTHORIZATION_REQUEST would end it: Saleor does not ask again then, and lets the checkout be
    // completed without money.
    assert_eq!(answer["result"], "AUTHORIZATION_ACTION_REQUIRED");
    assert_eq!(
        answer["data"],
        json!({ "reference": REFERENCE, "pending": true })
    );
}

#[tokio::test(start_paused = true)]
async fn the_shopper_reads_how_it_stands() {
    let process = ask("process", 139_702, None);
    let result = |payment: Payment| answer(&process, &done(payment));
    assert_eq!(result(payment())["result"], "AUTHORIZATION_ACTION_REQUIRED");
    assert_eq!(
        result(payment())["data"]["redirectUrl"],
        "https://pay.example/session"
    );
    let paid_for = result(paid());
    assert_eq!(
        paid_for,
        json!({
            "pspReference": REFERENCE,
            "result": "AUTHORIZATION_SUCCESS",
            "amount": "1397.02",
            "actions": ["CHARGE", "CANCEL"],
            "data": { "reference": REFERENCE },
        })
    );
    for state in [
        PaymentState::Rejected,
        PaymentState::Cancelled,
        PaymentState::Expired,
        PaymentState::Failed,
    ] {
        let mut dead = payment();
        dead.state = state.clone();
        let answer = result(dead);
        assert_eq!(answer["result"], "AUTHORIZATION_FAILURE", "{state:?}");
        let message = answer["message"].as_str().unwrap();
        assert!(message.contains("Ingenting er trukket"), "{message}");
    }
    // What Vipps says in a word that is not known is waited for.
    let mut odd = payment();
    odd.state = PaymentState::Unknown("ODD".into());
    assert_eq!(result(odd)["result"], "AUTHORIZATION_ACTION_REQUIRED");
    // The shop could not take it, and the money was let go: that is no success.
    let mut gone = paid();
    happen(&mut gone, released(139_702));
    assert_eq!(result(gone)["result"], "AUTHORIZATION_FAILURE");
}

#[tokio::test(start_paused = true)]
async fn an_express_payment_is_authorised_with_its_delivery() {
    let mut express = payment();
    express.amount = Money::nok(134_802);
    express.express = true;
    happen(&mut express, authorised(144_702));
    let answer = answer(&ask("process", 134_802, None), &done(express));
    assert_eq!(answer["amount"], "1447.02");
}

#[tokio::test(start_paused = true)]
async fn acts_are_named_by_the_sum_that_stands_after_them() {
    let mut payment = paid();
    happen(&mut payment, captured(10_000));
    let charged = answer(&ask("charge", 10_000, None), &done(payment.clone()));
    assert_eq!(
        charged,
        json!({
            "pspReference": "acme-psp-2-c10000", "result": "CHARGE_SUCCESS", "amount": "100.00",
            "actions": ["CHARGE", "CANCEL", "REFUND"],
        })
    );
    happen(&mut payment, captured(129_702));
    let rest = answer(&ask("charge", 129_702, None), &done(payment.clone()));
    assert_eq!(rest["pspReference"], "acme-psp-2-c139702");
    assert_eq!(rest["actions"], json!(["REFUND"]));
    happen(&mut payment, refunded(5_000));
    let back = answer(&ask("refund", 5_000, None), &done(payment.clone()));
    assert_eq!(back["pspReference"], "acme-psp-2-r5000");
    assert_eq!(
        (back["result"].as_str(), back["amount"].as_str()),
        (Some("REFUND_SUCCESS"), Some("50.00"))
    );
    let mut let_go = paid();
    happen(&mut let_go, released(139_702));
    let let_go = answer(&ask("cancel", 139_702, None), &done(let_go));
    assert_eq!(let_go["pspReference"], "acme-psp-2-x139702");
    assert_eq!(
        (let_go["result"].as_str(), let_go["actions"].clone()),
        (Some("CANCEL_SUCCESS"), json!([]))
    );
}

#[tokio::test(start_paused = true)]
async fn a_charge_of_the_rest_is_answered_with_what_saleor_lacks() {
    let mut payment = paid();
    happen(&mut payment, captured(30_000));
    let mut rest = ask("charge", 139_702, None);
    rest.engine["shown"] = 0.into();
    let pending = answer(&rest, &Outcome::Pending(Box::new(payment.clone())));
    assert_eq!(pending["pspReference"], "acme-psp-2-c139702");
    happen(&mut payment, captured(109_702));
    let answer = answer(&rest, &done(payment));
    assert_eq!(answer["pspReference"], "acme-psp-2-c139702");
    assert_eq!(answer["amount"], "1397.02");
}

#[tokio::test(start_paused = true)]
async fn what_goes_on_is_named_as_it_will_be_reported() {
    let pending = |what, amount, payment: Payment| {
        answer(
            &ask(what, amount, None),
            &Outcome::Pending(Box::new(payment)),
        )
    };
    let named = |name: &str| json!({ "pspReference": name });
    let mut taken = paid();
    assert_eq!(
        pending("charge", 10_000, taken.clone()),
        named("acme-psp-2-c10000")
    );
    assert_eq!(
        pending("cancel", 139_702, taken.clone()),
        named("acme-psp-2-x139702")
    );
    happen(&mut taken, captured(10_000));
    assert_eq!(
        pending("charge", 129_702, taken.clone()),
        named("acme-psp-2-c139702")
    );
    assert_eq!(pending("refund", 4_000, taken), named("acme-psp-2-r4000"));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_a_failure_with_its_reason() {
    let error = Error::new(
        ErrorKind::TooMuch {
            left: Money::nok(1),
        },
        kasse_core::Who::Shop,
        "The capture was refused",
        "0.01 NOK is left.",
        "Capture less.",
    );
    let refused = Outcome::Refused(error);
    for (what, result) in [
        ("charge", "CHARGE_FAILURE"),
        ("refund", "REFUND_FAILURE"),
        ("cancel", "CANCEL_FAILURE"),
    ] {
        let answer = answer(&ask(what, 500, None), &refused);
        assert_eq!(answer["result"], result);
        assert_eq!(answer["pspReference"], "acme-psp-2-f-key-1");
        assert_eq!(answer["amount"], "5.00");
        assert!(
            answer["message"]
                .as_str()
                .unwrap()
                .contains("0.01 NOK is left")
        );
    }
    // The shopper reads a shopper's sentence.
    let answer = answer(&ask("initialize", 500, None), &refused);
    assert_eq!(answer["result"], "AUTHORIZATION_FAILURE");
    let message = answer["message"].as_str().unwrap();
    assert!(
        message.contains("Betalingen kunne ikke startes"),
        "{message}"
    );
}

#[tokio::test(start_paused = true)]
async fn long_reasons_are_cut_to_what_saleor_keeps() {
    let error = Error::invalid("x".repeat(900), "y", "z");
    let answer = answer(&ask("charge", 500, None), &Outcome::Refused(error));
    assert_eq!(answer["message"].as_str().unwrap().chars().count(), 500);
}
