//! Looking at a journal from outside of the process that has it, and copying it. Both only read: a
//! kasse that runs goes on meanwhile.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::connection;
use crate::error::OpenError;
use crate::folder::DATABASE;
use crate::transfer::importing;

/// What was found in a journal's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// The version of its tables.
    pub version: i64,
    /// How many payments it has.
    pub payments: u64,
    /// The size of the database, in bytes, without the log beside it.
    pub bytes: u64,
    /// An import into it was begun and not finished: no kasse opens it.
    pub importing: bool,
    /// What should be otherwise, though nothing is broken by it yet.
    pub warnings: Vec<String>,
    /// What is broken, ten lines at the most. Empty: it is whole.
    pub broken: Vec<String>,
}

/// Looks through the whole file of a journal, whether or not a kasse has it. It reads all of it, so
/// it takes its time with a large one. `None`: the folder has no journal yet.
///
/// # Errors
/// See [`OpenError`]: it cannot be opened or read.
pub fn inspect(folder: &Path) -> Result<Option<Inspection>, OpenError> {
    let database = folder.join(DATABASE);
    match fs::metadata(&database) {
        Ok(file) if file.len() > 0 => {}
        Ok(_) => return Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(OpenError::Files {
                path: database,
                source,
            });
        }
    }
    let connection = connection::reader(&database)?;
    let mut broken = lines(&connection, "PRAGMA integrity_check(10)")?;
    broken.retain(|line| line != "ok");
    if broken.is_empty() {
        let orphans = lines(
            &connection,
            "SELECT \"table\" FROM pragma_foreign_key_check LIMIT 10",
        )?;
        broken.extend(
            orphans
                .into_iter()
                .map(|table| format!("a row of {table} belongs to no payment")),
        );
    }
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let payments = number("SELECT count(*) FROM payments")?;
    let pages = number("PRAGMA page_count")?.saturating_mul(number("PRAGMA page_size")?);
    Ok(Some(Inspection {
        version: number("PRAGMA user_version")?,
        payments: u64::try_from(payments).unwrap_or_default(),
        bytes: u64::try_from(pages).unwrap_or_default(),
        importing: importing(&connection)?,
        warnings: Vec::new(),
        broken,
    }))
}

fn lines(connection: &Connection, sql: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(sql)?;
    let lines = statement.query_map([], |row| row.get(0))?;
    lines.collect()
}

/// Copies a journal, as it is at one moment, into a folder of its own, also while a kasse has it.
/// The folder is made where it is missing (mode 0700) and must have no journal. To restore, let a
/// kasse run with that folder, or with a copy of it. What was erased is not in it. Answers with the
/// new file.
///
/// # Errors
/// See [`OpenError`]. A copy that was begun is removed.
pub fn backup(folder: &Path, to: &Path) -> Result<PathBuf, OpenError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| OpenError::Files { path, source }
    };
    let database = folder.join(DATABASE);
    let connection = connection::reader(&database)?;
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(to).map_err(failed(to))?;
    let copy = to.join(DATABASE);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&copy).map_err(failed(&copy))?;
    let done = copy_into(&connection, &copy).and_then(|()| {
        File::open(&copy)
            .and_then(|file| file.sync_all())
            .map_err(failed(&copy))?;
        #[cfg(unix)]
        File::open(to)
            .and_then(|folder| folder.sync_all())
            .map_err(failed(to))?;
        Ok(())
    });
    if let Err(error) = done {
        // Half a copy is worse than none. That it cannot be removed changes nothing of the error.
        let _ = fs::remove_file(&copy);
        return Err(error);
    }
    Ok(copy)
}

fn copy_into(connection: &Connection, copy: &Path) -> Result<(), OpenError> {
    let Some(name) = copy.to_str() else {
        return Err(OpenError::Files {
            path: copy.to_owned(),
            source: std::io::Error::other("its name is no Unicode text"),
        });
    };
    // `query_only` forbids this too, though the journal itself is only read.
    connection.execute_batch("PRAGMA query_only = 0")?;
    connection.execute("VACUUM INTO ?1", [name])?;
    Ok(())
}
