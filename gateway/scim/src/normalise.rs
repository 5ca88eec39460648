//! The body of a POST or PUT, brought to the one canonical form in which documents are stored, filtered and patched:
//! names in the schema's spelling, extension attributes under their URN, nothing the client may not write.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::attribute::{Attribute, Mutability, Returned};
use crate::error::ScimError;
use crate::leniency::{Leniencies, Leniency, Warnings};
use crate::member::Member;
use crate::schema::{AttributeRef, ResourceType, Schema};
use crate::unknown::log::UnknownAttributes;

pub mod key;
pub mod omitted;
pub mod value;

use key::Key;
use value::Coercion;

/// A body in canonical form, and what did not become part of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Normalised {
    /// The canonical document, `schemas` first.
    pub document: Map<String, Value>,
    /// What no schema defines, under the full name and as it was written.
    pub unknown: UnknownAttributes,
    /// What was named without a value: full names of attributes, unknown ones too, and URNs of whole extensions.
    pub cleared: Vec<String>,
    /// The elements of the detached attribute, each id once.
    pub detached: Vec<Member>,
    /// What had to be tolerated.
    pub warnings: Warnings,
}

/// Brings the body of a POST or PUT to the canonical form. Whether it is complete is for
/// [`validate`](crate::schema::validate::validate) to say.
///
/// # Errors
/// 400 `invalidSyntax` or `invalidValue` that names the attribute.
pub fn normalise(body: Value, resource_type: &ResourceType, leniencies: &Leniencies) -> Result<Normalised, ScimError> {
    value::refuse_nul(&body)?;
    let Value::Object(body) = body else {
        return Err(ScimError::invalid_syntax(format!(
            "The body must be a JSON object: the {} itself.",
            resource_type.name
        )));
    };
    let mut reader = Reader::new(resource_type, leniencies);
    for (key, value) in body {
        reader.take(&key, value)?;
    }
    reader.check_schemas()?;
    reader.finish()
}

/// The `schemas` of a canonical document: the base and the extensions it has data of, in the type's order.
/// Call it after every change, so that an extension's URN comes and goes with its attributes.
pub fn rebuild_schemas(document: &mut Map<String, Value>, resource_type: &ResourceType) {
    let mut urns = vec![Value::from(resource_type.schema.id.as_str())];
    for extension in &resource_type.extensions {
        let urn = &extension.schema.id;
        match document.get(urn) {
            Some(Value::Object(members)) if !members.is_empty() => urns.push(urn.as_str().into()),
            Some(_) => {
                document.shift_remove(urn);
            }
            None => {}
        }
    }
    if let Some(schemas) = document.get_mut("schemas") {
        *schemas = urns.into();
    } else {
        document.shift_insert(0, "schemas".into(), urns.into());
    }
}

/// Collects the values of each attribute before it looks at any, because one attribute can come in several keys:
/// `name` and `name.givenName`, an extension's object and its flat keys.
struct Reader<'a> {
    resource_type: &'a ResourceType,
    leniencies: &'a Leniencies,
    schemas: Option<Value>,
    gathered: Vec<(AttributeRef, Value)>,
    unknown: Map<String, Value>,
    cleared: Vec<String>,
    warnings: Warnings,
}

impl<'a> Reader<'a> {
    fn new(resource_type: &'a ResourceType, leniencies: &'a Leniencies) -> Self {
        Self {
            resource_type,
            leniencies,
            schemas: None,
            gathered: Vec::new(),
            unknown: Map::new(),
            cleared: Vec::new(),
            warnings: Warnings::default(),
        }
    }

    fn take(&mut self, key: &str, value: Value) -> Result<(), ScimError> {
        match key::read(key, self.resource_type, self.leniencies, &mut self.warnings)? {
            Key::Attribute(found) => self.gather(found, key, value),
            Key::Extension(schema) => self.take_object(Some(&schema), key, value),
            Key::Base => self.take_object(None, key, value),
            Key::Unknown => self.take_unknown(key, value),
        }
    }

    /// The value of a URN key: the attributes of that schema.
    fn take_object(&mut self, schema: Option<&Arc<Schema>>, key: &str, value: Value) -> Result<(), ScimError> {
        let members = match value {
            Value::Object(members) => members,
            Value::Null => {
                self.cleared.extend(schema.map(|schema| schema.id.clone()));
                return Ok(());
            }
            Value::String(text) if text.is_empty() && self.leniencies.allows(Leniency::EmptyStringAsNull) => {
                self.warnings.add(Leniency::EmptyStringAsNull, key);
                self.cleared.extend(schema.map(|schema| schema.id.clone()));
                return Ok(());
            }
            _ => {
                return Err(ScimError::invalid_value(format!("{key} must be an object with the schema's attributes.")));
            }
        };
        for (name, value) in members {
            match self.resource_type.resolve_in(schema, &name) {
                Some(found) => self.gather(found, &name, value)?,
                None => self.take_unknown(&format!("{key}:{name}"), value)?,
            }
        }
        Ok(())
    }

    fn take_unknown(&mut self, key: &str, value: Value) -> Result<(), ScimError> {
        let known_schema = self.resource_type.split_urn(key).is_some();
        let leniency = if key.contains(':') && !known_schema {
            Leniency::UnknownSchemaUrn
        } else {
            Leniency::UnknownAttributeSetAside
        };
        self.leniencies.tolerate(leniency, key, &mut self.warnings, || {
            ScimError::invalid_syntax(format!(
                "\"{key}\" is no attribute of {}; remove it, or add an extension that defines it.",
                self.resource_type.name
            ))
        })?;
        self.unknown.insert(key.to_owned(), value);
        Ok(())
    }

    fn gather(&mut self, found: AttributeRef, key: &str, value: Value) -> Result<(), ScimError> {
        if found.attribute.name == "schemas" && found.extension.is_none() {
            self.schemas = Some(value);
            return Ok(());
        }
        if is_dropped(&found.attribute) {
            return Ok(());
        }
        let Some(sub) = &found.sub else {
            self.merge(found, value);
            return Ok(());
        };
        if found.attribute.multi_valued {
            // "emails.value" does not say of which mail address.
            return self.take_unknown(key, value);
        }
        let whole = Value::Object(Map::from_iter([(sub.name.clone(), value)]));
        let full = found.name();
        self.leniencies.tolerate(Leniency::PathlessDottedKeys, &full, &mut self.warnings, || {
            ScimError::invalid_syntax(format!("\"{key}\" must be written as an object within its attribute."))
        })?;
        self.merge(AttributeRef { sub: None, ..found }, whole);
        Ok(())
    }

    /// Two objects for one attribute are joined; of two other values the later one holds, as in a JSON object.
    fn merge(&mut self, found: AttributeRef, value: Value) {
        let earlier = self.gathered.iter_mut().find(|(known, _)| *known == found).map(|(_, earlier)| earlier);
        match (earlier, value) {
            (Some(Value::Object(earlier)), Value::Object(later)) => earlier.extend(later),
            (Some(earlier), value) => *earlier = value,
            (None, value) => self.gathered.push((found, value)),
        }
    }

    /// RFC 7643 §3: "The 'schemas' attribute […] MUST NOT be empty", and has the base schema and each extension
    /// that the body has data of.
    fn check_schemas(&mut self) -> Result<(), ScimError> {
        let declared = self.declared()?;
        let mut base = false;
        let mut extensions: Vec<Arc<Schema>> = Vec::new();
        let mut seen = HashSet::new();
        for urn in declared {
            if !seen.insert(urn.to_ascii_lowercase()) {
                // RFC 7643 §3: "Duplicate values MUST NOT be included."
                self.leniencies.tolerate(Leniency::RepeatedSchemaUrn, "schemas", &mut self.warnings, || {
                    ScimError::invalid_value(format!("schemas names \"{urn}\" twice."))
                })?;
            }
            match key::read(&urn, self.resource_type, self.leniencies, &mut self.warnings)? {
                Key::Base => base = true,
                Key::Extension(schema) => extensions.push(schema),
                Key::Attribute(_) | Key::Unknown => {
                    self.leniencies.tolerate(Leniency::UnknownSchemaUrn, &urn, &mut self.warnings, || {
                        let name = &self.resource_type.name;
                        ScimError::invalid_syntax(format!("schemas names \"{urn}\", which {name} does not have."))
                    })?;
                }
            }
        }
        if !base {
            let urn = &self.resource_type.schema.id;
            self.leniencies.tolerate(Leniency::BaseSchemaMissing, "schemas", &mut self.warnings, || {
                ScimError::invalid_syntax(format!("schemas must name {urn}."))
            })?;
        }
        for (found, _) in &self.gathered {
            let Some(schema) = &found.extension else { continue };
            if !extensions.contains(schema) {
                self.leniencies.tolerate(Leniency::ExtensionUndeclared, &schema.id, &mut self.warnings, || {
                    ScimError::invalid_syntax(format!("schemas must name {}, whose attributes follow.", schema.id))
                })?;
            }
        }
        Ok(())
    }

    fn declared(&mut self) -> Result<Vec<String>, ScimError> {
        let refuse = || ScimError::invalid_value("schemas must be an array of schema URNs.");
        match self.schemas.take() {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(urns)) => {
                urns.into_iter().map(|urn| urn.as_str().map(str::to_owned).ok_or_else(refuse)).collect()
            }
            Some(Value::String(urn)) => {
                self.leniencies.tolerate(Leniency::ScalarForArray, "schemas", &mut self.warnings, refuse)?;
                Ok(vec![urn])
            }
            Some(_) => Err(refuse()),
        }
    }

    fn finish(mut self) -> Result<Normalised, ScimError> {
        let mut document = Map::new();
        document.insert("schemas".into(), Value::Null);
        let mut detached = Vec::new();
        let gathered = std::mem::take(&mut self.gathered);
        let detached_attribute = self.resource_type.detached_attribute().cloned();
        for (found, value) in gathered {
            let name = found.name();
            let mut coercion =
                Coercion { leniencies: self.leniencies, warnings: &mut self.warnings, unknown: &mut self.unknown };
            let Some(value) = coercion.value(value, &found.attribute, &name)? else {
                self.cleared.push(name);
                continue;
            };
            if found.extension.is_none() && detached_attribute.as_ref() == Some(&found.attribute) {
                detached = members(value, &name)?;
                continue;
            }
            put(&mut document, &found, value);
        }
        rebuild_schemas(&mut document, self.resource_type);
        let Self { unknown, mut cleared, mut warnings, .. } = self;
        cleared.extend(unknown.iter().filter(|(_, value)| value.is_null()).map(|(name, _)| name.clone()));
        let mut unknown = UnknownAttributes::from_body(unknown);
        unknown.enforce_bounds(self.leniencies, &mut warnings)?;
        Ok(Normalised { document, unknown, cleared, detached, warnings })
    }
}

fn put(document: &mut Map<String, Value>, found: &AttributeRef, value: Value) {
    let Some(schema) = &found.extension else {
        document.insert(found.attribute.name.clone(), value);
        return;
    };
    let entry = document.entry(schema.id.clone()).or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(members) = entry {
        members.insert(found.attribute.name.clone(), value);
    }
}

/// The canonical elements of a detached attribute as members, each id once: the first mention counts.
///
/// # Errors
/// 400 `invalidValue` if an element has no `value`.
pub fn members(value: Value, name: &str) -> Result<Vec<Member>, ScimError> {
    let Value::Array(elements) = value else { return Ok(Vec::new()) };
    let mut seen: HashSet<String> = HashSet::with_capacity(elements.len());
    let mut members = Vec::with_capacity(elements.len());
    for element in elements {
        let member = element.as_object().and_then(Member::from_json).ok_or_else(|| {
            ScimError::invalid_value(format!("{name}: each element must have a value, which is an id."))
        })?;
        if seen.insert(member.value.clone()) {
            members.push(member);
        }
    }
    Ok(members)
}

/// RFC 7644 §3.3 and §3.5.1: "readOnly […] SHALL be ignored". What is never returned is not kept either: the gateway
/// is no place for passwords.
fn is_dropped(attribute: &Attribute) -> bool {
    attribute.mutability == Mutability::ReadOnly || attribute.returned == Returned::Never
}

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
