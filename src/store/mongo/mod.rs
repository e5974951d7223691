//! The catalogue in a collection of MongoDB, in documents as people have them.
//!
//! ```text
//! options.rs     database, collection, fields: from the URI and the environment
//! connection.rs  the client, time limits, and patience with a server that is away
//! key.rs         which field the ids are in
//! document.rs    a document as a track
//! layout.rs      a track as what must be set in its document
//! pages.rs       all documents in the order of their ids
//! ```
//!
//! Nothing here needs sessions, transactions or change streams. A write sets values and may be made twice, so it is
//! made again when its answer was lost; a failed batch may be written in part, and importing again completes it.
//! A reading is not of one moment: what is written while it goes on may be in it or not. It is never shorter than the
//! collection: documents are counted before and after.

mod connection;
mod document;
mod key;
mod layout;
mod options;
mod pages;

use std::collections::HashMap;
use std::ops::ControlFlow;

use futures_util::TryStreamExt;
use mongodb::bson::{Document, RawDocumentBuf, doc};

use crate::track::{Track, TrackId};

use super::{CatalogueStore, StoreError, UpsertCounts, sort_and_coalesce};
use connection::Connection;
use document::{Decoder, Known};
use layout::changes;
use pages::PageQuery;

pub use document::DocumentError;
pub use options::{
    COLLECTION_VARIABLE, DATABASE_VARIABLE, MAP_VARIABLE, MongoOptions, PATIENCE_VARIABLE,
};

/// Tracks that are looked up and written in one message: it must stay below 16 MiB with vectors of 1,024 numbers.
const WRITE_STEP: usize = 500;

/// A catalogue in MongoDB.
#[derive(Debug)]
pub struct MongoStore {
    connection: Connection,
    options: MongoOptions,
    key: String,
}

impl MongoStore {
    /// Connects to the collection that `uri` and `options` name, and finds out which field its ids are in.
    pub fn open(uri: &str, options: MongoOptions) -> Result<Self, StoreError> {
        let connection = Connection::open(uri, &options)?;
        let key = key::find(&connection, &options)?;
        Ok(Self { connection, options, key })
    }

    fn decoder(&self) -> Decoder {
        Decoder::new(&self.key, &self.options.mappings)
    }

    fn pages(&self) -> PageQuery {
        let mapped = self.options.mappings.iter().map(|mapping| mapping.column.as_str());
        let roots: Vec<&str> = mapped.map(|column| column.split('.').next().unwrap_or(column)).collect();
        PageQuery::new(&self.key, &roots)
    }

    fn document_error(&self, source: DocumentError) -> StoreError {
        StoreError::Document { name: self.connection.name.clone(), source }
    }

    /// The documents of some ids.
    fn find(&self, ids: &[&str], decoder: &mut Decoder) -> Result<HashMap<TrackId, Known>, StoreError> {
        let filter = doc! { &self.key: { "$in": ids } };
        let documents: Vec<RawDocumentBuf> = self.connection.call("looking tracks up", async || {
            self.connection.collection.find(filter.clone()).await?.try_collect().await
        })?;
        let mut known = HashMap::with_capacity(documents.len());
        for document in &documents {
            let found = decoder.known(document).map_err(|error| self.document_error(error))?;
            known.insert(found.track.id.clone(), found);
        }
        Ok(known)
    }

    fn write(&self, updates: &[Document]) -> Result<(), StoreError> {
        if updates.is_empty() {
            return Ok(());
        }
        let command = doc! {
            "update": self.connection.collection.name(),
            "updates": updates,
            "ordered": false,
            "writeConcern": { "w": "majority", "j": true },
        };
        let answer = self.connection.command("writing tracks", &command)?;
        let refused = answer.get_array("writeErrors").ok().and_then(|errors| errors.first());
        let unsure = answer.get_document("writeConcernError").ok();
        match (refused, unsure) {
            (Some(error), _) => Err(self.refused(error.to_string())),
            (None, Some(error)) => Err(self.refused(error.to_string())),
            (None, None) => Ok(()),
        }
    }

    fn refused(&self, what: String) -> StoreError {
        StoreError::MongoRefused { name: self.connection.name.clone(), what }
    }
}

impl CatalogueStore for MongoStore {
    fn upsert(&self, mut tracks: Vec<Track>, run: u64) -> Result<UpsertCounts, StoreError> {
        let mut counts = UpsertCounts { merged: sort_and_coalesce(&mut tracks), ..UpsertCounts::default() };
        // MongoDB has signed numbers only.
        let run = run & i64::MAX as u64;
        let mut decoder = self.decoder();
        for step in tracks.chunks(WRITE_STEP) {
            let ids: Vec<&str> = step.iter().map(|track| track.id.as_str()).collect();
            let known = self.find(&ids, &mut decoder)?;
            let mut updates = Vec::new();
            for track in step {
                let id = track.id.as_str();
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
                        changes(Some(known), &merged, new_run)
                    }
                };
                if !set.is_empty() {
                    updates.push(doc! { "q": { &self.key: id }, "u": { "$set": set }, "upsert": true });
                }
            }
            self.write(&updates)?;
        }
        Ok(counts)
    }

    fn get(&self, id: &TrackId) -> Result<Option<Track>, StoreError> {
        let mut known = self.find(&[id.as_str()], &mut self.decoder())?;
        Ok(known.remove(id).map(|known| known.track))
    }

    fn count(&self) -> Result<u64, StoreError> {
        let collection = &self.connection.collection;
        self.connection.call("counting tracks", async || collection.estimated_document_count().await)
    }

    /// Documents with the same id give one track: the later ones are merged into the first.
    fn scan(&self, visit: &mut dyn FnMut(Track) -> ControlFlow<()>) -> Result<(), StoreError> {
        let query = self.pages();
        let mut decoder = self.decoder();
        let n_before = query.count_all(&self.connection)?;
        let mut n_read = 0;
        let mut waiting: Option<Track> = None;
        let mut is_broken = false;
        query.for_each(&self.connection, |page| {
            for document in &page {
                n_read += 1;
                let track = decoder.track(document).map_err(|error| self.document_error(error))?;
                match &mut waiting {
                    Some(first) if first.id == track.id => first.merge(track, true),
                    _ => {
                        if let Some(complete) = waiting.replace(track)
                            && visit(complete).is_break()
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
        if let Some(last) = waiting
            && visit(last).is_break()
        {
            return Ok(());
        }
        let n_after = query.count_all(&self.connection)?;
        // Where others write meanwhile, something in between is right.
        if (n_before.min(n_after)..=n_before.max(n_after)).contains(&n_read) {
            return Ok(());
        }
        let (name, key) = (self.connection.name.clone(), self.key.clone());
        Err(StoreError::Incomplete { name, key, expected: n_after, got: n_read })
    }
}
