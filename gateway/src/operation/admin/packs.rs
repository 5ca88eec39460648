//! Schema packs: sets of extensions and resource types that come with the gateway.

use scimgate_scim::error::ScimError;
use scimgate_scim::schema::packs::{self, Pack};

use crate::operation::admin::resource_types;
use crate::operation::admin::schemas;
use crate::operation::admin::tenants;
use crate::operation::context::Gateway;
use crate::operation::error::Error;
use crate::operation::schema_change;
use crate::store::schema::SchemaRow;

/// Every pack.
#[must_use]
pub fn list() -> &'static [Pack] {
    packs::all()
}

/// Adds all of a pack to a tenant, at once or not at all. What the tenant has of it already is brought to the pack's state.
///
/// # Errors
/// 404 for an unknown tenant or pack, 400 where its names are taken, 409 where what is stored contradicts it.
pub async fn add(gateway: &Gateway, tenant: &str, name: &str) -> Result<&'static Pack, Error> {
    let tenant = tenants::get(gateway, tenant).await?;
    let pack = packs::pack(name).ok_or_else(|| ScimError::new(404, unknown(name)))?;
    if pack.built_in {
        return Err(ScimError::new(409, format!("Every tenant has the pack {}.", pack.name)).into());
    }
    schema_change::change(gateway, tenant.id, |mut after| {
        for definition in &pack.resource_types {
            after = resource_types::with(after, definition)?.0;
        }
        for (resource_type, schema) in &pack.extensions {
            let row = SchemaRow {
                id: schema.id.clone(),
                resource_type: resource_type.clone(),
                directory_only: false,
                required: false,
                definition: schema.to_json().to_string(),
            };
            after = schemas::with(after, &row).0;
        }
        Ok((after, ()))
    })
    .await?;
    Ok(pack)
}

/// The sentence for a pack that is none.
pub(crate) fn unknown(name: &str) -> String {
    let known = packs::names().collect::<Vec<_>>().join(", ");
    format!("There is no schema pack called {name}. There are: {known}.")
}
