//! The items of a generation that must not be returned, because their tracks were taken out of the catalogue.
//!
//! Few of them are excluded one by one, as seeds are; a beam is that much wider. More are a filter: everything but
//! them, so that the planner counts and the engines pass by them as they do with any filter.

use std::sync::Arc;

use crate::artifact::Removals;
use crate::content::{Items, Vectors};
use crate::index::{Allowed, ItemSet};
use crate::track::ItemIdx;

/// So many are excluded one by one: each of them makes every beam one wider.
const MOST_EXCLUDED: usize = 32;

/// The removed items of one generation.
#[derive(Debug, Default)]
pub(super) struct Removed {
    /// Ascending.
    pub items: Vec<ItemIdx>,
    /// Everything else, where they are many.
    pub rest: Option<Arc<Allowed>>,
}

impl Removed {
    /// The items of `removals` that a generation holds whose reading began at `read_started`.
    pub fn of(removals: &Removals, read_started: jiff::Timestamp, items: &Items, vectors: &Vectors) -> Self {
        // Both are in the order of ids.
        let found: Vec<ItemIdx> =
            removals.hidden_from(read_started).filter_map(|id| items.find(id)).collect();
        if found.len() <= MOST_EXCLUDED {
            return Self { items: found, rest: None };
        }
        let mut rest = ItemSet::from_fn(items.len(), |_| true);
        rest.subtract(&ItemSet::from_ids(items.len(), found.iter().map(|item| &item.0)));
        Self { items: found, rest: Some(Arc::new(Allowed::new(rest, vectors))) }
    }

    /// What tells these items from others; empty for none.
    pub fn fingerprint(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        self.items.iter().for_each(|item| _ = hasher.update(&item.0.to_le_bytes()));
        if self.items.is_empty() { String::new() } else { format!("-{}", &hasher.finalize().to_hex()[..16]) }
    }

    pub fn contains(&self, item: ItemIdx) -> bool {
        self.items.binary_search(&item).is_ok()
    }
}
