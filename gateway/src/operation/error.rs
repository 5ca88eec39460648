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
    /// The request reached its time limit.
    #[error("the request took too long")]
    TimedOut,
    /// A background task ended without an answer.
    #[error("a task ended without an answer")]
    Task(#[from] tokio::task::JoinError),
    /// What is stored cannot be understood.
    #[error("what is stored cannot be understood: {0}")]
    Corrupt(String),
}

impl Error {
    /// The kind of error in a word, for the log and for metrics.
    #[must_use]
    #[expect(clippy::match_wildcard_for_single_variants, reason = "what is unavailable comes from several variants")]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Scim(_) => "refused",
            error if error.is_unavailable() => "database",
            Self::Store(store::Error::Turn { .. }) => "connections",
            Self::Store(store::Error::Memory { .. }) => "memory",
            Self::Store(store::Error::TooLong { .. }) => "too_long",
            Self::Store(store::Error::Duplicate { .. }) => "duplicate",
            Self::Store(store::Error::Deleted { .. }) => "tenant_deleted",
            Self::Store(store::Error::Conflict { .. }) | Self::Contended => "contended",
            Self::Mapping(MapError::Rejected(_)) => "plugin_rejected",
            Self::Mapping(MapError::Failed { .. } | MapError::Load { .. } | MapError::Unusable { .. }) => {
                "plugin_failed"
            }
            Self::Mapping(MapError::NonCompliant { .. }) => "directory_schema",
            Self::Mapping(MapError::Open { .. }) => "breaker",
            Self::Mapping(MapError::Busy) => "mappings",
            Self::Auth(auth::Error::Unauthorized) => "credentials",
            Self::Auth(auth::Error::TooMany) => "unknown_credentials",
            Self::Auth(auth::Error::IssuerKeys(_)) => "issuer_keys",
            Self::Oauth(_) => "oauth",
            Self::SchemaConflicts(_) => "schema_conflicts",
            Self::SchemasChanging => "schemas_changing",
            Self::Busy(_) => "busy",
            Self::Suspended => "suspended",
            Self::EventsPurged { .. } => "events_purged",
            Self::TimedOut => "timed_out",
            Self::Store(_) | Self::Auth(_) | Self::Task(_) | Self::Corrupt(_) => "internal",
        }
    }

    /// The limit that refuses, where one does, by its name in metrics.
    #[must_use]
    pub fn limit(&self) -> Option<&'static str> {
        match self {
            Self::Busy(busy) => Some(busy.limit),
            Self::Store(store::Error::Memory { .. }) => Some("memory"),
            Self::Store(store::Error::Turn { .. }) => Some("connections"),
            Self::Store(store::Error::TooLong { .. }) => Some("reply_bytes"),
            Self::Mapping(MapError::Busy) => Some("mappings"),
            Self::Mapping(MapError::Open { .. }) => Some("breaker"),
            Self::Auth(auth::Error::TooMany) => Some("unknown_credentials"),
            _ => None,
        }
    }

    /// Whether it is that the database is unavailable.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Store(error) | Self::Auth(auth::Error::Store(error)) => error.is_unavailable(),
            Self::Mapping(MapError::Load { source, .. }) => source.is_unavailable(),
            _ => false,
        }
    }
}

/// The refusal of what was asked of a tenant shortly before it was deleted.
#[must_use]
pub fn tenant_deleted() -> ScimError {
    ScimError::new(404, "This tenant was deleted.")
}
