//! The parameters of GET requests: decoded, each at most once, each known.

use std::fmt::Display;

use crate::suggest;

use super::problem::Problem;

/// The parameters that were not taken yet.
#[derive(Clone, Debug)]
pub(super) struct Parameters {
    pairs: Vec<(String, String)>,
}

impl Parameters {
    /// Decodes a query string (`application/x-www-form-urlencoded`).
    pub fn parse(query: &str) -> Result<Self, Problem> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name, name)?;
            let value = decode(value, &name)?;
            if pairs.iter().any(|(known, _)| *known == name) {
                let detail = format!("the parameter `{name}` is given twice");
                return Err(Problem::bad_request("repeated_parameter", detail).at(name));
            }
            pairs.push((name, value));
        }
        Ok(Self { pairs })
    }

    /// The parameter `name`, where it was given.
    pub fn text(&mut self, name: &str) -> Option<String> {
        let place = self.pairs.iter().position(|(known, _)| known == name)?;
        Some(self.pairs.remove(place).1)
    }

    /// A number; `NaN` and `inf` count as numbers here, so that whoever knows its range refuses them by it.
    pub fn number(&mut self, name: &str) -> Result<Option<f64>, Problem> {
        self.text(name).map(|text| parse(name, &text, "a number")).transpose()
    }

    /// A whole number that is not negative.
    pub fn whole(&mut self, name: &str) -> Result<Option<usize>, Problem> {
        self.text(name).map(|text| parse(name, &text, "a whole number that is not negative")).transpose()
    }

    /// `true` or `false`.
    pub fn flag(&mut self, name: &str) -> Result<Option<bool>, Problem> {
        self.text(name).map(|text| parse(name, &text, "true or false")).transpose()
    }

    /// Texts separated by commas; blank ones are dropped.
    pub fn list(&mut self, name: &str) -> Vec<String> {
        let mut parts = self.places(name);
        parts.retain(|part| !part.is_empty());
        parts
    }

    /// The same with blank ones in their places.
    pub fn places(&mut self, name: &str) -> Vec<String> {
        let text = self.text(name).unwrap_or_default();
        text.split(',').map(|part| part.trim().to_owned()).collect()
    }

    /// The numbers of all parameters that begin with `prefix`, by the rest of their name.
    pub fn numbers(&mut self, prefix: &str) -> Result<Vec<(String, f64)>, Problem> {
        let mut found = Vec::new();
        for (name, text) in self.pairs.extract_if(.., |(name, _)| name.starts_with(prefix)) {
            found.push((name[prefix.len()..].to_owned(), parse(&name, &text, "a number")?));
        }
        Ok(found)
    }

    /// Refuses what is left over; `known` lists what there is, "a, b and c.FEATURE".
    pub fn finish(self, known: &str) -> Result<(), Problem> {
        self.finish_lenient(known, |_| false)
    }

    /// The same, but passes over the names that `ignore` accepts.
    pub fn finish_lenient(self, known: &str, ignore: impl Fn(&str) -> bool) -> Result<(), Problem> {
        match self.pairs.into_iter().find(|(name, _)| !ignore(name)) {
            None => Ok(()),
            Some((name, _)) => {
                let meant = meant(&name, known);
                let there_are = if meant.is_empty() { "; there are" } else { " There are" };
                let detail = format!("there is no parameter `{name}`{meant}{there_are} {known}");
                Err(Problem::bad_request("unknown_parameter", detail).at(name))
            }
        }
    }
}

/// The parameter of the list `known` that was probably meant by `name`, as a question.
fn meant(name: &str, known: &str) -> String {
    let feature = name.split_once('.').map_or("", |(_, feature)| feature);
    let known: Vec<String> = known
        .split([',', ' '])
        .filter(|word| !matches!(*word, "" | "and" | "none"))
        .map(|word| word.replace("FEATURE", feature))
        .collect();
    suggest::did_you_mean(name, known.iter().map(String::as_str))
}

/// A value, or a problem that names the parameter and what was `expected`.
fn parse<T: std::str::FromStr<Err: Display>>(name: &str, text: &str, expected: &str) -> Result<T, Problem> {
    text.trim().parse().map_err(|_| {
        let detail = format!("`{name}` is {text:?}; expected {expected}");
        Problem::bad_request("wrong_type", detail).at(name)
    })
}

fn decode(text: &str, name: &str) -> Result<String, Problem> {
    let spaced = text.replace('+', " ");
    let decoded = percent_encoding::percent_decode_str(&spaced).decode_utf8().map_err(|_| {
        let detail = format!("the parameter `{name}` is not UTF-8 once percent-decoded");
        Problem::bad_request("malformed_parameter", detail).at(name)
    })?;
    Ok(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded() {
        let mut parameters =
            Parameters::parse("q=caf%C3%A9+au%20lait&k=3&&weight.a=2&weight.b=NaN&l=a,,%20b").unwrap();
        assert_eq!(parameters.text("q").as_deref(), Some("café au lait"));
        assert_eq!(parameters.whole("k").unwrap(), Some(3));
        assert_eq!(parameters.whole("j").unwrap(), None);
        assert_eq!(parameters.clone().places("l"), ["a", "", "b"]);
        assert_eq!(parameters.list("l"), ["a", "b"]);
        let weights = parameters.numbers("weight.").unwrap();
        assert_eq!(weights[0], ("a".into(), 2.0));
        assert!(weights[1].1.is_nan());
        assert!(parameters.finish("none").is_ok());
    }

    fn check<T: std::fmt::Debug>(result: Result<T, Problem>, code: &str, field: &str) {
        let problem = result.unwrap_err();
        assert_eq!((problem.code(), problem.field()), (code, Some(field)), "{problem}");
    }

    #[test]
    fn what_is_wrong_names_the_parameter() {
        check(Parameters::parse("a=1&a=2"), "repeated_parameter", "a");
        check(Parameters::parse("a=%FF"), "malformed_parameter", "a");
        let parse = |query: &str| Parameters::parse(query).unwrap();
        check(parse("k=ten").whole("k"), "wrong_type", "k");
        check(parse("k=-1").whole("k"), "wrong_type", "k");
        check(parse("k=").number("k"), "wrong_type", "k");
        check(parse("explain").flag("explain"), "wrong_type", "explain");
        check(parse("weight.energy=x").numbers("weight."), "wrong_type", "weight.energy");
        let unknown = parse("colour=red").finish("k and engine");
        assert!(unknown.clone().unwrap_err().to_string().contains("k and engine"));
        check(unknown, "unknown_parameter", "colour");
        let known = "k, engine, weight.FEATURE and max.FEATURE";
        let meant = |query: &str| parse(query).finish(known).unwrap_err().to_string();
        assert!(meant("enigne=x").contains("did you mean `engine`? There are k, "), "{}", meant("enigne=x"));
        assert!(meant("weigth.energy=2").contains("did you mean `weight.energy`?"));
        assert!(!parse("k=1").finish("none").unwrap_err().to_string().contains("did you mean"));
    }
}
