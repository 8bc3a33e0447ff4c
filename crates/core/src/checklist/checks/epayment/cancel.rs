//! Cancel: what a cancel of kasse's own spares.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::steps;
use super::checks;
use crate::checklist::{Cart, Done, Order, Run};

checks! {
    "epayment.cancel.spares-the-paid" => spares_the_paid,
}

async fn spares_the_paid(run: &Run<'_>) -> Done {
    let first = run.place(&Cart::usual()).await?;
    run.pass(Duration::from_secs(120)).await?;
    run.pay_again(&first).await?;
    run.expect(
        "cancelTransactionOnly when kasse makes way for another attempt",
        json!(true),
        only_open(run, &first).await?,
    )?;
    let paid = steps::paid(run, &Cart::usual()).await?;
    run.cancel(&paid).await?;
    let said = only_open(run, &paid).await?;
    run.expect_that(
        "cancelTransactionOnly when the merchant cancels a reservation",
        "false, or nothing",
        &said,
        said != json!(true),
    )
}

/// What the last cancel of a payment says of it.
async fn only_open(run: &Run<'_>, order: &Order) -> Done<Value> {
    let cancels = steps::calls(run, order, "cancel").await?;
    run.expect_that(
        "cancel requests",
        "one or more",
        cancels.len(),
        !cancels.is_empty(),
    )?;
    let body = cancels.last().map(|call| call.json()).unwrap_or_default();
    Ok(body
        .get("cancelTransactionOnly")
        .cloned()
        .unwrap_or_default())
}
