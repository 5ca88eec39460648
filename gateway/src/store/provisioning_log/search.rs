//! Searching a tenant's log: by time, or by an index of resources or of what failed. Each statement reads so many rows at most, the
//! latest first.

use tokio_postgres::Row;
use uuid::Uuid;

use crate::store::TenantStore;
use crate::store::error::Error;
use crate::store::provisioning_log::LogRow;

macro_rules! columns {
    () => {
        "id, request_id, number, operation, status, duration_us, credential, client, address, resource_type, resource_id, name, effect, \
         scim_type, detail, cause, mapping_revision, rows, facts"
    };
}

/// Rows that only read are in others, so these are looked into, too. The last row that was examined comes with each that is found.
const BY_TIME: &str = concat!(
    "WITH page AS MATERIALIZED (SELECT ",
    columns!(),
    " FROM provisioning_log WHERE tenant_id = $1 AND id < $2 AND id >= $3 ORDER BY id DESC LIMIT $4),
found AS (SELECT page.* FROM page WHERE ((operation = 'lost' OR $7::bool AND operation = 'reads') AND ($6::text IS NULL OR strpos(facts, $6) > 0)
  OR ($5::text IS NULL OR operation = $5) AND ($6::text IS NULL OR request_id = $6)))
SELECT found.*, (SELECT id FROM page ORDER BY id LIMIT 1) AS last, (SELECT count(*) FROM page) AS examined
  FROM (SELECT) one LEFT JOIN found ON true ORDER BY found.id DESC"
);

/// Ordered by a column that no other index has, so that there is one plan.
const FAILED: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM provisioning_log WHERE tenant_id = $1 AND failed_id < $2 AND failed_id >= $3 AND failed_id IS NOT NULL
ORDER BY failed_id DESC LIMIT $4"
);

/// The same by the pair: the primary key has not that order.
const OF_RESOURCES: &str = concat!(
    "SELECT p.* FROM unnest($5::uuid[]) r (id) CROSS JOIN LATERAL (SELECT ",
    columns!(),
    " FROM provisioning_log l WHERE l.tenant_id = $1 AND (l.resource_id, l.id) < (r.id, $2) AND (l.resource_id, l.id) >= (r.id, $3)
    AND l.resource_id IS NOT NULL AND (l.operation <> 'get' OR l.status >= 400) ORDER BY l.resource_id DESC, l.id DESC LIMIT $4) p
ORDER BY p.id DESC LIMIT $4"
);

/// Which rows to read: those with ids from `from` on and before `before`, so many at most, the latest first.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    /// Before this id …
    pub before: Uuid,
    /// … and from this one on.
    pub from: Uuid,
    /// So many.
    pub limit: i64,
}

/// What one statement found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The rows, the latest first.
    pub rows: Vec<LogRow>,
    /// The id down to which all rows are examined; none where no more rows are in the range.
    pub examined_to: Option<Uuid>,
}

impl TenantStore {
    /// Rows by time, of an operation or a request where one is given; and every row that stands for missing ones, or, if they are
    /// wanted, for many reads.
    pub async fn log_by_time(
        &self,
        range: Range,
        (operation, with_reads): (Option<&str>, bool),
        request: Option<&str>,
    ) -> Result<Found, Error> {
        let Range { before, from, limit } = range;
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 7] =
            [&self.tenant.0, &before, &from, &limit, &operation, &request, &with_reads];
        let rows = self.read("reading the provisioning log", BY_TIME, &params).await?;
        let Some(first) = rows.first() else { return Ok(Found::default()) };
        let examined: i64 = first.get("examined");
        let last: Option<Uuid> = first.get("last");
        let found = rows.iter().filter(|row| row.get::<_, Option<Uuid>>(0).is_some());
        Ok(Found { rows: found.map(log_row).collect(), examined_to: last.filter(|_| examined >= limit) })
    }

    /// Rows of what failed.
    pub async fn log_of_failures(&self, range: Range) -> Result<Found, Error> {
        let Range { before, from, limit } = range;
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 4] = [&self.tenant.0, &before, &from, &limit];
        Ok(found(&self.read("reading failures in the provisioning log", FAILED, &params).await?, limit))
    }

    /// Rows about resources, but for those that only read and succeeded.
    pub async fn log_of_resources(&self, resources: &[Uuid], range: Range) -> Result<Found, Error> {
        let Range { before, from, limit } = range;
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
            [&self.tenant.0, &before, &from, &limit, &resources];
        Ok(found(&self.read("reading the log of resources", OF_RESOURCES, &params).await?, limit))
    }
}

fn found(rows: &[Row], limit: i64) -> Found {
    let rows: Vec<LogRow> = rows.iter().map(log_row).collect();
    let is_full = i64::try_from(rows.len()).unwrap_or(i64::MAX) >= limit;
    Found { examined_to: rows.last().map(|row| row.id).filter(|_| is_full), rows }
}

fn log_row(row: &Row) -> LogRow {
    let word = |column| row.get::<_, Option<String>>(column).map(Into::into);
    LogRow {
        id: row.get(0),
        request_id: row.get(1),
        number: row.get(2),
        operation: row.get::<_, String>(3).into(),
        status: row.get(4),
        duration_us: row.get(5),
        credential: row.get(6),
        client: word(7),
        address: row.get(8),
        resource_type: row.get(9),
        resource_id: row.get(10),
        name: row.get(11),
        effect: word(12),
        scim_type: word(13),
        detail: row.get(14),
        cause: word(15),
        mapping_revision: row.get(16),
        rows: row.get(17),
        facts: row.get(18),
    }
}
