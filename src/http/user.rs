//! `"user"` of a query: whose feedback gives its weights.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web;

use crate::feedback::FeedbackError;
use crate::query::SimilarRequest;
use crate::snapshot::Snapshot;
use crate::store::{StoreError, UserKey};

use super::problem::Problem;
use super::similar::aside;
use super::state::{Served, State};

/// The request with what the feedback of its user came to, if it names one. Where that is not in memory the store is
/// asked, on the blocking pool.
pub(super) async fn with_weights(
    state: &web::Data<State>,
    served: &Arc<Served>,
    mut request: SimilarRequest,
) -> Result<SimilarRequest, Problem> {
    let Some(user) = key_of(&request)? else { return Ok(request) };
    if let Some(known) = state.feedback().weights_here(&user, &served.snapshot) {
        request.user_weights = Some(known);
        return Ok(request);
    }
    let (state, served) = (state.clone(), Arc::clone(served));
    let look_up = move || {
        let found = state.feedback().weights(&user, &served.snapshot);
        found.map_err(|error| problem(error).at("user"))
    };
    request.user_weights = Some(aside(look_up).await?);
    Ok(request)
}

/// The same on this thread, which may wait.
pub(super) fn set_weights(
    state: &State,
    snapshot: &Snapshot,
    request: &mut SimilarRequest,
) -> Result<(), Problem> {
    let Some(user) = key_of(request)? else { return Ok(()) };
    let found = state.feedback().weights(&user, snapshot);
    request.user_weights = Some(found.map_err(|error| problem(error).at("user"))?);
    Ok(())
}

fn key_of(request: &SimilarRequest) -> Result<Option<UserKey>, Problem> {
    request.user.as_deref().map(user_key).transpose()
}

/// A user's key as given.
pub(super) fn user_key(text: &str) -> Result<UserKey, Problem> {
    UserKey::parse(text).map_err(|error| Problem::bad_request("invalid_user", error.to_string()).at("user"))
}

/// What is wrong with feedback, for whoever asked.
pub(super) fn problem(error: FeedbackError) -> Problem {
    let unavailable =
        |detail: &str, retry| Problem::unavailable("feedback_unavailable", detail, Vec::new(), retry);
    match error {
        FeedbackError::Off => unavailable(
            "this server keeps no feedback: start it with --store, or give `weights` in place of `user`",
            false,
        ),
        FeedbackError::Paused => {
            unavailable("feedback cannot be read or kept now; ask again in a moment", true)
        }
        FeedbackError::Store(error @ StoreError::TooManyThumbs { .. }) => {
            Problem::bad_request("too_many_thumbs", error.to_string()).at("liked")
        }
        FeedbackError::Store(error @ StoreError::FeedbackFull { .. }) => {
            tracing::warn!("feedback: {error}");
            let detail = "this server keeps as much feedback as it may; what it has can be changed or cleared, and its operator \
                 can raise max_feedback";
            Problem::new(StatusCode::INSUFFICIENT_STORAGE, "feedback_full", detail)
        }
        FeedbackError::Store(error @ StoreError::Thumb) => {
            tracing::error!("feedback: {error}");
            unavailable(
                "what is kept of this user is damaged; forget them (DELETE), or let the nearfield that wrote it answer",
                false,
            )
        }
        FeedbackError::Store(error) => {
            tracing::error!("feedback: {error}{}", causes(&error));
            unavailable(
                "feedback cannot be read or kept now: the server's log says why; ask again in a moment",
                true,
            )
        }
    }
}

fn causes(error: &dyn std::error::Error) -> String {
    let mut text = String::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}
