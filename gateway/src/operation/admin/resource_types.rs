//! Resource types of a tenant's own: live at once at their endpoint, in discovery and in the directory.

use scimgate_scim::error::ScimError;
use scimgate_scim::schema::definition::TypeDefinition;
use scimgate_scim::schema::registry::Registry;
use scimgate_scim::schema::rules;
use serde_json::Value;

use crate::operation::admin::definition::{put_type, type_names};
use crate::operation::error::Error;
use crate::operation::operator::{Operator, log_change};
use crate::operation::schema_change;
use crate::operation::settings::registries::{Registries, read};

/// A resource type that was put.
#[derive(Clone, Debug)]
pub struct Put {
    /// What is stored.
    pub definition: TypeDefinition,
    /// Whether it was added; otherwise it replaced the one with its name.
    pub added: bool,
}

/// Adds a resource type, or replaces the one with its name.
///
/// # Errors
/// 404 for an unknown tenant, 400 for a definition that is wrong or conflicts with another, 409 where stored resources
/// conflict with it.
pub async fn put(operator: &Operator, tenant: &str, wanted: &Value) -> Result<Put, Error> {
    let tenant = operator.tenant(tenant).await?;
    let subject = wanted.get("name").and_then(Value::as_str).unwrap_or_default();
    let entry = operator.change_of(&tenant, "resource-type.put", subject);
    let put = schema_change::change(operator, (tenant.id, entry), |before| {
        let registry = Registries::of(&before)?.client;
        let definition = checked(wanted, &registry)?;
        let (after, added) = put_type(before, &definition)?;
        Ok((after, Put { definition, added }))
    })
    .await?;
    let name = &put.definition.name;
    log_change!(operator, tenant.id = %tenant.id, resource.type = %name, added = put.added, "resource type put");
    Ok(put)
}

/// Removes a resource type with its extensions.
///
/// # Errors
/// 404 where there is none, 409 where there are resources of it.
pub async fn remove(operator: &Operator, tenant: &str, name: &str) -> Result<(), Error> {
    let tenant = operator.tenant(tenant).await?;
    let entry = operator.change_of(&tenant, "resource-type.remove", name);
    schema_change::change(operator, (tenant.id, entry), |mut before| {
        let kept = before.types.len();
        before.types.retain(|row| !row.name.eq_ignore_ascii_case(name));
        if before.types.len() == kept {
            return Err(not_found(name));
        }
        before.schemas.retain(|row| !row.resource_type.eq_ignore_ascii_case(name));
        Ok((before, ()))
    })
    .await?;
    log_change!(operator, tenant.id = %tenant.id, resource.type = %name, "resource type removed");
    Ok(())
}

/// Every resource type of the tenant's own, the oldest first.
///
/// # Errors
/// 404 for an unknown tenant.
pub async fn list(operator: &Operator, tenant: &str) -> Result<Vec<TypeDefinition>, Error> {
    let tenant = operator.tenant(tenant).await?;
    let definitions = operator.gateway.store.tenant(tenant.id).definitions().await?;
    definitions.types.iter().map(|row| Ok(TypeDefinition::from_json(&read(&row.definition)?)?)).collect()
}

/// One resource type of the tenant's own.
///
/// # Errors
/// 404 where there is none.
pub async fn get(operator: &Operator, tenant: &str, name: &str) -> Result<TypeDefinition, Error> {
    let found = list(operator, tenant).await?.into_iter().find(|known| known.name.eq_ignore_ascii_case(name));
    found.ok_or_else(|| not_found(name))
}

fn not_found(name: &str) -> Error {
    ScimError::new(404, format!("The tenant has no resource type {name} of its own.")).into()
}

/// The definition, checked by the rules. A type may refer to itself.
fn checked(wanted: &Value, registry: &Registry) -> Result<TypeDefinition, ScimError> {
    let own = wanted.get("name").and_then(Value::as_str).unwrap_or_default();
    let mut types = type_names(registry);
    if !types.contains(&own) {
        types.push(own);
    }
    rules::check_type(wanted, &types)?;
    TypeDefinition::from_json(wanted)
}
