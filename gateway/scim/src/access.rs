//! Reads and writes a canonical document by path, for plugins. Paths have all the forms of PATCH paths. Values are not
//! coerced, because a plugin's author can fix an error.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::attribute::{Attribute, Mutability, Type};
use crate::effort::Effort;
use crate::filter::ElementFilter;
use crate::instant;
use crate::leniency::{Leniencies, Leniency, Warnings};
use crate::normalise::value::Coercion;
use crate::path::{Path, Target};
use crate::schema::validate::is_base64;
use crate::schema::{AttributeRef, ResourceType, Schema};
use crate::value::{Members, elements};

mod overlay;
mod text;
mod write;

pub use overlay::Overlay;
pub use text::TextDocument;

#[cfg(test)]
mod tests;

/// The most units of [`Effort`] of one call. The work takes some milliseconds: a thousand mail addresses can be searched for
/// eighty terms.
const MAX_CALL_EFFORT: usize = 4 << 20;

/// The reason why a document was not read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// The path is malformed.
    #[error("{0}")]
    Malformed(String),
    /// The path names an attribute that the schema does not define.
    #[error("{0}")]
    Unknown(String),
    /// Only the server writes the attribute.
    #[error("{0} is read-only here.")]
    ReadOnly(String),
    /// The schema does not allow the value.
    #[error("{0}")]
    WrongValue(String),
    /// There would be too many values, or it would take too long.
    #[error("{0}")]
    TooMuch(String),
}

/// The values at a path. A bare multi-valued attribute (`emails`) is a single value, the whole array; `emails.value` and
/// `emails[…]` select from its elements.
pub fn get<'d>(document: &'d Overlay, resource_type: &ResourceType, path: &str) -> Result<Vec<&'d Value>, AccessError> {
    let path = parse(path, resource_type)?;
    values(document, &path)
}

/// The same for a path that is parsed once for many documents.
pub(crate) fn values<'d>(document: &'d impl Members, path: &Path) -> Result<Vec<&'d Value>, AccessError> {
    let attribute = match &path.target {
        Target::Extension(schema) => return Ok(document.get(&schema.id).into_iter().collect()),
        Target::Attribute(attribute) => attribute,
    };
    let value = match &attribute.extension {
        None => document.get(&attribute.attribute.name),
        Some(schema) => document.get(&schema.id).and_then(|data| data.get(&attribute.attribute.name)),
    };
    if attribute.sub.is_none() && path.element.is_none() {
        return Ok(value.into_iter().collect());
    }
    let all = elements(value);
    let selected = selected(all, attribute, path.element.as_ref())?;
    let selected = selected.into_iter().filter_map(|index| all.get(index));
    Ok(match &attribute.sub {
        None => selected.collect(),
        Some(sub) => selected.flat_map(|element| elements(element.get(&sub.name))).collect(),
    })
}

/// Sets every value at a path and returns their number. A path of `eq` terms without a match creates the element that it
/// describes. Null removes. An error leaves the document unchanged.
pub fn set(document: &mut Overlay, resource_type: &ResourceType, path: &str, value: Value) -> Result<u32, AccessError> {
    let path = writable(path, resource_type)?;
    let count = match &path.target {
        Target::Extension(schema) => write::set_extension(document, schema, value)?,
        Target::Attribute(attribute) => match checked(value, attribute, path.element.as_ref())? {
            None => write::remove(document, &path)?,
            Some(value) => write::set(document, attribute, path.element.as_ref(), value)?,
        },
    };
    update_schemas(document, resource_type, &path);
    Ok(count)
}

/// Adds a value, or each value of an array, to a multi-valued attribute and returns the number of new ones. An error
/// leaves the document unchanged.
pub fn append(
    document: &mut Overlay,
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
    let count = match checked(value, attribute, None)? {
        Some(Value::Array(elements)) => write::append(document, attribute, &elements)?,
        _ => 0,
    };
    update_schemas(document, resource_type, &parsed);
    Ok(count)
}

/// Removes the values at a path and returns their number. Removing nothing is not an error.
pub fn remove(document: &mut Overlay, resource_type: &ResourceType, path: &str) -> Result<u32, AccessError> {
    let path = writable(path, resource_type)?;
    let count = write::remove(document, &path)?;
    update_schemas(document, resource_type, &path);
    Ok(count)
}

fn parse(text: &str, resource_type: &ResourceType) -> Result<Arc<Path>, AccessError> {
    resource_type.kept_paths().get_or(text, || Path::parse(text, resource_type)).map_err(|error| {
        if names_unknown(text, resource_type) {
            AccessError::Unknown(error.detail)
        } else {
            AccessError::Malformed(error.detail)
        }
    })
}

/// Whether a refused path is well-formed but names an unknown attribute.
fn names_unknown(text: &str, resource_type: &ResourceType) -> bool {
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

fn writable(text: &str, resource_type: &ResourceType) -> Result<Arc<Path>, AccessError> {
    let path = parse(text, resource_type)?;
    match path.attribute() {
        Some(attribute) if is_read_only(attribute) || resource_type.is_detached(attribute) => {
            Err(AccessError::ReadOnly(attribute.name()))
        }
        _ => Ok(path),
    }
}

/// The indices of the elements that a filter selects, or of all. Refuses a filter that would take too long on them.
fn selected(
    elements: &[Value],
    attribute: &AttributeRef,
    filter: Option<&ElementFilter>,
) -> Result<Vec<usize>, AccessError> {
    let Some(filter) = filter else { return Ok((0..elements.len()).collect()) };
    filter.select(elements, &mut Effort::patch_within(MAX_CALL_EFFORT)).map_err(|_| {
        let (name, terms, count) = (&attribute.attribute.name, filter.filter().term_count(), elements.len());
        AccessError::TooMuch(format!("{terms} terms are too many for {count} values of {name}; ask for less at once."))
    })
}

/// RFC 7643 §3: `schemas` lists the extensions with data, so it changes with the first and last attribute of one.
fn update_schemas(document: &mut Overlay, resource_type: &ResourceType, path: &Path) {
    if path.attribute().is_none_or(|attribute| attribute.extension.is_some()) {
        rebuild_schemas(document, resource_type);
    }
}

/// Sets `schemas` to the base schema and the extensions with data, in the type's order, and removes empty extensions.
fn rebuild_schemas(document: &mut Overlay, resource_type: &ResourceType) {
    let mut urns = vec![resource_type.schema.id.as_str()];
    for extension in &resource_type.extensions {
        let urn = &extension.schema.id;
        match document.get(urn) {
            Some(Value::Object(members)) if !members.is_empty() => urns.push(urn),
            Some(_) => drop(document.remove(urn)),
            None => {}
        }
    }
    let present = document.get("schemas").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if !present.iter().map(Value::as_str).eq(urns.iter().copied().map(Some)) {
        document.insert("schemas", urns.into());
    }
}

/// Whether only the server writes the attribute: `schemas` follows from the data, a password is never in a document.
fn is_read_only(attribute: &AttributeRef) -> bool {
    let is_meta =
        attribute.extension.is_none() && ["id", "meta", "schemas"].contains(&attribute.attribute.name.as_str());
    let is_closed = |it: &Attribute| it.mutability == Mutability::ReadOnly || it.is_secret();
    is_meta || is_closed(&attribute.attribute) || is_closed(attribute.leaf())
}

/// Checks a value against the schema and returns its canonical form; `None` leaves the target unassigned.
fn checked(
    value: Value,
    attribute: &AttributeRef,
    filter: Option<&ElementFilter>,
) -> Result<Option<Value>, AccessError> {
    let leaf = attribute.leaf();
    // Several primary elements and nulls in an array have one obvious meaning.
    let leniencies = &Leniencies::strict().with(Leniency::ExtraPrimary).with(Leniency::NullAttribute);
    let (warnings, unknown) = (&mut Warnings::default(), &mut Map::new());
    let mut coercion = Coercion { leniencies, warnings, unknown };
    let is_element = filter.is_some() && attribute.sub.is_none();
    let coerced =
        if is_element { coercion.element(value, leaf, &leaf.name) } else { coercion.value(value, leaf, &leaf.name) };
    let coerced = coerced.map_err(|error| AccessError::WrongValue(error.detail))?;
    coerced.iter().try_for_each(|value| check_texts(value, leaf))?;
    Ok(coerced)
}

/// Checks texts with a defined format. A schema nests no deeper than sub-attributes, which bounds the recursion.
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

/// Checks each attribute of an extension.
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
        if let Some(value) = checked(value, &attribute, None)? {
            data.insert(attribute.attribute.name.clone(), value);
        }
    }
    Ok(data)
}
