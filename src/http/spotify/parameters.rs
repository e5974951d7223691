//! The parameters of recommendations -> seeds, and a query without them.

use crate::feature::Schema;
use crate::query::SimilarRequest;
use crate::track::value;

use super::super::problem::Problem;
use super::super::query_string::Parameters;
use super::super::similar_form::{feature_parameter, features};
use super::seeds::{Seed, SeedKind};

const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 100;
const MAX_SEEDS: usize = 5;
const KNOWN: &str = "limit, market, seed_artists, seed_genres, seed_tracks, and min_FEATURE, max_FEATURE, target_FEATURE and \
    weight_FEATURE";
/// A parameter that begins like one of ours and is none is a mistake; others are for somebody else, and are passed over as
/// Spotify did.
const OURS: [&str; 5] = ["seed_", "min_", "max_", "target_", "weight_"];

/// What was asked for.
#[derive(Debug)]
pub(super) struct Asked {
    /// 1 to 5.
    pub seeds: Vec<Seed>,
    /// The query, still without them.
    pub request: SimilarRequest,
}

impl Asked {
    pub fn parse(query: &str) -> Result<Self, Problem> {
        let mut given = Parameters::parse(query)?;
        let k = given.whole("limit")?.unwrap_or(DEFAULT_LIMIT);
        let mut request = SimilarRequest { k, ..SimilarRequest::default() };
        if !(1..=MAX_LIMIT).contains(&request.k) {
            let detail = format!("`limit` is {}; expected 1 to {MAX_LIMIT}", request.k);
            return Err(Problem::bad_request("out_of_range", detail).at("limit"));
        }
        let mut seeds = Vec::new();
        for kind in [SeedKind::Artist, SeedKind::Genre, SeedKind::Track] {
            seeds.extend(given.list(kind.parameter()).into_iter().map(|id| Seed::new(kind, &id)));
        }
        check_number(seeds.len())?;
        features(&mut given, '_', &mut request)?;
        given.finish_lenient(KNOWN, |name| !OURS.iter().any(|prefix| name.starts_with(prefix)))?;
        Ok(Self { seeds, request })
    }
}

/// Passes over targets of what is Spotify's and no feature here: nothing in this catalogue could be pulled there.
pub(super) fn forget_unknown_targets(schema: &Schema, request: &mut SimilarRequest) {
    let is_spotifys = |name: &str| name != value::RELEASE_YEAR && value::ALL.contains(&name);
    request.targets.retain(|name, _| !is_spotifys(name) || schema.feature(name).is_some());
}

fn check_number(n_seeds: usize) -> Result<(), Problem> {
    let detail = match n_seeds {
        0 => "there is no seed; give 1 to 5 in all in seed_artists, seed_genres and seed_tracks".to_owned(),
        1..=MAX_SEEDS => return Ok(()),
        // A list that is given as one text is what most often leads here.
        n => format!(
            "there are {n} seeds; at most {MAX_SEEDS} are allowed in all in seed_artists, seed_genres and seed_tracks (where a \
             client takes lists, a text is a list of its letters)"
        ),
    };
    Err(Problem::bad_request("number_of_seeds", detail).at("seed_tracks"))
}

/// The parameter that a field of the query corresponds to; `query` is what was given.
pub(super) fn parameter_of(field: &str, query: &str) -> String {
    match field {
        "k" => "limit".to_owned(),
        field => feature_parameter(field, query, '_').unwrap_or_else(|| field.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_make_a_query() {
        let query = "limit=7&market=DE&seed_artists=a,b&seed_genres=hip-hop&seed_tracks=t&min_energy=0.2&max_energy=0.9\
            &target_tempo=120&weight_tempo=3&min_popularity=20&max_duration_ms=300000&target_key=5&country=x";
        let Asked { seeds, request } = Asked::parse(query).unwrap();
        let kinds: Vec<(SeedKind, &str)> = seeds.iter().map(|seed| (seed.kind, seed.id.as_str())).collect();
        let (artist, genre, track) = (SeedKind::Artist, SeedKind::Genre, SeedKind::Track);
        assert_eq!(kinds, [(artist, "a"), (artist, "b"), (genre, "hip-hop"), (track, "t")]);
        let json = r#"{"k": 7, "targets": {"tempo": 120, "key": 5}, "weights": {"tempo": 3}, "filters": {
            "features": {"popularity": {"min": 20}, "energy": {"min": 0.2, "max": 0.9}, "duration_ms": {"max": 300000}}}}"#;
        assert_eq!(request, serde_json::from_str(json).unwrap());
        assert_eq!(Asked::parse("seed_tracks=t").unwrap().request.k, DEFAULT_LIMIT);
    }

    fn check(query: &str, code: &str, field: &str) {
        let problem = Asked::parse(query).unwrap_err();
        assert_eq!((problem.code(), problem.field()), (code, Some(field)), "{query}: {problem}");
    }

    #[test]
    fn what_is_wrong_names_the_parameter() {
        check("", "number_of_seeds", "seed_tracks");
        check("seed_tracks=,,", "number_of_seeds", "seed_tracks");
        check("seed_tracks=a,b,c&seed_genres=d,e&seed_artists=f", "number_of_seeds", "seed_tracks");
        check("seed_tracks=a&limit=0", "out_of_range", "limit");
        check("seed_tracks=a&limit=101", "out_of_range", "limit");
        check("seed_tracks=a&limit=ten", "wrong_type", "limit");
        check("seed_tracks=a&min_energy=high", "wrong_type", "min_energy");
        check("seed_tracks=a&seed_track=b", "unknown_parameter", "seed_track");
        check("seed_tracks=a&seed_tracks=b", "repeated_parameter", "seed_tracks");
    }

    #[test]
    fn fields_are_named_as_parameters() {
        let query = "min_temppo=1";
        for (field, parameter) in [
            ("k", "limit"),
            ("targets.energy", "target_energy"),
            ("weights.energy", "weight_energy"),
            ("filters.features.temppo", "min_temppo"),
            ("filters.features.energy.max", "max_energy"),
            ("filters.features.popularity.min", "min_popularity"),
        ] {
            assert_eq!(parameter_of(field, query), parameter);
        }
    }
}
