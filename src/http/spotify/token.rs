//! `POST /spotify/api/token`: a token for whoever asks. Queries are open to whoever reaches the server, so it opens nothing;
//! clients want one before their first request.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde_json::{Value, json};

use super::super::json::Body;
use super::super::problem::Problem;
use super::super::query_string::Parameters;

/// What clients send with every request from then on; it is never looked at.
const TOKEN: &str = "nearfield";
/// Clients ask for a new one after that, in seconds.
const EXPIRES_IN: u32 = 3_600;
/// The grants that need no user.
const GRANTS: [&str; 2] = ["client_credentials", "refresh_token"];

/// `POST /spotify/api/token`. Refusals have the shape of OAuth 2.0 (RFC 6749), as at Spotify.
pub(super) async fn post(body: Body) -> Result<HttpResponse, Problem> {
    let form = std::str::from_utf8(&body.0).ok().and_then(|form| Parameters::parse(form).ok());
    let Some(mut form) = form else {
        return Ok(refused("invalid_request", "the body is not application/x-www-form-urlencoded"));
    };
    match form.text("grant_type").as_deref() {
        Some(grant) if GRANTS.contains(&grant) => Ok(answer(
            StatusCode::OK,
            json!({"access_token": TOKEN, "token_type": "Bearer", "expires_in": EXPIRES_IN}),
        )),
        Some(other) => {
            let description = format!("grant_type is {other:?}; expected client_credentials");
            Ok(refused("unsupported_grant_type", &description))
        }
        None => Ok(refused("invalid_request", "grant_type is missing; expected client_credentials")),
    }
}

fn refused(error: &str, description: &str) -> HttpResponse {
    answer(StatusCode::BAD_REQUEST, json!({"error": error, "error_description": description}))
}

/// RFC 6749 wants tokens out of caches.
fn answer(status: StatusCode, body: Value) -> HttpResponse {
    HttpResponse::build(status).insert_header(("Cache-Control", "no-store")).json(body)
}
