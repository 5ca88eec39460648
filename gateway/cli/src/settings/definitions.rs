//! Definitions of schemas and resource types in the one form in which they are compared: as the gateway shows them.

use scimgate_scim::schema::Schema;
use scimgate_scim::schema::definition::TypeDefinition;
use serde_json::Value;

/// A schema's definition; one that cannot be read stays, and the gateway says what is wrong.
pub(super) fn schema(definition: &Value) -> Value {
    Schema::from_json(definition).map_or_else(|_| definition.clone(), |schema| schema.to_json())
}

/// A resource type's.
pub(super) fn resource_type(definition: &Value) -> Value {
    TypeDefinition::from_json(definition).map_or_else(|_| definition.clone(), |known| known.to_json())
}
