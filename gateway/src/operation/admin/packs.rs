//! Schema packs: sets of extensions and resource types that come with the gateway.

use scimgate_scim::error::ScimError;
use scimgate_scim::schema::packs::{self, Pack};

use crate::operation::admin::definition::{put_extension, put_type, unknown_pack};
use crate::operation::error::Error;
use crate::operation::operator::{Operator, log_change};
use crate::operation::schema_change;
use crate::store::schema::SchemaRow;

/// Every pack.
#[must_use]
pub fn list() -> &'static [Pack] {
    packs::all()
}

/// Adds all of a pack to a tenant, at once or not at all. Definitions that the tenant already has are replaced by the pack's.
///
/// # Errors
/// 404 for an unknown tenant or pack, 400 where its names are taken, 409 where stored resources conflict with it.
pub async fn add(operator: &Operator, tenant: &str, name: &str) -> Result<&'static Pack, Error> {
    let tenant = operator.tenant(tenant).await?;
    let pack = packs::pack(name).ok_or_else(|| ScimError::new(404, unknown_pack(name)))?;
    if pack.built_in {
        return Err(ScimError::new(409, format!("Every tenant has the pack {}.", pack.name)).into());
    }
    let entry = operator.change_of(&tenant, "schema-pack.add", &pack.name);
    schema_change::change(operator, (tenant.id, entry), |mut definitions| {
        for definition in &pack.resource_types {
            definitions = put_type(definitions, definition)?.0;
        }
        for (resource_type, schema) in &pack.extensions {
            let row = SchemaRow {
                id: schema.id.clone(),
                resource_type: resource_type.clone(),
                directory_only: false,
                required: false,
                definition: schema.to_json().to_string(),
            };
            definitions = put_extension(definitions, &row).0;
        }
        Ok((definitions, ()))
    })
    .await?;
    log_change!(operator, tenant.id = %tenant.id, pack = %pack.name, "schema pack added");
    Ok(pack)
}
