//! Paths of PATCH operations (RFC 7644 §3.5.2): an attribute, a filter on its elements, and a sub-attribute.

use std::fmt;
use std::sync::Arc;

use crate::error::{ScimError, ScimType};
use crate::filter::parser::{Parser, Scope};
use crate::filter::{ElementFilter, Filter, MAX_BYTES, element_part};
use crate::leniency::{Leniencies, Warnings};
use crate::schema::{AttributeRef, Qualified, ResourceType, Schema};

/// A parsed path.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    /// The attribute, sub-attribute or extension.
    pub target: Target,
    /// The filter on the elements of an attribute; without one the path means all of them.
    pub element: Option<ElementFilter>,
}

/// The target of a path, without its filter.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// `name`, `name.givenName`, and the `emails` and `value` of `emails[type eq "work"].value`.
    Attribute(AttributeRef),
    /// The URN of an extension: all of its attributes.
    Extension(Arc<Schema>),
}

impl Path {
    /// Parses a path with every leniency.
    ///
    /// # Errors
    /// 400 `invalidPath` for a malformed path or an unknown attribute, 400 `invalidFilter` for an error within brackets.
    pub fn parse(text: &str, resource_type: &ResourceType) -> Result<Self, ScimError> {
        Self::parse_with(text, resource_type, &Leniencies::all(), &mut Warnings::default())
    }

    /// Parses a path with these leniencies in its filter and records the used ones.
    pub fn parse_with(
        text: &str,
        resource_type: &ResourceType,
        leniencies: &Leniencies,
        warnings: &mut Warnings,
    ) -> Result<Self, ScimError> {
        // The parser's own error would mention a filter.
        if text.len() > MAX_BYTES {
            return Err(invalid(&format!("The path has {} bytes; at most {MAX_BYTES} are read.", text.len())));
        }
        if is_name(text) {
            return plain(text, resource_type);
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

    /// The attribute of the path; `None` for an extension.
    #[must_use]
    pub fn attribute(&self) -> Option<&AttributeRef> {
        match &self.target {
            Target::Attribute(attribute) => Some(attribute),
            Target::Extension(_) => None,
        }
    }
}

/// A name without a filter.
fn plain(name: &str, resource_type: &ResourceType) -> Result<Path, ScimError> {
    if let Some(attribute) = resource_type.resolve(name) {
        return Ok(Path { target: Target::Attribute(attribute), element: None });
    }
    match resource_type.split_urn(name) {
        Some(Qualified { extension: Some(schema), rest: "", .. }) => {
            Ok(Path { target: Target::Extension(Arc::clone(schema)), element: None })
        }
        _ => Err(unknown(name, resource_type)),
    }
}

/// Whether a path is a name alone, as nearly all are, so that it need not be split into tokens.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:-_$".contains(&byte))
}

/// The rest of a path after `emails[`.
fn value_path(parser: &mut Parser<'_>, attribute: AttributeRef) -> Result<Path, ScimError> {
    let start = parser.position();
    let filter = parser.brackets(&attribute, start, 0)?;
    let part = parser.sub_attribute(&attribute).map_err(|error| invalid(&error.detail))?;
    if part.as_ref().is_some_and(|part| part.sub.is_none()) {
        return Err(invalid(&format!("{} has no sub-attributes.", attribute.name())));
    }
    Ok(Path { target: Target::Attribute(part.unwrap_or(attribute)), element: Some(ElementFilter::new(filter)) })
}

/// `members.value eq "u1"` or `members eq "u1"`. The grammar has no such path, but some clients remove members by it. It
/// selects the matching elements.
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
        write!(f, "{}[{element}]", attribute.attribute_name())?;
        attribute.sub.as_ref().map_or(Ok(()), |sub| write!(f, ".{}", sub.name))
    }
}

fn unknown(name: &str, resource_type: &ResourceType) -> ScimError {
    invalid(&format!("{name} is not an attribute of {}; see /Schemas for those there are.", resource_type.name))
}

fn invalid(detail: &str) -> ScimError {
    ScimError::bad_request(ScimType::InvalidPath, detail)
}

#[cfg(test)]
mod tests;
