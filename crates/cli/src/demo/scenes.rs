//! The scenes, to be read from top to bottom: what can happen to an order that is paid with Vipps,
//! and what the shop and Vipps must show at the end of it.

use std::time::Duration;

use kasse_core::{Currency, Money};

use super::cast::{FJORD, FURU, SAARI, SUND};
use super::shop::Checkout;
use super::stage::{Played, Playing, Stage, Sums};
use super::vipps::User;

/// One scene.
#[derive(Debug)]
pub(super) struct Scene {
    /// What it shows.
    pub(super) title: &'static str,
    /// The shop that it is played in.
    pub(super) shop: &'static str,
    /// Plays it.
    pub(super) play: fn(&Stage) -> Playing<'_>,
}

/// A scene in the first shop.
const fn scene(title: &'static str, play: fn(&Stage) -> Playing<'_>) -> Scene {
    scene_in(FJORD, title, play)
}

const fn scene_in(
    shop: &'static str,
    title: &'static str,
    play: fn(&Stage) -> Playing<'_>,
) -> Scene {
    Scene { title, shop, play }
}

/// Those of the eCom API, in order.
pub(super) const ECOM: &[Scene] = &[
    scene(titles::REGULAR, |stage| Box::pin(regular(stage))),
    scene(titles::EXPRESS, |stage| Box::pin(express(stage))),
    scene(titles::EXPRESS_STATIC, |stage| {
        Box::pin(express_static(stage))
    }),
    scene(
        "Vipps' callback is lost; kasse finds the reservation by itself",
        |stage| Box::pin(lost_message(stage)),
    ),
    scene(titles::REJECTED_THEN_PAID, |stage| {
        Box::pin(rejected_then_paid(stage))
    }),
    scene(titles::NOBODY_ACTS, |stage| Box::pin(nobody_acts(stage))),
    scene(titles::MERCHANT_CANCELS, |stage| {
        Box::pin(merchant_cancels(stage))
    }),
    scene(titles::LOST_ANSWER, |stage| Box::pin(lost_answer(stage))),
    scene(
        "the customer takes back the consent; the personal data goes",
        |stage| Box::pin(consent_removed(stage)),
    ),
];

/// Those of the ePayment API: the same, and what it has beyond.
pub(super) const EPAYMENT: &[Scene] = &[
    scene(titles::REGULAR, |stage| Box::pin(regular(stage))),
    scene(titles::EXPRESS, |stage| Box::pin(express(stage))),
    scene(titles::EXPRESS_STATIC, |stage| {
        Box::pin(express_static(stage))
    }),
    scene(
        "Vipps' webhook is lost; kasse finds the reservation by itself",
        |stage| Box::pin(lost_message(stage)),
    ),
    scene(titles::REJECTED_THEN_PAID, |stage| {
        Box::pin(rejected_then_paid(stage))
    }),
    scene(titles::NOBODY_ACTS, |stage| Box::pin(nobody_acts(stage))),
    scene(titles::MERCHANT_CANCELS, |stage| {
        Box::pin(merchant_cancels(stage))
    }),
    scene(titles::LOST_ANSWER, |stage| Box::pin(lost_answer(stage))),
    scene(
        "the customer takes back the consent: no such call in this API",
        |stage| Box::pin(no_consent(stage)),
    ),
    scene(
        "the merchant captures in Vipps' portal; a webhook tells of it",
        |stage| Box::pin(portal_capture(stage)),
    ),
    scene(
        "webhooks come twice and in the wrong order; it is told once, and right",
        |stage| Box::pin(doubled_and_out_of_order(stage)),
    ),
    scene_in(
        SUND,
        "an order in Danish kroner; two weeks to capture it",
        |stage| Box::pin(danish(stage)),
    ),
    scene_in(SAARI, "express in Finland, in euros", |stage| {
        Box::pin(finnish(stage))
    }),
    scene_in(
        FURU,
        "the customer has a week to pay, and pays the next day",
        |stage| Box::pin(long_living(stage)),
    ),
];

/// Titles that are the same for both.
mod titles {
    pub(super) const REGULAR: &str = "a regular order; a part is captured, the rest released";
    pub(super) const EXPRESS: &str =
        "express: a delivery is chosen in the app; refunded in two parts";
    pub(super) const EXPRESS_STATIC: &str = "express with fixed delivery prices";
    pub(super) const REJECTED_THEN_PAID: &str = "the customer rejects, then pays the same order";
    pub(super) const NOBODY_ACTS: &str =
        "nobody acts; the payment ends, and the order can be paid again";
    pub(super) const MERCHANT_CANCELS: &str = "the merchant cancels a reservation";
    pub(super) const LOST_ANSWER: &str = "the answer to a capture is lost; it is captured once";
}

const NOK: Currency = Currency::Nok;

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

async fn lost_message(stage: &Stage) -> Played {
    let mut order = stage.order(&[(MUG, 1)], Checkout::Regular).await?;
    stage.pay(&mut order).await?;
    stage.lose_the_message(&order).await?;
    stage.approve(&order, None, None).await?;
    let reserved = Sums::reserved(order.amount);
    stage.shop_shows(&order, "reserved", reserved).await?;
    let held = stage.vipps_holds(&order, "reserved", reserved).await?;
    stage.must(
        held.reservations_told() == 0,
        "no message of Vipps' arrived",
        held.reservations_told(),
    )
}

async fn rejected_then_paid(stage: &Stage) -> Played {
    let mut order = stage.order(&[(MUG, 2)], Checkout::Regular).await?;
    stage.pay(&mut order).await?;
    stage.reject(&order).await?;
    stage
        .shop_shows(&order, "rejected", Sums::nothing(NOK))
        .await?;
    stage
        .vipps_holds(&order, "cancelled_by_user", Sums::nothing(NOK))
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
    stage
        .shop_shows(&order, "expired", Sums::nothing(NOK))
        .await?;
    stage
        .vipps_holds(&order, "timed_out", Sums::nothing(NOK))
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

/// ePayment has no such call: Vipps tells nobody when a customer takes back a consent there.
async fn no_consent(stage: &Stage) -> Played {
    let nils = User::new("Nils", "Bakken", "nils.bakken@example.com", "91122334");
    let mut order = stage.order(&[(JUMPER, 1)], Checkout::Express).await?;
    stage.pay(&mut order).await?;
    let offered = stage.deliveries(&order).await?;
    stage.approve(&order, offered.first(), Some(&nils)).await?;
    let total = offered.first().map_or(order.amount, |d| {
        Money::nok(order.amount.minor + d.cost.minor)
    });
    let reserved = Sums::reserved(total);
    stage.shop_shows(&order, "reserved", reserved).await?;
    stage.take_back_consent(&order, &nils).await?;
    let what = "has no such call: nothing to do here";
    stage.tell("Vipps", what, &order, None, "");
    stage.vipps_holds(&order, "reserved", reserved).await?;
    Ok(())
}

async fn portal_capture(stage: &Stage) -> Played {
    let mut order = stage
        .order(&[(JUMPER, 1), (MUG, 1)], Checkout::Regular)
        .await?;
    stage.pay(&mut order).await?;
    stage.approve(&order, None, None).await?;
    let reserved = Sums::reserved(order.amount);
    stage.shop_shows(&order, "reserved", reserved).await?;

    let mug = Money::nok(18_000);
    stage.capture_in_the_portal(&order, mug).await?;
    stage.webhook_taken(&order, "CAPTURED").await?;
    let part = reserved.captured(mug);
    stage.shop_shows(&order, "partly_captured", part).await?;
    // The shop goes on from there.
    stage.capture(&order, None).await?;
    let end = reserved.captured(order.amount);
    stage.shop_shows(&order, "captured", end).await?;
    stage.vipps_holds(&order, "reserved", end).await?;
    Ok(())
}

async fn doubled_and_out_of_order(stage: &Stage) -> Played {
    let mut order = stage
        .order(&[(JUMPER, 1), (MUG, 1)], Checkout::Regular)
        .await?;
    stage.pay(&mut order).await?;
    stage.double_the_message(&order).await?;
    stage.approve(&order, None, None).await?;
    stage.fault_happened(&order).await?;
    let reserved = Sums::reserved(order.amount);
    stage.shop_shows(&order, "reserved", reserved).await?;

    stage.overtake_the_message(&order).await?;
    let (mug, more) = (Money::nok(18_000), Money::nok(9900));
    stage.capture_in_the_portal(&order, mug).await?;
    stage.capture_in_the_portal(&order, more).await?;
    stage.all_is_told(&order).await?;
    stage.fault_happened(&order).await?;
    stage.webhook_taken(&order, "CAPTURED").await?;
    let end = reserved.captured(Money::nok(27_900));
    let shown = stage.shop_shows(&order, "partly_captured", end).await?;
    let told = [shown.times("authorised"), shown.times("captured")];
    stage.must(
        told == [1, 2],
        "one reservation and two captures told to the shop",
        format!("{told:?}"),
    )?;
    stage.vipps_holds(&order, "reserved", end).await?;
    Ok(())
}

async fn danish(stage: &Stage) -> Played {
    let dkk = |minor| Money::new(minor, Currency::Dkk);
    let total = dkk(88_790);
    let mut order = stage
        .order(&[(JUMPER, 1), (MUG, 1), (COFFEE, 1)], Checkout::Regular)
        .await?;
    stage.must(order.amount == total, "a total of 887.90 DKK", order.amount)?;
    stage.pay(&mut order).await?;
    stage.approve(&order, None, None).await?;
    let reserved = Sums::reserved(total);
    stage.shop_shows(&order, "reserved", reserved).await?;
    stage.capture_ends_after(&order, 14).await?;

    stage.capture(&order, None).await?;
    let mug = dkk(11_900);
    stage.refund(&order, Some(mug)).await?;
    let end = reserved.captured(total).refunded(mug);
    stage.shop_shows(&order, "partly_refunded", end).await?;
    stage.vipps_holds(&order, "reserved", end).await?;
    Ok(())
}

async fn finnish(stage: &Stage) -> Played {
    let eur = |minor| Money::new(minor, Currency::Eur);
    let mut order = stage
        .order(&[(JUMPER, 1), (COFFEE, 1)], Checkout::Express)
        .await?;
    stage.pay(&mut order).await?;
    let offered = stage.deliveries(&order).await?;
    let Some(home) = offered.iter().find(|delivery| delivery.cost == eur(990)) else {
        return stage.must(
            false,
            "a delivery home for 9.90 EUR",
            format!("{offered:?}"),
        );
    };
    stage.approve(&order, Some(home), None).await?;
    let total = eur(7990 + 2190 + 990);
    let reserved = Sums::reserved(total);
    let shown = stage.shop_shows(&order, "reserved", reserved).await?;
    stage.must(
        shown.total == total,
        "the order's total holds the delivery",
        shown.total,
    )?;
    stage.capture(&order, None).await?;
    let end = reserved.captured(total);
    stage.shop_shows(&order, "captured", end).await?;
    stage.vipps_holds(&order, "reserved", end).await?;
    Ok(())
}

async fn long_living(stage: &Stage) -> Played {
    let mut order = stage.order(&[(JUMPER, 2)], Checkout::Regular).await?;
    stage.pay(&mut order).await?;
    stage
        .nobody_acts_for(Duration::from_secs(24 * 60 * 60), &order)
        .await?;
    stage
        .shop_shows(&order, "waiting", Sums::nothing(NOK))
        .await?;
    stage.approve(&order, None, None).await?;
    let reserved = Sums::reserved(order.amount);
    stage.shop_shows(&order, "reserved", reserved).await?;
    stage.vipps_holds(&order, "reserved", reserved).await?;
    Ok(())
}
