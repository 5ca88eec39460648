//! A tenant's schemas: what the SCIM client may send, or the mapped documents may hold, beyond the standard.

use scimgate_scim::error::ScimError;
use scimgate_scim::schema::definition::TypeDefinition;
use scimgate_scim::schema::registry::Registry;
use scimgate_scim::schema::rules::{self, SchemaRole};
use scimgate_scim::schema::{Schema, packs};
use serde_json::Value;

use crate::operation::admin::definition::{put_extension, type_names, type_row, unknown_pack};
use crate::operation::error::Error;
use crate::operation::operator::{Operator, log_change};
use crate::operation::schema_change;
use crate::operation::settings::registries::{Registries, read};
use crate::store::schema::{Definitions, SchemaRow};

/// Where a definition comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// The definition itself (RFC 7643 §7).
    Definition(Value),
    /// A schema pack that is one extension.
    Pack(String),
}

/// The schema to put, and how it is used.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The schema.
    pub source: Source,
    /// Which resource type it extends.
    pub resource_type: String,
    /// Whether only mapped documents have it.
    pub directory_only: bool,
    /// Whether every resource must have it.
    pub required: bool,
}

/// A schema that was put.
#[derive(Clone, Debug)]
pub struct Put {
    /// What is stored.
    pub row: SchemaRow,
    /// Whether it was added; otherwise it replaced the one with its URN.
    pub added: bool,
}

/// Adds an extension schema, or replaces the one with its URN. The URN of a resource type's own schema replaces that schema,
/// for every type that has it.
///
/// # Errors
/// 404 for an unknown tenant, 400 for a definition that is wrong or conflicts with another, 409 where stored resources
/// conflict with it.
pub async fn put(operator: &Operator, tenant: &str, wanted: Wanted) -> Result<Put, Error> {
    let tenant = operator.tenant(tenant).await?;
    let subject = match &wanted.source {
        Source::Definition(definition) => definition.get("id").and_then(Value::as_str).unwrap_or_default(),
        Source::Pack(name) => name,
    };
    let entry = operator.change_of(&tenant, "schema.put", subject);
    let put = schema_change::change(operator, (tenant.id, entry), |before| {
        let registry = Registries::of(&before)?.client;
        let row = row(&wanted, &registry)?;
        let own = registry.resource_types().iter().any(|known| known.schema.id.eq_ignore_ascii_case(&row.id));
        if own {
            return Ok((replace_base(before, &row)?, Put { row, added: false }));
        }
        let (after, added) = put_extension(before, &row);
        Ok((after, Put { row, added }))
    })
    .await?;
    log_change!(operator, tenant.id = %tenant.id, schema.id = %put.row.id, added = put.added, "schema put");
    Ok(put)
}

/// Removes an extension schema.
///
/// # Errors
/// 404 where there is none, 409 where resources have data of it.
pub async fn remove(operator: &Operator, tenant: &str, urn: &str) -> Result<(), Error> {
    let tenant = operator.tenant(tenant).await?;
    let entry = operator.change_of(&tenant, "schema.remove", urn);
    schema_change::change(operator, (tenant.id, entry), |mut before| {
        let kept = before.schemas.len();
        before.schemas.retain(|row| !row.id.eq_ignore_ascii_case(urn));
        if before.schemas.len() == kept {
            return Err(not_found(urn));
        }
        Ok((before, ()))
    })
    .await?;
    log_change!(operator, tenant.id = %tenant.id, schema.id = %urn, "schema removed");
    Ok(())
}

/// Every extension schema of a tenant, the oldest first.
///
/// # Errors
/// 404 for an unknown tenant.
pub async fn list(operator: &Operator, tenant: &str) -> Result<Vec<SchemaRow>, Error> {
    let tenant = operator.tenant(tenant).await?;
    Ok(operator.gateway.store.tenant(tenant.id).definitions().await?.schemas)
}

/// One extension schema.
///
/// # Errors
/// 404 where there is none.
pub async fn get(operator: &Operator, tenant: &str, urn: &str) -> Result<SchemaRow, Error> {
    let found = list(operator, tenant).await?.into_iter().find(|row| row.id.eq_ignore_ascii_case(urn));
    found.ok_or_else(|| not_found(urn))
}

fn not_found(urn: &str) -> Error {
    ScimError::new(404, format!("The tenant has no extension schema {urn} of its own.")).into()
}

/// The row to store. It keeps the definition as it was parsed, so that a reader sees what is in force.
fn row(wanted: &Wanted, registry: &Registry) -> Result<SchemaRow, ScimError> {
    let schema = match &wanted.source {
        Source::Definition(definition) => {
            rules::check_schema(definition, role(definition, registry), &type_names(registry))?;
            Schema::from_json(definition)?
        }
        Source::Pack(name) => packs::find(name).ok_or_else(|| ScimError::new(400, no_extension(name)))?,
    };
    if wanted.directory_only && wanted.required {
        let detail = "A directoryOnly schema cannot be required: the SCIM client cannot send it.";
        return Err(ScimError::new(400, detail));
    }
    Ok(SchemaRow {
        resource_type: resource_type(&wanted.resource_type, registry)?,
        directory_only: wanted.directory_only,
        required: wanted.required,
        definition: schema.to_json().to_string(),
        id: schema.id,
    })
}

/// Which rules the definition is checked by: a resource type's own schema has names that an extension may use freely.
fn role(definition: &Value, registry: &Registry) -> SchemaRole {
    let id = definition.get("id").and_then(Value::as_str).unwrap_or_default();
    let own = registry.resource_types().iter().any(|known| known.schema.id.eq_ignore_ascii_case(id));
    if own { SchemaRole::Base } else { SchemaRole::Extension }
}

fn no_extension(name: &str) -> String {
    match packs::pack(name) {
        Some(pack) if pack.built_in => format!("Every tenant has the pack {}.", pack.name),
        Some(pack) => format!("The pack {} brings resource types; add it as a pack.", pack.name),
        None => unknown_pack(name),
    }
}

/// The resource type's name in its own letters.
fn resource_type(name: &str, registry: &Registry) -> Result<String, ScimError> {
    if let Some(known) = registry.resource_type(name) {
        return Ok(known.name.clone());
    }
    let known = type_names(registry).join(", ");
    Err(ScimError::new(400, format!("There is no resource type {name}. resourceType is one of: {known}.")))
}

/// Replaces the schema of each of the tenant's types that has it as its own.
fn replace_base(mut definitions: Definitions, row: &SchemaRow) -> Result<Definitions, Error> {
    let mut found = false;
    for it in &mut definitions.types {
        let mut definition = TypeDefinition::from_json(&read(&it.definition)?)?;
        if definition.schema.id.eq_ignore_ascii_case(&row.id) {
            definition.schema = Schema::from_json(&read(&row.definition)?)?;
            *it = type_row(&definition)?;
            found = true;
        }
    }
    if found {
        return Ok(definitions);
    }
    Err(ScimError::new(400, format!("{} is the protocol's own schema; define an extension beside it.", row.id)).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(source: Source) -> Wanted {
        Wanted { source, resource_type: "user".into(), directory_only: false, required: false }
    }

    fn row(wanted: &Wanted) -> Result<SchemaRow, ScimError> {
        super::row(wanted, &Registry::standard())
    }

    #[test]
    fn a_pack_is_found_and_the_resource_type_gets_its_own_spelling() {
        let row = row(&wanted(Source::Pack("ws1b".into()))).unwrap();
        assert_eq!(row.resource_type, "User");
        assert_eq!(row.id, "urn:ietf:params:scim:schemas:extension:ws1b:2.0:User");
        assert!(Registries::of(&Definitions { schemas: vec![row], ..Definitions::default() }).is_ok());
    }

    #[test]
    fn an_unusable_pack_or_resource_type_is_refused_with_the_alternatives() {
        let detail = |wanted| row(&wanted).unwrap_err().detail;
        let pack = |name: &str| wanted(Source::Pack(name.into()));
        assert_eq!(detail(pack("ws2")), "There is no schema pack called ws2. There are: ws1b, okta, agents.");
        assert_eq!(detail(pack("okta")), "The pack okta brings resource types; add it as a pack.");
        assert_eq!(detail(pack("enterprise")), "Every tenant has the pack enterprise.");
        let device = Wanted { resource_type: "Device".into(), ..pack("ws1b") };
        assert_eq!(detail(device), "There is no resource type Device. resourceType is one of: User, Group.");
        let both = row(&Wanted { directory_only: true, required: true, ..pack("ws1b") }).unwrap_err();
        assert_eq!(both.status, 400);
    }
}
