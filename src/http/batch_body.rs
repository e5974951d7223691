//! The body of `POST /api/v1/similar/batch`: requests that are read one by one, so that one that makes no sense does not
//! spoil the others, over defaults that they share.

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::query::SimilarRequest;

use super::json;
use super::problem::Problem;

/// A body whose requests were not read yet.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body<'a> {
    #[serde(borrow, default)]
    requests: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    defaults: Option<&'a RawValue>,
}

/// One request of a batch.
#[derive(Debug)]
pub(super) struct Entry {
    /// The request, or what is wrong with its JSON.
    pub request: Result<SimilarRequest, Problem>,
    /// Where its fields come from.
    pub origin: Origin,
}

/// Where the fields of a request come from.
#[derive(Clone, Debug, Default)]
pub(super) struct Origin {
    /// Which of the requests it is.
    place: usize,
    /// The fields it has from the defaults.
    inherited: Vec<String>,
}

impl Origin {
    /// The path in the body of what is `field` in the request.
    pub fn path(&self, field: &str) -> String {
        let end = field.find(['.', '[']).unwrap_or(field.len());
        match self.inherited.iter().any(|name| name == &field[..end]) {
            true => format!("defaults.{field}"),
            false => json::inside(&format!("requests[{}]", self.place), field),
        }
    }
}

/// Reads a body of 1 to `max_requests` requests.
pub(super) fn read(body: &[u8], max_requests: usize) -> Result<Vec<Entry>, Problem> {
    let Body { requests, defaults } = json::parse(body)?;
    if requests.is_empty() {
        let detail = "`requests` is empty; expected a list of queries such as [{\"seeds\": [\"ID\"]}]";
        return Err(Problem::bad_request("empty_batch", detail).at("requests"));
    }
    if requests.len() > max_requests {
        let detail = format!(
            "`requests` has {} entries; this server answers at most {max_requests} at once: split the batch",
            requests.len()
        );
        return Err(Problem::bad_request("too_many_entries", detail).at("requests"));
    }
    let defaults = match defaults {
        Some(defaults) => {
            // What is wrong with them is said once, not by every request.
            json::parse_at::<SimilarRequest>(defaults.get(), "defaults")?;
            serde_json::from_str::<Fields<'_>>(defaults.get()).map_err(|error| Problem::internal(&error))?.0
        }
        None => Vec::new(),
    };
    let entry = |(place, request): (usize, &RawValue)| read_one(place, request.get(), &defaults);
    Ok(requests.into_iter().enumerate().map(entry).collect())
}

fn read_one(place: usize, request: &str, defaults: &[(String, &RawValue)]) -> Entry {
    let mut origin = Origin { place, inherited: Vec::new() };
    let merged = merge(request, defaults, &mut origin.inherited);
    let name = format!("requests[{place}]");
    let request = json::parse_at(merged.as_deref().unwrap_or(request), &name);
    Entry { request, origin }
}

/// The JSON of `request` with those `defaults` that it does not have itself, whose names go to `inherited`; `None` where
/// the request is as it is.
fn merge(request: &str, defaults: &[(String, &RawValue)], inherited: &mut Vec<String>) -> Option<String> {
    if defaults.is_empty() {
        return None;
    }
    let own = serde_json::from_str::<Names>(request).ok()?.0;
    let mut merged = "{".to_owned();
    for (name, value) in defaults.iter().filter(|(name, _)| !own.contains(name)) {
        merged.push_str(&serde_json::to_string(name).ok()?);
        merged.push(':');
        merged.push_str(value.get());
        merged.push(',');
        inherited.push(name.clone());
    }
    if own.is_empty() && !inherited.is_empty() {
        merged.pop();
    }
    merged.push_str(request.trim_start().strip_prefix('{')?);
    Some(merged)
}

/// The fields of an object.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

/// The names of the fields of an object, one that comes twice included.
struct Names(Vec<String>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;
        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(FieldsVisitor)
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NamesVisitor;
        impl<'de> Visitor<'de> for NamesVisitor {
            type Value = Names;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Names, A::Error> {
                let mut names = Vec::new();
                while let Some((name, IgnoredAny)) = map.next_entry()? {
                    names.push(name);
                }
                Ok(Names(names))
            }
        }
        deserializer.deserialize_map(NamesVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str, code: &str, field: &str) {
        let problem = read(body.as_bytes(), 3).unwrap_err();
        assert_eq!((problem.code(), problem.field()), (code, Some(field)), "{body}: {problem}");
    }

    #[test]
    fn a_body_that_is_no_batch_is_refused() {
        refused("", "empty_body", "body");
        refused("[]", "malformed_json", "body");
        refused(r#"{"requests": [{"k": NaN}]}"#, "malformed_json", "requests[0]");
        refused(r#"{"requests": [{}"#, "malformed_json", "body");
        refused("{}", "empty_batch", "requests");
        refused(r#"{"requests": []}"#, "empty_batch", "requests");
        refused(r#"{"requests": [{}, {}, {}, {}]}"#, "too_many_entries", "requests");
        refused(r#"{"requests": {}}"#, "wrong_type", "requests");
        refused(r#"{"request": []}"#, "unknown_field", "request");
        refused(r#"{"requests": [{}], "requests": [{}]}"#, "duplicate_field", "requests");
        refused(r#"{"requests": [{}], "defaults": {"kk": 1}}"#, "unknown_field", "defaults.kk");
        refused(r#"{"requests": [{}], "defaults": {"k": "1"}}"#, "wrong_type", "defaults.k");
        refused(r#"{"requests": [{}], "defaults": {"k": 1, "k": 2}}"#, "duplicate_field", "defaults.k");
        refused(r#"{"requests": [{}], "defaults": [1]}"#, "wrong_type", "defaults");
    }

    #[test]
    fn one_bad_request_is_bad_alone() {
        let body = r#"{"requests": [{"seeds": ["a"]}, 5, {"k": 1, "kk": 2}]}"#;
        let entries = read(body.as_bytes(), 3).unwrap();
        assert_eq!(entries[0].request.as_ref().unwrap().seeds, ["a"]);
        let check = |place: usize, code: &str, field: &str| {
            let problem = entries[place].request.as_ref().unwrap_err();
            assert_eq!((problem.code(), problem.field()), (code, Some(field)), "{problem}");
        };
        check(1, "wrong_type", "requests[1]");
        check(2, "unknown_field", "requests[2].kk");
        let repeated = read(br#"{"requests": [{"k": 1, "k": 2}], "defaults": {"k": 3}}"#, 3).unwrap();
        let problem = repeated[0].request.as_ref().unwrap_err();
        assert_eq!((problem.code(), problem.field()), ("duplicate_field", Some("requests[0].k")));
    }

    #[test]
    fn defaults_stand_in_for_what_a_request_leaves_out() {
        let body = r#"{
            "defaults": {"k": 3, "weights": {"energy": 2}, "filters": {"year": {"min": 2000}}, "anchor": 1},
            "requests": [{"seeds": ["a"]}, { }, {"\u006b": 5, "weights": {"key": 1}, "anchor": null}]
        }"#;
        let entries = read(body.as_bytes(), 3).unwrap();
        let request = |place: usize| entries[place].request.as_ref().unwrap();
        assert_eq!((request(0).k, request(0).weights["energy"], request(0).anchor), (3, 2.0, Some(1.0)));
        assert_eq!(request(1), &SimilarRequest { seeds: Vec::new(), ..request(0).clone() });
        // A field of the request replaces the whole of the default, even with null.
        assert_eq!((request(2).k, request(2).weights.len(), request(2).anchor), (5, 1, None));
        assert_eq!(request(2).filters, request(0).filters);
        let origin = &entries[2].origin;
        assert_eq!(origin.path("weights.energy"), "requests[2].weights.energy");
        assert_eq!(origin.path("filters.year.min"), "defaults.filters.year.min");
        assert_eq!(origin.path("seeds[0]"), "requests[2].seeds[0]");
    }
}
