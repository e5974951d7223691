//! One pass over the store: raw values, records, tags and titles of every track, in the order of their ids.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use crate::content::{
    ItemsBuilder, Recordings, SongKey, TagsBuilder, VectorsBuilder, quantiles, write_overview, write_titles,
};
use crate::feature::{Feature, FittedSchema, Fitter, Schema, Transform};
use crate::progress::{CancelToken, Progress};
use crate::store::{Refresh, TrackReader};
use crate::titles::TitleIndexBuilder;
use crate::track::{ItemIdx, Track, TrackId, value};

use super::error::BuildError;
use super::options::BuildOptions;

/// The most tracks of one snapshot: the last two ids stand for "no neighbour" and the end.
const MAX_ITEMS: u64 = u32::MAX as u64 - 1;
/// Tracks read between two looks at progress and cancellation.
const STEP: usize = 1_024;

/// What was read.
pub(super) struct Read {
    pub n_items: usize,
    pub raw_columns: Vec<String>,
    pub providers: Vec<String>,
    pub out_of_range: BTreeMap<String, u64>,
    fitter: Fitter,
    items: ItemsBuilder,
    tags: TagsBuilder,
    titles: TitleIndexBuilder,
    songs: Vec<Option<SongKey>>,
}

/// Reads the whole store.
pub(super) fn read(
    store: &dyn TrackReader,
    store_name: &str,
    schema: Schema,
    options: &BuildOptions,
    progress: &Progress,
    cancel: &CancelToken,
) -> Result<Read, BuildError> {
    let count = store.count()?;
    if count == 0 {
        return Err(BuildError::Empty { store: store_name.to_owned() });
    }
    options.check_memory(count, &schema)?;
    let raw_columns = raw_columns(&schema);
    let mut reader = Reader {
        items: ItemsBuilder::new(raw_columns.clone()),
        fitter: Fitter::new(schema.clone()),
        tags: TagsBuilder::default(),
        titles: TitleIndexBuilder::new(),
        songs: Vec::new(),
        schema,
        last: None,
    };
    let phase = progress.phase("read", count, "tracks");
    let mut failed = None;
    store.scan_refreshes(&mut |track, refresh| {
        if reader.items.len().is_multiple_of(STEP) {
            phase.set(reader.items.len() as u64);
            if let Err(cancelled) = cancel.check() {
                failed = Some(cancelled.into());
                return ControlFlow::Break(());
            }
        }
        match reader.push(track, &refresh) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        }
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    let n_items = reader.items.len();
    if n_items == 0 {
        return Err(BuildError::Empty { store: store_name.to_owned() });
    }
    let out_of_range = reader.fitter.out_of_range().filter(|(_, n)| *n > 0);
    let out_of_range = out_of_range.map(|(name, n)| (name.to_owned(), n)).collect();
    let Reader { fitter, items, tags, titles, songs, .. } = reader;
    let providers = items.providers().to_vec();
    Ok(Read { n_items, raw_columns, providers, out_of_range, fitter, items, tags, titles, songs })
}

/// Raw values that are kept for filters, explanations and answers: every scalar of the schema, and what a track shows.
fn raw_columns(schema: &Schema) -> Vec<String> {
    let scalars = schema.features.iter().filter(|feature| !feature.transform.takes_vector());
    let mut columns: Vec<String> = scalars.map(|feature| feature.source().to_owned()).collect();
    columns.extend(value::KEPT.map(str::to_owned));
    let mut seen = std::collections::HashSet::new();
    columns.retain(|column| seen.insert(column.clone()));
    columns
}

struct Reader {
    schema: Schema,
    fitter: Fitter,
    items: ItemsBuilder,
    tags: TagsBuilder,
    titles: TitleIndexBuilder,
    songs: Vec<Option<SongKey>>,
    last: Option<TrackId>,
}

impl Reader {
    fn push(&mut self, mut track: Track, refresh: &Refresh) -> Result<(), BuildError> {
        if self.last.as_ref().is_some_and(|last| *last >= track.id) {
            return Err(BuildError::Order { id: track.id.to_string() });
        }
        let index = self.items.len() as u64;
        if index >= MAX_ITEMS {
            return Err(BuildError::TooMany { max: MAX_ITEMS });
        }
        self.fitter.push(|feature| feature.raw(&track));
        // What lies outside a feature's domain is missing everywhere: in vectors, filters and answers.
        for feature in &self.schema.features {
            if let Some(value) = track.values.get(feature.source())
                && !feature.transform.takes_vector()
                && !feature.defines(*value)
            {
                track.values.remove(feature.source());
            }
        }
        let item = ItemIdx(index as u32);
        self.tags.push(item, &track);
        self.titles.add(item, track.name.as_deref(), &track.artists);
        self.songs.push(SongKey::of(&track));
        let provider_of = |name: &str| Some(refresh.provenance.get(name)?.provider.as_str());
        self.items
            .push(&track, provider_of)
            .map_err(|cause| BuildError::Record { id: track.id.to_string(), cause })?;
        self.last = Some(track.id);
        Ok(())
    }
}

impl Read {
    /// Fits the statistics and writes the contents; returns the vectors, which are not written yet.
    pub fn write(
        self,
        directory: &Path,
        cancel: &CancelToken,
    ) -> Result<(FittedSchema, VectorsBuilder), BuildError> {
        self.items.write(directory)?;
        let tables: Vec<Vec<f64>> =
            self.fitter.schema().features.iter().map(|feature| self.table(feature)).collect();
        drop(self.items);
        self.tags.write(directory)?;
        drop(self.tags);
        write_titles(directory, &self.titles.finish())?;
        cancel.check()?;
        let rows = self.fitter.fit();
        let schema = &rows.fitted.schema;
        let mut vectors = VectorsBuilder::new(self.n_items, schema.dim(), schema.features.len());
        let mut missing = Vec::new();
        for item in 0..rows.n_rows() {
            missing.clear();
            rows.write(item, vectors.row_mut(item), |feature| missing.push(feature));
            missing.iter().for_each(|feature| vectors.set_missing(*feature, item));
        }
        cancel.check()?;
        let recordings = recordings(schema, &vectors, &self.songs);
        write_overview(directory, &vectors, &default_weights(schema), &tables, &recordings)?;
        cancel.check()?;
        Ok((rows.fitted, vectors))
    }

    /// The quantiles of a feature whose values have an order.
    fn table(&self, feature: &Feature) -> Vec<f64> {
        let ordered = !feature.transform.takes_vector() && feature.transform != Transform::Circular;
        let column = self.raw_columns.iter().position(|column| ordered && column == feature.source());
        quantiles(column.map_or_else(Vec::new, |column| self.items.column(column).collect()))
    }
}

/// The default weight of each dimension, `[dim]`; 1 for all where none has one.
fn default_weights(schema: &Schema) -> Vec<f32> {
    let dims = |weight: fn(&Feature) -> f64| {
        let features = schema.features.iter();
        features.flat_map(|feature| std::iter::repeat_n(weight(feature) as f32, feature.n_dims())).collect()
    };
    let weights: Vec<f32> = dims(|feature| feature.weight);
    if weights.iter().any(|weight| *weight > 0.0) { weights } else { dims(|_| 1.0) }
}

/// The first item of the same recording, by item. Vectors count as the same where all that has a default weight is known
/// and equal: two releases of a recording differ in year and popularity, but not in its analysis.
fn recordings(schema: &Schema, vectors: &VectorsBuilder, songs: &[Option<SongKey>]) -> Vec<u32> {
    let mut recordings = Recordings::new(songs.len());
    recordings.join_songs(songs);
    let ranges = schema.dim_ranges();
    let counts = |feature: &usize| schema.features[*feature].weight > 0.0;
    let counting: Vec<usize> = (0..ranges.len()).filter(counts).collect();
    recordings.join_vectors(|item, vector| {
        let known = counting.iter().all(|feature| !vectors.is_missing(*feature, item));
        let row = vectors.row(item);
        counting.iter().for_each(|feature| vector.extend_from_slice(&row[ranges[*feature].clone()]));
        known && !counting.is_empty()
    });
    recordings.finish()
}
