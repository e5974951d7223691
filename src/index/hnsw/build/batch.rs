//! Construction in batches, after ParlayANN (Dobson et al. 2024): the points of a batch search the graph as it was
//! before the batch, in parallel; then their links and the links back to them are added, sorted by target. Nothing
//! depends on which thread does what, so the same points and seed give the same graph on any number of threads.

use rand::seq::SliceRandom;
use rand::{SeedableRng, rngs::StdRng};
use rayon::prelude::*;

use crate::distance::{Isa, dot_distances};
use crate::index::hnsw::beam::Beam;
use crate::index::hnsw::recent::Recent;
use crate::progress::{CancelToken, Phase, Progress};

use super::prune::{Pruner, prune};
use super::refine::refine;
use super::{GraphBuilder, GraphError, GraphParameters, MetricPoints, Neighbours};

/// The largest batch, as a share of the points.
const BATCH_SHARE: usize = 50;
/// Points that are linked by comparing all pairs, before there is a graph to search.
const N_FIRST: usize = 512;
/// Points of a batch that one task inserts.
const TASK: usize = 64;
/// Inserted points near a new one in storage order that its search starts from.
const N_STARTS: usize = 8;
/// How far the search for them goes, to either side.
const START_REACH: usize = 512;

/// With more floats in a row than this the links stay as they are inserted. Refining gives every point the best links
/// of its own and drops those that only others wanted; in many dimensions some points are nobody's near neighbour, and
/// such a link is the only way to them.
const MAX_REFINED_STRIDE: usize = 64;

/// Batched, deterministic construction.
#[derive(Clone, Copy, Debug, Default)]
pub struct Batched;

impl GraphBuilder for Batched {
    fn name(&self) -> &'static str {
        "batched"
    }

    fn construct(
        &self,
        points: &MetricPoints<'_>,
        parameters: GraphParameters,
        progress: &Progress,
        cancel: &CancelToken,
    ) -> Result<Neighbours, GraphError> {
        let n_items = points.n_items();
        let phase = progress.phase("graph: linking", n_items as u64, "tracks");
        let mut growing = Growing::new(points, parameters);
        growing.insert_all(parameters.seed, &phase, cancel)?;
        drop(phase);
        if points.stride() > MAX_REFINED_STRIDE {
            return Ok(growing.finish(parameters.width()));
        }
        let phase = progress.phase("graph: refining", n_items as u64, "tracks");
        refine(points, &growing.links, growing.width, parameters, &phase, cancel)
    }
}

/// Links of a point with their distances, nearest first.
type Links = Vec<(f32, u32)>;

/// A graph under construction.
struct Growing<'a> {
    points: &'a MetricPoints<'a>,
    isa: Isa,
    m: usize,
    ef: usize,
    /// Places for the links of a point.
    width: usize,
    /// `[n_items, width]`, filled from the front, [`Neighbours::NONE`] behind.
    links: Vec<u32>,
    inserted: Vec<bool>,
}

/// What a task keeps between points.
#[derive(Default)]
struct Scratch {
    beam: Beam,
    recent: Recent,
    ids: Vec<u32>,
    distances: Vec<f32>,
    candidates: Vec<(f32, u32)>,
    pruner: Pruner,
}

impl<'a> Growing<'a> {
    fn new(points: &'a MetricPoints<'a>, parameters: GraphParameters) -> Self {
        let width = 2 * parameters.m;
        Self {
            points,
            isa: Isa::best(),
            m: parameters.m,
            ef: parameters.ef_construction,
            width,
            links: vec![Neighbours::NONE; points.n_items() * width],
            inserted: vec![false; points.n_items()],
        }
    }

    fn insert_all(&mut self, seed: u64, phase: &Phase, cancel: &CancelToken) -> Result<(), GraphError> {
        let n_items = self.points.n_items();
        let mut order: Vec<u32> = (0..n_items as u32).collect();
        order.shuffle(&mut StdRng::seed_from_u64(seed));
        let n_first = n_items.min(N_FIRST);
        self.insert_batch(&mut order[..n_first], true);
        let mut n_done = n_first;
        while n_done < n_items {
            cancel.check()?;
            let n_batch = n_done.min((n_items / BATCH_SHARE).max(N_FIRST)).min(n_items - n_done);
            self.insert_batch(&mut order[n_done..n_done + n_batch], false);
            n_done += n_batch;
            phase.set(n_done as u64);
        }
        Ok(())
    }

    /// Links the points of a batch; `all_pairs` compares them with each other instead of searching.
    fn insert_batch(&mut self, batch: &mut [u32], all_pairs: bool) {
        // In storage order neighbours in space follow each other: their searches touch the same memory.
        batch.sort_unstable();
        let found: Vec<Vec<(u32, Links)>> = batch
            .par_chunks(TASK)
            .map_init(Scratch::default, |scratch, task| {
                let links = |&point: &u32| {
                    if all_pairs {
                        self.compare(point, batch, scratch);
                    } else {
                        self.search(point, scratch);
                    }
                    let kept = prune(self.points, &scratch.candidates, self.m, &mut scratch.pruner);
                    (point, kept)
                };
                task.iter().map(links).collect()
            })
            .collect();
        let mut back: Vec<(u32, u32, u32)> = Vec::with_capacity(batch.len() * self.m);
        for (point, links) in found.iter().flatten() {
            let places = &mut self.links[*point as usize * self.width..][..self.width];
            for (place, (distance, to)) in places.iter_mut().zip(links) {
                *place = *to;
                back.push((*to, distance.to_bits(), *point));
            }
            self.inserted[*point as usize] = true;
        }
        back.par_sort_unstable();
        self.link_back(&back);
    }

    /// Adds the links `(to, distance, from)`, sorted, as links from `to` to `from`.
    fn link_back(&mut self, back: &[(u32, u32, u32)]) {
        let groups: Vec<&[(u32, u32, u32)]> = back.chunk_by(|a, b| a.0 == b.0).collect();
        let merged: Vec<Vec<(u32, Vec<u32>)>> = groups
            .par_chunks(TASK)
            .map_init(Scratch::default, |scratch, task| {
                task.iter().map(|group| (group[0].0, self.merge(group, scratch))).collect()
            })
            .collect();
        for (to, links) in merged.into_iter().flatten() {
            let places = &mut self.links[to as usize * self.width..][..self.width];
            places.fill(Neighbours::NONE);
            places[..links.len()].copy_from_slice(&links);
        }
    }

    /// The links of a point with new ones, pruned where they are too many.
    fn merge(&self, group: &[(u32, u32, u32)], scratch: &mut Scratch) -> Vec<u32> {
        let to = group[0].0;
        let mut links: Vec<u32> = self.links_of(to).to_vec();
        let new = group.iter().map(|link| link.2).filter(|from| !links.contains(from)).collect::<Vec<_>>();
        if links.len() + new.len() <= self.width {
            links.extend(new);
            return links;
        }
        scratch.ids.clear();
        scratch.ids.extend_from_slice(&links);
        scratch.ids.extend_from_slice(&new);
        scratch.distances.clear();
        dot_distances(self.isa, self.points.of(to), self.points.rows(), &scratch.ids, &mut scratch.distances);
        scratch.candidates.clear();
        scratch.candidates.extend(scratch.distances.iter().copied().zip(scratch.ids.iter().copied()));
        sort(&mut scratch.candidates);
        // A few places stay free, so that not every new link prunes again.
        let n_kept = self.width - self.width / 8;
        prune(self.points, &scratch.candidates, n_kept, &mut scratch.pruner)
            .into_iter()
            .map(|(_, id)| id)
            .collect()
    }

    /// The links as they are, in rows of `width`, which is not less than now.
    fn finish(self, width: usize) -> Neighbours {
        if width == self.width {
            return Neighbours { width, ids: self.links };
        }
        let mut ids = vec![Neighbours::NONE; self.points.n_items() * width];
        for (wide, narrow) in ids.chunks_exact_mut(width).zip(self.links.chunks_exact(self.width)) {
            wide[..self.width].copy_from_slice(narrow);
        }
        Neighbours { width, ids }
    }

    fn links_of(&self, point: u32) -> &[u32] {
        let places = &self.links[point as usize * self.width..][..self.width];
        let n = places.iter().position(|id| *id == Neighbours::NONE).unwrap_or(self.width);
        &places[..n]
    }

    /// All of `others` but the point itself as its candidates.
    fn compare(&self, point: u32, others: &[u32], scratch: &mut Scratch) {
        scratch.distances.clear();
        dot_distances(self.isa, self.points.of(point), self.points.rows(), others, &mut scratch.distances);
        let all = scratch.distances.iter().copied().zip(others.iter().copied());
        scratch.candidates.clear();
        scratch.candidates.extend(all.filter(|(_, other)| *other != point));
        sort(&mut scratch.candidates);
        scratch.candidates.truncate(self.ef);
    }

    /// The nearest inserted points, found by a beam, as candidates.
    fn search(&self, point: u32, scratch: &mut Scratch) {
        let Scratch { beam, recent, ids, distances, candidates, .. } = scratch;
        beam.begin(self.ef);
        recent.begin(self.ef);
        self.starts(point, ids);
        self.meet(point, ids, distances, beam);
        while let Some(next) = beam.open() {
            // Two at a time: their neighbours' vectors are read side by side.
            ids.clear();
            ids.extend_from_slice(self.links_of(next));
            ids.extend(beam.open().map(|next| self.links_of(next)).into_iter().flatten());
            ids.retain(|id| recent.is_new(*id));
            self.meet(point, ids, distances, beam);
        }
        candidates.clear();
        candidates.extend(beam.items());
    }

    fn meet(&self, point: u32, ids: &[u32], distances: &mut Vec<f32>, beam: &mut Beam) {
        distances.clear();
        dot_distances(self.isa, self.points.of(point), self.points.rows(), ids, distances);
        for (&id, &distance) in ids.iter().zip(distances.iter()) {
            if distance < beam.bound() {
                beam.insert(distance, id);
            }
        }
    }

    /// Inserted points close by in storage order.
    fn starts(&self, point: u32, ids: &mut Vec<u32>) {
        ids.clear();
        let point = point as usize;
        let below = (point.saturating_sub(START_REACH)..point).rev();
        let above = point + 1..(point + START_REACH).min(self.inserted.len());
        ids.extend(below.filter(|id| self.inserted[*id]).take(N_STARTS / 2).map(|id| id as u32));
        ids.extend(above.filter(|id| self.inserted[*id]).take(N_STARTS / 2).map(|id| id as u32));
        if ids.is_empty() {
            // Only while few are inserted: any of them will do.
            let n = self.inserted.len();
            let around = (1..n).map(|step| (point + step) % n).find(|id| self.inserted[*id]);
            ids.extend(around.map(|id| id as u32));
        }
    }
}

/// Nearest first, ties by id.
pub(super) fn sort(candidates: &mut [(f32, u32)]) {
    candidates.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
}
