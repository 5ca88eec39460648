//! A tenant's own resource types, by name. Those that nobody names stay.

use reqwest::Method;
use scimgate_scim::schema::packs;
use serde_json::{Map, Value};

use super::{Kind, Request, changed, definitions, merged, unnamed};

/// The resource types.
pub(crate) struct ResourceTypes;

impl Kind for ResourceTypes {
    fn name(&self) -> &'static str {
        "resourceTypes"
    }

    fn of(&self, settings: &Value) -> Value {
        keyed(settings["resourceTypes"].as_array().into_iter().flatten().cloned())
    }

    fn after(&self, now: &Value, wanted: &Value) -> Value {
        merged(now, wanted)
    }

    fn requests(&self, now: &Value, after: &Value) -> Vec<Request> {
        let all = changed(now, after);
        all.map(|(_, definition)| Request::Send(Method::POST, &["resource-types"], definition.clone())).collect()
    }

    fn left_alone(&self, now: &Value, wanted: &Value) -> Vec<String> {
        // What packs bring was not defined by somebody.
        let of_pack =
            |name: &String| packs::all().iter().flat_map(|pack| &pack.resource_types).any(|it| it.name == *name);
        unnamed(now, wanted).into_iter().filter(|name| !of_pack(name)).collect()
    }
}

/// Definitions, each under its name.
pub(crate) fn keyed(types: impl Iterator<Item = Value>) -> Value {
    let mut all = Map::new();
    for known in types {
        let definition = definitions::resource_type(&known);
        all.insert(definition["name"].as_str().unwrap_or_default().to_owned(), definition);
    }
    Value::Object(all)
}
