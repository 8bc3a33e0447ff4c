//! The exact bytes of every request, and of our answer to the shipping call.

use bytes::Bytes;
use http::{HeaderMap, Request};
use kasse_core::Address;
use kasse_core::api::{PaymentApi, ShippingCall};

use crate::support::*;

pub(crate) fn headers(headers: &HeaderMap) -> String {
    let mut lines: Vec<String> = headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    lines.sort();
    lines.join("\n")
}

pub(crate) fn written(request: &Request<Bytes>) -> String {
    let body = std::str::from_utf8(request.body()).unwrap();
    format!(
        "{} {}\n{}\n\n{body}",
        request.method(),
        request.uri(),
        headers(request.headers())
    )
}

#[test]
fn every_request() {
    for (name, _, request) in pinned() {
        insta::assert_snapshot!(name, written(&request));
    }
}

#[test]
fn the_answer_to_the_shipping_call() {
    let call = ShippingCall {
        reference: reference(),
        address_id: serde_json::json!(100),
        address: Address {
            line1: "Robert Levins gate 5".into(),
            line2: String::new(),
            post_code: "0154".into(),
            city: "Oslo".into(),
            country: "NO".into(),
        },
    };
    let answer = bench().api.shipping_answer(&call, &options());
    let body = std::str::from_utf8(answer.body()).unwrap();
    let written = format!(
        "{}\n{}\n\n{body}",
        answer.status(),
        headers(answer.headers())
    );
    insta::assert_snapshot!("shipping_answer", written);
}

#[test]
fn the_same_arguments_give_the_same_bytes() {
    let bench = bench();
    for _ in 0..2 {
        bench.vipps.then(answer(200, "{}"));
        run(bench
            .api
            .capture(&bench.cx, &bench.caller, &modification(100, "Sent")))
        .unwrap();
    }
    let requests = bench.vipps.requests();
    assert_eq!(written(&requests[0].0), written(&requests[1].0));
}

#[test]
fn secrets_are_not_in_debug() {
    let bench = bench();
    bench.vipps.then(initiated());
    run(bench
        .api
        .initiate(&bench.cx, &bench.caller, &initiation(None)))
    .unwrap();
    let shown = format!(
        "{:?} {:?} {:?} {:?}",
        bench.api,
        bench.caller,
        bench.vipps.requests()[0].0.headers(),
        bench.vipps.token_requests()[0].0.headers(),
    );
    for secret in ["sample-client-secret", "sample-subscription-key", "token-1"] {
        assert!(!shown.contains(secret), "{secret} is shown in {shown}");
    }
}
