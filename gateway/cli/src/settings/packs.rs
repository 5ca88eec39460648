//! Schema packs that a tenant has: all of their definitions, as this version brings them.

use reqwest::Method;
use scimgate_scim::schema::packs::{self, Pack};
use serde_json::{Value, json};

use super::resource_types::ResourceTypes;
use super::schemas::Schemas;
use super::{Kind, Request};

/// The packs.
pub(crate) struct Packs;

impl Kind for Packs {
    fn name(&self) -> &'static str {
        "packs"
    }

    fn of(&self, settings: &Value) -> Value {
        let (schemas, types) = (Schemas.of(settings), ResourceTypes.of(settings));
        let has = |pack: &&Pack| {
            let has_schemas = pack.extensions.iter().all(|(resource_type, schema)| {
                let own = schemas.get(&schema.id).unwrap_or(&Value::Null);
                own["schema"] == schema.to_json() && own["resourceType"] == resource_type.as_str()
            });
            has_schemas && pack.resource_types.iter().all(|known| types.get(&known.name) == Some(&known.to_json()))
        };
        let own = packs::all().iter().filter(|pack| !pack.built_in).filter(has);
        own.map(|pack| pack.name.as_str()).collect()
    }

    /// Those that the tenant has, first, since nobody takes a pack away.
    fn after(&self, now: &Value, wanted: &Value) -> Value {
        let mut all = now.as_array().cloned().unwrap_or_default();
        for pack in wanted.as_array().into_iter().flatten() {
            if !all.contains(pack) {
                all.push(pack.clone());
            }
        }
        all.into()
    }

    fn requests(&self, now: &Value, after: &Value) -> Vec<Request> {
        let had = now.as_array().map(Vec::as_slice).unwrap_or_default();
        let new = after.as_array().into_iter().flatten().filter(|pack| !had.contains(pack));
        new.map(|pack| Request::Send(Method::POST, &["schema-packs"], json!({ "pack": pack }))).collect()
    }
}
