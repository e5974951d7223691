//! What can be asked: the JSON of `POST /api/v1/similar`, and the library's own request.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::snapshot::Mean;

use super::described::{EngineName, FeatureBounds, FeatureTargets, FeatureWeights, ProfileName};
use super::whole::{whole, whole_or_null};

/// The largest `k` there is; a server may allow less.
pub const MAX_K: usize = 1_000_000;

/// What is known of a user's taste, by feature of one generation's schema.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UserWeights {
    /// The weights learned from feedback, or `None` where there is none to learn from.
    pub weights: Option<BTreeMap<String, f64>>,
    /// What the asker should know.
    pub warnings: Vec<String>,
}

/// One similarity query.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SimilarRequest {
    /// Ids of the tracks to be similar to: their values are averaged, each over the tracks that have it.
    #[schema(max_items = 1_000)]
    pub seeds: Vec<String>,
    /// Groups of tracks to be similar to, each by its mean ([`crate::snapshot::Snapshot::group_mean`]): one seed each, whose
    /// tracks may be in the answer. For programs: no part of the JSON.
    #[serde(skip)]
    #[schema(ignore)]
    pub groups: Vec<Arc<Mean>>,
    /// Ids of tracks to be unlike; they need a seed or a target.
    #[schema(max_items = 1_000)]
    pub negative_seeds: Vec<String>,
    /// How strongly the negative seeds push away.
    #[schema(minimum = 0, maximum = 100)]
    pub negative_weight: f64,
    /// Raw values to aim at, by feature: they replace what the seeds say.
    #[schema(value_type = FeatureTargets)]
    pub targets: BTreeMap<String, f64>,
    /// Weights by feature; they override the profile.
    #[schema(value_type = FeatureWeights)]
    pub weights: BTreeMap<String, f64>,
    /// The profile that `weights` override; `default` where absent.
    #[schema(value_type = Option<ProfileName>)]
    pub base_weights: Option<String>,
    /// Whose feedback gives the weights that `weights` override; a server keeps it.
    #[schema(min_length = 1, max_length = 128, pattern = "^[A-Za-z0-9][A-Za-z0-9._:~-]*$")]
    pub user: Option<String>,
    /// What the feedback of `user` came to; set by whoever keeps it.
    #[serde(skip)]
    #[schema(ignore)]
    pub user_weights: Option<Arc<UserWeights>>,
    /// The anchor; the schema's where absent. The larger, the more being equal counts beside being extreme.
    #[schema(minimum = 0, maximum = 1_000_000)]
    pub anchor: Option<f64>,
    /// How many tracks; at most 1,000 with `diversity`.
    #[schema(minimum = 1, maximum = 1_000_000)]
    #[serde(deserialize_with = "whole")]
    pub k: usize,
    /// `auto`, `exact`, `hnsw` or `forest`.
    #[schema(value_type = EngineName)]
    pub engine: String,
    /// The recall that `auto` has to meet, above 0 and at most 1; 1 always scans.
    #[schema(exclusive_minimum = 0, maximum = 1)]
    pub recall: f64,
    /// Whether to explain every result.
    pub explain: bool,
    /// At most this many tracks with the same main artist.
    #[schema(minimum = 1)]
    #[serde(deserialize_with = "whole_or_null")]
    pub max_per_artist: Option<usize>,
    /// 0 ranks by similarity alone, up to 1 by being unlike what is already in the answer.
    #[schema(minimum = 0, maximum = 1)]
    pub diversity: f64,
    /// Whether other recordings of the same song are left out: of a result, and of the seeds.
    pub collapse_duplicates: bool,
    /// What the answer may contain.
    pub filters: Filters,
}

impl Default for SimilarRequest {
    fn default() -> Self {
        Self {
            seeds: Vec::new(),
            groups: Vec::new(),
            negative_seeds: Vec::new(),
            negative_weight: 0.5,
            targets: BTreeMap::new(),
            weights: BTreeMap::new(),
            base_weights: None,
            user: None,
            user_weights: None,
            anchor: None,
            k: 10,
            engine: "auto".into(),
            recall: 0.99,
            explain: false,
            max_per_artist: None,
            diversity: 0.0,
            collapse_duplicates: true,
            filters: Filters::default(),
        }
    }
}

impl SimilarRequest {
    /// Whether there is anything to be similar to beside targets.
    pub fn has_seeds(&self) -> bool {
        !self.seeds.is_empty() || !self.groups.is_empty()
    }
}

/// What an answer may contain. Bounds are inclusive; a track without the value fails them. Lists are any-of and
/// compared without regard to case.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Filters {
    /// Any of these genres.
    #[schema(max_items = 10_000)]
    pub genres: Vec<String>,
    /// By any of these artists.
    #[schema(max_items = 10_000)]
    pub artists: Vec<String>,
    /// By none of these artists.
    #[schema(max_items = 10_000)]
    pub exclude_artists: Vec<String>,
    /// Only these tracks.
    #[schema(max_items = 10_000)]
    pub ids: Vec<String>,
    /// None of these tracks.
    #[schema(max_items = 10_000)]
    pub exclude_ids: Vec<String>,
    /// Explicit or not.
    pub explicit: Option<bool>,
    /// Year of release.
    pub year: Option<Bounds>,
    /// Popularity, 0 to 100.
    pub popularity: Option<Bounds>,
    /// Raw values by feature; also of `duration_ms`, `popularity` and `release_year`, whatever the schema.
    #[schema(value_type = FeatureBounds)]
    pub features: BTreeMap<String, Bounds>,
}

impl Filters {
    /// Whether there is anything to filter by.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Inclusive bounds, either of which may be absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Bounds {
    /// The smallest value that passes.
    pub min: Option<f64>,
    /// The largest value that passes.
    pub max: Option<f64>,
}

impl Bounds {
    /// Whether a value passes; NaN never does.
    pub fn contain(self, value: f64) -> bool {
        self.min.is_none_or(|min| value >= min) && self.max.is_none_or(|max| value <= max) && !value.is_nan()
    }
}
