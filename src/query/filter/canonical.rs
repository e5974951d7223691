//! The canonical form of filters: what lets the same items pass has the same form, however it is written.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::content::{TagKind, fold};
use crate::filter_cache::{CompiledFilter, FilterKey, UnknownName};
use crate::index::Allowed;
use crate::query::request::{Bounds, Filters};
use crate::snapshot::Snapshot;
use crate::track::TrackId;

use super::bits::Bits;

/// Filters without their spelling: names in the form in which they are compared, lists ascending and without
/// duplicates, ids without what is wrapped around them, one range for each column.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Canonical {
    /// Smallest and largest value by raw column.
    columns: BTreeMap<String, (f64, f64)>,
    explicit: Option<bool>,
    /// Any of these, where there are some.
    genres: Vec<String>,
    artists: Vec<String>,
    exclude_artists: Vec<String>,
    /// Only these; a list whose entries are no ids lets nothing pass.
    ids: Option<Vec<String>>,
    exclude_ids: Vec<String>,
}

impl Canonical {
    /// Everything but the bounds.
    pub fn of_lists(filters: &Filters) -> Self {
        let names = |names: &[String]| sorted(names.iter().map(|name| fold(name)));
        let ids = |ids: &[String]| {
            sorted(ids.iter().filter_map(|id| Some(TrackId::parse(id).ok()?.as_str().to_owned())))
        };
        Self {
            columns: BTreeMap::new(),
            explicit: filters.explicit,
            genres: names(&filters.genres),
            artists: names(&filters.artists),
            exclude_artists: names(&filters.exclude_artists),
            ids: (!filters.ids.is_empty()).then(|| ids(&filters.ids)),
            exclude_ids: ids(&filters.exclude_ids),
        }
    }

    /// Adds bounds of a raw column, which has to be within all of them.
    pub fn within(&mut self, column: &str, bounds: Bounds) {
        if bounds == Bounds::default() {
            return;
        }
        let everything = (f64::NEG_INFINITY, f64::INFINITY);
        let (min, max) = self.columns.entry(column.to_owned()).or_insert(everything);
        // Adding 0 makes -0 and 0, which compare equal, the same.
        *min = min.max(bounds.min.unwrap_or(f64::NEG_INFINITY)) + 0.0;
        *max = max.min(bounds.max.unwrap_or(f64::INFINITY)) + 0.0;
    }

    /// Whether there is nothing to filter by.
    pub fn passes_all(&self) -> bool {
        self.columns.is_empty()
            && self.explicit.is_none()
            && self.ids.is_none()
            && [&self.genres, &self.artists, &self.exclude_artists, &self.exclude_ids]
                .into_iter()
                .all(Vec::is_empty)
    }

    /// A hash of all of it. Lengths go before what they are the length of, so that different forms are different bytes.
    pub fn key(&self) -> FilterKey {
        let mut hasher = Hasher::default();
        hasher.number(self.columns.len() as u64);
        for (column, (min, max)) in &self.columns {
            hasher.text(column);
            hasher.number(min.to_bits());
            hasher.number(max.to_bits());
        }
        hasher.number(self.explicit.map_or(2, u64::from));
        for texts in [&self.genres, &self.artists, &self.exclude_artists, &self.exclude_ids] {
            hasher.texts(texts);
        }
        hasher.number(u64::from(self.ids.is_some()));
        hasher.texts(self.ids.as_deref().unwrap_or_default());
        *hasher.0.finalize().as_bytes()
    }

    /// The items of `snapshot` that pass; without the removed ones where those are many ([`Snapshot::remaining`]).
    pub fn compile(&self, snapshot: &Snapshot) -> CompiledFilter {
        let items = snapshot.items();
        let mut bits = Bits::all(items.len());
        for (column, (min, max)) in &self.columns {
            match snapshot.raw_column(column) {
                // A missing value is NaN, which no comparison accepts.
                Some(values) => bits.keep(values, |value| (value >= *min) & (value <= *max)),
                // No track of this catalogue has such a value, and a missing value fails any bound.
                None => bits.clear(),
            }
        }
        if let Some(explicit) = self.explicit {
            bits.keep(items.explicit_column(), |value| value == u8::from(explicit));
        }
        let mut unknown_genres = Vec::new();
        let mut unknown_artists = Vec::new();
        if !self.genres.is_empty() {
            bits.intersect(&tagged(snapshot, TagKind::Genre, &self.genres, &mut unknown_genres));
        }
        if !self.artists.is_empty() {
            bits.intersect(&tagged(snapshot, TagKind::Artist, &self.artists, &mut unknown_artists));
        }
        if !self.exclude_artists.is_empty() {
            bits.subtract(&tagged(snapshot, TagKind::Artist, &self.exclude_artists, &mut unknown_artists));
        }
        if let Some(ids) = &self.ids {
            bits.intersect(&named(snapshot, ids));
        }
        if !self.exclude_ids.is_empty() {
            bits.subtract(&named(snapshot, &self.exclude_ids));
        }
        if let Some(remaining) = snapshot.remaining() {
            bits.intersect_set(remaining.items());
        }
        let unknown_artists = sorted(unknown_artists.into_iter());
        let allowed = Arc::new(Allowed::new(bits.into_set(), snapshot.vectors()));
        CompiledFilter { allowed, unknown_genres, unknown_artists }
    }
}

fn sorted<T: Ord>(texts: impl Iterator<Item = T>) -> Vec<T> {
    let mut texts: Vec<T> = texts.collect();
    texts.sort_unstable();
    texts.dedup();
    texts
}

/// Unknown names of a list for which another one is looked for; each costs as much as some searches.
const MAX_SUGGESTED: usize = 5;

/// The items with any of these tags; what no item has goes to `unknown`.
fn tagged(snapshot: &Snapshot, kind: TagKind, names: &[String], unknown: &mut Vec<UnknownName>) -> Bits {
    let mut bits = Bits::none(snapshot.items().len());
    for name in names {
        match snapshot.tags().items(kind, name) {
            Some(items) => bits.insert(items),
            None => {
                let suggests = unknown.len() < MAX_SUGGESTED;
                let nearest = suggests.then(|| snapshot.tags().nearest(kind, name)).flatten();
                unknown.push(UnknownName { name: name.clone(), nearest });
            }
        }
    }
    bits
}

/// The items with these ids; unknown ones are not in the catalogue and need no mention.
fn named(snapshot: &Snapshot, ids: &[String]) -> Bits {
    let find = |id: &String| snapshot.items().find(&TrackId::parse(id).ok()?).map(|item| item.0);
    let ids: Vec<u32> = ids.iter().filter_map(find).collect();
    let mut bits = Bits::none(snapshot.items().len());
    bits.insert(&ids);
    bits
}

#[derive(Default)]
struct Hasher(blake3::Hasher);

impl Hasher {
    fn number(&mut self, number: u64) {
        self.0.update(&number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.update(text.as_bytes());
    }

    fn texts(&mut self, texts: &[String]) {
        self.number(texts.len() as u64);
        texts.iter().for_each(|text| self.text(text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(json: serde_json::Value) -> Canonical {
        let filters: Filters = serde_json::from_value(json).unwrap();
        let mut canonical = Canonical::of_lists(&filters);
        filters.features.iter().for_each(|(name, bounds)| canonical.within(name, *bounds));
        canonical
    }

    fn check(one: serde_json::Value, other: serde_json::Value, same: bool) {
        let text = format!("{one} {other}");
        assert_eq!(canonical(one).key() == canonical(other).key(), same, "{text}");
    }

    #[test]
    fn spelling_does_not_matter() {
        use serde_json::json;
        check(json!({"genres": ["Rock", "pop"]}), json!({"genres": [" POP", "rock", "Pop"]}), true);
        check(json!({"ids": ["spotify:track:a", "b"]}), json!({"ids": ["b", "a", "a b"]}), true);
        check(json!({"features": {"x": {"min": 0.0}}}), json!({"features": {"x": {"min": -0.0}}}), true);
        check(json!({"features": {"x": {}}}), json!({}), true);
        check(json!({"exclude_ids": ["a b"]}), json!({}), true);
    }

    #[test]
    fn what_lets_something_else_pass_has_another_key() {
        use serde_json::json;
        let all = [
            json!({}),
            json!({"ids": ["a b"]}),
            json!({"ids": ["a"]}),
            json!({"exclude_ids": ["a"]}),
            json!({"genres": ["a"]}),
            json!({"artists": ["a"]}),
            json!({"exclude_artists": ["a"]}),
            json!({"genres": ["a", "b"]}),
            json!({"genres": ["ab"]}),
            json!({"genres": ["a"], "artists": ["b"]}),
            json!({"explicit": true}),
            json!({"explicit": false}),
            json!({"features": {"x": {"min": 1}}}),
            json!({"features": {"x": {"max": 1}}}),
            json!({"features": {"x": {"min": 1, "max": 1}}}),
            json!({"features": {"y": {"min": 1}}}),
        ];
        for (index, one) in all.iter().enumerate() {
            for other in &all[index + 1..] {
                check(one.clone(), other.clone(), false);
            }
            assert_eq!(canonical(one.clone()).passes_all(), index == 0, "{one}");
        }
    }

    #[test]
    fn bounds_of_one_column_are_intersected() {
        let mut canonical = Canonical::of_lists(&Filters::default());
        canonical.within("x", Bounds { min: Some(1.0), max: None });
        canonical.within("x", Bounds { min: Some(0.0), max: Some(5.0) });
        canonical.within("x", Bounds { min: None, max: Some(7.0) });
        assert_eq!(canonical.columns["x"], (1.0, 5.0));
    }
}
