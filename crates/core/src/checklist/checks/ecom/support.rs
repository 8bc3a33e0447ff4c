//! Support: what those who answer customers see and do, without Vipps' portal.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::refusals::{self, No};
use super::super::{controls, steps};
use super::checks;
use crate::checklist::{Act, Cart, Done, Order, Run, Standing};

checks! {
    "ecom.support.why" => why,
    "ecom.support.act" => act,
    "ecom.support.in-shop" => in_shop,
    "epayment.support.why" => why,
    "epayment.support.act" => act,
    "epayment.support.in-shop" => in_shop,
}

async fn why(run: &Run<'_>) -> Done {
    let captured = steps::captured(run, &Cart::usual()).await?;

    let rejected = run.place(&Cart::usual()).await?;
    run.reject(&rejected).await?;

    let late = run.place(&Cart::usual()).await?;

    let refused = steps::paid(run, &Cart::usual()).await?;
    let no = refusals::fault(run, No::CaptureLate, 400);
    run.fault(&refused, "capture", no).await?;
    run.act(&refused, &Act::Capture(None)).await?;

    let unheard = run.place(&Cart::usual()).await?;
    let lost = json!({ "kind": "callback_lost" });
    run.fault(&unheard, "callback", lost).await?;
    run.approve(&unheard).await?;

    run.pass(Duration::from_secs(11 * 60)).await?;
    stands(
        run,
        &captured,
        "authorised",
        &["initiated", "authorised", "captured"],
    )
    .await?;
    stands(run, &rejected, "rejected", &["initiated", "rejected"]).await?;
    stands(run, &late, "expired", &["initiated", "expired"]).await?;
    stands(run, &unheard, "authorised", &["initiated", "authorised"]).await?;
    let trace = stands(run, &refused, "authorised", &["initiated", "authorised"]).await?;
    says_why(run, &trace)
}

/// Support finds the payment by the order's number and by its reference, and reads how it stands,
/// the sums, and what happened when. Gives the trace.
async fn stands(run: &Run<'_>, order: &Order, state: &str, events: &[&str]) -> Done<Value> {
    for text in [&order.number, &order.reference] {
        let found = run.find(text).await?;
        let payments = found.get("payments").and_then(Value::as_array);
        let references: Vec<&str> = payments
            .into_iter()
            .flatten()
            .filter_map(|payment| payment.get("reference")?.as_str())
            .collect();
        let what = format!("the payments that are found under {text}");
        run.expect(&what, vec![order.reference.as_str()], references)?;
    }
    let trace = run.trace(order).await?;
    let stands = trace.pointer("/payment/state").and_then(Value::as_str);
    run.expect("how it stands in the trace", Some(state), stands)?;
    let held = run.held(order).await?;
    for (name, sum) in [
        ("authorised", held.authorised),
        ("captured", held.captured),
        ("refunded", held.refunded),
    ] {
        let told = trace.pointer(&format!("/payment/sums/{name}/value"));
        let what = format!("{name} in the trace");
        run.expect(&what, Some(sum), told.and_then(Value::as_i64))?;
    }
    let list = trace.get("events").and_then(Value::as_array);
    let happened: Vec<&Value> = list.into_iter().flatten().collect();
    let timed = happened
        .iter()
        .all(|event| event.get("at").is_some_and(Value::is_string));
    run.expect("each event in the trace has its time", true, timed)?;
    let words: Vec<&str> = happened
        .iter()
        .filter_map(|event| event.pointer("/what/event")?.as_str())
        .collect();
    run.expect("what happened, in the trace", events.to_vec(), words)?;
    Ok(trace)
}

/// The trace says what was not done, why, and who must act.
fn says_why(run: &Run<'_>, trace: &Value) -> Done {
    let commands = trace.get("commands").and_then(Value::as_array);
    let error = commands
        .into_iter()
        .flatten()
        .find_map(|command| command.pointer("/state/error"));
    let told = |name: &str| {
        let text = error.and_then(|error| error.get(name)?.as_str());
        text.unwrap_or_default()
    };
    run.expect_that(
        "what was not done, in the trace",
        "the capture",
        told("what"),
        told("what").contains("capture"),
    )?;
    let who = told("who");
    let persons = ["customer", "merchant", "shop"];
    run.expect_that(
        "who must act, in the trace",
        persons.join(" or "),
        who,
        persons.contains(&who),
    )?;
    for name in ["why", "advice"] {
        run.expect_that(
            &format!("\"{name}\" of it, in the trace"),
            "words",
            told(name),
            !told(name).trim().is_empty(),
        )?;
    }
    Ok(())
}

async fn act(run: &Run<'_>) -> Done {
    let captured = steps::captured(run, &Cart::usual()).await?;
    let held = run.held(&captured).await?;
    run.expect("captured at Vipps", held.authorised, held.captured)?;

    let refunded = steps::captured(run, &Cart::usual()).await?;
    let held = run.held(&refunded).await?;
    let third = third(held.captured);
    run.refund(&refunded, Some(held.money(third))).await?;
    let shown = run
        .sees(&refunded, "partly refunded", |shown| {
            shown.standing == Standing::PartlyRefunded
        })
        .await?;
    let held = run.held(&refunded).await?;
    run.expect("refunded at Vipps", third, held.refunded)?;
    if let Some(sum) = shown.refunded {
        run.expect("refunded, as the shop shows it", third, sum.minor)?;
    }

    let cancelled = steps::paid(run, &Cart::usual()).await?;
    run.cancel(&cancelled).await?;
    let shown = run
        .sees(&cancelled, "cancelled", |shown| {
            shown.standing == Standing::Cancelled
        })
        .await?;
    let held = run.held(&cancelled).await?;
    run.expect("the payment at Vipps", "voided", held.state.as_str())?;
    if let Some(sum) = shown.released {
        run.expect("released, as the shop shows it", held.authorised, sum.minor)?;
    }
    Ok(())
}

async fn in_shop(run: &Run<'_>) -> Done {
    let order = steps::paid(run, &Cart::usual()).await?;
    let held = run.held(&order).await?;
    let third = third(held.authorised);
    run.capture(&order, Some(held.money(third))).await?;
    let shown = run
        .sees(&order, "partly captured", |shown| {
            shown.standing == Standing::PartlyCaptured
        })
        .await?;
    run.expect_that(
        "the order's references in the shop",
        &order.reference,
        shown.references.join(", "),
        shown.references.contains(&order.reference),
    )?;
    let held = run.held(&order).await?;
    for (what, at_vipps, in_shop) in [
        (
            "authorised, as the shop shows it",
            held.authorised,
            shown.authorised,
        ),
        (
            "captured, as the shop shows it",
            held.captured,
            shown.captured,
        ),
        (
            "refunded, as the shop shows it",
            held.refunded,
            shown.refunded,
        ),
    ] {
        if let Some(in_shop) = in_shop {
            run.expect(what, at_vipps, in_shop.minor)?;
        }
    }
    let day = controls::now(run).await?;
    let written = [
        day.strftime("%Y-%m-%d").to_string(),
        day.strftime("%-d.%-m.%Y").to_string(),
        day.strftime("%d.%m.%Y").to_string(),
        day.strftime("%-m/%-d/%Y").to_string(),
        day.strftime("%m/%d/%Y").to_string(),
    ];
    run.expect_that(
        "when it happened, in the shop",
        "the day",
        "no day",
        written.iter().any(|day| shown.text.contains(day)),
    )
}

/// A third of a sum in øre, and never all of it.
fn third(minor: i64) -> i64 {
    minor.div_euclid(3)
}
