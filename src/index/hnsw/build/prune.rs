//! Which of the nearest points to link to (Malkov & Yashunin 2016, algorithm 4): a candidate is passed over when a
//! link already kept is nearer to it than the point is, since a search will find it from there.

use crate::distance::{Isa, dot_distances};

use super::MetricPoints;

/// Buffers of [`prune`].
#[derive(Debug, Default)]
pub(super) struct Pruner {
    ids: Vec<u32>,
    distances: Vec<f32>,
}

/// At most `n_kept` of `candidates` (nearest first, distances to one point), nearest first.
pub(super) fn prune(
    points: &MetricPoints<'_>,
    candidates: &[(f32, u32)],
    n_kept: usize,
    pruner: &mut Pruner,
) -> Vec<(f32, u32)> {
    let isa = Isa::best();
    let mut kept: Vec<(f32, u32)> = Vec::with_capacity(n_kept);
    pruner.ids.clear();
    for &(distance, id) in candidates {
        if kept.len() == n_kept {
            break;
        }
        pruner.distances.clear();
        dot_distances(isa, points.of(id), points.rows(), &pruner.ids, &mut pruner.distances);
        if pruner.distances.iter().all(|other| *other >= distance) {
            kept.push((distance, id));
            pruner.ids.push(id);
        }
    }
    kept
}
