//! The JSON Schema of a plugin's configuration: read within bounds, since a small one can ask for endless work.

use std::collections::HashMap;

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

/// Longest schema in bytes.
const LENGTH: usize = 64 << 10;
/// What one pattern may take, compiled.
const PATTERN_SIZE: usize = 256 << 10;
/// Most parts of a schema with every reference written out. A chain of definitions in which each names the next one
/// twice doubles with every link.
const PARTS: u64 = 20_000;

/// The schema and its validator; what is wrong with it is a sentence without its end.
pub(crate) fn read(text: &str) -> Result<(Value, Validator), String> {
    if text.len() > LENGTH {
        return Err(format!("its configuration schema has {} bytes; at most {LENGTH} are read", text.len()));
    }
    let schema: Value =
        serde_json::from_str(text).map_err(|error| format!("its configuration schema is not JSON: {error}"))?;
    let mut unfolded = Unfolded { root: &schema, known: HashMap::new() };
    if unfolded.parts(&schema)? > PARTS {
        return Err(format!("its configuration schema has more than {PARTS} parts, counted with every reference"));
    }
    // The linear engine for patterns: a schema comes from outside, and backtracking is a way to stop a server.
    let patterns = PatternOptions::regex().size_limit(PATTERN_SIZE).dfa_size_limit(PATTERN_SIZE);
    let validator = jsonschema::options()
        .with_pattern_options(patterns)
        .offline()
        .build(&schema)
        .map_err(|error| format!("its configuration schema is not a JSON Schema: {error}"))?;
    Ok((schema, validator))
}

/// Counts a schema's parts with every reference followed.
struct Unfolded<'s> {
    root: &'s Value,
    /// The parts behind a reference; none while it is being followed.
    known: HashMap<&'s str, Option<u64>>,
}

impl<'s> Unfolded<'s> {
    /// The reader lets no JSON nest deeper than 128 levels, and no reference is followed twice: the recursion ends.
    fn parts(&mut self, schema: &'s Value) -> Result<u64, String> {
        let mut parts = 1_u64;
        match schema {
            Value::Array(elements) => {
                for element in elements {
                    parts = parts.saturating_add(self.parts(element)?);
                }
            }
            Value::Object(members) => {
                for (name, value) in members {
                    let more = match (name.as_str(), value) {
                        ("$ref", Value::String(place)) => self.behind(place)?,
                        ("$dynamicRef" | "$recursiveRef", _) => {
                            return Err(format!("its configuration schema uses {name}, which is not read here"));
                        }
                        _ => self.parts(value)?,
                    };
                    parts = parts.saturating_add(more);
                }
            }
            _ => {}
        }
        Ok(parts)
    }

    fn behind(&mut self, place: &'s str) -> Result<u64, String> {
        match self.known.get(place) {
            Some(Some(parts)) => return Ok(*parts),
            Some(None) => return Err(format!("its configuration schema refers to itself at {place}")),
            None => {}
        }
        let found = place.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
        let Some(target) = found else {
            return Err(format!("its configuration schema refers to {place}, which is not in it"));
        };
        if self.known.len() >= MOST_REFERENCES {
            return Err(format!("its configuration schema refers to more than {MOST_REFERENCES} places"));
        }
        self.known.insert(place, None);
        let parts = self.parts(target)?;
        self.known.insert(place, Some(parts));
        Ok(parts)
    }
}

/// Most places that are referred to: each may be followed from within another.
const MOST_REFERENCES: usize = 100;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(schema: &Value) -> String {
        read(&schema.to_string()).unwrap_err()
    }

    /// A chain of definitions in which each names the next one twice.
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
    fn definitions_can_be_used_more_than_once() {
        let (schema, validator) = read(&doubling(8).to_string()).unwrap();
        assert_eq!(schema, doubling(8));
        assert!(validator.is_valid(&json!({})) && !validator.is_valid(&json!(1)));
    }

    #[test]
    fn a_schema_that_doubles_with_every_line_is_refused() {
        assert!(refusal(&doubling(40)).ends_with("has more than 20000 parts, counted with every reference"));
    }

    #[test]
    fn a_schema_that_refers_to_itself_or_elsewhere_is_refused() {
        assert!(refusal(&json!({ "allOf": [{ "$ref": "#" }] })).ends_with("refers to itself at #"));
        let away = "https://example.test/schema";
        assert!(refusal(&json!({ "$ref": away })).ends_with("which is not in it"));
        assert!(refusal(&json!({ "$dynamicRef": "#it" })).contains("uses $dynamicRef"));
    }

    #[test]
    fn length_and_patterns_are_bounded_from_both_sides() {
        let of = |length: usize| format!("{{}}{}", " ".repeat(length - 2));
        assert!(read(&of(LENGTH)).is_ok());
        assert!(read(&of(LENGTH + 1)).unwrap_err().ends_with("at most 65536 are read"));
        assert!(read(r#"{"pattern":"^[a-z]{1,1000}\\w+$"}"#).is_ok());
        assert!(read(r#"{"pattern":"(a{1000}){1000}"}"#).unwrap_err().contains("not a JSON Schema"));
    }
}
