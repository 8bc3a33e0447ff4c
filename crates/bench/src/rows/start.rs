//! From the start of the process until it serves; what it holds when nothing happens; how large it is.

use std::time::{Duration, Instant};

use super::Run;
use crate::process::{Process, on_kasses_core};
use crate::samples::Spread;
use crate::stage::{Engine, Stage, configuration, port};
use crate::table::{Figure, Table};

pub(crate) const NAME: &str = "start";

pub(crate) fn measure(run: &Run, table: &mut Table) {
    let (first, _) = starts(run, "start-first", true);
    let (again, memory) = starts(run, "start-again", false);
    table.add(Figure::new(NAME, "to /ready, journal to be made", "ms", first).at_most(100.0));
    table.add(Figure::new(NAME, "to /ready, journal there", "ms", again).at_most(100.0));
    let (resident, own) = memory;
    table.add(
        Figure::new(
            NAME,
            "resident after 10 idle seconds (VmRSS)",
            "MiB",
            resident,
        )
        .at_most(20.0),
    );
    table.add(Figure::new(NAME, "of that its own (PSS)", "MiB", own));
    worked(run, table);
    let size = std::fs::metadata(&run.kasse).unwrap().len() as f64;
    table.add(Figure::new(NAME, "binary", "MB", Spread::one(size / 1e6)).at_most(20.0));
}

/// How long it takes, and the memory of the last one.
fn starts(run: &Run, name: &str, anew: bool) -> (Spread, (Spread, Spread)) {
    let mut folder = run.folder(name);
    let (mut took, mut resident, mut own) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..run.many(10, 2) {
        if anew {
            folder = run.folder(name);
        }
        let port = port();
        // Nobody is there: Vipps is not called before somebody pays.
        let vipps = ([127, 0, 0, 1], 1).into();
        let config = folder.join("kasse.toml");
        std::fs::write(
            &config,
            configuration(&folder, port, vipps, Engine::DemoShop),
        )
        .unwrap();
        let mut command = on_kasses_core(&run.kasse);
        command.args(["serve", "--config"]).arg(&config);
        let begun = Instant::now();
        let mut kasse = Process::start(&mut command, &folder.join("log.txt"));
        kasse.ready(([127, 0, 0, 1], port).into(), "/ready");
        took.push(begun.elapsed().as_secs_f64() * 1000.0);
        if !anew && round < run.many(3, 1) {
            std::thread::sleep(run.many(Duration::from_secs(10), Duration::ZERO));
            resident.push(kasse.memory("VmRSS"));
            own.push(kasse.own_memory());
        }
        kasse.stop();
    }
    // The first start makes the journal.
    let counted = if anew { &took[..] } else { &took[1..] };
    let memory = if anew {
        (Spread::one(0.0), Spread::one(0.0))
    } else {
        (Spread::of(&resident), Spread::of(&own))
    };
    (Spread::of(counted), memory)
}

/// What it holds when it has worked and is idle again.
fn worked(run: &Run, table: &mut Table) {
    let (_engine, engine) = Process::player("engine", &["0"]);
    let stage = Stage::start(run, "start-worked", Engine::Medusa(engine), &[]);
    let count = run.many(1000, 10);
    let begun = stage.begin_elsewhere(count, false);
    stage.settle(&begun);
    let what = |memory: &str| format!("{memory} after {count} payments were begun and reserved");
    let now = Spread::one(stage.kasse.memory("VmRSS"));
    table.add(Figure::new(NAME, what("resident"), "MiB", now));
    let most = Spread::one(stage.kasse.memory("VmHWM"));
    table.add(Figure::new(NAME, what("most ever resident"), "MiB", most));
}
