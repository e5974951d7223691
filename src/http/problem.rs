//! Errors as `application/problem+json` (RFC 9457).

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CONNECTION, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;

use crate::index::EngineError;
use crate::query::QueryError;

/// What a detail may quote of a request before it is cut off.
const MAX_DETAIL_BYTES: usize = 2_000;
/// The content type of a problem.
pub(super) const CONTENT_TYPE: &str = "application/problem+json";
/// When to ask again for something that is being loaded.
const RETRY_AFTER_SECONDS: u32 = 2;

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    field: Option<String>,
    reasons: Vec<String>,
    header: Option<Header>,
}

/// What a problem says outside its body.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Header {
    /// The methods there are.
    Allow(&'static str),
    /// Ask again after so many seconds.
    RetryAfter(u32),
    /// The rest of the request will not be read.
    Close,
    /// How to say who one is.
    Authenticate,
}

/// Why a request has no answer (RFC 9457).
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub(super) struct Body<'a> {
    /// `about:blank`: the code says more.
    r#type: &'static str,
    /// The status in words.
    title: &'a str,
    /// The status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// For programs; it does not change.
    code: &'a str,
    /// For people; it may change.
    detail: &'a str,
    /// What is at fault: a path in the JSON of the request (`seeds[0]`), `body`, or the name of a parameter. Left out where
    /// nothing in the request is.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    /// Every reason why the server is not ready; left out elsewhere.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    reasons: &'a [String],
}

impl Problem {
    /// A problem with a status, a stable code for programs and a sentence for people.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        let mut detail = detail.into();
        if detail.len() > MAX_DETAIL_BYTES {
            detail.truncate(detail.floor_char_boundary(MAX_DETAIL_BYTES));
            detail.push_str(" ...");
        }
        Self { status, code, detail, field: None, reasons: Vec::new(), header: None }
    }

    /// 400.
    pub fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// 401: a token is needed.
    pub fn unauthorized(code: &'static str, detail: impl Into<String>) -> Self {
        let problem = Self::new(StatusCode::UNAUTHORIZED, code, detail);
        Self { header: Some(Header::Authenticate), ..problem }
    }

    /// 404 for a path that leads nowhere.
    pub fn not_found(path: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("there is nothing at {path}"))
    }

    /// 405; `allowed` lists the methods there are.
    pub fn method_not_allowed(method: &str, path: &str, allowed: &'static str) -> Self {
        let detail = format!("{path} does not answer {method}; use {allowed}");
        let problem = Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail);
        Self { header: Some(Header::Allow(allowed)), ..problem }
    }

    /// 413; the rest of the body will not be read.
    pub fn body_too_large(limit: usize) -> Self {
        let detail = format!("the body is larger than {limit} bytes, the most this server reads");
        let problem = Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail);
        Self { header: Some(Header::Close), ..problem }.at("body")
    }

    /// 415; the body will not be read.
    pub fn encoded_body(encoding: &str) -> Self {
        let detail = format!(
            "the body is encoded (`Content-Encoding: {encoding}`), which this server does not read; send it as it is, \
             without that header"
        );
        let problem = Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "encoded_body", detail);
        Self { header: Some(Header::Close), ..problem }.at("body")
    }

    /// 408; the rest of the body will not be read.
    pub fn too_slow(seconds: u64) -> Self {
        let detail = format!("the body did not arrive within {seconds} s");
        let problem = Self::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", detail);
        Self { header: Some(Header::Close), ..problem }.at("body")
    }

    /// 500; `cause` goes to the log, not to the client.
    pub fn internal(cause: &dyn fmt::Display) -> Self {
        tracing::error!("internal error: {cause}");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the server failed to answer; its log says why",
        )
    }

    /// 503 with every reason; worth asking again when `retry`.
    pub fn unavailable(
        code: &'static str,
        detail: impl Into<String>,
        reasons: Vec<String>,
        retry: bool,
    ) -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail);
        Self { reasons, header: retry.then_some(Header::RetryAfter(RETRY_AFTER_SECONDS)), ..problem }
    }

    /// The same problem, of `field` of the request.
    pub fn at(mut self, field: impl Into<String>) -> Self {
        let mut field = field.into();
        field.truncate(field.floor_char_boundary(MAX_DETAIL_BYTES));
        self.field = Some(field);
        self
    }

    /// The same problem with its field under another name, in the detail too.
    pub fn rename_field(mut self, rename: impl FnOnce(&str) -> String) -> Self {
        if let Some(field) = self.field.take() {
            let renamed = rename(&field);
            self.detail = self.detail.replace(&format!("`{field}`"), &format!("`{renamed}`"));
            self.field = Some(renamed);
        }
        self
    }

    /// The sentence for people.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The body of its response.
    pub(super) fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(&Body {
            // No page describes the codes, so by RFC 9457 the title is that of the status.
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            code: self.code,
            detail: &self.detail,
            field: self.field.as_deref(),
            reasons: &self.reasons,
        })
    }

    /// The status as a number.
    pub(super) fn status_number(&self) -> u16 {
        self.status.as_u16()
    }

    /// Whether the request itself is at fault, rather than that something is not there.
    pub fn is_bad_request(&self) -> bool {
        self.status == StatusCode::BAD_REQUEST
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The offending field of the request, where there is one.
    pub fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        Self::from(&error)
    }
}

impl From<&QueryError> for Problem {
    fn from(error: &QueryError) -> Self {
        let status = match error {
            QueryError::UnknownTrack { .. } => StatusCode::NOT_FOUND,
            QueryError::Engine(EngineError::Loading(_)) => {
                let problem = Self::unavailable(error.code(), error.to_string(), Vec::new(), true);
                return problem.at("engine");
            }
            QueryError::Engine(EngineError::Unusable { .. }) => {
                tracing::error!("{error}");
                let detail = "this engine failed its verification and is out of service; ask another one";
                return Self::unavailable(error.code(), detail, Vec::new(), false).at("engine");
            }
            QueryError::Cancelled(_) => {
                return Self::unavailable(error.code(), error.to_string(), Vec::new(), true);
            }
            QueryError::Record(cause) => {
                tracing::error!("the served snapshot is damaged: {cause}; see `nearfield inspect --verify`");
                let detail = "the snapshot is damaged; the server's log says where";
                return Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.code(), detail);
            }
            QueryError::TrackIsSeed { .. }
            | QueryError::Empty
            | QueryError::OnlyNegative
            | QueryError::UnknownFeature { .. }
            | QueryError::UnknownProfile { .. }
            | QueryError::UserAndBase
            | QueryError::UserUnknown
            | QueryError::UnknownEngine { .. }
            | QueryError::EngineNotBuilt { .. }
            | QueryError::Number { .. }
            | QueryError::AllWeightsZero
            | QueryError::NoDirection
            | QueryError::AllMissing { .. }
            | QueryError::VectorTarget { .. }
            | QueryError::VectorFilter { .. }
            | QueryError::TooMany { .. } => StatusCode::BAD_REQUEST,
        };
        let problem = Self::new(status, error.code(), error.to_string());
        match error.field() {
            Some(field) => problem.at(field),
            None => problem,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.status.as_u16(), self.code, self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        match self.header {
            Some(Header::Allow(methods)) => _ = response.insert_header((ALLOW, methods)),
            Some(Header::RetryAfter(seconds)) => _ = response.insert_header((RETRY_AFTER, seconds)),
            Some(Header::Close) => _ = response.insert_header((CONNECTION, "close")).force_close(),
            Some(Header::Authenticate) => _ = response.insert_header((WWW_AUTHENTICATE, "Bearer")),
            None => {}
        }
        let json = self.to_json().expect("a problem holds strings and numbers only");
        response.content_type(CONTENT_TYPE).body(json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::EngineKind;

    fn status(error: QueryError) -> u16 {
        Problem::from(error).status.as_u16()
    }

    #[test]
    fn query_errors_have_their_status() {
        assert_eq!(status(QueryError::UnknownTrack { field: "seeds[0]".into(), id: "x".into() }), 404);
        assert_eq!(status(QueryError::k(0, 10)), 400);
        assert_eq!(status(QueryError::AllWeightsZero), 400);
        assert_eq!(status(EngineError::Loading(EngineKind::Forest).into()), 503);
        let unusable = EngineError::Unusable { engine: EngineKind::Forest, problem: "page 3".into() };
        assert_eq!(status(unusable.into()), 503);
        let problem = Problem::from(QueryError::Record(crate::codec::CodecError::Damaged("byte 7".into())));
        assert_eq!((problem.status.as_u16(), problem.code()), (500, "damaged_snapshot"));
        assert!(!problem.detail.contains("byte 7"), "causes are logged, not returned");
    }

    #[test]
    fn long_details_are_cut_at_a_character() {
        let problem = Problem::bad_request("x", "é".repeat(5_000)).at("f".repeat(5_000));
        assert!(problem.detail.len() <= MAX_DETAIL_BYTES + 4 && problem.detail.ends_with("é ..."));
        assert_eq!(problem.field.map(|field| field.len()), Some(MAX_DETAIL_BYTES));
    }

    #[test]
    fn a_renamed_field_is_renamed_in_the_detail() {
        let problem = Problem::from(QueryError::k(0, 5)).rename_field(|_| "count".into());
        assert_eq!(
            (problem.field(), problem.detail.as_str()),
            (Some("count"), "`count` is 0; expected 1 to 5")
        );
    }
}
