//! Request bodies: JSON, whatever the content type says, with the path of what is wrong.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest, web};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::suggest;

use super::problem::Problem;
use super::state::State;

/// A request body as it came.
#[derive(Clone, Debug)]
pub(super) struct Body(pub Bytes);

/// A request body parsed as a JSON object.
#[derive(Clone, Debug)]
pub(super) struct Json<T>(pub T);

type Extracted<T> = Pin<Box<dyn Future<Output = Result<T, Problem>>>>;

impl FromRequest for Body {
    type Error = Problem;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let payload = web::Payload::from_request(&request, payload).into_inner();
        Box::pin(async move {
            let payload =
                payload.map_err(|error| Problem::bad_request("malformed_body", error.to_string()))?;
            read(&request, payload).await.map(Self)
        })
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = Problem;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = Body::from_request(request, payload);
        Box::pin(async move { parse(&body.await?.0).map(Json) })
    }
}

async fn read(request: &HttpRequest, payload: web::Payload) -> Result<Bytes, Problem> {
    let state = request.app_data::<web::Data<State>>();
    let settings = state.expect("the server is started with its state").settings();
    if let Some(encoding) = request.headers().get(CONTENT_ENCODING)
        && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
    {
        return Err(Problem::encoded_body(&String::from_utf8_lossy(encoding.as_bytes())));
    }
    let limit = settings.max_body_bytes;
    let length = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    if length.and_then(|length| length.parse::<u64>().ok()).is_some_and(|n| n > limit as u64) {
        return Err(Problem::body_too_large(limit));
    }
    let read = actix_web::rt::time::timeout(settings.request_timeout, payload.to_bytes_limited(limit));
    read.await
        .map_err(|_| Problem::too_slow(settings.request_timeout.as_secs()))?
        .map_err(|_| Problem::body_too_large(limit))?
        .map_err(|error| Problem::bad_request("malformed_body", error.to_string()).at("body"))
}

/// Parses a JSON object that is part of a body, where it is called `place`.
pub(super) fn parse_at<T: DeserializeOwned>(json: &str, place: &str) -> Result<T, Problem> {
    if !json.trim_start().starts_with('{') {
        let detail = format!("`{place}` is not an object; expected something like {{\"seeds\": [\"ID\"]}}");
        return Err(Problem::bad_request("wrong_type", detail).at(place));
    }
    parse(json.as_bytes()).map_err(|problem| problem.rename_field(|field| inside(place, field)))
}

/// The path of `field` of an object that is called `place`.
pub(super) fn inside(place: &str, field: &str) -> String {
    if field == "body" { place.to_owned() } else { format!("{place}.{field}") }
}

/// Parses a JSON object.
pub(super) fn parse<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Result<T, Problem> {
    // Some editors and shells put a byte order mark in front.
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    // serde would also take a list for an object, field by field.
    match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        None => {
            let detail = "the body is empty; expected a JSON object";
            return Err(Problem::bad_request("empty_body", detail).at("body"));
        }
        Some(b'{') => {}
        Some(_) => {
            let detail = "the body is not a JSON object; expected something like {\"seeds\": [\"ID\"]}";
            return Err(Problem::bad_request("malformed_json", detail).at("body"));
        }
    }
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let parsed = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        // What is no key at all is shown as `?`: then the object around it is at fault.
        let path = path.trim_end_matches('?').trim_end_matches('.');
        problem(error.inner(), path)
    })?;
    deserializer.end().map_err(|error| problem(&error, ""))?;
    Ok(parsed)
}

/// What serde reports, in the words of the API. `path` is empty for the whole body.
fn problem(error: &serde_json::Error, path: &str) -> Problem {
    let text = error.to_string();
    let field = if path.is_empty() { "body" } else { path };
    match error.classify() {
        Category::Data => {
            if let Some((name, expected, known)) = suggest::unknown_field(&text) {
                // The path ends in the unknown name; without one it is all there is.
                let field = if path.is_empty() { name } else { path };
                let meant = suggest::did_you_mean(name, known);
                let detail = match meant.is_empty() {
                    true => format!("there is no field `{field}`: {expected}"),
                    false => format!("there is no field `{field}`{meant} {}", capital(expected)),
                };
                Problem::bad_request("unknown_field", detail).at(field)
            } else if let Some(name) = duplicate_field(&text) {
                let field = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
                Problem::bad_request("duplicate_field", format!("`{field}` is given twice")).at(field)
            } else if let Some(name) = missing_field(&text) {
                let field = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
                Problem::bad_request("missing_field", format!("`{field}` is missing")).at(field)
            } else {
                let code = if is_whole_number(&text) { "out_of_range" } else { "wrong_type" };
                Problem::bad_request(code, format!("`{field}`: {}", plain(&text))).at(field)
            }
        }
        // A number such as 1e999.
        Category::Syntax if text.starts_with("number out of range") => {
            Problem::bad_request("out_of_range", format!("`{field}`: {text}")).at(field)
        }
        Category::Syntax => {
            let place = if path.is_empty() { String::new() } else { format!(" in `{path}`") };
            let detail = format!("the body is not valid JSON: {text}{place}; NaN and Infinity are not JSON");
            Problem::bad_request("malformed_json", detail).at(field)
        }
        Category::Eof | Category::Io => {
            Problem::bad_request("malformed_json", format!("the body ends too early: {text}")).at("body")
        }
    }
}

/// The same text with a capital letter.
fn capital(text: &str) -> String {
    let (first, rest) = text.split_at(text.floor_char_boundary(1));
    first.to_uppercase() + rest
}

/// The name in serde's "duplicate field `name`".
fn duplicate_field(text: &str) -> Option<&str> {
    Some(text.strip_prefix("duplicate field `")?.split_once('`')?.0)
}

/// The name in serde's "missing field `name`".
fn missing_field(text: &str) -> Option<&str> {
    Some(text.strip_prefix("missing field `")?.split_once('`')?.0)
}

/// Whether a whole number was found where a whole number belongs, only not one of this size.
fn is_whole_number(text: &str) -> bool {
    text.starts_with("invalid value") && text.contains("expected a whole number")
}

/// Rust's names of types in plain words.
fn plain(text: &str) -> String {
    const WORDS: [(&str, &str); 10] = [
        ("expected struct Bounds", "expected an object such as {\"min\": 1990, \"max\": 1999}"),
        ("expected struct Filters", "expected an object such as {\"genres\": [\"jazz\"]}"),
        ("expected struct SimilarRequest", "expected an object"),
        ("expected f64", "expected a number"),
        ("expected a boolean", "expected true or false"),
        ("expected a sequence", "expected a list"),
        ("expected a map", "expected an object"),
        ("expected struct", "expected an object:"),
        ("invalid type: map", "invalid type: object"),
        ("invalid type: sequence", "invalid type: list"),
    ];
    WORDS.iter().fold(text.to_owned(), |text, (rust, word)| text.replace(rust, word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::SimilarRequest;

    fn check(body: &str, code: &str, field: &str) {
        let problem = parse::<SimilarRequest>(body.as_bytes()).unwrap_err();
        assert_eq!((problem.code(), problem.field()), (code, Some(field)), "{body}: {problem}");
    }

    #[test]
    fn what_is_wrong_is_named_by_its_path() {
        check("", "empty_body", "body");
        check(" \n", "empty_body", "body");
        check("[]", "malformed_json", "body");
        check("nonsense", "malformed_json", "body");
        check(r#"{"seeds": ["a"]"#, "malformed_json", "body");
        check(r#"{"seeds": ["a"]} {}"#, "malformed_json", "body");
        check(r#"{"seeds": "a"}"#, "wrong_type", "seeds");
        check(r#"{"seeds": ["a", 5]}"#, "wrong_type", "seeds[1]");
        check(r#"{"kk": 5}"#, "unknown_field", "kk");
        check(r#"{"filters": {"genre": []}}"#, "unknown_field", "filters.genre");
        check(r#"{"filters": {"year": {"from": 1}}}"#, "unknown_field", "filters.year.from");
        check(r#"{"weights": {"energy": "2"}}"#, "wrong_type", "weights.energy");
        check(r#"{"weights": {"energy": NaN}}"#, "malformed_json", "weights.energy");
        check(r#"{"weights": {"energy": 1e999}}"#, "out_of_range", "weights.energy");
        check(r#"{"weights": {"energy": -Infinity}}"#, "malformed_json", "weights.energy");
        check(r#"{"k": -1}"#, "out_of_range", "k");
        check(r#"{"k": 99999999999999999999}"#, "out_of_range", "k");
        check(r#"{"max_per_artist": -1}"#, "out_of_range", "max_per_artist");
        check("{seeds: 1}", "malformed_json", "body");
        check("{\"filters\": {genres: 1}}", "malformed_json", "filters");
        check(r#"{"k": 1e300}"#, "out_of_range", "k");
        check(r#"{"k": 2.5}"#, "wrong_type", "k");
        check(r#"{"k": 1, "k": 2}"#, "duplicate_field", "k");
        check(r#"{"filters": {"year": {"min": 1, "min": 2}}}"#, "duplicate_field", "filters.year.min");
        check(&format!("{{\"weights\": {}", "{\"energy\":".repeat(100_000)), "wrong_type", "weights.energy");
    }

    #[test]
    fn details_are_in_plain_words() {
        let detail = |body: &str| parse::<SimilarRequest>(body.as_bytes()).unwrap_err().to_string();
        assert!(detail(r#"{"k": -1}"#).contains("expected a whole number that is not negative"));
        assert!(detail(r#"{"filters": {"year": 2000}}"#).contains("{\"min\": 1990"));
        assert!(detail(r#"{"filters": null}"#).contains("{\"genres\""));
        assert!(detail(r#"{"k": 2.5}"#).contains("`2.5`, expected a whole number that is not negative"));
        assert!(parse::<SimilarRequest>(b"\xef\xbb\xbf{}").is_ok());
        assert!(detail(r#"{"x": 1}"#).contains("there is no field `x`: expected one of `seeds`"));
        let meant = "there is no field `seed`: did you mean `seeds`? Expected one of `seeds`";
        assert!(detail(r#"{"seed": ["a"]}"#).contains(meant), "{}", detail(r#"{"seed": ["a"]}"#));
        let nested = detail(r#"{"filters": {"genre": []}}"#);
        assert!(nested.contains("`filters.genre`: did you mean `genres`?"), "{nested}");
    }

    #[test]
    fn any_byte_string_gives_a_request_or_a_problem() {
        for body in [&b"{\"seeds\": [\"\xff\xfe\"]}"[..], b"{\"\\ud800\": 1}", b"{\0}"] {
            assert!(parse::<SimilarRequest>(body).is_err());
        }
        assert!(parse::<SimilarRequest>(b"{}").is_ok());
    }

    #[test]
    fn whole_floats_are_whole_numbers() {
        let request: SimilarRequest = parse(br#"{"k": 7.0, "max_per_artist": 2.0}"#).unwrap();
        assert_eq!((request.k, request.max_per_artist), (7, Some(2)));
    }
}
