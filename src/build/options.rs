//! What a build can be asked for, and what it needs in memory.

use std::fs;
use std::time::Duration;

use crate::feature::Schema;
use crate::index::EngineKind;
use crate::index::hnsw::{BuilderKind, GraphParameters, LayoutKind};
use crate::progress::CancelToken;

use super::error::BuildError;

/// What a build is asked for.
#[derive(Clone, Debug)]
pub struct BuildOptions {
    /// Engines to build; the exact one is always built, everything else is measured against it.
    pub engines: Vec<EngineKind>,
    /// What builds the graph.
    pub builder: BuilderKind,
    /// M of the graph: a track keeps up to 2 M neighbours, rounded up to whole groups of 16.
    pub m: usize,
    /// Width of the beam that finds neighbours during construction; `None` for 100, or 200 in many dimensions.
    pub ef_construction: Option<usize>,
    /// Keep the graph small: its records hold ids only, and a search fetches codes.
    pub compact: bool,
    /// Trees of the forest.
    pub trees: usize,
    /// Seed of everything random.
    pub seed: u64,
    /// Threads; 0 for one a core.
    pub threads: usize,
    /// Generations kept on disk; the live one and its parent always are.
    pub keep: usize,
    /// Recall that the graph (uniform weights) and `auto` (any weights) must reach to go live.
    pub min_recall: f64,
    /// Memory the build may need, in MiB; `None` for nine tenths of what is available.
    pub max_memory_mib: Option<u64>,
    /// Seconds after which the build gives up.
    pub max_seconds: Option<u64>,
}

impl Default for BuildOptions {
    fn default() -> Self {
        Self {
            engines: EngineKind::ALL.to_vec(),
            builder: BuilderKind::default(),
            m: 16,
            ef_construction: None,
            compact: false,
            trees: 30,
            seed: 42,
            threads: 0,
            keep: 3,
            min_recall: 0.9,
            max_memory_mib: None,
            max_seconds: None,
        }
    }
}

impl BuildOptions {
    /// What the graph builder is asked for.
    pub fn graph(&self, dim: usize) -> GraphParameters {
        let many = LayoutKind::best(dim) == LayoutKind::Split;
        let ef_construction = self.ef_construction.unwrap_or(if many { 200 } else { 100 });
        GraphParameters { m: self.m, ef_construction, seed: self.seed }
    }

    /// How the graph is to lie in memory.
    pub fn layout(&self, dim: usize) -> LayoutKind {
        if self.compact { LayoutKind::Split } else { LayoutKind::best(dim) }
    }

    /// Checks what the types allow but makes no sense.
    pub fn validate(&self) -> Result<(), BuildError> {
        let wrong = |option, got: String, expected| Err(BuildError::Option { option, got, expected });
        self.graph(1).validate()?;
        if !self.engines.contains(&EngineKind::Exact) {
            let names: Vec<&str> = self.engines.iter().map(|kind| kind.name()).collect();
            return wrong(
                "engines",
                names.join(","),
                "a list with exact: the others are measured against it",
            );
        }
        if !(1..=1_000).contains(&self.trees) {
            return wrong("trees", self.trees.to_string(), "1 to 1000");
        }
        if self.threads > 1_024 {
            return wrong("threads", self.threads.to_string(), "0 (one a core) to 1024");
        }
        if !(0.0..=1.0).contains(&self.min_recall) {
            return wrong("min-recall", self.min_recall.to_string(), "0 to 1");
        }
        Ok(())
    }

    /// `cancel` with the time limit.
    pub(super) fn limited(&self, cancel: &CancelToken) -> CancelToken {
        match self.max_seconds {
            Some(seconds) => cancel.with_time_limit(Duration::from_secs(seconds)),
            None => cancel.clone(),
        }
    }

    /// Refuses a build whose estimated need is above the limit.
    pub(super) fn check_memory(&self, n_items: u64, schema: &Schema) -> Result<(), BuildError> {
        let needed_mib = self.estimated_bytes(n_items, schema.dim() as u64) >> 20;
        let available = || Some(proc_kib("/proc/meminfo", "MemAvailable:")? / 1024 * 9 / 10);
        match self.max_memory_mib.or_else(available) {
            Some(limit_mib) if needed_mib > limit_mib => {
                Err(BuildError::Memory { n_items, needed_mib, limit_mib })
            }
            _ => Ok(()),
        }
    }

    /// A rough upper bound, from what was measured on real tracks: values and vectors in two forms, text by item, and
    /// for the graph its links twice, or what `hnsw_rs` keeps (a counted reference and a distance for every link, both
    /// ways).
    fn estimated_bytes(&self, n_items: u64, dim: u64) -> u64 {
        let content = 16 * dim + 8 * dim + 900;
        let points = 8 * dim + 128;
        let each_link = match self.builder {
            BuilderKind::Batched => 16,
            BuilderKind::HnswRs => 80,
        };
        let graph = 400 + each_link * 2 * self.m as u64;
        let mut each = content;
        if self.engines.contains(&EngineKind::Hnsw) {
            each += points + graph;
        } else if self.engines.contains(&EngineKind::Forest) {
            each += points;
        }
        (64 << 20) + n_items * each
    }
}

/// The largest resident size this process has had, in bytes.
pub(super) fn peak_memory_bytes() -> Option<u64> {
    Some(proc_kib("/proc/self/status", "VmHWM:")? * 1024)
}

/// A figure in KiB from a file of `/proc`; `None` on systems without it.
fn proc_kib(path: &str, key: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}
