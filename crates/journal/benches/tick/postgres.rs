//! The journal on PostgreSQL, with payments that wait.

use std::sync::Arc;
use std::time::Instant;

use kasse_core::journal::Journal;
use kasse_journal::testing::Cluster;
use kasse_journal::{PostgresJournal, PostgresOptions};
use tokio::runtime::Runtime;

use crate::pending;

/// Makes one in a cluster of its own, where there is PostgreSQL.
pub(crate) fn with_pending(runtime: &Runtime, size: u32, use_it: impl FnOnce(&Arc<dyn Journal>)) {
    let Some(cluster) = Cluster::of_its_own() else {
        return;
    };
    let begun = Instant::now();
    let url = cluster.database();
    let connect = || {
        let options = PostgresOptions::new(url.clone().into());
        runtime.block_on(PostgresJournal::connect(options)).unwrap()
    };
    let journal = connect();
    runtime.block_on(journal.write(pending::first())).unwrap();
    runtime.block_on(journal.close());
    fill(&cluster, &url, size);
    let size_of = "SELECT pg_size_pretty(pg_database_size(current_database()))";
    println!(
        "PostgreSQL: {size} pending payments, {}, made in {} s",
        cluster.sql(&url, size_of),
        begun.elapsed().as_secs()
    );
    let journal: Arc<dyn Journal> = Arc::new(connect());
    use_it(&journal);
}

fn fill(cluster: &Cluster, url: &str, size: u32) {
    // Without the triggers for each row: their work is done at the end, at once.
    let quick = "SET search_path = kasse; SET session_replication_role = replica;";
    for sql in pending::on_postgres(size) {
        cluster.sql(url, &format!("{quick} {sql}"));
    }
    let outbox = "DELETE FROM to_tell; INSERT INTO to_tell
        SELECT DISTINCT ON (shop, order_id) shop, order_id, next FROM deliveries
        WHERE NOT parked ORDER BY shop, order_id, after, id";
    cluster.sql(url, &format!("{quick} {outbox}"));
    cluster.sql(url, "VACUUM ANALYZE");
}
