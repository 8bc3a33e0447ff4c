//! How the shop answers what became of its wishes.

use http::StatusCode;
use kasse_core::{Ask, Error, ErrorKind, Money, Outcome, PaymentProvider, Text, Who};
use serde_json::{Value, json};

use crate::stage::{Stage, authorised, happen, location, payment, post_form, post_json, read_json};

async fn ask(stage: &Stage, path: &str, form: &str) -> Ask {
    stage.read(post_form(path, form)).await.unwrap()
}

/// The path of an order's page, as `read` is given it.
async fn page_of(stage: &Stage, number: &str) -> String {
    let url = stage.show(number).await["url"].as_str().unwrap().to_owned();
    url.strip_prefix("http://127.0.0.1:8080/engine/demo")
        .unwrap()
        .to_owned()
}

#[tokio::test(start_paused = true)]
async fn the_customer_is_sent_on_to_pay() {
    let stage = Stage::new();
    let number = stage.place_usual().await;
    let started = Outcome::Started(Box::new(payment(&number, 1)));
    let path = format!("{}/pay", page_of(&stage, &number).await);
    let answer = stage.answer(&ask(&stage, &path, "").await, &started);
    assert_eq!(location(&answer), "https://pay.example/session");

    let ask = stage
        .read(post_json(&format!("/api/orders/{number}/pay"), &json!({})))
        .await
        .unwrap();
    let (status, body) = read_json(&stage.answer(&ask, &started));
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        body,
        json!({ "outcome": "started", "redirect": "https://pay.example/session", "reference": "demo-1001" })
    );
}

fn too_much() -> Error {
    let left = Money::nok(5000);
    Error::new(
        ErrorKind::TooMuch { left },
        Who::Shop,
        "The capture of 79.90 NOK was refused",
        "50.00 NOK is left to capture.",
        "Capture at most 50.00 NOK.",
    )
}

#[tokio::test(start_paused = true)]
async fn a_refusal_tells_the_merchant_what_why_and_who() {
    let stage = Stage::new();
    let number = stage.place_usual().await;
    let path = format!("/merchant/{number}/capture");
    let ask = ask(&stage, &path, "amount=79.90").await;
    let answer = stage.answer(&ask, &Outcome::Refused(too_much()));
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = String::from_utf8_lossy(answer.body());
    for text in [
        "The capture of 79.90 NOK was refused",
        "50.00 NOK is left",
        "Capture at most",
        "the shop",
        "/engine/demo/merchant/1001",
    ] {
        assert!(page.contains(text), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_in_json_is_the_error() {
    let stage = Stage::new();
    let number = stage.place_usual().await;
    let path = format!("/api/orders/{number}/capture");
    let ask = stage
        .read(post_json(&path, &json!({ "amount": "79.90" })))
        .await
        .unwrap();
    let (status, body) = read_json(&stage.answer(&ask, &Outcome::Refused(too_much())));
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(body["kind"], "too_much");
    for field in ["what", "why", "who", "advice", "shopper"] {
        assert!(
            matches!(&body[field], Value::String(text) if !text.is_empty()),
            "{field}"
        );
    }
    // The merchant's reasons are not for shoppers.
    assert!(
        !body["shopper"]
            .as_str()
            .unwrap()
            .contains("left to capture")
    );
}

#[tokio::test(start_paused = true)]
async fn a_refusal_tells_the_customer_in_their_language_and_the_cart_is_unharmed() {
    let stage = Stage::new();
    let added = stage.send(post_form("/cart/add", "sku=jumper")).await;
    let cookie = added.headers()["set-cookie"]
        .to_str()
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let mut request = post_form("/cart/pay", "");
    request
        .headers_mut()
        .insert("cookie", cookie.parse().unwrap());
    request
        .headers_mut()
        .insert("accept-language", "nb".parse().unwrap());
    let ask = stage.read(request).await.unwrap();
    let error = too_much().for_customer(Text::new("It did not work.", "Det gikk ikke."));
    let answer = stage.answer(&ask, &Outcome::Refused(error));
    let page = String::from_utf8_lossy(answer.body());
    assert!(
        page.contains("<p lang=\"nb\"><strong>Det gikk ikke.")
            && page.contains("/engine/demo/cart"),
        "{page}"
    );
    // The merchant's reasons are not for them.
    assert!(!page.contains("left to capture"));
    let mut cart = http::Request::get("/cart")
        .body(bytes::Bytes::new())
        .unwrap();
    cart.headers_mut().insert("cookie", cookie.parse().unwrap());
    assert!(String::from_utf8_lossy(stage.send(cart).await.body()).contains("899.00 kr"));
}

#[tokio::test(start_paused = true)]
async fn done_and_pending_come_back_to_the_order() {
    let stage = Stage::new();
    let number = stage.place_usual().await;
    let mut payment = payment(&number, 1);
    happen(&mut payment, authorised(132_890));
    let (done, pending) = (
        Outcome::Done(Box::new(payment.clone())),
        Outcome::Pending(Box::new(payment)),
    );

    let merchant = ask(&stage, &format!("/merchant/{number}/capture"), "").await;
    assert_eq!(
        location(&stage.answer(&merchant, &done)),
        "/engine/demo/merchant/1001?done=yes"
    );
    let soon = stage.answer(&merchant, &pending);
    assert_eq!(location(&soon), "/engine/demo/merchant/1001?done=soon");
    let page = stage.get("/merchant/1001?done=soon").await.1;
    assert!(page.contains("Vipps has not answered yet"));

    let path = page_of(&stage, &number).await;
    let customer = ask(&stage, &format!("{path}/pay"), "").await;
    assert_eq!(
        location(&stage.answer(&customer, &done)),
        format!("/engine/demo{path}")
    );

    let api = stage
        .read(post_json("/api/orders/1001/capture", &json!({})))
        .await
        .unwrap();
    let (status, body) = read_json(&stage.answer(&api, &done));
    assert_eq!((status, &body["outcome"]), (StatusCode::OK, &json!("done")));
    assert_eq!(body["sums"]["left_to_capture"], "1328.90");
    let (status, body) = read_json(&stage.answer(&api, &pending));
    assert_eq!(
        (status, &body["outcome"]),
        (StatusCode::ACCEPTED, &json!("pending"))
    );
}

#[tokio::test(start_paused = true)]
async fn the_system_names_itself_and_the_plugin_is_linked_by_its_name() {
    let stage = Stage::new();
    let system = stage.adapter.system();
    let [name, version, plugin, plugin_version] = system.headers();
    assert_eq!((name.1, plugin.1), ("kasse-demo-shop", "kasse"));
    assert_eq!(
        (version.1, plugin_version.1),
        (env!("CARGO_PKG_VERSION"), env!("CARGO_PKG_VERSION"))
    );
    let linked = kasse_core::registry::plugin("demo-shop").unwrap();
    assert!(!linked.production, "nobody signs in here");
}
