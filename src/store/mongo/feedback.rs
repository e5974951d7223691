//! Thumbs in a collection beside that of the tracks, `<collection>_feedback`: one document for each user,
//! `{ _id: user, liked: [id], disliked: [id] }`. A change is one update of one document, so it is whole on every server.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::{Bson, Document, doc};

use super::connection::Connection;
use super::options::MongoOptions;
use super::pages::OWN_KEY;
use super::writes::{bytewise, durable, primary};
use crate::progress::CancelToken;
use crate::store::StoreError;
use crate::store::feedback::{FeedbackStore, ThumbChange, Thumbs, UserKey};
use crate::track::TrackId;

const LIKED: &str = "liked";
const DISLIKED: &str = "disliked";
/// How long a count of all thumbs holds, but for what this process adds to it: counting reads every document.
const COUNT_HOLDS: Duration = Duration::from_secs(60);

/// Thumbs in MongoDB.
#[derive(Debug)]
pub struct MongoFeedback {
    connection: Connection,
    /// How many thumbs all users have, and when that was counted.
    n_all: Mutex<Option<(Instant, u64)>>,
}

impl MongoFeedback {
    /// Connects to the server of `uri`; every call ends with an error once `cancel` is asked to stop.
    pub fn open_until(uri: &str, options: &MongoOptions, cancel: &CancelToken) -> Result<Self, StoreError> {
        Ok(Self { connection: Connection::open(uri, options, cancel)?, n_all: Mutex::default() })
    }

    fn collection(&self) -> Collection<Document> {
        let name = format!("{}_feedback", self.connection.collection.name());
        self.connection.database.collection(&name)
    }
}

impl FeedbackStore for MongoFeedback {
    fn thumbs(&self, user: &UserKey) -> Result<Thumbs, StoreError> {
        let collection = self.collection();
        let found = self.connection.call("reading feedback", async || {
            let find = collection.find_one(doc! { OWN_KEY: user.as_str() }).collation(bytewise());
            // What was acknowledged is seen, whatever the address prefers.
            find.selection_criteria(primary()).await
        })?;
        found.map_or(Ok(Thumbs::default()), |document| thumbs(&document))
    }

    fn change_thumbs(
        &self,
        user: &UserKey,
        change: &ThumbChange,
        max_all: u64,
    ) -> Result<Thumbs, StoreError> {
        let before = self.thumbs(user)?;
        let n_before = before.len();
        // Changes at the same moment may come to a few more than the most.
        let n_added = after(before, change).check_number()?.len().saturating_sub(n_before) as u64;
        if n_added > 0 && self.n_all()? + n_added > max_all {
            return Err(StoreError::FeedbackFull { max_all });
        }
        let collection = self.collection();
        self.connection.call("writing feedback", async || {
            let update = collection.update_one(doc! { OWN_KEY: user.as_str() }, vec![update(change)]);
            update.upsert(true).collation(bytewise()).write_concern(durable()).await.map(|_| ())
        })?;
        self.count(|n_all| n_all + n_added);
        self.thumbs(user)
    }

    fn forget_user(&self, user: &UserKey) -> Result<u64, StoreError> {
        let collection = self.collection();
        let forgotten = self.connection.call("forgetting a user", async || {
            let delete = collection.find_one_and_delete(doc! { OWN_KEY: user.as_str() });
            delete.collation(bytewise()).write_concern(durable()).await
        })?;
        // Whatever was there: thumbs that cannot be read are forgotten like others.
        let n_in = |document: &Document, field| document.get_array(field).map_or(0, Vec::len);
        let n_thumbs =
            forgotten.map_or(0, |document| n_in(&document, LIKED) + n_in(&document, DISLIKED)) as u64;
        self.count(|n_all| n_all.saturating_sub(n_thumbs));
        Ok(n_thumbs)
    }
}

impl MongoFeedback {
    /// How many thumbs all users have, as of the last minute.
    fn n_all(&self) -> Result<u64, StoreError> {
        let known = *self.n_all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, n_all)) = known.filter(|(at, _)| at.elapsed() < COUNT_HOLDS) {
            return Ok(n_all);
        }
        let n_in = |field: &str| {
            let list = format!("${field}");
            doc! { "$cond": [{ "$isArray": &list }, { "$size": &list }, 0] }
        };
        let each = doc! { "$add": [n_in(LIKED), n_in(DISLIKED)] };
        let sum = vec![doc! { "$group": { OWN_KEY: Bson::Null, "n": { "$sum": each } } }];
        let collection = self.collection();
        let found = self.connection.call("counting feedback", async || {
            collection.aggregate(sum.clone()).selection_criteria(primary()).await?.try_next().await
        })?;
        let number = found.as_ref().and_then(|found| found.get("n")).map_or(0, |n| match n {
            Bson::Int32(n) => u64::try_from(*n).unwrap_or(0),
            Bson::Int64(n) => u64::try_from(*n).unwrap_or(0),
            _ => 0,
        });
        *self.n_all.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), number));
        Ok(number)
    }

    /// Takes a change of this process into the count.
    fn count(&self, change: impl FnOnce(u64) -> u64) {
        let mut n_all = self.n_all.lock().unwrap_or_else(PoisonError::into_inner);
        *n_all = n_all.map(|(at, n_all)| (at, change(n_all)));
    }
}

/// The thumbs once `change` is made.
fn after(before: Thumbs, change: &ThumbChange) -> Thumbs {
    let changed: std::collections::HashSet<&TrackId> =
        change.liked.iter().chain(&change.disliked).chain(&change.cleared).collect();
    let with = |ids: Vec<TrackId>, more: &[TrackId]| {
        let mut ids: Vec<TrackId> = ids.into_iter().filter(|id| !changed.contains(id)).collect();
        ids.extend_from_slice(more);
        ids
    };
    Thumbs { liked: with(before.liked, &change.liked), disliked: with(before.disliked, &change.disliked) }
}

/// A stage that makes `change`, whatever was there.
fn update(change: &ThumbChange) -> Document {
    // An id may begin with the sign that fields begin with.
    let literal = |ids: &[TrackId]| {
        let texts: Vec<Bson> = ids.iter().map(|id| Bson::from(id.as_str())).collect();
        doc! { "$literal": texts }
    };
    let changed = [change.liked.as_slice(), &change.disliked, &change.cleared].concat();
    let with = |field: &str, ids: &[TrackId]| {
        let before = doc! { "$ifNull": [format!("${field}"), []] };
        let others = doc! { "$setDifference": [before, literal(&changed)] };
        doc! { "$setUnion": [others, literal(ids)] }
    };
    doc! { "$set": { LIKED: with(LIKED, &change.liked), DISLIKED: with(DISLIKED, &change.disliked) } }
}

fn thumbs(document: &Document) -> Result<Thumbs, StoreError> {
    let list = |field: &str| {
        let Ok(values) = document.get_array(field) else { return Ok(Vec::new()) };
        let id =
            |value: &Bson| value.as_str().and_then(|id| TrackId::parse(id).ok()).ok_or(StoreError::Thumb);
        let mut ids = values.iter().map(id).collect::<Result<Vec<_>, _>>()?;
        ids.sort_unstable();
        Ok(ids)
    };
    Ok(Thumbs { liked: list(LIKED)?, disliked: list(DISLIKED)? })
}
