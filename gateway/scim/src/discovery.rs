//! What a client learns about the service before it uses it (RFC 7644 §4): the configuration, the resource types and
//! the schemas. Entra ID wants camelCase keys and no nulls, and `SailPoint` each item at its own address too.

use serde_json::{Value, json};

use crate::list::list_response_tree;
use crate::schema::registry::Registry;
use crate::schema::{ResourceType, Schema};

/// The URN of the service provider configuration (RFC 7643 §5).
pub const CONFIG_SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";

/// The URN of a resource type (RFC 7643 §6).
pub const RESOURCE_TYPE_SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";

/// What the service can do and up to where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many results a list can have.
    pub max_results: u64,
    /// How many results a page has if the client does not say.
    pub default_results: u64,
    /// How long a cursor is good for, in seconds.
    pub cursor_seconds: u64,
    /// The limits of a bulk request; `None` if there is no `/Bulk`.
    pub bulk: Option<BulkLimits>,
    /// Whether `sortBy` is understood.
    pub sort: bool,
    /// How clients can prove who they are; the first one is preferred.
    pub authentication_schemes: Vec<AuthenticationScheme>,
    /// A page for people who set up a client.
    pub documentation_uri: Option<String>,
}

/// The limits of a bulk request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BulkLimits {
    /// How many operations it can have.
    pub max_operations: u64,
    /// How many bytes its body can have.
    pub max_payload_size: u64,
}

/// One way for clients to prove who they are (RFC 7643 §5 `authenticationSchemes`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthenticationScheme {
    /// A token the tenant's administrator made and pasted into the client.
    BearerToken,
    /// Short-lived tokens from the token endpoint (RFC 6749 §4.4).
    ClientCredentials,
}

impl AuthenticationScheme {
    fn to_json(self, primary: bool) -> Value {
        let (name, description, specification) = match self {
            Self::BearerToken => (
                "Bearer Token",
                "A token in the Authorization header, made by the tenant's administrator.",
                "https://www.rfc-editor.org/rfc/rfc6750",
            ),
            Self::ClientCredentials => (
                "OAuth 2.0 Client Credentials",
                "A short-lived token from the token endpoint, for a client id and its secret or assertion.",
                "https://www.rfc-editor.org/rfc/rfc6749#section-4.4",
            ),
        };
        json!({
            "type": if self == Self::BearerToken { "oauthbearertoken" } else { "oauth2" },
            "name": name,
            "description": description,
            "specUri": specification,
            "primary": primary,
        })
    }
}

/// The body of `GET /ServiceProviderConfig`.
#[must_use]
pub fn service_provider_config(base_url: &str, limits: &Limits) -> Value {
    let bulk = limits.bulk.unwrap_or(BulkLimits { max_operations: 0, max_payload_size: 0 });
    let schemes = limits.authentication_schemes.iter().enumerate();
    let mut config = json!({
        "schemas": [CONFIG_SCHEMA],
        "patch": { "supported": true },
        "bulk": {
            "supported": limits.bulk.is_some(),
            "maxOperations": bulk.max_operations,
            "maxPayloadSize": bulk.max_payload_size,
        },
        "filter": { "supported": true, "maxResults": limits.max_results },
        "changePassword": { "supported": false },
        "sort": { "supported": limits.sort },
        "etag": { "supported": true },
        // RFC 9865 §4.
        "pagination": {
            "cursor": true,
            "index": true,
            "defaultPaginationMethod": "index",
            "defaultPageSize": limits.default_results,
            "maxPageSize": limits.max_results,
            "cursorTimeout": limits.cursor_seconds,
        },
        "authenticationSchemes": schemes.map(|(place, scheme)| scheme.to_json(place == 0)).collect::<Value>(),
        "meta": meta("ServiceProviderConfig", base_url, "/ServiceProviderConfig"),
    });
    if let Some(uri) = &limits.documentation_uri {
        config["documentationUri"] = uri.as_str().into();
    }
    config
}

/// The body of `GET /ResourceTypes`.
#[must_use]
pub fn resource_types(registry: &Registry, base_url: &str) -> Value {
    list_response_tree(registry.resource_types().iter().map(|known| of_resource_type(known, base_url)).collect())
}

/// The body of `GET /ResourceTypes/{name}`.
#[must_use]
pub fn resource_type(registry: &Registry, name: &str, base_url: &str) -> Option<Value> {
    registry.resource_type(name).map(|known| of_resource_type(known, base_url))
}

/// The body of `GET /Schemas`.
#[must_use]
pub fn schemas(registry: &Registry, base_url: &str) -> Value {
    list_response_tree(registry.schemas().iter().map(|known| of_schema(known, base_url)).collect())
}

/// The body of `GET /Schemas/{urn}`.
#[must_use]
pub fn schema(registry: &Registry, urn: &str, base_url: &str) -> Option<Value> {
    registry.schemas().iter().find(|known| known.id.eq_ignore_ascii_case(urn)).map(|known| of_schema(known, base_url))
}

fn of_resource_type(resource_type: &ResourceType, base_url: &str) -> Value {
    let extensions = resource_type.extensions.iter();
    // RFC 7643 erratum 7522: schemaExtensions is multi-valued.
    let extensions: Value = extensions.map(|e| json!({ "schema": e.schema.id, "required": e.required })).collect();
    json!({
        "schemas": [RESOURCE_TYPE_SCHEMA],
        "id": resource_type.name,
        "name": resource_type.name,
        "endpoint": resource_type.endpoint,
        "description": resource_type.description,
        "schema": resource_type.schema.id,
        "schemaExtensions": extensions,
        "meta": meta("ResourceType", base_url, &format!("/ResourceTypes/{}", resource_type.name)),
    })
}

fn of_schema(schema: &Schema, base_url: &str) -> Value {
    let mut definition = schema.to_json();
    definition["meta"] = meta("Schema", base_url, &format!("/Schemas/{}", schema.id));
    definition
}

fn meta(resource_type: &str, base_url: &str, path: &str) -> Value {
    json!({ "resourceType": resource_type, "location": format!("{}{path}", base_url.trim_end_matches('/')) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::packs;

    const BASE: &str = "https://a.test/scim/v2/";

    fn limits() -> Limits {
        Limits {
            max_results: 1000,
            default_results: 100,
            cursor_seconds: 3600,
            bulk: Some(BulkLimits { max_operations: 1000, max_payload_size: 1_048_576 }),
            sort: true,
            authentication_schemes: vec![AuthenticationScheme::BearerToken, AuthenticationScheme::ClientCredentials],
            documentation_uri: None,
        }
    }

    /// Entra ID reads camelCase keys alone and stumbles over null.
    fn check_shape(value: &Value) {
        match value {
            Value::Null => panic!("null in a discovery document"),
            Value::Array(elements) => elements.iter().for_each(check_shape),
            Value::Object(members) => {
                for (key, value) in members {
                    let letter = key == "Resources" || key.starts_with(|c: char| c.is_ascii_lowercase());
                    assert!(letter, "{key}");
                    check_shape(value);
                }
            }
            _ => {}
        }
    }

    #[test]
    fn every_document_is_camel_case_without_nulls() {
        let registry = Registry::standard();
        check_shape(&service_provider_config(BASE, &limits()));
        check_shape(&resource_types(&registry, BASE));
        check_shape(&schemas(&registry, BASE));
    }

    #[test]
    fn the_configuration_says_what_is_there() {
        let config = service_provider_config(BASE, &limits());
        assert_eq!(config["bulk"], json!({ "supported": true, "maxOperations": 1000, "maxPayloadSize": 1_048_576 }));
        assert_eq!(config["meta"]["location"], "https://a.test/scim/v2/ServiceProviderConfig");
        let pagination = json!({
            "cursor": true, "index": true, "defaultPaginationMethod": "index", "defaultPageSize": 100,
            "maxPageSize": 1000, "cursorTimeout": 3600
        });
        assert_eq!(config["pagination"], pagination);
        let primary: Vec<&Value> =
            config["authenticationSchemes"].as_array().unwrap().iter().map(|scheme| &scheme["primary"]).collect();
        assert_eq!(primary, [true, false]);
        assert!(config.get("documentationUri").is_none());
        let less = Limits { bulk: None, documentation_uri: Some("https://a.test/docs".into()), ..limits() };
        let config = service_provider_config(BASE, &less);
        assert_eq!(config["bulk"], json!({ "supported": false, "maxOperations": 0, "maxPayloadSize": 0 }));
        assert_eq!(config["documentationUri"], "https://a.test/docs");
    }

    #[test]
    fn lists_hold_what_the_singles_show() {
        let registry = Registry::standard().with_extension("User", packs::find("ws1b").unwrap(), false).unwrap();
        let listed = resource_types(&registry, BASE);
        assert_eq!(listed["totalResults"], 2);
        assert_eq!(listed["Resources"][0], resource_type(&registry, "User", BASE).unwrap());
        assert_eq!(listed["Resources"][0]["schemaExtensions"].as_array().unwrap().len(), 2);
        assert_eq!(listed["Resources"][1]["meta"]["location"], "https://a.test/scim/v2/ResourceTypes/Group");
        let listed = schemas(&registry, BASE);
        assert_eq!(listed["totalResults"], 4);
        for schema_document in listed["Resources"].as_array().unwrap() {
            let urn = schema_document["id"].as_str().unwrap();
            assert_eq!(schema(&registry, urn, BASE).as_ref(), Some(schema_document));
        }
        assert_eq!(resource_type(&registry, "Nope", BASE), None);
        assert_eq!(schema(&registry, "urn:acme:none", BASE), None);
    }
}
