//! Where values are from: two providers do not measure alike, so a difference between their values may be theirs.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::query::prepare::Prepared;
use crate::snapshot::Snapshot;
use crate::track::ItemIdx;

/// What imported values are said to be from.
const IMPORT: &str = "import";

/// A track's value is from elsewhere than the query's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct OtherSource {
    /// The providers of the seeds' values, `import` for imported ones; ascending.
    pub query: Vec<String>,
    /// The provider of the track's value.
    pub track: String,
}

/// Where the seeds' values of one feature are from.
pub struct Sources<'a> {
    snapshot: &'a Snapshot,
    index: usize,
    /// None where the seeds have no value, or a target replaced it.
    query: BTreeSet<&'a str>,
}

impl<'a> Sources<'a> {
    /// One for each feature.
    pub fn by_feature(snapshot: &'a Snapshot, prepared: &Prepared) -> Vec<Self> {
        let n_features = snapshot.schema().features.len();
        // Where nothing was refreshed, everything was imported.
        let seeds = match snapshot.manifest().providers.is_empty() {
            true => &[],
            false => prepared.origin.seeds.as_slice(),
        };
        let of = |index: usize| {
            let counts = prepared.feature_weights[index] > 0.0 && !prepared.origin.targeted[index];
            let known = seeds.iter().filter(|seed| counts && !snapshot.vectors().is_missing(index, **seed));
            Self { snapshot, index, query: known.map(|seed| source(snapshot, index, *seed)).collect() }
        };
        (0..n_features).map(of).collect()
    }

    /// Where the value of `item` is from, if not from where any of the query's is; the item has a value.
    pub fn other(&self, item: ItemIdx) -> Option<OtherSource> {
        if self.query.is_empty() {
            return None;
        }
        let track = source(self.snapshot, self.index, item);
        (!self.query.contains(track)).then(|| OtherSource {
            query: self.query.iter().map(|source| (*source).to_owned()).collect(),
            track: track.to_owned(),
        })
    }
}

fn source(snapshot: &Snapshot, index: usize, item: ItemIdx) -> &str {
    snapshot.source(index, item).unwrap_or(IMPORT)
}
