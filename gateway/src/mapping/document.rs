//! The document as a plugin sees it: the host's trait over the protocol's paths. The two crates don't know each other.

use std::sync::Arc;

use scimgate_plugin_host::{Document, PathError};
use scimgate_scim::access::{self, AccessError};
use scimgate_scim::attribute::{Mutability, Returned};
use scimgate_scim::json;
use scimgate_scim::schema::ResourceType;
use serde_json::{Map, Value};

/// A canonical document with the schema its paths are read by.
pub(super) struct ScimDocument {
    pub(super) tree: Map<String, Value>,
    pub(super) resource_type: Arc<ResourceType>,
}

impl Document for ScimDocument {
    fn get(&self, path: &str) -> Result<Vec<String>, PathError> {
        let found = access::get(&self.tree, &self.resource_type, path).map_err(translate)?;
        Ok(found.into_iter().map(Value::to_string).collect())
    }

    fn set(&mut self, path: &str, value: &str) -> Result<u32, PathError> {
        let value = parse(path, value)?;
        access::set(&mut self.tree, &self.resource_type, path, value).map_err(translate)
    }

    fn append(&mut self, path: &str, value: &str) -> Result<(), PathError> {
        let value = parse(path, value)?;
        access::append(&mut self.tree, &self.resource_type, path, value).map(|_| ()).map_err(translate)
    }

    fn remove(&mut self, path: &str) -> Result<u32, PathError> {
        access::remove(&mut self.tree, &self.resource_type, path).map_err(translate)
    }

    fn to_json(&self) -> String {
        // Displaying a tree of strings, numbers and arrays cannot fail.
        serde_json::to_string(&self.tree).unwrap_or_default()
    }

    fn replace(&mut self, json: &str) -> Result<(), PathError> {
        let Value::Object(mut tree) = parse("the document", json)? else {
            return Err(PathError::WrongValue("a document must be a JSON object".to_owned()));
        };
        // What is nobody's to write is not a plugin's either; id, meta and schemas stay as they are.
        tree.retain(|name, _| !is_closed(&self.resource_type, name));
        for name in ["id", "meta", "schemas"] {
            tree.shift_remove(name);
            if let Some(own) = self.tree.get(name) {
                tree.insert(name.to_owned(), own.clone());
            }
        }
        self.tree = tree;
        Ok(())
    }
}

fn is_closed(resource_type: &ResourceType, name: &str) -> bool {
    let found = resource_type.resolve(name).map(|found| found.attribute);
    resource_type.detached.is_some_and(|detached| detached.eq_ignore_ascii_case(name))
        || found.is_some_and(|it| it.mutability == Mutability::ReadOnly || it.returned == Returned::Never)
}

fn parse(path: &str, text: &str) -> Result<Value, PathError> {
    json::parse(text).map_err(|why| PathError::WrongValue(format!("{path}: {}", why.detail)))
}

fn translate(error: AccessError) -> PathError {
    match error {
        AccessError::Malformed(why) => PathError::Malformed(why),
        AccessError::Unknown(why) => PathError::Unknown(why),
        AccessError::ReadOnly(why) => PathError::ReadOnly(why),
        AccessError::WrongValue(why) => PathError::WrongValue(why),
    }
}
