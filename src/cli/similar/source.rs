//! Whom a query is asked of.

use std::fmt;

use crate::http::Problem;
use crate::index::EngineKind;
use crate::query::{self, QueryError, SimilarRequest, TrackView};
use crate::snapshot::Snapshot;
use crate::track::{ItemIdx, TrackId};

use super::answer::{Candidate, Track};
use super::flags::QueryFlags;
use super::server::Server;
use super::{Context, Failure, SimilarArgs};

/// A snapshot, or a server that has one.
pub(super) enum Source {
    Snapshot(Box<Snapshot>),
    Server(Server),
}

/// Why a query has no answer.
#[derive(Debug)]
pub(super) enum Refused {
    /// Something about it makes no sense, or does not exist.
    Query {
        /// Whether it was asked wrongly, rather than for a track that is not there.
        is_usage: bool,
        /// The field of the request.
        field: String,
        /// What is wrong.
        detail: String,
    },
    /// It could not be asked.
    Other(Failure),
}

impl Source {
    pub fn open(args: &SimilarArgs, context: &Context) -> Result<Self, Failure> {
        if let Some(url) = &args.server {
            return Ok(Self::Server(Server::new(url, context.cancel.clone())?));
        }
        let snapshot = Snapshot::open_live(&args.snapshot.indexes, &args.snapshot.name)?;
        if let Some(forest) = snapshot.forest()
            && args.query.engine() == EngineKind::Forest.name()
        {
            forest.wait()?;
        }
        Ok(Self::Snapshot(Box::new(snapshot)))
    }

    /// The JSON of the answer.
    pub fn similar(&self, request: &SimilarRequest) -> Result<String, Refused> {
        match self {
            Self::Snapshot(snapshot) => {
                let answer = query::similar(snapshot, request)?;
                serde_json::to_string(&answer).map_err(|error| Refused::Other(error.into()))
            }
            Self::Server(server) => server.similar(request),
        }
    }

    /// The track with this id.
    pub fn find(&self, id: &TrackId) -> Result<Option<Candidate>, Failure> {
        match self {
            Self::Snapshot(snapshot) => snapshot.find(id).map(|item| candidate(snapshot, item)).transpose(),
            Self::Server(server) => server.find(id),
        }
    }

    /// At most `limit` tracks with such words in title and artists, best first.
    pub fn search(&self, words: &str, limit: usize) -> Result<Vec<Candidate>, Failure> {
        match self {
            Self::Snapshot(snapshot) => {
                let hits = snapshot.search_titles(words, limit).into_iter();
                hits.map(|hit| candidate(snapshot, hit.item)).collect()
            }
            Self::Server(server) => server.search(words, limit),
        }
    }
}

fn candidate(snapshot: &Snapshot, item: ItemIdx) -> Result<Candidate, Failure> {
    let TrackView { name, artists, year, .. } = TrackView::of(snapshot, item)?;
    Ok(Candidate { id: snapshot.items().id(item).into_owned(), track: Track { name, artists, year } })
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Snapshot(snapshot) => write!(f, "snapshot `{}`", snapshot.manifest().name),
            Self::Server(server) => write!(f, "what {server} serves"),
        }
    }
}

impl From<QueryError> for Refused {
    fn from(error: QueryError) -> Self {
        // As a server would say it.
        let is_usage = Problem::from(&error).is_bad_request();
        let is_unknown = matches!(error, QueryError::UnknownTrack { .. });
        match error.field() {
            Some(field) if is_usage || is_unknown => {
                Self::Query { is_usage, field, detail: error.to_string() }
            }
            _ => Self::Other(error.into()),
        }
    }
}

impl Refused {
    /// The same of the flag that the field came from.
    pub fn of_flags(self, flags: &QueryFlags) -> Failure {
        let (is_usage, field, detail) = match self {
            Self::Query { is_usage, field, detail } => (is_usage, field, detail),
            Self::Other(failure) => return failure,
        };
        let flag = flags.flag_of(&field);
        let mut text = detail.replace(&format!("`{field}`"), &format!("`{flag}`"));
        if !text.contains(&flag) {
            text = format!("{flag}: {text}");
        }
        match is_usage {
            true => Failure::Usage(text),
            false => Failure::Work(
                format!(
                    "{text}; words of its title in its place find a track: nearfield similar 'TITLE ARTIST'"
                )
                .into(),
            ),
        }
    }
}
