//! A journal is carried from one place to another, without loss: to a file, and from a file or a
//! folder into an empty journal on either database.
//!
//! What is carried is all that the journal's trait can answer, and the places of events, so that
//! shop software goes on where it was. What is worth nothing elsewhere stays behind: leases, and the
//! calls counted against a limit. Rows come in an order that both databases keep, so that the
//! contents of two journals can be compared by a digest of each table.
//!
//! An import goes on where it was stopped, by whatever: how many rows are there is written with
//! them. In the end the target is read through, and is given free only if it holds what was to be
//! imported. Until then no kasse opens it.

mod error;
mod file;
#[cfg(feature = "postgres")]
mod postgres;
mod row;
mod sqlite;

use std::fmt;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::error::OpenError;
use crate::folder::{DATABASE, Folder};
use crate::inspect::{Inspection, inspect};
#[cfg(feature = "postgres")]
use crate::postgres::{PostgresOptions, inspect_postgres, migrate_postgres};
use crate::{connection, schema};

pub use error::TransferError;
use row::{Adding, Contents, Row, Table};
pub(crate) use sqlite::importing;

/// So many rows are written in one transaction.
const AT_ONCE: usize = 100;

/// Takes a row.
type See<'a> = &'a mut (dyn FnMut(Row) -> Result<(), TransferError> + Send);

/// Where a journal is. As text: the folder; or host, port and database.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Location {
    /// On SQLite, in this folder.
    Folder(PathBuf),
    /// In this database.
    #[cfg(feature = "postgres")]
    Postgres(PostgresOptions),
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => folder.display().fmt(f),
            #[cfg(feature = "postgres")]
            Self::Postgres(options) => options.place().fmt(f),
        }
    }
}

/// What was carried over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transferred {
    /// How many payments.
    pub payments: u64,
    /// How many rows, of all tables.
    pub rows: u64,
    /// A digest of all of it: equal for equal journals, wherever they are.
    pub digest: String,
}

impl From<Contents> for Transferred {
    fn from(contents: Contents) -> Self {
        Self {
            payments: contents.of(Table::Payments),
            rows: contents.rows(),
            digest: contents.digest(),
        }
    }
}

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// So many rows are there, for good.
    pub done: u64,
    /// Of so many.
    pub rows: u64,
}

/// What bringing a journal to this program's version did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// The version of its tables before. 0: there were none.
    pub from: i64,
    /// Their version now.
    pub to: i64,
}

impl Location {
    /// Brings the tables to this program's version, and makes them where there are none. Opening a
    /// journal does the same.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn migrate(&self) -> Result<Migrated, OpenError> {
        match self {
            Self::Folder(folder) => {
                let folder = Folder::open(folder)?;
                let database = folder.database();
                let mut connection = connection::writer(&database)?;
                let from = schema::version(&connection)?;
                schema::migrate(&mut connection, &database)?;
                let to = schema::version(&connection)?;
                Ok(Migrated { from, to })
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(options) => migrate_postgres(options).await,
        }
    }

    /// Looks through the whole journal, whether or not a kasse has it. `None`: there is none yet.
    ///
    /// # Errors
    /// See [`OpenError`]: it cannot be opened or read.
    pub async fn inspect(&self) -> Result<Option<Inspection>, OpenError> {
        match self {
            Self::Folder(folder) => inspect(folder),
            #[cfg(feature = "postgres")]
            Self::Postgres(options) => inspect_postgres(options).await,
        }
    }

    /// The clock by which leases and claims run out, now. `None`: it is this machine's.
    ///
    /// # Errors
    /// See [`OpenError`]: it cannot be asked.
    pub async fn clock(&self) -> Result<Option<Timestamp>, OpenError> {
        match self {
            Self::Folder(_) => Ok(None),
            #[cfg(feature = "postgres")]
            Self::Postgres(options) => crate::postgres::clock(options).await.map(Some),
        }
    }

    /// Writes the journal to a file, as it is at one moment, whether or not a kasse has it. The file
    /// is made for its owner alone, and holds personal data. What was erased is not in it. It blocks
    /// its thread meanwhile.
    ///
    /// # Errors
    /// See [`TransferError`]. A file that was begun is removed; one that is there is left alone.
    pub async fn export(&self, to: &Path, now: Timestamp) -> Result<Transferred, TransferError> {
        match self {
            Self::Folder(folder) => {
                let reading = sqlite::Reading::open(folder)?;
                let mut file = file::Writer::create(to, now, reading.counts()?)?;
                reading.each(&mut |row| file.row(&row))?;
                Ok(file.end()?.into())
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(options) => {
                let reading = postgres::Reading::open(options).await?;
                let mut file = file::Writer::create(to, now, reading.counts().await?)?;
                reading.each(&mut |row| file.row(&row)).await?;
                Ok(file.end()?.into())
            }
        }
    }

    /// Fills an empty journal here with what an export holds, or the journal on SQLite in a folder,
    /// or goes on with that where it was stopped. `see` is told how far it is after each
    /// transaction, and may stop it. It blocks its thread now and then.
    ///
    /// # Errors
    /// See [`TransferError`]. A journal in the folder `from` must not be in use. What is here can
    /// not be used until all of it is imported.
    pub async fn import(
        &self,
        from: &Path,
        see: impl FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Transferred, TransferError> {
        let source = Source::open(from)?;
        let contents = source.contents()?;
        match self {
            Self::Folder(folder) => {
                let mut target = sqlite::Filling::open(folder)?;
                let done = target.begin(&contents.digest())?;
                let mut filling = Feed::start(&source, done, contents.rows(), see);
                while let Some((rows, progress)) = filling.next().await? {
                    target.put(rows, progress)?;
                    filling.done(progress)?;
                }
                let found = adding(|see| target.each(see))?;
                compare(&found, &contents)?;
                target.finish()?;
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(options) => {
                let mut target = postgres::Filling::open(options).await?;
                let done = target.begin(&contents.digest()).await?;
                let mut filling = Feed::start(&source, done, contents.rows(), see);
                while let Some((rows, progress)) = filling.next().await? {
                    target.put(rows, progress).await?;
                    filling.done(progress)?;
                }
                let mut adding = Adding::default();
                target.each(&mut |row| adding.row(&row)).await?;
                compare(&adding.contents(), &contents)?;
                target.finish().await?;
            }
        }
        Ok(contents.into())
    }
}

/// Where an import takes its rows from.
#[derive(Debug)]
enum Source {
    File(PathBuf),
    /// No kasse has it meanwhile: what would be written there later would be lost.
    Folder(PathBuf, #[allow(dead_code, reason = "it is held")] Folder),
}

impl Source {
    fn open(from: &Path) -> Result<Self, TransferError> {
        if !from.is_dir() {
            return Ok(Self::File(from.to_owned()));
        }
        if !from.join(DATABASE).is_file() {
            return Err(TransferError::Nothing(from.display().to_string()));
        }
        Ok(Self::Folder(from.to_owned(), Folder::open(from)?))
    }

    fn contents(&self) -> Result<Contents, TransferError> {
        match self {
            Self::File(file) => file::look_through(file),
            Self::Folder(folder, _) => adding(|see| sqlite::Reading::open(folder)?.each(see)),
        }
    }

    /// How its rows are read, from the one after the first `passed` on.
    fn reading(
        &self,
        passed: u64,
    ) -> impl FnOnce(See<'_>) -> Result<(), TransferError> + Send + use<> {
        enum From {
            File(PathBuf),
            Folder(PathBuf),
        }
        let from = match self {
            Self::File(file) => From::File(file.clone()),
            Self::Folder(folder, _) => From::Folder(folder.clone()),
        };
        move |see| match from {
            From::File(file) => {
                let mut reader = file::Reader::open(&file)?;
                reader.pass(passed)?;
                while let Some(row) = reader.next_row()? {
                    see(row)?;
                }
                Ok(())
            }
            From::Folder(folder) => {
                let mut number = 0_u64;
                sqlite::Reading::open(&folder)?.each(&mut |row| {
                    number = number.saturating_add(1);
                    if number > passed { see(row) } else { Ok(()) }
                })
            }
        }
    }
}

/// Brings rows from a thread that reads them to whoever writes them, which may be slower.
struct Feed<S> {
    rows: mpsc::Receiver<Result<Vec<Row>, TransferError>>,
    progress: Progress,
    see: S,
}

impl<S: FnMut(Progress) -> ControlFlow<()>> Feed<S> {
    fn start(source: &Source, done: u64, rows: u64, see: S) -> Self {
        let (sender, receiver) = mpsc::channel(2);
        let read = source.reading(done);
        std::thread::spawn(move || {
            let mut waiting = Vec::with_capacity(AT_ONCE);
            let mut gone = false;
            let all = read(&mut |row| {
                waiting.push(row);
                if waiting.len() == AT_ONCE {
                    let full = std::mem::replace(&mut waiting, Vec::with_capacity(AT_ONCE));
                    // Who does not take them any more has said why already.
                    gone = gone || sender.blocking_send(Ok(full)).is_err();
                }
                if gone {
                    Err(TransferError::Stopped { done, rows })
                } else {
                    Ok(())
                }
            });
            // An error here would mean the same.
            let _ = sender.blocking_send(all.map(|()| waiting));
        });
        Self {
            rows: receiver,
            progress: Progress { done, rows },
            see,
        }
    }

    /// The next rows, and how many there will be with them.
    async fn next(&mut self) -> Result<Option<(Vec<Row>, Progress)>, TransferError> {
        let Some(rows) = self.rows.recv().await.transpose()? else {
            return Ok(None);
        };
        let more = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        let done = self.progress.done.saturating_add(more);
        let progress = Progress {
            done,
            ..self.progress
        };
        Ok((!rows.is_empty()).then_some((rows, progress)))
    }

    /// They are written.
    fn done(&mut self, progress: Progress) -> Result<(), TransferError> {
        self.progress = progress;
        let Progress { done, rows } = progress;
        match (self.see)(progress) {
            ControlFlow::Break(()) if done < rows => Err(TransferError::Stopped { done, rows }),
            _ => Ok(()),
        }
    }
}

/// Adds up the contents of what is read.
fn adding(
    read: impl FnOnce(See<'_>) -> Result<(), TransferError>,
) -> Result<Contents, TransferError> {
    let mut adding = Adding::default();
    read(&mut |row| adding.row(&row))?;
    Ok(adding.contents())
}

fn compare(found: &Contents, wanted: &Contents) -> Result<(), TransferError> {
    let differing = found.differing(wanted);
    if differing.is_empty() {
        Ok(())
    } else {
        Err(TransferError::Differs(differing))
    }
}
