//! `worker.json` beside the snapshot: how the worker stands, for whoever has no access to the catalogue.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use crate::artifact::SnapshotDir;

use super::rfc3339;
use super::state::Totals;
use super::summary::RunSummary;

/// The file's name.
pub const STATUS_FILE: &str = "worker.json";
/// It is written under this name and then renamed, so that a reader never sees half of it.
const STAGED_FILE: &str = ".worker.json.new";
/// The largest file that is read.
const MAX_BYTES: u64 = 1 << 20;
/// A running worker that has written nothing for so long was killed: it does so every minute, whatever it is at.
const SILENT_AFTER_MS: i64 = 15 * 60 * 1_000;

/// How the worker stands. Times are RFC 3339.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct WorkerStatus {
    /// `running`, `waiting` (for its next run), `ended`; a reader may find `silent`: it was running and has not been heard
    /// of since.
    #[schema(pattern = "^(running|waiting|ended|silent)$")]
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

/// The status that one worker writes, from whichever thread.
#[derive(Debug)]
pub(super) struct StatusFile {
    snapshot: SnapshotDir,
    /// The catalogue, without a password.
    store_name: String,
    /// One thread at a time reads, changes and writes.
    writing: Mutex<()>,
}

impl StatusFile {
    pub fn new(snapshot: SnapshotDir, store_name: String) -> Self {
        Self { snapshot, store_name, writing: Mutex::new(()) }
    }

    /// Changes it. It is for onlookers: where that fails there is a warning.
    pub fn update(&self, change: impl FnOnce(&mut WorkerStatus)) {
        // A panic elsewhere harms nothing: the file is whole at any time.
        let _one_at_a_time = self.writing.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let now_ms = jiff::Timestamp::now().as_millisecond();
        let mut status = read_status(&self.snapshot, now_ms).ok().flatten().unwrap_or_default();
        status.pid = std::process::id();
        status.store.clone_from(&self.store_name);
        status.updated = rfc3339(now_ms);
        change(&mut status);
        if let Err(error) = write_status(&self.snapshot, &status) {
            tracing::warn!("{error}");
        }
    }

    /// Says that the worker still runs.
    pub fn touch(&self) {
        // After a long sleep of the machine the last word reads as a silence.
        self.update(|status| "running".clone_into(&mut status.state));
    }
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
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use super::super::heartbeat::Heartbeat;
    use super::*;

    #[test]
    fn a_heartbeat_keeps_a_running_worker_from_growing_silent() {
        let dir = tempfile::tempdir().unwrap();
        let snapshot = SnapshotDir::new(dir.path(), "main").unwrap();
        let now_ms = || jiff::Timestamp::now().as_millisecond();
        let run = RunSummary { selected: 7, ..RunSummary::default() };
        let written = WorkerStatus {
            state: "running".into(),
            updated: rfc3339(now_ms() - 2 * SILENT_AFTER_MS),
            current_run: Some(run),
            ..WorkerStatus::default()
        };
        write_status(&snapshot, &written).unwrap();
        assert_eq!(read_status(&snapshot, now_ms()).unwrap().unwrap().state, "silent");
        let file = Arc::new(StatusFile::new(snapshot.clone(), "lmdb:x".into()));
        let heartbeat = Heartbeat::start(Duration::from_millis(5), move || file.touch());
        let deadline = Instant::now() + Duration::from_secs(20);
        while read_status(&snapshot, now_ms()).unwrap().unwrap().state != "running" {
            assert!(Instant::now() < deadline, "nothing is heard of it");
            std::thread::yield_now();
        }
        drop(heartbeat);
        let status = read_status(&snapshot, now_ms()).unwrap().unwrap();
        assert_eq!((status.current_run, status.store.as_str()), (written.current_run, "lmdb:x"));
    }

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
