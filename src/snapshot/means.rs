//! Means of tracks, and those of large groups that were used of late: a genre of a popular catalogue has tens of
//! thousands of tracks, and the same few genres are asked for again and again.

use std::fmt;
use std::sync::Arc;

use moka::sync::Cache;

use crate::content::{TagKind, Vectors};
use crate::feature::Schema;
use crate::track::ItemIdx;

use super::Snapshot;

/// Bytes of means that are kept: all genres and the busiest artists of large catalogues.
const MAX_BYTES: u64 = 8 << 20;
/// What an entry takes beside its numbers and its name.
const OVERHEAD_BYTES: usize = 256;
/// Groups of so many tracks are averaged anew every time: that takes about as long as finding them in a cache.
const SMALL: usize = 64;

/// The mean of some vectors over the values that are present; 0 where none is.
#[derive(Clone, Debug, PartialEq)]
pub struct Mean {
    /// `[dim]`
    pub vector: Vec<f64>,
    /// Whether no vector has a value, by feature.
    pub missing: Vec<bool>,
}

/// A [`Mean`] in the making.
pub(crate) struct MeanSum<'a> {
    schema: &'a Schema,
    vector: Vec<f64>,
    /// How many had a value, by feature.
    n_present: Vec<u32>,
}

impl<'a> MeanSum<'a> {
    /// The mean of nothing.
    pub fn new(schema: &'a Schema) -> Self {
        Self { schema, vector: vec![0.0; schema.dim()], n_present: vec![0; schema.features.len()] }
    }

    /// Adds the vector of an item.
    pub fn add_item(&mut self, vectors: &Vectors, item: ItemIdx) {
        let row = vectors.row(item);
        self.add(|feature| vectors.is_missing(feature, item), |dim| f64::from(row[dim]));
    }

    /// Adds a mean as if it were one vector.
    pub fn add_mean(&mut self, mean: &Mean) {
        self.add(|feature| mean.missing[feature], |dim| mean.vector[dim]);
    }

    fn add(&mut self, is_missing: impl Fn(usize) -> bool, value: impl Fn(usize) -> f64) {
        let mut start = 0;
        for (index, feature) in self.schema.features.iter().enumerate() {
            let end = start + feature.n_dims();
            if !is_missing(index) {
                self.n_present[index] += 1;
                (start..end).for_each(|dim| self.vector[dim] += value(dim));
            }
            start = end;
        }
    }

    /// The mean of all that was added.
    pub fn mean(mut self) -> Mean {
        for (range, n_present) in self.schema.dim_ranges().into_iter().zip(&self.n_present) {
            if *n_present > 0 {
                self.vector[range].iter_mut().for_each(|sum| *sum /= f64::from(*n_present));
            }
        }
        Mean { vector: self.vector, missing: self.n_present.iter().map(|n| *n == 0).collect() }
    }
}

/// Which group: an artist by id, or a genre by name.
type GroupKey = (TagKind, String);

/// The means of one edition of a generation that were used last.
pub(super) struct MeanCache(Cache<GroupKey, Arc<Mean>>);

impl Default for MeanCache {
    fn default() -> Self {
        let weigh = |(_, name): &GroupKey, mean: &Arc<Mean>| {
            let bytes = mean.vector.len() * size_of::<f64>() + mean.missing.len() + name.len();
            u32::try_from(bytes + OVERHEAD_BYTES).unwrap_or(u32::MAX)
        };
        Self(Cache::builder().max_capacity(MAX_BYTES).weigher(weigh).build())
    }
}

impl fmt::Debug for MeanCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MeanCache")
    }
}

impl Snapshot {
    /// The mean of a group of items, those that were removed left out; `None` where nothing is left. `key` names the group
    /// within this generation. Large groups are averaged once.
    pub fn group_mean(&self, kind: TagKind, key: &str, items: &[u32]) -> Option<Arc<Mean>> {
        if items.len() <= SMALL {
            return self.mean_of(items).map(Arc::new);
        }
        self.means.0.optionally_get_with((kind, key.to_owned()), || self.mean_of(items).map(Arc::new))
    }

    /// How many items [`Self::group_mean`] has to read for the group of this key: none where its mean is there.
    pub fn n_to_average(&self, kind: TagKind, key: &str, items: &[u32]) -> usize {
        let known = items.len() > SMALL && self.means.0.contains_key(&(kind, key.to_owned()));
        if known { 0 } else { items.len() }
    }

    fn mean_of(&self, items: &[u32]) -> Option<Mean> {
        let mut sum = MeanSum::new(self.schema());
        let mut any = false;
        // Ids of a damaged file may be out of range.
        for &item in items.iter().filter(|item| (**item as usize) < self.items().len()) {
            if !self.is_removed(ItemIdx(item)) {
                sum.add_item(self.vectors(), ItemIdx(item));
                any = true;
            }
        }
        any.then(|| sum.mean())
    }
}
