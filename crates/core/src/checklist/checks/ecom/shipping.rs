//! Shipping details: the deliveries for an address.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::super::{controls, express, steps};
use super::checks;
use crate::checklist::{Cart, Checkout, Done, Fate, Goods, Need, Order, Run, Stop};
use crate::{Currency, Money};

checks! {
    "ecom.shipping.answer" => answer,
    "ecom.shipping.decimals" => decimals,
    "ecom.shipping.in-time" => in_time,
    "ecom.shipping.chosen" => chosen,
    "ecom.shipping.two-addresses" => two_addresses,
    "ecom.shipping.static" => fixed,
    "epayment.express.in-time" => in_time,
    "epayment.express.chosen" => chosen,
}

async fn answer(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::express()).await?;
    let offered = express::offered(run, &order, Some(express::in_zone(run, 0))).await?;
    let initiate = express::last(steps::calls(run, &order, "initiate").await?)?.json();
    let prefix = text(&initiate, "/merchantInfo/shippingDetailsPrefix");
    let call = express::last(steps::calls(run, &order, "shipping").await?)?;
    run.expect(
        "the address that Vipps calls",
        format!("{prefix}/v2/payments/{}/shippingDetails", order.reference),
        call.url.clone(),
    )?;
    run.expect("kasse's answer", Some(200), call.status)?;
    let (asked, answer) = (call.json(), json(&call.response)?);
    run.expect(
        "addressId in the answer",
        asked.get("addressId"),
        answer.get("addressId"),
    )?;
    run.expect(
        "orderId in the answer",
        order.reference.as_str(),
        &*text(&answer, "/orderId"),
    )?;
    let details = details(&answer, "/shippingDetails");
    well_formed(run, &details)?;
    run.expect(
        "deliveries that the app offers",
        details.len(),
        offered.len(),
    )
}

async fn decimals(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::express()).await?;
    let goods = run.show(&order).await?.total;
    express::offered(run, &order, Some(express::in_zone(run, 0))).await?;
    let initiate = express::last(steps::calls(run, &order, "initiate").await?)?.json();
    run.expect(
        "the initiate's amount, in øre",
        Some(goods.minor),
        initiate
            .pointer("/transaction/amount")
            .and_then(Value::as_i64),
    )?;
    let call = express::last(steps::calls(run, &order, "shipping").await?)?;
    let costs = costs(
        run,
        &details(&json(&call.response)?, "/shippingDetails"),
        goods.currency,
    )?;
    as_noted(run, &order, &costs).await
}

async fn in_time(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::express()).await?;
    run.befall(Fate::EngineSlow(Duration::from_secs(30)))
        .await?;
    let asked = controls::now(run).await?;
    express::not_offered(run, &order, Some(express::in_zone(run, 0))).await?;
    controls::took(
        run,
        "the answer to Vipps",
        asked,
        Duration::from_millis(8500),
    )
    .await?;
    run.befall(Fate::EngineBack).await?;
    express::offered(run, &order, Some(express::in_zone(run, 0))).await?;
    Ok(())
}

async fn chosen(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::express()).await?;
    let offered = express::offered(run, &order, Some(express::in_zone(run, 0))).await?;
    let chosen = express::another(&offered)?;
    express::chooses(run, &order, &chosen).await?;
    run.capture(&order, None).await?;
    steps::captured_all(run, &order).await
}

async fn two_addresses(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::express()).await?;
    let (near, far) = (express::in_zone(run, 0), express::in_zone(run, 1));
    let first = express::offered(run, &order, Some(near)).await?;
    let second = express::offered(run, &order, Some(far.clone())).await?;
    run.expect_that(
        "the deliveries to the second address",
        format!("others than {}", express::listed(&first)),
        express::listed(&second),
        express::listed(&first) != express::listed(&second),
    )?;
    let mut ids = BTreeSet::new();
    for call in steps::calls(run, &order, "shipping").await? {
        let (asked, answer) = (call.json(), json(&call.response)?);
        run.expect(
            "addressId in the answer",
            asked.get("addressId"),
            answer.get("addressId"),
        )?;
        ids.insert(asked.get("addressId").map(Value::to_string));
    }
    run.expect("addresses that Vipps asked for", 2, ids.len())?;
    let chosen = express::another(&second)?;
    let shown = express::chooses(run, &order, &chosen).await?;
    let address = shown.customer.and_then(|customer| customer.address);
    // Some engines write places in capitals.
    let there = address.is_some_and(|address| {
        let address = address.to_lowercase();
        ["/postCode", "/city"]
            .iter()
            .all(|part| address.contains(&text(&far, part).to_lowercase()))
    });
    run.expect("the shop shows the second address", true, there)
}

async fn fixed(run: &Run<'_>) -> Done {
    let order = run
        .place(&Cart::of(Goods::Usual, Checkout::ExpressStatic))
        .await?;
    let goods = run.show(&order).await?.total;
    let initiate = express::last(steps::calls(run, &order, "initiate").await?)?.json();
    let details = details(&initiate, "/merchantInfo/staticShippingDetails");
    well_formed(run, &details)?;
    let costs = costs(run, &details, goods.currency)?;
    as_noted(run, &order, &costs).await?;
    let offered = express::offered(run, &order, Some(express::in_zone(run, 0))).await?;
    run.expect(
        "deliveries that the app offers",
        details.len(),
        offered.len(),
    )?;
    let chosen = express::another(&offered)?;
    express::chooses(run, &order, &chosen).await?;
    let calls = steps::calls(run, &order, "shipping").await?;
    run.expect("shipping calls by Vipps", 0, calls.len())
}

/// The prices are those that the shop gave, as customer support sees them.
async fn as_noted(run: &Run<'_>, order: &Order, costs: &[Money]) -> Done {
    if !run.has(Need::Trace) {
        return Ok(());
    }
    let quote = express::quotes(run, order).await?.pop();
    let prices: Vec<Option<i64>> = details(&quote.unwrap_or_default(), "/options")
        .iter()
        .map(|option| {
            let price = option.pointer("/option/price/value");
            price.and_then(Value::as_i64)
        })
        .collect();
    let costs: Vec<Option<i64>> = costs.iter().map(|cost| Some(cost.minor)).collect();
    run.expect("the prices that the shop gave, in øre", costs, prices)
}

/// Deliveries as Vipps' schema has them.
fn well_formed(run: &Run<'_>, details: &[Value]) -> Done {
    run.expect_that(
        "the deliveries",
        "at least one",
        details.len(),
        !details.is_empty(),
    )?;
    let mut ids = BTreeSet::new();
    for detail in details {
        let (method, id) = (
            text(detail, "/shippingMethod"),
            text(detail, "/shippingMethodId"),
        );
        for (what, text, most) in [
            ("shippingMethod", &method, 256),
            ("shippingMethodId", &id, 100),
        ] {
            let length = text.chars().count();
            run.expect_that(
                what,
                format!("1 to {most} characters"),
                text,
                (1..=most).contains(&length),
            )?;
        }
        let priority = detail.get("priority");
        run.expect_that(
            "its priority",
            "a whole number",
            priority.unwrap_or(&Value::Null),
            priority.is_some_and(Value::is_u64),
        )?;
        run.expect_that("its id", "one of its own", &id, ids.insert(id.clone()))?;
    }
    let defaults = details
        .iter()
        .filter(|detail| text(detail, "/isDefault") == "Y");
    run.expect("deliveries with isDefault Y", 1, defaults.count())
}

/// The costs of deliveries: numbers in kroner, with two decimals at the most.
fn costs(run: &Run<'_>, details: &[Value], currency: Currency) -> Done<Vec<Money>> {
    let mut costs = Vec::new();
    for detail in details {
        let written = detail.get("shippingCost").cloned().unwrap_or_default();
        // The shortest form of the number, which is what was written but for zeros at the end.
        let cost = written
            .as_number()
            .and_then(|number| Money::parse(&number.to_string(), currency).ok());
        run.expect_that(
            "shippingCost",
            "a number with two decimals at the most",
            &written,
            cost.is_some(),
        )?;
        costs.extend(cost);
    }
    Ok(costs)
}

fn details(value: &Value, at: &str) -> Vec<Value> {
    let list = value.pointer(at).and_then(Value::as_array);
    list.cloned().unwrap_or_default()
}

fn text(value: &Value, at: &str) -> String {
    let text = value.pointer(at).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

fn json(text: &str) -> Done<Value> {
    serde_json::from_str(text).map_err(|_| Stop::Failed("the answer is no JSON".into()))
}
