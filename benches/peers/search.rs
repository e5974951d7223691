//! Answers and times of one engine at a list of efforts: one thread, one query at a time, through the library's own
//! call (validation, compilation of the query and planning are in the time; the making of filters is not).

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use nearfield::query::{EngineChoice, NearestRequest, nearest};
use nearfield::snapshot::Snapshot;
use serde::Serialize;

use super::Failed;
use super::filter::{Filter, FilterArgs};
use super::npy::{self, Matrix};

/// What stands in an answer that is shorter than k.
const NO_ITEM: i32 = -1;

/// One engine over a file of queries.
#[derive(Debug, clap::Args)]
pub struct SearchArgs {
    /// Query vectors, f32 [n_queries, dim]
    #[arg(long, value_name = "FILE.npy")]
    queries: PathBuf,
    /// Weights by feature, f64 [n_queries, n_features], or [1, n_features] for all queries
    #[arg(long, value_name = "FILE.npy")]
    weights: PathBuf,
    /// The anchor
    #[arg(long)]
    anchor: f64,
    /// auto, exact, hnsw or forest
    #[arg(long)]
    engine: String,
    /// Efforts to run; without any, the planner's own is taken
    #[arg(long, value_delimiter = ',')]
    efforts: Vec<usize>,
    /// Results of a query
    #[arg(long, default_value_t = 10)]
    k: usize,
    /// The recall that is planned for
    #[arg(long, default_value_t = 0.99)]
    recall: f64,
    /// Queries that are run, untimed, before each effort
    #[arg(long, default_value_t = 50)]
    warm_up: usize,
    #[command(flatten)]
    filter: FilterArgs,
    /// Where the answers go, i32 [n_efforts, n_queries, k]; -1 where an answer is short
    #[arg(long, value_name = "FILE.npy")]
    answers: PathBuf,
    /// Where the times go
    #[arg(long, value_name = "FILE.json")]
    report: PathBuf,
}

/// What one effort took.
#[derive(Debug, Serialize)]
struct Run {
    /// The effort asked for; `None` for the planner's.
    effort: Option<usize>,
    /// Seconds of all searches together.
    seconds: f64,
    /// Microseconds of each search.
    us: Vec<f64>,
    /// How many queries each engine was planned for.
    engines: std::collections::BTreeMap<&'static str, usize>,
}

/// Runs every effort and writes answers and times.
pub fn run(snapshot: &Snapshot, args: &SearchArgs) -> Result<(), Failed> {
    let engine = EngineChoice::parse(&args.engine, &snapshot.engines())?;
    if let Some(forest) = snapshot.forest() {
        forest.wait()?;
    }
    let queries = Matrix::<f32>::read(&args.queries)?;
    let weights = Matrix::<f64>::read(&args.weights)?;
    if weights.n_rows != 1 && weights.n_rows != queries.n_rows {
        return Err(format!("{} weightings for {} queries", weights.n_rows, queries.n_rows).into());
    }
    let filter = Filter::read(snapshot, &args.filter, queries.n_rows)?;
    let request = |query: usize, effort: Option<usize>| NearestRequest {
        vector: queries.row(query),
        weights: weights.row(if weights.n_rows == 1 { 0 } else { query }),
        anchor: args.anchor,
        k: args.k,
        engine,
        recall: args.recall,
        effort,
        allowed: None,
    };
    let efforts: Vec<Option<usize>> =
        if args.efforts.is_empty() { vec![None] } else { args.efforts.iter().copied().map(Some).collect() };
    let mut answers = Vec::with_capacity(efforts.len() * queries.n_rows * args.k);
    let mut runs = Vec::new();
    for effort in efforts {
        for query in 0..queries.n_rows.min(args.warm_up) {
            filter.with(snapshot, query, |allowed| {
                nearest(snapshot, &NearestRequest { allowed, ..request(query, effort) })
            })?;
        }
        let mut run = Run { effort, seconds: 0.0, us: Vec::new(), engines: Default::default() };
        for query in 0..queries.n_rows {
            let (seconds, found) = filter.with(snapshot, query, |allowed| {
                let request = NearestRequest { allowed, ..request(query, effort) };
                let started = Instant::now();
                let found = nearest(snapshot, &request);
                (started.elapsed().as_secs_f64(), found)
            });
            let (plan, found) = found?;
            run.seconds += seconds;
            run.us.push(seconds * 1e6);
            *run.engines.entry(plan.engine.name()).or_default() += 1;
            let ids = found.hits.iter().map(|hit| hit.item.0 as i32);
            answers.extend(ids.chain(std::iter::repeat(NO_ITEM)).take(args.k));
        }
        runs.push(run);
    }
    let shape = format!("({}, {}, {})", runs.len(), queries.n_rows, args.k);
    npy::write(&args.answers, &shape, &answers)?;
    fs::write(&args.report, serde_json::to_vec(&runs)?)?;
    Ok(())
}
