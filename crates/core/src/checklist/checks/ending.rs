//! Orders that end without money, and begin anew.

use std::time::Duration;

use crate::Money;
use crate::checklist::{Done, Order, Run, Shown, Standing};

/// Nothing is reserved or taken, as the shop shows it.
pub(super) fn is_unpaid(shown: &Shown) -> bool {
    let none = |sum: Option<Money>| sum.is_none_or(Money::is_zero);
    matches!(shown.standing, Standing::Open | Standing::Cancelled)
        && none(shown.authorised)
        && none(shown.captured)
}

/// The shop shows that nothing is reserved or taken.
pub(super) async fn unpaid(run: &Run<'_>, order: &Order) -> Done<Shown> {
    run.sees_within(
        order,
        "not paid, nothing reserved",
        Duration::ZERO,
        is_unpaid,
    )
    .await
}

/// The shop shows that it ended without money.
pub(super) async fn ended(run: &Run<'_>, order: &Order) -> Done<Shown> {
    run.sees(order, "ended without money, nothing reserved", |shown| {
        shown.standing == Standing::Cancelled && is_unpaid(shown)
    })
    .await
}

/// The shopper presses the button of an order that was not paid, and it begins anew.
pub(super) async fn payable(run: &Run<'_>, order: &Order) -> Done<Order> {
    let again = run.pay_again(order).await?;
    run.expect_that(
        "the new attempt's orderId",
        format!("another than {}", order.reference),
        &again.reference,
        again.reference != order.reference,
    )?;
    let held = run.held(&again).await?;
    run.expect("the new attempt at Vipps", "initiated", held.state.as_str())?;
    Ok(again)
}
