//! `nearfield eval`: recall and latency of the engines of a snapshot, or how well weights continue playlists.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::manual::{examples, named};
use super::{Context, Failure, SnapshotFlags, print_json, print_line};
use crate::artifact::Measurement;
use crate::distance::Isa;
use crate::eval::{self, Family, PlaylistOptions, QuerySet};
use crate::index::EngineKind;
use crate::query::EngineChoice;
use crate::snapshot::Snapshot;

/// Measured single-threaded against the exact scan, on query points that are not in the catalogue.
#[derive(Debug, clap::Args)]
#[command(after_help = examples(&[
    ("Every engine under every family of weights", "nearfield eval"),
    ("Recall against latency, drawn", "nearfield eval --engines hnsw,forest --plot recall.svg"),
    ("Weights of your own kind", "nearfield eval --weights sparse,dj --k 100 --json"),
]))]
pub(super) struct EvalArgs {
    #[command(flatten)]
    snapshot: SnapshotFlags,
    /// Queries for each weight family
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    queries: u32,
    /// Results asked for
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    k: u32,
    /// Weight families (uniform, random, exponential, sparse) and profiles of the schema
    #[arg(long, value_delimiter = ',', default_value = "uniform,random,exponential,sparse")]
    weights: Vec<String>,
    /// Engines [default: all that the snapshot has, and auto]
    #[arg(long, value_delimiter = ',', value_parser = named::<String>(["exact", "hnsw", "forest", "auto"]))]
    engines: Vec<String>,
    /// Measure at these efforts too (ef of hnsw, search_k of forest)
    #[arg(long, value_delimiter = ',', value_name = "EFFORT")]
    sweep: Vec<usize>,
    /// Seed of the queries, or of splits and seeds of playlists
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Draw recall against latency, over a range of efforts, as SVG
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    #[command(flatten)]
    playlists: PlaylistFlags,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// How well weights continue playlists.
#[derive(Debug, clap::Args)]
struct PlaylistFlags {
    /// Measure how well weights continue the playlists of this file instead: columns playlist_id, track_id, source
    #[arg(long, value_name = "FILE", conflicts_with_all = ["queries", "k", "weights", "engines", "sweep", "plot"])]
    playlists: Option<PathBuf>,
    /// Only playlists of this source
    #[arg(long, value_name = "SOURCE", requires = "playlists")]
    playlist_source: Option<String>,
    /// Tracks of a playlist that are known
    #[arg(long, value_name = "N", default_value_t = 10, requires = "playlists",
        value_parser = clap::value_parser!(u32).range(1..=1_000))]
    seeds: u32,
    /// How often the playlists are split anew
    #[arg(long, value_name = "N", default_value_t = 10, requires = "playlists",
        value_parser = clap::value_parser!(u32).range(1..=1_000))]
    splits: u32,
}

/// Efforts drawn by `--plot` where `--sweep` names none.
const HNSW_EFFORTS: [usize; 7] = [16, 24, 32, 64, 128, 256, 512];
const FOREST_EFFORTS: [usize; 6] = [200, 500, 1_000, 2_000, 5_000, 10_000];

#[derive(Serialize)]
struct EvalReport<'a> {
    name: &'a str,
    generation: &'a str,
    n_items: u64,
    dim: u64,
    k: u32,
    queries: u32,
    seed: u64,
    threads: u32,
    kernels: &'static str,
    results: &'a [Measurement],
}

pub(super) fn run(args: EvalArgs, context: &Context) -> Result<(), Failure> {
    let SnapshotFlags { indexes, name } = &args.snapshot;
    if let Some(file) = &args.playlists.playlists {
        // Tracks that were removed since are neither found nor to be found.
        return on_playlists(&Snapshot::open_live(indexes, name)?, file, &args, context);
    }
    let snapshot = Snapshot::open(indexes, name, None)?;
    let families = args.weights.iter().map(|name| Family::parse(name, snapshot.schema()));
    let families: Vec<Family> =
        families.collect::<Result<_, _>>().map_err(|error| Failure::Usage(error.to_string()))?;
    let engines = engines(&args.engines, &snapshot)?;
    if let Some(forest) = snapshot.forest() {
        forest.wait()?;
    }
    let n_steps = families.len() * (engines.len() + 1);
    let phase = context.progress.phase("evaluation", n_steps as u64, "measurements");
    let mut results = Vec::new();
    for (number, family) in families.iter().enumerate() {
        context.cancel.check()?;
        let seed = args.seed.wrapping_add(number as u64);
        let set = QuerySet::draw(&snapshot, family, args.queries as usize, args.k as usize, seed)?;
        phase.advance(1);
        for &engine in &engines {
            results.push(eval::measure(&snapshot, engine, &set, &context.cancel)?);
            if let EngineChoice::Fixed(kind) = engine {
                let efforts = efforts(kind, &args);
                results.extend(eval::sweep(&snapshot, kind, efforts, &set, &context.cancel)?);
            }
            phase.advance(1);
        }
    }
    drop(phase);
    let manifest = snapshot.manifest();
    if let Some(path) = &args.plot {
        let title =
            format!("{}: {} tracks, recall@{} against latency", manifest.name, manifest.n_items, args.k);
        eval::plot(path, &title, &results)?;
    }
    if args.json {
        return print_json(&EvalReport {
            name: &manifest.name,
            generation: &manifest.generation,
            n_items: manifest.n_items,
            dim: manifest.dim,
            k: args.k,
            queries: args.queries,
            seed: args.seed,
            threads: 1,
            kernels: Isa::best().name(),
            results: &results,
        });
    }
    print_line(format_args!(
        "{} {}: {} tracks, {} dimensions, recall@{}, {} queries per family, one thread, {} kernels\n\n{}",
        manifest.name,
        manifest.generation,
        manifest.n_items,
        manifest.dim,
        args.k,
        args.queries,
        Isa::best().name(),
        eval::table(&results).trim_end()
    ))
}

fn on_playlists(snapshot: &Snapshot, file: &Path, args: &EvalArgs, context: &Context) -> Result<(), Failure> {
    let options = PlaylistOptions {
        source: args.playlists.playlist_source.clone(),
        n_seeds: args.playlists.seeds as usize,
        n_splits: args.playlists.splits as usize,
        seed: args.seed,
    };
    let mut phase = None;
    let report = eval::measure_playlists(snapshot, file, &options, |_, n_queries| {
        phase
            .get_or_insert_with(|| context.progress.phase("playlists", n_queries as u64, "queries"))
            .advance(1);
        Ok(context.cancel.check()?)
    })?;
    drop(phase);
    if args.json {
        return print_json(&report);
    }
    print_line(format_args!(
        "{}: {} tracks, {} of {} playlists have enough of them, {} seeds, {} splits\n\n{}",
        report.generation,
        report.n_items,
        report.n_measured,
        report.n_playlists,
        report.n_seeds,
        report.n_splits,
        eval::playlist_table(&report).trim_end()
    ))
}

/// The engines named, or all there are and `auto`.
fn engines(names: &[String], snapshot: &Snapshot) -> Result<Vec<EngineChoice>, Failure> {
    let built = snapshot.engines();
    if names.is_empty() {
        let all = built.into_iter().map(EngineChoice::Fixed);
        return Ok(all.chain([EngineChoice::Auto]).collect());
    }
    let parse =
        |name: &String| EngineChoice::parse(name, &built).map_err(|error| Failure::Usage(error.to_string()));
    names.iter().map(parse).collect()
}

fn efforts(kind: EngineKind, args: &EvalArgs) -> &[usize] {
    match kind {
        EngineKind::Exact => &[],
        _ if !args.sweep.is_empty() => &args.sweep,
        _ if args.plot.is_none() => &[],
        EngineKind::Hnsw => &HNSW_EFFORTS,
        EngineKind::Forest => &FOREST_EFFORTS,
    }
}
