//! A regular payment, from its start to its capture: what it takes of the processor. The baseline does
//! the same HTTP with the same client and keeps nothing. Vipps is `kasse simulate`, the shop a stand-in
//! for one on Medusa, each in a process of its own.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};

use super::Run;
use crate::load;
use crate::process::{Process, on_kasses_core, own};
use crate::samples::Spread;
use crate::stage::{Engine, MSN, Medusa, Stage, port};
use crate::table::{Figure, Table};
use crate::wire::Client;

pub(crate) const NAME: &str = "payment";

const CALLERS: usize = 4;

pub(crate) fn measure(run: &Run, table: &mut Table) {
    let (_engine, engine) = Process::player("engine", &["0"]);
    let kasses_port = port();
    let simulator = simulator(run, "payment-vipps", kasses_port);
    let vipps = simulator.1;
    let shop = Engine::Medusa(engine);
    let stage = Stage::beside(run, NAME, shop, &[], simulator, kasses_port);
    let mut kasse = Till::new(stage.address, vipps, engine);

    // One alone shows what goes to Vipps and to the engine.
    let one = kasse.pay(1);
    stage.kasse.quiet();
    let calls = calls(vipps, &one[0]);
    let place = |end| calls.iter().position(|url| url.ends_with(end)).unwrap();
    let (begin, capture) = (place("/payments"), place("/capture"));
    let reads = [capture - begin - 1, calls.len() - capture - 1];
    assert_eq!(
        told(engine),
        ["authorised", "captured"],
        "the baseline tells this"
    );
    table.add(Figure::new(
        NAME,
        "calls to Vipps",
        "",
        Spread::one(calls.len() as f64),
    ));

    let raws_port = port();
    let (_vipps, raws_vipps) = self::simulator(run, "payment-raw-vipps", raws_port);
    let with = [
        raws_port.to_string(),
        raws_vipps.to_string(),
        engine.to_string(),
        reads[0].to_string(),
        reads[1].to_string(),
    ];
    let with: Vec<&str> = with.iter().map(String::as_str).collect();
    let (raw, raw_address) = Process::play(on_kasses_core(own()), "raw", &with);
    let mut bare = Till::new(raw_address, raws_vipps, engine);
    bare.pay(1);

    let count = run.many(100, 5);
    let journal = stage.folder.join("data/journal.sqlite3");
    let mut ours = Vec::new();
    let (mut theirs, mut ratio) = (Vec::new(), Vec::new());
    let before = size(&journal);
    for _ in 0..run.rounds() {
        let us = cpu(&stage.kasse, &mut kasse, count);
        let them = cpu(&raw, &mut bare, count);
        ours.push(us);
        theirs.push(them);
        ratio.push(us / them);
    }
    let payments = (count * run.rounds()) as f64;
    let grown = (size(&journal) - before) / payments / 1024.0;
    let (ours, theirs) = (Spread::of(&ours), Spread::of(&theirs));
    table.add(Figure::new(NAME, "processor's time for one", "ms", ours).against(theirs));
    let what = "processor's time, of the baseline's";
    table.add(Figure::new(NAME, what, "×", Spread::of(&ratio)).at_most(1.5));
    table.add(Figure::new(
        NAME,
        "the journal grows by",
        "KiB",
        Spread::one(grown),
    ));
}

/// What one payment takes of the processor, in milliseconds.
fn cpu(process: &Process, till: &mut Till, count: usize) -> f64 {
    let before = process.cpu();
    till.pay(count);
    process.quiet();
    (process.cpu() - before).as_secs_f64() * 1000.0 / count as f64
}

/// Where one pays: at kasse, or at the baseline.
#[derive(Debug)]
struct Till {
    address: SocketAddr,
    vipps: SocketAddr,
    engine: SocketAddr,
    medusa: Medusa,
    /// The next cart.
    next: usize,
}

impl Till {
    fn new(address: SocketAddr, vipps: SocketAddr, engine: SocketAddr) -> Self {
        Self {
            address,
            vipps,
            engine,
            medusa: Medusa::new(),
            next: 0,
        }
    }

    /// So many customers press the button and approve; the shop is told, and the merchant captures.
    /// The payments' names.
    fn pay(&mut self, count: usize) -> Vec<String> {
        let from = self.next;
        self.next += count;
        let authorised = || {
            told(self.engine)
                .iter()
                .filter(|what| *what == "authorised")
                .count()
        };
        let before = authorised();
        let begun = Mutex::new(Vec::new());
        load::each(self.address, CALLERS, count, &|client, number| {
            let begin = self.medusa.begin(from + number, false);
            let started = client.send(&begin).unwrap().json();
            let reference = started["reference"].as_str().unwrap().to_owned();
            begun.lock().unwrap().push((from + number, reference));
        });
        let begun = begun.into_inner().unwrap();
        load::each(self.vipps, CALLERS, count, &|client, number| {
            let path = format!("/__simulator/payments/{MSN}/{}/approve", begun[number].1);
            let acted = client.post(&path, &json!({})).unwrap().json();
            assert_eq!(acted["callback"]["status"], 200, "{acted}");
        });
        // Asked of the engine, whose time is not counted.
        while authorised() < before + count {
            std::thread::sleep(Duration::from_millis(10));
        }
        load::each(self.address, CALLERS, count, &|client, number| {
            let (cart, reference) = &begun[number];
            let capture = self.medusa.capture(*cart, reference);
            client.send(&capture).unwrap().json();
        });
        begun.into_iter().map(|(_, reference)| reference).collect()
    }
}

/// What the engine was told.
fn told(engine: SocketAddr) -> Vec<String> {
    let told = Client::new(engine).get("/told").unwrap().json();
    serde_json::from_value(told).unwrap()
}

/// The paths of what was asked of Vipps for a payment, in their order.
fn calls(vipps: SocketAddr, reference: &str) -> Vec<String> {
    let path = format!("/__simulator/exchanges?direction=in&orderId={reference}");
    let exchanges = Client::new(vipps).get(&path).unwrap().json();
    let url = |exchange: &Value| exchange["url"].as_str().unwrap().to_owned();
    let urls = exchanges.as_array().unwrap().iter().map(url);
    urls.filter(|url| url.starts_with("/ecomm")).collect()
}

/// Vipps, which reaches its shop at a port.
fn simulator(run: &Run, name: &str, shop: u16) -> (Process, SocketAddr) {
    let address = SocketAddr::from(([127, 0, 0, 1], port()));
    let mut command = Command::new(&run.kasse);
    command.args(["simulate", "--listen", &address.to_string()]);
    command.args(["--resolve", &format!("kasse.example=127.0.0.1:{shop}")]);
    let log = run.folder(name).join("log.txt");
    let mut process = Process::start(&mut command, &log);
    process.ready(address, "/__simulator/health");
    (process, address)
}

/// The journal's size with its log.
fn size(journal: &std::path::Path) -> f64 {
    let log = journal.with_extension("sqlite3-wal");
    let size = |file: &std::path::Path| std::fs::metadata(file).map_or(0, |file| file.len());
    (size(journal) + size(&log)) as f64
}
