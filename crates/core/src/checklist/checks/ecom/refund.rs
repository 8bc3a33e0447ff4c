//! Refund: the whole, parts, too much, too early and too late.

use std::collections::BTreeSet;
use std::time::Duration;

use super::super::refusals::{self, No};
use super::super::{steps, sums, words};
use super::checks;
use crate::Money;
use crate::checklist::{Act, Cart, Done, Order, Run, Standing};

checks! {
    "ecom.refund.full" => full,
    "ecom.refund.partial" => partial,
    "ecom.refund.too-much" => too_much,
    "ecom.refund.reserved" => reserved,
    "ecom.refund.too-late" => too_late,
    "epayment.refund.full" => full,
    "epayment.refund.partial" => partial,
    "epayment.refund.too-much" => too_much,
    "epayment.refund.reserved" => reserved,
    "epayment.refund.too-late" => too_late,
}

const DAY: Duration = Duration::from_secs(24 * 3600);

async fn full(run: &Run<'_>) -> Done {
    let order = steps::captured(run, &Cart::usual()).await?;
    run.refund(&order, None).await?;
    let shown = run
        .sees(&order, "refunded", |shown| {
            shown.standing == Standing::Refunded
        })
        .await?;
    let refunds = steps::calls(run, &order, "refund").await?;
    run.expect("refund requests", 1, refunds.len())?;
    let key = refunds.first().and_then(|call| call.key());
    run.expect_that("its key", "one", key.unwrap_or("none"), key.is_some())?;
    let held = run.held(&order).await?;
    run.expect("refunded at Vipps", held.captured, held.refunded)?;
    run.expect("the order's total", held.refunded, shown.total.minor)?;
    sums::shows_sum(run, &order, "refunded", shown.total, |shown| shown.refunded).await?;
    Ok(())
}

async fn partial(run: &Run<'_>) -> Done {
    let order = steps::captured(run, &Cart::usual()).await?;
    let captured = sums::reserved(run, &order).await?;
    let mut sum = Money::zero(captured.currency);
    for part in [sums::part(captured, 2), sums::part(captured, 3)] {
        run.refund(&order, Some(part)).await?;
        sum = Money::new(sum.minor.saturating_add(part.minor), sum.currency);
        sums::shows_sum(run, &order, "refunded so far", sum, |shown| shown.refunded).await?;
        run.expect(
            "refunded at Vipps so far",
            sum.minor,
            run.held(&order).await?.refunded,
        )?;
    }
    let held = run.held(&order).await?;
    let refunds: Vec<_> = held
        .history
        .iter()
        .filter(|line| line.operation == "REFUND" && line.operation_success)
        .collect();
    run.expect("successful REFUNDs at Vipps", 2, refunds.len())?;
    let keys: BTreeSet<&str> = refunds.iter().map(|line| &*line.request_id).collect();
    run.expect("their X-Request-Ids", 2, keys.len())
}

async fn too_much(run: &Run<'_>) -> Done {
    let order = steps::paid(run, &Cart::usual()).await?;
    let part = sums::part(sums::reserved(run, &order).await?, 2);
    run.capture(&order, Some(part)).await?;
    sums::shows_sum(run, &order, "captured", part, |shown| shown.captured).await?;
    let more = sums::one_more(part);
    let words = run.must_not(&order, &Act::Refund(Some(more))).await?;
    words::reads_sum(run, "how much the merchant can refund", &words, part)?;
    nothing_refunded(run, &order).await
}

async fn reserved(run: &Run<'_>) -> Done {
    let order = steps::paid(run, &Cart::usual()).await?;
    let reserved = sums::reserved(run, &order).await?;
    let words = run.must_not(&order, &Act::Refund(None)).await?;
    words::reads(
        run,
        "that nothing is captured",
        &words,
        // An engine that refuses it by itself says it in its own words.
        &["captured", "settled", "authori"],
    )?;
    nothing_refunded(run, &order).await?;
    let held = run.held(&order).await?;
    run.expect("released at Vipps", 0, held.released)?;
    run.expect("how it stands at Vipps", "reserved", held.state.as_str())?;
    let shown = steps::authorised(run, &order).await?;
    if let Some(authorised) = shown.authorised {
        run.expect("reserved, as the shop shows it", reserved, authorised)?;
    }
    Ok(())
}

async fn too_late(run: &Run<'_>) -> Done {
    let order = steps::captured(run, &Cart::usual()).await?;
    run.pass(366 * DAY).await?;
    let words = run.must_not(&order, &Act::Refund(None)).await?;
    let refused = steps::calls(run, &order, "refund").await?;
    let over = refused
        .iter()
        .any(|call| refusals::refused(run, No::RefundLate, call));
    run.expect("Vipps refuses the refund as too late", true, over)?;
    words::reads(
        run,
        "that the time to refund is over",
        &words,
        &["over", "365 days"],
    )?;
    words::reads(run, "what to do", &words, &["another way"])?;
    nothing_refunded(run, &order).await
}

async fn nothing_refunded(run: &Run<'_>, order: &Order) -> Done {
    let held = run.held(order).await?;
    run.expect("refunded at Vipps", 0, held.refunded)?;
    let shown = run.show(order).await?;
    let refunded = match shown.refunded {
        Some(refunded) => refunded.is_positive(),
        None => matches!(
            shown.standing,
            Standing::PartlyRefunded | Standing::Refunded
        ),
    };
    run.expect("the shop shows something refunded", false, refunded)
}
