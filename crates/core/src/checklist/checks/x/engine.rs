//! The shop has a bad moment, or cannot take what was paid.

use std::time::Duration;

use serde_json::json;

use super::super::{controls, steps};
use super::checks;
use super::seen;
use crate::Money;
use crate::checklist::{Act, Cart, Checkout, Done, Fate, Goods, Run, Standing};

checks! {
    "x.engine.away-an-hour" => away_an_hour,
    "x.engine.slow-telling" => slow_telling,
    "x.engine.sold-out" => sold_out,
    "x.engine.order-changed" => order_changed,
    "x.engine.cart-is-the-order" => cart_is_the_order,
}

async fn away_an_hour(run: &Run<'_>) -> Done {
    let approved = run.place(&Cart::usual()).await?;
    let rejected = run.place(&Cart::usual()).await?;
    let taken = steps::paid(run, &Cart::usual()).await?;
    run.befall(Fate::EngineAway).await?;
    run.approve(&approved).await?;
    run.reject(&rejected).await?;
    run.control(&taken, "portal/capture", json!({})).await?;
    run.pass(Duration::from_secs(3600)).await?;
    for order in [&approved, &rejected, &taken] {
        let cancels = steps::calls(run, order, "cancel").await?;
        run.expect("cancel requests", 0, cancels.len())?;
        for callback in run.held(order).await?.told() {
            run.expect("kasse's answer to the callback", Some(200), callback.status)?;
        }
    }
    run.befall(Fate::EngineBack).await?;
    run.pass(Duration::from_secs(15 * 60)).await?;
    for (order, standing, entries) in [
        (&approved, Standing::Authorised, [1, 0, 0]),
        (&rejected, Standing::Cancelled, [0, 0, 0]),
        (&taken, Standing::Captured, [1, 1, 0]),
    ] {
        let shown = run.show(order).await?;
        run.expect("the order at the shop", standing, shown.standing)?;
        seen::entries(run, &shown, entries)?;
    }
    Ok(())
}

async fn slow_telling(run: &Run<'_>) -> Done {
    let mut orders = Vec::new();
    for _ in 0..10 {
        orders.push(run.place(&Cart::usual()).await?);
    }
    run.pass(Duration::from_secs(3)).await?;
    run.befall(Fate::EngineSlow(Duration::from_secs(8))).await?;
    let begun = controls::now(run).await?;
    for order in &orders {
        run.approve(order).await?;
    }
    controls::took(run, "ten approvals", begun, Duration::from_secs(1)).await?;
    for order in &orders {
        steps::authorised(run, order).await?;
    }
    controls::took(run, "telling all ten", begun, Duration::from_secs(60)).await?;
    for order in &orders {
        let shown = run.show(order).await?;
        seen::entries(run, &shown, [1, 0, 0])?;
    }
    Ok(())
}

async fn sold_out(run: &Run<'_>) -> Done {
    let order = run
        .place(&Cart::of(Goods::LastOne, Checkout::Regular))
        .await?;
    run.must(&order, &Act::SellOut).await?;
    run.approve(&order).await?;
    let mut held = run.held(&order).await?;
    for _ in 0..120 {
        if held.released > 0 {
            break;
        }
        run.pass(Duration::from_secs(1)).await?;
        held = run.held(&order).await?;
    }
    run.expect_that(
        "reserved at Vipps",
        "something",
        held.authorised,
        held.authorised > 0,
    )?;
    run.expect("released at Vipps", held.authorised, held.released)?;
    run.expect("captured at Vipps", 0, held.captured)?;
    let captures = steps::calls(run, &order, "capture").await?;
    run.expect("capture requests", 0, captures.len())?;
    run.pass(Duration::from_secs(5)).await?;
    let (status, page) = run.browser(&held.fall_back, "en").await?;
    run.expect("the return page", 200, status)?;
    for words in [
        "The order could not be completed",
        "The money was not taken",
    ] {
        run.expect_that("the return page says", words, &page, page.contains(words))?;
    }
    let notes = seen::notes(run, &order).await?;
    run.expect_that(
        "why, in the trace",
        "the shop would not take it",
        &notes,
        notes.contains("will not take"),
    )
}

async fn order_changed(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    let before = run.show(&order).await?.total;
    run.must(&order, &Act::Change).await?;
    let after = run.show(&order).await?.total;
    run.expect_that(
        "the order's total after the change",
        "another",
        after,
        after != before,
    )?;
    run.approve(&order).await?;
    let shown = steps::authorised(run, &order).await?;
    let held = run.held(&order).await?;
    run.expect("reserved at Vipps", before.minor, held.authorised)?;
    if let Some(authorised) = shown.authorised {
        run.expect("reserved, as the shop shows it", before, authorised)?;
    }
    let notes = seen::notes(run, &order).await?;
    for sum in [before, after] {
        let sum = sum.decimal();
        run.expect_that("a sum in the trace", &sum, &notes, notes.contains(&sum))?;
    }
    run.expect_that(
        "what is to be done, in the trace",
        "settle the difference",
        &notes,
        notes.contains("settle the difference"),
    )?;
    let more = Money::new(before.minor.max(after.minor), before.currency);
    run.act(&order, &Act::Capture(Some(more))).await?;
    run.pass(Duration::from_secs(5)).await?;
    let held = run.held(&order).await?;
    run.expect_that(
        "captured at Vipps",
        format!("at most {}", held.authorised),
        held.captured,
        held.captured <= held.authorised,
    )?;
    run.expect("released at Vipps", 0, held.released)?;
    let cancels = steps::calls(run, &order, "cancel").await?;
    run.expect("cancel requests", 0, cancels.len())
}

async fn cart_is_the_order(run: &Run<'_>) -> Done {
    let first = run.place(&Cart::usual()).await?;
    run.must(&first, &Act::Change).await?;
    let second = run.pay_again(&first).await?;
    run.expect_that(
        "the second payment",
        "another than the first",
        &second.reference,
        second.reference != first.reference,
    )?;
    let total = run.show(&second).await?.total;
    let ended = run.held(&first).await?;
    run.expect_that(
        "the first payment at Vipps",
        "ended, and nothing reserved",
        &ended.state,
        ended.state != "initiated" && ended.state != "opened" && ended.authorised == 0,
    )?;
    let held = run.held(&second).await?;
    run.expect("the second payment's amount", total.minor, held.amount)?;
    run.approve(&second).await?;
    let shown = steps::authorised(run, &second).await?;
    let held = run.held(&second).await?;
    run.expect("the order's total", held.authorised, shown.total.minor)?;
    if let Some(authorised) = shown.authorised {
        run.expect(
            "reserved, as the shop shows it",
            held.authorised,
            authorised.minor,
        )?;
    }
    Ok(())
}
