//! Overload. The shipping calls and the callbacks take a fifth of what the machine can do; on top come
//! reads over the JSON API, at one, three and ten times what it could do of those alone.

use std::net::SocketAddr;
use std::time::Duration;

use super::Run;
use crate::load::{Pace, Tally, Until, call};
use crate::samples::Spread;
use crate::stage::{API_KEY, Engine, Stage};
use crate::table::{Figure, Table};
use crate::wire::request;

pub(crate) const NAME: &str = "overload";

/// So many callers keep the machine busy, and are not more than it lets in.
const ENOUGH: usize = 8;
/// The share of what the machine can do that each of the two takes.
const SHARE: f64 = 0.1;
/// So many customers are choosing: Vipps is asked for each of their payments every 2 s.
const CHOOSING: usize = 8;
const TIMES: [u32; 3] = [1, 3, 10];

pub(crate) fn measure(run: &Run, table: &mut Table) {
    let stage = Stage::start(run, NAME, Engine::DemoShop, &[]);
    let count = run.many(200, 10);
    stage.begin(CHOOSING, true);
    let begun = stage.begin(count, false);
    let (express, regular): (Vec<_>, Vec<_>) = begun.into_iter().partition(|it| it.express);
    stage.settle(&regular);
    let bearer = format!("Bearer {API_KEY}");
    let list = request(
        "GET",
        "/v1/payments?limit=100",
        &[("authorization", &bearer)],
        b"",
    );
    let place = |number: u64| usize::try_from(number).unwrap();
    let shipping = |number: u64| express[place(number) % express.len()].shipping(number);
    let callback = |number: u64| regular[place(number) % regular.len()].callback();
    let reads = |_: u64| list.clone();
    let calls: [&(dyn Fn(u64) -> Vec<u8> + Sync); 3] = [&shipping, &callback, &reads];

    let alone = Until::Passed(run.many(Duration::from_secs(4), Duration::from_millis(300)));
    let capacity = calls.map(|request| {
        let tally = call(stage.address, Pace::Closed, ENOUGH, alone, request).all_good(run, NAME);
        stage.kasse.quiet();
        tally.per_second()
    });
    for (what, capacity) in ["shipping calls", "callbacks", "reads over /v1"]
        .iter()
        .zip(capacity)
    {
        let what = format!("capacity, {what} alone");
        table.add(Figure::new(NAME, what, "/s", Spread::one(capacity)));
    }
    let idle = stage.kasse.memory("VmRSS");
    table.add(Figure::new(
        NAME,
        "resident before",
        "MiB",
        Spread::one(idle),
    ));
    for times in TIMES {
        let lasts = Until::Passed(run.many(Duration::from_secs(10), Duration::from_millis(500)));
        let rates = [
            capacity[0] * SHARE,
            capacity[1] * SHARE,
            capacity[2] * f64::from(times),
        ];
        let [shipping, callback, reads] = all_at_once(stage.address, rates, lasts, calls);
        for (what, tally) in [
            ("shipping call", shipping),
            ("callback", callback),
            ("/v1", reads),
        ] {
            told(table, times, what, &tally);
        }
        let most = Spread::one(stage.kasse.memory("VmHWM"));
        table.add(Figure::new(
            NAME,
            format!("{times}×: most ever resident"),
            "MiB",
            most,
        ));
        stage.kasse.quiet();
    }
}

fn all_at_once(
    address: SocketAddr,
    rates: [f64; 3],
    lasts: Until,
    calls: [&(dyn Fn(u64) -> Vec<u8> + Sync); 3],
) -> [Tally; 3] {
    // Many: that some wait is no reason not to call. kasse has 1 024 places.
    let callers = [256, 256, 256];
    std::thread::scope(|scope| {
        [0, 1, 2]
            .map(|of| {
                scope.spawn(move || {
                    call(
                        address,
                        Pace::Open(rates[of]),
                        callers[of],
                        lasts,
                        calls[of],
                    )
                })
            })
            .map(|thread| thread.join().unwrap())
    })
}

fn told(table: &mut Table, times: u32, what: &str, tally: &Tally) {
    let mut add = |figure: String, unit, value: f64| {
        let what = format!("{times}×, {what}: {figure}");
        table.add(Figure::new(NAME, what, unit, Spread::one(value)));
    };
    if tally.good.len() > 0 {
        add("p50".to_owned(), "ms", tally.good.ms(500));
        add("p99".to_owned(), "ms", tally.good.ms(990));
        add("most".to_owned(), "ms", tally.good.ms(1000));
    }
    let odd: u64 = tally.odd.values().sum();
    let count = tally.good.len() + tally.refused.len();
    let sent = count as u64 + tally.late + tally.broken + odd;
    let percent = |part: u64| 100.0 * part as f64 / sent as f64;
    add(
        "answered with 503".to_owned(),
        "%",
        percent(tally.refused.len() as u64),
    );
    add("timed out".to_owned(), "%", percent(tally.late));
    if tally.broken + odd > 0 {
        add(
            format!("broken, or answered otherwise ({:?})", tally.odd),
            "%",
            percent(tally.broken + odd),
        );
    }
}
