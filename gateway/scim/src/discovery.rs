//! The discovery documents (RFC 7644 §4): the configuration, the resource types and the schemas. Entra ID requires
//! camelCase keys and no nulls, and `SailPoint` reads each item at its own address.

use serde_json::{Value, json};

use crate::bulk::{MAX_OPERATIONS, MAX_PAYLOAD_BYTES};
use crate::list::{DEFAULT_COUNT, MAX_COUNT, list_response_tree};
use crate::schema::registry::Registry;
use crate::schema::{ResourceType, Schema};

/// The URN of the service provider configuration (RFC 7643 §5).
pub const CONFIG_SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";

/// The URN of a resource type (RFC 7643 §6).
pub const RESOURCE_TYPE_SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";

/// The body of `GET /ServiceProviderConfig`.
#[must_use]
pub fn service_provider_config(base_url: &str, cursor_seconds: u64) -> Value {
    json!({
        "schemas": [CONFIG_SCHEMA],
        "patch": { "supported": true },
        "bulk": {
            "supported": true,
            "maxOperations": MAX_OPERATIONS,
            "maxPayloadSize": MAX_PAYLOAD_BYTES,
        },
        "filter": { "supported": true, "maxResults": MAX_COUNT },
        "changePassword": { "supported": false },
        "sort": { "supported": true },
        "etag": { "supported": true },
        // RFC 9865 §4.
        "pagination": {
            "cursor": true,
            "index": true,
            "defaultPaginationMethod": "index",
            "defaultPageSize": DEFAULT_COUNT,
            "maxPageSize": MAX_COUNT,
            "cursorTimeout": cursor_seconds,
        },
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "Bearer Token",
            "description": "A token in the Authorization header, made by the tenant's administrator.",
            "specUri": "https://www.rfc-editor.org/rfc/rfc6750",
            "primary": true,
        }],
        "meta": meta("ServiceProviderConfig", base_url, "/ServiceProviderConfig"),
    })
}

/// The body of `GET /ResourceTypes`.
#[must_use]
pub fn resource_types(registry: &Registry, base_url: &str) -> Value {
    list_response_tree(registry.resource_types().iter().map(|known| resource_type_document(known, base_url)).collect())
}

/// The body of `GET /ResourceTypes/{name}`.
#[must_use]
pub fn resource_type(registry: &Registry, name: &str, base_url: &str) -> Option<Value> {
    registry.resource_type(name).map(|known| resource_type_document(known, base_url))
}

/// The body of `GET /Schemas`.
#[must_use]
pub fn schemas(registry: &Registry, base_url: &str) -> Value {
    list_response_tree(registry.schemas().iter().map(|known| schema_document(known, base_url)).collect())
}

/// The body of `GET /Schemas/{urn}`.
#[must_use]
pub fn schema(registry: &Registry, urn: &str, base_url: &str) -> Option<Value> {
    registry
        .schemas()
        .iter()
        .find(|known| known.id.eq_ignore_ascii_case(urn))
        .map(|known| schema_document(known, base_url))
}

fn resource_type_document(resource_type: &ResourceType, base_url: &str) -> Value {
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

fn schema_document(schema: &Schema, base_url: &str) -> Value {
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

    /// Entra ID reads camelCase keys only and fails on null.
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
    fn documents_have_camel_case_keys_and_no_nulls() {
        let registry = Registry::standard();
        check_shape(&service_provider_config(BASE, 3600));
        check_shape(&resource_types(&registry, BASE));
        check_shape(&schemas(&registry, BASE));
    }

    #[test]
    fn the_configuration_shows_the_limits() {
        let config = service_provider_config(BASE, 3600);
        insta::assert_snapshot!(serde_json::to_string_pretty(&config).unwrap(), @r#"
        {
          "schemas": [
            "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
          ],
          "patch": {
            "supported": true
          },
          "bulk": {
            "supported": true,
            "maxOperations": 1000,
            "maxPayloadSize": 8388608
          },
          "filter": {
            "supported": true,
            "maxResults": 1000
          },
          "changePassword": {
            "supported": false
          },
          "sort": {
            "supported": true
          },
          "etag": {
            "supported": true
          },
          "pagination": {
            "cursor": true,
            "index": true,
            "defaultPaginationMethod": "index",
            "defaultPageSize": 100,
            "maxPageSize": 1000,
            "cursorTimeout": 3600
          },
          "authenticationSchemes": [
            {
              "type": "oauthbearertoken",
              "name": "Bearer Token",
              "description": "A token in the Authorization header, made by the tenant's administrator.",
              "specUri": "https://www.rfc-editor.org/rfc/rfc6750",
              "primary": true
            }
          ],
          "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": "https://a.test/scim/v2/ServiceProviderConfig"
          }
        }
        "#);
    }

    #[test]
    fn lists_contain_the_single_documents() {
        let registry = Registry::standard().with_extension("User", packs::find("ws1b").unwrap(), false).unwrap();
        let listed = resource_types(&registry, BASE);
        assert_eq!(listed["totalResults"], 2);
        assert_eq!(listed["Resources"][0], resource_type(&registry, "User", BASE).unwrap());
        assert_eq!(listed["Resources"][0]["schemaExtensions"].as_array().unwrap().len(), 2);
        assert_eq!(listed["Resources"][1]["meta"]["location"], "https://a.test/scim/v2/ResourceTypes/Group");
        let listed = schemas(&registry, BASE);
        assert_eq!(listed["totalResults"], 4);
        for document in listed["Resources"].as_array().unwrap() {
            let urn = document["id"].as_str().unwrap();
            assert_eq!(schema(&registry, urn, BASE).as_ref(), Some(document));
        }
        assert_eq!(resource_type(&registry, "Nope", BASE), None);
        assert_eq!(schema(&registry, "urn:acme:none", BASE), None);
    }
}
