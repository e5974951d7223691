//! How well weights continue playlists: from some tracks of a playlist, the others are to be found.
//!
//! ```text
//! file.rs     playlists of a file, as items
//! method.rs   what is compared: weights, and rankings that know none
//! scores.rs   R-precision, recall@100, NDCG@100
//! report.rs   a table for people
//! ```
//!
//! The playlists are split in halves at random, several times; of each playlist of the second half some tracks are drawn as
//! seeds, and the truth is the rest of it. A query is the mean of the seeds' vectors, and each method gives it weights. What
//! is returned comes from the tracks of all playlists of the file ("playlists") or from the whole catalogue, the seeds left out;
//! a second table leaves out every track by an artist of a seed, from the truth too. Nothing but the method that says so sees
//! the first half, and none sees the truth.

mod file;
mod method;
mod report;
mod scores;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::seq::index::sample;
use serde::Serialize;

use crate::content::TagKind;
use crate::index::{Allowed, ItemSet};
use crate::learn::spreads;
use crate::query::QueryError;
use crate::snapshot::Snapshot;
use crate::track::ItemIdx;

use super::queries::EvalError;
use file::read;
use method::{METHODS, Methods};
use scores::{N_SCORED, Sums};

pub use file::PlaylistError;
pub use report::playlist_table;
pub use scores::Scores;

/// The fewest tracks a playlist must have besides its seeds.
const LEAST_TRUTH: usize = 5;

/// What to measure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaylistOptions {
    /// Only playlists whose column `source` says this.
    pub source: Option<String>,
    /// Tracks of a playlist that are known.
    pub n_seeds: usize,
    /// How often the playlists are split anew.
    pub n_splits: usize,
    /// Of the splits and the seeds.
    pub seed: u64,
}

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct PlaylistReport {
    /// The generation.
    pub generation: String,
    /// Tracks in it.
    pub n_items: usize,
    /// The playlists' source, where one was asked for.
    pub source: Option<String>,
    /// Playlists in the file.
    pub n_playlists: usize,
    /// Playlists with enough tracks of the catalogue: those that are split.
    pub n_measured: usize,
    /// Tracks of a playlist that are known.
    pub n_seeds: usize,
    /// How often the playlists were split.
    pub n_splits: usize,
    /// Of the splits and the seeds.
    pub seed: u64,
    /// Mean variance within all of the playlists in units of the variance over the catalogue, by feature.
    pub spreads: BTreeMap<String, f64>,
    /// The results.
    pub tables: Vec<PlaylistTable>,
}

/// The results for one choice of what may be returned.
#[derive(Clone, Debug, Serialize)]
pub struct PlaylistTable {
    /// `playlists` or `catalogue`.
    pub candidates: &'static str,
    /// How many tracks that are.
    pub n_candidates: usize,
    /// Whether tracks by an artist of a seed count: `counted` or `excluded`.
    pub same_artist: &'static str,
    /// By method, in the order of the documentation.
    pub methods: Vec<MethodScores>,
}

/// What one method reached.
#[derive(Clone, Debug, Serialize)]
pub struct MethodScores {
    /// The method.
    pub method: &'static str,
    /// Means over all queries.
    #[serde(flatten)]
    pub scores: Scores,
}

/// One playlist to be continued.
struct Task<'a> {
    seeds: Vec<ItemIdx>,
    /// The other tracks of the playlist.
    rest: Vec<ItemIdx>,
    methods: &'a Methods<'a>,
}

/// Measures on the playlists of a file. `go_on` is told which of how many queries comes next; its error ends the evaluation.
pub fn measure_playlists(
    snapshot: &Snapshot,
    path: &Path,
    options: &PlaylistOptions,
    mut go_on: impl FnMut(usize, usize) -> Result<(), EvalError>,
) -> Result<PlaylistReport, EvalError> {
    let all = read(snapshot, path, options.source.as_deref())?;
    let n_playlists = all.len();
    let n_items = snapshot.items().len();
    let mut in_playlists = ItemSet::from_ids(n_items, all.iter().flatten().map(|item| &item.0));
    in_playlists.subtract(&ItemSet::from_ids(n_items, snapshot.removed().iter().map(|item| &item.0)));
    let everything = ItemSet::from_fn(n_items, |item| !snapshot.is_removed(ItemIdx(item as u32)));
    let pools = [("playlists", in_playlists), ("catalogue", everything)];
    let of_all = spreads(snapshot, &all);
    let mut playlists: Vec<Vec<ItemIdx>> = all;
    playlists.retain(|playlist| playlist.len() >= options.n_seeds + LEAST_TRUTH);
    if playlists.len() < 2 {
        return Err(
            PlaylistError::TooFew { n_found: n_playlists, n_tracks: options.n_seeds + LEAST_TRUTH }.into()
        );
    }
    let mut sums = vec![[[Sums::default(); METHODS.len()]; 2]; pools.len()];
    let held_out = playlists.len() - playlists.len() / 2;
    for split in 0..options.n_splits {
        let mut rng = StdRng::seed_from_u64(options.seed.wrapping_add(split as u64));
        let mut order: Vec<&Vec<ItemIdx>> = playlists.iter().collect();
        order.shuffle(&mut rng);
        let (known, measured) = order.split_at(playlists.len() / 2);
        let known: Vec<Vec<ItemIdx>> = known.iter().map(|playlist| (*playlist).clone()).collect();
        let methods = Methods::new(snapshot, &spreads(snapshot, &known));
        for (place, playlist) in measured.iter().enumerate() {
            go_on(split * held_out + place, options.n_splits * held_out)?;
            let drawn = ItemSet::from_ids(
                n_items,
                &sample(&mut rng, playlist.len(), options.n_seeds)
                    .iter()
                    .map(|n| playlist[n].0)
                    .collect::<Vec<_>>(),
            );
            let (seeds, rest) = playlist.iter().partition(|item| drawn.contains(**item));
            let task = Task { seeds, rest, methods: &methods };
            for ((_, pool), sums) in pools.iter().zip(&mut sums) {
                task.add_to(snapshot, pool, &mut rng, sums)?;
            }
        }
    }
    let tables = pools.iter().zip(&sums).flat_map(|((candidates, pool), sums)| {
        ["counted", "excluded"].into_iter().zip(sums).map(|(same_artist, sums)| PlaylistTable {
            candidates,
            n_candidates: pool.len(),
            same_artist,
            methods: METHODS.into_iter().zip(sums).map(|(method, sums)| sums.of(method)).collect(),
        })
    });
    let names = snapshot.schema().features.iter().map(|feature| feature.name.clone());
    Ok(PlaylistReport {
        generation: snapshot.manifest().generation.clone(),
        n_items,
        source: options.source.clone(),
        n_playlists,
        n_measured: playlists.len(),
        n_seeds: options.n_seeds,
        n_splits: options.n_splits,
        seed: options.seed,
        spreads: names.zip(of_all).collect(),
        tables: tables.collect(),
    })
}

impl Task<'_> {
    /// Ranks `pool` by every method, with and without tracks by the seeds' artists.
    fn add_to(
        &self,
        snapshot: &Snapshot,
        pool: &ItemSet,
        rng: &mut StdRng,
        sums: &mut [[Sums; METHODS.len()]; 2],
    ) -> Result<(), EvalError> {
        let n_items = snapshot.items().len();
        let mut candidates = pool.clone();
        candidates.subtract(&ItemSet::from_ids(n_items, self.seeds.iter().map(|item| &item.0)));
        for (sums, without_artists) in sums.iter_mut().zip([false, true]) {
            if without_artists {
                candidates.subtract(&self.by_their_artists(snapshot)?);
            }
            let truth: Vec<ItemIdx> =
                self.rest.iter().copied().filter(|item| candidates.contains(*item)).collect();
            if truth.is_empty() {
                continue;
            }
            let allowed = Arc::new(Allowed::new(candidates.clone(), snapshot.vectors()));
            let depth = truth.len().max(N_SCORED);
            let rankings = self.methods.rank(&self.seeds, &allowed, depth, rng)?;
            for (sums, ranking) in sums.iter_mut().zip(&rankings) {
                sums.add(ranking, &truth);
            }
        }
        Ok(())
    }

    /// All tracks by an artist of a seed.
    fn by_their_artists(&self, snapshot: &Snapshot) -> Result<ItemSet, QueryError> {
        let mut items = Vec::new();
        for seed in &self.seeds {
            for artist in snapshot.items().record(*seed)?.artists {
                items.extend_from_slice(snapshot.tags().items(TagKind::Artist, &artist).unwrap_or_default());
            }
        }
        // Ids of a damaged file may be out of range.
        items.retain(|item| (*item as usize) < snapshot.items().len());
        Ok(ItemSet::from_ids(snapshot.items().len(), &items))
    }
}
