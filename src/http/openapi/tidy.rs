//! Plainer ways to say the same, for the sake of generators of clients: a choice of one is no choice, and a default of null says
//! nothing.

use serde_json::{Value, json};

/// Rewrites a description.
pub(super) fn tidy(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(tidy),
        Value::Object(fields) => {
            if fields.get("default").is_some_and(Value::is_null) {
                fields.remove("default");
            }
            let only = match fields.get_mut("oneOf").and_then(Value::as_array_mut) {
                Some(choices) if choices.len() == 1 => choices.pop(),
                _ => None,
            };
            if let Some(Value::Object(only)) = only {
                fields.remove("oneOf");
                fields.extend(only);
            }
            fields.values_mut().for_each(tidy);
        }
        _ => {}
    }
}

/// Makes one object of one that takes over the fields of another: as parts of `allOf`, each would refuse the other's fields as
/// unknown.
pub(super) fn join(schemas: &mut Value) {
    let Some(all) = schemas.as_object_mut() else { return };
    let known = all.clone();
    for schema in all.values_mut() {
        let Some(parts) = schema.get("allOf").and_then(Value::as_array) else { continue };
        let resolve = |part: &Value| match part.get("$ref").and_then(Value::as_str) {
            Some(reference) => known.get(reference.rsplit('/').next().unwrap_or_default()).cloned(),
            None => Some(part.clone()),
        };
        let Some(parts) = parts.iter().map(resolve).collect::<Option<Vec<_>>>() else { continue };
        if !parts.iter().any(|part| part["additionalProperties"] == false) {
            continue;
        }
        let words = schema.get("description").cloned();
        let mut joined = json!({"type": "object", "properties": {}, "additionalProperties": false});
        let mut required = Vec::new();
        for part in parts {
            for (name, property) in part["properties"].as_object().into_iter().flatten() {
                joined["properties"][name] = property.clone();
            }
            required.extend(part["required"].as_array().cloned().unwrap_or_default());
        }
        if !required.is_empty() {
            joined["required"] = required.into();
        }
        if let Some(words) = words {
            joined["description"] = words;
        }
        *schema = joined;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_choice_is_none() {
        let mut value =
            json!({"a": [{"default": "x", "oneOf": [{"$ref": "#/b", "description": "c"}]}], "default": null});
        tidy(&mut value);
        assert_eq!(value, json!({"a": [{"default": "x", "$ref": "#/b", "description": "c"}]}));
        let choice = json!({"oneOf": [{"type": "null"}, {"$ref": "#/b"}], "default": 0});
        let mut value = choice.clone();
        tidy(&mut value);
        assert_eq!(value, choice);
    }

    #[test]
    fn fields_taken_over_are_fields_of_one_object() {
        let closed = json!({"type": "object", "properties": {"k": {}}, "additionalProperties": false});
        let parts = json!([{"$ref": "#/components/schemas/A"}, {"properties": {"t": {}}, "required": ["t"]}]);
        let mut schemas = json!({"A": closed, "B": {"allOf": parts, "description": "b"}});
        join(&mut schemas);
        let joined = json!({"type": "object", "properties": {"k": {}, "t": {}}, "required": ["t"],
            "additionalProperties": false, "description": "b"});
        assert_eq!((&schemas["A"], &schemas["B"]), (&closed, &joined));
    }
}
