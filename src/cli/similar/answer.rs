//! What an answer must have to be shown. Everything else in it is somebody else's business: a server may be older or newer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Failure;
use crate::cli::output::plain;

/// An answer of `POST /api/v1/similar`.
#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    #[serde(default)]
    generation: String,
    #[serde(default)]
    engine: String,
    #[serde(default)]
    plan: Plan,
    #[serde(default)]
    took_us: u64,
    #[serde(default)]
    pub warnings: Vec<String>,
    pub results: Vec<Hit>,
}

#[derive(Debug, Default, Deserialize)]
struct Plan {
    #[serde(default)]
    reason: String,
    effort: Option<u64>,
}

/// One result.
#[derive(Debug, Deserialize)]
pub(super) struct Hit {
    pub id: String,
    pub similarity: f64,
    #[serde(default)]
    pub track: Track,
    /// Other recordings of the same, left out.
    #[serde(default)]
    pub collapsed: Vec<String>,
    pub explanation: Option<Explanation>,
}

/// What is shown of a track.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Track {
    pub name: Option<String>,
    #[serde(default)]
    pub artists: Vec<String>,
    pub year: Option<i64>,
}

/// Why a track is in the answer.
#[derive(Debug, Deserialize)]
pub(super) struct Explanation {
    #[serde(default)]
    pub contributions: BTreeMap<String, f64>,
    #[serde(default)]
    pub summary: String,
}

/// A track that some words may mean.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Candidate {
    pub id: String,
    #[serde(default)]
    pub track: Track,
}

/// What `GET /api/v1/tracks?q=` answers.
#[derive(Debug, Deserialize)]
pub(super) struct Found {
    pub results: Vec<Candidate>,
}

impl Answer {
    /// Reads the JSON of an answer.
    pub fn parse(json: &str) -> Result<Self, Failure> {
        serde_json::from_str(json).map_err(|error| not_understood(&error))
    }

    /// The engine, why it was chosen and how long it took, in a line.
    pub fn plan_line(&self) -> String {
        let effort = self.plan.effort.map(|effort| format!(", effort {effort}")).unwrap_or_default();
        let Self { engine, plan: Plan { reason, .. }, generation, took_us, .. } = self;
        format!("{engine}{effort}: {reason}; {took_us} us, generation {generation}")
    }
}

/// A server's answer that is none of nearfield's.
pub(super) fn not_understood(error: &serde_json::Error) -> Failure {
    Failure::Work(
        format!("the server's answer is not understood: {error}; is --server a nearfield server?").into(),
    )
}

impl Track {
    /// "Title by First, Second", without what would move the cursor of a terminal.
    pub fn spoken(&self) -> String {
        match self.artists.is_empty() {
            true => self.title(),
            false => format!("{} by {}", self.title(), self.by()),
        }
    }

    /// The title.
    pub fn title(&self) -> String {
        plain(self.name.as_deref().unwrap_or("(no title)"))
    }

    /// The artists.
    pub fn by(&self) -> String {
        plain(&self.artists.join(", "))
    }
}
