//! Sums: what is reserved, parts of it, and what the shop shows of it.

use super::words::tells;
use crate::Money;
use crate::checklist::{Done, Order, Run, Shown};

/// What Vipps has reserved, in the order's currency.
pub(super) async fn reserved(run: &Run<'_>, order: &Order) -> Done<Money> {
    let held = run.held(order).await?;
    let shown = run.show(order).await?;
    Ok(Money::new(held.authorised, shown.total.currency))
}

/// One of several unequal parts of a sum: 2 is nearly the half, 3 nearly the third.
pub(super) fn part(of: Money, divisor: i64) -> Money {
    let minor = of.minor.checked_div(divisor).unwrap_or_default();
    Money::new(minor.saturating_sub(1), of.currency)
}

/// One øre more.
pub(super) fn one_more(sum: Money) -> Money {
    Money::new(sum.minor.saturating_add(1), sum.currency)
}

/// The shop shows a sum; an engine that has no place for it, in a note.
pub(super) async fn shows_sum(
    run: &Run<'_>,
    order: &Order,
    what: &str,
    sum: Money,
    of: fn(&Shown) -> Option<Money>,
) -> Done<Shown> {
    run.sees(order, &format!("{what}: {sum}"), |shown| match of(shown) {
        Some(found) => found == sum,
        None => shown.notes.iter().any(|note| tells(note, sum)),
    })
    .await
}
