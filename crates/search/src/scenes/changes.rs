//! What an operator changes while orders are paid: keys, the API, servers.

use kasse_core::{AccountId, ApiKind};

use super::people::{HOUR, MINUTE, Mind, customer, merchant, paid, some_wishes};
use super::{TOTAL, setting, setting_on};
use crate::invariants;
use crate::scene::{Actor, Scene, Setting};
use crate::shop::Kept;
use crate::world::World;

/// The shop gets other keys, of another sales unit.
pub(super) const KEYS: Scene = Scene {
    name: "keys",
    about: "the shop gets the keys of another sales unit, midway",
    set: |dice| setting(dice, &two()),
    play: |world, dice| {
        let mut actors = two_orders(world, dice);
        actors.push(changes(world, |setting| {
            for shop in &mut setting.shops {
                shop.account = AccountId::new("other").unwrap();
            }
        }));
        actors
    },
    watch: |_| invariants::all(),
};

/// The keys of a payment are lost; the others go on.
pub(super) const KEYS_LOST: Scene = Scene {
    name: "keys-lost",
    about: "the keys that a payment was made with are gone; the other payments go on",
    set: |dice| Setting {
        rest: HOUR * 2,
        ..setting(dice, &two())
    },
    play: |world, _| {
        let stage = world.clone();
        let mut dice = world.dice("operator");
        vec![
            customer(world, "1001", &[Mind::Leave], None),
            Actor::new("operator", async move {
                stage.pass(MINUTE + dice.pause(MINUTE)).await;
                let moved = |setting: &mut Setting| {
                    setting
                        .accounts
                        .retain(|account| account.id.as_str() == "other");
                    for shop in &mut setting.shops {
                        shop.account = AccountId::new("other").unwrap();
                    }
                };
                stage.change(moved).await;
                // Whoever comes now pays with the new keys, or looks away.
                let mind = if dice.chance(50) {
                    Mind::Approve
                } else {
                    Mind::Leave
                };
                customer(&stage, "1002", &[mind], None).part.await;
            }),
        ]
    },
    watch: |_| invariants::all(),
};

/// The shop moves to the ePayment API.
pub(super) const API: Scene = Scene {
    name: "moved",
    about: "the shop moves from the eCom API to the ePayment API, midway",
    set: |_| setting_on(ApiKind::Ecom, &two()),
    play: |world, dice| {
        let mut actors = two_orders(world, dice);
        actors.push(changes(world, |setting| {
            for shop in &mut setting.shops {
                shop.api = ApiKind::Epayment;
            }
        }));
        actors
    },
    watch: |_| invariants::all(),
};

/// Two or three servers over one journal.
pub(super) const SERVERS: Scene = Scene {
    name: "servers",
    about: "two or three servers over one journal",
    set: |dice| {
        let servers = if dice.chance(70) { 2 } else { 3 };
        Setting {
            servers,
            shared: true,
            ..setting(dice, &two())
        }
    },
    play: two_orders,
    watch: |_| invariants::all(),
};

/// The server is restarted again and again.
pub(super) const RESTARTS: Scene = Scene {
    name: "restarts",
    about: "the server is killed again and again",
    set: |dice| Setting {
        shared: dice.chance(30),
        ..setting(dice, &two())
    },
    play: |world, dice| {
        let mut actors = two_orders(world, dice);
        let stage = world.clone();
        let mut dice = world.dice("restarts");
        actors.push(Actor::new("restarts", async move {
            for _ in 0..10 {
                stage.pass(dice.pause(MINUTE * 2)).await;
                stage.kill(0);
            }
        }));
        actors
    },
    watch: |_| invariants::all(),
};

fn two() -> [(&'static str, Kept); 2] {
    let kept = || Kept {
        phone: Some("91234567".into()),
        ..Kept::of(TOTAL)
    };
    [("1001", kept()), ("1002", kept())]
}

/// Two orders; the second is paid a while after the first.
fn two_orders(world: &World, dice: &mut crate::dice::Dice) -> Vec<Actor> {
    let (first, second) = (some_wishes(dice, TOTAL), some_wishes(dice, TOTAL));
    let minds = if dice.chance(70) {
        [Mind::Approve; 3]
    } else {
        [Mind::Leave, Mind::Approve, Mind::Approve]
    };
    vec![
        customer(world, "1001", &minds, None),
        customer(world, "1002", &[Mind::Approve; 2], None),
        merchant(world, "merchant 1", "1001", &first),
        merchant(world, "merchant 2", "1002", &second),
    ]
}

/// The operator changes the configuration some time after the first order is paid, or before.
fn changes(world: &World, how: fn(&mut Setting)) -> Actor {
    let world = world.clone();
    let mut dice = world.dice("operator");
    Actor::new("operator", async move {
        if dice.chance(60) {
            let _ = paid(&world, "1001").await;
        }
        world.pass(dice.pause(MINUTE * 10)).await;
        world.change(how).await;
        world.pass(dice.pause(HOUR)).await;
    })
}
