//! `/openapi.json`: the native API described from the code, for programs; `/docs`: the same for people.
//!
//! ```text
//! mod.rs       what is described; the description as served
//! problems.rs  refusals: which status has which codes
//! shapes.rs    answers that no type of the server has the shape of
//! served.rs    what depends on the snapshot and the settings of the server
//! tidy.rs      plainer ways to say the same
//! docs.rs      Swagger UI
//! ```

mod docs;
mod problems;
mod served;
mod shapes;
mod tidy;

use actix_web::{HttpRequest, HttpResponse, web};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{Modify, OpenApi};

use super::problem::Problem;
use super::query_string::Parameters;
use super::state::State;
use super::{
    admin, batch, explain, feedback, health, indexes, map, metrics, problem, recall, similar, tracks,
    weights, worker,
};

pub(super) use docs::{asset, page};
pub(super) use problems::{Conflict, Forbidden, Full, NotFound, Unauthorized, Unavailable};
pub(super) use shapes::{BatchAnswer, BatchRequest, ListedId};

use served::Served;

/// Ids of the sample catalogue of `nearfield demo`, however large it is.
pub(super) const SAMPLE_ID: &str = "0UXdCDpSNfBXcZqjZtg1iB";
pub(super) const OTHER_SAMPLE_ID: &str = "0aQSBYEZUpH0MxhH2kvIBn";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "nearfield",
        description = "Music tracks by similarity, with weights that come with each request. One answer comes from one generation, \
            which it names. Every refusal is a `Problem` (RFC 9457) with a stable `code`. `HEAD` works where `GET` does; a slash \
            at the end of a path does not matter; unknown fields and parameters are refused by name.\n\n\
            Ids in examples are those of `nearfield demo`.",
        license(name = "MIT", identifier = "MIT"),
    ),
    servers((url = "/")),
    tags(
        (name = "similarity", description = "The tracks most similar to a query"),
        (name = "weights", description = "Weights from examples and from feedback"),
        (name = "tracks", description = "What is known of tracks"),
        (name = "catalogue", description = "What is served, and how good it is"),
        (name = "administration", description = "Changes what is served"),
        (name = "operation", description = "For machines that look after the server"),
    ),
    paths(
        similar::post,
        similar::get,
        batch::post,
        explain::post,
        weights::post,
        feedback::post,
        feedback::get,
        feedback::delete,
        tracks::search,
        tracks::get,
        indexes::list,
        recall::show,
        worker::show,
        map::show,
        map::points,
        map::nearest,
        admin::reload,
        health::alive,
        health::ready,
        metrics::show,
    ),
    components(
        schemas(problem::Body<'static>, ListedId),
        responses(
            problems::BadRequest,
            Unauthorized,
            Forbidden,
            NotFound,
            problems::MethodNotAllowed,
            problems::Slow,
            Conflict,
            problems::TooLarge,
            problems::Encoded,
            problems::Failed,
            Unavailable,
            Full,
        )
    ),
    modifiers(&Refusals, &Token),
)]
struct Description;

/// Refusals that need no mention: those of every query string and every body. What else a route refuses with, it says itself.
struct Refusals;

impl Modify for Refusals {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        for (path, item) in &mut description.paths.paths {
            let operations =
                [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
            for operation in operations.into_iter().flatten() {
                let mut add = |status: &str, name: &str| {
                    let refusal = RefOr::Ref(Ref::from_response_name(name));
                    operation.responses.responses.entry(status.to_owned()).or_insert(refusal);
                };
                add("500", "Failed");
                // Health and figures take any query string.
                if path.starts_with("/api/") {
                    add("400", "BadRequest");
                }
                if operation.request_body.is_some() {
                    add("408", "Slow");
                    add("413", "TooLarge");
                    add("415", "Encoded");
                }
            }
        }
    }
}

/// The token that administration takes.
struct Token;

impl Modify for Token {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        let mut scheme = Http::new(HttpAuthScheme::Bearer);
        scheme.description = Some(
            "The server's `SECRET_TOKEN`. A server without one lets whoever reaches it administer it on a loopback address, and \
             nobody on a public one."
                .to_owned(),
        );
        let components = description.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// `GET /openapi.json`
pub(super) async fn show(state: web::Data<State>, http: HttpRequest) -> Result<HttpResponse, Problem> {
    Parameters::parse(http.query_string())?.finish("none")?;
    let description = describe(&state).map_err(|error| Problem::internal(&error))?;
    Ok(HttpResponse::Ok().json(description))
}

/// The API of this server, which depends on what it serves.
fn describe(state: &State) -> serde_json::Result<serde_json::Value> {
    let served = state.served();
    let (schema, engines) = (served.snapshot.schema(), served.snapshot.built());
    complete(&Served { schema, engines, settings: state.settings() })
}

fn complete(served: &Served<'_>) -> serde_json::Result<serde_json::Value> {
    let mut description = serde_json::to_value(Description::openapi())?;
    tidy::tidy(&mut description);
    served.complete(&mut description);
    tidy::join(&mut description["components"]["schemas"]);
    Ok(description)
}

#[cfg(test)]
mod tests;
