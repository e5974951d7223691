//! The HTTP server. Handlers never touch a file of an index: they ask [`crate::snapshot`] and [`crate::query`].
//!
//! ```text
//! state.rs         what all requests share
//! problem.rs       application/problem+json; which error has which status
//! json.rs          request bodies: size, time, and the path of what is wrong
//! query_string.rs  the parameters of GET requests
//! metrics.rs       /metrics, and the middleware that counts requests
//! health.rs        /healthz, /readyz
//! similar.rs       POST /api/v1/similar, GET /api/v1/similar/{id}
//! cached.rs        the same through the cache
//! pieces.rs        an answer's JSON as it is cached
//! cache_status.rs  what the cache did, as a header
//! similar_form.rs  parameters of the latter -> a query
//! batch.rs         POST /api/v1/similar/batch
//! batch_body.rs    its body -> queries
//! batch_parts.rs   what was found -> its answer
//! explain.rs       POST /api/v1/explain
//! stream.rs        large answers, a part at a time
//! tracks.rs        /api/v1/tracks/{id}, /api/v1/tracks?q=
//! map.rs           /api/v1/map
//! weights.rs       POST /api/v1/weights/infer
//! feedback.rs      /api/v1/feedback
//! user.rs          whose feedback a query starts from
//! indexes.rs       /api/v1/indexes
//! recall.rs        /api/v1/recall
//! admin.rs         /api/v1/admin/reload
//! auth.rs          who may administer the server
//! worker.rs        /api/v1/worker
//! worker_metrics.rs  what /metrics says of the worker
//! openapi/         /openapi.json, /docs
//! root.rs          / as JSON
//! page/            / for browsers, /assets/{name}
//! spotify/         /spotify: what clients of Spotify ask for
//! ```
//!
//! One request, one generation: a handler loads the served generation once and answers from it, whatever is swapped in
//! meanwhile. Cheap searches run on the thread of the request; scans, title searches and whatever reads files run on
//! the blocking pool, so that they do not stall other requests.

mod admin;
mod auth;
mod batch;
mod batch_body;
mod batch_parts;
mod cache_status;
mod cached;
mod explain;
mod feedback;
mod health;
mod indexes;
mod json;
mod map;
mod metrics;
mod openapi;
mod page;
mod pieces;
mod problem;
mod query_string;
mod recall;
mod root;
mod similar;
mod similar_form;
mod spotify;
mod state;
mod stream;
mod tracks;
mod user;
mod weights;
mod worker;
mod worker_metrics;

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use actix_web::dev::Handler;
use actix_web::middleware::{NormalizePath, TrailingSlash, from_fn};
use actix_web::{App, FromRequest, HttpRequest, HttpResponse, HttpServer, Resource, Responder, guard, web};

use crate::progress::CancelToken;

pub use auth::AdminAccess;
pub use problem::Problem;
pub use state::{Served, Settings, State};

/// Threads for scans and file reads per worker: enough that short ones pass by long ones, few enough that the memory
/// of many large answers is bounded.
const BLOCKING_THREADS: usize = 16;
/// How long a closing connection may take to read the last answer.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Serves on `listener` until `shutdown` is cancelled; then accepts nothing more, lets running requests end (for at
/// most the shutdown timeout) and returns.
pub fn run(listener: TcpListener, state: web::Data<State>, shutdown: CancelToken) -> io::Result<()> {
    let settings = state.settings().clone();
    let app_state = state.clone();
    let server = HttpServer::new(move || {
        App::new()
            .app_data(app_state.clone())
            .wrap(NormalizePath::new(TrailingSlash::Trim))
            .wrap(from_fn(metrics::count))
            .configure(routes)
            .service(spotify::scope())
            .default_service(web::to(not_found))
    })
    .worker_max_blocking_threads(BLOCKING_THREADS)
    .client_request_timeout(settings.request_timeout)
    .client_disconnect_timeout(DISCONNECT_TIMEOUT)
    .keep_alive(settings.keep_alive)
    // A client that closes its side has gone away: its batch is not searched for any more.
    .h1_allow_half_closed(false)
    .shutdown_timeout(settings.shutdown_timeout.as_secs())
    .shutdown_signal(async move { shutdown.asked().await })
    .tcp_nodelay(true);
    let server = match settings.workers {
        0 => server,
        workers => server.workers(workers),
    };
    let server = server.listen(listener)?;
    actix_web::rt::System::new().block_on(server.run())
}

/// Takes routes: the server, or whoever wants to know which there are.
trait Routes {
    fn service(&mut self, route: Route) -> &mut Self;
}

impl Routes for web::ServiceConfig {
    fn service(&mut self, route: Route) -> &mut Self {
        // The inherent method of the same name.
        Self::service(self, route.resource)
    }
}

/// A resource with the methods that it answers.
#[cfg_attr(not(test), expect(dead_code, reason = "the description is compared with paths and methods"))]
struct Route {
    path: String,
    /// As `Allow` lists them.
    methods: &'static str,
    resource: Resource,
}

fn routes(config: &mut impl Routes) {
    config
        .service(read("/", page::show))
        .service(read("/assets/{name}", page::asset))
        .service(read("/openapi.json", openapi::show))
        .service(read("/docs", openapi::page))
        .service(read("/docs/{file:.+}", openapi::asset))
        .service(read("/healthz", health::alive))
        .service(read("/readyz", health::ready))
        .service(read("/metrics", metrics::show))
        .service(write("/api/v1/similar", similar::post))
        // Before the pattern that it matches.
        .service(write("/api/v1/similar/batch", batch::post))
        .service(read("/api/v1/similar/{id}", similar::get))
        .service(write("/api/v1/explain", explain::post))
        .service(read("/api/v1/tracks", tracks::search))
        .service(read("/api/v1/tracks/{id}", tracks::get))
        .service(read("/api/v1/map", map::show))
        .service(read("/api/v1/map/points", map::points))
        .service(read("/api/v1/map/nearest", map::nearest))
        .service(write("/api/v1/weights/infer", weights::post))
        .service(write("/api/v1/feedback", feedback::post))
        .service(kept("/api/v1/feedback/{user}", feedback::get, feedback::delete))
        .service(read("/api/v1/indexes", indexes::list))
        .service(read("/api/v1/recall", recall::show))
        .service(write("/api/v1/admin/reload", admin::reload))
        .service(read("/api/v1/worker", worker::show));
}

/// A resource that is read: GET and HEAD.
fn read<F, Args>(path: &str, handler: F) -> Route
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    route(path, "GET, HEAD", vec![reading(handler)])
}

/// A resource that is read and deleted.
fn kept<R, ReadArgs, D, DeleteArgs>(path: &str, read: R, delete: D) -> Route
where
    R: Handler<ReadArgs>,
    ReadArgs: FromRequest + 'static,
    R::Output: Responder + 'static,
    D: Handler<DeleteArgs>,
    DeleteArgs: FromRequest + 'static,
    D::Output: Responder + 'static,
{
    route(path, "GET, HEAD, DELETE", vec![reading(read), web::delete().to(delete)])
}

/// A resource that is posted to.
fn write<F, Args>(path: &str, handler: F) -> Route
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    route(path, "POST", vec![web::post().to(handler)])
}

fn reading<F, Args>(handler: F) -> actix_web::Route
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::route().guard(guard::Any(guard::Get()).or(guard::Head())).to(handler)
}

fn route(path: &str, methods: &'static str, handlers: Vec<actix_web::Route>) -> Route {
    let refuse = move |request: HttpRequest| {
        let problem = Problem::method_not_allowed(request.method().as_str(), request.path(), methods);
        async move { Err::<HttpResponse, Problem>(problem) }
    };
    let resource = web::resource(path.to_owned()).default_service(web::to(refuse));
    let resource = handlers.into_iter().fold(resource, Resource::route);
    Route { path: path.to_owned(), methods, resource }
}

async fn not_found(request: HttpRequest) -> Result<HttpResponse, Problem> {
    Err(Problem::not_found(request.path()))
}
