//! Writing many tracks: in transactions where the server has such a thing, else one message after another, of which a
//! failure leaves the first ones written.

use mongodb::bson::{Document, RawArrayBuf, RawDocumentBuf, doc, rawdoc};
use mongodb::error::{Error, ErrorKind, UNKNOWN_TRANSACTION_COMMIT_RESULT};
use mongodb::options::{Acknowledgment, Collation, ReadPreference, SelectionCriteria, WriteConcern};

use crate::store::StoreError;
use crate::track::TrackId;

use super::connection::{Connection, PASSING_CODES, PassingAnswer};

/// Tracks that are looked up at once, and the most statements of one message.
pub(super) const STEP: usize = 500;
/// The most bytes of one message, half of what a server takes, and of one transaction.
const MESSAGE_BYTES: usize = 8 << 20;
const TRANSACTION_BYTES: usize = 32 << 20;
/// Servers that answer so have no transactions, whatever else they say of themselves.
const NO_TRANSACTIONS: [i32; 2] = [20, 263];
const ACTION: &str = "writing tracks";
/// The collation that ids are compared by, whatever the collection's own is.
const BYTEWISE: &str = "simple";

/// The same for the driver.
pub(super) fn bytewise() -> Collation {
    Collation::builder().locale(BYTEWISE).build()
}

/// What a write must have come to before it counts.
pub(super) fn durable() -> WriteConcern {
    WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build()
}

/// Where what is to be written is looked up, whatever the address prefers for reading.
pub(super) fn primary() -> SelectionCriteria {
    SelectionCriteria::ReadPreference(ReadPreference::Primary)
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
        let mut statements = Vec::with_capacity(self.0.len());
        for statement in self.0 {
            let statement = RawDocumentBuf::try_from(&statement);
            statements.push(
                statement.map_err(|error| connection.failed(ACTION, Error::custom(error.to_string())))?,
            );
        }
        for statements in cut(&statements, usize::MAX, TRANSACTION_BYTES) {
            if connection.can.transactions {
                match transaction(connection, statements) {
                    Err(StoreError::Mongo { source, .. }) if lacks_transactions(&source) => {}
                    done => {
                        done?;
                        continue;
                    }
                }
            }
            for statements in cut(statements, STEP, MESSAGE_BYTES) {
                let mut message = message(connection, statements);
                message.append(
                    mongodb::bson::raw::cstr!("writeConcern"),
                    rawdoc! { "w": "majority", "j": true },
                );
                let answer = connection.call(ACTION, async || {
                    passed(connection.database.run_raw_command(message.clone()).await?)
                })?;
                refused(connection, &answer)?;
            }
        }
        Ok(())
    }
}

/// Runs of `statements` of at most so many and so many bytes, at least one.
fn cut(statements: &[RawDocumentBuf], n: usize, bytes: usize) -> impl Iterator<Item = &[RawDocumentBuf]> {
    let mut rest = statements;
    std::iter::from_fn(move || {
        let mut sum = 0;
        let fit = rest.iter().take(n).take_while(|statement| {
            sum += statement.as_bytes().len();
            sum <= bytes
        });
        let fit = fit.count().max(1).min(rest.len());
        let (run, left) = rest.split_at(fit);
        rest = left;
        (!run.is_empty()).then_some(run)
    })
}

fn message(connection: &Connection, statements: &[RawDocumentBuf]) -> RawDocumentBuf {
    let mut updates = RawArrayBuf::new();
    for statement in statements {
        updates.push(statement.clone());
    }
    rawdoc! { "update": connection.collection.name(), "updates": updates, "ordered": false }
}

fn transaction(connection: &Connection, statements: &[RawDocumentBuf]) -> Result<(), StoreError> {
    let answer = connection.call(ACTION, async || {
        let mut session = connection.database.client().start_session().await?;
        let begin = session.start_transaction().write_concern(durable());
        begin.selection_criteria(primary()).await?;
        for statements in cut(statements, STEP, MESSAGE_BYTES) {
            let message = message(connection, statements);
            let answer = connection.database.run_raw_command(message).session(&mut session).await?;
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
        let answer = connection.call("removing tracks", async || {
            passed(connection.database.run_command(command.clone()).await?)
        })?;
        refused(connection, &answer)?;
        let n = answer.get("n").and_then(|n| n.as_i64().or(n.as_i32().map(i64::from)));
        n_removed += n.unwrap_or(0).unsigned_abs();
    }
    Ok(n_removed)
}

/// An answer, unless it says that a primary went away in the midst of it: then the same may succeed later.
fn passed(answer: Document) -> Result<Document, Error> {
    let concern = answer.get_document("writeConcernError");
    let code = concern.and_then(|error| error.get_i32("code")).unwrap_or(0);
    if PASSING_CODES.contains(&code) { Err(Error::custom(PassingAnswer)) } else { Ok(answer) }
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
