//! The attributes of a tenant's resources that can be searched by value: a filter by `eq` on one is a look-up.

use scimgate_scim::attribute::{Attribute, Type};
use scimgate_scim::error::ScimError;
use scimgate_scim::schema::ResourceType;
use scimgate_scim::schema::registry::Registry;
use serde_json::json;

use crate::operation::error::Error;
use crate::operation::operator::{Operator, log_change};
use crate::store::resource::indexed::{KeyLayout, SearchKeys, name_attribute};

/// Attributes of one tenant at most: each value costs a write an index entry.
const MAX_SEARCH_ATTRIBUTES: usize = 16;

/// A tenant's attributes.
///
/// # Errors
/// 404 where there is no such tenant.
pub async fn get(operator: &Operator, tenant: &str) -> Result<SearchKeys, Error> {
    Ok(operator.tenant(tenant).await?.search)
}

/// Sets a tenant's attributes, by names in any spelling. A job inserts the keys of stored resources; filters rely on a new
/// attribute when it has finished.
///
/// # Errors
/// 400 for an attribute that no schema defines or that cannot be searched so, and for too many; 404 where there is no such
/// tenant; 409 while an upgrade is not finished.
pub async fn set(operator: &Operator, tenant: &str, names: &[String]) -> Result<SearchKeys, Error> {
    let gateway = &operator.gateway;
    let found = operator.tenant(tenant).await?;
    if names.len() > MAX_SEARCH_ATTRIBUTES {
        let detail = format!("{} attributes are too many; a tenant may have {MAX_SEARCH_ATTRIBUTES}.", names.len());
        return Err(ScimError::new(400, detail).into());
    }
    let settings = gateway.settings.get(found.id).await?;
    let mut attributes = names.iter().map(|name| canonical(name, &settings.registry)).collect::<Result<Vec<_>, _>>()?;
    attributes.sort();
    attributes.dedup();
    if found.search.layout != KeyLayout::Hashed {
        let detail = "An upgrade is not finished: replicas of the version before would not write keys of other attributes. Run \
                      `scimgate migrate --finish` when none of them runs.";
        return Err(ScimError::new(409, detail).into());
    }
    // Again where a job was cancelled.
    if attributes != found.search.attributes || attributes != found.search.ready {
        let entry = operator.change_of(&found, "search-attributes.set", tenant);
        let entry = entry.before(&json!(found.search.attributes)).after(&json!(attributes));
        gateway.store.tenant(found.id).audited(entry).set_search_attributes(&attributes, gateway.clock.now()).await?;
        gateway.forget_tenant(found.id).await;
        gateway.schemas_changed.notify_one();
        log_change!(operator, tenant.id = %found.id, attributes = ?attributes, "search attributes set");
    }
    get(operator, tenant).await
}

/// The full name of an attribute that has values to search by.
fn canonical(name: &str, registry: &Registry) -> Result<String, ScimError> {
    let types = registry.resource_types();
    let Some((found, resource_type)) = types.iter().find_map(|known| Some((known.resolve(name)?, known))) else {
        let detail = format!("No schema of this tenant defines an attribute \"{name}\".");
        return Err(ScimError::new(400, detail));
    };
    let full = found.name();
    let refused = |why: &str| Err(ScimError::new(400, format!("\"{full}\" cannot be a search attribute: {why}.")));
    if is_found_otherwise(&full, found.attribute.as_ref(), resource_type) {
        return refused("filters by it are look-ups already");
    }
    if !found.attribute.has_searchable_values() || !found.leaf().has_searchable_values() {
        return refused("no value of it is stored or may be read");
    }
    match found.leaf().kind {
        Type::String | Type::Reference | Type::Binary => Ok(full),
        Type::Complex => refused("name one of its sub-attributes, such as its value"),
        Type::Boolean | Type::Decimal | Type::Integer | Type::DateTime => {
            refused("only text, references and binary values have search keys")
        }
    }
}

/// Whether a column or another table leads to the resources with a value.
fn is_found_otherwise(full: &str, attribute: &Attribute, resource_type: &ResourceType) -> bool {
    ["id", "externalId", "groups"].contains(&attribute.name.as_str())
        || full == name_attribute(resource_type)
        || resource_type.detached == Some(attribute.name.as_str())
}
