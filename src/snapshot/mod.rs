//! An open generation: everything a query needs, mapped. `removed.rs`: the items that are not returned any more.
//! `means.rs`: means of groups of items.

mod means;
mod removed;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::artifact::{ArtifactError, Manifest, Removals, SnapshotDir};
use crate::content::{
    ITEMS_FILE, Items, OVERVIEW_FILE, Overview, TAGS_FILE, TERMS_FILE, TITLES_FILE, Tags, Titles,
    VECTORS_FILE, Vectors, open_titles,
};
use crate::feature::{FittedSchema, Schema};
use crate::filter_cache::{self, FilterCache};
use crate::index::hnsw::GRAPH_FILE;
use crate::index::{Allowed, BuildMetric, EXACT_FILE, Engine, EngineKind, Exact, FOREST_FILE, Forest, Hnsw};
use crate::titles::TitleHit;
use crate::track::{ItemIdx, TrackId, value};

use means::MeanCache;
use removed::Removed;

pub use means::Mean;
pub(crate) use means::MeanSum;

/// An open generation, and which of its tracks were removed since. Opening reads the manifest, the heads of the files and
/// the tables of offsets, not the data.
pub struct Snapshot {
    open: Arc<Open>,
    removed: Arc<Removed>,
    filters: Arc<FilterCache>,
    filter_cache_bytes: u64,
    means: MeanCache,
    edition: String,
}

/// The files of a generation; those who look at it with different removals share them.
struct Open {
    manifest: Manifest,
    directory: PathBuf,
    items: Items,
    vectors: Vectors,
    tags: Tags,
    titles: Titles,
    overview: Overview,
    exact: Exact,
    hnsw: Option<Hnsw>,
    forest: Option<Forest>,
    /// The engines there are.
    built: Vec<EngineKind>,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Snapshot({})", self.open.directory.display())
    }
}

impl Snapshot {
    /// Opens the live generation of snapshot `name` under `indexes`, or the one asked for.
    pub fn open(indexes: &Path, name: &str, generation: Option<&str>) -> Result<Self, ArtifactError> {
        Self::open_directory(&SnapshotDir::new(indexes, name)?.resolve(generation)?)
    }

    /// Opens the live generation of snapshot `name` under `indexes` as a server would: without the tracks that were removed
    /// since it was built.
    pub fn open_live(indexes: &Path, name: &str) -> Result<Self, ArtifactError> {
        let directory = SnapshotDir::new(indexes, name)?;
        let snapshot = Self::open_directory(&directory.resolve(None)?)?;
        Ok(snapshot.with_removals(&directory.removals()?))
    }

    /// Opens the generation in `directory`.
    pub fn open_directory(directory: &Path) -> Result<Self, ArtifactError> {
        let manifest = Manifest::read(directory)?;
        manifest.check_place(directory)?;
        let n_items = manifest.n_items as usize;
        let dim = manifest.dim as usize;
        let schema = &manifest.fitted.schema;
        let entry = |name| Ok::<_, ArtifactError>((directory.join(name), manifest.file(directory, name)?));
        let (path, file) = entry(ITEMS_FILE)?;
        let items = Items::open(&path, file, n_items, manifest.raw_columns.len())?;
        let (path, file) = entry(VECTORS_FILE)?;
        let vectors = Vectors::open(&path, file, n_items, dim, schema.features.len())?;
        let (path, file) = entry(TAGS_FILE)?;
        let tags = Tags::open(&path, file)?;
        let (terms_path, terms_file) = entry(TERMS_FILE)?;
        let (path, file) = entry(TITLES_FILE)?;
        let titles = open_titles((&terms_path, terms_file), (&path, file), n_items)?;
        let (path, file) = entry(OVERVIEW_FILE)?;
        let overview = Overview::open(&path, file, n_items, dim, schema.features.len())?;
        let (path, file) = entry(EXACT_FILE)?;
        let exact = Exact::open(&path, file, n_items, dim)?;
        let mut hnsw = None;
        if manifest.files.contains_key(GRAPH_FILE) {
            let (path, file) = entry(GRAPH_FILE)?;
            hnsw = Some(Hnsw::open(&path, file, n_items, dim)?);
        }
        let mut forest = None;
        if manifest.files.contains_key(FOREST_FILE) {
            let (path, file) = entry(FOREST_FILE)?;
            let metric = BuildMetric::of_default_weights(schema);
            forest = Some(Forest::open(path, file.clone(), metric, n_items)?);
        }
        let engines = [
            (EngineKind::Exact, true),
            (EngineKind::Hnsw, hnsw.is_some()),
            (EngineKind::Forest, forest.is_some()),
        ];
        let open = Open {
            built: engines.into_iter().filter(|(_, built)| *built).map(|(kind, _)| kind).collect(),
            directory: directory.to_owned(),
            items,
            vectors,
            tags,
            titles,
            overview,
            exact,
            hnsw,
            forest,
            manifest,
        };
        Ok(Self {
            edition: open.manifest.generation.clone(),
            open: Arc::new(open),
            removed: Arc::default(),
            filters: Arc::new(FilterCache::new(filter_cache::DEFAULT_BYTES)),
            filter_cache_bytes: filter_cache::DEFAULT_BYTES,
            means: MeanCache::default(),
        })
    }

    /// What the generation says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.open.manifest
    }

    /// Where its files are.
    pub fn directory(&self) -> &Path {
        &self.open.directory
    }

    /// The schema.
    pub fn schema(&self) -> &Schema {
        &self.open.manifest.fitted.schema
    }

    /// The schema with its fitted statistics.
    pub fn fitted(&self) -> &FittedSchema {
        &self.open.manifest.fitted
    }

    /// Ids, records and raw values.
    pub fn items(&self) -> &Items {
        &self.open.items
    }

    /// The vectors.
    pub fn vectors(&self) -> &Vectors {
        &self.open.vectors
    }

    /// Genres and artists.
    pub fn tags(&self) -> &Tags {
        &self.open.tags
    }

    /// The search by title and artist.
    pub fn titles(&self) -> &Titles {
        &self.open.titles
    }

    /// At most `limit` tracks with such words in title and artists, best first; of equals, the more popular one.
    pub fn search_titles(&self, words: &str, limit: usize) -> Vec<TitleHit> {
        let popularity = self.raw_column(value::POPULARITY);
        let popularity_of = |item: ItemIdx| popularity.map_or(f64::NAN, |column| column[item.as_usize()]);
        self.titles().search_among(words, limit, popularity_of, |item| !self.is_removed(item))
    }

    /// The map, quantiles and recordings.
    pub fn overview(&self) -> &Overview {
        &self.open.overview
    }

    /// The engine, where this generation has it.
    pub fn engine(&self, kind: EngineKind) -> Option<&dyn Engine> {
        match kind {
            EngineKind::Exact => Some(&self.open.exact),
            EngineKind::Hnsw => self.open.hnsw.as_ref().map(|engine| engine as &dyn Engine),
            EngineKind::Forest => self.open.forest.as_ref().map(|engine| engine as &dyn Engine),
        }
    }

    /// The exact engine, which every generation has.
    pub fn exact(&self) -> &Exact {
        &self.open.exact
    }

    /// The engines this generation has.
    pub fn engines(&self) -> Vec<EngineKind> {
        self.built().to_vec()
    }

    /// The same without an allocation, for every request.
    pub fn built(&self) -> &[EngineKind] {
        &self.open.built
    }

    /// The filters that were used last.
    pub fn filters(&self) -> &FilterCache {
        &self.filters
    }

    /// The same generation with a filter cache of at most `max_bytes`, empty at first.
    pub fn with_filter_cache(mut self, max_bytes: u64) -> Self {
        self.filters = Arc::new(FilterCache::new(max_bytes));
        self.filter_cache_bytes = max_bytes;
        self
    }

    /// The same open generation without the tracks that are listed and may be in it; what was removed before counts no
    /// more. Reads no file.
    pub fn with_removals(&self, removals: &Removals) -> Self {
        let read_started = self.manifest().provenance.read_started();
        let removed = Removed::of(removals, read_started, self.items(), self.vectors());
        // Compiled filters leave out removed items where those are many.
        let filters = match (&self.removed.rest, &removed.rest) {
            (None, None) => Arc::clone(&self.filters),
            _ => Arc::new(FilterCache::new(self.filter_cache_bytes)),
        };
        Self {
            edition: self.manifest().generation.clone() + &removed.fingerprint(),
            open: Arc::clone(&self.open),
            removed: Arc::new(removed),
            filters,
            filter_cache_bytes: self.filter_cache_bytes,
            // A removed track is no part of a mean.
            means: MeanCache::default(),
        }
    }

    /// The generation's name, followed by what tells its removed tracks apart, if there are any: answers kept under one
    /// edition are those of any other snapshot with the same.
    pub fn edition(&self) -> &str {
        &self.edition
    }

    /// The item with this id; `None` also where it was removed.
    pub fn find(&self, id: &TrackId) -> Option<ItemIdx> {
        self.items().find(id).filter(|item| !self.is_removed(*item))
    }

    /// Whether `item` must not be returned any more.
    pub fn is_removed(&self, item: ItemIdx) -> bool {
        self.removed.contains(item)
    }

    /// The removed items, ascending.
    pub fn removed(&self) -> &[ItemIdx] {
        &self.removed.items
    }

    /// The removed items where they are few: to be excluded from every search. Where there are more, see
    /// [`Self::remaining`].
    pub(crate) fn excluded(&self) -> &[ItemIdx] {
        if self.removed.rest.is_some() { &[] } else { &self.removed.items }
    }

    /// All items but the removed ones where those are many: every search is to be among them.
    pub(crate) fn remaining(&self) -> Option<&Arc<Allowed>> {
        self.removed.rest.as_ref()
    }

    /// The forest, where this generation has one.
    pub fn forest(&self) -> Option<&Forest> {
        self.open.forest.as_ref()
    }

    /// The raw column of this name, `[n_items]`, NaN where missing.
    pub fn raw_column(&self, name: &str) -> Option<&[f64]> {
        let column = self.open.manifest.raw_columns.iter().position(|column| column == name)?;
        Some(self.open.items.raw_column(column))
    }

    /// One raw value by the name of its column.
    pub fn raw(&self, name: &str, item: ItemIdx) -> Option<f64> {
        let value = self.raw_column(name)?[item.as_usize()];
        (!value.is_nan()).then_some(value)
    }

    /// Which provider gave the value of `feature` of an item; `None` where it was imported.
    pub fn source(&self, feature: usize, item: ItemIdx) -> Option<&str> {
        let manifest = self.manifest();
        let source = self.schema().features[feature].source();
        let column = manifest.raw_columns.iter().position(|column| column == source)?;
        let provider = self.items().provider(column, item)?;
        Some(manifest.providers.get(provider).map_or("other", String::as_str))
    }

    /// Reads every file: checksums, then structures; a file that the manifest does not list is an error too. Calls
    /// `progress` with the bytes read.
    pub fn verify(&self, progress: impl FnMut(u64)) -> Result<(), ArtifactError> {
        self.open.manifest.refuse_strays(&self.open.directory)?;
        self.verify_listed(progress)
    }

    /// The same for the files that the manifest lists: all that queries are answered from.
    pub fn verify_listed(&self, progress: impl FnMut(u64)) -> Result<(), ArtifactError> {
        self.open.manifest.verify_listed(&self.open.directory, progress)?;
        self.open.items.verify()?;
        self.open.vectors.verify()?;
        self.open.tags.verify(self.open.items.len())?;
        self.open.overview.verify(&self.open.vectors)?;
        self.open.exact.verify(&self.open.vectors)?;
        if let Some(hnsw) = &self.open.hnsw {
            hnsw.verify(&self.open.vectors)?;
        }
        if let Some(forest) = &self.open.forest {
            forest.wait().map_err(|error| {
                ArtifactError::damaged(
                    &self.open.directory.join(FOREST_FILE),
                    "forest",
                    "a usable forest",
                    error,
                )
            })?;
        }
        Ok(())
    }
}
