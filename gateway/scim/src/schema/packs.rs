//! The schemas of the product as data: RFC 7643 §8.7 with its errata, and packs that a tenant can add.

use std::sync::LazyLock;

use serde_json::Value;

use super::Schema;
use super::definition::TypeDefinition;
use crate::error::ScimError;

pub(super) const COMMON: &str = include_str!("packs/common.json");
pub(super) const USER: &str = include_str!("packs/user.json");
pub(super) const GROUP: &str = include_str!("packs/group.json");
pub(super) const ENTERPRISE: &str = include_str!("packs/enterprise.json");

const PACKS: [&str; 4] = [
    include_str!("packs/enterprise_pack.json"),
    include_str!("packs/ws1b.json"),
    include_str!("packs/okta.json"),
    include_str!("packs/agents.json"),
];

/// The URN of the enterprise extension (RFC 7643 §4.3).
pub const ENTERPRISE_USER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// A named set of extensions and resource types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pack {
    /// The short name.
    pub name: String,
    /// The purpose.
    pub description: String,
    /// The source of its definitions.
    pub source: String,
    /// Whether every tenant has it.
    pub built_in: bool,
    /// Extensions, each with its resource type.
    pub extensions: Vec<(String, Schema)>,
    /// Resource types.
    pub resource_types: Vec<TypeDefinition>,
}

/// Every pack.
#[must_use]
pub fn all() -> &'static [Pack] {
    static ALL: LazyLock<Vec<Pack>> = LazyLock::new(|| PACKS.iter().map(|text| read_pack(text)).collect());
    &ALL
}

/// The pack called `name`, in any case, or the one with an extension of this URN.
#[must_use]
pub fn pack(name: &str) -> Option<&'static Pack> {
    let has = |pack: &&Pack| pack.extensions.iter().any(|(_, schema)| schema.id.eq_ignore_ascii_case(name));
    all().iter().find(|pack| pack.name.eq_ignore_ascii_case(name)).or_else(|| all().iter().find(has))
}

/// The schema of a pack with a single extension and no resource types, by short name or URN.
#[must_use]
pub fn find(name: &str) -> Option<Schema> {
    let pack = pack(name).filter(|pack| !pack.built_in && pack.resource_types.is_empty())?;
    match pack.extensions.as_slice() {
        [(_, schema)] => Some(schema.clone()),
        _ => None,
    }
}

/// The short names of the packs that a tenant can add.
pub fn names() -> impl Iterator<Item = &'static str> {
    all().iter().filter(|pack| !pack.built_in).map(|pack| pack.name.as_str())
}

/// Whether a pack has a schema with this URN.
pub(super) fn has_schema(urn: &str) -> bool {
    all().iter().any(|pack| {
        let own = pack.resource_types.iter().map(|it| &it.schema);
        pack.extensions.iter().map(|(_, schema)| schema).chain(own).any(|schema| schema.id.eq_ignore_ascii_case(urn))
    })
}

pub(super) fn schema(text: &'static str) -> Schema {
    built_in(parse(text).and_then(|value| Schema::from_json(&value)))
}

fn read_pack(text: &'static str) -> Pack {
    built_in(parse(text).and_then(|value| {
        let word = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let list = |key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
        let extension = |it: Value| {
            let resource_type = it.get("resourceType").and_then(Value::as_str).unwrap_or_default().to_owned();
            Schema::from_json(it.get("schema").unwrap_or(&Value::Null)).map(|schema| (resource_type, schema))
        };
        Ok(Pack {
            name: word("name"),
            description: word("description"),
            source: word("source"),
            built_in: word("name") == "enterprise",
            extensions: list("extensions").into_iter().map(extension).collect::<Result<_, _>>()?,
            resource_types: list("resourceTypes").iter().map(TypeDefinition::from_json).collect::<Result<_, _>>()?,
        })
    }))
}

fn parse(text: &str) -> Result<Value, ScimError> {
    serde_json::from_str(text).map_err(|error| ScimError::invalid_syntax(error.to_string()))
}

/// The texts are compiled in, and the tests below read each of them.
fn built_in<T>(definition: Result<T, ScimError>) -> T {
    definition.unwrap_or_else(|error| unreachable!("a built-in definition is invalid: {}", error.detail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::{Attribute, Mutability, Returned, Type, Uniqueness};
    use crate::schema::rules::{self, SchemaRole};

    fn each(schema: &Schema, check: impl Fn(&str, &Attribute)) {
        for attribute in &schema.attributes {
            check(&attribute.name, attribute);
            for sub in &attribute.sub_attributes {
                check(&format!("{}.{}", attribute.name, sub.name), sub);
            }
        }
    }

    fn schemas() -> Vec<Schema> {
        let mut schemas = [COMMON, USER, GROUP, ENTERPRISE].map(schema).to_vec();
        for pack in all() {
            schemas.extend(pack.extensions.iter().map(|(_, schema)| schema.clone()));
            schemas.extend(pack.resource_types.iter().map(|it| it.schema.clone()));
        }
        schemas
    }

    #[test]
    fn every_schema_survives_a_round_trip() {
        for schema in schemas() {
            assert_eq!(Schema::from_json(&schema.to_json()), Ok(schema));
        }
    }

    #[test]
    fn every_attribute_has_a_description_and_no_complex_one_is_unique() {
        for schema in schemas() {
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
        for schema in schemas() {
            each(&schema, |name, attribute| {
                if matches!(attribute.kind, Type::Reference | Type::Binary) {
                    assert!(attribute.case_exact, "{name}");
                }
                assert_eq!(attribute.kind == Type::Reference, !attribute.reference_types.is_empty(), "{name}");
            });
        }
    }

    #[test]
    fn characteristics_follow_the_errata() {
        let (user, group, enterprise) = (schema(USER), schema(GROUP), schema(ENTERPRISE));
        let get = |name: &str| user.attribute(name).unwrap();
        assert_eq!(get("userName").uniqueness, Uniqueness::Server);
        assert!(get("userName").required && !get("userName").case_exact);
        assert_eq!((get("password").mutability, get("password").returned), (Mutability::WriteOnly, Returned::Never));
        assert_eq!(get("groups").mutability, Mutability::ReadOnly);
        // Erratum 8471.
        assert_eq!(get("groups").sub_attribute("$ref").unwrap().reference_types, ["Group"]);
        assert_eq!(get("x509Certificates").sub_attribute("value").unwrap().kind, Type::Binary);
        // Erratum 5368.
        assert!(group.attribute("displayName").unwrap().required);
        let members = group.attribute("members").unwrap();
        for sub in ["value", "$ref", "type"] {
            assert_eq!(members.sub_attribute(sub).unwrap().mutability, Mutability::Immutable, "{sub}");
        }
        // RFC 7643 §8.7.1 has no members.display. It is accepted, but neither stored nor returned.
        let display = members.sub_attribute("display").unwrap();
        assert_eq!((display.mutability, display.returned), (Mutability::ReadOnly, Returned::Never));
        // Erratum 8472.
        let manager = enterprise.attribute("manager").unwrap();
        assert!(manager.sub_attribute("value").unwrap().case_exact);
        assert_eq!(manager.sub_attribute("displayName").unwrap().mutability, Mutability::ReadOnly);
        assert_eq!(enterprise.id, ENTERPRISE_USER);
    }

    #[test]
    fn a_pack_is_found_by_short_name_and_by_urn() {
        let pack = find("WS1B").unwrap();
        assert_eq!(find(&pack.id), Some(pack));
        assert_eq!(find("user"), None);
        assert_eq!((find("enterprise"), find("okta")), (None, None));
        assert_eq!(self::pack("OKTA").unwrap().name, "okta");
        assert_eq!(names().collect::<Vec<_>>(), ["ws1b", "okta", "agents"]);
    }

    #[test]
    fn every_pack_follows_the_rules_for_tenant_definitions() {
        for text in PACKS {
            let pack = parse(text).unwrap();
            let types: Vec<&str> =
                pack["resourceTypes"].as_array().into_iter().flatten().filter_map(|it| it["name"].as_str()).collect();
            let known: Vec<&str> = ["User", "Group"].into_iter().chain(types).collect();
            for it in pack["extensions"].as_array().into_iter().flatten() {
                assert_eq!(rules::check_schema(&it["schema"], SchemaRole::Extension, &known), Ok(()));
            }
            for it in pack["resourceTypes"].as_array().into_iter().flatten() {
                assert_eq!(rules::check_type(it, &known), Ok(()));
            }
        }
        for pack in all() {
            assert!(!pack.description.is_empty() && !pack.source.is_empty(), "{}", pack.name);
        }
    }
}
