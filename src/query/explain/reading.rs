//! Values in the words that people use for them: 118.3 BPM, A minor, 3:05, 48 %.

use crate::feature::{Feature, Transform};
use crate::track::value;

/// Pitch classes from 0; a black key has two names.
const KEYS: [&str; 12] = ["C", "C#/Db", "D", "D#/Eb", "E", "F", "F#/Gb", "G", "G#/Ab", "A", "A#/Bb", "B"];
/// Steps of a fifth to the next semitone, upwards: 7 fifths are 4 octaves and a semitone.
const FIFTHS_A_SEMITONE: f64 = 7.0;

/// How the values of a feature read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reading {
    /// 0 to 1, as percent.
    Share,
    /// A pitch class.
    Key,
    /// Major or minor.
    Mode,
    /// Beats per bar.
    Meter,
    /// Milliseconds.
    Duration,
    /// A year.
    Year,
    /// A number without a unit that is counted in points.
    Points,
    /// A number, with so many digits after the point at least where that is said.
    Number(Option<usize>),
    /// An angle of a period, which is not a key.
    Circle(f64),
}

/// Words for more and less of a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    /// "as loud"
    pub positive: &'static str,
    /// "louder"
    pub more: &'static str,
    /// "quieter"
    pub less: &'static str,
}

impl Reading {
    /// How the values of `feature` read.
    pub fn of(feature: &Feature) -> Self {
        let is_key = feature.source() == value::KEY && feature.period == Some(12.0);
        match (feature.transform, feature.source(), feature.unit.as_str()) {
            (Transform::Circular, _, _) if is_key => Self::Key,
            (Transform::Circular, _, _) => Self::Circle(feature.period.unwrap_or(1.0)),
            (_, value::MODE, _) => Self::Mode,
            (_, value::TIME_SIGNATURE, _) => Self::Meter,
            (_, value::POPULARITY, _) => Self::Points,
            (_, _, "ms") => Self::Duration,
            (_, _, "year") => Self::Year,
            (_, _, "BPM" | "dB") => Self::Number(Some(1)),
            (_, _, "") if feature.min == Some(0.0) && feature.max == Some(1.0) => Self::Share,
            _ => Self::Number(None),
        }
    }

    /// A value with its unit. `is_mean` says that it stands for several, of a feature that only has whole values.
    pub fn value(self, value: f64, unit: &str, is_mean: bool) -> String {
        let around = if is_mean { "around " } else { "" };
        match self {
            Self::Share => percent(value),
            Self::Key => format!("{around}{}", KEYS[value.round().rem_euclid(12.0) as usize]),
            Self::Mode => match value {
                value if value > 0.99 => "major".into(),
                value if value > 0.55 => "mostly major".into(),
                value if value >= 0.45 => "as often major as minor".into(),
                value if value >= 0.01 => "mostly minor".into(),
                _ => "minor".into(),
            },
            Self::Meter => format!("{around}{}/4", value.round()),
            Self::Duration => duration(value),
            Self::Year => format!("{}", value.round()),
            Self::Points => number(value, Some(0)),
            Self::Number(digits) if unit.is_empty() => number(value, digits),
            Self::Number(digits) => format!("{} {unit}", number(value, digits)),
            Self::Circle(_) => format!("{around}{} {unit}", number(value, None)).trim_end().to_owned(),
        }
    }

    /// `track` without `query`, in the feature's unit; of a key in steps on the circle of fifths, -5 to 6.
    pub fn difference(self, query: f64, track: f64) -> f64 {
        let around = |difference: f64, period: f64| {
            let turned = difference.rem_euclid(period);
            if turned > period / 2.0 { turned - period } else { turned }
        };
        match self {
            Self::Key => around(FIFTHS_A_SEMITONE * (track.round() - query.round()), 12.0),
            Self::Circle(period) => around(track - query, period),
            _ => track - query,
        }
    }

    /// The track beside the query: "1.7 BPM slower".
    pub fn compared(self, query: f64, track: f64, unit: &str, words: Option<Words>) -> String {
        let difference = self.difference(query, track);
        let (more, less) = words.map_or(("higher", "lower"), |words| (words.more, words.less));
        let word = if difference > 0.0 { more } else { less };
        let same = || words.map_or("the same".to_owned(), |words| format!("as {}", words.positive));
        let amount = difference.abs();
        match self {
            Self::Share => match 100.0 * amount {
                points if points < 0.5 => same(),
                points if points < 5.0 => format!("a little {word}"),
                points => format!("{points:.0} points {word}"),
            },
            Self::Key => match amount {
                0.0 => "the same key".into(),
                1.0 => "1 step away on the circle of fifths".into(),
                steps => format!("{steps} steps away on the circle of fifths"),
            },
            Self::Mode => {
                let (query, track) = (self.value(query, "", false), self.value(track, "", false));
                if query == track { format!("also {track}") } else { format!("{track} instead of {query}") }
            }
            Self::Meter => match query.round() == track.round() {
                true => format!("also {}/4", track.round()),
                false => format!("{}/4 instead of {}/4", track.round(), query.round()),
            },
            Self::Duration if amount < 500.0 => same(),
            Self::Duration => format!("{} {word}", duration(amount)),
            Self::Year => match amount.round() {
                0.0 => "from the same year".into(),
                years => {
                    let when = if difference > 0.0 { "later" } else { "earlier" };
                    format!("{years} year{} {when}", if years == 1.0 { "" } else { "s" })
                }
            },
            Self::Points => match amount.round() {
                0.0 => same(),
                1.0 => format!("1 point {word}"),
                points => format!("{points} points {word}"),
            },
            Self::Number(_) | Self::Circle(_) => {
                let digits = if let Self::Number(digits) = self { digits } else { None };
                let text = number(amount, digits);
                match (text.as_str(), unit) {
                    ("0", _) => same(),
                    (_, "") => format!("{text} {word}"),
                    (_, unit) => format!("{text} {unit} {word}"),
                }
            }
        }
    }

    /// Whether only whole values have a meaning, so that a mean of them has none of its own.
    pub fn is_whole(self) -> bool {
        matches!(self, Self::Key | Self::Meter | Self::Circle(_))
    }
}

impl Words {
    /// The words for a feature that is made of this raw value, where there are any.
    pub fn of(source: &str) -> Option<Self> {
        let (positive, more, less) = match source {
            value::DANCEABILITY => ("danceable", "more danceable", "less danceable"),
            value::ENERGY => ("energetic", "more energetic", "less energetic"),
            value::ACOUSTICNESS => ("acoustic", "more acoustic", "less acoustic"),
            value::INSTRUMENTALNESS => ("instrumental", "more instrumental", "less instrumental"),
            value::VALENCE => ("cheerful", "more cheerful", "less cheerful"),
            value::SPEECHINESS => ("wordy", "more wordy", "less wordy"),
            value::LIVENESS => ("live-sounding", "more live-sounding", "less live-sounding"),
            value::LOUDNESS => ("loud", "louder", "quieter"),
            value::TEMPO => ("fast", "faster", "slower"),
            value::DURATION_MS => ("long", "longer", "shorter"),
            value::POPULARITY => ("popular", "more popular", "less popular"),
            _ => return None,
        };
        Some(Self { positive, more, less })
    }
}

/// "A minor" for a key whose mode is known.
pub fn with_mode(key: String, mode: Option<f64>) -> String {
    match mode {
        Some(1.0) => key + " major",
        Some(0.0) => key + " minor",
        _ => key,
    }
}

fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    // Of little, a tenth of a percent still says something.
    if percent > 0.0 && percent < 0.95 {
        number(percent, Some(1)) + " %"
    } else {
        number(percent, Some(0)) + " %"
    }
}

/// `3:05`, from an hour on `1:02:03`.
fn duration(milliseconds: f64) -> String {
    // What is above 2^64 saturates.
    let seconds = (milliseconds / 1000.0).round().max(0.0) as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// With so many digits after the point, or as many as its size asks for, without zeros at the end.
fn number(value: f64, digits: Option<usize>) -> String {
    let digits = digits.unwrap_or(match value.abs() {
        size if size >= 1000.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    });
    let mut text = format!("{value:.digits$}");
    if text.contains('.') {
        text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
    }
    if text == "-0" { "0".into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feature::Schema;

    fn reading(name: &str) -> (Reading, String, Option<Words>) {
        let schema = Schema::spotify();
        let (_, feature) = schema.feature(name).unwrap();
        (Reading::of(feature), feature.unit.clone(), Words::of(feature.source()))
    }

    #[test]
    fn values_read_as_people_say_them() {
        let check = |name: &str, value: f64, is_mean: bool, expected: &str| {
            let (reading, unit, _) = reading(name);
            assert_eq!(reading.value(value, &unit, is_mean), expected);
        };
        check("tempo", 118.26, false, "118.3 BPM");
        check("tempo", 119.999_97, false, "120 BPM");
        check("loudness", -6.07, false, "-6.1 dB");
        check("loudness", -0.01, false, "0 dB");
        check("key", 0.0, false, "C");
        check("key", 1.0, false, "C#/Db");
        check("key", 9.0, true, "around A");
        check("mode", 1.0, false, "major");
        check("mode", 0.0, false, "minor");
        check("mode", 0.75, false, "mostly major");
        check("mode", 0.5, false, "as often major as minor");
        check("time_signature", 4.0, false, "4/4");
        check("time_signature", 3.7, true, "around 4/4");
        check("duration_ms", 185_000.0, false, "3:05");
        check("duration_ms", 59_600.0, false, "1:00");
        check("duration_ms", 3_723_000.0, false, "1:02:03");
        check("release_year", 1994.0, false, "1994");
        check("popularity", 63.4, false, "63");
        check("energy", 0.48, false, "48 %");
        check("energy", 0.004_2, false, "0.4 %");
        check("energy", 0.0, false, "0 %");
        assert_eq!(with_mode("A".into(), Some(0.0)), "A minor");
        assert_eq!(with_mode("A".into(), Some(0.4)), "A");
    }

    #[test]
    fn differences_read_as_people_say_them() {
        let check = |name: &str, query: f64, track: f64, expected: &str| {
            let (reading, unit, words) = reading(name);
            assert_eq!(reading.compared(query, track, &unit, words), expected, "{name} {query} {track}");
        };
        check("tempo", 120.0, 118.3, "1.7 BPM slower");
        check("tempo", 120.0, 120.04, "as fast");
        check("loudness", -8.0, -5.9, "2.1 dB louder");
        check("loudness", -5.0, -7.0, "2 dB quieter");
        check("duration_ms", 150_000.0, 185_000.0, "0:35 longer");
        check("duration_ms", 185_000.0, 185_100.0, "as long");
        check("release_year", 1990.0, 1994.0, "4 years later");
        check("release_year", 1990.0, 1989.0, "1 year earlier");
        check("release_year", 1990.2, 1990.0, "from the same year");
        check("popularity", 50.0, 62.0, "12 points more popular");
        check("energy", 0.5, 0.53, "a little more energetic");
        check("energy", 0.5, 0.504, "as energetic");
        check("acousticness", 0.48, 0.12, "36 points less acoustic");
        check("mode", 1.0, 0.0, "minor instead of major");
        check("mode", 1.0, 1.0, "also major");
        check("time_signature", 4.0, 3.0, "3/4 instead of 4/4");
        check("key", 9.0, 9.0, "the same key");
        check("key", 0.0, 7.0, "1 step away on the circle of fifths");
        check("key", 0.0, 1.0, "5 steps away on the circle of fifths");
    }

    #[test]
    fn keys_are_as_far_apart_as_on_the_circle_of_fifths() {
        let (reading, ..) = reading("key");
        let steps = |from: f64, to: f64| reading.difference(from, to);
        // C to G one step up, C to F one step down, C to F# is opposite.
        assert_eq!(
            (steps(0.0, 7.0), steps(0.0, 5.0), steps(0.0, 6.0), steps(9.0, 4.0)),
            (1.0, -1.0, 6.0, 1.0)
        );
    }

    #[test]
    fn features_of_other_schemas_read_with_their_unit() {
        let schema = "name = 'x'\n[[features]]\nname = 'brightness'\nunit = 'kHz'\ntransform = 'linear'\n
            [[features]]\nname = 'hour'\nunit = 'h'\ntransform = 'circular'\nperiod = 24\n
            [[features]]\nname = 'warmth'\nmin = 0.0\nmax = 1.0\ntransform = 'linear'";
        let schema = Schema::parse(schema, "x.toml").unwrap();
        let read = |index: usize| {
            let feature = &schema.features[index];
            (Reading::of(feature), feature.unit.clone())
        };
        let (brightness, unit) = read(0);
        assert_eq!(brightness.value(2.346, &unit, false), "2.35 kHz");
        assert_eq!(brightness.compared(2.346, 4.0, &unit, None), "1.65 kHz higher");
        let (hour, unit) = read(1);
        assert_eq!(
            (hour.difference(23.0, 1.0), hour.compared(23.0, 1.0, &unit, None)),
            (2.0, "2 h higher".into())
        );
        let (warmth, unit) = read(2);
        assert_eq!(
            (warmth.value(0.3, &unit, false), warmth.compared(0.3, 0.2, &unit, None)),
            ("30 %".into(), "10 points lower".into())
        );
    }
}
