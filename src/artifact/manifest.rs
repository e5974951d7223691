//! What a generation says of itself: `manifest.json`.
//!
//! The file is `{"checksum": "<BLAKE3>", "manifest": {...}}`; the checksum is over the bytes of the inner object
//! exactly as they stand in the file.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::error::ArtifactError;
use super::header::{FORMAT_VERSION, OLDEST_FORMAT_VERSION};
use super::publish::STAGING_PREFIX;
use crate::feature::FittedSchema;

/// The manifest's file name.
pub const MANIFEST_FILE: &str = "manifest.json";

/// What a generation says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of the file formats.
    pub format_version: u32,
    /// The snapshot's name.
    pub name: String,
    /// The generation's name.
    pub generation: String,
    /// The generation that was live when this one was built.
    pub parent: Option<String>,
    /// When the build ended, RFC 3339.
    pub created: String,
    /// The nearfield that wrote it.
    pub nearfield_version: String,
    /// Number of tracks.
    pub n_items: u64,
    /// Dimensions of a vector.
    pub dim: u64,
    /// BLAKE3 of the schema: equal hashes mean comparable vectors.
    pub schema_hash: String,
    /// The schema and the statistics fitted to this catalogue.
    pub fitted: FittedSchema,
    /// Names of the raw columns, in the order in which they are stored.
    pub raw_columns: Vec<String>,
    /// Providers that values come from, besides imports; at most [`crate::content::MAX_PROVIDERS`].
    pub providers: Vec<String>,
    /// Values outside their feature's raw range, by feature: kept, but counted.
    pub out_of_range: BTreeMap<String, u64>,
    /// What the build was asked for.
    pub parameters: BuildParameters,
    /// Where the tracks came from.
    pub provenance: Provenance,
    /// Seconds by phase of the build.
    pub seconds: BTreeMap<String, f64>,
    /// Recall and latency measured at build time.
    pub measured: Vec<Measurement>,
    /// What the planner knows of costs and recall here.
    pub calibration: Calibration,
    /// Every other file of the generation by name.
    pub files: BTreeMap<String, FileEntry>,
}

/// What a build was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuildParameters {
    /// Engines built.
    pub engines: Vec<String>,
    /// What built the graph.
    pub graph_builder: String,
    /// Whether the graph was kept small.
    pub compact: bool,
    /// HNSW's M.
    pub m: u64,
    /// HNSW's ef during construction.
    pub ef_construction: u64,
    /// Trees of the forest.
    pub trees: u64,
    /// Seed of everything random.
    pub seed: u64,
    /// Threads used.
    pub threads: u64,
}

/// Where a generation's tracks came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// The store, without credentials.
    pub store: String,
    /// When reading it began, RFC 3339: changes made later are not in this generation.
    pub read_started: String,
    /// Tracks read.
    pub n_read: u64,
}

impl Provenance {
    /// When reading the store began; the beginning of time where that is not known, so that every removal is later.
    pub fn read_started(&self) -> jiff::Timestamp {
        self.read_started.parse().unwrap_or(jiff::Timestamp::MIN)
    }
}

/// Length and checksum of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Length in bytes.
    pub bytes: u64,
    /// BLAKE3 in hexadecimal.
    pub blake3: String,
}

/// Recall and latency of one engine at one setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Measurement {
    /// The engine: `exact`, `hnsw`, `forest` or `auto`.
    pub engine: String,
    /// Weight family or profile.
    pub weights: String,
    /// The engine's search setting, empty where it has none.
    pub effort: String,
    /// Results asked for.
    pub k: u64,
    /// Queries run.
    pub queries: u64,
    /// Tie-aware recall@k by score.
    pub recall: f64,
    /// Mean latency in microseconds, one thread.
    pub mean_us: f64,
    /// Median latency in microseconds.
    pub p50_us: f64,
    /// 95th percentile in microseconds.
    pub p95_us: f64,
    /// 99th percentile in microseconds.
    pub p99_us: f64,
    /// 99.9th percentile in microseconds.
    pub p999_us: f64,
}

/// What the planner knows of costs and recall on this catalogue, measured at build time with k = 10.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Cost of the exact scan.
    pub exact: ExactCost,
    /// 99 % of the queries measured were no farther from the centre (`sum w q^2 / sum w`): what is said of the graph
    /// does not hold beyond.
    pub max_eccentricity: f64,
    /// Recall and cost of the graph, by how far the weights are from the build metric, ascending.
    pub graph: Vec<CalibrationBucket>,
    /// The same of the forest.
    pub forest: Vec<CalibrationBucket>,
}

/// What the exact engine costs, one thread.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExactCost {
    /// Without a filter, by how many dimensions have a weight above 0, ascending.
    pub by_dims: Vec<DimsCost>,
    /// With a filter, by the share of items it accepts, ascending: how many times the cost without one.
    pub by_share: Vec<ShareCost>,
    /// Nanoseconds for each item scored on its own, where a filter leaves few.
    pub per_row_ns: f64,
}

/// Cost of a scan by its dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DimsCost {
    /// Dimensions with a weight above 0.
    pub dims: u32,
    /// Median microseconds.
    pub median_us: f64,
}

/// Cost of a filtered scan.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShareCost {
    /// Share of all items that are accepted.
    pub share: f64,
    /// How many times the cost without a filter.
    pub factor: f64,
}

/// Searches under weights up to one distance from the build metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibrationBucket {
    /// The largest distance from the build metric in this bucket.
    pub max_distance: f64,
    /// Queries measured.
    pub queries: u64,
    /// Recall and cost by effort, ascending.
    pub points: Vec<EffortPoint>,
}

/// Recall and cost at one effort.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EffortPoint {
    /// ef of the graph, `search_k` of the forest.
    pub effort: u32,
    /// Mean tie-aware recall@10.
    pub recall: f64,
    /// Mean microseconds, one thread.
    pub mean_us: f64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<T> {
    checksum: String,
    manifest: T,
}

impl Manifest {
    /// Reads and checks `manifest.json` in the generation's directory.
    pub fn read(directory: &Path) -> Result<Self, ArtifactError> {
        let path = directory.join(MANIFEST_FILE);
        let text = fs::read(&path).map_err(ArtifactError::io("read", &path))?;
        let not_json =
            |error: serde_json::Error| ArtifactError::damaged(&path, "contents", "a manifest", error);
        let envelope: Envelope<&RawValue> = serde_json::from_slice(&text).map_err(not_json)?;
        let got = blake3::hash(envelope.manifest.get().as_bytes()).to_hex().to_string();
        if got != envelope.checksum {
            return Err(ArtifactError::damaged(&path, "checksum", envelope.checksum, got));
        }
        // The version comes first: a later format may have other fields.
        #[derive(Deserialize)]
        struct Version {
            format_version: u32,
        }
        let inner = envelope.manifest.get();
        let found = serde_json::from_str::<Version>(inner).map_err(not_json)?.format_version;
        if !(OLDEST_FORMAT_VERSION..=FORMAT_VERSION).contains(&found) {
            return Err(ArtifactError::Version {
                path,
                found,
                oldest: OLDEST_FORMAT_VERSION,
                newest: FORMAT_VERSION,
            });
        }
        let manifest: Self = serde_json::from_str(inner).map_err(not_json)?;
        manifest.validate(&path)?;
        Ok(manifest)
    }

    fn validate(&self, path: &Path) -> Result<(), ArtifactError> {
        let damaged =
            |what: &str, expected: &str, got: String| ArtifactError::damaged(path, what, expected, got);
        self.fitted.validate().map_err(|problem| damaged("schema", "a valid fitted schema", problem))?;
        if self.dim != self.fitted.schema.dim() as u64 {
            return Err(damaged("dim", "the schema's dimensions", self.dim.to_string()));
        }
        if self.n_items == 0 || self.n_items >= u64::from(u32::MAX) {
            return Err(damaged("n_items", "1 to 4294967294", self.n_items.to_string()));
        }
        if let Some(name) = self.files.keys().find(|name| name.contains(['/', '\\']) || name.starts_with('.'))
        {
            return Err(damaged("files", "plain file names", name.clone()));
        }
        Ok(())
    }

    /// Checks that the manifest belongs to the directory it lies in (or to the staging directory of its build).
    pub fn check_place(&self, directory: &Path) -> Result<(), ArtifactError> {
        let place = directory.file_name().unwrap_or_default().to_string_lossy();
        let place = place.strip_prefix(STAGING_PREFIX).unwrap_or(&place);
        if place == self.generation {
            return Ok(());
        }
        let path = directory.join(MANIFEST_FILE);
        Err(ArtifactError::damaged(&path, "generation", place, &self.generation))
    }

    /// Writes `manifest.json` into `directory` and waits until the disk has it.
    pub fn write(&self, directory: &Path) -> Result<(), ArtifactError> {
        let path = directory.join(MANIFEST_FILE);
        let write = || {
            let inner = serde_json::to_string_pretty(self)?;
            let checksum = blake3::hash(inner.as_bytes()).to_hex().to_string();
            let envelope = Envelope { checksum, manifest: RawValue::from_string(inner)? };
            let mut file = fs::File::create(&path)?;
            file.write_all(&serde_json::to_vec_pretty(&envelope)?)?;
            file.write_all(b"\n")?;
            file.sync_all()
        };
        write().map_err(ArtifactError::io("write", &path))
    }

    /// The entry of file `name`, which must be there.
    pub fn file(&self, directory: &Path, name: &str) -> Result<&FileEntry, ArtifactError> {
        self.files.get(name).ok_or_else(|| {
            ArtifactError::damaged(&directory.join(MANIFEST_FILE), "files", name, "no such entry")
        })
    }

    /// Reads every file of the generation in `directory` and compares lengths and checksums; a file that the manifest
    /// does not list is an error too. Calls `progress` with the bytes read.
    pub fn verify_files(&self, directory: &Path, progress: impl FnMut(u64)) -> Result<(), ArtifactError> {
        self.refuse_strays(directory)?;
        self.verify_listed(directory, progress)
    }

    /// The files in `directory` that the manifest does not list, sorted.
    pub fn strays(&self, directory: &Path) -> Result<Vec<String>, ArtifactError> {
        let mut strays = Vec::new();
        for entry in fs::read_dir(directory).map_err(ArtifactError::io("list", directory))? {
            let name = entry.map_err(ArtifactError::io("list", directory))?.file_name();
            let name = name.to_string_lossy();
            if name != MANIFEST_FILE && !self.files.contains_key(name.as_ref()) {
                strays.push(name.into_owned());
            }
        }
        strays.sort();
        Ok(strays)
    }

    /// An error that names the first of [`Self::strays`], if there is one.
    pub fn refuse_strays(&self, directory: &Path) -> Result<(), ArtifactError> {
        match self.strays(directory)?.into_iter().next() {
            None => Ok(()),
            Some(name) => {
                Err(ArtifactError::damaged(directory, "files", "only files that the manifest lists", name))
            }
        }
    }

    /// Reads the files that the manifest lists and compares lengths and checksums.
    pub fn verify_listed(
        &self,
        directory: &Path,
        mut progress: impl FnMut(u64),
    ) -> Result<(), ArtifactError> {
        for (name, expected) in &self.files {
            let path = directory.join(name);
            let got = FileEntry::of(&path)?;
            if got.bytes != expected.bytes {
                let bytes = |entry: &FileEntry| format!("{} bytes", entry.bytes);
                return Err(ArtifactError::damaged(&path, "length", bytes(expected), bytes(&got)));
            }
            if got != *expected {
                return Err(ArtifactError::damaged(&path, "checksum", &expected.blake3, got.blake3));
            }
            progress(got.bytes);
        }
        Ok(())
    }
}

impl FileEntry {
    /// Length and checksum of the file at `path`, read through.
    pub fn of(path: &Path) -> Result<Self, ArtifactError> {
        let mut file = fs::File::open(path).map_err(ArtifactError::io("open", path))?;
        let mut hasher = blake3::Hasher::new();
        let bytes = std::io::copy(&mut file, &mut hasher).map_err(ArtifactError::io("read", path))?;
        Ok(Self { bytes, blake3: hasher.finalize().to_hex().to_string() })
    }
}
