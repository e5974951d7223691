//! The page at `/`, as a browser asks for it. What happens on it is tested in a browser (`tests/browser`).

use crate::server::Server;

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

#[test]
fn browsers_get_the_page_and_all_it_names() {
    let server = Server::start();
    let page = server.get_with("/", "accept", BROWSER);
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(page.text.starts_with("<!doctype html>"));
    let assets: Vec<&str> = page.text.split('"').filter(|part| part.starts_with("/assets/")).collect();
    assert!(assets.len() >= 5, "{assets:?}");
    for path in [&["/"], &assets[..]].concat() {
        let answer = server.get_with(path, "accept", BROWSER);
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.header("content-security-policy").starts_with("default-src 'self';"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("cache-control"), "no-cache", "{path}");
        let known = server.get_with(path, "if-none-match", answer.header("etag"));
        assert_eq!((known.status, known.text.as_str()), (304, ""), "{path}");
        let head = server.head(path);
        assert_eq!((head.status, head.text.as_str()), (200, ""), "{path}");
        assert_eq!(head.header("content-length"), answer.text.len().to_string(), "{path}");
    }
    assert_eq!(server.get("/assets/main.js").header("content-type"), "text/javascript; charset=utf-8");
    // The page is for whoever does not ask for JSON.
    assert_eq!(server.get("/").text, page.text);
    server.get("/assets/none.js").refused("none.js", 404, "not_found", "");
    server.get("/assets/../mod.rs").refused("mod.rs", 404, "not_found", "");
    server.post("/assets/main.js", "").refused("POST", 405, "method_not_allowed", "");
}
