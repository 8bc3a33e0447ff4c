//! Capture: the whole, parts, and what is left.

use super::checks;
use crate::checklist::{Cart, Done, Run, Standing};

checks! {
    "ecom.capture.full" => full,
}

async fn full(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    run.approve(&order).await?;
    run.sees(&order, "authorised", |shown| {
        shown.standing == Standing::Authorised
    })
    .await?;
    run.capture(&order, None).await?;
    let shown = run
        .sees(&order, "captured", |shown| {
            shown.standing == Standing::Captured
        })
        .await?;
    let held = run.held(&order).await?;
    run.expect("captured at Vipps", held.authorised, held.captured)?;
    run.expect(
        "the order's total at the shop",
        held.captured,
        shown.total.minor,
    )?;
    let captures = held
        .history
        .iter()
        .filter(|entry| entry.operation == "CAPTURE" && entry.operation_success)
        .count();
    run.expect("captures at Vipps", 1, captures)
}
