//! The catalogue on a map: how many tracks lie where, and which ones are near a point.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::snapshot::Snapshot;
use crate::track::ItemIdx;

use super::answer::TrackView;
use super::error::QueryError;

/// Cells along each side of the map.
const SIZE: usize = 128;
/// Features that an axis is named after, at most, and the share of it that each must have.
const NAMED: usize = 3;
const LEAST_SHARE: f64 = 0.1;

/// The map of a catalogue.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MapView {
    /// The generation it is of.
    pub generation: String,
    /// What the axes mean, x and y.
    pub axes: [AxisView; 2],
    /// What the cells cover; the few tracks beyond are counted at the edges.
    pub bounds: MapBounds,
    /// Cells along each side.
    #[schema(example = 128)]
    pub size: usize,
    /// Tracks in each cell, row by row, from the smallest y.
    pub counts: Vec<u32>,
    /// Tracks on the map.
    pub n_items: usize,
}

/// What an axis means.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AxisView {
    /// In words: what there is more of, and less of, towards its end.
    #[schema(example = "more energy, loudness; less acousticness")]
    pub label: String,
    /// How much of it is each feature, -1 to 1: negative where there is less of the feature towards its end. The magnitudes add
    /// up to 1.
    pub features: BTreeMap<String, f64>,
}

/// From where to where the cells reach.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MapBounds {
    /// The least and the greatest x.
    pub x: [f32; 2],
    /// The least and the greatest y.
    pub y: [f32; 2],
}

/// A track on the map.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MapTrack {
    /// The track's id.
    pub id: String,
    /// Where it is.
    pub x: f32,
    /// Where it is.
    pub y: f32,
    /// What is known of it.
    pub track: TrackView,
}

/// The map of `snapshot`, without removed tracks.
pub fn map(snapshot: &Snapshot) -> MapView {
    let overview = snapshot.overview();
    let [x, y] = overview.bounds();
    let mut counts = vec![0; SIZE * SIZE];
    let mut n_items = 0;
    for item in items(snapshot) {
        let place = overview.place(item);
        counts[cell(place[1], y) * SIZE + cell(place[0], x)] += 1;
        n_items += 1;
    }
    MapView {
        generation: snapshot.manifest().generation.clone(),
        axes: overview.axes().map(|axis| describe(snapshot, axis)),
        bounds: MapBounds { x, y },
        size: SIZE,
        counts,
        n_items,
    }
}

/// The `limit` tracks nearest to a point of the map, nearest first.
pub fn near_on_map(snapshot: &Snapshot, at: [f32; 2], limit: usize) -> Result<Vec<MapTrack>, QueryError> {
    let overview = snapshot.overview();
    let distance = |item| {
        let place = overview.place(item);
        let square = |axis: usize| (f64::from(place[axis]) - f64::from(at[axis])).powi(2);
        square(0) + square(1)
    };
    let mut nearest: Vec<(f64, ItemIdx)> = items(snapshot).map(|item| (distance(item), item)).collect();
    let by_distance =
        |one: &(f64, ItemIdx), other: &(f64, ItemIdx)| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1));
    if limit < nearest.len() {
        nearest.select_nth_unstable_by(limit, by_distance);
        nearest.truncate(limit);
    }
    nearest.sort_unstable_by(by_distance);
    let show = |(_, item): &(f64, ItemIdx)| {
        let [x, y] = overview.place(*item);
        let id = snapshot.items().id(*item).into_owned();
        Ok(MapTrack { id, x, y, track: TrackView::of(snapshot, *item)? })
    };
    nearest.iter().map(show).collect()
}

fn items(snapshot: &Snapshot) -> impl Iterator<Item = ItemIdx> {
    (0..snapshot.items().len() as u32).map(ItemIdx).filter(|item| !snapshot.is_removed(*item))
}

/// The cell that a place falls into; those beyond the bounds count at the edge.
fn cell(place: f32, [from, to]: [f32; 2]) -> usize {
    let share = (place - from) / (to - from);
    // Not a number where all tracks are at one place.
    if share > 0.0 { ((share * SIZE as f32) as usize).min(SIZE - 1) } else { 0 }
}

fn describe(snapshot: &Snapshot, axis: &[f32]) -> AxisView {
    let schema = snapshot.schema();
    let square = |x: &f32| f64::from(*x).powi(2);
    let whole: f64 = axis.iter().map(square).sum();
    let share = |dims: &[f32]| {
        let size = if whole > 0.0 { dims.iter().map(square).sum::<f64>() / whole } else { 0.0 };
        // Several dimensions have no direction in common.
        if dims.len() == 1 && dims[0] < 0.0 { -size } else { size }
    };
    let shares = schema.dim_ranges().into_iter().map(|range| share(&axis[range]));
    let features: BTreeMap<String, f64> =
        schema.features.iter().map(|feature| feature.name.clone()).zip(shares).collect();
    let mut named: Vec<(&String, f64)> = features.iter().map(|(name, share)| (name, *share)).collect();
    named.sort_by(|one, other| other.1.abs().total_cmp(&one.1.abs()));
    named.retain(|(_, share)| share.abs() >= LEAST_SHARE);
    named.truncate(NAMED);
    let list = |sign: f64| {
        let names = named.iter().filter(|(_, share)| share * sign > 0.0).map(|(name, _)| name.as_str());
        names.collect::<Vec<_>>().join(", ")
    };
    let parts = [("more", list(1.0)), ("less", list(-1.0))];
    let parts = parts.iter().filter(|(_, names)| !names.is_empty());
    let label = parts.map(|(word, names)| format!("{word} {names}")).collect::<Vec<_>>().join("; ");
    AxisView { label, features }
}
