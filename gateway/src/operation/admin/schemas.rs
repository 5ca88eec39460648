//! A tenant's schemas: what the SCIM client may send, or the mapped documents may hold, beyond the standard.

use scimgate_scim::error::ScimError;
use scimgate_scim::schema::definition::TypeDefinition;
use scimgate_scim::schema::registry::Registry;
use scimgate_scim::schema::rules::{self, SchemaRole};
use scimgate_scim::schema::{Schema, packs};
use serde_json::Value;

use crate::operation::Error;
use crate::operation::Gateway;
use crate::operation::admin::tenants;
use crate::operation::schema_change::{self, Registries, read};
use crate::store::schema::{Definitions, SchemaRow, TypeRow};

/// Where a definition comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// The definition itself (RFC 7643 §7).
    Definition(Value),
    /// A schema pack that is one extension.
    Pack(String),
}

/// What an operator asks for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The schema.
    pub source: Source,
    /// Which resource type it extends.
    pub resource_type: String,
    /// Whether only mapped documents shall have it.
    pub directory_only: bool,
    /// Whether every resource must have it.
    pub required: bool,
}

/// A schema that was put.
#[derive(Clone, Debug)]
pub struct Put {
    /// What is stored.
    pub row: SchemaRow,
    /// Whether it is new; otherwise it took the place of the one with its URN.
    pub new: bool,
}

/// Adds an extension schema, or replaces the one with its URN. Where the URN is that of a resource type's own schema, that is
/// replaced, for every type that has it.
///
/// # Errors
/// 404 for an unknown tenant, 400 for a definition that is wrong or contradicts another, 409 where what is stored
/// contradicts it.
pub async fn put(gateway: &Gateway, tenant: &str, wanted: Wanted) -> Result<Put, Error> {
    let tenant = tenants::get(gateway, tenant).await?;
    schema_change::change(gateway, tenant.id, |before| {
        let registry = Registries::of(&before)?.client;
        let row = row(&wanted, &registry)?;
        let own = registry.resource_types().iter().any(|known| known.schema.id.eq_ignore_ascii_case(&row.id));
        if own {
            return Ok((with_base(before, &row)?, Put { row, new: false }));
        }
        let (after, new) = with(before, &row);
        Ok((after, Put { row, new }))
    })
    .await
}

/// Removes an extension schema.
///
/// # Errors
/// 404 where there is none, 409 where resources have data of it.
pub async fn remove(gateway: &Gateway, tenant: &str, urn: &str) -> Result<(), Error> {
    let tenant = tenants::get(gateway, tenant).await?;
    schema_change::change(gateway, tenant.id, |mut before| {
        let kept = before.schemas.len();
        before.schemas.retain(|row| !row.id.eq_ignore_ascii_case(urn));
        if before.schemas.len() == kept {
            return Err(not_found(urn));
        }
        Ok((before, ()))
    })
    .await
}

/// Every extension schema of a tenant, the oldest first.
///
/// # Errors
/// 404 for an unknown tenant.
pub async fn list(gateway: &Gateway, tenant: &str) -> Result<Vec<SchemaRow>, Error> {
    let tenant = tenants::get(gateway, tenant).await?;
    Ok(gateway.store.tenant(tenant.id).definitions().await?.schemas)
}

/// One extension schema.
///
/// # Errors
/// 404 where there is none.
pub async fn get(gateway: &Gateway, tenant: &str, urn: &str) -> Result<SchemaRow, Error> {
    let found = list(gateway, tenant).await?.into_iter().find(|row| row.id.eq_ignore_ascii_case(urn));
    found.ok_or_else(|| not_found(urn))
}

fn not_found(urn: &str) -> Error {
    ScimError::new(404, format!("The tenant has no extension schema {urn} of its own.")).into()
}

/// What would be stored. The definition is stored as it was understood, so that what is shown is what holds.
fn row(wanted: &Wanted, registry: &Registry) -> Result<SchemaRow, ScimError> {
    let schema = match &wanted.source {
        Source::Definition(definition) => {
            rules::check_schema(definition, place(definition, registry), &type_names(registry))?;
            Schema::from_json(definition)?
        }
        Source::Pack(name) => packs::find(name).ok_or_else(|| ScimError::new(400, no_extension(name)))?,
    };
    if wanted.directory_only && wanted.required {
        let detail = "A directoryOnly schema cannot be required: the SCIM client does not know it.";
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

/// A type's own schema has names that an extension may use as it likes.
fn place(definition: &Value, registry: &Registry) -> SchemaRole {
    let id = definition.get("id").and_then(Value::as_str).unwrap_or_default();
    let own = registry.resource_types().iter().any(|known| known.schema.id.eq_ignore_ascii_case(id));
    if own { SchemaRole::Base } else { SchemaRole::Extension }
}

fn no_extension(name: &str) -> String {
    match packs::pack(name) {
        Some(pack) if pack.built_in => format!("Every tenant has the pack {}.", pack.name),
        Some(pack) => format!("The pack {} brings resource types; add it as a pack.", pack.name),
        None => crate::operation::admin::packs::unknown(name),
    }
}

/// The names of all resource types.
pub(crate) fn type_names(registry: &Registry) -> Vec<&str> {
    registry.resource_types().iter().map(|known| known.name.as_str()).collect()
}

/// The name as the resource type itself spells it.
fn resource_type(name: &str, registry: &Registry) -> Result<String, ScimError> {
    if let Some(known) = registry.resource_type(name) {
        return Ok(known.name.clone());
    }
    let known = type_names(registry).join(", ");
    Err(ScimError::new(400, format!("There is no resource type {name}. resourceType is one of: {known}.")))
}

/// The definitions as they would be, in their order, and whether the row is a new one.
pub(crate) fn with(mut definitions: Definitions, row: &SchemaRow) -> (Definitions, bool) {
    let Some(known) = definitions.schemas.iter_mut().find(|known| known.id == row.id) else {
        definitions.schemas.push(row.clone());
        return (definitions, true);
    };
    known.clone_from(row);
    (definitions, false)
}

/// The definitions with another schema for each of the tenant's types that has it as its own.
fn with_base(mut definitions: Definitions, row: &SchemaRow) -> Result<Definitions, Error> {
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

/// A resource type as it is stored, read once more by its rules.
pub(crate) fn type_row(definition: &TypeDefinition) -> Result<TypeRow, Error> {
    let shown = definition.to_json();
    TypeDefinition::from_json(&shown)?;
    Ok(TypeRow { name: definition.name.clone(), definition: shown.to_string() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wanted(source: Source) -> Wanted {
        Wanted { source, resource_type: "user".into(), directory_only: false, required: false }
    }

    fn row(wanted: &Wanted) -> Result<SchemaRow, ScimError> {
        super::row(wanted, &Registry::standard())
    }

    fn badge(attribute: &str) -> SchemaRow {
        let definition = json!({ "id": "urn:acme:badge", "attributes": [{ "name": attribute, "type": "string" }] });
        row(&wanted(Source::Definition(definition))).unwrap()
    }

    #[test]
    fn a_pack_is_found_and_the_resource_type_spelled_right() {
        let row = row(&wanted(Source::Pack("ws1b".into()))).unwrap();
        assert_eq!(row.resource_type, "User");
        assert_eq!(row.id, "urn:ietf:params:scim:schemas:extension:ws1b:2.0:User");
        assert!(Registries::of(&Definitions { schemas: vec![row], ..Definitions::default() }).is_ok());
    }

    #[test]
    fn what_cannot_be_is_refused_with_what_can() {
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

    #[test]
    fn a_second_definition_of_a_urn_takes_the_place_of_the_first() {
        let first = Definitions { schemas: vec![badge("colour")], ..Definitions::default() };
        let (after, new) = with(first, &badge("number"));
        assert!(!new);
        assert_eq!(after.schemas.len(), 1);
        assert!(after.schemas[0].definition.contains("number"));
        assert!(with(Definitions::default(), &badge("number")).1);
    }
}
