//! Inserting a resource: usually one statement, and a second one if groups have pending references to the resource.

use std::sync::LazyLock;

use uuid::Uuid;

use crate::store::TenantStore;
use crate::store::error::Error;
use crate::store::membership::Members;
use crate::store::membership::change::MemberStatement;
use crate::store::membership::reference::PendingReferences;
use crate::store::postgres::pool::Statement;
use crate::store::resource::content::{Content, INCREMENT_COUNT, INSERT_EVENT, INSERT_KEYS, RowWrite, Written};
use crate::store::stamp::{Stamp, Target, slot};

/// Inserts nothing if there are pending references to the resource, unless `$18` says that this transaction resolves them.
static INSERT: LazyLock<String> = LazyLock::new(|| {
    format!(
        "
WITH pending AS (SELECT EXISTS (SELECT 1 FROM member_ref m WHERE m.tenant_id = $1 AND m.key = ANY($23)) AS found),
w AS (
  INSERT INTO resource (tenant_id, id, resource_type, name_key, external_id, active, source, set_aside, mapped,
    mapping_state, mapping_revision, version, created_at, modified_at)
  SELECT t.id, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1, $12, $12 FROM tenant t, pending
  WHERE t.id = $1 AND t.active_mapping = $11 AND t.schema_revision = $13 AND ($18 OR NOT pending.found)
  RETURNING tenant_id, id, version){INSERT_KEYS}{INCREMENT_COUNT}{INSERT_EVENT}
SELECT (SELECT version FROM w), found FROM pending"
    )
});

/// A resource to be inserted.
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
    /// Inserts a resource, with its first members where it is a group. Also returns the number of groups whose pending
    /// references became memberships.
    ///
    /// # Errors
    /// [`Error::Duplicate`] when a unique value is in use.
    pub async fn insert(&self, new: &Insert<'_>, stamp: &Stamp) -> Result<(Written, i64), Error> {
        let mut insert = InsertStatements::new(self, new, (slot(), stamp));
        if new.members.is_none() {
            insert.resolves = false;
            let answers = self.batch(&[insert.insert()]).await?;
            let has_pending = answers[0].first().is_some_and(|row| row.get(1));
            if !has_pending {
                return Ok((Written::from_rows(&answers[0]), 0));
            }
            insert.resolves = true;
        }
        let members = insert.members();
        let mut batch = vec![insert.insert(), insert.resolve()];
        batch.extend(members.as_ref().map(MemberStatement::statement));
        let answers = self.batch(&batch).await?;
        Ok((Written::from_rows(&answers[0]), answers[1].first().map_or(0, |row| row.get(0))))
    }
}

/// The statements that insert one resource.
pub(in crate::store) struct InsertStatements<'a> {
    write: RowWrite<'a>,
    members: Option<&'a Members>,
    pending: PendingReferences,
    /// Whether [`InsertStatements::resolve`] is in the same transaction.
    resolves: bool,
}

impl<'a> InsertStatements<'a> {
    pub(in crate::store) fn new(store: &TenantStore, new: &Insert<'a>, (slot, stamp): (i16, &'a Stamp)) -> Self {
        let Insert { resource_type, id, content, members } = *new;
        let target = Target { tenant: store.tenant, resource_type, id, slot, stamp };
        let pending = PendingReferences::new(resource_type, id, &content.keys);
        Self { write: RowWrite::new(target, content), members, pending, resolves: true }
    }

    pub(in crate::store) fn insert(&self) -> Statement<'_> {
        let mut params = self.write.params([&self.write.target.slot, &self.resolves]);
        params.push(&self.pending.keys);
        Statement { doing: "storing a resource", sql: &INSERT, params }
    }

    pub(in crate::store) fn resolve(&self) -> Statement<'_> {
        self.pending.resolve(&self.write.target)
    }

    pub(in crate::store) fn members(&self) -> Option<MemberStatement<'a>> {
        let Target { tenant, id, stamp, .. } = self.write.target;
        self.members.map(|members| MemberStatement::new(tenant, id, true, members, stamp))
    }
}
