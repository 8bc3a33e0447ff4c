//! What PostgreSQL says, and what it means for the one who reads or writes.

use kasse_core::journal::JournalError;
use tokio_postgres::error::{Error, SqlState};

/// Why the database cannot be a journal.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// Its address cannot be read.
    #[error("the address of the database is wrong: {0}")]
    Address(String),
    /// The certificates to trust cannot be read.
    #[error("the certificates for the database cannot be read: {0}")]
    Certificates(String),
    /// It cannot be reached, or lets us not in.
    #[error("the database {place} cannot be used: {why}")]
    Unreachable {
        /// Host, port and database.
        place: String,
        /// What it says, or what the network says.
        why: String,
    },
    /// It is older than 15.
    #[error("the database {place} is PostgreSQL {found}: 15 or newer is needed")]
    Old {
        /// Host, port and database.
        place: String,
        /// Its version.
        found: String,
    },
    /// It does not keep texts as UTF-8.
    #[error("the database {place} keeps texts as {found}: it has to be UTF8")]
    Encoding {
        /// Host, port and database.
        place: String,
        /// Its encoding.
        found: String,
    },
    /// We may not do there what a journal has to do.
    #[error("the role {role} may not do all that a journal has to in {place}: {what}")]
    Rights {
        /// Host, port and database.
        place: String,
        /// The database's user.
        role: String,
        /// What is missing.
        what: String,
    },
    /// Its schema `kasse` is somebody else's.
    #[error("the schema \"kasse\" in {0} belongs to another program")]
    NotAJournal(String),
}

impl PostgresError {
    /// What to do about it.
    pub(crate) fn advice(&self) -> &'static str {
        match self {
            Self::Address(_) => "Correct the address of the database.",
            Self::Certificates(_) => "Name a file with PEM certificates in sslrootcert.",
            Self::Unreachable { .. } => {
                "See that the database runs and can be reached from here, and that address, user, password and certificate are right."
            }
            Self::Old { .. } => "Move to PostgreSQL 15 or newer.",
            Self::Encoding { .. } => "Make the database with ENCODING 'UTF8'.",
            Self::Rights { .. } => {
                "Let the role own the schema kasse (CREATE SCHEMA kasse AUTHORIZATION ...), or grant it what is missing."
            }
            Self::NotAJournal(_) => "Name another database for the journal.",
        }
    }
}

/// What a failure means. `what` is what was read or written: a table and a key.
pub(crate) fn journal_error(what: &str, error: &Error) -> JournalError {
    let said = said(error);
    match error.code() {
        Some(code) if *code == SqlState::DATA_CORRUPTED || *code == SqlState::INDEX_CORRUPTED => {
            JournalError::Corrupt(format!("{what}: {said}"))
        }
        _ => JournalError::Unavailable(format!("{what}: {said}")),
    }
}

/// What it says, in one line. Of what the database answers the message alone: its details quote
/// rows.
pub(crate) fn said(error: &Error) -> String {
    if let Some(answer) = error.as_db_error() {
        return format!("{} ({})", answer.message(), answer.code().code());
    }
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Was the connection lost, so that another one may fare better? Also where the database just
/// starts or stops, or has become the copy of another one, which takes no writes.
pub(crate) fn is_lost(error: &Error) -> bool {
    let Some(code) = error.code() else {
        // What came is no answer of the database, and what was asked was not understood wrongly:
        // a column's type is an error of another kind.
        return error.is_closed() || is_io(error);
    };
    [
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        SqlState::CONNECTION_FAILURE,
        SqlState::CONNECTION_DOES_NOT_EXIST,
        SqlState::CONNECTION_EXCEPTION,
        SqlState::TOO_MANY_CONNECTIONS,
        SqlState::READ_ONLY_SQL_TRANSACTION,
    ]
    .contains(code)
}

fn is_io(error: &Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if cause.is::<std::io::Error>() {
            return true;
        }
        source = cause.source();
    }
    false
}

/// Was it undone for the sake of another transaction, and may be done again?
pub(crate) fn is_in_the_way(error: &Error) -> bool {
    error.code().is_some_and(|code| {
        *code == SqlState::T_R_SERIALIZATION_FAILURE || *code == SqlState::T_R_DEADLOCK_DETECTED
    })
}
