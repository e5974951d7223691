//! `/healthz`: the process is alive. `/readyz`: it answers every query.

use actix_web::{HttpResponse, web};
use serde_json::json;

use super::problem::Problem;
use super::state::State;

/// `GET /healthz`
pub(super) async fn alive() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "ok" }))
}

/// `GET /readyz`
pub(super) async fn ready(state: web::Data<State>) -> Result<HttpResponse, Problem> {
    let served = state.served();
    if let Some(unready) = served.unready() {
        let code = if served.damage().is_some() { "damaged" } else { "not_ready" };
        let detail = format!("not ready: {}", unready.reasons.join("; "));
        return Err(Problem::unavailable(code, detail, unready.reasons, unready.passing));
    }
    let manifest = served.snapshot.manifest();
    Ok(HttpResponse::Ok().json(json!({
        "status": "ready",
        "name": manifest.name,
        "generation": manifest.generation,
        "verified": served.is_verified(),
    })))
}
