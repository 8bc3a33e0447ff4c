//! What the details of a payment say.

use kasse_core::api::{ApiError, Operation, OperationKind, PaymentApi, Truth, TruthState};
use kasse_core::{Currency, Money, Sums};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::*;

fn read_text(body: impl Into<String>) -> Result<Option<Truth>, ApiError> {
    let bench = bench();
    bench.vipps.then(answer(200, body));
    run(bench
        .api
        .read(&bench.cx, &bench.caller, &reference(), Currency::Nok))
}

#[track_caller]
fn read(body: &Value) -> Truth {
    read_text(body.to_string()).unwrap().unwrap()
}

/// An entry of the history; they are given here as Vipps does: the newest first.
fn entry(operation: &str, amount: i64, success: bool) -> Value {
    json!({
        "operation": operation, "amount": amount, "operationSuccess": success, "requestId": "",
        "timeStamp": "2026-11-22T11:00:00.311Z", "transactionId": "5001446662", "transactionText": "Socks",
    })
}

fn history(entries: &[Value]) -> Value {
    json!({"orderId": reference().as_str(), "transactionLogHistory": entries})
}

fn summary(captured: i64, left: i64, refunded: i64, left_to_refund: i64) -> Value {
    json!({
        "capturedAmount": captured, "remainingAmountToCapture": left,
        "refundedAmount": refunded, "remainingAmountToRefund": left_to_refund,
    })
}

fn sums(authorised: i64, captured: i64, refunded: i64, released: i64) -> Sums {
    Sums {
        authorised: Money::nok(authorised),
        captured: Money::nok(captured),
        refunded: Money::nok(refunded),
        released: Money::nok(released),
    }
}

fn words(truth: &Truth) -> Vec<&OperationKind> {
    truth
        .operations
        .iter()
        .map(|operation| &operation.kind)
        .collect()
}

#[test]
fn an_express_payment_that_was_captured_and_refunded() {
    let body = r#"{
        "orderId": "acme-shop-123-order123abc",
        "shippingDetails": {
            "address": {"addressLine1": "Robert Levins gate 5", "addressLine2": "Att: Rune Garborg",
                "city": "Oslo", "country": "Norway", "postCode": "0154"},
            "shippingCost": 79.9, "shippingMethod": "Posten", "shippingMethodId": "posten.1.1"
        },
        "transactionLogHistory": [
            {"amount": 10000, "operation": "REFUND", "operationSuccess": true, "requestId": "key-3",
                "timeStamp": "2026-11-22T11:30:00.000Z", "transactionId": "5001446664", "transactionText": "Back"},
            {"amount": 57890, "operation": "CAPTURE", "operationSuccess": true, "requestId": "key-2",
                "timeStamp": "2026-11-22T12:20:00+01:00", "transactionId": "5001446663", "transactionText": "Sent"},
            {"amount": 57890, "operation": "RESERVE", "operationSuccess": true, "requestId": "",
                "timeStamp": "2026-11-22T11:10:00.311", "transactionId": "5001446662", "transactionText": "Socks"},
            {"amount": 49900, "operation": "INITIATE", "operationSuccess": true, "requestId": "",
                "timeStamp": "yesterday", "transactionId": "5001446662", "transactionText": "Socks"}
        ],
        "transactionSummary": {"capturedAmount": 57890, "remainingAmountToCapture": 0, "refundedAmount": 10000,
            "remainingAmountToRefund": 47890, "bankIdentificationNumber": 123456},
        "userDetails": {"email": "user@example.com", "firstName": "Ada", "lastName": "Lovelace",
            "mobileNumber": "91234567", "userId": "uiJskNQ6qNN1iwN891uuob=="},
        "sub": "c06c4afe-d9e1-4c5d-939a-177d752a0944",
        "aNewField": {"of": ["some", "kind"]}
    }"#;
    let truth = read_text(body).unwrap().unwrap();
    assert_eq!(truth.state, TruthState::Authorised);
    assert_eq!(truth.sums, sums(57_890, 57_890, 10_000, 0));
    insta::assert_debug_snapshot!("operations", truth.operations);
    let delivery = truth.delivery.unwrap();
    assert_eq!(
        (delivery.wire_id.as_str(), delivery.title.as_str()),
        ("posten.1.1", "Posten")
    );
    assert_eq!(delivery.cost, Money::nok(7990));
    assert_eq!(delivery.option, None);
    let personal = truth.personal.unwrap();
    let address = personal.address.unwrap();
    assert_eq!(
        personal.user_id.as_deref(),
        Some("uiJskNQ6qNN1iwN891uuob==")
    );
    assert_eq!(
        personal.sub.as_deref(),
        Some("c06c4afe-d9e1-4c5d-939a-177d752a0944")
    );
    assert_eq!(personal.first_name.as_deref(), Some("Ada"));
    assert_eq!(personal.last_name.as_deref(), Some("Lovelace"));
    assert_eq!(personal.email.as_deref(), Some("user@example.com"));
    assert_eq!(personal.phone.as_deref(), Some("91234567"));
    assert_eq!(
        [
            address.line1,
            address.line2,
            address.post_code,
            address.city,
            address.country
        ],
        [
            "Robert Levins gate 5",
            "Att: Rune Garborg",
            "0154",
            "Oslo",
            "NO"
        ]
    );
}

#[test]
fn how_far_it_is() {
    use TruthState as S;
    let unknown = |word: &str| S::Unknown(word.into());
    // Each history is given as Vipps does: the newest first.
    for (entries, state) in [
        (vec![], S::Open),
        (vec![("INITIATE", true)], S::Open),
        (vec![("RESERVE", false), ("INITIATE", true)], S::Open),
        (vec![("RESERVE", true), ("INITIATE", true)], S::Authorised),
        (vec![("RESERVED", true), ("INITIATE", true)], S::Authorised),
        (vec![("reserve", true), ("INITIATE", true)], S::Authorised),
        // The customer took another card inside the same payment.
        (
            vec![("RESERVE", true), ("RESERVE", false), ("INITIATE", true)],
            S::Authorised,
        ),
        (vec![("SALE", true), ("INITIATE", true)], S::Authorised),
        (vec![("SALE", false), ("INITIATE", true)], S::Open),
        (
            vec![("VOID", true), ("RESERVE", true), ("INITIATE", true)],
            S::Authorised,
        ),
        (
            vec![("CANCEL", true), ("INITIATE", true)],
            S::Ended(kasse_core::api::Ending::Unsaid),
        ),
        (vec![("CANCEL", false), ("INITIATE", true)], S::Open),
        (
            vec![("VOID", true), ("INITIATE", true)],
            S::Ended(kasse_core::api::Ending::Unsaid),
        ),
        // A late negative never undoes a reservation, in whichever order they are written down.
        (
            vec![("CANCEL", true), ("RESERVE", true), ("INITIATE", true)],
            S::Authorised,
        ),
        (
            vec![("RESERVE", true), ("CANCEL", true), ("INITIATE", true)],
            S::Authorised,
        ),
        (vec![("FAILED", true), ("RESERVE", true)], S::Authorised),
        (
            vec![("FROZEN", true), ("INITIATE", true)],
            unknown("FROZEN"),
        ),
        (
            vec![("REJECTED", true), ("INITIATE", true)],
            unknown("REJECTED"),
        ),
        (
            vec![("RESERVE_FAILED", false), ("INITIATE", true)],
            unknown("RESERVE_FAILED"),
        ),
        (
            vec![("RESERVE", false), ("FROZEN", true), ("INITIATE", true)],
            S::Open,
        ),
        (
            vec![("FROZEN", true), ("CANCEL", true), ("INITIATE", true)],
            S::Ended(kasse_core::api::Ending::Unsaid),
        ),
        (
            vec![("FROZEN", true), ("RESERVE", true), ("INITIATE", true)],
            S::Authorised,
        ),
    ] {
        let body: Vec<Value> = entries
            .iter()
            .map(|(word, success)| entry(word, 49_900, *success))
            .collect();
        assert_eq!(read(&history(&body)).state, state, "{entries:?}");
    }
}

#[test]
fn unknown_words_are_kept_as_they_came() {
    let truth = read(&history(&[
        entry("Frozen?", 1, true),
        entry("INITIATE", 1, true),
    ]));
    assert_eq!(
        words(&truth),
        [
            &OperationKind::Initiate,
            &OperationKind::Unknown("Frozen?".into())
        ]
    );
}

#[test]
fn the_sums_without_a_summary() {
    let all = |entries: &[(&str, i64, bool)]| {
        let entries: Vec<Value> = entries
            .iter()
            .map(|(word, minor, ok)| entry(word, *minor, *ok))
            .collect();
        read(&history(&entries)).sums
    };
    assert_eq!(all(&[("INITIATE", 100, true)]), sums(0, 0, 0, 0));
    assert_eq!(
        all(&[("RESERVE", 100, false), ("INITIATE", 100, true)]),
        sums(0, 0, 0, 0)
    );
    assert_eq!(
        all(&[("CAPTURE", 30, true), ("RESERVE", 100, true)]),
        sums(100, 30, 0, 0)
    );
    assert_eq!(
        all(&[
            ("CAPTURE", 30, false),
            ("CAPTURE", 30, true),
            ("RESERVE", 100, true)
        ]),
        sums(100, 30, 0, 0)
    );
    assert_eq!(
        all(&[("SALE", 100, true), ("INITIATE", 100, true)]),
        sums(100, 100, 0, 0)
    );
    assert_eq!(
        all(&[
            ("REFUND", 40, true),
            ("REFUND", 1, false),
            ("SALE", 100, true)
        ]),
        sums(100, 100, 40, 0)
    );
    assert_eq!(
        all(&[("VOID", 100, true), ("RESERVE", 100, true)]),
        sums(100, 0, 0, 100)
    );
    assert_eq!(
        all(&[
            ("VOID", 70, true),
            ("CAPTURE", 30, true),
            ("RESERVE", 100, true)
        ]),
        sums(100, 30, 0, 70)
    );
    assert_eq!(
        all(&[
            ("VOID", 70, false),
            ("CAPTURE", 30, true),
            ("RESERVE", 100, true)
        ]),
        sums(100, 30, 0, 0)
    );
    // A VOID with the whole reservation's amount, or none, after a partial capture.
    assert_eq!(
        all(&[
            ("VOID", 100, true),
            ("CAPTURE", 30, true),
            ("RESERVE", 100, true)
        ]),
        sums(100, 30, 0, 70)
    );
    assert_eq!(
        all(&[
            ("VOID", 0, true),
            ("CAPTURE", 30, true),
            ("RESERVE", 100, true)
        ]),
        sums(100, 30, 0, 70)
    );
    assert_eq!(
        all(&[("RESERVE", 60, true), ("RESERVE", 100, true)]),
        sums(100, 0, 0, 0)
    );
    // Two entries for one reservation are not two reservations.
    assert_eq!(
        all(&[("RESERVE", 100, true), ("RESERVE", 100, true)]),
        sums(100, 0, 0, 0)
    );
}

#[test]
fn an_operation_says_what_it_moved_where_its_own_amount_cannot_be() {
    let amounts = |entries: &[Value], summary: Value| -> Vec<i64> {
        let mut body = history(entries);
        body["transactionSummary"] = summary;
        let truth = read(&body);
        truth.operations.iter().map(|o| o.amount.minor).collect()
    };
    let (capture, reserve) = (entry("CAPTURE", 30, true), entry("RESERVE", 100, true));
    for void in [0, 70, 100] {
        let entries = [entry("VOID", void, true), capture.clone(), reserve.clone()];
        assert_eq!(amounts(&entries, Value::Null), [100, 30, 70], "{void}");
    }
    let failed = [entry("VOID", 100, false), capture.clone(), reserve];
    assert_eq!(amounts(&failed, Value::Null), [100, 30, 100]);
    let without = [capture, entry("RESERVE", 0, true)];
    assert_eq!(amounts(&without, summary(30, 70, 0, 30)), [100, 30]);
    let sale = [entry("SALE", 0, true)];
    assert_eq!(amounts(&sale, summary(100, 0, 0, 100)), [100]);
}

#[test]
fn the_sums_with_a_summary() {
    let with = |entries: &[Value], summary: Value| {
        let mut body = history(entries);
        body["transactionSummary"] = summary;
        read(&body).sums
    };
    let reserve = entry("RESERVE", 100, true);
    // A capture that the history does not show (yet).
    assert_eq!(
        with(std::slice::from_ref(&reserve), summary(30, 70, 10, 20)),
        sums(100, 30, 10, 0)
    );
    assert_eq!(
        with(
            &[entry("VOID", 0, true), reserve.clone()],
            summary(30, 0, 0, 30)
        ),
        sums(100, 30, 0, 70)
    );
    assert_eq!(
        with(
            &[entry("VOID", 100, true), reserve.clone()],
            summary(30, 0, 0, 30)
        ),
        sums(100, 30, 0, 70)
    );
    assert_eq!(
        with(
            &[entry("VOID", 20, true), reserve.clone()],
            summary(30, 50, 0, 30)
        ),
        sums(100, 30, 0, 20)
    );
    assert_eq!(
        with(
            &[entry("VOID", 0, true), reserve.clone()],
            summary(30, 50, 0, 30)
        ),
        sums(100, 30, 0, 20)
    );
    // A reservation whose own amount is missing.
    let mut odd = entry("RESERVE", 0, true);
    odd.as_object_mut().unwrap().remove("amount");
    assert_eq!(with(&[odd], summary(30, 70, 0, 30)), sums(100, 30, 0, 0));
    // Half an øre is no amount.
    let half = json!({"capturedAmount": 30.5, "refundedAmount": "10.01"});
    assert_eq!(
        with(std::slice::from_ref(&reserve), half),
        sums(100, 0, 0, 0)
    );
    // Numbers as texts, with decimals that are nothing, and a summary of nothing.
    let texts =
        json!({"capturedAmount": "30", "refundedAmount": 10.0, "remainingAmountToCapture": null});
    assert_eq!(
        with(std::slice::from_ref(&reserve), texts),
        sums(100, 30, 10, 0)
    );
    assert_eq!(
        with(std::slice::from_ref(&reserve), Value::Null),
        sums(100, 0, 0, 0)
    );
    assert_eq!(with(&[reserve], json!("none")), sums(100, 0, 0, 0));
}

#[test]
fn an_operation_keeps_its_identity_and_shares_it_with_none() {
    let mut second = entry("CAPTURE", 30, true);
    second["requestId"] = json!("key-2");
    let before = vec![
        entry("CAPTURE", 30, true),
        entry("CAPTURE", 30, true),
        entry("RESERVE", 100, true),
    ];
    let mut after = before.clone();
    after.insert(0, entry("CAPTURE", 30, false));
    after.insert(0, entry("CAPTURE", 30, true));
    after.insert(0, second);
    let ids = |entries: &[Value]| -> Vec<String> {
        read(&history(entries))
            .operations
            .into_iter()
            .map(|o| o.identity)
            .collect()
    };
    let (old, new) = (ids(&before), ids(&after));
    assert_eq!(new[..3], old[..]);
    let mut different = new.clone();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), new.len(), "{new:?}");
    // What was tried and then is done is something new, even where nothing else differs.
    let tried = ids(&[entry("CAPTURE", 30, false)]);
    assert_ne!(tried, ids(&[entry("CAPTURE", 30, true)]));
    // With and without Z is the same moment.
    let mut bare = before;
    bare[0]["timeStamp"] = json!("2026-11-22T11:00:00.311");
    assert_eq!(ids(&bare), old);
}

#[test]
fn the_key_of_an_operation_is_the_one_it_was_asked_for_with() {
    let mut capture = entry("CAPTURE", 30, true);
    capture["requestId"] = json!("00000000000000000000000000000001");
    let truth = read(&history(&[capture, entry("RESERVE", 100, true)]));
    let keys: Vec<Option<&str>> = truth
        .operations
        .iter()
        .map(|o: &Operation| o.key.as_deref())
        .collect();
    assert_eq!(keys, [None, Some("00000000000000000000000000000001")]);
}

#[test]
fn expired_personal_data_is_none() {
    let mut body = history(&[entry("RESERVE", 100, true)]);
    body["userDetails"] = json!({
        "email": "[Expired]", "firstName": "[Expired]", "lastName": "[expired]", "mobileNumber": "[Expired]",
        "userId": "uiJskNQ6qNN1iwN891uuob==",
    });
    body["sub"] = json!("[Expired]");
    body["shippingDetails"] = json!({
        "shippingCost": "79.90", "shippingMethod": "Posten", "shippingMethodId": "posten.1.1",
        "address": {"addressLine1": "[Expired]", "addressLine2": "[Expired]", "city": "[Expired]",
            "country": "[Expired]", "postCode": "[Expired]"},
    });
    let truth = read(&body);
    let personal = truth.personal.unwrap();
    assert_eq!(
        personal.user_id.as_deref(),
        Some("uiJskNQ6qNN1iwN891uuob==")
    );
    assert!(
        personal.email.is_none() && personal.first_name.is_none() && personal.last_name.is_none()
    );
    assert!(personal.phone.is_none() && personal.sub.is_none() && personal.address.is_none());
    assert_eq!(truth.delivery.unwrap().cost, Money::nok(7990));
    body["userDetails"]["userId"] = json!("[Expired]");
    assert_eq!(read(&body).personal, None);
    assert_eq!(read(&history(&[])).personal, None);
}

#[test]
fn addresses_in_every_spelling() {
    for (address, post_code, country) in [
        (
            json!({"addressLine1": "A 1", "zipCode": "0154", "country": "NO"}),
            "0154",
            "NO",
        ),
        (
            json!({"AddressLine1": "A 1", "PostCode": "0154", "country": "NOR"}),
            "0154",
            "NO",
        ),
        (
            json!({"addressLine1": "A 1", "postCode": "0154", "zipCode": "0155", "country": "norge"}),
            "0154",
            "NO",
        ),
        (
            json!({"addressLine1": "A 1", "postCode": "", "zipCode": "0155"}),
            "0155",
            "NO",
        ),
        (
            json!({"addressLine1": "A 1", "postalCode": "11122", "country": "Sverige"}),
            "11122",
            "SE",
        ),
        (json!({"addressLine1": "A 1", "country": "dk"}), "", "DK"),
        (
            json!({"addressLine1": "A 1", "country": "Finland"}),
            "",
            "FI",
        ),
        (
            json!({"addressLine1": "A 1", "country": "Atlantis"}),
            "",
            "Atlantis",
        ),
        (
            json!({"addressLine1": "A 1", "postCode": 1540, "country": 47}),
            "1540",
            "47",
        ),
    ] {
        let mut body = history(&[]);
        body["shippingDetails"] = json!({"address": address});
        let read = read(&body).personal.unwrap().address.unwrap();
        assert_eq!(
            (
                read.line1.as_str(),
                read.post_code.as_str(),
                read.country.as_str()
            ),
            ("A 1", post_code, country),
            "{address}"
        );
    }
}

#[test]
fn what_a_delivery_cost_is_read_exactly_or_not_at_all() {
    let cost = |number: &str| {
        let body = format!(
            r#"{{"transactionLogHistory":[],"shippingDetails":{{"shippingMethodId":"a.1.1","shippingCost":{number}}}}}"#
        );
        read_text(body)
            .unwrap()
            .unwrap()
            .delivery
            .map(|delivery| delivery.cost.minor)
    };
    for (number, minor) in [
        ("79.9", 7990),
        ("79.90", 7990),
        ("\"79.90\"", 7990),
        ("0", 0),
        ("0.0", 0),
        ("499.00", 49_900),
        ("0.1", 10),
        ("1e2", 10_000),
        ("1.2345E3", 123_450),
        ("7990e-2", 7990),
        ("0.07", 7),
        ("90071992547409.93", 9_007_199_254_740_993),
    ] {
        assert_eq!(cost(number), Some(minor), "{number}");
    }
    for number in [
        "79.905",
        "\"79,90\"",
        "null",
        "\"\"",
        "true",
        "{}",
        "1e40",
        "1e-40",
        "1e99999999999",
        "\"NaN\"",
    ] {
        assert_eq!(cost(number), None, "{number}");
    }
}

#[test]
fn what_cannot_be_read_is_uncertain_and_no_other_payment_is_believed() {
    for body in [
        String::new(),
        "null".into(),
        "[]".into(),
        "{}".into(),
        r#"{"transactionLogHistory":{}}"#.into(),
        r#"{"transactionLogHistory":[{"operation":"RES"#.into(),
        r#"{"orderId":"acme-another-one","transactionLogHistory":[]}"#.into(),
        "<html></html>".into(),
        "[".repeat(100_000),
        format!("{{\"transactionLogHistory\":{}", "[".repeat(100_000)),
    ] {
        let short: String = body.chars().take(60).collect();
        assert!(
            matches!(read_text(body), Err(ApiError::Unknown(_))),
            "{short}"
        );
    }
}

#[test]
fn a_payment_that_these_keys_do_not_have() {
    for (status, body, absent) in [
        (404, "", true),
        (
            404,
            r#"{"statusCode":404,"message":"Resource not found"}"#,
            true,
        ),
        (
            400,
            r#"[{"errorGroup":"Merchant","errorCode":"35","errorMessage":"Requested Order not found"}]"#,
            true,
        ),
        (
            402,
            r#"[{"errorGroup":"Merchant","errorCode":35,"errorMessage":"Requested Order not found"}]"#,
            true,
        ),
        (
            500,
            r#"[{"errorGroup":"Merchant","errorCode":"35","errorMessage":"Requested Order not found"}]"#,
            false,
        ),
        (
            400,
            r#"[{"errorGroup":"Payment","errorCode":"35","errorMessage":"Requested Order not found"}]"#,
            false,
        ),
        (400, "Requested Order not found", false),
    ] {
        let bench = bench();
        bench.vipps.then(answer(status, body));
        let result = run(bench
            .api
            .read(&bench.cx, &bench.caller, &reference(), Currency::Nok));
        assert_eq!(result == Ok(None), absent, "{status} {body}: {result:?}");
    }
}

/// JSON of any shape, with names and words that Vipps uses.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        proptest::sample::select(vec![
            "INITIATE",
            "RESERVE",
            "SALE",
            "CAPTURE",
            "REFUND",
            "CANCEL",
            "VOID",
            "[Expired]"
        ])
        .prop_map(Value::from),
    ];
    let names = proptest::sample::select(vec![
        "orderId",
        "shippingDetails",
        "address",
        "addressLine1",
        "postCode",
        "country",
        "shippingCost",
        "shippingMethodId",
        "transactionLogHistory",
        "transactionSummary",
        "capturedAmount",
        "amount",
        "operation",
        "operationSuccess",
        "requestId",
        "timeStamp",
        "transactionId",
        "userDetails",
        "userId",
        "sub",
        "remainingAmountToCapture",
        "refundedAmount",
    ]);
    leaf.prop_recursive(4, 64, 8, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((names.clone(), inner), 0..8).prop_map(|fields| {
                Value::Object(fields.into_iter().map(|(n, v)| (n.to_owned(), v)).collect())
            }),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(body in "\\PC{0,200}") {
        let _ = read_text(body);
    }

    #[test]
    fn any_fields_are_read_without_panic_and_sums_are_never_below_nothing(
        history in any_json(), summary in any_json(), shipping in any_json(), user in any_json(),
    ) {
        let body = json!({
            "transactionLogHistory": [history], "transactionSummary": summary,
            "shippingDetails": shipping, "userDetails": user,
        });
        let truth = read(&body);
        let s = truth.sums;
        prop_assert!([s.authorised, s.captured, s.refunded, s.released].iter().all(|m| m.minor >= 0));
    }

    #[test]
    fn a_cost_in_decimals_is_the_same_amount(minor in 0_i64..10_000_000_000) {
        let body = format!(
            r#"{{"transactionLogHistory":[],"shippingDetails":{{"shippingMethodId":"a","shippingCost":{}}}}}"#,
            Money::nok(minor).decimal()
        );
        prop_assert_eq!(read_text(body).unwrap().unwrap().delivery.unwrap().cost, Money::nok(minor));
    }

    #[test]
    fn released_and_captured_never_exceed_what_was_authorised(
        reserved in 100_i64..100_000, captured in 0_i64..100_000, void in 0_i64..200_000,
    ) {
        let captured = captured.min(reserved);
        let body = history(&[entry("VOID", void, true), entry("CAPTURE", captured, true), entry("RESERVE", reserved, true)]);
        let s = read(&body).sums;
        prop_assert_eq!(s.authorised.minor, reserved);
        prop_assert!(s.captured.minor + s.released.minor <= reserved);
    }
}
