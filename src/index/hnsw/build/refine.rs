//! The last pass: every point chooses its links anew among its neighbours and theirs.

use rayon::prelude::*;

use crate::distance::{Isa, dot_distances};
use crate::progress::{CancelToken, Phase};

use super::batch::sort;
use super::prune::{Pruner, prune};
use super::{GraphError, GraphParameters, MetricPoints, Neighbours};

/// Points between two looks at progress and cancellation.
const STEP: usize = 1 << 16;
const TASK: usize = 256;

#[derive(Default)]
struct Scratch {
    ids: Vec<u32>,
    distances: Vec<f32>,
    candidates: Vec<(f32, u32)>,
    pruner: Pruner,
}

/// Links chosen among `links`, `[n_items, width]`, and the links of those.
pub(super) fn refine(
    points: &MetricPoints<'_>,
    links: &[u32],
    width: usize,
    parameters: GraphParameters,
    phase: &Phase,
    cancel: &CancelToken,
) -> Result<Neighbours, GraphError> {
    let out_width = parameters.width();
    let mut ids = vec![Neighbours::NONE; points.n_items() * out_width];
    for (step, ids) in ids.chunks_mut(STEP * out_width).enumerate() {
        cancel.check()?;
        ids.par_chunks_mut(TASK * out_width).enumerate().for_each_init(
            Scratch::default,
            |scratch, (task, ids)| {
                for (number, places) in ids.chunks_mut(out_width).enumerate() {
                    let point = (step * STEP + task * TASK + number) as u32;
                    choose(points, links, width, point, scratch, places);
                }
            },
        );
        phase.set(((step + 1) * STEP).min(points.n_items()) as u64);
    }
    Ok(Neighbours { width: out_width, ids })
}

fn choose(
    points: &MetricPoints<'_>,
    links: &[u32],
    width: usize,
    point: u32,
    scratch: &mut Scratch,
    places: &mut [u32],
) {
    let of =
        |id: u32| links[id as usize * width..][..width].iter().copied().filter(|id| *id != Neighbours::NONE);
    let Scratch { ids, distances, candidates, pruner } = scratch;
    ids.clear();
    for near in of(point) {
        ids.push(near);
        ids.extend(of(near));
    }
    ids.sort_unstable();
    ids.dedup();
    ids.retain(|id| *id != point);
    distances.clear();
    dot_distances(Isa::best(), points.of(point), points.rows(), ids, distances);
    candidates.clear();
    candidates.extend(distances.iter().copied().zip(ids.iter().copied()));
    // Far ones would be pruned anyway.
    let n_near = 4 * places.len();
    if candidates.len() > n_near {
        candidates.select_nth_unstable_by(n_near, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        candidates.truncate(n_near);
    }
    sort(candidates);
    let kept = prune(points, candidates, places.len(), pruner);
    let mut n = 0;
    for (_, id) in &kept {
        places[n] = *id;
        n += 1;
    }
    // What the pruning left free goes to the nearest it passed over: they find what lies around the point itself.
    for (_, id) in candidates.iter() {
        if n == places.len() {
            break;
        }
        if !places[..n].contains(id) {
            places[n] = *id;
            n += 1;
        }
    }
}
