//! One pass over the store: raw values, records, tags and titles of every track, in the order of their ids.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use crate::content::{ItemsBuilder, TagsBuilder, VectorsBuilder, write_titles};
use crate::feature::{FittedSchema, Fitter, Schema};
use crate::progress::{CancelToken, Progress};
use crate::store::TrackReader;
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
    pub out_of_range: BTreeMap<String, u64>,
    fitter: Fitter,
    items: ItemsBuilder,
    tags: TagsBuilder,
    titles: TitleIndexBuilder,
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
        schema,
        last: None,
    };
    let phase = progress.phase("read", count, "tracks");
    let mut failed = None;
    store.scan(&mut |track| {
        if reader.items.len().is_multiple_of(STEP) {
            phase.set(reader.items.len() as u64);
            if let Err(cancelled) = cancel.check() {
                failed = Some(cancelled.into());
                return ControlFlow::Break(());
            }
        }
        match reader.push(track) {
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
    let Reader { fitter, items, tags, titles, .. } = reader;
    Ok(Read { n_items, raw_columns, out_of_range, fitter, items, tags, titles })
}

/// Raw values that are kept for filters, explanations and answers: every scalar of the schema, and what a track shows.
fn raw_columns(schema: &Schema) -> Vec<String> {
    let scalars = schema.features.iter().filter(|feature| !feature.transform.takes_vector());
    let mut columns: Vec<String> = scalars.map(|feature| feature.source().to_owned()).collect();
    columns.extend([value::RELEASE_YEAR, value::POPULARITY, value::DURATION_MS].map(str::to_owned));
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
    last: Option<TrackId>,
}

impl Reader {
    fn push(&mut self, mut track: Track) -> Result<(), BuildError> {
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
        self.items.push(&track).map_err(|cause| BuildError::Record { id: track.id.to_string(), cause })?;
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
        Ok((rows.fitted, vectors))
    }
}
