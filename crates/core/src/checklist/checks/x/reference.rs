//! References: each attempt has one of its own, and only its own end.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::{ending, steps};
use super::checks;
use crate::checklist::{Cart, Done, Exchange, Order, Run, Standing};

checks! {
    "x.reference.many-attempts" => many_attempts,
    "x.reference.earlier-attempt" => earlier_attempt,
}

async fn many_attempts(run: &Run<'_>) -> Done {
    let mut order = run.place(&Cart::usual()).await?;
    let mut attempts = vec![order.clone()];
    for _ in 0..5 {
        run.reject(&order).await?;
        ending::ended(run, &order).await?;
        order = ending::payable(run, &order).await?;
        attempts.push(order.clone());
    }
    run.approve(&order).await?;
    let shown = steps::authorised(run, &order).await?;
    let references: BTreeSet<&str> = attempts.iter().map(|one| one.reference.as_str()).collect();
    run.expect("orderIds of the six attempts", 6, references.len())?;
    for reference in references {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        run.expect_that(
            "an orderId",
            "8 to 50 letters, digits and hyphens",
            reference,
            (8..=50).contains(&reference.len()) && reference.bytes().all(allowed),
        )?;
    }
    for attempt in &attempts {
        let initiates = steps::calls(run, attempt, "initiate").await?;
        let answers: Vec<_> = initiates.iter().map(Exchange::succeeded).collect();
        run.expect("Vipps took the initiates", vec![true], answers)?;
    }
    run.expect_that(
        "the order's references in the shop",
        &order.reference,
        shown.references.join(", "),
        shown.references.contains(&order.reference),
    )?;
    let held = run.held(&order).await?;
    if let Some(sum) = shown.authorised {
        run.expect(
            "authorised, as the shop shows it",
            held.authorised,
            sum.minor,
        )?;
    }
    if let Some([authorised, ..]) = shown.entries {
        run.expect("reservations in the shop's history", 1, authorised)?;
    }
    Ok(())
}

async fn earlier_attempt(run: &Run<'_>) -> Done {
    let first = run.place(&Cart::usual()).await?;
    run.reject(&first).await?;
    ending::ended(run, &first).await?;
    let second = ending::payable(run, &first).await?;
    run.approve(&second).await?;
    steps::authorised(run, &second).await?;
    run.capture(&second, None).await?;
    let before = run
        .sees(&second, "captured", |shown| {
            shown.standing == Standing::Captured
        })
        .await?;
    let again = json!({ "status": "REJECTED", "token": "right" });
    let answer = run.control(&first, "forge-callback", again).await?;
    let status = answer.get("status").and_then(Value::as_u64);
    run.expect("kasse's answer to the late callback", Some(200), status)?;
    run.pass(Duration::from_secs(5)).await?;
    let after = run.show(&second).await?;
    run.expect("how it stands afterwards", before.standing, after.standing)?;
    run.expect("captured afterwards", before.captured, after.captured)?;
    untouched(run, &first).await
}

/// The first attempt has come to its own end, and to no money.
async fn untouched(run: &Run<'_>, first: &Order) -> Done {
    let held = run.held(first).await?;
    let operations: Vec<&str> = held
        .history
        .iter()
        .map(|entry| entry.operation.as_str())
        .collect();
    run.expect(
        "the first attempt's history at Vipps",
        vec!["INITIATE", "CANCEL"],
        operations,
    )?;
    for operation in ["capture", "cancel", "refund"] {
        let calls = steps::calls(run, first, operation).await?;
        let what = format!("{operation} requests for the first attempt");
        run.expect(&what, 0, calls.len())?;
    }
    Ok(())
}
