//! Statements that may never be repeated, such as those of filters. They are sent unnamed, with the types of their
//! parameters, so that a connection does not keep each of them prepared.

use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::store::error::Error;
use crate::store::memory::Account;
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
    fn settings(self) -> &'static str {
        match self {
            Self::ByCost => "SET LOCAL plan_cache_mode = auto",
            Self::InIndexOrder => "SET LOCAL plan_cache_mode = auto; SET LOCAL enable_sort = off",
        }
    }
}

impl Pool {
    /// Runs one statement as one transaction in one round trip. Its answer is held in the account as it arrives.
    pub(crate) async fn read_once(
        &self,
        role: Role,
        doing: &'static str,
        planning: Planning,
        (sql, params): (&str, Vec<Typed<'_>>),
        account: &Account,
    ) -> Result<Vec<Row>, Error> {
        let planning = planning.settings();
        let run = async |session: &mut Session| {
            let set_role = session.assume_role(role);
            // Last, since what comes with the role may set the same.
            let begin = set_role
                .map_or_else(|| format!("BEGIN; {planning}"), |set_role| format!("BEGIN; {set_role}; {planning}"));
            let failed = |source| Error::from_driver(doing, source);
            let query = async {
                let rows = session.client.query_typed_raw(sql, params.iter().cloned()).await.map_err(failed)?;
                account.collect(doing, rows).await
            };
            let (opened, mut rows, ended) = pipeline::transaction(&session.client, &begin, vec![query]).await;
            opened.map_err(failed)?;
            let rows = rows.pop().unwrap_or(Ok(Vec::new()))?;
            ended.map_err(failed)?;
            session.confirm_role(role);
            Ok(rows)
        };
        self.with_session(role, doing, run).await
    }
}
