//! Whether a canonical document is what its resource type says: known attributes, right types, nothing missing.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{AttributeRef, ResourceType, Schema, common_attributes};
use crate::attribute::{Attribute, Mutability, Returned, Type};
use crate::error::ScimError;
use crate::instant;
use crate::normalise::value::is_whole;

/// Most elements of a multi-valued attribute. Elements are compared with one another, so their number bounds the work
/// that one request can ask for; members of a group are kept elsewhere and are not bound by it.
pub const MAX_ELEMENTS: usize = 1_000;

/// Whether an attribute may have so many elements.
///
/// # Errors
/// 400 `invalidValue` that names the attribute and the limit.
pub fn check_elements(count: usize, name: &str) -> Result<(), ScimError> {
    if count <= MAX_ELEMENTS {
        return Ok(());
    }
    Err(ScimError::invalid_value(format!("{name} would have {count} values; at most {MAX_ELEMENTS} are accepted.")))
}

/// Checks that a replacement leaves immutable attributes as they were (RFC 7644 §3.5.1: "If one or more values are
/// already set for the attribute, the input value(s) MUST match, or HTTP status code 400 SHOULD be returned with a
/// "scimType" error code of "mutability"").
///
/// # Errors
/// 400 `mutability` that names the attribute.
pub fn check_immutable(
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    resource_type: &ResourceType,
) -> Result<(), ScimError> {
    check_kept(old, new, &resource_type.schema.attributes, "")?;
    for extension in &resource_type.extensions {
        let schema = &extension.schema;
        let part = |document: &Map<String, Value>| document.get(&schema.id).and_then(Value::as_object).cloned();
        let prefix = format!("{}:", schema.id);
        check_kept(&part(old).unwrap_or_default(), &part(new).unwrap_or_default(), &schema.attributes, &prefix)?;
    }
    Ok(())
}

fn check_kept(
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
            return Err(changed(&format!("{prefix}{name}")));
        }
        if let Some(after) = after.filter(|_| attribute.sub_attributes.iter().any(is_immutable)) {
            check_kept_parts(before, after, attribute, &format!("{prefix}{name}."))?;
        }
    }
    Ok(())
}

/// The parts of a complex value, or of each element that is there before and after. An element as a whole may go.
fn check_kept_parts(before: &Value, after: &Value, attribute: &Attribute, prefix: &str) -> Result<(), ScimError> {
    let subs = &attribute.sub_attributes;
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => check_kept(before, after, subs, prefix),
        (Value::Array(before), Value::Array(after)) => {
            let parts = |element: &Value| element.as_object().cloned().unwrap_or_default();
            let mut pairs =
                after.iter().filter_map(|element| Some((before.iter().find(|it| is_one(it, element))?, element)));
            pairs.try_for_each(|(before, after)| check_kept(&parts(before), &parts(after), subs, prefix))
        }
        _ => Ok(()),
    }
}

/// Whether they are the same element, told by its value and type.
fn is_one(before: &Value, after: &Value) -> bool {
    let same = |key| before.get(key) == after.get(key);
    before.get("value").is_some() && same("value") && same("type")
}

fn is_immutable(attribute: &Arc<Attribute>) -> bool {
    attribute.mutability == Mutability::Immutable
}

fn changed(name: &str) -> ScimError {
    ScimError::mutability(format!("{name} is immutable: it cannot change once it is set."))
}

/// Checks a canonical document. `canonicalValues` are suggestions (RFC 7643 §7: "a service provider MAY ignore")
/// and refuse nothing.
///
/// # Errors
/// 400 `invalidValue`, or `invalidSyntax` for an attribute that does not exist; the sentence names it.
pub fn validate(document: &Map<String, Value>, resource_type: &ResourceType) -> Result<(), ScimError> {
    check_schemas(document, resource_type)?;
    for (key, value) in document {
        if let Some(extension) = resource_type.extensions.iter().find(|e| e.schema.id == *key) {
            check_extension(value, &extension.schema)?;
            continue;
        }
        let attribute = exact(&resource_type.schema.attributes, key).or_else(|| exact(common_attributes(), key));
        let attribute = attribute.ok_or_else(|| unknown(key, &resource_type.name))?;
        check_value(value, attribute, key)?;
    }
    check_required(document, &resource_type.schema.attributes, "")?;
    let missing = resource_type.extensions.iter().find(|e| e.required && !document.contains_key(&e.schema.id));
    missing.map_or(Ok(()), |e| Err(wrong(&e.schema.id, "is a required extension; give its attributes")))
}

/// Checks one attribute of a canonical document, whatever else the document lacks.
///
/// # Errors
/// 400 `invalidValue` that names the attribute.
pub fn check_attribute(document: &Map<String, Value>, reference: &AttributeRef) -> Result<(), ScimError> {
    let name = AttributeRef { sub: None, ..reference.clone() }.name();
    reference.value(document).map_or(Ok(()), |value| check_value(value, &reference.attribute, &name))
}

/// Checks what a canonical document has of one extension, whatever else it lacks.
///
/// # Errors
/// As [`validate`].
pub fn check_extension_of(document: &Map<String, Value>, schema: &Schema) -> Result<(), ScimError> {
    document.get(&schema.id).map_or(Ok(()), |value| check_extension(value, schema))
}

/// RFC 7643 §3: the base schema's URN, and those of the extensions that are there.
fn check_schemas(document: &Map<String, Value>, resource_type: &ResourceType) -> Result<(), ScimError> {
    let urns = document.get("schemas").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let names = |urn: &str| urns.iter().any(|listed| listed.as_str() == Some(urn));
    if !names(&resource_type.schema.id) {
        return Err(wrong("schemas", &format!("must name {}", resource_type.schema.id)));
    }
    for urn in urns {
        let known = urn.as_str().is_some_and(|urn| {
            urn == resource_type.schema.id || resource_type.extensions.iter().any(|e| e.schema.id == urn)
        });
        if !known {
            return Err(wrong("schemas", &format!("names {urn}, which {} does not have", resource_type.name)));
        }
    }
    let unnamed = resource_type.extensions.iter().find(|e| document.contains_key(&e.schema.id) && !names(&e.schema.id));
    unnamed.map_or(Ok(()), |e| Err(wrong("schemas", &format!("must name {}", e.schema.id))))
}

fn check_extension(value: &Value, schema: &Schema) -> Result<(), ScimError> {
    let members = value.as_object().ok_or_else(|| wrong(&schema.id, "must be an object"))?;
    for (key, value) in members {
        let full = format!("{}:{key}", schema.id);
        let attribute = exact(&schema.attributes, key).ok_or_else(|| unknown(&full, &schema.name))?;
        check_value(value, attribute, &full)?;
    }
    check_required(members, &schema.attributes, &format!("{}:", schema.id))
}

/// What the server writes itself, or the client writes and nobody keeps, cannot be missing.
fn check_required(members: &Map<String, Value>, attributes: &[Arc<Attribute>], prefix: &str) -> Result<(), ScimError> {
    for attribute in attributes.iter().filter(|attribute| attribute.required) {
        let written_by_client = attribute.mutability != Mutability::ReadOnly && attribute.returned != Returned::Never;
        if written_by_client && members.get(&attribute.name).is_none_or(is_unassigned) {
            return Err(wrong(&format!("{prefix}{}", attribute.name), "is required"));
        }
    }
    Ok(())
}

fn is_unassigned(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(elements) => elements.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn check_value(value: &Value, attribute: &Attribute, name: &str) -> Result<(), ScimError> {
    if !attribute.multi_valued {
        return check_one(value, attribute, name);
    }
    let elements = value.as_array().ok_or_else(|| wrong(name, "must be an array"))?;
    check_elements(elements.len(), name)?;
    elements.iter().try_for_each(|element| check_one(element, attribute, name))?;
    // RFC 7643 §2.4: "The primary attribute value 'true' MUST appear no more than once."
    let primaries = elements.iter().filter(|element| element.get("primary") == Some(&Value::Bool(true)));
    if primaries.count() > 1 {
        return Err(wrong(name, "must have at most one primary value"));
    }
    Ok(())
}

fn check_one(value: &Value, attribute: &Attribute, name: &str) -> Result<(), ScimError> {
    let complaint = match (attribute.kind, value) {
        (Type::Complex, Value::Object(members)) => return check_complex(members, attribute, name),
        (Type::Complex, _) => "must be an object",
        (Type::Boolean, Value::Bool(_)) | (Type::Decimal, Value::Number(_)) => return Ok(()),
        (Type::Boolean, _) => "must be true or false",
        (Type::Decimal, _) => "must be a number",
        (Type::Integer, Value::Number(number)) if is_whole(number) => return Ok(()),
        (Type::Integer, _) => "must be a whole number",
        (kind, Value::String(text)) => match check_text(kind, text) {
            None => return Ok(()),
            Some(complaint) => complaint,
        },
        (_, _) => "must be a text",
    };
    Err(wrong(name, complaint))
}

fn check_complex(members: &Map<String, Value>, attribute: &Attribute, name: &str) -> Result<(), ScimError> {
    for (key, value) in members {
        let full = || format!("{name}.{key}");
        let sub = exact(&attribute.sub_attributes, key).ok_or_else(|| unknown(&full(), name))?;
        check_value(value, sub, &full())?;
    }
    check_required(members, &attribute.sub_attributes, &format!("{name}."))
}

fn check_text(kind: Type, text: &str) -> Option<&'static str> {
    if text.contains('\0') {
        return Some("must not hold the character U+0000");
    }
    match kind {
        Type::DateTime if instant::parse(text).is_none() => {
            Some("must be a date and time such as 2026-05-01T09:30:00Z")
        }
        Type::Binary if !is_base64(text) => Some("must be base64"),
        Type::Reference if !is_reference(text) => Some("must be a URI"),
        _ => None,
    }
}

/// Either alphabet of RFC 4648, padded or not, in lines or not.
fn is_base64(text: &str) -> bool {
    let digits = text.bytes().filter(|byte| !byte.is_ascii_whitespace());
    let letters = text.trim_end().trim_end_matches('=');
    let padding = text.trim_end().len() - letters.len();
    let count = letters.bytes().filter(|byte| !byte.is_ascii_whitespace()).count();
    let well_formed = letters
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace() || b"+/-_".contains(&byte));
    well_formed && count % 4 != 1 && padding <= 2 && (padding == 0 || digits.count() % 4 == 0)
}

/// RFC 7643 §2.3.7 wants a URI, absolute or relative; directories hold many that are nearly one. Only what can be
/// no part of any is refused.
fn is_reference(text: &str) -> bool {
    !text.chars().any(|c| c.is_control() || c.is_whitespace() || "<>\"".contains(c))
}

/// A canonical document has canonical names; any other would be stored and never found again.
fn exact<'a>(attributes: &'a [Arc<Attribute>], name: &str) -> Option<&'a Arc<Attribute>> {
    attributes.iter().find(|attribute| attribute.name == name)
}

fn unknown(name: &str, owner: &str) -> ScimError {
    ScimError::invalid_syntax(format!("{name} is no attribute of {owner}."))
}

fn wrong(name: &str, complaint: &str) -> ScimError {
    ScimError::invalid_value(format!("{name} {complaint}."))
}

#[cfg(test)]
mod tests;
