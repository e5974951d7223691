//! Addresses in answers: those that this server answers are its own, as the client called it.

use actix_web::HttpRequest;
use actix_web::http::header::HOST;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Where the Web API is, as the client sees it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Links {
    /// `http://HOST:PORT/spotify/v1`
    base: String,
}

impl Links {
    /// By the `Host` a request was sent to; `X-Forwarded-Proto` says whether a proxy in front speaks TLS. What is no host goes
    /// into no link.
    pub fn of(request: &HttpRequest) -> Self {
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        let host = header(HOST.as_str()).or_else(|| request.uri().authority().map(|host| host.as_str()));
        let host = host.filter(|host| is_host(host)).unwrap_or("localhost");
        let scheme = if header("x-forwarded-proto") == Some("https") { "https" } else { "http" };
        Self { base: format!("{scheme}://{host}/spotify/v1") }
    }

    /// The address of a track.
    pub fn track(&self, id: &str) -> String {
        format!("{}/tracks/{}", self.base, encode(id))
    }

    /// A page of a search for tracks.
    pub fn search(&self, query: &str, limit: usize, offset: usize) -> String {
        format!("{}/search?q={}&type=track&limit={limit}&offset={offset}", self.base, encode(query))
    }
}

/// Percent-encoded for a path or a query.
pub(super) fn encode(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Whether this is a name or an address with or without a port, and nothing else.
fn is_host(host: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    !host.is_empty() && host.len() <= 255 && host.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn check(headers: &[(&'static str, &str)], expected: &str) {
        let request =
            headers.iter().fold(TestRequest::get(), |request, header| request.insert_header(*header));
        assert_eq!(Links::of(&request.to_http_request()).track("a/b"), format!("{expected}/tracks/a%2Fb"));
    }

    #[test]
    fn links_lead_back_to_where_the_client_came() {
        check(&[("Host", "127.0.0.1:8080")], "http://127.0.0.1:8080/spotify/v1");
        check(&[("Host", "[::1]:80")], "http://[::1]:80/spotify/v1");
        check(&[("Host", "a.example"), ("X-Forwarded-Proto", "https")], "https://a.example/spotify/v1");
        check(&[("Host", "a.example"), ("X-Forwarded-Proto", "javascript")], "http://a.example/spotify/v1");
        for hostile in ["evil.example/path?", "a b", "user@evil.example", ""] {
            check(&[("Host", hostile)], "http://localhost/spotify/v1");
        }
    }
}
