//! A query compiled for the kernels.

use super::{TINY, stride};

/// One query under its weights and anchor, ready to be scored against rows and codes.
#[derive(Clone, Debug)]
pub struct Query {
    dim: usize,
    anchor: f32,
    /// `[stride]`, zero-padded like `weights` and `weighted`.
    vector: Vec<f32>,
    weights: Vec<f32>,
    weighted: Vec<f32>,
    active_dims: Vec<u32>,
    active_lanes: Vec<u32>,
    norm_squared: f64,
    inverse_norm: f32,
}

impl Query {
    /// Compiles `vector` under `weights` (both `[dim]`, finite; weights in 0..=1) and `anchor` (0..=1).
    ///
    /// # Panics
    /// When the lengths differ.
    pub fn new(vector: &[f32], weights: &[f32], anchor: f32) -> Self {
        assert_eq!(vector.len(), weights.len(), "one weight for each dimension");
        let dim = vector.len();
        let padded = |values: &mut dyn Iterator<Item = f32>| {
            let mut padded: Vec<f32> = values.collect();
            padded.resize(stride(dim), 0.0);
            padded
        };
        let norm_squared = f64::from(anchor)
            + vector.iter().zip(weights).map(|(q, w)| f64::from(*w) * f64::from(*q).powi(2)).sum::<f64>();
        let active_dims: Vec<u32> = (0..dim as u32).filter(|i| weights[*i as usize] > 0.0).collect();
        let mut active_lanes: Vec<u32> =
            active_dims.iter().map(|i| i / super::LANES as u32 * super::LANES as u32).collect();
        active_lanes.dedup();
        Self {
            dim,
            anchor,
            vector: padded(&mut vector.iter().copied()),
            weights: padded(&mut weights.iter().copied()),
            weighted: padded(&mut vector.iter().zip(weights).map(|(q, w)| q * w)),
            active_dims,
            active_lanes,
            norm_squared,
            inverse_norm: if norm_squared > 0.0 { (1.0 / norm_squared.sqrt()) as f32 } else { 0.0 },
        }
    }

    /// Dimensions of the vectors it is compared with.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The anchor `a`.
    pub fn anchor(&self) -> f32 {
        self.anchor
    }

    /// The query vector `q`, `[dim]`.
    pub fn vector(&self) -> &[f32] {
        &self.vector[..self.dim]
    }

    /// The weights `w`, `[dim]`.
    pub fn weights(&self) -> &[f32] {
        &self.weights[..self.dim]
    }

    /// `a + sum w q^2`; 0 means that the query has no direction under these weights.
    pub fn norm_squared(&self) -> f64 {
        self.norm_squared
    }

    /// `sum w q^2 / sum w`: how far the query is from the centre of the catalogue, where every dimension is 0.
    pub fn eccentricity(&self) -> f64 {
        let sum_weights: f64 = self.weights.iter().map(|w| f64::from(*w)).sum();
        if sum_weights > 0.0 { (self.norm_squared - f64::from(self.anchor)) / sum_weights } else { 0.0 }
    }

    /// How many dimensions have a weight above 0.
    pub fn n_active(&self) -> usize {
        self.active_dims.len()
    }

    /// The largest difference between the row kernel's score and the true one, or `None` where f32 cannot promise
    /// one and only the canonical score will do.
    ///
    /// With `u = 2^-24` and `D` active dimensions, each of product and squared norm is a sum of `D + 1` terms, each
    /// term rounded at most twice, so its error is below `(D + 3) u` of the sum of magnitudes. By Cauchy-Schwarz that
    /// sum is at most the product of the norms, so the product adds `(D + 3) u` to the score, the squared norm under
    /// its root half of that, and root, division and the query's norm add at most `4 u`. The factor 2 covers second
    /// order; the floor under squared norms keeps underflow out.
    pub fn f32_error(&self) -> Option<f32> {
        let bounded = self.norm_squared >= f64::from(TINY);
        bounded.then_some(2.0 * (1.5 * (self.n_active() as f32 + 3.0) + 4.0) / (1_u32 << 24) as f32)
    }

    /// Every dimension with a weight above 0 as `(i, sqrt(w_i), sqrt(w_i) q_i / |q|)`.
    pub(crate) fn active(&self) -> impl Iterator<Item = (usize, f32, f32)> {
        let inverse_norm = if self.norm_squared > 0.0 { 1.0 / self.norm_squared.sqrt() } else { 0.0 };
        self.active_dims.iter().map(move |&dim| {
            let dim = dim as usize;
            let root = f64::from(self.weights[dim]).sqrt();
            (dim, root as f32, (root * f64::from(self.vector[dim]) * inverse_norm) as f32)
        })
    }

    pub(super) fn weighted(&self) -> &[f32] {
        &self.weighted
    }

    pub(super) fn padded_weights(&self) -> &[f32] {
        &self.weights
    }

    /// First dimensions of the row lanes that hold an active dimension.
    pub(super) fn active_lanes(&self) -> &[u32] {
        &self.active_lanes
    }

    pub(crate) fn inverse_norm(&self) -> f32 {
        self.inverse_norm
    }
}
