//! The journal in memory passes the suite that every journal passes.
#![cfg(feature = "testing")]

use std::sync::Arc;

use kasse_core::journal::{MemoryJournal, suite};

#[tokio::test]
async fn the_journal_in_memory_passes_the_suite() {
    suite::run(|| Arc::new(MemoryJournal::new())).await;
}
