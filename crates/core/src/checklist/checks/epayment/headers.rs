//! The keys under which a request is done once.

use std::collections::BTreeSet;

use super::super::{steps, sums};
use super::checks;
use crate::checklist::{Cart, Done, Exchange, Run};

checks! {
    "epayment.headers.idempotency-key" => idempotency_key,
}

async fn idempotency_key(run: &Run<'_>) -> Done {
    let order = steps::paid(run, &Cart::usual()).await?;
    let reserved = sums::reserved(run, &order).await?;
    let parts = [sums::part(reserved, 3), sums::part(reserved, 4)];
    for part in parts {
        run.capture(&order, Some(part)).await?;
    }
    for part in parts {
        run.refund(&order, Some(part)).await?;
    }
    let another = steps::paid(run, &Cart::usual()).await?;
    run.cancel(&another).await?;
    let mut calls = run.all_calls().await?;
    calls.retain(Exchange::to_vipps);
    let mut keys = BTreeSet::new();
    let mut changing: usize = 0;
    for call in &calls {
        let operation = call.operation();
        let key = call.header("idempotency-key");
        match operation {
            "initiate" | "capture" | "refund" | "cancel" => {
                changing = changing.saturating_add(1);
                let key = key.unwrap_or_default();
                run.expect_that(
                    &format!("Idempotency-Key of {operation}"),
                    "1 to 50 characters",
                    key,
                    (1..=50).contains(&key.len()),
                )?;
                keys.insert(key);
            }
            "details" | "events" => {
                run.expect(&format!("Idempotency-Key of {operation}"), None, key)?;
            }
            _ => {}
        }
    }
    // Two creates, two captures, two refunds and a cancel.
    run.expect("requests that change something", 7, changing)?;
    run.expect("their different Idempotency-Keys", 7, keys.len())
}
