//! What an operator asks about one resource: which one a name means, its row, dead or alive, and its latest events.

use std::time::SystemTime;

use scimgate_scim::fold::folded;
use uuid::Uuid;

use crate::store::TenantStore;
use crate::store::error::Error;
use crate::store::event::{self, Event};
use crate::store::resource::key::truncate;
use crate::store::resource::read::{ReadOptions, Stored, columns, joins};

/// Most resources that one name is looked up for.
pub const MAX_NAMED: usize = 10;
/// Latest events of a tenant among which those of one resource are looked for: no index has them, since it would cost every
/// write an entry.
pub const MAX_EXAMINED_EVENTS: i64 = 20_000;

/// A resource that a name means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its id.
    pub id: Uuid,
    /// Its type's name.
    pub resource_type: String,
    /// Whether it is deleted.
    pub is_deleted: bool,
}

/// By id, by externalId, by the attribute that names a type's resources, and deleted ones by externalId or name. The types are in
/// `$5`: the index of names knows the type.
const NAMED: &str = "
SELECT DISTINCT n.id, n.resource_type, n.is_deleted FROM (
  SELECT r.id, r.resource_type, r.deleted_at IS NOT NULL AS is_deleted FROM resource r WHERE r.tenant_id = $1 AND r.id = $2
  UNION ALL SELECT r.id, r.resource_type, false FROM (SELECT r.id, r.resource_type FROM resource r
    WHERE r.tenant_id = $1 AND r.external_id = $3 AND r.deleted_at IS NULL LIMIT 11) r
  UNION ALL SELECT r.id, r.resource_type, false FROM unnest($5::text[]) t (name) CROSS JOIN LATERAL
    (SELECT r.id, r.resource_type FROM resource r WHERE r.tenant_id = $1 AND r.resource_type = t.name AND r.name_key = $4
      AND r.deleted_at IS NULL LIMIT 11) r
  UNION ALL SELECT k.id, k.resource_type, true FROM unnest($5::text[]) t (name) CROSS JOIN LATERAL
    (SELECT k.id, k.resource_type FROM tombstone_key k WHERE k.tenant_id = $1 AND k.resource_type = t.name
      AND k.attribute = 'externalId' AND k.key = $3 LIMIT 11) k
  UNION ALL SELECT k.id, k.resource_type, true FROM unnest($5::text[]) t (name) CROSS JOIN LATERAL
    (SELECT k.id, k.resource_type FROM tombstone_key k WHERE k.tenant_id = $1 AND k.resource_type = t.name
      AND k.attribute = 'name' AND k.key = $4 LIMIT 11) k
) n ORDER BY n.is_deleted, n.id LIMIT 11";

const EVENTS_OF: &str = "
SELECT e.seq, e.type, e.resource_type, e.resource_id, e.member_id, e.version, e.actor, e.request_id, e.at, e.expires_in_days FROM
  (SELECT * FROM event e WHERE e.tenant_id = $1
    AND e.seq > (SELECT h.last_seq FROM event_head h WHERE h.tenant_id = $1) - $3 ORDER BY e.seq DESC) e
WHERE e.resource_id = $2 OR e.member_id = $2 ORDER BY e.seq DESC LIMIT $4";

impl TenantStore {
    /// The resources that an id, an externalId or a name means, at most one more than [`MAX_NAMED`]; living ones first.
    pub async fn resources_called(&self, name: &str, types: &[String]) -> Result<Vec<Named>, Error> {
        let id: Option<Uuid> = name.parse().ok();
        let (external_id, name_key) = (truncate(name.to_owned()), truncate(folded(name).into_owned()));
        let rows = self
            .query("looking up a resource by name", NAMED, &[&self.tenant.0, &id, &external_id, &name_key, &types])
            .await?;
        let named =
            |row: &tokio_postgres::Row| Named { id: row.get(0), resource_type: row.get(1), is_deleted: row.get(2) };
        Ok(rows.iter().map(named).collect())
    }

    /// A resource's row, and since when it is deleted.
    pub async fn row(&self, id: Uuid) -> Result<Option<(Stored, Option<SystemTime>)>, Error> {
        let options = ReadOptions { groups: true, ..ReadOptions::default() };
        let sql = format!(
            "SELECT {}, r.deleted_at FROM resource r {} WHERE r.tenant_id = $1 AND r.id = $2",
            columns(options),
            joins(options)
        );
        let rows = self.query("reading a resource with its deletion", &sql, &[&self.tenant.0, &id]).await?;
        let read = |row: &tokio_postgres::Row| Ok((Stored::from_row(row)?, row.get(row.len() - 1)));
        rows.first().map(read).transpose()
    }

    /// The last `count` events about a resource or its memberships, the latest first, among the tenant's latest
    /// [`MAX_EXAMINED_EVENTS`].
    pub async fn events_of(&self, id: Uuid, count: i64) -> Result<Vec<Event>, Error> {
        let rows = self
            .query("reading a resource's events", EVENTS_OF, &[&self.tenant.0, &id, &MAX_EXAMINED_EVENTS, &count])
            .await?;
        Ok(rows.iter().map(event::from_row).collect())
    }
}
