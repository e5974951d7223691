//! `GET /` for programs: where to go from here.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use super::problem::Problem;
use super::query_string::Parameters;
use super::state::State;

/// Where to go, and what is there.
const LINKS: [(&str, &str); 6] = [
    ("description", "/openapi.json"),
    ("documentation", "/docs"),
    ("snapshots", "/api/v1/indexes"),
    ("spotify", "/spotify/v1/recommendations/available-genre-seeds"),
    ("readiness", "/readyz"),
    ("metrics", "/metrics"),
];

/// `GET /`, asked for JSON
pub(super) fn show(state: &State, http: &HttpRequest) -> Result<HttpResponse, Problem> {
    Parameters::parse(http.query_string())?.finish("none")?;
    let served = state.served();
    let manifest = served.snapshot.manifest();
    Ok(HttpResponse::Ok().json(json!({
        "name": "nearfield",
        "version": env!("CARGO_PKG_VERSION"),
        "serving": {"name": manifest.name, "generation": manifest.generation, "n_items": manifest.n_items},
        "links": BTreeMap::from(LINKS),
    })))
}
