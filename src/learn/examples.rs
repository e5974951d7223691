//! Tracks as sums, feature by feature: how many have a value, their mean, how far they are from it.

use std::ops::Range;

use crate::feature::Transform;
use crate::snapshot::Snapshot;
use crate::track::ItemIdx;

/// Items that the statistics of a feature which is not standardised are taken from.
const SAMPLE: usize = 1_000;

/// The vectors of a catalogue, each feature in units of its standard deviation from its mean.
pub(super) struct Rows<'a> {
    snapshot: &'a Snapshot,
    ranges: Vec<Range<usize>>,
    /// What is taken off and divided by, where a feature is not standardised as it is.
    shifts: Vec<Option<Shift>>,
}

struct Shift {
    mean: Vec<f64>,
    deviation: f64,
}

impl<'a> Rows<'a> {
    pub fn of(snapshot: &'a Snapshot) -> Self {
        let mut rows = Self { snapshot, ranges: snapshot.schema().dim_ranges(), shifts: Vec::new() };
        let step = snapshot.vectors().len().div_ceil(SAMPLE).max(1);
        let sample: Vec<ItemIdx> =
            (0..snapshot.vectors().len()).step_by(step).map(|item| ItemIdx(item as u32)).collect();
        rows.shifts = snapshot.schema().features.iter().map(|_| None).collect();
        for (index, feature) in snapshot.schema().features.iter().enumerate() {
            if matches!(feature.transform, Transform::RawVector | Transform::UnitVector) {
                let all = Examples::of(&rows, index, &sample);
                let deviation = (all.squares() / all.n().max(1) as f64).sqrt();
                let shift =
                    Shift { deviation: if deviation > 0.0 { deviation } else { 1.0 }, mean: all.mean };
                rows.shifts[index] = Some(shift);
            }
        }
        rows
    }

    /// Calls `with` with every dimension of a feature; `false` where the item has no value.
    fn read(&self, feature: usize, item: ItemIdx, mut with: impl FnMut(usize, f64)) -> bool {
        let vectors = self.snapshot.vectors();
        if vectors.is_missing(feature, item) {
            return false;
        }
        for (dim, x) in vectors.row(item)[self.ranges[feature].clone()].iter().enumerate() {
            let x = f64::from(*x);
            with(
                dim,
                self.shifts[feature].as_ref().map_or(x, |shift| (x - shift.mean[dim]) / shift.deviation),
            );
        }
        true
    }
}

/// Some tracks in one feature. Tracks without a value are not among them.
#[derive(Clone, Debug, Default)]
pub(super) struct Examples {
    /// `[n, n_dims]`
    values: Vec<f64>,
    n: usize,
    mean: Vec<f64>,
    squares: f64,
}

impl Examples {
    pub fn of(rows: &Rows<'_>, feature: usize, items: &[ItemIdx]) -> Self {
        let mut values = Vec::new();
        let n_dims = rows.ranges[feature].len();
        let n = items.iter().filter(|item| rows.read(feature, **item, |_, x| values.push(x))).count();
        Self::of_values(values, n, n_dims)
    }

    /// `values` are `[n, n_dims]`.
    pub fn of_values(values: Vec<f64>, n: usize, n_dims: usize) -> Self {
        let mut mean = vec![0.0; n_dims];
        for row in values.chunks_exact(n_dims) {
            mean.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
        }
        mean.iter_mut().for_each(|sum| *sum /= n.max(1) as f64);
        let squares = values.chunks_exact(n_dims).map(|row| distance(row, &mean)).sum();
        Self { values, n, mean, squares }
    }

    /// How many have a value.
    pub fn n(&self) -> usize {
        self.n
    }

    /// The sum of their squared distances from their mean.
    pub fn squares(&self) -> f64 {
        self.squares
    }

    /// What weights are made of.
    pub fn sums(&self, disliked: &Self) -> Sums {
        Sums {
            n: self.n as f64,
            squares: self.squares,
            from_centre: self.mean.iter().map(|m| m * m).sum(),
            from_disliked: distance(&self.mean, &disliked.mean),
        }
    }

    /// The same without each of them in turn, for two or more.
    pub fn sums_without_each<'a>(&'a self, disliked: &'a Self) -> impl Iterator<Item = Sums> + 'a {
        let n = self.n as f64;
        self.values.chunks_exact(self.mean.len()).map(move |row| {
            let mean = || self.mean.iter().zip(row).map(|(m, x)| m + (m - x) / (n - 1.0));
            Sums {
                n: n - 1.0,
                squares: (self.squares - n / (n - 1.0) * distance(row, &self.mean)).max(0.0),
                from_centre: mean().map(|m| m * m).sum(),
                from_disliked: mean().zip(&disliked.mean).map(|(m, d)| (m - d).powi(2)).sum(),
            }
        })
    }
}

/// What weights are made of, of the liked tracks in one feature.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sums {
    /// How many have a value.
    pub n: f64,
    /// The sum of their squared distances from their mean.
    pub squares: f64,
    /// Squared distance of their mean from that of the catalogue.
    pub from_centre: f64,
    /// Squared distance of their mean from that of the disliked tracks.
    pub from_disliked: f64,
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
}
