//! WooCommerce's own webhooks, as recorded.

use bytes::Bytes;
use http::{Request, StatusCode};
use kasse_core::{Ask, Error, Outcome, PaymentProvider, Refusal, Verb};
use serde_json::Value;

use crate::stage::{Stage, config, payment, recording};

fn request(recorded: &Value) -> Request<Bytes> {
    let mut request = Request::post("/webhook");
    for (name, value) in recorded["request"]["headers"].as_object().unwrap() {
        request = request.header(name, value.as_str().unwrap());
    }
    let body = recorded["request"]["raw_body"].as_str().unwrap();
    request.body(Bytes::from(body.to_owned())).unwrap()
}

async fn read(request: &Request<Bytes>) -> Result<Ask, Refusal> {
    let stage = Stage::new();
    stage.adapter.read(&stage.cx, request).await
}

#[tokio::test(start_paused = true)]
async fn what_happened_to_an_order_is_a_reason_to_look_again() {
    // An order, an action with the order as its argument, and one that was thrown away.
    for (number, order) in [("084", "50"), ("089", "51"), ("100", "55")] {
        let ask = read(&request(&recording(number))).await.unwrap();
        assert!(matches!(ask.verb, Verb::Changed), "{number}: {ask:?}");
        assert_eq!(ask.at.order.as_str(), order, "{number}");
    }
    // A body that was made later than its topic says changes nothing: nothing of it is relied upon.
    let late = recording("101");
    assert_eq!(late["request"]["body"]["status"], "on-hold");
    assert!(matches!(
        read(&request(&late)).await.unwrap().verb,
        Verb::Changed
    ));
}

#[tokio::test(start_paused = true)]
async fn what_woocommerce_did_not_sign_is_refused() {
    let recorded = recording("084");
    let good = request(&recorded);
    let mut unsigned = good.clone();
    unsigned.headers_mut().remove("x-wc-webhook-signature");
    let mut other = good.clone();
    *other.body_mut() = Bytes::from(
        recorded["request"]["raw_body"]
            .as_str()
            .unwrap()
            .replace("50", "51"),
    );
    let mut swapped = good.clone();
    let signature = request(&recording("089")).headers()["x-wc-webhook-signature"].clone();
    swapped
        .headers_mut()
        .insert("x-wc-webhook-signature", signature);
    for forged in [unsigned, other, swapped] {
        let refusal = read(&forged).await.unwrap_err();
        assert_eq!(refusal.response.status(), StatusCode::UNAUTHORIZED);
    }
    // Where no secret is configured, nothing is believed.
    let mut without = config();
    without.as_object_mut().unwrap().remove("webhook_secret");
    let stage = Stage::with(without).unwrap();
    let refusal = stage.adapter.read(&stage.cx, &good).await.unwrap_err();
    assert_eq!(refusal.response.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test(start_paused = true)]
async fn the_ping_is_answered_and_changes_nothing() {
    let ping = request(&recording("083"));
    let ask = read(&ping).await.unwrap();
    let Verb::Answered(response) = ask.verb else {
        panic!("{ask:?}")
    };
    assert_eq!(response.status(), StatusCode::OK);
    // A form that is no ping is not believed.
    for body in ["webhook_id=", "webhook_id=1&id=50", "id=50"] {
        let mut form = ping.clone();
        *form.body_mut() = Bytes::from(body);
        assert!(read(&form).await.is_err(), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_webhook_that_was_taken_is_answered_well_whatever_came_of_it() {
    // More than five refusals in a row switch it off, and orders of other methods are webhooks too.
    let stage = Stage::new();
    let ask = stage
        .adapter
        .read(&stage.cx, &request(&recording("084")))
        .await
        .unwrap();
    let refused = Outcome::Refused(Error::invalid("a", "b", "c"));
    for outcome in [Outcome::Done(Box::new(payment())), refused] {
        let answer = stage.adapter.answer(&ask, &outcome);
        assert_eq!(answer.status(), StatusCode::OK);
        assert!(!String::from_utf8_lossy(answer.body()).contains("fjell"));
    }
}
