//! A payment only moves forward.

use std::time::Duration;

use serde_json::json;

use super::super::controls;
use super::super::refusals::{self, No};
use super::super::steps::{self, calls};
use super::checks;
use super::seen::{self, forged};
use crate::ApiKind;
use crate::checklist::{Act, Acted, Cart, Done, Exchange, Order, Run, Shown, Standing};

checks! {
    "x.forward.late-negative" => late_negative,
    "x.forward.old-callback" => old_callback,
    "x.forward.unknown-state" => unknown_state,
    "x.forward.unknown-callback" => unknown_callback,
    "x.forward.first-card-declined" => first_card_declined,
    "x.forward.not-successful" => not_successful,
    "x.forward.in-3ds" => in_3ds,
    "x.forward.own-clock" => own_clock,
}

const MINUTE: Duration = Duration::from_secs(60);

async fn late_negative(run: &Run<'_>) -> Done {
    let order = steps::captured(run, &Cart::usual()).await?;
    let before = run.show(&order).await?;
    for status in ["REJECTED", "CANCELLED", "RESERVE_FAILED"] {
        let answer = forged(run, &order, json!({ "status": status })).await?;
        run.expect("kasse's answer", Some(200), answer)?;
        run.pass(Duration::from_secs(5)).await?;
        unchanged(run, &before, &run.show(&order).await?)?;
    }
    no_cancel(run, &order).await
}

async fn old_callback(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    let late = json!({ "kind": "callback_late", "seconds": 20 * 60 });
    run.fault(&order, "callback", late).await?;
    run.approve(&order).await?;
    let shown = steps::authorised(run, &order).await?;
    run.capture(&order, None).await?;
    run.sees(&order, "captured", |shown| {
        shown.standing == Standing::Captured
    })
    .await?;
    run.refund(&order, Some(seen::third(shown.total))).await?;
    let before = run
        .sees(&order, "partly refunded", |shown| {
            shown.standing == Standing::PartlyRefunded
        })
        .await?;
    run.pass(31 * MINUTE).await?;
    let held = run.held(&order).await?;
    let told = held.told();
    let status = told.iter().rev().find(|callback| callback.sent);
    let status = status.and_then(|callback| callback.status);
    run.expect("kasse's answer to the late callback", Some(200), status)?;
    run.pass(Duration::from_secs(5)).await?;
    unchanged(run, &before, &run.show(&order).await?)
}

async fn unknown_state(run: &Run<'_>) -> Done {
    let word = "TELEPORTED";
    let order = run.place(&Cart::usual()).await?;
    let unknown = json!({ "kind": "unknown_status", "value": word, "times": 10_000 });
    run.fault(&order, "details", unknown).await?;
    // ePayment tells the sums beside its word: with a reservation there is nothing to guess.
    let sums_tell = run.facts().api == ApiKind::Epayment;
    if !sums_tell {
        run.approve(&order).await?;
    }
    for _ in 0..12 {
        run.pass(Duration::from_secs(5)).await?;
        open(run, &run.show(&order).await?)?;
    }
    let trace = run.trace(&order).await?.to_string();
    run.expect("the word is in the trace", true, trace.contains(word))?;
    no_cancel(run, &order).await?;
    controls::all_well(run).await?;
    if sums_tell {
        run.approve(&order).await?;
    }
    seen::reserved_once(run, &order).await.map(drop)
}

async fn unknown_callback(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    let unknown = json!({ "kind": "unknown_status", "value": "TELEPORTED" });
    run.fault(&order, "callback", unknown).await?;
    let acted = run.approve(&order).await?;
    let status = acted.callback.and_then(|callback| callback.status);
    run.expect("kasse's answer", Some(200), status)?;
    // Before kasse looks on its own account.
    run.sees_within(
        &order,
        "authorised, at once",
        Duration::from_secs(3),
        |shown| shown.standing == Standing::Authorised,
    )
    .await
    .map(drop)
}

async fn first_card_declined(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    run.control(&order, "decline", json!({})).await?;
    for _ in 0..12 {
        run.pass(Duration::from_secs(5)).await?;
        open(run, &run.show(&order).await?)?;
    }
    let looks = calls(run, &order, "details").await?.len();
    run.expect_that("looks at the details", "at least one", looks, looks > 0)?;
    no_cancel(run, &order).await?;
    run.fault(&order, "callback", json!({ "kind": "callback_lost" }))
        .await?;
    run.approve(&order).await?;
    let shown = seen::reserved_once(run, &order).await?;
    let others = shown
        .references
        .iter()
        .filter(|shown| **shown != order.reference);
    run.expect("other payments of the order at the shop", 0, others.count())
}

async fn not_successful(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    run.control(&order, "decline", json!({})).await?;
    // Its time is over after ten minutes.
    for _ in 0..24 {
        run.pass(MINUTE / 2).await?;
        let shown = run.show(&order).await?;
        run.expect_that(
            "the shop shows",
            "nothing reserved",
            format!("{:?}, authorised {:?}", shown.standing, shown.authorised),
            matches!(shown.standing, Standing::Open | Standing::Cancelled)
                && seen::is_sum(shown.authorised, 0),
        )?;
    }
    run.must_not(&order, &Act::Capture(None)).await?;
    run.expect(
        "capture requests",
        0,
        calls(run, &order, "capture").await?.len(),
    )
}

async fn in_3ds(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    run.control(&order, "in-3ds", json!({ "inside": true }))
        .await?;
    let acted = run.act(&order, &Act::Cancel).await?;
    run.expect_that(
        "what the merchant reads",
        "refused, or under way",
        format!("{acted:?}"),
        matches!(acted, Acted::Refused { .. } | Acted::Pending),
    )?;
    let cancels = calls(run, &order, "cancel").await?;
    let refused = |call: &Exchange| refusals::refused(run, No::Authorising, call);
    run.expect_that(
        "Vipps' answer to the cancel",
        "a refusal: the customer is authorising",
        format!(
            "{:?}",
            cancels.iter().map(|call| call.status).collect::<Vec<_>>()
        ),
        !cancels.is_empty() && cancels.iter().all(refused),
    )?;
    for _ in 0..3 {
        run.pass(Duration::from_secs(5)).await?;
        open(run, &run.show(&order).await?)?;
    }
    run.approve(&order).await?;
    run.pass(MINUTE).await?;
    let held = run.held(&order).await?;
    let standing = if held.released == 0 {
        Standing::Authorised
    } else {
        Standing::Cancelled
    };
    run.sees(&order, "what Vipps holds", |shown| {
        shown.standing == standing
            && seen::is_sum(shown.authorised, held.authorised)
            && seen::is_sum(shown.released, held.released)
    })
    .await
    .map(drop)
}

async fn own_clock(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    // The link opens for five minutes, and then the customer has five more.
    run.pass(Duration::from_secs(295)).await?;
    run.control(&order, "open", json!({})).await?;
    run.pass(Duration::from_secs(290)).await?;
    let away = json!({ "kind": "status", "status": 503, "times": 10_000 });
    run.fault(&order, "details", away).await?;
    run.fault(&order, "callback", json!({ "kind": "callback_lost" }))
        .await?;
    run.pass(Duration::from_secs(5)).await?;
    run.approve(&order).await?;
    for _ in 0..19 {
        run.pass(Duration::from_secs(10)).await?;
        open(run, &run.show(&order).await?)?;
    }
    controls::all_well(run).await?;
    seen::reserved_once(run, &order).await?;
    let held = run.held(&order).await?;
    run.expect("released at Vipps", 0, held.released)
}

/// It is neither paid nor ended.
fn open(run: &Run<'_>, shown: &Shown) -> Done {
    run.expect("where the order stands", Standing::Open, shown.standing)
}

/// State, sums and entries are what they were.
fn unchanged(run: &Run<'_>, before: &Shown, now: &Shown) -> Done {
    let all = |shown: &Shown| {
        (
            shown.standing,
            [
                shown.authorised,
                shown.captured,
                shown.refunded,
                shown.released,
            ],
            shown.entries,
        )
    };
    run.expect("what the shop shows", all(before), all(now))
}

async fn no_cancel(run: &Run<'_>, order: &Order) -> Done {
    let cancels = calls(run, order, "cancel").await?.len();
    run.expect("cancel requests", 0, cancels)
}
