//! The nine scenes, to be read from top to bottom: what can happen to an order that is paid with
//! Vipps, and what the shop and Vipps must show at the end of it.

use std::time::Duration;

use kasse_core::Money;

use super::shop::Checkout;
use super::stage::{Played, Playing, Stage, Sums};
use super::vipps::User;

/// One scene.
pub(super) struct Scene {
    /// What it shows.
    pub(super) title: &'static str,
    /// Plays it.
    pub(super) play: fn(&Stage) -> Playing<'_>,
}

/// All of them, in order.
pub(super) const SCENES: &[Scene] = &[
    Scene {
        title: "a regular order; a part is captured, the rest released",
        play: |stage| Box::pin(regular(stage)),
    },
    Scene {
        title: "express: a delivery is chosen in the app; refunded in two parts",
        play: |stage| Box::pin(express(stage)),
    },
    Scene {
        title: "express with fixed delivery prices",
        play: |stage| Box::pin(express_static(stage)),
    },
    Scene {
        title: "Vipps' callback is lost; kasse finds the reservation by itself",
        play: |stage| Box::pin(lost_callback(stage)),
    },
    Scene {
        title: "the customer rejects, then pays the same order",
        play: |stage| Box::pin(rejected_then_paid(stage)),
    },
    Scene {
        title: "nobody acts; the payment ends, and the order can be paid again",
        play: |stage| Box::pin(nobody_acts(stage)),
    },
    Scene {
        title: "the merchant cancels a reservation",
        play: |stage| Box::pin(merchant_cancels(stage)),
    },
    Scene {
        title: "the answer to a capture is lost; it is captured once",
        play: |stage| Box::pin(lost_answer(stage)),
    },
    Scene {
        title: "the customer takes back the consent; the personal data goes",
        play: |stage| Box::pin(consent_removed(stage)),
    },
];

const JUMPER: &str = "jumper"; // 899.00, 25 % VAT
const MUG: &str = "mug"; // 180.00, 25 % VAT
const COFFEE: &str = "coffee"; // 249.90, 15 % VAT

async fn regular(stage: &Stage) -> Played {
    let total = Money::nok(132_890);
    let jumper = Money::nok(89_900);
    let rest = Money::nok(42_990);

    let mut order = stage
        .order(&[(JUMPER, 1), (MUG, 1), (COFFEE, 1)], Checkout::Regular)
        .await?;
    stage.must(
        order.amount == total,
        "a total of 1 328.90 NOK",
        order.amount,
    )?;
    stage.pay(&mut order).await?;
    stage.approve(&order, None, None).await?;
    stage
        .shop_shows(&order, "reserved", Sums::reserved(total))
        .await?;

    stage.capture(&order, Some(jumper)).await?;
    stage.cancel(&order).await?;
    let end = Sums::reserved(total).captured(jumper).released(rest);
    stage.shop_shows(&order, "captured", end).await?;
    stage.vipps_holds(&order, "reserved", end).await?;
    Ok(())
}

async fn express(stage: &Stage) -> Played {
    let mut order = stage
        .order(&[(JUMPER, 1), (MUG, 1)], Checkout::Express)
        .await?;
    stage.pay(&mut order).await?;
    let offered = stage.deliveries(&order).await?;
    let Some(home) = offered
        .iter()
        .find(|delivery| delivery.cost == Money::nok(9900))
    else {
        return stage.must(
            false,
            "a delivery home for 99.00 NOK",
            format!("{offered:?}"),
        );
    };
    stage.approve(&order, Some(home), None).await?;
    let total = Money::nok(89_900 + 18_000 + 9900);
    let shown = stage
        .shop_shows(&order, "reserved", Sums::reserved(total))
        .await?;
    stage.must(
        shown.total == total,
        "the order's total holds the delivery",
        shown.total,
    )?;

    stage.capture(&order, None).await?;
    stage
        .shop_shows(&order, "captured", Sums::reserved(total).captured(total))
        .await?;
    let mug = Money::nok(18_000);
    stage.refund(&order, Some(mug)).await?;
    let half = Sums::reserved(total).captured(total).refunded(mug);
    stage.shop_shows(&order, "partly_refunded", half).await?;
    stage.refund(&order, None).await?;
    let end = half.refunded(total);
    stage.shop_shows(&order, "refunded", end).await?;
    let held = stage.vipps_holds(&order, "reserved", end).await?;
    stage.must(
        held.times("REFUND") == 2,
        "two refunds in Vipps' history",
        held.times("REFUND"),
    )
}

async fn express_static(stage: &Stage) -> Played {
    let mut order = stage.order(&[(COFFEE, 2)], Checkout::ExpressStatic).await?;
    stage.pay(&mut order).await?;
    let offered = stage.deliveries(&order).await?;
    let Some(pickup) = offered
        .iter()
        .find(|delivery| delivery.cost == Money::nok(6900))
    else {
        return stage.must(
            false,
            "a pickup point for 69.00 NOK",
            format!("{offered:?}"),
        );
    };
    stage.approve(&order, Some(pickup), None).await?;
    let total = Money::nok(2 * 24_990 + 6900);
    let shown = stage
        .shop_shows(&order, "reserved", Sums::reserved(total))
        .await?;
    stage.must(
        shown.total == total,
        "the order's total holds the delivery",
        shown.total,
    )?;
    stage
        .vipps_holds(&order, "reserved", Sums::reserved(total))
        .await?;
    Ok(())
}

async fn lost_callback(stage: &Stage) -> Played {
    let mut order = stage.order(&[(MUG, 1)], Checkout::Regular).await?;
    stage.pay(&mut order).await?;
    stage.lose_the_callback(&order).await?;
    stage.approve(&order, None, None).await?;
    let reserved = Sums::reserved(order.amount);
    stage.shop_shows(&order, "reserved", reserved).await?;
    let held = stage.vipps_holds(&order, "reserved", reserved).await?;
    stage.must(
        held.callbacks_sent == 0,
        "no callback of Vipps' was sent",
        held.callbacks_sent,
    )
}

async fn rejected_then_paid(stage: &Stage) -> Played {
    let mut order = stage.order(&[(MUG, 2)], Checkout::Regular).await?;
    stage.pay(&mut order).await?;
    stage.reject(&order).await?;
    stage.shop_shows(&order, "rejected", Sums::NOTHING).await?;
    stage
        .vipps_holds(&order, "cancelled_by_user", Sums::NOTHING)
        .await?;

    stage.pay(&mut order).await?;
    stage.approve(&order, None, None).await?;
    let reserved = Sums::reserved(order.amount);
    stage.shop_shows(&order, "reserved", reserved).await?;
    stage.vipps_holds(&order, "reserved", reserved).await?;
    Ok(())
}

async fn nobody_acts(stage: &Stage) -> Played {
    let mut order = stage.order(&[(COFFEE, 1)], Checkout::Regular).await?;
    stage.pay(&mut order).await?;
    stage
        .nobody_acts_for(Duration::from_secs(11 * 60), &order)
        .await?;
    stage.shop_shows(&order, "expired", Sums::NOTHING).await?;
    stage
        .vipps_holds(&order, "timed_out", Sums::NOTHING)
        .await?;

    stage.pay(&mut order).await?;
    stage.approve(&order, None, None).await?;
    let reserved = Sums::reserved(order.amount);
    stage.shop_shows(&order, "reserved", reserved).await?;
    stage.vipps_holds(&order, "reserved", reserved).await?;
    Ok(())
}

async fn merchant_cancels(stage: &Stage) -> Played {
    let mut order = stage.order(&[(JUMPER, 1)], Checkout::Regular).await?;
    stage.pay(&mut order).await?;
    stage.approve(&order, None, None).await?;
    let reserved = Sums::reserved(order.amount);
    stage.shop_shows(&order, "reserved", reserved).await?;

    stage.cancel(&order).await?;
    let end = reserved.released(order.amount);
    stage.shop_shows(&order, "cancelled", end).await?;
    stage.vipps_holds(&order, "voided", end).await?;
    Ok(())
}

async fn lost_answer(stage: &Stage) -> Played {
    let mut order = stage
        .order(&[(JUMPER, 1), (COFFEE, 1)], Checkout::Regular)
        .await?;
    stage.pay(&mut order).await?;
    stage.approve(&order, None, None).await?;
    let reserved = Sums::reserved(order.amount);
    stage.shop_shows(&order, "reserved", reserved).await?;

    stage.lose_the_answer_to_capture(&order).await?;
    stage.capture(&order, None).await?;
    stage.fault_happened(&order).await?;
    let end = reserved.captured(order.amount);
    stage.shop_shows(&order, "captured", end).await?;
    let held = stage.vipps_holds(&order, "reserved", end).await?;
    stage.must(
        held.times("CAPTURE") == 1,
        "one capture in Vipps' history",
        held.times("CAPTURE"),
    )
}

async fn consent_removed(stage: &Stage) -> Played {
    let kari = User::new(
        "Kari",
        "Nordstrand",
        "kari.nordstrand@example.com",
        "98765432",
    );
    let mut order = stage.order(&[(JUMPER, 1)], Checkout::Express).await?;
    stage.pay(&mut order).await?;
    let offered = stage.deliveries(&order).await?;
    stage.approve(&order, offered.first(), Some(&kari)).await?;
    let total = offered.first().map_or(order.amount, |d| {
        Money::nok(order.amount.minor + d.cost.minor)
    });
    let shown = stage
        .shop_shows(&order, "reserved", Sums::reserved(total))
        .await?;
    let customer = shown.customer.unwrap_or_default();
    stage.must(
        customer.contains(&kari.email),
        "the shop knows the customer",
        &customer,
    )?;
    stage.capture(&order, None).await?;
    let end = Sums::reserved(total).captured(total);
    stage.shop_shows(&order, "captured", end).await?;

    stage.journal_knows(&order, &kari.email).await?;
    stage.take_back_consent(&order, &kari).await?;
    let kept = stage.shop_has_forgotten(&order, &kari).await?;
    stage
        .journal_has_forgotten(&order, &[&kari.last_name, &kari.email, &kari.phone])
        .await?;
    for what in &kept {
        stage.tell("shop", "keeps, as the law asks", &order, None, what);
    }
    // The money is untouched by it.
    stage.vipps_holds(&order, "reserved", end).await?;
    stage.must(
        !kept.is_empty(),
        "a list of what is kept by law",
        "an empty list",
    )
}
