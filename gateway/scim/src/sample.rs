//! Example documents of a resource type, made from its schemas: what a mapping is tried on before it has seen a resource.

use serde_json::{Map, Value, json};

use crate::attribute::{Attribute, Type};
use crate::schema::{ResourceType, Schema, common_attributes};

/// Which attributes an example has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Every attribute that is stored in a document.
    Full,
    /// The required ones.
    Minimal,
}

/// Texts that look like what the attribute holds, by the end of its name. The first that fits is taken.
const TEXTS: [(&str, &str); 16] = [
    ("username", "ada@example.com"),
    ("emails.value", "ada@example.com"),
    ("phonenumbers.value", "+44 20 7946 0000"),
    ("displayname", "Ada Byron"),
    ("formatted", "Ada Byron"),
    ("givenname", "Ada"),
    ("familyname", "Byron"),
    ("nickname", "Ada"),
    ("usertype", "Employee"),
    ("preferredlanguage", "en-GB"),
    ("locale", "en-GB"),
    ("timezone", "Europe/London"),
    ("country", "GB"),
    ("locality", "London"),
    ("manager.value", "00000000-0000-7000-8000-000000000000"),
    ("mail", "ada@example.com"),
];
const OTHER_TEXT: &str = "Example";

/// A canonical document that is valid by the type's schemas.
#[must_use]
pub fn document(resource_type: &ResourceType, extent: Extent) -> Map<String, Value> {
    let base = &resource_type.schema;
    let mut document = Map::from_iter([("schemas".to_owned(), Value::Null)]);
    let common = common_attributes().iter().filter(|attribute| attribute.is_named("externalId"));
    let own = base.attributes.iter().filter(|attribute| resource_type.detached != Some(attribute.name.as_str()));
    for attribute in common.chain(own).filter(|attribute| is_wanted(attribute, extent)) {
        document.insert(attribute.name.clone(), value(attribute, "", extent));
    }
    let mut urns = vec![base.id.as_str()];
    for extension in &resource_type.extensions {
        let members = extension_data(&extension.schema, extension.required, extent);
        if !members.is_empty() {
            document.insert(extension.schema.id.clone(), Value::Object(members));
            urns.push(&extension.schema.id);
        }
    }
    document["schemas"] = json!(urns);
    document
}

/// A required extension has data, even if none of its attributes is required.
fn extension_data(schema: &Schema, is_required: bool, extent: Extent) -> Map<String, Value> {
    let members = |extent| {
        let wanted = schema.attributes.iter().filter(move |attribute| is_wanted(attribute, extent));
        wanted.map(move |attribute| (attribute.name.clone(), value(attribute, "", extent)))
    };
    let mut data: Map<String, Value> =
        if extent == Extent::Full || is_required { members(extent).collect() } else { Map::new() };
    if data.is_empty() && is_required {
        data.extend(members(Extent::Full).next());
    }
    data
}

fn is_wanted(attribute: &Attribute, extent: Extent) -> bool {
    attribute.is_stored() && (attribute.required || extent == Extent::Full)
}

fn value(attribute: &Attribute, parent: &str, extent: Extent) -> Value {
    if !attribute.multi_valued {
        return element(attribute, parent, extent, 0);
    }
    let kinds = attribute.sub_attribute("type").map_or(0, |kind| kind.canonical_values.len());
    let count = if extent == Extent::Full && kinds > 1 { 2 } else { 1 };
    (0..count).map(|index| element(attribute, parent, extent, index)).collect()
}

/// One value; of a complex attribute without required sub-attributes, at least one of them.
fn element(attribute: &Attribute, parent: &str, extent: Extent, index: usize) -> Value {
    match attribute.kind {
        Type::Complex => {
            let part = |sub: &Attribute| (sub.name.clone(), simple_or_list(sub, &attribute.name, index));
            let stored = || attribute.sub_attributes.iter().filter(|sub| sub.is_stored());
            let mut parts: Map<String, Value> =
                stored().filter(|sub| is_wanted(sub, extent)).map(|sub| part(sub)).collect();
            if parts.is_empty() {
                parts.extend(
                    stored().find(|sub| sub.is_named("value")).or_else(|| stored().next()).map(|sub| part(sub)),
                );
            }
            Value::Object(parts)
        }
        _ => simple(attribute, parent, index),
    }
}

fn simple_or_list(sub: &Attribute, parent: &str, index: usize) -> Value {
    let value = simple(sub, parent, index);
    if sub.multi_valued { Value::Array(vec![value]) } else { value }
}

fn simple(attribute: &Attribute, parent: &str, index: usize) -> Value {
    match attribute.kind {
        // RFC 7643 §2.4: at most one value is primary.
        Type::Boolean => (!attribute.is_named("primary") || index == 0).into(),
        Type::Integer => 1.into(),
        Type::Decimal => json!(1.5),
        Type::DateTime => "2026-01-31T09:30:00Z".into(),
        Type::Binary => "RXhhbXBsZQ==".into(),
        Type::Reference => "https://example.com/".into(),
        Type::String | Type::Complex => text(attribute, parent, index).into(),
    }
}

fn text<'a>(attribute: &'a Attribute, parent: &str, index: usize) -> &'a str {
    let listed = &attribute.canonical_values;
    if let Some(listed) = listed.get(index).or_else(|| listed.first()) {
        return listed;
    }
    let name = format!("{parent}.{}", attribute.name).to_lowercase();
    TEXTS.iter().find(|(end, _)| name.ends_with(end)).map_or(OTHER_TEXT, |(_, text)| text)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::leniency::Leniencies;
    use crate::normalise::normalise;
    use crate::schema::packs;
    use crate::schema::registry::Registry;
    use crate::schema::validate::validate;

    /// The standard types with every pack that can be added to them.
    fn types() -> Vec<Arc<ResourceType>> {
        let mut registry = Registry::standard();
        for pack in packs::all().iter().filter(|pack| !pack.built_in) {
            for definition in &pack.resource_types {
                registry = registry.with_type(definition.resource_type()).unwrap();
            }
            for (resource_type, schema) in &pack.extensions {
                registry = registry.with_extension(resource_type, schema.clone(), true).unwrap();
            }
        }
        registry.resource_types().to_vec()
    }

    #[test]
    fn examples_are_valid_and_canonical() {
        let types = types();
        assert!(types.len() > 2, "the packs have types of their own");
        for resource_type in types {
            for extent in [Extent::Full, Extent::Minimal] {
                let example = document(&resource_type, extent);
                validate(&example, &resource_type)
                    .unwrap_or_else(|why| panic!("{} {extent:?}: {why:?}", resource_type.name));
                let body = Value::Object(example.clone());
                let read = normalise(body, &resource_type, &Leniencies::strict()).unwrap();
                assert_eq!(read.document, example, "{} {extent:?}", resource_type.name);
                assert!(read.unknown.is_empty() && read.warnings.is_empty(), "{}", resource_type.name);
            }
        }
    }

    #[test]
    fn a_full_user_has_every_stored_attribute_and_a_minimal_one_the_required() {
        let user = Registry::standard().resource_type("User").unwrap().clone();
        let full = document(&user, Extent::Full);
        assert_eq!(
            full["emails"][0],
            json!({ "value": "ada@example.com", "display": "Example", "type": "work", "primary": true })
        );
        assert_eq!((&full["emails"][1]["type"], &full["emails"][1]["primary"]), (&json!("home"), &json!(false)));
        for absent in ["id", "meta", "password", "groups"] {
            assert!(!full.contains_key(absent), "{absent}");
        }
        assert!(full.contains_key(packs::ENTERPRISE_USER));
        let minimal = document(&user, Extent::Minimal);
        assert_eq!(Value::Object(minimal), json!({ "schemas": [user.schema.id], "userName": "ada@example.com" }));
        let group = Registry::standard().resource_type("Group").unwrap().clone();
        assert!(!document(&group, Extent::Full).contains_key("members"));
    }
}
