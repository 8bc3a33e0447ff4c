//! Go-live evidence: one whole life that ends in REFUND, and one that ends in VOID.

use super::super::{steps, sums};
use super::checks;
use crate::checklist::{Cart, Done, Order, Run, Standing};

checks! {
    "ecom.evidence-refund.order" => refund,
    "ecom.evidence-void.order" => void,
}

async fn refund(run: &Run<'_>) -> Done {
    let order = steps::captured(run, &Cart::usual()).await?;
    run.refund(&order, None).await?;
    let shown = run
        .sees(&order, "refunded", |shown| {
            shown.standing == Standing::Refunded
        })
        .await?;
    history(run, &order, &["INITIATE", "RESERVE", "CAPTURE", "REFUND"]).await?;
    let held = run.held(&order).await?;
    run.expect("refunded at Vipps", shown.total.minor, held.refunded)?;
    sums::shows_sum(run, &order, "refunded", shown.total, |shown| shown.refunded).await?;
    Ok(())
}

async fn void(run: &Run<'_>) -> Done {
    let order = steps::paid(run, &Cart::usual()).await?;
    run.cancel(&order).await?;
    run.sees(&order, "cancelled", |shown| {
        shown.standing == Standing::Cancelled
    })
    .await?;
    history(run, &order, &["INITIATE", "RESERVE", "VOID"]).await?;
    let held = run.held(&order).await?;
    run.expect("captured at Vipps", 0, held.captured)
}

/// Vipps' history is this, oldest first, and each succeeded.
async fn history(run: &Run<'_>, order: &Order, wanted: &[&str]) -> Done {
    let held = run.held(order).await?;
    let operations: Vec<&str> = held
        .history
        .iter()
        .map(|line| line.operation.as_str())
        .collect();
    run.expect("Vipps' history", wanted, operations.as_slice())?;
    let all = held.history.iter().all(|line| line.operation_success);
    run.expect("each of it succeeded", true, all)
}
