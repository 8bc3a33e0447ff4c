//! Vipps cannot do it for the moment: which key the same request has when it is sent again.

use std::time::Duration;

use serde_json::json;

use super::super::{asked, steps, words};
use super::checks;
use crate::checklist::{Act, Acted, Cart, Done, Run, Standing};

checks! {
    "x.retry.failed-for-now" => failed_for_now,
    "x.retry.still-authorising" => still_authorising,
    "x.retry.status-as-text" => status_as_text,
}

async fn failed_for_now(run: &Run<'_>) -> Done {
    let order = steps::paid(run, &Cart::usual()).await?;
    let fault = json!({ "kind": "problem", "status": 409, "code": "6280", "times": 2 });
    run.fault(&order, "capture", fault).await?;
    let acted = run.act(&order, &Act::Capture(None)).await?;
    run.expect(
        "what the merchant reads: it is under way",
        Acted::Pending,
        acted,
    )?;
    asked::stands(run, &order, "captured", Standing::Captured).await?;
    let asked = steps::calls(run, &order, "capture").await?;
    run.expect("capture requests", 3, asked.len())?;
    asked::same_request(run, &asked)?;
    let held = run.held(&order).await?;
    run.expect("captures at Vipps", 1, asked::done(&held, "CAPTURE"))
}

async fn still_authorising(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    let fault = json!({ "kind": "problem", "status": 409, "code": "6250" });
    run.fault(&order, "cancel", fault).await?;
    if let Acted::Refused { .. } = run.act(&order, &Act::Cancel).await? {
        run.pass(Duration::from_secs(10)).await?;
        run.cancel(&order).await?;
    }
    asked::stands(run, &order, "cancelled", Standing::Cancelled).await?;
    let asked = steps::calls(run, &order, "cancel").await?;
    run.expect_that(
        "cancel requests",
        "two or more",
        asked.len(),
        asked.len() >= 2,
    )?;
    run.expect("their keys", asked.len(), asked::keys(&asked).len())?;
    let held = run.held(&order).await?;
    run.expect(
        "how it stands at Vipps",
        "TERMINATED",
        &*held.epayment_state,
    )
}

async fn status_as_text(run: &Run<'_>) -> Done {
    let order = steps::captured(run, &Cart::usual()).await?;
    run.pass(Duration::from_secs(366 * 24 * 3600)).await?;
    run.fault(&order, "refund", json!({ "kind": "status_as_text" }))
        .await?;
    let words = run.must_not(&order, &Act::Refund(None)).await?;
    let asked = steps::calls(run, &order, "refund").await?;
    let text = asked
        .iter()
        .any(|call| call.response.contains("\"status\":\"400\""));
    run.expect("Vipps' status came as a text", true, text)?;
    words::reads(
        run,
        "that the time to refund is over",
        &words,
        &["over", "365 days"],
    )
}
