//! A document for native tests: the gateway's, behind the same functions.

use std::cell::RefCell;
use std::sync::Arc;

use scimgate_scim::access::{AccessError, Overlay, TextDocument};
use scimgate_scim::leniency::{Leniencies, Leniency};
use scimgate_scim::normalise::normalise;
use scimgate_scim::schema::ResourceType;
use serde_json::{Map, Value};

use super::Schemas;
use crate::document::{Document, Paths};
use crate::error::PathError;

/// The id of a document that is given none.
const ID: &str = "0198c0de-0000-7000-8000-000000000001";

/// A document that can be read and written as in the gateway.
#[derive(Debug)]
pub struct Resource {
    document: RefCell<TextDocument>,
    source: Arc<Map<String, Value>>,
    kind: Arc<ResourceType>,
    /// The id, if the example has one.
    id: Option<Value>,
    /// Whether the example has `schemas`.
    shows_schemas: bool,
}

impl Resource {
    /// A document of the standard schemas.
    ///
    /// # Errors
    /// The gateway would not accept it, as a sentence.
    pub fn new(resource_type: &str, document: Value) -> Result<Self, String> {
        Self::of(&Schemas::standard(), resource_type, document)
    }

    /// A document of schemas of your own, in the form in which plugins get it: what a client may also send, such as a boolean
    /// as text, is refused. `schemas`, and attributes that a schema requires, may be left out.
    ///
    /// # Errors
    /// Plugins never get such a document, as a sentence.
    pub fn of(schemas: &Schemas, resource_type: &str, document: Value) -> Result<Self, String> {
        let resource_type = schemas.resource_type(resource_type)?;
        let leniencies = Leniencies::strict().with(Leniency::BaseSchemaMissing).with(Leniency::ExtensionUndeclared);
        let (id, shows_schemas) = (document.get("id").cloned(), document.get("schemas").is_some());
        let read = normalise(document, &resource_type, &leniencies).map_err(|error| error.detail)?;
        let source = Arc::new(read.document);
        let shown = id.as_ref().and_then(Value::as_str).unwrap_or(ID);
        let tree = Overlay::new(Arc::clone(&source), Some(shown.to_owned()));
        let document = RefCell::new(TextDocument::new(tree, Arc::clone(&resource_type)));
        Ok(Self { document, source, kind: resource_type, id, shows_schemas })
    }

    /// The document, to read and write.
    #[must_use]
    pub fn document(&self) -> Document<'_> {
        Document::new(self)
    }

    /// The document's attributes. `id` and `schemas` are there if they were given.
    #[must_use]
    pub fn into_value(self) -> Value {
        let changed = self.document.into_inner().into_tree().to_map();
        shown(changed, self.id, self.shows_schemas)
    }

    /// The document as it was read. For the gateway's own commands.
    #[doc(hidden)]
    #[must_use]
    pub fn source(&self) -> (&Arc<Map<String, Value>>, &Arc<ResourceType>) {
        (&self.source, &self.kind)
    }

    /// A document of this one's attributes, as the plugin left it.
    #[doc(hidden)]
    #[must_use]
    pub fn show(&self, changed: Map<String, Value>) -> Value {
        shown(changed, self.id.clone(), self.shows_schemas)
    }
}

fn shown(mut document: Map<String, Value>, id: Option<Value>, shows_schemas: bool) -> Value {
    if !shows_schemas {
        document.shift_remove("schemas");
    }
    if let Some(id) = id {
        document.shift_insert(0, "id".to_owned(), id);
    }
    Value::Object(document)
}

impl Paths for Resource {
    fn get(&self, path: &str) -> Result<Vec<String>, PathError> {
        self.document.borrow().get(path).map_err(translate)
    }

    fn set(&self, path: &str, value: &str) -> Result<u32, PathError> {
        self.document.borrow_mut().set(path, value).map_err(translate)
    }

    fn append(&self, path: &str, value: &str) -> Result<u32, PathError> {
        self.document.borrow_mut().append(path, value).map_err(translate)
    }

    fn remove(&self, path: &str) -> Result<u32, PathError> {
        self.document.borrow_mut().remove(path).map_err(translate)
    }

    fn to_json(&self) -> String {
        self.document.borrow().to_json()
    }

    fn replace(&self, json: &str) -> Result<(), PathError> {
        self.document.borrow_mut().replace(json).map_err(translate)
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_types_and_read_only_attributes_are_refused_as_in_the_gateway() {
        let user = Resource::new("User", json!({ "userName": "ada", "active": true })).unwrap();
        assert!(matches!(user.set("emials", "[]"), Err(PathError::Unknown(_))));
        assert!(matches!(user.get("emails[type eq"), Err(PathError::Malformed(_))));
        assert!(matches!(user.set("active", "3"), Err(PathError::WrongValue(_))));
        assert!(matches!(user.remove("id"), Err(PathError::ReadOnly(_))));
        assert!(matches!(user.set("schemas", "[]"), Err(PathError::ReadOnly(_))));
        assert_eq!(user.set("emails[type eq \"work\"].value", "\"a@b\""), Ok(1));
        let changed = json!({ "userName": "ada", "active": true, "emails": [{ "type": "work", "value": "a@b" }] });
        assert_eq!(user.into_value(), changed);
    }

    #[test]
    fn what_no_plugin_gets_is_an_error_of_the_example() {
        assert!(Resource::new("User", json!({ "active": "True" })).is_err(), "the gateway makes it a boolean");
        let error = Resource::new("User", json!({ "badge": 1 })).unwrap_err();
        assert!(error.starts_with("\"badge\" is not an attribute of User"), "{error}");
    }
}
