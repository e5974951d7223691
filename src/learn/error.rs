//! What can be wrong with a request for weights.

use super::infer::MAX_EXAMPLES;

/// Why there are no weights.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LearnError {
    /// Nothing to learn from.
    #[error("`liked` is empty: give the ids of tracks to learn from, better five than one")]
    NothingLiked,
    /// Too many examples.
    #[error("`{field}` has {got} entries; at most {MAX_EXAMPLES} are allowed")]
    TooMany {
        /// Which list.
        field: &'static str,
        /// Its length.
        got: usize,
    },
    /// There is no such track in this generation.
    #[error("there is no track `{id}` in this catalogue")]
    UnknownTrack {
        /// Where it was named.
        field: String,
        /// The id.
        id: String,
    },
    /// One track on both lists.
    #[error("track `{id}` is both liked and disliked; leave it on one of the lists")]
    Both {
        /// Where it was disliked.
        field: String,
        /// The id.
        id: String,
    },
    /// There is no such profile.
    #[error("there is no weight profile `{name}`{known}")]
    UnknownProfile {
        /// The name.
        name: String,
        /// The one that was probably meant, and all of them ([`suggest::among`](crate::suggest::among)).
        known: String,
    },
    /// A profile without weights leaves nothing to learn.
    #[error(
        "every weight of the profile `{name}` is 0, and a feature with base weight 0 stays out; name another one"
    )]
    EmptyProfile {
        /// The name.
        name: String,
    },
}

impl LearnError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NothingLiked => "nothing_liked",
            Self::TooMany { .. } => "too_many_entries",
            Self::UnknownTrack { .. } => "unknown_track",
            Self::Both { .. } => "liked_and_disliked",
            Self::UnknownProfile { .. } => "unknown_profile",
            Self::EmptyProfile { .. } => "all_weights_zero",
        }
    }

    /// The offending field of the request.
    pub fn field(&self) -> &str {
        match self {
            Self::NothingLiked => "liked",
            Self::TooMany { field, .. } => field,
            Self::UnknownTrack { field, .. } | Self::Both { field, .. } => field,
            Self::UnknownProfile { .. } | Self::EmptyProfile { .. } => "base_weights",
        }
    }
}
