//! Which field the ids of a collection are in.

use futures_util::TryStreamExt;
use mongodb::IndexModel;
use mongodb::bson::{Document, doc};

use crate::source::columns::{Field, id_column_names};
use crate::store::StoreError;

use super::connection::Connection;
use super::document::has_id;
use super::options::MongoOptions;
use super::pages::OWN_KEY;

/// Documents that are looked at.
const SAMPLE: i64 = 100;

/// The field that a mapping names, else the first usual one that holds an id in every document looked at; `_id` in an
/// empty collection. Where it is another than `_id`, it gets an index.
pub(super) fn find(connection: &Connection, options: &MongoOptions) -> Result<String, StoreError> {
    let mapped = options.mappings.iter().find(|mapping| mapping.field == Field::Id);
    let key = match mapped {
        Some(mapping) => mapping.column.clone(),
        None => recognise(&sample(connection)?)
            .ok_or_else(|| StoreError::NoKey { name: connection.name.clone(), expected: expected() })?,
    };
    if key != OWN_KEY {
        ensure_index(connection, &key);
    }
    Ok(key)
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
    let found = candidates().find(|key| documents.iter().all(|document| has_id(document, key)));
    found.map(str::to_owned)
}

fn sample(connection: &Connection) -> Result<Vec<Document>, StoreError> {
    let projection: Document = candidates().map(|key| (key.to_owned(), 1.into())).collect();
    connection.call("looking at the first documents", async || {
        let collection = connection.collection.clone_with_type::<Document>();
        let found = collection.find(doc! {}).projection(projection.clone()).limit(SAMPLE).await?;
        found.try_collect().await
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
    }
}
