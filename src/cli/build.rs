//! `nearfield build`: the catalogue becomes a published generation.

use std::path::PathBuf;

use super::manual::{examples, named};
use super::store_flags::StoreFlags;
use super::{Context, Failure, SnapshotFlags, print_json, print_line};
use crate::artifact::SnapshotDir;
use crate::build::{self, BuildOptions, BuildReport};
use crate::feature::Schema;
use crate::index::EngineKind;
use crate::index::hnsw::BuilderKind;
use crate::store::TrackReader;

/// What goes into the indexes.
#[derive(Debug, clap::Args)]
#[command(after_help = examples(&[
    ("From data/catalogue into indexes/main", "nearfield build"),
    ("With a schema of your own, from MongoDB, under another name", "nearfield build --schema mine.toml --store mongodb://127.0.0.1/music --name mine"),
    ("Without graph and forest: quickest to build, always exact", "nearfield build --engines exact"),
]))]
pub(super) struct BuildArgs {
    #[command(flatten)]
    store: StoreFlags,
    #[command(flatten)]
    snapshot: SnapshotFlags,
    #[command(flatten)]
    options: BuildFlags,
    /// A schema of your own (TOML) instead of the built-in one for Spotify features
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
    /// Print the report as one JSON object
    #[arg(long)]
    json: bool,
}

/// How to build; shared with `demo`.
#[derive(Debug, clap::Args)]
pub(super) struct BuildFlags {
    /// Engines to build; exact always
    #[arg(long, value_delimiter = ',', default_value = "exact,hnsw,forest",
        value_parser = named::<EngineKind>(EngineKind::ALL.map(EngineKind::name)))]
    engines: Vec<EngineKind>,
    /// M of the graph: a track keeps up to 2 M neighbours, rounded up to whole groups of 16
    #[arg(long, default_value_t = BuildOptions::default().m)]
    m: usize,
    /// Width of the beam that finds neighbours during construction [default: 100; 200 in more than 48 dimensions]
    #[arg(long)]
    ef_construction: Option<usize>,
    /// What builds the graph; batched makes the same graph on any number of threads
    #[arg(long, default_value = "batched", value_parser = named::<BuilderKind>(BuilderKind::names()))]
    builder: BuilderKind,
    /// Keep the graph small on disk and in memory, for slower searches
    #[arg(long)]
    compact: bool,
    /// Trees of the forest
    #[arg(long, default_value_t = BuildOptions::default().trees)]
    trees: usize,
    /// Seed of everything random
    #[arg(long, default_value_t = BuildOptions::default().seed)]
    seed: u64,
    /// Threads; 0 for one a core
    #[arg(long, default_value_t = BuildOptions::default().threads)]
    threads: usize,
    #[command(flatten)]
    keep: KeepFlag,
    #[command(flatten)]
    recall: RecallFlag,
    /// Refuse a build that would need more memory [default: 90 % of what is available]
    #[arg(long, value_name = "MIB")]
    max_memory_mib: Option<u64>,
    /// Give up after so many seconds
    #[arg(long, value_name = "SECONDS")]
    max_seconds: Option<u64>,
}

/// What a build leaves on disk; the same of a worker that builds.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct KeepFlag {
    /// Generations kept on disk; the live one and its parent always are
    #[arg(long, default_value_t = BuildOptions::default().keep)]
    pub keep: usize,
}

/// What a generation must reach; the same of a build, by hand or by a worker, and of a server that swaps it in.
#[derive(Debug, clap::Args)]
pub(super) struct RecallFlag {
    /// Recall that hnsw (uniform weights) and auto (any weights) must reach to go live, 0 to 1
    #[arg(long, value_name = "RECALL", env = "NEARFIELD_MIN_RECALL", default_value_t = BuildOptions::default().min_recall)]
    min_recall: f64,
}

impl RecallFlag {
    /// The floor.
    pub fn min_recall(&self) -> Result<f64, Failure> {
        match self.min_recall {
            floor if (0.0..=1.0).contains(&floor) => Ok(floor),
            floor => Err(Failure::Usage(format!("--min-recall is {floor}; expected 0 to 1"))),
        }
    }
}

impl BuildFlags {
    /// The options these flags stand for.
    pub fn options(&self) -> Result<BuildOptions, Failure> {
        let mut engines = self.engines.clone();
        engines.sort_unstable();
        engines.dedup();
        let options = BuildOptions {
            engines,
            builder: self.builder,
            m: self.m,
            ef_construction: self.ef_construction,
            compact: self.compact,
            trees: self.trees,
            seed: self.seed,
            threads: self.threads,
            keep: self.keep.keep,
            min_recall: self.recall.min_recall()?,
            max_memory_mib: self.max_memory_mib,
            max_seconds: self.max_seconds,
        };
        options.validate().map_err(|error| Failure::Usage(error.to_string()))?;
        Ok(options)
    }
}

pub(super) fn run(args: BuildArgs, context: &Context) -> Result<(), Failure> {
    let options = args.options.options()?;
    let schema = match &args.schema {
        Some(path) => Schema::read(path)?,
        None => Schema::spotify(),
    };
    // It goes to the manifest, where a password has no business.
    let name = args.store.location()?.redacted();
    let store =
        args.store.open_existing(context)?.ok_or_else(|| build::BuildError::Empty { store: name.clone() })?;
    let report = build_from(&*store, &name, &args.snapshot, schema, &options, context)?;
    if args.json { print_json(&report) } else { print_line(report.to_string().trim_end()) }
}

/// Builds and publishes a generation from `store`.
pub(super) fn build_from(
    store: &dyn TrackReader,
    uri: &str,
    snapshot: &SnapshotFlags,
    schema: Schema,
    options: &BuildOptions,
    context: &Context,
) -> Result<BuildReport, Failure> {
    let directory = SnapshotDir::new(&snapshot.indexes, &snapshot.name)?;
    Ok(build::build(store, uri, &directory, schema, options, &context.progress, &context.cancel)?)
}
