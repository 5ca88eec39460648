//! Which leniencies a tenant's SCIM client used, on which attributes, how often, and when.

use std::time::SystemTime;

use crate::store::TenantStore;
use crate::store::error::Error;

/// The uses of one leniency on one attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct Use {
    /// The leniency's name.
    pub leniency: String,
    /// The attribute.
    pub attribute: String,
    /// How often.
    pub uses: i64,
    /// When first.
    pub first_at: SystemTime,
    /// When last.
    pub last_at: SystemTime,
}

/// The attribute under which uses beyond the limit of rows are summed: a client may make up any number of names.
pub const OTHER_ATTRIBUTES: &str = "…";

/// Rows of one tenant, approximately.
const MAX_ATTRIBUTES: i64 = 500;

/// In the order of the key, so that two replicas that write the same rows do not deadlock.
const ADD: &str = "
WITH existing AS (SELECT count(*) AS n FROM leniency_use WHERE tenant_id = $1),
named AS (SELECT new.leniency, new.uses, new.first_at, new.last_at, CASE WHEN existing.n < $7 OR EXISTS (SELECT 1 FROM leniency_use l
    WHERE l.tenant_id = $1 AND l.leniency = new.leniency AND l.attribute = new.attribute) THEN new.attribute ELSE $8 END AS attribute
  FROM existing, unnest($2::text[], $3::text[], $4::bigint[], $5::timestamptz[], $6::timestamptz[])
    new (leniency, attribute, uses, first_at, last_at)),
summed AS (SELECT leniency, attribute, sum(uses)::bigint AS uses, min(first_at) AS first_at, max(last_at) AS last_at
  FROM named GROUP BY leniency, attribute ORDER BY leniency, attribute)
INSERT INTO leniency_use AS l (tenant_id, leniency, attribute, uses, first_at, last_at)
SELECT $1, leniency, attribute, uses, first_at, last_at FROM summed
ON CONFLICT (tenant_id, leniency, attribute) DO UPDATE SET uses = l.uses + excluded.uses,
  first_at = least(l.first_at, excluded.first_at), last_at = greatest(l.last_at, excluded.last_at)
RETURNING leniency, attribute, uses, first_at, last_at";

impl TenantStore {
    /// Adds uses to the stored ones, all or none, and gives the rows as they are now.
    pub async fn add_uses(&self, uses: &[Use]) -> Result<Vec<Use>, Error> {
        let leniencies: Vec<&str> = uses.iter().map(|it| it.leniency.as_str()).collect();
        let attributes: Vec<&str> = uses.iter().map(|it| it.attribute.as_str()).collect();
        let counts: Vec<i64> = uses.iter().map(|it| it.uses).collect();
        let first: Vec<SystemTime> = uses.iter().map(|it| it.first_at).collect();
        let last: Vec<SystemTime> = uses.iter().map(|it| it.last_at).collect();
        let doing = "storing uses of leniencies";
        let rows = self
            .query(
                doing,
                ADD,
                &[&self.tenant.0, &leniencies, &attributes, &counts, &first, &last, &MAX_ATTRIBUTES, &OTHER_ATTRIBUTES],
            )
            .await?;
        Ok(rows.iter().map(read).collect())
    }

    /// Every use, the latest first.
    pub async fn uses(&self) -> Result<Vec<Use>, Error> {
        let sql = "SELECT leniency, attribute, uses, first_at, last_at FROM leniency_use WHERE tenant_id = $1 \
                   ORDER BY last_at DESC, leniency, attribute";
        let rows = self.query("reading uses of leniencies", sql, &[&self.tenant.0]).await?;
        Ok(rows.iter().map(read).collect())
    }
}

fn read(row: &tokio_postgres::Row) -> Use {
    Use { leniency: row.get(0), attribute: row.get(1), uses: row.get(2), first_at: row.get(3), last_at: row.get(4) }
}
