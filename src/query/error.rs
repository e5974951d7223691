//! What can be wrong with a query.

use super::request::MAX_K;
use crate::codec::CodecError;
use crate::feature::MAX_WEIGHT;
use crate::index::EngineError;
use crate::progress::Cancelled;
use crate::suggest;

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// There is no such track in this generation.
    #[error("there is no track `{id}` in this catalogue")]
    UnknownTrack {
        /// Where it was named.
        field: String,
        /// The id.
        id: String,
    },
    /// What is to be explained is a seed.
    #[error(
        "the track `{id}` is one of the query's seeds, which are never in its answer; leave it out of `seeds` and `negative_seeds`, or explain another"
    )]
    TrackIsSeed {
        /// The id.
        id: String,
    },
    /// Neither seeds nor targets.
    #[error("nothing to be similar to: give at least one track in `seeds` or one value in `targets`")]
    Empty,
    /// Negative seeds have nothing to push away from.
    #[error("`negative_seeds` need at least one seed or target to push away from")]
    OnlyNegative,
    /// There is no such feature.
    #[error("there is no feature `{name}`{known}")]
    UnknownFeature {
        /// Where it was named.
        field: String,
        /// The name.
        name: String,
        /// The one that was probably meant, and all of them ([`suggest::among`]).
        known: String,
    },
    /// There is no such profile.
    #[error("there is no weight profile `{name}`{known}")]
    UnknownProfile {
        /// The name.
        name: String,
        /// The one that was probably meant, and all of them ([`suggest::among`]).
        known: String,
    },
    /// Weights from feedback and from a profile at once.
    #[error("`user` and `base_weights` both say which weights `weights` override; give one of them")]
    UserAndBase,
    /// Nobody looked up what the user likes.
    #[error(
        "`user` names feedback that only a server keeps; give `weights` instead (the library: `learn` gives them)"
    )]
    UserUnknown,
    /// There is no such engine.
    #[error("there is no engine `{name}`{}", suggest::among(name, ["auto", "exact", "hnsw", "forest"]))]
    UnknownEngine {
        /// The name.
        name: String,
    },
    /// This generation was built without the engine.
    #[error("this snapshot was built without the {name} engine; it has {built}")]
    EngineNotBuilt {
        /// The engine asked for.
        name: String,
        /// Those there are.
        built: String,
    },
    /// A number outside its range.
    #[error("`{field}` is {got}; expected {expected}")]
    Number {
        /// Which field.
        field: String,
        /// Its value.
        got: String,
        /// What is possible.
        expected: String,
    },
    /// Every weight is 0.
    #[error("every weight is 0: give at least one feature a weight above 0")]
    AllWeightsZero,
    /// With anchor 0 the query has no direction.
    #[error(
        "with anchor 0 the query has no direction, because every weighted feature is exactly average; give an `anchor` above 0, other weights or other seeds"
    )]
    NoDirection,
    /// No weighted feature is known of the query.
    #[error(
        "the seeds have no value for any weighted feature ({features}); weight another feature or set targets"
    )]
    AllMissing {
        /// The weighted features.
        features: String,
    },
    /// A vector feature cannot be aimed at with a number.
    #[error("`{feature}` is a vector and cannot be a target; use seeds")]
    VectorTarget {
        /// The feature.
        feature: String,
    },
    /// A filter on something that is not a number.
    #[error("`{feature}` is a vector and has no bounds")]
    VectorFilter {
        /// The feature.
        feature: String,
    },
    /// Too many entries.
    #[error("`{field}` has {got} entries; at most {max} are allowed")]
    TooMany {
        /// Which list.
        field: &'static str,
        /// Its length.
        got: usize,
        /// The limit.
        max: usize,
    },
    /// The engine cannot answer.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A record of the snapshot is damaged.
    #[error("the snapshot is damaged: {0}; verify it with `nearfield inspect --verify`")]
    Record(#[from] CodecError),
    /// Whoever asked does not wait any more, or it took too long.
    #[error("the search was given up: {0}; ask again in a moment")]
    Cancelled(#[from] Cancelled),
}

impl QueryError {
    /// A [`QueryError::Number`].
    pub(super) fn number(field: impl Into<String>, got: impl ToString, expected: impl Into<String>) -> Self {
        Self::Number { field: field.into(), got: got.to_string(), expected: expected.into() }
    }

    /// A weight or anchor that is not 0 to 1e6.
    pub(super) fn weight(field: impl Into<String>, got: f64) -> Self {
        Self::number(field, got, format!("a finite number from 0 to {MAX_WEIGHT}"))
    }

    /// A `k` that is not 1 to `max`.
    pub fn k(got: usize, max: usize) -> Self {
        Self::number("k", got, format!("1 to {}", max.min(MAX_K)))
    }

    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownTrack { .. } => "unknown_track",
            Self::TrackIsSeed { .. } => "track_is_seed",
            Self::Empty => "empty_query",
            Self::OnlyNegative => "only_negative_seeds",
            Self::UnknownFeature { .. } => "unknown_feature",
            Self::UnknownProfile { .. } => "unknown_profile",
            Self::UserAndBase => "user_and_base_weights",
            Self::UserUnknown => "user_unknown",
            Self::UnknownEngine { .. } => "unknown_engine",
            Self::EngineNotBuilt { .. } => "engine_not_built",
            Self::Number { .. } => "out_of_range",
            Self::AllWeightsZero => "all_weights_zero",
            Self::NoDirection => "no_direction",
            Self::AllMissing { .. } => "all_values_missing",
            Self::VectorTarget { .. } => "vector_target",
            Self::VectorFilter { .. } => "vector_filter",
            Self::TooMany { .. } => "too_many_entries",
            Self::Engine(EngineError::Loading(_)) => "engine_loading",
            Self::Engine(EngineError::Unusable { .. }) => "engine_unusable",
            Self::Record(_) => "damaged_snapshot",
            Self::Cancelled(_) => "cancelled",
        }
    }

    /// The offending field of the request, where there is one.
    pub fn field(&self) -> Option<String> {
        match self {
            Self::UnknownTrack { field, .. }
            | Self::UnknownFeature { field, .. }
            | Self::Number { field, .. } => Some(field.clone()),
            Self::TrackIsSeed { .. } => Some("track".into()),
            Self::Empty => Some("seeds".into()),
            Self::OnlyNegative => Some("negative_seeds".into()),
            Self::UnknownProfile { .. } => Some("base_weights".into()),
            Self::UserAndBase | Self::UserUnknown => Some("user".into()),
            Self::UnknownEngine { .. } | Self::EngineNotBuilt { .. } | Self::Engine(_) => {
                Some("engine".into())
            }
            Self::AllWeightsZero => Some("weights".into()),
            Self::NoDirection => Some("anchor".into()),
            Self::AllMissing { .. } => Some("weights".into()),
            Self::VectorTarget { feature } => Some(format!("targets.{feature}")),
            Self::VectorFilter { feature } => Some(format!("filters.features.{feature}")),
            Self::TooMany { field, .. } => Some((*field).to_owned()),
            Self::Record(_) | Self::Cancelled(_) => None,
        }
    }
}
