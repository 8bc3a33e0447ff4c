//! The deadline: until when Vipps takes a capture, and who is told in time.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::super::{controls, steps, words};
use super::checks;
use crate::Market;
use crate::checklist::{Act, Cart, Done, Run, Standing};
use crate::context::span;

checks! {
    "epayment.deadline.shown" => shown,
    "epayment.capture.too-late" => too_late,
}

const DAY: Duration = Duration::from_secs(24 * 3600);

async fn too_late(run: &Run<'_>) -> Done {
    let order = steps::paid(run, &Cart::usual()).await?;
    let reserved = run.held(&order).await?.authorised;
    run.pass(181 * DAY).await?;
    let held = run.held(&order).await?;
    run.expect(
        "released by Vipps when the time was over",
        reserved,
        held.released,
    )?;
    run.sees(&order, "nothing reserved any more", |shown| {
        shown.standing == Standing::Cancelled
    })
    .await?;
    let words = run.must_not(&order, &Act::Capture(None)).await?;
    words::reads(
        run,
        "that nothing is left",
        &words,
        &["0.00", "nothing", "over", "cancelled"],
    )?;
    let held = run.held(&order).await?;
    run.expect("captured at Vipps", 0, held.captured)
}

async fn shown(run: &Run<'_>) -> Done {
    let capture = Market::of(run.facts().currency).capture_for(false);
    let order = run.place(&Cart::usual()).await?;
    run.approve(&order).await?;
    let approved = controls::now(run).await?;
    steps::authorised(run, &order).await?;
    let trace = run.trace(&order).await?;
    let until = trace
        .pointer("/payment/capture_by")
        .and_then(Value::as_str)
        .and_then(|text| text.parse::<Timestamp>().ok());
    let lasts = until.map(|until| span(approved, until)).unwrap_or_default();
    run.expect_that(
        "how long after the approval Vipps takes a capture, says the trace",
        format!("{} s, to the minute", capture.as_secs()),
        format!("{} s", lasts.as_secs()),
        lasts.abs_diff(capture) <= Duration::from_secs(60),
    )?;
    let notes = |trace: &Value| -> Vec<String> {
        let notes = trace.pointer("/payment/notes").and_then(Value::as_array);
        let texts = notes.into_iter().flatten();
        texts
            .filter_map(|note| Some(note.get("text")?.as_str()?.to_owned()))
            .collect()
    };
    let before = notes(&trace).len();
    run.pass(capture - 2 * DAY).await?;
    let sum = run
        .held(&order)
        .await?
        .money(run.held(&order).await?.authorised);
    let new: Vec<String> = notes(&run.trace(&order).await?)
        .into_iter()
        .skip(before)
        .collect();
    let told = |text: &String| text.contains("capture") && text.contains(&sum.decimal());
    run.expect_that(
        "a note, two days before, with what is left to capture",
        format!("one with {sum}"),
        new.join(" | "),
        new.iter().any(told),
    )
}
