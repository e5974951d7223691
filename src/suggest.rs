//! "Did you mean ...?": the name that was probably meant, for every message about a name that there is not.

/// How like two names must be, 0 to 1 by Jaro and Winkler's measure, for one to be a misspelling of the other.
const LIKENESS: f64 = 0.8;

/// The same where there are so many names that some are always a little alike.
const LIKENESS_OF_MANY: f64 = 0.9;

/// The nearest of `names` to `name`, regardless of case; `None` where none is near. Of equally near ones the first.
pub fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    nearest_above(LIKENESS, name, names)
}

/// The same where there are thousands of names, none of which was made to be told from the others.
pub fn nearest_of_many<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    nearest_above(LIKENESS_OF_MANY, name, names)
}

fn nearest_above<'a>(least: f64, name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let mut best: Option<(f64, &str)> = None;
    for known in names {
        let likeness = strsim::jaro_winkler(&name, &known.to_lowercase());
        if likeness > best.map_or(least, |(most, _)| most) {
            best = Some((likeness, known));
        }
    }
    best.map(|(_, known)| known)
}

/// ": did you mean `x`?" for the nearest of `names`, or nothing where none is near: what a message goes on with after the
/// name that is wrong.
pub fn did_you_mean<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, names).map(question).unwrap_or_default()
}

/// The same, followed by what there is: ": did you mean `x`? There are x, y and z", or ": there are x, y and z".
pub fn among<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    let verb = if names.len() == 1 { "is" } else { "are" };
    match nearest(name, names.iter().copied()) {
        Some(nearest) => format!("{} There {verb} {}", question(nearest), listed(&names)),
        None => format!(": there {verb} {}", listed(&names)),
    }
}

/// "x, y and z".
pub fn listed(names: &[&str]) -> String {
    match names {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        _ => names.concat(),
    }
}

/// ": did you mean `x`?" where the nearest name is known.
pub fn question(nearest: &str) -> String {
    format!(": did you mean `{nearest}`?")
}

/// What serde says of an unknown field, "unknown field `x`, expected one of `a`, `b`": the field, what was expected, and
/// the names in it. `None` for other messages.
pub fn unknown_field(message: &str) -> Option<(&str, &str, impl Iterator<Item = &str> + Clone)> {
    let rest = message.strip_prefix("unknown field `")?;
    // From the end: the field's name is the sender's, and may hold anything.
    let end = rest.rfind("`, expected ").or_else(|| rest.rfind("`, there are no fields"))?;
    let expected = &rest[end + "`, ".len()..];
    // Between backticks, every other part is a name.
    Some((&rest[..end], expected, expected.split('`').skip(1).step_by(2)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested_where_one_is_near() {
        let names = ["danceability", "energy", "main", "demo"];
        for (given, meant) in [
            ("dancability", Some("danceability")),
            ("Energy", Some("energy")),
            ("mian", Some("main")),
            ("loudness", None),
            ("", None),
        ] {
            assert_eq!(nearest(given, names), meant, "{given}");
        }
        assert_eq!(did_you_mean("enrgy", names), ": did you mean `energy`?");
        assert_eq!(did_you_mean("xyz", names), "");
        assert_eq!(among("x", ["exact", "hnsw", "forest"]), ": there are exact, hnsw and forest");
        assert_eq!(among("x", ["main"]), ": there is main");
        assert_eq!(among("forst", ["a", "forest"]), ": did you mean `forest`? There are a and forest");
        assert_eq!(nearest("ab", ["abc", "abd"]), Some("abc"));
    }

    #[test]
    fn what_serde_says_is_understood() {
        let parts = |text| {
            let (name, expected, names) = unknown_field(text)?;
            Some((name, expected, names.collect::<Vec<_>>()))
        };
        let text = "unknown field `seed`, expected one of `seeds`, `k`";
        assert_eq!(parts(text), Some(("seed", "expected one of `seeds`, `k`", vec!["seeds", "k"])));
        let text = "unknown field `a`, expected `b` or `c`";
        assert_eq!(parts(text), Some(("a", "expected `b` or `c`", vec!["b", "c"])));
        let text = "unknown field `x`, expected `y`, expected `min` or `max`";
        assert_eq!(parts(text).map(|(name, ..)| name), Some("x`, expected `y"));
        let text = "unknown field `a`, there are no fields";
        assert_eq!(parts(text), Some(("a", "there are no fields", vec![])));
        assert_eq!(parts("missing field `a`"), None);
    }
}
