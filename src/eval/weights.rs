//! The weight families and profiles that are measured.

use std::fmt;

use rand::RngExt;
use rand::seq::index::sample;
use rand_distr::{Distribution, StandardNormal};

use crate::feature::Schema;
use crate::suggest;

/// Where a query's weights come from. The four families are over the features whose default weight is above 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Family {
    /// The default profile.
    Uniform,
    /// Uniform in 0..1, each.
    Random,
    /// exp(N(0, 1)), each.
    Exponential,
    /// 1 for three drawn at random, 0 for the rest.
    Sparse,
    /// exp(sigma N(0, 1)), each; sigma in tenths. For calibration.
    LogNormal(u8),
    /// 1 for so many drawn at random, 0 for the rest. For calibration.
    Few(usize),
    /// A named profile of the schema.
    Profile(String),
}

/// Not a weight family or profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no weight family or profile `{name}`{known}")]
pub struct UnknownFamily {
    /// The name.
    pub name: String,
    /// The one that was probably meant, and all of them ([`suggest::among`]).
    pub known: String,
}

impl Family {
    /// The four families that every report shows.
    pub const MAIN: [Self; 4] = [Self::Uniform, Self::Random, Self::Exponential, Self::Sparse];

    /// Reads a family's or a profile's name.
    pub fn parse(name: &str, schema: &Schema) -> Result<Self, UnknownFamily> {
        if let Some(family) = Self::MAIN.into_iter().find(|family| family.to_string() == name) {
            return Ok(family);
        }
        if schema.profiles.contains_key(name) {
            return Ok(Self::Profile(name.to_owned()));
        }
        let mut known: Vec<String> = Self::MAIN.iter().map(Self::to_string).collect();
        known.extend(schema.profiles.keys().cloned());
        let known = suggest::among(name, known.iter().map(String::as_str));
        Err(UnknownFamily { name: name.to_owned(), known })
    }

    /// The four families and all profiles of the schema.
    pub fn all(schema: &Schema) -> Vec<Self> {
        let profiles = schema.profiles.keys().cloned().map(Self::Profile);
        Self::MAIN.into_iter().chain(profiles).collect()
    }

    /// Draws the weights of one query, by feature; at least one is above 0.
    pub fn draw(&self, schema: &Schema, rng: &mut impl RngExt) -> Vec<f64> {
        let default: Vec<f64> = schema.features.iter().map(|feature| feature.weight).collect();
        let main: Vec<usize> = (0..default.len()).filter(|index| default[*index] > 0.0).collect();
        let mut each = |draw: &mut dyn FnMut(&mut dyn FnMut() -> f64) -> f64| {
            let mut weights = vec![0.0; default.len()];
            for &index in &main {
                weights[index] = draw(&mut || StandardNormal.sample(rng));
            }
            weights
        };
        match self {
            Self::Uniform => default,
            Self::Exponential => each(&mut |normal| normal().exp()),
            Self::LogNormal(tenths) => each(&mut |normal| (f64::from(*tenths) / 10.0 * normal()).exp()),
            Self::Random => {
                let mut weights = vec![0.0; default.len()];
                // 1 - [0, 1) is above 0, so no query is without weights.
                main.iter().for_each(|index| weights[*index] = 1.0 - rng.random::<f64>());
                weights
            }
            Self::Sparse => few(&main, default.len(), 3, rng),
            Self::Few(n) => few(&main, default.len(), *n, rng),
            Self::Profile(name) => schema.profile(name).unwrap_or(default),
        }
    }
}

fn few(main: &[usize], n_features: usize, n: usize, rng: &mut impl RngExt) -> Vec<f64> {
    let mut weights = vec![0.0; n_features];
    for place in sample(rng, main.len(), n.clamp(1, main.len())) {
        weights[main[place]] = 1.0;
    }
    weights
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uniform => f.write_str("uniform"),
            Self::Random => f.write_str("random"),
            Self::Exponential => f.write_str("exponential"),
            Self::Sparse => f.write_str("sparse"),
            Self::LogNormal(tenths) => write!(f, "lognormal-{tenths}"),
            Self::Few(n) => write!(f, "few-{n}"),
            Self::Profile(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    #[test]
    fn families_weight_the_nine_continuous_features() {
        let schema = Schema::spotify();
        let mut rng = StdRng::seed_from_u64(1);
        let mut active = |family: &Family| {
            let weights = family.draw(&schema, &mut rng);
            weights.iter().filter(|weight| **weight > 0.0).count()
        };
        for family in [Family::Uniform, Family::Random, Family::Exponential, Family::LogNormal(20)] {
            assert_eq!(active(&family), 9, "{family}");
        }
        assert_eq!(active(&Family::Sparse), 3);
        assert_eq!(active(&Family::parse("dj", &schema).unwrap()), 4);
        assert!(Family::parse("loud", &schema).unwrap_err().to_string().contains("playlist"));
    }
}
