//! Capture: the whole, parts, and what is left.

use super::super::steps;
use super::checks;
use crate::checklist::{Cart, Done, Run, Standing};

checks! {
    "ecom.capture.full" => full,
}

async fn full(run: &Run<'_>) -> Done {
    let order = steps::paid(run, &Cart::usual()).await?;
    run.capture(&order, None).await?;
    let shown = run
        .sees(&order, "captured", |shown| {
            shown.standing == Standing::Captured
        })
        .await?;
    let captures = steps::calls(run, &order, "capture").await?;
    run.expect("capture requests", 1, captures.len())?;
    let key = captures
        .first()
        .and_then(|call| call.header("x-request-id"));
    run.expect_that(
        "its X-Request-Id",
        "one",
        key.unwrap_or("none"),
        key.is_some(),
    )?;
    let held = run.held(&order).await?;
    run.expect("captured at Vipps", held.authorised, held.captured)?;
    run.expect(
        "the order's total at the shop",
        held.captured,
        shown.total.minor,
    )
}
