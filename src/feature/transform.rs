//! One raw value to its dimensions, before standardisation, and back.

use std::f64::consts::TAU;

use crate::track::Track;

use super::schema::{Feature, Transform};

/// The largest magnitude a vector component may have: its square times 1,024 dimensions stays finite in f32.
pub(crate) const MAX_COMPONENT: f32 = 1e15;

/// A raw value of one feature.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Raw<'a> {
    /// A number.
    Scalar(f64),
    /// A vector.
    Vector(&'a [f32]),
}

impl Feature {
    /// The raw value that `track` has for this feature.
    pub fn raw<'a>(&self, track: &'a Track) -> Option<Raw<'a>> {
        if self.transform.takes_vector() {
            track.vectors.get(self.source()).map(|vector| Raw::Vector(vector))
        } else {
            track.values.get(self.source()).map(|value| Raw::Scalar(*value))
        }
    }

    /// Whether `value` is a measurement of this feature: not one outside its transform's domain, which is missing.
    pub fn defines(&self, value: f64) -> bool {
        let mut dims = [0.0; 2];
        !self.transform.takes_vector() && self.forward_scalar(value, &mut dims[..self.n_dims()])
    }

    /// Writes the dimensions of `raw` before standardisation to `out`, of length [`Feature::n_dims`]. `false`, with
    /// `out` untouched, where the value is missing: outside a logarithm's domain, a vector of another length, a zero
    /// vector that should get length 1, or anything not finite.
    pub(super) fn forward(&self, raw: Raw<'_>, out: &mut [f64]) -> bool {
        match raw {
            Raw::Scalar(value) if !self.transform.takes_vector() => self.forward_scalar(value, out),
            Raw::Vector(vector) if self.transform.takes_vector() => self.forward_vector(vector, out),
            Raw::Scalar(_) | Raw::Vector(_) => false,
        }
    }

    fn forward_scalar(&self, value: f64, out: &mut [f64]) -> bool {
        let value = match self.transform {
            Transform::Circular => {
                if value < 0.0 || !value.is_finite() {
                    return false;
                }
                let angle = self.angle(value);
                out.copy_from_slice(&[angle.cos(), angle.sin()]);
                return true;
            }
            Transform::Log => (value + self.offset).ln(),
            Transform::Log2 => (value + self.offset).log2(),
            _ => value,
        };
        // ln of a negative number is NaN and of 0 infinite: both are missing. So are magnitudes whose squares would
        // overflow the statistics.
        if !value.is_finite() || value.abs() > 1e100 {
            return false;
        }
        out[0] = value;
        true
    }

    fn forward_vector(&self, vector: &[f32], out: &mut [f64]) -> bool {
        if vector.len() != out.len() || vector.iter().any(|x| !x.is_finite() || x.abs() > MAX_COMPONENT) {
            return false;
        }
        let mut scale = 1.0;
        if self.transform == Transform::UnitVector {
            let norm = vector.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
            if norm == 0.0 {
                return false;
            }
            scale = 1.0 / norm;
        }
        for (out, x) in out.iter_mut().zip(vector) {
            *out = f64::from(*x) * scale;
        }
        true
    }

    fn angle(&self, value: f64) -> f64 {
        let period = self.period.unwrap_or(1.0);
        TAU * (self.step * value).rem_euclid(period) / period
    }

    /// The raw number that unstandardised dimensions stand for; `None` for vectors. Of a circular feature, the whole
    /// number below the period whose angle is nearest.
    pub(super) fn backward(&self, dims: &[f64]) -> Option<f64> {
        match self.transform {
            Transform::Linear => Some(dims[0]),
            Transform::Log => Some(dims[0].exp() - self.offset),
            Transform::Log2 => Some(dims[0].exp2() - self.offset),
            Transform::Circular => {
                let period = self.period.unwrap_or(1.0);
                let product = |value: f64| {
                    let angle = self.angle(value);
                    angle.cos() * dims[0] + angle.sin() * dims[1]
                };
                let values = (0..period.ceil().min(1e4) as u32).map(f64::from);
                values.max_by(|a, b| product(*a).total_cmp(&product(*b)))
            }
            Transform::RawVector | Transform::UnitVector | Transform::CentredVector => None,
        }
    }
}
