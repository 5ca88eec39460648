//! Reading and writing a canonical document by path, for plugins. Paths are read as liberally as those of PATCH; values
//! are not: a plugin is written once, by somebody who can read an error, so nothing is coerced or overlooked.

use serde_json::{Map, Value};

use crate::attribute::{Attribute, Mutability, Returned, Type};
use crate::filter::ElementFilter;
use crate::instant;
use crate::leniency::{Leniencies, Leniency, Warnings};
use crate::normalise::value::{coerce, coerce_element};
use crate::path::{Path, Target};
use crate::schema::{AttributeRef, ResourceType, Schema};

mod effort;
mod write;

#[cfg(test)]
mod tests;

/// Why a document was not read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// The text is no path.
    #[error("{0}")]
    Malformed(String),
    /// The path names an attribute that the schema does not have.
    #[error("{0}")]
    Unknown(String),
    /// The attribute belongs to the server.
    #[error("{0} is read-only here.")]
    ReadOnly(String),
    /// The value is not what the schema wants there.
    #[error("{0}")]
    WrongValue(String),
}

/// Every value the path leads to; empty where there is none. A bare multi-valued attribute (`emails`) is one value, the
/// whole array; `emails.value` and `emails[…]` lead into its elements.
///
/// # Errors
/// [`AccessError::Malformed`] or [`AccessError::Unknown`].
pub fn get<'d>(
    document: &'d Map<String, Value>,
    resource_type: &ResourceType,
    path: &str,
) -> Result<Vec<&'d Value>, AccessError> {
    let path = parse(path, resource_type)?;
    let attribute = match &path.target {
        Target::Extension(schema) => return Ok(document.get(&schema.id).into_iter().collect()),
        Target::Attribute(attribute) => attribute,
    };
    if attribute.sub.is_none() && path.element.is_none() {
        return Ok(attribute.value(document).into_iter().collect());
    }
    effort::check(document, &path)?;
    let elements = each(attribute.value(document));
    let chosen = elements.filter(|element| path.element.as_ref().is_none_or(|filter| filter.matches_element(element)));
    Ok(match &attribute.sub {
        None => chosen.collect(),
        Some(sub) => chosen.flat_map(|element| each(element.get(&sub.name))).collect(),
    })
}

/// Writes `value` wherever the path leads, and says to how many places. A path of `eq` terms that matches no element
/// makes the element it describes; null removes.
///
/// # Errors
/// Any [`AccessError`]; the document is then as it was.
pub fn set(
    document: &mut Map<String, Value>,
    resource_type: &ResourceType,
    path: &str,
    value: Value,
) -> Result<u32, AccessError> {
    let path = writable(path, resource_type)?;
    effort::check(document, &path)?;
    let count = match &path.target {
        Target::Extension(schema) => write::set_extension(document, schema, value)?,
        Target::Attribute(attribute) => match fitting(value, attribute, path.element.as_ref())? {
            None => write::remove(document, &path),
            Some(value) => write::set(document, attribute, path.element.as_ref(), value)?,
        },
    };
    write::settle(document, resource_type, &path.target);
    Ok(count)
}

/// Adds one value, or each of an array of values, to a multi-valued attribute, and says how many were new to it.
///
/// # Errors
/// Any [`AccessError`]; the document is then as it was.
pub fn append(
    document: &mut Map<String, Value>,
    resource_type: &ResourceType,
    path: &str,
    value: Value,
) -> Result<u32, AccessError> {
    let parsed = writable(path, resource_type)?;
    let attribute = match &parsed.target {
        Target::Attribute(attribute)
            if attribute.sub.is_none() && parsed.element.is_none() && attribute.attribute.multi_valued =>
        {
            attribute
        }
        _ => return Err(AccessError::WrongValue(format!("{path} is not multi-valued; set it instead."))),
    };
    let value = if value.is_array() || value.is_null() { value } else { Value::Array(vec![value]) };
    let count = match fitting(value, attribute, None)? {
        Some(Value::Array(elements)) => write::append(document, attribute, elements)?,
        _ => 0,
    };
    write::settle(document, resource_type, &parsed.target);
    Ok(count)
}

/// Removes what the path leads to, and says how many values went. Removing nothing is no error.
///
/// # Errors
/// [`AccessError::Malformed`], [`AccessError::Unknown`] or [`AccessError::ReadOnly`].
pub fn remove(document: &mut Map<String, Value>, resource_type: &ResourceType, path: &str) -> Result<u32, AccessError> {
    let path = writable(path, resource_type)?;
    effort::check(document, &path)?;
    let count = write::remove(document, &path);
    write::settle(document, resource_type, &path.target);
    Ok(count)
}

fn parse(text: &str, resource_type: &ResourceType) -> Result<Path, AccessError> {
    Path::parse(text, resource_type).map_err(|error| {
        if names_nothing(text, resource_type) {
            AccessError::Unknown(error.detail)
        } else {
            AccessError::Malformed(error.detail)
        }
    })
}

/// Whether a refused path is well-formed and only names what is not there.
fn names_nothing(text: &str, resource_type: &ResourceType) -> bool {
    let is_name = |name: &str| !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || "()[]\"".contains(c));
    match text.trim().rsplit_once(']') {
        None => is_name(text.trim()),
        Some((head, tail)) => {
            let attribute = head.split('[').next().unwrap_or_default();
            let sub_is_unknown =
                tail.strip_prefix('.').is_some_and(is_name) && Path::parse(&format!("{head}]"), resource_type).is_ok();
            sub_is_unknown || (is_name(attribute) && resource_type.resolve(attribute).is_none())
        }
    }
}

fn writable(text: &str, resource_type: &ResourceType) -> Result<Path, AccessError> {
    let path = parse(text, resource_type)?;
    match path.attribute() {
        Some(attribute) if is_read_only(attribute) || is_detached(attribute, resource_type) => {
            Err(AccessError::ReadOnly(attribute.name()))
        }
        _ => Ok(path),
    }
}

/// What is kept beside the document is not written through it.
fn is_detached(attribute: &AttributeRef, resource_type: &ResourceType) -> bool {
    attribute.extension.is_none() && resource_type.detached == Some(attribute.attribute.name.as_str())
}

/// What the server keeps by itself: `schemas` follows from the data, a password is never in a document.
fn is_read_only(attribute: &AttributeRef) -> bool {
    let own = attribute.extension.is_none() && ["id", "meta", "schemas"].contains(&attribute.attribute.name.as_str());
    let closed = |a: &Attribute| {
        matches!(a.mutability, Mutability::ReadOnly | Mutability::WriteOnly) || a.returned == Returned::Never
    };
    own || closed(&attribute.attribute) || closed(attribute.leaf())
}

/// The value as the schema wants it at the end of the path; `None` if it leaves the place empty.
fn fitting(
    value: Value,
    attribute: &AttributeRef,
    filter: Option<&ElementFilter>,
) -> Result<Option<Value>, AccessError> {
    let leaf = attribute.leaf();
    let mut warnings = Warnings::default();
    let one_element = filter.is_some() && attribute.sub.is_none();
    let checked = if one_element {
        coerce_element(value, leaf, &strict(), &mut warnings)
    } else {
        coerce(value, leaf, &strict(), &mut warnings)
    };
    let checked = checked.map_err(|error| AccessError::WrongValue(error.detail))?;
    checked.iter().try_for_each(|value| check_texts(value, leaf))?;
    Ok(checked)
}

/// The kinds of text that have a form. A schema nests no deeper than sub-attributes, which bounds the recursion.
fn check_texts(value: &Value, attribute: &Attribute) -> Result<(), AccessError> {
    match value {
        Value::Array(elements) => elements.iter().try_for_each(|element| check_texts(element, attribute)),
        Value::Object(object) => object.iter().try_for_each(|(name, value)| match attribute.sub_attribute(name) {
            Some(sub) => check_texts(value, sub),
            None => Ok(()),
        }),
        Value::String(text) => {
            let wanted = match attribute.kind {
                Type::DateTime if instant::parse(text).is_none() => "a date and a time (2026-01-31T09:30:00Z)",
                Type::Binary if !is_base64(text) => "base64",
                _ => return Ok(()),
            };
            Err(AccessError::WrongValue(format!("{} must be {wanted}.", attribute.name)))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

/// RFC 7643 §2.3.6: base64 by RFC 4648, Section 4 or, URL-safe, Section 5; padded or not.
fn is_base64(text: &str) -> bool {
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    let of_alphabet = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_');
    digits.bytes().all(of_alphabet) && digits.len() % 4 != 1 && (padding == 0 || text.len().is_multiple_of(4))
}

/// No leniency but two: several primaries, and nulls in an array, have one obvious meaning.
fn strict() -> Leniencies {
    Leniencies::strict().with(Leniency::ExtraPrimary).with(Leniency::NullAttribute)
}

/// The elements of an array, or the single value.
fn each(value: Option<&Value>) -> std::slice::Iter<'_, Value> {
    match value {
        Some(Value::Array(elements)) => elements.iter(),
        Some(single) => std::slice::from_ref(single).iter(),
        None => [].iter(),
    }
}

/// Each attribute of an extension, checked like a path of its own.
fn extension_data(schema: &Schema, value: Value) -> Result<Map<String, Value>, AccessError> {
    let members = match value {
        Value::Object(members) => members,
        Value::Null => Map::new(),
        _ => return Err(AccessError::WrongValue(format!("{} must be an object of its attributes.", schema.id))),
    };
    let mut data = Map::new();
    for (key, value) in members {
        let Some(attribute) = schema.attribute(&key) else {
            return Err(AccessError::WrongValue(format!("{} has no attribute {key}.", schema.id)));
        };
        let attribute = AttributeRef { extension: None, attribute: attribute.clone(), sub: None };
        if is_read_only(&attribute) {
            return Err(AccessError::ReadOnly(attribute.name()));
        }
        if let Some(value) = fitting(value, &attribute, None)? {
            data.insert(attribute.attribute.name.clone(), value);
        }
    }
    Ok(data)
}
