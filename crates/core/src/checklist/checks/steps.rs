//! What many checks begin with.

use crate::checklist::{Cart, Done, Exchange, Order, Run, Shown, Standing};

/// A shopper orders and approves; the shop shows it.
pub(super) async fn paid(run: &Run<'_>, cart: &Cart) -> Done<Order> {
    let order = run.place(cart).await?;
    run.approve(&order).await?;
    authorised(run, &order).await?;
    Ok(order)
}

/// The same, and the merchant captures all of it.
pub(super) async fn captured(run: &Run<'_>, cart: &Cart) -> Done<Order> {
    let order = paid(run, cart).await?;
    run.capture(&order, None).await?;
    run.sees(&order, "captured", |shown| {
        shown.standing == Standing::Captured
    })
    .await?;
    Ok(order)
}

/// The shop shows the reservation.
pub(super) async fn authorised(run: &Run<'_>, order: &Order) -> Done<Shown> {
    run.sees(order, "authorised", |shown| {
        shown.standing == Standing::Authorised
    })
    .await
}

/// The calls of one operation for an order: `initiate`, `capture`, `details`, `callback`, …
pub(super) async fn calls(run: &Run<'_>, order: &Order, operation: &str) -> Done<Vec<Exchange>> {
    let mut calls = run.calls(order).await?;
    calls.retain(|call| call.operation() == operation);
    Ok(calls)
}

/// All that was reserved is captured, at Vipps and as the shop shows it.
pub(super) async fn captured_all(run: &Run<'_>, order: &Order) -> Done {
    run.sees(order, "captured", |shown| {
        shown.standing == Standing::Captured
    })
    .await?;
    let held = run.held(order).await?;
    run.expect("captured at Vipps", held.authorised, held.captured)
}
