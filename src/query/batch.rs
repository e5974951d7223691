//! Many requests at once, on all threads of the current pool. What they have in common is done once: requests that say
//! the same are searched for once, and a filter that several have is compiled once, whatever the cache of filters keeps.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rayon::prelude::*;

use crate::codec;
use crate::filter_cache::FilterKey;
use crate::snapshot::Snapshot;

use super::answer::Answer;
use super::error::QueryError;
use super::filter::CheckedFilter;
use super::plan::Plan;
use super::prepare::{Prepared, SharedFilter};
use super::ranking::Ranking;
use super::request::SimilarRequest;
use super::search::similar;

/// Answers `requests` from `snapshot`, in their order; each answer is that of [`similar`].
pub fn similar_batch(snapshot: &Snapshot, requests: &[SimilarRequest]) -> Vec<Result<Answer, QueryError>> {
    let Ok(batch) = Batch::find(snapshot, requests, || Ok::<_, Infallible>(()));
    let answers: Vec<Result<Answer, QueryError>> = batch
        .found
        .into_par_iter()
        .map(|found| {
            let found = found?;
            let places = 0..found.ranking.hits.len();
            let results = found.prepared.show(snapshot, &found.ranking, places)?;
            Ok(Answer::new(snapshot, &found.prepared, found.plan, results, found.took))
        })
        .collect();
    let mut n_left = vec![0_usize; answers.len()];
    batch.which.iter().for_each(|&index| n_left[index] += 1);
    let mut answers: Vec<Option<Result<Answer, QueryError>>> = answers.into_iter().map(Some).collect();
    let mut take = |(request, &index): (&SimilarRequest, &usize)| {
        n_left[index] -= 1;
        let last = if n_left[index] == 0 { answers[index].take() } else { None };
        last.unwrap_or_else(|| match &answers[index] {
            Some(Ok(answer)) => Ok(answer.clone()),
            // An error cannot be copied, but what led to it can be done again.
            _ => similar(snapshot, request),
        })
    };
    requests.iter().zip(&batch.which).map(&mut take).collect()
}

/// What was found for the requests of a batch.
#[derive(Debug)]
pub struct Batch {
    /// What was found for each of the different requests.
    found: Vec<Result<Found, QueryError>>,
    /// Which of them a request is, by request.
    which: Vec<usize>,
}

/// What was found for one request, not shown yet.
#[derive(Debug)]
pub struct Found {
    /// The request, without the items its filter lets pass, which showing does not need.
    pub prepared: Prepared,
    /// How it was searched for at first.
    pub first_plan: Plan,
    /// How it was searched for at last: deeper, where the first search did not suffice.
    pub plan: Plan,
    /// What was found.
    pub ranking: Ranking,
    /// How long that took.
    pub took: Duration,
}

impl Batch {
    /// Searches for all of `requests`. `go_on` is asked before each search; its error ends the batch.
    pub fn find<E: Send>(
        snapshot: &Snapshot,
        requests: &[SimilarRequest],
        go_on: impl Fn() -> Result<(), E> + Sync,
    ) -> Result<Self, E> {
        let (different, which) = without_duplicates(requests);
        // Requests with the same filter are searched for next to each other, so that its items stay in the processor's
        // cache, and no more filters than threads are in memory.
        let mut by_filter: BTreeMap<Option<FilterKey>, Vec<usize>> = BTreeMap::new();
        for (index, request) in different.iter().enumerate() {
            // What is wrong with a filter is reported when its request is prepared.
            let filter = CheckedFilter::new(snapshot, &request.filters).ok().flatten();
            by_filter.entry(filter.map(|filter| filter.key())).or_default().push(index);
        }
        let groups: Vec<Vec<usize>> = by_filter.into_values().collect();
        let search = |group: &Vec<usize>| {
            let filter = OnceLock::new();
            let search =
                |&index: &usize| go_on().map(|()| (index, find(snapshot, different[index], &filter)));
            group.par_iter().map(search).collect::<Result<Vec<_>, E>>()
        };
        let found: Vec<Vec<_>> = groups.par_iter().map(search).collect::<Result<_, E>>()?;
        let mut found: Vec<(usize, Result<Found, QueryError>)> = found.into_iter().flatten().collect();
        found.sort_unstable_by_key(|(index, _)| *index);
        Ok(Self { found: found.into_iter().map(|(_, found)| found).collect(), which })
    }

    /// What was found for the request at `place`.
    pub fn of(&self, place: usize) -> Result<&Found, &QueryError> {
        self.found[self.which[place]].as_ref()
    }

    /// What was searched for and found: once for requests that say the same.
    pub fn searches(&self) -> impl Iterator<Item = &Found> {
        self.found.iter().flatten()
    }
}

fn find(snapshot: &Snapshot, request: &SimilarRequest, filter: &SharedFilter) -> Result<Found, QueryError> {
    let started = Instant::now();
    let mut prepared = Prepared::sharing(snapshot, request, filter)?;
    let first_plan = prepared.plan(snapshot, prepared.depth());
    let (plan, ranking) = prepared.find_by(snapshot, first_plan.clone())?;
    // Many filters over many items would fill the memory until the last answer is shown.
    prepared.allowed = None;
    Ok(Found { prepared, first_plan, plan, ranking, took: started.elapsed() })
}

/// The requests that differ from all before them, and which of them each request is.
fn without_duplicates(requests: &[SimilarRequest]) -> (Vec<&SimilarRequest>, Vec<usize>) {
    let mut different = Vec::new();
    let mut known: HashMap<[u8; 32], usize> = HashMap::new();
    let mut encoded = Vec::new();
    let mut which = Vec::with_capacity(requests.len());
    for request in requests {
        encoded.clear();
        let index = match codec::encode_into(request, &mut encoded) {
            // What is compared does not hold groups.
            Ok(()) if request.groups.is_empty() => {
                *known.entry(*blake3::hash(&encoded).as_bytes()).or_insert(different.len())
            }
            // Too long to be worth comparing.
            Ok(()) | Err(_) => different.len(),
        };
        if index == different.len() {
            different.push(request);
        }
        which.push(index);
    }
    (different, which)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Mean;

    #[test]
    fn requests_that_say_the_same_are_one() {
        let read = |json: &str| serde_json::from_str::<SimilarRequest>(json).unwrap();
        let requests = [
            read(r#"{"seeds": ["a"], "weights": {"energy": 1, "key": 2}}"#),
            read(r#"{"seeds": ["b"]}"#),
            read(r#"{"weights": {"key": 2.0, "energy": 1.0}, "k": 10.0, "seeds": ["a"]}"#),
            read(r#"{"seeds": ["b"], "anchor": 0.5}"#),
            read(r#"{"seeds": ["b"], "filters": {}}"#),
        ];
        let (different, which) = without_duplicates(&requests);
        assert_eq!((different.len(), which), (3, vec![0, 1, 0, 2, 1]));
        let group = |x: f64| SimilarRequest {
            groups: vec![std::sync::Arc::new(Mean { vector: vec![x], missing: vec![false] })],
            ..SimilarRequest::default()
        };
        assert_eq!(without_duplicates(&[group(0.1), group(0.2)]).1, [0, 1], "groups are no part of the JSON");
    }
}
