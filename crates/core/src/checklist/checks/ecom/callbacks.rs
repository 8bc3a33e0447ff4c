//! Callbacks: whenever they come, and however slow the engine or Vipps is then.

use std::time::Duration;

use serde_json::json;

use super::super::{controls, ending, page, steps};
use super::checks;
use crate::checklist::{Cart, Done, Fate, Order, Run, Shown, Standing};

checks! {
    "ecom.callbacks.before-return" => before_return,
    "ecom.callbacks.after-return" => after_return,
    "ecom.callbacks.fast" => fast,
    "ecom.callbacks.kept" => kept,
    "epayment.webhooks.before-return" => before_return,
    "epayment.webhooks.after-return" => after_return,
    "epayment.webhooks.fast" => fast,
    "epayment.webhooks.kept" => kept,
}

/// The customer takes so long in the app at the least.
const IN_APP: Duration = Duration::from_secs(3);
/// Sooner than kasse looks by itself.
const BEFORE_ANY_LOOK: Duration = Duration::from_secs(1);

async fn before_return(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    run.pass(IN_APP).await?;
    run.approve(&order).await?;
    let before = steps::authorised(run, &order).await?;
    answered(run, &order).await?;
    let seen = page::back(run, &order).await?;
    page::says(run, &seen, page::PAID)?;
    page::link(run, &seen)?;
    unchanged(run, &order, &before).await
}

async fn after_return(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    let late = json!({ "kind": "callback_late", "seconds": 60 });
    run.fault(&order, "callback", late).await?;
    run.pass(IN_APP).await?;
    run.approve(&order).await?;
    let seen = page::back(run, &order).await?;
    page::says(run, &seen, page::PAID)?;
    let before = run
        .sees_within(&order, "authorised", BEFORE_ANY_LOOK, |shown| {
            shown.standing == Standing::Authorised
        })
        .await?;
    let callbacks = steps::calls(run, &order, "callback").await?;
    run.expect("callbacks so far", 0, callbacks.len())?;
    run.pass(Duration::from_secs(60)).await?;
    answered(run, &order).await?;
    unchanged(run, &order, &before).await
}

async fn fast(run: &Run<'_>) -> Done {
    let hangs = Duration::from_secs(20);
    let order = run.place(&Cart::usual()).await?;
    run.befall(Fate::EngineSlow(hangs)).await?;
    // Vipps waits 3 seconds, and no longer.
    run.approve(&order).await?;
    answered(run, &order).await?;
    run.befall(Fate::EngineBack).await?;
    run.pass(hangs).await?;
    steps::authorised(run, &order).await.map(drop)
}

async fn kept(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    let before = run.show(&order).await?;
    let down = json!({ "kind": "status", "status": 503, "times": 1000 });
    run.fault(&order, "details", down).await?;
    run.approve(&order).await?;
    answered(run, &order).await?;
    run.pass(Duration::from_secs(30)).await?;
    let shown = ending::unpaid(run, &order).await?;
    run.expect("how it stands", before.standing, shown.standing)?;
    run.expect("notes and warnings in the shop", before.notes, shown.notes)?;
    controls::all_well(run).await?;
    steps::authorised(run, &order).await?;
    answered(run, &order).await
}

/// There was one callback, and kasse answered it well.
async fn answered(run: &Run<'_>, order: &Order) -> Done {
    let callbacks = steps::calls(run, order, "callback").await?;
    let answers: Vec<_> = callbacks.iter().map(|call| call.status).collect();
    run.expect("kasse's answers to the callback", vec![Some(200)], answers)
}

/// The shop shows what it showed, and nothing twice.
async fn unchanged(run: &Run<'_>, order: &Order, before: &Shown) -> Done {
    run.pass(IN_APP).await?;
    let after = run.show(order).await?;
    run.expect("how it stands afterwards", before.standing, after.standing)?;
    run.expect("the sum afterwards", before.authorised, after.authorised)?;
    if let Some([authorised, ..]) = after.entries {
        run.expect("reservations in the shop's history", 1, authorised)?;
    }
    Ok(())
}
