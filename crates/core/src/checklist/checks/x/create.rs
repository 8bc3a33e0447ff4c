//! A create that is not known to have been done is sent again, and done once.

use std::time::Duration;

use serde_json::json;

use super::super::{asked, steps};
use super::{checks, crash, once, seen};
use crate::Currency;
use crate::checklist::{
    Act, Acted, Cart, DieAt, Done, Exchange, Fate, Order, Paying, Run, Standing, Stop,
};

checks! {
    "x.once.create-lost" => create_lost,
    "x.once.create-late" => create_late,
    "x.crash.create" => killed,
    "x.keys.moved-api" => moved_api,
}

/// The creates since then: they are one, sent again.
async fn one_create(run: &Run<'_>, before: usize) -> Done<Vec<Exchange>> {
    let creates: Vec<Exchange> = asked::initiates(run)
        .await?
        .into_iter()
        .skip(before)
        .collect();
    asked::same_request(run, &creates)?;
    Ok(creates)
}

async fn create_lost(run: &Run<'_>) -> Done {
    let before = asked::initiates(run).await?.len();
    run.fault_on_any("initiate", json!({ "kind": "lost_after_done" }))
        .await?;
    let order = run.place(&Cart::usual()).await?;
    let creates = one_create(run, before).await?;
    run.expect("create requests", 2, creates.len())?;
    run.approve(&order).await?;
    seen::reserved_once(run, &order).await.map(drop)
}

async fn create_late(run: &Run<'_>) -> Done {
    let before = seen::begun(run).await?;
    let lost = json!({ "kind": "lost_after_done", "times": 3 });
    run.fault_on_any("initiate", lost).await?;
    let (number, paying) = run.try_place(&Cart::usual()).await?;
    if let Paying::Refused { words } = &paying {
        let plain = words.split_whitespace().count() >= 3;
        run.expect_that("what the shopper reads", "a sentence", words, plain)?;
    }
    run.pass(Duration::from_secs(60)).await?;
    let placed = Order {
        number,
        reference: String::new(),
        url: run.facts().public_url.clone(),
    };
    let order = match run.act(&placed, &Act::Pay).await? {
        Acted::ToVipps { url, reference } => run.at_vipps(placed.number, url, reference).await?,
        other => {
            let what = "the shopper presses the button again";
            return run.expect_that(what, "leads to Vipps", format!("{other:?}"), false);
        }
    };
    let mut others = seen::begun(run).await?;
    others.retain(|reference| !before.contains(reference) && *reference != order.reference);
    others.dedup();
    for reference in others {
        let other = Order {
            reference,
            ..order.clone()
        };
        once::no_longer_payable(run, &other).await?;
    }
    run.approve(&order).await?;
    seen::reserved_once(run, &order).await.map(drop)
}

async fn killed(run: &Run<'_>) -> Done {
    let first = run.place(&Cart::usual()).await?;
    run.reject(&first).await?;
    run.sees(&first, "cancelled", |shown| {
        shown.standing == Standing::Cancelled
    })
    .await?;
    crash::settled(run).await?;
    let before = seen::begun(run).await?;
    run.befall(Fate::DieAt(DieAt::AfterVippsDid)).await?;
    crash::unanswered(run, &first, &Act::Pay).await?;
    let mut lost = seen::begun(run).await?;
    lost.retain(|reference| !before.contains(reference));
    run.expect("payments that Vipps has begun", 1, lost.len())?;
    run.befall(Fate::Start).await?;
    run.pass(Duration::from_secs(30)).await?;
    let order = run.pay_again(&first).await?;
    for reference in lost {
        run.knows(&reference);
        let creates: Vec<Exchange> = asked::initiates(run)
            .await?
            .into_iter()
            .filter(|call| call.order_id.as_deref() == Some(&*reference))
            .collect();
        asked::same_request(run, &creates)?;
        if reference != order.reference {
            let lost = Order {
                reference,
                ..order.clone()
            };
            once::no_longer_payable(run, &lost).await?;
        }
    }
    run.approve(&order).await?;
    seen::reserved_once(run, &order).await.map(drop)
}

async fn moved_api(run: &Run<'_>) -> Done {
    use crate::ApiKind::{Ecom, Epayment};
    if run.facts().currency != Currency::Nok {
        let why =
            "the shop's currency is none of the eCom API's: it can only have begun with ePayment";
        return Err(Stop::NotApplicable(why.into()));
    }
    run.befall(Fate::Api(Ecom)).await?;
    let old = steps::paid(run, &Cart::usual()).await?;
    let rejected = run.place(&Cart::usual()).await?;
    run.reject(&rejected).await?;
    run.sees(&rejected, "cancelled", |shown| {
        shown.standing == Standing::Cancelled
    })
    .await?;
    run.befall(Fate::Api(Epayment)).await?;
    run.capture(&old, None).await?;
    asked::stands(run, &old, "captured", Standing::Captured).await?;
    run.refund(&old, None).await?;
    asked::stands(run, &old, "refunded", Standing::Refunded).await?;
    let held = run.held(&old).await?;
    run.expect("refunded at Vipps", held.captured, held.refunded)?;
    goes_to(run, &old, "/ecomm/").await?;
    let new = steps::paid(run, &Cart::usual()).await?;
    goes_to(run, &new, "/epayment/").await?;
    let again = run.pay_again(&rejected).await?;
    run.expect_that(
        "the new attempt's reference",
        format!("another than {}", rejected.reference),
        &again.reference,
        again.reference != rejected.reference,
    )?;
    goes_to(run, &again, "/epayment/").await?;
    run.approve(&again).await?;
    seen::reserved_once(run, &again).await.map(drop)
}

/// Every request about a payment goes to this API, and none is refused.
async fn goes_to(run: &Run<'_>, order: &Order, api: &str) -> Done {
    let calls = run.calls(order).await?;
    let mut asked = calls.iter().filter(|call| call.to_vipps()).peekable();
    run.expect("Vipps was asked", true, asked.peek().is_some())?;
    for call in asked {
        let what = format!("where {} goes", call.operation());
        run.expect_that(&what, api, &call.url, call.url.starts_with(api))?;
        let what = format!("{} is taken", call.operation());
        run.expect(&what, true, call.succeeded())?;
    }
    Ok(())
}
