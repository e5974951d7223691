//! What the documents of a collection look like: which field their ids are in, and how their fields are spelled.

use std::collections::{BTreeSet, HashSet};

use futures_util::TryStreamExt;
use mongodb::IndexModel;
use mongodb::bson::{Document, doc};

use crate::source::columns::{Field, id_column_names, known_roots, normalise};
use crate::store::StoreError;

use super::connection::Connection;
use super::document::id_in;
use super::options::MongoOptions;
use super::pages::OWN_KEY;
use super::writes::durable;

/// Documents that are looked at.
const SAMPLE: i64 = 100;
/// Under which it is kept which field holds ids.
const KEY: &str = "key";

/// The shape of a collection's documents.
#[derive(Debug)]
pub(super) struct Shape {
    /// The field that ids are in.
    pub key: String,
    /// Top-level fields that are recognised although they are not spelled as usual (`Danceability`).
    pub spelled: Vec<String>,
}

impl Shape {
    /// Looks at some documents. The key is the field that a mapping names, else the one that was found out before, else the
    /// one of the usual fields that holds an id in every document looked at: the first with ids of Spotify, else the only
    /// one; `_id` in an empty collection. What was found out is kept, so that other documents do not lead to other
    /// ids. Where the key is another field than `_id`, it gets an index.
    pub fn find(connection: &Connection, options: &MongoOptions) -> Result<Self, StoreError> {
        let documents = sample(connection)?;
        let mapped = options.mappings.iter().find(|mapping| mapping.field == Field::Id);
        let key = match mapped {
            Some(mapping) => mapping.column.clone(),
            None => match recorded(connection)? {
                Some(key) => key,
                None => found_out(connection, &documents)?,
            },
        };
        if key != OWN_KEY {
            ensure_index(connection, &key);
        }
        Ok(Self { key, spelled: spelled(&documents) })
    }
}

/// The key that was found out when the collection was first looked at.
fn recorded(connection: &Connection) -> Result<Option<String>, StoreError> {
    let found = connection.call("looking at the collection", async || {
        connection.states().find_one(doc! { OWN_KEY: connection.collection.name() }).await
    })?;
    Ok(found.and_then(|state| state.get_str(KEY).ok().map(str::to_owned)))
}

fn found_out(connection: &Connection, documents: &[Document]) -> Result<String, StoreError> {
    let name = || connection.name.clone();
    let key = match recognise(documents) {
        Recognised::One(key) => key,
        Recognised::None => return Err(StoreError::NoKey { name: name(), expected: expected() }),
        Recognised::Several(fields) => {
            return Err(StoreError::Keys { name: name(), fields: fields.join(" and ") });
        }
    };
    if documents.is_empty() {
        return Ok(key);
    }
    tracing::info!("{}: ids are in the field {key:?}", connection.name);
    let kept = connection.call("keeping which field holds ids", async || {
        let query = doc! { OWN_KEY: connection.collection.name() };
        let update = doc! { "$set": { KEY: &key } };
        connection.states().update_one(query, update).upsert(true).write_concern(durable()).await.map(|_| ())
    });
    if let Err(error) = kept {
        // Somebody who may only read finds it out each time.
        tracing::debug!("{error}");
    }
    Ok(key)
}

fn candidates() -> impl Iterator<Item = &'static str> {
    std::iter::once(OWN_KEY).chain(id_column_names().iter().copied().filter(|name| !name.ends_with("uri")))
}

fn expected() -> String {
    candidates().collect::<Vec<_>>().join(", ")
}

/// Which field holds ids.
#[derive(Debug, PartialEq, Eq)]
enum Recognised {
    One(String),
    None,
    /// These, and they do not agree.
    Several(Vec<&'static str>),
}

fn recognise(documents: &[Document]) -> Recognised {
    let one = |key: &str| Recognised::One(key.to_owned());
    let Some(first) = documents.first() else { return one(OWN_KEY) };
    let everywhere = |key: &&str| documents.iter().all(|document| id_in(document, key).is_some());
    let of_spotify =
        |key: &&str| documents.iter().all(|document| id_in(document, key).is_some_and(|id| id.is_spotify()));
    if let Some(key) = candidates().find(of_spotify) {
        return one(key);
    }
    let found: Vec<&'static str> = candidates().filter(everywhere).collect();
    match found[..] {
        [] => Recognised::None,
        [key, ..] if found.iter().all(|other| first.get(*other) == first.get(key)) => one(key),
        _ => Recognised::Several(found),
    }
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
    fn the_field_that_is_an_id_everywhere_is_the_key() {
        let check = |documents: &[Document], expected: Recognised| {
            assert_eq!(recognise(documents), expected, "{documents:?}");
        };
        let one = |key: &str| Recognised::One(key.to_owned());
        let own = || ObjectId::new();
        check(&[], one("_id"));
        check(&[doc! { "_id": "a", "id": "a" }], one("_id"));
        check(&[doc! { "_id": "a", "id": "b" }], Recognised::Several(vec!["_id", "id"]));
        check(&[doc! { "_id": own(), "id": "b" }], one("id"));
        check(&[doc! { "_id": own(), "id": 7, "track_id": "b" }], one("track_id"));
        check(&[doc! { "_id": own(), "id": "a" }, doc! { "_id": own() }], Recognised::None);
        check(&[doc! { "_id": own(), "id": "a b" }], Recognised::None);
        let spotify = "4qPNDBW1i3p13qLCt0Ki3A";
        check(&[doc! { "_id": "song-1", "track_id": spotify }], one("track_id"));
        check(&[doc! { "_id": spotify, "id": spotify }], one("_id"));
    }

    #[test]
    fn fields_in_another_spelling_are_found() {
        let documents = [doc! { "_id": 1, "Energy": 1, "tempo": 2, "Track Name": "x", "a.b": 3, "Sold": 4 }];
        assert_eq!(spelled(&documents), ["Energy", "Track Name"]);
    }
}
