//! `nearfield eval`: recall and latency of the engines of a snapshot.

use std::path::PathBuf;

use serde::Serialize;

use super::manual::{examples, named};
use super::{Context, Failure, SnapshotFlags, print_json, print_line};
use crate::artifact::Measurement;
use crate::distance::Isa;
use crate::eval::{self, Family, QuerySet};
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
    /// Seed of the queries
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Draw recall against latency, over a range of efforts, as SVG
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
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
    let snapshot = Snapshot::open(&args.snapshot.indexes, &args.snapshot.name, None)?;
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
