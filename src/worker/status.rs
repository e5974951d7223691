//! `worker.json` beside the snapshot: how the worker stands, for whoever has no access to the catalogue.

use std::fs;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::artifact::SnapshotDir;

use super::state::Totals;
use super::summary::RunSummary;

/// The file's name.
pub const STATUS_FILE: &str = "worker.json";
/// It is written under this name and then renamed, so that a reader never sees half of it.
const STAGED_FILE: &str = ".worker.json.new";
/// The largest file that is read.
const MAX_BYTES: u64 = 1 << 20;
/// A running worker that has written nothing for so long was killed, or hangs.
const SILENT_AFTER_MS: i64 = 15 * 60 * 1_000;

/// How the worker stands. Times are RFC 3339.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WorkerStatus {
    /// `running`, `waiting` (for its next run), `ended`; a reader may find `silent`: it was running and has not been heard
    /// of since.
    pub state: String,
    /// The process that wrote this.
    pub pid: u32,
    /// The catalogue, without a password.
    pub store: String,
    /// When this was written.
    pub updated: String,
    /// When the next run begins, where that is known.
    pub next_run: Option<String>,
    /// The run under way.
    pub current_run: Option<RunSummary>,
    /// The last one that ended.
    pub last_run: Option<RunSummary>,
    /// What all runs of this catalogue did together.
    pub totals: Totals,
}

/// Why the status cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// The file system refused.
    #[error("cannot {action} {}: {cause}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },
    /// It is not what a worker writes.
    #[error("{} is not a worker's status: {what}; remove it, the next run writes it anew", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
}

/// The status beside a snapshot as of `now_ms`; `None` where no worker ever ran.
pub fn read_status(snapshot: &SnapshotDir, now_ms: i64) -> Result<Option<WorkerStatus>, StatusError> {
    let path = snapshot.path().join(STATUS_FILE);
    let read = || {
        let n_bytes = fs::metadata(&path)?.len();
        if n_bytes > MAX_BYTES { Ok(Err(n_bytes)) } else { fs::read(&path).map(Ok) }
    };
    let bytes = match read() {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(n_bytes)) => {
            return Err(StatusError::Damaged { path, what: format!("it has {n_bytes} bytes") });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(StatusError::Io { action: "read", path, cause }),
    };
    let mut status: WorkerStatus = serde_json::from_slice(&bytes)
        .map_err(|error| StatusError::Damaged { path, what: error.to_string() })?;
    let updated_ms = status.updated.parse::<jiff::Timestamp>().map_or(i64::MIN, |time| time.as_millisecond());
    if status.state == "running" && now_ms.saturating_sub(updated_ms) > SILENT_AFTER_MS {
        "silent".clone_into(&mut status.state);
    }
    Ok(Some(status))
}

/// Replaces the status beside a snapshot.
pub(super) fn write_status(snapshot: &SnapshotDir, status: &WorkerStatus) -> Result<(), StatusError> {
    let failed = |action, path: PathBuf| move |cause| StatusError::Io { action, path, cause };
    let staged = snapshot.path().join(STAGED_FILE);
    let path = snapshot.path().join(STATUS_FILE);
    let text = serde_json::to_vec_pretty(status).map_err(io::Error::other);
    let text = text.map_err(failed("write", staged.clone()))?;
    fs::create_dir_all(snapshot.path())
        .and_then(|()| fs::write(&staged, text))
        .map_err(failed("write", staged.clone()))?;
    fs::rename(&staged, &path).map_err(failed("replace", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_reads_back_grows_silent_and_garbage_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let snapshot = SnapshotDir::new(dir.path(), "main").unwrap();
        assert_eq!(read_status(&snapshot, 0).unwrap(), None);
        let updated = "2026-11-25T08:00:00Z";
        let at_ms = updated.parse::<jiff::Timestamp>().unwrap().as_millisecond();
        let written =
            WorkerStatus { state: "running".into(), updated: updated.into(), ..WorkerStatus::default() };
        write_status(&snapshot, &written).unwrap();
        assert_eq!(read_status(&snapshot, at_ms + SILENT_AFTER_MS).unwrap(), Some(written));
        let silent = read_status(&snapshot, at_ms + SILENT_AFTER_MS + 1).unwrap().unwrap();
        assert_eq!(silent.state, "silent");
        fs::write(snapshot.path().join(STATUS_FILE), "{\"state\":").unwrap();
        assert!(matches!(read_status(&snapshot, 0), Err(StatusError::Damaged { .. })));
    }
}
