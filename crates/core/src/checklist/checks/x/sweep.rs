//! Sweep: no order holds up another.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::super::refusals::{self, No};
use super::super::{controls, steps};
use super::checks;
use super::seen;
use crate::checklist::{Cart, Done, Order, Run, Standing};
use crate::context::span;

checks! {
    "x.sweep.unreadable" => unreadable,
    "x.sweep.hanging" => hanging,
    "x.sweep.not-at-vipps" => not_at_vipps,
}

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
/// As often as anybody asks.
const ALWAYS: u32 = 100_000;

async fn unreadable(run: &Run<'_>) -> Done {
    let oldest = run.place(&Cart::usual()).await?;
    for broken in [
        json!({ "kind": "status", "status": 500, "times": 20 }),
        json!({ "kind": "cut_json", "times": 10 }),
        json!({ "kind": "status", "status": 404, "times": ALWAYS }),
    ] {
        run.fault(&oldest, "details", broken).await?;
    }
    younger(run, 15 * SECOND).await?;
    // It is paid all the same.
    let lost = json!({ "kind": "callback_lost" });
    run.fault(&oldest, "callback", lost).await?;
    run.approve(&oldest).await?;
    run.pass(HOUR).await?;
    run.pass(HOUR).await?;
    let looks = steps::calls(run, &oldest, "details").await?;
    let times: Vec<Timestamp> = looks.iter().map(|call| call.at).collect();
    let pairs = times.iter().zip(times.iter().skip(1));
    let gaps: Vec<Duration> = pairs.map(|(one, next)| span(*one, *next)).collect();
    let first = gaps.first().copied().unwrap_or_default();
    let last = gaps.last().copied().unwrap_or_default();
    run.expect_that(
        "the time between two looks at the oldest, after two hours",
        format!("more than the {first:?} of the beginning"),
        format!("{last:?}"),
        last > first,
    )?;
    let now = controls::now(run).await?;
    let since = times.last().map_or(Duration::MAX, |last| span(*last, now));
    run.expect_that(
        "how long ago it was looked at last",
        "within the hour",
        format!("{since:?}"),
        since < HOUR,
    )?;
    let cancels = steps::calls(run, &oldest, "cancel").await?;
    run.expect("cancel requests for the oldest", 0, cancels.len())?;
    controls::all_well(run).await?;
    run.sees_within(&oldest, "authorised", HOUR, |shown| {
        shown.standing == Standing::Authorised
    })
    .await
    .map(drop)
}

async fn hanging(run: &Run<'_>) -> Done {
    for _ in 0..3 {
        let older = run.place(&Cart::usual()).await?;
        let hangs = json!({ "kind": "slow", "seconds": 600, "times": ALWAYS });
        run.fault(&older, "details", hangs).await?;
    }
    younger(run, 20 * SECOND).await
}

async fn not_at_vipps(run: &Run<'_>) -> Done {
    let order = steps::paid(run, &Cart::usual()).await?;
    let mut unknown = refusals::fault(run, No::NotYours, 404);
    if let Some(fields) = unknown.as_object_mut() {
        fields.insert("times".into(), ALWAYS.into());
    }
    run.fault(&order, "details", unknown).await?;
    for _ in 0..24 {
        run.pass(HOUR).await?;
        run.sees_within(&order, "authorised", Duration::ZERO, |shown| {
            shown.standing == Standing::Authorised
        })
        .await?;
    }
    let looks = steps::calls(run, &order, "details").await?;
    let unknown = looks.iter().any(|call| call.status == Some(404));
    run.expect("kasse has asked, and Vipps did not know it", true, unknown)?;
    let cancels = steps::calls(run, &order, "cancel").await?;
    run.expect("cancel requests", 0, cancels.len())?;
    let notes = seen::notes(run, &order).await?;
    run.expect_that(
        "the trace",
        "a note on another sales unit's keys",
        &notes,
        notes.contains("another sales unit") && notes.contains("keys"),
    )?;
    controls::all_well(run).await?;
    run.capture(&order, None).await?;
    run.sees(&order, "captured", |shown| {
        shown.standing == Standing::Captured
    })
    .await?;
    let held = run.held(&order).await?;
    run.expect("captured at Vipps", held.authorised, held.captured)
}

/// Three orders are approved while older ones cannot be read, their callbacks lost: each is shown in
/// time.
async fn younger(run: &Run<'_>, most: Duration) -> Done {
    let mut orders: Vec<Order> = Vec::new();
    for _ in 0..3 {
        let order = run.place(&Cart::usual()).await?;
        let lost = json!({ "kind": "callback_lost" });
        run.fault(&order, "callback", lost).await?;
        orders.push(order);
    }
    run.pass(6 * SECOND).await?;
    for order in &orders {
        run.approve(order).await?;
    }
    let approved = controls::now(run).await?;
    for order in &orders {
        run.sees_within(order, "authorised", most, |shown| {
            shown.standing == Standing::Authorised
        })
        .await?;
        controls::took(run, "the time until it was seen", approved, most).await?;
    }
    Ok(())
}
