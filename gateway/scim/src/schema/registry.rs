//! The resource types of a tenant: the standard ones with the tenant's extensions, and its own.

use std::sync::{Arc, LazyLock};

use super::{Derived, Extension, ResourceType, Schema, packs};
use crate::error::ScimError;
use crate::leniency::{Leniencies, Leniency, Warnings};

const MAX_URN_BYTES: usize = 256;

/// The resource types of a tenant. A clone is cheap, because the types are shared.
#[derive(Clone, Debug)]
pub struct Registry {
    resource_types: Vec<Arc<ResourceType>>,
}

impl Registry {
    /// User with the enterprise extension, and Group.
    #[must_use]
    pub fn standard() -> Self {
        static STANDARD: LazyLock<Registry> =
            LazyLock::new(|| Registry { resource_types: vec![Arc::new(user_type()), Arc::new(group_type())] });
        STANDARD.clone()
    }

    /// The registry with another extension of `resource_type`. Several types may share a schema. An error is 400
    /// `invalidValue`: the type is unknown, the URN is malformed, in use, reserved by the IETF or the full name of an
    /// attribute, or an attribute is defined twice.
    pub fn with_extension(&self, resource_type: &str, schema: Schema, required: bool) -> Result<Self, ScimError> {
        let position = self
            .resource_types
            .iter()
            .position(|known| known.name.eq_ignore_ascii_case(resource_type))
            .ok_or_else(|| ScimError::invalid_value(format!("There is no resource type {resource_type}.")))?;
        check_urn(&schema.id)?;
        schema.check_names()?;
        let schema = self.shared_schema(resource_type, schema)?;
        let mut extended = ResourceType::clone(&self.resource_types[position]);
        check_ambiguity(&extended, &schema)?;
        extended.extensions.push(Extension { schema, required });
        let mut registry = self.clone();
        registry.resource_types[position] = Arc::new(extended);
        Ok(registry)
    }

    /// The registry with another resource type. Several types may share a schema. An error is 400 `invalidValue`: the name,
    /// endpoint or URN is in use or malformed.
    pub fn with_type(&self, resource_type: ResourceType) -> Result<Self, ScimError> {
        let refuse = |why: String| Err(ScimError::invalid_value(why));
        check_urn(&resource_type.schema.id)?;
        if let Some(known) = self.resource_type(&resource_type.name) {
            return refuse(format!("There is a resource type {} already.", known.name));
        }
        let same_endpoint = |known: &&Arc<ResourceType>| known.endpoint.eq_ignore_ascii_case(&resource_type.endpoint);
        if let Some(known) = self.resource_types.iter().find(same_endpoint) {
            return refuse(format!("{} is the endpoint of the resource type {}.", known.endpoint, known.name));
        }
        let urn = &resource_type.schema.id;
        let extends = |known: &&Arc<ResourceType>| known.extension(urn).is_some();
        if let Some(known) = self.resource_types.iter().find(extends) {
            return refuse(format!("{urn} is an extension of {}; it cannot be a type's own schema, too.", known.name));
        }
        let base = self.resource_types.iter().find(|known| known.schema.id.eq_ignore_ascii_case(urn));
        if let Some(known) = base.filter(|known| known.schema != resource_type.schema) {
            return refuse(format!("{urn} is the schema of {}, too, which has it with other attributes.", known.name));
        }
        let mut registry = self.clone();
        registry.resource_types.push(Arc::new(resource_type));
        Ok(registry)
    }

    /// The schema, or the equal one that another resource type already uses.
    fn shared_schema(&self, resource_type: &str, schema: Schema) -> Result<Arc<Schema>, ScimError> {
        let on_this_type = self.resource_type(resource_type).is_some_and(|known| known.extension(&schema.id).is_some());
        let known = self.schemas().into_iter().find(|known| known.id.eq_ignore_ascii_case(&schema.id));
        match known {
            None => Ok(Arc::new(schema)),
            Some(known) if !on_this_type && *known == schema => Ok(known),
            Some(known) => Err(ScimError::invalid_value(format!(
                "The schema {} is already defined; give the extension a URN of its own.",
                known.id
            ))),
        }
    }

    /// The resource type called `name`, in any case.
    #[must_use]
    pub fn resource_type(&self, name: &str) -> Option<&Arc<ResourceType>> {
        self.resource_types.iter().find(|known| known.name.eq_ignore_ascii_case(name))
    }

    /// The resource type at a path, with or without slashes. Paths are case-sensitive (RFC 3986 §6.2.2.1).
    #[must_use]
    pub fn by_endpoint(&self, endpoint: &str) -> Option<&Arc<ResourceType>> {
        let endpoint = endpoint.trim_matches('/');
        self.resource_types.iter().find(|known| known.endpoint.trim_start_matches('/') == endpoint)
    }

    /// As [`Registry::by_endpoint`], or in another case by a leniency. No two types have endpoints that differ only in case.
    #[must_use]
    pub fn by_endpoint_with(
        &self,
        endpoint: &str,
        leniencies: &Leniencies,
        warnings: &mut Warnings,
    ) -> Option<&Arc<ResourceType>> {
        if let Some(found) = self.by_endpoint(endpoint) {
            return Some(found);
        }
        let endpoint = endpoint.trim_matches('/');
        let is_meant =
            |known: &&Arc<ResourceType>| known.endpoint.trim_start_matches('/').eq_ignore_ascii_case(endpoint);
        let found = self.resource_types.iter().find(is_meant).filter(|_| leniencies.allows(Leniency::EndpointCase))?;
        warnings.add(Leniency::EndpointCase, found.endpoint.as_str());
        Some(found)
    }

    /// All resource types.
    #[must_use]
    pub fn resource_types(&self) -> &[Arc<ResourceType>] {
        &self.resource_types
    }

    /// All schemas without duplicates, base schemas before extensions.
    #[must_use]
    pub fn schemas(&self) -> Vec<Arc<Schema>> {
        let bases = self.resource_types.iter().map(|known| &known.schema);
        let extensions = self.resource_types.iter().flat_map(|known| &known.extensions).map(|e| &e.schema);
        let mut schemas: Vec<Arc<Schema>> = Vec::new();
        for schema in bases.chain(extensions) {
            if !schemas.iter().any(|listed| listed.id == schema.id) {
                schemas.push(Arc::clone(schema));
            }
        }
        schemas
    }
}

/// Refuses a URN that is the full name of an attribute, since the attribute could not be addressed any more.
fn check_ambiguity(resource_type: &ResourceType, new: &Schema) -> Result<(), ScimError> {
    let hides = |urn: &str, schema: &Schema| {
        let name = urn.get(schema.id.len() + 1..).filter(|_| urn.as_bytes().get(schema.id.len()) == Some(&b':'))?;
        let is_of = urn.get(..schema.id.len())?.eq_ignore_ascii_case(&schema.id);
        schema.attribute(name.split('.').next()?).filter(|_| is_of).map(|it| format!("{}:{}", schema.id, it.name))
    };
    let known = resource_type.extensions.iter().map(|extension| &extension.schema).chain([&resource_type.schema]);
    let mut clash = known.filter_map(|known| hides(&new.id, known).or_else(|| hides(&known.id, new)));
    clash.next().map_or(Ok(()), |attribute| {
        Err(ScimError::invalid_value(format!(
            "\"{attribute}\" would be the name of an attribute and the URN of a schema; give the extension another URN."
        )))
    })
}

fn user_type() -> ResourceType {
    ResourceType {
        name: "User".into(),
        endpoint: "/Users".into(),
        description: "User Account".into(),
        schema: Arc::new(packs::schema(packs::USER)),
        extensions: vec![Extension { schema: Arc::new(packs::schema(packs::ENTERPRISE)), required: false }],
        name_attribute: "userName".into(),
        detached: None,
        derived: Derived::default(),
    }
}

fn group_type() -> ResourceType {
    ResourceType {
        name: "Group".into(),
        endpoint: "/Groups".into(),
        description: "Group".into(),
        schema: Arc::new(packs::schema(packs::GROUP)),
        extensions: Vec::new(),
        name_attribute: "displayName".into(),
        detached: Some("members"),
        derived: Derived::default(),
    }
}

/// RFC 8141 §2: `urn:` NID `:` NSS. RFC 7643 §10.2 reserves the core and message URNs for the IETF.
fn check_urn(urn: &str) -> Result<(), ScimError> {
    let refuse = |why: &str| Err(ScimError::invalid_value(format!("\"{urn}\" cannot be a schema's URN: {why}.")));
    let mut parts = urn.splitn(3, ':');
    let (scheme, namespace, rest) = (parts.next(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if !scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("urn")) {
        return refuse("it must begin with urn:");
    }
    let valid_namespace = namespace.len() >= 2 && namespace.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if !valid_namespace || rest.is_empty() {
        return refuse("it must have the form urn:namespace:name");
    }
    if urn.len() > MAX_URN_BYTES || !urn.chars().all(|c| c.is_ascii_graphic() && !"\"\\<>[]{}|^`#?".contains(c)) {
        return refuse(&format!(
            "it may have at most {MAX_URN_BYTES} characters, and none that RFC 8141 does not allow"
        ));
    }
    if rest.ends_with(':') || rest.contains("::") {
        return refuse("none of its parts may be empty");
    }
    let folded = urn.to_ascii_lowercase();
    let reserved = ["urn:ietf:params:scim:schemas:core:", "urn:ietf:params:scim:api:"];
    // A pack uses the URNs of the draft it comes from.
    if reserved.iter().any(|prefix| folded.starts_with(prefix)) && !packs::has_schema(urn) {
        return refuse("the IETF keeps the core and api namespaces for itself");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema(id: &str) -> Schema {
        let definition = json!({ "id": id, "name": "T", "attributes": [{ "name": "badge", "type": "string" }] });
        Schema::from_json(&definition).unwrap()
    }

    #[test]
    fn standard_types_are_found_by_name_and_endpoint() {
        let registry = Registry::standard();
        assert_eq!(registry.resource_type("user").unwrap().endpoint, "/Users");
        for endpoint in ["Users", "/Users", "/Users/"] {
            assert_eq!(registry.by_endpoint(endpoint).unwrap().name, "User");
        }
        for endpoint in ["users", "/USERS", "uSers/"] {
            assert!(registry.by_endpoint(endpoint).is_none());
            let mut warnings = Warnings::default();
            assert!(registry.by_endpoint_with(endpoint, &Leniencies::strict(), &mut warnings).is_none());
            assert!(warnings.is_empty());
            let found = registry.by_endpoint_with(endpoint, &Leniencies::all(), &mut warnings);
            assert_eq!((found.unwrap().name.as_str(), warnings.iter().count()), ("User", 1));
        }
        assert!(registry.by_endpoint_with("user", &Leniencies::all(), &mut Warnings::default()).is_none());
        assert_eq!(registry.resource_types().len(), 2);
        assert_eq!(registry.schemas().len(), 3);
    }

    #[test]
    fn an_extension_applies_to_its_type_only() {
        let registry = Registry::standard().with_extension("User", packs::find("ws1b").unwrap(), false).unwrap();
        let user = registry.resource_type("User").unwrap();
        assert!(user.resolve("urn:ietf:params:scim:schemas:extension:ws1b:2.0:User:customAttribute3").is_some());
        assert!(registry.resource_type("Group").unwrap().extensions.is_empty());
        assert_eq!(Registry::standard().schemas().len(), 3);
    }

    #[test]
    fn one_schema_may_extend_two_types() {
        let registry = Registry::standard().with_extension("User", schema("urn:acme:badge"), false).unwrap();
        let registry = registry.with_extension("Group", schema("urn:acme:badge"), false).unwrap();
        assert_eq!(registry.schemas().len(), 4);
        assert!(registry.with_extension("Group", schema("urn:acme:badge"), true).is_err());
        let mut other = schema("urn:acme:badge");
        other.attributes.clear();
        let user_only = Registry::standard().with_extension("User", schema("URN:acme:badge"), false).unwrap();
        assert!(user_only.with_extension("Group", other, true).is_err());
    }

    #[test]
    fn refuses_malformed_used_and_reserved_urns() {
        let urns = [
            "acme:badge",
            "urn:",
            "urn:x:y",
            "urn:acme",
            "urn:acme:",
            "urn:acme:a:",
            "urn:acme:a::b",
            "urn:acme:a b",
            "urn:acme:ä",
            "http://acme.test/badge",
            "urn:ietf:params:scim:schemas:core:2.0:Badge",
            "URN:IETF:params:scim:schemas:core:2.0:User",
            "urn:ietf:params:scim:api:messages:2.0:Badge",
            "urn:ietf:params:scim:schemas:extension:ENTERPRISE:2.0:User",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:Department",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
        ];
        let errors = urns.map(|urn| {
            let error = Registry::standard().with_extension("User", schema(urn), false).unwrap_err();
            format!("{}: {error}", error.status)
        });
        insta::assert_snapshot!(errors.join("\n"), @r#"
        400: "acme:badge" cannot be a schema's URN: it must begin with urn:.
        400: "urn:" cannot be a schema's URN: it must have the form urn:namespace:name.
        400: "urn:x:y" cannot be a schema's URN: it must have the form urn:namespace:name.
        400: "urn:acme" cannot be a schema's URN: it must have the form urn:namespace:name.
        400: "urn:acme:" cannot be a schema's URN: it must have the form urn:namespace:name.
        400: "urn:acme:a:" cannot be a schema's URN: none of its parts may be empty.
        400: "urn:acme:a::b" cannot be a schema's URN: none of its parts may be empty.
        400: "urn:acme:a b" cannot be a schema's URN: it may have at most 256 characters, and none that RFC 8141 does not allow.
        400: "urn:acme:ä" cannot be a schema's URN: it may have at most 256 characters, and none that RFC 8141 does not allow.
        400: "http://acme.test/badge" cannot be a schema's URN: it must begin with urn:.
        400: "urn:ietf:params:scim:schemas:core:2.0:Badge" cannot be a schema's URN: the IETF keeps the core and api namespaces for itself.
        400: "URN:IETF:params:scim:schemas:core:2.0:User" cannot be a schema's URN: the IETF keeps the core and api namespaces for itself.
        400: "urn:ietf:params:scim:api:messages:2.0:Badge" cannot be a schema's URN: the IETF keeps the core and api namespaces for itself.
        400: The schema urn:ietf:params:scim:schemas:extension:enterprise:2.0:User is already defined; give the extension a URN of its own.
        400: "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department" would be the name of an attribute and the URN of a schema; give the extension another URN.
        400: "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager" would be the name of an attribute and the URN of a schema; give the extension another URN.
        "#);
        assert!(Registry::standard().with_extension("Badge", schema("urn:acme:badge"), false).is_err());
        let known = Registry::standard().with_extension("User", schema("urn:acme:door:badge"), false).unwrap();
        assert!(known.with_extension("User", schema("urn:acme:door"), false).is_err(), "its badge has that URN");
        assert!(known.with_extension("Group", schema("urn:acme:door"), false).is_ok());
    }

    #[test]
    fn refuses_duplicate_attributes() {
        let mut twice = schema("urn:acme:badge");
        twice.attributes.push(Arc::clone(&twice.attributes[0]));
        let error = Registry::standard().with_extension("User", twice, false).unwrap_err();
        assert_eq!(error.detail, "urn:acme:badge: the attribute badge is defined twice.");
    }
}
