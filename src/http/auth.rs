//! Who may administer the server: whoever knows the token, or on a loopback address without a token, whoever reaches it. And
//! pages of other sites, which may change nothing.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, HOST, ORIGIN};

use crate::config::{Secret, TOKEN_VARIABLE};

use super::problem::Problem;

/// Who may administer the server.
#[derive(Clone, Debug, PartialEq)]
pub enum AdminAccess {
    /// Whoever sends this token.
    Token(Secret),
    /// Everybody: the server can only be reached from its own machine.
    Local,
    /// Nobody: there is no token, and others reach the server.
    Closed,
}

/// Lets a request pass that may administer the server.
pub(super) fn require_admin(access: &AdminAccess, request: &HttpRequest) -> Result<(), Problem> {
    let forbidden = |code, detail: String| Err(Problem::new(StatusCode::FORBIDDEN, code, detail));
    let header = |name| request.headers().get(name).map(|value| value.as_bytes());
    match access {
        AdminAccess::Token(token) => match header(AUTHORIZATION).map(bearer) {
            Some(Some(given)) if is_same(given, token.reveal().as_bytes()) => Ok(()),
            Some(_) => Err(Problem::unauthorized("wrong_token", "the token is not the one of this server")),
            None => {
                let detail =
                    format!("this takes the server's {TOKEN_VARIABLE}: `Authorization: Bearer TOKEN`");
                Err(Problem::unauthorized("token_missing", detail))
            }
        },
        // A page of another site may send requests to this machine from the browser of its user.
        AdminAccess::Local if header(ORIGIN).is_some_and(|origin| !is_local(origin)) => {
            let detail = format!("pages of other sites may not administer this server; set {TOKEN_VARIABLE}");
            forbidden("foreign_origin", detail)
        }
        AdminAccess::Local => Ok(()),
        AdminAccess::Closed => {
            let detail = format!(
                "this server can be reached from other machines and has no token: set {TOKEN_VARIABLE} to administer it"
            );
            forbidden("admin_closed", detail)
        }
    }
}

/// Refuses what a page of another site sends from the browser of whoever looks at it. A page of this server, of this machine,
/// and whatever is no page at all may pass.
pub(super) fn refuse_other_sites(request: &HttpRequest) -> Result<(), Problem> {
    let header = |name: &str| request.headers().get(name).map(|value| value.as_bytes());
    // Set by browsers alone; it holds where a proxy names another host.
    let site = header("sec-fetch-site");
    let is_foreign = match header(ORIGIN.as_str()) {
        None => site == Some(b"cross-site"),
        Some(origin) => {
            site != Some(b"same-origin") && !is_local(origin) && !is_of(origin, header(HOST.as_str()))
        }
    };
    if !is_foreign {
        return Ok(());
    }
    let detail = "pages of other sites may not change feedback; send it from the server of that site";
    Err(Problem::new(StatusCode::FORBIDDEN, "foreign_origin", detail))
}

/// Whether a page comes from the host that the request is sent to.
fn is_of(origin: &[u8], host: Option<&[u8]>) -> bool {
    let authority = origin.windows(3).position(|part| part == b"://").map(|place| &origin[place + 3..]);
    authority.is_some_and(|authority| host.is_some_and(|host| authority.eq_ignore_ascii_case(host)))
}

/// The token of an `Authorization` header.
fn bearer(header: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = header.split_at_checked(b"Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

/// Takes the same time wherever the two differ: hashes are compared, in constant time.
fn is_same(given: &[u8], token: &[u8]) -> bool {
    blake3::hash(given) == blake3::hash(token.trim_ascii())
}

/// Whether a page comes from this machine.
fn is_local(origin: &[u8]) -> bool {
    let Some((_, authority)) = str::from_utf8(origin).ok().and_then(|origin| origin.split_once("://")) else {
        return false;
    };
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => authority.split(':').next(),
    };
    host.is_some_and(|host| host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn check(access: &AdminAccess, headers: &[(&'static str, &str)], expected: Result<(), &str>) {
        let request =
            headers.iter().fold(TestRequest::post(), |request, header| request.insert_header(*header));
        let found = require_admin(access, &request.to_http_request());
        assert_eq!(found.map_err(|problem| problem.code()), expected, "{headers:?}");
    }

    #[test]
    fn a_token_is_asked_for() {
        let access = AdminAccess::Token(Secret::new("hunter2\n").unwrap());
        check(&access, &[("Authorization", "Bearer hunter2")], Ok(()));
        check(&access, &[("Authorization", "bearer  hunter2 ")], Ok(()));
        check(&access, &[], Err("token_missing"));
        for wrong in ["Bearer hunter", "Bearer hunter22", "Bearer ", "Bearer", "hunter2", "Basic hunter2", ""]
        {
            check(&access, &[("Authorization", wrong)], Err("wrong_token"));
        }
        check(&access, &[("Origin", "http://localhost:8080")], Err("token_missing"));
    }

    #[test]
    fn pages_of_other_sites_are_told_from_ones_own() {
        let check = |headers: &[(&'static str, &str)], is_refused: bool| {
            let request =
                headers.iter().fold(TestRequest::post(), |request, header| request.insert_header(*header));
            let found = refuse_other_sites(&request.to_http_request());
            assert_eq!(found.is_err(), is_refused, "{headers:?}");
        };
        check(&[], false);
        check(&[("Sec-Fetch-Site", "none")], false);
        check(&[("Sec-Fetch-Site", "cross-site")], true);
        let host = ("Host", "Music.example:8080");
        check(&[host, ("Origin", "https://music.example:8080")], false);
        check(&[host, ("Origin", "http://localhost:3000"), ("Sec-Fetch-Site", "cross-site")], false);
        check(&[host, ("Origin", "https://other.example")], true);
        check(&[host, ("Origin", "https://music.example")], true);
        check(&[host, ("Origin", "https://app.music.example"), ("Sec-Fetch-Site", "same-site")], true);
        check(&[host, ("Origin", "null")], true);
        // Behind a proxy that names the host it knows.
        check(
            &[("Host", "backend:80"), ("Origin", "https://music.example"), ("Sec-Fetch-Site", "same-origin")],
            false,
        );
    }

    #[test]
    fn without_a_token_only_this_machine_may() {
        check(&AdminAccess::Closed, &[], Err("admin_closed"));
        check(&AdminAccess::Closed, &[("Authorization", "Bearer x")], Err("admin_closed"));
        check(&AdminAccess::Local, &[], Ok(()));
        for origin in ["http://localhost:8080", "http://127.0.0.1", "https://[::1]:8080"] {
            check(&AdminAccess::Local, &[("Origin", origin)], Ok(()));
        }
        for origin in ["https://example.com", "http://localhost.example.com", "null", "http://192.0.2.1:80"] {
            check(&AdminAccess::Local, &[("Origin", origin)], Err("foreign_origin"));
        }
    }
}
