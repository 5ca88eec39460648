//! A tenant's extension schemas: what the SCIM client may send, or the mapped documents may hold, beyond the standard.

use scimgate_scim::attribute::Attribute;
use scimgate_scim::error::ScimError;
use scimgate_scim::schema::registry::Registry;
use scimgate_scim::schema::{Schema, packs};
use serde_json::Value;

use super::{Error, Gateway, settings, tenants};
use crate::store::schema::SchemaRow;

/// Where a definition comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// The definition itself (RFC 7643 §7).
    Definition(Value),
    /// A schema pack that comes with the gateway.
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

/// Adds an extension schema, or replaces the one with its URN.
///
/// # Errors
/// 404 for an unknown tenant, 400 for a definition that is wrong or contradicts another.
pub async fn put(gateway: &Gateway, tenant: &str, wanted: Wanted) -> Result<Put, Error> {
    let row = row(&wanted)?;
    let tenant = tenants::get(gateway, tenant).await?;
    let store = gateway.store.tenant(tenant.id);
    let before = store.schemas().await?;
    if let Some(known) = before.iter().find(|known| known.id == row.id) {
        check_successor(known, &row)?;
    }
    let (all, new) = with(before, &row);
    settings::registries(&all)?;
    store.put_schema(&row, gateway.clock.now()).await?;
    tenants::changed(gateway, tenant.id).await;
    gateway.schemas_changed.notify_one();
    Ok(Put { row, new })
}

/// A schema may grow. What is stored was checked by the old one, so nothing of that may be taken away: a user with data
/// that the schema no longer knows could not even be deactivated.
fn check_successor(old: &SchemaRow, new: &SchemaRow) -> Result<(), Error> {
    let read = |row: &SchemaRow| {
        let definition = serde_json::from_str(&row.definition).map_err(|why| Error::Corrupt(why.to_string()))?;
        Schema::from_json(&definition).map_err(Error::from)
    };
    let refuse = |what: String| {
        let detail = format!("{} is in use and can only grow: {what}.", new.id);
        Err(Error::from(ScimError::new(409, detail)))
    };
    if old.resource_type != new.resource_type || old.directory_only != new.directory_only {
        return refuse("its resource type and directoryOnly must stay".to_owned());
    }
    if new.required && !old.required {
        return refuse("it cannot become required".to_owned());
    }
    let (old, new) = (read(old)?, read(new)?);
    for known in &old.attributes {
        if !new.attribute(&known.name).is_some_and(|it| continues(known, it)) {
            return refuse(format!("attribute {} must stay, with its type and characteristics", known.name));
        }
    }
    let added = new.attributes.iter().find(|it| it.required && old.attribute(&it.name).is_none());
    added.map_or(Ok(()), |it| refuse(format!("the new attribute {} cannot be required", it.name)))
}

/// Whether what was right by the one definition is right by the other.
fn continues(old: &Attribute, new: &Attribute) -> bool {
    let marks = |it: &Attribute| (it.kind, it.multi_valued, it.case_exact, it.uniqueness, it.mutability, it.returned);
    marks(old) == marks(new)
        && (old.required || !new.required)
        && old.sub_attributes.iter().all(|sub| new.sub_attribute(&sub.name).is_some_and(|it| continues(sub, it)))
}

/// Every extension schema of a tenant, the oldest first.
///
/// # Errors
/// 404 for an unknown tenant.
pub async fn list(gateway: &Gateway, tenant: &str) -> Result<Vec<SchemaRow>, Error> {
    let tenant = tenants::get(gateway, tenant).await?;
    Ok(gateway.store.tenant(tenant.id).schemas().await?)
}

/// What would be stored. The definition is stored as it was understood, so that what is shown is what holds.
fn row(wanted: &Wanted) -> Result<SchemaRow, ScimError> {
    let schema = match &wanted.source {
        Source::Definition(definition) => Schema::from_json(definition)?,
        Source::Pack(name) => packs::find(name).ok_or_else(|| {
            let known = packs::names().collect::<Vec<_>>().join(", ");
            ScimError::new(400, format!("There is no schema pack called {name}. There are: {known}."))
        })?,
    };
    if wanted.directory_only && wanted.required {
        let detail = "A directoryOnly schema cannot be required: the SCIM client does not know it.";
        return Err(ScimError::new(400, detail));
    }
    Ok(SchemaRow {
        resource_type: resource_type(&wanted.resource_type)?,
        directory_only: wanted.directory_only,
        required: wanted.required,
        definition: schema.to_json().to_string(),
        id: schema.id,
    })
}

/// The name as the resource type itself spells it.
fn resource_type(name: &str) -> Result<String, ScimError> {
    let registry = Registry::standard();
    if let Some(known) = registry.resource_type(name) {
        return Ok(known.name.clone());
    }
    let known: Vec<&str> = registry.resource_types().iter().map(|known| known.name.as_str()).collect();
    Err(ScimError::new(400, format!("There is no resource type {name}. resourceType is one of: {}.", known.join(", "))))
}

/// The definitions as they would be, in their order, and whether the row is a new one.
fn with(mut rows: Vec<SchemaRow>, row: &SchemaRow) -> (Vec<SchemaRow>, bool) {
    let Some(known) = rows.iter_mut().find(|known| known.id == row.id) else {
        rows.push(row.clone());
        return (rows, true);
    };
    known.clone_from(row);
    (rows, false)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wanted(source: Source) -> Wanted {
        Wanted { source, resource_type: "user".into(), directory_only: false, required: false }
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
        assert!(settings::registries(&[row]).is_ok());
    }

    #[test]
    fn what_cannot_be_is_refused_with_what_can() {
        let unknown = row(&wanted(Source::Pack("ws2".into()))).unwrap_err();
        assert_eq!(unknown.detail, "There is no schema pack called ws2. There are: ws1b.");
        let pack = Source::Pack("ws1b".into());
        let device = row(&Wanted { resource_type: "Device".into(), ..wanted(pack.clone()) }).unwrap_err();
        assert_eq!(device.detail, "There is no resource type Device. resourceType is one of: User, Group.");
        let both = row(&Wanted { directory_only: true, required: true, ..wanted(pack) }).unwrap_err();
        assert_eq!(both.status, 400);
    }

    #[test]
    fn a_schema_in_use_can_only_grow() {
        let definition = |attributes: serde_json::Value| {
            let definition = json!({ "id": "urn:acme:badge", "attributes": attributes });
            row(&wanted(Source::Definition(definition))).unwrap()
        };
        let old = definition(json!([{ "name": "number", "type": "string" }]));
        let grown = json!([{ "name": "number", "type": "string" }, { "name": "colour", "type": "string" }]);
        assert!(check_successor(&old, &definition(grown)).is_ok());
        assert!(check_successor(&old, &old).is_ok());
        for shrunk in [
            json!([{ "name": "colour", "type": "string" }]),
            json!([{ "name": "number", "type": "integer" }]),
            json!([{ "name": "number", "type": "string", "required": true }]),
            json!([{ "name": "number", "type": "string" }, { "name": "colour", "type": "string", "required": true }]),
        ] {
            assert!(check_successor(&old, &definition(shrunk.clone())).is_err(), "{shrunk}");
        }
    }

    #[test]
    fn a_second_definition_of_a_urn_takes_the_place_of_the_first() {
        let (rows, new) = with(vec![badge("colour")], &badge("number"));
        assert!(!new);
        assert_eq!(rows.len(), 1);
        assert!(rows[0].definition.contains("number"));
        assert!(with(Vec::new(), &badge("number")).1);
    }
}
