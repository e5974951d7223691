//! `GET /` for browsers and `GET /assets/{name}`: the page, compiled into the program.
//!
//! ```text
//! mod.rs     what is served how: types, revalidation, what the page may load
//! assets.rs  the files, and what holds for all of them
//! assets/    plain HTML, CSS and JavaScript modules, served as they are
//! ```

mod assets;

use actix_web::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH,
    REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpRequest, HttpResponse, web};

use super::problem::Problem;
use super::root;
use super::state::State;

use assets::Asset;

/// What the page may load: itself. Album images come from where the catalogue says, and nothing else leaves this server.
const POLICY: &str = "default-src 'self'; img-src 'self' https: data:; object-src 'none'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// `GET /`: the page, or for programs that ask for JSON what is served and where it is described.
pub(super) async fn show(state: web::Data<State>, http: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut response =
        if wants_json(http.headers()) { root::show(&state, &http)? } else { answer(assets::index(), &http) };
    response.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
    Ok(response)
}

/// `GET /assets/{name}`
pub(super) async fn asset(name: web::Path<String>, http: HttpRequest) -> Result<HttpResponse, Problem> {
    let asset = assets::find(&name).ok_or_else(|| Problem::not_found(http.path()))?;
    Ok(answer(asset, &http))
}

/// Names of files do not change with their contents, so browsers ask each time, and are told that nothing changed.
fn answer(asset: &Asset, http: &HttpRequest) -> HttpResponse {
    let tag = asset.tag();
    let mut response =
        if has_tag(http.headers(), &tag) { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header((ETAG, tag.as_str()))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((REFERRER_POLICY, "no-referrer"));
    if has_tag(http.headers(), &tag) {
        return response.finish();
    }
    response.content_type(asset.content_type()).body(asset.body())
}

/// Whether JSON is asked for, and HTML is not. Browsers ask for HTML; a program that does not say gets the page, too.
fn wants_json(headers: &HeaderMap) -> bool {
    let accepted = |what: &str| {
        let values = headers.get_all(ACCEPT).filter_map(|value| value.to_str().ok());
        let mut types = values.flat_map(|value| value.split(',')).filter_map(|part| part.split(';').next());
        types.any(|name| name.trim().eq_ignore_ascii_case(what))
    };
    accepted("application/json") && !accepted("text/html")
}

fn has_tag(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(IF_NONE_MATCH).filter_map(|value| value.to_str().ok());
    let mut tags =
        values.flat_map(|value| value.split(',')).map(|known| known.trim().trim_start_matches("W/"));
    tags.any(|known| known == tag || known == "*")
}

#[cfg(test)]
mod tests {
    use actix_web::body::{BodySize, MessageBody};
    use actix_web::test::TestRequest;

    use super::*;

    fn request(headers: &[(&'static str, &str)]) -> HttpRequest {
        let request =
            headers.iter().fold(TestRequest::get(), |request, header| request.append_header(*header));
        request.to_http_request()
    }

    #[test]
    fn json_is_for_those_who_ask_for_it() {
        for (accept, expected) in [
            ("application/json", true),
            ("Application/JSON;q=0.9, */*", true),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", false),
            ("application/json, text/html", false),
            ("*/*", false),
        ] {
            assert_eq!(wants_json(request(&[("accept", accept)]).headers()), expected, "{accept}");
        }
        assert!(!wants_json(request(&[]).headers()));
    }

    #[test]
    fn what_is_known_is_not_sent_again() {
        let asset = assets::index();
        let whole = answer(asset, &request(&[]));
        assert_eq!(
            (whole.status().as_u16(), whole.body().size()),
            (200, BodySize::Sized(asset.body().len() as u64))
        );
        assert_eq!(whole.headers().get(ETAG).unwrap().to_str().unwrap(), asset.tag());
        for known in [asset.tag(), format!("\"other\", W/{}", asset.tag()), "*".into()] {
            let response = answer(asset, &request(&[("if-none-match", &known)]));
            assert_eq!(
                (response.status().as_u16(), response.body().size()),
                (304, BodySize::Sized(0)),
                "{known}"
            );
            assert_eq!(response.headers().get(CONTENT_SECURITY_POLICY).unwrap(), POLICY);
        }
        assert_eq!(answer(asset, &request(&[("if-none-match", "\"other\"")])).status().as_u16(), 200);
    }
}
