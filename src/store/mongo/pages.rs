//! A collection page by page, in the order of its keys. A page is a query of its own that begins behind the last key of
//! the page before: a lost connection or a restarted server costs one page, and no cursor has to survive.

use std::sync::mpsc::{SyncSender, sync_channel};

use futures_util::TryStreamExt;
use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};
use mongodb::options::Collation;

use crate::source::columns::known_roots;
use crate::store::StoreError;

use super::connection::Connection;
use super::document::DocumentError;
use super::layout::{OTHER_VALUES, OTHER_VECTORS, RUN};

/// Documents of a page.
const PAGE: usize = 5_000;
/// Pages that are read ahead of the one in use.
const N_AHEAD: usize = 2;
/// Where MongoDB keeps every document's own key.
pub(super) const OWN_KEY: &str = "_id";

/// What pages of a collection have in common.
#[derive(Clone, Debug)]
pub(super) struct PageQuery {
    /// The field that ids are in.
    pub key: String,
    projection: Document,
}

/// The place behind a document.
#[derive(Clone, Debug)]
struct Place {
    key: String,
    own: Bson,
}

impl PageQuery {
    /// Asks for what tracks are made of, and for the top-level fields `more`.
    pub fn new(key: &str, more: &[&str]) -> Self {
        let mut projection = doc! { OWN_KEY: 1, key: 1, RUN: 1, OTHER_VALUES: 1, OTHER_VECTORS: 1 };
        let known: Vec<&str> = known_roots().collect();
        for root in known.iter().chain(more) {
            projection.insert(*root, 1);
        }
        Self { key: key.to_owned(), projection }
    }

    /// Documents that have a key of the right type.
    fn keyed(&self) -> Document {
        doc! { &self.key: { "$type": "string" } }
    }

    /// Reads all pages on a thread of its own and gives them to `visit` until it answers `false`.
    pub fn for_each(
        &self,
        connection: &Connection,
        mut visit: impl FnMut(Vec<RawDocumentBuf>) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let (sender, pages) = sync_channel(N_AHEAD);
        std::thread::scope(|scope| {
            scope.spawn(move || self.read_all(connection, &sender));
            for page in pages {
                if !visit(page?)? {
                    break;
                }
            }
            // The receiver goes, and with it the reader.
            Ok(())
        })
    }

    fn read_all(&self, connection: &Connection, pages: &SyncSender<Result<Vec<RawDocumentBuf>, StoreError>>) {
        let mut place = None;
        loop {
            let page = self.read(connection, place.as_ref());
            let next = match &page {
                Ok(page) if page.len() == PAGE => page.last().map(|last| self.place(connection, last)),
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

    fn read(&self, connection: &Connection, after: Option<&Place>) -> Result<Vec<RawDocumentBuf>, StoreError> {
        let key = self.key.as_str();
        let filter = match after {
            None => self.keyed(),
            Some(place) if key == OWN_KEY => doc! { key: { "$gt": &place.key } },
            Some(place) => doc! { "$or": [
                { key: { "$gt": &place.key } },
                { key: &place.key, OWN_KEY: { "$gt": place.own.clone() } },
            ] },
        };
        let sort = if key == OWN_KEY { doc! { key: 1 } } else { doc! { key: 1, OWN_KEY: 1 } };
        connection.call("reading tracks", async || {
            let cursor = connection
                .collection
                .find(filter.clone())
                .sort(sort.clone())
                .projection(self.projection.clone())
                // Bytewise, whatever the collection's own collation is.
                .collation(Collation::builder().locale("simple").build())
                .limit(PAGE as i64)
                .batch_size(PAGE as u32)
                .await?;
            cursor.try_collect().await
        })
    }

    fn place(&self, connection: &Connection, last: &RawDocumentBuf) -> Result<Place, StoreError> {
        let broken = |reason: String| StoreError::Document {
            name: connection.name.clone(),
            source: DocumentError { key: self.key.clone(), id: "?".to_owned(), reason },
        };
        let key = last.get_str(&self.key).map_err(|error| broken(error.to_string()))?.to_owned();
        let own = last.get(OWN_KEY).map_err(|error| broken(error.to_string()))?;
        let own = own.and_then(|own| Bson::try_from(own).ok()).unwrap_or(Bson::Null);
        Ok(Place { key, own })
    }

    /// How many documents the collection has, counted.
    pub fn count_all(&self, connection: &Connection) -> Result<u64, StoreError> {
        connection.call("counting tracks", async || connection.collection.count_documents(doc! {}).await)
    }
}
