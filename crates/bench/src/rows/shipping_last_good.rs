//! A shipping answer from the last good table: the engine is away, and another payment of the same
//! cart had its deliveries for the same post code before. Each call is for another house, so that
//! nothing but the table can be used again.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use super::Run;
use crate::instructions;
use crate::load::{Pace, Tally, Until, call};
use crate::process::{Process, on_kasses_core};
use crate::samples::Spread;
use crate::stage::{Begun, Engine, Stage};
use crate::table::{Figure, Table};
use crate::wire::Client;

pub(crate) const NAME: &str = "shipping-last-good";

const CALLERS: usize = 16;
/// So many payments: a customer is choosing, and Vipps is asked for each every 2 s meanwhile.
const CHOOSING: usize = 8;

pub(crate) fn measure(run: &Run, table: &mut Table) {
    let (stage, begun) = prepared(run, "shipping-last-good", &[], CHOOSING);
    let answer = stage.folder.join("answer.json");
    let (bare, bare_address) = bare(&stage, &begun, &answer);
    let mut sent = 1;
    let mut calls = |address: SocketAddr, until: Until| {
        let tally = calls(address, CALLERS, until, &begun, sent);
        sent += 1_000_000;
        tally.all_good(run, NAME)
    };
    let (mut kasse, mut baseline, mut ratio) = (Vec::new(), Vec::new(), Vec::new());
    let mut took = Vec::new();
    for _ in 0..run.rounds() {
        let counted = Until::Sent(run.many(1000, 40));
        let ours = calls(stage.address, counted);
        let timed = Until::Passed(run.many(Duration::from_secs(2), Duration::from_millis(200)));
        let theirs = calls(bare_address, timed);
        kasse.push(ours.per_second());
        baseline.push(theirs.per_second());
        ratio.push(ours.per_second() / theirs.per_second());
        took.push(ours.good.ms(990));
    }
    drop(bare);
    let (kasse, baseline) = (Spread::of(&kasse), Spread::of(&baseline));
    table.add(Figure::new(NAME, "answers a second", "/s", kasse).against(baseline));
    table.add(
        Figure::new(
            NAME,
            "answers a second, of the baseline's",
            "×",
            Spread::of(&ratio),
        )
        .at_least(0.8),
    );
    table.add(Figure::new(
        NAME,
        format!("p99 with {CALLERS} callers"),
        "ms",
        Spread::of(&took),
    ));
    let answer = fs::read(&answer).unwrap();
    drop(stage);
    if instructions::there() {
        counted(run, table, &answer);
    } else {
        table.left_out(NAME, instructions::MISSING);
    }
}

/// The same by instructions.
fn counted(run: &Run, table: &mut Table, answer: &[u8]) {
    let count = run.many(2000, 100);
    let folder = run.folder("shipping-last-good-counted-bare");
    let file = folder.join("answer.json");
    fs::write(&file, answer).unwrap();
    let name = "shipping-last-good-counted";
    let counted =
        |begun: &[Begun], address: SocketAddr, process: &Process, folder: &std::path::Path| {
            let sent = std::cell::Cell::new(1_u64);
            instructions::per_request(process, folder, count, &|count| {
                calls(address, 1, Until::Sent(count), begun, sent.get()).all_good(run, name);
                sent.set(sent.get() + count);
            })
        };
    // The folder is made when kasse starts; valgrind writes into it later.
    let by = instructions::counted(&run.work.join(name));
    let by: Vec<&str> = by.iter().map(String::as_str).collect();
    let (stage, begun) = prepared(run, name, &by, 1);
    let ours = counted(&begun, stage.address, &stage.kasse, &stage.folder);
    run.keep(
        &stage.folder,
        "callgrind.out.3",
        "shipping-last-good.callgrind",
    );
    drop(stage);
    let by = instructions::counted(&folder);
    let mut command = on_kasses_core(&by[0]);
    command.args(&by[1..]).arg(std::env::current_exe().unwrap());
    let (bare, address) = Process::play(command, "bare", &[file.to_str().unwrap()]);
    let theirs = counted(&begun, address, &bare, &folder);
    let thousand = |count: f64| Spread::one(count / 1000.0);
    table.add(
        Figure::new(
            NAME,
            "instructions for an answer, in thousands",
            "k",
            thousand(ours),
        )
        .against(thousand(theirs)),
    );
    table.add(
        Figure::new(
            NAME,
            "instructions, of the baseline's",
            "×",
            Spread::one(ours / theirs),
        )
        .at_most(1.25),
    );
}

/// kasse with payments whose deliveries are asked for, and a shop that is away.
fn prepared(run: &Run, name: &str, by: &[&str], count: usize) -> (Stage, Vec<Begun>) {
    let stage = Stage::start(run, name, Engine::DemoShop, by);
    let begun = stage.begin(count, true);
    let answer = Client::new(stage.address)
        .send(&begun[0].shipping(0))
        .unwrap();
    fs::write(stage.folder.join("answer.json"), &answer.body).unwrap();
    stage.down(true);
    (stage, begun)
}

/// The baseline, which offers what kasse offered.
fn bare(stage: &Stage, begun: &[Begun], answer: &std::path::Path) -> (Process, SocketAddr) {
    let (bare, address) = Process::baseline("bare", &[answer.to_str().unwrap()]);
    let said = |address| {
        Client::new(address)
            .send(&begun[0].shipping(0))
            .unwrap()
            .json()
    };
    let (theirs, ours) = (said(address), said(stage.address));
    // The ids say which quote it is.
    let shown = |answer: &serde_json::Value| {
        let mut answer = answer.clone();
        for option in answer["shippingDetails"].as_array_mut().unwrap() {
            option["shippingMethodId"] = serde_json::Value::Null;
        }
        answer
    };
    assert_eq!(
        shown(&theirs),
        shown(&ours),
        "the baseline answers something else"
    );
    (bare, address)
}

fn calls(address: SocketAddr, callers: usize, until: Until, begun: &[Begun], from: u64) -> Tally {
    call(address, Pace::Closed, callers, until, &|number| {
        let payment = &begun[usize::try_from(number).unwrap() % begun.len()];
        payment.shipping(from + number)
    })
}
