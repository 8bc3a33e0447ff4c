//! What many checks begin with.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::{Method, Request};

use crate::Money;
use crate::checklist::{Cart, Done, Exchange, Held, Order, Run, Shown, Standing, Stop};

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

/// All initiates that Vipps got, of whatever order, oldest first.
pub(super) async fn initiates(run: &Run<'_>) -> Done<Vec<Exchange>> {
    let mut calls = run.all_calls().await?;
    calls.retain(|call| call.operation() == "initiate");
    Ok(calls)
}

/// The shop shows that it stands so.
pub(super) async fn stands(
    run: &Run<'_>,
    order: &Order,
    what: &str,
    standing: Standing,
) -> Done<Shown> {
    run.sees(order, what, |shown| shown.standing == standing)
        .await
}

/// How often something was done, says Vipps' history.
pub(super) fn done(held: &Held, operation: &str) -> usize {
    let lines = held.history.iter();
    lines
        .filter(|line| line.operation == operation && line.operation_success)
        .count()
}

/// The X-Request-Ids of requests, each once.
pub(super) fn keys(calls: &[Exchange]) -> BTreeSet<&str> {
    let keys = calls.iter();
    keys.map(|call| call.header("x-request-id").unwrap_or("none"))
        .collect()
}

/// They are one request that was repeated: one key, one body.
pub(super) fn same_request(run: &Run<'_>, calls: &[Exchange]) -> Done {
    run.expect("X-Request-Ids of the requests", 1, keys(calls).len())?;
    let bodies: BTreeSet<&str> = calls.iter().map(|call| call.request.as_str()).collect();
    run.expect("bodies of the requests", 1, bodies.len())
}

/// One of so many equal parts.
pub(super) fn part_of(whole: Money, parts: usize) -> Money {
    let split = whole.split(&vec![1; parts]);
    // The last is the smallest: what does not divide is with the first ones.
    split.last().copied().unwrap_or(whole)
}

/// Nothing goes wrong at Vipps any more.
pub(super) async fn no_faults(run: &Run<'_>) -> Done {
    run.did("Vipps works again");
    let request = Request::builder()
        .method(Method::DELETE)
        .uri("/__simulator/faults")
        .body(Bytes::new())
        .map_err(|error| Stop::Harness(error.to_string()))?;
    run.bench().vipps(request).await?;
    Ok(())
}
