//! Paths of PATCH operations (RFC 7644 §3.5.2): which attribute, which of its elements, which part of them.

use std::fmt;
use std::sync::Arc;

use crate::attribute::Attribute;
use crate::error::{ScimError, ScimType};
use crate::filter::parser::{Parser, Scope};
use crate::filter::{ElementFilter, Filter, MAX_BYTES, element_part};
use crate::leniency::{Leniencies, Warnings};
use crate::schema::{AttributeRef, Qualified, ResourceType, Schema};

/// What an operation is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    /// The attribute or sub-attribute, or an extension as a whole.
    pub target: Target,
    /// Which elements of the attribute; all if there is none. Only with [`Target::Attribute`].
    pub element: Option<ElementFilter>,
}

/// What a path names, apart from its filter.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// `name`, `name.givenName`, and the `emails` and `value` of `emails[type eq "work"].value`.
    Attribute(AttributeRef),
    /// The URN of an extension: all of its attributes.
    Extension(Arc<Schema>),
}

impl Path {
    /// Reads a path, as liberally as identity providers need.
    ///
    /// # Errors
    /// 400 `invalidPath` for what is no path or names no attribute, 400 `invalidFilter` for what is wrong within brackets.
    pub fn parse(text: &str, resource_type: &ResourceType) -> Result<Self, ScimError> {
        Self::parse_with(text, resource_type, &Leniencies::all(), &mut Warnings::default())
    }

    /// Reads a path with no more leniency in its filter than is given, and says which was needed.
    ///
    /// # Errors
    /// As [`Path::parse`], and for whatever `leniencies` does not allow.
    pub fn parse_with(
        text: &str,
        resource_type: &ResourceType,
        leniencies: &Leniencies,
        warnings: &mut Warnings,
    ) -> Result<Self, ScimError> {
        // Told apart here, because the lexer's refusal speaks of filters.
        if text.len() > MAX_BYTES {
            return Err(invalid(&format!("The path has {} bytes; at most {MAX_BYTES} are read.", text.len())));
        }
        let mut parser = Parser::new(text, *leniencies, warnings).map_err(|error| ScimError {
            scim_type: Some(if text.contains('[') { ScimType::InvalidFilter } else { ScimType::InvalidPath }),
            ..error
        })?;
        let Some(name) = parser.take_word() else {
            return Err(invalid("The path must start with the name of an attribute."));
        };
        if parser.is_at_end() {
            return plain(name, resource_type);
        }
        let Some(attribute) = resource_type.resolve(name) else { return Err(unknown(name, resource_type)) };
        let path = if parser.take_bracket() {
            value_path(&mut parser, attribute)?
        } else {
            selection(&mut parser, attribute)?
        };
        if parser.is_at_end() {
            return Ok(path);
        }
        Err(invalid(&format!("The path \"{text}\" goes on after it should end.")))
    }

    /// The attribute the path leads to or into; `None` for an extension as a whole.
    #[must_use]
    pub fn attribute(&self) -> Option<&AttributeRef> {
        match &self.target {
            Target::Attribute(attribute) => Some(attribute),
            Target::Extension(_) => None,
        }
    }

    /// The sub-attribute the path ends in.
    #[must_use]
    pub fn sub(&self) -> Option<&Arc<Attribute>> {
        self.attribute().and_then(|attribute| attribute.sub.as_ref())
    }
}

/// A name and nothing else.
fn plain(name: &str, resource_type: &ResourceType) -> Result<Path, ScimError> {
    let target = match (resource_type.resolve(name), resource_type.split_urn(name)) {
        (Some(attribute), _) => Target::Attribute(attribute),
        (None, Some(Qualified { extension: Some(schema), rest: "", .. })) => Target::Extension(Arc::clone(schema)),
        (None, _) => return Err(unknown(name, resource_type)),
    };
    Ok(Path { target, element: None })
}

/// What follows `emails[`.
fn value_path(parser: &mut Parser<'_>, attribute: AttributeRef) -> Result<Path, ScimError> {
    let start = parser.position();
    let filter = parser.brackets(&attribute, start, 0)?;
    let part = parser.sub_attribute(&attribute).map_err(|error| invalid(&error.detail))?;
    if part.as_ref().is_some_and(|part| part.sub.is_none()) {
        return Err(invalid(&format!("{} has no sub-attributes.", attribute.name())));
    }
    Ok(Path { target: Target::Attribute(part.unwrap_or(attribute)), element: Some(ElementFilter::new(filter)) })
}

/// `members.value eq "u1"` or `members eq "u1"`: no path by the grammar, but some clients remove members by it, and it
/// can only mean the elements for which it holds.
fn selection(parser: &mut Parser<'_>, named: AttributeRef) -> Result<Path, ScimError> {
    let attribute = AttributeRef { sub: None, ..named.clone() };
    if !attribute.attribute.multi_valued {
        return Err(invalid(&format!("Nothing but a sub-attribute can follow {} in a path.", named.name())));
    }
    let part = if named.sub.is_some() { Some(named) } else { element_part(&attribute, "value") };
    let Some(part) = part else {
        return Err(invalid(&format!("{} has no value to be selected by.", attribute.name())));
    };
    let filter = parser.condition(part, Scope::Element(&attribute))?;
    if !matches!(filter, Filter::Compare(_)) {
        return Err(invalid(&format!("Elements of {} must be selected by a comparison.", attribute.name())));
    }
    Ok(Path { target: Target::Attribute(attribute), element: Some(ElementFilter::new(filter)) })
}

impl fmt::Display for Path {
    /// The path in canonical spelling.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attribute = match &self.target {
            Target::Extension(schema) => return f.write_str(&schema.id),
            Target::Attribute(attribute) => attribute,
        };
        let Some(element) = &self.element else { return f.write_str(&attribute.name()) };
        let whole = AttributeRef { sub: None, ..attribute.clone() };
        write!(f, "{}[{element}]", whole.name())?;
        attribute.sub.as_ref().map_or(Ok(()), |sub| write!(f, ".{}", sub.name))
    }
}

fn unknown(name: &str, resource_type: &ResourceType) -> ScimError {
    invalid(&format!("{name} is no attribute of {}; see /Schemas for those there are.", resource_type.name))
}

fn invalid(detail: &str) -> ScimError {
    ScimError::bad_request(ScimType::InvalidPath, detail)
}

#[cfg(test)]
mod tests;
