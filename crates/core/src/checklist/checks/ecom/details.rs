//! Details: what Vipps says there decides, whatever else is said.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::refusals::{self, No};
use super::super::{steps, words};
use super::checks;
use crate::checklist::{Cart, Done, Exchange, Fate, Order, Run, Shown, Standing};

checks! {
    "ecom.details.decides" => decides,
    "ecom.details.untouched" => untouched,
    "ecom.details.other-unit" => other_unit,
    "ecom.details.expired-data" => expired_data,
    "epayment.get.decides" => decides,
    "epayment.get.untouched" => untouched,
    "epayment.get.other-unit" => other_unit,
}

const DAY: Duration = Duration::from_secs(24 * 3600);

async fn decides(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    run.fault(&order, "callback", json!({"kind": "callback_lost"}))
        .await?;
    run.approve(&order).await?;
    hint(run, &order, "REJECTED").await?;
    // Watched closely: a rejection that is shown for a moment only is one.
    for _ in 0..6 {
        let shown = run.show(&order).await?;
        let waits = matches!(shown.standing, Standing::Open | Standing::Authorised);
        run.expect_that(
            "the shop shows",
            "waiting or reserved, and never as rejected",
            &shown.word,
            waits,
        )?;
        run.pass(Duration::from_secs(1)).await?;
    }
    let shown = steps::authorised(run, &order).await?;
    let read = steps::calls(run, &order, "details").await?;
    run.expect_that(
        "details requests",
        "one or more",
        read.len(),
        !read.is_empty(),
    )?;
    let held = run.held(&order).await?;
    run.expect("reserved at Vipps", shown.total.minor, held.authorised)?;
    if let Some(authorised) = shown.authorised {
        run.expect("reserved, as the shop shows it", shown.total, authorised)?;
    }
    Ok(())
}

async fn untouched(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    run.pass(Duration::from_secs(30)).await?;
    let read = steps::calls(run, &order, "details").await?;
    run.expect_that(
        "details requests",
        "one or more",
        read.len(),
        !read.is_empty(),
    )?;
    let bare = read.iter().all(|call| {
        let answer: Value = serde_json::from_str(&call.response).unwrap_or_default();
        call.status == Some(200) && answer.get("transactionSummary").is_none()
    });
    run.expect(
        "each was answered, without a transactionSummary",
        true,
        bare,
    )?;
    let shown = run.show(&order).await?;
    run.expect("the shop shows it as", Standing::Open, shown.standing)?;
    let trace = run.trace(&order).await?;
    for (what, found) in [
        ("notes", troubles(&trace, "/payment/notes", |_| true)),
        (
            "refused commands",
            troubles(&trace, "/commands", |command| {
                command.pointer("/state/error").is_some()
            }),
        ),
        (
            "exchanges that went wrong",
            troubles(&trace, "/exchanges", |exchange| {
                exchange.get("why").is_some_and(|why| !why.is_null())
            }),
        ),
    ] {
        run.expect(&format!("what support sees of it: {what}"), 0, found)?;
    }
    run.approve(&order).await?;
    steps::authorised(run, &order).await?;
    Ok(())
}

async fn other_unit(run: &Run<'_>) -> Done {
    let order = steps::paid(run, &Cart::usual()).await?;
    let before = steps::calls(run, &order, "details").await?.len();
    run.befall(Fate::OtherAccount).await?;
    hint(run, &order, "RESERVED").await?;
    let read = read_since(run, &order, before).await?;
    let msn = run.facts().msn.as_str();
    for call in &read {
        run.expect(
            "Merchant-Serial-Number of details",
            Some(msn),
            call.header("merchant-serial-number"),
        )?;
        run.expect("its answer", Some(200), call.status)?;
    }
    let unknown = refusals::fault(run, No::NotYours, 400);
    run.fault(&order, "details", unknown).await?;
    hint(run, &order, "RESERVED").await?;
    read_since(run, &order, before.saturating_add(read.len())).await?;
    let trace = run.trace(&order).await?;
    let notes = trace.pointer("/payment/notes").cloned().unwrap_or_default();
    words::reads(
        run,
        "what support reads of it",
        &notes.to_string(),
        &["another sales unit"],
    )?;
    let shown = steps::authorised(run, &order).await?;
    if let Some(authorised) = shown.authorised {
        run.expect("reserved, as the shop shows it", shown.total, authorised)?;
    }
    let cancels = steps::calls(run, &order, "cancel").await?;
    run.expect("cancel requests", 0, cancels.len())
}

async fn expired_data(run: &Run<'_>) -> Done {
    let order = steps::paid(run, &Cart::express()).await?;
    let known = run
        .sees(&order, "the customer, with a name", |shown| {
            let customer = shown.customer.as_ref();
            customer.is_some_and(|customer| customer.name.is_some())
        })
        .await?;
    run.pass(8 * DAY).await?;
    let before = steps::calls(run, &order, "details").await?.len();
    // Something happens, so the shop is told anew.
    run.capture(&order, None).await?;
    let shown = run
        .sees(&order, "captured", |shown| {
            shown.standing == Standing::Captured
        })
        .await?;
    let read = read_since(run, &order, before).await?;
    let expired = read.iter().any(|call| call.response.contains(EXPIRED));
    run.expect("details say [Expired]", true, expired)?;
    let customer = |shown: &Shown| format!("{:?}", shown.customer);
    let same = customer(&shown) == customer(&known);
    run.expect("the shop shows the customer as before", true, same)?;
    let told = shown.text.contains(EXPIRED) || customer(&shown).contains(EXPIRED);
    run.expect("the shop shows [Expired]", false, told)
}

const EXPIRED: &str = "[Expired]";

/// A callback with the right token that tells this: kasse looks.
async fn hint(run: &Run<'_>, order: &Order, status: &str) -> Done {
    let told = json!({"status": status, "token": "right"});
    run.control(order, "forge-callback", told).await.map(drop)
}

/// The details that were read since; there are some soon.
async fn read_since(run: &Run<'_>, order: &Order, before: usize) -> Done<Vec<Exchange>> {
    let mut read = Vec::new();
    for _ in 0..30 {
        read = steps::calls(run, order, "details").await?;
        if read.len() > before {
            break;
        }
        run.bench().pass(Duration::from_secs(1)).await?;
    }
    let read: Vec<Exchange> = read.into_iter().skip(before).collect();
    run.expect_that(
        "details requests since",
        "one or more",
        read.len(),
        !read.is_empty(),
    )?;
    Ok(read)
}

/// How many entries of a list in the trace are of this kind.
fn troubles(trace: &Value, list: &str, is_one: fn(&Value) -> bool) -> usize {
    let entries = trace.pointer(list).and_then(Value::as_array);
    entries
        .into_iter()
        .flatten()
        .filter(|entry| is_one(entry))
        .count()
}
