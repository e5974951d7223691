//! `/healthz`: the process is alive. `/readyz`: it answers every query.

use actix_web::{HttpResponse, web};
use serde::Serialize;

use super::openapi::Unavailable;
use super::problem::Problem;
use super::state::State;

/// The process is alive.
#[derive(Serialize, utoipa::ToSchema)]
struct Alive {
    /// `ok`
    status: &'static str,
}

/// Every query is answered.
#[derive(Serialize, utoipa::ToSchema)]
struct Ready<'a> {
    /// `ready`
    status: &'static str,
    /// The snapshot that is served.
    name: &'a str,
    /// Its generation.
    generation: &'a str,
    /// Whether every file was read and found whole.
    verified: bool,
}

/// Whether the process is alive
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "healthz",
    tag = "operation",
    responses((status = 200, description = "It is.", body = Alive))
)]
pub(super) async fn alive() -> HttpResponse {
    HttpResponse::Ok().json(Alive { status: "ok" })
}

/// Whether every engine answers and no damage was found
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "readyz",
    tag = "operation",
    responses(
        (status = 200, description = "Every query is answered.", body = Ready<'static>),
        (status = 503, response = Unavailable),
    )
)]
pub(super) async fn ready(state: web::Data<State>) -> Result<HttpResponse, Problem> {
    let served = state.served();
    if let Some(unready) = served.unready() {
        let code = if served.damage().is_some() { "damaged" } else { "not_ready" };
        let detail = format!("not ready: {}", unready.reasons.join("; "));
        return Err(Problem::unavailable(code, detail, unready.reasons, unready.passing));
    }
    let manifest = served.snapshot.manifest();
    Ok(HttpResponse::Ok().json(Ready {
        status: "ready",
        name: &manifest.name,
        generation: &manifest.generation,
        verified: served.is_verified(),
    }))
}
