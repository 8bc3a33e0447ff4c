//! Capture: the whole, parts, what is left, and what Vipps does by itself.

use std::collections::BTreeSet;
use std::time::Duration;

use super::super::refusals::{self, No};
use super::super::{steps, sums, words};
use super::checks;
use crate::Money;
use crate::checklist::{Act, Cart, Done, Fate, Order, Run, Standing};

checks! {
    "ecom.capture.full" => full,
    "ecom.capture.partial" => partial,
    "ecom.capture.too-much" => too_much,
    "ecom.capture.direct" => direct,
    "ecom.capture.too-late" => too_late,
    "epayment.capture.full" => full,
    "epayment.capture.partial" => partial,
    "epayment.capture.too-much" => too_much,
}

const DAY: Duration = Duration::from_secs(24 * 3600);

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
    let key = captures.first().and_then(|call| call.key());
    run.expect_that("its key", "one", key.unwrap_or("none"), key.is_some())?;
    let held = run.held(&order).await?;
    run.expect("captured at Vipps", held.authorised, held.captured)?;
    run.expect(
        "the order's total at the shop",
        held.captured,
        shown.total.minor,
    )?;
    sums::shows_sum(run, &order, "captured", shown.total, |shown| shown.captured).await?;
    Ok(())
}

async fn partial(run: &Run<'_>) -> Done {
    let order = steps::paid(run, &Cart::usual()).await?;
    let reserved = sums::reserved(run, &order).await?;
    let mut sum = Money::zero(reserved.currency);
    for part in [sums::part(reserved, 2), sums::part(reserved, 3)] {
        run.capture(&order, Some(part)).await?;
        sum = Money::new(sum.minor.saturating_add(part.minor), sum.currency);
        sums::shows_sum(run, &order, "captured so far", sum, |shown| shown.captured).await?;
        run.expect(
            "captured at Vipps so far",
            sum.minor,
            run.held(&order).await?.captured,
        )?;
    }
    run.capture(&order, None).await?;
    sums::shows_sum(run, &order, "captured in the end", reserved, |shown| {
        shown.captured
    })
    .await?;
    let held = run.held(&order).await?;
    let captures: Vec<_> = held
        .history
        .iter()
        .filter(|line| line.operation == "CAPTURE" && line.operation_success)
        .collect();
    run.expect("successful CAPTUREs at Vipps", 3, captures.len())?;
    let keys: BTreeSet<&str> = captures.iter().map(|line| &*line.request_id).collect();
    run.expect("their X-Request-Ids", 3, keys.len())?;
    let captured: i64 = captures.iter().map(|line| line.amount).sum();
    run.expect("what they add up to", reserved.minor, captured)
}

async fn too_much(run: &Run<'_>) -> Done {
    let order = steps::paid(run, &Cart::usual()).await?;
    let reserved = sums::reserved(run, &order).await?;
    let more = sums::one_more(reserved);
    let words = run.must_not(&order, &Act::Capture(Some(more))).await?;
    words::reads_sum(run, "how much the merchant can capture", &words, reserved)?;
    nothing_captured(run, &order).await?;
    let shown = steps::authorised(run, &order).await?;
    if let Some(authorised) = shown.authorised {
        run.expect("reserved, as the shop shows it", reserved, authorised)?;
    }
    run.capture(&order, Some(reserved)).await?;
    run.sees(&order, "captured", |shown| {
        shown.standing == Standing::Captured
    })
    .await?;
    let held = run.held(&order).await?;
    run.expect("captured at Vipps", reserved.minor, held.captured)
}

async fn direct(run: &Run<'_>) -> Done {
    run.befall(Fate::DirectCapture).await?;
    let order = run.place(&Cart::usual()).await?;
    run.approve(&order).await?;
    let held = run.held(&order).await?;
    let sale = held.history.iter().any(|line| line.operation == "SALE");
    run.expect("Vipps holds a SALE", true, sale)?;
    let shown = run
        .sees(&order, "captured", |shown| {
            shown.standing == Standing::Captured
        })
        .await?;
    let total = shown.total;
    sums::shows_sum(run, &order, "captured", total, |shown| shown.captured).await?;
    run.expect("captured at Vipps", total.minor, held.captured)?;
    let captures = steps::calls(run, &order, "capture").await?;
    run.expect("capture requests", 0, captures.len())?;
    run.refund(&order, None).await?;
    run.sees(&order, "refunded", |shown| {
        shown.standing == Standing::Refunded
    })
    .await?;
    let held = run.held(&order).await?;
    run.expect("refunded at Vipps", total.minor, held.refunded)
}

async fn too_late(run: &Run<'_>) -> Done {
    let order = steps::paid(run, &Cart::usual()).await?;
    run.pass(181 * DAY).await?;
    let words = run.must_not(&order, &Act::Capture(None)).await?;
    let refused = steps::calls(run, &order, "capture").await?;
    let over = refused
        .iter()
        .any(|call| refusals::refused(run, No::CaptureLate, call));
    run.expect("Vipps refuses the capture as too late", true, over)?;
    words::reads(
        run,
        "that the time to capture is over",
        &words,
        &["over", "180 days"],
    )?;
    words::reads(run, "what to do", &words, &["pay again"])?;
    nothing_captured(run, &order).await
}

async fn nothing_captured(run: &Run<'_>, order: &Order) -> Done {
    let held = run.held(order).await?;
    run.expect("captured at Vipps", 0, held.captured)?;
    let shown = run.show(order).await?;
    let captured = match shown.captured {
        Some(captured) => captured.is_positive(),
        None => matches!(
            shown.standing,
            Standing::PartlyCaptured | Standing::Captured
        ),
    };
    run.expect("the shop shows something captured", false, captured)
}
