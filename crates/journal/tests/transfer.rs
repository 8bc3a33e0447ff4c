//! A journal is carried over without loss, whatever it holds and wherever it is stopped.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "it is a test: what does not fit has to fail, in helpers too"
)]

mod common;

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use common::filling::{Plan, at, exported, fill, import_in_pieces, large, onwards, plan, writes};
use common::{TestFolder, batch, begin, folder, insert};
use kasse_core::ShopId;
use kasse_core::journal::{Batch, Filter, Journal, suite};
use kasse_journal::{OpenError, SqliteJournal, TransferError};
use proptest::collection::vec;
use proptest::prelude::*;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn whatever_it_holds_comes_out_as_it_went_in(plans in vec(plan(), 0..12)) {
        runtime().block_on(async {
            let folder = folder("transfer-random");
            let (from, to) = (folder.path().join("from"), folder.path().join("to"));
            let journal = SqliteJournal::open(&from).unwrap();
            fill(&journal, &plans).await;
            journal.close().await;
            let file = folder.path().join("1.jsonl");
            let before = exported(&at(&from), file.clone()).await;
            at(&to).import(&file, onwards).await.unwrap();
            let after = exported(&at(&to), folder.path().join("2.jsonl")).await;
            assert_eq!(before, after);
        });
    }
}

#[tokio::test]
async fn what_every_case_of_the_suite_leaves_comes_out_as_it_went_in() {
    let folder = folder("transfer-suite");
    let made = RefCell::new(Vec::new());
    suite::run(|| {
        let number = made.borrow().len();
        let journal = folder.path().join(number.to_string());
        made.borrow_mut().push(journal.clone());
        Arc::new(SqliteJournal::open(&journal).unwrap()) as suite::Subject
    })
    .await;
    let mut rows = 0;
    for journal in made.into_inner() {
        let file = journal.with_extension("before");
        let before = exported(&at(&journal), file.clone()).await;
        let copy = journal.with_extension("copy");
        rows += at(&copy).import(&file, onwards).await.unwrap().rows;
        let after = exported(&at(&copy), journal.with_extension("after")).await;
        assert_eq!(before, after);
    }
    assert!(rows > 500, "{rows}");
}

#[tokio::test]
async fn an_import_goes_on_where_it_was_stopped_and_nobody_uses_half_a_journal() {
    let folder = folder("transfer-stopped");
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    large(&from).await;
    let file = folder.path().join("1.jsonl");
    let before = exported(&at(&from), file.clone()).await;
    let mut seen = 0;
    let three = |_| {
        seen += 1;
        if seen < 3 {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    };
    let stopped = at(&to).import(&file, three).await.unwrap_err();
    assert!(
        matches!(stopped, TransferError::Stopped { done: 300, rows } if rows > 500),
        "{stopped}"
    );
    // No kasse opens it, and nobody takes it for a journal.
    let error = SqliteJournal::open(&to).unwrap_err();
    assert!(matches!(error, OpenError::Importing), "{error}");
    let error = kasse_core::Error::from(error);
    assert!(error.advice.contains("kasse journal import"), "{error}");
    assert!(at(&to).inspect().await.unwrap().unwrap().importing);
    let again = folder.path().join("half.jsonl");
    let error = at(&to).export(&again, begin()).await.unwrap_err();
    assert!(
        matches!(error, TransferError::Open(OpenError::Importing)),
        "{error}"
    );
    assert!(!again.exists());
    // Nothing else is mixed into it.
    let other = folder.path().join("other");
    SqliteJournal::open(&other).unwrap().close().await;
    let error = at(&to).import(&other, onwards).await.unwrap_err();
    assert!(matches!(error, TransferError::AnotherBegun), "{error}");
    // From the folder as well as from its export, which is the same; stopped after each transaction.
    let stops = import_in_pieces(&at(&to), &from).await;
    assert!(stops >= 4, "{stops}");
    let after = exported(&at(&to), folder.path().join("2.jsonl")).await;
    assert_eq!(before, after);
    assert!(!at(&to).inspect().await.unwrap().unwrap().importing);
}

#[tokio::test]
async fn shop_software_reads_on_where_it_was() {
    let folder = folder("transfer-places");
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    large(&from).await;
    at(&to).import(&from, onwards).await.unwrap();
    let shop = ShopId::new("shop-1").unwrap();
    let before = SqliteJournal::open(&from).unwrap();
    let after = SqliteJournal::open(&to).unwrap();
    let events = before.events_since(&shop, 0, 1000).await.unwrap();
    assert_eq!(after.events_since(&shop, 0, 1000).await.unwrap(), events);
    let last = events.last().unwrap().place;
    let list = Filter::default();
    assert_eq!(
        after.list(&list).await.unwrap(),
        before.list(&list).await.unwrap()
    );
    assert_eq!(
        after.figures().await.unwrap(),
        before.figures().await.unwrap()
    );
    // What comes now comes after it.
    let writes = writes(9000, &Plan::with_an_event());
    let leases = Vec::new();
    after.write(Batch { leases, writes }).await.unwrap();
    let next = after.events_since(&shop, last, 1000).await.unwrap();
    assert_eq!(next.len(), 1);
    assert!(next[0].place > last);
}

/// An export of a journal, in a folder of its own.
async fn an_export(name: &str) -> (TestFolder, PathBuf, String) {
    let folder = folder(name);
    large(&folder.path().join("from")).await;
    let file = folder.path().join("1.jsonl");
    let text = exported(&at(&folder.path().join("from")), file.clone()).await;
    (folder, file, text)
}

#[tokio::test]
async fn a_file_that_was_cut_or_changed_is_refused_before_anything_is_written() {
    let (folder, file, text) = an_export("transfer-cut").await;
    let to = folder.path().join("to");
    let lines: Vec<&str> = text.lines().collect();
    let joined = |lines: &[&str]| lines.join("\n") + "\n";
    let mut wrong = vec![
        String::new(),
        "{}\n".into(),
        text.trim_end().to_owned(),
        text.clone() + "\n",
        text.clone() + lines[1],
        text.replacen("\"kasse_journal\":1", "\"kasse_journal\":2", 1),
        text.replacen("5000", "5001", 1),
    ];
    for cut in [1, 2, lines.len() / 2, lines.len() - 1] {
        wrong.push(joined(&lines[..cut]));
    }
    let mut doubled = lines.clone();
    doubled.insert(3, lines[3]);
    wrong.push(joined(&doubled));
    let mut turned = lines.clone();
    turned.swap(2, 3);
    wrong.push(joined(&turned));
    for (number, wrong) in wrong.iter().enumerate() {
        std::fs::write(&file, wrong).unwrap();
        let error = at(&to).import(&file, onwards).await.unwrap_err();
        assert!(
            matches!(error, TransferError::NoExport { .. }),
            "{number}: {error}"
        );
        assert!(!error.to_string().contains("acme"), "{error}");
        assert!(!to.exists(), "{number}");
    }
    std::fs::write(&file, text).unwrap();
    at(&to).import(&file, onwards).await.unwrap();
}

#[tokio::test]
async fn a_journal_that_holds_something_is_not_imported_into() {
    let (folder, file, _) = an_export("transfer-full").await;
    let to = folder.path().join("to");
    let journal = SqliteJournal::open(&to).unwrap();
    journal.write(batch([insert("acme-mine")])).await.unwrap();
    // It is in use, at first.
    let error = at(&to).import(&file, onwards).await.unwrap_err();
    assert!(
        matches!(error, TransferError::Open(OpenError::InUse { .. })),
        "{error}"
    );
    journal.close().await;
    let error = at(&to).import(&file, onwards).await.unwrap_err();
    assert!(matches!(error, TransferError::NotEmpty(1)), "{error}");
    let journal = SqliteJournal::open(&to).unwrap();
    assert_eq!(journal.list(&Filter::default()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_journal_in_use_is_exported_and_not_taken_over() {
    let (folder, _, text) = an_export("transfer-used").await;
    let from = folder.path().join("from");
    let journal = SqliteJournal::open(&from).unwrap();
    let used = exported(&at(&from), folder.path().join("2.jsonl")).await;
    assert_eq!(used, text);
    let to = folder.path().join("to");
    let error = at(&to).import(&from, onwards).await.unwrap_err();
    assert!(
        matches!(error, TransferError::Open(OpenError::InUse { .. })),
        "{error}"
    );
    journal.close().await;
    at(&to).import(&from, onwards).await.unwrap();
}

#[tokio::test]
async fn an_export_is_its_owners_alone_and_holds_nothing_that_was_erased() {
    let (folder, file, text) = an_export("transfer-file").await;
    assert!(text.contains("Låmann 1\"") && !text.contains("Låmann 4\""));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // One that is there is left alone.
    let from = at(&folder.path().join("from"));
    let error = from.export(&file, begin()).await.unwrap_err();
    assert!(matches!(error, TransferError::File { .. }), "{error}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    let nowhere = folder.path().join("nowhere");
    let error = at(&nowhere).export(&nowhere, begin()).await.unwrap_err();
    assert!(matches!(error, TransferError::Nothing(_)), "{error}");
}

#[tokio::test]
async fn a_journal_of_an_older_kasse_is_migrated_before_it_is_exported() {
    let folder = folder("transfer-older");
    SqliteJournal::open(folder.path()).unwrap().close().await;
    let journal = at(folder.path());
    let now = journal.migrate().await.unwrap();
    assert_eq!(now.from, now.to);
    let file = rusqlite::Connection::open(folder.path().join("journal.sqlite3")).unwrap();
    file.pragma_update(None, "user_version", now.to - 1)
        .unwrap();
    let export = folder.path().join("1.jsonl");
    let error = journal.export(&export, begin()).await.unwrap_err();
    let TransferError::Open(error @ OpenError::Older { .. }) = error else {
        panic!("{error}");
    };
    let error = kasse_core::Error::from(error);
    assert!(error.advice.contains("kasse journal migrate"), "{error}");
}
