//! Go-live evidence: an order for each state in which Vipps wants one.

use super::super::{asked, steps};
use super::checks;
use crate::checklist::{Cart, Done, Order, Run, Standing};

checks! {
    "epayment.evidence-authorized.order" => authorized,
    "epayment.evidence-captured.order" => captured,
    "epayment.evidence-refunded.order" => refunded,
    "epayment.evidence-cancelled.order" => cancelled,
}

async fn authorized(run: &Run<'_>) -> Done {
    let order = steps::paid(run, &Cart::usual()).await?;
    log_is(run, &order, &["CREATED", "AUTHORIZED"]).await?;
    let (held, shown) = (run.held(&order).await?, run.show(&order).await?);
    run.expect("reserved at Vipps", shown.total.minor, held.authorised)
}

async fn captured(run: &Run<'_>) -> Done {
    let order = steps::captured(run, &Cart::usual()).await?;
    log_is(run, &order, &["CREATED", "AUTHORIZED", "CAPTURED"]).await?;
    let (held, shown) = (run.held(&order).await?, run.show(&order).await?);
    run.expect("captured at Vipps", shown.total.minor, held.captured)
}

async fn refunded(run: &Run<'_>) -> Done {
    let order = steps::captured(run, &Cart::usual()).await?;
    run.refund(&order, None).await?;
    let shown = asked::stands(run, &order, "refunded", Standing::Refunded).await?;
    let log = ["CREATED", "AUTHORIZED", "CAPTURED", "REFUNDED"];
    log_is(run, &order, &log).await?;
    let held = run.held(&order).await?;
    run.expect("refunded at Vipps", shown.total.minor, held.refunded)
}

async fn cancelled(run: &Run<'_>) -> Done {
    let order = steps::paid(run, &Cart::usual()).await?;
    run.cancel(&order).await?;
    asked::stands(run, &order, "cancelled", Standing::Cancelled).await?;
    log_is(run, &order, &["CREATED", "AUTHORIZED", "CANCELLED"]).await?;
    let held = run.held(&order).await?;
    run.expect("captured at Vipps", 0, held.captured)
}

/// Vipps' event log is this, oldest first, and each succeeded; the merchant finds the reference.
async fn log_is(run: &Run<'_>, order: &Order, wanted: &[&str]) -> Done {
    let held = run.held(order).await?;
    let events: Vec<&str> = held
        .history
        .iter()
        .map(|line| line.event.as_str())
        .collect();
    run.expect("Vipps' event log", wanted, events.as_slice())?;
    let all = held.history.iter().all(|line| line.operation_success);
    run.expect("each of it succeeded", true, all)?;
    let shown = run.show(order).await?;
    let found = shown.references.contains(&order.reference)
        || shown
            .notes
            .iter()
            .any(|note| note.contains(&order.reference));
    run.expect_that(
        "the reference to hand in, as the merchant finds it in the shop",
        &order.reference,
        shown.references.join(", "),
        found,
    )
}
