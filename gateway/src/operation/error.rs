//! Why a use case did not succeed.

use scimgate_scim::error::ScimError;

use crate::auth::oauth::token_error::TokenError;
use crate::mapping::MapError;
use crate::operation::admission::Busy;
use crate::operation::schema_change::conflict::Conflicts;
use crate::{auth, store};

/// A failed use case.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A refusal in SCIM's own terms.
    #[error("refused")]
    Scim(#[from] ScimError),
    /// The database.
    #[error("the store failed")]
    Store(#[from] store::Error),
    /// The mapping.
    #[error("the mapping failed")]
    Mapping(#[from] MapError),
    /// Credentials.
    #[error("not let in")]
    Auth(#[from] auth::Error),
    /// A client gets no access token.
    #[error("no access token")]
    Oauth(#[from] TokenError),
    /// The write lost the race against other writes too often.
    #[error("gave up after losing every race")]
    Contended,
    /// Stored resources conflict with a schema change.
    #[error("stored resources contradict a schema change")]
    SchemaConflicts(Conflicts),
    /// A schema change is pending, and this write conflicts with it.
    #[error("a schema change is being checked")]
    SchemasChanging,
    /// The tenant sends more than its part.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The tenant is suspended by an operator.
    #[error("the tenant is suspended")]
    Suspended,
    /// The events that the product asks for are not kept any more.
    #[error("events up to {purged_through} are purged")]
    EventsPurged {
        /// The last event that was purged.
        purged_through: i64,
        /// The last event's number.
        last_seq: i64,
    },
    /// A background task ended without an answer.
    #[error("a task ended without an answer")]
    Task(#[from] tokio::task::JoinError),
    /// What is stored cannot be understood.
    #[error("what is stored cannot be understood: {0}")]
    Corrupt(String),
}

/// The refusal of what was asked of a tenant shortly before it was deleted.
#[must_use]
pub fn tenant_deleted() -> ScimError {
    ScimError::new(404, "This tenant was deleted.")
}
