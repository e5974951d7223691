//! `POST /api/v1/weights/infer`: what tracks that somebody likes have in common, as weights.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::Serialize;

use crate::learn::{InferRequest, LearnError, Learned, infer};

use super::json::Json;
use super::openapi::{NotFound, OTHER_SAMPLE_ID, SAMPLE_ID};
use super::problem::Problem;
use super::similar::aside;
use super::state::State;

/// Learned weights, and of which generation.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct InferAnswer {
    /// The generation whose tracks were compared.
    pub generation: String,
    #[serde(flatten)]
    pub learned: Learned,
}

/// Weights from examples
///
/// What the liked tracks have in common counts more. The weights can be used in a query as they are, or edited first.
#[utoipa::path(
    post,
    path = "/api/v1/weights/infer",
    operation_id = "inferWeights",
    tag = "weights",
    request_body(
        content = InferRequest,
        description = "The examples. The content type does not matter.",
        example = json!({"liked": [SAMPLE_ID, OTHER_SAMPLE_ID]}),
    ),
    responses(
        (status = 200, description = "The weights.", body = InferAnswer),
        (status = 404, response = NotFound),
    )
)]
pub(super) async fn post(state: web::Data<State>, body: Json<InferRequest>) -> Result<HttpResponse, Problem> {
    let served = state.served();
    // Thousands of examples take milliseconds.
    let learn = move || {
        let learned = infer(&served.snapshot, &body.0)?;
        Ok(InferAnswer { generation: served.snapshot.manifest().generation.clone(), learned })
    };
    Ok(HttpResponse::Ok().json(aside(learn).await?))
}

impl From<LearnError> for Problem {
    fn from(error: LearnError) -> Self {
        let status = match &error {
            LearnError::UnknownTrack { .. } => StatusCode::NOT_FOUND,
            LearnError::NothingLiked
            | LearnError::TooMany { .. }
            | LearnError::Both { .. }
            | LearnError::UnknownProfile { .. }
            | LearnError::EmptyProfile { .. } => StatusCode::BAD_REQUEST,
        };
        Self::new(status, error.code(), error.to_string()).at(error.field())
    }
}
