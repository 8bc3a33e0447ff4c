//! What was acknowledged is there, what was refused is not, and what nobody can know is said to be
//! so: whatever happens to the connections.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use kasse_core::ShopId;
use kasse_core::journal::{Journal, JournalError};
use kasse_journal::PostgresJournal;
use kasse_journal::testing::{Cluster, Stop};

use crate::proxy::{Fate, Proxy};
use crate::support::{connect, is_whole, options, whole};

/// A small generator of numbers that look random, the same ones each time.
fn next(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

/// Each batch as it was answered.
type Answers = Vec<(String, Result<(), JournalError>)>;

/// Writes batches, one after the other in each of some tasks. `answered` counts the answers.
async fn write_many(
    journal: &Arc<PostgresJournal>,
    writers: usize,
    each: usize,
    answered: &Arc<AtomicUsize>,
) -> Answers {
    let tasks = (0..writers).map(|writer| {
        let (journal, answered) = (Arc::clone(journal), Arc::clone(answered));
        tokio::spawn(async move {
            let mut answers = Vec::new();
            for number in 0..each {
                let reference = format!("acme-{writer}-{number:04}");
                let result = journal.write(whole(&reference)).await;
                answers.push((reference, result));
                answered.fetch_add(1, Ordering::SeqCst);
            }
            answers
        })
    });
    let answers = join_all(tasks).await;
    answers.into_iter().flat_map(Result::unwrap).collect()
}

/// Compares what was answered with what is there, and says how many were done, refused and unsure.
async fn compare(journal: &PostgresJournal, answers: &Answers) -> [usize; 3] {
    let mut counts = [0; 3];
    let mut there = BTreeSet::new();
    for (reference, answer) in answers {
        let is_there = is_whole(journal, reference).await;
        let kind = match answer {
            Ok(()) => {
                assert!(is_there, "{reference} was acknowledged and is not there");
                0
            }
            Err(JournalError::Unavailable(why)) => {
                assert!(!is_there, "{reference} was refused ({why}) and is there");
                1
            }
            Err(JournalError::Unsure(_)) => 2,
            Err(other) => panic!("{reference}: {other}"),
        };
        counts[kind] += 1;
        if is_there {
            there.insert(format!("main/{reference}/1"));
        }
    }
    // Each event once, at a place of its own, in their order.
    let shop = ShopId::new("shop").unwrap();
    let events = journal.events_since(&shop, 0, usize::MAX).await.unwrap();
    assert!(events.is_sorted_by(|one, other| one.place < other.place));
    let events: Vec<String> = events
        .iter()
        .map(|placed| placed.event.id.to_string())
        .collect();
    assert_eq!(events.len(), there.len());
    assert_eq!(events.into_iter().collect::<BTreeSet<_>>(), there);
    counts
}

/// Waits until somebody waits for a lock in a database.
fn wait_for_a_lock(cluster: &Cluster, url: &str) {
    let patience = Instant::now() + Duration::from_secs(10);
    let waiting = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while cluster.sql(url, waiting) == "0" {
        assert!(
            Instant::now() < patience,
            "nobody waited for the old transaction"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_found_again() {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    let url = cluster.database();
    let direct = connect(&url).await;
    for fate in [
        Fate::AnswerLost,
        Fate::NeverSent,
        Fate::HalfSent,
        Fate::Late,
    ] {
        // Its first commit, and then as it may.
        let mut fates = vec![fate];
        let looked = url.clone();
        let proxy = Proxy::start(
            cluster.address(),
            move || fates.pop().unwrap_or(Fate::Passes),
            move || wait_for_a_lock(cluster, &looked),
        );
        let journal = connect_through(&proxy, &url).await;
        let reference = format!("acme-{}", format!("{fate:?}").to_lowercase());
        journal.write(whole(&reference)).await.unwrap();
        assert!(is_whole(&direct, &reference).await, "{fate:?}");
        // Found where it was done, and done again where it was not.
        let again = matches!(fate, Fate::NeverSent | Fate::HalfSent);
        assert_eq!(proxy.commits(), 1 + usize::from(again), "{fate:?}");
        // The journal goes on, and it is in it once.
        let error = journal.write(whole(&reference)).await.unwrap_err();
        assert!(matches!(error, JournalError::Exists(_)), "{error}");
    }
}

/// A journal that reaches its database through a proxy. (What the connection says of itself when it
/// is opened is no commit.)
async fn connect_through(proxy: &Proxy, url: &str) -> PostgresJournal {
    let journal = connect(&proxy.url(url)).await;
    assert_eq!(proxy.commits(), 0);
    journal
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_becomes_of_many_commits_each_is_told_right() {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    let url = cluster.database();
    let direct = connect(&url).await;
    let mut seed = 0x5eed_0001_u64;
    let lost = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&lost);
    let proxy = Proxy::start(
        cluster.address(),
        move || {
            let fate = match next(&mut seed) % 10 {
                0 => Fate::AnswerLost,
                1 => Fate::NeverSent,
                2 => Fate::HalfSent,
                _ => Fate::Passes,
            };
            counted.fetch_add(usize::from(fate != Fate::Passes), Ordering::SeqCst);
            fate
        },
        || (),
    );
    let journal = Arc::new(connect_through(&proxy, &url).await);
    let answers = write_many(&journal, 4, 50, &Arc::default()).await;
    let [done, refused, unsure] = compare(&direct, &answers).await;
    // The database was there all the time: each was found out, and done in the end, unless one had so
    // much bad luck that its time was over first.
    assert_eq!(unsure, 0);
    assert!(
        refused <= answers.len() / 20,
        "{done} done, {refused} refused"
    );
    assert!(lost.load(Ordering::SeqCst) > 20);
}

#[tokio::test]
async fn where_the_database_is_gone_for_good_nobody_knows() {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    let url = cluster.database();
    let direct = connect(&url).await;
    let (told, mut met) = tokio::sync::mpsc::unbounded_channel();
    let proxy = Arc::new(std::sync::OnceLock::<Proxy>::new());
    let gone = Arc::clone(&proxy);
    let started = Proxy::start(
        cluster.address(),
        move || {
            gone.get().unwrap().close();
            told.send(()).unwrap();
            Fate::AnswerLost
        },
        || (),
    );
    assert!(proxy.set(started).is_ok());
    let journal = connect_through(proxy.get().unwrap(), &url).await;
    let writing = tokio::spawn(async move { journal.write(whole("acme-1001")).await });
    met.recv().await.unwrap();
    // From now on nothing is waited for in earnest.
    tokio::time::pause();
    let error = writing.await.unwrap().unwrap_err();
    tokio::time::resume();
    assert!(matches!(error, JournalError::Unsure(_)), "{error}");
    // In this case it was done.
    assert!(is_whole(&direct, "acme-1001").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_ended_at_any_moment_lose_nothing() {
    const BATCHES: usize = 240;
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    let url = cluster.database();
    let journal = Arc::new(connect(&url).await);
    let (killer, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    let answered = Arc::new(AtomicUsize::new(0));
    let progress = Arc::clone(&answered);
    let killing = tokio::spawn(async move {
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()
                AND backend_type = 'client backend'";
        // All of them, again and again, but not before something was done since the last time.
        let mut kills = 0;
        let mut last = 0;
        while last < BATCHES - 20 {
            let now = progress.load(Ordering::SeqCst);
            if now > last + 2 {
                kills += killer.query(sql, &[]).await.unwrap().len();
                last = now;
            } else {
                tokio::task::yield_now().await;
            }
        }
        kills
    });
    let answers = write_many(&journal, 6, BATCHES / 6, &answered).await;
    let kills = killing.await.unwrap();
    let [done, refused, unsure] = compare(&journal, &answers).await;
    assert!(done > 0 && kills > 0);
    println!("{kills} connections ended: {done} done, {refused} refused, {unsure} unsure");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_crashes_and_comes_back_has_all_that_was_acknowledged() {
    const CRASHES: usize = 4;
    let Some(cluster) = Cluster::of_its_own() else {
        return;
    };
    let url = cluster.database();
    let journal = Arc::new(connect(&url).await);
    let answered = Arc::new(AtomicUsize::new(0));
    let progress = Arc::clone(&answered);
    let crashing = tokio::task::spawn_blocking(move || {
        for crash in 1..=CRASHES {
            while progress.load(Ordering::SeqCst) < crash * 30 {
                std::thread::yield_now();
            }
            cluster.restart(Stop::Immediate).unwrap();
        }
        cluster
    });
    let answers = write_many(&journal, 4, 50, &answered).await;
    let cluster = crashing.await.unwrap();
    let [done, refused, unsure] = compare(&journal, &answers).await;
    println!("{CRASHES} crashes: {done} done, {refused} refused, {unsure} unsure");
    // It is the same journal for those who come anew.
    let anew = PostgresJournal::connect(options(&url)).await.unwrap();
    compare(&anew, &answers).await;
    journal.write(whole("acme-afterwards")).await.unwrap();
    drop(cluster);
}
