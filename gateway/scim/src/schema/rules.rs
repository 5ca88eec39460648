//! The rules for tenants' definitions: RFC 7643 §7 with its errata, and the gateway's own limits. They apply to the JSON,
//! since the parser would take a misspelled characteristic for a missing one.

use serde_json::{Map, Value};

use super::Schema;
use super::definition::TypeDefinition;
use crate::attribute::{Attribute, Mutability, Returned, Type, Uniqueness};
use crate::error::ScimError;

/// The role of a schema in a resource type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaRole {
    /// The base schema.
    Base,
    /// An extension.
    Extension,
}

/// The most attributes of a schema, including sub-attributes.
pub const MAX_ATTRIBUTES: usize = 500;
/// The longest name of an attribute or a resource type, and the longest endpoint.
pub const MAX_NAME_BYTES: usize = 64;

const TYPE_KEYS: [&str; 5] = ["name", "endpoint", "description", "nameAttribute", "schema"];
const SCHEMA_KEYS: [&str; 6] = ["id", "name", "description", "attributes", "schemas", "meta"];
/// RFC 7643 §7.
const ATTRIBUTE_KEYS: [&str; 12] = [
    "name",
    "type",
    "subAttributes",
    "multiValued",
    "description",
    "required",
    "canonicalValues",
    "caseExact",
    "mutability",
    "returned",
    "uniqueness",
    "referenceTypes",
];
const TEXT_KEYS: [&str; 6] = ["name", "type", "description", "mutability", "returned", "uniqueness"];
/// RFC 7643 §3: no schema defines the common attributes.
const COMMON: [&str; 4] = ["schemas", "id", "externalId", "meta"];
/// Endpoints of the protocol and the directory, besides those of the standard types.
const RESERVED_ENDPOINTS: [&str; 6] = ["Me", "Bulk", "Schemas", "ResourceTypes", "ServiceProviderConfig", "Events"];
const RESERVED_TYPES: [&str; 3] = ["Schema", "ResourceType", "ServiceProviderConfig"];

/// Checks the definition of a resource type. `types` are the names of all resource types, including this one. An error is
/// 400 `invalidValue`.
pub fn check_type(definition: &Value, types: &[&str]) -> Result<(), ScimError> {
    let object = object(definition, "A resource type")?;
    let name = object.get("name").and_then(Value::as_str).unwrap_or_default();
    check_keys(object, &TYPE_KEYS, &format!("The resource type {name}"))?;
    check_name(name, "the name of a resource type")?;
    if RESERVED_TYPES.iter().any(|reserved| reserved.eq_ignore_ascii_case(name)) {
        return refuse(format!("{name} is the protocol's own resource type; choose another name."));
    }
    let endpoint = object.get("endpoint").and_then(Value::as_str).unwrap_or_default();
    let endpoint = endpoint.strip_prefix('/').unwrap_or(endpoint);
    check_name(endpoint, "an endpoint")?;
    if RESERVED_ENDPOINTS.iter().any(|reserved| reserved.eq_ignore_ascii_case(endpoint)) {
        return refuse(format!("/{endpoint} has a meaning of its own; choose another endpoint."));
    }
    for key in ["description", "nameAttribute"] {
        if object.get(key).is_some_and(|value| !value.is_string()) {
            return refuse(format!("{name}: {key} must be a text."));
        }
    }
    check_schema(object.get("schema").unwrap_or(&Value::Null), SchemaRole::Base, types)?;
    check_name_attribute(&TypeDefinition::from_json(definition)?)
}

/// The name is stored folded in a column of its own.
fn check_name_attribute(definition: &TypeDefinition) -> Result<(), ScimError> {
    let Some(attribute) = definition.schema.attribute(&definition.name_attribute) else { return Ok(()) };
    let fits = attribute.kind == Type::String && !attribute.multi_valued && !attribute.case_exact;
    if fits && attribute.returned != Returned::Never {
        return Ok(());
    }
    refuse(format!(
        "{}: nameAttribute is {}, which must be a single string that is compared without its case and is returned.",
        definition.name, attribute.name
    ))
}

/// Checks the definition of a schema. `types` are the names of all resource types. An error is 400 `invalidValue`.
pub fn check_schema(definition: &Value, role: SchemaRole, types: &[&str]) -> Result<(), ScimError> {
    let object = object(definition, "A schema")?;
    let id = object.get("id").and_then(Value::as_str).unwrap_or_default();
    check_keys(object, &SCHEMA_KEYS, &format!("The schema {id}"))?;
    let array = |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    for attribute in array(definition, "attributes") {
        check_characteristics(&attribute, &format!("{id}:"))?;
        let name = attribute.get("name").and_then(Value::as_str).unwrap_or_default();
        for sub in array(&attribute, "subAttributes") {
            check_characteristics(&sub, &format!("{id}:{name}."))?;
        }
    }
    let schema = Schema::from_json(definition)?;
    let count: usize = schema.attributes.iter().map(|attribute| 1 + attribute.sub_attributes.len()).sum();
    if count == 0 || count > MAX_ATTRIBUTES {
        return refuse(format!("{id}: a schema has 1 to {MAX_ATTRIBUTES} attributes; this one has {count}."));
    }
    for attribute in &schema.attributes {
        check_attribute(attribute, &format!("{id}:{}", attribute.name), types)?;
        if role == SchemaRole::Base {
            check_base(attribute)?;
        }
        for sub in &attribute.sub_attributes {
            check_sub_attribute(sub, &format!("{id}:{}.{}", attribute.name, sub.name), types)?;
        }
    }
    Ok(())
}

/// Checks the names and JSON types of the characteristics (RFC 7643 §7).
fn check_characteristics(attribute: &Value, prefix: &str) -> Result<(), ScimError> {
    let object = object(attribute, "An attribute definition")?;
    let name = object.get("name").and_then(Value::as_str).unwrap_or_default();
    let full = format!("{prefix}{name}");
    check_keys(object, &ATTRIBUTE_KEYS, &full)?;
    if let Some(key) = TEXT_KEYS.iter().find(|key| object.get(**key).is_some_and(|value| !value.is_string())) {
        return refuse(format!("{full}: {key} must be a text."));
    }
    for key in ["canonicalValues", "referenceTypes"] {
        let Some(value) = object.get(key) else { continue };
        let texts = value.as_array().is_some_and(|values| values.iter().all(Value::is_string));
        if !texts {
            return refuse(format!("{full}: {key} must be an array of texts."));
        }
    }
    if name.len() > MAX_NAME_BYTES {
        return refuse(format!("{full}: a name has at most {MAX_NAME_BYTES} bytes."));
    }
    Ok(())
}

fn check_attribute(attribute: &Attribute, name: &str, types: &[&str]) -> Result<(), ScimError> {
    check_common_rules(attribute, name, types)?;
    if attribute.name.starts_with('$') {
        return refuse(format!("{name}: only a sub-attribute may begin with $ (RFC 7643 §2.4, $ref)."));
    }
    if attribute.is_complex() && attribute.sub_attributes.is_empty() {
        return refuse(format!("{name}: a complex attribute has subAttributes (RFC 7643 §7)."));
    }
    if attribute.uniqueness == Uniqueness::None {
        return Ok(());
    }
    match attribute.kind {
        Type::Complex => refuse(format!("{name}: a complex attribute has no uniqueness (RFC 7643 erratum 6004).")),
        Type::Boolean => refuse(format!("{name}: a boolean has two values, so it cannot be unique.")),
        _ if attribute.returned == Returned::Never => {
            refuse(format!("{name}: what is never returned is not kept, so it cannot be unique."))
        }
        _ => Ok(()),
    }
}

fn check_sub_attribute(sub: &Attribute, name: &str, types: &[&str]) -> Result<(), ScimError> {
    check_common_rules(sub, name, types)?;
    if sub.uniqueness != Uniqueness::None {
        return refuse(format!(
            "{name}: uniqueness is kept of whole attributes; set it on an attribute that is not complex."
        ));
    }
    Ok(())
}

/// The rules for attributes and sub-attributes.
fn check_common_rules(attribute: &Attribute, name: &str, types: &[&str]) -> Result<(), ScimError> {
    check_references(attribute, name, types)?;
    let texts = matches!(attribute.kind, Type::String | Type::Reference);
    let canonical = &attribute.canonical_values;
    if !canonical.is_empty() && !texts {
        return refuse(format!("{name}: canonicalValues are for strings and references."));
    }
    let duplicate = canonical.iter().enumerate().find(|(index, value)| canonical[..*index].contains(value));
    if let Some((_, value)) = duplicate {
        return refuse(format!("{name}: canonicalValues has {value} twice."));
    }
    if attribute.mutability == Mutability::WriteOnly && attribute.returned != Returned::Never {
        return refuse(format!("{name}: what is writeOnly is returned never (RFC 7643 §7)."));
    }
    Ok(())
}

/// RFC 7643 §7 `referenceTypes`: "external", "uri", or the name of a resource type.
fn check_references(attribute: &Attribute, name: &str, types: &[&str]) -> Result<(), ScimError> {
    let wanted = &attribute.reference_types;
    if attribute.kind != Type::Reference {
        if wanted.is_empty() {
            return Ok(());
        }
        return refuse(format!("{name}: referenceTypes are for attributes of type reference."));
    }
    if wanted.is_empty() {
        return refuse(format!("{name}: a reference names its referenceTypes: external, uri, or resource types."));
    }
    let unknown = |it: &&String| !(*it == "external" || *it == "uri" || types.contains(&it.as_str()));
    wanted.iter().find(unknown).map_or(Ok(()), |it| {
        refuse(format!("{name}: referenceTypes names {it}; there are external, uri, {}.", types.join(", ")))
    })
}

/// Checks names that the gateway itself interprets, which must mean the same in every base schema.
fn check_base(attribute: &Attribute) -> Result<(), ScimError> {
    let name = attribute.name.as_str();
    if let Some(common) = COMMON.iter().find(|common| common.eq_ignore_ascii_case(name)) {
        return refuse(format!("{name}: every resource has {common} (RFC 7643 §3); leave it out of the schema."));
    }
    if name.eq_ignore_ascii_case("active")
        && (name != "active" || attribute.kind != Type::Boolean || attribute.multi_valued)
    {
        return refuse(format!("{name}: active is a single boolean wherever it is defined."));
    }
    let derived = attribute.is_complex() && attribute.multi_valued && attribute.mutability == Mutability::ReadOnly;
    if name.eq_ignore_ascii_case("groups") && (name != "groups" || !derived) {
        return refuse(format!(
            "{name}: groups follows from memberships; define it readOnly, complex and multi-valued."
        ));
    }
    Ok(())
}

fn check_name(name: &str, what: &str) -> Result<(), ScimError> {
    let mut chars = name.chars();
    let fits = chars.next().is_some_and(|c| c.is_ascii_alphabetic())
        && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        && name.len() <= MAX_NAME_BYTES;
    if fits {
        return Ok(());
    }
    refuse(format!(
        "\"{name}\" cannot be {what}: it starts with a letter and goes on with letters, digits, - or _, {MAX_NAME_BYTES} at \
         most."
    ))
}

fn object<'v>(value: &'v Value, what: &str) -> Result<&'v Map<String, Value>, ScimError> {
    value.as_object().ok_or_else(|| ScimError::invalid_value(format!("{what} must be a JSON object.")))
}

fn check_keys(object: &Map<String, Value>, known: &[&str], what: &str) -> Result<(), ScimError> {
    let unknown = object.keys().find(|key| !known.contains(&key.as_str()));
    unknown.map_or(Ok(()), |key| refuse(format!("{what} has {key}, which is none of {}.", known.join(", "))))
}

fn refuse<T>(detail: String) -> Result<T, ScimError> {
    Err(ScimError::invalid_value(detail))
}

#[cfg(test)]
mod tests;
