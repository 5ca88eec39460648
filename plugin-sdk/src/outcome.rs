//! The other input of a call, its outcome, and the manifest.

use serde_json::Value;

/// Which document this is, and when it was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// The tenant's name.
    pub tenant: String,
    /// `User`, `Group`, or a resource type that the tenant defined.
    pub resource_type: String,
    /// The resource's `id`.
    pub resource_id: String,
    /// RFC 3339. The only "now", so a preview and a later run give the same result.
    pub last_modified: String,
}

/// What the plugin decides for the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The product gets the document as the plugin left it.
    Mapped,
    /// Accepted from the client, hidden from the product; the text is the reason.
    Excluded(String),
    /// Nothing is stored; the client gets a SCIM error.
    Rejected {
        /// A scimType of RFC 7644, table 9.
        scim_type: Option<String>,
        /// A sentence for the administrator of the identity provider.
        detail: String,
    },
}

impl Outcome {
    /// Hides the resource from the product.
    pub fn excluded(why: impl Into<String>) -> Self {
        Self::Excluded(why.into())
    }

    /// Rejects the document as an `invalidValue`.
    pub fn rejected(detail: impl Into<String>) -> Self {
        Self::Rejected { scim_type: Some("invalidValue".to_owned()), detail: detail.into() }
    }
}

/// A plugin's description of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The plugin's name.
    pub name: String,
    /// The plugin's version, by convention `env!("CARGO_PKG_VERSION")`.
    pub version: String,
    /// The resource types that the plugin can map.
    pub resource_types: Vec<String>,
    /// JSON Schema of the configuration; the host checks configurations against it when they are saved.
    pub config_schema: Value,
}

impl Manifest {
    /// A plugin for users and groups without a configuration.
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            resource_types: vec!["User".to_owned(), "Group".to_owned()],
            config_schema: serde_json::json!({ "type": "object", "additionalProperties": false }),
        }
    }

    /// Sets the resource types that the plugin can map.
    #[must_use]
    pub fn resource_types<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.resource_types = names.into_iter().map(str::to_owned).collect();
        self
    }

    /// Sets the JSON Schema of the configuration.
    #[must_use]
    pub fn config_schema(mut self, schema: Value) -> Self {
        self.config_schema = schema;
        self
    }
}
