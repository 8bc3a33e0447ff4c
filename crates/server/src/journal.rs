//! The journal that the configuration names: on PostgreSQL, or on SQLite in the data folder.

use std::sync::Arc;
use std::time::Duration;

use kasse_core::journal::Journal;
use kasse_journal::{OpenError, PostgresJournal, SqliteJournal};
use tokio::time::timeout;

use crate::config::Server;

/// A journal that was opened here, and is closed here.
#[derive(Debug)]
pub(crate) enum Open {
    Sqlite(Arc<SqliteJournal>),
    Postgres(Arc<PostgresJournal>),
}

impl Open {
    pub(crate) async fn of(server: &Server) -> Result<Self, OpenError> {
        Ok(match server.postgres() {
            Some(options) => {
                let place = options.place();
                let journal = PostgresJournal::connect(options).await?;
                tracing::info!(place, "the journal is on PostgreSQL");
                Self::Postgres(Arc::new(journal))
            }
            None => Self::Sqlite(Arc::new(SqliteJournal::open(&server.data)?)),
        })
    }

    pub(crate) fn journal(&self) -> Arc<dyn Journal> {
        match self {
            Self::Sqlite(journal) => Arc::<SqliteJournal>::clone(journal),
            Self::Postgres(journal) => Arc::<PostgresJournal>::clone(journal),
        }
    }

    /// Ends it, once nobody else has it.
    pub(crate) async fn close(self, within: Duration) {
        let closed = match self {
            Self::Sqlite(journal) => match Arc::try_unwrap(journal) {
                Ok(journal) => timeout(within, journal.close()).await,
                Err(_) => return still_used(),
            },
            Self::Postgres(journal) => match Arc::try_unwrap(journal) {
                Ok(journal) => timeout(within, journal.close()).await,
                Err(_) => return still_used(),
            },
        };
        if closed.is_err() {
            tracing::error!("the journal did not close in time; nothing acknowledged is lost");
        }
    }
}

fn still_used() {
    tracing::warn!("the journal is still used, and closes when that ends");
}
