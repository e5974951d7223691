//! `GET /api/v1/similar/{id}`: its parameters say what the JSON of `POST /api/v1/similar` says, for one seed.

use crate::query::{Bounds, SimilarRequest};

use super::problem::Problem;
use super::query_string::Parameters;

const KNOWN: &str = "k, engine, recall, anchor, base_weights, user, explain, max_per_artist, diversity, collapse_duplicates, genres, artists, \
    exclude_artists, exclude_ids, explicit, year.min, year.max, popularity.min, popularity.max, weight.FEATURE, \
    target.FEATURE, min.FEATURE and max.FEATURE";

/// The query for tracks like `id`.
pub(super) fn request(id: String, query: &str) -> Result<SimilarRequest, Problem> {
    let mut given = Parameters::parse(query)?;
    let mut request = SimilarRequest { seeds: vec![id], ..SimilarRequest::default() };
    request.k = given.whole("k")?.unwrap_or(request.k);
    request.engine = given.text("engine").unwrap_or(request.engine);
    request.recall = given.number("recall")?.unwrap_or(request.recall);
    request.anchor = given.number("anchor")?;
    request.base_weights = given.text("base_weights");
    request.user = given.text("user");
    request.explain = given.flag("explain")?.unwrap_or(false);
    request.max_per_artist = given.whole("max_per_artist")?;
    request.diversity = given.number("diversity")?.unwrap_or(request.diversity);
    request.collapse_duplicates = given.flag("collapse_duplicates")?.unwrap_or(request.collapse_duplicates);
    features(&mut given, '.', &mut request)?;
    let filters = &mut request.filters;
    filters.genres = given.list("genres");
    filters.artists = given.list("artists");
    filters.exclude_artists = given.list("exclude_artists");
    filters.exclude_ids = given.list("exclude_ids");
    filters.explicit = given.flag("explicit")?;
    filters.year = bounds(given.number("year.min")?, given.number("year.max")?);
    filters.popularity = bounds(given.number("popularity.min")?, given.number("popularity.max")?);
    given.finish(KNOWN)?;
    Ok(request)
}

/// Takes what is said of single features, `weight`, `target`, `min` and `max` with `separator` and the feature's name.
pub(super) fn features(
    given: &mut Parameters,
    separator: char,
    request: &mut SimilarRequest,
) -> Result<(), Problem> {
    let mut numbers = |what: &str| given.numbers(&format!("{what}{separator}"));
    request.weights = numbers("weight")?.into_iter().collect();
    request.targets = numbers("target")?.into_iter().collect();
    let filters = &mut request.filters.features;
    for (feature, min) in numbers("min")? {
        filters.entry(feature).or_default().min = Some(min);
    }
    for (feature, max) in numbers("max")? {
        filters.entry(feature).or_default().max = Some(max);
    }
    Ok(())
}

fn bounds(min: Option<f64>, max: Option<f64>) -> Option<Bounds> {
    (min.is_some() || max.is_some()).then_some(Bounds { min, max })
}

/// The parameter that a field of the JSON request corresponds to; `query` is what was given.
pub(super) fn parameter_of(field: &str, query: &str) -> String {
    if let Some(parameter) = feature_parameter(field, query, '.') {
        return parameter;
    }
    if let Some(rest) = field.strip_prefix("filters.") {
        return rest.to_owned();
    }
    if field.starts_with("seeds") { "id".to_owned() } else { field.to_owned() }
}

/// The same for what is said of single features ([`features`]); `None` for any other field.
pub(super) fn feature_parameter(field: &str, query: &str, separator: char) -> Option<String> {
    let named = |what: &str, feature: &str| format!("{what}{separator}{feature}");
    if field == "weights" {
        return Some(named("weight", "FEATURE"));
    }
    if let Some(feature) = field.strip_prefix("weights.") {
        return Some(named("weight", feature));
    }
    if let Some(feature) = field.strip_prefix("targets.") {
        return Some(named("target", feature));
    }
    let rest = field.strip_prefix("filters.features.")?;
    Some(match rest.rsplit_once('.') {
        Some((feature, side @ ("min" | "max"))) => named(side, feature),
        // There is no such feature, and either side may have named it.
        _ => {
            let min = named("min", rest);
            let given = Parameters::parse(query).is_ok_and(|mut given| given.text(&min).is_some());
            if given { min } else { named("max", rest) }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_say_what_the_json_says() {
        let query = "k=5&engine=exact&recall=0.9&anchor=1&base_weights=zero&user=u&explain=true&max_per_artist=2&diversity=0.25\
            &weight.energy=2&target.tempo=120&genres=rock,pop&artists=A&exclude_artists=B&exclude_ids=x,y\
            &explicit=false&year.min=1990&popularity.max=80&min.tempo=100&max.tempo=130";
        let json = r#"{"seeds": ["id"], "k": 5, "engine": "exact", "recall": 0.9, "anchor": 1, "base_weights": "zero", "user": "u",
            "explain": true, "max_per_artist": 2, "diversity": 0.25, "weights": {"energy": 2},
            "targets": {"tempo": 120}, "filters": {"genres": ["rock", "pop"], "artists": ["A"],
            "exclude_artists": ["B"], "exclude_ids": ["x", "y"], "explicit": false, "year": {"min": 1990},
            "popularity": {"max": 80}, "features": {"tempo": {"min": 100, "max": 130}}}}"#;
        let posted: SimilarRequest = serde_json::from_str(json).unwrap();
        assert_eq!(request("id".into(), query).unwrap(), posted);
        let plain: SimilarRequest = serde_json::from_str(r#"{"seeds": ["id"]}"#).unwrap();
        assert_eq!(request("id".into(), "").unwrap(), plain);
    }

    #[test]
    fn fields_are_named_as_parameters() {
        let pairs = [
            ("seeds[0]", "id"),
            ("weights.energy", "weight.energy"),
            ("targets.tempo", "target.tempo"),
            ("filters.features.tempo.max", "max.tempo"),
            ("filters.features.temppo", "min.temppo"),
            ("filters.features.enregy", "max.enregy"),
            ("weights", "weight.FEATURE"),
            ("filters.year.min", "year.min"),
            ("filters.genres", "genres"),
            ("anchor", "anchor"),
        ];
        for (field, parameter) in pairs {
            assert_eq!(parameter_of(field, "min.temppo=1&max.enregy=1"), parameter);
        }
    }
}
