//! What Vipps calls us with.

use bytes::Bytes;
use http::{Request, StatusCode};
use kasse_core::Money;
use kasse_core::api::{BadCall, Inbound, PaymentApi};
use kasse_vipps::Ecom;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::*;

fn call(method: &str, path: &str, body: impl Into<Bytes>) -> Option<Result<Inbound, BadCall>> {
    let request = Request::builder()
        .method(method)
        .uri("https://pay.shop.example/")
        .body(body.into())
        .unwrap();
    Ecom::new().inbound(path, &request)
}

#[track_caller]
fn status(method: &str, path: &str, body: impl Into<Bytes>) -> StatusCode {
    call(method, path, body).unwrap().unwrap_err().status
}

fn callback(body: &Value) -> kasse_core::api::Callback {
    match call(
        "POST",
        &format!("/v2/payments/{}", reference()),
        body.to_string(),
    ) {
        Some(Ok(Inbound::Callback(callback))) => callback,
        other => panic!("{other:?}"),
    }
}

fn shipping(body: &str) -> Result<kasse_core::api::ShippingCall, BadCall> {
    match call(
        "POST",
        &format!("/v2/payments/{}/shippingDetails", reference()),
        body.to_owned(),
    ) {
        Some(Ok(Inbound::Shipping(call))) => Ok(call),
        Some(Err(bad)) => Err(bad),
        other => panic!("{other:?}"),
    }
}

fn consent(user_id: &str) -> Option<String> {
    match call(
        "DELETE",
        &format!("/c/0123456789abcdef/v2/consents/{user_id}"),
        "",
    ) {
        Some(Ok(Inbound::Consent(removal))) => {
            assert_eq!(removal.secret, "0123456789abcdef");
            Some(removal.user_id)
        }
        Some(Err(bad)) => {
            assert_eq!(bad.status, StatusCode::BAD_REQUEST);
            None
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_regular_callback() {
    let read = callback(&json!({
        "merchantSerialNumber": "123456", "orderId": reference().as_str(),
        "transactionInfo": {"amount": 49900, "status": "RESERVED", "timeStamp": "2018-12-12T11:18:38.246Z", "transactionId": "5432123456"},
    }));
    assert_eq!(read.reference, reference());
    assert_eq!(read.msn.unwrap().as_str(), "123456");
    assert_eq!(
        (read.body_reference, read.amount, read.status.as_deref()),
        (None, Some(49_900), Some("RESERVED"))
    );
}

#[test]
fn an_express_callback_with_a_number_for_the_sales_unit() {
    let read = callback(&json!({
        "merchantSerialNumber": 123456, "orderId": "acme-another-one",
        "shippingDetails": {"address": {"addressLine1": "A", "city": "Oslo", "country": "Norway", "zipCode": "0154"},
            "shippingCost": 109.0, "shippingMethod": "By cannon", "shippingMethodId": "a.1.1"},
        "transactionInfo": {"amount": "49900", "status": "RESERVE_UNHEARD_OF", "timeStamp": "2018-12-12T11:18:38.246"},
        "userDetails": {"userId": "uiJskNQ6qNN1iwN891uuob=="},
    }));
    assert_eq!(read.msn.unwrap().as_str(), "123456");
    assert_eq!(read.body_reference.as_deref(), Some("acme-another-one"));
    assert_eq!(
        (read.amount, read.status.as_deref()),
        (Some(49_900), Some("RESERVE_UNHEARD_OF"))
    );
}

#[test]
fn a_callback_that_says_little_is_still_a_hint() {
    for body in [
        json!({}),
        json!({"transactionInfo": [], "merchantSerialNumber": {}, "orderId": 7}),
    ] {
        let read = callback(&body);
        assert_eq!((read.msn, read.amount, read.status), (None, None, None));
    }
}

#[test]
fn what_is_no_callback() {
    let path = format!("/v2/payments/{}", reference());
    for method in ["GET", "PUT", "DELETE", "HEAD", "OPTIONS"] {
        assert_eq!(status(method, &path, "{}"), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(
            status(method, &format!("{path}/shippingDetails"), "{}"),
            StatusCode::METHOD_NOT_ALLOWED
        );
    }
    assert_eq!(
        status("POST", "/c/secret/v2/consents/abc", ""),
        StatusCode::METHOD_NOT_ALLOWED
    );
    for body in [
        "", "null", "[]", "7", "{", "\"x\"", "<xml/>", "{}x", "{\"a\":}",
    ] {
        assert_eq!(
            status("POST", &path, body),
            StatusCode::BAD_REQUEST,
            "{body}"
        );
    }
    assert_eq!(
        status("POST", &path, vec![0xff, 0xfe]),
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        status("POST", &path, "[".repeat(60_000)),
        StatusCode::BAD_REQUEST
    );
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(64 * 1024));
    assert_eq!(status("POST", &path, large), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(
        status(
            "DELETE",
            "/c/secret/v2/consents/abc",
            vec![b'x'; 64 * 1024 + 1]
        ),
        StatusCode::PAYLOAD_TOO_LARGE
    );
    for id in [
        "short",
        "12345678",
        "0abcdefgh",
        "acme%2Dorder",
        "acme_order_1",
        "..",
        &"x".repeat(51),
    ] {
        assert_eq!(
            status("POST", &format!("/v2/payments/{id}"), "{}"),
            StatusCode::NOT_FOUND,
            "{id}"
        );
        assert_eq!(
            status("POST", &format!("/v2/payments/{id}/shippingDetails"), "{}"),
            StatusCode::NOT_FOUND,
            "{id}"
        );
    }
}

#[test]
fn other_paths_are_not_ours() {
    for path in [
        "",
        "/",
        "/v2",
        "/v2/payments",
        "/v2/payments/",
        "/v2/payments/acme-order-1/",
        "/v2/payments/acme-order-1/shippingdetails",
        "/v2/payments/acme-order-1/shippingDetails/more",
        "/v1/payments/acme-order-1",
        "v2/payments/acme-order-1",
        "/v2/consents/abc",
        "/c//v2/consents/abc",
        "/c/secret/v2/consents/",
        "/c/secret",
        "/c/secret/v2/consents",
        "/c/se/cret/v2/consents/abc",
        "/webhooks",
    ] {
        assert!(call("POST", path, "{}").is_none(), "{path}");
        assert!(call("DELETE", path, "").is_none(), "{path}");
    }
}

#[test]
fn a_shipping_call() {
    let call = shipping(
        r#"{"addressId":1001,"addressLine1":"Robert Levins gate 5","addressLine2":"c/o Rune Garborg","city":"Oslo","country":"NO","postCode":"0154","addressType":"H"}"#,
    )
    .unwrap();
    assert_eq!(call.reference, reference());
    assert_eq!(call.address_id, json!(1001));
    assert_eq!(
        [
            call.address.line1,
            call.address.line2,
            call.address.post_code,
            call.address.city,
            call.address.country
        ],
        [
            "Robert Levins gate 5",
            "c/o Rune Garborg",
            "0154",
            "Oslo",
            "NO"
        ]
    );
}

#[test]
fn a_shipping_call_in_other_spellings() {
    for body in [
        r#"{"AddressId":"a-1","AddressLine1":"A 1","City":"Oslo","Country":"Norway","PostCode":"0154"}"#,
        r#"{"addressId":"a-1","addressLine1":"A 1","city":"Oslo","zipCode":"0154"}"#,
        r#"{"addressId":"a-1","addressLine1":"A 1","addressLine2":null,"city":"Oslo","country":"","postCode":"0154","new":[1]}"#,
    ] {
        let call = shipping(body).unwrap();
        assert_eq!(call.address_id, json!("a-1"));
        let a = call.address;
        assert_eq!(
            (
                a.line1.as_str(),
                a.city.as_str(),
                a.post_code.as_str(),
                a.country.as_str()
            ),
            ("A 1", "Oslo", "0154", "NO")
        );
    }
}

#[test]
fn the_address_id_goes_back_as_it_came() {
    for id in ["100", "-7", "18446744073709551615", "\"\"", "\"æ/1\"", "0"] {
        let call = shipping(&format!(r#"{{"addressId":{id},"postCode":"0154"}}"#)).unwrap();
        let answer = Ecom::new().shipping_answer(&call, &options());
        let body = std::str::from_utf8(answer.body()).unwrap();
        assert!(
            body.starts_with(&format!(r#"{{"addressId":{id},"orderId""#)),
            "{body}"
        );
    }
    for id in [
        "null",
        "1.5",
        "1e3",
        "{}",
        "[1]",
        "true",
        "18446744073709551616",
        &format!("\"{}\"", "x".repeat(200)),
    ] {
        let body = format!(r#"{{"addressId":{id},"postCode":"0154"}}"#);
        assert_eq!(
            shipping(&body).unwrap_err().status,
            StatusCode::BAD_REQUEST,
            "{id}"
        );
    }
}

#[test]
fn an_address_that_nothing_can_be_sent_to() {
    let long = format!(
        r#"{{"addressId":1,"addressLine1":"{}","postCode":"0154"}}"#,
        "x".repeat(201)
    );
    for body in [
        r#"{"addressId":1}"#,
        r#"{"addressId":1,"addressLine1":"A 1","city":"Oslo","country":"NO"}"#,
        r#"{"addressId":1,"addressLine1":"A 1","postCode":" "}"#,
        r#"{"addressId":1,"addressLine1":"A\u0000 1","postCode":"0154"}"#,
        r#"{"postCode":"0154"}"#,
        long.as_str(),
    ] {
        assert_eq!(
            shipping(body).unwrap_err().status,
            StatusCode::BAD_REQUEST,
            "{body}"
        );
    }
}

#[test]
fn deliveries_that_ecom_cannot_carry_never_leave() {
    let call = shipping(r#"{"addressId":1,"postCode":"0154"}"#).unwrap();
    let api = Ecom::new();
    assert_eq!(
        api.shipping_answer(&call, &options()).status(),
        StatusCode::OK
    );
    let negative = option("a.1.1", "A", -1, true);
    let mut foreign = option("a.1.1", "A", 100, true);
    foreign.option.price = Money::new(100, kasse_core::Currency::Eur);
    for wrong in [negative, foreign] {
        let answer = api.shipping_answer(&call, &[wrong]);
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(answer.body().is_empty());
    }
}

#[test]
fn a_users_id_is_decoded_exactly_once() {
    for (written, id) in [
        ("uiJskNQ6qNN1iwN891uuob==", "uiJskNQ6qNN1iwN891uuob=="),
        ("uiJskNQ6qNN1iwN891uuob%3D%3D", "uiJskNQ6qNN1iwN891uuob=="),
        ("a%2Fb%2Bc%3D", "a/b+c="),
        ("a/b+c=", "a/b+c="),
        ("a//b", "a//b"),
        ("a%252Fb", "a%2Fb"),
        ("a%zz", "a%zz"),
        ("%C3%A6", "æ"),
        ("abc?status=100", "abc"),
    ] {
        assert_eq!(consent(written).as_deref(), Some(id), "{written}");
    }
    for written in [
        "a%00b",
        "a%0Ab",
        "%ff",
        &"x".repeat(201),
        &"%41".repeat(201),
        &"x".repeat(100_000),
    ] {
        assert_eq!(consent(written), None, "{written}");
    }
    assert_eq!(consent(&"%41".repeat(200)), Some("A".repeat(200)));
}

#[test]
fn a_long_secret_is_nobodys() {
    let path = format!("/c/{}/v2/consents/abc", "x".repeat(201));
    assert_eq!(status("DELETE", &path, ""), StatusCode::NOT_FOUND);
}

#[test]
fn what_is_refused_is_not_repeated_in_the_reason() {
    let path = format!("/v2/payments/{}/shippingDetails", reference());
    let bad = call(
        "POST",
        &path,
        r#"{"addressId":1,"addressLine1":"Private street 1"}"#,
    )
    .unwrap()
    .unwrap_err();
    assert!(!bad.why.contains("Private"), "{bad}");
}

#[test]
fn the_token_that_vipps_shows() {
    let request = |value: Option<&str>| {
        let mut request = Request::builder();
        if let Some(value) = value {
            request = request.header("Authorization", value);
        }
        request.body(Bytes::new()).unwrap()
    };
    let api = Ecom::new();
    assert_eq!(
        api.shown_token(&request(Some("sample-callback-token"))),
        Some(&b"sample-callback-token"[..])
    );
    assert_eq!(api.shown_token(&request(None)), None);
}

proptest! {
    #[test]
    fn any_users_id_comes_back(id in "[A-Za-z0-9/+=_.-]{1,60}") {
        prop_assert_eq!(consent(&utf8_percent_encode(&id, NON_ALPHANUMERIC).to_string()), Some(id.clone()));
        prop_assert_eq!(consent(&id), Some(id));
    }

    #[test]
    fn any_call_is_read_without_panic(path in "(?s).{0,80}", body in proptest::collection::vec(any::<u8>(), 0..200)) {
        for method in ["POST", "DELETE", "GET"] {
            let _ = call(method, &path, body.clone());
            let _ = call(method, &format!("/v2/payments/{path}"), body.clone());
            let _ = call(method, &format!("/c/{path}"), body.clone());
        }
        let _ = call("POST", "/v2/payments/acme-order-1", body.clone());
        let _ = call("POST", "/v2/payments/acme-order-1/shippingDetails", body);
    }

    #[test]
    fn any_json_is_read_without_panic(key in "\\PC{0,10}", text in "\\PC{0,40}", number in any::<f64>()) {
        let body = json!({"addressId": text, "postCode": text, &key: number, "transactionInfo": {"amount": number, "status": text}}).to_string();
        let _ = call("POST", "/v2/payments/acme-order-1", body.clone());
        let _ = call("POST", "/v2/payments/acme-order-1/shippingDetails", body);
    }
}
