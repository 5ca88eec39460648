//! Resolves a key of a body to an attribute, an extension or the base schema, with the leniencies that its form needs.

use std::sync::Arc;

use crate::error::ScimError;
use crate::leniency::{Leniencies, Leniency, Warnings};
use crate::schema::{AttributeRef, ResourceType, Schema};

/// A resolved key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// An attribute, or a sub-attribute if the key is dotted.
    Attribute(AttributeRef),
    /// The URN of an extension.
    Extension(Arc<Schema>),
    /// The URN of the base schema.
    Base,
    /// Not defined for this resource type.
    Unknown,
}

/// Resolves a key and records the leniencies that it needs. An error is 400 `invalidSyntax`.
pub(crate) fn resolve(
    key: &str,
    resource_type: &ResourceType,
    leniencies: &Leniencies,
    warnings: &mut Warnings,
) -> Result<Key, ScimError> {
    let Some(qualified) = resource_type.split_urn(key) else {
        return Ok(resolve_plain(key, resource_type, *leniencies, warnings));
    };
    if qualified.malformed {
        leniencies.tolerate(Leniency::MalformedUrn, key, warnings, || {
            ScimError::invalid_syntax(format!("\"{key}\" lacks the last colon of its schema URN."))
        })?;
    }
    Ok(match (qualified.extension, qualified.rest) {
        (Some(schema), "") => Key::Extension(Arc::clone(schema)),
        (None, "") => Key::Base,
        (extension, rest) => resource_type.resolve_in(extension, rest).map_or(Key::Unknown, Key::Attribute),
    })
}

/// A name without a URN belongs to the base schema or, with a leniency, to an extension.
fn resolve_plain(key: &str, resource_type: &ResourceType, leniencies: Leniencies, warnings: &mut Warnings) -> Key {
    match resource_type.resolve(key) {
        Some(found) if found.extension.is_none() => Key::Attribute(found),
        Some(found) if leniencies.allows(Leniency::ExtensionUnprefixed) => {
            warnings.add(Leniency::ExtensionUnprefixed, found.name());
            Key::Attribute(found)
        }
        _ => Key::Unknown,
    }
}

/// Records the leniency that the form of a resolved name needs, or returns the refusal. RFC 7644 §3.10 requires the full
/// URN for an attribute of an extension.
pub(crate) fn tolerate_form(
    name: &str,
    found: &AttributeRef,
    resource_type: &ResourceType,
    leniencies: &Leniencies,
    warnings: &mut Warnings,
    refuse: impl FnOnce() -> ScimError,
) -> Result<(), ScimError> {
    match resource_type.split_urn(name) {
        Some(qualified) if qualified.malformed => leniencies.tolerate(Leniency::MalformedUrn, found, warnings, refuse),
        None if found.extension.is_some() => {
            leniencies.tolerate(Leniency::ExtensionUnprefixed, found, warnings, refuse)
        }
        _ => Ok(()),
    }
}

/// Records the leniency for a name that no schema defines, or returns the refusal.
pub(crate) fn tolerate_unknown(
    name: &str,
    resource_type: &ResourceType,
    leniencies: &Leniencies,
    warnings: &mut Warnings,
    refuse: impl FnOnce(String) -> ScimError,
) -> Result<(), ScimError> {
    let is_foreign = name.contains(':') && resource_type.split_urn(name).is_none();
    let leniency = if is_foreign { Leniency::UnknownSchemaUrn } else { Leniency::UnknownAttributeSetAside };
    leniencies.tolerate(leniency, name, warnings, || {
        refuse(format!(
            "\"{name}\" is not an attribute of {}; remove it, or add an extension that defines it.",
            resource_type.name
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::packs::ENTERPRISE_USER;
    use crate::schema::registry::Registry;

    fn check(key: &str, leniencies: Leniencies, expected: &str) {
        let registry = Registry::standard();
        let user = registry.resource_type("User").unwrap();
        let found = resolve(key, user, &leniencies, &mut Warnings::default());
        let shown = match found {
            Ok(Key::Attribute(found)) => found.name(),
            Ok(Key::Extension(schema)) => format!("extension {}", schema.id),
            Ok(Key::Base) => "base".into(),
            Ok(Key::Unknown) => "unknown".into(),
            Err(error) => error.detail,
        };
        assert_eq!(shown, expected, "{key}");
    }

    #[test]
    fn keys_resolve_in_every_form() {
        let department = format!("{ENTERPRISE_USER}:department");
        let malformed = "urn:ietf:params:scim:schemas:extension:enterprise:2.0User:department";
        let (auto, strict) = (Leniencies::all(), Leniencies::strict());
        for leniencies in [auto, strict] {
            check("USERNAME", leniencies, "userName");
            check("name.givenName", leniencies, "name.givenName");
            check(&department.to_uppercase(), leniencies, &department);
            check(ENTERPRISE_USER, leniencies, &format!("extension {ENTERPRISE_USER}"));
            check("urn:ietf:params:scim:schemas:core:2.0:User", leniencies, "base");
            check("shoeSize", leniencies, "unknown");
            check("urn:acme:badge:colour", leniencies, "unknown");
            check(&format!("{ENTERPRISE_USER}:shoeSize"), leniencies, "unknown");
        }
        check("department", auto, &department);
        check("department", strict, "unknown");
        check(malformed, auto, &department);
        check(malformed, strict, &format!("\"{malformed}\" lacks the last colon of its schema URN."));
    }
}
