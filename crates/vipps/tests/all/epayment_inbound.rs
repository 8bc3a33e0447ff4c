//! The shipping call of the ePayment API.

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use kasse_core::Currency;
use kasse_core::api::{BadCall, Inbound, PaymentApi, ShippingCall};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::epayment_bytes::shipping_call;
use crate::epayment_support::*;
use crate::support::reference;

fn post(body: impl Into<Bytes>) -> Request<Bytes> {
    Request::post("https://pay.shop.example/")
        .header("authorization", "0123456789abcdef0123456789abcdef")
        .body(body.into())
        .unwrap()
}

fn path() -> String {
    format!("/x/{}", reference())
}

fn read(body: &Value) -> Result<ShippingCall, BadCall> {
    let (api, _) = bench();
    match api.inbound(&path(), &post(body.to_string())) {
        Some(Ok(Inbound::Shipping(call))) => Ok(call),
        Some(Err(bad)) => Err(bad),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn refused(path: &str, request: &Request<Bytes>, status: StatusCode) {
    let (api, _) = bench();
    match api.inbound(path, request) {
        Some(Err(bad)) => assert_eq!(bad.status, status, "{bad}"),
        other => panic!("{other:?}"),
    }
}

fn published() -> Value {
    json!({
        "reference": reference().as_str(),
        "AddressLine1": "Robert Levins gate 5",
        "AddressLine2": "Apt 3",
        "City": "Oslo",
        "PostCode": "0154",
        "Country": "NO",
    })
}

#[test]
fn either_case_of_letters_is_read() {
    let as_published = read(&published()).unwrap();
    assert_eq!(as_published.reference, reference());
    assert_eq!(as_published.address_id, Value::Null);
    assert_eq!(as_published.address.line1, "Robert Levins gate 5");
    assert_eq!(as_published.address.line2, "Apt 3");
    assert_eq!(as_published.address.post_code, "0154");
    assert_eq!(as_published.address.city, "Oslo");
    assert_eq!(as_published.address.country, "NO");
    let as_plugins_read_it = json!({
        "Reference": reference().as_str(),
        "addressLine1": "Robert Levins gate 5",
        "addressLine2": "Apt 3",
        "city": "Oslo",
        "postCode": "0154",
        "country": "NO",
    });
    assert_eq!(read(&as_plugins_read_it).unwrap(), as_published);
    let mut more = published();
    more["Region"] = json!({"anything": [1]});
    assert_eq!(read(&more).unwrap(), as_published);
}

#[test]
fn an_address_is_taken_as_it_is_meant() {
    let with = |field: &str, value: Value| {
        let mut body = published();
        body[field] = value;
        read(&body).map(|call| call.address)
    };
    // The app often writes the first line twice.
    assert_eq!(
        with("AddressLine2", json!("robert levins gate 5"))
            .unwrap()
            .line2,
        ""
    );
    assert_eq!(with("AddressLine2", Value::Null).unwrap().line2, "");
    assert_eq!(with("Country", json!("Danmark")).unwrap().country, "DK");
    assert_eq!(with("Country", json!("fi")).unwrap().country, "FI");
    assert_eq!(with("PostCode", json!(154)).unwrap().post_code, "154");
    // What is not said of a country is not guessed.
    for (field, value) in [
        ("Country", Value::Null),
        ("Country", json!("")),
        ("PostCode", Value::Null),
        ("PostCode", json!("")),
        ("City", json!("x".repeat(201))),
        ("AddressLine1", json!("a\u{0}b")),
    ] {
        assert_eq!(
            with(field, value).unwrap_err().status,
            StatusCode::BAD_REQUEST,
            "{field}"
        );
    }
}

#[test]
fn a_call_about_another_payment_than_its_address_is_refused() {
    let mut body = published();
    body["reference"] = json!("acme-another-one");
    assert_eq!(read(&body).unwrap_err().status, StatusCode::BAD_REQUEST);
    body.as_object_mut().unwrap().remove("reference");
    assert_eq!(read(&body).unwrap().reference, reference());
}

#[test]
fn what_is_no_shipping_call_is_refused_for_what_it_is() {
    let good = published().to_string();
    let mut get = post(good.clone());
    *get.method_mut() = Method::GET;
    refused(&path(), &get, StatusCode::METHOD_NOT_ALLOWED);
    refused("/x/short", &post(good.clone()), StatusCode::NOT_FOUND);
    refused("/x/with space!", &post(good.clone()), StatusCode::NOT_FOUND);
    for body in ["", "[]", "null", "<html>", "{"] {
        refused(&path(), &post(body), StatusCode::BAD_REQUEST);
    }
    let large = vec![b' '; 64 * 1024 + 1];
    refused(&path(), &post(large), StatusCode::PAYLOAD_TOO_LARGE);
    let query = format!("{}?a=b", path());
    let (api, _) = bench();
    assert!(matches!(api.inbound(&query, &post(good)), Some(Ok(_))));
}

#[test]
fn each_generation_has_paths_of_its_own() {
    let wire = kasse_vipps::wire();
    let call = post(published().to_string());
    for path in [
        path(),
        format!("/v2/payments/{}", reference()),
        format!("/v2/payments/{}/shippingDetails", reference()),
        "/c/0123456789abcdef/v2/consents/user".into(),
    ] {
        let takers = wire
            .apis
            .iter()
            .filter(|api| api.inbound(&path, &call).is_some())
            .count();
        assert_eq!(takers, 1, "{path}");
    }
    for path in [
        "/",
        "/x",
        "/x/",
        "/x//",
        "/X/acme-123456",
        "/x/a/b",
        "/xx/a",
    ] {
        let taken = wire
            .apis
            .iter()
            .any(|api| api.inbound(path, &call).is_some());
        assert!(!taken, "{path}");
    }
}

#[test]
fn the_token_is_shown_as_it_was_given() {
    let (api, _) = bench();
    assert_eq!(
        api.shown_token(&post("")),
        Some(b"0123456789abcdef0123456789abcdef".as_slice())
    );
    assert_eq!(api.shown_token(&Request::new(Bytes::new())), None);
}

#[test]
fn an_address_that_is_not_served_is_400_and_a_wrong_list_never_leaves() {
    let (api, _) = bench();
    let answer = api.shipping_answer(&shipping_call(), &[]);
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let mut mixed = options(Currency::Nok);
    mixed.extend(options(Currency::Eur));
    let mut cheap = options(Currency::Nok);
    cheap[2].option.price.minor = -1;
    for list in [mixed, cheap] {
        let answer = api.shipping_answer(&shipping_call(), &list);
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(answer.body().is_empty());
    }
}

proptest! {
    #[test]
    fn whatever_comes_it_is_read_or_refused(
        tail in "[a-zA-Z0-9/?#%. -]{0,70}",
        body in prop_oneof!["\\PC{0,60}", Just(published().to_string())],
    ) {
        let (api, _) = bench();
        let _ = api.inbound(&format!("/x/{tail}"), &post(body));
    }
}
