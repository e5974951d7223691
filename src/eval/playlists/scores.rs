//! R-precision, recall@100 and NDCG@100 with binary relevance, as in the RecSys Challenge 2018 (Zamani et al. 2019).

use std::collections::HashSet;

use serde::Serialize;

use crate::track::ItemIdx;

use super::MethodScores;

/// How deep recall and NDCG look.
pub(super) const N_SCORED: usize = 100;

/// Means over queries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Scores {
    /// Share of the truth among the first as many as it has tracks.
    pub r_precision: f64,
    /// Share of the truth among the first 100.
    pub recall_at_100: f64,
    /// Discounted cumulative gain of the first 100 over that of the best order.
    pub ndcg_at_100: f64,
    /// Queries.
    pub n_queries: usize,
}

/// Sums over queries.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums(Scores);

impl Sums {
    /// Adds a ranking, best first, against what was to be found.
    pub fn add(&mut self, ranking: &[ItemIdx], truth: &[ItemIdx]) {
        let wanted: HashSet<ItemIdx> = truth.iter().copied().collect();
        let gain = |place: usize| 1.0 / ((place + 2) as f64).log2();
        let found = |depth: usize| {
            let places = ranking.iter().take(depth).enumerate();
            places.filter(|(_, item)| wanted.contains(item)).map(|(place, _)| place)
        };
        let n = truth.len() as f64;
        let best: f64 = (0..truth.len().min(N_SCORED)).map(gain).sum();
        self.0.r_precision += found(truth.len()).count() as f64 / n;
        self.0.recall_at_100 += found(N_SCORED).count() as f64 / n;
        self.0.ndcg_at_100 += found(N_SCORED).map(gain).sum::<f64>() / best;
        self.0.n_queries += 1;
    }

    /// The means.
    pub fn of(&self, method: &'static str) -> MethodScores {
        let n = self.0.n_queries.max(1) as f64;
        let mean = |sum: f64| (sum / n * 1e5).round() / 1e5;
        let scores = Scores {
            r_precision: mean(self.0.r_precision),
            recall_at_100: mean(self.0.recall_at_100),
            ndcg_at_100: mean(self.0.ndcg_at_100),
            n_queries: self.0.n_queries,
        };
        MethodScores { method, scores }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(ranking: &[u32], truth: &[u32]) -> Scores {
        let items = |ids: &[u32]| ids.iter().copied().map(ItemIdx).collect::<Vec<_>>();
        let mut sums = Sums::default();
        sums.add(&items(ranking), &items(truth));
        sums.of("m").scores
    }

    #[test]
    fn the_scores_are_those_of_their_definitions() {
        let perfect = scores(&[1, 2, 3, 4], &[3, 2, 1]);
        assert_eq!((perfect.r_precision, perfect.recall_at_100, perfect.ndcg_at_100), (1.0, 1.0, 1.0));
        let late = scores(&[9, 8, 1, 2], &[1, 2]);
        assert_eq!((late.r_precision, late.recall_at_100), (0.0, 1.0));
        // (1/2 + 1/log2 5) / (1 + 1/log2 3)
        assert!((late.ndcg_at_100 - 0.57065).abs() < 1e-5, "{late:?}");
        assert_eq!(scores(&[9, 8], &[1]), Scores { n_queries: 1, ..Scores::default() });
    }
}
