//! What came of a build.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use crate::artifact::{Manifest, Measurement};
use crate::eval;

use super::options::peak_memory_bytes;

/// What came of a build: the object of `nearfield build --json`.
#[derive(Clone, Debug, Serialize)]
pub struct BuildReport {
    /// The snapshot's name.
    pub name: String,
    /// The generation that is live now.
    pub generation: String,
    /// Where it is.
    pub directory: PathBuf,
    /// The one that was live before.
    pub parent: Option<String>,
    /// Number of tracks.
    pub n_items: u64,
    /// Dimensions of a vector.
    pub dim: u64,
    /// The schema's name.
    pub schema: String,
    /// BLAKE3 of the schema.
    pub schema_hash: String,
    /// Engines built.
    pub engines: Vec<String>,
    /// Seconds by phase, and in all.
    pub seconds: BTreeMap<String, f64>,
    /// Bytes by file.
    pub bytes: BTreeMap<String, u64>,
    /// The largest resident size of the process, where the system tells it.
    pub peak_memory_bytes: Option<u64>,
    /// Tracks without a value, by feature.
    pub missing: BTreeMap<String, u64>,
    /// Values outside their feature's raw range, by feature: kept, but counted.
    pub out_of_range: BTreeMap<String, u64>,
    /// Recall and latency measured.
    pub measured: Vec<Measurement>,
    /// What the operator should know.
    pub notes: Vec<String>,
    /// Old generations removed.
    pub removed: Vec<String>,
}

impl BuildReport {
    pub(super) fn new(
        manifest: &Manifest,
        directory: PathBuf,
        seconds: BTreeMap<String, f64>,
        notes: Vec<String>,
        removed: Vec<String>,
    ) -> Self {
        let features = manifest.fitted.schema.features.iter().zip(&manifest.fitted.stats);
        let missing =
            features.map(|(feature, stats)| (feature.name.clone(), manifest.n_items - stats.n_present));
        Self {
            name: manifest.name.clone(),
            generation: manifest.generation.clone(),
            directory,
            parent: manifest.parent.clone(),
            n_items: manifest.n_items,
            dim: manifest.dim,
            schema: manifest.fitted.schema.name.clone(),
            schema_hash: manifest.schema_hash.clone(),
            engines: manifest.parameters.engines.clone(),
            seconds,
            bytes: manifest.files.iter().map(|(name, entry)| (name.clone(), entry.bytes)).collect(),
            peak_memory_bytes: peak_memory_bytes(),
            missing: missing.filter(|(_, n)| *n > 0).collect(),
            out_of_range: manifest.out_of_range.clone(),
            measured: manifest.measured.clone(),
            notes,
            removed,
        }
    }
}

impl fmt::Display for BuildReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        writeln!(f, "published generation {} of `{}`", self.generation, self.name)?;
        writeln!(f, "{} tracks, {} dimensions (schema {})", self.n_items, self.dim, self.schema)?;
        let total: u64 = self.bytes.values().sum();
        writeln!(f, "{:.1} MiB on disk in {}", mib(total), self.directory.display())?;
        if let Some(peak) = self.peak_memory_bytes {
            writeln!(f, "{:.0} MiB of memory at most", mib(peak))?;
        }
        let phases = self.seconds.iter().filter(|(phase, _)| *phase != "total");
        let phases: Vec<String> = phases.map(|(phase, seconds)| format!("{phase} {seconds:.1}")).collect();
        let total = self.seconds.get("total").copied().unwrap_or_default();
        writeln!(f, "{total:.1} s: {}", phases.join(", "))?;
        for (feature, n) in &self.missing {
            writeln!(f, "{feature}: {n} tracks have no value")?;
        }
        for (feature, n) in &self.out_of_range {
            writeln!(f, "{feature}: {n} values are out of range (kept)")?;
        }
        writeln!(f)?;
        write!(f, "{}", eval::table(&self.measured))?;
        writeln!(f)?;
        for note in &self.notes {
            writeln!(f, "{note}")?;
        }
        for generation in &self.removed {
            writeln!(f, "removed the old generation {generation}")?;
        }
        writeln!(
            f,
            "{} is live: serve it with `nearfield serve --name {}`; a running server swaps it in once it has checked it",
            self.generation, self.name
        )
    }
}
