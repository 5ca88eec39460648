//! What can go wrong with the database, sorted by what the caller can do about it.

use tokio_postgres::error::SqlState;

/// A store failure.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be reached, is starting or stopping, or gave no connection in time. Worth a retry.
    #[error("the database is unavailable while {doing}")]
    Unavailable {
        /// What was being done.
        doing: &'static str,
        /// What the driver or the pool said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
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
        /// The constraint that refused.
        constraint: String,
    },
    /// The database refused a statement or answered what it never should.
    #[error("the database refused while {doing}")]
    Refused {
        /// What was being done.
        doing: &'static str,
        /// The driver's error.
        #[source]
        source: tokio_postgres::Error,
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

impl Error {
    /// The same failure for another waiter of one look-up: what was being done and the words, without the source.
    #[must_use]
    pub fn summary(&self) -> Self {
        Self::Unavailable { doing: "looking up credentials", source: crate::telemetry::chain(self).into() }
    }

    /// Whether the database gave up because the statement took too long.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        let Self::Unavailable { source, .. } = self else { return false };
        source.downcast_ref::<tokio_postgres::Error>().and_then(tokio_postgres::Error::code)
            == Some(&SqlState::QUERY_CANCELED)
    }

    /// Sorts a driver error.
    pub(crate) fn from_driver(doing: &'static str, source: tokio_postgres::Error) -> Self {
        let Some(refusal) = source.as_db_error() else {
            let broken = std::error::Error::source(&source).is_some_and(<dyn std::error::Error>::is::<std::io::Error>);
            return if source.is_closed() || broken {
                Self::Unavailable { doing, source: Box::new(source) }
            } else {
                Self::Refused { doing, source }
            };
        };
        let code = refusal.code();
        if *code == SqlState::UNIQUE_VIOLATION {
            return Self::Duplicate { constraint: refusal.constraint().unwrap_or("unknown").to_owned() };
        }
        if *code == SqlState::T_R_SERIALIZATION_FAILURE || *code == SqlState::T_R_DEADLOCK_DETECTED {
            return Self::Conflict { doing };
        }
        // Class 08: connection, 53: resources, 57: operator intervention, 25006: a standby answered.
        if ["08", "53", "57"].contains(&code.code().get(..2).unwrap_or_default())
            || *code == SqlState::READ_ONLY_SQL_TRANSACTION
        {
            return Self::Unavailable { doing, source: Box::new(source) };
        }
        Self::Refused { doing, source }
    }
}
