//! Collects what may be among the best k by an approximate score, then scores it canonically and orders it.

use crate::content::Vectors;
use crate::distance::{self, Query};
use crate::track::ItemIdx;

use super::SearchRequest;

/// Below this share of accepted items scoring them one by one is cheaper than any other way.
pub(super) const GATHER_SHARE: usize = 16;

/// One result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// The item.
    pub item: ItemIdx,
    /// Its canonical similarity.
    pub score: f32,
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
    /// (approximate score, item); an infinite score must be judged canonically.
    found: Vec<(f32, u32)>,
}

impl Candidates {
    /// For the best `k` by scores that are off by at most `error`.
    pub fn new(k: usize, error: f32) -> Self {
        let capacity = (4 * k).max(512);
        Self { k, margin: 2.0 * error, threshold: f32::NEG_INFINITY, capacity, found: Vec::new() }
    }

    /// Scores below this cannot matter any more.
    #[inline]
    pub fn threshold(&self) -> f32 {
        self.threshold
    }

    /// Adds an item whose score is not below the threshold.
    #[inline]
    pub fn push(&mut self, score: f32, item: ItemIdx) {
        self.found.push((score, item.0));
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
        let items = self.found.iter().map(|(_, item)| ItemIdx(*item));
        best(items, vectors, query, self.k)
    }
}

/// The best `k` of `items` by canonical score.
pub(super) fn best(
    items: impl Iterator<Item = ItemIdx>,
    vectors: &Vectors,
    query: &Query,
    k: usize,
) -> Vec<Hit> {
    let score = |item| Hit { item, score: distance::canonical(query, vectors.row(item)) };
    let mut hits: Vec<Hit> = items.map(score).collect();
    let order = |a: &Hit, b: &Hit| b.score.total_cmp(&a.score).then(a.item.cmp(&b.item));
    if hits.len() > k {
        hits.select_nth_unstable_by(k, order);
        hits.truncate(k);
    }
    hits.sort_unstable_by(order);
    hits
}

/// The best of the accepted items, each scored alone: for filters that leave few.
pub(crate) fn best_accepted(vectors: &Vectors, request: &SearchRequest<'_>) -> Vec<Hit> {
    let accepted = |item: &ItemIdx| request.accepts(*item);
    match request.allowed {
        Some(allowed) => best(allowed.iter().filter(accepted), vectors, request.query, request.k),
        None => {
            let all = (0..vectors.len() as u32).map(ItemIdx);
            best(all.filter(accepted), vectors, request.query, request.k)
        }
    }
}
