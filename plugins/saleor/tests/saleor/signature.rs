//! Who is believed: Saleor's signatures, true ones and changed ones.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use kasse_core::{Ask, PaymentProvider, Refusal, TransportError};
use kasse_testkit::recordings::Recording;
use serde_json::{Value, json};

use crate::stage::{
    APP, Stage, config, jwks, jws, jws_header, recording, recordings, signed, start, webhook,
};

/// The stage at the time of a recording, with the keys of that Saleor.
fn then(recorded: &Recording) -> Stage {
    let mut config = config();
    if let Some(secret) = recorded.verification.as_ref().unwrap().get("secret") {
        config["webhook_secret"] = secret.clone();
    }
    let issued = recorded.request.body["issuedAt"].as_str();
    let now = issued.map_or_else(start, |issued| issued.parse().unwrap());
    let stage = Stage::made(config, now, None).unwrap();
    let keys = recording("068").response.unwrap().body;
    *stage.saleor.jwks.lock().unwrap() = Ok(keys);
    stage
}

fn as_recorded(recorded: &Recording) -> Request<Bytes> {
    let mut request = Request::post("/webhook");
    for (name, value) in &recorded.request.headers {
        request = request.header(name, value);
    }
    let body = recorded.request.raw_body.clone().unwrap();
    request.body(Bytes::from(body)).unwrap()
}

async fn refusal(stage: &Stage, call: &Request<Bytes>) -> Refusal {
    stage.adapter.read(&stage.cx, call).await.unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn every_recorded_signature_is_saleors() {
    let (mut rsa, mut hmac) = (0, 0);
    for recorded in recordings() {
        let Some(how) = &recorded.verification else {
            continue;
        };
        let stage = then(&recorded);
        let answer = refusal(&stage, &as_recorded(&recorded)).await;
        // They are Saleor's. What our manifest does not ask for is of no interest, and what it asks
        // for was made by another app's questions.
        let status = answer.response.status();
        let event = recorded.request.headers["saleor-event"].as_str();
        let ours = event.contains("_session") || event.ends_with("_requested");
        let expected = if ours { 400 } else { 200 };
        assert_eq!(status, expected, "{}: {}", recorded.file, answer.why);
        if how["algorithm"].as_str().unwrap().starts_with("JWS") {
            rsa += 1;
        } else {
            hmac += 1;
        }
    }
    println!("{rsa} RSA and {hmac} HMAC signatures of Saleor verify");
    assert_eq!((rsa, hmac), (33, 1));
}

#[tokio::test(start_paused = true)]
async fn any_changed_byte_of_body_or_signature_is_not_saleors() {
    for file in ["081", "104"] {
        let recorded = recording(file);
        let stage = then(&recorded);
        let call = as_recorded(&recorded);
        let body = call.body().to_vec();
        let signature = call.headers()["saleor-signature"].as_bytes().to_vec();
        let mut changed = 0;
        for place in 0..body.len() {
            let mut body = body.clone();
            body[place] ^= 1;
            let mut call = call.clone();
            *call.body_mut() = Bytes::from(body);
            let status = refusal(&stage, &call).await.response.status();
            assert_eq!(status, StatusCode::UNAUTHORIZED, "body, byte {place}");
            changed += 1;
        }
        for place in 0..signature.len() {
            let mut signature = signature.clone();
            signature[place] = if signature[place] == b'A' { b'B' } else { b'A' };
            let mut call = call.clone();
            let value = http::HeaderValue::from_bytes(&signature).unwrap();
            call.headers_mut().insert("saleor-signature", value);
            let status = refusal(&stage, &call).await.response.status();
            assert_eq!(status, StatusCode::UNAUTHORIZED, "signature, byte {place}");
            changed += 1;
        }
        assert!(changed > 300);
        for cut in [1, 10] {
            let mut call = call.clone();
            *call.body_mut() = Bytes::from(body[..body.len() - cut].to_vec());
            let status = refusal(&stage, &call).await.response.status();
            assert_eq!(status, StatusCode::UNAUTHORIZED, "cut by {cut}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn saleors_repetition_with_an_empty_body_is_refused_though_it_is_signed() {
    let recorded = recording("105");
    let answer = refusal(&then(&recorded), &as_recorded(&recorded)).await;
    assert_eq!(answer.response.status(), StatusCode::BAD_REQUEST);
    let body: Value = serde_json::from_slice(answer.response.body()).unwrap();
    assert_eq!(body, recorded.response.unwrap().body);
}

fn charge() -> Value {
    webhook("081", "TransactionChargeRequested")
}

fn gateway() -> Value {
    webhook("074", "PaymentGatewayInitializeSession")
}

fn call(body: &Value) -> Request<Bytes> {
    signed("transaction_charge_requested", &body.to_string())
}

async fn status_of(call: &Request<Bytes>) -> StatusCode {
    let stage = Stage::new();
    stage.about("3.23.28", APP);
    match stage.adapter.read(&stage.cx, call).await {
        Ok(Ask { .. }) => StatusCode::OK,
        Err(refusal) => refusal.response.status(),
    }
}

#[tokio::test(start_paused = true)]
async fn only_saleors_own_kind_of_signature_is_taken() {
    let body = charge().to_string();
    let change = |field: &str, value: Value| {
        let mut header = jws_header("test");
        header[field] = value;
        header
    };
    for header in [
        change("alg", "none".into()),
        change("alg", "HS256".into()),
        change("alg", "PS256".into()),
        change("b64", true.into()),
        change("crit", json!([])),
        change("crit", json!(["b64", "exp"])),
        change("kid", Value::Null),
        change("kid", "another".into()),
    ] {
        let mut call = call(&charge());
        let signature = jws(&header, body.as_bytes());
        call.headers_mut()
            .insert("saleor-signature", signature.parse().unwrap());
        assert_eq!(status_of(&call).await, StatusCode::UNAUTHORIZED, "{header}");
    }
    for signature in ["", ".", "..", "a.b.c", "a..b", "deadbeef"] {
        let mut call = call(&charge());
        call.headers_mut()
            .insert("saleor-signature", signature.parse().unwrap());
        let status = status_of(&call).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "\"{signature}\"");
    }
    let mut unsigned = call(&charge());
    unsigned.headers_mut().remove("saleor-signature");
    assert_eq!(status_of(&unsigned).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test(start_paused = true)]
async fn the_headers_old_names_do_as_well() {
    let mut call = call(&charge());
    for name in ["event", "signature"] {
        let value = call.headers_mut().remove(format!("saleor-{name}")).unwrap();
        let old: http::HeaderName = format!("x-saleor-{name}").parse().unwrap();
        call.headers_mut().insert(old, value);
    }
    assert_eq!(status_of(&call).await, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn what_the_signature_does_not_cover_has_to_agree_with_the_body() {
    let body = charge();
    assert_eq!(status_of(&call(&body)).await, StatusCode::OK);
    // A charge is not made a refund by another header.
    let other = signed("transaction_refund_requested", &body.to_string());
    assert_eq!(status_of(&other).await, StatusCode::BAD_REQUEST);
    let mut elsewhere = call(&body);
    elsewhere.headers_mut().insert(
        "saleor-api-url",
        "https://other.example/graphql/".parse().unwrap(),
    );
    assert_eq!(status_of(&elsewhere).await, StatusCode::UNAUTHORIZED);
    // Another app of the same Saleor has the same keys.
    let mut anothers = body.clone();
    anothers["recipient"]["id"] = "QXBwOjI=".into();
    assert_eq!(status_of(&call(&anothers)).await, StatusCode::UNAUTHORIZED);
    anothers["recipient"] = Value::Null;
    assert_eq!(status_of(&call(&anothers)).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test(start_paused = true)]
async fn what_is_old_is_not_taken_again() {
    for (issued, status) in [
        (json!("2026-11-22T11:50:01.000000+00:00"), StatusCode::OK),
        (json!("2026-11-22T12:09:59+00:00"), StatusCode::OK),
        (json!("2026-11-22T11:49:59+00:00"), StatusCode::UNAUTHORIZED),
        (json!("2026-11-22T12:10:01+00:00"), StatusCode::UNAUTHORIZED),
        (json!("yesterday"), StatusCode::UNAUTHORIZED),
        (Value::Null, StatusCode::UNAUTHORIZED),
    ] {
        let mut body = charge();
        body["issuedAt"] = issued.clone();
        assert_eq!(status_of(&call(&body)).await, status, "{issued}");
    }
}

#[tokio::test(start_paused = true)]
async fn keys_are_read_once_and_again_when_they_were_changed() {
    let stage = Stage::new();
    stage.about("3.23.28", APP);
    let read = || *stage.saleor.keys_read.lock().unwrap();
    let good = async |kid: &str| {
        let mut body = gateway();
        body["issuedAt"] = stage.cx.now().to_string().into();
        let body = body.to_string();
        let mut call = signed("payment_gateway_initialize_session", &body);
        let signature = jws(&jws_header(kid), body.as_bytes());
        call.headers_mut()
            .insert("saleor-signature", signature.parse().unwrap());
        stage.adapter.read(&stage.cx, &call).await.is_ok()
    };
    assert!(good("test").await && good("test").await);
    assert_eq!(read(), 1);
    // Whoever invents keys makes us ask for them once a minute at most.
    tokio::time::advance(Duration::from_secs(61)).await;
    assert!(!good("invented").await && !good("invented").await && !good("another").await);
    assert_eq!(read(), 2);
    tokio::time::advance(Duration::from_secs(61)).await;
    *stage.saleor.jwks.lock().unwrap() = Ok(jwks("new"));
    assert!(good("new").await);
    assert_eq!(read(), 3);
    // The old one was taken back.
    assert!(!good("test").await);
    // Those that are known go on while Saleor is away, and come from it again after an hour.
    *stage.saleor.jwks.lock().unwrap() = Err(TransportError::NotSent("away".into()));
    tokio::time::advance(Duration::from_secs(400)).await;
    assert!(good("new").await);
    assert_eq!(read(), 3);
}

#[tokio::test(start_paused = true)]
async fn keys_are_not_trusted_for_ever() {
    let stage = Stage::new();
    stage.about("3.23.28", APP);
    let at = |issued: &str| {
        let mut body = gateway();
        body["issuedAt"] = issued.into();
        signed("payment_gateway_initialize_session", &body.to_string())
    };
    let first = at("2026-11-22T12:00:00Z");
    assert!(stage.adapter.read(&stage.cx, &first).await.is_ok());
    tokio::time::advance(Duration::from_secs(3600)).await;
    let second = at("2026-11-22T13:00:00Z");
    *stage.saleor.jwks.lock().unwrap() = Err(TransportError::NotSent("away".into()));
    assert!(stage.adapter.read(&stage.cx, &second).await.is_ok());
    assert_eq!(*stage.saleor.keys_read.lock().unwrap(), 2);
    tokio::time::advance(Duration::from_secs(61)).await;
    *stage.saleor.jwks.lock().unwrap() = Ok(json!({ "keys": [] }));
    let gone = stage.adapter.read(&stage.cx, &second).await.unwrap_err();
    assert_eq!(gone.response.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test(start_paused = true)]
async fn without_saleors_keys_nothing_is_believed_and_nothing_is_a_5xx() {
    for jwks in [
        Err(TransportError::NotSent("away".into())),
        Ok(json!("no keys")),
        Ok(json!({ "keys": [{ "kty": "oct", "kid": "test", "k": "AAAA" }] })),
        Ok(json!({ "keys": [{ "kty": "RSA", "kid": "test", "n": "AQAB", "e": "AQAB" }] })),
    ] {
        let stage = Stage::new();
        *stage.saleor.jwks.lock().unwrap() = jwks;
        let answer = refusal(&stage, &call(&charge())).await;
        assert!(answer.response.status().is_client_error(), "{}", answer.why);
    }
}
