//! What was changed since a moment, by whoever: read from the change stream, which replica sets and sharded clusters
//! have.

use std::collections::HashSet;
use std::time::Duration;

use mongodb::bson::{RawDocumentBuf, Timestamp, doc};
use mongodb::error::{Error, ErrorKind};

use crate::store::StoreError;

use super::connection::Connection;
use super::layout::REFRESH;

/// How long the end of the stream waits for more; the end is where we want to be.
const LINGER: Duration = Duration::from_millis(50);
/// The stream does not reach back that far any more, or cannot be opened here.
const NO_HISTORY: [i32; 5] = [136, 280, 286, 40_573, 40_615];

/// How many documents were inserted, deleted, or changed in more than what refreshing notes beside them, since `since_ms`
/// (milliseconds since 1970), as far as `enough`; `None` where the server cannot say.
pub(super) fn changed_since(
    connection: &Connection,
    since_ms: i64,
    enough: u64,
) -> Result<Option<u64>, StoreError> {
    if !connection.can.change_streams {
        return Ok(None);
    }
    // Whole seconds: a little too early rather than too late.
    let since = Timestamp { time: u32::try_from(since_ms / 1_000).unwrap_or(0), increment: 0 };
    let counted = connection.call("reading the change stream", async || {
        match count(connection, since, enough).await {
            Err(error) if lacks_history(&error) => {
                tracing::warn!("{}: no history of changes: {error}", connection.name);
                Ok(None)
            }
            counted => counted.map(Some),
        }
    })?;
    Ok(counted)
}

async fn count(connection: &Connection, since: Timestamp, enough: u64) -> Result<u64, Error> {
    let names = doc! { "$objectToArray": { "$ifNull": ["$updateDescription.updatedFields", {}] } };
    let is_ours = doc! { "$regexMatch": { "input": "$$field.k", "regex": format!("^{REFRESH}") } };
    let others = doc! { "$filter": { "input": names, "as": "field", "cond": { "$not": [is_ours] } } };
    let matters = doc! { "$or": [
        { "$in": ["$operationType", ["insert", "replace", "delete"]] },
        { "$gt": [{ "$size": others }, 0] },
    ] };
    let pipeline = [doc! { "$match": { "$expr": matters } }, doc! { "$project": { "documentKey": 1 } }];
    let stream = connection.collection.clone_with_type::<RawDocumentBuf>();
    let mut stream = stream
        .watch()
        .pipeline(pipeline)
        .start_at_operation_time(since)
        .max_await_time(LINGER)
        .await?
        .with_type::<RawDocumentBuf>();
    let mut changed: HashSet<Vec<u8>> = HashSet::new();
    while (changed.len() as u64) < enough {
        let Some(event) = stream.next_if_any().await? else { break };
        if let Ok(key) = event.get_document("documentKey") {
            changed.insert(key.as_bytes().to_vec());
        }
    }
    Ok(changed.len() as u64)
}

fn lacks_history(error: &Error) -> bool {
    matches!(&*error.kind, ErrorKind::Command(command) if NO_HISTORY.contains(&command.code))
}
