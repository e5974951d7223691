//! A request's filters: the items that may be returned.

use crate::content::TagKind;
use crate::index::{Allowed, ItemSet};
use crate::snapshot::Snapshot;
use crate::track::{TrackId, value};

use super::error::QueryError;
use super::request::{Bounds, Filters};
use super::weights::find_feature;

/// Entries a list of a filter may have.
const MAX_ENTRIES: usize = 10_000;

/// The items that pass `filters`, or `None` where everything does; what names nothing here goes to `warnings`.
pub(super) fn allowed(
    snapshot: &Snapshot,
    filters: &Filters,
    warnings: &mut Vec<String>,
) -> Result<Option<Allowed>, QueryError> {
    let lists = [
        ("filters.genres", filters.genres.len()),
        ("filters.artists", filters.artists.len()),
        ("filters.exclude_artists", filters.exclude_artists.len()),
        ("filters.ids", filters.ids.len()),
        ("filters.exclude_ids", filters.exclude_ids.len()),
    ];
    if let Some((field, got)) = lists.into_iter().find(|(_, length)| *length > MAX_ENTRIES) {
        return Err(QueryError::TooMany { field, got, max: MAX_ENTRIES });
    }
    let mut filter = Filter { snapshot, allowed: None };
    for (name, bounds) in &filters.features {
        let field = format!("filters.features.{name}");
        let (_, feature) = find_feature(snapshot.schema(), name, field.clone())?;
        if feature.transform.takes_vector() {
            return Err(QueryError::VectorFilter { feature: name.clone() });
        }
        filter.bounds(&field, feature.source(), Some(*bounds))?;
    }
    filter.bounds("filters.year", value::RELEASE_YEAR, filters.year)?;
    filter.bounds("filters.popularity", value::POPULARITY, filters.popularity)?;
    if let Some(explicit) = filters.explicit {
        let items = snapshot.items();
        filter.keep(ItemSet::from_fn(items.len(), |item| {
            items.explicit(crate::track::ItemIdx(item as u32)) == Some(explicit)
        }));
    }
    for (kind, what, names) in
        [(TagKind::Genre, "genre", &filters.genres), (TagKind::Artist, "artist", &filters.artists)]
    {
        if !names.is_empty() {
            filter.keep(filter.tagged(kind, what, names, warnings));
        }
    }
    if !filters.exclude_artists.is_empty() {
        filter.drop(filter.tagged(TagKind::Artist, "artist", &filters.exclude_artists, warnings));
    }
    if !filters.ids.is_empty() {
        filter.keep(filter.named(&filters.ids));
    }
    if !filters.exclude_ids.is_empty() {
        filter.drop(filter.named(&filters.exclude_ids));
    }
    Ok(filter.allowed.map(|items| Allowed::new(items, snapshot.vectors())))
}

struct Filter<'a> {
    snapshot: &'a Snapshot,
    allowed: Option<ItemSet>,
}

impl Filter<'_> {
    fn n_items(&self) -> usize {
        self.snapshot.items().len()
    }

    fn keep(&mut self, set: ItemSet) {
        match &mut self.allowed {
            Some(allowed) => allowed.intersect(&set),
            None => self.allowed = Some(set),
        }
    }

    fn drop(&mut self, set: ItemSet) {
        let n_items = self.n_items();
        self.allowed.get_or_insert_with(|| ItemSet::from_fn(n_items, |_| true)).subtract(&set);
    }

    fn bounds(&mut self, field: &str, column: &str, bounds: Option<Bounds>) -> Result<(), QueryError> {
        let Some(bounds) = bounds else { return Ok(()) };
        for (side, bound) in [("min", bounds.min), ("max", bounds.max)] {
            if let Some(bound) = bound.filter(|bound| !bound.is_finite()) {
                return Err(QueryError::number(format!("{field}.{side}"), bound, "a finite number"));
            }
        }
        if let (Some(min), Some(max)) = (bounds.min, bounds.max)
            && min > max
        {
            return Err(QueryError::number(format!("{field}.min"), min, format!("at most max, {max}")));
        }
        if bounds == Bounds::default() {
            return Ok(());
        }
        let set = match self.snapshot.raw_column(column) {
            Some(values) => ItemSet::from_fn(self.n_items(), |item| bounds.contain(values[item])),
            // No track of this catalogue has such a value, and a missing value fails any bound.
            None => ItemSet::empty(self.n_items()),
        };
        self.keep(set);
        Ok(())
    }

    fn tagged(&self, kind: TagKind, what: &str, names: &[String], warnings: &mut Vec<String>) -> ItemSet {
        let mut ids: Vec<&[u32]> = Vec::new();
        for name in names {
            match self.snapshot.tags().items(kind, name) {
                Some(items) => ids.push(items),
                None => warnings.push(format!("no track has the {what} `{name}`")),
            }
        }
        ItemSet::from_ids(self.n_items(), ids.into_iter().flatten())
    }

    /// The tracks with these ids; unknown ones are not in the catalogue and need no mention.
    fn named(&self, ids: &[String]) -> ItemSet {
        let find = |id: &String| self.snapshot.items().find(&TrackId::parse(id).ok()?).map(|item| item.0);
        let ids: Vec<u32> = ids.iter().filter_map(find).collect();
        ItemSet::from_ids(self.n_items(), &ids)
    }
}
