//! `POST /api/v1/explain`: where one track stands beside a query, why, and which change of one weight would take it out of
//! the best k, or into them.

use std::fmt;
use std::sync::Arc;

use actix_web::{HttpResponse, web};
use serde::de::value::StringDeserializer;
use serde::de::{DeserializeSeed, Error, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::cache::{Key, Trace, Value};
use crate::query::{ExplainedTrack, Prepared, QueryError, SimilarRequest};
use crate::track::ItemIdx;

use super::cache_status;
use super::json::Json;
use super::openapi::{NotFound, SAMPLE_ID, Unavailable};
use super::problem::Problem;
use super::similar::{aside, run};
use super::state::{Served, State};
use super::user;

/// A query as for `POST /api/v1/similar`, and a track.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ExplainRequest {
    /// The query. What it says of engines, collapsing and diversity is left aside.
    pub query: SimilarRequest,
    /// The id of the track to explain.
    pub track: String,
}

/// One track beside a query
///
/// Where the track stands in the plain ranking (all candidates by similarity, computed exactly, nothing collapsed or diversified),
/// why, and for every weighted feature the smallest change of that weight alone, to anything from 0 to 10 times what it is, that takes
/// the track out of the best `k` or brings it in. The track must not be one of the query's seeds.
#[utoipa::path(
    post,
    path = "/api/v1/explain",
    operation_id = "explain",
    tag = "similarity",
    request_body(
        content = ExplainRequest,
        description = "The query of `POST /api/v1/similar`, and a track.",
        example = json!({"targets": {"tempo": 100, "valence": 0.3}, "base_weights": "mood", "k": 10, "track": SAMPLE_ID})
    ),
    responses(
        (status = 200, description = "Where the track stands, and why.", body = ExplainedTrack, headers(
                ("Cache-Status" = String, description = "What the caches did (RFC 9211); absent where the server has none")
            )),
        (status = 404, response = NotFound),
        (status = 503, response = Unavailable),
    )
)]
pub(super) async fn post(
    state: web::Data<State>,
    body: Json<ExplainRequest>,
) -> Result<HttpResponse, Problem> {
    let ExplainRequest { query, track } = body.0;
    let max_k = state.settings().max_k;
    if query.k > max_k {
        return Err(QueryError::k(query.k, max_k).into());
    }
    let served = state.served();
    let query = user::with_weights(&state, &served, query).await?;
    let work = aside(move || Work::new(served, &query, &track)).await?;
    let mut response = HttpResponse::Ok();
    response.content_type("application/json");
    if state.cache().is_off() {
        return Ok(response.body(compute(Arc::new(work)).await?.to_vec()));
    }
    // Requests that began on another generation end on it after a swap, and must not turn the cache back.
    state.cache().follow(state.served().identity());
    let key = Key::of_counterfactuals(work.served.identity(), &work.prepared, work.item);
    let trace = Arc::new(Trace::default());
    let value = match state.cache().here(&key, &trace).await {
        Some(value) => value,
        None => {
            let found = find(state.clone().into_inner(), key, Arc::new(work), Arc::clone(&trace));
            // On its own: when the client goes away, others may wait for the same.
            tokio::spawn(found).await.map_err(|error| Problem::internal(&error))??
        }
    };
    response.insert_header((cache_status::NAME, cache_status::value(&trace.seen())));
    Ok(response.body(value.to_vec()))
}

/// A request that is ready to be answered.
struct Work {
    served: Arc<Served>,
    prepared: Prepared,
    item: ItemIdx,
}

impl Work {
    fn new(served: Arc<Served>, query: &SimilarRequest, track: &str) -> Result<Self, Problem> {
        let prepared = Prepared::plain(&served.snapshot, query)?;
        let item = prepared.find_track(&served.snapshot, track)?;
        Ok(Self { served, prepared, item })
    }
}

async fn find(state: Arc<State>, key: Key, work: Arc<Work>, trace: Arc<Trace>) -> Result<Value, Problem> {
    let estimated_us = work.prepared.estimated_explain_us(&work.served.snapshot);
    let value = state.cache().answer(&key, estimated_us, &trace, compute(work)).await;
    value.map_err(|problem| Problem::clone(&problem))
}

async fn compute(work: Arc<Work>) -> Result<Value, Problem> {
    let estimated_us = work.prepared.estimated_explain_us(&work.served.snapshot);
    let job = move || {
        let answer = work.prepared.explain_track(&work.served.snapshot, work.item)?;
        let json = serde_json::to_vec(&answer).map_err(|error| Problem::internal(&error))?;
        Ok(Value::from(json))
    };
    run(estimated_us, job).await
}

/// Flattening would describe it as a query, which has no other fields, that has another field.
impl PartialSchema for ExplainRequest {
    fn schema() -> RefOr<Schema> {
        let mut schema = SimilarRequest::schema();
        if let RefOr::T(Schema::Object(object)) = &mut schema {
            let track = ObjectBuilder::new().schema_type(Type::String);
            let track = track.description(Some("The id of the track to explain: none of the query's seeds."));
            object.properties.insert("track".to_owned(), track.into());
            object.required.push("track".to_owned());
            let description = "A query, and a track to explain beside it. What it says of engines, collapsing and diversity is left aside.";
            object.description = Some(description.to_owned());
        }
        schema
    }
}

impl ToSchema for ExplainRequest {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        SimilarRequest::schemas(schemas);
    }
}

impl<'de> Deserialize<'de> for ExplainRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RequestVisitor)
    }
}

/// Reads a query with one field more. serde's own flattening knows no unknown fields and no paths.
struct RequestVisitor;

impl<'de> Visitor<'de> for RequestVisitor {
    type Value = ExplainRequest;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `track` and the fields of a query")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ExplainRequest, A::Error> {
        let mut fields = Fields { map, track: None };
        let query = SimilarRequest::deserialize(serde::de::value::MapAccessDeserializer::new(&mut fields))?;
        let track = fields.track.ok_or_else(|| A::Error::missing_field("track"))?;
        Ok(ExplainRequest { query, track })
    }
}

/// The fields of a query; keeps the one that is not.
struct Fields<A> {
    map: A,
    track: Option<String>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for &mut Fields<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        while let Some(name) = self.map.next_key::<String>()? {
            if name != "track" {
                let name: StringDeserializer<A::Error> = name.into_deserializer();
                return seed.deserialize(name).map(Some);
            }
            if self.track.is_some() {
                return Err(A::Error::duplicate_field("track"));
            }
            self.track = Some(self.map.next_value()?);
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::json::parse;

    #[test]
    fn a_request_is_a_query_with_a_track() {
        let json = r#"{"seeds": ["a"], "track": "b", "weights": {"energy": 2}, "k": 3}"#;
        let request: ExplainRequest = parse(json.as_bytes()).unwrap();
        let query = parse(br#"{"seeds": ["a"], "weights": {"energy": 2}, "k": 3}"#).unwrap();
        assert_eq!(request, ExplainRequest { query, track: "b".into() });
    }

    #[test]
    fn what_is_wrong_is_named_by_its_path() {
        let check = |body: &str, code: &str, field: &str| {
            let problem = parse::<ExplainRequest>(body.as_bytes()).unwrap_err();
            assert_eq!((problem.code(), problem.field()), (code, Some(field)), "{body}: {problem}");
        };
        check(r#"{"seeds": ["a"]}"#, "missing_field", "track");
        check(r#"{"seeds": ["a"], "track": 5}"#, "wrong_type", "track");
        check(r#"{"seeds": "a", "track": "b"}"#, "wrong_type", "seeds");
        check(r#"{"seeds": ["a"], "track": "b", "kk": 1}"#, "unknown_field", "kk");
        check(r#"{"track": "a", "seeds": ["a"], "track": "b"}"#, "duplicate_field", "track");
        check(r#"{"k": 1, "track": "b", "k": 2}"#, "duplicate_field", "k");
        check(r#"{"track": "b", "filters": {"year": {"from": 1}}}"#, "unknown_field", "filters.year.from");
        check(r#"{"track": "b", "k": -1}"#, "out_of_range", "k");
    }
}
