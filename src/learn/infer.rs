//! Ids of tracks become weights.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::snapshot::Snapshot;
use crate::suggest;
use crate::track::{ItemIdx, TrackId};

use super::error::LearnError;
use super::examples::{Examples, Rows};
use super::prior::Prior;
use super::weights::{Evidence, to_mean_one};

/// The most tracks on either list.
pub const MAX_EXAMPLES: usize = 10_000;

/// What to learn from: the JSON of `POST /api/v1/weights/infer`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct InferRequest {
    /// Ids of tracks that somebody likes, 1 to 10,000; the same recording twice counts once.
    #[schema(required, min_items = 1, max_items = 10000)]
    pub liked: Vec<String>,
    /// Ids of tracks that somebody does not like, at most 10,000.
    #[schema(max_items = 10000)]
    pub disliked: Vec<String>,
    /// The profile that the examples change; where absent, weights that suit playlists.
    #[schema(value_type = Option<crate::query::ProfileName>)]
    pub base_weights: Option<String>,
}

/// Weights that were learned.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Learned {
    /// Weight of every feature, to use in a query as they are or edited; those above 0 have a mean of 1.
    pub weights: BTreeMap<String, f64>,
    /// How sure each weight is, 0 to 1: the share of the estimate that comes from the examples rather than from what is known
    /// of playlists, `(n - 1) / (n + 3)`, over 1 + the standard error of the weight's logarithm.
    pub confidence: BTreeMap<String, f64>,
    /// The anchor to use with them.
    pub anchor: f64,
    /// Different recordings among the liked tracks.
    pub n_liked: usize,
    /// Different recordings among the disliked tracks.
    pub n_disliked: usize,
    /// What the asker should know.
    pub warnings: Vec<String>,
}

/// The weights that the examples of `request` lead to.
pub fn infer(snapshot: &Snapshot, request: &InferRequest) -> Result<Learned, LearnError> {
    if request.liked.is_empty() {
        return Err(LearnError::NothingLiked);
    }
    let liked = find(snapshot, "liked", &request.liked)?;
    let disliked = find(snapshot, "disliked", &request.disliked)?;
    let known: HashSet<ItemIdx> = liked.iter().copied().collect();
    if let Some(place) = disliked.iter().position(|item| known.contains(item)) {
        return Err(LearnError::Both {
            field: format!("disliked[{place}]"),
            id: request.disliked[place].clone(),
        });
    }
    let schema = snapshot.schema();
    let name = request.base_weights.as_deref();
    let unknown = || LearnError::UnknownProfile {
        name: name.unwrap_or_default().to_owned(),
        known: suggest::among(name.unwrap_or_default(), schema.profile_names()),
    };
    let prior = Prior::of(schema, name).ok_or_else(unknown)?;
    if prior.base.iter().all(|weight| *weight == 0.0) {
        return Err(LearnError::EmptyProfile { name: name.unwrap_or_default().to_owned() });
    }
    Ok(learn(snapshot, liked, disliked, &prior))
}

/// The weights that these items lead to, whatever their order; without liked ones the base of `prior`.
pub fn learn(snapshot: &Snapshot, liked: Vec<ItemIdx>, disliked: Vec<ItemIdx>, prior: &Prior) -> Learned {
    let features = &snapshot.schema().features;
    let [liked, disliked] = [liked, disliked].map(|items| different(snapshot, items));
    let rows = Rows::of(snapshot);
    let mut weights = prior.base.clone();
    let mut confidence = vec![0.0; features.len()];
    let mut warnings = Vec::new();
    for (index, feature) in features.iter().enumerate().filter(|(index, _)| prior.base[*index] > 0.0) {
        let [liked, disliked] = [&liked, &disliked].map(|items| Examples::of(&rows, index, items));
        if liked.n() == 0 {
            warnings.push(format!(
                "no liked track has a value for `{}`: its weight is that of the base",
                feature.name
            ));
        }
        let evidence = Evidence::of(&liked, &disliked, prior.spreads[index]);
        weights[index] *= evidence.factor;
        confidence[index] = (evidence.confidence * 1e3).round() / 1e3;
    }
    if liked.len() < 2 {
        let n = if liked.is_empty() { "no" } else { "one" };
        warnings.push(format!(
            "{n} liked track does not tell what tracks have in common: the weights are those of the base"
        ));
    }
    to_mean_one(&mut weights);
    let by_name =
        |values: Vec<f64>| features.iter().map(|feature| feature.name.clone()).zip(values).collect();
    Learned {
        weights: by_name(weights),
        confidence: by_name(confidence),
        anchor: snapshot.schema().anchor,
        n_liked: liked.len(),
        n_disliked: disliked.len(),
        warnings,
    }
}

fn find(snapshot: &Snapshot, field: &'static str, ids: &[String]) -> Result<Vec<ItemIdx>, LearnError> {
    if ids.len() > MAX_EXAMPLES {
        return Err(LearnError::TooMany { field, got: ids.len() });
    }
    let find = |(place, id): (usize, &String)| {
        let item = TrackId::parse(id).ok().and_then(|id| snapshot.find(&id));
        item.ok_or_else(|| LearnError::UnknownTrack { field: format!("{field}[{place}]"), id: id.clone() })
    };
    ids.iter().enumerate().map(find).collect()
}

/// One of each recording, in one order, so that sums are the same to the last bit.
fn different(snapshot: &Snapshot, mut items: Vec<ItemIdx>) -> Vec<ItemIdx> {
    items.sort_unstable();
    let mut seen = HashSet::new();
    items.retain(|item| seen.insert(snapshot.overview().recording(*item)));
    items
}
