//! The shop's calls: who is believed, what is asked, what is answered.

use bytes::Bytes;
use http::{Request, StatusCode};
use kasse_core::{
    Ask, Error, ErrorKind, Language, Money, Outcome, Payment, PaymentProvider, PaymentState,
    Refusal, Verb,
};
use serde_json::{Value, json};

use crate::stage::{
    NAME, ORDER, REFERENCE, Stage, authorised, captured, cart, config, happen, payment, piece,
    refunded, released,
};

fn signed(stage: &Stage, verb: &str, body: &Value) -> Request<Bytes> {
    let mut request = Request::post(format!("/engine/fjell/{verb}"))
        .body(Bytes::from(body.to_string()))
        .unwrap();
    piece().sign(&stage.cx, &mut request);
    // As kasse's server hands it on.
    *request.uri_mut() = format!("/{verb}").parse().unwrap();
    request
}

async fn read(verb: &str, body: &Value) -> Result<Ask, Refusal> {
    let stage = Stage::new();
    let request = signed(&stage, verb, body);
    stage.adapter.read(&stage.cx, &request).await
}

fn begin() -> Value {
    json!({
        "order": cart(), "amount": "1397.0199999999999985", "session": "payses_01M816JKE6S802KHAE19SB606N",
        "express": false, "versions": { "medusa": "2.21.2", "plugin": "0.1.0" },
    })
}

fn act() -> Value {
    json!({ "order": ORDER, "reference": REFERENCE })
}

fn sum(amount: &str, captured: &str, refused: u32) -> Value {
    let mut ask = act();
    ask["currency_code"] = "nok".into();
    ask["amount"] = amount.into();
    ask["captured"] = captured.into();
    ask["refunded"] = captured.into();
    ask["refused"] = refused.into();
    ask["capture"] = "capt_01M816JNE6WBK4XMY0J4AV71FK".into();
    ask
}

#[tokio::test(start_paused = true)]
async fn what_the_shop_did_not_sign_or_signed_before_changes_nothing() {
    let stage = Stage::new();
    let changes: [fn(&mut Request<Bytes>); 3] = [
        |call| call.headers_mut().clear(),
        |call| *call.uri_mut() = "/cancel".parse().unwrap(),
        |call| *call.body_mut() = Bytes::from_static(b"{}"),
    ];
    for change in changes {
        let mut call = signed(&stage, "details", &act());
        change(&mut call);
        let refusal = stage.adapter.read(&stage.cx, &call).await.unwrap_err();
        let status = refusal.response.status();
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{}", refusal.why);
    }
    let call = signed(&stage, "details", &act());
    stage.adapter.read(&stage.cx, &call).await.unwrap();
    let refusal = stage.adapter.read(&stage.cx, &call).await.unwrap_err();
    assert_eq!(refusal.response.status(), StatusCode::CONFLICT, "replayed");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_refused_and_quoted_nowhere() {
    let without = |mut body: Value, field: &str| {
        body.as_object_mut().unwrap().remove(field);
        body
    };
    let with = |mut body: Value, field: &str, value: Value| {
        body[field] = value;
        body
    };
    for (verb, body, status) in [
        ("nothing", act(), StatusCode::NOT_FOUND),
        ("details", json!([]), StatusCode::BAD_REQUEST),
        (
            "cancel",
            json!({ "order": "Kari Nordmann" }),
            StatusCode::BAD_REQUEST,
        ),
        (
            "cancel",
            json!({ "order": "\u{0}", "reference": REFERENCE }),
            StatusCode::BAD_REQUEST,
        ),
        (
            "cancel",
            json!({ "order": ORDER, "reference": "no reference" }),
            StatusCode::BAD_REQUEST,
        ),
        // Medusa's own call has no amount, not even for a part: it never means all.
        ("capture", act(), StatusCode::BAD_REQUEST),
        (
            "capture",
            without(sum("100", "0", 0), "amount"),
            StatusCode::BAD_REQUEST,
        ),
        (
            "capture",
            with(sum("100", "0", 0), "amount", Value::Null),
            StatusCode::BAD_REQUEST,
        ),
        ("refund", act(), StatusCode::BAD_REQUEST),
        ("refund", sum("all", "0", 0), StatusCode::BAD_REQUEST),
        (
            "refund",
            sum("92233720368547758.07", "0.01", 0),
            StatusCode::BAD_REQUEST,
        ),
        (
            "refund",
            with(sum("1", "0", 0), "currency_code", json!("sek")),
            StatusCode::BAD_REQUEST,
        ),
        (
            "initiate",
            without(begin(), "order"),
            StatusCode::BAD_REQUEST,
        ),
        (
            "initiate",
            with(begin(), "amount", json!("1")),
            StatusCode::BAD_REQUEST,
        ),
        (
            "initiate",
            with(begin(), "session", json!("")),
            StatusCode::BAD_REQUEST,
        ),
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
    let mut get = Request::get("/engine/fjell/details")
        .body(Bytes::new())
        .unwrap();
    piece().sign(&stage.cx, &mut get);
    *get.uri_mut() = "/details".parse().unwrap();
    let refusal = stage.adapter.read(&stage.cx, &get).await.unwrap_err();
    assert_eq!(refusal.response.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test(start_paused = true)]
async fn a_payment_begins_with_the_cart_that_the_shop_sent() {
    let stage = Stage::new();
    let request = signed(&stage, "initiate", &begin());
    let ask = stage.adapter.read(&stage.cx, &request).await.unwrap();
    assert_eq!(ask.at.order.as_str(), NAME);
    assert_eq!(
        ask.key.unwrap().as_str(),
        "payses_01M816JKE6S802KHAE19SB606N",
        "the session again is the payment again"
    );
    let Verb::Initiate(order) = &ask.verb else {
        panic!("{:?}", ask.verb)
    };
    order.check().unwrap();
    assert_eq!((order.amount, order.express), (Money::nok(139_702), None));
    assert_eq!(
        order.return_to.as_str(),
        "https://shop.example/thanks?cart=cart_01M816JFD56VDXPV40MBTPBNVD"
    );
    assert_eq!(
        (order.buyer.language, order.buyer.phone.as_deref()),
        (Language::Nb, Some("+4790012345"))
    );
    // The shop said its version.
    assert!(
        stage
            .adapter
            .system()
            .headers()
            .contains(&("vipps-system-version", "2.21.2"))
    );
}

#[tokio::test(start_paused = true)]
async fn express_begins_without_amount_session_and_delivery() {
    let mut press = begin();
    press["express"] = true.into();
    press.as_object_mut().unwrap().remove("amount");
    press.as_object_mut().unwrap().remove("session");
    let ask = read("initiate", &press).await.unwrap();
    let Verb::Initiate(order) = &ask.verb else {
        panic!("{:?}", ask.verb)
    };
    assert!(ask.key.is_none() && order.express.is_some());
    assert_eq!(order.amount, Money::nok(134_802));
}

#[tokio::test(start_paused = true)]
async fn a_medusa_that_is_too_old_begins_no_payment() {
    let mut old = begin();
    old["versions"]["medusa"] = "1.20.11".into();
    let refusal = read("initiate", &old).await.unwrap_err();
    assert!(refusal.why.contains("1.20.11"), "{}", refusal.why);
}

#[tokio::test(start_paused = true)]
async fn amounts_come_as_medusa_has_them() {
    for amount in [
        json!("100"),
        json!(100),
        json!(100.0),
        json!({ "value": "100", "precision": 20 }),
        json!("99.9999999999999985"),
    ] {
        let mut ask = sum("0", "0", 0);
        ask["amount"] = amount;
        let Verb::Capture(part) = read("capture", &ask).await.unwrap().verb else {
            panic!("no capture")
        };
        assert_eq!(part.amount, Some(Money::nok(10_000)));
        let Verb::Refund(part) = read("refund", &ask).await.unwrap().verb else {
            panic!("no refund")
        };
        assert_eq!(part.amount, Some(Money::nok(10_000)));
    }
    // All that Medusa has left is all that is left, whatever was taken at Vipps meanwhile.
    for (amount, captured, of, rest) in [
        ("1397.02", "0", "1397.02", true),
        ("1297.02", "100", "1397.02", true),
        ("1297.02", "0", "1397.02", false),
        ("0", "1397.02", "1397.02", false),
    ] {
        let mut ask = sum(amount, captured, 0);
        ask["of"] = of.into();
        let Verb::Capture(part) = read("capture", &ask).await.unwrap().verb else {
            panic!("no capture")
        };
        assert_eq!(part.amount.is_none(), rest, "{amount} after {captured}");
    }
    // Nothing is nothing, and not all.
    let Verb::Capture(part) = read("capture", &sum("0", "0", 0)).await.unwrap().verb else {
        panic!("no capture")
    };
    assert_eq!(part.amount, Some(Money::nok(0)));
}

#[tokio::test(start_paused = true)]
async fn an_ask_names_its_payment_its_echo_and_a_key_that_tells_asks_apart() {
    let mut echo = act();
    echo["echo"] = format!("main/{REFERENCE}/3").into();
    let ask = read("cancel", &echo).await.unwrap();
    assert!(matches!(ask.verb, Verb::Cancel) && ask.echo.is_some() && ask.key.is_none());
    assert_eq!(ask.payment.unwrap().as_str(), REFERENCE);
    let key = async |verb: &str, ask: &Value| read(verb, ask).await.unwrap().key.unwrap();
    for verb in ["capture", "refund"] {
        let first = key(verb, &sum("100", "0", 0)).await;
        // Medusa makes a new capture with a new id on each click.
        let mut again = sum("100.00", "0.0", 0);
        again["capture"] = "capt_01M816JNQXZG65F6XDCVXFQRRJ".into();
        assert_eq!(
            first,
            key(verb, &again).await,
            "asked again, it is the same"
        );
        for other in [sum("100", "100", 0), sum("200", "0", 0), sum("100", "0", 1)] {
            assert_ne!(first, key(verb, &other).await, "{verb} {other}");
        }
    }
    let ask = sum("100", "0", 0);
    assert_ne!(key("capture", &ask).await, key("refund", &ask).await);
}

/// What the shop is told of a payment.
async fn told(
    verb: &str,
    body: &Value,
    outcome: impl Fn(Box<Payment>) -> Outcome,
    payment: &Payment,
) -> (StatusCode, Value) {
    let stage = Stage::new();
    let request = signed(&stage, verb, body);
    let ask = stage.adapter.read(&stage.cx, &request).await.unwrap();
    let answer = stage
        .adapter
        .answer(&ask, &outcome(Box::new(payment.clone())));
    (
        answer.status(),
        serde_json::from_slice(answer.body()).unwrap(),
    )
}

async fn done(verb: &str, body: &Value, payment: &Payment) -> bool {
    let (status, answer) = told(verb, body, Outcome::Done, payment).await;
    assert_eq!(status, StatusCode::OK);
    assert!(
        answer["redirect"].is_null(),
        "the address is the customer's alone"
    );
    answer["done"] == true
}

#[tokio::test(start_paused = true)]
async fn done_is_what_stands_at_vipps() {
    let mut paid = payment();
    happen(&mut paid, authorised(139_702));
    assert!(!done("capture", &sum("100", "0", 0), &paid).await);
    assert!(!done("cancel", &act(), &paid).await);
    let mut part = paid.clone();
    happen(&mut part, captured(10_000));
    assert!(done("capture", &sum("100", "0", 0), &part).await);
    assert!(
        !done("capture", &sum("100", "100", 0), &part).await,
        "the second part is another one"
    );
    assert!(!done("cancel", &act(), &part).await);
    happen(&mut part, released(129_702));
    assert!(
        done("cancel", &act(), &part).await,
        "what was left is let go"
    );
    assert!(!done("refund", &sum("10", "0", 0), &part).await);
    happen(&mut part, refunded(1_000));
    assert!(done("refund", &sum("10", "0", 0), &part).await);
    assert!(!done("refund", &sum("10", "10", 0), &part).await);
    let mut whole = paid.clone();
    happen(&mut whole, captured(139_702));
    assert!(done("capture", &sum("1297.02", "100", 0), &whole).await);
    assert!(!done("cancel", &act(), &whole).await, "it is refunded");
    let dead = Payment {
        state: PaymentState::Rejected,
        ..payment()
    };
    assert!(done("cancel", &act(), &dead).await);
    assert!(!done("capture", &sum("1", "0", 0), &dead).await);
}

#[tokio::test(start_paused = true)]
async fn details_say_whether_money_is_reserved_waited_for_or_never_comes() {
    let details = async |payment: &Payment| {
        let (_, answer) = told("details", &act(), Outcome::Done, payment).await;
        let word = answer["state"].as_str().unwrap().to_owned();
        (answer["done"] == true, answer["refused"] == true, word)
    };
    let mut payment = payment();
    assert_eq!(details(&payment).await, (false, false, "initiated".into()));
    for (state, word) in [
        (PaymentState::Rejected, "rejected"),
        (PaymentState::Cancelled, "cancelled"),
        (PaymentState::Expired, "expired"),
        (PaymentState::Failed, "failed"),
    ] {
        payment.state = state;
        assert_eq!(details(&payment).await, (false, true, word.into()));
    }
    for (state, word) in [
        (PaymentState::Unknown("TELEPORT".into()), "unknown"),
        (PaymentState::Preparing, "preparing"),
    ] {
        payment.state = state;
        assert_eq!(details(&payment).await, (false, false, word.into()));
    }
    happen(&mut payment, authorised(139_702));
    assert_eq!(details(&payment).await, (true, false, "authorised".into()));
    let reserved = payment.clone();
    happen(&mut payment, released(139_702));
    assert_eq!(details(&payment).await, (false, true, "authorised".into()));
    let mut payment = reserved;
    happen(&mut payment, captured(10_000));
    happen(&mut payment, released(129_702));
    assert_eq!(details(&payment).await, (true, false, "authorised".into()));
}

#[tokio::test(start_paused = true)]
async fn each_outcome_has_its_answer() {
    let mut paid = payment();
    happen(&mut paid, authorised(139_702));
    let started = told("initiate", &begin(), Outcome::Started, &payment()).await;
    let details = told("details", &act(), Outcome::Done, &paid).await;
    let pending = told("capture", &sum("100", "0", 0), Outcome::Pending, &paid).await;
    let not = told("capture", &sum("100", "0", 0), Outcome::Done, &paid).await;
    let refuse = |_| {
        let what = "The capture of payment fjell-1 was not done";
        Outcome::Refused(Error::invalid(
            what,
            "the amount is 0.00 NOK.",
            "Give an amount above nothing.",
        ))
    };
    let merchant = told("capture", &sum("0", "0", 0), refuse, &payment()).await;
    let customer = told("initiate", &begin(), refuse, &payment()).await;
    let all = [started, details, pending, not, merchant, customer]
        .map(|(status, answer)| json!([status.as_u16(), answer]));
    insta::assert_json_snapshot!("answers", all);
    assert_eq!(Error::invalid("", "", "").kind, ErrorKind::Invalid);
    assert_eq!(config()["storefront"], "Fjell");
}
