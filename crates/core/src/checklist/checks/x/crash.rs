//! kasse is killed.

use std::time::Duration;

use bytes::Bytes;
use http::Request;

use super::super::steps::{self, calls};
use super::seen::{self, begun};
use super::{checks, once};
use crate::checklist::{Act, Cart, DieAt, Done, Fate, Order, Run, Standing, Stop};

checks! {
    "x.crash.before-send" => before_send,
    "x.crash.after-send" => after_send,
    "x.crash.initiate" => initiate,
    "x.crash.after-callback" => after_callback,
    "x.crash.telling" => telling,
}

async fn before_send(run: &Run<'_>) -> Done {
    let order = steps::paid(run, &Cart::usual()).await?;
    settled(run).await?;
    run.befall(Fate::DieAt(DieAt::AfterWrite(1))).await?;
    unanswered(run, &order, &Act::Capture(None)).await?;
    let sent = calls(run, &order, "capture").await?.len();
    run.expect("capture requests before the end", 0, sent)?;
    run.befall(Fate::Start).await?;
    let shown = run
        .sees(&order, "captured", |shown| {
            shown.standing == Standing::Captured
        })
        .await?;
    let held = run.held(&order).await?;
    run.expect("captured at Vipps", held.authorised, held.captured)?;
    let sent = calls(run, &order, "capture").await?.len();
    run.expect("capture requests", 1, sent)?;
    seen::entries(run, &shown, [1, 1, 0])
}

async fn after_send(run: &Run<'_>) -> Done {
    let order = steps::captured(run, &Cart::usual()).await?;
    settled(run).await?;
    let part = seen::third(run.show(&order).await?.total);
    run.befall(Fate::DieAt(DieAt::AfterVippsDid)).await?;
    unanswered(run, &order, &Act::Refund(Some(part))).await?;
    run.befall(Fate::Start).await?;
    run.sees(&order, "partly refunded", |shown| {
        shown.standing == Standing::PartlyRefunded
    })
    .await?;
    run.pass(Duration::from_secs(30)).await?;
    let shown = run.show(&order).await?;
    once::refunded_once(run, &order, &shown, part).await
}

async fn initiate(run: &Run<'_>) -> Done {
    let first = run.place(&Cart::usual()).await?;
    run.reject(&first).await?;
    run.sees(&first, "cancelled", |shown| {
        shown.standing == Standing::Cancelled
    })
    .await?;
    settled(run).await?;
    let before = begun(run).await?;
    run.befall(Fate::DieAt(DieAt::AfterVippsDid)).await?;
    unanswered(run, &first, &Act::Pay).await?;
    let mut lost = begun(run).await?;
    lost.retain(|reference| !before.contains(reference));
    run.expect("payments that Vipps has begun", 1, lost.len())?;
    run.befall(Fate::Start).await?;
    let order = run.pay_again(&first).await?;
    for reference in lost {
        run.knows(&reference);
        let sent = begun(run).await?;
        let sent = sent.iter().filter(|sent| **sent == reference).count();
        run.expect("initiates of the first payment", 1, sent)?;
        let lost = Order {
            reference,
            ..order.clone()
        };
        run.pass(Duration::from_secs(60)).await?;
        once::no_longer_payable(run, &lost).await?;
    }
    run.approve(&order).await?;
    seen::reserved_once(run, &order).await.map(drop)
}

async fn after_callback(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    settled(run).await?;
    // The first write keeps the callback, and it is answered; the next would note what was read.
    run.befall(Fate::DieAt(DieAt::BeforeWrite(2))).await?;
    let acted = run.approve(&order).await?;
    let status = acted.callback.and_then(|callback| callback.status);
    run.expect("kasse's answer to the callback", Some(200), status)?;
    dead(run).await?;
    run.befall(Fate::Start).await?;
    run.sees_within(
        &order,
        "authorised within 15 s",
        Duration::from_secs(15),
        |shown| shown.standing == Standing::Authorised,
    )
    .await?;
    seen::reserved_once(run, &order).await.map(drop)
}

async fn telling(run: &Run<'_>) -> Done {
    for moment in [DieAt::AfterTelling, DieAt::BeforeTelling] {
        let order = run.place(&Cart::usual()).await?;
        settled(run).await?;
        run.befall(Fate::DieAt(moment)).await?;
        run.approve(&order).await?;
        dead(run).await?;
        run.befall(Fate::Start).await?;
        seen::reserved_once(run, &order).await?;
        settled(run).await?;
        seen::reserved_once(run, &order).await?;
    }
    Ok(())
}

/// What there was to do is done.
pub(super) async fn settled(run: &Run<'_>) -> Done {
    run.pass(Duration::from_secs(3)).await
}

/// Somebody acts, and kasse ends over it.
pub(super) async fn unanswered(run: &Run<'_>, order: &Order, act: &Act) -> Done {
    match run.act(order, act).await {
        Ok(_) | Err(Stop::Harness(_)) => dead(run).await,
        Err(stop) => Err(stop),
    }
}

/// kasse is down. A check that kills it and finds it alive has looked at nothing.
async fn dead(run: &Run<'_>) -> Done {
    let request = Request::get("/")
        .body(Bytes::new())
        .map_err(|error| Stop::Harness(error.to_string()))?;
    for _ in 0..3 {
        if run.kasse(request.clone()).await.is_err() {
            return Ok(());
        }
        // The moment may be yet to come.
        run.pass(Duration::from_secs(1)).await?;
    }
    Err(Stop::Harness(
        "kasse was to end at a moment, and is still there".into(),
    ))
}
