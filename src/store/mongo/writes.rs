//! Writing many tracks: in one transaction where the server has such a thing, so that all of them are written or none;
//! else one message after another, of which a failure leaves the first ones written.

use mongodb::bson::{Document, doc};
use mongodb::error::{Error, ErrorKind, UNKNOWN_TRANSACTION_COMMIT_RESULT};
use mongodb::options::{Acknowledgment, Collation, WriteConcern};

use crate::store::StoreError;
use crate::track::TrackId;

use super::connection::Connection;

/// Statements of one message: with vectors of 1,024 numbers it must stay below 16 MiB.
pub(super) const STEP: usize = 500;
/// Servers that answer so have no transactions, whatever else they say of themselves.
const NO_TRANSACTIONS: [i32; 2] = [20, 263];
const ACTION: &str = "writing tracks";
/// The collation that ids are compared by, whatever the collection's own is.
const BYTEWISE: &str = "simple";

/// The same for the driver.
pub(super) fn bytewise() -> Collation {
    Collation::builder().locale(BYTEWISE).build()
}

/// Statements of an `update` command that may be made twice.
#[derive(Debug, Default)]
pub(super) struct Updates(Vec<Document>);

impl Updates {
    /// Sets fields of the document that `query` finds, which is made where there is none and `upsert` says so.
    pub fn set(&mut self, query: Document, fields: Document, upsert: bool) {
        self.0.push(doc! {
            "q": query,
            "u": { "$set": fields },
            "upsert": upsert,
            "collation": { "locale": BYTEWISE },
        });
    }

    /// Makes them, durably.
    pub fn write(self, connection: &Connection) -> Result<(), StoreError> {
        let name = connection.collection.name();
        let message = |step: &[Document]| doc! { "update": name, "updates": step, "ordered": false };
        let messages: Vec<Document> = self.0.chunks(STEP).map(message).collect();
        if connection.can.transactions && messages.len() > 1 {
            match transaction(connection, &messages) {
                Err(StoreError::Mongo { source, .. }) if lacks_transactions(&source) => {}
                done => return done,
            }
        }
        for mut message in messages {
            message.insert("writeConcern", doc! { "w": "majority", "j": true });
            let answer = connection.command(ACTION, &message)?;
            refused(connection, &answer)?;
        }
        Ok(())
    }
}

fn transaction(connection: &Connection, messages: &[Document]) -> Result<(), StoreError> {
    let durable = WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build();
    let answer = connection.call(ACTION, async || {
        let mut session = connection.database.client().start_session().await?;
        session.start_transaction().write_concern(durable.clone()).await?;
        for message in messages {
            let answer = connection.database.run_command(message.clone()).session(&mut session).await?;
            if answer.contains_key("writeErrors") {
                // The transaction is over already, and nothing of it is left.
                return Ok(answer);
            }
        }
        while let Err(error) = session.commit_transaction().await {
            if !error.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT) {
                return Err(error);
            }
        }
        Ok(Document::new())
    })?;
    refused(connection, &answer)
}

/// Removes all documents whose field `key` is one of `ids`; returns how many there were.
pub(super) fn remove(connection: &Connection, key: &str, ids: &[TrackId]) -> Result<u64, StoreError> {
    let mut n_removed = 0;
    for step in ids.chunks(STEP) {
        let ids: Vec<&str> = step.iter().map(TrackId::as_str).collect();
        let command = doc! {
            "delete": connection.collection.name(),
            "deletes": [{ "q": { key: { "$in": ids } }, "limit": 0, "collation": { "locale": BYTEWISE } }],
            "writeConcern": { "w": "majority", "j": true },
        };
        let answer = connection.command("removing tracks", &command)?;
        refused(connection, &answer)?;
        let n = answer.get("n").and_then(|n| n.as_i64().or(n.as_i32().map(i64::from)));
        n_removed += n.unwrap_or(0).unsigned_abs();
    }
    Ok(n_removed)
}

/// An error where the server did not make all statements of a message.
fn refused(connection: &Connection, answer: &Document) -> Result<(), StoreError> {
    let refused = answer.get_array("writeErrors").ok().and_then(|errors| errors.first());
    let unsure = answer.get_document("writeConcernError").ok();
    let what = match (refused, unsure) {
        (Some(error), _) => error.to_string(),
        (None, Some(error)) => error.to_string(),
        (None, None) => return Ok(()),
    };
    Err(StoreError::MongoRefused { name: connection.name.clone(), what })
}

fn lacks_transactions(error: &Error) -> bool {
    matches!(&*error.kind, ErrorKind::Command(command) if NO_TRANSACTIONS.contains(&command.code))
}
