//! Webhooks: what is registered at Vipps, and what is forged.

use std::time::Duration;

use serde_json::Value;

use crate::checklist::{Done, Order, RegisteredWebhook, Run, Standing, Stop};

/// Sooner than kasse looks by itself: what is seen by then is the webhook's doing.
pub(super) const AT_ONCE: Duration = Duration::from_secs(3);

/// The registrations of a sales unit.
pub(super) async fn of_unit(run: &Run<'_>, msn: &str) -> Done<Vec<RegisteredWebhook>> {
    let mut all = run.registered().await?;
    all.retain(|one| one.msn.as_deref() == Some(msn));
    Ok(all)
}

/// The one registration of a sales unit.
pub(super) async fn one(run: &Run<'_>, msn: &str) -> Done<RegisteredWebhook> {
    let mut all = of_unit(run, msn).await?;
    run.expect(
        &format!("registrations of the sales unit {msn}"),
        1,
        all.len(),
    )?;
    all.pop()
        .ok_or_else(|| Stop::Failed("no webhook is registered".into()))
}

/// A webhook of somebody's own making, as the control takes it. Gives the status of kasse's answer.
pub(super) async fn forged(run: &Run<'_>, order: &Order, webhook: Value) -> Done<Option<u16>> {
    let answer = run.control(order, "forge-webhook", webhook).await?;
    let status = answer.get("status").and_then(Value::as_u64);
    Ok(status.and_then(|status| u16::try_from(status).ok()))
}

/// The customer approves; the webhook is taken, and does its work at once.
pub(super) async fn true_one(run: &Run<'_>, order: &Order) -> Done {
    let acted = run.approve(order).await?;
    let status = acted.callback.and_then(|told| told.status);
    run.expect("kasse's answer to Vipps' own webhook", Some(200), status)?;
    reserved_at_once(run, order).await
}

/// The shop shows the reservation, sooner than by a look of kasse's own.
pub(super) async fn reserved_at_once(run: &Run<'_>, order: &Order) -> Done {
    run.sees_within(order, "authorised, at once", AT_ONCE, |shown| {
        shown.standing == Standing::Authorised
    })
    .await
    .map(drop)
}

/// The shop shows nothing paid.
pub(super) async fn not_paid(run: &Run<'_>, order: &Order) -> Done {
    let shown = run.show(order).await?;
    run.expect("where the order stands", Standing::Open, shown.standing)
}

/// Forgets a registration at Vipps, as Vipps does after two weeks without an answer.
pub(super) async fn dropped(run: &Run<'_>, id: &str) -> Done {
    run.did("Vipps drops the registration");
    let path = format!("/webhooks/{id}");
    let bench = run.bench();
    crate::checklist::vipps::control::<Value>(bench, http::Method::DELETE, &path, None)
        .await
        .map(drop)
}
