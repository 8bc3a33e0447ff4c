//! The Userinfo API: who paid.

use std::path::Path;

use kasse_core::Address;
use kasse_core::api::{ApiError, UserinfoApi};
use kasse_core::{ErrorKind, Personal, Who};
use kasse_vipps::Userinfo;
use kasse_vipps::userinfo::userinfo;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::bytes::written;
use crate::support::*;

const SUB: &str = "c06c4afe-d9e1-4c5d-939a-177d752a0944";

fn everything() -> Value {
    json!({
        "sub": SUB, "sid": "7d78a726-af92-499e-b857-de263ef9a969", "name": "Ada Lovelace",
        "given_name": "Ada", "family_name": "Lovelace", "birthdate": "1815-12-10",
        "email": "ada@example.com", "email_verified": true, "phone_number": "4712345678",
        "phone_number_verified": true, "nin": "09057517287",
        "address": {"address_type": "home", "country": "NO", "formatted": "Robert Levins gate 5\n0154 Oslo", "postal_code": "0154", "region": "Oslo", "street_address": "Robert Levins gate 5"},
        "other_addresses": []
    })
}

fn ada() -> Personal {
    Personal {
        user_id: None,
        sub: Some(SUB.into()),
        first_name: Some("Ada".into()),
        last_name: Some("Lovelace".into()),
        email: Some("ada@example.com".into()),
        phone: Some("4712345678".into()),
        address: Some(Address {
            line1: "Robert Levins gate 5".into(),
            line2: String::new(),
            post_code: "0154".into(),
            city: "Oslo".into(),
            country: "NO".into(),
        }),
    }
}

fn asked(reply: Reply) -> Result<Option<Personal>, ApiError> {
    let bench = bench();
    // A 401 is asked again: with a new token, and both so without the subscription key.
    for _ in 0..4 {
        bench.vipps.then(reply.clone());
    }
    run(Userinfo::new().userinfo(&bench.cx, &bench.caller, &reference(), SUB))
}

fn said(body: &Value) -> Option<Personal> {
    asked(answer(200, body.to_string())).unwrap()
}

#[test]
fn every_request() {
    let bench = bench();
    bench.vipps.then(answer(401, ""));
    bench.vipps.then(answer(401, ""));
    bench.vipps.then(answer(200, "{}"));
    run(Userinfo::new().userinfo(&bench.cx, &bench.caller, &reference(), SUB)).unwrap();
    let requests = bench.vipps.requests();
    assert_eq!(requests.len(), 3);
    insta::assert_snapshot!("userinfo", written(&requests[0].0));
    insta::assert_snapshot!("userinfo_without_key", written(&requests[2].0));
}

#[test]
fn the_request_is_as_published() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/reference/openapi/userinfo-2023-11.openapi.yaml");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!(
            "SKIPPED: Vipps' published schema is not at {}: nothing is compared with it",
            path.display()
        );
        return;
    };
    let published: Value = serde_yaml_ng::from_str(&text).unwrap();
    let request = userinfo(&caller(), SUB, false).unwrap();
    let described = &published["paths"]["/vipps-userinfo-api/userinfo/{sub}"]["get"];
    let mut headers = 0;
    for parameter in described["parameters"].as_array().unwrap() {
        let name = parameter["$ref"]
            .as_str()
            .unwrap()
            .rsplit('/')
            .next()
            .unwrap();
        // The token is added when it is sent.
        if name != "sub" && name != "Authorization" {
            assert!(request.headers().contains_key(name), "{name}");
            headers += 1;
        }
    }
    assert_eq!(headers, 6);
    assert_eq!(
        request.uri().path(),
        format!("/vipps-userinfo-api/userinfo/{SUB}")
    );
}

#[test]
fn what_the_customer_shared() {
    assert_eq!(said(&everything()), Some(ada()));
    // Neither who else is in it nor what we do not need is kept.
    let shown = format!("{:?}", said(&everything()));
    assert!(
        !shown.contains("Ada") && !shown.contains("09057517287"),
        "{shown}"
    );
}

/// Only what was consented to is there.
#[test]
fn what_was_not_asked_for_is_left_out() {
    assert_eq!(
        said(&json!({"sub": SUB, "email": "ada@example.com"})),
        Some(Personal {
            sub: Some(SUB.into()),
            email: Some("ada@example.com".into()),
            ..Personal::default()
        })
    );
    let nobody = Personal {
        sub: Some(SUB.into()),
        ..Personal::default()
    };
    assert_eq!(said(&json!({})), Some(nobody.clone()));
    // Without a registered address there are empty texts.
    let empty = json!({"address_type": "", "country": "", "formatted": "", "postal_code": "", "region": "", "street_address": ""});
    assert_eq!(
        said(&json!({"sub": SUB, "address": empty})),
        Some(nobody.clone())
    );
    for odd in [
        json!(null),
        json!([]),
        json!("x"),
        json!({"street_address": 7, "postal_code": null}),
    ] {
        assert!(said(&json!({"address": odd})).is_some(), "{odd}");
    }
    let other = json!({"sub": SUB, "address": empty, "other_addresses": [7, empty, everything()["address"]]});
    assert_eq!(said(&other).unwrap().address, ada().address);
}

#[test]
fn an_address_of_several_lines() {
    let mut body = everything();
    body["address"]["street_address"] = json!("Storgata 1\nH0301\n\n c/o Babbage ");
    body["address"]["country"] = json!("Finland");
    let address = said(&body).unwrap().address.unwrap();
    assert_eq!(address.line1, "Storgata 1");
    assert_eq!(address.line2, "H0301, c/o Babbage");
    assert_eq!(address.country, "FI");
}

#[test]
fn after_168_hours_there_is_nothing() {
    let expired = "[Expired]";
    let gone = json!({
        "sub": SUB, "name": expired, "given_name": expired, "family_name": expired, "email": expired,
        "phone_number": expired,
        "address": {"country": expired, "postal_code": expired, "region": expired, "street_address": expired}
    });
    assert_eq!(said(&gone), None);
    assert_eq!(said(&json!({"sub": SUB, "email": "[expired]"})), None);
    assert_eq!(said(&json!({"address": {"street_address": expired}})), None);
    // What is left is kept.
    let some = said(&json!({"sub": SUB, "email": expired, "given_name": "Ada"})).unwrap();
    assert_eq!(
        (some.first_name.as_deref(), some.email),
        (Some("Ada"), None)
    );
}

/// Vipps' documents contradict each other on the subscription key: what works is found out, and kept.
#[test]
fn the_subscription_key_is_left_out_where_it_is_not_wanted() {
    let bench = bench();
    let api = Userinfo::new();
    let ask = || run(api.userinfo(&bench.cx, &bench.caller, &reference(), SUB));
    let keys = || {
        let requests = bench.vipps.requests();
        let has = |(request, _): &(http::Request<_>, _)| {
            request.headers().contains_key("ocp-apim-subscription-key")
        };
        requests.iter().map(has).collect::<Vec<_>>()
    };
    for status in [401, 401, 200] {
        bench.vipps.then(answer(status, "{}"));
    }
    assert!(ask().is_ok());
    assert_eq!(keys(), [true, true, false]);
    // The next begins without it, also over a clone.
    bench.vipps.then(answer(200, "{}"));
    assert!(ask().is_ok());
    assert_eq!(keys().last(), Some(&false));
    bench.vipps.then(answer(200, "{}"));
    let clone = api.clone();
    run(clone.userinfo(&bench.cx, &bench.caller, &reference(), SUB)).unwrap();
    assert_eq!(keys().last(), Some(&false));
    // Should Vipps want it one day, it is sent again.
    for status in [401, 401, 200, 200] {
        bench.vipps.then(answer(status, "{}"));
    }
    assert!(ask().is_ok() && ask().is_ok());
    assert_eq!(keys()[5..], [false, false, true, true]);
    // Everything else is still there.
    let request = bench.vipps.requests()[2].0.clone();
    for header in [
        "authorization",
        "merchant-serial-number",
        "vipps-system-name",
    ] {
        assert!(request.headers().contains_key(header), "{header}");
    }
}

#[test]
fn keys_that_are_wrong_are_refused_and_nothing_is_learned() {
    let bench = bench();
    let api = Userinfo::new();
    for _ in 0..8 {
        bench.vipps.then(answer(401, ""));
    }
    for _ in 0..2 {
        match run(api.userinfo(&bench.cx, &bench.caller, &reference(), SUB)) {
            Err(ApiError::Refused(error)) => assert_eq!(error.who, Who::Merchant),
            other => panic!("{other:?}"),
        }
    }
    let requests = bench.vipps.requests();
    assert_eq!(requests.len(), 8);
    assert!(
        requests[4]
            .0
            .headers()
            .contains_key("ocp-apim-subscription-key")
    );
}

#[test]
fn what_may_be_done_after_an_error() {
    for (status, kind) in [
        (400, "refused"),
        (403, "refused"),
        (404, "refused"),
        (429, "again"),
        (500, "unknown"),
        (503, "unknown"),
    ] {
        let said = match asked(answer(status, r#"{"title":"T","extraInfo":{"a":{}}}"#)) {
            Err(ApiError::Refused(_)) => "refused",
            Err(ApiError::Again { .. }) => "again",
            Err(ApiError::Unknown(_)) => "unknown",
            Ok(_) => "ok",
        };
        assert_eq!(said, kind, "{status}");
    }
    for body in ["", "[]", "null", "<html>"] {
        assert!(
            matches!(asked(answer(200, body)), Err(ApiError::Unknown(_))),
            "{body}"
        );
    }
    assert!(matches!(asked(lost()), Err(ApiError::Unknown(_))));
}

#[test]
fn nothing_but_an_id_goes_into_the_path() {
    let long = "a".repeat(101);
    for sub in [
        "",
        ".",
        "..",
        "a/b",
        "../x",
        "a?b=c",
        "a#b",
        "a%2f",
        "ø",
        "a b",
        long.as_str(),
    ] {
        let bench = bench();
        match run(Userinfo::new().userinfo(&bench.cx, &bench.caller, &reference(), sub)) {
            Err(ApiError::Refused(error)) => assert_eq!(error.kind, ErrorKind::Invalid, "{sub}"),
            other => panic!("{sub}: {other:?}"),
        }
        assert!(bench.vipps.requests().is_empty(), "{sub}");
    }
}

proptest! {
    #[test]
    fn any_answer_is_read_without_panic(status in 200_u16..600, body in "(?s).{0,200}") {
        let _ = asked(answer(status, body));
    }
}
