//! What is seen of an order at Vipps and in the shop, and what both must agree on.

use serde_json::Value;

use super::super::steps;
use crate::Money;
use crate::checklist::{Done, Exchange, Order, Run, Shown};

/// The references of all payments that kasse asked Vipps to begin, in their order.
pub(super) async fn begun(run: &Run<'_>) -> Done<Vec<String>> {
    let calls = run.all_calls().await?;
    let initiates = calls.iter().filter(|call| call.operation() == "initiate");
    let reference = |call: &Exchange| {
        let body = call.json();
        let named = body
            .pointer("/transaction/orderId")
            .or_else(|| body.get("reference"));
        Some(named?.as_str()?.to_owned())
    };
    Ok(initiates.filter_map(reference).collect())
}

/// A callback of somebody's own making, as the control takes it. Gives the status of kasse's answer.
pub(super) async fn forged(run: &Run<'_>, order: &Order, callback: Value) -> Done<Option<u16>> {
    run.did(format!("somebody sends kasse a callback: {callback}"));
    let answer = run.control(order, "forge-callback", callback).await?;
    let status = answer.get("status").and_then(Value::as_u64);
    Ok(status.and_then(|status| u16::try_from(status).ok()))
}

/// Is it this sum, in minor units? An engine that does not show it shows nothing false.
pub(super) fn is_sum(shown: Option<Money>, minor: i64) -> bool {
    shown.is_none_or(|shown| shown.minor == minor)
}

/// Looks at the shop: it shows the reservation that Vipps holds, and shows it once.
pub(super) async fn reserved_once(run: &Run<'_>, order: &Order) -> Done<Shown> {
    let held = run.held(order).await?;
    let shown = steps::authorised(run, order).await?;
    run.expect_that(
        "the reserved sum at the shop, in minor units",
        held.authorised,
        format!("{:?}", shown.authorised),
        is_sum(shown.authorised, held.authorised) && held.authorised > 0,
    )?;
    entries(run, &shown, [1, 0, 0])?;
    Ok(shown)
}

/// Looks at how often the shop shows an authorisation, a capture, a refund, where it has such a list.
pub(super) fn entries(run: &Run<'_>, shown: &Shown, expected: [usize; 3]) -> Done {
    match shown.entries {
        Some(entries) => run.expect(
            "entries for authorisation, capture, refund",
            expected,
            entries,
        ),
        None => Ok(()),
    }
}

/// A third of a sum.
pub(super) fn third(sum: Money) -> Money {
    Money::new(sum.minor / 3, sum.currency)
}

/// What customer support reads of a payment.
pub(super) async fn notes(run: &Run<'_>, order: &Order) -> Done<String> {
    let trace = run.trace(order).await?;
    let notes = trace.pointer("/payment/notes").and_then(Value::as_array);
    let texts: Vec<&str> = notes
        .into_iter()
        .flatten()
        .filter_map(|note| note.get("text")?.as_str())
        .collect();
    Ok(texts.join(" "))
}
