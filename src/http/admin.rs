//! `POST /api/v1/admin/reload`: serve what `CURRENT` names, now.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;

use crate::live::Attempt;
use crate::progress::CancelToken;

use super::auth::require_admin;
use super::openapi::{Conflict, Forbidden, Unauthorized};
use super::problem::Problem;
use super::query_string::Parameters;
use super::state::State;

/// What came of a reload.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ReloadAnswer {
    /// What is served now.
    generation: String,
    /// What was served before.
    previous: String,
    /// Whether they differ.
    changed: bool,
}

/// Serve the generation that CURRENT names, now
///
/// Without waiting for it to be noticed; answers when it is done. A generation that was refused before is tried again. Reloads at the
/// same time are one. The body is not looked at.
#[utoipa::path(
    post,
    path = "/api/v1/admin/reload",
    operation_id = "reload",
    tag = "administration",
    security(("token" = [])),
    responses(
        (status = 200, description = "What is served now.", body = ReloadAnswer),
        (status = 401, response = Unauthorized),
        (status = 403, response = Forbidden),
        (status = 409, response = Conflict),
    )
)]
pub(super) async fn reload(state: web::Data<State>, http: HttpRequest) -> Result<HttpResponse, Problem> {
    require_admin(&state.settings().admin, &http)?;
    Parameters::parse(http.query_string())?.finish("none")?;
    let ticket = state.live().ticket();
    // One thread at most is occupied, however many ask: the attempt of one answers for the others.
    let turn = Arc::clone(state.reloads()).lock_owned().await;
    let live = Arc::clone(state.live());
    let attempt = web::block(move || {
        let _turn = turn;
        live.reload(ticket, &CancelToken::new())
    });
    let Attempt { generation, previous, refused } =
        attempt.await.map_err(|error| Problem::internal(&error))?;
    if let Some(refusal) = refused {
        let code = if refusal.generation.is_some() { "generation_refused" } else { "no_generation" };
        let detail = format!("{refusal}; generation {generation} goes on being served");
        return Err(Problem::new(StatusCode::CONFLICT, code, detail));
    }
    let changed = generation != previous;
    Ok(HttpResponse::Ok().json(ReloadAnswer { generation, previous, changed }))
}
