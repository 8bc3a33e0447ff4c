//! Bad days: something is away for hours, or the clock is not what it was.

use jiff::SignedDuration;
use kasse_core::Express;

use super::people::{HOUR, MINUTE, Mind, SECOND, SHOP, customer, merchant, some_wishes};
use super::{TOTAL, setting};
use crate::dice::Dice;
use crate::invariants;
use crate::scene::{Actor, Scene, Setting};
use crate::shop::Kept;
use crate::world::World;

/// The engine is away for hours.
pub(super) const ENGINE_AWAY: Scene = Scene {
    name: "engine-away",
    about: "the shop's engine is away for hours",
    set: orders,
    play: |world, dice| {
        befalls(world, dice, |world, dice| {
            world.engine_away(SHOP, MINUTE + dice.pause(HOUR * 8));
        })
    },
    watch: |_| invariants::all(),
};

/// Vipps is away for hours.
pub(super) const VIPPS_AWAY: Scene = Scene {
    name: "vipps-away",
    about: "Vipps is away for hours",
    set: orders,
    play: |world, dice| {
        befalls(world, dice, |world, dice| {
            world.vipps_away(MINUTE + dice.pause(HOUR * 8));
        })
    },
    watch: |_| invariants::all(),
};

/// Servers' clocks jump.
pub(super) const CLOCKS: Scene = Scene {
    name: "clocks",
    about: "the servers' clocks jump, forwards and backwards",
    set: |dice| {
        let setting = orders(dice);
        let servers = if dice.chance(50) { 1 } else { 2 };
        Setting { servers, ..setting }
    },
    play: |world, dice| {
        befalls(world, dice, |world, dice| {
            let far = dice.pause(HOUR * 3);
            let far = i64::try_from(far.as_secs()).unwrap_or_default() + 1;
            let by = if dice.chance(50) { far } else { -far };
            world.move_clock(0, SignedDuration::from_secs(by));
        })
    },
    watch: |_| invariants::all(),
};

/// The journal is full, or read-only, or away.
pub(super) const JOURNAL: Scene = Scene {
    name: "journal",
    about: "the journal is full, or read-only, or away, for minutes or hours",
    set: |dice| Setting {
        shared: dice.chance(50),
        ..orders(dice)
    },
    play: |world, dice| {
        befalls(world, dice, |world, dice| {
            let time = SECOND + dice.pause(HOUR * 2);
            if dice.chance(60) {
                world.journal_full(time);
            } else {
                world.journal_away(time);
            }
        })
    },
    watch: |_| invariants::all(),
};

fn orders(dice: &mut Dice) -> Setting {
    let express = dice.chance(30).then_some(Express::Dynamic);
    let first = Kept {
        express,
        phone: Some("91234567".into()),
        ..Kept::of(TOTAL)
    };
    setting(dice, &[("1001", first), ("1002", Kept::of(TOTAL))])
}

/// Two orders, and something befalls them, a few times.
fn befalls(world: &World, dice: &mut Dice, what: fn(&World, &mut Dice)) -> Vec<Actor> {
    let wishes = some_wishes(dice, TOTAL);
    let stage = world.clone();
    let mut fate = world.dice("fate");
    vec![
        customer(world, "1001", &[Mind::Approve; 3], Some("kari")),
        customer(
            world,
            "1002",
            &[Mind::Leave, Mind::Approve, Mind::Approve],
            None,
        ),
        merchant(world, "merchant", "1001", &wishes),
        Actor::new("fate", async move {
            for _ in 0..3 {
                stage.pass(fate.pause(MINUTE * 20)).await;
                what(&stage, &mut fate);
            }
        }),
    ]
}
