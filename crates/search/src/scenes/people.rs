//! Who acts in the scenes: customers, merchants, people in Vipps' portal.

use std::time::Duration;

use kasse_core::journal::{Filter, Journal};
use kasse_core::{Payment, PaymentState};
use kasse_simulator::{Address, Approval};

use crate::dice::Dice;
use crate::scene::{Actor, Violation};
use crate::shop::{Answered, Kept, NOWHERE, Store, Wanted};
use crate::world::{World, read};

/// How long a shop waits for an answer.
const WAIT: Duration = Duration::from_secs(15);
/// How often a shop asks again at the most. After that a person asks another day.
const TIMES: u32 = 30;

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(3600);

/// The shop of most scenes.
pub(super) const SHOP: &str = "acme";

/// What a customer has a mind to do with a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mind {
    /// Approves it soon.
    Approve,
    /// Says no.
    Reject,
    /// Looks away.
    Leave,
    /// Approves it in the last moment.
    LastMoment,
}

/// What a merchant wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// So much of what is reserved, in øre; `None`: what is left.
    Capture(Option<i64>),
    /// So much of what is captured; `None`: what is left.
    Refund(Option<i64>),
    /// What is left is let go.
    Cancel,
}

impl Wish {
    fn verb(self) -> &'static str {
        match self {
            Self::Capture(_) => "capture",
            Self::Refund(_) => "refund",
            Self::Cancel => "cancel",
        }
    }

    fn amount(self) -> Option<i64> {
        match self {
            Self::Capture(amount) | Self::Refund(amount) => amount,
            Self::Cancel => None,
        }
    }
}

/// Asks kasse once. `None`: no answer that can be read.
async fn ask_once(world: &World, shop: &str, verb: &str, wanted: &Wanted) -> Option<Answered> {
    let answer = world.call(Store::wants(shop, verb, wanted), WAIT).await;
    let answer = answer
        .ok()
        .and_then(|answer| serde_json::from_slice(answer.body()).ok());
    world.say(shop, || format!("{verb} {wanted:?}: {answer:?}"));
    answer
}

/// Asks kasse as a shop does, again with the same key as long as there is no last word. What is
/// "pending" is asked again, too: a shop that is not told may ask.
pub(super) async fn ask(
    world: &World,
    dice: &mut Dice,
    shop: &str,
    verb: &str,
    wanted: &Wanted,
) -> Option<Answered> {
    let mut last = None;
    for time in 0..TIMES {
        if let Some(answer) = ask_once(world, shop, verb, wanted).await {
            let kind = answer.kind.clone().unwrap_or_default();
            let passes = matches!(
                kind.as_str(),
                "in_progress" | "journal" | "too_late" | "vipps_unavailable" | "rate_limited"
            );
            let over = answer.outcome != "pending" && !passes;
            last = Some(answer);
            if over {
                break;
            }
        }
        let pause = SECOND * (1 + time) + dice.pause(SECOND * 30);
        world.pass(pause).await;
    }
    last
}

/// The payment of a reference.
fn payment(world: &World, reference: &str) -> Option<Payment> {
    let all = Filter {
        most: 10_000,
        ..Filter::default()
    };
    let mut all = read(world.journal().list(&all)).into_iter();
    all.find(|payment| payment.id.reference.as_str() == reference)
}

/// The customer does in the app what they have a mind to.
async fn act(world: &World, dice: &mut Dice, reference: &str, mind: Mind, user: Option<&str>) {
    let Some(payment) = payment(world, reference) else {
        return;
    };
    let msn = payment.msn.as_str();
    let vipps = world.vipps();
    let look = vipps.open(msn, reference);
    world.say("customer", || {
        format!("opens {reference}: {}", look.is_ok())
    });
    let Ok(view) = look else { return };
    match mind {
        Mind::Leave => return,
        Mind::Approve | Mind::Reject => world.pass(dice.pause(MINUTE)).await,
        Mind::LastMoment => {
            // Vipps gives five minutes once it is opened.
            let ends = view.ends.unwrap_or_else(|| world.now());
            let left = kasse_core::span(world.now(), ends);
            world
                .pass(left.saturating_sub(dice.pause(SECOND * 4)))
                .await;
        }
    }
    if view.express && dice.chance(20) {
        // Somewhere else first.
        let far = Address {
            post_code: NOWHERE.into(),
            ..Address::default()
        };
        let _ = vipps.shipping(msn, reference, Some(far)).await;
    }
    if view.express {
        let quoted = vipps.shipping(msn, reference, None).await;
        world.say("customer", || {
            let offered = quoted.map(|quote| quote.options.len());
            format!("asks for deliveries of {reference}: {offered:?}")
        });
    }
    let acted = if mind == Mind::Reject {
        vipps.reject(msn, reference).await
    } else {
        let approval = Approval {
            user: user.map(person),
            ..Approval::default()
        };
        vipps.approve(msn, reference, approval).await
    };
    world.say("customer", || match &acted {
        Ok(acted) => format!("{mind:?} {reference}: {:?}", acted.state),
        Err(error) => format!("{mind:?} {reference}: {error}"),
    });
    if let Ok(acted) = acted
        && let Some(back) = acted.redirect
        && dice.chance(60)
    {
        world.pass(dice.pause(SECOND * 5)).await;
        let page = http::Request::get(back).body(bytes::Bytes::new());
        if let Ok(page) = page {
            let _ = world.call(page, WAIT).await;
        }
    }
}

fn person(name: &str) -> kasse_simulator::User {
    kasse_simulator::User {
        first_name: name.into(),
        user_id: format!("{name}/id=+"),
        ..kasse_simulator::User::default()
    }
}

/// A customer who pays an order, with these minds one after the other, until it is paid.
pub(super) fn customer(world: &World, order: &str, minds: &[Mind], user: Option<&str>) -> Actor {
    somebody(world, &format!("customer of {order}"), order, minds, user)
}

/// The same by another name.
pub(super) fn somebody(
    world: &World,
    name: &str,
    order: &str,
    minds: &[Mind],
    user: Option<&str>,
) -> Actor {
    let (world, order, minds) = (world.clone(), order.to_owned(), minds.to_vec());
    let user = user.map(str::to_owned);
    let mut dice = world.dice(name);
    let tab = name.replace(' ', "-");
    Actor::new(name, async move {
        world.pass(dice.pause(SECOND * 20)).await;
        let mut begun: Vec<String> = Vec::new();
        for (nth, mind) in minds.iter().enumerate() {
            let wanted = Wanted {
                order: order.clone(),
                reference: None,
                key: dice.chance(50).then(|| format!("{tab}-{nth}")),
                amount: None,
            };
            let Some(answer) = ask(&world, &mut dice, SHOP, "pay", &wanted).await else {
                continue;
            };
            if answer.kind.as_deref() == Some("already_paid") {
                break;
            }
            let Some(reference) = answer.reference.filter(|_| answer.redirect.is_some()) else {
                continue;
            };
            begun.push(reference.clone());
            // An older page may still be open in another tab.
            if let Some(older) = begun.first().filter(|older| **older != reference)
                && dice.chance(30)
            {
                act(&world, &mut dice, older, Mind::Approve, user.as_deref()).await;
            }
            act(&world, &mut dice, &reference, *mind, user.as_deref()).await;
            match mind {
                Mind::Leave => world.pass(MINUTE + dice.pause(MINUTE * 11)).await,
                _ => world.pass(dice.pause(MINUTE * 2)).await,
            }
        }
    })
}

/// Waits until the shop shows that an order is paid; not for ever.
pub(super) async fn paid(world: &World, order: &str) -> Option<Kept> {
    let store = world.engine::<Store>(SHOP);
    for _ in 0..400 {
        if let Some(kept) = store.order(order)
            && kept
                .shown
                .values()
                .any(|shown| shown.sums.authorised.is_positive())
        {
            return Some(kept);
        }
        world.pass(SECOND * 20).await;
    }
    None
}

/// A merchant who has these wishes for an order, one after the other, once it is paid.
pub(super) fn merchant(world: &World, name: &str, order: &str, wishes: &[Wish]) -> Actor {
    let (world, order, wishes) = (world.clone(), order.to_owned(), wishes.to_vec());
    let mut dice = world.dice(name);
    let who = name.to_owned();
    Actor::new(name, async move {
        if paid(&world, &order).await.is_none() {
            return;
        }
        for (nth, wish) in wishes.iter().enumerate() {
            world.pass(dice.pause(MINUTE * 3)).await;
            wants(&world, &mut dice, &order, *wish, &format!("{who}-{nth}")).await;
        }
    })
}

/// A merchant's wish, until it has a last word; sometimes asked once more after that.
pub(super) async fn wants(world: &World, dice: &mut Dice, order: &str, wish: Wish, key: &str) {
    let wanted = Wanted {
        order: order.to_owned(),
        reference: None,
        key: Some(key.replace(' ', "-")),
        amount: wish.amount(),
    };
    let answer = ask(world, dice, SHOP, wish.verb(), &wanted).await;
    if !dice.chance(20) {
        return;
    }
    let Some(first) = answer else { return };
    world.pass(dice.pause(MINUTE * 10)).await;
    let again = ask(world, dice, SHOP, wish.verb(), &wanted).await;
    if first.outcome == "done"
        && let Some(again) = again
        && again.outcome == "refused"
        && !matches!(
            again.kind.as_deref(),
            Some("in_progress" | "journal" | "too_late" | "vipps_unavailable")
        )
        // Vipps is busy with the payment: to be asked again.
        && !again.why.as_deref().is_some_and(|why| why.contains("has to wait"))
    {
        world.fail(Violation::new(
            "what was answered stands",
            format!("{wanted:?} was done, and is {again:?} when it is repeated"),
        ));
    }
}

/// A person in Vipps' portal.
pub(super) fn portal(world: &World, order: &str, wishes: &[Wish]) -> Actor {
    let name = "portal";
    let (world, order, wishes) = (world.clone(), order.to_owned(), wishes.to_vec());
    let mut dice = world.dice(name);
    Actor::new(name, async move {
        if paid(&world, &order).await.is_none() {
            return;
        }
        for wish in wishes {
            world.pass(dice.pause(MINUTE * 4)).await;
            let Some(payment) = authorised(&world, &order) else {
                return;
            };
            let (msn, reference) = (payment.msn.as_str(), payment.id.reference.as_str());
            let amount = wish.amount().and_then(|amount| u64::try_from(amount).ok());
            let done = match wish {
                Wish::Capture(_) => world.vipps().portal_capture(msn, reference, amount),
                Wish::Refund(_) => world.vipps().portal_refund(msn, reference, amount),
                Wish::Cancel => world.vipps().portal_cancel(msn, reference),
            };
            world.say(name, || {
                format!("{wish:?} of {reference}: {}", done.is_ok())
            });
        }
    })
}

/// The payment that an order is paid by.
pub(super) fn authorised(world: &World, order: &str) -> Option<Payment> {
    let all = Filter {
        most: 10_000,
        ..Filter::default()
    };
    read(world.journal().list(&all))
        .into_iter()
        .find(|payment| {
            let of = payment.order.order.as_str() == order
                || payment
                    .begun_for
                    .as_ref()
                    .is_some_and(|at| at.order.as_str() == order);
            of && payment.state == PaymentState::Authorised
        })
}

/// Some wishes for an order of so much, by the dice.
pub(super) fn some_wishes(dice: &mut Dice, total: i64) -> Vec<Wish> {
    let part = |dice: &mut Dice| {
        let tenths = i64::try_from(dice.between(1, 6)).unwrap_or(1);
        Some(total / 10 * tenths)
    };
    let count = dice.between(1, 4);
    (0..count)
        .map(|_| match dice.below(10) {
            0..4 => Wish::Capture(part(dice)),
            4 | 5 => Wish::Capture(None),
            6 | 7 => Wish::Refund(part(dice)),
            8 => Wish::Refund(None),
            _ => Wish::Cancel,
        })
        .collect()
}
