//! The seam to graph construction, and `hnsw_rs` behind it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use hnsw_rs::prelude::{Distance, Hnsw};

use crate::progress::{CancelToken, Cancelled, Progress};

/// How to build a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GraphParameters {
    /// M: an item keeps up to 2 M neighbours.
    pub m: usize,
    /// Width of the beam that finds neighbours.
    pub ef_construction: usize,
}

/// Neighbours of every item, nearest first, `[n_items, width]`; [`Neighbours::NONE`] fills short lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbours {
    /// Places for each item.
    pub width: usize,
    /// The ids.
    pub ids: Vec<u32>,
}

impl Neighbours {
    /// No neighbour.
    pub const NONE: u32 = u32::MAX;

    /// Number of items.
    pub fn n_items(&self) -> usize {
        self.ids.len() / self.width
    }

    /// The places of one item.
    pub fn of(&self, item: usize) -> &[u32] {
        &self.ids[item * self.width..][..self.width]
    }
}

/// Why no graph came about.
#[derive(Debug, thiserror::Error)]
pub enum GraphError {
    /// A parameter that the builder cannot work with.
    #[error("{parameter} = {got}: expected {expected}")]
    Parameter {
        /// Which one.
        parameter: &'static str,
        /// Its value.
        got: usize,
        /// What is possible.
        expected: &'static str,
    },
    /// A point that no builder may see.
    #[error("point {0} is not a finite vector of length 1")]
    Point(usize),
    /// The builder's library panicked.
    #[error("the graph builder failed: {0}")]
    Panicked(String),
    /// The work was asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// Something that builds a neighbourhood graph over points on the unit sphere.
pub trait GraphBuilder {
    /// Its name in manifests.
    fn name(&self) -> &'static str;

    /// Builds the graph over `points`, `[n_items, stride]`, each of length 1. Runs in the current rayon pool.
    fn build(
        &self,
        points: &[f32],
        stride: usize,
        parameters: GraphParameters,
        progress: &Progress,
        cancel: &CancelToken,
    ) -> Result<Neighbours, GraphError>;
}

impl GraphParameters {
    /// Checks the parameters before any builder sees them (`hnsw_rs` exits the process on an M above 256).
    pub fn validate(self) -> Result<(), GraphError> {
        let wrong = |parameter, got, expected| Err(GraphError::Parameter { parameter, got, expected });
        if !(2..=128).contains(&self.m) {
            return wrong("m", self.m, "2 to 128");
        }
        if !(8..=10_000).contains(&self.ef_construction) {
            return wrong("ef-construction", self.ef_construction, "8 to 10000");
        }
        Ok(())
    }
}

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

    fn build(
        &self,
        points: &[f32],
        stride: usize,
        parameters: GraphParameters,
        progress: &Progress,
        cancel: &CancelToken,
    ) -> Result<Neighbours, GraphError> {
        parameters.validate()?;
        for (index, point) in points.chunks_exact(stride).enumerate() {
            let norm: f32 = point.iter().map(|x| x * x).sum();
            if !(0.99..=1.01).contains(&norm) {
                return Err(GraphError::Point(index));
            }
        }
        let build = AssertUnwindSafe(|| insert_all(points, stride, parameters, progress, cancel));
        catch_unwind(build).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(GraphError::Panicked(text.unwrap_or_else(|| "unknown panic".into())))
        })
    }
}

fn insert_all(
    points: &[f32],
    stride: usize,
    parameters: GraphParameters,
    progress: &Progress,
    cancel: &CancelToken,
) -> Result<Neighbours, GraphError> {
    let n_items = points.len() / stride;
    let graph = Hnsw::<f32, UnitCosine>::new(
        parameters.m,
        n_items,
        MAX_LAYERS,
        parameters.ef_construction,
        UnitCosine,
    );
    let phase = progress.phase("graph", n_items as u64, "tracks");
    let points: Vec<(&[f32], usize)> =
        points.chunks_exact(stride).enumerate().map(|(id, point)| (point, id)).collect();
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
    Ok(bottom_layer(&graph, n_items, 2 * parameters.m))
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
