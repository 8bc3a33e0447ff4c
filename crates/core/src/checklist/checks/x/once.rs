//! Nothing twice.

use std::time::Duration;

use futures_util::future::{join, join_all, join3};
use serde_json::json;
use url::Url;

use super::super::asked;
use super::super::steps::{self, calls};
use super::checks;
use super::seen::{self, begun};
use crate::Money;
use crate::checklist::{
    Act, Acted, Cart, Done, Exchange, Fate, Held, Order, Run, Shown, Standing, Stop,
};

checks! {
    "x.once.double-click" => double_click,
    "x.once.paid-order" => paid_order,
    "x.once.two-tabs" => two_tabs,
    "x.once.approved-meanwhile" => approved_meanwhile,
    "x.once.initiate-lost" => initiate_lost,
    "x.once.capture-lost" => capture_lost,
    "x.once.refund-lost" => refund_lost,
    "x.once.cancel-lost" => cancel_lost,
    "x.once.pressed-twice" => pressed_twice,
    "x.once.all-at-once" => all_at_once,
    "x.once.told-twice" => told_twice,
}

const TWO_MINUTES: Duration = Duration::from_secs(120);

async fn double_click(run: &Run<'_>) -> Done {
    let first = run.place(&Cart::usual()).await?;
    run.reject(&first).await?;
    run.sees(&first, "cancelled", |shown| {
        shown.standing == Standing::Cancelled
    })
    .await?;
    let before = begun(run).await?.len();
    let (one, other) = join(run.act(&first, &Act::Pay), run.act(&first, &Act::Pay)).await;
    let (one, other) = (address(run, one?)?, address(run, other?)?);
    same(run, "where the second press leads", &one, &other)?;
    run.pass(Duration::from_secs(10)).await?;
    let third = address(run, run.act(&first, &Act::Pay).await?)?;
    same(run, "where the third press leads", &one, &third)?;
    let after = begun(run).await?.len();
    run.expect(
        "initiates for the three presses",
        1,
        after.saturating_sub(before),
    )?;
    let order = run.at_vipps(first.number, third, None).await?;
    waits(run, &order).await
}

async fn paid_order(run: &Run<'_>) -> Done {
    let order = steps::paid(run, &Cart::usual()).await?;
    let before = begun(run).await?;
    run.must_not(&order, &Act::Pay).await?;
    run.capture(&order, None).await?;
    run.sees(&order, "captured", |shown| {
        shown.standing == Standing::Captured
    })
    .await?;
    run.must_not(&order, &Act::Pay).await?;
    run.expect("payments that were begun", before, begun(run).await?)?;
    let held = run.held(&order).await?;
    let shown = run.show(&order).await?;
    run.expect_that(
        "what the shop shows",
        "captured once",
        format!("{:?}, captured {:?}", shown.standing, shown.captured),
        shown.standing == Standing::Captured && seen::is_sum(shown.captured, held.captured),
    )?;
    seen::entries(run, &shown, [1, 1, 0])
}

async fn two_tabs(run: &Run<'_>) -> Done {
    let first = run.place(&Cart::usual()).await?;
    run.pass(TWO_MINUTES).await?;
    let second = run.pay_again(&first).await?;
    run.expect_that(
        "the second payment's reference",
        "another than the first's",
        &second.reference,
        second.reference != first.reference,
    )?;
    let calls = run.all_calls().await?;
    let at = |reference: &str, operation: &str| {
        calls.iter().position(|call| {
            call.operation() == operation
                && call.order_id.as_deref() == Some(reference)
                && call.succeeded()
        })
    };
    let cancelled = at(&first.reference, "cancel");
    let begun = at(&second.reference, "initiate");
    run.expect_that(
        "the first payment's cancellation at Vipps",
        "before the second's initiate",
        format!("call {cancelled:?} before call {begun:?}"),
        cancelled.is_some() && cancelled < begun,
    )?;
    no_longer_payable(run, &first).await?;
    run.approve(&second).await?;
    seen::reserved_once(run, &second).await.map(drop)
}

async fn approved_meanwhile(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    run.fault(&order, "callback", json!({ "kind": "callback_lost" }))
        .await?;
    run.pass(TWO_MINUTES).await?;
    let before = begun(run).await?;
    run.approve(&order).await?;
    run.must_not(&order, &Act::Pay).await?;
    run.expect("payments that were begun", before, begun(run).await?)?;
    let cancels = calls(run, &order, "cancel").await?.len();
    run.expect("cancel requests", 0, cancels)?;
    seen::reserved_once(run, &order).await.map(drop)
}

async fn initiate_lost(run: &Run<'_>) -> Done {
    let before = begun(run).await?;
    run.fault_on_any("initiate", json!({ "kind": "lost_after_done" }))
        .await?;
    let order = run.place(&Cart::usual()).await?;
    let mut all = begun(run).await?;
    all.retain(|reference| !before.contains(reference));
    run.expect(
        "the payments that were begun, the last is the shopper's",
        2,
        all.len(),
    )?;
    all.retain(|reference| *reference != order.reference);
    run.expect("of them the one whose answer was lost", 1, all.len())?;
    for reference in all {
        run.knows(&reference);
        let lost = Order {
            reference,
            ..order.clone()
        };
        run.pass(Duration::from_secs(60)).await?;
        no_longer_payable(run, &lost).await?;
    }
    run.approve(&order).await?;
    seen::reserved_once(run, &order).await.map(drop)
}

async fn capture_lost(run: &Run<'_>) -> Done {
    for fault in ["lost_after_done", "reset"] {
        let order = steps::paid(run, &Cart::usual()).await?;
        run.fault(&order, "capture", json!({ "kind": fault }))
            .await?;
        run.capture(&order, None).await?;
        let shown = in_the_end(run, &order, |shown| shown.standing == Standing::Captured).await?;
        let held = run.held(&order).await?;
        run.expect("captured at Vipps", held.authorised, held.captured)?;
        run.expect(
            "captures in Vipps' history",
            1,
            asked::done(&held, "CAPTURE"),
        )?;
        one_key(run, &calls(run, &order, "capture").await?)?;
        captured_sum(run, &shown, &held)?;
        seen::entries(run, &shown, [1, 1, 0])?;
    }
    Ok(())
}

async fn refund_lost(run: &Run<'_>) -> Done {
    for fault in ["lost_after_done", "reset"] {
        let order = steps::captured(run, &Cart::usual()).await?;
        let part = seen::third(run.show(&order).await?.total);
        run.fault(&order, "refund", json!({ "kind": fault }))
            .await?;
        run.refund(&order, Some(part)).await?;
        let shown = in_the_end(run, &order, |shown| {
            shown.standing == Standing::PartlyRefunded
        })
        .await?;
        refunded_once(run, &order, &shown, part).await?;
    }
    Ok(())
}

async fn cancel_lost(run: &Run<'_>) -> Done {
    let order = steps::paid(run, &Cart::usual()).await?;
    run.fault(&order, "cancel", json!({ "kind": "lost_after_done" }))
        .await?;
    run.cancel(&order).await?;
    run.sees(&order, "cancelled", |shown| {
        shown.standing == Standing::Cancelled
    })
    .await?;
    run.pass(Duration::from_secs(30)).await?;
    let held = run.held(&order).await?;
    run.expect("releases in Vipps' history", 1, asked::done(&held, "VOID"))?;
    let calls = run.calls(&order).await?;
    let operations: Vec<&str> = calls.iter().map(Exchange::operation).collect();
    let first = operations
        .iter()
        .position(|operation| *operation == "cancel");
    let next = first.and_then(|at| operations.get(at.saturating_add(1)));
    run.expect_that(
        "what kasse asks after the lost answer",
        "how the payment stands",
        format!("{next:?}"),
        matches!(next, Some(&"details" | &"events")),
    )?;
    let refused = calls
        .iter()
        .filter(|call| call.to_vipps() && call.status.is_some_and(|status| status >= 400));
    run.expect("requests that Vipps refused", 0, refused.count())?;
    let shown = run.show(&order).await?;
    run.expect_that(
        "released at the shop, in minor units",
        held.released,
        format!("{:?}", shown.released),
        seen::is_sum(shown.released, held.released),
    )
}

async fn pressed_twice(run: &Run<'_>) -> Done {
    let order = steps::paid(run, &Cart::usual()).await?;
    twice(run, &order, &Act::Capture(None)).await?;
    run.sees(&order, "captured", |shown| {
        shown.standing == Standing::Captured
    })
    .await?;
    twice(run, &order, &Act::Refund(None)).await?;
    let shown = run
        .sees(&order, "refunded", |shown| {
            shown.standing == Standing::Refunded
        })
        .await?;
    run.pass(Duration::from_secs(30)).await?;
    let held = run.held(&order).await?;
    run.expect(
        "captures in Vipps' history",
        1,
        asked::done(&held, "CAPTURE"),
    )?;
    run.expect("refunds in Vipps' history", 1, asked::done(&held, "REFUND"))?;
    captured_sum(run, &shown, &held)?;
    refunded_sum(run, &shown, &held)?;
    seen::entries(run, &run.show(&order).await?, [1, 1, 1])
}

async fn all_at_once(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    run.fault(&order, "callback", json!({ "kind": "callback_twice" }))
        .await?;
    let back = run.held(&order).await?.fall_back;
    // kasse's own look is due after five seconds.
    run.pass(Duration::from_secs(4)).await?;
    let browsers = join_all((0..3).map(|_| run.browser(&back, "nb")));
    let (acted, pages, passed) = join3(
        run.approve(&order),
        browsers,
        run.pass(Duration::from_secs(2)),
    )
    .await;
    acted?;
    passed?;
    for page in pages {
        run.expect("the return page's answer", 200, page?.0)?;
    }
    run.pass(Duration::from_secs(10)).await?;
    seen::reserved_once(run, &order).await?;
    let callbacks = calls(run, &order, "callback").await?;
    run.expect("callbacks", 2, callbacks.len())?;
    for callback in callbacks {
        run.expect("kasse's answer to a callback", Some(200), callback.status)?;
    }
    Ok(())
}

async fn told_twice(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    // What there was to tell so far is told.
    run.pass(Duration::from_secs(3)).await?;
    run.befall(Fate::EngineAnswerLost).await?;
    run.approve(&order).await?;
    run.pass(Duration::from_secs(30)).await?;
    let shown = seen::reserved_once(run, &order).await?;
    run.befall(Fate::EngineAnswerLost).await?;
    run.capture(&order, None).await?;
    run.pass(Duration::from_secs(30)).await?;
    run.sees(&order, "captured", |shown| {
        shown.standing == Standing::Captured
    })
    .await?;
    let part = seen::third(shown.total);
    run.befall(Fate::EngineAnswerLost).await?;
    run.refund(&order, Some(part)).await?;
    run.pass(Duration::from_secs(30)).await?;
    let shown = run
        .sees(&order, "partly refunded", |shown| {
            shown.standing == Standing::PartlyRefunded
        })
        .await?;
    let held = run.held(&order).await?;
    captured_sum(run, &shown, &held)?;
    refunded_once(run, &order, &shown, part).await
}

/// Where the browser was sent.
fn address(run: &Run<'_>, acted: Acted) -> Done<Url> {
    let what = "the press of the button";
    match acted {
        Acted::ToVipps { url, .. } => {
            run.expect_that(what, "leads to Vipps", "leads to Vipps", true)?;
            Ok(url)
        }
        other => {
            let observed = format!("{other:?}");
            run.expect_that(what, "leads to Vipps", &observed, false)?;
            Err(Stop::Failed(observed))
        }
    }
}

/// Two addresses are one. They are not shown: whoever has one can pay there.
fn same(run: &Run<'_>, what: &str, one: &Url, other: &Url) -> Done {
    let observed = if one == other {
        "to the same address"
    } else {
        "to another address"
    };
    run.expect(what, "to the same address", observed)
}

/// It waits for its customer.
async fn waits(run: &Run<'_>, order: &Order) -> Done {
    let held = run.held(order).await?;
    run.expect_that(
        "the payment at Vipps",
        "it waits for the customer",
        &held.state,
        matches!(held.state.as_str(), "initiated" | "opened"),
    )
}

/// The customer can no longer approve it: kasse has cancelled it at Vipps.
pub(super) async fn no_longer_payable(run: &Run<'_>, order: &Order) -> Done {
    let held = run.held(order).await?;
    run.expect(
        "the earlier payment at Vipps",
        "cancelled_by_merchant",
        held.state.as_str(),
    )?;
    let refused = run.approve(order).await.is_err();
    let observed = if refused { "refused" } else { "approved" };
    run.expect(
        "the customer tries to approve it: Vipps' answer",
        "refused",
        observed,
    )
}

/// Both presses end as done, or under way.
async fn twice(run: &Run<'_>, order: &Order, act: &Act) -> Done {
    let (one, other) = join(run.act(order, act), run.act(order, act)).await;
    for acted in [one?, other?] {
        run.expect_that(
            "what the merchant reads",
            "done, or under way",
            format!("{acted:?}"),
            matches!(acted, Acted::Done | Acted::Pending),
        )?;
    }
    Ok(())
}

/// Waits until it is so, and looks that the shop never shows it as failed until then.
async fn in_the_end(run: &Run<'_>, order: &Order, is_so: impl Fn(&Shown) -> bool) -> Done<Shown> {
    for _ in 0..120 {
        let shown = run.show(order).await?;
        if is_so(&shown) {
            break;
        }
        if matches!(shown.standing, Standing::Cancelled | Standing::NeedsPerson) {
            run.expect_that(
                "the shop shows, meanwhile",
                "no failure",
                &shown.word,
                false,
            )?;
        }
        run.pass(Duration::from_secs(1)).await?;
    }
    run.sees(order, "done", is_so).await
}

/// All requests are of one act: the same key, the same body.
fn one_key(run: &Run<'_>, requests: &[Exchange]) -> Done {
    let of = |request: &Exchange| (request.key().map(str::to_owned), request.request.clone());
    let first = requests.first().map(of);
    run.expect_that(
        "the requests",
        "one or more, with one key and one body",
        format!("{:?}", requests.iter().map(of).collect::<Vec<_>>()),
        first.as_ref().is_some_and(|first| {
            first.0.is_some() && requests.iter().all(|request| of(request) == *first)
        }),
    )
}

fn captured_sum(run: &Run<'_>, shown: &Shown, held: &Held) -> Done {
    run.expect_that(
        "captured at the shop, in minor units",
        held.captured,
        format!("{:?}", shown.captured),
        seen::is_sum(shown.captured, held.captured),
    )
}

fn refunded_sum(run: &Run<'_>, shown: &Shown, held: &Held) -> Done {
    run.expect_that(
        "refunded at the shop, in minor units",
        held.refunded,
        format!("{:?}", shown.refunded),
        seen::is_sum(shown.refunded, held.refunded),
    )
}

/// A part was refunded, once, at Vipps and in the shop.
pub(super) async fn refunded_once(
    run: &Run<'_>,
    order: &Order,
    shown: &Shown,
    part: Money,
) -> Done {
    let held = run.held(order).await?;
    run.expect("refunded at Vipps", part.minor, held.refunded)?;
    run.expect("refunds in Vipps' history", 1, asked::done(&held, "REFUND"))?;
    one_key(run, &calls(run, order, "refund").await?)?;
    refunded_sum(run, shown, &held)?;
    seen::entries(run, shown, [1, 1, 1])
}
