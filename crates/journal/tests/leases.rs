//! Leases of the journal on SQLite, which are taken and given back while the thread that writes is
//! busy: none is another's before what was begun under it is done.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "it is a test: what does not fit has to fail, in helpers too"
)]

mod common;

use std::sync::Arc;

use common::{begin, folder, id, insert, payment};
use futures_util::FutureExt;
use futures_util::future::join;
use jiff::{SignedDuration, Timestamp};
use kasse_core::journal::{Batch, Journal, JournalError, Lease, LeaseKey, Write};
use kasse_journal::SqliteJournal;
use tokio::task::yield_now;

fn at(second: i64) -> Timestamp {
    begin() + SignedDuration::from_secs(second)
}

/// Asks for it again and again until it is given.
async fn taken(journal: &SqliteJournal, key: &LeaseKey, now: i64, until: i64) -> Lease {
    loop {
        match journal.acquire(key, at(now), at(until)).await.unwrap() {
            Some(lease) => return lease,
            None => yield_now().await,
        }
    }
}

/// The writer has it, and nobody waits for it yet.
fn handed_over(
    journal: &SqliteJournal,
    batch: Batch,
) -> impl Future<Output = Result<(), JournalError>> + Clone {
    let write = journal.write(batch).shared();
    let _ = write.clone().now_or_never();
    write
}

/// Something that keeps the writer busy for a while.
fn much(round: usize) -> Batch {
    let mut batch = Batch::default();
    for number in 0..200 {
        batch.push(insert(&format!("acme-much-{round}-{number}")));
    }
    batch
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_a_lease_sees_all_that_was_done_under_it() {
    let folder = folder("leases-seen");
    let journal = SqliteJournal::open(folder.path()).unwrap();
    for round in 0..20 {
        let reference = format!("acme-{}", 1001 + round);
        let key = LeaseKey::payment(&id(&reference));
        let lease = taken(&journal, &key, 0, 10).await;
        let busy = handed_over(&journal, much(round));
        let write = handed_over(&journal, Batch::under(&lease).with(insert(&reference)));
        // Its time is over; and in every other round its holder has given it back, too.
        if round % 2 == 0 {
            journal.release(lease).await.unwrap();
        }
        taken(&journal, &key, 10, 20).await;
        let seen = journal.payment(&id(&reference)).await.unwrap().is_some();
        assert_eq!(write.await, Ok(()));
        assert!(
            seen,
            "round {round}: it was done after its lease was another's"
        );
        busy.await.unwrap();
    }
}

#[tokio::test]
async fn a_lease_is_free_again_when_what_was_done_under_it_is_answered() {
    let folder = folder("leases-free");
    let journal = SqliteJournal::open(folder.path()).unwrap();
    let key = LeaseKey::payment(&id("acme-1001"));
    for (round, result) in [(0, Ok(())), (1, Err(()))] {
        let lease = taken(&journal, &key, 0, 10).await;
        // Several of one group. The second time it is there already, and refused.
        let under = || journal.write(Batch::under(&lease).with(insert("acme-1001")));
        let other = Batch::under(&lease).with(insert(&format!("acme-other-{round}")));
        let (one, two) = join(under(), journal.write(other)).await;
        assert_eq!(one.map_err(|_| ()), result);
        assert_eq!(two, Ok(()));
        assert!(journal.anyone_holds(&key, at(1)).await.unwrap());
        journal.release(lease).await.unwrap();
        assert!(!journal.anyone_holds(&key, at(1)).await.unwrap());
        let free = journal.acquire(&key, at(1), at(10)).await.unwrap();
        journal.release(free.expect("it is free")).await.unwrap();
    }
}

#[tokio::test]
async fn what_nobody_waits_for_any_more_is_done_under_its_lease() {
    let folder = folder("leases-dropped");
    let journal = SqliteJournal::open(folder.path()).unwrap();
    let key = LeaseKey::payment(&id("acme-1001"));
    let lease = taken(&journal, &key, 0, 10).await;
    drop(handed_over(
        &journal,
        Batch::under(&lease).with(insert("acme-1001")),
    ));
    journal.release(lease.clone()).await.unwrap();
    let late = journal.write(Batch::under(&lease).with(insert("acme-1002")));
    assert_eq!(late.await, Err(JournalError::LeaseLost(key.clone())));
    taken(&journal, &key, 1, 10).await;
    assert!(journal.payment(&id("acme-1001")).await.unwrap().is_some());
    assert!(journal.payment(&id("acme-1002")).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_and_writes_under_leases_loses_nothing() {
    const EACH: u32 = 50;
    let folder = folder("leases-counted");
    let journal = Arc::new(SqliteJournal::open(folder.path()).unwrap());
    journal
        .write(Batch::default().with(insert("acme-1001")))
        .await
        .unwrap();
    let counting = |journal: Arc<SqliteJournal>| async move {
        let key = LeaseKey::payment(&id("acme-1001"));
        let mut done = 0;
        while done < EACH {
            // Each has run out when it is taken.
            let lease = taken(&journal, &key, 0, 0).await;
            let mut payment = journal.payment(&id("acme-1001")).await.unwrap().unwrap();
            payment.attempt += 1;
            let batch = Batch::under(&lease).with(Write::Update(Box::new(payment)));
            match journal.write(batch).await {
                Ok(()) => done += 1,
                Err(JournalError::LeaseLost(_)) => {}
                Err(error) => panic!("{error}"),
            }
            journal.release(lease).await.unwrap();
        }
    };
    let tasks = [(); 4].map(|()| tokio::spawn(counting(Arc::clone(&journal))));
    for task in tasks {
        task.await.unwrap();
    }
    let counted = journal.payment(&id("acme-1001")).await.unwrap().unwrap();
    assert_eq!(counted.attempt, payment("acme-1001").attempt + 4 * EACH);
}

#[tokio::test]
async fn an_empty_batch_is_answered_behind_what_waits() {
    let folder = folder("empty");
    let journal = SqliteJournal::open(folder.path()).unwrap();
    let busy = handed_over(&journal, much(0));
    assert_eq!(journal.write(Batch::default()).await, Ok(()));
    assert_eq!(busy.now_or_never(), Some(Ok(())));
    assert_eq!(journal.commits(), 1, "nothing is not committed");
}
