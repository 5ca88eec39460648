//! Held changes: removals that stand in the source and that the product does not see until an operator releases them. They are
//! written in the transaction of the resource's write, by statements of their own that depend on the row it wrote.

pub mod batch;
pub(in crate::store) mod many;
pub mod settle;

use uuid::Uuid;

use crate::store::guard::Counted;
use crate::store::postgres::pool::Statement;
use crate::store::resource::read::{MappingState, Stored};
use crate::store::stamp::Stamp;
use crate::store::{TenantStore, error::Error};

/// How a held resource leaves the product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeldKind {
    /// The document that the product sees would become inactive.
    Deactivated,
    /// The mapping excludes it.
    Excluded,
    /// It is deleted.
    Deleted,
}

impl HeldKind {
    /// The word in the database and the admin API.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.param()
    }

    /// The same, for a statement that borrows its parameters.
    fn param(self) -> &'static &'static str {
        match self {
            Self::Deactivated => &"deactivated",
            Self::Excluded => &"excluded",
            Self::Deleted => &"deleted",
        }
    }

    pub(in crate::store) fn from_word(word: &str) -> Result<Self, Error> {
        let all = [Self::Deactivated, Self::Excluded, Self::Deleted];
        all.into_iter()
            .find(|kind| kind.word() == word)
            .ok_or_else(|| Error::Corrupt { what: "held change", why: format!("\"{word}\" is not a kind") })
    }
}

/// A removal that a batch holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The batch.
    pub batch: Uuid,
    /// What would happen to the product's view.
    pub kind: HeldKind,
    /// The name of the event that the product is sent at the release.
    pub event: String,
    /// The source document and the unknown attributes before the removal, which a rejection restores. A resource that is held
    /// already keeps those of its first removal.
    pub source: String,
    /// … the unknown attributes.
    pub set_aside: Option<String>,
    /// The document that the product reads after the release, also where it is the source as it is now; none if it reads none.
    pub mapped: Option<String>,
    /// The mapping state after the release.
    pub mapping_state: MappingState,
    /// The revision that mapped it.
    pub mapping_revision: i32,
}

/// What a write changes about a held resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HoldChange {
    /// Nothing.
    None,
    /// The removal passes, if the write counts it.
    Count(Counted),
    /// It is held from now on, or is held still.
    Keep(Box<Hold>),
    /// It is held still, and the mapping failed: what the batch holds for the release is of an older source.
    Stale,
    /// It is not held any more: the write shows it to the product again.
    Cancel,
}

/// The batch's row is locked shared, so that it is not closed before this transaction ends; if it is closed already, the transaction
/// fails like one that lost a race.
const KEEP: &str = "
WITH w AS (UPDATE resource r SET held = $3 WHERE r.tenant_id = $1 AND r.id = $2
  AND CASE WHEN r.tenant_id = $1 THEN r.xmin = pg_current_xact_id()::xid END RETURNING r.id, r.resource_type),
b AS (SELECT b.id FROM held_batch b WHERE b.tenant_id = $1 AND b.id = $3
  AND CASE WHEN b.tenant_id = $1 THEN b.state IN ('open', 'releasing', 'rejecting') END FOR SHARE),
h AS (INSERT INTO held AS h (tenant_id, id, resource_type, batch_id, kind, event, source, set_aside, next_mapped, next_state, next_revision,
    since, at, actor, request_id)
  SELECT $1, w.id, w.resource_type, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12, $13 FROM w
  ON CONFLICT (tenant_id, id) DO UPDATE SET kind = excluded.kind, event = excluded.event, next_mapped = excluded.next_mapped,
    next_state = excluded.next_state, next_revision = excluded.next_revision, at = excluded.at, actor = excluded.actor,
    request_id = excluded.request_id)
SELECT CASE WHEN NOT EXISTS (SELECT 1 FROM b) THEN lost_race() END FROM w";

/// The product gets the older document at the release, as it does of any resource whose mapping fails.
const STALE: &str = "
UPDATE held h SET next_state = CASE WHEN h.next_state IN ('excluded', 'never') THEN 'never' ELSE 'stale' END
WHERE h.tenant_id = $1 AND h.id = $2 AND EXISTS (SELECT 1 FROM resource r
  WHERE r.tenant_id = $1 AND r.id = $2 AND CASE WHEN r.tenant_id = $1 THEN r.xmin = pg_current_xact_id()::xid END)";

const CANCEL: &str = "
WITH w AS (UPDATE resource r SET held = NULL WHERE r.tenant_id = $1 AND r.id = $2
  AND CASE WHEN r.tenant_id = $1 THEN r.xmin = pg_current_xact_id()::xid END RETURNING r.id)
DELETE FROM held h WHERE h.tenant_id = $1 AND h.id = $2 AND EXISTS (SELECT 1 FROM w)";

/// Before the memberships of a resource are deleted with it: the product still sees them. A group's pending references are kept for
/// a rejection.
const HOLD_MEMBERSHIPS: &str = "
WITH w AS MATERIALIZED (SELECT r.id FROM resource r WHERE r.tenant_id = $1 AND r.id = $2
    AND CASE WHEN r.tenant_id = $1 THEN r.xmin = pg_current_xact_id()::xid END LIMIT 1),
f AS (INSERT INTO held_reference (tenant_id, group_id, value, batch_id)
  SELECT $1, w.id, f.value, $3 FROM w CROSS JOIN LATERAL
    (SELECT f.value FROM member_ref f WHERE f.tenant_id = $1 AND f.group_id = $2) f ON CONFLICT DO NOTHING)
INSERT INTO held_member (tenant_id, group_id, member_id, member_type, batch_id, at, actor, request_id)
SELECT m.tenant_id, m.group_id, m.member_id, m.member_type, $3, $4, $5, $6 FROM w CROSS JOIN LATERAL
  (SELECT m.* FROM membership m WHERE m.tenant_id = $1 AND m.group_id = $2
   UNION ALL SELECT m.* FROM membership m WHERE m.tenant_id = $1 AND m.member_id = $2 AND m.group_id <> $2) m
ON CONFLICT DO NOTHING";

impl HoldChange {
    /// The statement to send after the one that writes the resource, in its transaction.
    pub(in crate::store) fn statement<'a>(
        &'a self,
        tenant: &'a Uuid,
        id: &'a Uuid,
        stamp: &'a Stamp,
    ) -> Option<Statement<'a>> {
        match self {
            Self::None => None,
            Self::Count(counted) => Some(counted.statement(tenant, id)),
            Self::Keep(hold) => Some(hold.statement(tenant, id, stamp)),
            Self::Stale => Some(Statement::new("keeping an older document for the release", STALE, &[tenant, id])),
            Self::Cancel => Some(Statement::new("ending the hold of a resource", CANCEL, &[tenant, id])),
        }
    }

    /// The batch that holds the resource after the write.
    #[must_use]
    pub fn after(&self, before: Option<Uuid>) -> Option<Uuid> {
        match self {
            Self::None | Self::Count(_) | Self::Stale => before,
            Self::Keep(hold) => Some(hold.batch),
            Self::Cancel => None,
        }
    }
}

impl Hold {
    /// The statement that holds the resource, after the one that writes or deletes it.
    pub(in crate::store) fn statement<'a>(&'a self, tenant: &'a Uuid, id: &'a Uuid, stamp: &'a Stamp) -> Statement<'a> {
        Statement::new(
            "holding a resource",
            KEEP,
            &[
                tenant,
                id,
                &self.batch,
                self.kind.param(),
                &self.event,
                &self.source,
                &self.set_aside,
                &self.mapped,
                self.mapping_state.column(),
                &self.mapping_revision,
                &stamp.at,
                &stamp.actor,
                &stamp.request_id,
            ],
        )
    }

    /// The statement that holds the memberships of a resource that is deleted, before the one that deletes them.
    pub(in crate::store) fn memberships<'a>(
        &'a self,
        tenant: &'a Uuid,
        id: &'a Uuid,
        stamp: &'a Stamp,
    ) -> Statement<'a> {
        let params: &[&'a (dyn tokio_postgres::types::ToSql + Sync)] =
            &[tenant, id, &self.batch, &stamp.at, &stamp.actor, &stamp.request_id];
        Statement::new("holding the memberships of a resource", HOLD_MEMBERSHIPS, params)
    }
}

impl TenantStore {
    /// What was before a held resource: its kind, its source document and its unknown attributes.
    pub async fn held(&self, id: Uuid) -> Result<Option<HeldBefore>, Error> {
        let sql = "SELECT h.kind, h.batch_id, h.source, h.set_aside, h.since, h.at, h.actor, h.request_id FROM held h \
                   WHERE h.tenant_id = $1 AND h.id = $2";
        let rows = self.query("reading a held resource", sql, &[&self.tenant.0, &id]).await?;
        let read = |row: &tokio_postgres::Row| {
            Ok(HeldBefore {
                kind: HeldKind::from_word(row.get(0))?,
                batch: row.get(1),
                source: row.get(2),
                set_aside: row.get(3),
                since: row.get(4),
                last: Stamp { at: row.get(5), actor: row.get(6), request_id: row.get(7) },
            })
        };
        rows.first().map(read).transpose()
    }
}

/// A held resource as it was before.
#[derive(Clone, Debug)]
pub struct HeldBefore {
    /// What would happen to the product's view.
    pub kind: HeldKind,
    /// The batch.
    pub batch: Uuid,
    /// The source document.
    pub source: String,
    /// The unknown attributes.
    pub set_aside: Option<String>,
    /// Since when it is held.
    pub since: std::time::SystemTime,
    /// The last request that removed it.
    pub last: Stamp,
}

impl HeldBefore {
    /// The row with the source document and the unknown attributes as they were before.
    #[must_use]
    pub fn before(&self, stored: &Stored) -> Stored {
        Stored { source: self.source.clone(), set_aside: self.set_aside.clone(), ..stored.clone() }
    }
}
