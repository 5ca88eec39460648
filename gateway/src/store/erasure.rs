//! Erasing a deleted tenant's rows, in every table that has some by the catalogue, and the search that proves it.
//!
//! No row is added meanwhile: row-level security refuses it, or the statement that adds it depends on what the deletion changed or on a
//! resource, and resources are erased first. Statements that began before the deletion have ended when
//! [`TenantStore::in_flight_writers_of_all_tables`] says so.

use std::time::{Duration, SystemTime};

use tokio_postgres::Row;
use uuid::Uuid;

use crate::store::error::Error;
use crate::store::schema::writers::InFlightWriters;
use crate::store::{ControlStore, Params, TenantStore};
use crate::tenant::TenantId;

/// Rows of one table that are counted; where there are more, so many.
pub const MAX_COUNTED_ROWS: i64 = 1_000_000;
/// Erasures that are listed.
pub const MAX_LISTED_ERASURES: i64 = 500;
/// Erasures that one look for those that are due finds.
const MAX_DUE: i64 = 20;

/// The erasure of a tenant. It outlives the tenant, and has no name in it.
#[derive(Clone, Debug)]
pub struct Erasure {
    /// The tenant.
    pub tenant: TenantId,
    /// What the tenant was called; none once it is erased, and where an older version deleted it.
    pub name: Option<String>,
    /// Whether all is done.
    pub is_finished: bool,
    /// When it was asked for.
    pub requested_at: SystemTime,
    /// The operator key; none for a command.
    pub key: Option<Uuid>,
    /// Whether what there was is counted.
    pub is_counted: bool,
    /// The table of which rows are being erased. All before it are empty.
    pub at_table: Option<String>,
    /// The audit is reduced up to this change.
    pub audit_after: Uuid,
    /// What stopped the last batch, as the database calls it.
    pub problem: Option<String>,
    /// When the last batch ended.
    pub moved_at: SystemTime,
    /// When it was finished.
    pub finished_at: Option<SystemTime>,
}

/// What an erasure did in one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErasedTable {
    /// The table.
    pub name: String,
    /// Rows at the beginning.
    pub counted: i64,
    /// Rows that were erased.
    pub erased: i64,
    /// Rows that the search at the end found; none before it.
    pub found: Option<i64>,
}

/// A table with rows of tenants, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantTable {
    /// Its name, as in SQL.
    pub name: String,
    /// Which of its rows, as a condition in SQL.
    part: String,
}

const COLUMNS: &str = "e.tenant, (SELECT t.deleted_name FROM tenant t WHERE t.id = e.tenant), e.state = 'finished', e.requested_at, e.key_id, \
                       e.counted, e.audit_after, e.problem, e.moved_at, e.finished_at, e.at_table";

/// The tenant is deleted from this moment on, if it was not before.
const BEGIN: &str = "
WITH t AS (UPDATE tenant SET state = 'deleted', deleted_name = CASE WHEN state = 'deleted' THEN deleted_name ELSE name END,
    deleted_at = coalesce(deleted_at, $2), name = 'd' || left(replace(id::text, '-', ''), 32), former_names = '{}', modified_at = $2,
    schema_revision = schema_revision + 1, config_epoch = nextval('config_epoch')
  WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM erasure e WHERE e.tenant = $1) RETURNING id)
INSERT INTO erasure (tenant, state, requested_at, key_id, moved_at) SELECT t.id, 'running', $2, $3, $2 FROM t
ON CONFLICT (tenant) DO NOTHING RETURNING 1";

const DUE: &str = "
SELECT tenant FROM erasure WHERE state = 'running' AND resume_at <= now() AND (leased_until IS NULL OR leased_until < now() OR holder = $1)
ORDER BY resume_at LIMIT $2";

const CLAIM: &str = "
UPDATE erasure e SET holder = $2, leased_until = now() + $3 * interval '1 second'
WHERE e.tenant = $1 AND CASE WHEN e.state = 'running'
  THEN e.resume_at <= now() AND (e.leased_until IS NULL OR e.leased_until < now() OR e.holder = $2) END RETURNING ";

const RELEASE: &str = "
UPDATE erasure SET counted = $3, audit_after = $4, problem = $5, moved_at = $6, resume_at = now() + $7 * interval '1 second', at_table = $8,
  holder = NULL, leased_until = NULL
WHERE tenant = $1 AND CASE WHEN tenant = $1 THEN holder = $2 AND state = 'running' END";

/// What there is in each table. Counted again by a process that continues a killed one's work, it is only more exact.
const COUNT: &str = "
INSERT INTO erasure_table (tenant, name, counted) SELECT $1, r.name, sum(r.n) FROM tenant_rows($1, $2) r GROUP BY r.name
ON CONFLICT (tenant, name) DO UPDATE SET counted = excluded.counted";

const ERASE: &str = "SELECT erase_rows($1, $2, $3, $4)";

/// The search over every table.
const SEARCH: &str = "
INSERT INTO erasure_table AS e (tenant, name, counted, found) SELECT $1, r.name, 0, sum(r.n) FROM tenant_rows($1, $2) r GROUP BY r.name
ON CONFLICT (tenant, name) DO UPDATE SET found = excluded.found RETURNING e.found";

const WRITERS: &str = "
SELECT l.virtualtransaction FROM pg_locks l WHERE l.locktype = 'relation' AND l.mode = 'RowExclusiveLock' AND l.granted
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND l.pid IS DISTINCT FROM pg_backend_pid()
  AND l.relation IN (SELECT t.name::regclass FROM tenant_tables() t)";

const REDUCE_AUDIT: &str = "
WITH next AS (SELECT id FROM audit WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3),
reduced AS (UPDATE audit a SET actor = '', subject = '', before = NULL, after = NULL, address = NULL FROM next WHERE a.id = next.id)
SELECT id FROM next ORDER BY id DESC LIMIT 1";

/// Those that came later, by whatever clock.
const REDUCE_REST: &str = "
UPDATE audit SET actor = '', subject = '', before = NULL, after = NULL, address = NULL WHERE tenant = $1
  AND CASE WHEN tenant = $1 THEN actor <> '' OR subject <> '' OR before IS NOT NULL OR after IS NOT NULL OR address IS NOT NULL END
RETURNING 1";

const DELETE_PLUGINS: &str =
    "DELETE FROM plugin p WHERE NOT EXISTS (SELECT 1 FROM plugin_release r WHERE r.digest = p.digest)";

/// The tenant's own row goes last. Replicas find by the new epoch that it is gone.
const FINISH: &str = "
WITH gone AS (DELETE FROM tenant WHERE id = $1 RETURNING id)
UPDATE erasure e SET state = 'finished', problem = NULL, moved_at = $3, finished_at = $3, config_epoch = nextval('config_epoch'),
  holder = NULL, leased_until = NULL
FROM gone WHERE e.tenant = gone.id AND e.holder = $2 RETURNING 1";

impl ControlStore {
    /// Deletes a tenant, if it is not deleted, and begins to erase its rows; gives whether this call did so.
    pub async fn begin_erasure(&self, tenant: TenantId, key: Option<Uuid>, at: SystemTime) -> Result<bool, Error> {
        Ok(!self.query("beginning an erasure", BEGIN, &[&tenant.0, &at, &key]).await?.is_empty())
    }

    /// Erasures that are due, and that no other process works at.
    pub async fn due_erasures(&self, holder: Uuid) -> Result<Vec<TenantId>, Error> {
        let rows = self.query("looking for erasures", DUE, &[&holder, &MAX_DUE]).await?;
        Ok(rows.iter().map(|row| TenantId(row.get(0))).collect())
    }

    /// Leases an erasure for a batch; none if another process has it, or it is finished.
    pub async fn claim_erasure(&self, tenant: TenantId, holder: Uuid, ttl: Duration) -> Result<Option<Erasure>, Error> {
        let sql = format!("{CLAIM}{COLUMNS}");
        let rows = self.query("leasing an erasure", &sql, &[&tenant.0, &holder, &ttl.as_secs_f64()]).await?;
        Ok(rows.first().map(erasure))
    }

    /// Saves how far an erasure has come and releases the lease; the next batch begins after `rest`.
    pub async fn release_erasure(
        &self,
        erasure: &Erasure,
        holder: Uuid,
        (rest, now): (Duration, SystemTime),
    ) -> Result<(), Error> {
        let Erasure { tenant, is_counted, at_table, audit_after, problem, .. } = erasure;
        let params: Params<'_> =
            &[&tenant.0, &holder, is_counted, audit_after, problem, &now, &rest.as_secs_f64(), at_table];
        self.query("keeping an erasure's progress", RELEASE, params).await.map(drop)
    }

    /// Reduces recorded changes of an erased tenant after this one to ids and times; gives the last of them, and none after the last.
    pub async fn reduce_audit(&self, tenant: TenantId, after: Uuid, count: i64) -> Result<Option<Uuid>, Error> {
        let rows = self.query("reducing the audit", REDUCE_AUDIT, &[&tenant.0, &after, &count]).await?;
        Ok(rows.first().map(|row| row.get(0)))
    }

    /// Reduces those that are left; gives whether there were any.
    pub async fn reduce_rest_of_audit(&self, tenant: TenantId) -> Result<bool, Error> {
        Ok(!self.query("reducing the audit", REDUCE_REST, &[&tenant.0]).await?.is_empty())
    }

    /// Deletes plugins that have no release any more, with what was compiled of them.
    pub async fn delete_all_unreleased(&self) -> Result<(), Error> {
        match self.query("deleting plugins", DELETE_PLUGINS, &[]).await {
            // One was released at the same moment; the next batch tries again.
            Err(Error::Reference { .. }) => Err(Error::Conflict { doing: "deleting plugins" }),
            other => other.map(drop),
        }
    }

    /// Deletes the tenant's row, and so finishes the erasure; gives whether this process's lease still held.
    pub async fn finish_erasure(&self, tenant: TenantId, holder: Uuid, at: SystemTime) -> Result<bool, Error> {
        Ok(!self.query("finishing an erasure", FINISH, &[&tenant.0, &holder, &at]).await?.is_empty())
    }

    /// The erasure of a tenant.
    pub async fn erasure(&self, tenant: TenantId) -> Result<Option<Erasure>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM erasure e WHERE e.tenant = $1");
        Ok(self.query("reading an erasure", &sql, &[&tenant.0]).await?.first().map(erasure))
    }

    /// The latest erasures, the latest first.
    pub async fn erasures(&self) -> Result<Vec<Erasure>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM erasure e ORDER BY e.requested_at DESC LIMIT $1");
        let rows = self.query("listing erasures", &sql, &[&MAX_LISTED_ERASURES]).await?;
        Ok(rows.iter().map(erasure).collect())
    }

    /// What an erasure did in each table, by name.
    pub async fn erased_tables(&self, tenant: TenantId) -> Result<Vec<ErasedTable>, Error> {
        let sql = "SELECT name, counted, erased, found FROM erasure_table WHERE tenant = $1 ORDER BY name";
        let rows = self.query("reading what was erased", sql, &[&tenant.0]).await?;
        let table =
            |row: &Row| ErasedTable { name: row.get(0), counted: row.get(1), erased: row.get(2), found: row.get(3) };
        Ok(rows.iter().map(table).collect())
    }
}

impl TenantStore {
    /// Counts what there is to erase, up to [`MAX_COUNTED_ROWS`] of a table.
    pub async fn count_for_erasure(&self) -> Result<(), Error> {
        self.query("counting a tenant's rows", COUNT, &[&self.tenant.0, &MAX_COUNTED_ROWS]).await.map(drop)
    }

    /// Every table with rows of tenants, in the order in which they are erased.
    pub async fn tenant_tables(&self) -> Result<Vec<TenantTable>, Error> {
        let rows = self.query("looking for tables", "SELECT name, part FROM tenant_tables()", &[]).await?;
        Ok(rows.iter().map(|row| TenantTable { name: row.get(0), part: row.get(1) }).collect())
    }

    /// Erases so many rows of a deleted tenant at most, and returns how many there were; none where the table has none.
    pub async fn erase_rows(&self, table: &TenantTable, most: i64) -> Result<Option<i64>, Error> {
        let params: Params<'_> = &[&self.tenant.0, &table.name, &table.part, &most];
        let rows = self.query("erasing a tenant's rows", ERASE, params).await?;
        Ok(rows.first().and_then(|row| row.get(0)))
    }

    /// Searches every table for rows of the tenant, and keeps how many were found in each; returns how many in all.
    pub async fn search_for_rows(&self) -> Result<i64, Error> {
        let params: Params<'_> = &[&self.tenant.0, &MAX_COUNTED_ROWS];
        let rows = self.query("searching for a tenant's rows", SEARCH, params).await?;
        Ok(rows.iter().map(|row| row.get::<_, i64>(0)).sum())
    }

    /// The transactions that are writing in any table with rows of tenants, of all tenants: a lock does not identify them.
    pub async fn in_flight_writers_of_all_tables(&self) -> Result<InFlightWriters, Error> {
        let rows = self.query("looking for writers", WRITERS, &[]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }
}

fn erasure(row: &Row) -> Erasure {
    Erasure {
        tenant: TenantId(row.get(0)),
        name: row.get(1),
        is_finished: row.get(2),
        requested_at: row.get(3),
        key: row.get(4),
        is_counted: row.get(5),
        audit_after: row.get(6),
        problem: row.get(7),
        moved_at: row.get(8),
        finished_at: row.get(9),
        at_table: row.get(10),
    }
}
