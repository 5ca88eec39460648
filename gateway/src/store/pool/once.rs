//! Statements that may never be sent again, such as those of filters: sent with the types of their parameters and
//! without a name, so that a connection does not keep each of them prepared for ever.

use futures_util::future::join3;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::{Pool, Role, begin};
use crate::store::error::Error;

impl Pool {
    /// Runs one statement as one transaction in one round trip.
    pub(crate) async fn query_once(
        &self,
        role: Role,
        doing: &'static str,
        sql: &str,
        params: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>, Error> {
        let run = async {
            let client = self.client(doing).await?;
            let begin = begin(role);
            let (opened, rows, committed) =
                join3(client.batch_execute(&begin), client.query_typed(sql, params), client.batch_execute("COMMIT"))
                    .await;
            let refused = |source| Error::from_driver(doing, source);
            opened.map_err(refused)?;
            let rows = rows.map_err(refused)?;
            committed.map_err(refused)?;
            Ok(rows)
        };
        tokio::time::timeout(self.timeout, run)
            .await
            .map_err(|late| Error::Unavailable { doing, source: Box::new(late) })?
    }
}
