//! What users think of tracks: thumbs by user, kept beside the catalogue, whatever the store.

use std::fmt;

use crate::track::TrackId;

use super::StoreError;

/// The most tracks of one user.
pub const MAX_THUMBS: usize = 10_000;
/// The most thumbs of all users together, where nobody says otherwise: they lie in the same file as the catalogue.
pub const MAX_ALL_THUMBS: u64 = 1_000_000;
/// The longest key of a user in bytes (LMDB keys end at 511, and a track's id is part of them).
const MAX_USER_BYTES: usize = 128;

/// Whose thumbs they are: a name that the client chooses, 1 to 128 of `A-Z a-z 0-9 . _ : ~ -`, the first of them a letter or
/// a digit. It is never logged, and not shown by `Debug`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserKey(String);

/// Why a text is no [`UserKey`]. The text is left out: it may name a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a user is 1 to {MAX_USER_BYTES} letters, digits and any of . _ : ~ - of ASCII, the first one a letter or a digit; \
     choose a pseudonym, not a name or an address"
)]
pub struct InvalidUserKey;

impl UserKey {
    /// Validates `text`.
    pub fn parse(text: &str) -> Result<Self, InvalidUserKey> {
        let first = text.bytes().next().ok_or(InvalidUserKey)?;
        let may_stand = |byte: u8| byte.is_ascii_alphanumeric() || b"._:~-".contains(&byte);
        if text.len() > MAX_USER_BYTES || !first.is_ascii_alphanumeric() || !text.bytes().all(may_stand) {
            return Err(InvalidUserKey);
        }
        Ok(Self(text.to_owned()))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for UserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserKey(..)")
    }
}

/// What one user thinks of tracks, each list in the order of ids; no track is on both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thumbs {
    /// Thumbs up.
    pub liked: Vec<TrackId>,
    /// Thumbs down.
    pub disliked: Vec<TrackId>,
}

impl Thumbs {
    /// How many tracks there are.
    pub fn len(&self) -> usize {
        self.liked.len() + self.disliked.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Refuses more than [`MAX_THUMBS`].
    pub(super) fn check_number(self) -> Result<Self, StoreError> {
        if self.len() > MAX_THUMBS { Err(StoreError::TooManyThumbs { got: self.len() }) } else { Ok(self) }
    }
}

/// New thumbs, which replace those of the same tracks. No track may be on two lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThumbChange {
    /// Thumbs up.
    pub liked: Vec<TrackId>,
    /// Thumbs down.
    pub disliked: Vec<TrackId>,
    /// Thumbs taken back.
    pub cleared: Vec<TrackId>,
}

/// Where thumbs are kept.
pub trait FeedbackStore: Send + Sync {
    /// The thumbs of a user, none where nothing is known.
    fn thumbs(&self, user: &UserKey) -> Result<Thumbs, StoreError>;

    /// Makes a change, all of it or none; durable when it returns. Making it twice is making it once. Returns the user's
    /// thumbs after it; [`StoreError::TooManyThumbs`] where they would be more than [`MAX_THUMBS`], and
    /// [`StoreError::FeedbackFull`] where the change adds some and those of all users would be more than `max_all`.
    fn change_thumbs(&self, user: &UserKey, change: &ThumbChange, max_all: u64)
    -> Result<Thumbs, StoreError>;

    /// Forgets a user, also one whose thumbs cannot be read; durable when it returns. Returns how many thumbs there were.
    fn forget_user(&self, user: &UserKey) -> Result<u64, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_users_are_safe_in_addresses_and_logs() {
        for good in ["a", "42", "user:7f3a", "A.b_c~d-e", &"x".repeat(128)] {
            assert_eq!(UserKey::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", ".", "..", "-a", "a b", "a/b", "ä", "a\0", "a@b.example", &"x".repeat(129)] {
            assert_eq!(UserKey::parse(bad), Err(InvalidUserKey), "{bad}");
        }
        assert!(!format!("{:?}", UserKey::parse("alice").unwrap()).contains("alice"));
    }
}
