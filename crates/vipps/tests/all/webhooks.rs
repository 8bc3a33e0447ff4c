//! The Webhooks API: what is registered for a sales unit, and what comes in.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use kasse_core::api::{ApiError, Notice, WebhookApi, WhyNot};
use kasse_core::{Currency, Environment, ErrorKind, Money, Who};
use kasse_vipps::Webhooks;
use kasse_vipps::signature::{WINDOW, sign};
use kasse_vipps::webhooks::EVENTS;
use proptest::prelude::*;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use url::Url;

use crate::bytes::written;
use crate::support::*;

const ID: &str = "497f6eca-6276-4993-bfeb-53cbbbba6f08";
const SECRET: &str = "090a478d-37ff-4e77-970e-d457aeb26a3a";

fn ours() -> Url {
    Url::parse("https://pay.shop.example/webhooks/main/0123456789abcdef0123456789abcdef").unwrap()
}

fn created() -> Reply {
    answer(201, format!(r#"{{"id":"{ID}","secret":"{SECRET}"}}"#))
}

fn event() -> Value {
    json!({
        "msn": "123456", "reference": "acme-shop-123-order123abc",
        "pspReference": "dd8e0a8e-2b26-40ed-98f1-1d5832fc129f", "name": "AUTHORIZED",
        "amount": {"currency": "NOK", "value": 49900}, "timestamp": "2026-01-19T16:26:32.099Z",
        "idempotencyKey": "7c8b81e7-b08b-46e4-9729-191cb801c132", "success": true
    })
}

fn read(event: &Value) -> Result<Notice, StatusCode> {
    Webhooks::new()
        .read(event.to_string().as_bytes())
        .map_err(|bad| bad.status)
}

fn without(field: &str) -> Value {
    let mut event = event();
    event.as_object_mut().unwrap().remove(field).unwrap();
    event
}

fn with(field: &str, value: Value) -> Value {
    let mut event = event();
    event[field] = value;
    event
}

/// The three requests, as they were sent.
fn sent() -> Vec<(&'static str, Request<Bytes>)> {
    let bench = bench();
    let (api, cx, caller) = (Webhooks::new(), &bench.cx, &bench.caller);
    run(async {
        bench.vipps.then(created());
        api.register(cx, caller, &ours(), api.events())
            .await
            .unwrap();
        bench.vipps.then(answer(200, r#"{"webhooks":[]}"#));
        api.list(cx, caller).await.unwrap();
        bench.vipps.then(answer(204, ""));
        api.remove(cx, caller, ID).await.unwrap();
    });
    let requests = bench
        .vipps
        .requests()
        .into_iter()
        .map(|(request, _)| request);
    ["webhook_register", "webhook_list", "webhook_remove"]
        .into_iter()
        .zip(requests)
        .collect()
}

#[test]
fn every_request() {
    for (name, request) in sent() {
        insta::assert_snapshot!(name, written(&request));
    }
}

#[test]
fn every_request_fits_the_published_schema() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/reference/openapi/webhooks-v1-2023-12.openapi.yaml");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!(
            "SKIPPED: Vipps' published schema is not at {}: nothing is compared with it",
            path.display()
        );
        return;
    };
    let published: Value = serde_yaml_ng::from_str(&text).unwrap();
    let schema = json!({
        "$ref": "#/components/schemas/RegisterRequest",
        "components": {"schemas": published["components"]["schemas"]},
    });
    let validator = jsonschema::draft4::new(&schema).unwrap();
    assert!(!validator.is_valid(&json!({"url": "https://a.example"})));
    assert!(!validator.is_valid(&json!({"url": "https://a.example", "events": [], "x": 1})));
    for (name, request) in sent() {
        let body = request.body();
        let described = if name == "webhook_register" {
            let body: Value = serde_json::from_slice(body).unwrap();
            let problems: Vec<String> = validator
                .iter_errors(&body)
                .map(|error| error.to_string())
                .collect();
            assert_eq!(problems, Vec::<String>::new());
            &published["paths"]["/v1/webhooks"]["post"]
        } else {
            assert!(body.is_empty(), "{name}");
            match name {
                "webhook_list" => &published["paths"]["/v1/webhooks"]["get"],
                _ => &published["paths"]["/v1/webhooks/{id}"]["delete"],
            }
        };
        for parameter in described["parameters"].as_array().unwrap() {
            if parameter["in"] == "header" {
                let header = parameter["name"].as_str().unwrap();
                assert!(
                    request.headers().contains_key(header),
                    "{name} lacks {header}"
                );
            }
        }
    }
}

#[test]
fn one_registration_has_all_events_of_a_payment() {
    assert_eq!(Webhooks::new().events(), EVENTS);
    for word in [
        "authorized",
        "aborted",
        "expired",
        "terminated",
        "cancelled",
        "captured",
        "refunded",
    ] {
        let name = format!("epayments.payment.{word}.v1");
        assert!(EVENTS.contains(&name.as_str()), "{name}");
    }
    assert_eq!(EVENTS.len(), 7);
}

#[test]
fn the_secret_is_kept_as_it_came_and_not_shown() {
    let bench = bench();
    let secret =
        "A0+AeKBRG2KRGvnNwJpQlb6IJFk48CKXCIcrLoHncVJKDILsQSxS6NWCccwWm6r6FhGKhiHTBsG2wo/xU6FY/A==";
    bench.vipps.then(answer(
        201,
        json!({"id": ID, "secret": secret, "new": 1}).to_string(),
    ));
    let registered =
        run(Webhooks::new().register(&bench.cx, &bench.caller, &ours(), EVENTS)).unwrap();
    assert_eq!(registered.id, ID);
    assert_eq!(registered.secret.expose_secret(), secret);
    assert!(!format!("{registered:?}").contains("A0+"), "{registered:?}");
}

#[test]
fn a_registration_whose_secret_was_lost_is_uncertain() {
    for reply in [
        answer(201, ""),
        answer(201, "[]"),
        answer(201, format!(r#"{{"id":"{ID}"}}"#)),
        answer(201, r#"{"secret":"x"}"#),
        answer(201, r#"{"id":"","secret":""}"#),
        answer(500, ""),
        lost(),
    ] {
        let bench = bench();
        bench.vipps.then(reply.clone());
        match run(Webhooks::new().register(&bench.cx, &bench.caller, &ours(), EVENTS)) {
            Err(ApiError::Unknown(error)) => {
                assert!(error.what.contains("account main"), "{error}");
                assert!(!error.advice.contains("payment"), "{error}");
            }
            other => panic!("{reply:?}: {other:?}"),
        }
    }
}

#[test]
fn vipps_may_refuse_a_registration() {
    let bench = bench();
    bench.vipps.then(answer(
        400,
        r#"{"type":null,"title":"Bad Request","status":400,"detail":"One or more validation errors occurred.","traceId":"00-bb","extraDetails":[{"name":"url","reason":"The property is required and cannot be null or empty."}]}"#,
    ));
    match run(Webhooks::new().register(&bench.cx, &bench.caller, &ours(), EVENTS)) {
        Err(ApiError::Refused(error)) => {
            assert_eq!(
                error.kind,
                ErrorKind::Vipps {
                    status: 400,
                    group: "Webhooks".into(),
                    code: "url".into(),
                    context: Some("00-bb".into())
                }
            );
            assert!(error.why.contains("does not take the field url"), "{error}");
            assert_eq!(error.who, Who::Merchant);
            assert!(error.advice.contains("fewer than 25"), "{error}");
        }
        other => panic!("{other:?}"),
    }
    for (status, who) in [
        (401, Who::Merchant),
        (403, Who::Merchant),
        (404, Who::Merchant),
        (409, Who::Merchant),
    ] {
        let bench = crate::support::bench();
        // A 401 is asked once more, with a new token.
        bench.vipps.then(answer(status, ""));
        bench.vipps.then(answer(status, ""));
        match run(Webhooks::new().register(&bench.cx, &bench.caller, &ours(), EVENTS)) {
            Err(ApiError::Refused(error)) => assert_eq!(error.who, who, "{status}"),
            other => panic!("{status}: {other:?}"),
        }
    }
}

#[test]
fn only_https_is_registered_but_with_a_simulator() {
    let http = Url::parse("http://127.0.0.1:3000/webhooks/main/x").unwrap();
    let bench = bench();
    let api = Webhooks::new();
    match run(api.register(&bench.cx, &bench.caller, &http, EVENTS)) {
        Err(ApiError::Refused(error)) => assert_eq!(error.kind, ErrorKind::Configuration),
        other => panic!("{other:?}"),
    }
    assert!(bench.vipps.requests().is_empty() && bench.vipps.token_requests().is_empty());
    let simulated = caller_in(Environment::At("http://127.0.0.1:9".parse().unwrap()));
    bench.vipps.then(created());
    assert!(run(api.register(&bench.cx, &simulated, &http, EVENTS)).is_ok());
    let file = Url::parse("file:///etc/passwd").unwrap();
    assert!(run(api.register(&bench.cx, &simulated, &file, EVENTS)).is_err());
}

#[test]
fn what_is_listed_is_read_tolerantly() {
    let list = |body: &str| {
        let bench = bench();
        bench.vipps.then(answer(200, body));
        run(Webhooks::new().list(&bench.cx, &bench.caller))
    };
    let all = list(
        r#"{"webhooks":[
            {"id":"a","url":"https://pay.shop.example/w","events":["epayments.payment.captured.v1","user.checked-in.v1"],"createdAt":"x"},
            {"id":"b","url":null,"events":"none"},
            {"url":"https://no.example/id"},
            7
        ],"next":null}"#,
    )
    .unwrap();
    let seen: Vec<_> = all
        .iter()
        .map(|hook| (hook.id.as_str(), hook.url.as_str(), hook.events.len()))
        .collect();
    assert_eq!(seen, [("a", "https://pay.shop.example/w", 2), ("b", "", 0)]);
    assert_eq!(list(r#"{"webhooks":[]}"#).unwrap(), []);
    // An answer that is no list must not look as if nothing were registered.
    for body in [
        "",
        "{}",
        "[]",
        r#"{"webhooks":null}"#,
        r#"{"webhooks":{}}"#,
        "<html>",
    ] {
        assert!(matches!(list(body), Err(ApiError::Unknown(_))), "{body}");
    }
}

#[test]
fn a_webhook_that_is_gone_is_removed() {
    let remove = |reply, id: &str| {
        let bench = bench();
        bench.vipps.then(reply);
        run(Webhooks::new().remove(&bench.cx, &bench.caller, id))
    };
    for status in [200, 204, 404, 410] {
        assert_eq!(remove(answer(status, ""), ID), Ok(()), "{status}");
    }
    assert!(matches!(
        remove(answer(400, ""), ID),
        Err(ApiError::Refused(_))
    ));
    assert!(matches!(
        remove(answer(500, ""), ID),
        Err(ApiError::Unknown(_))
    ));
    assert!(matches!(
        remove(unreachable(), ID),
        Err(ApiError::Again { .. })
    ));
    // It goes into a path.
    for id in [
        "",
        "..",
        "a/b",
        "a?b",
        "a#b",
        "ø",
        "a%2fb",
        &"a".repeat(101),
    ] {
        let bench = bench();
        assert!(
            matches!(
                run(Webhooks::new().remove(&bench.cx, &bench.caller, id)),
                Err(ApiError::Refused(_))
            ),
            "{id}"
        );
        assert!(bench.vipps.requests().is_empty(), "{id}");
    }
}

#[test]
fn an_event_as_it_is_documented() {
    let notice = read(&event()).unwrap();
    assert_eq!(notice.msn.as_str(), "123456");
    assert_eq!(notice.reference, "acme-shop-123-order123abc");
    assert_eq!(notice.amount, Some(Money::nok(49_900)));
    assert_eq!(notice.at, "2026-01-19T16:26:32.099Z".parse().ok());
    assert!(notice.success);
    assert_eq!(
        notice.identity(),
        "dd8e0a8e-2b26-40ed-98f1-1d5832fc129f/AUTHORIZED"
    );
}

#[test]
fn an_event_is_read_tolerantly() {
    // What Vipps adds one day, and what comes with an authorisation.
    let more = with("shippingDetails", json!({"address": {"city": "Oslo"}}));
    assert_eq!(read(&more), read(&event()));
    for (field, value) in [
        ("idempotencyKey", Value::Null),
        ("userDetails", json!([])),
        ("sub", json!(7)),
    ] {
        assert_eq!(read(&with(field, value)), read(&event()), "{field}");
    }
    // Numbers as numbers or as texts, names in either case, seven digits of a second.
    let mut other = json!({"MSN": 123456});
    for (field, value) in event().as_object().unwrap() {
        if field != "msn" {
            let mut name = field.clone();
            name[..1].make_ascii_uppercase();
            other[name] = value.clone();
        }
    }
    assert_eq!(read(&other), read(&event()));
    let precise = read(&with("timestamp", json!("2023-03-27T10:51:44.5333258Z"))).unwrap();
    assert_eq!(precise.at, "2023-03-27T10:51:44.5333258Z".parse().ok());
    // A word we do not know is a word.
    for name in ["DISPUTED", "cancelled", "epayments.payment.captured.v1"] {
        assert_eq!(read(&with("name", json!(name))).unwrap().name, name);
    }
    assert!(!read(&with("success", json!(false))).unwrap().success);
    for (amount, expected) in [
        (
            json!({"currency": "EUR", "value": 1}),
            Some(Money::new(1, Currency::Eur)),
        ),
        (json!({"currency": "SEK", "value": 1}), None),
        (json!({"currency": "NOK", "value": 1.5}), None),
        (json!(49900), None),
        (Value::Null, None),
    ] {
        assert_eq!(
            read(&with("amount", amount.clone())).unwrap().amount,
            expected,
            "{amount}"
        );
    }
    // It need not be a payment of ours, or of our form.
    let foreign = "æ weird/reference";
    assert_eq!(
        read(&with("reference", json!(foreign))).unwrap().reference,
        foreign
    );
    let long = read(&with("reference", json!("x".repeat(5000)))).unwrap();
    assert_eq!(long.reference.len(), 100);
}

#[test]
fn two_captures_are_two_events_and_one_that_comes_again_is_one() {
    let first = read(&with("name", json!("CAPTURED"))).unwrap();
    let mut second = with("name", json!("CAPTURED"));
    second["pspReference"] = json!("another");
    let second = read(&second).unwrap();
    assert_ne!(first.identity(), second.identity());
    assert_eq!(
        first.identity(),
        read(&with("name", json!("CAPTURED"))).unwrap().identity()
    );
    assert_ne!(first.identity(), read(&event()).unwrap().identity());
    // Where Vipps forgets to say which event it is, its time does.
    let mut early = without("pspReference");
    let late = with("timestamp", json!("2026-01-19T16:26:33.000Z"));
    let mut late_event = late;
    late_event.as_object_mut().unwrap().remove("pspReference");
    assert_ne!(
        read(&early).unwrap().identity(),
        read(&late_event).unwrap().identity()
    );
    early.as_object_mut().unwrap().remove("timestamp");
    assert_eq!(read(&early).unwrap().psp_reference, "");
}

#[test]
fn what_is_no_event_of_a_payment_is_not_taken() {
    for field in ["msn", "reference", "name"] {
        assert_eq!(
            read(&without(field)),
            Err(StatusCode::BAD_REQUEST),
            "{field}"
        );
        assert_eq!(
            read(&with(field, json!(""))),
            Err(StatusCode::BAD_REQUEST),
            "{field}"
        );
        assert_eq!(
            read(&with(field, json!([1]))),
            Err(StatusCode::BAD_REQUEST),
            "{field}"
        );
    }
    for field in [
        "pspReference",
        "amount",
        "timestamp",
        "success",
        "idempotencyKey",
    ] {
        assert!(read(&without(field)).is_ok(), "{field}");
    }
    let status = |body: &[u8]| Webhooks::new().read(body).unwrap_err().status;
    for body in ["", "null", "[]", "7", "{", "\u{0}"] {
        assert_eq!(status(body.as_bytes()), StatusCode::BAD_REQUEST, "{body}");
    }
    assert_eq!(status(&[0xff, 0xfe]), StatusCode::BAD_REQUEST);
    let large = with("x", json!("x".repeat(70_000))).to_string();
    assert_eq!(status(large.as_bytes()), StatusCode::PAYLOAD_TOO_LARGE);
}

#[test]
fn a_webhook_is_verified_against_what_was_registered() {
    let body = event().to_string();
    let (right, wrong) = (SECRET.to_owned().into(), "another".to_owned().into());
    let mut request = Request::post("/passed/on/by/a/proxy")
        .body(Bytes::from(body.clone()))
        .unwrap();
    sign(&ours(), noon(), body.as_bytes(), &right)
        .put_on(request.headers_mut())
        .unwrap();
    request
        .headers_mut()
        .insert("host", "10.0.0.7".parse().unwrap());
    let api = Webhooks::new();
    let at = |seconds| kasse_core::after(noon(), Duration::from_secs(seconds));
    assert_eq!(api.verify(&request, &ours(), &right, at(0), WINDOW), Ok(()));
    assert_eq!(
        api.verify(&request, &ours(), &wrong, at(0), WINDOW),
        Err(WhyNot::Signature)
    );
    assert_eq!(
        api.verify(&request, &ours(), &right, at(3600), WINDOW),
        Err(WhyNot::Clock)
    );
    let other = Url::parse("https://pay.shop.example/webhooks/main/other").unwrap();
    assert_eq!(
        api.verify(&request, &other, &right, at(0), WINDOW),
        Err(WhyNot::Signature)
    );
}

proptest! {
    #[test]
    fn any_body_is_read_without_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Webhooks::new().read(&body);
    }

    #[test]
    fn any_event_is_short(reference in "(?s).{0,300}", name in "(?s).{0,300}", psp in "(?s).{0,300}") {
        let mut event = with("reference", json!(reference));
        event["name"] = json!(name);
        event["pspReference"] = json!(psp);
        if let Ok(notice) = read(&event) {
            prop_assert!(notice.reference.chars().count() <= 100);
            prop_assert!(notice.identity().chars().count() <= 201);
        }
    }
}
