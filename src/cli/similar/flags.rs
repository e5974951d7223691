//! Flags of a query, the request they make, and the flag that a field of it came from.

use std::collections::{BTreeMap, HashSet};

use clap::Args;
use serde_json::Value;

use crate::cli::Failure;
use crate::cli::manual::named;
use crate::query::{Bounds, Filters, SimilarRequest};

/// What is asked for.
#[derive(Debug, Args)]
pub(super) struct QueryFlags {
    /// How much features count; repeatable
    #[arg(long, value_name = "FEATURE=WEIGHT", value_delimiter = ',', value_parser = pair)]
    weight: Vec<(String, f64)>,
    /// The weight profile that --weight changes: default, zero, dj, mood, playlist, or one of your schema
    #[arg(long, value_name = "PROFILE")]
    base_weights: Option<String>,
    /// Values to aim at, in the feature's own unit; repeatable
    #[arg(long, value_name = "FEATURE=VALUE", value_delimiter = ',', value_parser = pair)]
    target: Vec<(String, f64)>,
    /// How strongly --not pushes away [default: 0.5]
    #[arg(long, value_name = "STRENGTH", allow_negative_numbers = true, value_parser = number)]
    negative_weight: Option<f64>,
    /// The anchor of the similarity; 0 for the plain cosine [default: the schema's]
    #[arg(long, value_name = "ANCHOR", allow_negative_numbers = true, value_parser = number)]
    anchor: Option<f64>,
    /// How many tracks
    #[arg(long, value_name = "N", default_value_t = 10)]
    k: usize,
    /// Which engine searches
    #[arg(long, default_value = "auto", value_parser = named::<String>(["auto", "exact", "hnsw", "forest"]))]
    engine: String,
    /// The recall that `auto` has to meet, above 0 and at most 1 [default: 0.99]
    #[arg(long, allow_negative_numbers = true, value_parser = number)]
    recall: Option<f64>,
    /// Only tracks of this genre; of any of several
    #[arg(long)]
    genre: Vec<String>,
    /// Only tracks by this artist; by any of several
    #[arg(long)]
    artist: Vec<String>,
    /// No tracks by this artist; repeatable
    #[arg(long, value_name = "ARTIST")]
    exclude_artist: Vec<String>,
    /// Only this track; any of several
    #[arg(long)]
    id: Vec<String>,
    /// Not this track; repeatable
    #[arg(long, value_name = "ID")]
    exclude_id: Vec<String>,
    /// Only tracks released in 1990..1999, 1990.., ..1999 or 1990
    #[arg(long, value_name = "FROM..TO", allow_negative_numbers = true, value_parser = range)]
    year: Option<Bounds>,
    /// Only tracks as popular as this, 0 to 100, such as 50.. or ..20
    #[arg(long, value_name = "FROM..TO", allow_negative_numbers = true, value_parser = range)]
    popularity: Option<Bounds>,
    /// Only tracks with at least this value, in the feature's own unit; repeatable
    #[arg(long, value_name = "FEATURE=VALUE", value_delimiter = ',', value_parser = pair)]
    min: Vec<(String, f64)>,
    /// Only tracks with at most this value; repeatable
    #[arg(long, value_name = "FEATURE=VALUE", value_delimiter = ',', value_parser = pair)]
    max: Vec<(String, f64)>,
    /// Only tracks marked explicit; `--explicit=false` only those that are not
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    explicit: Option<bool>,
    /// Say of every track why it is here
    #[arg(long)]
    explain: bool,
    /// At most so many tracks with the same main artist
    #[arg(long, value_name = "N")]
    max_per_artist: Option<usize>,
    /// From 0, by similarity alone, to 1, by being unlike what is already in the answer [default: 0]
    #[arg(long, allow_negative_numbers = true, value_parser = number)]
    diversity: Option<f64>,
    /// Keep other recordings of the seeds and of tracks that are in the answer already
    #[arg(long)]
    no_collapse: bool,
    /// Begin from the weights that a server learned from what this user liked
    #[arg(long, value_name = "NAME", requires = "server")]
    user: Option<String>,
}

impl QueryFlags {
    /// Refuses a feature that one flag gives two values: which of them is meant cannot be told.
    pub fn check(&self) -> Result<(), Failure> {
        let given =
            [("weight", &self.weight), ("target", &self.target), ("min", &self.min), ("max", &self.max)];
        for (flag, pairs) in given {
            let mut seen = HashSet::new();
            if let Some((feature, _)) = pairs.iter().find(|(feature, _)| !seen.insert(feature)) {
                return Err(Failure::Usage(format!("--{flag} {feature} is given twice; give it once")));
            }
        }
        Ok(())
    }

    /// Whether there is a value to aim at.
    pub fn has_targets(&self) -> bool {
        !self.target.is_empty()
    }

    /// The engine asked for.
    pub fn engine(&self) -> &str {
        &self.engine
    }

    /// The request for tracks like `seeds` and unlike `negative_seeds`.
    pub fn request(&self, seeds: Vec<String>, negative_seeds: Vec<String>) -> SimilarRequest {
        let mut request = SimilarRequest {
            seeds,
            negative_seeds,
            targets: self.target.iter().cloned().collect(),
            weights: self.weight.iter().cloned().collect(),
            base_weights: self.base_weights.clone(),
            user: self.user.clone(),
            anchor: self.anchor,
            k: self.k,
            engine: self.engine.clone(),
            explain: self.explain,
            max_per_artist: self.max_per_artist,
            collapse_duplicates: !self.no_collapse,
            filters: self.filters(),
            ..SimilarRequest::default()
        };
        let given = [
            (&mut request.negative_weight, self.negative_weight),
            (&mut request.recall, self.recall),
            (&mut request.diversity, self.diversity),
        ];
        for (field, value) in given {
            *field = value.unwrap_or(*field);
        }
        request
    }

    fn filters(&self) -> Filters {
        let mut features: BTreeMap<String, Bounds> = BTreeMap::new();
        for (feature, min) in &self.min {
            features.entry(feature.clone()).or_default().min = Some(*min);
        }
        for (feature, max) in &self.max {
            features.entry(feature.clone()).or_default().max = Some(*max);
        }
        Filters {
            genres: self.genre.clone(),
            artists: self.artist.clone(),
            exclude_artists: self.exclude_artist.clone(),
            ids: self.id.clone(),
            exclude_ids: self.exclude_id.clone(),
            explicit: self.explicit,
            year: self.year,
            popularity: self.popularity,
            features,
        }
    }

    /// The flag that `field` of the request came from.
    pub fn flag_of(&self, field: &str) -> String {
        let flag = |flag: &str| format!("--{}", flag.replace('_', "-"));
        if field.starts_with("seeds") {
            return "TRACK".to_owned();
        }
        if field.starts_with("negative_seeds") {
            return flag("not");
        }
        for (list, name) in [("weights", "weight"), ("targets", "target")] {
            match field.strip_prefix(list) {
                Some("") => return flag(name),
                Some(feature) if feature.starts_with('.') => {
                    return format!("{} {}", flag(name), &feature[1..]);
                }
                _ => {}
            }
        }
        if let Some(feature) = field.strip_prefix("filters.features.") {
            return match feature.rsplit_once('.') {
                Some((feature, side @ ("min" | "max"))) => format!("{} {feature}", flag(side)),
                // There is no such feature, and either side may have named it.
                _ if self.min.iter().any(|(name, _)| name == feature) => format!("--min {feature}"),
                _ => format!("--max {feature}"),
            };
        }
        match field.strip_prefix("filters.").unwrap_or(field) {
            "genres" => flag("genre"),
            "artists" => flag("artist"),
            "exclude_artists" => flag("exclude-artist"),
            "ids" => flag("id"),
            "exclude_ids" => flag("exclude-id"),
            bounds if bounds.ends_with(".min") || bounds.ends_with(".max") => {
                flag(&bounds[..bounds.len() - 4])
            }
            "collapse_duplicates" => flag("no-collapse"),
            other => flag(other),
        }
    }
}

/// The JSON of `request` without the fields that are as in any other: a server of another version may not know them.
pub(super) fn without_defaults(request: &SimilarRequest) -> serde_json::Result<Value> {
    let plain = serde_json::to_value(SimilarRequest::default())?;
    let mut value = serde_json::to_value(request)?;
    drop_equal(&mut value, &plain);
    Ok(value)
}

fn drop_equal(value: &mut Value, plain: &Value) {
    let (Value::Object(fields), Value::Object(plain)) = (value, plain) else { return };
    fields.retain(|name, value| plain.get(name) != Some(value));
    for (name, value) in fields {
        if let Some(plain) = plain.get(name) {
            drop_equal(value, plain);
        }
    }
}

fn number(text: &str) -> Result<f64, String> {
    let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    number.ok_or_else(|| format!("{text:?} is no number"))
}

fn pair(text: &str) -> Result<(String, f64), String> {
    let (name, value) = text.split_once('=').ok_or("expected something like energy=2")?;
    Ok((name.trim().to_owned(), number(value)?))
}

fn range(text: &str) -> Result<Bounds, String> {
    let bound = |text: &str| match text.trim() {
        "" => Ok(None),
        text => number(text).map(Some),
    };
    match text.split_once("..") {
        Some((min, max)) if !(min.trim().is_empty() && max.trim().is_empty()) => {
            Ok(Bounds { min: bound(min)?, max: bound(max.trim_start_matches('='))? })
        }
        Some(_) => Err("expected FROM..TO, either of which may be left out".to_owned()),
        None => number(text).map(|only| Bounds { min: Some(only), max: Some(only) }),
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args, FromArgMatches};
    use serde_json::json;

    use super::*;

    fn flags(arguments: &str) -> QueryFlags {
        // What `--user` requires.
        let server = clap::Arg::new("server").long("server");
        let command = QueryFlags::augment_args(clap::Command::new("test").no_binary_name(true).arg(server));
        let arguments = arguments.split(' ').filter(|argument| !argument.is_empty());
        QueryFlags::from_arg_matches(&command.try_get_matches_from(arguments).unwrap()).unwrap()
    }

    fn check(arguments: &str, expected: Value) {
        let request = flags(arguments).request(Vec::new(), Vec::new());
        assert_eq!(without_defaults(&request).unwrap(), expected, "{arguments}");
    }

    #[test]
    fn flags_say_what_the_json_says() {
        check("", json!({}));
        check("--k 10 --engine auto --recall 0.99", json!({}));
        check(
            "--weight energy=2,key=1 --weight tempo=0",
            json!({"weights": {"energy": 2.0, "key": 1.0, "tempo": 0.0}}),
        );
        check("--target loudness=-8 --anchor 0", json!({"targets": {"loudness": -8.0}, "anchor": 0.0}));
        check(
            "--base-weights dj --k 3 --engine hnsw --recall 0.9 --explain --max-per-artist 2 --diversity 0.25 --negative-weight 1",
            json!({"base_weights": "dj", "k": 3, "engine": "hnsw", "recall": 0.9, "explain": true, "max_per_artist": 2,
                "diversity": 0.25, "negative_weight": 1.0}),
        );
        check(
            "--genre rock --genre pop --artist a --exclude-artist b --id x --exclude-id y --explicit=false",
            json!({"filters": {"genres": ["rock", "pop"], "artists": ["a"], "exclude_artists": ["b"], "ids": ["x"],
                "exclude_ids": ["y"], "explicit": false}}),
        );
        check("--server x --user me", json!({"user": "me"}));
        check("--no-collapse", json!({"collapse_duplicates": false}));
        check("--explicit --k 1", json!({"filters": {"explicit": true}, "k": 1}));
        check(
            "--min tempo=100 --max tempo=130 --max energy=0.5",
            json!({"filters": {"features": {"tempo": {"min": 100.0, "max": 130.0}, "energy": {"min": null, "max": 0.5}}}}),
        );
    }

    #[test]
    fn a_feature_has_one_value() {
        for (arguments, expected) in [
            ("--weight tempo=1,energy=2 --target tempo=5 --min tempo=1 --max tempo=2", None),
            ("--weight tempo=1 --weight tempo=5", Some("--weight tempo is given twice")),
            ("--max key=1,key=1", Some("--max key is given twice")),
        ] {
            let found = flags(arguments).check().err().map(|failure| failure.to_string());
            assert_eq!(found.as_deref().map(|text| text.split(';').next().unwrap()), expected, "{arguments}");
        }
    }

    #[test]
    fn ranges_may_be_open() {
        let bounds = |min, max| Ok(Bounds { min, max });
        assert_eq!(range("1990..1999"), bounds(Some(1990.0), Some(1999.0)));
        assert_eq!(range("1990..=1999"), bounds(Some(1990.0), Some(1999.0)));
        assert_eq!(range("1990.."), bounds(Some(1990.0), None));
        assert_eq!(range("..20"), bounds(None, Some(20.0)));
        assert_eq!(range("1990"), bounds(Some(1990.0), Some(1990.0)));
        for text in ["..", "a..b", "", "1990-1999", "nan.."] {
            assert!(range(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_pair_or_number_is_refused() {
        for text in ["energy", "energy=", "energy=two", "energy=NaN", "energy=inf"] {
            assert!(pair(text).is_err(), "{text}");
        }
        assert_eq!(pair(" energy = 2 "), Ok(("energy".to_owned(), 2.0)));
    }

    #[test]
    fn fields_are_named_as_flags() {
        let flags = flags("--min temppo=1 --max enregy=1");
        for (field, flag) in [
            ("seeds[0]", "TRACK"),
            ("negative_seeds[1]", "--not"),
            ("negative_weight", "--negative-weight"),
            ("weights", "--weight"),
            ("weights.energy", "--weight energy"),
            ("targets.tempo", "--target tempo"),
            ("filters.features.tempo.max", "--max tempo"),
            ("filters.features.temppo", "--min temppo"),
            ("filters.features.enregy", "--max enregy"),
            ("filters.year.min", "--year"),
            ("filters.popularity", "--popularity"),
            ("filters.genres", "--genre"),
            ("filters.exclude_ids", "--exclude-id"),
            ("base_weights", "--base-weights"),
            ("k", "--k"),
        ] {
            assert_eq!(flags.flag_of(field), flag);
        }
    }
}
