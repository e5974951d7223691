//! The catalogue in a collection of MongoDB, in documents as people have them.
//!
//! ```text
//! options.rs     database, collection, fields: from the URI and settings
//! connection.rs  the client, time limits, and patience with a server that is away
//! shape.rs       which field the ids are in, which others are of use
//! feedback.rs    what users think of tracks, in a collection beside
//! document.rs    a document as a track
//! layout.rs      a track as what must be set in its document
//! pages.rs       all documents in the order of their ids
//! changes.rs     what was changed since a moment
//! writes.rs      many updates: in a transaction, or one message after another
//! ```
//!
//! Nothing here needs sessions, transactions or change streams. A write sets values and may be made twice, so it is
//! made again when its answer was lost. Where a server has transactions (a replica set, a sharded cluster) a batch is
//! written as a whole; elsewhere a failed batch may be written in part, and importing again completes it. Where it has
//! snapshot sessions a reading is of one moment; elsewhere what is written while it goes on may be in it or not. It is
//! never shorter than the collection: documents are counted before and after.

mod changes;
mod connection;
mod document;
mod feedback;
mod layout;
mod options;
mod pages;
mod shape;
mod writes;

use std::collections::HashMap;
use std::ops::ControlFlow;

use futures_util::TryStreamExt;
use mongodb::bson::{RawDocumentBuf, doc};

use crate::progress::CancelToken;
use crate::track::{Track, TrackId};

use super::{
    CatalogueStore, Refresh, RefreshStore, Refreshed, StoreError, TrackReader, UpsertCounts,
    sort_and_coalesce,
};
use connection::Connection;
use document::{Decoder, Known};
use layout::{REFRESH, changes, refresh_document};
use pages::{OWN_KEY, PageQuery, Reading};
use shape::Shape;
use writes::{STEP, Updates, bytewise, durable, primary, remove};

pub use document::DocumentError;
pub use feedback::MongoFeedback;
pub use options::MongoOptions;

/// Under which the worker's text is kept.
const STATE: &str = "state";

/// A catalogue in MongoDB.
#[derive(Debug)]
pub struct MongoStore {
    connection: Connection,
    options: MongoOptions,
    /// The field that ids are in.
    key: String,
    /// Top-level fields that give something although they are not spelled as usual.
    spelled: Vec<String>,
}

impl MongoStore {
    /// Connects to the collection that `uri` and `options` name, and finds out which field its ids are in.
    pub fn open(uri: &str, options: MongoOptions) -> Result<Self, StoreError> {
        Self::open_until(uri, options, &CancelToken::new())
    }

    /// The same; every call ends with an error once `cancel` is asked to stop.
    pub fn open_until(uri: &str, options: MongoOptions, cancel: &CancelToken) -> Result<Self, StoreError> {
        let connection = Connection::open(uri, &options, cancel)?;
        let Shape { key, spelled } = Shape::find(&connection, &options)?;
        Ok(Self { connection, options, key, spelled })
    }

    fn decoder(&self) -> Decoder {
        Decoder::new(&self.key, &self.options.mappings)
    }

    fn pages(&self) -> PageQuery {
        let mapped = self.options.mappings.iter().map(|mapping| mapping.column.as_str());
        let spelled = self.spelled.iter().map(String::as_str);
        PageQuery::new(&self.key, &mapped.chain(spelled).collect::<Vec<_>>())
    }

    fn document_error(&self, source: DocumentError) -> StoreError {
        StoreError::Document { name: self.connection.name.clone(), source }
    }

    /// The documents of some ids. Of those with the same id the last counts, with what the others know, as in a reading.
    fn find(&self, ids: &[&str], decoder: &mut Decoder) -> Result<HashMap<TrackId, Known>, StoreError> {
        let filter = doc! { &self.key: { "$in": ids } };
        let query = self.pages().with_refreshes();
        let documents: Vec<RawDocumentBuf> = self.connection.call("looking tracks up", async || {
            let found = self.connection.collection.find(filter.clone()).projection(query.projection.clone());
            let found = found.sort(doc! { OWN_KEY: 1 }).collation(bytewise()).selection_criteria(primary());
            found.await?.try_collect().await
        })?;
        let mut known: HashMap<TrackId, Known> = HashMap::with_capacity(documents.len());
        for document in documents {
            let mut found = decoder.known(document).map_err(|error| self.document_error(error))?;
            if let Some(mut earlier) = known.remove(&found.track.id) {
                earlier.track.merge(found.track, true);
                found.track = earlier.track;
            }
            known.insert(found.track.id.clone(), found);
        }
        Ok(known)
    }

    /// Reads all documents. Those with the same id give one track: the later ones are merged into the first, and what
    /// refreshing left is with the last.
    fn read_all(
        &self,
        query: PageQuery,
        visit: &mut dyn FnMut(Track, Refresh) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let mut decoder = self.decoder();
        let reading = Reading::begin(&self.connection, query)?;
        let n_before = reading.count()?;
        let incomplete = |expected, got| {
            let (name, key) = (self.connection.name.clone(), self.key.clone());
            StoreError::Incomplete { name, key, expected, got }
        };
        let n_unreadable = reading.count_unreadable()?;
        if n_unreadable > 0 {
            return Err(incomplete(n_before, n_before.saturating_sub(n_unreadable)));
        }
        let mut n_read = 0;
        let mut waiting: Option<(Track, Refresh)> = None;
        let mut is_broken = false;
        reading.for_each(|page| {
            for document in &page {
                n_read += 1;
                let read = decoder.track(document).map_err(|error| self.document_error(error))?;
                match &mut waiting {
                    Some((first, refresh)) if first.id == read.0.id => {
                        first.merge(read.0, true);
                        *refresh = read.1;
                    }
                    _ => {
                        if let Some((track, refresh)) = waiting.replace(read)
                            && visit(track, refresh).is_break()
                        {
                            is_broken = true;
                            return Ok(false);
                        }
                    }
                }
            }
            Ok(true)
        })?;
        if is_broken {
            return Ok(());
        }
        if let Some((track, refresh)) = waiting
            && visit(track, refresh).is_break()
        {
            return Ok(());
        }
        let n_after = if reading.is_of_one_moment() { n_before } else { reading.count()? };
        // Where others write meanwhile, something in between is right.
        if (n_before.min(n_after)..=n_before.max(n_after)).contains(&n_read) {
            return Ok(());
        }
        Err(incomplete(n_after, n_read))
    }
}

impl TrackReader for MongoStore {
    fn count(&self) -> Result<u64, StoreError> {
        // Counted, not estimated: the estimate is wrong after a server was killed.
        let collection = &self.connection.collection;
        self.connection.call("counting tracks", async || collection.count_documents(doc! {}).await)
    }

    fn scan(&self, visit: &mut dyn FnMut(Track) -> ControlFlow<()>) -> Result<(), StoreError> {
        self.read_all(self.pages(), &mut |track, _| visit(track))
    }

    fn scan_refreshes(
        &self,
        visit: &mut dyn FnMut(Track, Refresh) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.read_all(self.pages().with_refreshes(), visit)
    }
}

impl CatalogueStore for MongoStore {
    fn upsert(&self, mut tracks: Vec<Track>, run: u64) -> Result<UpsertCounts, StoreError> {
        let mut counts = UpsertCounts { merged: sort_and_coalesce(&mut tracks), ..UpsertCounts::default() };
        // MongoDB has signed numbers only.
        let run = run & i64::MAX as u64;
        let mut decoder = self.decoder();
        let mut updates = Updates::default();
        for step in tracks.chunks(STEP) {
            let ids: Vec<&str> = step.iter().map(|track| track.id.as_str()).collect();
            let known = self.find(&ids, &mut decoder)?;
            for track in step {
                let set = match known.get(&track.id) {
                    None => {
                        counts.inserted += 1;
                        changes(None, track, run)
                    }
                    Some(known) => {
                        let same_run = known.run == run;
                        let new_run = if track.genres.is_empty() { known.run } else { run };
                        let mut merged = known.track.clone();
                        merged.merge(track.clone(), same_run);
                        match (same_run, merged != known.track) {
                            (true, _) => counts.merged += 1,
                            (false, true) => counts.updated += 1,
                            (false, false) => counts.unchanged += 1,
                        }
                        let mut set = changes(Some(known), &merged, new_run);
                        let mut refresh = known.refresh.clone();
                        if refresh.forget_changed(&known.track, track) {
                            set.insert(REFRESH, refresh_document(&refresh));
                        }
                        set
                    }
                };
                if !set.is_empty() {
                    match known.get(&track.id) {
                        Some(known) => updates.set(known.query(), set, false),
                        None => updates.set(doc! { &self.key: track.id.as_str() }, set, true),
                    }
                }
            }
        }
        updates.write(&self.connection)?;
        Ok(counts)
    }

    fn remove(&self, ids: &[TrackId]) -> Result<u64, StoreError> {
        remove(&self.connection, &self.key, ids)
    }

    fn get(&self, id: &TrackId) -> Result<Option<Track>, StoreError> {
        Ok(self.get_refresh(id)?.map(|(track, _)| track))
    }
}

impl RefreshStore for MongoStore {
    fn get_refreshes(&self, ids: &[TrackId]) -> Result<Vec<Option<(Track, Refresh)>>, StoreError> {
        let texts: Vec<&str> = ids.iter().map(TrackId::as_str).collect();
        let mut decoder = self.decoder();
        let mut found = HashMap::with_capacity(ids.len());
        for step in texts.chunks(STEP) {
            found.extend(self.find(step, &mut decoder)?);
        }
        let found = |id| found.get(id).map(|known: &Known| (known.track.clone(), known.refresh.clone()));
        Ok(ids.iter().map(found).collect())
    }

    fn record_refreshes(&self, refreshed: Vec<Refreshed>) -> Result<u64, StoreError> {
        let mut decoder = self.decoder();
        let mut updates = Updates::default();
        let mut n_written = 0;
        for step in refreshed.chunks(STEP) {
            let ids: Vec<&str> = step.iter().map(|refreshed| refreshed.track.id.as_str()).collect();
            let known = self.find(&ids, &mut decoder)?;
            for Refreshed { track, refresh } in step {
                let Some(known) = known.get(&track.id) else { continue };
                let mut merged = known.track.clone();
                merged.merge(track.clone(), false);
                let mut set = changes(Some(known), &merged, known.run);
                set.insert(REFRESH, refresh_document(refresh));
                updates.set(known.query(), set, false);
                n_written += 1;
            }
        }
        updates.write(&self.connection)?;
        Ok(n_written)
    }

    fn changed_since(&self, since_ms: i64, enough: u64) -> Result<Option<u64>, StoreError> {
        changes::changed_since(&self.connection, since_ms, enough)
    }

    fn worker_state(&self) -> Result<Option<String>, StoreError> {
        let states = self.connection.states();
        let found = self.connection.call("reading the worker's state", async || {
            states.find_one(doc! { OWN_KEY: self.connection.collection.name() }).await
        })?;
        Ok(found.and_then(|state| state.get_str(STATE).ok().map(str::to_owned)))
    }

    fn set_worker_state(&self, state: &str) -> Result<(), StoreError> {
        let states = self.connection.states();
        self.connection.call("writing the worker's state", async || {
            let query = doc! { OWN_KEY: self.connection.collection.name() };
            let update = doc! { "$set": { STATE: state } };
            states.update_one(query, update).upsert(true).write_concern(durable()).await.map(|_| ())
        })
    }
}
