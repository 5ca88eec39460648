//! Resource types of a tenant's own: live at once at their endpoint, in discovery and in the directory.

use scimgate_scim::error::ScimError;
use scimgate_scim::schema::definition::TypeDefinition;
use scimgate_scim::schema::registry::Registry;
use scimgate_scim::schema::rules;
use serde_json::Value;

use crate::operation::admin::schemas::{type_names, type_row};
use crate::operation::admin::tenants;
use crate::operation::context::Gateway;
use crate::operation::error::Error;
use crate::operation::schema_change;
use crate::operation::settings::registries::{Registries, read};
use crate::store::schema::Definitions;

/// A resource type that was put.
#[derive(Clone, Debug)]
pub struct Put {
    /// What is stored.
    pub definition: TypeDefinition,
    /// Whether it is new; otherwise it took the place of the one with its name.
    pub new: bool,
}

/// Adds a resource type, or replaces the one with its name.
///
/// # Errors
/// 404 for an unknown tenant, 400 for a definition that is wrong or contradicts another, 409 where what is stored
/// contradicts it.
pub async fn put(gateway: &Gateway, tenant: &str, wanted: &Value) -> Result<Put, Error> {
    let tenant = tenants::get(gateway, tenant).await?;
    schema_change::change(gateway, tenant.id, |before| {
        let registry = Registries::of(&before)?.client;
        let definition = checked(wanted, &registry)?;
        let (after, new) = with(before, &definition)?;
        Ok((after, Put { definition, new }))
    })
    .await
}

/// Removes a resource type with its extensions.
///
/// # Errors
/// 404 where there is none, 409 where there are resources of it.
pub async fn remove(gateway: &Gateway, tenant: &str, name: &str) -> Result<(), Error> {
    let tenant = tenants::get(gateway, tenant).await?;
    schema_change::change(gateway, tenant.id, |mut before| {
        let kept = before.types.len();
        before.types.retain(|row| !row.name.eq_ignore_ascii_case(name));
        if before.types.len() == kept {
            return Err(not_found(name));
        }
        before.schemas.retain(|row| !row.resource_type.eq_ignore_ascii_case(name));
        Ok((before, ()))
    })
    .await
}

/// Every resource type of the tenant's own, the oldest first.
///
/// # Errors
/// 404 for an unknown tenant.
pub async fn list(gateway: &Gateway, tenant: &str) -> Result<Vec<TypeDefinition>, Error> {
    let tenant = tenants::get(gateway, tenant).await?;
    let definitions = gateway.store.tenant(tenant.id).definitions().await?;
    definitions.types.iter().map(|row| Ok(TypeDefinition::from_json(&read(&row.definition)?)?)).collect()
}

/// One resource type of the tenant's own.
///
/// # Errors
/// 404 where there is none.
pub async fn get(gateway: &Gateway, tenant: &str, name: &str) -> Result<TypeDefinition, Error> {
    let found = list(gateway, tenant).await?.into_iter().find(|known| known.name.eq_ignore_ascii_case(name));
    found.ok_or_else(|| not_found(name))
}

fn not_found(name: &str) -> Error {
    ScimError::new(404, format!("The tenant has no resource type {name} of its own.")).into()
}

/// The definition by its rules. A type may refer to itself.
fn checked(wanted: &Value, registry: &Registry) -> Result<TypeDefinition, ScimError> {
    let own = wanted.get("name").and_then(Value::as_str).unwrap_or_default();
    let mut types = type_names(registry);
    if !types.contains(&own) {
        types.push(own);
    }
    rules::check_type(wanted, &types)?;
    TypeDefinition::from_json(wanted)
}

/// The definitions as they would be, and whether the type is a new one.
pub(crate) fn with(mut before: Definitions, definition: &TypeDefinition) -> Result<(Definitions, bool), Error> {
    let row = type_row(definition)?;
    if Registry::standard().resource_type(&row.name).is_some() {
        let detail = format!("{} is the protocol's own resource type; define an extension of it.", row.name);
        return Err(ScimError::new(400, detail).into());
    }
    match before.types.iter_mut().find(|known| known.name.eq_ignore_ascii_case(&row.name)) {
        Some(known) if known.name != row.name => {
            Err(ScimError::new(400, format!("There is a resource type {} already.", known.name)).into())
        }
        Some(known) => {
            *known = row;
            Ok((before, false))
        }
        None => {
            before.types.push(row);
            Ok((before, true))
        }
    }
}
