//! Express: the deliveries in groups, those that are asked for and those that are sent along.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::express::{self, Customer};
use super::super::steps;
use super::checks;
use super::create::{at, is_ours, place};
use crate::checklist::{Cart, Checkout, Done, Goods, Need, Order, Run, Stop};
use crate::{Currency, Money};

checks! {
    "epayment.express.dynamic" => dynamic,
    "epayment.express.groups" => groups,
    "epayment.express.fixed" => fixed,
    "epayment.express.two-addresses" => two_addresses,
    "epayment.express.customer" => customer,
}

/// The create is one of an express payment, over the cart without any delivery.
async fn is_express(run: &Run<'_>, order: &Order, body: &Value) -> Done {
    run.expect(
        "/paymentMethod/type",
        json!("WALLET"),
        at(body, "/paymentMethod/type"),
    )?;
    let scope = at(body, "/profile/scope");
    let asked: BTreeSet<&str> = scope.as_str().unwrap_or_default().split(' ').collect();
    let wanted = ["name", "email", "phoneNumber", "address"];
    run.expect_that(
        "/profile/scope",
        wanted.join(" "),
        &scope,
        wanted.iter().all(|one| asked.contains(one)),
    )?;
    let shown = run.show(order).await?;
    let delivery = shown.delivery.map_or(0, |(_, price)| price.minor);
    run.expect(
        "amount: the cart without any delivery",
        json!(shown.total.minor.saturating_sub(delivery)),
        at(body, "/amount/value"),
    )?;
    let held = run.held(order).await?;
    run.expect("Vipps holds an express payment", true, held.express)
}

async fn dynamic(run: &Run<'_>) -> Done {
    let (order, create) = place(run, &Cart::express()).await?;
    let body = create.json();
    is_express(run, &order, &body).await?;
    run.expect(
        "fixedOptions",
        Value::Null,
        at(&body, "/shipping/fixedOptions"),
    )?;
    let told = at(&body, "/shipping/dynamicOptions/callbackUrl");
    run.expect_unshown(
        "callbackUrl: an https address of kasse",
        is_ours(run, &told),
    )?;
    let token = at(&body, "/shipping/dynamicOptions/callbackAuthorizationToken");
    run.expect(
        "there is a callbackAuthorizationToken",
        true,
        token.is_string(),
    )?;
    let offered = express::offered(run, &order, Some(express::in_zone(run, 0))).await?;
    let call = express::last(steps::calls(run, &order, "shipping").await?)?;
    run.expect_unshown("Vipps called exactly callbackUrl", told == json!(call.url))?;
    // What the schema takes in the header: the record of the call hides it, so its form is Vipps' to
    // refuse. It was not.
    let shown = call.header("authorization").is_some();
    run.expect("the call shows the token", true, shown)?;
    run.expect("kasse's answer", Some(200), call.status)?;
    let answer = json_of(&call.response)?;
    let options = options(&at(&answer, "/groups"));
    run.expect(
        "deliveries that the app offers",
        options.len(),
        offered.len(),
    )
}

async fn groups(run: &Run<'_>) -> Done {
    let (order, create) = place(run, &Cart::express()).await?;
    let currency = run.show(&order).await?.total.currency;
    express::offered(run, &order, Some(express::in_zone(run, 0))).await?;
    let call = express::last(steps::calls(run, &order, "shipping").await?)?;
    let answer = json_of(&call.response)?;
    let costs = well_formed(run, &at(&answer, "/groups"), currency)?;
    let written = at(&create.json(), "/amount/value");
    run.expect(
        "the create's amount is a whole number",
        true,
        written.is_i64(),
    )?;
    as_noted(run, &order, &costs).await
}

async fn fixed(run: &Run<'_>) -> Done {
    let cart = Cart::of(Goods::Usual, Checkout::ExpressStatic);
    let (order, create) = place(run, &cart).await?;
    let body = create.json();
    is_express(run, &order, &body).await?;
    run.expect(
        "dynamicOptions",
        Value::Null,
        at(&body, "/shipping/dynamicOptions"),
    )?;
    let currency = run.show(&order).await?.total.currency;
    let groups = at(&body, "/shipping/fixedOptions");
    let costs = well_formed(run, &groups, currency)?;
    as_noted(run, &order, &costs).await?;
    let offered = express::offered(run, &order, Some(express::in_zone(run, 0))).await?;
    run.expect(
        "deliveries that the app offers",
        options(&groups).len(),
        offered.len(),
    )?;
    let chosen = express::another(&offered)?;
    express::chooses(run, &order, &chosen).await?;
    let calls = steps::calls(run, &order, "shipping").await?;
    run.expect("shipping calls by Vipps", 0, calls.len())
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
    let calls = steps::calls(run, &order, "shipping").await?;
    run.expect("shipping calls by Vipps", 2, calls.len())?;
    let chosen = express::another(&second)?;
    let shown = express::chooses(run, &order, &chosen).await?;
    let address = shown.customer.and_then(|customer| customer.address);
    // Some engines write places in capitals.
    let there = address.is_some_and(|address| {
        let address = address.to_lowercase();
        ["/postCode", "/city"].iter().all(|part| {
            let part = at(&far, part);
            address.contains(&part.as_str().unwrap_or_default().to_lowercase())
        })
    });
    run.expect("the shop shows the second address", true, there)
}

async fn customer(run: &Run<'_>) -> Done {
    let customer = Customer::number(3);
    let order = customer.pays(run, &Cart::express()).await?;
    let shown = run.show(&order).await?;
    let known = shown.customer.unwrap_or_default();
    let ([(post_code, city), _], none) = (run.bench().shop().two_zones(), String::new());
    let [name, email, phone, address] = [&known.name, &known.email, &known.phone, &known.address]
        .map(|part| {
            // Engines group digits, and write an address in lines and its place in capitals.
            part.as_ref()
                .unwrap_or(&none)
                .replace(' ', "")
                .to_lowercase()
        });
    for (what, there, wanted) in [
        ("the first name", &name, &customer.first_name),
        ("the last name", &name, &customer.last_name),
        ("the e-mail address", &email, &customer.email),
        ("the phone number", &phone, &customer.phone),
        ("the street", &address, &customer.street),
        ("the post code", &address, &post_code),
        ("the place", &address, &city),
    ] {
        let met = there.contains(&wanted.replace(' ', "").to_lowercase());
        run.expect_unshown(&format!("{what} in the shop, as Vipps told it"), met)?;
    }
    Ok(())
}

/// Groups as Vipps' schema has them. Gives what their options cost, in their order.
fn well_formed(run: &Run<'_>, groups: &Value, currency: Currency) -> Done<Vec<Money>> {
    let list = groups.as_array().cloned().unwrap_or_default();
    run.expect_that("groups", "one or more", list.len(), !list.is_empty())?;
    let (mut kinds, mut ids) = (BTreeSet::new(), BTreeSet::new());
    for group in &list {
        let named = |name: &str| at(group, name).as_str().unwrap_or_default().to_owned();
        let (kind, brand) = (named("/type"), named("/brand"));
        run.expect_that(
            "a group's type and brand",
            "both, and not those of another group",
            format!("{kind} {brand}"),
            !kind.is_empty() && !brand.is_empty() && kinds.insert((kind.clone(), brand.clone())),
        )?;
        run.expect_that(
            "its options",
            "one or more",
            options(&json!([group])).len(),
            !options(&json!([group])).is_empty(),
        )?;
    }
    let mut costs = Vec::new();
    let all = options(groups);
    for option in &all {
        let id = at(option, "/id").as_str().unwrap_or_default().to_owned();
        let name = at(option, "/name").as_str().unwrap_or_default().to_owned();
        run.expect_that(
            "an option's id",
            "one of its own",
            &id,
            ids.insert(id.clone()),
        )?;
        run.expect_that("its name", "words", &name, !name.trim().is_empty())?;
        let amount = at(option, "/amount");
        let value = at(&amount, "/value").as_i64();
        let same = at(&amount, "/currency") == json!(currency);
        run.expect_that(
            "its amount",
            format!("a whole number of minor units, in {currency}"),
            &amount,
            same && value.is_some_and(|value| value >= 0),
        )?;
        costs.extend(value.map(|value| Money::new(value, currency)));
    }
    let defaults = all
        .iter()
        .filter(|option| at(option, "/isDefault") == json!(true));
    run.expect("options that are the default", 1, defaults.count())?;
    Ok(costs)
}

/// The options of groups, in their order.
fn options(groups: &Value) -> Vec<Value> {
    let groups = groups.as_array();
    groups
        .into_iter()
        .flatten()
        .filter_map(|group| group.get("options")?.as_array().cloned())
        .flatten()
        .collect()
}

/// The prices are those that the shop gave, as customer support sees them.
async fn as_noted(run: &Run<'_>, order: &Order, costs: &[Money]) -> Done {
    if !run.has(Need::Trace) {
        return Ok(());
    }
    let quote = express::quotes(run, order).await?.pop().unwrap_or_default();
    let noted = at(&quote, "/options");
    let mut prices: Vec<Option<i64>> = noted
        .as_array()
        .into_iter()
        .flatten()
        .map(|option| {
            option
                .pointer("/option/price/value")
                .and_then(Value::as_i64)
        })
        .collect();
    let mut costs: Vec<Option<i64>> = costs.iter().map(|cost| Some(cost.minor)).collect();
    // Grouping changes their order.
    prices.sort_unstable();
    costs.sort_unstable();
    run.expect(
        "the prices that the shop gave, in minor units",
        costs,
        prices,
    )
}

fn json_of(text: &str) -> Done<Value> {
    serde_json::from_str(text).map_err(|_| Stop::Failed("the answer is no JSON".into()))
}
