//! The journal on SQLite passes the suite that every journal passes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "it is a test: what does not fit has to fail, in helpers too"
)]

mod common;

use std::sync::Arc;

use common::{Reopened, folder};
use kasse_core::journal::suite;
use kasse_journal::SqliteJournal;

#[tokio::test]
async fn the_journal_on_sqlite_passes_the_suite() {
    let folder = folder("suite");
    let number = std::cell::Cell::new(0);
    suite::run(|| {
        number.set(number.get() + 1);
        let folder = folder.path().join(number.get().to_string());
        Arc::new(SqliteJournal::open(&folder).unwrap())
    })
    .await;
}

#[tokio::test]
async fn what_is_kept_is_the_same_after_closing_and_opening() {
    let folder = folder("suite-reopened");
    let number = std::cell::Cell::new(0);
    let make = || {
        number.set(number.get() + 1);
        let folder = folder.path().join(number.get().to_string());
        Arc::new(Reopened::new(folder)) as suite::Subject
    };
    suite::run_cases(suite::RECORD_CASES, &make).await;
}
