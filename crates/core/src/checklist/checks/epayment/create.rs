//! Create: what Vipps gets, and what becomes of the order when Vipps does not take an address.

use serde_json::{Value, json};
use url::Url;

use super::super::asked::initiates;
use super::super::refusals::refusal;
use super::checks;
use crate::checklist::{Cart, Done, Exchange, Order, Paying, Run, Standing, Stop};

checks! {
    "epayment.create.regular" => regular,
    "epayment.create.rejected-url" => rejected_url,
}

/// A shopper orders; Vipps got one create for it, and this is it.
pub(super) async fn place(run: &Run<'_>, cart: &Cart) -> Done<(Order, Exchange)> {
    let before = initiates(run).await?.len();
    let order = run.place(cart).await?;
    let mut sent: Vec<Exchange> = initiates(run).await?.into_iter().skip(before).collect();
    run.expect("create requests", 1, sent.len())?;
    match sent.pop() {
        Some(create) => Ok((order, create)),
        None => Err(Stop::Failed("Vipps got no create".into())),
    }
}

/// What stands in a JSON value; null where there is nothing.
pub(super) fn at(body: &Value, pointer: &str) -> Value {
    body.pointer(pointer).cloned().unwrap_or_default()
}

/// Is it an https address of kasse?
pub(super) fn is_ours(run: &Run<'_>, told: &Value) -> bool {
    let url = told.as_str().and_then(|told| Url::parse(told).ok());
    let kasse = &run.facts().public_url;
    url.is_some_and(|url| url.scheme() == "https" && url.host() == kasse.host())
}

async fn regular(run: &Run<'_>) -> Done {
    let (order, create) = place(run, &Cart::usual()).await?;
    let shown = run
        .sees(&order, "not paid", |shown| shown.standing == Standing::Open)
        .await?;
    let body = create.json();
    for (pointer, expected) in [
        ("/amount/value", json!(shown.total.minor)),
        ("/amount/currency", json!(shown.total.currency)),
        ("/paymentMethod/type", json!("WALLET")),
        ("/userFlow", json!("WEB_REDIRECT")),
        ("/reference", json!(order.reference)),
        ("/shipping", Value::Null),
    ] {
        run.expect(pointer, expected, at(&body, pointer))?;
    }
    run.expect_unshown(
        "returnUrl: an https address of kasse",
        is_ours(run, &at(&body, "/returnUrl")),
    )?;
    let text = at(&body, "/paymentDescription");
    let length = text.as_str().unwrap_or_default().chars().count();
    run.expect_that(
        "paymentDescription",
        "3 to 100 characters",
        text,
        (3..=100).contains(&length),
    )?;
    let key = create.header("idempotency-key").unwrap_or_default();
    run.expect_that(
        "Idempotency-Key",
        "1 to 50 characters",
        key,
        (1..=50).contains(&key.len()),
    )?;
    let answer: Value = serde_json::from_str(&create.response).unwrap_or_default();
    run.expect_unshown(
        "where the shopper is sent: the redirectUrl of Vipps' answer",
        at(&answer, "/redirectUrl") == json!(order.url.as_str()),
    )?;
    let held = run.held(&order).await?;
    run.expect("how it stands at Vipps", "CREATED", &*held.epayment_state)?;
    run.expect("reserved at Vipps", 0, held.authorised)
}

async fn rejected_url(run: &Run<'_>) -> Done {
    run.fault_on_any("initiate", refusal(run, 400, "", "4090"))
        .await?;
    let (number, paying) = run.try_place(&Cart::usual()).await?;
    let words = match paying {
        Paying::Refused { words } => words,
        Paying::ToVipps { .. } => String::new(),
    };
    let codes = ["4090", "returnUrl", "ErrorCode", "{"];
    let plain = !words.trim().is_empty() && !codes.iter().any(|code| words.contains(code));
    run.expect_that(
        "what the shopper reads",
        "a sentence without codes",
        &words,
        plain,
    )?;
    let refused = initiates(run).await?.pop();
    let Some(reference) = refused.and_then(|call| call.order_id) else {
        return run.expect("a create reached Vipps", true, false);
    };
    run.knows(&reference);
    let order = Order {
        number,
        reference,
        url: run.facts().public_url.clone(),
    };
    let shown = run.show(&order).await?;
    let unpaid = matches!(shown.standing, Standing::Open | Standing::Cancelled);
    run.expect_that("the shop shows", "the order, not paid", &shown.word, unpaid)?;
    let told = run.trace(&order).await?.to_string();
    run.expect("support reads the code", true, told.contains("4090"))?;
    let somebody = ["kasse", "merchant", "shop"];
    run.expect_that(
        "support reads who has to act",
        "whoever set it up, and not the customer",
        "it is not said",
        somebody
            .iter()
            .any(|who| told.contains(&format!("\"who\":\"{who}\""))),
    )
}
