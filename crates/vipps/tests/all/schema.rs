//! What we send and answer, against Vipps' published schema.

use std::path::Path;

use http::Request;
use kasse_core::Express;
use kasse_core::api::PaymentApi;
use serde_json::{Value, json};

use crate::support::*;

/// The published description, which lies beside the workspace where there is one.
fn published() -> Option<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/reference/openapi/ecom-v2.0.3-2023-11.openapi.yaml");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!(
            "SKIPPED: Vipps' published schema is not at {}: nothing is compared with it",
            path.display()
        );
        return None;
    };
    Some(serde_yaml_ng::from_str(&text).unwrap())
}

/// One schema of it. The description is OpenAPI 3.0, whose schemas read as draft 4, but for the
/// defect that `AddressExpress` and `addressType` have; neither is in what we send.
fn validator(published: &Value, name: &str) -> jsonschema::Validator {
    let schema = json!({
        "allOf": [{"$ref": format!("#/components/schemas/{name}")}],
        "components": {"schemas": published["components"]["schemas"]},
    });
    jsonschema::draft4::new(&schema).unwrap()
}

#[track_caller]
fn fits(published: &Value, name: &str, body: &[u8]) -> Value {
    let body: Value = serde_json::from_slice(body).unwrap();
    let problems: Vec<String> = validator(published, name)
        .iter_errors(&body)
        .map(|error| format!("{} at {}", error, error.instance_path()))
        .collect();
    assert_eq!(problems, Vec::<String>::new(), "{name}: {body}");
    body
}

#[test]
fn every_pinned_request_fits_the_published_schema() {
    let Some(published) = published() else { return };
    for (name, schema, request) in pinned() {
        match schema {
            Some(schema) => drop(fits(&published, schema, request.body())),
            None => assert!(request.body().is_empty(), "{name}"),
        }
        // Tokens have a description of their own.
        if name != "access_token" {
            described(&published, &request);
        }
    }
}

#[test]
fn a_request_with_the_customers_number_fits_too() {
    let Some(published) = published() else { return };
    let bench = bench();
    let mut what = initiation(None);
    what.order.buyer.phone = Some("+47 912 34 567".into());
    bench.vipps.then(initiated());
    run(bench.api.initiate(&bench.cx, &bench.caller, &what)).unwrap();
    let body = fits(
        &published,
        "InitiatePaymentCommand",
        bench.vipps.requests()[0].0.body(),
    );
    assert_eq!(body["customerInfo"]["mobileNumber"], "91234567");
}

/// Path and method are described, and every header that is required there is on the request.
fn described<B>(published: &Value, request: &Request<B>) {
    let path = request
        .uri()
        .path()
        .replace(reference().as_str(), "{orderId}");
    let operation = &published["paths"][&path][request.method().as_str().to_lowercase()];
    assert!(
        operation.is_object(),
        "{} {path} is not described",
        request.method()
    );
    for parameter in operation["parameters"].as_array().unwrap() {
        let parameter = match parameter["$ref"].as_str() {
            Some(at) => published.pointer(at.strip_prefix('#').unwrap()).unwrap(),
            None => parameter,
        };
        if parameter["in"] == "header" && parameter["required"] == true {
            let name = parameter["name"].as_str().unwrap();
            assert!(request.headers().contains_key(name), "{path} lacks {name}");
        }
    }
}

#[test]
fn our_answer_to_the_shipping_call_fits_the_published_schema() {
    let Some(published) = published() else { return };
    let path = format!("/v2/payments/{}/shippingDetails", reference());
    let body =
        r#"{"addressId":100,"addressLine1":"A 1","city":"Oslo","country":"NO","postCode":"0154"}"#;
    let request = Request::post("https://pay.shop.example/")
        .body(body.into())
        .unwrap();
    let bench = bench();
    match bench.api.inbound(&path, &request) {
        Some(Ok(kasse_core::api::Inbound::Shipping(call))) => {
            fits(
                &published,
                "FetchShippingCostResponse",
                bench.api.shipping_answer(&call, &options()).body(),
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_comparison_finds_what_is_wrong() {
    let Some(published) = published() else { return };
    let bench = bench();
    bench.vipps.then(initiated());
    run(bench
        .api
        .initiate(&bench.cx, &bench.caller, &initiation(Some(Express::Static))))
    .unwrap();
    let good = fits(
        &published,
        "InitiatePaymentCommand",
        bench.vipps.requests()[0].0.body(),
    );
    for (at, wrong) in [
        ("/merchantInfo/merchantSerialNumber", json!(123456)),
        (
            "/merchantInfo/staticShippingDetails/0/isDefault",
            json!(true),
        ),
        (
            "/merchantInfo/staticShippingDetails/0/shippingCost",
            json!("79.90"),
        ),
        ("/merchantInfo/paymentType", json!("eCom Express Payment")),
        ("/transaction/amount", json!(99)),
        ("/transaction/amount", json!(49900.5)),
        ("/customerInfo", Value::Null),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(at).unwrap() = wrong;
        assert!(
            !validator(&published, "InitiatePaymentCommand").is_valid(&bad),
            "{at}"
        );
    }
}
