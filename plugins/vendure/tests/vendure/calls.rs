//! The shop's calls: who is believed, what is asked, what is answered.

use bytes::Bytes;
use http::{Request, StatusCode};
use kasse_core::piece::Piece;
use kasse_core::{
    Ask, Error, ErrorKind, Language, Outcome, Payment, PaymentProvider, PaymentState, Refusal, Verb,
};
use serde_json::{Value, json};

use crate::stage::{
    SECRET, Stage, authorised, captured, happen, order, payment, refunded, released,
};

fn signed(verb: &str, body: &Value) -> Request<Bytes> {
    let cx = Stage::new().cx;
    let mut request = Request::post(format!("/engine/fjell/{verb}"))
        .body(Bytes::from(body.to_string()))
        .unwrap();
    let piece = Piece::new("vendure", SECRET.to_owned().into()).unwrap();
    piece.sign(&cx, &mut request);
    // As kasse's server hands it on.
    *request.uri_mut() = format!("/{verb}").parse().unwrap();
    request
}

async fn read(request: &Request<Bytes>) -> Result<Ask, Refusal> {
    let stage = Stage::new();
    stage.adapter.read(&stage.cx, request).await
}

fn act() -> Value {
    json!({ "order": "JZDXSFBU4HFAZ2XY", "reference": "fjell-JZDXSFBU4HFAZ2XY" })
}

fn refund(amount: i64, refunded: i64, refused: u32) -> Value {
    let mut ask = act();
    ask["currencyCode"] = "NOK".into();
    ask["amount"] = amount.into();
    ask["refunded"] = refunded.into();
    ask["refused"] = refused.into();
    ask
}

#[tokio::test(start_paused = true)]
async fn what_the_shop_did_not_sign_changes_nothing() {
    let changes: [fn(&mut Request<Bytes>); 3] = [
        |call| call.headers_mut().clear(),
        |call| *call.uri_mut() = "/cancel".parse().unwrap(),
        |call| *call.body_mut() = Bytes::from_static(b"{}"),
    ];
    for change in changes {
        let mut call = signed("capture", &act());
        change(&mut call);
        let refusal = read(&call).await.unwrap_err();
        let status = refusal.response.status();
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{}", refusal.why);
    }
    let stage = Stage::new();
    let call = signed("capture", &act());
    assert!(stage.adapter.read(&stage.cx, &call).await.is_ok());
    let again = stage.adapter.read(&stage.cx, &call).await.unwrap_err();
    assert_eq!(again.response.status(), StatusCode::CONFLICT);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_refused_and_quoted_nowhere() {
    for (verb, body, status) in [
        ("nothing", act(), StatusCode::NOT_FOUND),
        ("capture", json!([]), StatusCode::BAD_REQUEST),
        (
            "capture",
            json!({ "order": "Kari Nordmann" }),
            StatusCode::BAD_REQUEST,
        ),
        (
            "capture",
            json!({ "order": "\u{0}", "reference": "fjell-1" }),
            StatusCode::BAD_REQUEST,
        ),
        (
            "capture",
            json!({ "order": "1", "reference": "no reference" }),
            StatusCode::BAD_REQUEST,
        ),
        ("refund", act(), StatusCode::BAD_REQUEST),
        ("refund", refund(i64::MAX, 1, 0), StatusCode::BAD_REQUEST),
        (
            "initiate",
            json!({ "order": { "code": "1" } }),
            StatusCode::BAD_REQUEST,
        ),
        (
            "initiate",
            json!({ "order": order(), "amount": 1 }),
            StatusCode::BAD_REQUEST,
        ),
    ] {
        let refusal = read(&signed(verb, &body)).await.unwrap_err();
        assert_eq!(
            refusal.response.status(),
            status,
            "{verb} {body}: {}",
            refusal.why
        );
        assert!(!refusal.why.contains("Nordmann"), "{}", refusal.why);
    }
}

#[tokio::test(start_paused = true)]
async fn a_payment_begins_with_the_order_that_the_shop_sent() {
    let ask = read(&signed(
        "initiate",
        &json!({ "order": order(), "amount": 27_292 }),
    ))
    .await
    .unwrap();
    let Verb::Initiate(order) = &ask.verb else {
        panic!("{ask:?}")
    };
    assert_eq!((order.amount.minor, order.express), (27_292, None));
    assert_eq!(
        order.return_to.as_str(),
        "https://shop.example/thanks/JZDXSFBU4HFAZ2XY"
    );
    assert_eq!(
        (order.buyer.language, order.buyer.phone.as_deref()),
        (Language::Nb, Some("+4790012345"))
    );
}

#[tokio::test(start_paused = true)]
async fn an_express_payment_begins_with_the_address_that_the_shop_sent() {
    let mut cart = order();
    cart["state"] = "AddingItems".into();
    cart["shippingAddress"] = json!({ "streetLine1": "Grønlandsleiret 15B", "city": "Oslo",
        "postalCode": "0190", "countryCode": "NO" });
    let call = signed("initiate", &json!({ "order": cart, "express": true }));
    let ask = read(&call).await.unwrap();
    assert!(!format!("{ask:?}").contains("Grønland"));
    let Verb::Initiate(order) = &ask.verb else {
        panic!("{ask:?}")
    };
    let address = order.buyer.address.as_ref().unwrap();
    assert_eq!(address.line1, "Grønlandsleiret 15B");
    assert_eq!((&*address.post_code, &*address.country), ("0190", "NO"));
}

#[tokio::test(start_paused = true)]
async fn an_ask_names_its_payment_its_echo_and_a_key_that_tells_refunds_apart() {
    let mut echo = act();
    echo["echo"] = "main/fjell-JZDXSFBU4HFAZ2XY/3".into();
    let ask = read(&signed("cancel", &echo)).await.unwrap();
    assert!(matches!(ask.verb, Verb::Cancel) && ask.echo.is_some() && ask.key.is_none());
    assert_eq!(ask.payment.unwrap().as_str(), "fjell-JZDXSFBU4HFAZ2XY");
    let key = async |amount, refunded, refused| {
        read(&signed("refund", &refund(amount, refunded, refused)))
            .await
            .unwrap()
            .key
            .unwrap()
    };
    let first = key(100, 0, 0).await;
    assert_eq!(first, key(100, 0, 0).await, "asked again, it is the same");
    for other in [
        key(100, 100, 0).await,
        key(200, 0, 0).await,
        key(100, 0, 1).await,
    ] {
        assert_ne!(first, other);
    }
}

/// What the shop is told of a payment.
async fn told(
    verb: &str,
    body: &Value,
    outcome: impl Fn(Box<Payment>) -> Outcome,
    payment: &Payment,
) -> (StatusCode, Value) {
    let stage = Stage::new();
    let ask = stage
        .adapter
        .read(&stage.cx, &signed(verb, body))
        .await
        .unwrap();
    let answer = stage
        .adapter
        .answer(&ask, &outcome(Box::new(payment.clone())));
    (
        answer.status(),
        serde_json::from_slice(answer.body()).unwrap(),
    )
}

#[tokio::test(start_paused = true)]
async fn done_is_what_stands_at_vipps() {
    let done = async |verb: &str, body: &Value, payment: &Payment| {
        let (status, answer) = told(verb, body, Outcome::Done, payment).await;
        assert_eq!(status, StatusCode::OK);
        assert!(
            answer["redirect"].is_null(),
            "the address is the customer's alone"
        );
        answer["done"] == true
    };
    let mut paid = payment();
    happen(&mut paid, authorised(27_292));
    assert!(!done("capture", &act(), &paid).await);
    assert!(!done("cancel", &act(), &paid).await);
    let mut part = paid.clone();
    happen(&mut part, captured(10_000));
    assert!(!done("capture", &act(), &part).await);
    happen(&mut part, released(17_292));
    assert!(
        !done("capture", &act(), &part).await,
        "not the whole was captured"
    );
    assert!(
        !done("cancel", &act(), &part).await,
        "not the whole was let go"
    );
    let mut whole = paid.clone();
    happen(&mut whole, captured(27_292));
    assert!(done("capture", &act(), &whole).await);
    assert!(!done("refund", &refund(100, 0, 0), &whole).await);
    happen(&mut whole, refunded(100));
    assert!(done("refund", &refund(100, 0, 0), &whole).await);
    assert!(
        !done("refund", &refund(100, 100, 0), &whole).await,
        "the second is another one"
    );
    happen(&mut paid, released(27_292));
    assert!(done("cancel", &act(), &paid).await);
    let dead = Payment {
        state: PaymentState::Rejected,
        ..payment()
    };
    assert!(done("cancel", &act(), &dead).await);
    assert!(!done("capture", &act(), &dead).await);
}

#[tokio::test(start_paused = true)]
async fn each_outcome_has_its_answer() {
    let begin = json!({ "order": order(), "amount": 27_292 });
    let started = told("initiate", &begin, Outcome::Started, &payment()).await;
    let pending = told("capture", &act(), Outcome::Pending, &payment()).await;
    let refuse = |_| {
        let what = "The capture of payment fjell-1 was not done";
        Outcome::Refused(Error::invalid(
            what,
            "the amount is 0.00 NOK.",
            "Give an amount above nothing.",
        ))
    };
    let merchant = told("capture", &act(), refuse, &payment()).await;
    let customer = told("initiate", &begin, refuse, &payment()).await;
    let all = [started, pending, merchant, customer]
        .map(|(status, answer)| json!([status.as_u16(), answer]));
    insta::assert_json_snapshot!("answers", all);
    assert_eq!(Error::invalid("", "", "").kind, ErrorKind::Invalid);
}
