//! `--schema`: what the value of a secret keeps to, as Cloudify's manager has it.
//!
//! The manager takes any JSON Schema (2020-12). Known here is what says of which types a value and its parts are; a
//! schema that says more is refused, so that no value counts as checked that is not. What went wrong is told by places
//! and names that stand in the schema, never by the value.

use crate::secret::Secret;
use serde_json::{Number, Value};

const KEYWORDS: [&str; 5] = ["type", "enum", "properties", "required", "items"];
/// They refuse no value.
const ANNOTATIONS: [&str; 6] = ["$schema", "$comment", "title", "description", "default", "examples"];
const TYPES: [&str; 7] = ["null", "boolean", "integer", "number", "string", "array", "object"];

pub(super) struct Schema(Value);

impl Schema {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let schema = serde_json::from_str(text).map_err(|_| "the schema is no JSON".to_owned())?;
        check_schema(&schema).map(|()| Self(schema))
    }

    /// As the manager takes it: the text itself where the type is string and nothing else, JSON otherwise.
    #[allow(clippy::disallowed_methods, reason = "the value is looked at, and no part of it told")]
    pub(super) fn check(&self, value: &Secret) -> Result<(), String> {
        let value = match &self.0["type"] {
            Value::String(name) if name == "string" => std::str::from_utf8(value.expose()).ok().map(Value::from),
            _ => serde_json::from_slice(value.expose()).ok(),
        };
        let value = value.ok_or("it has a schema, so its value is JSON, and this is none")?;
        conform(&self.0, &value, "")
    }
}

/// Whether all that it says is known.
fn check_schema(schema: &Value) -> Result<(), String> {
    let Value::Object(members) = schema else { return Err("the schema is no JSON object".to_owned()) };
    for (keyword, value) in members {
        let wrong = |what: &str| Err(format!("the schema's `{keyword}` is not {what}"));
        match (keyword.as_str(), value) {
            ("type", Value::String(name)) if is_type(name) => {}
            ("type", Value::Array(names))
                if !names.is_empty() && names.iter().all(|name| name.as_str().is_some_and(is_type)) => {}
            ("type", _) => return wrong(&format!("one or a list of {}", TYPES.join(", "))),
            ("enum", Value::Array(_)) => {}
            ("enum", _) => return wrong("a list"),
            ("required", Value::Array(names)) if names.iter().all(Value::is_string) => {}
            ("required", _) => return wrong("a list of names"),
            ("properties", Value::Object(properties)) => properties.values().try_for_each(check_schema)?,
            ("properties", _) => return wrong("an object of schemas"),
            ("items", items) => check_schema(items)?,
            (annotation, _) if ANNOTATIONS.contains(&annotation) => {}
            _ => {
                return Err(format!(
                    "the schema says `{keyword}`, which a local store cannot check; it knows {}",
                    KEYWORDS.join(", ")
                ));
            }
        }
    }
    Ok(())
}

fn is_type(name: &str) -> bool {
    TYPES.contains(&name)
}

/// `at` is the JSON pointer (RFC 6901) of the value.
fn conform(schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let place = if at.is_empty() { "its value" } else { at };
    let types: Vec<&str> = match &schema["type"] {
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        name => name.as_str().into_iter().collect(),
    };
    if !types.is_empty() && !types.iter().any(|name| is_of(name, value)) {
        return Err(format!("it does not keep to its schema: {place} is no {}", types.join(" or ")));
    }
    if let Value::Array(known) = &schema["enum"]
        && !known.iter().any(|known| is_same(known, value))
    {
        return Err(format!("it does not keep to its schema: {place} is none of the `enum`"));
    }
    if let Value::Object(members) = value {
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        if let Some(missing) = required.into_iter().find(|name| !members.contains_key(*name)) {
            return Err(format!("it does not keep to its schema: {place} has no `{missing}`"));
        }
        for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
            if let Some(member) = members.get(name) {
                conform(schema, member, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")))?;
            }
        }
    }
    match (&schema["items"], value) {
        (Value::Null, _) => Ok(()),
        (schema, Value::Array(items)) => {
            items.iter().enumerate().try_for_each(|(number, item)| conform(schema, item, &format!("{at}/{number}")))
        }
        _ => Ok(()),
    }
}

/// A number without a fraction is an integer, however it is written.
fn is_of(name: &str, value: &Value) -> bool {
    match (name, value) {
        ("null", Value::Null)
        | ("boolean", Value::Bool(_))
        | ("number", Value::Number(_))
        | ("string", Value::String(_))
        | ("array", Value::Array(_))
        | ("object", Value::Object(_)) => true,
        ("integer", Value::Number(number)) => {
            !number.is_f64() || number.as_f64().is_some_and(|number| number.fract() == 0.0)
        }
        _ => false,
    }
}

/// Numbers are the same by what they count: 1 is 1.0.
fn is_same(one: &Value, other: &Value) -> bool {
    let counts = |number: &Number| number.is_f64();
    match (one, other) {
        (Value::Number(one), Value::Number(other)) if counts(one) != counts(other) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let has = |(name, value): (&String, &Value)| other.get(name).is_some_and(|other| is_same(value, other));
            one.len() == other.len() && one.iter().all(has)
        }
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(schema: &str, value: &str) -> Result<(), String> {
        Schema::parse(schema).and_then(|schema| schema.check(&Secret::from(value.to_owned())))
    }

    #[test]
    fn a_value_is_of_the_types_that_its_schema_says() {
        for (schema, good, bad) in [
            (r#"{"type": "integer"}"#, &["5", "-1", "1.0", "1e3"][..], &["1.5", "true", "\"1\"", "null", ""][..]),
            (r#"{"type": "number"}"#, &["5", "1.5"], &["true"]),
            (r#"{"type": "boolean"}"#, &["true"], &["1", "0"]),
            (r#"{"type": ["string", "null"]}"#, &["\"x\"", "null"], &["x", "1"]),
            (r#"{"type": "string"}"#, &["x", "1", ""], &[]),
            (r#"{"type": "string", "enum": ["a", "b"]}"#, &["a"], &["c", "\"a\""]),
            (r#"{"enum": [1, true, {"a": [2.0]}]}"#, &["1.0", "true", r#"{"a": [2]}"#], &["2", "false", "[]"]),
            (r#"{"type": "array", "items": {"type": "object"}}"#, &["[]", "[{}]"], &["[1]", "{}"]),
            (r#"{"required": ["a"], "properties": {"a": {"type": "null"}}}"#, &[r#"{"a":null,"b":1}"#, "[]"], &["{}"]),
            (r#"{"title": "any JSON"}"#, &["{}", "1"], &["x"]),
        ] {
            for value in good {
                assert_eq!(says(schema, value), Ok(()), "{schema} {value}");
            }
            for value in bad {
                assert!(says(schema, value).is_err(), "{schema} {value}");
            }
        }
    }

    #[test]
    fn what_does_not_conform_is_told_by_its_place_and_not_shown() {
        let schema = r#"{"properties": {"a/b": {"items": {"type": "integer"}}, "c": {"required": ["d"]}}}"#;
        let why = says(schema, r#"{"a/b": [1, "hunter2"]}"#).unwrap_err();
        assert_eq!(why, "it does not keep to its schema: /a~1b/1 is no integer");
        let why = says(schema, r#"{"c": {"hunter2": 1}}"#).unwrap_err();
        assert_eq!(why, "it does not keep to its schema: /c has no `d`");
    }

    #[test]
    fn a_schema_that_cannot_be_checked_in_full_is_refused() {
        for (schema, word) in [
            (r#"{"pattern": "^a"}"#, "`pattern`"),
            (r#"{"properties": {"a": {"minLength": 1}}}"#, "`minLength`"),
            (r#"{"items": {"$ref": "\#"}}"#, "JSON"),
            (r##"{"items": {"$ref": "#"}}"##, "`$ref`"),
            (r#"{"items": [{}]}"#, "object"),
            (r#"{"type": "nosuch"}"#, "integer"),
            (r#"{"type": []}"#, "integer"),
            (r#"{"required": "a"}"#, "`required`"),
            (r#"{"enum": {}}"#, "`enum`"),
            ("true", "object"),
            ("", "JSON"),
        ] {
            let why = Schema::parse(schema).err().unwrap();
            assert!(why.contains(word), "{schema}: {why}");
        }
    }
}
