//! Refusals as described: for each status, which codes there are.

use utoipa::ToResponse;
use utoipa::openapi::schema::AllOfBuilder;
use utoipa::openapi::{ContentBuilder, ObjectBuilder, Ref, RefOr, Response, ResponseBuilder, Schema, Type};

use super::super::problem;

/// The content type of a problem.
pub(super) const CONTENT_TYPE: &str = problem::CONTENT_TYPE;

macro_rules! problems {
    ($($name:ident $status:literal $what:literal [$($code:literal)*])*) => {
        $(
            #[doc = $what]
            #[derive(Clone, Copy, Debug)]
            pub struct $name;

            impl<'r> ToResponse<'r> for $name {
                fn response() -> (&'r str, RefOr<Response>) {
                    (stringify!($name), describe($status, $what, &[$($code),*]).into())
                }
            }
        )*

        /// Every code by its status.
        #[cfg(test)]
        pub(super) const CODES: &[(u16, &[&str])] = &[$(($status, &[$($code),*])),*];
    };
}

problems! {
    BadRequest 400 "Something is wrong with the request; `field` says where." [
        "malformed_json" "empty_body" "malformed_body" "unknown_field" "duplicate_field" "unknown_parameter"
        "repeated_parameter" "malformed_parameter" "wrong_type" "out_of_range" "empty_query" "only_negative_seeds"
        "unknown_feature" "unknown_profile" "unknown_engine" "engine_not_built" "all_weights_zero" "all_values_missing"
        "no_direction" "vector_target" "vector_filter" "too_many_entries" "empty_batch" "too_many_results" "missing_field" "track_is_seed"
        "nothing_liked" "liked_and_disliked" "invalid_user" "too_many_thumbs" "empty_feedback" "contradicting_feedback"
        "user_and_base_weights" "user_unknown"
    ]
    Unauthorized 401 "Administration takes the server's token." ["token_missing" "wrong_token"]
    Forbidden 403 "Administration without a token of a public server, or the request comes from another site's page." [
        "admin_closed" "foreign_origin"
    ]
    NotFound 404 "There is no such track in this generation, or no such route." ["unknown_track" "not_found"]
    MethodNotAllowed 405 "The route has other methods; see `Allow`." ["method_not_allowed"]
    Slow 408 "The body did not arrive in time." ["request_timeout"]
    Conflict 409 "What `CURRENT` names is not served: it did not pass its gates, or it names nothing." [
        "generation_refused" "no_generation"
    ]
    TooLarge 413 "The body is larger than this server reads." ["body_too_large"]
    Encoded 415 "The body is compressed or otherwise encoded." ["encoded_body"]
    Failed 500 "The server failed; its log says why." ["internal" "damaged_snapshot"]
    Unavailable 503 "Not now: see `Retry-After`, where it is there." [
        "engine_loading" "engine_unusable" "not_ready" "damaged" "cancelled" "feedback_unavailable"
    ]
    Full 507 "All feedback that this server may keep is there; what adds none is still taken." ["feedback_full"]
}

fn describe(status: u16, what: &str, codes: &[&str]) -> Response {
    let property = |kind, values: Vec<serde_json::Value>| {
        ObjectBuilder::new().schema_type(kind).enum_values(Some(values)).build()
    };
    let codes = codes.iter().map(|code| (*code).into()).collect();
    let narrowed = ObjectBuilder::new()
        .property("status", property(Type::Integer, vec![status.into()]))
        .property("code", property(Type::String, codes));
    let schema = AllOfBuilder::new().item(Ref::from_schema_name("Problem")).item(narrowed).build();
    let content = ContentBuilder::new().schema(Some(Schema::AllOf(schema))).build();
    ResponseBuilder::new().description(what).content(CONTENT_TYPE, content).build()
}
