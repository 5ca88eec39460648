//! What a chain is asked, and what comes of it.

use std::sync::Arc;

use scimgate_scim::error::ScimError;
use scimgate_scim::schema::ResourceType;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::store;

/// What a chain decides for a document.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The mapped document, without its id.
    Mapped(Map<String, Value>),
    /// Accepted from the client, invisible to the product; the plugin's reason.
    Excluded(String),
}

/// Why a chain gave no outcome.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    /// A plugin rejects the document: a SCIM error for the client.
    #[error("rejected by the mapping")]
    Refused(#[source] ScimError),
    /// A step failed.
    #[error("The mapping plugin {plugin} (step {step}) failed on this {resource_type}: {reason}.")]
    Failed {
        /// The plugin's name and version.
        plugin: String,
        /// Which step, from 1.
        step: usize,
        /// The type of the document.
        resource_type: String,
        /// What happened.
        reason: String,
        /// Whether the same document may pass next time: it was time or overload that was short.
        may_pass: bool,
    },
    /// A step has kept failing and is not called for a while.
    #[error(
        "The mapping plugin {plugin} (step {step}) kept using up its time or memory. It is called again in {seconds} s."
    )]
    Open {
        /// The plugin's name and version.
        plugin: String,
        /// Which step, from 1.
        step: usize,
        /// Until it is called again.
        seconds: u32,
    },
    /// A plugin of the chain is not stored or cannot be prepared.
    #[error("plugin {digest} cannot be loaded: {why}")]
    Missing {
        /// Its digest.
        digest: String,
        /// What happened.
        why: String,
    },
    /// Too many calls are in flight.
    #[error("too many mappings run at once")]
    Busy,
    /// The database.
    #[error("a plugin could not be read")]
    Store(#[source] Arc<store::Error>),
}

/// One document to map.
pub struct Call<'a> {
    /// The tenant's name.
    pub tenant: &'a str,
    /// The type by the directory's schemas.
    pub resource_type: &'a Arc<ResourceType>,
    /// The resource's id.
    pub id: Uuid,
    /// The plugin's only notion of now.
    pub last_modified: String,
    /// The length of the document as text.
    pub size: usize,
}

/// Longest document in bytes, as the client wrote it and as any step leaves it.
pub const LONGEST: usize = 1024 * 1024;
