//! A request against one generation: validated, compiled, ready to be planned.

use std::sync::{Arc, OnceLock};

use crate::distance::Query;
use crate::feature::Schema;
use crate::filter_cache::{CompiledFilter, FilterKey};
use crate::index::Allowed;
use crate::snapshot::Snapshot;
use crate::track::ItemIdx;

use super::error::QueryError;
use super::filter::CheckedFilter;
use super::plan::EngineChoice;
use super::request::{MAX_K, SimilarRequest};
use super::vector::{Origin, QueryVector};
use super::weights::Weighting;

/// The largest `k` with `diversity`, whose cost grows with its square.
const MAX_DIVERSE_K: usize = 1_000;

/// The filter of several requests that have the same, compiled by the first of them.
pub(super) type SharedFilter = OnceLock<Arc<CompiledFilter>>;

/// A validated request.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The compiled query.
    pub query: Query,
    /// Weight of each feature as asked for.
    pub feature_weights: Vec<f64>,
    /// The anchor as asked for.
    pub anchor: f64,
    /// Whose values the query has.
    pub origin: Origin,
    /// Whether the query lacks a value, by feature.
    pub missing: Vec<bool>,
    /// Items never returned, ascending: the seeds, other recordings of theirs where those are collapsed, and removed ones.
    pub excluded: Vec<ItemIdx>,
    /// The items that may be returned; all where there is no filter.
    pub allowed: Option<Arc<Allowed>>,
    /// The same for all filters that let the same pass; `None` where there is no filter.
    pub filter: Option<FilterKey>,
    /// How many tracks.
    pub k: usize,
    /// Which engine.
    pub engine: EngineChoice,
    /// The recall to meet.
    pub recall: f64,
    /// Whether to explain.
    pub explain: bool,
    /// At most this many tracks with the same main artist.
    pub max_per_artist: Option<usize>,
    /// 0..=1
    pub diversity: f64,
    /// Whether other recordings are collapsed, and there are any.
    pub collapse: bool,
    /// Other recordings of the seeds that could have been returned, ascending.
    pub collapsed_into_seeds: Vec<ItemIdx>,
    /// What the asker should know.
    pub warnings: Vec<String>,
}

impl Prepared {
    /// Validates `request` against `snapshot`.
    pub fn new(snapshot: &Snapshot, request: &SimilarRequest) -> Result<Self, QueryError> {
        Self::sharing(snapshot, request, &SharedFilter::new())
    }

    /// The same; `filter` is that of all requests whose filters have the same key.
    pub(super) fn sharing(
        snapshot: &Snapshot,
        request: &SimilarRequest,
        filter: &SharedFilter,
    ) -> Result<Self, QueryError> {
        if !(1..=MAX_K).contains(&request.k) {
            return Err(QueryError::k(request.k, MAX_K));
        }
        if !(request.recall > 0.0 && request.recall <= 1.0) {
            return Err(QueryError::number("recall", request.recall, "above 0 and at most 1"));
        }
        if !(0.0..=1.0).contains(&request.diversity) {
            return Err(QueryError::number("diversity", request.diversity, "0 to 1"));
        }
        if request.diversity > 0.0 && request.k > MAX_DIVERSE_K {
            return Err(QueryError::number("k", request.k, format!("1 to {MAX_DIVERSE_K} with diversity")));
        }
        if request.max_per_artist == Some(0) {
            return Err(QueryError::number("max_per_artist", 0, "at least 1, or null"));
        }
        let engine = EngineChoice::parse(&request.engine, snapshot.built())?;
        let schema = snapshot.schema();
        let weighting = Weighting::of(schema, request)?;
        let vector = QueryVector::of(snapshot, request)?;
        let mut warnings = missing_warnings(snapshot, &weighting, &vector)?;
        warnings.extend(request.user_weights.iter().flat_map(|known| known.warnings.iter().cloned()));
        let mut allowed = snapshot.remaining().map(Arc::clone);
        let mut filter_key = None;
        if let Some(checked) = CheckedFilter::new(snapshot, &request.filters)? {
            let compiled = filter.get_or_init(|| checked.compile(snapshot));
            warnings.extend(checked.warnings(compiled));
            allowed = Some(Arc::clone(&compiled.allowed));
            filter_key = Some(checked.key());
        }
        let query = compile(schema, &vector.vector, &weighting)?;
        let collapse = request.collapse_duplicates && snapshot.overview().has_duplicates();
        let mut collapsed_into_seeds = Vec::new();
        if collapse {
            collapsed_into_seeds = same_recordings(snapshot, &vector.seeds);
            collapsed_into_seeds
                .retain(|item| allowed.as_ref().is_none_or(|allowed| allowed.items().contains(*item)));
        }
        let mut excluded = vector.seeds;
        if !collapsed_into_seeds.is_empty() {
            excluded.extend_from_slice(&collapsed_into_seeds);
            excluded.sort_unstable();
        }
        if !snapshot.excluded().is_empty() {
            // A seed is never among them: it would not have been found.
            excluded.extend_from_slice(snapshot.excluded());
            excluded.sort_unstable();
        }
        Ok(Self {
            query,
            feature_weights: weighting.features,
            anchor: weighting.anchor,
            origin: vector.origin,
            missing: vector.missing,
            excluded,
            allowed,
            filter: filter_key,
            k: request.k,
            engine,
            recall: request.recall,
            explain: request.explain,
            max_per_artist: request.max_per_artist,
            diversity: request.diversity,
            collapse,
            collapsed_into_seeds,
            warnings,
        })
    }
}

/// Other recordings of `seeds`, which ascend, that were not removed; ascending.
fn same_recordings(snapshot: &Snapshot, seeds: &[ItemIdx]) -> Vec<ItemIdx> {
    let same = seeds.iter().flat_map(|seed| snapshot.overview().same_recording(*seed));
    let is_other = |item: &ItemIdx| seeds.binary_search(item).is_err() && !snapshot.is_removed(*item);
    let mut others: Vec<ItemIdx> = same.filter(is_other).collect();
    others.sort_unstable();
    others.dedup();
    others
}

/// Compiles `vector`, `[schema.dim()]`, under `weighting`; refuses a query that every item would be equally near to.
pub(super) fn compile(schema: &Schema, vector: &[f32], weighting: &Weighting) -> Result<Query, QueryError> {
    let (weights, anchor) = weighting.scaled(schema);
    let query = Query::new(vector, &weights, anchor);
    if query.n_active() == 0 {
        return Err(QueryError::number(
            "weights",
            "far below the anchor",
            "at least one weight that counts beside it",
        ));
    }
    if query.norm_squared() == 0.0 {
        return Err(QueryError::NoDirection);
    }
    Ok(query)
}

/// A warning for every weighted feature that the query lacks; an error where it lacks them all.
fn missing_warnings(
    snapshot: &Snapshot,
    weighting: &Weighting,
    vector: &QueryVector,
) -> Result<Vec<String>, QueryError> {
    let features = &snapshot.schema().features;
    let weighted: Vec<usize> = (0..features.len()).filter(|index| weighting.features[*index] > 0.0).collect();
    if weighted.iter().all(|index| vector.missing[*index]) {
        let names: Vec<&str> = weighted.iter().map(|index| features[*index].name.as_str()).collect();
        return Err(QueryError::AllMissing { features: names.join(", ") });
    }
    let lacking = weighted.into_iter().filter(|index| vector.missing[*index]);
    let warning = |index: usize| {
        let name = &features[index].name;
        match vector.only_negative[index] {
            true => format!("no seed has a value for `{name}`: only the negative seeds count for it"),
            false => format!("neither a seed nor a target gives `{name}` a value: it does not count"),
        }
    };
    Ok(lacking.map(warning).collect())
}
