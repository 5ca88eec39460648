//! The planner's statistics. Statements keep their plans, and a plan from when its table was small may read all of a large one.
//! A server's autovacuum notices some minutes late, and the embedded database has none.

use crate::store::error::Error;
use crate::store::{ControlStore, Store};

/// A table of fewer pages is small for any plan.
const MIN_PAGES: i64 = 2;

/// How many times as large a table must be as when it was analysed last.
const GROWTH: i64 = 10;

/// The sizes come from the file system, so they are right without any statistics.
const GROWN: &str = "
SELECT c.oid::regclass::text, pg_has_role(session_user, c.relowner, 'USAGE') FROM pg_class c
WHERE c.relkind = 'r' AND c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'tenant'::regclass)
  AND pg_relation_size(c.oid) / current_setting('block_size')::bigint >= greatest($1, $2 * c.relpages::bigint)";

/// Transactions with writes, since the database was created.
const WRITES: &str = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint";

/// A table to analyse.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its name as in SQL.
    pub name: String,
    /// Whether the login role owns it, or may act as its owner.
    pub is_owned: bool,
}

impl ControlStore {
    /// The tables whose statistics are out of date; with `all`, every table.
    pub async fn grown_tables(&self, all: bool) -> Result<Vec<Table>, Error> {
        let (pages, growth) = if all { (0, 0) } else { (MIN_PAGES, GROWTH) };
        let rows = self.query("looking for grown tables", GROWN, &[&pages, &growth]).await?;
        Ok(rows.iter().map(|row| Table { name: row.get(0), is_owned: row.get(1) }).collect())
    }

    /// How many transactions have written, to compare with an earlier call.
    pub async fn write_count(&self) -> Result<i64, Error> {
        let rows = self.query("counting transactions", WRITES, &[]).await?;
        Ok(rows.first().map_or(0, |row| row.get(0)))
    }
}

impl Store {
    /// Whether nothing but the gateway vacuums and analyses the database.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        self.pool.is_embedded()
    }

    /// Analyses a table, in a transaction of its own. Prepared plans are made anew when they are next used. On the embedded
    /// database it also removes dead rows, which VACUUM refuses to do inside of a transaction.
    pub async fn analyse(&self, table: &Table) -> Result<(), Error> {
        let doing = "analysing a table";
        let command = if self.is_embedded() { "VACUUM (ANALYZE)" } else { "ANALYZE" };
        let login = self.pool.login(doing).await?;
        let done = login.client.batch_execute(&format!("{command} {}", table.name)).await;
        done.map_err(|source| Error::from_driver(doing, source))
    }
}
