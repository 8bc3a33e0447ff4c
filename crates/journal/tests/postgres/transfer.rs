//! A journal is carried to PostgreSQL, from there, and between databases, without loss.

use std::ops::ControlFlow;
use std::sync::Arc;

use kasse_core::ShopId;
use kasse_core::journal::{Batch, Journal, suite};
use kasse_journal::testing::Cluster;
use kasse_journal::{Location, OpenError, PostgresJournal, Progress, SqliteJournal, TransferError};

use super::common::filling::{
    Plan, at, exported, fill, import_in_pieces, large, many, onwards, writes,
};
use super::common::{begin, folder, id};
use super::support::{connect, options};

fn on(url: &str) -> Location {
    Location::Postgres(options(url))
}

#[tokio::test]
async fn from_sqlite_to_postgresql_and_back_nothing_is_lost_wherever_it_is_stopped() {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    let folder = folder("transfer-postgres");
    let (from, back) = (folder.path().join("from"), folder.path().join("back"));
    large(&from).await;
    let file = |name: &str| folder.path().join(name);
    let before = exported(&at(&from), file("1")).await;
    let url = cluster.database();
    let to = on(&url);
    let stops = import_in_pieces(&to, &from).await;
    assert!(stops >= 5, "{stops}");
    let between = exported(&to, file("2")).await;
    assert_eq!(before, between);
    at(&back).import(&file("2"), onwards).await.unwrap();
    assert_eq!(before, exported(&at(&back), file("3")).await);
    let found = to.inspect().await.unwrap().unwrap();
    assert!(!found.importing && found.broken.is_empty(), "{found:?}");
    assert_eq!(found.payments, 80);

    // Shop software reads on where it was, and what comes now comes after it.
    let shop = ShopId::new("shop-1").unwrap();
    let old = SqliteJournal::open(&from).unwrap();
    let new = connect(&url).await;
    let events = old.events_since(&shop, 0, 1000).await.unwrap();
    assert_eq!(new.events_since(&shop, 0, 1000).await.unwrap(), events);
    assert_eq!(new.figures().await.unwrap(), old.figures().await.unwrap());
    let last = events.last().unwrap().place;
    let leases = Vec::new();
    let writes = writes(9000, &Plan::with_an_event());
    new.write(Batch { leases, writes }).await.unwrap();
    let next = new.events_since(&shop, last, 1000).await.unwrap();
    assert_eq!(next.len(), 1);
    assert!(next[0].place > last);
    new.close().await;
}

#[tokio::test]
async fn a_journal_on_postgresql_is_exported_while_it_is_used_and_imported_anywhere() {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    let folder = folder("transfer-from-postgres");
    let file = |name: &str| folder.path().join(name);
    let (url, other) = (cluster.database(), cluster.database());
    let journal = connect(&url).await;
    fill(&journal, &many()).await;
    let before = exported(&on(&url), file("1")).await;
    on(&other).import(&file("1"), onwards).await.unwrap();
    assert_eq!(before, exported(&on(&other), file("2")).await);
    // Places are each shop's own there: those of several shops may be the same.
    let sqlite = at(&file("sqlite"));
    sqlite.import(&file("1"), onwards).await.unwrap();
    assert_eq!(before, exported(&sqlite, file("3")).await);
    // Nothing of what was erased is in it.
    assert!(before.contains("Låmann 1\"") && !before.contains("Låmann 4\""));
    journal.close().await;
}

#[tokio::test]
async fn what_every_case_of_the_suite_leaves_on_postgresql_comes_out_as_it_went_in() {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    let folder = folder("transfer-postgres-suite");
    // The cases by themselves do not need a database each: a journal on SQLite has what they leave.
    for (number, (name, case)) in suite::RECORD_CASES.iter().enumerate() {
        let from = folder.path().join(number.to_string());
        let journal = Arc::new(SqliteJournal::open(&from).unwrap());
        case(Arc::<SqliteJournal>::clone(&journal)).await;
        let Some(journal) = Arc::into_inner(journal) else {
            panic!("{name}: the journal is still used");
        };
        journal.close().await;
        let (url, file) = (cluster.database(), from.with_extension("before"));
        let before = exported(&at(&from), file.clone()).await;
        on(&url).import(&file, onwards).await.unwrap();
        let after = exported(&on(&url), from.with_extension("after")).await;
        assert_eq!(before, after, "{name}");
    }
}

#[tokio::test]
async fn nobody_uses_half_a_journal_and_nobody_imports_into_one_in_use() {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    let folder = folder("transfer-postgres-half");
    let from = folder.path().join("from");
    large(&from).await;
    let url = cluster.database();
    let to = on(&url);
    // A server has it.
    let journal = connect(&url).await;
    journal.payment(&id("acme-00001")).await.unwrap();
    let error = to.import(&from, onwards).await.unwrap_err();
    assert!(matches!(error, TransferError::InUse(_)), "{error}");
    journal.close().await;
    // Its connections end a moment after it: they are waited for.
    let stop = |_| ControlFlow::Break(());
    let stopped = to.import(&from, stop).await.unwrap_err();
    assert!(
        matches!(stopped, TransferError::Stopped { done: 100, .. }),
        "{stopped}"
    );
    let error = PostgresJournal::connect(options(&url)).await.unwrap_err();
    assert!(matches!(error, OpenError::Importing), "{error}");
    assert!(to.inspect().await.unwrap().unwrap().importing);
    let file = folder.path().join("half");
    let error = to.export(&file, begin()).await.unwrap_err();
    assert!(
        matches!(error, TransferError::Open(OpenError::Importing)),
        "{error}"
    );
    let other = folder.path().join("other");
    SqliteJournal::open(&other).unwrap().close().await;
    let error = to.import(&other, onwards).await.unwrap_err();
    assert!(matches!(error, TransferError::AnotherBegun), "{error}");
    let mut seen = Vec::new();
    let see = |progress: Progress| {
        seen.push(progress.done);
        ControlFlow::Continue(())
    };
    let done = to.import(&from, see).await.unwrap();
    assert_eq!(seen.first(), Some(&200));
    assert_eq!(seen.last(), Some(&done.rows));
    // And not once more, nor anything else.
    let error = to.import(&from, onwards).await.unwrap_err();
    assert!(matches!(error, TransferError::NotEmpty(80)), "{error}");
    connect(&url).await.close().await;
}

#[tokio::test]
async fn an_import_that_is_cut_in_the_midst_of_a_transaction_goes_on_where_that_began() {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    let folder = folder("transfer-postgres-cut");
    let from = folder.path().join("from");
    large(&from).await;
    let before = exported(&at(&from), folder.path().join("1")).await;
    let url = cluster.database();
    let to = on(&url);
    to.migrate().await.unwrap();
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    let waits = "SELECT EXISTS (
        SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = database
        WHERE datname = current_database() AND NOT granted)";
    // At the first row of each table in turn, whatever was written before it in its transaction.
    for table in [
        "events",
        "commands",
        "inbox",
        "personal",
        "quotes",
        "exchanges",
        "strays",
    ] {
        let lock = format!("BEGIN; LOCK TABLE kasse.{table} IN SHARE ROW EXCLUSIVE MODE");
        client.batch_execute(&lock).await.unwrap();
        let importing = tokio::spawn({
            let (to, from) = (to.clone(), from.clone());
            async move { to.import(&from, onwards).await }
        });
        while !client
            .query_one(waits, &[])
            .await
            .unwrap()
            .get::<_, bool>(0)
        {
            assert!(!importing.is_finished(), "{table}: {:?}", importing.await);
            tokio::task::yield_now().await;
        }
        importing.abort();
        assert!(importing.await.unwrap_err().is_cancelled());
        client.batch_execute("COMMIT").await.unwrap();
    }
    to.import(&from, onwards).await.unwrap();
    assert_eq!(before, exported(&to, folder.path().join("2")).await);
}

#[tokio::test]
async fn an_empty_database_is_none_until_it_is_migrated() {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    let folder = folder("transfer-postgres-empty");
    let journal = on(&cluster.database());
    assert_eq!(journal.inspect().await.unwrap(), None);
    let file = folder.path().join("1");
    let error = journal.export(&file, begin()).await.unwrap_err();
    assert!(matches!(error, TransferError::Nothing(_)), "{error}");
    let made = journal.migrate().await.unwrap();
    assert_eq!(made.from, 0);
    let again = journal.migrate().await.unwrap();
    assert_eq!((again.from, again.to), (made.to, made.to));
    journal.export(&file, begin()).await.unwrap();
    let clock = journal.clock().await.unwrap().unwrap();
    let apart = clock.duration_since(jiff::Timestamp::now()).abs();
    assert!(apart < jiff::SignedDuration::from_mins(5), "{apart}");
}
