//! The beam search, navigating by the query's weighted cosine (Malkov & Yashunin 2016, algorithm 2, with the query's
//! metric instead of the build metric).

use std::cell::RefCell;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::content::Vectors;
use crate::distance::{BLOCK, Kernels, Query};
use crate::index::SearchRequest;
use crate::track::ItemIdx;

use super::graph::Graph;

/// Entry points a search begins at: the best of the sampled ones.
const N_STARTS: usize = 8;

/// What a beam found.
pub(super) struct Beam {
    /// Accepted items, in no particular order.
    pub items: Vec<ItemIdx>,
    /// Items scored, entry points included.
    pub n_scored: usize,
}

/// An item by its score; ties break by id, so that a search is deterministic.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Scored {
    score: f32,
    id: u32,
}

impl Eq for Scored {}

impl Ord for Scored {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then(other.id.cmp(&self.id))
    }
}

impl PartialOrd for Scored {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Which items a search has met: an item is met when its mark is the current epoch, so nothing is cleared in between.
#[derive(Default)]
struct Visited {
    epoch: u16,
    marks: Vec<u16>,
}

impl Visited {
    fn begin(&mut self, n_items: usize) {
        if self.marks.len() != n_items || self.epoch == u16::MAX {
            self.marks.clear();
            self.marks.resize(n_items, 0);
            self.epoch = 0;
        }
        self.epoch += 1;
    }

    /// Marks an item; whether it was new. Ids out of range (of a damaged file) are never new.
    fn insert(&mut self, id: u32) -> bool {
        match self.marks.get_mut(id as usize) {
            Some(mark) if *mark != self.epoch => {
                *mark = self.epoch;
                true
            }
            _ => false,
        }
    }
}

/// Buffers that a thread keeps between searches.
#[derive(Default)]
struct Scratch {
    visited: Visited,
    ids: Vec<u32>,
    scores: Vec<f32>,
    open: BinaryHeap<Scored>,
    best: BinaryHeap<Reverse<Scored>>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Runs a beam of width `ef`.
pub(super) fn beam(
    graph: &Graph,
    vectors: &Vectors,
    kernels: Kernels,
    request: &SearchRequest<'_>,
    ef: usize,
) -> Beam {
    SCRATCH.with_borrow_mut(|scratch| scratch.run(graph, vectors, kernels, request, ef))
}

impl Scratch {
    fn run(
        &mut self,
        graph: &Graph,
        vectors: &Vectors,
        kernels: Kernels,
        request: &SearchRequest<'_>,
        ef: usize,
    ) -> Beam {
        self.visited.begin(vectors.len());
        self.open.clear();
        self.best.clear();
        let mut n_scored = graph.entries().len();
        for start in starts(graph, kernels, request.query) {
            if self.visited.insert(start.id) {
                self.meet(start, request, ef);
            }
        }
        let (neighbours, width) = graph.neighbours();
        let rows = vectors.rows();
        while let Some(next) = self.open.pop() {
            if self.best.len() >= ef && self.best.peek().is_some_and(|worst| next.score < worst.0.score) {
                break;
            }
            self.ids.clear();
            for &id in &neighbours[next.id as usize * width..][..width] {
                if self.visited.insert(id) {
                    self.ids.push(id);
                }
            }
            self.scores.clear();
            kernels.score_rows(request.query, rows, &self.ids, &mut self.scores);
            n_scored += self.ids.len();
            for index in 0..self.ids.len() {
                self.meet(Scored { score: self.scores[index], id: self.ids[index] }, request, ef);
            }
        }
        let items = self.best.drain().map(|scored| ItemIdx(scored.0.id)).collect();
        Beam { items, n_scored }
    }

    /// Takes up an item that is among the best `ef` accepted ones so far: to be expanded, and returned if accepted.
    fn meet(&mut self, item: Scored, request: &SearchRequest<'_>, ef: usize) {
        let full = self.best.len() >= ef;
        if full && self.best.peek().is_some_and(|worst| item <= worst.0) {
            return;
        }
        self.open.push(item);
        if request.accepts(ItemIdx(item.id)) {
            self.best.push(Reverse(item));
            if full {
                self.best.pop();
            }
        }
    }
}

/// The best entry points under the query.
fn starts(graph: &Graph, kernels: Kernels, query: &Query) -> Vec<Scored> {
    let mut best: Vec<Scored> = Vec::with_capacity(N_STARTS + 1);
    let mut scores = vec![0.0; BLOCK];
    let blocks = graph.entry_blocks().chunks_exact(query.dim() * BLOCK);
    for (block, entries) in blocks.zip(graph.entries().chunks(BLOCK)) {
        kernels.score_block(query, block, &mut scores);
        for (&id, &score) in entries.iter().zip(&scores) {
            // An infinite score says that f32 cannot judge this item: as a start it is as good as none.
            let item = Scored { score, id };
            if score.is_finite() && (best.len() < N_STARTS || best.last().is_some_and(|worst| item > *worst))
            {
                let place = best.partition_point(|other| *other > item);
                best.insert(place, item);
                best.truncate(N_STARTS);
            }
        }
    }
    if best.is_empty() {
        best.extend(graph.entries().iter().take(N_STARTS).map(|&id| Scored { score: 0.0, id }));
    }
    best
}
