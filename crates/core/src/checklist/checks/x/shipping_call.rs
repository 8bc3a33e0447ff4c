//! The shipping call of ePayment: who may make it, and how it is written.

use serde_json::{Map, Value, json};

use super::super::express;
use super::super::steps;
use super::checks;
use crate::checklist::{Cart, Done, Need, Order, Run};

checks! {
    "x.express.token" => token,
    "x.express.letter-case" => letter_case,
    "x.express.bad-address" => bad_address,
}

/// A call with a token, as Vipps makes it.
async fn call(run: &Run<'_>, order: &Order, body: &str, token: &str) -> Done<(u16, String)> {
    let (status, answer) = run
        .as_vipps(order, "POST", "{callbackUrl}", Some(body), token)
        .await?;
    Ok((status.unwrap_or_default(), answer))
}

/// The address with its names as the schema has them, and what else is said.
fn capitals(order: &Order, address: &Value) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("reference".into(), json!(order.reference));
    for (camel, pascal) in [
        ("addressLine1", "AddressLine1"),
        ("postCode", "PostCode"),
        ("city", "City"),
        ("country", "Country"),
    ] {
        let value = address.get(camel).cloned().unwrap_or_default();
        body.insert(pascal.into(), value);
    }
    body
}

async fn token(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::express()).await?;
    let body = Value::from(capitals(&order, &express::in_zone(run, 0))).to_string();
    for token in ["none", "wrong", "half"] {
        let (status, answer) = call(run, &order, &body, token).await?;
        let what = format!("kasse's answer to a token that is: {token}");
        run.expect(&what, 401, status)?;
        let bare = !answer.contains("groups");
        run.expect_that("deliveries in it", "none", &answer, bare)?;
    }
    asked_times(run, &order, 0).await?;
    express::offered(run, &order, Some(express::in_zone(run, 0))).await?;
    asked_times(run, &order, 1).await
}

async fn letter_case(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::express()).await?;
    let address = express::in_zone(run, 0);
    let schema = capitals(&order, &address);
    let mut plugins = Map::new();
    plugins.insert("reference".into(), json!(order.reference));
    for (name, value) in address.as_object().into_iter().flatten() {
        plugins.insert(name.clone(), value.clone());
    }
    let with = |line: Value| {
        let mut body = schema.clone();
        body.insert("AddressLine2".into(), line);
        body
    };
    let first = address.get("addressLine1").cloned().unwrap_or_default();
    let mut expected: Option<Vec<Value>> = None;
    for (what, body) in [
        ("as the schema has it", schema.clone()),
        ("as Vipps' plugins read it", plugins),
        ("with a second line that is null", with(Value::Null)),
        ("with a second line that is empty", with(json!(""))),
        ("with a second line that repeats the first", with(first)),
    ] {
        let body = Value::from(body).to_string();
        let (status, answer) = call(run, &order, &body, "right").await?;
        run.expect(&format!("kasse's answer {what}"), 200, status)?;
        let deliveries = bare(&serde_json::from_str(&answer).unwrap_or_default());
        match &expected {
            None => {
                let some = !deliveries.is_empty();
                run.expect_that("deliveries", "some", deliveries.len(), some)?;
                expected = Some(deliveries);
            }
            Some(expected) => {
                run.expect(&format!("deliveries {what}"), expected, &deliveries)?;
            }
        }
    }
    Ok(())
}

async fn bad_address(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::express()).await?;
    let schema = capitals(&order, &express::in_zone(run, 0));
    let without = |name: &str| {
        let mut body = schema.clone();
        body.remove(name);
        Value::from(body).to_string()
    };
    let mut another = schema.clone();
    another.insert("reference".into(), json!("another-payment-1"));
    for (what, body) in [
        ("without a country", without("Country")),
        ("without a post code", without("PostCode")),
        ("a list", "[1, 2, 3]".to_owned()),
        ("for another payment", Value::from(another).to_string()),
    ] {
        let (status, answer) = call(run, &order, &body, "right").await?;
        run.expect_that(
            &format!("kasse's answer to a call: {what}"),
            "a refusal",
            status,
            (400..500).contains(&status),
        )?;
        let none = !answer.contains("groups");
        run.expect_that("deliveries in it", "none", &answer, none)?;
    }
    let offered = express::offered(run, &order, Some(express::in_zone(run, 0))).await?;
    express::chooses(run, &order, &express::another(&offered)?).await?;
    let calls = steps::calls(run, &order, "cancel").await?;
    run.expect("cancel requests", 0, calls.len())
}

/// Deliveries without their ids, which are kasse's own.
fn bare(answer: &Value) -> Vec<Value> {
    let groups = answer.get("groups").and_then(Value::as_array);
    let mut groups = groups.cloned().unwrap_or_default();
    for group in &mut groups {
        let options = group.get_mut("options").and_then(Value::as_array_mut);
        for option in options.into_iter().flatten() {
            if let Some(fields) = option.as_object_mut() {
                fields.remove("id");
            }
        }
    }
    groups
}

/// So many different answers of the shop were offered.
async fn asked_times(run: &Run<'_>, order: &Order, times: usize) -> Done {
    if !run.has(Need::Trace) {
        return Ok(());
    }
    let quotes = express::quotes(run, order).await?;
    run.expect("how often the shop was asked", times, quotes.len())
}
