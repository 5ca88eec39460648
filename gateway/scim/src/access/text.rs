//! The same with values as JSON text, as plugins hand them over and get them.

use std::sync::Arc;

use serde_json::Value;

use super::{AccessError, Overlay, append, get, remove, set};
use crate::attribute::{Mutability, Returned};
use crate::json;
use crate::schema::ResourceType;
use crate::value::Members as _;

/// A canonical document with the schemas that resolve its paths.
#[derive(Clone, Debug)]
pub struct TextDocument {
    tree: Overlay,
    resource_type: Arc<ResourceType>,
}

impl TextDocument {
    /// A document of this type.
    #[must_use]
    pub fn new(tree: Overlay, resource_type: Arc<ResourceType>) -> Self {
        Self { tree, resource_type }
    }

    /// The document as it is now.
    #[must_use]
    pub fn into_tree(self) -> Overlay {
        self.tree
    }

    /// The values at a path; see [`get`](super::get).
    pub fn get(&self, path: &str) -> Result<Vec<String>, AccessError> {
        let found = get(&self.tree, &self.resource_type, path)?;
        Ok(found.into_iter().map(Value::to_string).collect())
    }

    /// Sets every value at a path and returns their number; see [`set`](super::set).
    pub fn set(&mut self, path: &str, value: &str) -> Result<u32, AccessError> {
        set(&mut self.tree, &self.resource_type, path, parse(path, value)?)
    }

    /// Adds a value, or each of an array, to a multi-valued attribute and returns the number of new ones; see
    /// [`append`](super::append).
    pub fn append(&mut self, path: &str, value: &str) -> Result<u32, AccessError> {
        append(&mut self.tree, &self.resource_type, path, parse(path, value)?)
    }

    /// Removes the values at a path and returns their number.
    pub fn remove(&mut self, path: &str) -> Result<u32, AccessError> {
        remove(&mut self.tree, &self.resource_type, path)
    }

    /// The whole document, with its id.
    #[must_use]
    pub fn to_json(&self) -> String {
        self.tree.to_json()
    }

    /// Replaces the whole document but `id`, `meta` and `schemas`, and what no client can write.
    pub fn replace(&mut self, text: &str) -> Result<(), AccessError> {
        let Value::Object(mut tree) = parse("the document", text)? else {
            return Err(AccessError::WrongValue("a document must be a JSON object".to_owned()));
        };
        // Attributes that no client can write are not the plugin's either. The id is not among the members.
        tree.retain(|name, _| !is_protected(&self.resource_type, name));
        for name in ["id", "meta", "schemas"] {
            tree.shift_remove(name);
            if let Some(current) = self.tree.get(name).filter(|_| name != "id") {
                tree.insert(name.to_owned(), current.clone());
            }
        }
        self.tree.replace(tree);
        Ok(())
    }
}

fn is_protected(resource_type: &ResourceType, name: &str) -> bool {
    let found = resource_type.resolve(name).map(|found| found.attribute);
    resource_type.detached.is_some_and(|detached| detached.eq_ignore_ascii_case(name))
        || found.is_some_and(|it| it.mutability == Mutability::ReadOnly || it.returned == Returned::Never)
}

fn parse(path: &str, text: &str) -> Result<Value, AccessError> {
    json::parse(text).map_err(|why| AccessError::WrongValue(format!("{path}: {}", why.detail)))
}
