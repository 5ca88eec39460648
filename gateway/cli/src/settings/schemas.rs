//! A tenant's extension schemas, by URN. Those that nobody names stay.

use reqwest::Method;
use scimgate_scim::schema::packs;
use serde_json::{Map, Value, json};

use super::{Kind, Request, changed, definitions, merged, unnamed};

/// The extension schemas.
pub(crate) struct Schemas;

impl Kind for Schemas {
    fn name(&self) -> &'static str {
        "schemas"
    }

    fn of(&self, settings: &Value) -> Value {
        keyed(settings["schemas"].as_array().into_iter().flatten().cloned())
    }

    fn after(&self, now: &Value, wanted: &Value) -> Value {
        merged(now, wanted)
    }

    fn requests(&self, now: &Value, after: &Value) -> Vec<Request> {
        changed(now, after).map(|(_, schema)| Request::Send(Method::POST, &["schemas"], schema.clone())).collect()
    }

    fn left_alone(&self, now: &Value, wanted: &Value) -> Vec<String> {
        // What packs bring was not defined by somebody.
        unnamed(now, wanted).into_iter().filter(|urn| packs::pack(urn).is_none()).collect()
    }
}

/// Extensions with their definitions, each under its URN.
pub(crate) fn keyed(schemas: impl Iterator<Item = Value>) -> Value {
    let mut all = Map::new();
    for schema in schemas {
        let definition = definitions::schema(&schema["schema"]);
        let urn = definition["id"].as_str().unwrap_or_default().to_owned();
        let extension = json!({
            "resourceType": schema["resourceType"],
            "directoryOnly": schema["directoryOnly"],
            "required": schema["required"],
            "schema": definition,
        });
        all.insert(urn, extension);
    }
    Value::Object(all)
}
