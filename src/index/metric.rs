//! The fixed metric that graph and forest are built in: the schema's weights and anchor make every item a point on
//! the unit sphere, `y = (sqrt(w_1) x_1, ..., sqrt(w_d) x_d, sqrt(a)) / |y|`, where cosine order is Euclidean order.

use crate::distance::stride;
use crate::feature::Schema;

/// The smallest anchor of a build metric. It keeps an item without any value (a zero vector) off the origin, where
/// it would be at distance 0 from everything.
const LEAST_ANCHOR: f64 = 1e-3;

/// Square roots of weights and anchor.
#[derive(Clone, Debug)]
pub(crate) struct BuildMetric {
    roots: Vec<f32>,
    anchor_root: f32,
}

impl BuildMetric {
    /// The metric of a schema's build weights (graph).
    pub fn of_build_weights(schema: &Schema) -> Self {
        Self::new(schema, schema.features.iter().map(|feature| feature.build_weight()).collect())
    }

    /// The metric of a schema's default weights (forest).
    pub fn of_default_weights(schema: &Schema) -> Self {
        Self::new(schema, schema.features.iter().map(|feature| feature.weight).collect())
    }

    fn new(schema: &Schema, weights: Vec<f64>) -> Self {
        let mut roots = Vec::with_capacity(schema.dim());
        for (range, weight) in schema.dim_ranges().into_iter().zip(weights) {
            roots.extend(range.map(|_| weight.sqrt() as f32));
        }
        Self { roots, anchor_root: schema.anchor.max(LEAST_ANCHOR).sqrt() as f32 }
    }

    /// Dimensions of a point: the vector's and the anchor's.
    pub fn dim(&self) -> usize {
        self.roots.len() + 1
    }

    /// Floats of a point, padded like rows are.
    pub fn stride(&self) -> usize {
        stride(self.dim())
    }

    /// The points of all rows, `[n_items, self.stride()]`, from rows `[n_items, stride(dim)]`.
    pub fn points(&self, rows: &[f32]) -> Vec<f32> {
        let dim = self.roots.len();
        let row_stride = stride(dim);
        let mut points = vec![0.0; rows.len() / row_stride * self.stride()];
        for (row, point) in rows.chunks_exact(row_stride).zip(points.chunks_exact_mut(self.stride())) {
            point[..=dim].copy_from_slice(&self.point(&row[..dim]));
        }
        points
    }

    /// The point of a single vector, `[self.dim()]`.
    pub fn point(&self, vector: &[f32]) -> Vec<f32> {
        let mut point: Vec<f32> = vector.iter().zip(&self.roots).map(|(x, root)| x * root).collect();
        point.push(self.anchor_root);
        normalise(&mut point);
        point
    }
}

fn normalise(vector: &mut [f32]) {
    let norm = vector.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    if norm > 0.0 {
        vector.iter_mut().for_each(|x| *x = (f64::from(*x) / norm) as f32);
    }
}
