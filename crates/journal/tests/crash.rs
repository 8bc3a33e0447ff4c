//! What was acknowledged survives, whatever moment the process is killed at.
//!
//! A test runs this same program again as a child that writes until it is killed. Where the sync
//! itself matters, a shim between the child and the system notes each call, kills the child at one,
//! or lets one fail (`tests/crash/syncshim.rs` of the workspace).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "it is a test: what does not fit has to fail, in helpers too"
)]

mod common;

use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Process, Stdio};
use std::sync::Arc;

use common::{begin, folder, id, insert, payment};
use kasse_core::journal::{Batch, InboxItem, Journal, JournalError, Write};
use kasse_core::{Currency, EventId, EventKind, InboxId, PaymentEvent, Sums};
use kasse_journal::SqliteJournal;

const FOLDER: &str = "KASSE_TEST_JOURNAL";
const ROUND: &str = "KASSE_TEST_ROUND";
const WRITERS: &str = "KASSE_TEST_WRITERS";
const LOG: &str = "KASSE_SYNC_LOG";

/// Writes that belong together: a payment with an event, an inbox item and a note, all by one
/// reference.
fn whole(reference: &str) -> Batch {
    let event = PaymentEvent {
        id: EventId::new(format!("main/{reference}/1")).unwrap(),
        payment: id(reference),
        number: 1,
        at: begin(),
        what: EventKind::Initiated,
        sums: Sums::none(Currency::Nok),
    };
    let item = InboxItem {
        id: InboxId::new(reference).unwrap(),
        payment: id(reference),
        at: begin(),
        odd: None,
        event: None,
        body: Some(vec![b'x'; 3000].into()),
    };
    let mut now = payment(reference);
    now.attempt = 7;
    Batch::default()
        .with(insert(reference))
        .with(Write::Event(Box::new(event)))
        .with(Write::Receive(item))
        .with(Write::Update(Box::new(now)))
}

/// How much of it is there: all (`true`) or nothing (`false`). It panics where it is a part.
async fn is_whole(journal: &SqliteJournal, reference: &str) -> bool {
    let id = id(reference);
    let payment = journal.payment(&id).await.unwrap();
    let parts = [
        payment.is_some(),
        payment.is_some_and(|payment| payment.attempt == 7),
        journal.events(&id).await.unwrap().len() == 1,
        journal.unread(&id).await.unwrap().len() == 1,
    ];
    assert!(
        parts.iter().all(|part| *part == parts[0]),
        "{reference}: {parts:?}"
    );
    parts[0]
}

/// Says something to the test, at once: in the log of the syncs, where there is one, then in words.
fn say(line: &str) {
    if let Some(log) = std::env::var_os(LOG) {
        let mut log = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(log)
            .unwrap();
        log.write_all(format!("{line}\n").as_bytes()).unwrap();
    }
    let mut out = std::io::stdout().lock();
    out.write_all(format!("\n{line}\n").as_bytes())
        .and_then(|()| out.flush())
        .unwrap();
}

/// Not a test of its own: what the child does. It writes batches for ever, and says each as it was
/// acknowledged. One that is refused is its last.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let round = std::env::var(ROUND).unwrap();
    let writers: u32 = std::env::var(WRITERS).unwrap().parse().unwrap();
    let journal = Arc::new(SqliteJournal::open(Path::new(&folder)).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(tokio::task::LocalSet::new().run_until(async {
        let mut tasks = Vec::new();
        for writer in 0..writers {
            let writing = write_for_ever(Arc::clone(&journal), round.clone(), writer);
            tasks.push(tokio::task::spawn_local(writing));
        }
        for task in tasks {
            task.await.unwrap();
        }
    }));
}

async fn write_for_ever(journal: Arc<SqliteJournal>, round: String, writer: u32) {
    for number in 0_u32.. {
        let reference = format!("acme-{round}-{writer}-{number}");
        match journal.write(whole(&reference)).await {
            Ok(()) => say(&format!("ack {reference}")),
            Err(error) => {
                say(&format!("refused {reference} {error}"));
                assert!(matches!(error, JournalError::Unavailable(_)));
                // As by a crash: nothing is closed.
                std::process::abort();
            }
        }
    }
}

/// Starts the child.
fn start(
    folder: &Path,
    round: &str,
    writers: u32,
    environment: &[(&str, &std::ffi::OsStr)],
) -> Child {
    let mut process = Process::new(std::env::current_exe().unwrap());
    process
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .env(ROUND, round)
        .env(WRITERS, writers.to_string())
        .env("RUST_BACKTRACE", "0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    for (name, value) in environment {
        process.env(name, value);
    }
    process.spawn().unwrap()
}

/// What the child says, to its end; after `kill_at` acknowledgements it is killed.
fn listen(mut child: Child, kill_at: usize) -> Said {
    let mut said = Said::default();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for line in lines.map_while(Result::ok) {
        if let Some(reference) = line.strip_prefix("ack ") {
            said.acknowledged.push(reference.to_owned());
        } else if let Some(rest) = line.strip_prefix("refused ") {
            said.refused
                .push(rest.split(' ').next().unwrap().to_owned());
        }
        if said.acknowledged.len() == kill_at {
            // On Unix this is SIGKILL. Afterwards the pipe gives what was said until then.
            child.kill().unwrap();
        }
    }
    let status = child.wait().unwrap();
    assert!(
        !status.success(),
        "the child was to be killed, and ended by itself: {status}"
    );
    said
}

#[derive(Debug, Default)]
struct Said {
    acknowledged: Vec<String>,
    refused: Vec<String>,
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let folder = folder("kill");
    let path = folder.path().join("journal");
    let mut acknowledged = Vec::new();
    for round in 0..5 {
        let child = start(&path, &round.to_string(), 16, &[]);
        let said = listen(child, 40 + 37 * round);
        assert!(
            said.acknowledged.len() >= 40 + 37 * round,
            "{}",
            said.acknowledged.len()
        );
        acknowledged.extend(said.acknowledged);
        let journal = SqliteJournal::open(&path).unwrap();
        for reference in &acknowledged {
            assert!(is_whole(&journal, reference).await, "{reference} is lost");
        }
        // Those that were under way are there whole, or not at all.
        for writer in 0..16 {
            for number in 0..200 {
                is_whole(&journal, &format!("acme-{round}-{writer}-{number}")).await;
            }
        }
        journal.close().await;
    }
}

/// The shim, compiled. `None` where there is none: said on the way.
fn shim(folder: &Path) -> Option<PathBuf> {
    if !cfg!(all(target_os = "linux", target_env = "gnu")) {
        eprintln!("SKIPPED: syncs can be watched on Linux with glibc only");
        return None;
    }
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/crash/syncshim.rs");
    let library = folder.join("libsyncshim.so");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let status = Process::new(rustc)
        .args(["--edition", "2024", "--crate-type", "cdylib", "-o"])
        .arg(&library)
        .arg(source)
        .status()
        .expect("rustc is needed to compile the shim");
    assert!(status.success(), "the shim was not compiled");
    Some(library)
}

#[tokio::test]
async fn each_acknowledgement_comes_after_a_sync_of_the_log() {
    let folder = folder("sync");
    let Some(shim) = shim(folder.path()) else {
        return;
    };
    let (path, log) = (folder.path().join("journal"), folder.path().join("log"));
    let environment = [("LD_PRELOAD", shim.as_os_str()), (LOG, log.as_os_str())];
    // One writer: between two acknowledgements there is one batch, so a sync there is that batch's.
    let said = listen(start(&path, "0", 1, &environment), 30);
    let text = std::fs::read_to_string(&log).unwrap();
    let mut synced = false;
    let mut acknowledged = 0;
    for line in text.lines() {
        if let Some(path) = line.strip_prefix("sync ") {
            synced |= path.ends_with("journal.sqlite3-wal");
        } else if line.starts_with("ack ") {
            assert!(synced, "no sync of the log before `{line}`:\n{text}");
            synced = false;
            acknowledged += 1;
        }
    }
    assert!(acknowledged >= 30, "{text}");
    assert!(said.acknowledged.len() <= acknowledged);
}

#[tokio::test]
async fn killed_at_any_sync_the_journal_is_whole() {
    let folder = folder("sync-kill");
    let Some(shim) = shim(folder.path()) else {
        return;
    };
    let mut acknowledged = 0;
    for when in ["before", "after"] {
        // The first ones are those of making the tables: one for each of their steps.
        for at in 1..=22 {
            let path = folder.path().join(format!("{when}-{at}"));
            let at_text = at.to_string();
            let environment = [
                ("LD_PRELOAD", shim.as_os_str()),
                ("KASSE_KILL_AT", at_text.as_ref()),
                ("KASSE_KILL_WHEN", when.as_ref()),
            ];
            // The shim ends it.
            let said = listen(start(&path, "0", 1, &environment), usize::MAX);
            acknowledged += said.acknowledged.len();
            let journal = SqliteJournal::open(&path).unwrap();
            for reference in &said.acknowledged {
                assert!(
                    is_whole(&journal, reference).await,
                    "{when} {at}: {reference} is lost"
                );
            }
            let next = format!("acme-0-0-{}", said.acknowledged.len());
            is_whole(&journal, &next).await;
            let beyond = format!("acme-0-0-{}", said.acknowledged.len() + 1);
            assert!(!is_whole(&journal, &beyond).await, "{when} {at}");
            // And it goes on.
            journal.write(whole("acme-afterwards")).await.unwrap();
            assert!(is_whole(&journal, "acme-afterwards").await);
            journal.close().await;
        }
    }
    assert!(
        acknowledged > 5,
        "too few of the syncs were a commit's: {acknowledged}"
    );
}

#[tokio::test]
async fn what_was_refused_because_the_sync_failed_does_not_come_to_life() {
    let folder = folder("sync-fail");
    let Some(shim) = shim(folder.path()) else {
        return;
    };
    let mut refused = 0;
    for at in 1..=22 {
        let path = folder.path().join(at.to_string());
        let at_text = at.to_string();
        let environment = [
            ("LD_PRELOAD", shim.as_os_str()),
            ("KASSE_KILL_AT", at_text.as_ref()),
            ("KASSE_KILL_WHEN", "fail".as_ref()),
        ];
        // The first ones fail while it is opened, which ends the child as well.
        let said = listen(start(&path, "0", 1, &environment), 40);
        let journal = SqliteJournal::open(&path).unwrap();
        for reference in &said.acknowledged {
            assert!(
                is_whole(&journal, reference).await,
                "{at}: {reference} is lost"
            );
        }
        for reference in &said.refused {
            assert!(
                !is_whole(&journal, reference).await,
                "{at}: {reference} came to life"
            );
            refused += 1;
        }
        journal.close().await;
    }
    assert!(
        refused >= 5,
        "too few of the failing syncs were a commit's: {refused}"
    );
}
