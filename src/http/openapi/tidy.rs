//! Plainer ways to say the same, for the sake of generators of clients: a choice of one is no choice, and a default of null says
//! nothing.

use serde_json::Value;

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

#[cfg(test)]
mod tests {
    use serde_json::json;

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
}
