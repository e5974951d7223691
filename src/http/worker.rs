//! `GET /api/v1/worker`: how refreshing the catalogue stands, from the file that the worker leaves beside the snapshot.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;

use crate::worker::{WorkerStatus, read_status};

use super::problem::Problem;
use super::query_string::Parameters;
use super::state::State;

/// How the worker stands.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(untagged)]
#[schema(as = WorkerAnswer)]
enum Status {
    /// It ran.
    Known(Box<WorkerStatus>),
    /// No worker ever ran.
    NeverRun {
        /// `never_run`
        #[schema(pattern = "^never_run$")]
        state: &'static str,
    },
}

/// How refreshing the catalogue stands
///
/// What `nearfield worker` says of itself, from the file it leaves beside the served snapshot after every step.
#[utoipa::path(
    get,
    path = "/api/v1/worker",
    operation_id = "worker",
    tag = "catalogue",
    responses(
        (status = 200, description = "Its status.", body = Status),
    )
)]
pub(super) async fn show(state: web::Data<State>, http: HttpRequest) -> Result<HttpResponse, Problem> {
    Parameters::parse(http.query_string())?.finish("none")?;
    let status = status(&state).await?.map(|status| Status::Known(Box::new(status)));
    Ok(HttpResponse::Ok().json(status.unwrap_or(Status::NeverRun { state: "never_run" })))
}

/// The status of the worker of the served snapshot; `None` where there never was one, or its file cannot be read.
pub(super) async fn status(state: &web::Data<State>) -> Result<Option<WorkerStatus>, Problem> {
    let live = Arc::clone(state.live());
    let read = web::block(move || {
        let now_ms = jiff::Timestamp::now().as_millisecond();
        // Nobody's query depends on it, so a damaged file is a line in the log.
        read_status(live.directory(), now_ms).unwrap_or_else(|error| {
            tracing::warn!("{error}");
            None
        })
    });
    read.await.map_err(|error| Problem::internal(&error))
}
