//! Statements that may never be sent again, such as those of filters: sent with the types of their parameters and
//! without a name, so that a connection does not keep each of them prepared for ever.

use futures_util::future::join3;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::store::error::Error;
use crate::store::postgres::pool::{Pool, Role};
use crate::store::postgres::session::Session;

/// A parameter and its type.
pub(crate) type Typed<'a> = (&'a (dyn ToSql + Sync), Type);

/// A statement that is planned anew each time gains by a plan for its very parameters.
const BEGIN: &str = "BEGIN; SET LOCAL plan_cache_mode = auto";

impl Pool {
    /// Runs one statement as one transaction in one round trip.
    pub(crate) async fn query_once(
        &self,
        role: Role,
        doing: &'static str,
        sql: &str,
        params: &[Typed<'_>],
    ) -> Result<Vec<Row>, Error> {
        self.within(doing, async |session| once(session, role, doing, (sql, params)).await).await
    }
}

async fn once(
    session: &mut Session,
    role: Role,
    doing: &'static str,
    (sql, params): (&str, &[Typed<'_>]),
) -> Result<Vec<Row>, Error> {
    let begin = session.turn_to(role).map_or_else(|| BEGIN.to_owned(), |turn| format!("{BEGIN}; {turn}"));
    let client = &session.client;
    let (opened, rows, committed) =
        join3(client.batch_execute(&begin), client.query_typed(sql, params), client.batch_execute("COMMIT")).await;
    let refused = |source| Error::from_driver(doing, source);
    opened.map_err(refused)?;
    let rows = rows.map_err(refused)?;
    committed.map_err(refused)?;
    session.settle(role);
    Ok(rows)
}
