//! Attribute paths in configurations.

use std::{borrow::Cow, collections::BTreeMap, fmt, ops::Deref};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// An attribute's path in a configuration: `userName`, `emails[type eq "work"].value`. The gateway checks it against the
/// tenant's schemas when the configuration is saved, and refuses a misspelled one with its place.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ScimPath(String);

impl Deref for ScimPath {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ScimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for ScimPath {
    fn from(path: &str) -> Self {
        Self(path.to_owned())
    }
}

impl JsonSchema for ScimPath {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ScimPath".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "scim-path", "minLength": 1 })
    }
}

/// Paths and a value for each. The gateway checks the paths, as it does [`ScimPath`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PathMap<V>(BTreeMap<ScimPath, V>);

impl<V> Default for PathMap<V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<V> Deref for PathMap<V> {
    type Target = BTreeMap<ScimPath, V>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<V: JsonSchema> JsonSchema for PathMap<V> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("PathMap_of_{}", V::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (paths, values) = (generator.subschema_for::<ScimPath>(), generator.subschema_for::<V>());
        json_schema!({ "type": "object", "propertyNames": paths, "additionalProperties": values })
    }
}
