//! Making resources: one statement for the usual one, and one more beside it for a resource that groups wait for.

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::store::TenantStore;
use crate::store::error::Error;
use crate::store::membership::Members;
use crate::store::membership::change::MemberStatement;
use crate::store::membership::reference::{self, Awaited};
use crate::store::postgres::pool::Statement;
use crate::store::resource::update::Columns;
use crate::store::resource::update::Content;
use crate::store::resource::update::Written;
use crate::store::resource::update::columns;
use crate::store::stamp::{Stamp, slot};

/// Alone it stores only what no group waits for; `$22` says that [`reference::resolve`] comes along.
pub(in crate::store) const INSERT: &str = "
WITH waiting AS (SELECT EXISTS (SELECT 1 FROM member_ref m WHERE m.tenant_id = $1 AND m.key = ANY($21)) AS found),
w AS (
  INSERT INTO resource (tenant_id, id, resource_type, name_key, external_id, active, source, set_aside, mapped,
    mapping_state, mapping_revision, version, created_at, modified_at)
  SELECT t.id, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1, $12, $12 FROM tenant t, waiting
  WHERE t.id = $1 AND t.active_mapping = $11 AND t.schema_revision = $23 AND ($22 OR NOT waiting.found)
  RETURNING tenant_id, id, version),
u AS (INSERT INTO unique_key (tenant_id, resource_type, attribute, key, id)
  SELECT w.tenant_id, $3, k.attribute, k.key, w.id FROM w, unnest($13::text[], $14::text[]) k (attribute, key)),
s AS (INSERT INTO resource_key (tenant_id, attribute, key, id)
  SELECT w.tenant_id, k.attribute, k.key, w.id FROM w, unnest($15::text[], $16::text[]) k (attribute, key)),
c AS (INSERT INTO resource_count AS c (tenant_id, resource_type, slot, n) SELECT w.tenant_id, $3, $17, 1 FROM w
  ON CONFLICT (tenant_id, resource_type, slot) DO UPDATE SET n = c.n + 1),
e AS (INSERT INTO event (tenant_id, type, resource_type, resource_id, version, actor, request_id, at)
  SELECT w.tenant_id, $18, $3, w.id, w.version, $19, $20, $12 FROM w WHERE $18::text IS NOT NULL)
SELECT (SELECT version FROM w), found FROM waiting";

/// A resource to be made.
pub struct Insert<'a> {
    /// The resource's type.
    pub resource_type: &'a str,
    /// Its id.
    pub id: Uuid,
    /// What to store.
    pub content: &'a Content,
    /// A group's first members.
    pub members: Option<&'a Members>,
}

impl TenantStore {
    /// Inserts a resource, with its first members where it is a group. Gives the number of groups that were waiting for
    /// it, too, and have it as a member now.
    ///
    /// # Errors
    /// [`Error::Duplicate`] when a unique value is in use.
    pub async fn insert(&self, new: &Insert<'_>, stamp: &Stamp) -> Result<(Written, i64), Error> {
        let mut columns = InsertColumns::of(new);
        if new.members.is_none() {
            let rows = self.query(DOING, INSERT, &columns.params(self, new, stamp)).await?;
            let is_awaited = rows.first().is_some_and(|row| row.get(1));
            if !is_awaited {
                return Ok((inserted(&rows), 0));
            }
        }
        columns.resolves = true;
        self.insert_and_resolve(new, &columns, stamp).await
    }

    async fn insert_and_resolve(
        &self,
        new: &Insert<'_>,
        columns: &InsertColumns<'_>,
        stamp: &Stamp,
    ) -> Result<(Written, i64), Error> {
        let params = columns.params(self, new, stamp);
        let insert = Statement { doing: DOING, sql: INSERT, params: &params };
        let resolve_params = columns.resolve_params(self, new, stamp);
        let resolve = reference::resolve(&resolve_params);
        let first_members = new.members.map(|members| MemberStatement::new(self.tenant, new.id, true, members, stamp));
        let mut batch = vec![insert, resolve];
        let member_params = first_members.as_ref().map(MemberStatement::params);
        if let Some((members, params)) = first_members.as_ref().zip(member_params.as_ref()) {
            batch.push(members.statement(params));
        }
        let answers = self.batch(&batch).await?;
        Ok((inserted(&answers[0]), answers[1].first().map_or(0, |row| row.get(0))))
    }
}

pub(in crate::store) const DOING: &str = "storing a resource";

fn inserted(rows: &[Row]) -> Written {
    rows.first().and_then(|row| row.get(0)).map_or(Written::Lost, Written::Done)
}

/// What of an insert's parameters is put together first.
pub(in crate::store) struct InsertColumns<'a> {
    unique: Columns<'a>,
    searchable: Columns<'a>,
    awaited: Awaited,
    /// Whether the references that mean it are resolved in the same transaction.
    resolves: bool,
    slot: i16,
    state: &'static str,
}

impl<'a> InsertColumns<'a> {
    pub(in crate::store) fn of(new: &Insert<'a>) -> Self {
        let keys = &new.content.keys;
        Self {
            unique: columns(&keys.unique),
            searchable: columns(&keys.searchable),
            awaited: Awaited::new(new.resource_type, new.id, keys),
            resolves: false,
            slot: slot(),
            state: new.content.mapping_state.word(),
        }
    }

    /// The same, where the references that mean the resource are resolved in the same transaction.
    pub(in crate::store) fn resolving(new: &Insert<'a>, slot: i16) -> Self {
        Self { resolves: true, slot, ..Self::of(new) }
    }

    /// The parameters of [`reference::resolve`].
    pub(in crate::store) fn resolve_params<'p>(
        &'p self,
        store: &'p TenantStore,
        new: &'p Insert<'a>,
        stamp: &'p Stamp,
    ) -> [&'p (dyn ToSql + Sync); 8] {
        self.awaited.params(store, &new.id, &self.slot, stamp)
    }

    pub(in crate::store) fn params<'p>(
        &'p self,
        store: &'p TenantStore,
        new: &'p Insert<'a>,
        stamp: &'p Stamp,
    ) -> [&'p (dyn ToSql + Sync); 23] {
        let (content, keys) = (new.content, &new.content.keys);
        [
            &store.tenant.0,
            &new.id,
            &new.resource_type,
            &keys.name_key,
            &keys.external_id,
            &keys.active,
            &content.source,
            &content.set_aside,
            &content.mapped,
            &self.state,
            &content.mapping_revision,
            &stamp.at,
            &self.unique.0,
            &self.unique.1,
            &self.searchable.0,
            &self.searchable.1,
            &self.slot,
            &content.event,
            &stamp.actor,
            &stamp.request_id,
            &self.awaited.keys,
            &self.resolves,
            &content.schema_revision,
        ]
    }
}
