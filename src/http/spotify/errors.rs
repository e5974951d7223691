//! Problems in Spotify's shape: `{"error": {"status": 404, "message": "..."}}`.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::middleware::Next;
use serde_json::json;

use super::super::problem::Problem;

/// Gives whatever went wrong Spotify's shape; status and headers stay. What a handler answers on purpose is left alone.
pub(super) async fn reshape(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let response = next.call(request).await?;
    let Some(error) = response.response().error() else {
        return Ok(response.map_into_boxed_body());
    };
    let message = match error.as_error::<Problem>() {
        Some(problem) => problem.detail().to_owned(),
        None => error.to_string(),
    };
    let body = json!({"error": {"status": response.status().as_u16(), "message": message}});
    let mut response = response.map_body(|_, _| body.to_string());
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    Ok(response.map_into_boxed_body())
}
