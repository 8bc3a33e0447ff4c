//! A shipping answer from a real Vendure: what kasse adds to the time that Vendure takes. One call after
//! the other, each for another house; what stands between the two says what of it was Vendure's.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Run;
use crate::players::TIMES;
use crate::process::{Process, WithKasse};
use crate::samples::{Spread, Times};
use crate::stage::{Engine, SECRET, Stage, port};
use crate::table::{Figure, Table};
use crate::wire::{Client, request};

pub(crate) const NAME: &str = "shipping-vendure";

/// Node on a machine that is busy takes its time.
const PATIENCE: Duration = Duration::from_secs(120);
/// So many customers are choosing.
const CHOOSING: usize = 8;

pub(crate) fn measure(run: &Run, table: &mut Table) {
    let Some(installed) = &run.vendure else {
        table.left_out(NAME, "no --vendure was given");
        return;
    };
    let (kasse, shop) = (port(), two_ports());
    let folder = run.folder("vendure");
    let _vendure = start(installed, &folder, shop, kasse);
    let (_between, between) = Process::baseline("between", &[&shop.to_string()]);
    let vipps = Process::player("vipps", &[]);
    let engine = Engine::Vendure(between);
    let stage = Stage::beside(run, NAME, engine, &[], vipps, kasse);
    for _ in 0..CHOOSING {
        express(shop);
    }
    let begun = stage.begun();
    assert_eq!(begun.len(), CHOOSING, "{}", stage.log());
    stage.kasse.quiet();

    // Node goes on with something else when it has answered: who shared a core with it would wait for
    // that. On kasse's core one of these at a time has something to do.
    let _here = WithKasse::begin();
    let mut client = Client::new(stage.address);
    let mut engine = Client::new(between);
    let mut house = 0;
    let mut answer = || {
        house += 1;
        engine.get(TIMES).unwrap().json();
        let payment = &begun[usize::try_from(house).unwrap() % begun.len()];
        let called = Instant::now();
        let offered = client.send(&payment.shipping(house)).unwrap().json();
        let whole = called.elapsed();
        assert!(
            offered["shippingDetails"][0]["shippingCost"].is_number(),
            "{offered}"
        );
        let took = engine.get(TIMES).unwrap().json();
        let took: Vec<f64> = serde_json::from_value(took).unwrap();
        (whole, took)
    };
    // kasse logs in first, and Node makes code fast that has run for a while.
    for _ in 0..run.many(100, 1) {
        answer();
    }
    let (mut p99, mut middle) = (Vec::new(), Vec::new());
    let (mut vendure, mut whole) = (Vec::new(), Vec::new());
    for _ in 0..run.rounds() {
        let (mut added, mut alone, mut all) =
            (Times::default(), Times::default(), Times::default());
        for _ in 0..run.many(200, 5) {
            let (took, of_it) = answer();
            let [of_it] = of_it[..] else {
                panic!(
                    "Vendure is asked once for each, and not {} times",
                    of_it.len()
                );
            };
            let of_it = Duration::from_secs_f64(of_it / 1000.0);
            added.push(took.saturating_sub(of_it));
            alone.push(of_it);
            all.push(took);
        }
        p99.push(added.ms(990));
        middle.push(added.ms(500));
        vendure.push(alone.ms(500));
        whole.push(all.ms(500));
    }
    let (whole, vendure) = (Spread::of(&whole), Spread::of(&vendure));
    table.add(Figure::new(NAME, "median, one after the other", "ms", whole).against(vendure));
    table.add(Figure::new(NAME, "added at p99", "ms", Spread::of(&p99)).at_most(3.0));
    table.add(Figure::new(
        NAME,
        "added at the median",
        "ms",
        Spread::of(&middle),
    ));
}

/// Vendure with an empty shop, which it fills.
fn start(installed: &Path, folder: &Path, shop: SocketAddr, kasse: u16) -> Process {
    let mut node = Command::new("node");
    node.arg("dist/shop/serve.js")
        .current_dir(installed)
        .env("SHOP_PORT", shop.port().to_string())
        .env("SHOP_DATABASE", folder.join("shop.sqlite"))
        .env("KASSE_URL", format!("http://127.0.0.1:{kasse}"))
        .env("KASSE_SHOP", "fjord")
        .env("KASSE_SECRET", SECRET);
    let log = folder.join("log.txt");
    let mut vendure = Process::start(&mut node, &log);
    let give_up = Instant::now() + PATIENCE;
    loop {
        let said = std::fs::read_to_string(&log).unwrap();
        if said.contains("shop ready") {
            return vendure;
        }
        let late = vendure.ended() || Instant::now() > give_up;
        assert!(!late, "Vendure is not ready: {said}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A customer with a jumper in the cart presses the express button.
fn express(shop: SocketAddr) {
    let mut client = Client::new(shop);
    let mut token = String::new();
    let mut ask = |query: &str, variables: Value| {
        let headers = [
            ("content-type", "application/json"),
            ("authorization", &format!("Bearer {token}")),
        ];
        let body = json!({ "query": query, "variables": variables }).to_string();
        let from = usize::from(token.is_empty());
        let asked = request("POST", "/shop-api", &headers[..2 - from], body.as_bytes());
        let answer = client.send(&asked).unwrap();
        if let Some(given) = answer.header("vendure-auth-token") {
            token = given.to_owned();
        }
        let mut answer = answer.json();
        assert!(answer["errors"].is_null(), "{query}: {answer}");
        answer["data"].take()
    };
    let products = ask("{ products { items { variants { id sku } } } }", json!({}));
    let id = products["products"]["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|product| &product["variants"][0])
        .find(|variant| variant["sku"] == "jumper")
        .map(|variant| variant["id"].clone())
        .unwrap();
    ask(
        "mutation($id: ID!) { addItemToOrder(productVariantId: $id, quantity: 1) { __typename } }",
        json!({ "id": id }),
    );
    let begun = ask(
        "mutation { kasseExpress { redirectUrl message } }",
        json!({}),
    );
    assert!(begun["kasseExpress"]["redirectUrl"].is_string(), "{begun}");
}

/// Two ports in a row that are free: Vendure takes the second for its admin pages.
fn two_ports() -> SocketAddr {
    loop {
        let first = port();
        let free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
        if first.checked_add(1).is_some_and(free) {
            return SocketAddr::from(([127, 0, 0, 1], first));
        }
    }
}
