//! What only the running server knows of its API: the features of the snapshot it serves, their ranges, its engines and
//! profiles, and its own limits. They replace what the types say.

use serde_json::{Map, Value, json};

use crate::feature::{Feature, MAX_WEIGHT, Schema};
use crate::index::EngineKind;
use crate::track::value;

use super::super::state::Settings;

/// What is served, as far as the description depends on it.
pub(super) struct Served<'a> {
    pub schema: &'a Schema,
    pub engines: &'a [EngineKind],
    pub settings: &'a Settings,
}

/// Parameters of `GET /api/v1/similar/{id}` for which there is one for each feature: their prefix, what they are for.
const FAMILIES: [(&str, &str, Family); 4] = [
    ("weight", "How much each feature counts: `weight.energy=2`.", Family::Weight),
    ("target", "Raw values to aim at: `target.tempo=120`.", Family::Target),
    (
        "min",
        "The smallest raw value that passes: `min.tempo=100`. A track without the value does not.",
        Family::Bound,
    ),
    (
        "max",
        "The largest raw value that passes: `max.tempo=130`. A track without the value does not.",
        Family::Bound,
    ),
];

#[derive(Clone, Copy)]
enum Family {
    Weight,
    Target,
    Bound,
}

impl Served<'_> {
    /// Puts it into a description.
    pub fn complete(&self, description: &mut Value) {
        let components = &mut description["components"]["schemas"];
        for (name, family) in [("FeatureWeights", Family::Weight), ("FeatureTargets", Family::Target)] {
            replace(&mut components[name], self.by_feature("", |feature| number(family, feature)));
        }
        let bounds = |_: &Feature| json!({"$ref": "#/components/schemas/Bounds"});
        let mut bounds = self.by_feature("", bounds);
        add_kept(&mut bounds, "", &json!({"$ref": "#/components/schemas/Bounds"}));
        replace(&mut components["FeatureBounds"], bounds);
        components["ProfileName"]["enum"] = json!(self.schema.profile_names());
        let engines = ["auto"].into_iter().chain(self.engines.iter().map(|engine| engine.name()));
        components["EngineName"]["enum"] = engines.collect();
        for request in ["SimilarRequest", "ExplainRequest"] {
            components[request]["properties"]["k"]["maximum"] = json!(self.settings.max_k);
        }
        components["BatchRequest"]["properties"]["requests"]["maxItems"] =
            json!(self.settings.max_batch_requests);
        self.complete_parameters(&mut description["paths"]["/api/v1/similar/{id}"]["get"]["parameters"]);
    }

    fn complete_parameters(&self, parameters: &mut Value) {
        let Some(parameters) = parameters.as_array_mut() else { return };
        for parameter in parameters.iter_mut().filter(|parameter| parameter["name"] == "k") {
            parameter["schema"]["maximum"] = json!(self.settings.max_k);
        }
        let families = FAMILIES.into_iter().map(|(prefix, description, family)| {
            // Every property is a parameter of its own; the name of the object is never sent.
            let mut schema = self.by_feature(&format!("{prefix}."), |feature| number(family, feature));
            if matches!(family, Family::Bound) {
                add_kept(&mut schema, &format!("{prefix}."), &json!({"type": "number", "format": "double"}));
            }
            json!({
                "name": format!("{prefix}.FEATURE"), "in": "query", "description": description, "required": false,
                "style": "form", "explode": true, "schema": schema,
            })
        });
        parameters.extend(families);
    }

    /// An object with a property for every feature that is a number, and for vectors too where they may be weighted.
    fn by_feature(&self, prefix: &str, describe: impl Fn(&Feature) -> Value) -> Value {
        let describe = |feature: &Feature| (format!("{prefix}{}", feature.name), describe(feature));
        let properties: Map<String, Value> = self.schema.features.iter().map(describe).collect();
        let properties: Map<String, Value> =
            properties.into_iter().filter(|(_, description)| !description.is_null()).collect();
        json!({"type": "object", "properties": properties, "additionalProperties": false})
    }
}

/// A number that belongs to a feature; null where it takes none.
fn number(family: Family, feature: &Feature) -> Value {
    let mut described = json!({"type": "number", "format": "double"});
    let unit = if feature.unit.is_empty() { String::new() } else { format!("in {}", feature.unit) };
    match family {
        Family::Weight => {
            described["minimum"] = json!(0.0);
            described["maximum"] = json!(MAX_WEIGHT);
            return described;
        }
        Family::Target | Family::Bound if feature.transform.takes_vector() => return Value::Null,
        Family::Target => {
            for (name, bound) in [("minimum", feature.min), ("maximum", feature.max)] {
                if let Some(bound) = bound {
                    described[name] = json!(bound);
                }
            }
        }
        Family::Bound => {}
    }
    if !unit.is_empty() {
        described["description"] = json!(unit);
    }
    described
}

/// Adds what can be bounded though it is no feature.
fn add_kept(object: &mut Value, prefix: &str, described: &Value) {
    for name in value::KEPT.map(|name| format!("{prefix}{name}")) {
        if object["properties"].get(&name).is_none() {
            object["properties"][name] = described.clone();
        }
    }
}

/// Replaces a description, but for the words.
fn replace(place: &mut Value, mut with: Value) {
    if let Some(words) = place.get("description") {
        with["description"] = words.clone();
    }
    *place = with;
}
