//! The journal on SQLite, with payments that wait.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use kasse_core::journal::Journal;
use kasse_journal::SqliteJournal;
use rusqlite::Connection;
use tokio::runtime::Runtime;

use crate::pending;

/// Makes one, and removes it afterwards.
pub(crate) fn with_pending(runtime: &Runtime, size: u32, use_it: impl FnOnce(&Arc<dyn Journal>)) {
    let name = format!("tick-{size}-{}", std::process::id());
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    let begun = Instant::now();
    filled(runtime, &folder, size);
    let file = std::fs::metadata(folder.join("journal.sqlite3")).unwrap();
    println!(
        "SQLite: {size} pending payments, {} MiB, made in {} s",
        file.len() / (1024 * 1024),
        begun.elapsed().as_secs()
    );
    let journal = open(&folder);
    use_it(&journal);
    drop(journal);
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Makes one in a folder.
pub(crate) fn filled(runtime: &Runtime, folder: &Path, size: u32) {
    let journal = SqliteJournal::open(folder).unwrap();
    runtime.block_on(journal.write(pending::first())).unwrap();
    runtime.block_on(journal.close());
    fill(folder, size);
}

/// Opens it again.
pub(crate) fn open(folder: &Path) -> Arc<dyn Journal> {
    Arc::new(SqliteJournal::open(folder).unwrap())
}

fn fill(folder: &Path, size: u32) {
    let connection = Connection::open(folder.join("journal.sqlite3")).unwrap();
    connection
        .execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -500000; BEGIN")
        .unwrap();
    let numbers = format!(
        "WITH RECURSIVE number (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM number WHERE n < {size})"
    );
    let begin = pending::begin().as_second();
    let every = pending::EVERY.as_millis();
    // Whole milliseconds: six more digits make nanoseconds of them.
    let time = format!(
        "strftime('%Y-%m-%dT%H:%M:%S', {begin} + n * {every} / 1000, 'unixepoch')
             || printf('.%03d000000Z', n * {every} % 1000)"
    );
    for sql in pending::copies(&numbers, &time, "printf('pending-%08d', n)") {
        connection.execute_batch(&sql).unwrap();
    }
    connection
        .execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)")
        .unwrap();
}
