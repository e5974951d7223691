//! Compiled filters that were used of late. Evaluating a filter reads whole columns, which costs more than most
//! searches, and clients tend to ask with the same few filters.
//!
//! A cache belongs to one open generation ([`crate::snapshot::Snapshot`]), so nothing in it is ever out of date.

use std::fmt;
use std::sync::Arc;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::index::Allowed;

/// Bytes of compiled filters that are kept where nothing else is said: over a hundred of them over a million items.
pub const DEFAULT_BYTES: u64 = 32 << 20;

/// What an entry takes beside its bits and names.
const OVERHEAD_BYTES: usize = 256;

/// Identifies a filter: the BLAKE3 hash of its canonical form.
pub type FilterKey = [u8; 32];

/// What a filter lets pass in one generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompiledFilter {
    /// The items that pass.
    pub allowed: Arc<Allowed>,
    /// Genres asked for that no track has, ascending.
    pub unknown_genres: Vec<UnknownName>,
    /// The same of artists.
    pub unknown_artists: Vec<UnknownName>,
}

/// A name that no track bears, in the form in which names are compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnknownName {
    /// The name.
    pub name: String,
    /// The one that was probably meant.
    pub nearest: Option<String>,
}

impl CompiledFilter {
    /// About how much memory it takes.
    fn bytes(&self) -> usize {
        let names = self.unknown_genres.iter().chain(&self.unknown_artists);
        let bytes_of = |unknown: &UnknownName| {
            unknown.name.len() + unknown.nearest.as_ref().map_or(0, String::len) + size_of::<UnknownName>()
        };
        let names: usize = names.map(bytes_of).sum();
        OVERHEAD_BYTES + self.allowed.bytes() + names
    }
}

/// The filters of one generation that were used last.
pub struct FilterCache {
    compiled: Cache<FilterKey, Arc<CompiledFilter>>,
}

impl fmt::Debug for FilterCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FilterCache")
    }
}

impl FilterCache {
    /// A cache of at most `max_bytes`; 0 keeps nothing.
    pub fn new(max_bytes: u64) -> Self {
        let weigh =
            |_: &FilterKey, filter: &Arc<CompiledFilter>| u32::try_from(filter.bytes()).unwrap_or(u32::MAX);
        let compiled = Cache::builder()
            .max_capacity(max_bytes)
            .weigher(weigh)
            // A new filter is likelier to come again than one that was frequent an hour ago.
            .eviction_policy(EvictionPolicy::lru())
            .build();
        Self { compiled }
    }

    /// The filter of this key; `compile` makes it where it is not there. Whoever asks for the same filter meanwhile
    /// waits for it instead of making it once more, so `compile` must not wait for other threads.
    pub fn get_or_compile(
        &self,
        key: FilterKey,
        compile: impl FnOnce() -> CompiledFilter,
    ) -> Arc<CompiledFilter> {
        self.compiled.get_with(key, || Arc::new(compile()))
    }

    /// Whether the filter of this key is there.
    pub fn contains(&self, key: &FilterKey) -> bool {
        self.compiled.contains_key(key)
    }

    /// Bytes that the filters in it take, once what was put in and taken out lately is accounted for.
    pub fn bytes(&self) -> u64 {
        self.compiled.run_pending_tasks();
        self.compiled.weighted_size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::ItemSet;

    fn compiled(n_items: usize, item: u32) -> CompiledFilter {
        let allowed = Arc::new(Allowed::unordered(ItemSet::from_ids(n_items, &[item])));
        let unknown = UnknownName { name: "polka".into(), nearest: None };
        CompiledFilter { allowed, unknown_genres: vec![unknown], unknown_artists: Vec::new() }
    }

    #[test]
    fn what_is_there_is_not_compiled_again() {
        let cache = FilterCache::new(DEFAULT_BYTES);
        let first = cache.get_or_compile([1; 32], || compiled(100, 7));
        let second = cache.get_or_compile([1; 32], || panic!("it is there"));
        assert!(Arc::ptr_eq(&first, &second));
        assert!(cache.contains(&[1; 32]) && !cache.contains(&[2; 32]));
        assert_eq!(*cache.get_or_compile([2; 32], || compiled(100, 8)), compiled(100, 8));
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_goes_first() {
        let n_items = 64_000;
        let each = compiled(n_items, 0).bytes() as u64;
        let cache = FilterCache::new(4 * each);
        for n in 0..20 {
            cache.get_or_compile([n; 32], || compiled(n_items, n.into()));
            assert!(cache.bytes() <= 4 * each);
        }
        assert!(cache.contains(&[19; 32]) && !cache.contains(&[0; 32]));
        // What was evicted is compiled anew.
        assert_eq!(*cache.get_or_compile([0; 32], || compiled(n_items, 0)), compiled(n_items, 0));
        let none = FilterCache::new(0);
        none.get_or_compile([1; 32], || compiled(n_items, 1));
        assert_eq!((none.bytes(), none.contains(&[1; 32])), (0, false));
    }
}
