//! What we send and answer in the ePayment API, against Vipps' published schema.

use std::path::Path;

use bytes::Bytes;
use http::Request;
use kasse_core::api::PaymentApi;
use kasse_core::{Currency, Express};
use serde_json::{Value, json};

use crate::epayment_bytes::shipping_call;
use crate::epayment_support::*;
use crate::support::reference;

/// What Vipps has added since the published version 1.8.1 ("ePayment API changelog": May and autumn
/// 2026), and is taken out before a body is compared.
const NEWER: [(&str, &str); 2] = [
    ("/shipping", "allowedCountries"),
    ("", "merchantLegalLinks"),
];

/// The published description, which lies beside the workspace where there is one.
fn published() -> Option<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/reference/openapi/epayment-v1.8.1-2025-11.openapi.yaml");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!(
            "SKIPPED: Vipps' published schema is not at {}: nothing is compared with it",
            path.display()
        );
        return None;
    };
    Some(serde_yaml_ng::from_str(&text).unwrap())
}

/// No field that is not described: Vipps may refuse it.
fn nothing_else(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.contains_key("properties") && !fields.contains_key("additionalProperties") {
                fields.insert("additionalProperties".into(), json!(false));
            }
            fields.values_mut().for_each(nothing_else);
        }
        Value::Array(items) => items.iter_mut().for_each(nothing_else),
        _ => {}
    }
}

/// The description is OpenAPI 3.0, whose schemas read as draft 4.
fn validator(published: &Value, schema: Value) -> jsonschema::Validator {
    let mut schemas = published["components"]["schemas"].clone();
    nothing_else(&mut schemas);
    let mut schema = schema;
    nothing_else(&mut schema);
    let schema = json!({"allOf": [schema], "components": {"schemas": schemas}});
    jsonschema::draft4::new(&schema).unwrap()
}

fn named(published: &Value, name: &str) -> jsonschema::Validator {
    let schema = json!({"$ref": format!("#/components/schemas/{name}")});
    validator(published, schema)
}

#[track_caller]
fn fits(validator: &jsonschema::Validator, name: &str, body: &Value) {
    let problems: Vec<String> = validator
        .iter_errors(body)
        .map(|error| format!("{} at {}", error, error.instance_path()))
        .collect();
    assert_eq!(problems, Vec::<String>::new(), "{name}: {body}");
}

/// The body without what is newer, and how much of that it had.
fn older(body: &[u8]) -> (Value, usize) {
    let mut body: Value = serde_json::from_slice(body).unwrap();
    let mut newer = 0;
    for (at, field) in NEWER {
        let within = body.pointer_mut(at).and_then(Value::as_object_mut);
        newer += usize::from(within.and_then(|object| object.remove(field)).is_some());
    }
    (body, newer)
}

#[test]
fn every_pinned_request_fits_the_published_schema() {
    let Some(published) = published() else { return };
    let mut newer = 0;
    for (name, schema, request) in pinned() {
        match schema {
            Some(schema) => {
                let (body, more) = older(request.body());
                fits(&named(&published, schema), &name, &body);
                newer += more;
            }
            None => assert!(request.body().is_empty(), "{name}"),
        }
        described(&published, &name, &request);
    }
    assert_eq!(newer, NEWER.len(), "the list of what is newer is not used");
}

/// Path and method are described, and so is every header, within its limits; those that are required
/// are there.
fn described(published: &Value, name: &str, request: &Request<Bytes>) {
    let path = request
        .uri()
        .path()
        .strip_prefix("/epayment")
        .unwrap()
        .replace(reference().as_str(), "{Reference}");
    let item = &published["paths"][&path];
    let operation = &item[request.method().as_str().to_lowercase()];
    assert!(
        operation.is_object(),
        "{} {path} is not described",
        request.method()
    );
    for parameter in item["parameters"].as_array().unwrap() {
        let parameter = published
            .pointer(
                parameter["$ref"]
                    .as_str()
                    .unwrap()
                    .strip_prefix('#')
                    .unwrap(),
            )
            .unwrap();
        if parameter["in"] != "header" {
            continue;
        }
        let header = parameter["name"].as_str().unwrap();
        let value = request.headers().get(header);
        assert!(
            value.is_some() || parameter["required"] != true,
            "{name} lacks {header}"
        );
        if let Some(value) = value {
            let value = json!(value.to_str().unwrap());
            fits(
                &validator(published, parameter["schema"].clone()),
                header,
                &value,
            );
        }
    }
}

#[test]
fn our_answer_to_the_shipping_call_fits_the_published_schema() {
    let Some(published) = published() else { return };
    let (api, _) = bench();
    let schema = &published["components"]["responses"]["ShippingGroupsResponse"]["content"]["application/json;charset=UTF-8"]
        ["schema"];
    assert!(schema.is_object());
    for currency in CURRENCIES {
        let answer = api.shipping_answer(&shipping_call(), &options(currency));
        let body: Value = serde_json::from_slice(answer.body()).unwrap();
        fits(&validator(&published, schema.clone()), "groups", &body);
    }
}

#[test]
fn the_token_fits_the_header_in_which_it_comes_back() {
    let Some(published) = published() else { return };
    let body = create_body(&initiation(Some(Express::Dynamic), Currency::Nok));
    let schema = &published["components"]["parameters"]["AuthorizationHeader"]["schema"];
    fits(
        &validator(&published, schema.clone()),
        "Authorization",
        &body["shipping"]["dynamicOptions"]["callbackAuthorizationToken"],
    );
}

#[test]
fn what_our_tests_take_for_vipps_answers_fits_the_published_schema() {
    let Some(published) = published() else { return };
    fits(
        &named(&published, "GetPaymentResponse"),
        "payment",
        &payment("AUTHORIZED", 49_900, 0, 10_000, 0),
    );
    // Its list of what is required names `paymentAction`, which no event has.
    let mut corrected = published.clone();
    let required = corrected
        .pointer_mut("/components/schemas/PaymentEvent/required")
        .unwrap();
    assert_eq!(required[2], "paymentAction");
    required[2] = json!("name");
    let mut event = event(2, "CAPTURED", 10_000);
    event["idempotencyKey"] = json!("a-key");
    fits(&named(&corrected, "PaymentEvent"), "event", &event);
}

#[test]
fn the_comparison_finds_what_is_wrong() {
    let Some(published) = published() else { return };
    let mut what = initiation(Some(Express::Static), Currency::Nok);
    what.order.buyer.phone = Some("+4791234567".into());
    what.wishes = wishes();
    let (good, _) = older(sent_create(&what).body());
    let validator = named(&published, "CreatePaymentRequest");
    fits(&validator, "good", &good);
    for (at, wrong) in [
        ("/amount/value", json!(499.5)),
        ("/amount/value", json!("49900")),
        ("/amount/currency", json!("SEK")),
        ("/customer/phoneNumber", json!("+4791234567")),
        ("/customer", json!({"number": "4791234567"})),
        ("/reference", json!("short")),
        ("/paymentDescription", json!("ab")),
        ("/paymentMethod/type", json!("Wallet")),
        ("/shipping/fixedOptions/0/type", json!("HOME")),
        ("/shipping/fixedOptions/0/brand", json!("Posten")),
        (
            "/shipping/fixedOptions/0/options/0/amount",
            json!({"value": 79.9}),
        ),
        ("/receipt/orderLines", json!([])),
        ("/receipt/orderLines/0/taxRate", json!(10_001)),
        ("/receipt/orderLines/0/unitInfo/quantity", json!(2)),
        ("/minimumUserAge", json!(101)),
        ("/userFlow", json!("WEB")),
        ("/profile", json!({"scopes": "name"})),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(at).unwrap_or_else(|| panic!("{at}")) = wrong;
        assert!(!validator.is_valid(&bad), "{at}");
    }
}
