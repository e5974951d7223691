//! Why no generation came about.

use crate::artifact::ArtifactError;
use crate::codec::CodecError;
use crate::eval::EvalError;
use crate::index::hnsw::GraphError;
use crate::index::{EngineError, ForestError};
use crate::progress::Cancelled;
use crate::store::StoreError;

/// Why no generation came about. The live one is as it was.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is nothing to build from.
    #[error(
        "the catalogue {store} holds no tracks: fill it with `nearfield import FILE`, or try `nearfield demo`, which makes some up"
    )]
    Empty {
        /// The store.
        store: String,
    },
    /// The schema does not fit the catalogue.
    #[error(
        "no track has a value for any weighted feature of schema `{schema}` ({features}): check the names of values, and the dimensions of vectors, against what was imported"
    )]
    NoValues {
        /// The schema's name.
        schema: String,
        /// Names of the values looked for.
        features: String,
    },
    /// More tracks than an index can number.
    #[error("the catalogue holds more than {max} tracks, which is the limit of one snapshot")]
    TooMany {
        /// The limit.
        max: u64,
    },
    /// The store gave tracks out of order.
    #[error("the catalogue gave track `{id}` out of order; check the store")]
    Order {
        /// The track.
        id: String,
    },
    /// It would not fit.
    #[error(
        "building {n_items} tracks needs about {needed_mib} MiB of memory, the limit is {limit_mib} MiB: raise --max-memory-mib, lower --m, or leave engines out with --engines"
    )]
    Memory {
        /// Tracks in the catalogue.
        n_items: u64,
        /// Estimate.
        needed_mib: u64,
        /// Limit.
        limit_mib: u64,
    },
    /// An option that makes no sense.
    #[error("--{option} is {got}; expected {expected}")]
    Option {
        /// Its name.
        option: &'static str,
        /// Its value.
        got: String,
        /// What is possible.
        expected: &'static str,
    },
    /// The worker threads cannot be started.
    #[error("cannot start the worker threads: {0}")]
    Threads(String),
    /// A record cannot be written.
    #[error("track `{id}` cannot be stored: {cause}")]
    Record {
        /// The track.
        id: String,
        /// Why not.
        cause: CodecError,
    },
    /// Writing or publishing failed.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The graph failed.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The forest failed.
    #[error(transparent)]
    Forest(#[from] ForestError),
    /// An engine cannot answer.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Measuring failed.
    #[error(transparent)]
    Eval(#[from] EvalError),
    /// The scan is not exact: a fault of nearfield or of this machine.
    #[error(
        "not published: under {weights} weights the exact scan differs from scoring every track; please report this"
    )]
    Scan {
        /// The weights.
        weights: String,
    },
    /// Not good enough to go live.
    #[error(
        "not published: {engine} reaches recall {recall:.4} under {weights} weights, the floor is {floor}; raise --m or --ef-construction, or lower --min-recall"
    )]
    Recall {
        /// The engine.
        engine: String,
        /// The weights.
        weights: String,
        /// Measured.
        recall: f64,
        /// Needed.
        floor: f64,
    },
    /// The work was asked to stop, or ran out of time.
    #[error("nothing was published: {0}")]
    Cancelled(#[from] Cancelled),
}
