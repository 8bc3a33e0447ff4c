//! What a tick of the sweep costs among 10 000, 100 000 and 1 000 000 payments that wait: its reads,
//! a whole tick with a hundred payments due, and the journal's figures. The work is to follow what is
//! due, not what there is: the table at the end gives each as a multiple of that among the fewest.
//!
//! `cargo bench -p kasse-journal --bench tick --all-features` measures both databases.
//! `KASSE_BENCH_PENDING` (`10000,100000`) gives other numbers of payments.
//!
//! For `cargo xtask bench` it is two programs: `tick fill FOLDER SIZE` makes a journal on SQLite, and
//! `tick ticks FOLDER SIZE COUNT` does so many ticks in it and says how long each took (`tick`, and the
//! milliseconds) and what the process had of the machine's memory. So the filling is not among it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::float_arithmetic,
    reason = "it measures, and is run by hand"
)]

mod pending;
#[cfg(all(feature = "postgres", feature = "testing"))]
mod postgres;
mod sqlite;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion};
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use kasse_core::journal::{Batch, Journal, LeaseKey, Write};
use kasse_core::{PaymentId, after};
use tokio::runtime::Runtime;

use pending::{EVERY, due_at};

/// As the sweep: so many of each kind at the most, and so many at the same time.
const MOST: usize = 200;
const AT_ONCE: usize = 16;
/// Payments that become due between two ticks.
const DUE: usize = 100;

/// The medians, by what was measured and among how many.
type Medians = BTreeMap<(String, u32), Duration>;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["fill", folder, size] => {
            sqlite::filled(&runtime, folder.as_ref(), size.parse().unwrap());
        }
        ["ticks", folder, size, count] => ticks(
            &runtime,
            &sqlite::open(folder.as_ref()),
            size.parse().unwrap(),
            count.parse().unwrap(),
        ),
        _ => benchmark(&runtime),
    }
}

/// So many ticks, each with as many due as the one before.
fn ticks(runtime: &Runtime, journal: &Arc<dyn Journal>, size: u32, count: u32) {
    let most = u32::try_from(DUE).unwrap();
    for tick in 0..count {
        let now = after(due_at(DUE), EVERY * most * tick);
        let begun = Instant::now();
        let due = runtime.block_on(tick_at(journal, now, EVERY * size));
        let took = begun.elapsed();
        assert!(due >= DUE, "{due}");
        println!("tick {}", took.as_secs_f64() * 1000.0);
    }
    print!(
        "{}",
        std::fs::read_to_string("/proc/self/status").unwrap_or_default()
    );
}

fn benchmark(runtime: &Runtime) {
    // `cargo test --benches` runs it too, to see that it works.
    let measured = std::env::args().any(|arg| arg == "--bench");
    let sizes = std::env::var("KASSE_BENCH_PENDING").unwrap_or_else(|_| {
        if measured {
            "10000,100000,1000000".to_owned()
        } else {
            "1000".to_owned()
        }
    });
    let sizes: Vec<u32> = sizes.split(',').map(|size| size.parse().unwrap()).collect();
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    let mut medians = Medians::new();
    for size in sizes {
        let mut measured = |database: &str, journal: &Arc<dyn Journal>| {
            measure(
                &mut criterion,
                runtime,
                (database, size),
                journal,
                &mut medians,
            );
        };
        sqlite::with_pending(runtime, size, |journal| measured("SQLite", journal));
        #[cfg(all(feature = "postgres", feature = "testing"))]
        postgres::with_pending(runtime, size, |journal| measured("PostgreSQL", journal));
    }
    criterion.final_summary();
    print(&medians);
}

/// All of it, over one journal.
fn measure(
    criterion: &mut Criterion,
    runtime: &Runtime,
    (database, size): (&str, u32),
    journal: &Arc<dyn Journal>,
    medians: &mut Medians,
) {
    let now = due_at(DUE);
    let soon = after(now, EVERY * u32::try_from(DUE).unwrap());
    let mut timed = |what: &str, one: &dyn Fn() -> usize| {
        let name = format!("{database}: {what}");
        let mut samples = Vec::new();
        criterion.benchmark_group(&name).bench_function(
            BenchmarkId::from_parameter(size),
            |bencher| {
                bencher.iter_custom(|times| {
                    let begun = Instant::now();
                    for _ in 0..times {
                        assert_ne!(one(), 0, "{what}");
                    }
                    let took = begun.elapsed();
                    samples.push(took / u32::try_from(times).unwrap());
                    took
                });
            },
        );
        samples.sort();
        if let Some(median) = samples.get(samples.len() / 2) {
            medians.insert((name, size), *median);
        }
    };
    timed("due", &|| {
        runtime.block_on(journal.due(now, MOST)).unwrap().len()
    });
    timed("commands_due", &|| {
        runtime
            .block_on(journal.commands_due(now, MOST))
            .unwrap()
            .len()
    });
    timed("deliveries_due", &|| {
        runtime
            .block_on(journal.deliveries_due(now, MOST))
            .unwrap()
            .len()
    });
    timed("capture_ending", &|| {
        let ending = journal.capture_ending(now, soon, 1000);
        runtime.block_on(ending).unwrap().len()
    });
    let ticks = AtomicI64::new(0);
    timed("a tick with 100 due", &|| {
        let tick = ticks.fetch_add(1, Ordering::Relaxed);
        let passed = EVERY * u32::try_from(DUE).unwrap() * u32::try_from(tick).unwrap();
        let due = runtime.block_on(tick_at(journal, after(now, passed), EVERY * size));
        assert!(due >= DUE, "{due}");
        due
    });
    timed("figures", &|| {
        runtime.block_on(journal.figures()).unwrap().payments.len()
    });
    println!("{database}, {size} pending: {}", memory());
}

/// What the sweep does: looks for what is due, and reads each payment and writes it anew, to be looked
/// at when all others had their turn.
async fn tick_at(journal: &Arc<dyn Journal>, now: Timestamp, round: Duration) -> usize {
    journal.commands_due(now, MOST).await.unwrap();
    journal.deliveries_due(now, MOST).await.unwrap();
    let due = journal.due(now, MOST).await.unwrap();
    let count = due.len();
    stream::iter(due)
        .for_each_concurrent(AT_ONCE, |id| look(journal, id, now, round))
        .await;
    count
}

async fn look(journal: &Arc<dyn Journal>, id: PaymentId, now: Timestamp, round: Duration) {
    let until = after(now, Duration::from_secs(60));
    let lease = journal
        .acquire(&LeaseKey::payment(&id), now, until)
        .await
        .unwrap();
    let lease = lease.expect("nobody else has it");
    let mut payment = journal.payment(&id).await.unwrap().unwrap();
    journal.commands(&id).await.unwrap();
    let mut batch = Batch::under(&lease);
    for item in journal.unread(&id).await.unwrap() {
        batch.push(Write::Read(item.id));
    }
    payment.next_look = Some(after(now, round));
    batch.push(Write::Update(Box::new(payment)));
    journal.write(batch).await.unwrap();
    journal.release(lease).await.unwrap();
}

/// What this process has of the machine's memory.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = |name: &str| status.lines().find(|line| line.starts_with(name));
    let value = |name| line(name).map_or("unknown", |line: &str| line[name.len()..].trim());
    format!(
        "{} of memory now, {} at the most",
        value("VmRSS:"),
        value("VmHWM:")
    )
}

fn print(medians: &Medians) {
    let names: Vec<&String> = medians.keys().map(|(name, _)| name).collect();
    let mut last = None;
    println!(
        "\n{:<36} {:>10} {:>12} {:>7}",
        "median of one", "pending", "ms", "times"
    );
    for name in names {
        if last == Some(name) {
            continue;
        }
        last = Some(name);
        let sizes = medians.iter().filter(|((of, _), _)| of == name);
        let mut fewest = None;
        for ((_, size), median) in sizes {
            let ms = median.as_secs_f64() * 1000.0;
            let times = ms / *fewest.get_or_insert(ms);
            println!("{name:<36} {size:>10} {ms:>12.3} {times:>7.2}");
        }
    }
}
