//! Statistics fitted over a catalogue, and the standardised dimensions they give.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::schema::{Feature, Schema, Transform};
use super::transform::{MAX_COMPONENT, Raw};

/// Mean and scale of one feature over the values that are present.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureStats {
    /// How many tracks have the value.
    pub n_present: u64,
    /// Subtracted from each dimension, `[n_dims]`.
    pub mean: Vec<f64>,
    /// What every dimension is divided by: the root of the summed population variance, 1 for a constant feature.
    pub scale: f64,
}

/// A schema with the statistics of the catalogue it was fitted to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedSchema {
    /// The schema.
    pub schema: Schema,
    /// One entry for each feature.
    pub stats: Vec<FeatureStats>,
}

impl FittedSchema {
    /// Whether the parts belong together; a manifest from a file may say anything.
    pub fn validate(&self) -> Result<(), String> {
        self.schema.validate().map_err(|error| error.to_string())?;
        if self.stats.len() != self.schema.features.len() {
            return Err(format!(
                "{} features but {} fitted statistics",
                self.schema.features.len(),
                self.stats.len()
            ));
        }
        for (feature, stats) in self.schema.features.iter().zip(&self.stats) {
            let finite = stats.mean.iter().all(|mean| mean.is_finite()) && stats.scale.is_finite();
            if stats.mean.len() != feature.n_dims() || !finite || stats.scale <= 0.0 {
                return Err(format!("the statistics of feature `{}` make no sense", feature.name));
            }
        }
        Ok(())
    }

    /// Writes the standardised dimensions of a raw value of feature `index` to `out`, `[n_dims]`; zeros and `false`
    /// where the value is missing (see [`Transform`]).
    pub fn transform(&self, index: usize, raw: Raw<'_>, out: &mut [f32]) -> bool {
        let mut dims = vec![0.0; out.len()];
        if self.schema.features[index].forward(raw, &mut dims) {
            self.standardise(index, &dims, out);
            // What f32 kernels could not square is no value either.
            if out.iter().all(|x| x.abs() <= MAX_COMPONENT) {
                return true;
            }
        }
        out.fill(0.0);
        false
    }

    fn standardise(&self, index: usize, dims: &[f64], out: &mut [f32]) {
        let stats = &self.stats[index];
        for ((out, x), mean) in out.iter_mut().zip(dims).zip(&stats.mean) {
            *out = ((x - mean) / stats.scale) as f32;
        }
    }

    /// The raw number that standardised dimensions of feature `index` stand for; `None` for vectors.
    pub fn raw_of(&self, index: usize, dims: &[f32]) -> Option<f64> {
        let stats = &self.stats[index];
        let unscaled: Vec<f64> =
            dims.iter().zip(&stats.mean).map(|(x, mean)| f64::from(*x) * stats.scale + mean).collect();
        self.schema.features[index].backward(&unscaled)
    }

    /// How long the direction is that standardised dimensions of feature `index` stand for: 1 for a value, less for a mean
    /// of several, 0 where they are all round the circle. `None` for features that are no circle.
    pub fn resultant(&self, index: usize, dims: &[f32]) -> Option<f64> {
        let stats = &self.stats[index];
        let is_circle = self.schema.features[index].transform == Transform::Circular;
        let squares =
            dims.iter().zip(&stats.mean).map(|(x, mean)| (f64::from(*x) * stats.scale + mean).powi(2));
        is_circle.then(|| squares.sum::<f64>().sqrt())
    }
}

/// Collects the dimensions of all tracks, fits the statistics and then gives the standardised rows.
///
/// Rows are added in item order, so that the f64 sums are the same however the catalogue was stored.
/// Memory: 4 bytes a vector dimension and 8 bytes a scalar's dimension per track.
pub struct Fitter {
    schema: Schema,
    ranges: Vec<Range<usize>>,
    n_rows: usize,
    /// Per feature, `[n_rows, n_dims]`; NaN in the first dimension marks a missing value.
    columns: Vec<Column>,
    out_of_range: Vec<u64>,
}

enum Column {
    Wide(Vec<f64>),
    Vector(Vec<f32>),
}

impl Fitter {
    /// An empty collection for `schema`.
    pub fn new(schema: Schema) -> Self {
        let column = |feature: &Feature| {
            if feature.transform.takes_vector() {
                Column::Vector(Vec::new())
            } else {
                Column::Wide(Vec::new())
            }
        };
        Self {
            ranges: schema.dim_ranges(),
            columns: schema.features.iter().map(column).collect(),
            out_of_range: vec![0; schema.features.len()],
            n_rows: 0,
            schema,
        }
    }

    /// What it is fitted for.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Adds one track's raw values, one entry for each feature.
    pub fn push<'a>(&mut self, raw: impl Fn(&Feature) -> Option<Raw<'a>>) {
        for (index, feature) in self.schema.features.iter().enumerate() {
            let mut dims = vec![f64::NAN; feature.n_dims()];
            if let Some(raw) = raw(feature) {
                if let Raw::Scalar(value) = raw
                    && !feature.in_range(value)
                {
                    self.out_of_range[index] += 1;
                }
                feature.forward(raw, &mut dims);
            }
            match &mut self.columns[index] {
                Column::Wide(column) => column.extend_from_slice(&dims),
                Column::Vector(column) => column.extend(dims.iter().map(|x| *x as f32)),
            }
        }
        self.n_rows += 1;
    }

    /// How many tracks have a value outside the feature's raw range, by feature (kept all the same).
    pub fn out_of_range(&self) -> impl Iterator<Item = (&str, u64)> {
        self.schema
            .features
            .iter()
            .map(|feature| feature.name.as_str())
            .zip(self.out_of_range.iter().copied())
    }

    /// Fits means and scales and returns them with the standardised rows.
    pub fn fit(self) -> Rows {
        let mut stats = Vec::with_capacity(self.columns.len());
        for (feature, column) in self.schema.features.iter().zip(&self.columns) {
            stats.push(fit_feature(feature, column));
        }
        let fitted = FittedSchema { schema: self.schema, stats };
        Rows { fitted, ranges: self.ranges, n_rows: self.n_rows, columns: self.columns }
    }
}

/// The standardised rows of a fitted catalogue.
pub struct Rows {
    /// The schema with its statistics.
    pub fitted: FittedSchema,
    ranges: Vec<Range<usize>>,
    n_rows: usize,
    columns: Vec<Column>,
}

impl Rows {
    /// How many rows there are.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Writes row `row` to `out`, `[dim]`, and calls `missing` with the index of every missing feature.
    pub fn write(&self, row: usize, out: &mut [f32], mut missing: impl FnMut(usize)) {
        for (index, column) in self.columns.iter().enumerate() {
            let out = &mut out[self.ranges[index].clone()];
            let present = column.read(row, out.len(), |dims| self.fitted.standardise(index, dims, out));
            if !present {
                out.fill(0.0);
                missing(index);
            }
        }
    }
}

impl Column {
    /// Calls `with` with the dimensions of `row` unless they are missing.
    fn read(&self, row: usize, n_dims: usize, mut with: impl FnMut(&[f64])) -> bool {
        let range = row * n_dims..(row + 1) * n_dims;
        match self {
            Self::Wide(column) => {
                let dims = &column[range];
                if dims[0].is_nan() {
                    return false;
                }
                with(dims);
            }
            Self::Vector(column) => {
                let dims = &column[range];
                if dims[0].is_nan() {
                    return false;
                }
                let wide: Vec<f64> = dims.iter().map(|x| f64::from(*x)).collect();
                with(&wide);
            }
        }
        true
    }

    fn n_rows(&self, n_dims: usize) -> usize {
        match self {
            Self::Wide(column) => column.len() / n_dims,
            Self::Vector(column) => column.len() / n_dims,
        }
    }
}

fn fit_feature(feature: &Feature, column: &Column) -> FeatureStats {
    let n_dims = feature.n_dims();
    let n_rows = column.n_rows(n_dims);
    let mut n_present = 0_u64;
    let mut first = Vec::new();
    let mut sum = vec![0.0; n_dims];
    for row in 0..n_rows {
        let present = column.read(row, n_dims, |dims| {
            if first.is_empty() {
                first = dims.to_vec();
            }
            add(&mut sum, dims);
        });
        n_present += u64::from(present);
    }
    let standardised = !matches!(feature.transform, Transform::RawVector | Transform::UnitVector);
    if n_present == 0 || !standardised {
        return FeatureStats { n_present, mean: vec![0.0; n_dims], scale: 1.0 };
    }
    let mean: Vec<f64> = sum.iter().map(|sum| sum / n_present as f64).collect();
    let mut squares = 0.0;
    for row in 0..n_rows {
        column.read(row, n_dims, |dims| {
            squares += dims.iter().zip(&mean).map(|(x, mean)| (x - mean).powi(2)).sum::<f64>();
        });
    }
    let scale = (squares / n_present as f64).sqrt();
    let magnitude = mean.iter().fold(0.0_f64, |max, mean| max.max(mean.abs()));
    if scale <= 1e-12 * magnitude.max(f64::MIN_POSITIVE) {
        // A constant feature: what is left is rounding of the mean, and dividing by it would blow that up. The value
        // itself as the mean makes every dimension exactly 0.
        return FeatureStats { n_present, mean: first, scale: 1.0 };
    }
    FeatureStats { n_present, mean, scale }
}

fn add(sum: &mut [f64], dims: &[f64]) {
    for (sum, x) in sum.iter_mut().zip(dims) {
        *sum += x;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(features: &str) -> Schema {
        Schema::parse(&format!("name = 't'\n{features}"), "t.toml").unwrap()
    }

    fn fit(schema: Schema, values: &[Option<f64>]) -> Rows {
        let mut fitter = Fitter::new(schema);
        for value in values {
            fitter.push(|_| value.map(Raw::Scalar));
        }
        fitter.fit()
    }

    fn rows(rows: &Rows) -> Vec<Vec<f32>> {
        let dim = rows.fitted.schema.dim();
        let row = |row| {
            let mut out = vec![9.0; dim];
            rows.write(row, &mut out, |_| {});
            out
        };
        (0..rows.n_rows()).map(row).collect()
    }

    #[test]
    fn a_linear_feature_is_standardised_over_what_is_present() {
        let fitted = fit(
            schema("[[features]]\nname = 'f'\ntransform = 'linear'"),
            &[Some(1.0), None, Some(3.0), Some(f64::NAN)],
        );
        assert_eq!(fitted.fitted.stats[0], FeatureStats { n_present: 2, mean: vec![2.0], scale: 1.0 });
        assert_eq!(rows(&fitted), [[-1.0], [0.0], [1.0], [0.0]]);
    }

    #[test]
    fn a_value_outside_the_logarithm_is_missing() {
        let fitted = fit(
            schema("[[features]]\nname = 'f'\ntransform = 'log2'"),
            &[Some(0.0), Some(-5.0), Some(2.0), Some(8.0)],
        );
        assert_eq!(fitted.fitted.stats[0].n_present, 2);
        assert_eq!(rows(&fitted), [[0.0], [0.0], [-1.0], [1.0]]);
        assert!((fitted.fitted.raw_of(0, &[1.0]).unwrap() - 8.0).abs() < 1e-6);
    }

    #[test]
    fn a_circular_feature_has_unit_total_variance_and_goes_back() {
        let values: Vec<_> = (0..12).map(|key| Some(f64::from(key))).chain([Some(-1.0)]).collect();
        let text = "[[features]]\nname = 'key'\ntransform = 'circular'\nperiod = 12\nstep = 7";
        let fitted = fit(schema(text), &values);
        let rows = rows(&fitted);
        let total: f32 = rows.iter().flatten().map(|x| x * x).sum();
        assert!((total / 12.0 - 1.0).abs() < 1e-6);
        assert_eq!(rows[12], [0.0, 0.0]);
        for (key, row) in rows[..12].iter().enumerate() {
            assert_eq!(fitted.fitted.raw_of(0, row), Some(key as f64));
        }
        // C and G are neighbours on the circle of fifths, C and F sharp are opposite.
        let product = |a: usize, b: usize| rows[a][0] * rows[b][0] + rows[a][1] * rows[b][1];
        assert!(product(0, 7) > 0.8 && product(0, 6) < -0.9);
    }

    #[test]
    fn a_constant_feature_is_zero_and_not_noise() {
        let fitted =
            fit(schema("[[features]]\nname = 'f'\ntransform = 'linear'"), &[Some(0.1), Some(0.1), Some(0.1)]);
        assert!(rows(&fitted).iter().all(|row| row[0] == 0.0));
    }

    #[test]
    fn a_zero_vector_cannot_get_length_one() {
        let text = "[[features]]\nname = 'v'\ntransform = 'unit_vector'\ndimensions = 2";
        let mut fitter = Fitter::new(schema(text));
        for vector in [[3.0, 4.0], [0.0, 0.0], [f32::INFINITY, 0.0]] {
            fitter.push(|_| Some(Raw::Vector(&vector)));
        }
        let fitted = fitter.fit();
        assert_eq!(fitted.fitted.stats[0].n_present, 1);
        assert_eq!(rows(&fitted), [[0.6, 0.8], [0.0, 0.0], [0.0, 0.0]]);
    }
}
