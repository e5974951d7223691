//! Thumbs in an LMDB catalogue: the database `feedback`, whose keys are a user's key, a 0 and a track's id, and whose values
//! are `+` or `-`.
//!
//! The database is made by the first thumb; a catalogue without one opens as it always did.

use std::ops::Bound;

use heed::types::Bytes;
use heed::{AnyTls, Database, RoTxn};

use super::feedback::{FeedbackStore, ThumbChange, Thumbs, UserKey};
use super::lmdb::Shared;
use super::lmdb_env::{FEEDBACK, create_database, open_database};
use super::{LmdbStore, StoreError};
use crate::track::TrackId;

type Feedback = Database<'static, Bytes, Bytes>;

const LIKED: &[u8] = b"+";
const DISLIKED: &[u8] = b"-";

impl FeedbackStore for LmdbStore {
    fn thumbs(&self, user: &UserKey) -> Result<Thumbs, StoreError> {
        let error = |source| self.shared.failed(source);
        let Some(feedback) = self.shared.feedback().map_err(error)? else { return Ok(Thumbs::default()) };
        let rtxn = self.env().read_txn().map_err(error)?;
        self.shared.thumbs(feedback, &rtxn, user)
    }

    fn change_thumbs(
        &self,
        user: &UserKey,
        change: &ThumbChange,
        max_all: u64,
    ) -> Result<Thumbs, StoreError> {
        let error = |source| self.shared.failed(source);
        let feedback = match self.shared.feedback().map_err(error)? {
            Some(feedback) => feedback,
            None => {
                let made = create_database(self.env(), FEEDBACK).map_err(error)?;
                *self.shared.feedback.get_or_init(|| made)
            }
        };
        let mut wtxn = self.env().write_txn().map_err(error)?;
        // LMDB keeps the number of entries: nothing is counted.
        let n_before = feedback.len(&wtxn).map_err(error)?;
        for (ids, thumb) in [(&change.liked, LIKED), (&change.disliked, DISLIKED)] {
            for id in ids {
                feedback.put(&mut wtxn, &key(user, id), thumb).map_err(error)?;
            }
        }
        for id in &change.cleared {
            feedback.delete(&mut wtxn, &key(user, id)).map_err(error)?;
        }
        // Dropped with an error, the transaction leaves nothing.
        let thumbs = self.shared.thumbs(feedback, &wtxn, user)?.check_number()?;
        let n_after = feedback.len(&wtxn).map_err(error)?;
        if n_after > n_before.max(max_all) {
            return Err(StoreError::FeedbackFull { max_all });
        }
        wtxn.commit().map_err(error)?;
        self.shared.cover_last_page().map_err(error)?;
        Ok(thumbs)
    }

    fn forget_user(&self, user: &UserKey) -> Result<u64, StoreError> {
        let error = |source| self.shared.failed(source);
        let Some(feedback) = self.shared.feedback().map_err(error)? else { return Ok(0) };
        let mut wtxn = self.env().write_txn().map_err(error)?;
        // Whatever is there: thumbs that cannot be read are forgotten like others.
        let (first, end) = (prefix(user), prefix_end(user));
        let keys = (Bound::Included(&first[..]), Bound::Excluded(&end[..]));
        let n_thumbs = feedback.delete_range(&mut wtxn, &keys).map_err(error)?;
        wtxn.commit().map_err(error)?;
        self.shared.cover_last_page().map_err(error)?;
        Ok(n_thumbs as u64)
    }
}

impl LmdbStore {
    /// Whether any user ever said something that was not taken back.
    pub(super) fn has_feedback(&self) -> Result<bool, StoreError> {
        let error = |source| self.shared.failed(source);
        let Some(feedback) = self.shared.feedback().map_err(error)? else { return Ok(false) };
        let rtxn = self.env().read_txn().map_err(error)?;
        Ok(!feedback.is_empty(&rtxn).map_err(error)?)
    }
}

impl Shared {
    /// The database of thumbs, if there is one by now.
    fn feedback(&self) -> heed::Result<Option<Feedback>> {
        if let Some(known) = self.feedback.get() {
            return Ok(Some(*known));
        }
        let found = open_database(&self.env, FEEDBACK)?;
        Ok(found.map(|found| *self.feedback.get_or_init(|| found)))
    }

    fn thumbs(
        &self,
        feedback: Feedback,
        rtxn: &RoTxn<'_, AnyTls>,
        user: &UserKey,
    ) -> Result<Thumbs, StoreError> {
        let error = |source| self.failed(source);
        let (prefix, mut thumbs) = (prefix(user), Thumbs::default());
        for entry in feedback.prefix_iter(rtxn, &prefix).map_err(error)? {
            let (key, thumb) = entry.map_err(error)?;
            let id = std::str::from_utf8(&key[prefix.len()..]).ok().and_then(|id| TrackId::parse(id).ok());
            match (id, thumb) {
                (Some(id), LIKED) => thumbs.liked.push(id),
                (Some(id), DISLIKED) => thumbs.disliked.push(id),
                _ => return Err(StoreError::Thumb),
            }
        }
        Ok(thumbs)
    }
}

/// What the keys of a user begin with. No key of a user holds a 0, so none is the beginning of another's.
fn prefix(user: &UserKey) -> Vec<u8> {
    [user.as_str().as_bytes(), &[0]].concat()
}

/// What is above every key with that beginning.
fn prefix_end(user: &UserKey) -> Vec<u8> {
    [user.as_str().as_bytes(), &[1]].concat()
}

fn key(user: &UserKey, id: &TrackId) -> Vec<u8> {
    [&prefix(user), id.as_str().as_bytes()].concat()
}

#[cfg(test)]
#[path = "lmdb_feedback_tests.rs"]
mod tests;
