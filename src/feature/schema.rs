//! The schema: which features a catalogue has, how raw values become dimensions, and how much each weighs.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::suggest;

/// The fewest and most dimensions a schema may have in all.
pub const DIMENSIONS: std::ops::RangeInclusive<usize> = 1..=1024;
/// The largest weight and anchor.
pub const MAX_WEIGHT: f64 = 1e6;
/// The default anchor (see the formula in ARCHITECTURE.md).
pub const DEFAULT_ANCHOR: f64 = 0.5;

const SPOTIFY: &str = include_str!("spotify.toml");

/// How one raw value becomes dimensions, before standardisation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transform {
    /// The value itself, standardised.
    Linear,
    /// `ln(value + offset)`, standardised; missing where that is undefined.
    Log,
    /// `log2(value + offset)`, standardised; missing where that is undefined.
    Log2,
    /// Two dimensions, cosine and sine of `2 pi ((step * value) mod period) / period`, each centred, both divided
    /// by the root of their summed variance. A negative value is missing.
    Circular,
    /// A vector as it is.
    RawVector,
    /// A vector scaled to length 1; a zero vector is missing.
    UnitVector,
    /// A vector, each dimension centred, all divided by the root of their summed variance.
    CentredVector,
}

impl Transform {
    /// Whether the raw value is a vector rather than a number.
    pub fn takes_vector(self) -> bool {
        matches!(self, Self::RawVector | Self::UnitVector | Self::CentredVector)
    }
}

/// One feature of a schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    /// The name used in weights, targets, filters and explanations.
    pub name: String,
    /// The name of the raw value in the catalogue, where it differs from `name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Unit of the raw value, empty for a plain number.
    #[serde(default)]
    pub unit: String,
    /// The smallest raw value that makes sense; targets below it are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The largest raw value that makes sense; targets above it are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// How the raw value becomes dimensions.
    pub transform: Transform,
    /// Added before a logarithm.
    #[serde(default)]
    pub offset: f64,
    /// The period of a circular feature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<f64>,
    /// The factor of a circular feature (7 turns pitch classes into the circle of fifths).
    #[serde(default = "one")]
    pub step: f64,
    /// How many dimensions a vector feature has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimensions: Option<usize>,
    /// Weight where a request says nothing.
    #[serde(default = "one")]
    pub weight: f64,
    /// Weight in the metric that graph and forest are built with, where it differs from `weight`. A small positive
    /// value keeps the graph navigable for requests that weight a feature whose default is 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_weight: Option<f64>,
}

fn one() -> f64 {
    1.0
}

impl Feature {
    /// How many dimensions the feature fills.
    pub fn n_dims(&self) -> usize {
        match self.transform {
            Transform::Linear | Transform::Log | Transform::Log2 => 1,
            Transform::Circular => 2,
            Transform::RawVector | Transform::UnitVector | Transform::CentredVector => {
                self.dimensions.unwrap_or(0)
            }
        }
    }

    /// The name of the raw value in the catalogue.
    pub fn source(&self) -> &str {
        self.source.as_deref().unwrap_or(&self.name)
    }

    /// Weight in the metric that graph and forest are built with.
    pub fn build_weight(&self) -> f64 {
        self.build_weight.unwrap_or(self.weight)
    }

    /// Whether `raw` lies within the range that makes sense.
    pub fn in_range(&self, raw: f64) -> bool {
        self.min.is_none_or(|min| raw >= min) && self.max.is_none_or(|max| raw <= max)
    }
}

/// A set of features, their default anchor and the named weight profiles a request can start from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// The schema's name.
    pub name: String,
    /// The anchor where a request names none.
    #[serde(default = "default_anchor")]
    pub anchor: f64,
    /// The features in the order of their dimensions.
    pub features: Vec<Feature>,
    /// Weights by profile and feature; a feature that a profile leaves out has weight 0 in it.
    #[serde(default)]
    pub profiles: BTreeMap<String, BTreeMap<String, f64>>,
}

fn default_anchor() -> f64 {
    DEFAULT_ANCHOR
}

/// Why a schema cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The file cannot be read.
    #[error("cannot read the schema {path}: {cause}")]
    Read {
        /// The file.
        path: String,
        /// Why not.
        cause: std::io::Error,
    },
    /// Not a schema in TOML.
    #[error("the schema {path} is not valid: {}{}", cause.to_string().trim_end(), meant(cause.message()))]
    Parse {
        /// The file.
        path: String,
        /// Where and why.
        cause: Box<toml::de::Error>,
    },
    /// Well-formed, but it makes no sense.
    #[error("schema `{schema}`, {field}: {problem}")]
    Invalid {
        /// The schema's name.
        schema: String,
        /// Which field.
        field: String,
        /// What is wrong and what was expected.
        problem: String,
    },
}

/// The key that was probably meant, on a line of its own: the parser's message draws where the unknown one stands.
fn meant(message: &str) -> String {
    let meant = suggest::unknown_field(message).and_then(|(name, _, known)| suggest::nearest(name, known));
    meant.map(|known| format!("\ndid you mean `{known}`?")).unwrap_or_default()
}

/// The profile that holds each feature's own weight.
pub const PROFILE_DEFAULT: &str = "default";
/// The profile in which every weight is 0.
pub const PROFILE_ZERO: &str = "zero";

impl Schema {
    /// The built-in schema.
    pub fn spotify() -> Self {
        let schema = Self::parse(SPOTIFY, "spotify.toml");
        schema.expect("the built-in schema is valid: a test parses it")
    }

    /// Reads and validates a schema file (TOML).
    pub fn read(path: &Path) -> Result<Self, SchemaError> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|cause| SchemaError::Read { path: shown.clone(), cause })?;
        Self::parse(&text, &shown)
    }

    /// Parses and validates a schema; `path` is for messages only.
    pub fn parse(text: &str, path: &str) -> Result<Self, SchemaError> {
        let schema: Self = toml::from_str(text)
            .map_err(|cause| SchemaError::Parse { path: path.to_owned(), cause: Box::new(cause) })?;
        schema.validate()?;
        Ok(schema)
    }

    /// How many dimensions the features fill together.
    pub fn dim(&self) -> usize {
        self.features.iter().map(Feature::n_dims).sum()
    }

    /// The feature called `name` with its index.
    pub fn feature(&self, name: &str) -> Option<(usize, &Feature)> {
        self.features.iter().enumerate().find(|(_, feature)| feature.name == name)
    }

    /// The dimensions of each feature, in order.
    pub fn dim_ranges(&self) -> Vec<Range<usize>> {
        let mut start = 0;
        let ranges = self.features.iter().map(|feature| {
            let range = start..start + feature.n_dims();
            start = range.end;
            range
        });
        ranges.collect()
    }

    /// The weights of profile `name` per feature, or `None` where there is no such profile.
    pub fn profile(&self, name: &str) -> Option<Vec<f64>> {
        match name {
            PROFILE_DEFAULT => Some(self.features.iter().map(|feature| feature.weight).collect()),
            PROFILE_ZERO => Some(vec![0.0; self.features.len()]),
            _ => {
                let profile = self.profiles.get(name)?;
                let weight = |feature: &Feature| profile.get(&feature.name).copied().unwrap_or(0.0);
                Some(self.features.iter().map(weight).collect())
            }
        }
    }

    /// The names of all profiles.
    pub fn profile_names(&self) -> Vec<&str> {
        let mut names = vec![PROFILE_DEFAULT, PROFILE_ZERO];
        names.extend(self.profiles.keys().map(String::as_str));
        names
    }

    /// BLAKE3 over the canonical JSON of the schema: two snapshots with the same hash have comparable vectors.
    pub fn hash(&self) -> String {
        let json = serde_json::to_vec(self).expect("a schema holds only finite numbers and string keys");
        blake3::hash(&json).to_hex().to_string()
    }

    /// Checks every rule that TOML cannot express.
    pub fn validate(&self) -> Result<(), SchemaError> {
        let invalid = |field: String, problem: String| {
            Err(SchemaError::Invalid { schema: self.name.clone(), field, problem })
        };
        if self.features.is_empty() {
            return invalid("features".into(), "at least one feature is needed".into());
        }
        if !is_weight(self.anchor) {
            return invalid("anchor".into(), format!("expected 0 to {MAX_WEIGHT:e}, got {}", self.anchor));
        }
        let mut names = HashSet::new();
        for feature in &self.features {
            let at = |field: &str| format!("features.{}.{field}", feature.name);
            if feature.name.is_empty() || !names.insert(feature.name.as_str()) {
                return invalid(at("name"), "every feature needs a name of its own".into());
            }
            if feature.name == "anchor" {
                return invalid(at("name"), "`anchor` is taken; choose another name".into());
            }
            for (field, weight) in [("weight", feature.weight), ("build_weight", feature.build_weight())] {
                if !is_weight(weight) {
                    return invalid(at(field), format!("expected 0 to {MAX_WEIGHT:e}, got {weight}"));
                }
            }
            if !feature.offset.is_finite() || !feature.step.is_finite() {
                return invalid(at("offset"), "offset and step must be finite numbers".into());
            }
            if let (Some(min), Some(max)) = (feature.min, feature.max)
                && (min.is_nan() || max.is_nan() || min > max)
            {
                return invalid(at("min"), format!("min {min} is not below max {max}"));
            }
            match (feature.transform, feature.period, feature.dimensions) {
                (Transform::Circular, Some(period), None) if period.is_finite() && period > 0.0 => {}
                (Transform::Circular, _, _) => {
                    return invalid(at("period"), "a circular feature needs a period above 0".into());
                }
                (transform, None, Some(n)) if transform.takes_vector() && (2..=1024).contains(&n) => {}
                (transform, _, _) if transform.takes_vector() => {
                    return invalid(at("dimensions"), "a vector feature needs 2 to 1024 dimensions".into());
                }
                (_, None, None) => {}
                _ => {
                    return invalid(
                        at("transform"),
                        "`period` belongs to circular features only, `dimensions` to vectors only".into(),
                    );
                }
            }
        }
        if !DIMENSIONS.contains(&self.dim()) {
            return invalid("features".into(), format!("at most 1024 dimensions, got {}", self.dim()));
        }
        if self.features.iter().all(|feature| feature.weight == 0.0) {
            return invalid("features".into(), "at least one feature needs a weight above 0".into());
        }
        if self.features.iter().all(|feature| feature.build_weight() == 0.0) {
            return invalid("features".into(), "at least one feature needs a build_weight above 0".into());
        }
        for (profile, weights) in &self.profiles {
            let at = |feature: &str| format!("profiles.{profile}.{feature}");
            if profile == PROFILE_DEFAULT || profile == PROFILE_ZERO {
                return invalid(at(""), "this profile is built in; choose another name".into());
            }
            for (feature, weight) in weights {
                if self.feature(feature).is_none() {
                    let names = self.features.iter().map(|feature| feature.name.as_str());
                    let known = suggest::among(feature, names);
                    return invalid(
                        at(feature),
                        format!("there is no feature `{feature}` in this schema{known}"),
                    );
                }
                if !is_weight(*weight) {
                    return invalid(at(feature), format!("expected 0 to {MAX_WEIGHT:e}, got {weight}"));
                }
            }
        }
        Ok(())
    }
}

fn is_weight(weight: f64) -> bool {
    (0.0..=MAX_WEIGHT).contains(&weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_schema_fills_sixteen_dimensions() {
        let schema = Schema::spotify();
        assert_eq!(schema.dim(), 16);
        assert_eq!(schema.profile("default").unwrap().iter().sum::<f64>(), 9.0);
        assert_eq!(schema.profile("playlist").unwrap(), vec![1.0; 15]);
        assert_eq!(schema.profile_names(), ["default", "zero", "dj", "mood", "playlist"]);
        assert_eq!(schema.feature("key").map(|(index, _)| schema.dim_ranges()[index].clone()), Some(9..11));
    }

    fn check(text: &str, expected: &str) {
        let error = Schema::parse(text, "mine.toml").unwrap_err().to_string();
        assert!(error.contains(expected), "{error:?} does not mention {expected:?}");
    }

    #[test]
    fn a_wrong_schema_is_refused_by_field() {
        check("name = 'x'\nfeatures = []", "at least one feature");
        check("name = 'x'\ncolour = 1\nfeatures = []", "colour");
        check("name = 'x'\nprofile = 1\nfeatures = []", "did you mean `profiles`?");
        check("name = 'x'\n[[features]]\nname = 'f'\ntransfrom = 'linear'", "did you mean `transform`?");
        let feature = |rest: &str| format!("name = 'x'\n[[features]]\nname = 'f'\n{rest}");
        check(&feature("transform = 'cubic'"), "cubic");
        check(&feature("transform = 'linear'\nweight = -1.0"), "features.f.weight");
        check(&feature("transform = 'linear'\nweight = nan"), "features.f.weight");
        check(&feature("transform = 'linear'\nweight = 0.0"), "weight above 0");
        check(&feature("transform = 'circular'"), "features.f.period");
        check(&feature("transform = 'unit_vector'"), "features.f.dimensions");
        check(&feature("transform = 'unit_vector'\ndimensions = 1025"), "features.f.dimensions");
        check(&feature("transform = 'linear'\n[profiles.p]\ng = 1.0"), "profiles.p.g");
        let near =
            "name = 'x'\n[[features]]\nname = 'energy'\ntransform = 'linear'\n[profiles.p]\nenrgy = 1.0";
        check(near, "did you mean `energy`?");
        check(&feature("transform = 'linear'\n[profiles.zero]\nf = 1.0"), "built in");
        check(&feature("transform = 'linear'\nmin = 2.0\nmax = 1.0"), "features.f.min");
    }
}
