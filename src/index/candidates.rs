//! Collects what may be among the best k by an approximate score, then scores it canonically and orders it.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::content::Vectors;
use crate::distance::{self, Isa, Query, score_rows};
use crate::track::ItemIdx;

use super::SearchRequest;

/// Rows scored at a time.
const CHUNK: usize = 1024;

/// One result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// The item.
    pub item: ItemIdx,
    /// Its canonical similarity.
    pub score: f32,
}

/// The order of answers: score descending, item ascending.
fn order(a: &Hit, b: &Hit) -> Ordering {
    b.score.total_cmp(&a.score).then(a.item.cmp(&b.item))
}

/// Everything whose approximate score is within twice the error bound of the k-th best: if scores are off by at most
/// `error`, the k-th best approximate score is at most `error` above the true one, and what truly belongs to the
/// best k at most `error` below its own.
#[derive(Debug)]
pub struct Candidates {
    k: usize,
    margin: f32,
    threshold: f32,
    capacity: usize,
    /// (approximate score, position); an infinite score must be judged canonically.
    found: Vec<(f32, u32)>,
}

impl Candidates {
    /// For the best `k` by scores that are off by at most `error`.
    pub fn new(k: usize, error: f32) -> Self {
        let capacity = k.saturating_mul(4).max(512);
        Self { k, margin: 2.0 * error, threshold: f32::NEG_INFINITY, capacity, found: Vec::new() }
    }

    /// Scores below this cannot matter any more.
    #[inline]
    pub fn threshold(&self) -> f32 {
        self.threshold
    }

    /// Adds the item at a position, whose score is not below the threshold.
    #[inline]
    pub fn push(&mut self, score: f32, position: u32) {
        self.found.push((score, position));
        if self.found.len() >= self.capacity {
            self.shrink();
        }
    }

    fn shrink(&mut self) {
        let mut scores: Vec<f32> =
            self.found.iter().map(|(score, _)| *score).filter(|score| score.is_finite()).collect();
        if scores.len() >= self.k {
            let (_, kth, _) = scores.select_nth_unstable_by(self.k - 1, |a, b| b.total_cmp(a));
            self.threshold = *kth - self.margin;
            let threshold = self.threshold;
            self.found.retain(|(score, _)| *score >= threshold);
        }
        // Ties beyond the capacity: make room instead of shrinking for every push.
        if self.found.len() * 2 > self.capacity {
            self.capacity *= 2;
        }
    }

    /// The best k by canonical score.
    pub fn finish(mut self, vectors: &Vectors, query: &Query) -> Vec<Hit> {
        self.shrink();
        best(self.found.iter().map(|(_, position)| *position), vectors, query, self.k)
    }
}

/// The best `k` of the items at `positions` by canonical score.
pub(super) fn best(
    positions: impl Iterator<Item = u32>,
    vectors: &Vectors,
    query: &Query,
    k: usize,
) -> Vec<Hit> {
    let score = |position| canonical_hit(vectors, query, position);
    let mut hits: Vec<Hit> = positions.map(score).collect();
    if hits.len() > k {
        hits.select_nth_unstable_by(k, order);
        hits.truncate(k);
    }
    hits.sort_unstable_by(order);
    hits
}

fn canonical_hit(vectors: &Vectors, query: &Query, position: u32) -> Hit {
    Hit { item: vectors.item_at(position), score: distance::canonical(query, vectors.row_at(position)) }
}

/// The best of all accepted items, each scored canonically: slow, and the truth that everything else is checked
/// against.
pub(crate) fn best_accepted(vectors: &Vectors, request: &SearchRequest<'_>) -> Vec<Hit> {
    let accepted = (0..vectors.len() as u32).filter(|position| request.accepts(vectors, *position));
    best(accepted, vectors, request.query, request.k)
}

/// The plain scan: the best of all accepted items by f32 scores of their rows, then canonically.
pub(super) fn scan_rows(isa: Isa, vectors: &Vectors, request: &SearchRequest<'_>) -> Vec<Hit> {
    let Some(error) = request.query.f32_error() else { return best_accepted(vectors, request) };
    let mut candidates = Candidates::new(request.k, error);
    let mut scores = Vec::with_capacity(CHUNK);
    let mut visit = |positions: &[u32]| {
        scores.clear();
        score_rows(isa, request.query, vectors.rows(), positions, &mut scores);
        for (&score, &position) in scores.iter().zip(positions) {
            if score >= candidates.threshold() && request.is_not_excluded(vectors, position) {
                candidates.push(score, position);
            }
        }
    };
    for_each_chunk(vectors, request, &mut visit);
    candidates.finish(vectors, request.query)
}

/// The place of `item` among the accepted items, counted from 1, whether it is accepted itself or not.
pub(crate) fn rank(vectors: &Vectors, request: &SearchRequest<'_>, item: ItemIdx) -> usize {
    let own = Hit { item, score: distance::canonical(request.query, vectors.row(item)) };
    // Where f32 promises nothing, every score is within this of every other.
    let error = request.query.f32_error().unwrap_or(f32::INFINITY);
    let mut scores = Vec::with_capacity(CHUNK);
    let mut n_before = 0;
    let mut visit = |positions: &[u32]| {
        scores.clear();
        score_rows(Isa::best(), request.query, vectors.rows(), positions, &mut scores);
        for (&score, &position) in scores.iter().zip(positions) {
            let is_close = score.is_infinite() || (score - own.score).abs() <= 2.0 * error;
            let is_before = match is_close {
                true => order(&canonical_hit(vectors, request.query, position), &own) == Ordering::Less,
                false => score > own.score,
            };
            n_before += usize::from(is_before && request.is_not_excluded(vectors, position));
        }
    };
    for_each_chunk(vectors, request, &mut visit);
    n_before + 1
}

/// Calls `visit` with the positions of all that a filter lets pass, some at a time.
pub(crate) fn for_each_chunk(vectors: &Vectors, request: &SearchRequest<'_>, visit: &mut dyn FnMut(&[u32])) {
    match request.allowed {
        Some(allowed) => allowed.for_each_chunk(CHUNK, visit),
        None => {
            let n_items = vectors.len() as u32;
            let mut positions = Vec::with_capacity(CHUNK);
            for first in (0..n_items).step_by(CHUNK) {
                positions.clear();
                positions.extend(first..n_items.min(first + CHUNK as u32));
                visit(&positions);
            }
        }
    }
}

/// The best of the items at `positions`, which are accepted, by f32 scores of their rows, then canonically.
pub(super) fn rescore(isa: Isa, vectors: &Vectors, query: &Query, k: usize, positions: &[u32]) -> Vec<Hit> {
    let Some(error) = query.f32_error() else { return best(positions.iter().copied(), vectors, query, k) };
    let mut scores = Vec::with_capacity(positions.len());
    score_rows(isa, query, vectors.rows(), positions, &mut scores);
    let mut candidates = Candidates::new(k, error);
    for (&score, &position) in scores.iter().zip(positions) {
        candidates.push(score, position);
    }
    candidates.finish(vectors, query)
}

/// A hit that is larger the worse it is, so that the top of a heap is the worst.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Worst(Hit);

impl Eq for Worst {}

impl Ord for Worst {
    fn cmp(&self, other: &Self) -> Ordering {
        order(&self.0, &other.0)
    }
}

impl PartialOrd for Worst {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The best k by canonical score, found one after another.
#[derive(Debug)]
pub(super) struct TopK {
    k: usize,
    heap: BinaryHeap<Worst>,
}

impl TopK {
    pub fn new(k: usize) -> Self {
        Self { k, heap: BinaryHeap::with_capacity(k.min(1 << 16) + 1) }
    }

    /// The score of the k-th best so far; nothing below it matters any more.
    pub fn threshold(&self) -> Option<f32> {
        let full = self.heap.len() >= self.k;
        self.heap.peek().filter(|_| full).map(|worst| worst.0.score)
    }

    pub fn push(&mut self, vectors: &Vectors, query: &Query, position: u32) {
        self.heap.push(Worst(canonical_hit(vectors, query, position)));
        if self.heap.len() > self.k {
            self.heap.pop();
        }
    }

    pub fn into_hits(self) -> Vec<Hit> {
        self.heap.into_sorted_vec().into_iter().map(|worst| worst.0).collect()
    }
}
