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
    /// The mapped document does not comply with the tenant's directory schema.
    #[error("{subject} does not comply with the directory schema: {reason}")]
    NonCompliant {
        /// The resource type and what mapped it: the revision with its last step, or nothing.
        subject: String,
        /// The rule's path.
        path: String,
        /// The rule and the value, as a sentence.
        reason: String,
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

impl MapError {
    /// Why there is no outcome, where revision and step are known besides.
    #[must_use]
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Failed { reason, .. } => reason.clone(),
            Self::NonCompliant { reason, .. } => {
                format!("the result does not comply with the directory schema: {reason}")
            }
            other => other.to_string(),
        }
    }
}
