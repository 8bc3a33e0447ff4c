//! What passes is tried again with the same key, and what is final is not.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::super::refusals::{self, No};
use super::super::{asked, controls, steps};
use super::checks;
use crate::Money;
use crate::checklist::{Act, Acted, Cart, Done, Exchange, Order, Paying, Run, Standing};
use crate::context::span;

checks! {
    "x.retry.locked" => locked,
    "x.retry.too-many" => too_many,
    "x.retry.unavailable" => unavailable,
    "x.retry.hangs" => hangs,
    "x.retry.cut-json" => cut_json,
    "x.retry.token" => token,
    "x.retry.token-shared" => token_shared,
    "x.retry.final" => a_final_no,
    "x.retry.own-limits" => own_limits,
}

const MINUTE: Duration = Duration::from_secs(60);

/// The merchant captures all, and reads that it is under way.
async fn under_way(run: &Run<'_>, order: &Order) -> Done {
    let acted = run.act(order, &Act::Capture(None)).await?;
    run.expect(
        "what the merchant reads: it is under way",
        Acted::Pending,
        acted,
    )
}

/// It is captured in the end, once; the shop never showed anything but this and the reservation.
/// Gives the capture requests: one request, perhaps repeated.
async fn captured_once(run: &Run<'_>, order: &Order) -> Done<Vec<Exchange>> {
    let failed = AtomicBool::new(false);
    run.sees(order, "captured", |shown| {
        let captured = shown.standing == Standing::Captured;
        if !captured && shown.standing != Standing::Authorised {
            failed.store(true, Ordering::Relaxed);
        }
        captured
    })
    .await?;
    run.expect("shown as failed in between", false, failed.into_inner())?;
    once_at_vipps(run, order).await
}

async fn once_at_vipps(run: &Run<'_>, order: &Order) -> Done<Vec<Exchange>> {
    let held = run.held(order).await?;
    run.expect("captured at Vipps", held.authorised, held.captured)?;
    run.expect("captures at Vipps", 1, asked::done(&held, "CAPTURE"))?;
    let asked = steps::calls(run, order, "capture").await?;
    asked::same_request(run, &asked)?;
    Ok(asked)
}

async fn locked(run: &Run<'_>) -> Done {
    let order = steps::paid(run, &Cart::usual()).await?;
    let fault = json!({ "kind": "locked", "times": 2 });
    run.fault(&order, "capture", fault).await?;
    under_way(run, &order).await?;
    captured_once(run, &order).await.map(drop)
}

async fn too_many(run: &Run<'_>) -> Done {
    let order = steps::paid(run, &Cart::usual()).await?;
    let fault = json!({ "kind": "status", "status": 429, "retryAfter": 30 });
    run.fault(&order, "capture", fault).await?;
    under_way(run, &order).await?;
    let asked = captured_once(run, &order).await?;
    let [first, second] = asked.as_slice() else {
        return run.expect("capture requests", 2, asked.len());
    };
    let waited = span(first.at, second.at);
    run.expect_that(
        "time between the capture requests",
        "30 s at least",
        format!("{} s", waited.as_secs()),
        waited >= Duration::from_secs(30),
    )
}

async fn unavailable(run: &Run<'_>) -> Done {
    let captured = steps::captured(run, &Cart::usual()).await?;
    let waiting = run.place(&Cart::usual()).await?;
    let lost = json!({ "kind": "callback_lost" });
    run.fault(&waiting, "callback", lost).await?;
    let away = json!({ "kind": "status", "status": 503, "times": 100_000 });
    run.fault_on_any("any", away).await?;
    run.refund(&captured, None).await?;
    run.approve(&waiting).await?;
    run.pass(5 * MINUTE).await?;
    let early = [
        to_vipps(run, &captured).await?,
        to_vipps(run, &waiting).await?,
    ];
    run.pass(5 * MINUTE).await?;
    for (order, early) in [&captured, &waiting].into_iter().zip(early) {
        let all = to_vipps(run, order).await?;
        let late = all.saturating_sub(early);
        run.expect_that(
            "requests in the second half of the ten minutes",
            format!("fewer than the {early} up to then"),
            late,
            late < early,
        )?;
    }
    controls::all_well(run).await?;
    let most = 15 * MINUTE;
    run.sees_within(&waiting, "authorised", most, |shown| {
        shown.standing == Standing::Authorised
    })
    .await?;
    run.sees_within(&captured, "refunded", most, |shown| {
        shown.standing == Standing::Refunded
    })
    .await?;
    let held = run.held(&captured).await?;
    run.expect("refunded at Vipps", held.captured, held.refunded)?;
    run.expect("refunds at Vipps", 1, asked::done(&held, "REFUND"))?;
    let asked = steps::calls(run, &captured, "refund").await?;
    asked::same_request(run, &asked)
}

async fn to_vipps(run: &Run<'_>, order: &Order) -> Done<usize> {
    let calls = run.calls(order).await?;
    Ok(calls.iter().filter(|call| call.to_vipps()).count())
}

async fn hangs(run: &Run<'_>) -> Done {
    let order = steps::paid(run, &Cart::usual()).await?;
    let fault = json!({ "kind": "slow", "seconds": 60 });
    run.fault(&order, "capture", fault).await?;
    let before = run.calls(&order).await?.len();
    under_way(run, &order).await?;
    captured_once(run, &order).await?;
    // Also when the slow one is done.
    run.pass(2 * MINUTE).await?;
    let asked = once_at_vipps(run, &order).await?;
    // In the order in which Vipps answered, and so the slow one is the last.
    run.expect_that(
        "capture requests",
        "2 at the most",
        asked.len(),
        asked.len() <= 2,
    )?;
    let calls = run.calls(&order).await?;
    let since = calls.get(before..).unwrap_or_default();
    let first = since
        .iter()
        .map(crate::checklist::Exchange::operation)
        .find(|operation| ["capture", "details"].contains(operation));
    run.expect(
        "what Vipps answers first after the capture that hangs",
        Some("details"),
        first,
    )
}

async fn cut_json(run: &Run<'_>) -> Done {
    let cut = || json!({ "kind": "cut_json" });
    let order = steps::paid(run, &Cart::usual()).await?;
    run.fault(&order, "capture", cut()).await?;
    run.fault(&order, "details", cut()).await?;
    run.capture(&order, None).await?;
    captured_once(run, &order).await?;

    run.fault_on_any("initiate", cut()).await?;
    let (number, paying) = run.try_place(&Cart::usual()).await?;
    match paying {
        Paying::ToVipps { url, reference } => {
            let order = run.at_vipps(number, url, reference).await?;
            run.approve(&order).await?;
            steps::authorised(run, &order).await?;
        }
        Paying::Refused { words } => run.expect_that(
            "what the shopper reads",
            "a sentence",
            &words,
            words.split_whitespace().count() >= 4,
        )?,
    }
    let asked = asked::initiates(run).await?;
    let names: BTreeSet<Option<&str>> = asked.iter().map(|call| call.order_id.as_deref()).collect();
    for name in names {
        let of_name: Vec<Exchange> = asked
            .iter()
            .filter(|call| call.order_id.as_deref() == name)
            .cloned()
            .collect();
        // Without a key it is begun once; with one, it is the same request.
        let keyed = of_name.iter().all(|call| call.key().is_some());
        if keyed {
            asked::same_request(run, &of_name)?;
        } else {
            run.expect("initiates of one orderId", 1, of_name.len())?;
        }
    }
    Ok(())
}

async fn tokens(run: &Run<'_>) -> Done<usize> {
    let calls = run.all_calls().await?;
    Ok(calls.iter().filter(|c| c.operation() == "token").count())
}

async fn token(run: &Run<'_>) -> Done {
    let order = steps::paid(run, &Cart::usual()).await?;
    let before = tokens(run).await?;
    let fault = json!({ "kind": "azure_401" });
    run.fault(&order, "capture", fault).await?;
    run.capture(&order, None).await?;
    let asked = captured_once(run, &order).await?;
    run.expect("capture requests", 2, asked.len())?;
    let fetched = tokens(run).await?.saturating_sub(before);
    run.expect("access tokens fetched", 1, fetched)?;

    let order = steps::paid(run, &Cart::usual()).await?;
    let fault = json!({ "kind": "azure_401", "times": 100 });
    run.fault(&order, "capture", fault).await?;
    let words = run.must_not(&order, &Act::Capture(None)).await?;
    let keys = words.to_lowercase().contains("key");
    run.expect_that("what the merchant reads", "the keys", &words, keys)?;
    let asked = steps::calls(run, &order, "capture").await?;
    run.expect_that(
        "capture requests",
        "2 at the most",
        asked.len(),
        asked.len() <= 2,
    )
}

async fn token_shared(run: &Run<'_>) -> Done {
    for _ in 0..10 {
        let order = run.place(&Cart::usual()).await?;
        run.pass(Duration::from_secs(5)).await?;
        run.reject(&order).await?;
    }
    run.expect("access tokens", 1, tokens(run).await?)?;
    run.pass(120 * MINUTE).await?;
    steps::paid(run, &Cart::usual()).await?;
    run.expect("access tokens", 2, tokens(run).await?)?;
    let calls = run.all_calls().await?;
    let refused = calls.iter().filter(|call| call.status == Some(401)).count();
    run.expect("requests refused with 401", 0, refused)?;
    let reads = calls.iter().filter(|c| c.operation() == "details").count();
    run.expect_that("details read meanwhile", "some", reads, reads > 0)
}

async fn a_final_no(run: &Run<'_>) -> Done {
    let order = steps::paid(run, &Cart::usual()).await?;
    let fault = refusals::fault(run, No::CaptureTooMuch, 400);
    run.fault(&order, "capture", fault).await?;
    run.must_not(&order, &Act::Capture(None)).await?;
    run.pass(60 * MINUTE).await?;
    let asked = steps::calls(run, &order, "capture").await?;
    run.expect("capture requests after an hour", 1, asked.len())?;
    run.capture(&order, None).await?;
    asked::stands(run, &order, "captured", Standing::Captured).await?;
    let asked = steps::calls(run, &order, "capture").await?;
    run.expect("capture requests", 2, asked.len())?;
    run.expect("their keys", 2, asked::keys(&asked).len())
}

async fn own_limits(run: &Run<'_>) -> Done {
    let order = steps::paid(run, &Cart::usual()).await?;
    let currency = run.show(&order).await?.total.currency;
    let mut taken: i64 = 0;
    for number in 1..=8_i64 {
        let part = Money::new(number.saturating_mul(101), currency);
        match run.act(&order, &Act::Capture(Some(part))).await? {
            Acted::Done | Acted::Pending => taken = taken.saturating_add(part.minor),
            Acted::Refused { words } => {
                let again = words.to_lowercase().contains("again");
                run.expect_that("what the merchant reads", "try again", &words, again)?;
            }
            other => run.expect_that("what comes of it", "words", format!("{other:?}"), false)?,
        }
        run.pass(Duration::from_secs(1)).await?;
    }
    run.pass(3 * MINUTE).await?;
    let held = run.held(&order).await?;
    run.expect(
        "captured at Vipps: what the merchant was told",
        taken,
        held.captured,
    )?;
    let asked = steps::calls(run, &order, "capture").await?;
    let refused = asked.iter().filter(|c| c.status == Some(429)).count();
    run.expect("captures refused with 429", 0, refused)?;
    let times: Vec<Timestamp> = asked.iter().map(|call| call.at).collect();
    let most = times
        .iter()
        .map(|from| {
            let within = |at: &&Timestamp| **at >= *from && span(*from, **at) < MINUTE;
            times.iter().filter(within).count()
        })
        .max();
    run.expect_that(
        "captures in the busiest minute",
        "5 at the most",
        most.unwrap_or(0),
        most.is_some_and(|most| most <= 5),
    )
}
