//! What a generation must pass before it replaces the one being served: what its build checked, on this machine and on
//! the files that are here now.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use rayon::{ThreadPoolBuildError, ThreadPoolBuilder};

use crate::artifact::{ArtifactError, Measurement};
use crate::eval::{EvalError, below_floor, find_scan_error};
use crate::progress::{CancelToken, Cancelled};
use crate::snapshot::Snapshot;

use super::LiveSettings;

/// Why a generation must not be served.
#[derive(Debug, thiserror::Error)]
pub(super) enum GateError {
    /// It cannot be opened.
    #[error(transparent)]
    Open(ArtifactError),
    /// A file is not what was published.
    #[error(transparent)]
    Damaged(ArtifactError),
    /// The scan does not find what scoring every item finds.
    #[error("under {weights} weights the exact scan differs from scoring every track; please report this")]
    Scan {
        /// The weights.
        weights: String,
    },
    /// Its build measured too little.
    #[error(
        "its build measured recall {:.4} of {} under {} weights, the floor is {floor}: build it with higher --m or --ef-construction, or lower NEARFIELD_MIN_RECALL of build and server",
        row.recall, row.engine, row.weights
    )]
    Recall {
        /// What was measured.
        row: Box<Measurement>,
        /// What is needed.
        floor: f64,
    },
    /// A search failed.
    #[error(transparent)]
    Search(#[from] EvalError),
    /// The server is stopping.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// The thread that checks it cannot be started.
    #[error("it cannot be checked: {0}")]
    Thread(#[from] ThreadPoolBuildError),
    /// It belongs to another snapshot.
    #[error(
        "it is a generation of the snapshot {found:?}; expected one of {expected:?}: build it here, it cannot be copied"
    )]
    Name {
        /// The snapshot that is served.
        expected: String,
        /// The one it names.
        found: String,
    },
    /// Reading it ended in a panic.
    #[error("reading it panicked; the log says where, please report this")]
    Panic,
}

impl GateError {
    /// Whether the same generation may pass a moment later: a file system that shows its parts one after another.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Open(ArtifactError::Io { .. } | ArtifactError::NoGeneration { .. })
                | Self::Damaged(ArtifactError::Io { .. })
                | Self::Thread(_)
        )
    }
}

/// Opens the generation of snapshot `name` in `directory` and takes it through the gates.
pub(super) fn pass(
    name: &str,
    directory: Result<std::path::PathBuf, ArtifactError>,
    settings: &LiveSettings,
    cancel: &CancelToken,
) -> Result<Snapshot, GateError> {
    let directory = directory.map_err(GateError::Open)?;
    // Checks that run on all cores elsewhere leave them to requests here.
    let pool = ThreadPoolBuilder::new().num_threads(1).thread_name(|_| "gates".into()).build()?;
    // The thread that follows `CURRENT` must outlive whatever it meets there.
    catch_unwind(AssertUnwindSafe(|| pool.install(|| open_and_check(name, &directory, settings, cancel))))
        .unwrap_or(Err(GateError::Panic))
}

fn open_and_check(
    name: &str,
    directory: &Path,
    settings: &LiveSettings,
    cancel: &CancelToken,
) -> Result<Snapshot, GateError> {
    let snapshot = Snapshot::open_directory(directory).map_err(GateError::Open)?;
    let manifest = snapshot.manifest();
    if manifest.name != name {
        return Err(GateError::Name { expected: name.to_owned(), found: manifest.name.clone() });
    }
    if let Some(row) = below_floor(&manifest.measured, settings.min_recall) {
        return Err(GateError::Recall { row: Box::new(row.clone()), floor: settings.min_recall });
    }
    // Ends when the forest can answer, too.
    snapshot.verify_listed(|_| {}).map_err(GateError::Damaged)?;
    cancel.check()?;
    if let Some(weights) = find_scan_error(&snapshot, manifest.parameters.seed)? {
        return Err(GateError::Scan { weights });
    }
    cancel.check()?;
    Ok(snapshot.with_filter_cache(settings.filter_cache_bytes))
}
