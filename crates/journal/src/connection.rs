//! Connections to the file, with the settings that the journal's promises rest on.

use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::error::OpenError;

/// The first SQLite with the correction of the write-ahead log's reset, by which one that was
/// committed could be lost.
const OLDEST: i32 = 3_051_003;

/// How long a connection waits for another one's lock, in milliseconds. Only the truncation of the
/// log has to wait for anybody: for those who read.
const PATIENCE_MS: u64 = 5_000;

/// So many statements stay prepared on each connection: all that the flow uses. To prepare one takes
/// longer than most of them run.
const STATEMENTS: usize = 64;

/// The connection that writes.
pub(crate) fn writer(path: &Path) -> Result<Connection, OpenError> {
    if rusqlite::version_number() < OLDEST {
        return Err(OpenError::OldSqlite(rusqlite::version()));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(std::time::Duration::from_millis(PATIENCE_MS))?;
    // Before the first page is written, so that no page ever keeps what was deleted.
    set(&connection, "secure_delete", "1", "secure_delete = 1")?;
    set(&connection, "journal_mode", "wal", "journal_mode = wal")?;
    // FULL: each commit is synced before it returns. NORMAL would lose the last ones with the power.
    set(&connection, "synchronous", "2", "synchronous = FULL (2)")?;
    // On macOS only this reaches the disk. Elsewhere it changes nothing.
    set(&connection, "fullfsync", "1", "fullfsync = 1")?;
    set(
        &connection,
        "checkpoint_fullfsync",
        "1",
        "checkpoint_fullfsync = 1",
    )?;
    set(&connection, "foreign_keys", "1", "foreign_keys = 1")?;
    // What is put aside for a savepoint may be personal: never in a file.
    set(&connection, "temp_store", "2", "temp_store = MEMORY (2)")?;
    set(&connection, "trusted_schema", "0", "trusted_schema = 0")?;
    keep_statements(&connection)?;
    Ok(connection)
}

/// A connection that only reads.
pub(crate) fn reader(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(std::time::Duration::from_millis(PATIENCE_MS))?;
    set(&connection, "query_only", "1", "query_only = 1")?;
    set(&connection, "temp_store", "2", "temp_store = MEMORY (2)")?;
    set(&connection, "trusted_schema", "0", "trusted_schema = 0")?;
    keep_statements(&connection)?;
    Ok(connection)
}

/// Statements stay as they were prepared: a plan does not go by the values that are bound, or SQLite
/// would make it anew for each.
fn keep_statements(connection: &Connection) -> Result<(), OpenError> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    let set = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    if set {
        Ok(())
    } else {
        Err(OpenError::Setting {
            setting: "the stability of plans",
            found: "off".to_owned(),
        })
    }
}

/// Sets it and reads it back: SQLite says nothing where it does not take a setting.
fn set(
    connection: &Connection,
    name: &str,
    value: &str,
    setting: &'static str,
) -> Result<(), OpenError> {
    connection.execute_batch(&format!("PRAGMA {name} = {value}"))?;
    let found: rusqlite::types::Value =
        connection.pragma_query_value(None, name, |row| row.get(0))?;
    let found = match found {
        rusqlite::types::Value::Integer(number) => number.to_string(),
        rusqlite::types::Value::Text(text) => text,
        other => format!("{other:?}"),
    };
    if found == value {
        Ok(())
    } else {
        Err(OpenError::Setting { setting, found })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_sqlite_holds_the_correction_of_the_logs_reset() {
        assert!(
            rusqlite::version_number() >= OLDEST,
            "{}",
            rusqlite::version()
        );
    }

    #[test]
    fn a_setting_that_is_not_taken_is_an_error() {
        // A database in memory has no write-ahead log.
        let connection = Connection::open_in_memory().unwrap();
        let error = set(&connection, "journal_mode", "wal", "journal_mode = wal").unwrap_err();
        assert!(error.to_string().contains("it is memory"), "{error}");
    }
}
