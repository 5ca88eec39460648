//! A plugin's description of itself, from its crate and its types.

use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::Mapping;

/// The crate of a plugin, as [`plugin!`](crate::plugin) knows it.
#[doc(hidden)]
pub trait Package {
    const NAME: &'static str;
    const VERSION: &'static str;
}

/// A plugin's description of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The plugin's name, its crate's.
    pub name: String,
    /// The plugin's version, its crate's.
    pub version: String,
    /// The resource types that the plugin can map.
    pub resource_types: Vec<String>,
    /// JSON Schema of the configuration; the host checks configurations against it when they are saved.
    pub config_schema: Value,
}

impl Manifest {
    /// The description of a plugin.
    #[must_use]
    pub fn of<M: Mapping + Package>() -> Self {
        Self {
            name: M::NAME.to_owned(),
            version: M::VERSION.to_owned(),
            resource_types: M::RESOURCE_TYPES.iter().map(|&name| name.to_owned()).collect(),
            config_schema: schema::<M::Config>(),
        }
    }
}

/// Every part in its place: administrators read schemas, and references would send them up and down.
fn schema<C: schemars::JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<C>().to_value();
    if schema["type"] == "null" {
        schema = json!({ "type": "object", "additionalProperties": false });
    }
    // The name of a Rust type is not a title for an administrator.
    if let Some(members) = schema.as_object_mut()
        && members.get("title").and_then(Value::as_str) == Some(&C::schema_name())
    {
        members.shift_remove("title");
    }
    schema
}

/// A configuration as an administrator wrote it. An empty one is `{}`, which is also what `()` reads.
pub(crate) fn read_config<C: DeserializeOwned>(text: &str) -> serde_json::Result<C> {
    match text.trim() {
        "" | "{}" => serde_json::from_str("{}").or_else(|error| serde_json::from_str("null").map_err(|_| error)),
        text => serde_json::from_str(text),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::{PathMap, ScimPath};

    /// What may be configured.
    #[derive(Debug, Deserialize, schemars::JsonSchema)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    #[expect(dead_code, reason = "read by the derived schema")]
    struct Config {
        /// Attributes to move.
        #[serde(default)]
        lift: PathMap<ScimPath>,
        rules: Vec<Rule>,
    }

    #[derive(Debug, Deserialize, schemars::JsonSchema)]
    #[expect(dead_code, reason = "read by the derived schema")]
    struct Rule {
        path: ScimPath,
    }

    #[test]
    fn a_schema_follows_from_the_type_with_every_part_in_its_place() {
        let path = json!({ "type": "string", "format": "scim-path", "minLength": 1 });
        let expected = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "description": "What may be configured.",
            "type": "object",
            "properties": {
                "lift": {
                    "description": "Attributes to move.",
                    "type": "object",
                    "propertyNames": path,
                    "additionalProperties": path,
                    "default": {}
                },
                "rules": {
                    "type": "array",
                    "items": { "type": "object", "properties": { "path": path }, "required": ["path"] }
                }
            },
            "additionalProperties": false,
            "required": ["rules"]
        });
        assert_eq!(schema::<Config>(), expected);
        assert_eq!(schema::<()>(), json!({ "type": "object", "additionalProperties": false }));
    }

    #[test]
    fn an_empty_configuration_is_an_empty_object_and_nothing() {
        for text in ["", " {} ", "{}"] {
            read_config::<()>(text).unwrap();
        }
        let error = read_config::<Config>("").unwrap_err();
        assert!(error.to_string().starts_with("missing field `rules`"), "{error}");
    }
}
