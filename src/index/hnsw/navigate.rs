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
use super::recent::Recent;

/// Items that were chosen to be expanded: while one is, the memory of the others is on its way. They were the nearest
/// when they were chosen, so a few more are expanded than one after another would; waiting for each would take far
/// longer.
const N_AHEAD: usize = 3;
/// Entry points a search begins at: the best of those that are looked at.
const N_STARTS: usize = 4;
/// Groups of entry points that are looked into.
const N_ENTERED: usize = 4;

/// What a search works with; a thread keeps it between searches.
#[derive(Debug, Default)]
struct Scratch {
    beam: Beam,
    recent: Recent,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// A graph in the inline layout under a query.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inline<'a> {
    pub layout: RecordLayout,
    /// `[n_items, record_bytes]`
    pub records: &'a [u8],
    /// Groups of entry points, `[n, group_bytes]`; those of a group lie near each other.
    pub entries: &'a [u8],
    /// Groups of the centres of these groups, by their numbers.
    pub centres: &'a [u8],
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
    /// Begins a beam with the best `n_starts` entry points, and says how many items and centres were scored for it.
    unsafe fn enter<L: Lanes>(&self, n_starts: usize, beam: &mut Beam) -> usize;
    /// Asks for the memory that expanding an item reads first.
    unsafe fn ask_for<L: Lanes>(&self, item: u32);
    /// Takes up the neighbours of an item, and says how many were scored.
    unsafe fn expand<L: Lanes>(&self, item: u32, scratch: &mut Scratch) -> usize;
}

/// How long a search goes on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort<'a> {
    /// Width of the beam.
    pub ef: usize,
    /// With a filter: when to end before the beam does.
    pub enough: Option<Enough<'a>>,
}

/// A beam whose nearest items have all been expanded holds what a beam of only that width would have found. So a wide
/// one can end as soon as enough of those are accepted: how many that takes depends on the filter, and no width fits all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Enough<'a> {
    /// Positions that may be returned.
    pub allowed: &'a ItemSet,
    /// So many of them.
    pub n_accepted: usize,
    /// And so many in all.
    pub n_expanded: usize,
}

impl Enough<'_> {
    #[inline(always)]
    fn accepts(&self, item: u32) -> bool {
        self.allowed.contains(ItemIdx(item))
    }

    /// Whether the beam may end, where `n_accepted` accepted items were expanded on the way.
    #[inline(always)]
    fn has(&self, n_accepted: usize, beam: &Beam) -> bool {
        let expanded = beam.expanded();
        n_accepted >= self.n_accepted
            && expanded.len() >= self.n_expanded
            && expanded.filter(|item| self.accepts(*item)).count() >= self.n_accepted
    }
}

/// Positions a beam found, nearest first by their codes, go to `found`. Returns how many were scored.
pub(super) fn navigate_inline(
    isa: Isa,
    graph: Inline<'_>,
    effort: Effort<'_>,
    found: impl FnOnce(&mut dyn Iterator<Item = u32>),
) -> usize {
    SCRATCH.with_borrow_mut(|scratch| {
        let n_scored = run_inline(isa, graph, effort, scratch);
        found(&mut scratch.beam.items().map(|(_, id)| id));
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
    SCRATCH.with_borrow_mut(|scratch| {
        let n_scored = run_split(isa, graph, effort, scratch);
        found(&mut scratch.beam.items().map(|(_, id)| id));
        n_scored
    })
}

multiversion! {
    fn run_inline = run_inline_lanes(graph: Inline<'_>, effort: Effort<'_>, scratch: &mut Scratch) -> usize
}

multiversion! {
    fn run_split = run_split_lanes(graph: Split<'_>, effort: Effort<'_>, scratch: &mut Scratch) -> usize
}

/// # Safety
/// `L`'s instruction set is there.
#[inline(always)]
unsafe fn run_inline_lanes<L: Lanes>(graph: Inline<'_>, effort: Effort<'_>, scratch: &mut Scratch) -> usize {
    // SAFETY: the caller's promise.
    unsafe { run::<L, Inline<'_>>(graph, effort, scratch) }
}

/// # Safety
/// `L`'s instruction set is there.
#[inline(always)]
unsafe fn run_split_lanes<L: Lanes>(graph: Split<'_>, effort: Effort<'_>, scratch: &mut Scratch) -> usize {
    // SAFETY: the caller's promise.
    unsafe { run::<L, Split<'_>>(graph, effort, scratch) }
}

/// # Safety
/// `L`'s instruction set is there.
#[inline(always)]
unsafe fn run<L: Lanes, N: Nodes>(graph: N, effort: Effort<'_>, scratch: &mut Scratch) -> usize {
    graph.check();
    // SAFETY: the caller promises the instruction set.
    unsafe {
        let ef = effort.ef;
        let mut n_scored = graph.enter::<L>(N_STARTS.min(ef), &mut scratch.beam);
        scratch.beam.resize(ef);
        scratch.recent.begin(ef);
        // A ring: the oldest is expanded next.
        let mut ahead = [0; N_AHEAD];
        let (mut oldest, mut n_ahead) = (0, 0);
        let mut n_accepted = 0;
        loop {
            while n_ahead < N_AHEAD
                && !effort.enough.is_some_and(|enough| enough.has(n_accepted, &scratch.beam))
                && let Some(item) = scratch.beam.open()
            {
                graph.ask_for::<L>(item);
                ahead[(oldest + n_ahead) % N_AHEAD] = item;
                n_ahead += 1;
                n_accepted += usize::from(effort.enough.is_some_and(|enough| enough.accepts(item)));
            }
            if n_ahead == 0 {
                return n_scored;
            }
            let item = ahead[oldest];
            (oldest, n_ahead) = ((oldest + 1) % N_AHEAD, n_ahead - 1);
            n_scored += graph.expand::<L>(item, scratch);
        }
    }
}

impl Nodes for Inline<'_> {
    fn check(&self) {
        let layout = self.layout;
        assert!(ID_BYTES + self.query.reach() <= layout.group_bytes, "a group holds all dimensions");
        assert!(self.entries.len().is_multiple_of(layout.group_bytes), "entry points come in groups");
        assert!(self.centres.len().is_multiple_of(layout.group_bytes), "their centres too");
    }

    #[inline(always)]
    unsafe fn enter<L: Lanes>(&self, n_starts: usize, beam: &mut Beam) -> usize {
        let group_bytes = self.layout.group_bytes;
        // SAFETY: the caller's promise, and `check`; a group that does not exist is skipped.
        unsafe {
            beam.begin(N_ENTERED);
            let mut n_scored = meet_groups::<L>(self.layout, self.query, self.centres, beam, None);
            let mut near = [0; N_ENTERED];
            let mut n_near = 0;
            while let Some(group) = beam.open() {
                prefetch_bytes::<L>(self.entries, group as usize * group_bytes, group_bytes);
                near[n_near] = group;
                n_near += 1;
            }
            beam.begin(n_starts);
            for &group in &near[..n_near] {
                let at = group as usize * group_bytes;
                if let Some(group) = self.entries.get(at..at + group_bytes) {
                    n_scored += meet_groups::<L>(self.layout, self.query, group, beam, None);
                }
            }
            n_scored
        }
    }

    #[inline(always)]
    unsafe fn ask_for<L: Lanes>(&self, item: u32) {
        let record_bytes = self.layout.record_bytes();
        // SAFETY: the caller's promise.
        unsafe { prefetch_bytes::<L>(self.records, item as usize * record_bytes, record_bytes) };
    }

    #[inline(always)]
    unsafe fn expand<L: Lanes>(&self, item: u32, scratch: &mut Scratch) -> usize {
        let record_bytes = self.layout.record_bytes();
        let at = item as usize * record_bytes;
        let Scratch { beam, recent } = scratch;
        match self.records.get(at..at + record_bytes) {
            // SAFETY: the caller's promise, and `check`.
            Some(record) => unsafe { meet_groups::<L>(self.layout, self.query, record, beam, Some(recent)) },
            None => 0,
        }
    }
}

/// Takes up the items of some groups; without `recent` none of them was met before.
///
/// # Safety
/// `L`'s instruction set is there, and the query's dimensions are inside a group.
#[inline(always)]
unsafe fn meet_groups<L: Lanes>(
    layout: RecordLayout,
    query: &CodedQuery,
    groups: &[u8],
    beam: &mut Beam,
    mut recent: Option<&mut Recent>,
) -> usize {
    let n_groups = groups.len() / layout.group_bytes;
    let mut group = 0;
    // SAFETY: the groups are inside the slice, and the caller promises the rest.
    unsafe {
        let first = groups.as_ptr();
        while group + 2 <= n_groups {
            let ids = [first.add(group * layout.group_bytes), first.add((group + 1) * layout.group_bytes)];
            let distances = coded_distances::<L, 2>(query, [ids[0].add(ID_BYTES), ids[1].add(ID_BYTES)]);
            meet::<L>(beam, recent.as_deref_mut(), ids[0], distances[0]);
            meet::<L>(beam, recent.as_deref_mut(), ids[1], distances[1]);
            group += 2;
        }
        if group < n_groups {
            let ids = first.add(group * layout.group_bytes);
            let [distances] = coded_distances::<L, 1>(query, [ids.add(ID_BYTES)]);
            meet::<L>(beam, recent, ids, distances);
        }
    }
    n_groups * LANES
}

/// Takes up what is nearer than the bound.
///
/// # Safety
/// `L`'s instruction set is there, and [`LANES`] ids behind `ids`.
#[inline(always)]
unsafe fn meet<L: Lanes>(beam: &mut Beam, mut recent: Option<&mut Recent>, ids: *const u8, distances: L) {
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
            let is_near = values[lane] < beam.bound() && id <= MAX_ID;
            if is_near && recent.as_deref_mut().is_none_or(|recent| recent.is_new(id)) {
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
    unsafe fn enter<L: Lanes>(&self, n_starts: usize, beam: &mut Beam) -> usize {
        beam.begin(n_starts);
        // SAFETY: the caller's promise.
        unsafe { self.meet::<L>(self.entries, beam) };
        self.entries.len()
    }

    #[inline(always)]
    unsafe fn ask_for<L: Lanes>(&self, item: u32) {
        let bytes = self.width * size_of::<u32>();
        // SAFETY: the caller's promise.
        unsafe { prefetch_bytes::<L>(bytemuck::cast_slice(self.neighbours), item as usize * bytes, bytes) };
    }

    #[inline(always)]
    unsafe fn expand<L: Lanes>(&self, item: u32, scratch: &mut Scratch) -> usize {
        let Scratch { beam, recent } = scratch;
        let at = item as usize * self.width;
        let mut new = [0; 256];
        let mut n_new = 0;
        // An item that does not exist is skipped.
        for &id in self.neighbours.get(at..at + self.width).unwrap_or_default() {
            if (id as usize) < self.n_items && n_new < new.len() && recent.is_new(id) {
                new[n_new] = id;
                n_new += 1;
            }
        }
        // SAFETY: the caller's promise.
        unsafe { self.meet::<L>(&new[..n_new], beam) };
        n_new
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

#[cfg(test)]
mod tests {
    use super::super::Neighbours;
    use super::*;
    use crate::distance::Query;

    #[test]
    fn a_filtered_beam_ends_when_its_nearest_are_expanded_and_accepted() {
        let allowed = ItemSet::from_ids(10, &[2, 3]);
        let enough = |n_accepted, n_expanded| Enough { allowed: &allowed, n_accepted, n_expanded };
        let mut beam = Beam::default();
        beam.begin(8);
        for id in [1, 2, 3] {
            beam.insert(id as f32, id);
        }
        assert_eq!((beam.open(), beam.open()), (Some(1), Some(2)));
        assert!(enough(1, 2).has(1, &beam));
        assert!(!enough(1, 3).has(1, &beam), "two are expanded");
        assert!(!enough(2, 2).has(1, &beam), "one of them is accepted");
        // 2 was expanded, but now something nearer than it was not.
        beam.insert(1.5, 4);
        assert!(!enough(1, 1).has(1, &beam));
        assert_eq!(beam.open(), Some(4));
        assert!(enough(1, 1).has(1, &beam));
    }

    #[test]
    fn groups_and_records_that_do_not_exist_are_skipped() {
        let layout = RecordLayout::new(LANES, 1);
        let codes: Vec<u8> = (0..16).collect();
        let ids: Vec<u32> = (0..16).collect();
        let groups = |ids: &[u32]| {
            let mut group = vec![0; layout.group_bytes];
            layout.fill_groups(ids, &codes, 1, &mut group);
            group
        };
        // Ids of the same codes that no file of 16 items has.
        let damaged = |good: &[u8]| {
            let mut group = good.to_vec();
            for (lane, id) in [1, 16, 1 << 20, MAX_ID, MAX_ID + 1, Neighbours::NONE].into_iter().enumerate() {
                group[4 * lane..][..4].copy_from_slice(&id.to_le_bytes());
            }
            group
        };
        let good = groups(&ids);
        let records: Vec<u8> = (0..16).flat_map(|_| damaged(&good)).collect();
        let query = CodedQuery::new(&Query::new(&[1.0], &[1.0], 0.5), &[0.0], &[0.1]);
        for isa in Isa::available() {
            for (entries, centres) in [(&good, damaged(&good)), (&damaged(&good), groups(&ids[..1]))] {
                let graph = Inline { layout, records: &records, entries, centres: &centres, query: &query };
                let mut found = Vec::new();
                navigate_inline(isa, graph, Effort { ef: 64, enough: None }, |ids| found.extend(ids));
                assert!(found.iter().all(|id| *id <= MAX_ID), "{found:?}");
            }
        }
    }
}
