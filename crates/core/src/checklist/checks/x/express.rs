//! Express, more strictly.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::{controls, express, steps};
use super::checks;
use crate::checklist::{
    Cart, Checkout, Done, Fate, Goods, Need, Offered, Order, Run, Standing, Stop,
};

checks! {
    "x.express.no-token" => no_token,
    "x.express.not-served" => not_served,
    "x.express.two-packages" => two_packages,
    "x.express.same-method" => same_method,
    "x.express.last-good" => last_good,
    "x.express.other-cart" => other_cart,
    "x.express.field-names" => field_names,
    "x.express.regular-payment" => regular_payment,
}

/// The engine is given up well before Vipps gives up kasse.
const IN_TIME: Duration = Duration::from_secs(8);
const HANGS: Duration = Duration::from_secs(60);

const SHIPPING: &str = "{shippingDetailsPrefix}/v2/payments/{orderId}/shippingDetails";

async fn no_token(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::express()).await?;
    for token in ["none", "wrong"] {
        let body = call_of(&express::in_zone(run, 0)).to_string();
        let (status, answer) = run
            .as_vipps(&order, "POST", SHIPPING, Some(&body), token)
            .await?;
        run.expect("kasse's answer to the call", Some(401), status)?;
        run.expect_that(
            "deliveries in it",
            "none",
            &answer,
            !answer.contains("shipping"),
        )?;
    }
    asked_times(run, &order, 0).await?;
    express::offered(run, &order, Some(express::in_zone(run, 0))).await?;
    asked_times(run, &order, 1).await
}

async fn not_served(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::express()).await?;
    express::offered(run, &order, Some(express::in_zone(run, 0))).await?;
    far_away(run, &order).await?;
    still_open(run, &order).await?;
    let shown = run.show(&order).await?;
    run.expect("the order", Standing::Open, shown.standing)?;
    let offered = express::offered(run, &order, Some(express::in_zone(run, 1))).await?;
    let chosen = default(&offered)?;
    express::chooses(run, &order, &chosen).await?;
    Ok(())
}

async fn still_open(run: &Run<'_>, order: &Order) -> Done {
    let state = run.held(order).await?.state;
    let open = state == "initiated" || state == "opened";
    run.expect_that(
        "the payment at Vipps",
        "it waits for the customer",
        state,
        open,
    )
}

/// Asks for deliveries to where the shop has none: 400, and no delivery.
async fn far_away(run: &Run<'_>, order: &Order) -> Done {
    if let Some((post_code, city)) = run.bench().shop().unserved() {
        let address = express::address(run, "Vei 610", &post_code, &city);
        let status = express::not_offered(run, order, Some(address)).await?;
        return run.expect("kasse's answer to the shipping call", Some(400), status);
    }
    for (post_code, city) in [
        ("9170", "Longyearbyen"),
        ("9173", "Ny-Ålesund"),
        ("8099", "Jan Mayen"),
        ("9990", "Båtsfjord"),
    ] {
        let address = express::address(run, "Vei 610", post_code, city);
        if run.offer(order, Some(address)).await?.options.is_empty() {
            let call = express::last(steps::calls(run, order, "shipping").await?)?;
            return run.expect(
                "kasse's answer to the shipping call",
                Some(400),
                call.status,
            );
        }
    }
    Err(Stop::NotApplicable(
        "the shop delivers to all of Norway".into(),
    ))
}

async fn two_packages(run: &Run<'_>) -> Done {
    let one = run.place(&Cart::express()).await?;
    let two = run
        .place(&Cart::of(Goods::TwoPackages, Checkout::Express))
        .await?;
    let address = Some(express::in_zone(run, 1));
    let alone = express::offered(run, &one, address.clone()).await?;
    let both = express::offered(run, &two, address).await?;
    for option in &both {
        let name = &option.shipping_method;
        let Some(single) = alone.iter().find(|single| single.shipping_method == *name) else {
            continue;
        };
        run.expect_that(
            &format!("the price of two packages by {name}"),
            format!("more than {} for one", express::price(single)),
            express::price(option),
            option.cost_ore > single.cost_ore,
        )?;
    }
    express::chooses(run, &two, &default(&both)?).await?;
    Ok(())
}

async fn same_method(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::express()).await?;
    let mut ids: BTreeMap<String, String> = BTreeMap::new();
    let mut offers: Vec<Vec<Offered>> = Vec::new();
    for zone in [0, 1, 0] {
        let offered = express::offered(run, &order, Some(express::in_zone(run, zone))).await?;
        for option in &offered {
            let id = &option.shipping_method_id;
            let means = format!("{} {}", option.shipping_method, express::price(option));
            let before = ids.entry(id.clone()).or_insert_with(|| means.clone());
            run.expect(
                &format!("what shippingMethodId {id} stands for"),
                before.clone(),
                means,
            )?;
        }
        offers.push(offered);
    }
    let last = offers.pop().unwrap_or_default();
    let other = offers.pop().unwrap_or_default();
    let differs = |option: &&Offered| {
        other.iter().any(|there| {
            there.shipping_method == option.shipping_method && there.cost_ore != option.cost_ore
        })
    };
    let chosen = last.iter().find(differs).cloned();
    run.expect_that(
        "a delivery that costs something else in the other zone",
        "one",
        express::listed(&other),
        chosen.is_some(),
    )?;
    if let Some(chosen) = chosen {
        express::chooses(run, &order, &chosen).await?;
    }
    Ok(())
}

async fn last_good(run: &Run<'_>) -> Done {
    let first = run.place(&Cart::express()).await?;
    let second = run.place(&Cart::express()).await?;
    let address = express::in_zone(run, 1);
    let good = express::offered(run, &first, Some(address.clone())).await?;
    run.befall(Fate::EngineSlow(HANGS)).await?;
    let asked = controls::now(run).await?;
    let again = express::offered(run, &second, Some(address)).await?;
    controls::took(run, "the answer to Vipps", asked, IN_TIME).await?;
    run.expect(
        "deliveries while the engine hangs",
        express::listed(&good),
        express::listed(&again),
    )?;
    let chosen = express::another(&again)?;
    let how = json!({ "shippingMethodId": chosen.shipping_method_id });
    run.approve_with(&second, how).await?;
    run.pass(Duration::from_secs(30)).await?;
    run.befall(Fate::EngineBack).await?;
    express::delivered(run, &second, &chosen, Duration::from_secs(15 * 60)).await?;
    Ok(())
}

async fn other_cart(run: &Run<'_>) -> Done {
    let first = run.place(&Cart::express()).await?;
    let other_goods = run
        .place(&Cart::of(Goods::OddPrice, Checkout::Express))
        .await?;
    let other_place = run.place(&Cart::express()).await?;
    express::offered(run, &first, Some(express::in_zone(run, 0))).await?;
    run.befall(Fate::EngineSlow(HANGS)).await?;
    for (order, zone) in [(&other_goods, 0), (&other_place, 1)] {
        let asked = controls::now(run).await?;
        express::not_offered(run, order, Some(express::in_zone(run, zone))).await?;
        controls::took(run, "the answer to Vipps", asked, IN_TIME).await?;
        still_open(run, order).await?;
    }
    Ok(())
}

async fn field_names(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::express()).await?;
    let address = express::in_zone(run, 0);
    let as_it_is = call_of(&address);
    let mut capitals = serde_json::Map::new();
    for (name, value) in as_it_is.as_object().into_iter().flatten() {
        let name = match name.as_str() {
            "addressLine1" => "AddressLine1",
            "postCode" => "PostCode",
            "city" => "City",
            name => name,
        };
        capitals.insert(name.to_owned(), value.clone());
    }
    let with = |name: &str, value: Value| {
        let mut call = as_it_is.clone();
        if let Some(fields) = call.as_object_mut() {
            fields.insert(name.to_owned(), value);
        }
        call
    };
    let mut expected: Option<Vec<Value>> = None;
    for (what, call) in [
        ("as the schema has it", as_it_is.clone()),
        ("in capitals", Value::Object(capitals)),
        ("with addressId as a number", with("addressId", json!(4711))),
        (
            "with addressId as a text",
            with("addressId", json!("4711-a")),
        ),
        (
            "with a second line",
            with("addressLine2", json!("2. etasje")),
        ),
        (
            "with a second line that is null",
            with("addressLine2", Value::Null),
        ),
        (
            "with a second line that is empty",
            with("addressLine2", json!("")),
        ),
    ] {
        let body = call.to_string();
        let (status, answer) = run
            .as_vipps(&order, "POST", SHIPPING, Some(&body), "right")
            .await?;
        run.expect(&format!("kasse's answer {what}"), Some(200), status)?;
        let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
        run.expect(
            &format!("addressId {what}"),
            call.get("addressId"),
            answer.get("addressId"),
        )?;
        let deliveries = bare(&answer);
        match &expected {
            None => {
                run.expect_that(
                    "deliveries",
                    "some",
                    deliveries.len(),
                    !deliveries.is_empty(),
                )?;
                expected = Some(deliveries);
            }
            Some(expected) => {
                run.expect(&format!("deliveries {what}"), expected, &deliveries)?;
            }
        }
    }
    Ok(())
}

/// Deliveries without their ids, which are kasse's own.
fn bare(answer: &Value) -> Vec<Value> {
    let details = answer.get("shippingDetails").and_then(Value::as_array);
    let mut details = details.cloned().unwrap_or_default();
    for detail in &mut details {
        if let Some(fields) = detail.as_object_mut() {
            fields.remove("shippingMethodId");
        }
    }
    details
}

async fn regular_payment(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    let body = call_of(&express::in_zone(run, 0)).to_string();
    let url = "{callbackPrefix}/v2/payments/{orderId}/shippingDetails";
    let (status, _) = run
        .as_vipps(&order, "POST", url, Some(&body), "right")
        .await?;
    run.expect("kasse's answer to the shipping call", Some(404), status)?;
    asked_times(run, &order, 0).await?;
    run.approve(&order).await?;
    steps::authorised(run, &order).await?;
    Ok(())
}

/// So many different answers of the shop were offered.
async fn asked_times(run: &Run<'_>, order: &Order, times: usize) -> Done {
    if !run.has(Need::Trace) {
        return Ok(());
    }
    let quotes = express::quotes(run, order).await?;
    run.expect(
        "how often the shop was asked for deliveries",
        times,
        quotes.len(),
    )
}

/// A shipping call's body.
fn call_of(address: &Value) -> Value {
    let mut body = address.clone();
    if let Some(fields) = body.as_object_mut() {
        fields.insert("addressId".into(), json!(100));
        fields.insert("addressType".into(), json!("H"));
    }
    body
}

fn default(options: &[Offered]) -> Done<Offered> {
    let found = options.iter().find(|option| option.is_default);
    found
        .cloned()
        .ok_or_else(|| Stop::Failed("no delivery is chosen beforehand".into()))
}
