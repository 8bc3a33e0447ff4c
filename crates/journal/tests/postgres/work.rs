//! The work of a tick follows what is due, not what there is: so many rows are looked at.

use std::time::Duration;

use kasse_core::journal::Journal;
use kasse_journal::testing::Cluster;

use crate::pending::{due_at, first, on_postgres};
use crate::support::connect;

/// How many of them wait.
const PENDING: u32 = 20_000;

/// How many rows of the journal's large tables, and entries of their indexes, all connections have
/// looked at. It is known when they have ended.
async fn looked_at(cluster: &Cluster, url: &str) -> u64 {
    let name = url.rsplit('/').next().unwrap();
    let others = format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'");
    while cluster.sql("postgres", &others) != "0" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let rows = "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint
            + (SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes
               WHERE relname IN ('payments', 'commands', 'deliveries', 'to_tell', 'inbox'))
        FROM pg_stat_user_tables
        WHERE relname IN ('payments', 'commands', 'deliveries', 'to_tell', 'inbox')";
    cluster.sql(url, rows).parse().unwrap()
}

#[tokio::test]
async fn a_tick_looks_at_what_is_due() {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    let url = cluster.database();
    let journal = connect(&url).await;
    journal.write(first()).await.unwrap();
    journal.close().await;
    // Each of the deliveries by the trigger, as the journal's own would come.
    for sql in on_postgres(PENDING) {
        cluster.sql(&url, &format!("SET search_path = kasse; {sql}"));
    }
    cluster.sql(&url, "VACUUM ANALYZE");

    let before = looked_at(cluster, &url).await;
    let journal = connect(&url).await;
    let now = due_at(10);
    assert_eq!(journal.due(now, 200).await.unwrap().len(), 10);
    assert_eq!(journal.commands_due(now, 200).await.unwrap().len(), 10);
    assert_eq!(journal.deliveries_due(now, 200).await.unwrap().len(), 10);
    let ending = journal.capture_ending(due_at(1), now, 200).await.unwrap();
    assert_eq!(ending.len(), 9);
    journal.close().await;
    let looked = looked_at(cluster, &url).await - before;
    assert!(looked < 500, "{looked} rows for 39 that are due");

    // The test can fail: the figures look at all.
    let journal = connect(&url).await;
    journal.figures().await.unwrap();
    journal.close().await;
    let counted = looked_at(cluster, &url).await - before - looked;
    assert!(counted > u64::from(PENDING), "{counted}");
}
