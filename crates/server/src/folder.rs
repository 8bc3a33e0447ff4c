//! The data folder: made for us alone, and one kasse's at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use crate::service::StartError;

const LOCK: &str = "kasse.lock";

/// The data folder, ours until this is dropped. Wherever the journal is: `admin.json` and what
/// adapters keep belong to one process.
#[derive(Debug)]
pub(crate) struct DataFolder {
    // The system gives the lock up with the process, however that ends.
    _lock: File,
}

impl DataFolder {
    /// Makes it where it is not there, and takes it.
    pub(crate) fn take(path: &Path) -> Result<Self, StartError> {
        make(path)?;
        let failed = |source| StartError::Data {
            path: path.to_owned(),
            source,
        };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let lock = options.open(path.join(LOCK)).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StartError::InUse {
                path: path.to_owned(),
            }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

/// Makes a folder that only this user can look into.
pub(crate) fn make(path: &Path) -> Result<(), StartError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|source| StartError::Data {
        path: path.to_owned(),
        source,
    })
}
