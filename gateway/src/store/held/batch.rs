//! Batches of held changes: listed, shown, decided by an operator, and closed when everything in them is settled.

use std::time::SystemTime;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::store::TenantStore;
use crate::store::error::Error;
use crate::store::held::HeldKind;
use crate::store::job::{JobKind, begin_job};
use crate::store::postgres::pool::Statement;

/// Most batches of a list, the latest first.
pub const MAX_BATCHES: i64 = 100;
/// Rows that are counted of a batch; of one with more, the count says that there are more.
pub const MAX_COUNTED: i64 = 100_000;

/// What an operator wants to happen to a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The product's view follows the source.
    Release,
    /// The source becomes what it was.
    Reject,
}

impl Verdict {
    /// The state of a batch while the verdict is carried out.
    #[must_use]
    pub fn under_way(self) -> &'static str {
        match self {
            Self::Release => "releasing",
            Self::Reject => "rejecting",
        }
    }

    /// The state of a batch afterwards.
    #[must_use]
    pub fn done(self) -> &'static str {
        match self {
            Self::Release => "released",
            Self::Reject => "rejected",
        }
    }
}

/// A batch.
#[derive(Clone, Debug)]
pub struct HeldBatch {
    /// Its id.
    pub id: Uuid,
    /// `threshold`: too many removals within an hour; `protected`: removals of protected users.
    pub cause: String,
    /// `open`, `releasing`, `rejecting`, `released` or `rejected`.
    pub state: String,
    /// What had passed within the hour before.
    pub passed: i64,
    /// When the first removal was held.
    pub opened_at: SystemTime,
    /// Who made it.
    pub actor: String,
    /// By which request.
    pub request_id: String,
    /// When an operator decided.
    pub decided_at: Option<SystemTime>,
    /// Which operator key.
    pub decided_by: Option<String>,
    /// Resources that it holds now, at most [`MAX_COUNTED`].
    pub resources: i64,
    /// Memberships that it holds now, at most [`MAX_COUNTED`].
    pub memberships: i64,
}

/// A resource in a batch.
#[derive(Clone, Debug)]
pub struct HeldResource {
    /// Its id.
    pub id: Uuid,
    /// Its type's name.
    pub resource_type: String,
    /// What would happen to the product's view.
    pub kind: HeldKind,
    /// The source document before.
    pub source: String,
    /// Since when it is held.
    pub since: SystemTime,
    /// The last request that removed it.
    pub request_id: String,
}

/// Memberships of a group in a batch.
#[derive(Clone, Debug)]
pub struct HeldGroup {
    /// The group's id.
    pub id: Uuid,
    /// Its displayName, where it is known.
    pub display: Option<String>,
    /// How many of its members are held.
    pub members: i64,
}

const COLUMNS: &str =
    "b.id, b.cause, b.state, b.passed, b.opened_at, b.actor, b.request_id, b.decided_at, b.decided_by,
  (SELECT count(*) FROM (SELECT 1 FROM held h WHERE h.tenant_id = $1 AND h.batch_id = b.id LIMIT 100000) h),
  (SELECT count(*) FROM (SELECT 1 FROM held_member h WHERE h.tenant_id = $1 AND h.batch_id = b.id LIMIT 100000) h)";

/// The job that carries the verdict out begins; the same verdict again begins one anew that was cancelled.
fn decide_sql() -> String {
    format!(
        "WITH b AS (UPDATE held_batch b SET state = $4, decided_at = $3, decided_by = $5 WHERE b.tenant_id = $1 AND b.id = $2
  AND CASE WHEN b.tenant_id = $1 THEN b.state IN ('open', $4) END RETURNING b.tenant_id),
c AS (DELETE FROM removal_slot r USING b WHERE r.tenant_id = $1 AND $4 = 'releasing'),
t AS (SELECT b.tenant_id AS id, 0::bigint AS schema_revision FROM b)
{} RETURNING 1",
        begin_job(JobKind::Held)
    )
}

/// After the batch's row is locked: what could not be settled keeps the batch open, for another verdict.
const CLOSE: &str = "
UPDATE held_batch b SET state = CASE WHEN (SELECT true FROM held h WHERE h.tenant_id = $1 AND h.batch_id = $2 LIMIT 1)
    OR (SELECT true FROM held_member h WHERE h.tenant_id = $1 AND h.batch_id = $2 LIMIT 1) THEN 'open' ELSE $3 END
WHERE b.tenant_id = $1 AND b.id = $2";

const LOCK: &str = "SELECT 1 FROM held_batch WHERE tenant_id = $1 AND id = $2 FOR UPDATE";

impl TenantStore {
    /// The latest batches.
    pub async fn held_batches(&self) -> Result<Vec<HeldBatch>, Error> {
        let sql = format!(
            "SELECT {COLUMNS} FROM (SELECT * FROM held_batch b WHERE b.tenant_id = $1 ORDER BY b.id DESC LIMIT $2) b ORDER BY b.id DESC"
        );
        let rows = self.query("listing held batches", &sql, &[&self.tenant.0, &MAX_BATCHES]).await?;
        Ok(rows.iter().map(batch).collect())
    }

    /// A batch.
    pub async fn held_batch(&self, id: Uuid) -> Result<Option<HeldBatch>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM held_batch b WHERE b.tenant_id = $1 AND b.id = $2");
        let rows = self.query("reading a held batch", &sql, &[&self.tenant.0, &id]).await?;
        Ok(rows.first().map(batch))
    }

    /// The resources of a batch after an id, in the order of ids.
    pub async fn held_resources(&self, batch: Uuid, after: Uuid, count: i64) -> Result<Vec<HeldResource>, Error> {
        let sql = "SELECT h.id, h.resource_type, h.kind, h.source, h.since, h.request_id FROM held h \
                   WHERE h.tenant_id = $1 AND h.batch_id = $2 AND h.id > $3 ORDER BY h.id LIMIT $4";
        let params: [&(dyn ToSql + Sync); 4] = [&self.tenant.0, &batch, &after, &count];
        let rows = self.read("listing held resources", sql, &params).await.map_err(|error| error.of_page(count))?;
        let resource = |row: &Row| {
            Ok(HeldResource {
                id: row.get(0),
                resource_type: row.get(1),
                kind: HeldKind::from_word(row.get(2))?,
                source: row.get(3),
                since: row.get(4),
                request_id: row.get(5),
            })
        };
        rows.iter().map(resource).collect()
    }

    /// The groups of a batch with held memberships, those with the most first. Looks at the first [`MAX_COUNTED`] memberships.
    pub async fn held_groups(&self, batch: Uuid, count: i64) -> Result<Vec<HeldGroup>, Error> {
        let sql = "SELECT g.group_id, r.display, g.n FROM (SELECT m.group_id, count(*) AS n FROM \
                   (SELECT h.group_id FROM held_member h WHERE h.tenant_id = $1 AND h.batch_id = $2 LIMIT 100000) m \
                   GROUP BY m.group_id ORDER BY n DESC, m.group_id LIMIT $3) g CROSS JOIN LATERAL \
                   (SELECT r.display FROM resource r WHERE r.tenant_id = $1 AND r.id = g.group_id LIMIT 1) r ORDER BY g.n DESC, g.group_id";
        let rows = self.query("listing held memberships", sql, &[&self.tenant.0, &batch, &count]).await?;
        let group = |row: &Row| HeldGroup { id: row.get(0), display: row.get(1), members: row.get(2) };
        Ok(rows.iter().map(group).collect())
    }

    /// Gives a verdict on an open batch, or the same again on one whose job was cancelled, and begins the job that carries it out; gives
    /// whether it did.
    pub async fn decide_batch(
        &self,
        batch: Uuid,
        verdict: Verdict,
        (at, by): (SystemTime, &str),
    ) -> Result<bool, Error> {
        let params: [&(dyn ToSql + Sync); 5] = [&self.tenant.0, &batch, &at, &verdict.under_way(), &by];
        Ok(!self.query("deciding a held batch", &decide_sql(), &params).await?.is_empty())
    }

    /// Batches whose verdict is not carried out yet.
    pub async fn undone_batches(&self) -> Result<Vec<(Uuid, Verdict)>, Error> {
        let sql = "SELECT b.id, b.state FROM held_batch b WHERE b.tenant_id = $1 AND b.state IN ('releasing', 'rejecting') \
                   ORDER BY b.id LIMIT 100";
        let rows = self.query("looking for decided batches", sql, &[&self.tenant.0]).await?;
        let verdict =
            |word: &str| if word == Verdict::Release.under_way() { Verdict::Release } else { Verdict::Reject };
        Ok(rows.iter().map(|row| (row.get(0), verdict(row.get(1)))).collect())
    }

    /// Closes a batch of which everything is settled; one of which something could not be settled is open again.
    pub async fn close_batch(&self, batch: Uuid, verdict: Verdict) -> Result<(), Error> {
        let lock = Statement::new("locking a held batch", LOCK, &[&self.tenant.0, &batch]);
        let done = verdict.done();
        let close = Statement::new("closing a held batch", CLOSE, &[&self.tenant.0, &batch, &done]);
        self.batch(&[lock, close]).await?;
        Ok(())
    }
}

fn batch(row: &Row) -> HeldBatch {
    HeldBatch {
        id: row.get(0),
        cause: row.get(1),
        state: row.get(2),
        passed: row.get(3),
        opened_at: row.get(4),
        actor: row.get(5),
        request_id: row.get(6),
        decided_at: row.get(7),
        decided_by: row.get(8),
        resources: row.get(9),
        memberships: row.get(10),
    }
}
