//! One worker for each snapshot.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::PathBuf;

use crate::artifact::SnapshotDir;

/// Lies beside the generations. The leading dot keeps it from being taken for one.
const LOCK_FILE: &str = ".worker.lock";

/// Held while a worker runs; the system lets go of it however the process ends.
#[derive(Debug)]
pub struct WorkerLock {
    _file: File,
}

/// Why a worker may not begin.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another one runs.
    #[error(
        "another worker refreshes snapshot `{name}` (it holds {}); wait for it to end, or stop it", path.display()
    )]
    Held {
        /// The snapshot.
        name: String,
        /// The lock file.
        path: PathBuf,
    },
    /// The file system refused.
    #[error("cannot lock {}: {cause}", path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },
}

impl WorkerLock {
    /// Keeps other workers of the snapshot out. Its directory is made if there is none.
    pub fn take(snapshot: &SnapshotDir) -> Result<Self, LockError> {
        let path = snapshot.path().join(LOCK_FILE);
        let open = || {
            fs::create_dir_all(snapshot.path())?;
            File::options().create(true).truncate(false).write(true).open(&path)
        };
        let file = open().map_err(|cause| LockError::Io { path: path.clone(), cause })?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(LockError::Held { name: snapshot.name().to_owned(), path }),
            Err(TryLockError::Error(cause)) => Err(LockError::Io { path, cause }),
        }
    }
}
