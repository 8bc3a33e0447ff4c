//! The journal on PostgreSQL 15 and later: one database, several servers.
//!
//! # How it keeps its promises
//! A batch is a transaction (`write`), with the rows of its leases locked (`leases`). It is
//! acknowledged when the database has committed it; where that answer is lost with the connection,
//! what became of it is found out (`write`).
//!
//! An event's place is drawn from a row of its shop, which stays locked until the commit (`apply`).
//!
//! What is due is shared out by claims (`claims`). The database's clock decides when a lease or a
//! claim has run out, and which calls count against a limit (`limits`).
//!
//! Each statement has an end, and what was lost or undone on the way is done again for a few seconds
//! (`pool`).

pub(crate) mod apply;
mod claims;
pub(crate) mod error;
mod inspect;
pub(crate) mod journal;
mod leases;
mod limits;
pub(crate) mod options;
#[cfg(all(test, feature = "testing"))]
mod plans;
pub(crate) mod pool;
mod queries;
pub(crate) mod schema;
mod tidy;
mod write;

pub use error::PostgresError;
pub(crate) use inspect::clock;
pub use inspect::inspect_postgres;
pub use journal::{PostgresJournal, migrate_postgres};
pub use options::PostgresOptions;
