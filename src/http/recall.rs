//! `GET /api/v1/recall`: what the engines find of what they are really asked for, beside what the build measured.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;

use crate::live::{MAX_AGE, MAX_SAMPLES};

use super::problem::Problem;
use super::query_string::Parameters;
use super::state::State;

/// Live recall.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct RecallAnswer {
    /// The generation it is of.
    generation: String,
    /// The share of the queries searched for that is measured; 0 where that is off.
    share: f64,
    /// The most that measuring takes of one processor.
    cpu_share: f64,
    /// How far is looked back.
    window: WindowLimits,
    /// By engine of the generation.
    engines: BTreeMap<&'static str, EngineRecall>,
    /// What the build measured.
    measured: Vec<MeasuredRecall>,
}

/// How far is looked back.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct WindowLimits {
    /// The most queries of an engine.
    queries: usize,
    /// The longest time.
    seconds: u64,
}

/// Live recall of one engine, over the window.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct EngineRecall {
    /// Queries measured.
    samples: usize,
    /// Their mean recall, 0 to 1; null without any.
    recall: Option<f64>,
    /// The lowest of them.
    lowest: Option<f64>,
}

/// Recall measured by the build.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct MeasuredRecall {
    /// `exact`, `hnsw`, `forest` or `auto`.
    engine: String,
    /// The weights of the queries: a family or a profile.
    weights: String,
    /// Results asked for.
    k: u64,
    /// Queries run.
    queries: u64,
    /// Their mean recall, 0 to 1.
    recall: f64,
}

/// What the engines find of what they are really asked for
///
/// A share of the queries that are searched for is searched for again in the background and compared with a scan of every row.
#[utoipa::path(
    get,
    path = "/api/v1/recall",
    operation_id = "recall",
    tag = "catalogue",
    responses(
        (status = 200, description = "Live recall, beside what the build measured.", body = RecallAnswer),
    )
)]
pub(super) async fn show(state: web::Data<State>, http: HttpRequest) -> Result<HttpResponse, Problem> {
    Parameters::parse(http.query_string())?.finish("none")?;
    let served = state.served();
    let (manifest, built) = (served.snapshot.manifest(), served.snapshot.built());
    let live = state.recall().of(&manifest.generation).into_iter();
    let engines = live.filter(|(engine, _)| built.contains(engine)).map(|(engine, view)| {
        let recall = EngineRecall { samples: view.n_samples, recall: view.recall, lowest: view.lowest };
        (engine.name(), recall)
    });
    let measured = manifest.measured.iter().map(|row| MeasuredRecall {
        engine: row.engine.clone(),
        weights: row.weights.clone(),
        k: row.k,
        queries: row.queries,
        recall: row.recall,
    });
    let settings = state.recall().settings();
    Ok(HttpResponse::Ok().json(RecallAnswer {
        generation: manifest.generation.clone(),
        share: settings.share,
        cpu_share: settings.cpu_share,
        window: WindowLimits { queries: MAX_SAMPLES, seconds: MAX_AGE.as_secs() },
        engines: engines.collect(),
        measured: measured.collect(),
    }))
}
