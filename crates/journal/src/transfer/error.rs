//! Why a journal was not carried over.

use std::path::PathBuf;

use kasse_core::journal::JournalError;

use crate::error::OpenError;

/// Why an export or an import was not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// A journal cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It cannot be read, or written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The export's file cannot be made, written or read.
    #[error("{} cannot be used: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// There is no journal in that folder, or database.
    #[error("{0} has no journal")]
    Nothing(String),
    /// It is no export, or not a whole one.
    #[error("{} is no whole export of a journal: {why}. Make it anew.", .path.display())]
    NoExport {
        /// The file.
        path: PathBuf,
        /// Where, and what is wrong there. Nothing of what stands there.
        why: String,
    },
    /// Others use the database to import into.
    #[error(
        "another kasse uses the journal in {0}: stop all of them, and other imports, then try again"
    )]
    InUse(String),
    /// The journal to import into is one already.
    #[error(
        "the journal to import into holds {0} payments already: import into an empty one, so that nothing is mixed"
    )]
    NotEmpty(u64),
    /// An import into it was begun, of something else.
    #[error(
        "an import of another journal into this one was begun and not finished: import that one to its end, or begin with an empty journal"
    )]
    AnotherBegun,
    /// The caller stopped it. It goes on where it was when it is done again.
    #[error("stopped after {done} of {rows} rows; the same command goes on from there")]
    Stopped {
        /// So many rows are there.
        done: u64,
        /// Of so many.
        rows: u64,
    },
    /// What was imported is not what was to be.
    #[error(
        "what is in the journal now differs from what was imported, in {}: do not use it. Begin with an empty one, and please report it.",
        .0.join(", ")
    )]
    Differs(Vec<&'static str>),
    /// A row cannot be written as JSON.
    #[error("a row of {0} cannot be written as JSON")]
    Unwritable(&'static str),
}
