//! Validates a canonical document against its resource type: known attributes, correct types, nothing missing.

use std::collections::HashMap;
use std::fmt::{Arguments, Display};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{AttributeRef, ResourceType, Schema, common_attributes};
use crate::attribute::{Attribute, Mutability, Type};
use crate::decimal::Decimal;
use crate::error::ScimError;
use crate::instant;
use crate::value::{Members, is_primary, is_unassigned};

/// The most elements of a multi-valued attribute. Elements are compared with each other, so their number bounds the work
/// of a request. Members of a group are stored elsewhere and have no such limit.
pub const MAX_ELEMENTS: usize = 1_000;

/// Checks the number of elements of an attribute.
pub(crate) fn check_elements(count: usize, name: &dyn Display) -> Result<(), ScimError> {
    if count <= MAX_ELEMENTS {
        return Ok(());
    }
    Err(ScimError::invalid_value(format!("{name} would have {count} values; at most {MAX_ELEMENTS} are accepted.")))
}

/// Checks that a replacement does not change immutable attributes. RFC 7644 §3.5.1: "If one or more values are
/// already set for the attribute, the input value(s) MUST match, or HTTP status code 400 SHOULD be returned with a
/// "scimType" error code of "mutability"".
pub fn check_immutable(
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    resource_type: &ResourceType,
) -> Result<(), ScimError> {
    check_unchanged(old, new, &resource_type.schema.attributes, "")?;
    let empty = Map::new();
    for extension in &resource_type.extensions {
        let schema = &extension.schema;
        let [old, new] = [old, new].map(|it| it.get(&schema.id).and_then(Value::as_object).unwrap_or(&empty));
        check_unchanged(old, new, &schema.attributes, &format!("{}:", schema.id))?;
    }
    Ok(())
}

fn check_unchanged(
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    attributes: &[Arc<Attribute>],
    prefix: &str,
) -> Result<(), ScimError> {
    for attribute in attributes {
        let name = &attribute.name;
        let Some(before) = old.get(name) else { continue };
        let after = new.get(name);
        if attribute.mutability == Mutability::Immutable && after != Some(before) {
            return Err(ScimError::mutability(format!(
                "{prefix}{name} is immutable: it cannot change once it is set."
            )));
        }
        if let Some(after) = after.filter(|_| attribute.sub_attributes.iter().any(is_immutable)) {
            check_unchanged_parts(before, after, attribute, &format!("{prefix}{name}."))?;
        }
    }
    Ok(())
}

/// The sub-attributes of a complex value, or of each element in both arrays. A whole element may be removed.
fn check_unchanged_parts(before: &Value, after: &Value, attribute: &Attribute, prefix: &str) -> Result<(), ScimError> {
    let subs = &attribute.sub_attributes;
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => check_unchanged(before, after, subs, prefix),
        (Value::Array(before), Value::Array(after)) => {
            let mut first = HashMap::with_capacity(before.len());
            for element in before {
                identity(element).map(|identity| first.entry(identity).or_insert(element));
            }
            after.iter().try_for_each(|element| {
                let same = identity(element).and_then(|identity| first.get(&identity));
                same.map_or(Ok(()), |before| check_unchanged_parts(before, element, attribute, prefix))
            })
        }
        _ => Ok(()),
    }
}

/// Elements are identified by `value` and `type`.
fn identity(element: &Value) -> Option<(&Value, Option<&Value>)> {
    Some((element.get("value")?, element.get("type")))
}

fn is_immutable(attribute: &Arc<Attribute>) -> bool {
    attribute.mutability == Mutability::Immutable
}

/// Validates a canonical document. An error is 400 `invalidValue`, or `invalidSyntax` for an unknown attribute.
/// `canonicalValues` are only suggestions (RFC 7643 §7: "a service provider MAY ignore").
pub fn validate(document: &impl Members, resource_type: &ResourceType) -> Result<(), ScimError> {
    check_schemas(document, resource_type)?;
    for (key, value) in document.iter() {
        if let Some(extension) = resource_type.extensions.iter().find(|e| e.schema.id == *key) {
            check_extension(value, &extension.schema)?;
            continue;
        }
        let attribute = exact(&resource_type.schema.attributes, key).or_else(|| exact(common_attributes(), key));
        let attribute = attribute.ok_or_else(|| unknown(key, &resource_type.name))?;
        check_value(value, attribute, format_args!("{key}"))?;
    }
    check_required(document, &resource_type.schema.attributes, format_args!(""))?;
    let missing = resource_type.extensions.iter().find(|e| e.required && document.get(&e.schema.id).is_none());
    missing.map_or(Ok(()), |e| Err(wrong(&e.schema.id, "is a required extension; give its attributes")))
}

/// Validates one attribute of a canonical document.
pub(crate) fn check_attribute(document: &Map<String, Value>, reference: &AttributeRef) -> Result<(), ScimError> {
    let value = reference.value(document);
    value.map_or(Ok(()), |value| {
        check_value(value, &reference.attribute, format_args!("{}", reference.attribute_name()))
    })
}

/// Validates the data of one extension in a canonical document.
pub(crate) fn check_extension_of(document: &Map<String, Value>, schema: &Schema) -> Result<(), ScimError> {
    document.get(&schema.id).map_or(Ok(()), |value| check_extension(value, schema))
}

/// RFC 7643 §3: `schemas` lists the base schema and the extensions that have data.
fn check_schemas(document: &impl Members, resource_type: &ResourceType) -> Result<(), ScimError> {
    let urns = document.get("schemas").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let names = |urn: &str| urns.iter().any(|listed| listed.as_str() == Some(urn));
    if !names(&resource_type.schema.id) {
        return Err(wrong(&"schemas", &format!("must name {}", resource_type.schema.id)));
    }
    for urn in urns {
        let known = urn.as_str().is_some_and(|urn| {
            urn == resource_type.schema.id || resource_type.extensions.iter().any(|e| e.schema.id == urn)
        });
        if !known {
            return Err(wrong(&"schemas", &format!("names {urn}, which {} does not have", resource_type.name)));
        }
    }
    let unnamed =
        resource_type.extensions.iter().find(|e| document.get(&e.schema.id).is_some() && !names(&e.schema.id));
    unnamed.map_or(Ok(()), |e| Err(wrong(&"schemas", &format!("must name {}", e.schema.id))))
}

fn check_extension(value: &Value, schema: &Schema) -> Result<(), ScimError> {
    let members = value.as_object().ok_or_else(|| wrong(&schema.id, "must be an object"))?;
    for (key, value) in members {
        let id = &schema.id;
        let attribute = exact(&schema.attributes, key);
        let attribute = attribute.ok_or_else(|| unknown(&format_args!("{id}:{key}"), &schema.name))?;
        check_value(value, attribute, format_args!("{id}:{key}"))?;
    }
    check_required(members, &schema.attributes, format_args!("{}:", schema.id))
}

fn check_required(
    members: &impl Members,
    attributes: &[Arc<Attribute>],
    prefix: Arguments<'_>,
) -> Result<(), ScimError> {
    let is_missing = |attribute: &Attribute| {
        members.get(&attribute.name).is_none_or(|value| is_unassigned(value) || value.as_str() == Some(""))
    };
    let mut required = attributes.iter().filter(|attribute| attribute.required && attribute.is_stored());
    required
        .find(|attribute| is_missing(attribute))
        .map_or(Ok(()), |attribute| Err(wrong(&format_args!("{prefix}{}", attribute.name), "is required")))
}

/// The name is put together only for a complaint.
fn check_value(value: &Value, attribute: &Attribute, name: Arguments<'_>) -> Result<(), ScimError> {
    if !attribute.multi_valued {
        return check_one(value, attribute, name);
    }
    let elements = value.as_array().ok_or_else(|| wrong(&name, "must be an array"))?;
    check_elements(elements.len(), &name)?;
    elements.iter().try_for_each(|element| check_one(element, attribute, name))?;
    // RFC 7643 §2.4: "The primary attribute value 'true' MUST appear no more than once."
    if elements.iter().filter(|element| is_primary(element)).count() > 1 {
        return Err(wrong(&name, "must have at most one primary value"));
    }
    Ok(())
}

fn check_one(value: &Value, attribute: &Attribute, name: Arguments<'_>) -> Result<(), ScimError> {
    if let (Type::Complex, Value::Object(members)) = (attribute.kind, value) {
        return check_complex(members, attribute, name);
    }
    simple_complaint(attribute.kind, value).map_or(Ok(()), |complaint| Err(wrong(&name, complaint)))
}

/// What is wrong with a value that is not complex.
pub(crate) fn simple_complaint(kind: Type, value: &Value) -> Option<&'static str> {
    match (kind, value) {
        (Type::Complex, _) => Some("must be an object"),
        (Type::Boolean, Value::Bool(_)) | (Type::Decimal, Value::Number(_)) => None,
        (Type::Boolean, _) => Some("must be true or false"),
        (Type::Decimal, _) => Some("must be a number"),
        (Type::Integer, Value::Number(number)) if Decimal::new(number).is_whole() => None,
        (Type::Integer, _) => Some("must be a whole number"),
        (kind, Value::String(text)) => check_text(kind, text),
        (_, _) => Some("must be a text"),
    }
}

fn check_complex(members: &Map<String, Value>, attribute: &Attribute, name: Arguments<'_>) -> Result<(), ScimError> {
    for (key, value) in members {
        let sub = exact(&attribute.sub_attributes, key);
        let sub = sub.ok_or_else(|| unknown(&format_args!("{name}.{key}"), &name))?;
        check_value(value, sub, format_args!("{name}.{key}"))?;
    }
    check_required(members, &attribute.sub_attributes, format_args!("{name}."))
}

fn check_text(kind: Type, text: &str) -> Option<&'static str> {
    if text.contains('\0') {
        return Some("must not hold the character U+0000");
    }
    match kind {
        Type::DateTime if instant::parse(text).is_none() => {
            Some("must be a date and time such as 2026-05-01T09:30:00Z")
        }
        // Line breaks within base64 are common in directories.
        Type::Binary if !is_base64(&text.split_ascii_whitespace().collect::<String>()) => Some("must be base64"),
        Type::Reference if !is_reference(text) => Some("must be a URI"),
        _ => None,
    }
}

/// RFC 7643 §2.3.6: base64 by RFC 4648, section 4 or, URL-safe, section 5; with or without padding.
pub(crate) fn is_base64(text: &str) -> bool {
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    let in_alphabet = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_');
    digits.bytes().all(in_alphabet)
        && digits.len() % 4 != 1
        && padding <= 2
        && (padding == 0 || text.len().is_multiple_of(4))
}

/// RFC 7643 §2.3.7 requires a URI, absolute or relative. Many directories hold nearly valid ones, so only characters that
/// no URI contains are refused.
fn is_reference(text: &str) -> bool {
    !text.chars().any(|c| c.is_control() || c.is_whitespace() || "<>\"".contains(c))
}

/// Names in a canonical document are in canonical spelling. A value under another spelling would never be found again.
fn exact<'a>(attributes: &'a [Arc<Attribute>], name: &str) -> Option<&'a Arc<Attribute>> {
    attributes.iter().find(|attribute| attribute.name == name)
}

fn unknown(name: &dyn Display, owner: &dyn Display) -> ScimError {
    ScimError::invalid_syntax(format!("{name} is not an attribute of {owner}."))
}

fn wrong(name: &dyn Display, complaint: &str) -> ScimError {
    ScimError::invalid_value(format!("{name} {complaint}."))
}

#[cfg(test)]
mod tests;
