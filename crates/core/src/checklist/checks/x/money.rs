//! Every amount is exact, and nothing never means all.

use serde_json::json;

use super::super::{asked, steps};
use super::checks;
use crate::Money;
use crate::checklist::{Act, Cart, Checkout, Done, Goods, Order, Run, Shown, Standing};

checks! {
    "x.money.decimals" => decimals,
    "x.money.vat-and-coupon" => vat_and_coupon,
    "x.money.delivery-price" => delivery_price,
    "x.money.zero" => zero,
    "x.money.same-part-twice" => same_part_twice,
    "x.money.amount-explicit" => amount_explicit,
}

async fn decimals(run: &Run<'_>) -> Done {
    for goods in [Goods::OddPrice, Goods::Usual] {
        whole_life(run, &Cart::of(goods, Checkout::Regular)).await?;
    }
    Ok(())
}

async fn vat_and_coupon(run: &Run<'_>) -> Done {
    whole_life(run, &Cart::of(Goods::MixedVat, Checkout::Regular)).await
}

/// Ordered, approved, captured and refunded in full; each sum is the shop's, to the øre.
async fn whole_life(run: &Run<'_>, cart: &Cart) -> Done {
    let order = run.place(cart).await?;
    let total = run.show(&order).await?.total;
    let asked = steps::calls(run, &order, "initiate").await?;
    let amount = asked
        .first()
        .and_then(asked::amount_as_written)
        .unwrap_or_default();
    run.expect("amount of the initiate", json!(total.minor), amount)?;
    run.approve(&order).await?;
    steps::authorised(run, &order).await?;
    run.capture(&order, None).await?;
    let shown = asked::stands(run, &order, "captured", Standing::Captured).await?;
    let held = run.held(&order).await?;
    run.expect("captured at Vipps", total.minor, held.captured)?;
    shows(run, "captured", shown.captured, held.captured)?;
    run.refund(&order, None).await?;
    let shown = asked::stands(run, &order, "refunded", Standing::Refunded).await?;
    let held = run.held(&order).await?;
    run.expect("refunded at Vipps", held.captured, held.refunded)?;
    shows(run, "refunded", shown.refunded, held.refunded)
}

/// A sum is what Vipps holds, where the shop shows it.
fn shows(run: &Run<'_>, what: &str, sum: Option<Money>, held: i64) -> Done {
    match sum {
        Some(sum) => run.expect(&format!("{what}, says the shop"), held, sum.minor),
        None => Ok(()),
    }
}

async fn delivery_price(run: &Run<'_>) -> Done {
    let order = run
        .place(&Cart::of(Goods::OddPrice, Checkout::Express))
        .await?;
    let goods = run.held(&order).await?.amount;
    let offer = run.offer(&order, None).await?;
    let odd = |cost: i64| cost % 100 != 0;
    let chosen = offer
        .options
        .iter()
        .find(|option| odd(option.cost_ore))
        .or_else(|| offer.options.first());
    let Some(chosen) = chosen else {
        return run.expect_that("deliveries in the app", "some", "none", false);
    };
    let how = json!({ "shippingMethodId": chosen.shipping_method_id });
    run.approve_with(&order, how).await?;
    let shown = steps::authorised(run, &order).await?;
    let held = run.held(&order).await?;
    let sum = goods.saturating_add(chosen.cost_ore);
    run.expect("reserved: goods and delivery", sum, held.authorised)?;
    run.expect("the shop's total", sum, shown.total.minor)?;
    if let Some((title, price)) = &shown.delivery {
        let what = format!("the price of \"{title}\" in the shop");
        run.expect(&what, chosen.cost_ore, price.minor)?;
    }
    shows(run, "authorised", shown.authorised, held.authorised)?;
    run.expect("released at Vipps", 0, held.released)
}

async fn zero(run: &Run<'_>) -> Done {
    let order = steps::paid(run, &Cart::usual()).await?;
    let nothing = Some(Money::zero(run.show(&order).await?.total.currency));
    run.must_not(&order, &Act::Capture(nothing)).await?;
    let asked = steps::calls(run, &order, "capture").await?;
    run.expect("captures before the full one", 0, asked.len())?;
    run.capture(&order, None).await?;
    asked::stands(run, &order, "captured", Standing::Captured).await?;
    run.must_not(&order, &Act::Refund(nothing)).await?;
    let asked = steps::calls(run, &order, "refund").await?;
    run.expect("refunds", 0, asked.len())?;
    let shown = run.show(&order).await?;
    run.expect("the shop shows", Standing::Captured, shown.standing)?;
    shows(run, "refunded", shown.refunded, 0)
}

async fn same_part_twice(run: &Run<'_>) -> Done {
    let order = steps::paid(run, &Cart::usual()).await?;
    let third = asked::part_of(run.show(&order).await?.total, 3);
    for count in [1, 2] {
        run.capture(&order, Some(third)).await?;
        let held = settled(
            run,
            &order,
            "captured",
            |shown| shown.captured,
            third,
            count,
        )
        .await?;
        run.expect("captures at Vipps", count, asked::done(&held, "CAPTURE"))?;
    }
    two_keys(run, &order, "capture").await?;
    let sixth = asked::part_of(third, 2);
    for count in [1, 2] {
        run.refund(&order, Some(sixth)).await?;
        let held = settled(
            run,
            &order,
            "refunded",
            |shown| shown.refunded,
            sixth,
            count,
        )
        .await?;
        run.expect("refunds at Vipps", count, asked::done(&held, "REFUND"))?;
    }
    two_keys(run, &order, "refund").await
}

/// Waits until so many of a part are shown, where the shop shows such a sum, and held.
async fn settled(
    run: &Run<'_>,
    order: &Order,
    what: &str,
    sum: fn(&Shown) -> Option<Money>,
    part: Money,
    count: usize,
) -> Done<crate::checklist::Held> {
    let times = i64::try_from(count).unwrap_or(i64::MAX);
    let all = Money::new(part.minor.saturating_mul(times), part.currency);
    let words = format!("{all} {what}");
    run.sees(order, &words, |shown| {
        sum(shown).is_none_or(|sum| sum == all)
    })
    .await?;
    let held = run.held(order).await?;
    let at_vipps = if what == "captured" {
        held.captured
    } else {
        held.refunded
    };
    run.expect(&format!("{what} at Vipps"), all.minor, at_vipps)?;
    Ok(held)
}

async fn two_keys(run: &Run<'_>, order: &Order, on: &str) -> Done {
    let asked = steps::calls(run, order, on).await?;
    run.expect(&format!("{on} requests"), 2, asked.len())?;
    run.expect("their keys", 2, asked::keys(&asked).len())
}

async fn amount_explicit(run: &Run<'_>) -> Done {
    let order = steps::paid(run, &Cart::usual()).await?;
    let held = run.held(&order).await?;
    let reserved = held.authorised;
    let third = asked::part_of(held.money(reserved), 3);
    let amount = json!({ "amount": third.minor });
    run.control(&order, "portal/capture", amount).await?;
    run.capture(&order, None).await?;
    let shown = asked::stands(run, &order, "captured", Standing::Captured).await?;
    let held = run.held(&order).await?;
    run.expect("captured at Vipps", reserved, held.captured)?;
    shows(run, "captured", shown.captured, reserved)?;
    for call in steps::calls(run, &order, "capture").await? {
        let amount = asked::amount_as_written(&call);
        let number = amount.as_ref().and_then(serde_json::Value::as_i64);
        run.expect_that(
            "amount of a capture request",
            "above 0",
            amount.unwrap_or_default(),
            number.is_some_and(|number| number > 0),
        )?;
    }
    Ok(())
}
