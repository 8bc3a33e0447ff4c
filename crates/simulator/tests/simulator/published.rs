//! The simulator beside the published descriptions: its own table of facts, and every body that it
//! accepts, answers or sends.
//!
//! The descriptions are not part of this repository. Where they are absent these tests say so, on
//! standard error, and compare nothing.

use std::path::Path;

use jsonschema::{Draft, Validator};
use kasse_simulator::schema::{FIELDS, Field, Kind};
use kasse_simulator::{Approval, Direction, Exchange, ExchangeFilter, SalesUnit};
use serde_json::{Value, json};

use crate::support::{MSN, World, express, express_static, regular};

pub(crate) fn published(file: &str) -> Option<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/reference/openapi")
        .join(file);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(serde_yaml_ng::from_str(&text).unwrap()),
        Err(error) => {
            eprintln!(
                "SKIPPED: {file} is not beside the workspace ({error}): nothing was compared"
            );
            None
        }
    }
}

const ECOM: &str = "ecom-v2.0.3-2023-11.openapi.yaml";
const ACCESS_TOKEN: &str = "access-token-2023-11.openapi.yaml";

#[test]
fn the_table_of_facts_is_the_published_one() {
    let Some(ecom) = published(ECOM) else { return };
    let schemas = &ecom["components"]["schemas"];
    let mut names: Vec<&str> = FIELDS.iter().map(|f| f.schema).collect();
    names.dedup();
    for name in names {
        let schema = &schemas[name];
        let of_schema = || FIELDS.iter().filter(|f| f.schema == name);
        let ours: Vec<&str> = sorted(of_schema().map(|f| f.name));
        let theirs: Vec<&str> = sorted(
            schema["properties"]
                .as_object()
                .unwrap()
                .keys()
                .map(String::as_str),
        );
        assert_eq!(ours, theirs, "the fields of {name}");
        let ours = sorted(of_schema().filter(|f| f.required).map(|f| f.name));
        let required = schema["required"].as_array().map_or(&[][..], Vec::as_slice);
        assert_eq!(
            ours,
            sorted(required.iter().filter_map(Value::as_str)),
            "what {name} requires"
        );
        for field in of_schema() {
            compare(field, &schema["properties"][field.name], schemas);
        }
    }
}

fn sorted<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names
}

fn name_of(reference: &Value) -> Option<&str> {
    reference["$ref"].as_str()?.rsplit('/').next()
}

fn compare(field: &Field, property: &Value, schemas: &Value) {
    let place = format!("{}.{}", field.schema, field.name);
    let kind = match name_of(property) {
        // A number behind a reference is still a number.
        Some(name) if schemas[name]["type"] != "object" => &schemas[name],
        _ => property,
    };
    let fits = match field.kind {
        Kind::Text => kind["type"] == "string",
        Kind::Integer => kind["type"] == "integer",
        Kind::Number => kind["type"] == "number",
        Kind::Boolean => kind["type"] == "boolean",
        Kind::Object(name) => name_of(kind) == Some(name),
        Kind::List(name) => kind["type"] == "array" && name_of(&kind["items"]) == Some(name),
    };
    assert!(fits, "{place} is {:?}, published {kind}", field.kind);
    let length = |name: &str| kind[name].as_u64().map(|n| usize::try_from(n).unwrap());
    assert_eq!(field.min_length, length("minLength"), "{place} minLength");
    assert_eq!(field.max_length, length("maxLength"), "{place} maxLength");
    let minimum = kind["minimum"]
        .as_i64()
        .or_else(|| (kind["minimum"].as_f64() == Some(0.0)).then_some(0));
    assert_eq!(field.minimum, minimum, "{place} minimum");
    assert_eq!(
        field.pattern.map(|p| p.published()),
        kind["pattern"].as_str(),
        "{place} pattern"
    );
    let values: Vec<&str> = kind["enum"]
        .as_array()
        .map_or(&[][..], Vec::as_slice)
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(field.one_of, values, "{place} enum");
}

/// The published schemas, with their known defects mended one by one; each mend asserts that the
/// defect is there, so that a mended description is noticed.
fn mended(mut ecom: Value) -> Value {
    let schemas = &mut ecom["components"]["schemas"];
    // An escaped bracket that no address type can match.
    let pattern = &mut schemas["ShippingCostAndMethod"]["properties"]["addressType"]["pattern"];
    assert_eq!(*pattern, r"^\[A-Z]$");
    *pattern = "^[A-Z]$".into();
    // The guide lists two statuses more.
    for name in [
        "CallbackTransactionInfoRegular",
        "CallbackTransactionInfoExpress",
    ] {
        let values = schemas[name]["properties"]["status"]["enum"]
            .as_array_mut()
            .unwrap();
        assert!(!values.contains(&json!("RESERVE_FAILED")));
        values.extend([json!("RESERVE_FAILED"), json!("SALE_FAILED")]);
    }
    // It requires postCode, and has only zipCode.
    let address = &mut schemas["AddressExpress"];
    assert!(address["properties"].get("postCode").is_none());
    address["required"] = json!(["addressLine1", "city", "country", "zipCode"]);
    // A payment with scope has the express form, as the guide says, and nothing that is shipped.
    let mut profile = schemas["ExpressCheckOutPaymentRequest"].clone();
    profile["required"]
        .as_array_mut()
        .unwrap()
        .retain(|name| name != "shippingDetails");
    schemas["CallbackWithScope"] = profile;
    // An amount of 0 or null asks for a full capture, as the guide says.
    let amount = &mut schemas["Transaction"]["properties"]["amount"];
    *amount = json!({"oneOf": [amount.clone(), {"enum": [0, null]}]});
    // Azure's gateway has a shape of its own, which the guide shows.
    schemas["Gateway"] = json!({
        "type": "object", "required": ["statusCode", "message"], "additionalProperties": false,
        "properties": {"statusCode": {"type": "integer"}, "message": {"type": "string"}},
    });
    ecom
}

pub(crate) fn validator(document: &Value, schema: &str) -> Validator {
    let root = json!({"$ref": format!("#/components/schemas/{schema}"), "components": document["components"]});
    jsonschema::options()
        .with_draft(Draft::Draft7)
        .build(&root)
        .unwrap()
}

/// The schemas for the request and for the answer of an exchange; `None`: it has no such body.
fn schemas_of(
    exchange: &Exchange,
    request: &Value,
) -> (Option<&'static str>, Option<&'static str>) {
    let path = exchange.url.split('?').next().unwrap();
    let last = path.rsplit('/').next().unwrap();
    if exchange.direction == Direction::Out {
        return match last {
            "shippingDetails" => (
                Some("ShippingCostAndMethod"),
                Some("FetchShippingCostResponse"),
            ),
            _ if request.get("shippingDetails").is_some() => {
                (Some("ExpressCheckOutPaymentRequest"), None)
            }
            _ if request.get("userDetails").is_some() => (Some("CallbackWithScope"), None),
            _ => (Some("RegularCheckOutPaymentRequest"), None),
        };
    }
    match last {
        "payments" => (
            Some("InitiatePaymentCommand"),
            Some("PaymentInitiationResponse"),
        ),
        "capture" => (Some("PaymentActionsRequest"), Some("TransactionResponse")),
        "refund" => (
            Some("PaymentActionsRequest"),
            Some("RefundTransactionResponse"),
        ),
        "cancel" => (
            Some("CancelPaymentActionRequest"),
            Some("CancelTransactionResponse"),
        ),
        "approve" => (Some("ForceApproveRequest"), None),
        "details" => (None, Some("TransactionDetails")),
        "status" => (None, Some("PaymentStatus")),
        "get" => (None, Some("AuthorizationTokenResponse")),
        other => panic!("{other}: a call without a schema"),
    }
}

fn validate(document: &Value, schema: &str, body: &Value, exchange: &Exchange) {
    let errors: Vec<String> = validator(document, schema)
        .iter_errors(body)
        .map(|e| format!("{} at {}", e, e.instance_path()))
        .collect();
    assert!(
        errors.is_empty(),
        "{} {} as {schema}: {errors:#?}\n{body:#}",
        exchange.method,
        exchange.url
    );
}

#[tokio::test]
async fn everything_on_the_wire_fits_the_published_schemas() {
    let (Some(ecom), Some(token)) = (published(ECOM), published(ACCESS_TOKEN)) else {
        return;
    };
    let document = mended(ecom);
    let mut checked = 0;
    for world in worlds().await {
        for exchange in world
            .simulator
            .control()
            .exchanges(&ExchangeFilter::default())
        {
            let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap_or(Value::Null);
            let (sent, answered) = (parse(&exchange.request), parse(&exchange.response));
            let fine = exchange.status == Some(200);
            let (request, answer) = schemas_of(&exchange, &sent);
            let document = if answer == Some("AuthorizationTokenResponse") {
                &token
            } else {
                &document
            };
            if let (Some(schema), true) = (request, fine || exchange.direction == Direction::Out) {
                validate(document, schema, &sent, &exchange);
            }
            match answer {
                Some(schema) if fine => validate(document, schema, &answered, &exchange),
                _ if fine || exchange.direction == Direction::Out => {}
                _ if answered.get("statusCode").is_some() => {
                    validate(document, "Gateway", &answered, &exchange)
                }
                _ if answered.is_array() => validate(document, "ErrorArray", &answered, &exchange),
                _ => validate(document, "ErrorFromAzure", &answered, &exchange),
            }
            checked += 1;
        }
    }
    assert!(checked > 60, "only {checked} exchanges were checked");
}

/// Worlds in which each kind of call happened, in many states.
async fn worlds() -> Vec<World> {
    let world = World::start().await;
    let control = world.simulator.control();
    for (n, order) in [
        regular("a-1", 49900),
        express("a-2", 49900),
        express_static("a-3", 100),
    ]
    .iter()
    .enumerate()
    {
        let id = format!("a-{}", n + 1);
        world.initiate(order).await.ok();
        world.details(&id).await.ok();
        control
            .approve(MSN, &id, Approval::default())
            .await
            .unwrap();
        world.capture(&id, Some(100), "k1").await.ok();
        world.capture(&id, None, "k2").await;
        world.refund(&id, Some(100), "k3").await.ok();
        world.details(&id).await.ok();
        world
            .send(world.request("GET", &format!("/ecomm/v2/payments/{id}/status"), None))
            .await
            .ok();
        world.cancel(&id, true).await;
        world.capture(&id, Some(1_000_000), "k4").await;
    }
    world.reserved("b-1", 10000).await;
    world.cancel("b-1", false).await.ok();
    world.details("b-1").await.ok();
    world.initiate(&regular("b-2", 10000)).await.ok();
    control.reject(MSN, "b-2").await.unwrap();
    world.initiate(&regular("b-3", 10000)).await.ok();
    control.decline(MSN, "b-3").unwrap();
    world.initiate(&express("b-4", 10000)).await.ok();
    let mut scope = regular("b-5", 10000);
    scope["transaction"]["scope"] = "name address email phoneNumber birthDate".into();
    world.initiate(&scope).await.ok();
    control
        .approve(MSN, "b-5", Approval::default())
        .await
        .unwrap();
    world.initiate(&regular("b-6", 10000)).await.ok();
    let approve = "/ecomm/v2/integration-test/payments/b-6/approve";
    world
        .send(world.request(
            "POST",
            approve,
            Some(&json!({"customerPhoneNumber": "91234567"})),
        ))
        .await
        .ok();
    world.pass(11).await;
    for n in 2..=6 {
        world.details(&format!("b-{n}")).await.ok();
        world
            .send(world.request("GET", &format!("/ecomm/v2/payments/b-{n}/status"), None))
            .await
            .ok();
    }
    world.details("nobody").await;
    world.pass(60).await;
    world.details("b-2").await;

    let direct = World::with(SalesUnit {
        direct_capture: true,
        ..SalesUnit::default()
    })
    .await;
    direct.reserved("c-1", 10000).await;
    direct.initiate(&express("c-2", 10000)).await.ok();
    direct
        .simulator
        .control()
        .approve(MSN, "c-2", Approval::default())
        .await
        .unwrap();
    direct.initiate(&regular("c-3", 10000)).await.ok();
    direct.simulator.control().decline(MSN, "c-3").unwrap();
    direct.pass(11).await;
    direct.details("c-1").await.ok();
    direct.details("c-3").await.ok();
    direct.refund("c-2", None, "k").await.ok();
    vec![world, direct]
}
