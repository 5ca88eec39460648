//! The document of a run, and how plugins access it: the host's trait, implemented with the protocol's paths.

use std::cell::RefCell;
use std::sync::Arc;

use scimgate_plugin_host::{Document, PathError};
use scimgate_scim::access::{self, AccessError, Overlay};
use scimgate_scim::attribute::{Mutability, Returned};
use scimgate_scim::directory_schema::TypeRules;
use scimgate_scim::json;
use scimgate_scim::schema::ResourceType;
use scimgate_scim::value::Members as _;
use serde_json::Value;
use uuid::Uuid;

use super::report::RefusedPath;

/// Longest document, as the client wrote it and after every step.
pub const MAX_DOCUMENT_BYTES: usize = 1024 * 1024;

/// Refused paths that are kept of one call, and the longest text of one.
const MAX_REFUSED_PATHS: usize = 8;
const MAX_REFUSED_PATH_CHARS: usize = 200;

/// What a chain needs besides the document itself.
pub struct DocumentInfo<'a> {
    /// The tenant's name.
    pub tenant: &'a str,
    /// The type by the directory's schemas.
    pub resource_type: &'a Arc<ResourceType>,
    /// What the mapped document must be beyond the type's schemas.
    pub rules: Option<&'a TypeRules>,
    /// The resource's id.
    pub id: Uuid,
    /// The plugins' only clock.
    pub last_modified: String,
    /// Bytes of the document as JSON text.
    pub size: usize,
}

/// A canonical document with the schema that resolves its paths.
pub(super) struct ScimDocument {
    pub(super) tree: Overlay,
    pub(super) resource_type: Arc<ResourceType>,
    /// Reading refuses paths, too.
    refused: RefCell<Vec<RefusedPath>>,
}

impl ScimDocument {
    pub(super) fn new(tree: Overlay, resource_type: Arc<ResourceType>) -> Self {
        Self { tree, resource_type, refused: RefCell::default() }
    }

    /// The document, and the paths that were refused.
    pub(super) fn into_parts(self) -> (Overlay, Vec<RefusedPath>) {
        (self.tree, self.refused.into_inner())
    }

    fn refuse(&self, call: &'static str, path: &str, error: PathError) -> PathError {
        let mut refused = self.refused.borrow_mut();
        if refused.len() < MAX_REFUSED_PATHS {
            let path = path.chars().take(MAX_REFUSED_PATH_CHARS).collect();
            refused.push(RefusedPath { call, path, error: error.clone() });
        }
        error
    }
}

impl Document for ScimDocument {
    fn get(&self, path: &str) -> Result<Vec<String>, PathError> {
        match access::get(&self.tree, &self.resource_type, path) {
            Ok(found) => Ok(found.into_iter().map(Value::to_string).collect()),
            Err(error) => Err(self.refuse("get", path, translate(error))),
        }
    }

    fn set(&mut self, path: &str, value: &str) -> Result<u32, PathError> {
        let set = |value| access::set(&mut self.tree, &self.resource_type, path, value).map_err(translate);
        let done = parse(path, value).and_then(set);
        done.map_err(|error| self.refuse("set", path, error))
    }

    fn append(&mut self, path: &str, value: &str) -> Result<(), PathError> {
        let append = |value| access::append(&mut self.tree, &self.resource_type, path, value).map_err(translate);
        let done = parse(path, value).and_then(append);
        done.map(|_| ()).map_err(|error| self.refuse("append", path, error))
    }

    fn remove(&mut self, path: &str) -> Result<u32, PathError> {
        let done = access::remove(&mut self.tree, &self.resource_type, path).map_err(translate);
        done.map_err(|error| self.refuse("remove", path, error))
    }

    fn to_json(&self) -> String {
        self.tree.to_json()
    }

    fn replace(&mut self, json: &str) -> Result<(), PathError> {
        let Value::Object(mut tree) = parse("the document", json)? else {
            return Err(PathError::WrongValue("a document must be a JSON object".to_owned()));
        };
        // Attributes that no client can write are not the plugin's either; id, meta and schemas stay as they are. The id is
        // not among the members.
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

fn parse(path: &str, text: &str) -> Result<Value, PathError> {
    json::parse(text).map_err(|why| PathError::WrongValue(format!("{path}: {}", why.detail)))
}

fn translate(error: AccessError) -> PathError {
    match error {
        AccessError::Malformed(why) => PathError::Malformed(why),
        AccessError::Unknown(why) => PathError::Unknown(why),
        AccessError::ReadOnly(_) => PathError::ReadOnly(error.to_string()),
        AccessError::WrongValue(why) => PathError::WrongValue(why),
    }
}
