//! A payment is handled with the keys that it was made with.

use std::time::Duration;

use serde_json::json;

use super::super::refusals::{self, No};
use super::super::{asked, steps};
use super::checks;
use crate::checklist::{Cart, Done, Fate, Order, Run, Standing, Stop};

checks! {
    "x.keys.changed" => changed,
    "x.keys.two-units" => two_units,
}

fn other_msn(run: &Run<'_>) -> Done<String> {
    let other = run.facts().other_msn.clone();
    other.ok_or_else(|| Stop::Harness("the other sales unit's number is not known".into()))
}

/// Each request about a payment had this sales unit's number, and none was refused for its keys.
async fn all_of(run: &Run<'_>, order: &Order, msn: &str) -> Done {
    let mut asked = run.calls(order).await?;
    asked.retain(|call| call.to_vipps());
    run.expect_that(
        "requests about the payment",
        "some",
        asked.len(),
        !asked.is_empty(),
    )?;
    for call in asked {
        let what = format!("Merchant-Serial-Number of {}", call.operation());
        let sent = call.header("merchant-serial-number").unwrap_or("none");
        run.expect(&what, msn, sent)?;
        let refused = call.status == Some(401) || refusals::refused(run, No::NotYours, &call);
        run.expect(
            &format!("{} is refused for its keys", call.operation()),
            false,
            refused,
        )?;
    }
    Ok(())
}

async fn changed(run: &Run<'_>) -> Done {
    let other = other_msn(run)?;
    let first = steps::captured(run, &Cart::usual()).await?;
    run.befall(Fate::OtherAccount).await?;
    let second = steps::paid(run, &Cart::usual()).await?;
    run.refund(&first, None).await?;
    asked::stands(run, &first, "refunded", Standing::Refunded).await?;
    let held = run.held(&first).await?;
    run.expect("refunded at Vipps", held.captured, held.refunded)?;
    all_of(run, &first, &run.facts().msn).await?;
    all_of(run, &second, &other).await
}

async fn two_units(run: &Run<'_>) -> Done {
    let other = other_msn(run)?;
    let first = run.place(&Cart::usual()).await?;
    run.befall(Fate::OtherAccount).await?;
    let second = run.place(&Cart::usual()).await?;
    for order in [&first, &second] {
        let lost = json!({ "kind": "callback_lost" });
        run.fault(order, "callback", lost).await?;
        run.approve(order).await?;
    }
    for order in [&first, &second] {
        let soon = Duration::from_secs(30);
        run.sees_within(order, "authorised", soon, |shown| {
            shown.standing == Standing::Authorised
        })
        .await?;
    }
    all_of(run, &first, &run.facts().msn).await?;
    all_of(run, &second, &other).await
}
