//! Which of the nearest points to link to (Malkov & Yashunin 2016, algorithm 4): a candidate is passed over when a
//! link already kept is nearer to it than the point is, since a search will find it from there.

use crate::distance::{Isa, dot_distances};

use super::MetricPoints;

/// Kept links that a candidate is compared with at a time.
const CHUNK: usize = 4;

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
        let point = points.of(id);
        // What passes it over is mostly among the first.
        let free = pruner.ids.chunks(CHUNK).all(|ids| {
            pruner.distances.clear();
            dot_distances(isa, point, points.rows(), ids, &mut pruner.distances);
            pruner.distances.iter().all(|other| *other >= distance)
        });
        if free {
            kept.push((distance, id));
            pruner.ids.push(id);
        }
    }
    kept
}
