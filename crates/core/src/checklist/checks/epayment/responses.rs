//! Responses: each state that Vipps has for a payment.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::{asked, ending, steps};
use super::checks;
use crate::checklist::{Cart, Done, Order, Run, Standing};

checks! {
    "epayment.responses.authorized" => authorized,
    "epayment.responses.aborted" => aborted,
    "epayment.responses.expired" => expired,
    "epayment.responses.terminated" => terminated,
}

async fn authorized(run: &Run<'_>) -> Done {
    let order = steps::paid(run, &Cart::usual()).await?;
    let shown = run.show(&order).await?;
    says(run, &order, "AUTHORIZED").await?;
    if let Some(sum) = shown.authorised {
        run.expect("reserved, as the shop shows it", shown.total, sum)?;
    }
    run.capture(&order, None).await?;
    let shown = asked::stands(run, &order, "captured", Standing::Captured).await?;
    says(run, &order, "AUTHORIZED").await?;
    if let Some(sum) = shown.captured {
        run.expect("captured, as the shop shows it", shown.total, sum)?;
    }
    run.refund(&order, None).await?;
    let shown = asked::stands(run, &order, "refunded", Standing::Refunded).await?;
    says(run, &order, "AUTHORIZED").await?;
    if let Some(sum) = shown.refunded {
        run.expect("refunded, as the shop shows it", shown.total, sum)?;
    }
    Ok(())
}

async fn aborted(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    run.reject(&order).await?;
    ending::ended(run, &order).await?;
    says(run, &order, "ABORTED").await?;
    support_reads(run, &order, "rejected").await?;
    ending::payable(run, &order).await.map(drop)
}

async fn expired(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    run.pass(Duration::from_secs(11 * 60)).await?;
    ending::ended(run, &order).await?;
    says(run, &order, "EXPIRED").await?;
    let cancels = steps::calls(run, &order, "cancel").await?;
    run.expect("cancel requests", 0, cancels.len())?;
    support_reads(run, &order, "expired").await?;
    ending::payable(run, &order).await.map(drop)
}

async fn terminated(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    run.control(&order, "portal/cancel", json!({})).await?;
    ending::ended(run, &order).await?;
    says(run, &order, "TERMINATED").await?;
    ending::payable(run, &order).await.map(drop)
}

/// How it stands, in Vipps' word.
async fn says(run: &Run<'_>, order: &Order, state: &str) -> Done {
    let held = run.held(order).await?;
    run.expect("the payment's state at Vipps", state, &*held.epayment_state)
}

async fn support_reads(run: &Run<'_>, order: &Order, state: &str) -> Done {
    let trace = run.trace(order).await?;
    let stands = trace.pointer("/payment/state").and_then(Value::as_str);
    run.expect("how it stands in the trace", Some(state), stands)
}
