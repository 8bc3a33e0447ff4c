//! What several tests need.

use kasse_journal::testing::Cluster;
use kasse_journal::{PostgresJournal, PostgresOptions};

/// A connection to a database.
pub(crate) fn options(url: &str) -> PostgresOptions {
    PostgresOptions::new(url.to_owned().into())
}

pub(crate) async fn connect(url: &str) -> PostgresJournal {
    PostgresJournal::connect(options(url)).await.unwrap()
}

/// A journal in a database of its own, and the database's address. `None`: there is no PostgreSQL.
pub(crate) async fn journal() -> Option<(PostgresJournal, String, &'static Cluster)> {
    let cluster = Cluster::shared()?;
    let url = cluster.database();
    Some((connect(&url).await, url, cluster))
}
