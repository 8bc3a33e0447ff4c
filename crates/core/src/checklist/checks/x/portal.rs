//! What a person does in Vipps' portal is seen.

use std::time::Duration;

use serde_json::json;

use super::super::{asked, steps};
use super::checks;
use crate::checklist::{Act, Cart, Done, Order, Run, Shown, Standing};

checks! {
    "x.portal.capture" => capture,
    "x.portal.refund" => refund,
    "x.portal.cancel" => cancel,
}

/// Waits, for a day at the most and without anybody acting, until the shop shows it.
async fn within_a_day(
    run: &Run<'_>,
    order: &Order,
    what: &str,
    is_so: impl Fn(&Shown) -> bool,
) -> Done<Shown> {
    for _ in 0..24 {
        // In longer steps than a second: there is nothing to be seen in between.
        run.pass(Duration::from_secs(3600)).await?;
        if is_so(&run.show(order).await?) {
            break;
        }
    }
    run.sees_within(order, what, Duration::ZERO, is_so).await
}

async fn capture(run: &Run<'_>) -> Done {
    let order = steps::paid(run, &Cart::usual()).await?;
    run.control(&order, "portal/capture", json!({})).await?;
    within_a_day(run, &order, "captured", |shown| {
        shown.standing == Standing::Captured
    })
    .await?;
    run.act(&order, &Act::Capture(None)).await?;
    let held = run.held(&order).await?;
    run.expect("captured at Vipps", held.authorised, held.captured)?;
    let captures = asked::done(&held, "CAPTURE");
    run.expect("captures at Vipps", 1, captures)?;
    let shown = run.show(&order).await?;
    run.expect("the shop shows", Standing::Captured, shown.standing)?;
    // It blocks nothing: what comes next is possible.
    run.refund(&order, None).await?;
    asked::stands(run, &order, "refunded", Standing::Refunded).await?;
    Ok(())
}

async fn refund(run: &Run<'_>) -> Done {
    let order = steps::captured(run, &Cart::usual()).await?;
    let held = run.held(&order).await?;
    let whole = held.captured;
    let part = asked::part_of(held.money(whole), 3);
    let amount = json!({ "amount": part.minor });
    run.control(&order, "portal/refund", amount).await?;
    within_a_day(run, &order, "a part refunded", |shown| {
        shown.standing == Standing::PartlyRefunded && shown.refunded.is_none_or(|sum| sum == part)
    })
    .await?;
    run.refund(&order, None).await?;
    asked::stands(run, &order, "refunded", Standing::Refunded).await?;
    let held = run.held(&order).await?;
    run.expect("refunded at Vipps", whole, held.refunded)?;
    let asked = steps::calls(run, &order, "refund").await?;
    let amounts: Vec<i64> = asked.iter().filter_map(asked::amount).collect();
    let rest = whole.saturating_sub(part.minor);
    run.expect("amounts of refund requests", vec![rest], amounts)
}

async fn cancel(run: &Run<'_>) -> Done {
    let order = steps::paid(run, &Cart::usual()).await?;
    run.control(&order, "portal/cancel", json!({})).await?;
    within_a_day(run, &order, "nothing reserved any more", |shown| {
        shown.standing == Standing::Cancelled
    })
    .await?;
    run.must_not(&order, &Act::Capture(None)).await?;
    let held = run.held(&order).await?;
    run.expect("captured at Vipps", 0, held.captured)
}
