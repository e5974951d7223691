//! That the description says what the server does. Examples and shapes are compared with a running server in
//! `tests/it/openapi.rs` and `tests/openapi`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::feature::Schema;
use crate::http::{Route, Routes, Settings, routes};
use crate::index::EngineKind;

/// Not described: for people (the page, `/docs`), or the description itself.
const NOT_DESCRIBED: [&str; 5] = ["/", "/assets/{name}", "/docs", "/docs/{file:.+}", "/openapi.json"];

fn described(settings: &Settings, engines: &[EngineKind]) -> Value {
    complete(&Served { schema: &Schema::spotify(), engines, settings }).unwrap()
}

#[derive(Default)]
struct Registered(BTreeSet<(String, String)>);

impl Routes for Registered {
    fn service(&mut self, route: Route) -> &mut Self {
        // HEAD goes without saying where there is GET.
        let methods = route.methods.split(", ").filter(|method| *method != "HEAD");
        self.0.extend(methods.map(|method| (method.to_lowercase(), route.path.clone())));
        self
    }
}

#[test]
fn every_route_is_described_and_the_other_way_round() {
    let mut registered = Registered::default();
    routes(&mut registered);
    registered.0.retain(|(_, path)| !NOT_DESCRIBED.contains(&path.as_str()));
    let description = described(&Settings::default(), &EngineKind::ALL);
    let mut found = BTreeSet::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        found.extend(item.as_object().unwrap().keys().map(|method| (method.clone(), path.clone())));
    }
    assert_eq!(found, registered.0);
}

/// Visits every value of a JSON document.
fn visit(value: &Value, see: &mut impl FnMut(&Value)) {
    see(value);
    match value {
        Value::Array(values) => values.iter().for_each(|value| visit(value, see)),
        Value::Object(values) => values.values().for_each(|value| visit(value, see)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere_and_everything_is_used() {
    let description = described(&Settings::default(), &EngineKind::ALL);
    let mut used = BTreeSet::new();
    visit(&description, &mut |value| {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(description.pointer(pointer).is_some(), "{reference} leads nowhere");
            used.insert(pointer.to_owned());
        }
    });
    for kind in ["schemas", "responses"] {
        for name in description["components"][kind].as_object().unwrap().keys() {
            let unused = !used.contains(&format!("/components/{kind}/{name}"));
            // Every route refuses methods it does not have; nobody describes that.
            assert!(!unused || name == "MethodNotAllowed", "{kind}/{name} is not used");
        }
    }
}

#[test]
fn every_operation_says_what_it_is_for() {
    let description = described(&Settings::default(), &EngineKind::ALL);
    let mut ids = BTreeSet::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for operation in item.as_object().unwrap().values() {
            assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{path}");
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{path}");
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                assert!(parameter["description"].is_string(), "{path} {parameter}");
            }
            let tags = description["tags"].as_array().unwrap();
            let has = |tag: &Value| tags.iter().any(|known| known["name"] == *tag);
            assert!(operation["tags"].as_array().unwrap().iter().all(has), "{path}");
        }
    }
}

#[test]
fn limits_and_names_are_those_of_the_server() {
    let settings = Settings { max_k: 77, max_batch_requests: 8, ..Settings::default() };
    let description = described(&settings, &[EngineKind::Exact, EngineKind::Forest]);
    let schemas = &description["components"]["schemas"];
    let request = &schemas["SimilarRequest"];
    assert_eq!(request["additionalProperties"], false);
    assert_eq!(request["properties"]["k"]["maximum"], 77);
    assert_eq!(
        (&request["properties"]["k"]["minimum"], &request["properties"]["k"]["default"]),
        (&json!(1), &json!(10))
    );
    assert_eq!(request.get("required"), None);
    let explained = &schemas["ExplainRequest"];
    assert_eq!(
        (&explained["required"], &explained["properties"]["k"]["maximum"]),
        (&json!(["track"]), &json!(77))
    );
    assert_eq!(schemas["BatchRequest"]["properties"]["requests"]["maxItems"], 8);
    assert_eq!(schemas["EngineName"]["enum"], json!(["auto", "exact", "forest"]));
    assert_eq!(schemas["ProfileName"]["enum"], json!(["default", "zero", "dj", "mood", "playlist"]));
    let tempo = &schemas["FeatureTargets"]["properties"]["tempo"];
    assert_eq!((&tempo["minimum"], &tempo["maximum"]), (&json!(1.0), &json!(1000.0)));
    assert_eq!(tempo["description"], "in BPM");
    assert_eq!(schemas["FeatureWeights"]["properties"]["key"]["maximum"], json!(1e6));
    assert_eq!(schemas["FeatureBounds"]["properties"].as_object().unwrap().len(), 15);
    let parameters = &description["paths"]["/api/v1/similar/{id}"]["get"]["parameters"];
    let parameter =
        |name: &str| parameters.as_array().unwrap().iter().find(|given| given["name"] == name).unwrap();
    assert_eq!(parameter("k")["schema"]["maximum"], 77);
    let weights = parameter("weight.FEATURE");
    assert_eq!((&weights["style"], &weights["explode"]), (&json!("form"), &json!(true)));
    assert_eq!(weights["schema"]["properties"]["weight.energy"]["minimum"], json!(0.0));
}

#[test]
fn codes_are_those_of_the_manual() {
    let manual = include_str!("../../../docs/api.md");
    let table = manual.split_once("| status | code | what is wrong |").unwrap().1;
    let mut documented = BTreeSet::new();
    for line in table.lines().skip(2).take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let status: u16 = cells[1].parse().unwrap();
        documented.extend(cells[2].split(", ").map(|code| (status, code.trim_matches('`').to_owned())));
    }
    let all = problems::CODES.iter();
    let described: BTreeSet<_> =
        all.flat_map(|(status, codes)| codes.iter().map(|code| (*status, (*code).to_owned()))).collect();
    assert_eq!(described, documented);
}
