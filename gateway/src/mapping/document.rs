//! The document of a run, and how plugins access it: the host's trait, implemented with the protocol's paths.

use std::cell::RefCell;
use std::sync::Arc;

use scimgate_plugin_host::{Document, PathError};
use scimgate_scim::access::{AccessError, Overlay, TextDocument};
use scimgate_scim::directory_schema::TypeRules;
use scimgate_scim::schema::ResourceType;
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

/// The document of a call, with a record of the paths that were refused.
pub(super) struct ScimDocument {
    document: TextDocument,
    /// Reading refuses paths, too.
    refused: RefCell<Vec<RefusedPath>>,
}

impl ScimDocument {
    pub(super) fn new(tree: Overlay, resource_type: Arc<ResourceType>) -> Self {
        Self { document: TextDocument::new(tree, resource_type), refused: RefCell::default() }
    }

    /// The document, and the paths that were refused.
    pub(super) fn into_parts(self) -> (Overlay, Vec<RefusedPath>) {
        (self.document.into_tree(), self.refused.into_inner())
    }

    fn refuse(&self, call: &'static str, path: &str, error: AccessError) -> PathError {
        let error = translate(error);
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
        self.document.get(path).map_err(|error| self.refuse("get", path, error))
    }

    fn set(&mut self, path: &str, value: &str) -> Result<u32, PathError> {
        self.document.set(path, value).map_err(|error| self.refuse("set", path, error))
    }

    fn append(&mut self, path: &str, value: &str) -> Result<u32, PathError> {
        self.document.append(path, value).map_err(|error| self.refuse("append", path, error))
    }

    fn remove(&mut self, path: &str) -> Result<u32, PathError> {
        self.document.remove(path).map_err(|error| self.refuse("remove", path, error))
    }

    fn to_json(&self) -> String {
        self.document.to_json()
    }

    fn replace(&mut self, json: &str) -> Result<(), PathError> {
        self.document.replace(json).map_err(translate)
    }
}

fn translate(error: AccessError) -> PathError {
    match error {
        AccessError::Malformed(why) => PathError::Malformed(why),
        AccessError::Unknown(why) => PathError::Unknown(why),
        AccessError::ReadOnly(_) => PathError::ReadOnly(error.to_string()),
        AccessError::WrongValue(why) => PathError::WrongValue(why),
        AccessError::TooMuch(why) => PathError::Other(why),
    }
}
