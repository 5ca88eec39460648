//! Statements that may never be repeated, such as those of filters. They are sent unnamed, with the types of their
//! parameters, so that a connection does not keep each of them prepared.

use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::store::error::Error;
use crate::store::postgres::pool::{Pool, Role, pipeline};
use crate::store::postgres::session::Session;

/// A parameter and its type.
pub(crate) type Typed<'a> = (&'a (dyn ToSql + Sync), Type);

/// How such a statement is planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Planning {
    /// For its own parameters, as it is planned each time anyway.
    ByCost,
    /// Rows are read in the order of an index. Without statistics the planner takes every tenant for small, and would rather
    /// read and sort all of it for the first few rows.
    InIndexOrder,
}

impl Planning {
    fn begin(self) -> &'static str {
        match self {
            Self::ByCost => "BEGIN; SET LOCAL plan_cache_mode = auto",
            Self::InIndexOrder => "BEGIN; SET LOCAL plan_cache_mode = auto; SET LOCAL enable_sort = off",
        }
    }
}

impl Pool {
    /// Runs one statement as one transaction in one round trip.
    pub(crate) async fn query_once(
        &self,
        role: Role,
        doing: &'static str,
        planning: Planning,
        (sql, params): (&str, &[Typed<'_>]),
    ) -> Result<Vec<Row>, Error> {
        let begin = planning.begin();
        self.with_session(doing, async |session| once(session, role, doing, (begin, sql, params)).await).await
    }
}

async fn once(
    session: &mut Session,
    role: Role,
    doing: &'static str,
    (begin, sql, params): (&str, &str, &[Typed<'_>]),
) -> Result<Vec<Row>, Error> {
    let begin = session.assume_role(role).map_or_else(|| begin.to_owned(), |set_role| format!("{begin}; {set_role}"));
    let client = &session.client;
    let (opened, rows, ended) = pipeline::transaction(client, &begin, vec![client.query_typed(sql, params)]).await;
    let failed = |source| Error::from_driver(doing, source);
    opened.map_err(failed)?;
    let rows = rows.into_iter().collect::<Result<Vec<_>, _>>().map_err(failed)?;
    ended.map_err(failed)?;
    session.confirm_role(role);
    Ok(rows.into_iter().flatten().collect())
}
