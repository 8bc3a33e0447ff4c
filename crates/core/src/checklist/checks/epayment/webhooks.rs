//! Webhooks: that kasse is registered for them, and what it does on one.

use std::collections::BTreeSet;
use std::time::Duration;

use super::super::hooks;
use super::checks;
use crate::checklist::{Cart, Done, Fate, Run, Standing};

checks! {
    "epayment.webhooks.registered" => registered,
    "epayment.webhooks.authorized" => authorized,
}

/// That it was made nobody has to be told who made it.
const EVENTS: [&str; 7] = [
    "aborted",
    "expired",
    "cancelled",
    "captured",
    "refunded",
    "authorized",
    "terminated",
];

async fn registered(run: &Run<'_>) -> Done {
    let one = hooks::one(run, &run.facts().msn).await?;
    run.expect_unshown(
        "it is at an https address of kasse",
        one.url.starts_with(run.facts().public_url.as_str()) && one.url.starts_with("https://"),
    )?;
    let events: BTreeSet<String> = one.events.iter().cloned().collect();
    let wanted: BTreeSet<String> = EVENTS
        .iter()
        .map(|event| format!("epayments.payment.{event}.v1"))
        .collect();
    let missing: Vec<&str> = wanted.difference(&events).map(String::as_str).collect();
    run.expect("events that it lacks", Vec::<&str>::new(), missing)?;
    run.pass(Duration::from_secs(3600)).await?;
    run.befall(Fate::Die).await?;
    run.befall(Fate::Start).await?;
    let later = hooks::one(run, &run.facts().msn).await?;
    run.expect("the registration, later", one.id, later.id)
}

async fn authorized(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    let acted = run.approve(&order).await?;
    let told = acted.callback.map(|told| (told.told, told.status));
    run.expect(
        "the webhook, with kasse's answer",
        Some(("AUTHORIZED".to_owned(), Some(200))),
        told,
    )?;
    let held = run.held(&order).await?;
    let attempts = held.webhooks.iter().map(|webhook| webhook.attempts.len());
    let most = attempts.max().unwrap_or_default();
    run.expect("attempts that a webhook took", 1, most)?;
    let shown = run
        .sees_within(
            &order,
            "authorised, without anybody's return",
            hooks::AT_ONCE,
            |shown| shown.standing == Standing::Authorised,
        )
        .await?;
    run.expect("the order's total", held.authorised, shown.total.minor)?;
    if let Some(sum) = shown.authorised {
        run.expect("reserved, as the shop shows it", held.authorised, sum.minor)?;
    }
    Ok(())
}
