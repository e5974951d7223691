//! A new generation once enough tracks have changed.

use std::fmt;
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use crate::artifact::{ArtifactError, BuildParameters, Manifest, SnapshotDir};
use crate::build::{self, BuildError, BuildOptions};
use crate::feature::Schema;
use crate::progress::{CancelToken, Progress};
use crate::store::{RefreshStore, StoreError};

use super::settings::RebuildSettings;

/// What `--rebuild-after` led to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RebuildReport {
    /// Tracks that refreshing changed since the live generation was read from the catalogue, or that anybody changed,
    /// where the catalogue can tell; all of them where nothing is live.
    pub changed: u64,
    /// How many it takes.
    pub needed: u64,
    /// The generation that was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<String>,
    /// Why none was, although enough had changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Why it is not known whether to build, or nothing was built.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// The catalogue cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The live generation cannot be read.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The build failed; the live generation goes on serving.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The live generation does not say how it was built.
    #[error(
        "the live generation was built with {what} {got:?}, which this nearfield does not know; run nearfield build"
    )]
    Parameter {
        /// What.
        what: &'static str,
        /// Its value.
        got: String,
    },
}

/// Builds and publishes when enough tracks changed, the way the live generation was built but held to what is set now.
/// Nothing is counted outside the catalogue, so no kill loses a count.
pub(super) fn rebuild_if_due(
    store: &dyn RefreshStore,
    store_name: &str,
    snapshot: &SnapshotDir,
    settings: RebuildSettings,
    progress: &Progress,
    cancel: &CancelToken,
) -> Result<RebuildReport, RebuildError> {
    let needed = settings.after;
    let live = match snapshot.current()? {
        Some(_) => Some(Manifest::read(&snapshot.resolve(None)?)?),
        None => None,
    };
    // A time that cannot be read counts as never: a build too many does no harm.
    let read = live.as_ref().and_then(|live| live.provenance.read_started.parse::<jiff::Timestamp>().ok());
    let mut report = RebuildReport { needed, ..RebuildReport::default() };
    store.scan_refreshes(&mut |_, refresh| {
        let changed = match read {
            // In the same millisecond it may have been before or after.
            Some(read) => refresh.changed_at_ms.is_some_and(|at_ms| at_ms >= read.as_millisecond()),
            None => true,
        };
        report.changed += u64::from(changed);
        ControlFlow::Continue(())
    })?;
    if let Some(read) = read
        && report.changed < needed
        && let Some(changed) = store.changed_since(read.as_millisecond(), needed)?
    {
        // What refreshing changed is among it.
        report.changed = report.changed.max(changed);
    }
    if report.changed < needed {
        return Ok(report);
    }
    tracing::info!("{} tracks changed, {needed} are enough: building", report.changed);
    let (schema, options) = match live {
        Some(live) => {
            let options = options(&live.parameters, settings)?;
            (live.fitted.schema, options)
        }
        None => (Schema::spotify(), gated(settings)),
    };
    let built = build::build(store, store_name, snapshot, schema, &options, progress, cancel)?;
    tracing::info!("published generation {}", built.generation);
    report.generation = Some(built.generation);
    Ok(report)
}

/// The usual options, held to what is set.
fn gated(settings: RebuildSettings) -> BuildOptions {
    let RebuildSettings { after: _, min_recall, keep } = settings;
    BuildOptions { min_recall, keep, ..BuildOptions::default() }
}

/// The options that a generation was built with, held to what is set. Its number of threads is that of the machine it was
/// built on.
fn options(parameters: &BuildParameters, settings: RebuildSettings) -> Result<BuildOptions, RebuildError> {
    let wrong = |what, got: &str| RebuildError::Parameter { what, got: got.to_owned() };
    let engine = |name: &String| name.parse().map_err(|_| wrong("engine", name));
    let builder =
        parameters.graph_builder.parse().map_err(|_| wrong("builder", &parameters.graph_builder))?;
    Ok(BuildOptions {
        engines: parameters.engines.iter().map(engine).collect::<Result<_, _>>()?,
        builder,
        compact: parameters.compact,
        m: parameters.m as usize,
        ef_construction: Some(parameters.ef_construction as usize),
        trees: parameters.trees as usize,
        seed: parameters.seed,
        ..gated(settings)
    })
}

impl fmt::Display for RebuildReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { changed, needed, .. } = self;
        match (&self.generation, &self.error) {
            (Some(generation), _) => {
                write!(f, "rebuild: {changed} tracks had changed; published {generation}")
            }
            (None, Some(error)) => {
                write!(f, "rebuild: {changed} tracks have changed; nothing published: {error}")
            }
            (None, None) => write!(f, "rebuild: {changed} tracks have changed, {needed} are needed"),
        }
    }
}
