//! What can be asked: the JSON of `POST /api/v1/similar`, and the library's own request.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::whole::{whole, whole_or_null};

/// The largest `k` there is; a server may allow less.
pub const MAX_K: usize = 1_000_000;

/// One similarity query.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SimilarRequest {
    /// Ids of the tracks to be similar to.
    pub seeds: Vec<String>,
    /// Ids of tracks to be unlike.
    pub negative_seeds: Vec<String>,
    /// How strongly the negative seeds push away.
    pub negative_weight: f64,
    /// Raw values to aim at, by feature.
    pub targets: BTreeMap<String, f64>,
    /// Weights by feature.
    pub weights: BTreeMap<String, f64>,
    /// The profile that `weights` override.
    pub base_weights: Option<String>,
    /// The anchor; the schema's where absent.
    pub anchor: Option<f64>,
    /// How many tracks.
    #[serde(deserialize_with = "whole")]
    pub k: usize,
    /// `auto`, `exact`, `hnsw` or `forest`.
    pub engine: String,
    /// The recall that `auto` has to meet, above 0 and at most 1.
    pub recall: f64,
    /// Whether to explain every result.
    pub explain: bool,
    /// At most this many tracks with the same main artist.
    #[serde(deserialize_with = "whole_or_null")]
    pub max_per_artist: Option<usize>,
    /// 0 ranks by similarity alone, up to 1 by being unlike what is already in the answer.
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
            negative_seeds: Vec::new(),
            negative_weight: 0.5,
            targets: BTreeMap::new(),
            weights: BTreeMap::new(),
            base_weights: None,
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

/// What an answer may contain. Bounds are inclusive; a track without the value fails them. Lists are any-of and
/// compared without regard to case.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Filters {
    /// Any of these genres.
    pub genres: Vec<String>,
    /// By any of these artists.
    pub artists: Vec<String>,
    /// By none of these artists.
    pub exclude_artists: Vec<String>,
    /// Only these tracks.
    pub ids: Vec<String>,
    /// None of these tracks.
    pub exclude_ids: Vec<String>,
    /// Explicit or not.
    pub explicit: Option<bool>,
    /// Year of release.
    pub year: Option<Bounds>,
    /// Popularity.
    pub popularity: Option<Bounds>,
    /// Raw values by feature.
    pub features: BTreeMap<String, Bounds>,
}

impl Filters {
    /// Whether there is anything to filter by.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Inclusive bounds, either of which may be absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
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
