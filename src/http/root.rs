//! `GET /`: where to go from here.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use super::problem::Problem;
use super::query_string::Parameters;
use super::state::State;

/// Methods, paths and what they are for.
const ENDPOINTS: [(&str, &str, &str); 16] = [
    ("POST", "/api/v1/similar", "the tracks most similar to a query"),
    ("POST", "/api/v1/similar/batch", "many queries at once"),
    ("GET", "/api/v1/similar/{id}", "the tracks most similar to one"),
    ("POST", "/api/v1/weights/infer", "weights from liked and disliked tracks"),
    ("POST", "/api/v1/feedback", "thumbs of a user, which their queries start from"),
    ("GET", "/api/v1/feedback/{user}", "what is known of a user"),
    ("DELETE", "/api/v1/feedback/{user}", "forget a user"),
    ("GET", "/api/v1/tracks/{id}", "what is known of a track"),
    ("GET", "/api/v1/tracks?q=", "search by title and artist"),
    ("GET", "/api/v1/map", "the catalogue on a map"),
    ("GET", "/api/v1/indexes", "the snapshots there are"),
    ("POST", "/api/v1/admin/reload", "serve what CURRENT names, now"),
    ("GET", "/api/v1/worker", "how refreshing the catalogue stands"),
    ("GET", "/healthz", "whether the server is alive"),
    ("GET", "/readyz", "whether it answers every query"),
    ("GET", "/metrics", "what it counts, as OpenMetrics"),
];

/// `GET /`
pub(super) async fn show(state: web::Data<State>, http: HttpRequest) -> Result<HttpResponse, Problem> {
    Parameters::parse(http.query_string())?.finish("none")?;
    let served = state.served();
    let manifest = served.snapshot.manifest();
    let endpoint =
        |(method, path, what): (&str, &str, &str)| json!({"method": method, "path": path, "what": what});
    Ok(HttpResponse::Ok().json(json!({
        "name": "nearfield",
        "version": env!("CARGO_PKG_VERSION"),
        "documentation": "docs/api.md in the source of nearfield",
        "serving": {"name": manifest.name, "generation": manifest.generation, "n_items": manifest.n_items},
        "endpoints": ENDPOINTS.map(endpoint),
    })))
}
