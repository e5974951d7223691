//! `POST /api/v1/feedback`, `GET` and `DELETE /api/v1/feedback/{user}`: what users think of tracks. What was acknowledged
//! is on disk.

use std::collections::HashSet;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};

use crate::feedback::{FeedbackError, learn_from};
use crate::learn::{Learned, MAX_EXAMPLES};
use crate::query::QueryError;
use crate::snapshot::Snapshot;
use crate::store::{ThumbChange, UserKey};
use crate::track::TrackId;

use super::auth::refuse_other_sites;
use super::json::Json;
use super::openapi::{Forbidden, Full, NotFound, SAMPLE_ID, Unavailable};
use super::problem::Problem;
use super::query_string::Parameters;
use super::similar::aside;
use super::state::State;
use super::user::{problem, user_key};

/// What a user thinks of some tracks; it replaces what they thought of them before.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FeedbackRequest {
    /// A pseudonym that the client chooses: 1 to 128 letters, digits and any of `. _ : ~ -`, the first one a letter or a digit.
    #[schema(min_length = 1, max_length = 128, pattern = "^[A-Za-z0-9][A-Za-z0-9._:~-]*$")]
    user: String,
    /// Ids of tracks that the user likes.
    #[serde(default)]
    #[schema(max_items = 10000)]
    liked: Vec<String>,
    /// Ids of tracks that the user does not like.
    #[serde(default)]
    #[schema(max_items = 10000)]
    disliked: Vec<String>,
    /// Ids of tracks that the user thinks nothing of any more.
    #[serde(default)]
    #[schema(max_items = 10000)]
    cleared: Vec<String>,
}

/// What is kept by now.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct FeedbackAnswer {
    /// The user.
    user: String,
    /// How many tracks they like.
    n_liked: usize,
    /// How many they do not.
    n_disliked: usize,
}

/// What is known of a user.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct TasteAnswer {
    /// The generation that the weights are for.
    generation: String,
    /// The user.
    user: String,
    /// Ids of tracks they like, in order.
    #[schema(value_type = Vec<String>)]
    liked: Vec<TrackId>,
    /// Ids of tracks they do not, in order.
    #[schema(value_type = Vec<String>)]
    disliked: Vec<TrackId>,
    /// The weights of a query with this `user`; null where there is nothing to learn from.
    learned: Option<Learned>,
    /// What the asker should know.
    warnings: Vec<String>,
}

/// What was forgotten.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct ForgottenAnswer {
    /// The user.
    user: String,
    /// How many tracks they had said something about.
    n_forgotten: u64,
}

/// Thumbs up and down
///
/// Kept under the user's key; a query with `user` starts from the weights that they lead to. Once this is answered it is on disk.
#[utoipa::path(
    post,
    path = "/api/v1/feedback",
    operation_id = "giveFeedback",
    tag = "weights",
    request_body(
        content = FeedbackRequest,
        description = "The thumbs. The content type does not matter.",
        example = json!({"user": "ana", "liked": [SAMPLE_ID]}),
    ),
    responses(
        (status = 200, description = "They are kept.", body = FeedbackAnswer),
        (status = 403, response = Forbidden),
        (status = 404, response = NotFound),
        (status = 503, response = Unavailable),
        (status = 507, response = Full),
    )
)]
pub(super) async fn post(
    state: web::Data<State>,
    body: Json<FeedbackRequest>,
    http: HttpRequest,
) -> Result<HttpResponse, Problem> {
    refuse_other_sites(&http)?;
    Ok(HttpResponse::Ok().json(aside(move || give(&state, &body.0)).await?))
}

/// What is known of a user
///
/// Their thumbs, and the weights that these lead to.
#[utoipa::path(
    get,
    path = "/api/v1/feedback/{user}",
    operation_id = "showFeedback",
    tag = "weights",
    params(
        ("user" = String, Path, description = "The user's key", min_length = 1, max_length = 128,
            pattern = "^[A-Za-z0-9][A-Za-z0-9._:~-]*$", example = "ana"),
    ),
    responses(
        (status = 200, description = "What is known; empty lists where nothing is.", body = TasteAnswer),
        (status = 503, response = Unavailable),
    )
)]
pub(super) async fn get(
    state: web::Data<State>,
    user: web::Path<String>,
    http: HttpRequest,
) -> Result<HttpResponse, Problem> {
    Parameters::parse(http.query_string())?.finish("none")?;
    let user = user_key(&user)?;
    Ok(HttpResponse::Ok().json(aside(move || show(&state, &user).map_err(problem)).await?))
}

/// Forget a user
///
/// Every thumb of theirs. Once this is answered they are gone from the store; copies made before keep them.
#[utoipa::path(
    delete,
    path = "/api/v1/feedback/{user}",
    operation_id = "forgetFeedback",
    tag = "weights",
    params(
        ("user" = String, Path, description = "The user's key", min_length = 1, max_length = 128,
            pattern = "^[A-Za-z0-9][A-Za-z0-9._:~-]*$", example = "ana"),
    ),
    responses(
        (status = 200, description = "They are forgotten, or were never known.", body = ForgottenAnswer),
        (status = 403, response = Forbidden),
        (status = 503, response = Unavailable),
    )
)]
pub(super) async fn delete(
    state: web::Data<State>,
    user: web::Path<String>,
    http: HttpRequest,
) -> Result<HttpResponse, Problem> {
    refuse_other_sites(&http)?;
    Parameters::parse(http.query_string())?.finish("none")?;
    let user = user_key(&user)?;
    let forget = move || {
        let n_forgotten = state.feedback().forget(&user).map_err(problem)?;
        Ok(ForgottenAnswer { user: user.as_str().to_owned(), n_forgotten })
    };
    Ok(HttpResponse::Ok().json(aside(forget).await?))
}

fn give(state: &State, request: &FeedbackRequest) -> Result<FeedbackAnswer, Problem> {
    let user = user_key(&request.user)?;
    let change = change(&state.served().snapshot, request)?;
    let thumbs = state.feedback().change(&user, &change).map_err(problem)?;
    Ok(FeedbackAnswer {
        user: user.as_str().to_owned(),
        n_liked: thumbs.liked.len(),
        n_disliked: thumbs.disliked.len(),
    })
}

fn change(snapshot: &Snapshot, request: &FeedbackRequest) -> Result<ThumbChange, Problem> {
    let FeedbackRequest { liked, disliked, cleared, .. } = request;
    if liked.is_empty() && disliked.is_empty() && cleared.is_empty() {
        let detail = "there is nothing in `liked`, `disliked` and `cleared`: give the ids of some tracks";
        return Err(Problem::bad_request("empty_feedback", detail).at("liked"));
    }
    let mut seen = HashSet::new();
    // A track that is not served any more may still be cleared.
    let mut read = |field: &'static str, ids: &[String], is_served: &dyn Fn(&TrackId) -> bool| {
        if ids.len() > MAX_EXAMPLES {
            return Err(Problem::from(QueryError::TooMany { field, got: ids.len(), max: MAX_EXAMPLES }));
        }
        let mut read = Vec::with_capacity(ids.len());
        for (place, text) in ids.iter().enumerate() {
            let at = format!("{field}[{place}]");
            match TrackId::parse(text).ok().filter(is_served) {
                Some(id) => read.push(id),
                None => return Err(QueryError::UnknownTrack { field: at, id: text.clone() }.into()),
            }
        }
        read.sort_unstable();
        read.dedup();
        if let Some(id) = read.iter().find(|id| seen.contains(*id)) {
            let detail = format!(
                "track `{id}` is on two of the lists `liked`, `disliked` and `cleared`; leave it on one"
            );
            return Err(Problem::bad_request("contradicting_feedback", detail).at(field));
        }
        seen.extend(read.iter().cloned());
        Ok(read)
    };
    let is_served = |id: &TrackId| snapshot.find(id).is_some();
    Ok(ThumbChange {
        liked: read("liked", liked, &is_served)?,
        disliked: read("disliked", disliked, &is_served)?,
        cleared: read("cleared", cleared, &|_| true)?,
    })
}

fn show(state: &State, user: &UserKey) -> Result<TasteAnswer, FeedbackError> {
    let served = state.served();
    let thumbs = state.feedback().thumbs(user)?;
    let (learned, warnings) = match learn_from(&served.snapshot, &thumbs) {
        Ok(learned) => (Some(learned), Vec::new()),
        Err(warning) => (None, vec![warning.to_owned()]),
    };
    Ok(TasteAnswer {
        generation: served.snapshot.manifest().generation.clone(),
        user: user.as_str().to_owned(),
        liked: thumbs.liked,
        disliked: thumbs.disliked,
        learned,
        warnings,
    })
}
