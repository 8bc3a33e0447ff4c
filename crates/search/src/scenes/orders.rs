//! What can happen to an order, on one server: what the demonstration shows, and more.

use std::time::Duration;

use kasse_core::{ApiKind, Express};

use super::people::{
    HOUR, MINUTE, Mind, SECOND, SHOP, Wish, authorised, customer, merchant, paid, portal,
    some_wishes, somebody,
};
use super::{TOTAL, setting, setting_on};
use crate::invariants;
use crate::plan::Menu;
use crate::scene::{Actor, Scene, Setting};
use crate::shop::{HOME, Kept, Store};

/// An order is paid; a part is captured, the rest released.
pub(super) const REGULAR: Scene = Scene {
    name: "regular",
    about: "an order is paid, a part captured, the rest released",
    set: |dice| setting(dice, &[("1001", Kept::of(TOTAL))]),
    play: |world, _| {
        vec![
            customer(world, "1001", &[Mind::Approve; 3], None),
            merchant(
                world,
                "merchant",
                "1001",
                &[Wish::Capture(Some(12_000)), Wish::Cancel],
            ),
        ]
    },
    watch: |_| invariants::all(),
};

/// Express: a delivery is chosen in the app; captured, and refunded in two parts.
pub(super) const EXPRESS: Scene = Scene {
    name: "express",
    about: "a delivery is chosen in the app; captured, and refunded in two parts",
    set: |dice| setting(dice, &[("1001", express(Express::Dynamic))]),
    play: |world, _| express_play(world),
    watch: |_| invariants::all(),
};

/// The same with deliveries that go with the order.
pub(super) const STATIC: Scene = Scene {
    name: "static",
    about: "the deliveries go with the order; captured, and refunded in two parts",
    set: |dice| setting(dice, &[("1001", express(Express::Static))]),
    play: |world, _| express_play(world),
    watch: |_| invariants::all(),
};

fn express(how: Express) -> Kept {
    Kept {
        express: Some(how),
        ..Kept::of(TOTAL)
    }
}

fn express_play(world: &crate::world::World) -> Vec<Actor> {
    let wishes = [
        Wish::Capture(None),
        Wish::Refund(Some(HOME)),
        Wish::Refund(None),
    ];
    vec![
        customer(world, "1001", &[Mind::Approve; 3], Some("kari")),
        merchant(world, "merchant", "1001", &wishes),
    ]
}

/// The customer rejects, then pays the same order.
pub(super) const REJECTED: Scene = Scene {
    name: "rejected",
    about: "the customer rejects, then pays the same order",
    set: |dice| setting(dice, &[("1001", with_phone())]),
    play: |world, _| {
        let minds = [Mind::Reject, Mind::Approve, Mind::Approve];
        vec![
            customer(world, "1001", &minds, None),
            merchant(world, "merchant", "1001", &[Wish::Capture(None)]),
        ]
    },
    watch: |_| invariants::all(),
};

fn with_phone() -> Kept {
    Kept {
        phone: Some("91234567".into()),
        ..Kept::of(TOTAL)
    }
}

/// Nobody acts; the payment ends, and the order is paid later.
pub(super) const NOBODY: Scene = Scene {
    name: "nobody",
    about: "nobody acts; the payment ends, and the order is paid later",
    set: |dice| setting(dice, &[("1001", with_phone())]),
    play: |world, _| {
        let minds = [Mind::Leave, Mind::Leave, Mind::Approve, Mind::Approve];
        vec![
            customer(world, "1001", &minds, None),
            merchant(world, "merchant", "1001", &[Wish::Capture(None)]),
        ]
    },
    watch: |_| invariants::all(),
};

/// The customer approves when the time is all but over.
pub(super) const LAST_MOMENT: Scene = Scene {
    name: "last-moment",
    about: "the customer approves when the time is all but over",
    set: |dice| setting(dice, &[("1001", Kept::of(TOTAL))]),
    play: |world, dice| {
        let waits = dice.chance(50);
        let minds = [Mind::LastMoment, Mind::LastMoment, Mind::Approve];
        let mut actors = vec![
            customer(world, "1001", &minds, None),
            merchant(world, "merchant", "1001", &[Wish::Capture(None)]),
        ];
        if waits {
            actors.push(late(world));
        }
        actors
    },
    watch: |_| invariants::all(),
};

/// Opens whatever waits when five of its ten minutes are nearly over, and approves it when all are.
fn late(world: &crate::world::World) -> Actor {
    let world = world.clone();
    let mut dice = world.dice("late customer");
    Actor::new("late customer", async move {
        for _ in 0..120 {
            world.pass(SECOND * 20).await;
            for view in world.vipps().payments() {
                let age = kasse_core::span(view.created, world.now());
                if view.ends.is_none() || age < SECOND * 270 || age > SECOND * 300 {
                    continue;
                }
                let (msn, reference) = (view.msn.as_str(), view.order_id.as_str());
                let Ok(open) = world.vipps().open(msn, reference) else {
                    continue;
                };
                let ends = open.ends.unwrap_or_else(|| world.now());
                let left = kasse_core::span(world.now(), ends);
                let early = dice.pause(SECOND * 4);
                world.pass(left.saturating_sub(early)).await;
                let approval = kasse_simulator::Approval::default();
                let acted = world.vipps().approve(msn, reference, approval).await;
                world.say("late customer", || {
                    format!("approves {reference}: {}", acted.is_ok())
                });
            }
        }
    })
}

/// The merchant lets a reservation go.
pub(super) const CANCELLED: Scene = Scene {
    name: "cancelled",
    about: "the merchant lets a reservation go, perhaps while it is paid",
    set: |dice| setting(dice, &[("1001", Kept::of(TOTAL))]),
    play: |world, dice| {
        let early = dice.chance(50);
        let mut actors = vec![customer(world, "1001", &[Mind::Approve; 2], None)];
        if early {
            let world = world.clone();
            let mut dice = world.dice("merchant");
            actors.push(Actor::new("merchant", async move {
                world.pass(dice.pause(MINUTE * 2)).await;
                for time in 0..2 {
                    let key = format!("cancel-{time}");
                    super::people::wants(&world, &mut dice, "1001", Wish::Cancel, &key).await;
                    world.pass(dice.pause(MINUTE * 5)).await;
                }
            }));
        } else {
            actors.push(merchant(world, "merchant", "1001", &[Wish::Cancel]));
        }
        actors
    },
    watch: |_| invariants::all(),
};

/// A person captures and refunds in Vipps' portal while the shop does, too.
pub(super) const PORTAL: Scene = Scene {
    name: "portal",
    about: "a person captures and refunds in Vipps' portal while the shop does, too",
    set: |dice| setting(dice, &[("1001", Kept::of(TOTAL))]),
    play: |world, dice| {
        let theirs = some_wishes(dice, TOTAL);
        let ours = some_wishes(dice, TOTAL);
        vec![
            customer(world, "1001", &[Mind::Approve; 2], None),
            portal(world, "1001", &theirs),
            merchant(world, "merchant", "1001", &ours),
        ]
    },
    watch: |_| invariants::all(),
};

/// Two tabs of the same order.
pub(super) const TABS: Scene = Scene {
    name: "tabs",
    about: "the same order is paid in two tabs at once",
    set: |dice| setting(dice, &[("1001", Kept::of(TOTAL))]),
    play: |world, dice| {
        let first = [Mind::Leave, Mind::Approve, Mind::Approve];
        let minds = if dice.chance(50) {
            [Mind::Approve; 3]
        } else {
            first
        };
        vec![
            customer(world, "1001", &minds, None),
            somebody(world, "second tab", "1001", &minds, None),
        ]
    },
    watch: |_| invariants::all(),
};

/// Two merchants mix partial captures and refunds.
pub(super) const MERCHANTS: Scene = Scene {
    name: "merchants",
    about: "two merchants mix captures of parts and refunds",
    set: |dice| setting(dice, &[("1001", Kept::of(TOTAL))]),
    play: |world, dice| {
        let (first, second) = (some_wishes(dice, TOTAL), some_wishes(dice, TOTAL));
        vec![
            customer(world, "1001", &[Mind::Approve; 2], None),
            merchant(world, "merchant 1", "1001", &first),
            merchant(world, "merchant 2", "1001", &second),
        ]
    },
    watch: |_| invariants::all(),
};

/// A cart that becomes an order when it is paid.
pub(super) const CART: Scene = Scene {
    name: "cart",
    about: "a cart becomes an order when it is paid",
    set: |dice| {
        let cart = Kept {
            becomes: Some("1001".into()),
            ..Kept::of(TOTAL)
        };
        setting(dice, &[("cart-1", cart)])
    },
    play: |world, dice| {
        let wishes = some_wishes(dice, TOTAL);
        vec![
            customer(world, "cart-1", &[Mind::Approve; 3], None),
            merchant(world, "merchant", "1001", &wishes),
        ]
    },
    watch: |_| invariants::all(),
};

/// Two orders for the last piece.
pub(super) const SOLD_OUT: Scene = Scene {
    name: "sold-out",
    about: "two orders are paid, and there is one piece left",
    set: |dice| {
        let setting = setting(
            dice,
            &[("1001", Kept::of(TOTAL)), ("1002", Kept::of(TOTAL))],
        );
        let engine: std::sync::Arc<dyn std::any::Any + Send + Sync> =
            setting.shops[0].engine.clone();
        if let Ok(store) = engine.downcast::<Store>() {
            store.books().stock = Some(1);
        }
        setting
    },
    play: |world, _| {
        vec![
            customer(world, "1001", &[Mind::Approve; 2], None),
            customer(world, "1002", &[Mind::Approve; 2], None),
            merchant(world, "merchant", "1001", &[Wish::Capture(Some(5000))]),
        ]
    },
    watch: |_| invariants::all(),
};

/// The customer takes back the consent.
pub(super) const CONSENT: Scene = Scene {
    name: "consent",
    about: "the customer takes back the consent",
    set: |_| {
        let kept = Kept {
            phone: Some("91234567".into()),
            ..express(Express::Dynamic)
        };
        setting_on(ApiKind::Ecom, &[("1001", kept)])
    },
    play: |world, _| {
        let minds = [Mind::Reject, Mind::Approve, Mind::Approve];
        let stage = world.clone();
        let mut dice = world.dice("consent");
        vec![
            customer(world, "1001", &minds, Some("kari")),
            merchant(world, "merchant", "1001", &[Wish::Capture(None)]),
            Actor::new("consent", async move {
                if paid(&stage, "1001").await.is_none() {
                    return;
                }
                // Vipps is not known to ask again; a customer may.
                for _ in 0..6 {
                    stage.pass(dice.pause(MINUTE * 5)).await;
                    let calls = stage.vipps().remove_consent("kari/id=+").await;
                    stage.say("Vipps", || format!("tells of a consent: {calls:?}"));
                    if !calls.is_empty() && calls.iter().all(|call| call.status == Some(200)) {
                        break;
                    }
                }
            }),
        ]
    },
    watch: |_| invariants::all(),
};

/// A customer who has a week to pay, and pays the next day.
pub(super) const LONG_LIVING: Scene = Scene {
    name: "long-living",
    about: "the customer has a week to pay, and pays the next day, or never",
    set: |_| {
        let mut setting = setting_on(ApiKind::Epayment, &[("1001", with_phone())]);
        for unit in &mut setting.units {
            unit.long_living = true;
        }
        for shop in &mut setting.shops {
            shop.wishes.expires_in = Some(HOUR * 24 * 7);
        }
        Setting {
            rest: HOUR * 24 * 9,
            ..setting
        }
    },
    play: |world, dice| {
        let pays = dice.chance(70);
        let stage = world.clone();
        let mut dice = world.dice("next day");
        vec![
            customer(world, "1001", &[Mind::Leave], None),
            Actor::new("next day", async move {
                stage.pass(HOUR * 20 + dice.pause(HOUR * 20)).await;
                for view in stage.vipps().payments() {
                    if view.ends.is_none() || !pays {
                        continue;
                    }
                    let approval = kasse_simulator::Approval::default();
                    let (msn, name) = (view.msn.as_str(), view.order_id.as_str());
                    let acted = stage.vipps().approve(msn, name, approval).await;
                    stage.say("customer", || format!("approves {name}: {}", acted.is_ok()));
                    break;
                }
            }),
            merchant(world, "merchant", "1001", &[Wish::Capture(None)]),
        ]
    },
    watch: |_| invariants::all(),
};

/// An impatient crowd: nobody asks Vipps more often than it takes.
pub(super) const LIMITS: Scene = Scene {
    name: "limits",
    about: "everybody asks again and again; Vipps is not asked more often than it takes",
    set: |dice| {
        let menu = Menu {
            vipps: false,
            clocks: false,
            waits: false,
            ..Menu::all()
        };
        let servers = 1 + usize::from(dice.chance(50));
        Setting {
            menu,
            servers,
            ..setting(dice, &[("1001", Kept::of(TOTAL))])
        }
    },
    play: |world, _| {
        let mut actors = vec![
            customer(world, "1001", &[Mind::Approve; 3], None),
            merchant(world, "merchant", "1001", &[Wish::Capture(Some(1000)); 6]),
        ];
        for nth in 0..3 {
            let stage = world.clone();
            let name = format!("impatient {nth}");
            actors.push(Actor::new(name, async move {
                for _ in 0..60 {
                    stage.pass(Duration::from_millis(900)).await;
                    let wanted = crate::shop::Wanted {
                        order: "1001".into(),
                        reference: None,
                        key: None,
                        amount: None,
                    };
                    let call = Store::wants(SHOP, "details", &wanted);
                    let _ = stage.call(call, SECOND * 10).await;
                    if authorised(&stage, "1001")
                        .is_some_and(|paid| paid.sums.captured.is_positive())
                    {
                        let call = Store::wants(SHOP, "pay", &wanted);
                        let _ = stage.call(call, SECOND * 10).await;
                    }
                }
            }));
        }
        actors
    },
    watch: |_| invariants::with_limits(),
};
