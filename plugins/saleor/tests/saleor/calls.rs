//! What Saleor asks: what is made of it, and what is never done.

use http::{Request, StatusCode};
use kasse_core::{
    Ask, Currency, ErrorKind, Express, Language, Money, Order, PaymentProvider, Refusal, VatRate,
    Verb,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::stage::{
    APP, CHECKOUT, ORDER, REFERENCE, Stage, TRANSACTION, checkout, event, paid, payment, place,
    recording, signed, start, webhook,
};

async fn read_on(stage: &Stage, event: &str, body: &Value) -> Result<Ask, Refusal> {
    stage.about("3.23.28", APP);
    let call = signed(event, &body.to_string());
    stage.adapter.read(&stage.cx, &call).await
}

async fn read(event: &str, body: &Value) -> Result<Ask, Refusal> {
    read_on(&Stage::new(), event, body).await
}

fn said(refusal: &Refusal) -> Value {
    assert_eq!(refusal.response.status(), StatusCode::OK);
    serde_json::from_slice(refusal.response.body()).unwrap()
}

fn initialize() -> Value {
    let mut body = webhook("075", "TransactionInitializeSession");
    body["sourceObject"] = checkout(&json!([]));
    body
}

async fn begin(body: &Value) -> Result<(Ask, Order), Refusal> {
    let ask = read("transaction_initialize_session", body).await?;
    let Verb::Initiate(order) = &ask.verb else {
        panic!("{ask:?}");
    };
    let order = (**order).clone();
    order.check().unwrap();
    Ok((ask, order))
}

#[tokio::test(start_paused = true)]
async fn a_payment_begins_with_the_whole_checkout() {
    let (ask, order) = begin(&initialize()).await.unwrap();
    assert_eq!(ask.at, place(CHECKOUT));
    assert_eq!(
        ask.key.unwrap().as_str(),
        format!("initialize/{TRANSACTION}/a3f1c2d4-0001")
    );
    let left = ask.answer_by.unwrap().duration_since(start());
    assert!(left.as_secs() == 15, "Saleor waits 18 s");
    insta::assert_json_snapshot!("initialize", order);
}

#[tokio::test(start_paused = true)]
async fn the_same_initialise_again_is_the_same_ask() {
    let (first, order) = begin(&initialize()).await.unwrap();
    let mut again = webhook("076", "TransactionInitializeSession");
    again["sourceObject"] = checkout(&json!([]));
    let (again, same) = begin(&again).await.unwrap();
    assert_eq!((&first.key, order.cart()), (&again.key, same.cart()));
    let mut other = initialize();
    other["idempotencyKey"] = "another".into();
    let (other, _) = begin(&other).await.unwrap();
    assert_ne!(other.key, again.key);
}

#[tokio::test(start_paused = true)]
async fn an_express_payment_is_without_the_delivery() {
    let mut body = initialize();
    body["data"] = json!({ "express": true });
    let (_, order) = begin(&body).await.unwrap();
    assert_eq!(order.express, Some(Express::Dynamic));
    assert_eq!(order.amount, Money::nok(134_802));
    // A checkout that was given no delivery yet comes to the same.
    body["sourceObject"]["deliveryMethod"] = Value::Null;
    let nothing = json!({ "gross": { "amount": 0.0 }, "net": { "amount": 0.0 } });
    body["sourceObject"]["shippingPrice"] = nothing;
    body["sourceObject"]["totalPrice"]["gross"]["amount"] = 1348.02.into();
    body["action"]["amount"] = 1348.02.into();
    let (_, bare) = begin(&body).await.unwrap();
    assert_eq!(bare.cart(), order.cart());
}

#[tokio::test(start_paused = true)]
async fn express_is_only_for_what_is_delivered() {
    let mut body = initialize();
    body["data"] = json!({ "express": true });
    body["sourceObject"]["isShippingRequired"] = false.into();
    let answer = said(&begin(&body).await.unwrap_err());
    assert_eq!(answer["result"], "AUTHORIZATION_FAILURE");
}

#[tokio::test(start_paused = true)]
async fn less_than_the_total_is_a_part_by_tax_rate() {
    let mut body = initialize();
    body["action"]["amount"] = 500.00.into();
    let (_, order) = begin(&body).await.unwrap();
    assert_eq!(order.amount, Money::nok(50_000));
    let lines: Vec<_> = order.lines.iter().map(|it| (it.vat, it.total)).collect();
    assert_eq!(
        lines,
        [
            (VatRate::percent(15), Money::nok(2_867)),
            (VatRate::percent(25), Money::nok(47_133)),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_begun_is_a_failure_in_saleors_words() {
    let change = |pointer: &str, value: Value| {
        let mut body = initialize();
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    let away = json!({ "returnUrl": "https://elsewhere.example/thanks" });
    for body in [
        change("/action/amount", json!(1397.03)),
        change("/action/amount", json!(13.975)),
        change("/action/currency", json!("SEK")),
        change("/sourceObject/channel/currencyCode", json!("SEK")),
        change("/sourceObject/totalPrice/gross/amount", json!(1397.021)),
        change("/data", away),
    ] {
        let answer = said(&begin(&body).await.unwrap_err());
        assert_eq!(answer["result"], "AUTHORIZATION_FAILURE", "{answer}");
        assert!(!answer["message"].as_str().unwrap().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn the_storefront_may_say_where_to_come_back_to_on_its_own_site() {
    let mut body = initialize();
    body["data"] = json!({ "returnUrl": "https://shop.example/nb/kvittering?x=1", "phone": "99" });
    let (_, order) = begin(&body).await.unwrap();
    let to = order.return_to.as_str();
    assert_eq!(to, "https://shop.example/nb/kvittering?x=1");
    assert_eq!(order.buyer.phone.as_deref(), Some("99"));
    body["data"] = Value::Null;
    let (_, order) = begin(&body).await.unwrap();
    let to = order.return_to.as_str();
    assert!(
        to.starts_with("https://shop.example/thanks/Q2hlY2tvdXQ6"),
        "{to}"
    );
}

#[tokio::test(start_paused = true)]
async fn errors_beside_the_data_do_not_matter_where_the_data_is_there() {
    let mut body = initialize();
    body["errors"] = json!([{ "message": "No permission" }]);
    assert!(begin(&body).await.is_ok());
    // Without it, it cannot be read, and Saleor says so to the storefront.
    body["sourceObject"] = Value::Null;
    let refusal = begin(&body).await.unwrap_err();
    assert_eq!(refusal.response.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test(start_paused = true)]
async fn the_gateway_has_nothing_to_tell() {
    let body = webhook("074", "PaymentGatewayInitializeSession");
    let ask = read("payment_gateway_initialize_session", &body).await;
    let Verb::Answered(answer) = ask.unwrap().verb else {
        panic!("it is answered");
    };
    assert_eq!(answer.body().as_ref(), br#"{"data":{}}"#);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_nobody_asked_for_is_taken_note_of() {
    let refusal = read("order_updated", &json!({ "order": {} })).await;
    let refusal = refusal.unwrap_err();
    assert_eq!(refusal.response.status(), StatusCode::OK);
}

fn process() -> Value {
    webhook("077", "TransactionProcessSession")
}

#[tokio::test(start_paused = true)]
async fn the_shopper_is_back() {
    let stage = Stage::new();
    stage.has(&payment()).await;
    let body = process();
    let ask = read_on(&stage, "transaction_process_session", &body).await;
    let ask = ask.unwrap();
    assert!(matches!(ask.verb, Verb::Details));
    assert_eq!(ask.at, place(CHECKOUT));
    assert_eq!(ask.payment.unwrap().as_str(), REFERENCE);
}

#[tokio::test(start_paused = true)]
async fn money_of_one_attempt_is_not_shown_on_another() {
    let stage = Stage::new();
    stage.has(&payment()).await;
    let mut body = process();
    let success = event("AUTHORIZATION_SUCCESS", REFERENCE, 1397.02, "");
    body["sourceObject"]["transactions"] = json!([
        { "id": "VHJhbnNhY3Rpb25JdGVtOm90aGVy", "pspReference": REFERENCE, "events": [success] },
        { "id": TRANSACTION, "pspReference": REFERENCE, "events": [] },
    ]);
    let refusal = read_on(&stage, "transaction_process_session", &body).await;
    let answer = said(&refusal.unwrap_err());
    assert_eq!(answer["result"], "AUTHORIZATION_FAILURE");
}

#[tokio::test(start_paused = true)]
async fn a_transaction_without_a_payment_is_a_failure() {
    let mut body = process();
    body["transaction"]["pspReference"] = "".into();
    let answer = said(
        &read("transaction_process_session", &body)
            .await
            .unwrap_err(),
    );
    assert_eq!(answer["result"], "AUTHORIZATION_FAILURE");
}

/// A request of the merchant, with the events that our manifest asks for.
fn request(file: &str, typename: &str, requests: &Value) -> Value {
    let mut body = webhook(file, typename);
    body["transaction"]["pspReference"] = REFERENCE.into();
    body["transaction"]["events"] = requests.clone();
    body["transaction"]["order"] = json!({ "id": ORDER, "checkoutId": CHECKOUT });
    body
}

fn of(kind: &str, key: Value, at: &str, amount: f64) -> Value {
    json!({
        "id": format!("id-{at}"), "type": kind, "pspReference": "", "idempotencyKey": key,
        "createdAt": format!("2026-11-22T{at}+00:00"), "amount": { "amount": amount },
    })
}

/// Reads a request for a payment that became an order, or is about to.
async fn acted(event: &str, body: &Value, known: bool) -> Result<Ask, Refusal> {
    let stage = Stage::new();
    let mut payment = paid();
    if known {
        payment.begun_for = Some(place(CHECKOUT));
        payment.order = place(ORDER);
    }
    stage.has(&payment).await;
    read_on(&stage, event, body).await
}

#[tokio::test(start_paused = true)]
async fn charges_refunds_and_cancellations_carry_amount_and_key() {
    for (file, event, typename, kind) in [
        (
            "081",
            "transaction_charge_requested",
            "TransactionChargeRequested",
            "CHARGE_REQUEST",
        ),
        (
            "086",
            "transaction_refund_requested",
            "TransactionRefundRequested",
            "REFUND_REQUEST",
        ),
        (
            "093",
            "transaction_cancelation_requested",
            "TransactionCancelationRequested",
            "CANCEL_REQUEST",
        ),
    ] {
        let amount = recording(file).request.body["action"]["amount"].clone();
        let requests = json!([of(
            kind,
            "key-1".into(),
            "11:59:59",
            amount.as_f64().unwrap()
        )]);
        let ask = acted(event, &request(file, typename, &requests), true).await;
        let ask = ask.unwrap();
        assert_eq!(
            ask.key.unwrap().as_str(),
            format!("{kind}/{}/key-1", transaction(file))
        );
        assert_eq!(ask.payment.unwrap().as_str(), REFERENCE);
        assert_eq!(ask.at, place(ORDER));
        match (ask.verb, file) {
            (Verb::Capture(part) | Verb::Refund(part), "081" | "086") => {
                assert_eq!(part.amount, Some(Money::nok(10_000)));
            }
            (Verb::Cancel, "093") => {}
            (verb, _) => panic!("{file}: {verb:?}"),
        }
    }
}

fn transaction(file: &str) -> String {
    let body = recording(file).request.body;
    body["transaction"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_charge_of_all_that_saleor_shows_is_a_charge_of_what_is_left() {
    let mut body = request("081", "TransactionChargeRequested", &json!([]));
    body["transaction"]["authorizedAmount"]["amount"] = 100.into();
    body["transaction"]["chargedAmount"]["amount"] = 1000.5.into();
    body["transaction"]["refundedAmount"]["amount"] = 0.5.into();
    let ask = acted("transaction_charge_requested", &body, true)
        .await
        .unwrap();
    let Verb::Capture(part) = &ask.verb else {
        panic!()
    };
    assert_eq!(part.amount, None);
    assert_eq!(ask.engine["shown"], 100_100);
    // Less is so much, and a refund is always so much: "what is left" could be more than was asked.
    body["transaction"]["authorizedAmount"]["amount"] = 100.01.into();
    let ask = acted("transaction_charge_requested", &body, true)
        .await
        .unwrap();
    let Verb::Capture(part) = &ask.verb else {
        panic!()
    };
    assert_eq!(part.amount, Some(Money::nok(10_000)));
    let mut body = request("086", "TransactionRefundRequested", &json!([]));
    body["transaction"]["authorizedAmount"]["amount"] = 100.into();
    body["transaction"]["chargedAmount"]["amount"] = 100.into();
    let ask = acted("transaction_refund_requested", &body, true)
        .await
        .unwrap();
    let Verb::Refund(part) = ask.verb else {
        panic!()
    };
    assert_eq!(part.amount, Some(Money::nok(10_000)));
}

#[tokio::test(start_paused = true)]
async fn a_request_may_name_the_order_before_kasse_has_heard_of_it() {
    let body = request("081", "TransactionChargeRequested", &json!([]));
    let ask = acted("transaction_charge_requested", &body, false)
        .await
        .unwrap();
    assert_eq!(ask.at, place(CHECKOUT));
}

#[tokio::test(start_paused = true)]
async fn a_payment_of_another_order_is_not_touched() {
    let mut body = request("081", "TransactionChargeRequested", &json!([]));
    body["transaction"]["order"] = json!({ "id": "T3JkZXI6b3RoZXI=", "checkoutId": null });
    let refusal = acted("transaction_charge_requested", &body, true).await;
    assert_eq!(said(&refusal.unwrap_err())["result"], "CHARGE_FAILURE");
    body["transaction"]["pspReference"] = "acme-unknown-1".into();
    let refusal = acted("transaction_charge_requested", &body, true).await;
    assert_eq!(said(&refusal.unwrap_err())["result"], "CHARGE_FAILURE");
}

#[tokio::test(start_paused = true)]
async fn the_newest_request_of_that_amount_gives_the_key() {
    let kind = "REFUND_REQUEST";
    let key = async |requests: Value| {
        let body = request("086", "TransactionRefundRequested", &requests);
        let ask = acted("transaction_refund_requested", &body, true).await;
        ask.unwrap()
            .key
            .map(|key| key.as_str().rsplit('/').next().unwrap().to_owned())
    };
    // Refunds that are asked for twice are two refunds; a webhook that is sent twice is one.
    let older = of(kind, "key-1".into(), "11:59:00.5", 100.0);
    let newer = of(kind, "key-2".into(), "11:59:01.25", 100.0);
    assert_eq!(key(json!([newer, older])).await.as_deref(), Some("key-2"));
    assert_eq!(key(json!([older, newer])).await.as_deref(), Some("key-2"));
    assert_eq!(key(json!([older])).await.as_deref(), Some("key-1"));
    // Two at once, of two amounts.
    let other = of(kind, "key-3".into(), "11:59:02", 50.0);
    assert_eq!(key(json!([other, newer])).await.as_deref(), Some("key-2"));
    // Older Saleors have no key: the event's id stands for it.
    let unnamed = of(kind, Value::Null, "11:59:03", 100.0);
    assert_eq!(key(json!([unnamed])).await.as_deref(), Some("id-11:59:03"));
    assert_eq!(key(json!([])).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_refund_arrives_clipped_and_a_refund_of_nothing_stays_nothing() {
    let body = request("089", "TransactionRefundRequested", &json!([]));
    let ask = acted("transaction_refund_requested", &body, true)
        .await
        .unwrap();
    let Verb::Refund(part) = ask.verb else {
        panic!()
    };
    assert_eq!(part.amount, Some(Money::nok(107_611)));
    let mut body = body;
    body["action"]["amount"] = 0.into();
    let ask = acted("transaction_refund_requested", &body, true)
        .await
        .unwrap();
    let Verb::Refund(part) = ask.verb else {
        panic!()
    };
    assert_eq!(part.amount, Some(Money::nok(0)), "it never means all");
}

#[tokio::test(start_paused = true)]
async fn a_refund_with_a_grant_is_read_like_any_other() {
    let body = request("088", "TransactionRefundRequested", &json!([]));
    assert!(
        acted("transaction_refund_requested", &body, true)
            .await
            .is_ok()
    );
}

#[tokio::test(start_paused = true)]
async fn hostile_bodies_are_refused_and_never_a_5xx() {
    for body in [
        "{}",
        "[]",
        "null",
        "\"\"",
        "{\"__typename\":1}",
        "{",
        "\u{0}",
    ] {
        let stage = Stage::new();
        stage.about("3.23.28", APP);
        let call = signed("transaction_charge_requested", body);
        let refusal = stage.adapter.read(&stage.cx, &call).await.unwrap_err();
        let status = refusal.response.status();
        assert!(status.is_client_error(), "{body}: {status}");
    }
}

#[tokio::test(start_paused = true)]
async fn other_paths_and_methods_are_not_there() {
    for (method, path) in [("GET", "/"), ("POST", "/capture"), ("POST", "/manifest")] {
        let stage = Stage::new();
        let call = Request::builder().method(method).uri(path);
        let call = call.body(bytes::Bytes::new()).unwrap();
        let refusal = stage.adapter.read(&stage.cx, &call).await.unwrap_err();
        assert_eq!(refusal.response.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_language_is_that_of_the_checkout() {
    for (code, language) in [
        ("NB", Language::Nb),
        ("NN_NO", Language::Nb),
        ("DA_DK", Language::Da),
        ("FI", Language::Fi),
        ("SV_FI", Language::Sv),
        ("EN_US", Language::En),
        ("DE", Language::En),
    ] {
        let mut body = initialize();
        body["sourceObject"]["languageCode"] = code.into();
        assert_eq!(
            begin(&body).await.unwrap().1.buyer.language,
            language,
            "{code}"
        );
    }
}

#[test]
fn an_unsupported_saleor_is_refused_at_start() {
    let run = |version: &'static str| {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let stage = Stage::new();
            stage.about(version, APP);
            let met = stage.adapter.meet(&stage.cx).await;
            (met, stage.adapter.system().headers()[1].1.to_owned())
        })
    };
    let (met, version) = run("3.23.28");
    assert_eq!((met, version.as_str()), (Ok(()), "3.23.28"));
    assert!(run("3.20.0").0.is_ok());
    for old in ["3.19.99", "2.11.0", "nonsense"] {
        let (met, version) = run(old);
        assert_eq!(met.unwrap_err().kind, ErrorKind::Configuration, "{old}");
        assert_eq!(version, "unknown");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is paid of it, the lines add up to it, to the øre.
    #[test]
    fn any_part_is_read_exactly(minor in 1_i64..=139_702) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let text = Money::nok(minor).decimal();
        let mut body = initialize();
        body["action"]["amount"] = serde_json::from_str(&text).unwrap();
        let (ask, order) = runtime.block_on(begin(&body)).unwrap();
        prop_assert_eq!(order.amount, Money::new(minor, Currency::Nok));
        prop_assert_eq!(&ask.engine["amount"], &json!(minor));
    }
}

/// A payment that is not the shop's is not even looked for.
#[tokio::test(start_paused = true)]
async fn references_that_are_none_are_failures() {
    for reference in ["", "x", "12345678", "a b c d e f g", &"a".repeat(60)] {
        let mut body = request("081", "TransactionChargeRequested", &json!([]));
        body["transaction"]["pspReference"] = reference.into();
        let refusal = acted("transaction_charge_requested", &body, true).await;
        assert_eq!(said(&refusal.unwrap_err())["result"], "CHARGE_FAILURE");
    }
}
