//! The orderId: readable, unique, and one for each attempt.

use std::collections::BTreeSet;

use super::super::steps;
use super::checks;
use crate::checklist::{Cart, Done, Run, Standing};

checks! {
    "ecom.order-id.rules" => rules,
    "ecom.order-id.attempts" => attempts,
    "epayment.reference.rules" => rules,
    "epayment.reference.attempts" => attempts,
}

async fn rules(run: &Run<'_>) -> Done {
    let mut seen = BTreeSet::new();
    for _ in 0..3 {
        let order = run.place(&Cart::usual()).await?;
        let id = order.reference.as_str();
        let allowed = (8..=50).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        run.expect_that("the orderId", "8 to 50 of a-z, A-Z, 0-9 and -", id, allowed)?;
        let readable = !id.starts_with('0') && !id.bytes().all(|b| b.is_ascii_digit());
        run.expect_that(
            "the orderId",
            "no zero first, and not of digits only",
            id,
            readable,
        )?;
        let prefix = &run.facts().prefix;
        run.expect_that(
            "the orderId",
            format!("{prefix} first"),
            id,
            id.starts_with(prefix.as_str()),
        )?;
        run.expect_that(
            "the orderId",
            format!("the order's number, {}, in it", order.number),
            id,
            plain(id).contains(&plain(&order.number)),
        )?;
        let fresh = seen.insert(order.reference.clone());
        run.expect("it was used before", false, !fresh)?;
    }
    Ok(())
}

async fn attempts(run: &Run<'_>) -> Done {
    let first = run.place(&Cart::usual()).await?;
    run.reject(&first).await?;
    run.sees(&first, "ended, not paid", |shown| {
        shown.standing == Standing::Cancelled
    })
    .await?;
    let second = run.pay_again(&first).await?;
    run.expect(
        "the second orderId",
        format!("{}-2", first.reference),
        second.reference.clone(),
    )?;
    run.approve(&second).await?;
    let shown = steps::authorised(run, &second).await?;
    let found = shown.references.contains(&second.reference)
        || shown
            .notes
            .iter()
            .any(|note| note.contains(&second.reference));
    run.expect_that(
        "the orderId that was paid, as the merchant finds it in the shop",
        &second.reference,
        shown.references.join(", "),
        found,
    )
}

/// What Vipps allows of it: an order's number may have other characters in it.
fn plain(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect()
}
