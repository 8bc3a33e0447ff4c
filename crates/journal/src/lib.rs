//! kasse's durable record of payments: on SQLite (one file, one process, nothing to run beside it)
//! or, with the feature `postgres`, in a PostgreSQL database that several servers share
//! (`postgres`).
//!
//! # How SQLite's keeps its promises
//! One thread owns the connection that writes (`writer`). It takes all batches that wait, does
//! each whole or not at all, commits them together, and only then answers: a batch that was
//! answered is on the disk, and many that come at once cost one sync. A batch that conflicts is
//! rolled back alone. Reading goes beside it, on connections of its own (`readers`): SQLite's
//! write-ahead log lets both go on.
//!
//! The folder is locked to one process (`folder`). That is why leases can be kept in memory
//! (`leases`): nobody else can take one. A batch's are pinned until it is committed.

mod apply;
mod calls;
mod connection;
mod error;
mod folder;
mod inspect;
mod journal;
mod leases;
#[cfg(feature = "postgres")]
mod postgres;
mod queries;
mod readers;
mod record;
mod schema;
#[cfg(feature = "testing")]
pub mod testing;
mod transfer;
mod writer;

pub use error::OpenError;
pub use inspect::{Inspection, backup, inspect};
pub use journal::SqliteJournal;
#[cfg(feature = "postgres")]
pub use postgres::{
    PostgresError, PostgresJournal, PostgresOptions, inspect_postgres, migrate_postgres,
};
pub use transfer::{Location, Migrated, Progress, TransferError, Transferred};
