//! A request's weights and anchor.

use std::collections::BTreeMap;

use crate::feature::{MAX_WEIGHT, PROFILE_DEFAULT, Schema};
use crate::suggest;

use super::error::QueryError;
use super::request::SimilarRequest;

/// Weights by feature and the anchor, as asked for and as computed with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Weighting {
    /// Weight of each feature, 0 to 1e6.
    pub features: Vec<f64>,
    /// The anchor, 0 to 1e6.
    pub anchor: f64,
}

impl Weighting {
    /// Resolves profile, overrides and targets.
    pub fn of(schema: &Schema, request: &SimilarRequest) -> Result<Self, QueryError> {
        let targets_only = !request.has_seeds() && !request.targets.is_empty();
        let base = request.base_weights.as_deref().unwrap_or(PROFILE_DEFAULT);
        let profile = schema.profile(base).ok_or_else(|| QueryError::UnknownProfile {
            name: base.to_owned(),
            known: suggest::among(base, schema.profile_names()),
        })?;
        let learned = learned(schema, request)?;
        let mut features = match (&request.base_weights, &learned) {
            (_, Some(learned)) => learned.clone(),
            // With targets only, what is neither targeted nor weighted does not count.
            (None, None) if targets_only => vec![0.0; profile.len()],
            _ => profile.clone(),
        };
        let profile = learned.unwrap_or(profile);
        for name in request.targets.keys() {
            let (index, _) = find_feature(schema, name, format!("targets.{name}"))?;
            features[index] = profile[index].max(1.0);
        }
        for (name, weight) in &request.weights {
            let field = format!("weights.{name}");
            let (index, _) = find_feature(schema, name, field.clone())?;
            if !(0.0..=MAX_WEIGHT).contains(weight) {
                return Err(QueryError::weight(field, *weight));
            }
            features[index] = *weight;
        }
        let anchor = request.anchor.unwrap_or(schema.anchor);
        if !(0.0..=MAX_WEIGHT).contains(&anchor) {
            return Err(QueryError::weight("anchor", anchor));
        }
        if features.iter().all(|weight| *weight == 0.0) {
            return Err(QueryError::AllWeightsZero);
        }
        Ok(Self { features, anchor })
    }

    /// Weights by dimension, `[dim]`, and the anchor, all divided by their maximum: the similarity does not change,
    /// and f32 stays far from its limits.
    pub fn scaled(&self, schema: &Schema) -> (Vec<f32>, f32) {
        let max = self.features.iter().fold(self.anchor, |max, weight| max.max(*weight));
        let mut dims = Vec::with_capacity(schema.dim());
        for (feature, weight) in schema.features.iter().zip(&self.features) {
            dims.extend(std::iter::repeat_n((weight / max) as f32, feature.n_dims()));
        }
        (dims, (self.anchor / max) as f32)
    }
}

/// The weights learned for the user of `request`, if it names one and there is something to learn from.
fn learned(schema: &Schema, request: &SimilarRequest) -> Result<Option<Vec<f64>>, QueryError> {
    if request.user.is_none() {
        return Ok(None);
    }
    if request.base_weights.is_some() {
        return Err(QueryError::UserAndBase);
    }
    let known = request.user_weights.as_ref().ok_or(QueryError::UserUnknown)?;
    let by_feature = |weights: &BTreeMap<String, f64>| {
        schema.features.iter().map(|feature| weights.get(&feature.name).copied().unwrap_or(0.0)).collect()
    };
    Ok(known.weights.as_ref().map(by_feature))
}

/// The feature called `name`, or an error that names `field` and the nearest name there is.
pub(super) fn find_feature<'a>(
    schema: &'a Schema,
    name: &str,
    field: String,
) -> Result<(usize, &'a crate::feature::Feature), QueryError> {
    schema.feature(name).ok_or_else(|| {
        let names = schema.features.iter().map(|feature| feature.name.as_str());
        QueryError::UnknownFeature { field, name: name.to_owned(), known: suggest::among(name, names) }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::query::UserWeights;

    fn request(json: &str) -> SimilarRequest {
        serde_json::from_str(json).unwrap()
    }

    fn weight_of(json: &str, feature: &str) -> f64 {
        let schema = Schema::spotify();
        Weighting::of(&schema, &request(json)).unwrap().features[schema.feature(feature).unwrap().0]
    }

    #[test]
    fn profiles_are_overridden_by_weights() {
        let json = r#"{"seeds": ["a"], "weights": {"energy": 3, "key": 2}}"#;
        assert_eq!(
            (weight_of(json, "energy"), weight_of(json, "key"), weight_of(json, "valence")),
            (3.0, 2.0, 1.0)
        );
        let json = r#"{"seeds": ["a"], "base_weights": "zero", "weights": {"energy": 3}}"#;
        assert_eq!((weight_of(json, "energy"), weight_of(json, "valence")), (3.0, 0.0));
    }

    #[test]
    fn targets_give_their_feature_weight() {
        let with_seed = r#"{"seeds": ["a"], "targets": {"key": 3}}"#;
        assert_eq!((weight_of(with_seed, "key"), weight_of(with_seed, "energy")), (1.0, 1.0));
        let alone = r#"{"targets": {"key": 3}, "weights": {"tempo": 2}}"#;
        assert_eq!(
            (weight_of(alone, "key"), weight_of(alone, "tempo"), weight_of(alone, "energy")),
            (1.0, 2.0, 0.0)
        );
        let with_base = r#"{"targets": {"key": 3}, "base_weights": "default"}"#;
        assert_eq!(weight_of(with_base, "energy"), 1.0);
        let weighted = r#"{"targets": {"key": 3}, "weights": {"key": 0.25}}"#;
        assert_eq!(weight_of(weighted, "key"), 0.25);
    }

    #[test]
    fn wrong_weights_are_refused_by_name() {
        let schema = Schema::spotify();
        let check = |mut request: SimilarRequest, feature: &str, weight: f64, code: &str, field: &str| {
            request.weights.insert(feature.into(), weight);
            let error = Weighting::of(&schema, &request).unwrap_err();
            assert_eq!((error.code(), error.field().as_deref()), (code, Some(field)));
        };
        let plain = || request(r#"{"seeds": ["a"]}"#);
        check(plain(), "energy", -1.0, "out_of_range", "weights.energy");
        check(plain(), "energy", f64::NAN, "out_of_range", "weights.energy");
        check(plain(), "energy", f64::INFINITY, "out_of_range", "weights.energy");
        check(plain(), "energi", 1.0, "unknown_feature", "weights.energi");
        check(request(r#"{"base_weights": "zero"}"#), "energy", 0.0, "all_weights_zero", "weights");
        check(request(r#"{"base_weights": "loud"}"#), "energy", 0.0, "unknown_profile", "base_weights");
        check(request(r#"{"anchor": -0.5}"#), "energy", 1.0, "out_of_range", "anchor");
        let error = Weighting::of(&schema, &request(r#"{"weights": {"dancability": 1}}"#)).unwrap_err();
        assert!(error.to_string().contains("`dancability`: did you mean `danceability`?"), "{error}");
        let error = Weighting::of(&schema, &request(r#"{"base_weights": "moood"}"#)).unwrap_err();
        assert!(error.to_string().contains("`moood`: did you mean `mood`? There are default, "), "{error}");
    }

    #[test]
    fn what_a_user_likes_is_a_base_like_a_profile() {
        let schema = Schema::spotify();
        let learned = UserWeights {
            weights: Some(BTreeMap::from([("energy".to_owned(), 3.0), ("tempo".to_owned(), 0.5)])),
            warnings: Vec::new(),
        };
        let mut request = request(r#"{"seeds": ["a"], "user": "u", "weights": {"tempo": 2}}"#);
        let error = Weighting::of(&schema, &request).unwrap_err();
        assert_eq!((error.code(), error.field().as_deref()), ("user_unknown", Some("user")));
        let weights = |request: &SimilarRequest, names: [&str; 3]| {
            let found = Weighting::of(&schema, request).unwrap().features;
            names.map(|name| found[schema.feature(name).unwrap().0])
        };
        request.user_weights = Some(Arc::new(learned));
        assert_eq!(weights(&request, ["energy", "tempo", "valence"]), [3.0, 2.0, 0.0]);
        request.seeds.clear();
        request.targets.insert("valence".into(), 0.5);
        assert_eq!(
            weights(&request, ["energy", "tempo", "valence"]),
            [3.0, 2.0, 1.0],
            "as with an explicit base"
        );
        request.user_weights = Some(Arc::default());
        assert_eq!(weights(&request, ["energy", "tempo", "valence"]), [0.0, 2.0, 1.0], "as without a user");
        request.base_weights = Some("dj".into());
        let error = Weighting::of(&schema, &request).unwrap_err();
        assert_eq!((error.code(), error.field().as_deref()), ("user_and_base_weights", Some("user")));
    }

    #[test]
    fn scaling_divides_by_the_largest_of_weights_and_anchor() {
        let schema = Schema::spotify();
        let request = request(r#"{"base_weights": "zero", "weights": {"energy": 2, "key": 1}, "anchor": 4}"#);
        let (dims, anchor) = Weighting::of(&schema, &request).unwrap().scaled(&schema);
        assert_eq!((dims[1], dims[9], dims[10], anchor), (0.5, 0.25, 0.25, 1.0));
    }
}
