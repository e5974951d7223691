//! What is compared.

use std::sync::Arc;

use rand::rngs::StdRng;
use rand::seq::index::sample;

use crate::feature::PROFILE_DEFAULT;
use crate::index::Allowed;
use crate::learn::{Prior, learn};
use crate::query::{Prepared, QueryError, SimilarRequest};
use crate::snapshot::Snapshot;
use crate::track::{ItemIdx, value};

/// In this order: tracks at random; the most popular ones; the default profile; the profile `playlist`; one over the variance
/// of the seeds plus 0.1, over the features of that profile; what learning begins with; what it learns from the seeds; the same
/// beginning with the spreads of the first half of the playlists.
pub(super) const METHODS: [&str; 8] = [
    "random",
    "popular",
    "default",
    "playlist",
    "inverse variance",
    "prior",
    "learned",
    "learned, own prior",
];
/// Added to the variance.
const VARIANCE_FLOOR: f64 = 0.1;

/// The methods, against one split.
pub(super) struct Methods<'a> {
    snapshot: &'a Snapshot,
    prior: Prior,
    own_prior: Prior,
    default: Vec<f64>,
    playlist: Vec<f64>,
    /// All items, the most popular ones first.
    popular: Vec<ItemIdx>,
}

impl<'a> Methods<'a> {
    pub fn new(snapshot: &'a Snapshot, spreads_of_half: &[f64]) -> Self {
        let schema = snapshot.schema();
        let default = schema.profile(PROFILE_DEFAULT).unwrap_or_default();
        let mut popular: Vec<ItemIdx> = (0..snapshot.items().len() as u32).map(ItemIdx).collect();
        let popularity = |item: &ItemIdx| snapshot.raw(value::POPULARITY, *item).unwrap_or(f64::NEG_INFINITY);
        // Stable: equals stay in the order of items.
        popular.sort_by(|a, b| popularity(b).total_cmp(&popularity(a)));
        let own_prior = Prior::of_spreads(schema, spreads_of_half.to_vec());
        Self {
            snapshot,
            prior: Prior::of(schema, None).unwrap_or_else(|| own_prior.clone()),
            own_prior,
            playlist: schema.profile("playlist").unwrap_or_else(|| default.clone()),
            default,
            popular,
        }
    }

    /// The best `depth` of `allowed` by every method.
    pub fn rank(
        &self,
        seeds: &[ItemIdx],
        allowed: &Arc<Allowed>,
        depth: usize,
        rng: &mut StdRng,
    ) -> Result<Vec<Vec<ItemIdx>>, QueryError> {
        let all: Vec<ItemIdx> = allowed.items().iter().collect();
        let random = sample(rng, all.len(), depth.min(all.len())).iter().map(|place| all[place]).collect();
        let popular = self.popular.iter().copied().filter(|item| allowed.items().contains(*item)).take(depth);
        let mut rankings = vec![random, popular.collect()];
        let learned = |seeds: &[ItemIdx], prior| {
            let learned = learn(self.snapshot, seeds.to_vec(), Vec::new(), prior).weights;
            self.snapshot.schema().features.iter().map(|feature| learned[&feature.name]).collect::<Vec<f64>>()
        };
        let weights = [
            self.default.clone(),
            self.playlist.clone(),
            self.inverse_variance(seeds),
            learned(&[], &self.prior),
            learned(seeds, &self.prior),
            learned(seeds, &self.own_prior),
        ];
        for weights in &weights {
            rankings.push(self.search(seeds, weights, allowed, depth)?);
        }
        Ok(rankings)
    }

    fn search(
        &self,
        seeds: &[ItemIdx],
        weights: &[f64],
        allowed: &Arc<Allowed>,
        depth: usize,
    ) -> Result<Vec<ItemIdx>, QueryError> {
        let names = self.snapshot.schema().features.iter().map(|feature| feature.name.clone());
        let request = SimilarRequest {
            seeds: seeds.iter().map(|item| self.snapshot.items().id(*item).into_owned()).collect(),
            weights: names.zip(weights.iter().copied()).collect(),
            k: depth,
            engine: "exact".into(),
            collapse_duplicates: false,
            ..SimilarRequest::default()
        };
        let mut prepared = Prepared::new(self.snapshot, &request)?;
        prepared.allowed = Some(Arc::clone(allowed));
        let (_, ranking) = prepared.find(self.snapshot)?;
        Ok(ranking.hits.iter().map(|hit| hit.item).collect())
    }

    fn inverse_variance(&self, seeds: &[ItemIdx]) -> Vec<f64> {
        let (schema, vectors) = (self.snapshot.schema(), self.snapshot.vectors());
        let weight = |(index, range): (usize, std::ops::Range<usize>)| {
            let present: Vec<ItemIdx> =
                seeds.iter().copied().filter(|item| !vectors.is_missing(index, *item)).collect();
            let n = present.len() as f64;
            let variance: f64 = range
                .map(|dim| {
                    let x = |item: &ItemIdx| f64::from(vectors.row(*item)[dim]);
                    let mean = present.iter().map(x).sum::<f64>() / n;
                    present.iter().map(|item| (x(item) - mean).powi(2)).sum::<f64>() / n
                })
                .sum();
            // Where no seed has a value, the feature does not count whatever its weight.
            let variance = if present.is_empty() { 1.0 } else { variance };
            self.playlist[index] / (variance + VARIANCE_FLOOR)
        };
        schema.dim_ranges().into_iter().enumerate().map(weight).collect()
    }
}
