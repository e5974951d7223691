//! `graph.nf`: the neighbours of every item, and the entry points with their vectors in blocks.

use std::path::Path;

use rand::seq::index::sample;
use rand::{SeedableRng, rngs::StdRng};

use crate::artifact::{ArtifactError, FileEntry, FileKind, Section, SectionFile, SectionWriter};
use crate::distance::{BLOCK, stride};

use super::builder::Neighbours;
use super::repair::visit;

pub(crate) const GRAPH_FILE: &str = "graph.nf";

const SHAPE: u32 = 1;
const NEIGHBOURS: u32 = 2;
const ENTRIES: u32 = 3;
const ENTRY_BLOCKS: u32 = 4;

/// Items sampled as entry points: two blocks, a few microseconds to scan.
const N_ENTRIES: usize = 2 * BLOCK;

/// Items to enter the graph from, ascending: all of a small catalogue, else a sample.
pub(crate) fn sample_entries(n_items: usize, seed: u64) -> Vec<u32> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut entries: Vec<u32> =
        sample(&mut rng, n_items, N_ENTRIES.min(n_items)).into_iter().map(|item| item as u32).collect();
    entries.sort_unstable();
    entries
}

/// Writes `graph.nf` into `directory`; `rows` is `[n_items, stride(dim)]`.
pub(crate) fn write_graph(
    directory: &Path,
    neighbours: &Neighbours,
    entries: &[u32],
    rows: &[f32],
    dim: usize,
) -> Result<(), ArtifactError> {
    let mut file = SectionWriter::create(&directory.join(GRAPH_FILE), FileKind::Graph)?;
    file.section::<u64>(SHAPE)?;
    file.write(&[neighbours.width as u64])?;
    file.section::<u32>(ENTRIES)?;
    file.write(entries)?;
    file.section::<f32>(ENTRY_BLOCKS)?;
    let mut block = vec![0.0; dim * BLOCK];
    for entries in entries.chunks(BLOCK) {
        block.fill(0.0);
        for (lane, entry) in entries.iter().enumerate() {
            let row = &rows[*entry as usize * stride(dim)..][..dim];
            for (i, x) in row.iter().enumerate() {
                block[i * BLOCK + lane] = *x;
            }
        }
        file.write(&block)?;
    }
    // Last, so that what opening reads lies together at the beginning.
    file.section::<u32>(NEIGHBOURS)?;
    file.write(&neighbours.ids)?;
    file.finish()
}

/// The graph of an open generation.
#[derive(Debug)]
pub(crate) struct Graph {
    n_items: usize,
    width: usize,
    neighbours: Section<u32>,
    entries: Section<u32>,
    entry_blocks: Section<f32>,
}

impl Graph {
    pub fn open(path: &Path, entry: &FileEntry, n_items: usize, dim: usize) -> Result<Self, ArtifactError> {
        let file = SectionFile::open(path, FileKind::Graph, entry)?;
        let shape: Section<u64> = file.section_of(SHAPE, "graph shape", 1)?;
        let width = usize::try_from(shape[0]).unwrap_or(usize::MAX);
        if !(1..=256).contains(&width) {
            return Err(shape.damaged("neighbours per item", "1 to 256", width));
        }
        let entries: Section<u32> = file.section(ENTRIES, "entry points")?;
        if entries.is_empty() {
            return Err(entries.damaged("entry points", "at least one", 0));
        }
        if let Some(entry) = entries.iter().find(|entry| **entry as usize >= n_items) {
            return Err(entries.damaged("entry points", format!("ids below {n_items}"), entry));
        }
        let n_floats = entries.len().div_ceil(BLOCK) * dim * BLOCK;
        Ok(Self {
            n_items,
            width,
            neighbours: file.section_of(NEIGHBOURS, "neighbours", n_items.saturating_mul(width))?,
            entry_blocks: file.section_of(ENTRY_BLOCKS, "entry points' vectors", n_floats)?,
            entries,
        })
    }

    /// Entry points, ascending at first, repaired ones behind.
    pub fn entries(&self) -> &[u32] {
        &self.entries
    }

    /// The entry points' vectors in blocks.
    pub fn entry_blocks(&self) -> &[f32] {
        &self.entry_blocks
    }

    /// All neighbours, `[n_items, width]`. An id from a damaged file may be out of range.
    pub fn neighbours(&self) -> (&[u32], usize) {
        (&self.neighbours, self.width)
    }

    /// Checks that every neighbour exists and every item can be reached from the entry points.
    pub fn verify(&self) -> Result<(), ArtifactError> {
        let exists = |id: &u32| (*id as usize) < self.n_items || *id == Neighbours::NONE;
        if let Some(id) = self.neighbours.iter().find(|id| !exists(id)) {
            return Err(self.neighbours.damaged("neighbours", format!("ids below {}", self.n_items), id));
        }
        let neighbours = Neighbours { width: self.width, ids: self.neighbours.to_vec() };
        let mut reached = vec![false; self.n_items];
        visit(&neighbours, &mut reached, self.entries.iter().copied());
        match reached.iter().filter(|reached| !**reached).count() {
            0 => Ok(()),
            n => Err(self.neighbours.damaged("graph", "every item reachable", format!("{n} that are not"))),
        }
    }
}
