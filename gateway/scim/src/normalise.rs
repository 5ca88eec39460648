//! Normalises the body of a POST or PUT to the canonical form in which documents are stored, filtered and patched: names in
//! the schema's spelling, extension attributes under their URN, and no attributes that a client may not write.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::error::{ScimError, quoted};
use crate::leniency::{Leniencies, Leniency, Warnings};
use crate::member::Member;
use crate::schema::{AttributeRef, ResourceType, Schema};
use crate::unknown::log::UnknownAttributes;
use crate::value::{assigned, is_blank};
use key::Key;
use value::Coercion;

pub(crate) mod key;
pub mod omitted;
pub(crate) mod value;

/// A body in canonical form, and the parts of it that are not in the document.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Normalised {
    /// The canonical document, `schemas` first.
    pub document: Map<String, Value>,
    /// What no schema defines, under the full name and as it was written.
    pub unknown: UnknownAttributes,
    /// Attributes (full names, also unknown ones) and extensions (URNs) that the body names without a value.
    pub cleared: Vec<String>,
    /// The elements of the detached attribute, without duplicate ids.
    pub detached: Vec<Member>,
    /// The leniencies that were used.
    pub warnings: Warnings,
}

/// Normalises the body of a POST or PUT. An error is 400 `invalidSyntax` or `invalidValue`. Completeness is checked by
/// [`validate`](crate::schema::validate::validate).
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
        reader.read(key, value)?;
    }
    reader.check_schemas()?;
    reader.finish()
}

/// Sets `schemas` to the base schema and the extensions with data, in the type's order, and removes empty extensions. It
/// must be called after every change of the document.
pub(crate) fn rebuild_schemas(document: &mut Map<String, Value>, resource_type: &ResourceType) {
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

/// Collects the values of each attribute before coercing them, because an attribute can be spread over several keys:
/// `name` and `name.givenName`, an extension's object and its flat keys.
struct Reader<'a> {
    resource_type: &'a ResourceType,
    leniencies: &'a Leniencies,
    schemas: Option<Value>,
    /// Attributes with their last names, which are often the canonical ones, and their values.
    values: Vec<(AttributeRef, String, Value)>,
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
            values: Vec::new(),
            unknown: Map::new(),
            cleared: Vec::new(),
            warnings: Warnings::default(),
        }
    }

    fn read(&mut self, key: String, value: Value) -> Result<(), ScimError> {
        match key::resolve(&key, self.resource_type, self.leniencies, &mut self.warnings)? {
            Key::Attribute(found) => self.attribute(found, key, value),
            Key::Extension(schema) => self.schema_object(Some(&schema), &key, value),
            Key::Base => self.schema_object(None, &key, value),
            Key::Unknown => self.unknown(key, value),
        }
    }

    /// The value of a URN key: the attributes of that schema.
    fn schema_object(&mut self, schema: Option<&Arc<Schema>>, key: &str, value: Value) -> Result<(), ScimError> {
        let refuse = || ScimError::invalid_value(format!("{key} must be an object with the schema's attributes."));
        if value.as_str() == Some("") {
            self.leniencies.tolerate(Leniency::EmptyStringAsNull, key, &mut self.warnings, refuse)?;
        }
        if is_blank(&value) {
            self.cleared.extend(schema.map(|schema| schema.id.clone()));
            return Ok(());
        }
        let Value::Object(members) = value else { return Err(refuse()) };
        for (name, value) in members {
            match self.resource_type.resolve_in(schema, &name) {
                Some(found) => self.attribute(found, name, value)?,
                None => self.unknown(format!("{key}:{name}"), value)?,
            }
        }
        Ok(())
    }

    fn unknown(&mut self, key: String, value: Value) -> Result<(), ScimError> {
        key::tolerate_unknown(
            &key,
            self.resource_type,
            self.leniencies,
            &mut self.warnings,
            ScimError::invalid_syntax,
        )?;
        self.unknown.insert(key, value);
        Ok(())
    }

    fn attribute(&mut self, found: AttributeRef, key: String, value: Value) -> Result<(), ScimError> {
        if found.attribute.name == "schemas" && found.extension.is_none() {
            self.schemas = Some(value);
            return Ok(());
        }
        // RFC 7644 §3.3 and §3.5.1: "readOnly […] SHALL be ignored".
        if !found.attribute.is_stored() {
            return Ok(());
        }
        let Some(sub) = &found.sub else {
            self.merge(found, key, value);
            return Ok(());
        };
        if found.attribute.multi_valued {
            // "emails.value" does not say which element it belongs to.
            return self.unknown(key, value);
        }
        let whole = Value::Object(Map::from_iter([(sub.name.clone(), value)]));
        self.leniencies.tolerate(Leniency::PathlessDottedKeys, &found, &mut self.warnings, || {
            ScimError::invalid_syntax(format!("\"{key}\" must be written as an object within its attribute."))
        })?;
        self.merge(AttributeRef { sub: None, ..found }, key, whole);
        Ok(())
    }

    /// Merges two objects for one attribute. Of other values the last one wins, as in a JSON object.
    fn merge(&mut self, found: AttributeRef, key: String, value: Value) {
        let earlier = self.values.iter_mut().find(|(known, ..)| known.is(&found)).map(|(.., earlier)| earlier);
        match (earlier, value) {
            (Some(Value::Object(earlier)), Value::Object(later)) => earlier.extend(later),
            (Some(earlier), value) => *earlier = value,
            (None, value) => self.values.push((found, key, value)),
        }
    }

    /// RFC 7643 §3: "The 'schemas' attribute […] MUST NOT be empty". It must list the base schema and each extension with
    /// data in the body.
    fn check_schemas(&mut self) -> Result<(), ScimError> {
        let declared = self.declared_schemas()?;
        let mut base = false;
        let mut extensions: Vec<Arc<Schema>> = Vec::new();
        let mut seen = HashSet::new();
        for urn in declared {
            if !seen.insert(urn.to_ascii_lowercase()) {
                // RFC 7643 §3: "Duplicate values MUST NOT be included."
                self.leniencies.tolerate(Leniency::RepeatedSchemaUrn, "schemas", &mut self.warnings, || {
                    ScimError::invalid_value(format!("schemas names {} twice.", quoted(&urn)))
                })?;
                continue;
            }
            match key::resolve(&urn, self.resource_type, self.leniencies, &mut self.warnings)? {
                Key::Base => base = true,
                Key::Extension(schema) => extensions.push(schema),
                Key::Attribute(_) | Key::Unknown => {
                    self.leniencies.tolerate(Leniency::UnknownSchemaUrn, &urn, &mut self.warnings, || {
                        let name = &self.resource_type.name;
                        ScimError::invalid_syntax(format!(
                            "schemas names {}, which {name} does not have.",
                            quoted(&urn)
                        ))
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
        for (found, ..) in &self.values {
            let Some(schema) = &found.extension else { continue };
            if !extensions.contains(schema) {
                self.leniencies.tolerate(Leniency::ExtensionUndeclared, &schema.id, &mut self.warnings, || {
                    ScimError::invalid_syntax(format!("schemas must name {}, whose attributes follow.", schema.id))
                })?;
            }
        }
        Ok(())
    }

    fn declared_schemas(&mut self) -> Result<Vec<String>, ScimError> {
        let refuse = || ScimError::invalid_value("schemas must be an array of schema URNs.");
        match self.schemas.take() {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(urns)) => {
                let text = |urn| if let Value::String(urn) = urn { Ok(urn) } else { Err(refuse()) };
                urns.into_iter().map(text).collect()
            }
            Some(Value::String(urn)) => {
                self.leniencies.tolerate(Leniency::ScalarForArray, "schemas", &mut self.warnings, refuse)?;
                Ok(vec![urn])
            }
            Some(_) => Err(refuse()),
        }
    }

    fn finish(mut self) -> Result<Normalised, ScimError> {
        let mut document = Map::with_capacity(self.values.len() + 1);
        document.insert("schemas".into(), Value::Null);
        let mut detached = Vec::new();
        for (found, key, value) in self.values {
            let mut coercion =
                Coercion { leniencies: self.leniencies, warnings: &mut self.warnings, unknown: &mut self.unknown };
            let sent = assigned(&value);
            let value = coercion.value(value, &found.attribute, &found)?;
            let is_detached = self.resource_type.is_detached(&found);
            if is_detached {
                detached = Member::list_from_json(value.clone().unwrap_or_default(), sent, &found.name())?;
            }
            let Some(value) = value else {
                self.cleared.push(found.name());
                continue;
            };
            if !is_detached {
                found.insert(&mut document, key, value);
            }
        }
        rebuild_schemas(&mut document, self.resource_type);
        let Self { unknown, mut cleared, mut warnings, .. } = self;
        cleared.extend(unknown.iter().filter(|(_, value)| value.is_null()).map(|(name, _)| name.clone()));
        let mut unknown = UnknownAttributes::from_body(unknown);
        unknown.enforce_bounds(self.leniencies, &mut warnings)?;
        Ok(Normalised { document, unknown, cleared, detached, warnings })
    }
}

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
