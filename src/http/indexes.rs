//! `GET /api/v1/indexes`: every snapshot there is, and which one is served.

use std::collections::BTreeMap;
use std::path::Path;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;

use crate::artifact::{ArtifactError, Manifest, Measurement, SnapshotDir};
use crate::feature::Schema;
use crate::index::{EngineKind, ForestState};
use crate::live::Live;

use super::problem::Problem;
use super::query_string::Parameters;
use super::state::{Served, State};

/// The snapshots there are.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct IndexesAnswer {
    /// What answers queries.
    serving: Serving,
    /// By name.
    indexes: Vec<Index>,
}

/// The generation that answers queries.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Serving {
    name: String,
    generation: String,
    /// Whether every file was read and found whole.
    verified: bool,
    /// Whether something was found damaged.
    damaged: bool,
    /// Tracks in it that were removed since and are not returned.
    removed: usize,
    /// What `CURRENT` names instead, and why that is not served.
    refused: Option<Refused>,
}

/// A generation that did not pass its gates.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = RefusedGeneration)]
struct Refused {
    /// Its name, where `CURRENT` names one.
    generation: Option<String>,
    /// Why not.
    reason: String,
}

/// A snapshot.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(untagged)]
enum Index {
    Readable(Box<Description>),
    /// Its manifest cannot be read.
    Unreadable {
        name: String,
        served: bool,
        error: String,
    },
}

/// What the manifest of a snapshot's live generation says.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = IndexDescription)]
struct Description {
    name: String,
    generation: String,
    /// Whether this very generation answers queries.
    served: bool,
    parent: Option<String>,
    created: String,
    n_items: u64,
    dim: u64,
    engines: Vec<EngineView>,
    schema: SchemaView,
    /// Recall and latency measured by the build.
    measured: Vec<Measurement>,
    bytes: u64,
    files: BTreeMap<String, u64>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct EngineView {
    name: String,
    /// `ready`, `loading`, `unusable`, or `not_loaded` where the generation is not the one served.
    state: &'static str,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct SchemaView {
    name: String,
    hash: String,
    anchor: f64,
    features: Vec<FeatureView>,
    /// Weights by profile and feature.
    profiles: BTreeMap<String, BTreeMap<String, f64>>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct FeatureView {
    name: String,
    unit: String,
    min: Option<f64>,
    max: Option<f64>,
    default_weight: f64,
    dimensions: usize,
    /// Whether it is a vector, which has neither targets nor bounds.
    vector: bool,
}

/// The snapshots there are
///
/// Which generation answers, and what every snapshot in the directory says of its live generation. The two differ while a new one is
/// checked, and after it was refused.
#[utoipa::path(
    get,
    path = "/api/v1/indexes",
    operation_id = "indexes",
    tag = "catalogue",
    responses(
        (status = 200, description = "The snapshots.", body = IndexesAnswer),
    )
)]
pub(super) async fn list(state: web::Data<State>, http: HttpRequest) -> Result<HttpResponse, Problem> {
    Parameters::parse(http.query_string())?.finish("none")?;
    let answer = web::block(move || describe_all(state.indexes(), state.live())).await;
    Ok(HttpResponse::Ok().json(answer.map_err(|error| Problem::internal(&error))?))
}

fn describe_all(indexes: &Path, live: &Live) -> IndexesAnswer {
    let served = &*live.served();
    let refused = live
        .refused()
        .map(|refusal| Refused { generation: refusal.generation.clone(), reason: refusal.reason.clone() });
    let manifest = served.snapshot.manifest();
    let serving = Serving {
        name: manifest.name.clone(),
        generation: manifest.generation.clone(),
        verified: served.is_verified(),
        damaged: served.damage().is_some(),
        removed: served.snapshot.removed().len(),
        refused,
    };
    let snapshots = SnapshotDir::list(indexes).unwrap_or_else(|error| {
        // The served generation is mapped and answers even if its directory is gone.
        tracing::warn!("{error}");
        Vec::new()
    });
    let describe = |snapshot: SnapshotDir| match live_manifest(&snapshot) {
        Ok(manifest) => Index::Readable(Box::new(describe(&manifest, served))),
        Err(error) => {
            tracing::warn!("snapshot {}: {error}", snapshot.name());
            Index::Unreadable {
                served: snapshot.name() == serving.name,
                name: snapshot.name().to_owned(),
                error: error.to_string(),
            }
        }
    };
    IndexesAnswer { indexes: snapshots.into_iter().map(describe).collect(), serving }
}

fn live_manifest(snapshot: &SnapshotDir) -> Result<Manifest, ArtifactError> {
    Manifest::read(&snapshot.resolve(None)?)
}

fn describe(manifest: &Manifest, served: &Served) -> Description {
    let serving = served.snapshot.manifest();
    let is_served = manifest.name == serving.name && manifest.generation == serving.generation;
    let engine = |name: &String| EngineView {
        name: name.clone(),
        state: if is_served { engine_state(name, served) } else { "not_loaded" },
    };
    let files: BTreeMap<String, u64> =
        manifest.files.iter().map(|(name, entry)| (name.clone(), entry.bytes)).collect();
    Description {
        name: manifest.name.clone(),
        generation: manifest.generation.clone(),
        served: is_served,
        parent: manifest.parent.clone(),
        created: manifest.created.clone(),
        n_items: manifest.n_items,
        dim: manifest.dim,
        engines: manifest.parameters.engines.iter().map(engine).collect(),
        schema: schema(&manifest.fitted.schema, &manifest.schema_hash),
        measured: manifest.measured.clone(),
        bytes: files.values().sum(),
        files,
    }
}

fn engine_state(name: &str, served: &Served) -> &'static str {
    match name.parse() {
        Ok(EngineKind::Forest) => match served.snapshot.forest().map(|forest| forest.state()) {
            Some(ForestState::Loading) => "loading",
            Some(ForestState::Ready) => "ready",
            Some(ForestState::Unusable) | None => "unusable",
        },
        Ok(kind @ (EngineKind::Exact | EngineKind::Hnsw)) if served.snapshot.engine(kind).is_some() => {
            "ready"
        }
        Ok(EngineKind::Exact | EngineKind::Hnsw) | Err(_) => "unusable",
    }
}

fn schema(schema: &Schema, hash: &str) -> SchemaView {
    let features = schema.features.iter().map(|feature| FeatureView {
        name: feature.name.clone(),
        unit: feature.unit.clone(),
        min: feature.min,
        max: feature.max,
        default_weight: feature.weight,
        dimensions: feature.n_dims(),
        vector: feature.transform.takes_vector(),
    });
    let profile = |name: &str| {
        let weights = schema.profile(name).unwrap_or_default();
        schema.features.iter().map(|feature| feature.name.clone()).zip(weights).collect()
    };
    SchemaView {
        name: schema.name.clone(),
        hash: hash.to_owned(),
        anchor: schema.anchor,
        features: features.collect(),
        profiles: schema.profile_names().into_iter().map(|name| (name.to_owned(), profile(name))).collect(),
    }
}
