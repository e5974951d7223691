//! `max_per_artist`, and maximal marginal relevance (Carbonell & Goldstein 1998).

use std::collections::HashMap;

use crate::content::fold;
use crate::distance::{Query, canonical};
use crate::index::Hit;
use crate::snapshot::Snapshot;

use super::error::QueryError;
use super::prepare::Prepared;

/// Keeps the best `max` of every main artist; tracks without a known artist are all kept.
pub(super) fn limit_artists(snapshot: &Snapshot, hits: Vec<Hit>, max: usize) -> Result<Vec<Hit>, QueryError> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    let mut kept = Vec::with_capacity(hits.len());
    for hit in hits {
        let record = snapshot.items().record(hit.item)?;
        let count = record.artists.first().map(|artist| counts.entry(fold(artist)).or_default());
        let within = count.is_none_or(|count| {
            *count += 1;
            *count <= max
        });
        if within {
            kept.push(hit);
        }
    }
    Ok(kept)
}

/// Takes, one after another, the hit with the largest
/// `(1 - diversity) * similarity to the query - diversity * largest similarity to those taken`.
pub(super) fn spread(snapshot: &Snapshot, prepared: &Prepared, mut pool: Vec<Hit>) -> Vec<Hit> {
    let diversity = prepared.diversity as f32;
    let vectors = snapshot.vectors();
    // The first is taken by similarity alone.
    let mut nearest_taken = vec![f32::NEG_INFINITY; pool.len()];
    let mut taken: Vec<Hit> = Vec::with_capacity(prepared.k);
    while taken.len() < prepared.k && !pool.is_empty() {
        let value = |index: usize| match taken.is_empty() {
            true => pool[index].score,
            false => (1.0 - diversity) * pool[index].score - diversity * nearest_taken[index],
        };
        // `max_by` takes the last of equals; walking backwards makes that the best ranked.
        let best = (0..pool.len()).rev().max_by(|a, b| value(*a).total_cmp(&value(*b))).unwrap_or(0);
        let hit = pool.remove(best);
        nearest_taken.remove(best);
        let as_query = Query::new(vectors.row(hit.item), prepared.query.weights(), prepared.query.anchor());
        for (nearest, other) in nearest_taken.iter_mut().zip(&pool) {
            *nearest = nearest.max(canonical(&as_query, vectors.row(other.item)));
        }
        taken.push(hit);
    }
    taken
}
