//! Initiate: what Vipps gets, and what becomes of the order when Vipps wants nothing of it.

use serde_json::{Value, json};
use url::Url;

use super::super::asked::initiates;
use super::super::steps;
use super::checks;
use crate::checklist::{Cart, Done, Exchange, Order, Paying, Run, Standing, Stop};

checks! {
    "ecom.initiate.regular" => regular,
    "ecom.initiate.express" => express,
    "ecom.initiate.new-attempt" => new_attempt,
    "ecom.initiate.rejected-url" => rejected_url,
    "epayment.create.new-attempt" => new_attempt,
}

async fn regular(run: &Run<'_>) -> Done {
    let (order, initiate) = place(run, &Cart::usual()).await?;
    let shown = run
        .sees(&order, "not paid", |shown| shown.standing == Standing::Open)
        .await?;
    let body = initiate.json();
    run.expect(
        "amount",
        json!(shown.total.minor),
        at(&body, "/transaction/amount"),
    )?;
    run.expect(
        "merchantSerialNumber",
        json!(run.facts().msn),
        at(&body, "/merchantInfo/merchantSerialNumber"),
    )?;
    for field in ["callbackPrefix", "fallBack"] {
        ours(run, &body, field)?;
    }
    token(run, &body)?;
    run.expect(
        "paymentType",
        Value::Null,
        at(&body, "/merchantInfo/paymentType"),
    )?;
    let answer: Value = serde_json::from_str(&initiate.response).unwrap_or_default();
    run.expect_unshown(
        "where the shopper is sent: the url of Vipps' answer",
        at(&answer, "/url") == json!(order.url.as_str()),
    )?;
    let held = run.held(&order).await?;
    run.expect("how it stands at Vipps", "initiated", held.state.as_str())?;
    run.expect("reserved at Vipps", 0, held.authorised)
}

async fn express(run: &Run<'_>) -> Done {
    let (order, initiate) = place(run, &Cart::express()).await?;
    let body = initiate.json();
    run.expect(
        "paymentType",
        json!("eComm Express Payment"),
        at(&body, "/merchantInfo/paymentType"),
    )?;
    ours(run, &body, "consentRemovalPrefix")?;
    token(run, &body)?;
    if at(&body, "/merchantInfo/staticShippingDetails").is_null() {
        ours(run, &body, "shippingDetailsPrefix")?;
    }
    let shown = run.show(&order).await?;
    let delivery = shown.delivery.map_or(0, |(_, price)| price.minor);
    run.expect(
        "amount: the cart without any delivery",
        json!(shown.total.minor.saturating_sub(delivery)),
        at(&body, "/transaction/amount"),
    )?;
    let held = run.held(&order).await?;
    run.expect("Vipps holds an express payment", true, held.express)?;
    run.expect("how it stands at Vipps", "initiated", held.state.as_str())
}

async fn new_attempt(run: &Run<'_>) -> Done {
    let before = initiates(run).await?.len();
    let first = run.place(&Cart::usual()).await?;
    run.reject(&first).await?;
    run.sees(&first, "ended, not paid", |shown| {
        shown.standing == Standing::Cancelled
    })
    .await?;
    let second = run.pay_again(&first).await?;
    run.approve(&second).await?;
    let shown = steps::authorised(run, &second).await?;
    let sent: Vec<Exchange> = initiates(run).await?.into_iter().skip(before).collect();
    run.expect("initiate requests", 2, sent.len())?;
    let refused = sent.iter().any(|call| !call.succeeded());
    run.expect("one of them was refused", false, refused)?;
    run.expect_that(
        "the second orderId",
        "another than the first",
        &second.reference,
        second.reference != first.reference,
    )?;
    let ended = run.held(&first).await?;
    run.expect(
        "how the first stands at Vipps",
        "cancelled_by_user",
        ended.state.as_str(),
    )?;
    let paid = run.held(&second).await?;
    run.expect(
        "how the second stands at Vipps",
        "reserved",
        paid.state.as_str(),
    )?;
    run.expect("reserved at Vipps", shown.total.minor, paid.authorised)?;
    if let Some(authorised) = shown.authorised {
        run.expect("reserved, as the shop shows it", shown.total, authorised)?;
    }
    Ok(())
}

async fn rejected_url(run: &Run<'_>) -> Done {
    let before = initiates(run).await?.len();
    let refusal = json!({"kind": "error", "status": 400, "group": "InvalidRequest", "code": "callbackPrefix"});
    run.fault_on_any("initiate", refusal).await?;
    let (number, paying) = run.try_place(&Cart::usual()).await?;
    let words = match paying {
        Paying::Refused { words } => words,
        Paying::ToVipps { .. } => String::new(),
    };
    let plain = !words.trim().is_empty() && !has_codes(&words);
    run.expect_that(
        "what the shopper reads",
        "a sentence without codes",
        &words,
        plain,
    )?;
    let refused = initiates(run).await?.into_iter().nth(before);
    let Some(reference) = refused.and_then(|call| call.order_id) else {
        run.expect("an initiate reached Vipps", true, false)?;
        return Ok(());
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
    let trace = run.trace(&order).await?;
    let told = trace.to_string();
    run.expect(
        "support reads which field it was",
        true,
        told.contains("callbackPrefix"),
    )?;
    run.expect(
        "support reads that kasse's operator has to act",
        true,
        told.contains(r#""who":"kasse""#),
    )
}

/// The names and numbers of Vipps' error say nothing to a shopper.
fn has_codes(words: &str) -> bool {
    ["InvalidRequest", "callbackPrefix", "errorCode", "{"]
        .iter()
        .any(|code| words.contains(code))
}

/// A shopper orders; Vipps got one initiate for it, and this is it.
async fn place(run: &Run<'_>, cart: &Cart) -> Done<(Order, Exchange)> {
    let before = initiates(run).await?.len();
    let order = run.place(cart).await?;
    let mut sent: Vec<Exchange> = initiates(run).await?.into_iter().skip(before).collect();
    run.expect("initiate requests", 1, sent.len())?;
    match sent.pop() {
        Some(initiate) => Ok((order, initiate)),
        None => Err(Stop::Failed("Vipps got no initiate".into())),
    }
}

fn at(body: &Value, pointer: &str) -> Value {
    body.pointer(pointer).cloned().unwrap_or_default()
}

/// It is an https address of kasse.
fn ours(run: &Run<'_>, body: &Value, field: &str) -> Done {
    let told = at(body, &format!("/merchantInfo/{field}"));
    let url = told.as_str().and_then(|told| Url::parse(told).ok());
    let kasse = &run.facts().public_url;
    let met = url.is_some_and(|url| url.scheme() == "https" && url.host() == kasse.host());
    run.expect_that(field, format!("an https address at {kasse}"), told, met)
}

/// There is an authToken. Its value is shown nowhere.
fn token(run: &Run<'_>, body: &Value) -> Done {
    let told = at(body, "/merchantInfo/authToken");
    let met = told.as_str().is_some_and(|token| !token.is_empty());
    run.expect("there is an authToken, and it is not empty", true, met)
}
