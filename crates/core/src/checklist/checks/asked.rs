//! What was asked of Vipps, what came of it, and what is asked for.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::Money;
use crate::checklist::{Done, Exchange, Held, Order, Run, Shown, Standing};

/// All initiates that Vipps got, of whatever order, oldest first.
pub(super) async fn initiates(run: &Run<'_>) -> Done<Vec<Exchange>> {
    let mut calls = run.all_calls().await?;
    calls.retain(|call| call.operation() == "initiate");
    Ok(calls)
}

/// The amount that a request asks for, in minor units, wherever the API has it: as it is written.
pub(super) fn amount_as_written(call: &Exchange) -> Option<Value> {
    let body = call.json();
    [
        "/transaction/amount",
        "/modificationAmount/value",
        "/amount/value",
    ]
    .into_iter()
    .find_map(|at| body.pointer(at).cloned())
}

/// The same as a number.
pub(super) fn amount(call: &Exchange) -> Option<i64> {
    amount_as_written(call)?.as_i64()
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

/// The keys of requests, each once.
pub(super) fn keys(calls: &[Exchange]) -> BTreeSet<&str> {
    let keys = calls.iter();
    keys.map(|call| call.key().unwrap_or("none")).collect()
}

/// They are one request that was repeated: one key, one body.
pub(super) fn same_request(run: &Run<'_>, calls: &[Exchange]) -> Done {
    run.expect("keys of the requests", 1, keys(calls).len())?;
    let bodies: BTreeSet<&str> = calls.iter().map(|call| call.request.as_str()).collect();
    run.expect("bodies of the requests", 1, bodies.len())
}

/// One of so many equal parts.
pub(super) fn part_of(whole: Money, parts: usize) -> Money {
    let split = whole.split(&vec![1; parts]);
    // The last is the smallest: what does not divide is with the first ones.
    split.last().copied().unwrap_or(whole)
}
