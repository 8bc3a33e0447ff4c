//! Cancel: before the customer approves, of a reservation, of what is left of it, and too late.

use super::super::{steps, sums, words};
use super::checks;
use crate::checklist::{Act, Cart, Done, Order, Run, Shown, Standing};
use crate::{ApiKind, Money};

checks! {
    "ecom.cancel.reserved" => reserved,
    "ecom.cancel.waiting" => waiting,
    "ecom.cancel.remainder" => remainder,
    "ecom.cancel.captured" => captured,
    "epayment.cancel.reserved" => reserved,
    "epayment.cancel.waiting" => waiting,
    "epayment.cancel.remainder" => remainder,
    "epayment.cancel.captured" => captured,
}

async fn reserved(run: &Run<'_>) -> Done {
    let order = steps::paid(run, &Cart::usual()).await?;
    run.cancel(&order).await?;
    let shown = cancelled(run, &order).await?;
    run.expect(
        "cancel requests",
        1,
        steps::calls(run, &order, "cancel").await?.len(),
    )?;
    let held = run.held(&order).await?;
    ends_in(run, &held.history, "VOID")?;
    run.expect("released at Vipps", held.authorised, held.released)?;
    run.expect("captured at Vipps", 0, held.captured)?;
    nothing_of(run, "captured", shown.captured)
}

async fn waiting(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    run.cancel(&order).await?;
    let shown = cancelled(run, &order).await?;
    let held = run.held(&order).await?;
    ends_in(run, &held.history, "CANCEL")?;
    run.expect("reserved at Vipps", 0, held.authorised)?;
    run.expect(
        "how the payment stands at Vipps, where nobody can approve it any more",
        "cancelled_by_merchant",
        held.state.as_str(),
    )?;
    nothing_of(run, "reserved", shown.authorised)
}

async fn remainder(run: &Run<'_>) -> Done {
    let order = steps::paid(run, &Cart::usual()).await?;
    let reserved = sums::reserved(run, &order).await?;
    let part = sums::part(reserved, 2);
    let rest = Money::new(reserved.minor.saturating_sub(part.minor), part.currency);
    run.capture(&order, Some(part)).await?;
    sums::shows_sum(run, &order, "captured", part, |shown| shown.captured).await?;
    run.cancel(&order).await?;
    let cancels = steps::calls(run, &order, "cancel").await?;
    if run.facts().api == ApiKind::Ecom {
        let release = cancels
            .last()
            .and_then(|call| call.json().get("shouldReleaseRemainingFunds").cloned());
        run.expect(
            "shouldReleaseRemainingFunds of the cancel",
            Some(true.into()),
            release,
        )?;
    }
    let held = run.held(&order).await?;
    run.expect("captured at Vipps", part.minor, held.captured)?;
    run.expect("released at Vipps", rest.minor, held.released)?;
    sums::shows_sum(run, &order, "captured", part, |shown| shown.captured).await?;
    sums::shows_sum(run, &order, "released", rest, |shown| shown.released).await?;
    let little = Money::new(100, part.currency);
    run.must_not(&order, &Act::Capture(Some(little))).await?;
    let held = run.held(&order).await?;
    run.expect("captured at Vipps afterwards", part.minor, held.captured)
}

async fn captured(run: &Run<'_>) -> Done {
    let order = steps::captured(run, &Cart::usual()).await?;
    let words = run.must_not(&order, &Act::Cancel).await?;
    words::reads(run, "that it is captured", &words, &["captured"])?;
    words::reads(run, "what to do instead", &words, &["refund"])?;
    let held = run.held(&order).await?;
    run.expect("captured at Vipps", held.authorised, held.captured)?;
    run.expect("refunded at Vipps", 0, held.refunded)?;
    let voids = held.history.iter().any(|line| line.operation == "VOID");
    run.expect("Vipps' history has a VOID", false, voids)?;
    run.sees(&order, "captured still", |shown| {
        shown.standing == Standing::Captured
    })
    .await?;
    Ok(())
}

/// The shop shows that the payment was cancelled.
async fn cancelled(run: &Run<'_>, order: &Order) -> Done<Shown> {
    run.sees(order, "cancelled", |shown| {
        shown.standing == Standing::Cancelled
    })
    .await
}

fn ends_in(run: &Run<'_>, history: &[crate::checklist::HistoryEntry], operation: &str) -> Done {
    let last = history.last();
    run.expect(
        "the last line of Vipps' history",
        Some((operation, true)),
        last.map(|line| (line.operation.as_str(), line.operation_success)),
    )
}

fn nothing_of(run: &Run<'_>, what: &str, sum: Option<Money>) -> Done {
    match sum {
        Some(sum) => run.expect_that(
            &format!("{what}, as the shop shows it"),
            "nothing",
            sum,
            sum.is_zero(),
        ),
        // The engine does not show it.
        None => Ok(()),
    }
}
