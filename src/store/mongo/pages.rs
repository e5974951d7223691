//! A collection page by page, in the order of its keys. A page is a query of its own that begins behind the last key of
//! the page before: a lost connection or a restarted server costs one page, and no cursor has to survive.
//!
//! Where the server can (a replica set, a sharded cluster), all pages are read as of one moment, in a snapshot session.

use std::sync::mpsc::{SyncSender, sync_channel};

use futures_util::TryStreamExt;
use mongodb::ClientSession;
use mongodb::bson::{Bson, Document, RawDocument, RawDocumentBuf, doc};
use mongodb::error::{Error, ErrorKind};
use tokio::sync::Mutex;

use crate::source::columns::known_roots;
use crate::store::StoreError;

use super::connection::Connection;
use super::document::{DocumentError, at, text_at};
use super::layout::{OTHER_VALUES, OTHER_VECTORS, OWN, REFRESH, RUN};
use super::writes::bytewise;

/// Documents of a page.
const PAGE: usize = 5_000;
/// Pages that are read ahead of the one in use.
const N_AHEAD: usize = 2;
/// Where MongoDB keeps every document's own key.
pub(super) const OWN_KEY: &str = "_id";
/// The server does not keep, or does not have, the moment that the session reads.
const NO_SNAPSHOT: [i32; 4] = [72, 239, 246, 263];

/// What pages of a collection have in common.
#[derive(Clone, Debug)]
pub(super) struct PageQuery {
    /// The field that ids are in.
    pub key: String,
    /// The fields that are asked for.
    pub projection: Document,
}

/// The place behind a document.
#[derive(Clone, Debug)]
struct Place {
    key: String,
    own: Bson,
}

impl PageQuery {
    /// Asks for what tracks are made of, and for the fields `more`.
    pub fn new(key: &str, more: &[&str]) -> Self {
        let mut projection = doc! { OWN_KEY: 1, RUN: 1, OWN: 1, OTHER_VALUES: 1, OTHER_VECTORS: 1 };
        let known: Vec<&str> = known_roots().collect();
        for name in known.iter().chain([&key]).chain(more) {
            // A field and a field within it must not both be asked for.
            projection.insert(name.split('.').next().unwrap_or(name), 1);
        }
        Self { key: key.to_owned(), projection }
    }

    /// Asks for what refreshing left, too.
    pub fn with_refreshes(mut self) -> Self {
        self.projection.insert(REFRESH, 1);
        self
    }

    /// The documents behind a place that have a key of the right type.
    fn filter(&self, after: Option<&Place>) -> Document {
        let key = self.key.as_str();
        match after {
            None => doc! { key: { "$type": "string" } },
            Some(place) if key == OWN_KEY => doc! { key: { "$gt": &place.key } },
            Some(place) => doc! { "$or": [
                { key: { "$gt": &place.key } },
                // As an expression it compares values of different types, too.
                { key: &place.key, "$expr": { "$gt": ["$_id", { "$literal": place.own.clone() }] } },
            ] },
        }
    }

    fn sort(&self) -> Document {
        let key = self.key.as_str();
        if key == OWN_KEY {
            doc! { key: 1 }
        } else {
            doc! { key: 1, OWN_KEY: 1 }
        }
    }
}

/// One reading of a collection.
pub(super) struct Reading<'a> {
    connection: &'a Connection,
    query: PageQuery,
    /// Gone once the server cannot read as of one moment.
    session: Mutex<Option<ClientSession>>,
}

impl<'a> Reading<'a> {
    /// Begins a reading.
    pub fn begin(connection: &'a Connection, query: PageQuery) -> Result<Self, StoreError> {
        let session = match connection.can.snapshot_reads {
            true => Some(connection.call("beginning to read", async || {
                connection.database.client().start_session().snapshot(true).await
            })?),
            false => None,
        };
        Ok(Self { connection, query, session: Mutex::new(session) })
    }

    /// Whether everything is read as of one moment, so far.
    pub fn is_of_one_moment(&self) -> bool {
        self.session.try_lock().is_ok_and(|session| session.is_some())
    }

    /// How many documents the collection has, counted.
    pub fn count(&self) -> Result<u64, StoreError> {
        self.count_of(doc! {})
    }

    /// How many of them have no text for an id, and are not read.
    pub fn count_unreadable(&self) -> Result<u64, StoreError> {
        self.count_of(doc! { &self.query.key: { "$not": { "$type": "string" } } })
    }

    fn count_of(&self, filter: Document) -> Result<u64, StoreError> {
        self.connection.call("counting tracks", async || {
            let count = || self.connection.collection.count_documents(filter.clone());
            let mut session = self.session.lock().await;
            if let Some(open) = session.as_mut() {
                match count().session(open).await {
                    Err(error) if lacks_snapshot(&error) => self.go_on_without(&mut session, &error),
                    counted => return counted,
                }
            }
            count().await
        })
    }

    /// Reads all pages on a thread of its own and gives them to `visit` until it answers `false`.
    pub fn for_each(
        &self,
        mut visit: impl FnMut(Vec<RawDocumentBuf>) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let (sender, pages) = sync_channel(N_AHEAD);
        std::thread::scope(|scope| {
            scope.spawn(move || self.read_all(&sender));
            for page in pages {
                if !visit(page?)? {
                    break;
                }
            }
            // The receiver goes, and with it the reader.
            Ok(())
        })
    }

    fn read_all(&self, pages: &SyncSender<Result<Vec<RawDocumentBuf>, StoreError>>) {
        let mut place = None;
        loop {
            let page = self.read(place.as_ref());
            let next = match &page {
                Ok(page) if page.len() == PAGE => page.last().map(|last| self.place(last)),
                _ => None,
            };
            // Nobody may want it any more.
            if pages.send(page).is_err() {
                return;
            }
            match next {
                Some(Ok(next)) => place = Some(next),
                Some(Err(error)) => {
                    let _ = pages.send(Err(error));
                    return;
                }
                None => return,
            }
        }
    }

    fn read(&self, after: Option<&Place>) -> Result<Vec<RawDocumentBuf>, StoreError> {
        let filter = self.query.filter(after);
        self.connection.call("reading tracks", async || {
            let find = || {
                let collection = &self.connection.collection;
                collection
                    .find(filter.clone())
                    .sort(self.query.sort())
                    .projection(self.query.projection.clone())
                    .collation(bytewise())
                    .limit(PAGE as i64)
                    .batch_size(PAGE as u32)
            };
            let mut session = self.session.lock().await;
            if let Some(open) = session.as_mut() {
                let page = async {
                    let mut cursor = find().session(&mut *open).await?;
                    cursor.stream(open).try_collect().await
                };
                match page.await {
                    Err(error) if lacks_snapshot(&error) => self.go_on_without(&mut session, &error),
                    page => return page,
                }
            }
            find().await?.try_collect().await
        })
    }

    fn go_on_without(&self, session: &mut Option<ClientSession>, error: &Error) {
        tracing::warn!("{}: reading goes on without a snapshot: {error}", self.connection.name);
        *session = None;
    }

    fn place(&self, last: &RawDocument) -> Result<Place, StoreError> {
        let broken = |reason: &str| StoreError::Document {
            name: self.connection.name.clone(),
            source: DocumentError {
                key: self.query.key.clone(),
                id: "?".to_owned(),
                reason: reason.to_owned(),
            },
        };
        let key = text_at(last, &self.query.key);
        let key = key.ok_or_else(|| broken("its key is no text"))?.to_owned();
        let own = at(last, OWN_KEY).and_then(|own| Bson::try_from(own).ok());
        Ok(Place { key, own: own.unwrap_or(Bson::Null) })
    }
}

fn lacks_snapshot(error: &Error) -> bool {
    matches!(&*error.kind, ErrorKind::Command(command) if NO_SNAPSHOT.contains(&command.code))
}
