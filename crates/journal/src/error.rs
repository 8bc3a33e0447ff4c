//! What can go wrong, in words for those who run it.

use std::path::PathBuf;

use kasse_core::journal::JournalError;
use kasse_core::{Error, ErrorKind, Who};
use rusqlite::ErrorCode;

/// Why a journal was not opened. Nothing of it was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it, or the same one already.
    #[error(
        "the journal in {folder} is in use{}: ask the running server, or stop it first",
        .process.as_ref().map(|id| format!(" by process {id}")).unwrap_or_default(),
        folder = .folder.display(),
    )]
    InUse {
        /// The journal's folder.
        folder: PathBuf,
        /// The process that has it, where it said so.
        process: Option<String>,
    },
    /// The folder or a file in it cannot be made, opened or locked.
    #[error("{} cannot be used: {source}", .path.display())]
    Files {
        /// The folder or file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A newer kasse has written it.
    #[error("the journal has version {found}, and this kasse knows versions up to {known}")]
    Newer {
        /// The file's.
        found: i64,
        /// This program's.
        known: i64,
    },
    /// An older kasse has written it, and it was opened to be read only.
    #[error("the journal has version {found}, and this kasse reads version {known}")]
    Older {
        /// The file's.
        found: i64,
        /// This program's.
        known: i64,
    },
    /// An import into it was begun and not finished: a part of what it should hold is missing.
    #[error("an import into the journal was begun and not finished")]
    Importing,
    /// A database, but none of kasse's.
    #[error("{} is a database of another program", .0.display())]
    NotAJournal(PathBuf),
    /// This SQLite has a bug that can lose what was committed (the reset of the write-ahead log,
    /// corrected in 3.51.3).
    #[error("SQLite {0} can lose what was committed: 3.51.3 or newer is needed")]
    OldSqlite(&'static str),
    /// SQLite did not take a setting that the journal's promises rest on.
    #[error(
        "SQLite did not take the setting {setting}: it is {found}. Is the folder on a network?"
    )]
    Setting {
        /// Its name and the value it should have.
        setting: &'static str,
        /// What it is.
        found: String,
    },
    /// SQLite failed.
    #[error("the journal cannot be opened: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The journal on PostgreSQL cannot be had.
    #[cfg(feature = "postgres")]
    #[error(transparent)]
    Postgres(#[from] crate::postgres::PostgresError),
}

impl OpenError {
    /// What to do.
    pub fn advice(&self) -> &'static str {
        match self {
            OpenError::InUse { .. } => {
                "One process has the journal; the command line talks to it over HTTP."
            }
            OpenError::Newer { .. } => "Run the newer kasse, or restore a copy from before it.",
            OpenError::Older { .. } => "Run `kasse journal migrate` first.",
            OpenError::Importing => {
                "Run the same `kasse journal import` again: it goes on where it was."
            }
            OpenError::NotAJournal(_) => "Name another folder for the journal.",
            OpenError::OldSqlite(_) => "Build kasse with the SQLite it brings along.",
            OpenError::Files { .. } | OpenError::Setting { .. } | OpenError::Sqlite(_) => {
                "Look at the disk and the permissions of the journal's folder. It must be on a local disk."
            }
            #[cfg(feature = "postgres")]
            OpenError::Postgres(error) => error.advice(),
        }
    }
}

impl From<OpenError> for Error {
    fn from(error: OpenError) -> Self {
        let advice = error.advice();
        Self::new(
            ErrorKind::Journal,
            Who::Merchant,
            "The journal cannot be opened",
            format!("{error}."),
            advice,
        )
    }
}

/// What a failure of SQLite means for the one who reads or writes. `what` is what was read or
/// written: a table and a key.
pub(crate) fn journal_error(what: &str, error: &rusqlite::Error) -> JournalError {
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => match failure.code {
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
                JournalError::Corrupt(format!("{what}: {error}"))
            }
            _ => JournalError::Unavailable(format!("{what}: {error}")),
        },
        // The value of a column has another type, or is no text.
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::IntegralValueOutOfRange(..) => {
            JournalError::Corrupt(format!("{what}: a column has the wrong type"))
        }
        _ => JournalError::Unavailable(format!("{what}: {error}")),
    }
}

/// The journal's threads have ended.
pub(crate) fn closed() -> JournalError {
    JournalError::Unavailable("it is closed".to_owned())
}
