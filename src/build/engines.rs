//! The index files.

use std::path::Path;

use crate::content::ArrangedVectors;
use crate::feature::Schema;
use crate::index::hnsw::{MetricPoints, RepairReport, repair, sample_entries, write_graph};
use crate::index::{BuildMetric, ForestParameters, build_forest, write_exact};
use crate::progress::{CancelToken, Progress};

use super::error::BuildError;
use super::options::BuildOptions;

/// Dimensions count at least this share of the heaviest in the storage order: the scan is asked for all weights, also
/// those that the graph is not built for.
const LEAST_ORDER_SHARE: f64 = 0.1;

/// How much each dimension counts in the storage order, `[dim]`.
pub(super) fn order_weights(schema: &Schema) -> Vec<f32> {
    let most = schema.features.iter().map(|feature| feature.build_weight()).fold(0.0, f64::max);
    let weights = schema.features.iter().flat_map(|feature| {
        let weight = feature.build_weight().max(LEAST_ORDER_SHARE * most);
        std::iter::repeat_n(weight as f32, feature.n_dims())
    });
    weights.collect()
}

pub(super) fn exact(directory: &Path, vectors: &ArrangedVectors) -> Result<(), BuildError> {
    Ok(write_exact(directory, vectors.rows(), vectors.dim())?)
}

pub(super) fn graph(
    directory: &Path,
    vectors: &ArrangedVectors,
    schema: &Schema,
    options: &BuildOptions,
    progress: &Progress,
    cancel: &CancelToken,
) -> Result<RepairReport, BuildError> {
    let metric = BuildMetric::of_build_weights(schema);
    let rows = metric.points(vectors.rows());
    let points = MetricPoints::new(&rows, metric.stride());
    let mut neighbours =
        options.builder.builder().build(&points, options.graph(vectors.dim()), progress, cancel)?;
    drop(rows);
    let layout = options.layout(vectors.dim());
    let mut entries = sample_entries(neighbours.n_items(), vectors.dim(), layout);
    let report = repair(&mut neighbours, &mut entries);
    write_graph(directory, &neighbours, &entries, vectors.rows(), vectors.dim(), layout)?;
    Ok(report)
}

pub(super) fn forest(
    directory: &Path,
    vectors: &ArrangedVectors,
    schema: &Schema,
    options: &BuildOptions,
    progress: &Progress,
    cancel: &CancelToken,
) -> Result<(), BuildError> {
    let metric = BuildMetric::of_default_weights(schema);
    let points = metric.points(vectors.rows());
    let parameters = ForestParameters { trees: options.trees, seed: options.seed };
    build_forest(directory, &points, metric.stride(), metric.dim(), parameters, progress, cancel)?;
    Ok(())
}
