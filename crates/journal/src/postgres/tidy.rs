//! What is done beside the work: what ran out is deleted, and what was erased is vacuumed.
//!
//! A row that is deleted stays in its table's file until a vacuum frees its room. The database's
//! own comes when it thinks fit; after an erasure ours comes at once. What remains then is not the
//! journal's to remove: bytes in the free room of a page until something is written over them, the
//! write-ahead log until it is recycled, replicas, and backups.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};

use super::pool::{Connection, Failure, Pool};

/// How often what ran out is deleted.
const EACH: Duration = Duration::from_secs(60);
/// How long what was erased waits for more that is erased.
const GATHER: Duration = Duration::from_millis(200);
/// When a vacuum that failed is tried again.
const AGAIN: Duration = Duration::from_secs(5);

const RAN_OUT: &[&str] = &[
    "DELETE FROM claims WHERE until < journal_now() - interval '1 minute'",
    "DELETE FROM leases WHERE until < journal_now() - interval '1 hour'",
    "DELETE FROM calls WHERE times[cardinality(times)] < journal_now() - interval '1 hour'",
    "DELETE FROM writers WHERE at < clock_timestamp() - interval '1 day'",
];

// The index on users holds their ids: it is cleaned however few there are.
const VACUUM: &[&str] = &[
    "SET statement_timeout = 0",
    "VACUUM (INDEX_CLEANUP ON) personal",
    "VACUUM inbox",
];

/// The task that does it. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Tidier {
    erased: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Tidier {
    pub(crate) fn start(pool: Arc<Pool>) -> Self {
        let erased = Arc::new(Notify::new());
        let task = tokio::spawn(work(pool, Arc::clone(&erased)));
        Self { erased, task }
    }

    /// Something was erased.
    pub(crate) fn erased(&self) {
        self.erased.notify_one();
    }
}

impl Drop for Tidier {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn work(pool: Arc<Pool>, erased: Arc<Notify>) {
    let mut next = Instant::now() + EACH;
    loop {
        if timeout_at(next, erased.notified()).await.is_ok() {
            sleep(GATHER).await;
            while let Err(failure) = vacuum(&pool).await {
                tracing::warn!(
                    ?failure,
                    "what was erased could not be vacuumed; tried again"
                );
                sleep(AGAIN).await;
            }
            continue;
        }
        next = Instant::now() + EACH;
        for sql in RAN_OUT {
            if let Err(error) = pool.query("what ran out", sql, &[]).await {
                tracing::warn!(%error, "what ran out in the journal could not be deleted");
            }
        }
    }
}

/// On a connection of its own: it may take long.
async fn vacuum(pool: &Pool) -> Result<(), Failure> {
    let connection = Connection::open(&pool.way).await?;
    for sql in VACUUM {
        let done = connection.client.batch_execute(sql).await;
        done.map_err(|error| Failure::new("the vacuum", &error))?;
    }
    Ok(())
}
