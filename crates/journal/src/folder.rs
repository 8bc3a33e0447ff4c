//! The journal's folder: made for us alone, and locked to one process.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::error::OpenError;

pub(crate) const DATABASE: &str = "journal.sqlite3";
const LOCK: &str = "journal.lock";

/// A folder that is ours until this is dropped.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    // The system gives the lock up with the process, however that ends.
    _lock: File,
}

impl Folder {
    /// Makes the folder where it is not there (for its owner alone), locks it, and makes the
    /// database's file (for its owner alone: SQLite gives its other files the same permissions).
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| OpenError::Files { path, source }
        };
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path).map_err(failed(path))?;

        let lock_path = path.join(LOCK);
        let mut lock = private_file(&lock_path).map_err(failed(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut process = String::new();
                // On some systems a locked file cannot be read: the message goes without it.
                let read = Read::by_ref(&mut lock)
                    .take(20)
                    .read_to_string(&mut process);
                let process = process.trim().to_owned();
                let known = read.is_ok() && !process.is_empty();
                return Err(OpenError::InUse {
                    folder: path.to_owned(),
                    process: known.then_some(process),
                });
            }
            Err(TryLockError::Error(source)) => {
                return Err(OpenError::Files {
                    path: lock_path,
                    source,
                });
            }
        }
        let noted = lock
            .set_len(0)
            .and_then(|()| lock.rewind())
            .and_then(|()| writeln!(lock, "{}", std::process::id()));
        noted.map_err(failed(&lock_path))?;

        let database = path.join(DATABASE);
        private_file(&database).map_err(failed(&database))?;
        // The file's name has to be on the disk before the first batch is. SQLite sees to its other
        // files.
        #[cfg(unix)]
        File::open(path)
            .and_then(|folder| folder.sync_all())
            .map_err(failed(path))?;
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// The database's file.
    pub(crate) fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }
}

fn private_file(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)]
    {
        // One that was there may have been readable for others: a copy that was put back.
        use std::os::unix::fs::PermissionsExt;
        let mut permissions = file.metadata()?.permissions();
        if permissions.mode() & 0o077 != 0 {
            permissions.set_mode(0o600);
            file.set_permissions(permissions)?;
        }
    }
    Ok(file)
}
