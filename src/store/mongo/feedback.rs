//! Thumbs in a collection beside that of the tracks, `<collection>_feedback`: one document for each user,
//! `{ _id: user, liked: [id], disliked: [id] }`. A change is one update of one document, so it is whole on every server.

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

/// Thumbs in MongoDB.
#[derive(Debug)]
pub struct MongoFeedback {
    connection: Connection,
}

impl MongoFeedback {
    /// Connects to the server of `uri`; every call ends with an error once `cancel` is asked to stop.
    pub fn open_until(uri: &str, options: &MongoOptions, cancel: &CancelToken) -> Result<Self, StoreError> {
        Ok(Self { connection: Connection::open(uri, options, cancel)? })
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

    fn change_thumbs(&self, user: &UserKey, change: &ThumbChange) -> Result<Thumbs, StoreError> {
        // Two changes at the same moment may come to a few more than the most.
        after(self.thumbs(user)?, change).check_number()?;
        let collection = self.collection();
        self.connection.call("writing feedback", async || {
            let update = collection.update_one(doc! { OWN_KEY: user.as_str() }, vec![update(change)]);
            update.upsert(true).collation(bytewise()).write_concern(durable()).await.map(|_| ())
        })?;
        self.thumbs(user)
    }

    fn forget_user(&self, user: &UserKey) -> Result<u64, StoreError> {
        let n_thumbs = self.thumbs(user)?.len();
        let collection = self.collection();
        self.connection.call("forgetting a user", async || {
            let delete = collection.delete_one(doc! { OWN_KEY: user.as_str() });
            delete.collation(bytewise()).write_concern(durable()).await.map(|_| ())
        })?;
        Ok(n_thumbs as u64)
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
