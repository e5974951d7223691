//! `/openapi.json` and `/docs` of a running server. `tests/openapi` looks at shapes and at everything else that is described.

use serde_json::Value;

use crate::fixture::shared;
use crate::server::{Answer, Server, nearfield};

const TOKEN: &str = "of this test";

/// A server, and where it keeps feedback.
fn serving() -> (Server, tempfile::TempDir) {
    let store = tempfile::tempdir().unwrap();
    let mut command = nearfield(shared());
    command.args(["serve", "--indexes", ".", "--bind", "127.0.0.1:0", "--max-k", "500"]);
    command.env("SECRET_TOKEN", TOKEN);
    command.env("NEARFIELD_STORE", format!("lmdb:{}", store.path().join("catalogue").display()));
    (Server::of(command), store)
}

/// The path of an operation with the examples of its parameters.
fn filled(path: &str, operation: &Value) -> String {
    let mut path = path.to_owned();
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let name = parameter["name"].as_str().unwrap();
        let example = match &parameter["example"] {
            Value::Null => continue,
            Value::String(text) => text.clone(),
            Value::Array(parts) => {
                parts.iter().map(|part| part.as_str().unwrap()).collect::<Vec<_>>().join(",")
            }
            other => other.to_string(),
        };
        match parameter["in"].as_str().unwrap() {
            "path" => path = path.replace(&format!("{{{name}}}"), &example),
            _ => path = format!("{path}{}{name}={example}", if path.contains('?') { '&' } else { '?' }),
        }
    }
    path
}

#[test]
fn every_example_is_answered_as_described() {
    let (server, _store) = serving();
    server.until("/readyz", |answer| answer.status == 200);
    let description = server.get("/openapi.json").ok();
    assert!(description["openapi"].as_str().unwrap().starts_with("3.1"));
    assert_eq!(description["info"]["version"], env!("CARGO_PKG_VERSION"));
    let mut n_asked = 0;
    let mut check = |what: &str, answer: Answer| {
        assert_eq!(answer.status, 200, "{what}: {}", answer.text);
        n_asked += 1;
    };
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let what = format!("{method} {path}");
            let path = filled(path, operation);
            assert!(!path.contains('{'), "{what}: a parameter of the path has no example");
            let content = &operation["requestBody"]["content"]["application/json"];
            let examples = content["examples"].as_object().into_iter().flatten();
            let bodies = examples.map(|(_, example)| &example["value"]).chain(content.get("example"));
            let bodies: Vec<&Value> = bodies.collect();
            match (method.as_str(), operation.get("requestBody")) {
                ("get", None) => check(&what, server.get(&path)),
                ("post", None) => check(&what, server.post_as(&path, Some(TOKEN))),
                ("delete", None) => check(&what, server.delete(&path)),
                ("post", Some(_)) => {
                    assert!(!bodies.is_empty(), "{what}: no example of a body");
                    bodies.iter().for_each(|body| check(&what, server.post(&path, &body.to_string())));
                }
                other => panic!("{what}: {other:?}"),
            }
        }
    }
    assert!(n_asked >= 12, "{n_asked}");
}

#[test]
fn the_description_is_that_of_this_server() {
    let (server, _store) = serving();
    let description = server.get("/openapi.json").ok();
    assert_eq!(description["components"]["schemas"]["SimilarRequest"]["properties"]["k"]["maximum"], 500);
    assert_eq!(server.head("/openapi.json").status, 200);
    server.get("/openapi.json?x=1").refused("x", 400, "unknown_parameter", "x");
    server.post("/openapi.json", "").refused("POST", 405, "method_not_allowed", "");
}

#[test]
fn the_pages_for_people_are_all_here() {
    let (server, _store) = serving();
    for path in ["/docs", "/docs/", "/docs/index.html"] {
        let page = server.get(path);
        assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"), "{path}");
        assert!(!page.text.contains("http"), "nothing is fetched from elsewhere: {}", page.text);
        let head = server.head(path);
        assert_eq!((head.status, head.text.as_str()), (200, ""), "{path}");
        // Addresses of what it needs, relative to its base.
        assert!(page.text.contains("<base href=\"/docs/\">"));
        let needs = page.text.split('"').filter(|text| text.ends_with(".js") || text.ends_with(".css"));
        let needs: Vec<&str> = needs.map(|text| text.trim_start_matches("./")).collect();
        assert!(needs.len() >= 5, "{needs:?}");
        for name in needs {
            let asset = server.get(&format!("/docs/{name}"));
            assert_eq!(asset.status, 200, "{name}");
            let kind = if name.ends_with(".js") { "text/javascript" } else { "text/css" };
            assert_eq!(asset.header("content-type"), kind, "{name}");
        }
    }
    let script = server.get("/docs/swagger-initializer.js").text;
    assert!(script.contains("/openapi.json") && script.contains("\"validatorUrl\": \"none\""), "{script}");
    server.get("/docs/nothing.js").refused("no such file", 404, "not_found", "");
    server.get("/docs/../Cargo.toml").refused("no such file", 404, "not_found", "");
    server.post("/docs", "").refused("POST", 405, "method_not_allowed", "");
}
