//! The shop's calls: who is believed, what is asked, what is answered.

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use kasse_core::{
    Ask, Error, Language, Money, Outcome, Payment, PaymentProvider, PaymentState, Refusal, Verb,
};
use serde_json::{Value, json};

use crate::stage::{
    REFERENCE, Stage, authorised, captured, happen, order, payment, piece, refunded, released,
};

const TOTAL: i64 = 139_702;

fn signed_as(stage: &Stage, method: Method, verb: &str, body: &Value) -> Request<Bytes> {
    let mut request = Request::builder()
        .method(method)
        .uri(format!("/engine/fjell/{verb}"))
        .body(Bytes::from(body.to_string()))
        .unwrap();
    piece().sign(&stage.cx, &mut request);
    // kasse's server hands it on without the shop.
    *request.uri_mut() = format!("/{verb}").parse().unwrap();
    request
}

async fn read_on(stage: &Stage, verb: &str, body: &Value) -> Result<Ask, Refusal> {
    let request = signed_as(stage, Method::POST, verb, body);
    stage.adapter.read(&stage.cx, &request).await
}

async fn read(verb: &str, body: &Value) -> Result<Ask, Refusal> {
    let stage = Stage::new();
    let mut paid = payment();
    happen(&mut paid, authorised(TOTAL));
    stage.journaled(&paid).await;
    read_on(&stage, verb, body).await
}

fn begin() -> Value {
    json!({
        "order": order(),
        "return_url": "https://shop.example/checkout/order-received/17/?key=wc_order_x",
        "express": false,
        "language": "nb",
        "versions": { "woocommerce": "11.0.1", "wordpress": "7.0.4", "php": "8.2.29", "plugin": "0.1.0" },
    })
}

fn act() -> Value {
    json!({ "order": "17", "reference": REFERENCE })
}

fn amount(amount: &str) -> Value {
    let mut ask = act();
    ask["amount"] = amount.into();
    ask["currency"] = "NOK".into();
    ask
}

fn refund(of: &str, id: &str) -> Value {
    let mut ask = amount(of);
    ask["refund"] = id.into();
    ask
}

#[tokio::test(start_paused = true)]
async fn what_the_shop_did_not_sign_just_now_or_said_already_is_refused() {
    let stage = Stage::new();
    let good = signed_as(&stage, Method::POST, "cancel", &act());
    let mut unsigned = good.clone();
    unsigned.headers_mut().remove("x-kasse-signature");
    let mut other = good.clone();
    *other.body_mut() = Bytes::from(act().to_string() + " ");
    let mut elsewhere = good.clone();
    *elsewhere.uri_mut() = "/refund".parse().unwrap();
    for forged in [unsigned, other, elsewhere] {
        let refusal = stage.adapter.read(&stage.cx, &forged).await.unwrap_err();
        assert_eq!(refusal.response.status(), StatusCode::UNAUTHORIZED);
    }
    stage.adapter.read(&stage.cx, &good).await.unwrap();
    let refusal = stage.adapter.read(&stage.cx, &good).await.unwrap_err();
    assert_eq!(refusal.response.status(), StatusCode::CONFLICT);
    let late = signed_as(&stage, Method::POST, "cancel", &act());
    tokio::time::advance(std::time::Duration::from_secs(301)).await;
    let refusal = stage.adapter.read(&stage.cx, &late).await.unwrap_err();
    assert_eq!(refusal.response.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_refused_and_quoted_nowhere() {
    let mut sek = begin();
    sek["order"]["currency"] = "SEK".into();
    let mut script = begin();
    script["return_url"] = "javascript:alert(1)".into();
    for (verb, body, status) in [
        ("nothing", act(), 404),
        ("capture", json!([]), 400),
        ("cancel", json!({ "order": "Kari Nordmann" }), 400),
        (
            "cancel",
            json!({ "order": "17/notes", "reference": REFERENCE }),
            400,
        ),
        (
            "cancel",
            json!({ "order": "17", "reference": "no reference" }),
            400,
        ),
        ("capture", act(), 400),
        ("capture", amount("12,50"), 400),
        ("capture", amount("12.505"), 400),
        ("refund", amount("12.50"), 400),
        ("refund", refund("1e3", "61"), 400),
        ("initiate", json!({ "order": { "id": 17 } }), 400),
        ("initiate", sek, 400),
        ("initiate", script, 400),
    ] {
        let refusal = read(verb, &body).await.unwrap_err();
        assert_eq!(
            refusal.response.status(),
            status,
            "{verb} {body}: {}",
            refusal.why
        );
        assert!(!refusal.why.contains("Nordmann"), "{}", refusal.why);
    }
    let stage = Stage::new();
    let get = signed_as(&stage, Method::GET, "cancel", &act());
    let refusal = stage.adapter.read(&stage.cx, &get).await.unwrap_err();
    assert_eq!(refusal.response.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test(start_paused = true)]
async fn a_payment_begins_with_the_order_that_the_shop_sent() {
    let stage = Stage::new();
    let ask = read_on(&stage, "initiate", &begin()).await.unwrap();
    let Verb::Initiate(order) = &ask.verb else {
        panic!("{ask:?}")
    };
    assert_eq!((order.amount.minor, order.express), (TOTAL, None));
    assert_eq!(
        order.return_to.as_str(),
        "https://shop.example/checkout/order-received/17/?key=wc_order_x"
    );
    assert_eq!(
        (order.buyer.language, order.buyer.phone.as_deref()),
        (Language::Nb, Some("+4790012345"))
    );
    assert!(
        stage.asked().is_empty(),
        "the shop waits, and is not asked back"
    );
    // The same order as kasse reads it.
    stage.answers(crate::stage::order());
    let read = stage.adapter.order(&stage.cx, &ask.at).await.unwrap();
    assert_eq!(read, **order);
    // The shop says its version with each payment.
    assert_eq!(stage.adapter.system().headers()[1].1, "11.0.1");
    let mut old = begin();
    old["versions"]["woocommerce"] = "8.2.0".into();
    let refusal = read_on(&stage, "initiate", &old).await.unwrap_err();
    assert!(refusal.why.contains("8.2.0"), "{}", refusal.why);
}

#[tokio::test(start_paused = true)]
async fn languages_are_those_of_the_shops_locale() {
    for (locale, language) in [
        ("nb", Language::Nb),
        ("nn_NO", Language::Nb),
        ("da_DK", Language::Da),
        ("fi", Language::Fi),
        ("sv-SE", Language::Sv),
        ("en_GB", Language::En),
        ("de_DE_formal", Language::En),
        ("", Language::En),
    ] {
        let mut begin = begin();
        begin["language"] = locale.into();
        let Verb::Initiate(order) = read("initiate", &begin).await.unwrap().verb else {
            panic!("no initiate")
        };
        assert_eq!(order.buyer.language, language, "{locale}");
    }
}

#[derive(Debug, PartialEq)]
enum Wanted {
    Rest,
    Of(i64),
    Nothing,
}

#[tokio::test(start_paused = true)]
async fn a_capture_is_what_is_missing_of_what_the_merchant_keeps() {
    let of = async |payment: &Payment, keeps: &str| {
        let stage = Stage::new();
        stage.journaled(payment).await;
        let ask = read_on(&stage, "capture", &amount(keeps)).await.unwrap();
        assert_eq!(ask.payment.as_ref().unwrap().as_str(), REFERENCE);
        let wanted = match ask.verb {
            Verb::Capture(part) => part
                .amount
                .map_or(Wanted::Rest, |part| Wanted::Of(part.minor)),
            Verb::Details => Wanted::Nothing,
            other => panic!("{other:?}"),
        };
        (wanted, ask.key)
    };
    let mut paid = payment();
    happen(&mut paid, authorised(TOTAL));
    let (whole, first) = of(&paid, "1397.02").await;
    assert_eq!(whole, Wanted::Rest);
    assert_eq!(
        of(&paid, "1397.02").await.1,
        first,
        "asked again, it is the same"
    );
    let (part, other) = of(&paid, "1297.02").await;
    assert_eq!(part, Wanted::Of(TOTAL - 10_000));
    assert_ne!(first, other);
    // More than is reserved is not cut to what is: it is refused.
    assert_eq!(of(&paid, "1397.03").await.0, Wanted::Of(TOTAL + 1));
    // A part was captured at Vipps, and some of it given back.
    happen(&mut paid, captured(40_000));
    let (rest, second) = of(&paid, "1397.02").await;
    assert_eq!(rest, Wanted::Rest);
    assert_ne!(first, second);
    assert_eq!(of(&paid, "1000.00").await.0, Wanted::Of(60_000));
    happen(&mut paid, refunded(10_000));
    assert_eq!(of(&paid, "1297.02").await.0, Wanted::Rest);
    assert_eq!(of(&paid, "1000.00").await.0, Wanted::Of(70_000));
    // All of it is there: it is looked up, and nothing is captured twice.
    happen(&mut paid, captured(TOTAL - 40_000));
    assert_eq!(of(&paid, "1297.02").await, (Wanted::Nothing, None));
    assert_eq!(of(&paid, "0.01").await.0, Wanted::Nothing);
    // Nothing is handed on as nothing, which is refused: it is not "all".
    assert_eq!(of(&paid, "0.00").await.0, Wanted::Of(0));
    // A payment that kasse does not know.
    let refusal = read_on(&Stage::new(), "capture", &amount("1.00"))
        .await
        .unwrap_err();
    assert_eq!(refusal.response.status(), StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn a_capture_that_was_refused_may_be_asked_anew() {
    let stage = Stage::new();
    let mut paid = payment();
    happen(&mut paid, authorised(TOTAL));
    stage.journaled(&paid).await;
    let key = async || {
        read_on(&stage, "capture", &amount("1397.02"))
            .await
            .unwrap()
            .key
    };
    let (first, again) = (key().await, key().await);
    assert_eq!(first, again);
    stage.refused_at_vipps(&paid).await;
    assert_ne!(
        first,
        key().await,
        "the same key is answered with the same refusal"
    );
}

#[tokio::test(start_paused = true)]
async fn refunds_are_told_apart_by_woocommerces_id() {
    let ask = read("refund", &refund("300.00", "61")).await.unwrap();
    let Verb::Refund(part) = &ask.verb else {
        panic!("{ask:?}")
    };
    assert_eq!(part.amount, Some(Money::nok(30_000)));
    assert_eq!(ask.key.unwrap().as_str(), "refund-61");
    let ask = read("cancel", &act()).await.unwrap();
    assert!(matches!(ask.verb, Verb::Cancel) && ask.key.is_none() && ask.echo.is_none());
}

/// What the shop is told of a payment.
async fn told(
    verb: &str,
    body: &Value,
    outcome: impl Fn(Box<Payment>) -> Outcome,
    payment: &Payment,
) -> (StatusCode, Value) {
    let stage = Stage::new();
    stage.journaled(payment).await;
    let ask = read_on(&stage, verb, body).await.unwrap();
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
        assert_ne!(answer["done"], answer["refused"]);
        answer["done"] == true
    };
    let all = amount("1397.02");
    let mut paid = payment();
    happen(&mut paid, authorised(TOTAL));
    assert!(!done("capture", &all, &paid).await);
    assert!(!done("cancel", &act(), &paid).await);
    let mut part = paid.clone();
    happen(&mut part, captured(40_000));
    assert!(!done("capture", &all, &part).await);
    assert!(done("capture", &amount("400.00"), &part).await);
    happen(&mut part, released(TOTAL - 40_000));
    assert!(
        !done("capture", &all, &part).await,
        "not the whole was captured"
    );
    assert!(
        done("cancel", &act(), &part).await,
        "what was left is let go"
    );
    let mut whole = paid.clone();
    happen(&mut whole, captured(TOTAL));
    assert!(done("capture", &all, &whole).await);
    happen(&mut whole, refunded(100));
    assert!(
        !done("capture", &all, &whole).await,
        "it keeps less than that"
    );
    assert!(done("refund", &refund("1.00", "61"), &whole).await);
    happen(&mut paid, released(TOTAL));
    assert!(done("cancel", &act(), &paid).await);
    let dead = Payment {
        state: PaymentState::Rejected,
        ..payment()
    };
    assert!(done("cancel", &act(), &dead).await);
    assert!(!done("capture", &all, &dead).await);
}

#[tokio::test(start_paused = true)]
async fn each_outcome_has_its_answer() {
    let started = told("initiate", &begin(), Outcome::Started, &payment()).await;
    let pending = told("cancel", &act(), Outcome::Pending, &payment()).await;
    let refuse = |_| {
        let what = "The capture of payment fjell-17 was not done";
        Outcome::Refused(Error::invalid(
            what,
            "the amount is 0.00 NOK.",
            "Give an amount above nothing.",
        ))
    };
    let merchant = told("capture", &amount("0.00"), refuse, &payment()).await;
    let customer = told("initiate", &begin(), refuse, &payment()).await;
    let all = [started, pending, merchant, customer]
        .map(|(status, answer)| json!([status.as_u16(), answer]));
    insta::assert_json_snapshot!("answers", all);
}
