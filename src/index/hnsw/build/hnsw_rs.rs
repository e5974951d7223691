//! Construction by the `hnsw_rs` crate.

use std::panic::{AssertUnwindSafe, catch_unwind};

use hnsw_rs::prelude::{Distance, Hnsw};

use crate::progress::{CancelToken, Progress};

use super::{GraphBuilder, GraphError, GraphParameters, MetricPoints, Neighbours};

/// Layers of the hierarchy during construction; the library's maximum.
const MAX_LAYERS: usize = 16;
/// Points inserted between two looks at progress and cancellation.
const BATCH: usize = 2_000;

/// Construction by the `hnsw_rs` crate.
///
/// It panics or exits on a NaN, a distance below zero, points of different length, an empty index and an M above 256;
/// all of these are ruled out before it is called, and a panic that comes all the same is caught.
#[derive(Clone, Copy, Debug, Default)]
pub struct HnswRs;

/// `1 - x.y` of unit vectors, kept at 0 or above where rounding would go below.
#[derive(Clone, Copy, Debug, Default)]
struct UnitCosine;

impl Distance<f32> for UnitCosine {
    fn eval(&self, a: &[f32], b: &[f32]) -> f32 {
        let mut sums = [0.0_f32; 16];
        for (a, b) in a.chunks_exact(16).zip(b.chunks_exact(16)) {
            for lane in 0..16 {
                sums[lane] += a[lane] * b[lane];
            }
        }
        (1.0 - sums.iter().sum::<f32>()).max(0.0)
    }
}

impl GraphBuilder for HnswRs {
    fn name(&self) -> &'static str {
        "hnsw_rs"
    }

    fn construct(
        &self,
        points: &MetricPoints<'_>,
        parameters: GraphParameters,
        progress: &Progress,
        cancel: &CancelToken,
    ) -> Result<Neighbours, GraphError> {
        let build = AssertUnwindSafe(|| insert_all(points, parameters, progress, cancel));
        catch_unwind(build).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(GraphError::Panicked(text.unwrap_or_else(|| "unknown panic".into())))
        })
    }
}

fn insert_all(
    points: &MetricPoints<'_>,
    parameters: GraphParameters,
    progress: &Progress,
    cancel: &CancelToken,
) -> Result<Neighbours, GraphError> {
    let n_items = points.n_items();
    let graph = Hnsw::<f32, UnitCosine>::new(
        parameters.m,
        n_items,
        MAX_LAYERS,
        parameters.ef_construction,
        UnitCosine,
    );
    let phase = progress.phase("graph", n_items as u64, "tracks");
    let points: Vec<(&[f32], usize)> =
        points.rows().chunks_exact(points.stride()).enumerate().map(|(id, point)| (point, id)).collect();
    // The first points go in one by one: parallel insertion into an almost empty graph leaves them unlinked.
    let (first, rest) = points.split_at(points.len().min(100));
    for point in first {
        graph.insert_slice(*point);
    }
    for batch in rest.chunks(BATCH) {
        cancel.check()?;
        graph.parallel_insert_slice(&batch.to_vec());
        phase.advance(batch.len() as u64);
    }
    Ok(bottom_layer(&graph, n_items, parameters.width()))
}

/// The neighbours on the bottom layer, where every point is.
fn bottom_layer(graph: &Hnsw<'_, f32, UnitCosine>, n_items: usize, width: usize) -> Neighbours {
    let mut ids = vec![Neighbours::NONE; n_items * width];
    for point in graph.get_point_indexation() {
        let item = point.get_origin_id();
        let mut neighbours = point.get_neighborhood_id().into_iter().next().unwrap_or_default();
        neighbours.sort_by(|a, b| a.distance.total_cmp(&b.distance));
        let places = &mut ids[item * width..][..width];
        let mut n_taken = 0;
        for neighbour in neighbours {
            let id = neighbour.d_id as u32;
            if n_taken < width && neighbour.d_id != item && !places[..n_taken].contains(&id) {
                places[n_taken] = id;
                n_taken += 1;
            }
        }
    }
    Neighbours { width, ids }
}
