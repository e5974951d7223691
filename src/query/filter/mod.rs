//! A request's filters: checked, brought into a canonical form, compiled into the items that may be returned.
//!
//! ```text
//! canonical.rs  filters that let the same pass have the same form; compiling one
//! bits.rs       a set of items in the making, 64 at a time
//! ```

mod bits;
mod canonical;

use std::sync::Arc;

use crate::content::fold;
use crate::filter_cache::{CompiledFilter, FilterKey};
use crate::snapshot::Snapshot;
use crate::suggest;
use crate::track::value;

use super::error::QueryError;
use super::request::{Bounds, Filters};
use super::weights::find_feature;

use canonical::Canonical;

/// Entries a list of a filter may have.
const MAX_ENTRIES: usize = 10_000;

/// Filters that were found to make sense in one generation, and that not everything passes.
#[derive(Debug)]
pub(super) struct CheckedFilter<'a> {
    filters: &'a Filters,
    canonical: Canonical,
    key: FilterKey,
}

impl<'a> CheckedFilter<'a> {
    /// Checks `filters`; `None` where everything passes.
    pub fn new(snapshot: &Snapshot, filters: &'a Filters) -> Result<Option<Self>, QueryError> {
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
        let mut canonical = Canonical::of_lists(filters);
        for (name, bounds) in &filters.features {
            let field = format!("filters.features.{name}");
            let column = column_of(snapshot, name, &field)?;
            check_bounds(&field, *bounds)?;
            canonical.within(column, *bounds);
        }
        let ranges = [
            ("filters.year", value::RELEASE_YEAR, filters.year),
            ("filters.popularity", value::POPULARITY, filters.popularity),
        ];
        for (field, column, bounds) in ranges {
            if let Some(bounds) = bounds {
                check_bounds(field, bounds)?;
                canonical.within(column, bounds);
            }
        }
        let key = canonical.key();
        Ok((!canonical.passes_all()).then_some(Self { filters, canonical, key }))
    }

    /// The same for all filters that let the same pass.
    pub fn key(&self) -> FilterKey {
        self.key
    }

    /// The items that pass, from the generation's cache where they are there.
    pub fn compile(&self, snapshot: &Snapshot) -> Arc<CompiledFilter> {
        snapshot.filters().get_or_compile(self.key, || self.canonical.compile(snapshot))
    }

    /// A warning for every name that names nothing here, as the asker wrote it.
    pub fn warnings(&self, compiled: &CompiledFilter) -> Vec<String> {
        let filters = self.filters;
        let named = [
            ("genre", &filters.genres, &compiled.unknown_genres),
            ("artist", &filters.artists, &compiled.unknown_artists),
            ("artist", &filters.exclude_artists, &compiled.unknown_artists),
        ];
        let mut warnings = Vec::new();
        for (what, names, unknown) in named.into_iter().filter(|(_, _, unknown)| !unknown.is_empty()) {
            for name in names {
                let place = unknown.binary_search_by(|known| known.name.as_str().cmp(&fold(name)));
                if let Ok(place) = place {
                    let meant = unknown[place].nearest.as_deref().map(suggest::question).unwrap_or_default();
                    warnings.push(format!("no track has the {what} `{name}`{meant}"));
                }
            }
        }
        warnings
    }
}

impl Filters {
    /// Whether compiling these takes next to no time, because they were compiled lately or let everything pass. Filters
    /// that make no sense are refused quickly, too.
    pub fn are_compiled(&self, snapshot: &Snapshot) -> bool {
        if self.is_empty() {
            return true;
        }
        match CheckedFilter::new(snapshot, self) {
            Ok(Some(filter)) => snapshot.filters().contains(&filter.key),
            Ok(None) | Err(_) => true,
        }
    }
}

/// The raw column that bounds of `name` are about: that of the feature, or one that is kept though it is no feature's.
fn column_of<'a>(snapshot: &'a Snapshot, name: &'a str, field: &str) -> Result<&'a str, QueryError> {
    match find_feature(snapshot.schema(), name, field.to_owned()) {
        Ok((_, feature)) if feature.transform.takes_vector() => {
            Err(QueryError::VectorFilter { feature: name.to_owned() })
        }
        Ok((_, feature)) => Ok(feature.source()),
        Err(_) if snapshot.raw_column(name).is_some() => Ok(name),
        Err(unknown) => Err(unknown),
    }
}

fn check_bounds(field: &str, bounds: Bounds) -> Result<(), QueryError> {
    for (side, bound) in [("min", bounds.min), ("max", bounds.max)] {
        if let Some(bound) = bound.filter(|bound| !bound.is_finite()) {
            return Err(QueryError::number(format!("{field}.{side}"), bound, "a finite number"));
        }
    }
    match (bounds.min, bounds.max) {
        (Some(min), Some(max)) if min > max => {
            Err(QueryError::number(format!("{field}.min"), min, format!("at most max, {max}")))
        }
        _ => Ok(()),
    }
}
