//! `graph.nf`: the graph in one of the two layouts, the code, and the entry points.

use std::path::Path;

use crate::artifact::{ArtifactError, FileEntry, FileKind, Section, SectionFile, SectionWriter};
use crate::distance::{CodedQuery, CodedRowQuery, Isa, LANES, Query};

use super::beam::MAX_ID;
use super::build::Neighbours;
use super::code::Code;
use super::entries::{group_entries, n_groups};
use super::layout::{LayoutKind, RecordLayout, code_bytes};
use super::navigate::{Effort, Inline, Split, navigate_inline, navigate_split};
use super::repair::visit;

pub(crate) const GRAPH_FILE: &str = "graph.nf";

const SHAPE: u32 = 1;
const CODE: u32 = 2;
const ENTRIES: u32 = 3;
const ENTRY_GROUPS: u32 = 4;
const RECORDS: u32 = 5;
const NEIGHBOURS: u32 = 6;
const CODES: u32 = 7;
const ENTRY_CENTRES: u32 = 8;

const INLINE: u64 = 1;
const SPLIT: u64 = 2;

/// Records made and written at a time.
const STEP: usize = 1 << 14;

/// Writes `graph.nf` into `directory`; `rows` is `[n_items, stride(dim)]` in storage order. Runs in the current rayon
/// pool.
pub(crate) fn write_graph(
    directory: &Path,
    neighbours: &Neighbours,
    entries: &[u32],
    rows: &[f32],
    dim: usize,
    layout: LayoutKind,
) -> Result<(), ArtifactError> {
    let code = Code::fit(rows, dim);
    let mut file = SectionWriter::create(&directory.join(GRAPH_FILE), FileKind::Graph)?;
    file.section::<u64>(SHAPE)?;
    file.write(&[neighbours.width as u64, if layout == LayoutKind::Inline { INLINE } else { SPLIT }])?;
    file.section::<f32>(CODE)?;
    file.write(&code.lows)?;
    file.write(&code.steps)?;
    file.section::<u32>(ENTRIES)?;
    file.write(entries)?;
    match layout {
        LayoutKind::Inline => {
            let codes = code.encode(rows, dim, dim);
            let layout = RecordLayout::new(neighbours.width, dim);
            let (groups, centres) = group_entries(entries, &codes, dim, layout);
            file.section::<u8>(ENTRY_GROUPS)?;
            file.write(&groups)?;
            file.section::<u8>(ENTRY_CENTRES)?;
            file.write(&centres)?;
            file.section::<u8>(RECORDS)?;
            let n_items = neighbours.n_items();
            let mut records = vec![0; STEP.min(n_items) * layout.record_bytes()];
            for first in (0..n_items).step_by(STEP) {
                let records = &mut records[..STEP.min(n_items - first) * layout.record_bytes()];
                layout.fill(neighbours, first, &codes, dim, records);
                file.write(records)?;
            }
        }
        LayoutKind::Split => {
            file.section::<u32>(NEIGHBOURS)?;
            file.write(&neighbours.ids)?;
            file.section::<u8>(CODES)?;
            file.write(&code.encode(rows, dim, code_bytes(dim)))?;
        }
    }
    file.finish()
}

/// The graph of an open generation.
#[derive(Debug)]
pub(super) struct Graph {
    n_items: usize,
    width: usize,
    code: Code,
    entries: Section<u32>,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Inline { layout: RecordLayout, entries: Section<u8>, centres: Section<u8>, records: Section<u8> },
    Split { neighbours: Section<u32>, codes: Section<u8> },
}

impl Graph {
    pub fn open(path: &Path, entry: &FileEntry, n_items: usize, dim: usize) -> Result<Self, ArtifactError> {
        let file = SectionFile::open(path, FileKind::Graph, entry)?;
        let shape: Section<u64> = file.section_of(SHAPE, "graph shape", 2)?;
        let width = usize::try_from(shape[0]).unwrap_or(usize::MAX);
        if !(1..=256).contains(&width) {
            return Err(shape.damaged("neighbours per item", "1 to 256", width));
        }
        let code: Section<f32> = file.section_of(CODE, "code", 2 * dim)?;
        let (lows, steps) = code.split_at(dim);
        let entries: Section<u32> = file.section(ENTRIES, "entry points")?;
        if entries.is_empty() {
            return Err(entries.damaged("entry points", "at least one", 0));
        }
        if let Some(entry) = entries.iter().find(|entry| **entry as usize >= n_items) {
            return Err(entries.damaged("entry points", format!("ids below {n_items}"), entry));
        }
        let body = match shape[1] {
            INLINE => {
                let layout = RecordLayout::new(width, dim);
                let n_groups = n_groups(entries.len());
                let entry_bytes = n_groups * layout.group_bytes;
                let centre_bytes = n_groups.div_ceil(LANES) * layout.group_bytes;
                let record_bytes = n_items.saturating_mul(layout.record_bytes());
                Body::Inline {
                    layout,
                    entries: file.section_of(ENTRY_GROUPS, "groups of entry points", entry_bytes)?,
                    centres: file.section_of(ENTRY_CENTRES, "centres of entry points", centre_bytes)?,
                    records: file.section_of(RECORDS, "records", record_bytes)?,
                }
            }
            SPLIT => Body::Split {
                neighbours: file.section_of(NEIGHBOURS, "neighbours", n_items.saturating_mul(width))?,
                codes: file.section_of(CODES, "codes", n_items.saturating_mul(code_bytes(dim)))?,
            },
            other => return Err(shape.damaged("layout", format!("{INLINE} or {SPLIT}"), other)),
        };
        Ok(Self { n_items, width, code: Code { lows: lows.to_vec(), steps: steps.to_vec() }, entries, body })
    }

    /// Positions a beam found, nearest first by their codes, go to `found`. Returns how many were scored.
    pub fn navigate(
        &self,
        isa: Isa,
        query: &Query,
        effort: Effort<'_>,
        found: impl FnOnce(&mut dyn Iterator<Item = u32>),
    ) -> usize {
        let Code { lows, steps } = &self.code;
        match &self.body {
            Body::Inline { layout, entries, centres, records } => {
                let query = &CodedQuery::new(query, lows, steps);
                navigate_inline(
                    isa,
                    Inline { layout: *layout, records, entries, centres, query },
                    effort,
                    found,
                )
            }
            Body::Split { neighbours, codes } => {
                let query = &CodedRowQuery::new(query, lows, steps);
                let graph = Split {
                    n_items: self.n_items,
                    width: self.width,
                    code_bytes: codes.len() / self.n_items,
                    neighbours,
                    codes,
                    entries: &self.entries,
                    query,
                };
                navigate_split(isa, graph, effort, found)
            }
        }
    }

    /// Checks that every neighbour exists, that all codes are those of `rows`, and that every item can be reached from
    /// the entry points.
    pub fn verify(&self, rows: &[f32], dim: usize) -> Result<(), ArtifactError> {
        if !self.entries.is_sorted_by(|a, b| a < b) {
            return Err(self.entries.damaged("entry points", "ascending positions", "others"));
        }
        let code = Code::fit(rows, dim);
        if code != self.code {
            return Err(self.entries.damaged("code", "what the vectors give", "another one"));
        }
        match &self.body {
            Body::Inline { layout, entries, centres, records } => {
                let codes = code.encode(rows, dim, dim);
                let record =
                    |item: u32| &records[item as usize * layout.record_bytes()..][..layout.record_bytes()];
                let mut expected = vec![0; layout.record_bytes()];
                for item in 0..self.n_items as u32 {
                    let ids: Vec<u32> = layout.ids(record(item)).collect();
                    self.check_ids(ids.iter())?;
                    layout.fill_groups(&ids, &codes, dim, &mut expected);
                    if record(item) != expected {
                        return Err(records.damaged(
                            format!("record {item}"),
                            "its neighbours' codes",
                            "others",
                        ));
                    }
                }
                let (groups, means) = group_entries(&self.entries, &codes, dim, *layout);
                if entries[..] != groups[..] {
                    return Err(entries.damaged("entry points", "their codes", "others"));
                }
                if centres[..] != means[..] {
                    return Err(centres.damaged(
                        "centres of entry points",
                        "the means of their codes",
                        "others",
                    ));
                }
                drop(codes);
                self.check_reach(|item| layout.ids(record(item)))
            }
            Body::Split { neighbours, codes } => {
                self.check_ids(neighbours.iter())?;
                if codes[..] != code.encode(rows, dim, code_bytes(dim))[..] {
                    return Err(codes.damaged("codes", "those of the vectors", "others"));
                }
                let neighbours: &[u32] = neighbours;
                self.check_reach(|item| {
                    neighbours[item as usize * self.width..][..self.width].iter().copied()
                })
            }
        }
    }

    fn check_ids<'a>(&self, mut ids: impl Iterator<Item = &'a u32>) -> Result<(), ArtifactError> {
        let exists = |id: &u32| ((*id as usize) < self.n_items && *id <= MAX_ID) || *id == Neighbours::NONE;
        match ids.find(|id| !exists(id)) {
            Some(id) => Err(self.entries.damaged("neighbours", format!("ids below {}", self.n_items), id)),
            None => Ok(()),
        }
    }

    fn check_reach<I: Iterator<Item = u32>>(
        &self,
        neighbours: impl Fn(u32) -> I,
    ) -> Result<(), ArtifactError> {
        let mut reached = vec![false; self.n_items];
        visit(neighbours, &mut reached, self.entries.iter().copied());
        match reached.iter().filter(|reached| !**reached).count() {
            0 => Ok(()),
            n => Err(self.entries.damaged("graph", "every item reachable", format!("{n} that are not"))),
        }
    }
}
