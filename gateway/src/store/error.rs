//! What can go wrong with the database, sorted by what the caller can do about it.

use std::sync::Arc;

use tokio_postgres::error::SqlState;

/// The policy that refuses new rows of a deleted tenant, as the server's message names it in every language.
const NOT_DELETED: &str = "\"not_deleted\"";

/// A store failure. Any call may give [`Error::Unavailable`]. Cheap to clone, so that one look-up can answer many callers.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be reached, is starting or stopping, or gave no connection in time. Worth a retry.
    #[error("the database is unavailable while {doing}")]
    Unavailable {
        /// What was being done.
        doing: &'static str,
        /// The driver's or the pool's error.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// Another write came first; read again and retry.
    #[error("another write came first while {doing}")]
    Conflict {
        /// What was being done.
        doing: &'static str,
    },
    /// A value that must be unique is in use.
    #[error("a unique value is in use ({constraint})")]
    Duplicate {
        /// The violated constraint.
        constraint: String,
    },
    /// A foreign key refuses: what is referred to is gone, or what would go is referred to.
    #[error("a row is referred to, or refers to one that is gone ({constraint})")]
    Reference {
        /// The violated constraint.
        constraint: String,
    },
    /// The tenant was deleted, and takes no new rows.
    #[error("the tenant was deleted while {doing}")]
    Deleted {
        /// What was being done.
        doing: &'static str,
    },
    /// The database refused a statement, or answered what it never should.
    #[error("the database refused while {doing}")]
    Refused {
        /// What was being done.
        doing: &'static str,
        /// The driver's error.
        #[source]
        source: Arc<tokio_postgres::Error>,
    },
    /// An answer is longer than the longest page.
    #[error("an answer is longer than a page may be")]
    TooLong {
        /// How many resources would fit; none for members of groups.
        fit: Option<usize>,
    },
    /// No memory became free in time.
    #[error("the {bytes} bytes for bodies and replies are in use")]
    Memory {
        /// The tenant's part, or that of all.
        bytes: usize,
    },
    /// The tenant's turn at the connections did not come in time.
    #[error("a tenant's batches occupy its connections while {doing}")]
    Turn {
        /// What was being done.
        doing: &'static str,
    },
    /// A stored row cannot be read.
    #[error("a stored {what} cannot be read: {why}")]
    Corrupt {
        /// Which kind of row.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

impl AsRef<Self> for Error {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl Error {
    /// Whether the database cancelled the statement because it took too long.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        let Self::Unavailable { source, .. } = self else { return false };
        source.downcast_ref::<tokio_postgres::Error>().and_then(tokio_postgres::Error::code)
            == Some(&SqlState::QUERY_CANCELED)
    }

    /// Whether the database is unavailable: it cannot be reached, or gave no answer or no connection in time.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    /// What kind of error it is, in a trace.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unavailable { .. } => "database",
            Self::Conflict { .. } => "contended",
            Self::Duplicate { .. } => "duplicate",
            Self::Deleted { .. } => "tenant_deleted",
            Self::TooLong { .. } => "too_long",
            Self::Memory { .. } => "memory",
            Self::Turn { .. } => "connections",
            Self::Reference { .. } | Self::Refused { .. } | Self::Corrupt { .. } => "internal",
        }
    }

    pub(in crate::store) fn unavailable(
        doing: &'static str,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self::Unavailable { doing, source: Arc::new(source) }
    }

    /// The same error for a page of which `rows` rows were read: one more than it shows, to know whether others follow.
    pub(in crate::store) fn of_page(self, rows: i64) -> Self {
        let Self::TooLong { fit: Some(fit) } = self else { return self };
        let fit = fit.min(usize::try_from(rows).unwrap_or(usize::MAX)).saturating_sub(1).max(1);
        Self::TooLong { fit: Some(fit) }
    }

    /// Sorts a driver error.
    pub(in crate::store) fn from_driver(doing: &'static str, source: tokio_postgres::Error) -> Self {
        let Some(refusal) = source.as_db_error() else {
            let broken = std::error::Error::source(&source).is_some_and(<dyn std::error::Error>::is::<std::io::Error>);
            return if source.is_closed() || broken {
                Self::unavailable(doing, source)
            } else {
                Self::Refused { doing, source: Arc::new(source) }
            };
        };
        let code = refusal.code();
        if *code == SqlState::UNIQUE_VIOLATION {
            return Self::Duplicate { constraint: refusal.constraint().unwrap_or("unknown").to_owned() };
        }
        if *code == SqlState::FOREIGN_KEY_VIOLATION {
            return Self::Reference { constraint: refusal.constraint().unwrap_or("unknown").to_owned() };
        }
        if *code == SqlState::INSUFFICIENT_PRIVILEGE && refusal.message().contains(NOT_DELETED) {
            return Self::Deleted { doing };
        }
        // A row of a partition that was added at the same moment; of a check constraint there would be a name.
        let has_moved = *code == SqlState::CHECK_VIOLATION && refusal.constraint().is_none();
        if has_moved || *code == SqlState::T_R_SERIALIZATION_FAILURE || *code == SqlState::T_R_DEADLOCK_DETECTED {
            return Self::Conflict { doing };
        }
        // Class 08: connection, 53: resources, 57: operator intervention, 58: the server's system, 25006: a standby answered.
        if ["08", "53", "57", "58"].contains(&code.code().get(..2).unwrap_or_default())
            || *code == SqlState::READ_ONLY_SQL_TRANSACTION
        {
            return Self::unavailable(doing, source);
        }
        Self::Refused { doing, source: Arc::new(source) }
    }
}
