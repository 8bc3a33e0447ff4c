//! What is read of a payment and its events.

use kasse_core::api::{ApiError, Ending, OperationKind, Truth, TruthState};
use kasse_core::{Address, Money};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::epayment_support::*;
use crate::support::{answer, lost, reference};

fn kinds(truth: &Truth) -> Vec<OperationKind> {
    truth.operations.iter().map(|o| o.kind.clone()).collect()
}

fn sums(truth: &Truth) -> [i64; 4] {
    let sums = truth.sums;
    [
        sums.authorised.minor,
        sums.captured.minor,
        sums.refunded.minor,
        sums.released.minor,
    ]
}

fn approved() -> Vec<Value> {
    vec![event(1, "CREATED", 49_900), event(2, "AUTHORIZED", 49_900)]
}

#[test]
fn a_life_from_the_start_to_a_refund() {
    let mut events = approved();
    events.extend([
        event(3, "CAPTURED", 20_000),
        event(4, "CAPTURED", 20_000),
        event(5, "CANCELLED", 9900),
        event(6, "REFUNDED", 5000),
    ]);
    events[3]["idempotencyKey"] = json!("our-key");
    let truth = truth(&events, &payment("AUTHORIZED", 49_900, 9900, 40_000, 5000));
    use OperationKind as K;
    assert_eq!(
        kinds(&truth),
        [
            K::Initiate,
            K::Authorise,
            K::Capture,
            K::Capture,
            K::Release,
            K::Refund
        ]
    );
    assert_eq!(truth.state, TruthState::Authorised);
    assert_eq!(sums(&truth), [49_900, 40_000, 5000, 9900]);
    assert!(truth.operations.iter().all(|o| o.success));
    assert_eq!(truth.operations[2].identity, "psp-3/CAPTURED");
    assert_eq!(truth.operations[3].identity, "psp-4/CAPTURED");
    assert_eq!(truth.operations[3].key.as_deref(), Some("our-key"));
    assert_eq!(truth.operations[2].key, None);
    // Seven decimals of a second.
    assert_eq!(
        truth.operations[1].at.unwrap().to_string(),
        "2026-11-22T12:00:02.5333258Z"
    );
    assert_eq!(truth.personal, None);
    assert_eq!(truth.guaranteed_until, None);
    assert!(!truth.incomplete);
    assert_eq!(
        truth.redirect.unwrap().as_str(),
        "https://landing.vipps.no/?token=sample-landing-token"
    );
}

#[test]
fn an_identity_is_the_webhooks() {
    let notice = kasse_core::api::Notice {
        msn: kasse_core::Msn::new("123456").unwrap(),
        reference: reference().as_str().into(),
        psp_reference: "psp-2".into(),
        name: "AUTHORIZED".into(),
        success: true,
        amount: None,
        at: None,
    };
    let truth = truth(&approved(), &payment("AUTHORIZED", 49_900, 0, 0, 0));
    assert_eq!(truth.operations[1].identity, notice.identity());
}

#[test]
fn how_far_it_is() {
    use TruthState as S;
    let ended = |how| S::Ended(how);
    for (state, last, expected) in [
        ("CREATED", None, S::Open),
        ("AUTHORIZED", Some("AUTHORIZED"), S::Authorised),
        ("authorized", Some("AUTHORIZED"), S::Authorised),
        ("ABORTED", Some("ABORTED"), ended(Ending::ByCustomer)),
        ("EXPIRED", Some("EXPIRED"), ended(Ending::TimeOver)),
        ("TERMINATED", Some("TERMINATED"), ended(Ending::ByMerchant)),
        // The payment is behind its events.
        ("CREATED", Some("AUTHORIZED"), S::Authorised),
        ("CREATED", Some("ABORTED"), ended(Ending::ByCustomer)),
        // Money that is reserved stays reserved, whatever comes later.
        ("EXPIRED", Some("AUTHORIZED"), S::Authorised),
        // A word that is not known is never guessed at.
        ("FROZEN", None, S::Unknown("FROZEN".into())),
        ("Frozen", Some("THAWED"), S::Unknown("Frozen".into())),
        ("FROZEN", Some("AUTHORIZED"), S::Authorised),
        ("FROZEN", Some("ABORTED"), S::Unknown("FROZEN".into())),
    ] {
        let mut events = vec![event(1, "CREATED", 49_900)];
        events.extend(last.map(|name| event(2, name, 49_900)));
        let events = Value::from(events).to_string();
        let (truth, _) = read_of(vec![
            answer(200, &*events),
            answer(200, payment(state, 0, 0, 0, 0).to_string()),
            answer(200, &*events),
        ]);
        let truth = truth.unwrap().unwrap();
        assert_eq!(truth.state, expected, "{state} {last:?}");
        if expected == S::Authorised {
            assert_eq!(
                sums(&truth),
                [if last.is_some() { 49_900 } else { 0 }, 0, 0, 0]
            );
            assert_eq!(truth.operations[1].amount, Money::nok(49_900));
        }
    }
}

#[test]
fn nothing_is_reserved_of_what_ended_before() {
    // Vipps counts the whole as cancelled.
    for (state, ending) in [
        ("TERMINATED", Ending::ByMerchant),
        ("ABORTED", Ending::ByCustomer),
        ("EXPIRED", Ending::TimeOver),
    ] {
        let events = [event(1, "CREATED", 49_900), event(2, state, 49_900)];
        let truth = truth(&events, &payment(state, 0, 49_900, 0, 0));
        assert_eq!(truth.state, TruthState::Ended(ending));
        assert_eq!(truth.operations[1].kind, OperationKind::Cancel(ending));
        assert_eq!(sums(&truth), [0, 0, 0, 0]);
        assert!(!truth.incomplete);
    }
    // Nor is it let go, should the log say so.
    let events = [event(1, "CREATED", 49_900), event(2, "CANCELLED", 49_900)];
    let truth = truth(&events, &payment("TERMINATED", 0, 49_900, 0, 0));
    assert_eq!(
        truth.operations[1].kind,
        OperationKind::Cancel(Ending::ByMerchant)
    );
    assert_eq!(sums(&truth), [0, 0, 0, 0]);
}

#[test]
fn money_that_is_reserved_is_told_whatever_the_state_is_called() {
    for state in ["FROZEN", "CREATED", "RESERVED"] {
        let start = Value::from(vec![event(1, "CREATED", 49_900)]).to_string();
        let (truth, _) = read_of(vec![
            answer(200, &*start),
            answer(200, payment(state, 49_900, 0, 0, 0).to_string()),
            answer(200, &*start),
        ]);
        let truth = truth.unwrap().unwrap();
        assert_eq!(truth.state, TruthState::Authorised, "{state}");
        assert!(truth.incomplete);
        assert_eq!(sums(&truth), [49_900, 0, 0, 0]);
    }
}

#[test]
fn what_is_let_go_after_an_approval_is_a_release() {
    for (captured, cancelled) in [(0, 49_900), (20_000, 29_900)] {
        let mut events = approved();
        if captured > 0 {
            events.push(event(3, "CAPTURED", captured));
        }
        // The event may have the whole amount.
        events.push(event(4, "CANCELLED", 49_900));
        let truth = truth(
            &events,
            &payment("AUTHORIZED", 49_900, cancelled, captured, 0),
        );
        assert_eq!(truth.state, TruthState::Authorised);
        assert_eq!(sums(&truth), [49_900, captured, 0, cancelled]);
        let last = truth.operations.last().unwrap();
        assert_eq!(
            (&last.kind, last.amount),
            (&OperationKind::Release, Money::nok(cancelled))
        );
    }
}

#[test]
fn in_whatever_order_they_come_the_oldest_is_first() {
    let mut events = approved();
    events.push(event(3, "CAPTURED", 10_000));
    let payment = payment("AUTHORIZED", 49_900, 0, 10_000, 0);
    let forward = truth(&events, &payment);
    events.reverse();
    assert_eq!(truth(&events, &payment), forward);
    // All in one moment: what has to come first does.
    for event in &mut events {
        event["timestamp"] = json!("2026-11-22T12:00:00Z");
    }
    assert_eq!(kinds(&truth(&events, &payment)), kinds(&forward));
    // Without its time nobody can tell: as they came.
    events[0]["timestamp"] = json!("yesterday");
    let as_they_came = truth(&events, &payment);
    assert_eq!(as_they_came.operations[0].kind, OperationKind::Capture);
    assert_eq!(as_they_came.operations[0].at, None);
}

#[test]
fn one_that_comes_twice_is_one_and_two_of_the_same_name_are_two() {
    let mut events = approved();
    events.extend([
        event(3, "CAPTURED", 10_000),
        event(3, "CAPTURED", 10_000),
        event(4, "CAPTURED", 10_000),
    ]);
    let truth = truth(&events, &payment("AUTHORIZED", 49_900, 0, 20_000, 0));
    let captures = kinds(&truth)
        .iter()
        .filter(|kind| **kind == OperationKind::Capture)
        .count();
    assert_eq!(captures, 2);
    assert!(!truth.incomplete);
}

#[test]
fn without_a_psp_reference_what_else_is_known_tells_them_apart() {
    let mut events = approved();
    events.extend([event(3, "CAPTURED", 10_000), event(3, "CAPTURED", 10_000)]);
    for event in &mut events {
        event.as_object_mut().unwrap().remove("pspReference");
    }
    let payment = payment("AUTHORIZED", 49_900, 0, 20_000, 0);
    let first = truth(&events, &payment);
    assert_eq!(first.operations.len(), 4);
    let identities = |truth: &Truth| {
        let all: Vec<String> = truth
            .operations
            .iter()
            .map(|o| o.identity.clone())
            .collect();
        all
    };
    // The same the next time, when one more is there.
    events.push(event(5, "REFUNDED", 100));
    assert_eq!(
        identities(&truth(&events, &payment))[..4],
        identities(&first)[..]
    );
}

#[test]
fn what_was_tried_counts_for_nothing_and_its_success_is_another_one() {
    let mut events = approved();
    let mut tried = event(3, "CAPTURED", 10_000);
    tried["success"] = json!(false);
    events.push(tried);
    let before = truth(&events, &payment("AUTHORIZED", 49_900, 0, 0, 0));
    assert!(!before.operations[2].success);
    assert_eq!(sums(&before), [49_900, 0, 0, 0]);
    events.push(event(3, "CAPTURED", 10_000));
    let after = truth(&events, &payment("AUTHORIZED", 49_900, 0, 10_000, 0));
    assert_ne!(after.operations[2].identity, after.operations[3].identity);
    assert_eq!(sums(&after), [49_900, 10_000, 0, 0]);
    // An approval that failed (a card that was declined) is none.
    let mut declined = event(2, "AUTHORIZED", 49_900);
    declined["success"] = json!(false);
    let truth = truth(
        &[event(1, "CREATED", 49_900), declined],
        &payment("CREATED", 0, 0, 0, 0),
    );
    assert_eq!(truth.state, TruthState::Open);
}

#[test]
fn words_and_fields_that_are_not_known_do_no_harm() {
    let mut events = approved();
    events.push(event(3, "SETTLED", 49_900));
    events[2]["fee"] = json!({"value": 1.5});
    let mut payment = payment("AUTHORIZED", 49_900, 0, 0, 0);
    payment["chargeback"] = json!([1, 2]);
    payment["paymentMethod"] = json!({"type": "BANK_TRANSFER", "cardBin": 540185});
    payment["profile"] = Value::Null;
    let truth = truth(&events, &payment);
    assert_eq!(
        truth.operations[2].kind,
        OperationKind::Unknown("SETTLED".into())
    );
    assert_eq!(truth.state, TruthState::Authorised);
}

#[test]
fn either_case_of_letters_and_numbers_as_texts_are_read() {
    let events = json!([
        {"Reference": reference().as_str(), "PspReference": 77, "paymentAction": "Created", "Amount": {"Value": "49900", "Currency": "nok"}, "Timestamp": "2026-11-22T12:00:01", "Success": "true"},
        {"pspReference": 78, "Name": "authorized", "amount": {"value": 49900.0}, "timestamp": "2026-11-22T13:00:02+01:00", "success": true},
    ]);
    let payment = json!({
        "Reference": reference().as_str(),
        "State": "Authorized",
        "Amount": {"Currency": "NOK", "Value": "49900"},
        "Aggregate": {"AuthorizedAmount": {"Currency": "NOK", "Value": "49900"}},
    });
    let truth = truth(&[events[0].clone(), events[1].clone()], &payment);
    assert_eq!(
        kinds(&truth),
        [OperationKind::Initiate, OperationKind::Authorise]
    );
    assert_eq!(truth.operations[0].identity, "77/CREATED");
    assert_eq!(
        truth.operations[1].at.unwrap().to_string(),
        "2026-11-22T12:00:02Z"
    );
    assert_eq!(sums(&truth), [49_900, 0, 0, 0]);
}

#[test]
fn where_the_payment_says_no_sums_or_is_behind_the_events_count() {
    let mut events = approved();
    events.extend([event(3, "CAPTURED", 20_000), event(4, "REFUNDED", 5000)]);
    let mut payment = payment("AUTHORIZED", 0, 0, 0, 0);
    assert_eq!(sums(&truth(&events, &payment)), [49_900, 20_000, 5000, 0]);
    payment["aggregate"] = json!({});
    assert_eq!(sums(&truth(&events, &payment)), [49_900, 20_000, 5000, 0]);
}

fn express() -> (Vec<Value>, Value) {
    let mut payment = payment("AUTHORIZED", 57_890, 0, 0, 0);
    payment["shippingDetails"] = json!({
        "address": {
            "addressLine1": "Robert Levins gate 5",
            "addressLine2": "Robert Levins gate 5",
            "city": "Oslo",
            "country": "NO",
            "postCode": "0154",
        },
        "shippingCost": 7990,
        "shippingOptionId": "near.1.1",
        "shippingOptionName": "Coop Extra, Storgata 1",
    });
    payment["userDetails"] = json!({
        "email": "ada@example.com",
        "firstName": "Ada",
        "lastName": "Lovelace",
        "mobileNumber": "4798765432",
        "dateOfBirth": "1988-12-3",
        "addresses": [{"addressLine1": "Home 1", "city": "Bergen", "country": "NO", "postCode": "5003"}],
    });
    payment["profile"] = json!({"sub": "c06c4afe-d9e1-4c5d-939a-177d752a0944"});
    (approved(), payment)
}

#[test]
fn of_an_express_payment_the_delivery_is_part_of_what_is_reserved() {
    let (events, payment) = express();
    let truth = truth(&events, &payment);
    assert_eq!(sums(&truth), [57_890, 0, 0, 0]);
    // The event has the amount that was asked for; what is reserved is with the delivery.
    assert_eq!(truth.operations[1].amount, Money::nok(57_890));
    let delivery = truth.delivery.unwrap();
    assert_eq!(
        (&*delivery.wire_id, &*delivery.title, delivery.cost),
        ("near.1.1", "Coop Extra, Storgata 1", Money::nok(7990))
    );
    let personal = truth.personal.unwrap();
    assert_eq!(personal.first_name.as_deref(), Some("Ada"));
    assert_eq!(personal.last_name.as_deref(), Some("Lovelace"));
    assert_eq!(personal.email.as_deref(), Some("ada@example.com"));
    assert_eq!(personal.phone.as_deref(), Some("4798765432"));
    assert_eq!(
        personal.sub.as_deref(),
        Some("c06c4afe-d9e1-4c5d-939a-177d752a0944")
    );
    assert_eq!(
        personal.address,
        Some(Address {
            line1: "Robert Levins gate 5".into(),
            // It was the first again.
            line2: String::new(),
            post_code: "0154".into(),
            city: "Oslo".into(),
            country: "NO".into(),
        })
    );
    assert!(!truth.incomplete);
}

#[test]
fn a_registered_address_is_no_place_to_send_to() {
    let (events, mut payment) = express();
    payment.as_object_mut().unwrap().remove("shippingDetails");
    let personal = truth(&events, &payment).personal.unwrap();
    assert_eq!(personal.first_name.as_deref(), Some("Ada"));
    assert_eq!(personal.address, None);
}

#[test]
fn what_has_expired_or_was_not_shared_is_not_there() {
    let (events, mut payment) = express();
    payment.as_object_mut().unwrap().remove("shippingDetails");
    payment["aggregate"]["authorizedAmount"]["value"] = json!(49_900);
    payment["profile"] = json!({"sub": "[Expired]"});
    payment["userDetails"] = json!({"firstName": "[Expired]", "email": "", "mobileNumber": null});
    assert_eq!(truth(&events, &payment).personal, None);
    payment["userDetails"] = json!({"email": "ada@example.com"});
    let personal = truth(&events, &payment).personal.unwrap();
    assert_eq!(personal.email.as_deref(), Some("ada@example.com"));
    assert_eq!((personal.sub, personal.first_name), (None, None));
}

#[test]
fn the_cost_of_a_delivery_is_whole_minor_units_or_it_is_not_known() {
    for (written, minor) in [
        (json!(7990), Some(7990)),
        (json!("7990"), Some(7990)),
        (json!(7990.0), Some(7990)),
        (json!({"currency": "NOK", "value": 7990}), Some(7990)),
        (json!(0), Some(0)),
        (json!(79.9), None),
        (json!("79,90"), None),
        (json!(-1), None),
        (json!({"currency": "EUR", "value": 7990}), None),
        (Value::Null, None),
    ] {
        let (events, mut payment) = express();
        payment["shippingDetails"]["shippingCost"] = written.clone();
        let delivery = truth(&events, &payment).delivery;
        assert_eq!(delivery.map(|d| d.cost.minor), minor, "{written}");
    }
}

#[test]
fn what_is_surely_still_to_come_makes_it_incomplete() {
    let strip = |fields: &[&str]| {
        let (events, mut payment) = express();
        for field in fields {
            payment.as_object_mut().unwrap().remove(*field);
        }
        truth(&events, &payment).incomplete
    };
    assert!(!strip(&[]));
    assert!(!strip(&["userDetails"]), "there is a sub");
    assert!(!strip(&["profile"]), "there are user details");
    assert!(strip(&["userDetails", "profile"]), "who it goes to");
    assert!(strip(&["shippingDetails"]), "the amount has a delivery");
    // A payment that nothing was asked for has nothing to come.
    let regular = truth(&approved(), &payment("AUTHORIZED", 49_900, 0, 0, 0));
    assert!(!regular.incomplete);
}

#[test]
fn until_when_a_capture_is_guaranteed_and_where_it_is_paid() {
    let mut payment = payment("AUTHORIZED", 49_900, 0, 0, 0);
    payment["captureGuaranteedUntil"] = json!("2026-12-01T07:53:44.812+00:00");
    let read = truth(&approved(), &payment);
    assert_eq!(
        read.guaranteed_until.unwrap().to_string(),
        "2026-12-01T07:53:44.812Z"
    );
    for (field, value) in [
        ("captureGuaranteedUntil", json!("soon")),
        ("captureGuaranteedUntil", Value::Null),
    ] {
        payment[field] = value;
        assert_eq!(truth(&approved(), &payment).guaranteed_until, None);
    }
    for url in ["http://landing.vipps.no", "javascript:alert(1)", "", "x"] {
        payment["redirectUrl"] = json!(url);
        assert_eq!(truth(&approved(), &payment).redirect, None, "{url}");
    }
}

#[test]
fn the_events_are_read_again_where_the_payment_is_ahead_of_them() {
    let before = Value::from(approved()).to_string();
    let mut events = approved();
    events.push(event(3, "CAPTURED", 10_000));
    let after = Value::from(events).to_string();
    let captured = payment("AUTHORIZED", 49_900, 0, 10_000, 0).to_string();
    let (truth, calls) = read_of(vec![
        answer(200, &*before),
        answer(200, &*captured),
        answer(200, after),
    ]);
    let truth = truth.unwrap().unwrap();
    assert_eq!(calls, 3);
    assert_eq!(truth.operations.len(), 3);
    assert!(!truth.incomplete);
    // Once, and not for ever; what is not there yet is told by the sums.
    for again in [
        answer(200, &*before),
        answer(500, ""),
        lost(),
        answer(404, ""),
    ] {
        let (truth, calls) = read_of(vec![answer(200, &*before), answer(200, &*captured), again]);
        let truth = truth.unwrap().unwrap();
        assert_eq!(calls, 3);
        assert_eq!(truth.operations.len(), 2);
        assert_eq!(sums(&truth), [49_900, 10_000, 0, 0]);
        assert!(truth.incomplete);
    }
    // So it is for each thing that can have happened.
    let start = Value::from(vec![event(1, "CREATED", 49_900)]).to_string();
    for (events, payment) in [
        (&start, payment("AUTHORIZED", 49_900, 0, 0, 0)),
        (&start, payment("ABORTED", 0, 0, 0, 0)),
        (&before, payment("AUTHORIZED", 49_900, 0, 0, 100)),
        (&before, payment("AUTHORIZED", 49_900, 49_900, 0, 0)),
    ] {
        let (truth, calls) = read_of(vec![
            answer(200, &**events),
            answer(200, payment.to_string()),
            answer(200, &**events),
        ]);
        assert_eq!(calls, 3, "{payment}");
        assert!(truth.unwrap().unwrap().incomplete);
    }
}

#[test]
fn a_payment_that_is_not_there_is_none() {
    let problem = json!({
        "type": "https://httpstatuses.io/400", "title": "Reference not found", "status": "400",
        "traceId": "00-1", "extraDetails": [{"name": "ErrorCode", "reason": "5090"}],
    })
    .to_string();
    for (status, body) in [(404, ""), (404, &*problem), (400, &*problem)] {
        let (truth, calls) = read_of(vec![answer(status, body), answer(status, body)]);
        assert_eq!(truth, Ok(None), "{status} {body}");
        assert_eq!(calls, 2);
    }
    // One that has just been made may have no events yet.
    let (truth, _) = read_of(vec![
        answer(404, ""),
        answer(200, payment("CREATED", 0, 0, 0, 0).to_string()),
    ]);
    assert_eq!(truth.unwrap().unwrap().state, TruthState::Open);
}

#[test]
fn what_cannot_be_read_is_unknown_and_never_a_guess() {
    let events = Value::from(approved()).to_string();
    let other = |field: &str, value: Value| {
        let mut payment = payment("AUTHORIZED", 49_900, 0, 0, 0);
        payment[field] = value;
        payment.to_string()
    };
    for payment in [
        String::new(),
        "<html>".into(),
        "[]".into(),
        "{}".into(),
        "null".into(),
        r#"{"state":"AUTHORI"#.into(),
        // Vipps describes its answers as problems; a problem is no payment all the same.
        json!({"type": "x", "title": "Internal error", "status": 200, "traceId": "1"}).to_string(),
        other("reference", json!("acme-another-one")),
        other("amount", json!({"currency": "DKK", "value": 49_900})),
    ] {
        let (truth, _) = read_of(vec![answer(200, &*events), answer(200, &*payment)]);
        assert!(matches!(truth, Err(ApiError::Unknown(_))), "{payment}");
    }
    let mut foreign = event(1, "CREATED", 1);
    foreign["reference"] = json!("acme-another-one");
    for events in [
        String::new(),
        "{}".into(),
        "<html>".into(),
        "[".into(),
        Value::from(vec![foreign]).to_string(),
    ] {
        let (truth, calls) = read_of(vec![answer(200, &*events)]);
        assert!(matches!(truth, Err(ApiError::Unknown(_))), "{events}");
        assert_eq!(calls, 1);
    }
    // Neither says how far it is.
    let mut silent = payment("X", 0, 0, 0, 0);
    silent.as_object_mut().unwrap().remove("state");
    let (truth, _) = read_of(vec![answer(200, "[]"), answer(200, silent.to_string())]);
    assert!(matches!(truth, Err(ApiError::Unknown(_))));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[A-Z]{0,9}|[0-9]{1,20}|\\PC{0,20}".prop_map(Value::from),
        Just(json!("AUTHORIZED")),
        Just(json!("CAPTURED")),
        Just(json!("2026-11-22T12:00:00.1234567Z")),
        (any::<i64>(), "NOK|EUR|nok|")
            .prop_map(|(value, currency)| json!({"value": value, "currency": currency})),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map(
                "state|aggregate|amount|name|success|pspReference|timestamp|authorizedAmount|capturedAmount|cancelledAmount|refundedAmount|shippingDetails|shippingCost|address|userDetails|profile|value|currency|[a-z]{1,8}",
                inner,
                0..8
            )
            .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_vipps_answers_it_is_read_or_refused(
        events in prop_oneof![any_json(), proptest::collection::vec(any_json(), 0..6).prop_map(Value::from)],
        payment in any_json(),
    ) {
        let (truth, _) = read_of(vec![
            answer(200, events.to_string()),
            answer(200, payment.to_string()),
            answer(200, events.to_string()),
        ]);
        if let Ok(Some(truth)) = truth {
            let [authorised, captured, _, released] = sums(&truth);
            prop_assert!(sums(&truth).iter().all(|minor| *minor >= 0));
            prop_assert!(captured <= authorised && released <= authorised - captured);
        }
    }
}
