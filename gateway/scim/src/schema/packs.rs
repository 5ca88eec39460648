//! The schemas that come with the product, as data: RFC 7643 §8.7 with its errata, and packs a tenant can add.

use super::Schema;

const COMMON: &str = include_str!("packs/common.json");
const USER: &str = include_str!("packs/user.json");
const GROUP: &str = include_str!("packs/group.json");
const ENTERPRISE: &str = include_str!("packs/enterprise.json");

/// The packs a tenant can add, by their names.
const OPTIONAL: [(&str, &str); 1] = [("ws1b", include_str!("packs/ws1b.json"))];

/// The URN of the enterprise extension (RFC 7643 §4.3).
pub const ENTERPRISE_USER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// The pack called `name`, which is its short name or its URN.
#[must_use]
pub fn find(name: &str) -> Option<Schema> {
    OPTIONAL.iter().map(|(short, text)| (*short, read(text))).find_map(|(short, schema)| {
        (short.eq_ignore_ascii_case(name) || schema.id.eq_ignore_ascii_case(name)).then_some(schema)
    })
}

/// The short names of the packs a tenant can add.
pub fn names() -> impl Iterator<Item = &'static str> {
    OPTIONAL.iter().map(|(name, _)| *name)
}

pub(super) fn common() -> Schema {
    read(COMMON)
}

pub(super) fn user() -> Schema {
    read(USER)
}

pub(super) fn group() -> Schema {
    read(GROUP)
}

pub(super) fn enterprise() -> Schema {
    read(ENTERPRISE)
}

/// The texts are part of the program, and the tests below read every one.
fn read(text: &'static str) -> Schema {
    let definition = serde_json::from_str(text).map_err(|error| error.to_string());
    match definition.and_then(|value| Schema::from_json(&value).map_err(|error| error.detail)) {
        Ok(schema) => schema,
        Err(error) => unreachable!("a schema of the program cannot be read: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::{Attribute, Mutability, Returned, Type, Uniqueness};

    fn each(schema: &Schema, check: impl Fn(&str, &Attribute)) {
        for attribute in &schema.attributes {
            check(&attribute.name, attribute);
            for sub in &attribute.sub_attributes {
                check(&format!("{}.{}", attribute.name, sub.name), sub);
            }
        }
    }

    fn all() -> Vec<Schema> {
        let mut schemas = vec![common(), user(), group(), enterprise()];
        schemas.extend(names().filter_map(find));
        schemas
    }

    #[test]
    fn every_pack_survives_a_round_trip() {
        for schema in all() {
            assert_eq!(Schema::from_json(&schema.to_json()), Ok(schema));
        }
    }

    #[test]
    fn every_attribute_is_described_and_no_complex_one_is_unique() {
        for schema in all() {
            each(&schema, |name, attribute| {
                assert!(!attribute.description.is_empty(), "{name}");
                // RFC 7643 erratum 6004: uniqueness has no meaning on a complex attribute.
                assert!(!attribute.is_complex() || attribute.uniqueness == Uniqueness::None, "{name}");
            });
        }
    }

    #[test]
    fn references_and_binaries_are_case_exact() {
        // RFC 7643 §2.3.6 and §2.3.7: "case exact".
        for schema in all() {
            each(&schema, |name, attribute| {
                if matches!(attribute.kind, Type::Reference | Type::Binary) {
                    assert!(attribute.case_exact, "{name}");
                }
                assert_eq!(attribute.kind == Type::Reference, !attribute.reference_types.is_empty(), "{name}");
            });
        }
    }

    #[test]
    fn the_characteristics_that_are_often_missed_are_right() {
        let user = user();
        let get = |name: &str| user.attribute(name).unwrap();
        assert_eq!(get("userName").uniqueness, Uniqueness::Server);
        assert!(get("userName").required && !get("userName").case_exact);
        assert_eq!((get("password").mutability, get("password").returned), (Mutability::WriteOnly, Returned::Never));
        assert_eq!(get("groups").mutability, Mutability::ReadOnly);
        // Erratum 8471.
        assert_eq!(get("groups").sub_attribute("$ref").unwrap().reference_types, ["Group"]);
        assert_eq!(get("x509Certificates").sub_attribute("value").unwrap().kind, Type::Binary);
        // Erratum 5368.
        assert!(group().attribute("displayName").unwrap().required);
        for sub in ["value", "$ref", "type"] {
            let members = group().attribute("members").unwrap().sub_attribute(sub).unwrap().mutability;
            assert_eq!(members, Mutability::Immutable, "{sub}");
        }
        // RFC 7643 §8.7.1 knows no members.display; it is tolerated, and nobody is told that it would be kept.
        let display = group().attribute("members").unwrap().sub_attribute("display").unwrap().mutability;
        assert_eq!(display, Mutability::ReadOnly);
        // Erratum 8472.
        let manager = enterprise().attribute("manager").cloned().unwrap();
        assert!(manager.sub_attribute("value").unwrap().case_exact);
        assert_eq!(manager.sub_attribute("displayName").unwrap().mutability, Mutability::ReadOnly);
        assert_eq!(enterprise().id, ENTERPRISE_USER);
    }

    #[test]
    fn a_pack_is_found_by_short_name_and_by_urn() {
        let pack = find("WS1B").unwrap();
        assert_eq!(find(&pack.id), Some(pack));
        assert_eq!(find("user"), None);
    }
}
