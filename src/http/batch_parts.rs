//! The answer to a batch, a part at a time: the queries' results in the order of the requests.

use std::sync::Arc;

use rayon::ThreadPool;
use rayon::prelude::*;
use serde::Serialize;

use crate::query::{Answer, Batch, Found};

use super::problem::Problem;
use super::state::Served;
use super::stream::{EMPTY, MAX_WHOLE, Parts, StreamError};

/// Results in a part, at least [`MAX_WHOLE`]: enough to occupy several threads for a while.
const PART: usize = 1_024;
/// Results of a large answer that one thread makes at a time.
const SLICE: usize = 64;

/// What is still to be sent.
#[derive(Debug)]
pub(super) struct BatchParts {
    served: Arc<Served>,
    pool: Arc<ThreadPool>,
    batch: Batch,
    entries: Vec<BatchEntry>,
    /// The answer up to its first entry; taken by the first part.
    head: Vec<u8>,
    /// Entries that were made.
    n_made: usize,
    /// Results that were made of the entry after them, a large answer.
    n_made_of_next: usize,
}

/// What there is to say to one request.
#[derive(Debug)]
pub(super) enum BatchEntry {
    /// What was found for the request at this place of the batch.
    Found(usize),
    /// Why there is no answer.
    Refused(Problem),
}

/// An entry as sent.
#[derive(Serialize)]
struct AnswerView<'a> {
    status: u16,
    answer: &'a Answer,
}

impl BatchParts {
    /// The answer to a batch, of at least one entry, that took so long so far.
    pub fn new(
        served: Arc<Served>,
        pool: Arc<ThreadPool>,
        batch: Batch,
        entries: Vec<BatchEntry>,
        took_us: u128,
    ) -> Result<Self, serde_json::Error> {
        let generation = serde_json::to_string(&served.snapshot.manifest().generation)?;
        let head = format!("{{\"generation\":{generation},\"took_us\":{took_us},\"results\":[");
        let head = head.into_bytes();
        Ok(Self { served, pool, batch, entries, head, n_made: 0, n_made_of_next: 0 })
    }

    /// How many results all answers have together.
    pub fn n_results(&self) -> usize {
        self.entries.iter().map(|entry| self.found(entry).map_or(0, |found| found.ranking.hits.len())).sum()
    }

    fn found(&self, entry: &BatchEntry) -> Option<&Found> {
        match entry {
            BatchEntry::Found(place) => self.batch.of(*place).ok(),
            BatchEntry::Refused(_) => None,
        }
    }

    fn n_results_of(&self, entry: usize) -> usize {
        self.found(&self.entries[entry]).map_or(0, |found| found.ranking.hits.len())
    }

    /// The next entries that are made as a whole; none where the next one is large.
    fn next_whole(&self) -> std::ops::Range<usize> {
        let mut end = self.n_made;
        let mut n_results = 0;
        while end < self.entries.len() {
            let n = self.n_results_of(end);
            if n > MAX_WHOLE || n_results + n > PART {
                break;
            }
            n_results += n;
            end += 1;
        }
        self.n_made..end
    }

    fn make(&self, entry: &BatchEntry) -> Result<Vec<u8>, serde_json::Error> {
        let made = match entry {
            BatchEntry::Refused(problem) => return refusal(problem),
            BatchEntry::Found(place) => self.batch.of(*place).map_err(Problem::from).and_then(|found| {
                let places = 0..found.ranking.hits.len();
                let results = found.prepared.show(&self.served.snapshot, &found.ranking, places)?;
                Ok(self.answer(found, results))
            }),
        };
        match made {
            Ok(answer) => serde_json::to_vec(&AnswerView { status: 200, answer: &answer }),
            Err(problem) => refusal(&problem),
        }
    }

    fn answer(&self, found: &Found, results: Vec<crate::query::ResultView>) -> Answer {
        Answer::new(&self.served.snapshot, &found.prepared, found.plan.clone(), results, found.took)
    }

    /// The next part of the large answer that comes next.
    fn next_of_large(&mut self, json: &mut Vec<u8>) -> Result<(), StreamError> {
        let Some(found) = self.found(&self.entries[self.n_made]) else { return Ok(()) };
        let start = self.n_made_of_next;
        if start == 0 {
            let empty = self.answer(found, Vec::new());
            let head = serde_json::to_vec(&AnswerView { status: 200, answer: &empty })?;
            json.extend_from_slice(&head[..head.len() - EMPTY.len() - 1]);
        }
        let end = found.ranking.hits.len().min(start + PART);
        let slices: Vec<_> = (start..end).step_by(SLICE).map(|place| place..end.min(place + SLICE)).collect();
        let make = |places: std::ops::Range<usize>| -> Result<Vec<u8>, StreamError> {
            let mut json = Vec::new();
            for result in found.prepared.show(&self.served.snapshot, &found.ranking, places)? {
                if result.rank > 1 {
                    json.push(b',');
                }
                serde_json::to_writer(&mut json, &result)?;
            }
            Ok(json)
        };
        let made: Vec<_> = self.pool.install(|| slices.into_par_iter().map(make).collect());
        for slice in made {
            json.extend_from_slice(&slice?);
        }
        if end == found.ranking.hits.len() {
            json.extend_from_slice(EMPTY);
            json.push(b'}');
            self.n_made += 1;
            self.n_made_of_next = 0;
        } else {
            self.n_made_of_next = end;
        }
        Ok(())
    }
}

fn refusal(problem: &Problem) -> Result<Vec<u8>, serde_json::Error> {
    let status = problem.status_number();
    Ok([format!("{{\"status\":{status},\"problem\":").as_bytes(), &problem.to_json()?, b"}"].concat())
}

impl Parts for BatchParts {
    fn is_over(&self) -> bool {
        self.n_made == self.entries.len()
    }

    fn next(&mut self) -> Result<Vec<u8>, StreamError> {
        let mut json = std::mem::take(&mut self.head);
        let whole = self.next_whole();
        if self.n_made > 0 && self.n_made_of_next == 0 {
            json.push(b',');
        }
        if whole.is_empty() {
            self.next_of_large(&mut json)?;
        } else {
            let entries = &self.entries[whole.clone()];
            let made: Vec<_> =
                self.pool.install(|| entries.par_iter().map(|entry| self.make(entry)).collect());
            for (index, entry) in made.into_iter().enumerate() {
                if index > 0 {
                    json.push(b',');
                }
                json.extend_from_slice(&entry?);
            }
            self.n_made = whole.end;
        }
        if self.is_over() {
            json.extend_from_slice(EMPTY);
        }
        Ok(json)
    }
}
