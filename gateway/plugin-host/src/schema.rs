//! The JSON Schema of a plugin's configuration, parsed within bounds: a small schema can cause endless work.

use std::collections::HashMap;

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

/// Longest schema.
const MAX_SCHEMA_BYTES: usize = 64 << 10;
/// Largest compiled pattern.
const MAX_PATTERN_BYTES: usize = 256 << 10;
/// Most parts of a schema with every reference expanded. A chain of definitions in which each refers to the next one
/// twice doubles with every link.
const MAX_PARTS: u64 = 20_000;
/// Most distinct references: each may be followed from within another.
const MAX_REFERENCES: usize = 100;

/// The schema and its validator. An error is a sentence without its full stop.
pub(crate) fn read(text: &str) -> Result<(Value, Validator), String> {
    if text.len() > MAX_SCHEMA_BYTES {
        return Err(format!(
            "its configuration schema has {} bytes; at most {MAX_SCHEMA_BYTES} are accepted",
            text.len()
        ));
    }
    let schema: Value =
        serde_json::from_str(text).map_err(|error| format!("its configuration schema is not JSON: {error}"))?;
    let mut counter = PartCounter { root: &schema, known: HashMap::new() };
    if counter.count(&schema)? > MAX_PARTS {
        return Err(format!("its configuration schema has more than {MAX_PARTS} parts with every reference expanded"));
    }
    // The linear regex engine: the schema is untrusted, and a backtracking pattern can run for ever.
    let patterns = PatternOptions::regex().size_limit(MAX_PATTERN_BYTES).dfa_size_limit(MAX_PATTERN_BYTES);
    let validator = jsonschema::options()
        .with_pattern_options(patterns)
        .offline()
        .build(&schema)
        .map_err(|error| format!("its configuration schema is not a JSON Schema: {error}"))?;
    Ok((schema, validator))
}

/// Counts a schema's parts with every reference expanded.
struct PartCounter<'s> {
    root: &'s Value,
    /// The parts of each reference's target; none while it is being counted.
    known: HashMap<&'s str, Option<u64>>,
}

impl<'s> PartCounter<'s> {
    /// The recursion ends: the parser limits JSON to 128 levels, and no reference is followed twice.
    fn count(&mut self, schema: &'s Value) -> Result<u64, String> {
        let mut parts = 1_u64;
        match schema {
            Value::Array(elements) => {
                for element in elements {
                    parts = parts.saturating_add(self.count(element)?);
                }
            }
            Value::Object(members) => {
                for (name, value) in members {
                    let more = match (name.as_str(), value) {
                        ("$ref", Value::String(reference)) => self.count_target(reference)?,
                        ("$dynamicRef" | "$recursiveRef", _) => {
                            return Err(format!("its configuration schema uses {name}, which is not supported here"));
                        }
                        _ => self.count(value)?,
                    };
                    parts = parts.saturating_add(more);
                }
            }
            _ => {}
        }
        Ok(parts)
    }

    fn count_target(&mut self, reference: &'s str) -> Result<u64, String> {
        match self.known.get(reference) {
            Some(Some(parts)) => return Ok(*parts),
            Some(None) => return Err(format!("its configuration schema refers to itself at {reference}")),
            None => {}
        }
        let found = reference.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
        let Some(target) = found else {
            return Err(format!("its configuration schema refers to {reference}, which is not in it"));
        };
        if self.known.len() >= MAX_REFERENCES {
            return Err(format!("its configuration schema has more than {MAX_REFERENCES} distinct references"));
        }
        self.known.insert(reference, None);
        let parts = self.count(target)?;
        self.known.insert(reference, Some(parts));
        Ok(parts)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(schema: &Value) -> String {
        read(&schema.to_string()).unwrap_err()
    }

    /// A chain of definitions in which each refers to the next one twice.
    fn doubling(links: usize) -> Value {
        let mut definitions = serde_json::Map::new();
        for link in 0..links {
            let next = json!({ "$ref": format!("#/$defs/d{}", link + 1) });
            definitions.insert(format!("d{link}"), json!({ "allOf": [next, next] }));
        }
        definitions.insert(format!("d{links}"), json!({ "type": "object" }));
        json!({ "$ref": "#/$defs/d0", "$defs": definitions })
    }

    #[test]
    fn a_definition_may_be_referred_to_twice() {
        let (schema, validator) = read(&doubling(8).to_string()).unwrap();
        assert_eq!(schema, doubling(8));
        assert!(validator.is_valid(&json!({})) && !validator.is_valid(&json!(1)));
    }

    #[test]
    fn a_schema_that_doubles_with_every_link_is_refused() {
        assert!(refusal(&doubling(40)).ends_with("has more than 20000 parts with every reference expanded"));
    }

    #[test]
    fn a_schema_that_refers_to_itself_or_elsewhere_is_refused() {
        assert!(refusal(&json!({ "allOf": [{ "$ref": "#" }] })).ends_with("refers to itself at #"));
        let away = "https://example.test/schema";
        assert!(refusal(&json!({ "$ref": away })).ends_with("which is not in it"));
        assert!(refusal(&json!({ "$dynamicRef": "#it" })).contains("uses $dynamicRef"));
    }

    #[test]
    fn length_and_patterns_are_limited() {
        let of = |length: usize| format!("{{}}{}", " ".repeat(length - 2));
        assert!(read(&of(MAX_SCHEMA_BYTES)).is_ok());
        assert!(read(&of(MAX_SCHEMA_BYTES + 1)).unwrap_err().ends_with("at most 65536 are accepted"));
        assert!(read(r#"{"pattern":"^[a-z]{1,1000}\\w+$"}"#).is_ok());
        assert!(read(r#"{"pattern":"(a{1000}){1000}"}"#).unwrap_err().contains("not a JSON Schema"));
    }
}
