//! The event log: what happened to a payment, each with a name of its own.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use super::super::{asked, steps};
use super::checks;
use crate::Money;
use crate::checklist::{Cart, Done, Run};

checks! {
    "epayment.events.parts" => parts,
}

async fn parts(run: &Run<'_>) -> Done {
    let order = steps::paid(run, &Cart::usual()).await?;
    let held = run.held(&order).await?;
    let third = asked::part_of(held.money(held.authorised), 3);
    run.capture(&order, Some(third)).await?;
    let both = Money::new(third.minor.saturating_mul(2), third.currency);
    run.control(&order, "portal/capture", json!({ "amount": third.minor }))
        .await?;
    let day = Duration::from_secs(24 * 3600);
    run.sees_within(&order, &format!("captured: {both}"), day, |shown| {
        shown.captured.is_none_or(|sum| sum == both)
    })
    .await?;
    let read = steps::calls(run, &order, "events").await?;
    run.expect_that(
        "readings of the event log",
        "one or more",
        read.len(),
        !read.is_empty(),
    )?;
    let held = run.held(&order).await?;
    let captured = held.history.iter().filter(|line| line.event == "CAPTURED");
    let names: BTreeSet<&str> = captured.map(|line| line.transaction_id.as_str()).collect();
    run.expect(
        "CAPTURED events at Vipps, by their pspReferences",
        2,
        names.len(),
    )?;
    run.refund(&order, None).await?;
    run.sees(&order, &format!("refunded: {both}"), |shown| {
        shown.refunded.is_none_or(|sum| sum == both)
    })
    .await?;
    let held = run.held(&order).await?;
    run.expect("refunded at Vipps", both.minor, held.refunded)
}
