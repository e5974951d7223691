//! A catalogue becomes a generation.
//!
//! ```text
//! mod.rs      the pipeline: read -> vectors -> order -> engines -> calibrate -> measure -> gates -> publish
//! error.rs    what can go wrong
//! options.rs  what can be asked for, and what it needs in memory
//! read.rs     one pass over the store
//! engines.rs  the index files
//! report.rs   what came of it
//! ```
//!
//! Nothing of it is visible before the last step; an error, Ctrl-C or a kill at any point leaves the live generation
//! as it was ([`crate::artifact`]).

mod engines;
mod error;
mod options;
mod read;
mod report;

use std::collections::BTreeMap;
use std::time::Instant;

use crate::artifact::{
    BuildParameters, Calibration, FORMAT_VERSION, Manifest, Measurement, Provenance, SnapshotDir, Staging,
};
use crate::eval::{Family, QuerySet, below_floor, calibrate, find_scan_error, measure};
use crate::feature::{FittedSchema, Schema};
use crate::index::EngineKind;
use crate::progress::{CancelToken, Progress};
use crate::query::EngineChoice;
use crate::snapshot::Snapshot;
use crate::store::TrackReader;

pub use error::BuildError;
pub use options::BuildOptions;
pub use report::BuildReport;

/// Queries per engine and weight family measured for the manifest.
const MEASURED_QUERIES: usize = 100;
/// Results asked for when measuring.
const MEASURED_K: usize = 10;

/// Builds a generation of `snapshot` from `store` under `schema`, and publishes it. `store_name` goes to the manifest.
pub fn build(
    store: &dyn TrackReader,
    store_name: &str,
    snapshot: &SnapshotDir,
    schema: Schema,
    options: &BuildOptions,
    progress: &Progress,
    cancel: &CancelToken,
) -> Result<BuildReport, BuildError> {
    options.validate()?;
    let cancel = &options.limited(cancel);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.threads)
        .build()
        .map_err(|error| BuildError::Threads(error.to_string()))?;
    let staging = snapshot.stage()?;
    let mut run = Run {
        snapshot,
        options,
        progress,
        cancel,
        staging: &staging,
        clock: Clock::start(),
        notes: Vec::new(),
    };
    let manifest = pool.install(|| run.write(store, store_name, schema))?;
    run.gate(&manifest)?;
    let Run { clock, mut notes, .. } = run;
    cancel.check()?;
    let published = staging.publish(options.keep)?;
    let removed = published.removed.unwrap_or_else(|error| {
        notes.push(format!("old generations could not be removed: {error}"));
        Vec::new()
    });
    Ok(BuildReport::new(&manifest, published.directory, clock.seconds(), notes, removed))
}

/// Seconds by phase.
struct Clock {
    started: Instant,
    lap: Instant,
    phases: BTreeMap<String, f64>,
}

impl Clock {
    fn start() -> Self {
        Self { started: Instant::now(), lap: Instant::now(), phases: BTreeMap::new() }
    }

    /// The phase since the last call is over.
    fn lap(&mut self, phase: &str) {
        let seconds = std::mem::replace(&mut self.lap, Instant::now()).elapsed().as_secs_f64();
        *self.phases.entry(phase.to_owned()).or_default() += seconds;
    }

    fn seconds(mut self) -> BTreeMap<String, f64> {
        self.phases.insert("total".into(), self.started.elapsed().as_secs_f64());
        self.phases
    }
}

/// One build under way.
struct Run<'a> {
    snapshot: &'a SnapshotDir,
    options: &'a BuildOptions,
    progress: &'a Progress,
    cancel: &'a CancelToken,
    staging: &'a Staging,
    clock: Clock,
    /// What the operator should know.
    notes: Vec<String>,
}

impl Run<'_> {
    /// Writes all files of the generation, the manifest last.
    fn write(
        &mut self,
        store: &dyn TrackReader,
        store_name: &str,
        schema: Schema,
    ) -> Result<Manifest, BuildError> {
        let directory = self.staging.path();
        let read_started = jiff::Timestamp::now().to_string();
        let read = read::read(store, store_name, schema, self.options, self.progress, self.cancel)?;
        self.clock.lap("read");
        let out_of_range: BTreeMap<String, u64> = read.out_of_range.clone();
        let (raw_columns, providers) = (read.raw_columns.clone(), read.providers.clone());
        let n_items = read.n_items;
        let (fitted, vectors) = read.write(directory, self.cancel)?;
        self.check_values(&fitted)?;
        self.clock.lap("vectors");
        let vectors = vectors.arrange(&engines::order_weights(&fitted.schema));
        self.clock.lap("order");
        vectors.write(directory)?;
        self.clock.lap("vectors");
        let schema_hash = fitted.schema.hash();
        engines::exact(directory, &vectors)?;
        self.clock.lap("exact");
        if self.options.engines.contains(&EngineKind::Hnsw) {
            let report = engines::graph(
                directory,
                &vectors,
                &fitted.schema,
                self.options,
                self.progress,
                self.cancel,
            )?;
            if report.n_unreachable > 0 {
                self.notes.push(format!(
                    "graph: {} tracks were unreachable after construction; {} were linked, {} became entry points",
                    report.n_unreachable, report.n_links, report.n_entries
                ));
            }
            self.clock.lap("graph");
        }
        if self.options.engines.contains(&EngineKind::Forest) {
            engines::forest(directory, &vectors, &fitted.schema, self.options, self.progress, self.cancel)?;
            self.clock.lap("forest");
        }
        drop(vectors);
        let dim = fitted.schema.dim();
        let mut manifest = Manifest {
            format_version: FORMAT_VERSION,
            name: self.snapshot.name().to_owned(),
            generation: self.staging.generation().to_owned(),
            parent: self.snapshot.current()?,
            created: jiff::Timestamp::now().to_string(),
            nearfield_version: env!("CARGO_PKG_VERSION").to_owned(),
            n_items: n_items as u64,
            dim: fitted.schema.dim() as u64,
            schema_hash,
            fitted,
            raw_columns,
            providers,
            out_of_range,
            parameters: self.parameters(dim),
            provenance: Provenance { store: store_name.to_owned(), read_started, n_read: n_items as u64 },
            seconds: BTreeMap::new(),
            measured: Vec::new(),
            calibration: Calibration::default(),
            files: self.staging.files()?,
        };
        self.clock.lap("checksums");
        manifest.write(directory)?;
        manifest.calibration = {
            let snapshot = Snapshot::open_directory(directory)?;
            calibrate(&snapshot, self.options.seed, self.progress, self.cancel)?
        };
        self.clock.lap("calibration");
        manifest.write(directory)?;
        manifest.measured = self.measure()?;
        self.clock.lap("measurement");
        manifest.created = jiff::Timestamp::now().to_string();
        manifest.seconds.clone_from(&self.clock.phases);
        manifest.write(directory)?;
        Ok(manifest)
    }

    /// Refuses a schema that no track has a value for; notes features without any.
    fn check_values(&mut self, fitted: &FittedSchema) -> Result<(), BuildError> {
        let features = fitted.schema.features.iter().zip(&fitted.stats);
        if features.clone().all(|(feature, stats)| feature.weight == 0.0 || stats.n_present == 0) {
            let names =
                features.filter(|(feature, _)| feature.weight > 0.0).map(|(feature, _)| feature.source());
            let features = names.collect::<Vec<_>>().join(", ");
            return Err(BuildError::NoValues { schema: fitted.schema.name.clone(), features });
        }
        for (feature, stats) in features {
            if stats.n_present == 0 {
                self.notes.push(format!("warning: no track has a value for `{}`", feature.name));
            }
        }
        Ok(())
    }

    fn parameters(&self, dim: usize) -> BuildParameters {
        BuildParameters {
            engines: self.options.engines.iter().map(|kind| kind.name().to_owned()).collect(),
            graph_builder: self.options.builder.builder().name().to_owned(),
            compact: self.options.compact,
            m: self.options.m as u64,
            ef_construction: self.options.graph(dim).ef_construction as u64,
            trees: self.options.trees as u64,
            seed: self.options.seed,
            threads: rayon::current_num_threads() as u64,
        }
    }

    /// Recall and latency of every engine under every family and profile.
    fn measure(&self) -> Result<Vec<Measurement>, BuildError> {
        let snapshot = Snapshot::open_directory(self.staging.path())?;
        if let Some(forest) = snapshot.forest() {
            forest.wait()?;
        }
        let families = Family::all(snapshot.schema());
        let phase = self.progress.phase("measurement", families.len() as u64, "weight families");
        let mut measured = Vec::new();
        // Other queries than those the planner was calibrated with.
        let seed = self.options.seed ^ 0x6d65_6173_7572_6564;
        for (number, family) in families.iter().enumerate() {
            let seed = seed.wrapping_add(number as u64);
            let set = QuerySet::draw(&snapshot, family, MEASURED_QUERIES, MEASURED_K, seed)?;
            let engines = snapshot.engines().into_iter().map(EngineChoice::Fixed);
            for engine in engines.chain([EngineChoice::Auto]) {
                measured.push(measure(&snapshot, engine, &set, self.cancel)?);
            }
            phase.advance(1);
        }
        Ok(measured)
    }

    /// Refuses a generation that must not go live.
    fn gate(&mut self, manifest: &Manifest) -> Result<(), BuildError> {
        let directory = self.staging.path();
        let snapshot = Snapshot::open_directory(directory)?;
        let bytes: u64 = manifest.files.values().map(|entry| entry.bytes).sum();
        let phase = self.progress.bytes("verification", bytes);
        snapshot.verify(|bytes| phase.advance(bytes))?;
        if let Some(weights) = find_scan_error(&snapshot, self.options.seed)? {
            return Err(BuildError::Scan { weights });
        }
        let floor = self.options.min_recall;
        if let Some(row) = below_floor(&manifest.measured, floor) {
            return Err(BuildError::Recall {
                engine: row.engine.clone(),
                weights: row.weights.clone(),
                recall: row.recall,
                floor,
            });
        }
        self.clock.lap("verification");
        Ok(())
    }
}
