//! ePayment's simulation beside the published description: its own table of facts, and every body
//! that it accepts, answers or sends.

use std::collections::BTreeMap;

use jsonschema::{Draft, Validator};
use kasse_simulator::epayment_schema::{FIELDS, Field, Kind};
use kasse_simulator::{
    Approval, Country, Direction, Exchange, ExchangeFilter, Fault, FaultKind, Operation, SalesUnit,
};
use serde_json::{Value, json};

use crate::epayment_support::{dynamic, fixed, groups, payment, receipt, unit_in};
use crate::published::published;
use crate::support::{MSN, World, express};

const EPAYMENT: &str = "epayment-v1.8.1-2025-11.openapi.yaml";

/// Schemas that versions after 1.8.1 added.
const ADDED_LATER: [&str; 1] = ["MerchantLegalLinks"];

/// What versions after 1.8.1 added to bodies of schemas that were there.
const FIELDS_ADDED_LATER: [(&str, &str); 3] = [
    ("CreatePaymentRequest", "merchantLegalLinks"),
    ("Shipping", "allowedCountries"),
    ("GetPaymentResponse", "captureGuaranteedUntil"),
];

/// A schema by its name here.
fn schema_of<'a>(schemas: &'a Value, name: &str) -> &'a Value {
    match name.split_once('.') {
        Some((parent, field)) => &schemas[parent]["properties"][field],
        None => &schemas[name],
    }
}

/// A schema's properties; the customer's are in three schemas, of which one is to be met.
fn properties(schemas: &Value, name: &str) -> Value {
    let schema = schema_of(schemas, name);
    let Some(parts) = schema["oneOf"].as_array() else {
        return schema["properties"].clone();
    };
    let mut all = json!({});
    for part in parts {
        let part = &schemas[name_of(part).unwrap()]["properties"];
        let all = all.as_object_mut().unwrap();
        all.extend(part.as_object().unwrap().clone());
    }
    all
}

fn name_of(reference: &Value) -> Option<&str> {
    reference["$ref"].as_str()?.rsplit('/').next()
}

fn sorted<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names
}

#[test]
fn the_table_of_facts_is_the_published_one() {
    let Some(document) = published(EPAYMENT) else {
        return;
    };
    let schemas = &document["components"]["schemas"];
    let mut names: Vec<&str> = FIELDS.iter().map(|f| f.schema).collect();
    names.dedup();
    for name in names {
        let of_schema = || FIELDS.iter().filter(|f| f.schema == name);
        if ADDED_LATER.contains(&name) {
            assert!(of_schema().all(|f| f.added_later), "{name}");
            assert!(schemas.get(name).is_none(), "{name} is published now");
            continue;
        }
        let properties = properties(schemas, name);
        for field in of_schema().filter(|f| f.added_later) {
            assert!(FIELDS_ADDED_LATER.contains(&(name, field.name)));
            assert!(
                properties.get(field.name).is_none(),
                "{} is there",
                field.name
            );
        }
        let published = || of_schema().filter(|f| !f.added_later);
        let theirs = properties.as_object().unwrap();
        assert_eq!(
            sorted(published().map(|f| f.name)),
            sorted(theirs.keys().map(String::as_str)),
            "the fields of {name}"
        );
        let required = schema_of(schemas, name)["required"].as_array();
        assert_eq!(
            sorted(published().filter(|f| f.required).map(|f| f.name)),
            sorted(required.into_iter().flatten().filter_map(Value::as_str)),
            "what {name} requires"
        );
        for field in published() {
            compare(field, &properties[field.name], schemas);
        }
    }
}

fn compare(field: &Field, property: &Value, schemas: &Value) {
    let place = format!("{}.{}", field.schema, field.name);
    // What stands behind a reference, if it is no object.
    let behind = name_of(property).map(|name| &schemas[name]);
    let plain = behind.filter(|schema| schema["type"] != "object" && schema["oneOf"].is_null());
    let kind = plain.unwrap_or(property);
    let fits = match field.kind {
        Kind::Text => kind["type"] == "string",
        Kind::Integer => kind["type"] == "integer",
        Kind::Boolean => kind["type"] == "boolean",
        Kind::Object(name) if name.contains('.') => kind["type"] == "object",
        Kind::Object(name) => name_of(kind) == Some(name),
        Kind::List(name) => kind["type"] == "array" && name_of(&kind["items"]) == Some(name),
        Kind::Texts(allowed) => {
            let values = &schemas[name_of(&kind["items"]).unwrap()]["enum"];
            kind["type"] == "array" && *values == json!(allowed)
        }
        Kind::Map(most) => {
            let schema = behind.unwrap();
            schema["maxProperties"] == most && schema["additionalProperties"]["type"] == "string"
        }
    };
    assert!(fits, "{place} is {:?}, published {kind}", field.kind);
    let size = |name: &str| kind[name].as_u64().map(|n| usize::try_from(n).unwrap());
    let fewest = size("minLength").or_else(|| size("minItems"));
    assert_eq!(field.min_length, fewest, "{place} fewest");
    assert_eq!(field.max_length, size("maxLength"), "{place} maxLength");
    assert_eq!(field.minimum, kind["minimum"].as_i64(), "{place} minimum");
    assert_eq!(field.maximum, kind["maximum"].as_i64(), "{place} maximum");
    assert_eq!(
        field.pattern.map(|p| p.published()),
        kind["pattern"].as_str(),
        "{place} pattern"
    );
    let nullable = behind.unwrap_or(kind)["nullable"] == true;
    assert_eq!(field.nullable, nullable, "{place} nullable");
    let values = kind["enum"].as_array();
    let values: Vec<&str> = values
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(field.one_of, values, "{place} enum");
}

/// The published schemas, with their known defects mended one by one; each mend asserts that the
/// defect is there, so that a mended description is noticed.
fn mended(mut document: Value) -> Value {
    let groups = document["components"]["responses"]["ShippingGroupsResponse"]["content"]
        ["application/json;charset=UTF-8"]["schema"]
        .clone();
    let schemas = &mut document["components"]["schemas"];
    // An event has no paymentAction: it has a name.
    let required = &mut schemas["PaymentEvent"]["required"];
    assert!(schemas_has(required, "paymentAction") && !schemas_has(required, "name"));
    for name in required.as_array_mut().unwrap() {
        if *name == "paymentAction" {
            *name = "name".into();
        }
    }
    // Each of the three ways to name a customer fits every object: nothing is required.
    for (schema, field) in [
        ("CustomerPhoneNumber", "phoneNumber"),
        ("PersonalQrCode", "personalQr"),
        ("CustomerToken", "customerToken"),
    ] {
        assert!(schemas[schema].get("required").is_none());
        schemas[schema]["required"] = json!([field]);
    }
    // Since they come for payments with any scope, none of them is sure to be there.
    assert!(schemas_has(&schemas["UserDetails"]["required"], "email"));
    schemas["UserDetails"]["required"] = json!([]);
    // What later versions added: the rest is closed, so that nothing unknown goes out.
    assert!(
        schemas["GetPaymentResponse"]["properties"]
            .get("captureGuaranteedUntil")
            .is_none()
    );
    schemas["GetPaymentResponse"]["properties"]["captureGuaranteedUntil"] =
        json!({"type": "string"});
    for name in [
        "GetPaymentResponse",
        "CreatePaymentResponse",
        "ModificationResponse",
        "PaymentEvent",
        "ShippingDetails",
        "UserDetails",
        "Aggregate",
        "Amount",
        "ProfileResponse",
        "PaymentMethodResponse",
        "DynamicShippingGroupsRequest",
    ] {
        schemas[name]["additionalProperties"] = false.into();
    }
    // Every problem that is shown has it.
    assert!(schemas["Problem"]["properties"].get("instance").is_none());
    schemas["Problem"]["properties"]["instance"] = json!({"type": "string"});
    schemas["Problem"]["additionalProperties"] = false.into();
    // The app's plugins are sent the address in camelCase.
    let pascal = &schemas["DynamicShippingGroupsRequest"];
    let mut camel =
        json!({"type": "object", "additionalProperties": false, "required": [], "properties": {}});
    for (name, schema) in pascal["properties"].as_object().unwrap() {
        camel["properties"][lower(name)] = schema.clone();
    }
    for name in pascal["required"].as_array().unwrap() {
        let name = lower(name.as_str().unwrap());
        camel["required"].as_array_mut().unwrap().push(name.into());
    }
    schemas["CamelCaseRequest"] = camel;
    schemas["Events"] =
        json!({"type": "array", "items": {"$ref": "#/components/schemas/PaymentEvent"}});
    schemas["Groups"] = groups;
    nullable(&mut document["components"]);
    document
}

fn schemas_has(list: &Value, name: &str) -> bool {
    list.as_array().unwrap().contains(&json!(name))
}

fn lower(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().unwrap();
    first.to_lowercase().chain(letters).collect()
}

/// OpenAPI's `nullable`, as JSON Schema has it.
fn nullable(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.values_mut().for_each(nullable);
            if object.get("nullable") == Some(&Value::Bool(true)) {
                if let Some(kind) = object.get("type").cloned() {
                    object.insert("type".to_owned(), json!([kind, "null"]));
                }
                if let Some(values) = object.get_mut("enum").and_then(Value::as_array_mut) {
                    values.push(Value::Null);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(nullable),
        _ => {}
    }
}

fn validator(document: &Value, schema: &str) -> Validator {
    let root = json!({"$ref": format!("#/components/schemas/{schema}"), "components": document["components"]});
    jsonschema::options()
        .with_draft(Draft::Draft7)
        .build(&root)
        .unwrap()
}

/// The validators of a document, each built once.
struct Validators {
    document: Value,
    built: BTreeMap<&'static str, Validator>,
}

fn validate(validators: &mut Validators, schema: &'static str, body: &Value, exchange: &Exchange) {
    let Validators { document, built } = validators;
    let errors: Vec<String> = built
        .entry(schema)
        .or_insert_with(|| validator(document, schema))
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

/// The schemas for the request and for the answer of an exchange.
fn schemas_for(
    exchange: &Exchange,
    request: &Value,
) -> Option<(Option<&'static str>, Option<&'static str>)> {
    if exchange.direction == Direction::Out {
        let asked = match request.get("addressLine1") {
            Some(_) => "CamelCaseRequest",
            None => "DynamicShippingGroupsRequest",
        };
        return exchange
            .url
            .contains("/vipps/ship/")
            .then_some((Some(asked), Some("Groups")));
    }
    let path = exchange.url.strip_prefix("/epayment/v1/")?;
    let adjusted = Some("ModificationResponse");
    Some(match path.rsplit('/').next().unwrap() {
        "payments" => (Some("CreatePaymentRequest"), Some("CreatePaymentResponse")),
        "capture" => (Some("CaptureModificationRequest"), adjusted),
        "refund" => (Some("RefundModificationRequest"), adjusted),
        "cancel" if request.is_null() => (None, adjusted),
        "cancel" => (Some("CancelModificationRequest"), adjusted),
        "approve" => (Some("ForceApprove"), None),
        "events" => (None, Some("Events")),
        _ => (None, Some("GetPaymentResponse")),
    })
}

#[tokio::test]
async fn everything_on_the_wire_fits_the_published_schemas() {
    let Some(document) = published(EPAYMENT) else {
        return;
    };
    let mut document = Validators {
        document: mended(document),
        built: BTreeMap::new(),
    };
    let (mut checked, mut refused) = (0, 0);
    for world in worlds().await {
        let control = world.simulator.control();
        for exchange in control.exchanges(&ExchangeFilter::default()) {
            let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap_or(Value::Null);
            let (sent, answered) = (parse(&exchange.request), parse(&exchange.response));
            let Some((request, answer)) = schemas_for(&exchange, &sent) else {
                continue;
            };
            let fine = matches!(exchange.status, Some(200 | 201));
            checked += 1;
            if exchange.direction == Direction::Out {
                validate(&mut document, request.unwrap(), &sent, &exchange);
                if fine {
                    validate(&mut document, answer.unwrap(), &answered, &exchange);
                }
            } else if fine {
                if let Some(schema) = request {
                    validate(&mut document, schema, &sent, &exchange);
                }
                if let Some(schema) = answer {
                    validate(&mut document, schema, &answered, &exchange);
                }
            } else if answered.get("statusCode").is_none() {
                validate(&mut document, "Problem", &answered, &exchange);
                refused += 1;
            }
        }
    }
    assert!(checked > 100, "only {checked} exchanges were checked");
    assert!(refused > 20, "only {refused} refusals were checked");
}

/// Bodies that use every field.
fn whole(reference: &str) -> Value {
    let mut order = payment(reference, 10000);
    order["customer"] = json!({"phoneNumber": "4791234567"});
    order["minimumUserAge"] = 18.into();
    order["customerInteraction"] = "CUSTOMER_PRESENT".into();
    order["industryData"] = json!({"airlineData": {
        "agencyInvoiceNumber": "1", "airlineCode": "074", "airlineDesignatorCode": "KL",
        "passengerName": "FLYER / MARY MS.", "ticketNumber": "123-1234567890",
    }});
    order["profile"] = json!({"scope": "name address email phoneNumber birthDate"});
    order["receipt"] = receipt("NOK");
    order["receiptUrl"] = "https://shop.example/receipt".into();
    order["metadata"] = json!({"a": "1", "b": "2"});
    order["merchantLegalLinks"] = json!({"termsOfSaleUrl": "https://shop.example/terms", "privacyPolicyUrl": "https://shop.example/privacy"});
    order["qrFormat"] = json!({"format": "IMAGE/PNG", "size": 200});
    order
}

/// Worlds in which each kind of call happened, in many states.
async fn worlds() -> Vec<World> {
    let world = World::with(SalesUnit {
        long_living: true,
        push_message: true,
        ..SalesUnit::default()
    })
    .await;
    world.ships(groups("NOK"));
    let mut long = whole("acme-shop-5");
    long["expiresAt"] = "2026-03-02T10:00:00.5+01:00".into();
    long["minimumUserAge"] = Value::Null;
    long["metadata"] = Value::Null;
    let mut push = payment("acme-shop-6", 10000);
    push["userFlow"] = "PUSH_MESSAGE".into();
    push["customer"] = json!({"personalQr": "https://qr.vipps.no/28/2/01/031/4712345678?v=1"});
    let mut card = payment("acme-shop-7", 10000);
    card["paymentMethod"]["type"] = "CARD".into();
    card["customer"] = json!({"customerToken": "ey%382jf8+qk3"});
    let mut countries = dynamic("acme-shop-8", 10000);
    countries["shipping"]["allowedCountries"] = json!(["SE", "NO"]);
    let orders = [
        payment("acme-shop-1", 49900),
        whole("acme-shop-2"),
        fixed("acme-shop-3", 49900),
        dynamic("acme-shop-4", 49900),
        long,
        push,
        card,
        countries,
    ];
    for order in &orders {
        let id = order["reference"].as_str().unwrap();
        world.created(order).await;
        world.get(id).await.ok();
        let control = world.simulator.control();
        control.approve(MSN, id, Approval::default()).await.unwrap();
        world.adjust("capture", id, 100, "c1").await;
        world
            .adjust("capture", id, 200, &format!("{id}-c2"))
            .await
            .ok();
        world
            .adjust("capture", id, 1_000_000, &format!("{id}-c3"))
            .await;
        world
            .adjust("refund", id, 100, &format!("{id}-r"))
            .await
            .ok();
        world.adjust("refund", id, 0, &format!("{id}-r2")).await;
        world
            .void(id, Some(&json!({"cancelTransactionOnly": true})))
            .await;
        world.void(id, None).await.ok();
        world.void(id, None).await;
        world.get(id).await.ok();
        world.events(id).await.ok();
        world.create(&json!({"reference": id, "userFlow": 1})).await;
    }
    for n in 1..=4 {
        world
            .created(&payment(&format!("bcme-shop-{n}"), 10000))
            .await;
    }
    let control = world.simulator.control();
    control.reject(MSN, "bcme-shop-1").await.unwrap();
    control.decline(MSN, "bcme-shop-2").unwrap();
    world.void("bcme-shop-3", Some(&json!({}))).await.ok();
    let by = json!({"customer": {"phoneNumber": "4712345678"}});
    world.force("bcme-shop-4", by.clone()).await.ok();
    world.force("bcme-shop-4", by).await;
    world.pass(11).await;
    for n in 1..=4 {
        world.get(&format!("bcme-shop-{n}")).await.ok();
        world.events(&format!("bcme-shop-{n}")).await.ok();
    }
    world.get("nobody-1").await;
    let locked = Fault::new(Operation::Any, FaultKind::Locked);
    control.add_fault(locked).unwrap();
    world.get("bcme-shop-1").await;
    // What eCom made.
    world.shop.answers(|call| {
        let reference = call.path.split('/').rev().nth(1).unwrap_or_default().to_owned();
        let body = json!({"addressId": call.json()["addressId"], "orderId": reference, "shippingDetails": crate::support::deliveries()});
        Some(http::Response::new(body.to_string()))
    });
    world.initiate(&express("ecom-shop-1", 10000)).await.ok();
    control
        .approve(MSN, "ecom-shop-1", Approval::default())
        .await
        .unwrap();
    world.adjust("capture", "ecom-shop-1", 100, "e1").await.ok();
    world.get("ecom-shop-1").await.ok();
    world.events("ecom-shop-1").await.ok();

    let mut other = World::with(SalesUnit {
        camel_case_address: true,
        ..unit_in(Country::Dk)
    })
    .await;
    other.ships(groups("DKK"));
    let mut order = dynamic("acme-shop-1", 1);
    order["amount"]["currency"] = "DKK".into();
    order["paymentMethod"]["blockedSources"] = json!(["COMMERCIAL_CARDS"]);
    other.authorized(&order).await;
    other.pass_days(15).await;
    other.get("acme-shop-1").await.ok();
    other.events("acme-shop-1").await.ok();
    other.adjust("capture", "acme-shop-1", 1, "k").await;
    vec![world, other, odd().await]
}

/// A world in which every field of a create has every kind of value, one at a time: what is
/// accepted of it is as the schema says, and nothing of it breaks anything.
async fn odd() -> World {
    let world = World::with(SalesUnit {
        long_living: true,
        push_message: true,
        ..SalesUnit::default()
    })
    .await;
    let mut express = whole("acme-shop-1");
    express["shipping"] = json!({"fixedOptions": groups("NOK"), "allowedCountries": ["NO"]});
    let mut asked = whole("acme-shop-1");
    asked["shipping"] = dynamic("acme-shop-1", 1)["shipping"].clone();
    let mut long = whole("acme-shop-1");
    long["expiresAt"] = "2026-03-02T10:00:00Z".into();
    let mut places = Vec::new();
    for (base, within) in [(express, ""), (asked, "/shipping"), (long, "/expiresAt")] {
        for place in places_of(&base, "") {
            if place.starts_with(within) {
                places.push((base.clone(), place));
            }
        }
    }
    let values = [
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!(""),
        json!("x"),
        json!("x".repeat(300)),
        json!([]),
        json!([1]),
        json!({}),
        json!({"a": 1}),
    ];
    let (mut count, mut accepted) = (0, 0);
    for (base, place) in places {
        for value in &values {
            count += 1;
            let reference = format!("acme-odd-{count}");
            let mut order = base.clone();
            order["reference"] = reference.clone().into();
            *order.pointer_mut(&place).unwrap() = value.clone();
            let request = world.epayment("POST", "payments", Some(&order), Some(&reference));
            let answer = world.send(request).await;
            match answer.status {
                201 => accepted += 1,
                400 => {}
                // All those without a reference are one.
                429 if place == "/reference" => {}
                other => panic!("{other} for {place} = {value}"),
            }
        }
    }
    assert!(count > 900 && accepted > 50, "{accepted} of {count}");
    world
}

/// Where the values of a body are, the objects and lists themselves too.
fn places_of(body: &Value, at: &str) -> Vec<String> {
    let mut places = Vec::new();
    let mut inner = |name: &str, value: &Value| {
        let place = format!("{at}/{name}");
        places.extend(places_of(value, &place));
        places.push(place);
    };
    match body {
        Value::Object(object) => object.iter().for_each(|(name, value)| inner(name, value)),
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                inner(&n.to_string(), item);
            }
        }
        _ => {}
    }
    places
}
