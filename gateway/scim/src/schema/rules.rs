//! What a definition must be before it is taken: RFC 7643 §7 with its errata, and what the gateway can keep. A definition is
//! read as it is written, since a misspelled characteristic would otherwise count as one that was left out.

use serde_json::{Map, Value};

use super::Schema;
use super::definition::TypeDefinition;
use crate::attribute::{Attribute, Mutability, Returned, Type, Uniqueness};
use crate::error::ScimError;

/// What a schema is to a resource type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Its own.
    Base,
    /// An extension.
    Extension,
}

/// Most attributes of a schema, parts of complex ones included.
pub const MOST_ATTRIBUTES: usize = 500;
/// Longest name of an attribute or a resource type, and longest endpoint, in bytes.
pub const LONGEST_NAME: usize = 64;

const OF_A_TYPE: [&str; 5] = ["name", "endpoint", "description", "nameAttribute", "schema"];
const OF_A_SCHEMA: [&str; 6] = ["id", "name", "description", "attributes", "schemas", "meta"];
/// RFC 7643 §7.
const CHARACTERISTICS: [&str; 12] = [
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
const TEXTS: [&str; 6] = ["name", "type", "description", "mutability", "returned", "uniqueness"];
/// RFC 7643 §3: what every resource has is in no schema.
const COMMON: [&str; 4] = ["schemas", "id", "externalId", "meta"];
/// What addresses under the base, and in the directory, mean already, besides the endpoints of the standard types.
const RESERVED_ENDPOINTS: [&str; 6] = ["Me", "Bulk", "Schemas", "ResourceTypes", "ServiceProviderConfig", "Events"];
const RESERVED_TYPES: [&str; 3] = ["Schema", "ResourceType", "ServiceProviderConfig"];

/// Checks the definition of a resource type. `types` are the names of all resource types, this one included.
///
/// # Errors
/// 400 `invalidValue` that names the attribute and the rule.
pub fn check_type(definition: &Value, types: &[&str]) -> Result<(), ScimError> {
    let object = object(definition, "A resource type")?;
    let name = object.get("name").and_then(Value::as_str).unwrap_or_default();
    known_keys(object, &OF_A_TYPE, &format!("The resource type {name}"))?;
    check_word(name, "the name of a resource type")?;
    if RESERVED_TYPES.iter().any(|reserved| reserved.eq_ignore_ascii_case(name)) {
        return refuse(format!("{name} is the protocol's own resource type; choose another name."));
    }
    let endpoint = object.get("endpoint").and_then(Value::as_str).unwrap_or_default();
    let endpoint = endpoint.strip_prefix('/').unwrap_or(endpoint);
    check_word(endpoint, "an endpoint")?;
    if RESERVED_ENDPOINTS.iter().any(|reserved| reserved.eq_ignore_ascii_case(endpoint)) {
        return refuse(format!("/{endpoint} has a meaning of its own; choose another endpoint."));
    }
    for key in ["description", "nameAttribute"] {
        if object.get(key).is_some_and(|value| !value.is_string()) {
            return refuse(format!("{name}: {key} must be a text."));
        }
    }
    check_schema(object.get("schema").unwrap_or(&Value::Null), Place::Base, types)?;
    check_name_attribute(&TypeDefinition::from_json(definition)?)
}

/// The name is kept folded in a column of its own.
fn check_name_attribute(definition: &TypeDefinition) -> Result<(), ScimError> {
    let Some(named_by) = definition.schema.attribute(&definition.name_attribute) else { return Ok(()) };
    let fits = named_by.kind == Type::String && !named_by.multi_valued && !named_by.case_exact;
    if fits && named_by.returned != Returned::Never {
        return Ok(());
    }
    refuse(format!(
        "{}: nameAttribute is {}, which must be a single string that is compared without its case and is returned.",
        definition.name, named_by.name
    ))
}

/// Checks the definition of a schema. `types` are the names of all resource types.
///
/// # Errors
/// 400 `invalidValue` that names the attribute and the rule.
pub fn check_schema(definition: &Value, place: Place, types: &[&str]) -> Result<(), ScimError> {
    let object = object(definition, "A schema")?;
    let id = object.get("id").and_then(Value::as_str).unwrap_or_default();
    known_keys(object, &OF_A_SCHEMA, &format!("The schema {id}"))?;
    let listed = object.get("attributes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let within =
        |owner: &str, listed: &[Value]| listed.iter().try_for_each(|attribute| check_characteristics(attribute, owner));
    within(&format!("{id}:"), listed)?;
    for attribute in listed {
        let name = attribute.get("name").and_then(Value::as_str).unwrap_or_default();
        let subs = attribute.get("subAttributes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        within(&format!("{id}:{name}."), subs)?;
    }
    let schema = Schema::from_json(definition)?;
    let count: usize = schema.attributes.iter().map(|attribute| 1 + attribute.sub_attributes.len()).sum();
    if count == 0 || count > MOST_ATTRIBUTES {
        return refuse(format!("{id}: a schema has 1 to {MOST_ATTRIBUTES} attributes; this one has {count}."));
    }
    for attribute in &schema.attributes {
        check_attribute(attribute, &format!("{id}:{}", attribute.name), types)?;
        if place == Place::Base {
            check_base(attribute)?;
        }
        for sub in &attribute.sub_attributes {
            check_sub(sub, &format!("{id}:{}.{}", attribute.name, sub.name), types)?;
        }
    }
    Ok(())
}

/// Whether the characteristics are those of RFC 7643 §7, each of its kind.
fn check_characteristics(attribute: &Value, owner: &str) -> Result<(), ScimError> {
    let object = object(attribute, "An attribute definition")?;
    let name = object.get("name").and_then(Value::as_str).unwrap_or_default();
    let full = format!("{owner}{name}");
    known_keys(object, &CHARACTERISTICS, &full)?;
    if let Some(key) = TEXTS.iter().find(|key| object.get(**key).is_some_and(|value| !value.is_string())) {
        return refuse(format!("{full}: {key} must be a text."));
    }
    for key in ["canonicalValues", "referenceTypes"] {
        let Some(value) = object.get(key) else { continue };
        let texts = value.as_array().is_some_and(|values| values.iter().all(Value::is_string));
        if !texts {
            return refuse(format!("{full}: {key} must be an array of texts."));
        }
    }
    if name.len() > LONGEST_NAME {
        return refuse(format!("{full}: a name has at most {LONGEST_NAME} bytes."));
    }
    Ok(())
}

fn check_attribute(attribute: &Attribute, name: &str, types: &[&str]) -> Result<(), ScimError> {
    check_any(attribute, name, types)?;
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

fn check_sub(sub: &Attribute, name: &str, types: &[&str]) -> Result<(), ScimError> {
    check_any(sub, name, types)?;
    if sub.uniqueness != Uniqueness::None {
        return refuse(format!(
            "{name}: uniqueness is kept of whole attributes; set it on an attribute that is not complex."
        ));
    }
    Ok(())
}

fn check_any(attribute: &Attribute, name: &str, types: &[&str]) -> Result<(), ScimError> {
    check_references(attribute, name, types)?;
    let texts = matches!(attribute.kind, Type::String | Type::Reference);
    let canonical = &attribute.canonical_values;
    if !canonical.is_empty() && !texts {
        return refuse(format!("{name}: canonicalValues are for strings and references."));
    }
    let twice = canonical.iter().enumerate().find(|(at, value)| canonical[..*at].contains(value));
    if let Some((_, value)) = twice {
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
    let known = |it: &&String| !(*it == "external" || *it == "uri" || types.contains(&it.as_str()));
    wanted.iter().find(known).map_or(Ok(()), |it| {
        refuse(format!("{name}: referenceTypes names {it}; there are external, uri, {}.", types.join(", ")))
    })
}

/// Names that mean the same in the base schema of every type, since the gateway looks at them.
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

fn check_word(word: &str, what: &str) -> Result<(), ScimError> {
    let mut letters = word.chars();
    let fits = letters.next().is_some_and(|c| c.is_ascii_alphabetic())
        && letters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        && word.len() <= LONGEST_NAME;
    if fits {
        return Ok(());
    }
    refuse(format!(
        "\"{word}\" cannot be {what}: it starts with a letter and goes on with letters, digits, - or _, {LONGEST_NAME} at most."
    ))
}

fn object<'v>(value: &'v Value, what: &str) -> Result<&'v Map<String, Value>, ScimError> {
    value.as_object().ok_or_else(|| ScimError::invalid_value(format!("{what} must be a JSON object.")))
}

fn known_keys(object: &Map<String, Value>, known: &[&str], what: &str) -> Result<(), ScimError> {
    let strange = object.keys().find(|key| !known.contains(&key.as_str()));
    strange.map_or(Ok(()), |key| refuse(format!("{what} has {key}, which is none of {}.", known.join(", "))))
}

fn refuse<T>(detail: String) -> Result<T, ScimError> {
    Err(ScimError::invalid_value(detail))
}

#[cfg(test)]
mod tests;
