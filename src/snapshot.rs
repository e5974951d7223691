//! An open generation: everything a query needs, mapped.

use std::path::{Path, PathBuf};

use crate::artifact::{ArtifactError, Manifest, SnapshotDir};
use crate::content::{
    ITEMS_FILE, Items, TAGS_FILE, TERMS_FILE, TITLES_FILE, Tags, Titles, VECTORS_FILE, Vectors, open_titles,
};
use crate::feature::{FittedSchema, Schema};
use crate::filter_cache::{self, FilterCache};
use crate::index::hnsw::GRAPH_FILE;
use crate::index::{BuildMetric, EXACT_FILE, Engine, EngineKind, Exact, FOREST_FILE, Forest, Hnsw};
use crate::track::ItemIdx;

/// An open generation. Opening reads the manifest, the heads of the files and the tables of offsets, not the data.
pub struct Snapshot {
    manifest: Manifest,
    directory: PathBuf,
    items: Items,
    vectors: Vectors,
    tags: Tags,
    titles: Titles,
    exact: Exact,
    hnsw: Option<Hnsw>,
    forest: Option<Forest>,
    /// The engines there are.
    built: Vec<EngineKind>,
    filters: FilterCache,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Snapshot({})", self.directory.display())
    }
}

impl Snapshot {
    /// Opens the live generation of snapshot `name` under `indexes`, or the one asked for.
    pub fn open(indexes: &Path, name: &str, generation: Option<&str>) -> Result<Self, ArtifactError> {
        Self::open_directory(&SnapshotDir::new(indexes, name)?.resolve(generation)?)
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
        Ok(Self {
            built: engines.into_iter().filter(|(_, built)| *built).map(|(kind, _)| kind).collect(),
            filters: FilterCache::new(filter_cache::DEFAULT_BYTES),
            directory: directory.to_owned(),
            items,
            vectors,
            tags,
            titles,
            exact,
            hnsw,
            forest,
            manifest,
        })
    }

    /// What the generation says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Where its files are.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The schema.
    pub fn schema(&self) -> &Schema {
        &self.manifest.fitted.schema
    }

    /// The schema with its fitted statistics.
    pub fn fitted(&self) -> &FittedSchema {
        &self.manifest.fitted
    }

    /// Ids, records and raw values.
    pub fn items(&self) -> &Items {
        &self.items
    }

    /// The vectors.
    pub fn vectors(&self) -> &Vectors {
        &self.vectors
    }

    /// Genres and artists.
    pub fn tags(&self) -> &Tags {
        &self.tags
    }

    /// The search by title and artist.
    pub fn titles(&self) -> &Titles {
        &self.titles
    }

    /// The engine, where this generation has it.
    pub fn engine(&self, kind: EngineKind) -> Option<&dyn Engine> {
        match kind {
            EngineKind::Exact => Some(&self.exact),
            EngineKind::Hnsw => self.hnsw.as_ref().map(|engine| engine as &dyn Engine),
            EngineKind::Forest => self.forest.as_ref().map(|engine| engine as &dyn Engine),
        }
    }

    /// The exact engine, which every generation has.
    pub fn exact(&self) -> &Exact {
        &self.exact
    }

    /// The engines this generation has.
    pub fn engines(&self) -> Vec<EngineKind> {
        self.built().to_vec()
    }

    /// The same without an allocation, for every request.
    pub fn built(&self) -> &[EngineKind] {
        &self.built
    }

    /// The filters that were used last.
    pub fn filters(&self) -> &FilterCache {
        &self.filters
    }

    /// The same generation with a filter cache of at most `max_bytes`, empty at first.
    pub fn with_filter_cache(mut self, max_bytes: u64) -> Self {
        self.filters = FilterCache::new(max_bytes);
        self
    }

    /// The forest, where this generation has one.
    pub fn forest(&self) -> Option<&Forest> {
        self.forest.as_ref()
    }

    /// The raw column of this name, `[n_items]`, NaN where missing.
    pub fn raw_column(&self, name: &str) -> Option<&[f64]> {
        let column = self.manifest.raw_columns.iter().position(|column| column == name)?;
        Some(self.items.raw_column(column))
    }

    /// One raw value by the name of its column.
    pub fn raw(&self, name: &str, item: ItemIdx) -> Option<f64> {
        let value = self.raw_column(name)?[item.as_usize()];
        (!value.is_nan()).then_some(value)
    }

    /// Reads every file: checksums, then structures; a file that the manifest does not list is an error too. Calls
    /// `progress` with the bytes read.
    pub fn verify(&self, progress: impl FnMut(u64)) -> Result<(), ArtifactError> {
        self.manifest.refuse_strays(&self.directory)?;
        self.verify_listed(progress)
    }

    /// The same for the files that the manifest lists: all that queries are answered from.
    pub fn verify_listed(&self, progress: impl FnMut(u64)) -> Result<(), ArtifactError> {
        self.manifest.verify_listed(&self.directory, progress)?;
        self.items.verify()?;
        self.vectors.verify()?;
        self.tags.verify(self.items.len())?;
        self.exact.verify(&self.vectors)?;
        if let Some(hnsw) = &self.hnsw {
            hnsw.verify(&self.vectors)?;
        }
        if let Some(forest) = &self.forest {
            forest.wait().map_err(|error| {
                ArtifactError::damaged(&self.directory.join(FOREST_FILE), "forest", "a usable forest", error)
            })?;
        }
        Ok(())
    }
}
