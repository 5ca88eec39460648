//! What goes into a call besides the document, and what comes out.

use serde_json::Value;

/// Which document this is, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// The tenant's name.
    pub tenant: String,
    /// `User`, `Group`, or a resource type that the tenant defined.
    pub resource_type: String,
    /// The resource's `id`.
    pub resource_id: String,
    /// RFC 3339. The one "now" that answers the same in a preview and a year later.
    pub last_modified: String,
}

/// What becomes of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The document as it now stands is what the product gets.
    Mapped,
    /// Accepted from the client, invisible to the product; the text says why.
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
    /// Leaves the resource out of the product's directory.
    pub fn excluded(why: impl Into<String>) -> Self {
        Self::Excluded(why.into())
    }

    /// Refuses the document as an `invalidValue`.
    pub fn rejected(detail: impl Into<String>) -> Self {
        Self::Rejected { scim_type: Some("invalidValue".to_owned()), detail: detail.into() }
    }
}

/// What a plugin says about itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The plugin's name.
    pub name: String,
    /// The plugin's version, by convention `env!("CARGO_PKG_VERSION")`.
    pub version: String,
    /// The resource types that the plugin knows how to map.
    pub resource_types: Vec<String>,
    /// JSON Schema of the configuration; the host checks configurations against it when they are saved.
    pub config_schema: Value,
}

impl Manifest {
    /// A plugin for users and groups that has nothing to configure.
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            resource_types: vec!["User".to_owned(), "Group".to_owned()],
            config_schema: serde_json::json!({ "type": "object", "additionalProperties": false }),
        }
    }

    /// Names the resource types that the plugin knows how to map.
    #[must_use]
    pub fn resource_types<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.resource_types = names.into_iter().map(str::to_owned).collect();
        self
    }

    /// Gives the JSON Schema of the configuration.
    #[must_use]
    pub fn config_schema(mut self, schema: Value) -> Self {
        self.config_schema = schema;
        self
    }
}
