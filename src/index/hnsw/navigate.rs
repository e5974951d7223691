//! The beam search, navigating by the query's weighted cosine (Malkov & Yashunin 2016, algorithm 2, with the query's
//! metric instead of the build metric, on codes).

use std::cell::RefCell;

use crate::distance::simd::{Lanes, multiversion};
use crate::distance::{
    CodedQuery, CodedRowQuery, Isa, LANES, coded_distances, coded_row_distance, prefetch_bytes,
};

use crate::index::ItemSet;
use crate::track::ItemIdx;

use super::beam::{Beam, MAX_ID};
use super::layout::{ID_BYTES, RecordLayout};

/// Items expanded at a time: their memory is read side by side.
const N_EXPANDED: usize = 4;
/// Entry points a search begins at: the best of the sampled ones.
const N_STARTS: usize = 8;

thread_local! {
    /// A thread keeps its beam between searches.
    static BEAM: RefCell<Beam> = RefCell::default();
}

/// A graph in the inline layout under a query.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inline<'a> {
    pub layout: RecordLayout,
    /// `[n_items, record_bytes]`
    pub records: &'a [u8],
    /// Groups of entry points.
    pub entries: &'a [u8],
    pub query: &'a CodedQuery,
}

/// A graph in the split layout under a query.
#[derive(Clone, Copy, Debug)]
pub(super) struct Split<'a> {
    pub n_items: usize,
    pub width: usize,
    pub code_bytes: usize,
    /// `[n_items, width]`
    pub neighbours: &'a [u32],
    /// `[n_items, code_bytes]`
    pub codes: &'a [u8],
    pub entries: &'a [u32],
    pub query: &'a CodedRowQuery,
}

/// What a beam search needs of a graph. Ids of a damaged file may be anything.
///
/// # Safety
/// Every method needs the instruction set of its `L`.
trait Nodes {
    /// Panics unless all that is read lies inside the graph's memory.
    fn check(&self);
    /// Takes up the entry points, and says how many there are.
    unsafe fn enter<L: Lanes>(&self, beam: &mut Beam) -> usize;
    /// Takes up the neighbours of some items, and says how many were scored.
    unsafe fn expand<L: Lanes>(&self, items: &[u32], beam: &mut Beam) -> usize;
}

/// How long a search goes on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort<'a> {
    /// Width of the beam.
    pub ef: usize,
    /// With a filter: when to end before the beam does.
    pub enough: Option<Enough<'a>>,
}

/// What is expanded is nearest, so once so many accepted items have been expanded, the nearest accepted ones are known.
/// How far one has to go for that depends on the filter, and no width fits all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Enough<'a> {
    /// Positions that may be returned.
    pub allowed: &'a ItemSet,
    /// So many of them.
    pub n_accepted: usize,
    /// And so many in all.
    pub n_expanded: usize,
}

/// Positions a beam found, nearest first by their codes, go to `found`. Returns how many were scored.
pub(super) fn navigate_inline(
    isa: Isa,
    graph: Inline<'_>,
    effort: Effort<'_>,
    found: impl FnOnce(&mut dyn Iterator<Item = u32>),
) -> usize {
    BEAM.with_borrow_mut(|beam| {
        let n_scored = run_inline(isa, graph, effort, beam);
        found(&mut beam.items().map(|(_, id)| id));
        n_scored
    })
}

/// The same in the split layout.
pub(super) fn navigate_split(
    isa: Isa,
    graph: Split<'_>,
    effort: Effort<'_>,
    found: impl FnOnce(&mut dyn Iterator<Item = u32>),
) -> usize {
    BEAM.with_borrow_mut(|beam| {
        let n_scored = run_split(isa, graph, effort, beam);
        found(&mut beam.items().map(|(_, id)| id));
        n_scored
    })
}

multiversion! {
    fn run_inline = run_inline_lanes(graph: Inline<'_>, effort: Effort<'_>, beam: &mut Beam) -> usize
}

multiversion! {
    fn run_split = run_split_lanes(graph: Split<'_>, effort: Effort<'_>, beam: &mut Beam) -> usize
}

/// # Safety
/// `L`'s instruction set is there.
#[inline(always)]
unsafe fn run_inline_lanes<L: Lanes>(graph: Inline<'_>, effort: Effort<'_>, beam: &mut Beam) -> usize {
    // SAFETY: the caller's promise.
    unsafe { run::<L, Inline<'_>>(graph, effort, beam) }
}

/// # Safety
/// `L`'s instruction set is there.
#[inline(always)]
unsafe fn run_split_lanes<L: Lanes>(graph: Split<'_>, effort: Effort<'_>, beam: &mut Beam) -> usize {
    // SAFETY: the caller's promise.
    unsafe { run::<L, Split<'_>>(graph, effort, beam) }
}

/// # Safety
/// `L`'s instruction set is there.
#[inline(always)]
unsafe fn run<L: Lanes, N: Nodes>(graph: N, effort: Effort<'_>, beam: &mut Beam) -> usize {
    graph.check();
    // SAFETY: the caller promises the instruction set.
    unsafe {
        let ef = effort.ef;
        beam.begin(N_STARTS.min(ef), ef);
        let mut n_scored = graph.enter::<L>(beam);
        beam.widen(ef);
        let mut open = [0; N_EXPANDED];
        let (mut n_accepted, mut n_expanded) = (0, 0);
        loop {
            let n_open = beam.open(&mut open);
            if n_open == 0 {
                return n_scored;
            }
            n_scored += graph.expand::<L>(&open[..n_open], beam);
            if let Some(enough) = effort.enough {
                let accepted = open[..n_open].iter().filter(|id| enough.allowed.contains(ItemIdx(**id)));
                n_accepted += accepted.count();
                n_expanded += n_open;
                if n_accepted >= enough.n_accepted && n_expanded >= enough.n_expanded {
                    return n_scored;
                }
            }
        }
    }
}

impl Nodes for Inline<'_> {
    fn check(&self) {
        let layout = self.layout;
        assert!(ID_BYTES + self.query.reach() <= layout.group_bytes, "a group holds all dimensions");
        assert!(self.entries.len().is_multiple_of(layout.group_bytes), "entry points come in groups");
    }

    #[inline(always)]
    unsafe fn enter<L: Lanes>(&self, beam: &mut Beam) -> usize {
        // SAFETY: the caller's promise, and `check`.
        unsafe { meet_groups::<L>(self.layout, self.query, self.entries, beam) }
    }

    #[inline(always)]
    unsafe fn expand<L: Lanes>(&self, items: &[u32], beam: &mut Beam) -> usize {
        let record_bytes = self.layout.record_bytes();
        let mut n_scored = 0;
        // SAFETY: the caller's promise, and `check`; a record that does not exist is skipped.
        unsafe {
            for &item in items {
                prefetch_bytes::<L>(self.records, item as usize * record_bytes, record_bytes);
            }
            for &item in items {
                let at = item as usize * record_bytes;
                if let Some(record) = self.records.get(at..at + record_bytes) {
                    n_scored += meet_groups::<L>(self.layout, self.query, record, beam);
                }
            }
        }
        n_scored
    }
}

/// Takes up the items of some groups.
///
/// # Safety
/// `L`'s instruction set is there, and the query's dimensions are inside a group.
#[inline(always)]
unsafe fn meet_groups<L: Lanes>(
    layout: RecordLayout,
    query: &CodedQuery,
    groups: &[u8],
    beam: &mut Beam,
) -> usize {
    let n_groups = groups.len() / layout.group_bytes;
    let mut group = 0;
    // SAFETY: the groups are inside the slice, and the caller promises the rest.
    unsafe {
        let first = groups.as_ptr();
        while group + 2 <= n_groups {
            let ids = [first.add(group * layout.group_bytes), first.add((group + 1) * layout.group_bytes)];
            let distances = coded_distances::<L, 2>(query, [ids[0].add(ID_BYTES), ids[1].add(ID_BYTES)]);
            meet::<L>(beam, ids[0], distances[0]);
            meet::<L>(beam, ids[1], distances[1]);
            group += 2;
        }
        if group < n_groups {
            let ids = first.add(group * layout.group_bytes);
            let [distances] = coded_distances::<L, 1>(query, [ids.add(ID_BYTES)]);
            meet::<L>(beam, ids, distances);
        }
    }
    n_groups * LANES
}

/// Takes up what is nearer than the bound.
///
/// # Safety
/// `L`'s instruction set is there, and [`LANES`] ids behind `ids`.
#[inline(always)]
unsafe fn meet<L: Lanes>(beam: &mut Beam, ids: *const u8, distances: L) {
    // SAFETY: the caller promises the ids and the instruction set.
    unsafe {
        let mut near = !distances.ge(L::splat(beam.bound()));
        if near == 0 {
            return;
        }
        let mut values = [0.0; LANES];
        distances.store(values.as_mut_ptr());
        while near != 0 {
            let lane = near.trailing_zeros() as usize;
            near &= near - 1;
            let id = ids.cast::<u32>().add(lane).read_unaligned();
            if values[lane] < beam.bound() && id <= MAX_ID && beam.is_new(id) {
                beam.insert(values[lane], id);
            }
        }
    }
}

impl Nodes for Split<'_> {
    fn check(&self) {
        assert_eq!(self.neighbours.len(), self.n_items * self.width, "as many neighbours as said");
        assert_eq!(self.codes.len(), self.n_items * self.code_bytes, "as many codes as said");
        assert!(self.query.reach() <= self.code_bytes, "a code holds all dimensions");
    }

    #[inline(always)]
    unsafe fn enter<L: Lanes>(&self, beam: &mut Beam) -> usize {
        // SAFETY: the caller's promise.
        unsafe { self.meet::<L>(self.entries, beam) };
        self.entries.len()
    }

    #[inline(always)]
    unsafe fn expand<L: Lanes>(&self, items: &[u32], beam: &mut Beam) -> usize {
        let mut n_scored = 0;
        // SAFETY: the caller's promise; an item that does not exist is skipped.
        unsafe {
            for &item in items {
                prefetch_bytes::<L>(
                    bytemuck::cast_slice(self.neighbours),
                    item as usize * self.width * 4,
                    self.width * 4,
                );
            }
            let mut new = [0; 256];
            for &item in items {
                let at = item as usize * self.width;
                let mut n_new = 0;
                for &id in self.neighbours.get(at..at + self.width).unwrap_or_default() {
                    if (id as usize) < self.n_items && n_new < new.len() && beam.is_new(id) {
                        new[n_new] = id;
                        n_new += 1;
                    }
                }
                self.meet::<L>(&new[..n_new], beam);
                n_scored += n_new;
            }
        }
        n_scored
    }
}

impl Split<'_> {
    /// Takes up the items `ids`, which are in range or skipped.
    ///
    /// # Safety
    /// `L`'s instruction set is there.
    #[inline(always)]
    unsafe fn meet<L: Lanes>(&self, ids: &[u32], beam: &mut Beam) {
        const AHEAD: usize = 8;
        // SAFETY: ids are compared with the number of items before their code is read; the caller's promise.
        unsafe {
            for &id in ids.iter().take(AHEAD) {
                prefetch_bytes::<L>(self.codes, id as usize * self.code_bytes, self.code_bytes);
            }
            for (place, &id) in ids.iter().enumerate() {
                if let Some(&ahead) = ids.get(place + AHEAD) {
                    prefetch_bytes::<L>(self.codes, ahead as usize * self.code_bytes, self.code_bytes);
                }
                if id as usize >= self.n_items || id > MAX_ID {
                    continue;
                }
                let code = self.codes.as_ptr().add(id as usize * self.code_bytes);
                let distance = coded_row_distance::<L>(self.query, code);
                if distance < beam.bound() {
                    beam.insert(distance, id);
                }
            }
        }
    }
}
