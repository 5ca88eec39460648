//! Why a chain has no outcome for a document.

use std::sync::Arc;

use scimgate_scim::error::ScimError;

use super::loader::LoadError;

/// Why a chain has no outcome for a document.
#[derive(Clone, Debug, thiserror::Error)]
pub enum MapError {
    /// A plugin rejects the document: a SCIM error for the client.
    #[error("rejected by the mapping")]
    Rejected(#[source] ScimError),
    /// A step failed.
    #[error("The mapping plugin {plugin} (step {step}) failed on this {resource_type}: {reason}.")]
    Failed {
        /// The plugin's name and version.
        plugin: String,
        /// The step's position in the chain, from 1.
        step: usize,
        /// The document's resource type.
        resource_type: String,
        /// Why.
        reason: String,
        /// Whether the same document may succeed later, after a failure by time or overload.
        transient: bool,
    },
    /// The circuit breaker of a step is open.
    #[error(
        "The mapping plugin {plugin} (step {step}) kept using up its time or memory. It is called again in {seconds} s."
    )]
    Open {
        /// The plugin's name and version.
        plugin: String,
        /// The step's position in the chain, from 1.
        step: usize,
        /// Until it is called again.
        seconds: u32,
    },
    /// A plugin does not exist or cannot be prepared.
    #[error("plugin {digest} cannot be used: {why}")]
    Unusable {
        /// Its digest.
        digest: String,
        /// Why.
        why: String,
    },
    /// A plugin could not be loaded.
    #[error("plugin {digest} cannot be loaded")]
    Load {
        /// Its digest.
        digest: String,
        /// Why.
        #[source]
        source: Arc<LoadError>,
    },
    /// The admission limit was reached.
    #[error("too many mappings run at once")]
    Busy,
}
