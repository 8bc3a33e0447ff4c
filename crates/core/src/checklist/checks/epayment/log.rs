//! What went to and fro, for support.

use serde_json::Value;

use super::super::refusals::{self, No};
use super::super::steps;
use super::checks;
use crate::checklist::{Act, Cart, Done, Run};

checks! {
    "epayment.log.exchange" => exchange,
}

async fn exchange(run: &Run<'_>) -> Done {
    let order = steps::paid(run, &Cart::usual()).await?;
    let no = refusals::fault(run, No::CaptureLate, 400);
    run.fault(&order, "capture", no).await?;
    run.must_not(&order, &Act::Capture(None)).await?;
    let trace = run.trace(&order).await?;
    let exchanges = trace.get("exchanges").and_then(Value::as_array);
    let refused = exchanges
        .into_iter()
        .flatten()
        .find(|exchange| exchange.get("status") == Some(&400.into()));
    let refused = refused.cloned().unwrap_or_default();
    let whole = refused.to_string();
    for (what, there) in [
        (
            "when it was",
            refused.get("at").is_some_and(Value::is_string),
        ),
        (
            "method and endpoint",
            whole.contains("POST") && whole.contains("/capture"),
        ),
        ("what was asked for", whole.contains("modificationAmount")),
        ("the code", whole.contains("6100")),
        ("the payment's reference", whole.contains(&order.reference)),
    ] {
        run.expect_that(
            &format!("{what}, in the trace's exchange"),
            "there",
            if there { "there" } else { &whole },
            there,
        )?;
    }
    Ok(())
}
