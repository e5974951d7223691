//! What the documents of a collection look like: which field their ids are in, and how their fields are spelled.

use std::collections::{BTreeSet, HashSet};

use futures_util::TryStreamExt;
use mongodb::IndexModel;
use mongodb::bson::{Document, doc};

use crate::source::columns::{Field, id_column_names, known_roots, normalise};
use crate::store::StoreError;

use super::connection::Connection;
use super::document::has_id;
use super::options::MongoOptions;
use super::pages::OWN_KEY;

/// Documents that are looked at.
const SAMPLE: i64 = 100;
const SPOTIFY_ID_LENGTH: usize = 22;

/// The shape of a collection's documents.
#[derive(Debug)]
pub(super) struct Shape {
    /// The field that ids are in.
    pub key: String,
    /// Top-level fields that are recognised although they are not spelled as usual (`Danceability`).
    pub spelled: Vec<String>,
}

impl Shape {
    /// Looks at some documents. The key is the field that a mapping names, else the one of the usual fields that holds an
    /// id in every document looked at: the first with ids of Spotify, else the first; `_id` in an empty collection. Where
    /// it is another than `_id`, it gets an index.
    pub fn find(connection: &Connection, options: &MongoOptions) -> Result<Self, StoreError> {
        let documents = sample(connection)?;
        let mapped = options.mappings.iter().find(|mapping| mapping.field == Field::Id);
        let key = match mapped {
            Some(mapping) => mapping.column.clone(),
            None => recognise(&documents)
                .ok_or_else(|| StoreError::NoKey { name: connection.name.clone(), expected: expected() })?,
        };
        if key != OWN_KEY {
            ensure_index(connection, &key);
        }
        Ok(Self { key, spelled: spelled(&documents) })
    }
}

fn candidates() -> impl Iterator<Item = &'static str> {
    std::iter::once(OWN_KEY).chain(id_column_names().iter().copied().filter(|name| !name.ends_with("uri")))
}

fn expected() -> String {
    candidates().collect::<Vec<_>>().join(", ")
}

fn recognise(documents: &[Document]) -> Option<String> {
    if documents.is_empty() {
        return Some(OWN_KEY.to_owned());
    }
    let everywhere = |key: &&str| documents.iter().all(|document| has_id(document, key));
    let of_spotify = |key: &&str| {
        documents.iter().all(|document| {
            document.get_str(key).is_ok_and(|id| {
                id.len() == SPOTIFY_ID_LENGTH && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
            })
        })
    };
    let found = candidates().find(of_spotify).or_else(|| candidates().find(everywhere));
    found.map(str::to_owned)
}

/// Fields of `documents` with a known name in another spelling.
fn spelled(documents: &[Document]) -> Vec<String> {
    let known: HashSet<&str> = known_roots().collect();
    let names: BTreeSet<&String> = documents.iter().flat_map(Document::keys).collect();
    let spelled = names.into_iter().filter(|name| {
        !known.contains(name.as_str()) && !name.contains(['.', '$']) && known.contains(&*normalise(name))
    });
    spelled.cloned().collect()
}

fn sample(connection: &Connection) -> Result<Vec<Document>, StoreError> {
    connection.call("looking at the first documents", async || {
        let collection = connection.collection.clone_with_type::<Document>();
        collection.find(doc! {}).limit(SAMPLE).await?.try_collect().await
    })
}

/// Without it every page would be sorted anew. Somebody who may only read can do without.
fn ensure_index(connection: &Connection, key: &str) {
    let index = IndexModel::builder().keys(doc! { key: 1, OWN_KEY: 1 }).build();
    let made = connection
        .call("creating an index", async || connection.collection.create_index(index.clone()).await);
    if let Err(error) = made {
        tracing::warn!("{}: no index on {key:?}, reading will be slow: {error}", connection.name);
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::oid::ObjectId;

    use super::*;

    #[test]
    fn the_first_field_that_is_an_id_everywhere_is_the_key() {
        let key = |documents: &[Document]| recognise(documents);
        assert_eq!(key(&[]), Some("_id".into()));
        assert_eq!(key(&[doc! { "_id": "a", "id": "b" }]), Some("_id".into()));
        let own = || ObjectId::new();
        assert_eq!(key(&[doc! { "_id": own(), "id": "b" }]), Some("id".into()));
        assert_eq!(key(&[doc! { "_id": own(), "id": 7, "track_id": "b" }]), Some("track_id".into()));
        assert_eq!(key(&[doc! { "_id": own(), "id": "a" }, doc! { "_id": own() }]), None);
        assert_eq!(key(&[doc! { "_id": own(), "id": "a b" }]), None);
        let spotify = "4qPNDBW1i3p13qLCt0Ki3A";
        assert_eq!(key(&[doc! { "_id": "song-1", "track_id": spotify }]), Some("track_id".into()));
        assert_eq!(key(&[doc! { "_id": spotify, "id": spotify }]), Some("_id".into()));
    }

    #[test]
    fn fields_in_another_spelling_are_found() {
        let documents = [doc! { "_id": 1, "Energy": 1, "tempo": 2, "Track Name": "x", "a.b": 3, "Sold": 4 }];
        assert_eq!(spelled(&documents), ["Energy", "Track Name"]);
    }
}
