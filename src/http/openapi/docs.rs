//! `/docs`: Swagger UI, from the binary, with nothing from elsewhere.

use std::sync::{Arc, LazyLock};

use actix_web::{HttpRequest, HttpResponse, web};
use utoipa_swagger_ui::Config;

use super::super::problem::Problem;

static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    let config = Config::new(["/openapi.json"]).display_request_duration(true).try_it_out_enabled(true);
    // Else it would send the description to a validator on the internet.
    Arc::new(config.validator_url("none"))
});

/// `GET /docs`
pub(in crate::http) async fn page() -> Result<HttpResponse, Problem> {
    let file = utoipa_swagger_ui::serve("index.html", Arc::clone(&CONFIG));
    let file = file.map_err(|error| Problem::internal(&error))?;
    let file = file.ok_or_else(|| Problem::internal(&"Swagger UI has no page"))?;
    // A slash at the end does not matter here, but it would to relative addresses.
    let page =
        String::from_utf8_lossy(&file.bytes).replacen("<head>", "<head>\n    <base href=\"/docs/\">", 1);
    let page = page.replacen("<title>Swagger UI</title>", "<title>nearfield: the HTTP API</title>", 1);
    Ok(HttpResponse::Ok().content_type("text/html; charset=utf-8").body(page))
}

/// `GET /docs/{file}`
pub(in crate::http) async fn asset(
    file: web::Path<String>,
    http: HttpRequest,
) -> Result<HttpResponse, Problem> {
    if *file == "index.html" {
        return page().await;
    }
    let found =
        utoipa_swagger_ui::serve(&file, Arc::clone(&CONFIG)).map_err(|error| Problem::internal(&error))?;
    let found = found.ok_or_else(|| Problem::not_found(http.path()))?;
    Ok(HttpResponse::Ok().content_type(found.content_type).body(found.bytes.into_owned()))
}
