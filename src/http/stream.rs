//! Large answers, a part at a time: a million results with explanations would take gigabytes as a whole. A part is made
//! when the connection has room for it, on the blocking pool, where no thread is held while a slow reader reads.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::web::Bytes;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};

use crate::query::{Prepared, QueryError, Ranking};

use super::state::Served;

/// Answers with more results than this are sent in parts.
pub(super) const MAX_WHOLE: usize = 1_000;
/// Results in a part: enough to be worth the way to another thread.
const PART: usize = 256;

/// How the JSON of an answer without results ends.
pub(super) const EMPTY: &[u8] = b"]}";

/// What is made a part at a time.
pub(super) trait Parts: Send + 'static {
    /// Whether every part was made.
    fn is_over(&self) -> bool;

    /// Makes the next part; there is one.
    fn next(&mut self) -> Result<Vec<u8>, StreamError>;
}

/// JSON that is made as it is sent.
#[derive(Debug)]
pub(super) struct PartStream<P>(State<P>);

#[derive(Debug)]
enum State<P> {
    Idle(Box<P>),
    Making(JoinHandle<Made<P>>),
    Ended,
}

/// A part, and what is left after it.
type Made<P> = (Box<P>, Result<Vec<u8>, StreamError>);

/// What is still to be sent of one answer.
#[derive(Debug)]
pub(super) struct AnswerParts {
    served: Arc<Served>,
    prepared: Prepared,
    ranking: Ranking,
    /// The answer up to its first result; taken by the first part.
    head: Vec<u8>,
    n_made: usize,
}

/// Why an answer ends before its time.
#[derive(Debug, thiserror::Error)]
pub(super) enum StreamError {
    /// A record of the snapshot is damaged.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// A result cannot be written as JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// The thread that made the part is gone.
    #[error(transparent)]
    Thread(#[from] JoinError),
}

impl<P: Parts> PartStream<P> {
    /// All that is left of `parts`.
    pub fn new(parts: P) -> Self {
        Self(State::Idle(Box::new(parts)))
    }
}

impl AnswerParts {
    /// The answer whose JSON without results is `head`, with the results of `ranking`, of which there must be some.
    pub fn new(served: Arc<Served>, prepared: Prepared, ranking: Ranking, mut head: Vec<u8>) -> Self {
        debug_assert!(head.ends_with(b"\"results\":[]}"), "results are the last field of an answer");
        head.truncate(head.len() - EMPTY.len());
        Self { served, prepared, ranking, head, n_made: 0 }
    }
}

impl Parts for AnswerParts {
    fn is_over(&self) -> bool {
        self.n_made == self.ranking.hits.len()
    }

    fn next(&mut self) -> Result<Vec<u8>, StreamError> {
        let mut json = std::mem::take(&mut self.head);
        let end = self.ranking.hits.len().min(self.n_made + PART);
        for result in self.prepared.show(&self.served.snapshot, &self.ranking, self.n_made..end)? {
            if result.rank > 1 {
                json.push(b',');
            }
            serde_json::to_writer(&mut json, &result)?;
        }
        self.n_made = end;
        if self.is_over() {
            json.extend_from_slice(EMPTY);
        }
        Ok(json)
    }
}

impl<P: Parts> MessageBody for PartStream<P> {
    type Error = Box<dyn Error>;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        loop {
            match std::mem::replace(&mut self.0, State::Ended) {
                State::Ended => return Poll::Ready(None),
                State::Idle(parts) if parts.is_over() => return Poll::Ready(None),
                State::Idle(mut parts) => {
                    self.0 = State::Making(spawn_blocking(move || {
                        let part = parts.next();
                        (parts, part)
                    }));
                }
                State::Making(mut making) => {
                    let made = match Pin::new(&mut making).poll(context) {
                        Poll::Ready(made) => made.map_err(StreamError::from),
                        Poll::Pending => {
                            self.0 = State::Making(making);
                            return Poll::Pending;
                        }
                    };
                    return Poll::Ready(Some(match made.and_then(|(parts, part)| Ok((parts, part?))) {
                        Ok((parts, json)) => {
                            self.0 = State::Idle(parts);
                            Ok(json.into())
                        }
                        Err(error) => {
                            // The status is out already: breaking off is how the client learns of it.
                            tracing::error!("an answer breaks off: {error}");
                            Err(error.into())
                        }
                    }));
                }
            }
        }
    }
}
