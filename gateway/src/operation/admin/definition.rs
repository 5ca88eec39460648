//! Edits of a tenant's definitions, the resource types and extension schemas, as schemas, resource types and packs make them.

use scimgate_scim::error::ScimError;
use scimgate_scim::schema::definition::TypeDefinition;
use scimgate_scim::schema::packs;
use scimgate_scim::schema::registry::Registry;

use crate::operation::error::Error;
use crate::store::schema::{Definitions, SchemaRow, TypeRow};

/// Adds a resource type or replaces the one with its name; the flag says whether it was added.
///
/// # Errors
/// 400 for the protocol's own type, and for a name that another type has in other letters.
pub(super) fn put_type(before: Definitions, definition: &TypeDefinition) -> Result<(Definitions, bool), Error> {
    let (mut definitions, row) = (before, type_row(definition)?);
    if Registry::standard().resource_type(&row.name).is_some() {
        let detail = format!("{} is the protocol's own resource type; define an extension of it.", row.name);
        return Err(ScimError::new(400, detail).into());
    }
    match definitions.types.iter_mut().find(|known| known.name.eq_ignore_ascii_case(&row.name)) {
        Some(known) if known.name != row.name => {
            Err(ScimError::new(400, format!("There is a resource type {} already.", known.name)).into())
        }
        Some(known) => {
            *known = row;
            Ok((definitions, false))
        }
        None => {
            definitions.types.push(row);
            Ok((definitions, true))
        }
    }
}

/// Adds an extension schema or replaces the one with its URN, in its place; the flag says whether it was added.
pub(super) fn put_extension(mut definitions: Definitions, row: &SchemaRow) -> (Definitions, bool) {
    let Some(known) = definitions.schemas.iter_mut().find(|known| known.id == row.id) else {
        definitions.schemas.push(row.clone());
        return (definitions, true);
    };
    known.clone_from(row);
    (definitions, false)
}

/// A resource type as it is stored, checked by reading it back.
pub(super) fn type_row(definition: &TypeDefinition) -> Result<TypeRow, Error> {
    let json = definition.to_json();
    TypeDefinition::from_json(&json)?;
    Ok(TypeRow { name: definition.name.clone(), definition: json.to_string() })
}

/// The names of all resource types.
pub(super) fn type_names(registry: &Registry) -> Vec<&str> {
    registry.resource_types().iter().map(|known| known.name.as_str()).collect()
}

/// The refusal of a pack that does not exist.
pub(super) fn unknown_pack(name: &str) -> String {
    let known = packs::names().collect::<Vec<_>>().join(", ");
    format!("There is no schema pack called {name}. There are: {known}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extension(definition: &str) -> SchemaRow {
        SchemaRow {
            id: "urn:acme:badge".into(),
            resource_type: "User".into(),
            directory_only: false,
            required: false,
            definition: definition.into(),
        }
    }

    #[test]
    fn a_second_extension_with_the_same_urn_replaces_the_first() {
        let first = Definitions { schemas: vec![extension("colour")], ..Definitions::default() };
        let (after, added) = put_extension(first, &extension("number"));
        assert!(!added);
        assert_eq!(after.schemas, [extension("number")]);
        assert!(put_extension(Definitions::default(), &extension("number")).1);
    }
}
