//! The index files.

use std::path::Path;

use crate::content::VectorsBuilder;
use crate::feature::Schema;
use crate::index::hnsw::{GraphBuilder, HnswRs, RepairReport, repair, sample_entries, write_graph};
use crate::index::{BuildMetric, ForestParameters, build_forest, write_exact};
use crate::progress::{CancelToken, Progress};

use super::error::BuildError;
use super::options::BuildOptions;

/// What builds the graph.
pub(super) const GRAPH_BUILDER: HnswRs = HnswRs;

pub(super) fn exact(directory: &Path, vectors: &VectorsBuilder, dim: usize) -> Result<(), BuildError> {
    Ok(write_exact(directory, vectors.rows(), dim)?)
}

pub(super) fn graph(
    directory: &Path,
    vectors: &VectorsBuilder,
    schema: &Schema,
    options: &BuildOptions,
    progress: &Progress,
    cancel: &CancelToken,
) -> Result<RepairReport, BuildError> {
    let metric = BuildMetric::of_build_weights(schema);
    let points = metric.points(vectors.rows());
    let mut neighbours = GRAPH_BUILDER.build(&points, metric.stride(), options.graph, progress, cancel)?;
    drop(points);
    let mut entries = sample_entries(neighbours.n_items(), options.seed);
    let report = repair(&mut neighbours, &mut entries);
    write_graph(directory, &neighbours, &entries, vectors.rows(), schema.dim())?;
    Ok(report)
}

pub(super) fn forest(
    directory: &Path,
    vectors: &VectorsBuilder,
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
