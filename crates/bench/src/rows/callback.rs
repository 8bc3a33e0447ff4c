//! A callback, acknowledged when it is on disk. The baseline: the journal alone, committing the same
//! bytes. kasse goes on after each answer: it reads the payment at Vipps, and notes that it did.

use std::time::Duration;

use super::Run;
use crate::instructions;
use crate::load::{Pace, Until, call};
use crate::process::{Process, on_kasses_core, own};
use crate::samples::Spread;
use crate::stage::{Begun, Engine, Stage};
use crate::table::{Figure, Table};

pub(crate) const NAME: &str = "callback";

const CALLERS: usize = 64;
const RATE: f64 = 1000.0;

pub(crate) fn measure(run: &Run, table: &mut Table) {
    let (_engine, engine) = Process::player("engine", &["0"]);
    let stage = Stage::start(run, NAME, Engine::Medusa(engine), &[]);
    let begun = stage.begin_elsewhere(run.many(1000, 20), false);
    stage.settle(&begun);
    let request = |number: u64| of(&begun, number).callback();
    let seconds = run.many(4.0, 0.3);
    let until = Until::Passed(Duration::from_secs_f64(seconds));
    let rate = run.many(RATE, 50.0);
    let (mut kasse, mut alone, mut ratio) = (Vec::new(), Vec::new(), Vec::new());
    let (mut middle, mut late) = (Vec::new(), Vec::new());
    for _ in 0..run.rounds() {
        let ours = call(stage.address, Pace::Closed, CALLERS, until, &request).all_good(run, NAME);
        stage.kasse.quiet();
        let theirs = commits(run, &begun[0], seconds);
        kasse.push(ours.per_second());
        alone.push(theirs);
        ratio.push(ours.per_second() / theirs);
        let pace = Pace::Open(rate);
        let paced = call(stage.address, pace, 4 * CALLERS, until, &request).all_good(run, NAME);
        middle.push(paced.good.ms(500));
        late.push(paced.good.ms(990));
        stage.kasse.quiet();
    }
    let what = format!("acknowledged with {CALLERS} callers");
    let (kasse, alone) = (Spread::of(&kasse), Spread::of(&alone));
    table.add(Figure::new(NAME, what, "/s", kasse).against(alone));
    let what = format!("acknowledged with {CALLERS} callers, of the baseline's");
    table.add(Figure::new(NAME, what, "×", Spread::of(&ratio)).at_least(0.7));
    table.add(Figure::new(
        NAME,
        format!("p50 at {rate}/s"),
        "ms",
        Spread::of(&middle),
    ));
    table.add(Figure::new(NAME, format!("p99 at {rate}/s"), "ms", Spread::of(&late)).at_most(25.0));
    drop(stage);
    if instructions::there() {
        counted(run, table);
    } else {
        table.left_out(NAME, instructions::MISSING);
    }
}

/// The instructions of one, with all that follows from it. There is no baseline: it is for whoever
/// wants them to be fewer.
fn counted(run: &Run, table: &mut Table) {
    let name = "callback-counted";
    let by = instructions::counted(&run.work.join(name));
    let by: Vec<&str> = by.iter().map(String::as_str).collect();
    let (_engine, engine) = Process::player("engine", &["0"]);
    let stage = Stage::start(run, name, Engine::Medusa(engine), &by);
    let begun = stage.begin_elsewhere(run.many(50, 10), false);
    stage.settle(&begun);
    let send = |count| {
        let request = |number| of(&begun, number).callback();
        call(stage.address, Pace::Closed, 1, Until::Sent(count), &request).all_good(run, name);
        stage.kasse.quiet();
    };
    let count = run.many(200, 40);
    let each = instructions::per_request(&stage.kasse, &stage.folder, count, &send);
    let what = "instructions for one, its read of Vipps included, in thousands";
    table.add(Figure::new(NAME, what, "k", Spread::one(each / 1000.0)));
    run.keep(&stage.folder, "callgrind.out.3", "callback.callgrind");
}

fn of(begun: &[Begun], number: u64) -> &Begun {
    &begun[usize::try_from(number).unwrap() % begun.len()]
}

/// How many commits a second the journal alone makes.
fn commits(run: &Run, begun: &Begun, seconds: f64) -> f64 {
    let folder = run.folder("callback-commits");
    let body = folder.join("body.json");
    std::fs::write(&body, begun.callback_body()).unwrap();
    let output = on_kasses_core(own())
        .args(["play", "commits"])
        .args([&folder.join("data"), &body])
        .args([CALLERS.to_string(), seconds.to_string()])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let per_second = said.split(' ').next().and_then(|count| count.parse().ok());
    per_second.unwrap_or_else(|| panic!("{said}{}", String::from_utf8_lossy(&output.stderr)))
}
