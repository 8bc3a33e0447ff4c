//! Calls, counted against Vipps' limits.

use std::time::Duration;

use jiff::Timestamp;
use kasse_core::journal::JournalError;
use kasse_core::{after, before};
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::journal_error;
use crate::record::{read_time, time};

const TABLE: &str = "calls";
/// No limit is for longer.
const LONGEST: Duration = Duration::from_secs(60);

/// One call that is to be made.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) key: String,
    pub(crate) now: Timestamp,
    pub(crate) most: usize,
    pub(crate) per: Duration,
}

impl Call {
    /// As [`kasse_core::journal::Journal::count`], within the transaction that is open.
    pub(crate) fn count(&self, connection: &Connection) -> Result<Option<Timestamp>, JournalError> {
        let most = i64::try_from(self.most).unwrap_or(i64::MAX);
        let full = self.on(connection, most);
        let full = full.map_err(|error| journal_error(TABLE, &error))?;
        full.map(|first| Ok(after(read_time(TABLE, &first)?, self.per)))
            .transpose()
    }

    /// Counts it, or answers with the oldest of the calls that fill the limit.
    fn on(&self, connection: &Connection, most: i64) -> rusqlite::Result<Option<String>> {
        let now = time(self.now);
        // Of every key, so that what is kept is what was called in the last minute. A call after now
        // was counted before a clock was set back.
        connection
            .prepare_cached("DELETE FROM calls WHERE at <= ?1 OR at > ?2")?
            .execute(params![time(before(self.now, LONGEST)), now])?;
        let full = connection
            .prepare_cached(
                "SELECT min(at) FROM calls WHERE key = ?1 AND at > ?2 HAVING count(*) >= ?3",
            )?
            .query_row(
                params![self.key, time(before(self.now, self.per)), most],
                |row| row.get(0),
            )
            .optional()?;
        if full.is_none() {
            connection
                .prepare_cached("INSERT INTO calls VALUES (?1, ?2)")?
                .execute(params![self.key, now])?;
        }
        Ok(full)
    }
}
