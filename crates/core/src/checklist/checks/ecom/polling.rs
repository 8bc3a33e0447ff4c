//! Polling: what kasse sees by itself when no callback comes, and how often it looks.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::super::{controls, ending, page, steps};
use super::checks;
use crate::checklist::{Cart, Done, Exchange, Order, Run, Standing, Stop};
use crate::context::{after, span};

checks! {
    "ecom.polling.lost-callback" => lost_callback,
    "ecom.polling.pace" => pace,
    "ecom.polling.return-crowd" => return_crowd,
    "ecom.polling.window" => window,
    "ecom.polling.nobody-acts" => nobody_acts,
    "epayment.webhooks.lost" => lost_callback,
    "epayment.webhooks.pace" => pace,
    "epayment.webhooks.return-crowd" => return_crowd,
    "epayment.webhooks.window" => window,
    "epayment.webhooks.nobody-acts" => nobody_acts,
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
/// What Vipps takes of details for one order, in any minute.
const MOST_A_MINUTE: usize = 120;

async fn lost_callback(run: &Run<'_>) -> Done {
    for thinks in [20 * SECOND, 4 * MINUTE] {
        let order = unheard(run).await?;
        run.pass(thinks).await?;
        run.approve(&order).await?;
        let approved = controls::now(run).await?;
        let most = 15 * SECOND;
        run.sees_within(&order, "authorised", most, |shown| {
            shown.standing == Standing::Authorised
        })
        .await?;
        controls::took(run, "the time until it was seen", approved, most).await?;
    }
    Ok(())
}

async fn pace(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    let begun = controls::now(run).await?;
    run.pass(10 * MINUTE).await?;
    let calls = run.calls(&order).await?;
    let over = |call: &&Exchange| span(begun, call.at) < 10 * MINUTE;
    let looks: Vec<Timestamp> = calls
        .iter()
        .filter(|call| call.operation() == "details")
        .filter(over)
        .map(|call| call.at)
        .collect();
    let Some(first) = looks.first() else {
        return run.expect("details was read", true, false);
    };
    let wait = span(begun, *first);
    run.expect_that(
        "the first details after initiate",
        "5 s or more",
        format!("{wait:?}"),
        wait >= 5 * SECOND,
    )?;
    let pairs = looks.iter().zip(looks.iter().skip(1));
    let gaps: Vec<Duration> = pairs.map(|(one, next)| span(*one, *next)).collect();
    let shortest = gaps.iter().min().copied().unwrap_or_default();
    run.expect_that(
        "the shortest time between two details",
        "2 s or more",
        format!("{shortest:?}"),
        shortest >= 2 * SECOND,
    )?;
    let longest = gaps.iter().max().copied().unwrap_or_default();
    run.expect_that(
        "the longest time between two details",
        "15 s or less",
        format!("{longest:?}"),
        longest <= 15 * SECOND,
    )?;
    let last = looks
        .last()
        .map_or(Duration::MAX, |last| span(*last, after(begun, 10 * MINUTE)));
    run.expect_that(
        "the time from the last details to the end of the customer's 10 minutes",
        "15 s or less",
        format!("{last:?}"),
        last <= 15 * SECOND,
    )?;
    within_limits(run, &order).await
}

async fn return_crowd(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    run.pass(5 * SECOND).await?;
    // 200 loads within a minute, in 50 bursts.
    for _ in 0..50 {
        for _ in 0..4 {
            page::back(run, &order).await?;
        }
        run.pass(SECOND).await?;
    }
    within_limits(run, &order).await?;
    run.approve(&order).await?;
    steps::authorised(run, &order).await?;
    let seen = page::back(run, &order).await?;
    page::says(run, &seen, page::PAID)
}

async fn window(run: &Run<'_>) -> Done {
    let order = unheard(run).await?;
    run.pass(290 * SECOND).await?;
    run.control(&order, "open", json!({})).await?;
    run.pass(280 * SECOND).await?;
    let shown = ending::unpaid(run, &order).await?;
    run.expect("how it stands", Standing::Open, shown.standing)?;
    let cancels = steps::calls(run, &order, "cancel").await?;
    run.expect("cancel requests", 0, cancels.len())?;
    run.approve(&order).await?;
    let approved = controls::now(run).await?;
    let most = 30 * SECOND;
    run.sees_within(&order, "authorised", most, |shown| {
        shown.standing == Standing::Authorised
    })
    .await?;
    controls::took(run, "the time until it was seen", approved, most).await
}

async fn nobody_acts(run: &Run<'_>) -> Done {
    let order = unheard(run).await?;
    run.pass(11 * MINUTE).await?;
    let held = run.held(&order).await?;
    run.expect_that(
        "the payment at Vipps",
        "ended",
        &held.state,
        !matches!(held.state.as_str(), "initiated" | "opened"),
    )?;
    run.expect("authorised at Vipps", 0, held.authorised)?;
    let shown = ending::unpaid(run, &order).await?;
    run.expect("how it stands", Standing::Cancelled, shown.standing)?;
    let before = steps::calls(run, &order, "details").await?.len();
    run.pass(60 * MINUTE).await?;
    let later = steps::calls(run, &order, "details").await?.len();
    run.expect("details that were read, after an hour more", before, later)?;
    ending::payable(run, &order).await.map(drop)
}

/// An order whose callback will be lost.
async fn unheard(run: &Run<'_>) -> Done<Order> {
    let order = run.place(&Cart::usual()).await?;
    let lost = json!({ "kind": "callback_lost" });
    run.fault(&order, "callback", lost).await?;
    Ok(order)
}

/// Details stayed within Vipps' limits.
async fn within_limits(run: &Run<'_>, order: &Order) -> Done {
    let looks = steps::calls(run, order, "details").await?;
    let refused = looks.iter().filter(|call| call.status == Some(429)).count();
    run.expect("details that were answered with 429", 0, refused)?;
    let in_minute = |from: Timestamp| {
        let calls = looks.iter().filter(|call| call.at >= from);
        calls.filter(|call| span(from, call.at) < MINUTE).count()
    };
    let most = looks.iter().map(|call| in_minute(call.at)).max();
    let most = most.ok_or_else(|| Stop::Failed("details was never read".into()))?;
    run.expect_that(
        "the most details in any minute",
        format!("{MOST_A_MINUTE} or fewer"),
        most,
        most <= MOST_A_MINUTE,
    )
}
