//! The document of a run, and how plugins access it: the host's trait, implemented with the protocol's paths.

use std::sync::Arc;

use scimgate_plugin_host::{Document, PathError};
use scimgate_scim::access::{self, AccessError, Overlay};
use scimgate_scim::attribute::{Mutability, Returned};
use scimgate_scim::json;
use scimgate_scim::schema::ResourceType;
use scimgate_scim::value::Members as _;
use serde_json::Value;
use uuid::Uuid;

/// Longest document, as the client wrote it and after every step.
pub const MAX_DOCUMENT_BYTES: usize = 1024 * 1024;

/// What a chain needs besides the document itself.
pub struct DocumentInfo<'a> {
    /// The tenant's name.
    pub tenant: &'a str,
    /// The type by the directory's schemas.
    pub resource_type: &'a Arc<ResourceType>,
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
        AccessError::ReadOnly(why) => PathError::ReadOnly(why),
        AccessError::WrongValue(why) => PathError::WrongValue(why),
    }
}
