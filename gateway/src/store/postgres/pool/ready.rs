//! A statement that is ready to be sent. A connection keeps it prepared; through a pooler in transaction mode, where the next
//! transaction may have another connection to the server, it is sent unnamed, with the types of its parameters.

use std::sync::Arc;

use deadpool_postgres::ClientWrapper;
use futures_util::TryStreamExt as _;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, Row, RowStream};

use crate::store::postgres::session::Session;

/// A statement that can be sent.
pub(super) enum Ready {
    Prepared(tokio_postgres::Statement),
    Unnamed(Arc<[Type]>),
}

impl Ready {
    /// Prepares a statement, or finds out the types of its parameters, where that has not been done.
    pub(super) async fn of(session: &mut Session, sql: &str) -> Result<Self, Error> {
        if session.is_per_transaction() {
            let types = Arc::clone(&session.types);
            return Ok(Self::Unnamed(types.of(&mut session.client, sql).await?));
        }
        Ok(Self::Prepared(session.client.prepare_cached(sql).await?))
    }

    pub(super) async fn rows(
        &self,
        client: &ClientWrapper,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Error> {
        match self {
            Self::Prepared(statement) => client.query(statement, params).await,
            Self::Unnamed(_) => self.stream(client, sql, params).await?.try_collect().await,
        }
    }

    pub(super) async fn stream(
        &self,
        client: &ClientWrapper,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<RowStream, Error> {
        match self {
            Self::Prepared(statement) => client.query_raw(statement, params.iter().copied()).await,
            Self::Unnamed(types) => {
                client.query_typed_raw(sql, params.iter().copied().zip(types.iter().cloned())).await
            }
        }
    }
}
