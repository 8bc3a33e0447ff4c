//! A shipping answer from the engine: what kasse adds to the time that the engine takes. The engine
//! is a stand-in for a shop on Medusa that takes a fixed time; it is called by kasse, and by the same
//! callers at the same rate without kasse.

use std::time::Duration;

use super::Run;
use crate::load::{Pace, Until, call};
use crate::process::Process;
use crate::samples::Spread;
use crate::stage::{Engine, Stage};
use crate::table::{Figure, Table};
use crate::wire::request;

pub(crate) const NAME: &str = "shipping-engine";

/// What the stand-in takes: as WooCommerce on two cores when idle.
const ENGINE_MS: &str = "100";
const RATE: f64 = 40.0;
/// So many payments: Vipps is asked for each every 2 s, while its customer is choosing.
const CHOOSING: usize = 8;
/// More than are ever under way: nobody waits for a caller.
const CALLERS: usize = 64;

pub(crate) fn measure(run: &Run, table: &mut Table) {
    let (_engine, engine) = Process::player("engine", &[ENGINE_MS]);
    let stage = Stage::start(run, NAME, Engine::Medusa(engine), &[]);
    let begun = stage.begin_elsewhere(CHOOSING, true);
    let deliveries = br#"{"order":"cart_1","address":{"line1":"Storgata 1","line2":"","city":"Oslo","post_code":"0154","country":"NO"}}"#;
    let direct = request(
        "POST",
        "/kasse/deliveries",
        &[("content-type", "application/json")],
        deliveries,
    );
    let until = Until::Passed(run.many(Duration::from_secs(10), Duration::from_secs(1)));
    let pace = Pace::Open(RATE);
    let mut from = 0;
    let (mut added, mut added_middle) = (Vec::new(), Vec::new());
    let (mut kasse, mut alone) = (Vec::new(), Vec::new());
    for _ in 0..run.rounds() {
        let ours = call(stage.address, pace, CALLERS, until, &|number| {
            let payment = &begun[usize::try_from(number).unwrap() % begun.len()];
            // Another house each time: the engine is asked each time.
            payment.shipping(from + number)
        });
        from += 1_000_000;
        let theirs = call(engine, pace, CALLERS, until, &|_| direct.clone());
        let (ours, theirs) = (ours.all_good(run, NAME), theirs.all_good(run, NAME));
        kasse.push(ours.good.ms(990));
        alone.push(theirs.good.ms(990));
        added.push(ours.good.ms(990) - theirs.good.ms(990));
        added_middle.push(ours.good.ms(500) - theirs.good.ms(500));
    }
    let (kasse, alone) = (Spread::of(&kasse), Spread::of(&alone));
    let what = format!("p99 at {RATE}/s, engine of {ENGINE_MS} ms");
    table.add(Figure::new(NAME, what, "ms", kasse).against(alone));
    table.add(Figure::new(NAME, "added at p99", "ms", Spread::of(&added)).at_most(3.0));
    table.add(Figure::new(
        NAME,
        "added at the median",
        "ms",
        Spread::of(&added_middle),
    ));
}
