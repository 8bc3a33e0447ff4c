//! Callback: each status that Vipps tells.

use std::time::Duration;

use serde_json::{Value, json};
use url::Url;

use super::super::{ending, steps};
use super::checks;
use crate::checklist::{Cart, Done, Exchange, Fate, Held, Order, Run, Shown, Standing};

checks! {
    "ecom.callback.url" => url,
    "ecom.callback.reserved" => reserved,
    "ecom.callback.sale" => sale,
    "ecom.callback.reserve-failed" => reserve_failed,
    "ecom.callback.sale-failed" => sale_failed,
    "ecom.callback.cancelled" => cancelled,
    "ecom.callback.rejected" => rejected,
    "ecom.callback.express-reserve" => express_reserve,
    "ecom.callback.express-sale" => express_sale,
    "ecom.callback.express-ended" => express_ended,
}

/// Sooner than kasse looks by itself: what is seen by then is the callback's doing. An engine takes
/// a little of it to be told.
const AT_ONCE: Duration = Duration::from_secs(4);
/// The customer's time is over.
const TIME_OVER: Duration = Duration::from_secs(601);

async fn url(run: &Run<'_>) -> Done {
    let order = steps::paid(run, &Cart::usual()).await?;
    let initiates = steps::calls(run, &order, "initiate").await?;
    let asked = initiates.first().map(Exchange::json).unwrap_or_default();
    let text = |at: &str| {
        asked
            .pointer(at)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let prefix = text("/merchantInfo/callbackPrefix");
    run.expect_that(
        "callbackPrefix",
        "one without a slash at its end",
        prefix,
        !prefix.is_empty() && !prefix.ends_with('/'),
    )?;
    let length = prefix.chars().count();
    run.expect_that(
        "its length",
        "at most 255 characters",
        length,
        length <= 255,
    )?;
    let port = Url::parse(prefix)
        .ok()
        .and_then(|url| url.port_or_known_default());
    run.expect_that(
        "its port",
        "443, 80 or 8080",
        port.unwrap_or_default(),
        matches!(port, Some(443 | 80 | 8080)),
    )?;
    run.expect(
        "authToken is empty",
        false,
        text("/merchantInfo/authToken").is_empty(),
    )?;
    let calls = steps::calls(run, &order, "callback").await?;
    let seen: Vec<_> = calls
        .iter()
        .map(|call| (call.method.as_str(), call.url.clone(), call.status))
        .collect();
    let whole = format!("{prefix}/v2/payments/{}", order.reference);
    run.expect("the callbacks", vec![("POST", whole, Some(200))], seen)?;
    let shown = calls
        .iter()
        .all(|call| call.header("authorization").is_some());
    run.expect("the callback shows the authToken", true, shown)
}

async fn reserved(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    run.approve(&order).await?;
    told(run, &order, "RESERVED").await?;
    let shown = at_once(run, &order, Standing::Authorised).await?;
    agrees(run, &shown, &run.held(&order).await?)
}

async fn sale(run: &Run<'_>) -> Done {
    run.befall(Fate::DirectCapture).await?;
    let order = run.place(&Cart::usual()).await?;
    run.approve(&order).await?;
    told(run, &order, "SALE").await?;
    let shown = at_once(run, &order, Standing::Captured).await?;
    agrees(run, &shown, &run.held(&order).await?)
}

async fn reserve_failed(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    declined(run, &order, "RESERVE_FAILED").await?;
    ended(run, &order).await?;
    ending::payable(run, &order).await.map(drop)
}

async fn sale_failed(run: &Run<'_>) -> Done {
    run.befall(Fate::DirectCapture).await?;
    let order = run.place(&Cart::usual()).await?;
    declined(run, &order, "SALE_FAILED").await?;
    ended(run, &order).await?;
    ending::payable(run, &order).await.map(drop)
}

async fn cancelled(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    rejects(run, &order, "CANCELLED").await?;
    ended(run, &order).await.map(drop)
}

async fn rejected(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    rejects(run, &order, "REJECTED").await?;
    ended(run, &order).await?;
    ending::payable(run, &order).await.map(drop)
}

async fn express_reserve(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::express()).await?;
    let offer = run.offer(&order, None).await?;
    let Some(chosen) = offer.options.last() else {
        return run.expect("deliveries are offered", true, false);
    };
    let how = json!({ "shippingMethodId": chosen.shipping_method_id });
    run.approve_with(&order, how).await?;
    told(run, &order, "RESERVE").await?;
    let shown = at_once(run, &order, Standing::Authorised).await?;
    agrees(run, &shown, &run.held(&order).await?)?;
    let title = shown.delivery.as_ref().map(|(title, _)| title.as_str());
    run.expect(
        "the delivery's name at the shop",
        Some(chosen.shipping_method.as_str()),
        title,
    )?;
    let price = shown.delivery.as_ref().map(|(_, price)| price.minor);
    run.expect(
        "the delivery's price at the shop",
        Some(chosen.cost_ore),
        price,
    )?;
    knows_customer(run, &order, &shown).await
}

async fn express_sale(run: &Run<'_>) -> Done {
    run.befall(Fate::DirectCapture).await?;
    let order = run.place(&Cart::express()).await?;
    run.approve(&order).await?;
    told(run, &order, "SALE").await?;
    let shown = at_once(run, &order, Standing::Captured).await?;
    agrees(run, &shown, &run.held(&order).await?)?;
    knows_customer(run, &order, &shown).await
}

async fn express_ended(run: &Run<'_>) -> Done {
    for status in ["REJECTED", "CANCELLED", "RESERVE_FAILED", "SALE_FAILED"] {
        if status == "SALE_FAILED" {
            run.befall(Fate::DirectCapture).await?;
        }
        let order = run.place(&Cart::express()).await?;
        let before = run.show(&order).await?;
        // The shop has been asked for deliveries to an address: nobody is a customer by that.
        run.offer(&order, None).await?;
        match status {
            "REJECTED" | "CANCELLED" => rejects(run, &order, status).await?,
            _ => declined(run, &order, status).await?,
        }
        let calls = steps::calls(run, &order, "callback").await?;
        let said = calls.last().map(Exchange::json).unwrap_or_default();
        let bare = said.get("shippingDetails").is_none() && said.get("userDetails").is_none();
        run.expect("the callback has no delivery and no customer", true, bare)?;
        // A shop that hears of an express payment only once it is reserved has nothing to end.
        let after = if before.references.contains(&order.reference) {
            ended(run, &order).await?
        } else {
            ending::unpaid(run, &order).await?
        };
        run.expect(
            "what the shop knows of a customer is what it knew before",
            before.customer,
            after.customer,
        )?;
    }
    Ok(())
}

/// The customer says no in the app, and the callback has this word for it.
async fn rejects(run: &Run<'_>, order: &Order, status: &str) -> Done {
    let word = json!({ "kind": "unknown_status", "value": status });
    run.fault(order, "callback", word).await?;
    run.reject(order).await?;
    told(run, order, status).await
}

/// The card is declined, nobody tries another, and the time runs out.
async fn declined(run: &Run<'_>, order: &Order, status: &str) -> Done {
    run.control(order, "decline", json!({})).await?;
    run.pass(TIME_OVER).await?;
    told(run, order, status).await
}

/// The callback had its one attempt, said this, and was taken by kasse.
async fn told(run: &Run<'_>, order: &Order, status: &str) -> Done {
    let held = run.held(order).await?;
    let told = held.told();
    let callbacks: Vec<_> = told
        .iter()
        .map(|callback| (callback.told.as_str(), callback.status))
        .collect();
    run.expect(
        "the callbacks, with kasse's answers",
        vec![(status, Some(200))],
        callbacks,
    )
}

async fn at_once(run: &Run<'_>, order: &Order, standing: Standing) -> Done<Shown> {
    let what = format!("{standing:?}, without anybody's return");
    run.sees_within(order, &what, AT_ONCE, |shown| shown.standing == standing)
        .await
}

/// The shop shows that it ended, and that there is no money.
async fn ended(run: &Run<'_>, order: &Order) -> Done<Shown> {
    let what = "ended without money, nothing reserved";
    run.sees_within(order, what, AT_ONCE, |shown| {
        shown.standing == Standing::Cancelled && ending::is_unpaid(shown)
    })
    .await
}

/// The shop's sums are Vipps'.
fn agrees(run: &Run<'_>, shown: &Shown, held: &Held) -> Done {
    run.expect("the order's total", held.authorised, shown.total.minor)?;
    for (what, at_vipps, in_shop) in [
        ("authorised", held.authorised, shown.authorised),
        ("captured", held.captured, shown.captured),
    ] {
        if let Some(in_shop) = in_shop {
            run.expect(what, at_vipps, in_shop.minor)?;
        }
    }
    Ok(())
}

/// The shop has written down who bought it and where it goes, as the callback said it.
async fn knows_customer(run: &Run<'_>, order: &Order, shown: &Shown) -> Done {
    let calls = steps::calls(run, order, "callback").await?;
    let said = calls.last().map(Exchange::json).unwrap_or_default();
    let said = |at: &str| {
        let text = said.pointer(at).and_then(Value::as_str);
        text.unwrap_or("nothing of it").to_owned()
    };
    let customer = shown.customer.clone().unwrap_or_default();
    for (what, at, known) in [
        ("the first name", "/userDetails/firstName", &customer.name),
        ("the last name", "/userDetails/lastName", &customer.name),
        ("the e-mail address", "/userDetails/email", &customer.email),
        (
            "the phone number",
            "/userDetails/mobileNumber",
            &customer.phone,
        ),
        (
            "the street",
            "/shippingDetails/address/addressLine1",
            &customer.address,
        ),
        (
            "the post code",
            "/shippingDetails/address/zipCode",
            &customer.address,
        ),
        (
            "the place",
            "/shippingDetails/address/city",
            &customer.address,
        ),
    ] {
        let said = said(at);
        // Engines write a name in one field or two, a number with its country, an address in lines
        // and its place in capitals.
        let said = said.to_lowercase();
        let known = known.as_deref().unwrap_or("nothing").to_lowercase();
        let bare = known.replace(' ', "");
        let met = known.contains(&said) || bare.contains(&said);
        run.expect_unshown(&format!("{what} in the shop, as Vipps told it"), met)?;
    }
    Ok(())
}
