//! Writing resources: each write is one statement in which keys, counter and events all hang on the row that was
//! written, so nothing is kept where the row's version, or the tenant's active mapping, is no longer what was read.

use std::time::SystemTime;

use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::store::TenantStore;
use crate::store::error::Error;
use crate::store::event::words;
use crate::store::membership::Members;
use crate::store::membership::change::MemberStatement;
use crate::store::membership::reference::{self, Awaited};
use crate::store::postgres::pool::Statement;
use crate::store::resource::key::Key;
use crate::store::resource::key::Keys;
use crate::store::resource::read::MappingState;
use crate::store::resource::read::Stored;
use crate::store::stamp::{Stamp, slot};

/// What is stored of a resource besides its identity.
#[derive(Clone, Debug)]
pub struct Content {
    /// The source document's text.
    pub source: String,
    /// What no schema knows yet.
    pub set_aside: Option<String>,
    /// The mapped document's text, where it differs.
    pub mapped: Option<String>,
    /// How the two stand.
    pub mapping_state: MappingState,
    /// The mapping revision the chain had; 0 for none. The write is refused when another became active meanwhile.
    pub mapping_revision: i32,
    /// By which schemas the document was understood. The write is refused when they changed meanwhile.
    pub schema_revision: i64,
    /// The index keys of the source document.
    pub keys: Keys,
    /// What happened, for the product; none where it does not see the change.
    pub event: Option<&'static str>,
}

impl Content {
    /// The resource as it is once this content is stored, without reading it back.
    #[must_use]
    pub fn stored(self, before: Stored, version: i64, at: SystemTime) -> Stored {
        Stored {
            source: self.source,
            set_aside: self.set_aside,
            mapped: self.mapped,
            mapping_state: self.mapping_state,
            own_version: version,
            modified_at: at,
            ..before
        }
    }
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// Done; the row's own version now.
    Done(i64),
    /// The row or the mapping changed since it was read: read again.
    Lost,
}

/// The row alone; what hangs on it follows.
const UPDATE: &str = "
WITH w AS (
  UPDATE resource r SET name_key = $4, external_id = $5, active = $6, source = $7, set_aside = $8, mapped = $9,
    mapping_state = $10, mapping_revision = $11, version = r.version + 1, modified_at = $12
  WHERE r.tenant_id = $1 AND r.id = $2 AND r.resource_type = $3 AND r.version = $13 AND r.deleted_at IS NULL
    AND EXISTS (SELECT 1 FROM tenant t WHERE t.id = $1 AND t.active_mapping = $11 AND t.schema_revision = $18)
    AND ";

/// Where the member changes must not have moved on.
const IF_MEMBERS_STAY: &str =
    "$14::bigint = (SELECT coalesce(sum(n), 0) FROM group_change g WHERE g.tenant_id = $1 AND g.group_id = $2)";
const WHATEVER_MEMBERS: &str = "$14::bigint IS NULL";

const RETURNING: &str = "
  RETURNING r.tenant_id, r.id, r.version)";

const UPDATE_KEYS: &str = ",
ud AS (DELETE FROM unique_key k USING w, unnest($23::text[], $24::text[]) gone (attribute, key)
  WHERE k.tenant_id = $1 AND k.resource_type = $3 AND k.attribute = gone.attribute AND k.key = gone.key AND k.id = w.id),
u AS (INSERT INTO unique_key (tenant_id, resource_type, attribute, key, id)
  SELECT w.tenant_id, $3, k.attribute, k.key, w.id FROM w, unnest($19::text[], $20::text[]) k (attribute, key)),
sd AS (DELETE FROM resource_key k USING w, unnest($25::text[], $26::text[]) gone (attribute, key)
  WHERE k.tenant_id = $1 AND k.attribute = gone.attribute AND k.key = gone.key AND k.id = w.id),
s AS (INSERT INTO resource_key (tenant_id, attribute, key, id)
  SELECT w.tenant_id, k.attribute, k.key, w.id FROM w, unnest($21::text[], $22::text[]) k (attribute, key))";

const TELL: &str = ",
e AS (INSERT INTO event (tenant_id, type, resource_type, resource_id, version, actor, request_id, at)
  SELECT w.tenant_id, $15, $3, w.id, w.version, $16, $17, $12 FROM w WHERE $15::text IS NOT NULL)";

/// An update that makes a resource visible to the product tells of its memberships, too: what was added while it was
/// excluded was not told then. One that hides it ends them, as its `deleted` event says.
const TELL_OF_MEMBERSHIPS_TOO: &str = ",
e AS (INSERT INTO event (tenant_id, type, resource_type, resource_id, member_id, version, actor, request_id, at)
  SELECT told.tenant_id, told.type, told.resource_type, told.id, told.member_id, told.version, $16, $17, $12 FROM (
    SELECT 0 AS nth, w.tenant_id, $15::text AS type, $3::text AS resource_type, w.id, NULL::uuid AS member_id, w.version FROM w
    UNION ALL SELECT 1, w.tenant_id, 'membership.added', 'Group', m.group_id, m.member_id, NULL FROM w
    JOIN membership m ON m.tenant_id = $1 AND m.member_id = w.id
    JOIN resource g ON g.tenant_id = $1 AND g.id = m.group_id AND g.mapping_state NOT IN ('excluded', 'never')
    WHERE $15::text IN ('user.created', 'resource.created')
    UNION ALL SELECT 1, w.tenant_id, 'membership.added', 'Group', m.group_id, m.member_id, NULL FROM w
    JOIN membership m ON m.tenant_id = $1 AND m.group_id = w.id
    JOIN resource u ON u.tenant_id = $1 AND u.id = m.member_id AND u.mapping_state NOT IN ('excluded', 'never')
    WHERE $15::text = 'group.created') told ORDER BY told.nth)";

/// Only the parts that have something to do: the database sets every other up in vain, which costs more than the row.
fn update_sql(guards_members: bool, changes_keys: bool, appears: bool) -> String {
    let guard = if guards_members { IF_MEMBERS_STAY } else { WHATEVER_MEMBERS };
    let keys = if changes_keys { UPDATE_KEYS } else { "" };
    let events = if appears { TELL_OF_MEMBERSHIPS_TOO } else { TELL };
    format!("{UPDATE}{guard}{RETURNING}{keys}{events} SELECT version FROM w")
}

/// Parameters of an update whose keys stay as they are.
const WITHOUT_KEYS: usize = 18;

/// A group's row is locked before the statement that looks at its member changes takes its snapshot: member changes
/// share the lock, so none can commit between the look and the write.
const LOCK: &str = "SELECT 1 FROM resource WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE";

const TOMBSTONE: &str = "
WITH w AS (
  UPDATE resource r SET deleted_at = $4, version = r.version + 1, modified_at = $4, set_aside = NULL
  WHERE r.tenant_id = $1 AND r.id = $2 AND r.resource_type = $3 AND r.deleted_at IS NULL AND ($5::bigint IS NULL OR r.version = $5)
    AND ($6::bigint IS NULL OR $6 = (SELECT coalesce(sum(n), 0) FROM group_change g WHERE g.tenant_id = $1 AND g.group_id = $2))
  RETURNING r.tenant_id, r.id, r.version, r.mapping_state, r.name_key, r.external_id),
t AS (INSERT INTO tombstone_key (tenant_id, resource_type, attribute, key, id, deleted_at)
  SELECT w.tenant_id, $3, CASE WHEN w.external_id IS NULL THEN 'name' ELSE 'externalId' END, coalesce(w.external_id, w.name_key), w.id, $4
  FROM w WHERE $3 <> 'Group' AND coalesce(w.external_id, w.name_key) IS NOT NULL),
u AS (DELETE FROM unique_key k USING w WHERE k.tenant_id = $1 AND k.id = w.id),
s AS (DELETE FROM resource_key k USING w WHERE k.tenant_id = $1 AND k.id = w.id),
c AS (INSERT INTO resource_count AS c (tenant_id, resource_type, slot, n) SELECT w.tenant_id, $3, $7, -1 FROM w
  ON CONFLICT (tenant_id, resource_type, slot) DO UPDATE SET n = c.n - 1),
e AS (INSERT INTO event (tenant_id, type, resource_type, resource_id, version, actor, request_id, at)
  SELECT w.tenant_id, $8, $3, w.id, w.version, $9, $10, $4 FROM w WHERE w.mapping_state NOT IN ('excluded', 'never'))
SELECT version FROM w";

/// Runs after the tombstone is set, with a snapshot of its own: a member added meanwhile is seen and dropped.
const DROP_MEMBERSHIPS: &str = "
WITH w AS (SELECT id FROM resource WHERE tenant_id = $1 AND id = $2 AND deleted_at = $3),
own AS (DELETE FROM membership m USING w WHERE m.tenant_id = $1 AND m.group_id = w.id),
refs AS (DELETE FROM member_ref m USING w WHERE m.tenant_id = $1 AND m.group_id = w.id),
left_behind AS (DELETE FROM membership m USING w WHERE m.tenant_id = $1 AND m.member_id = w.id AND m.group_id <> w.id
  RETURNING m.group_id),
c AS (INSERT INTO group_change AS c (tenant_id, group_id, slot, n, at)
  SELECT $1, group_id, $4, 1, $3 FROM left_behind ORDER BY group_id
  ON CONFLICT (tenant_id, group_id, slot) DO UPDATE SET n = c.n + 1, at = greatest(c.at, excluded.at))
SELECT count(*) FROM left_behind";

impl TenantStore {
    /// Replaces what is stored of a resource whose own version is still `version`, and changes its members with it.
    /// With `member_changes` given, a group's members must not have changed either. Gives the number of groups that were
    /// waiting for one of its names, too, and have it as a member now.
    ///
    /// # Errors
    /// [`Error::Duplicate`] when a unique value is in use.
    pub async fn update(&self, update: &Update<'_>, stamp: &Stamp) -> Result<(Written, i64), Error> {
        let (content, keys) = (update.content, &update.content.keys);
        let (added, removed) = difference(&update.before.unique, &keys.unique);
        let (found, lost) = difference(&update.before.searchable, &keys.searchable);
        let state = content.mapping_state.word();
        let params: [&(dyn ToSql + Sync); 26] = [
            &self.tenant.0,
            &update.id,
            &update.resource_type,
            &keys.name_key,
            &keys.external_id,
            &keys.active,
            &content.source,
            &content.set_aside,
            &content.mapped,
            &state,
            &content.mapping_revision,
            &stamp.at,
            &update.version,
            &update.member_changes,
            &content.event,
            &stamp.actor,
            &stamp.request_id,
            &content.schema_revision,
            &added.0,
            &added.1,
            &found.0,
            &found.1,
            &removed.0,
            &removed.1,
            &lost.0,
            &lost.1,
        ];
        let changes_keys = [&added, &found, &removed, &lost].iter().any(|keys| !keys.0.is_empty());
        let appears = content.event.is_some_and(|event| event.ends_with(".created"));
        let sql = update_sql(update.member_changes.is_some(), changes_keys, appears);
        let used = if changes_keys { params.as_slice() } else { &params[..WITHOUT_KEYS] };
        let lock_params: [&(dyn ToSql + Sync); 2] = [&self.tenant.0, &update.id];
        let awaited = Awaited::renamed(update.resource_type, update.before, keys);
        let slot = slot();
        let waiting_params = awaited.as_ref().map(|awaited| awaited.lock_params(self));
        let resolve_params = awaited.as_ref().map(|awaited| awaited.params(self, &update.id, &slot, stamp));
        let members = update.members.map(|members| MemberStatement::new(self.tenant, update.id, true, members, stamp));
        let member_params = members.as_ref().map(MemberStatement::params);
        let mut batch = Vec::with_capacity(3);
        if update.member_changes.is_some() {
            batch.push(Statement { doing: "locking a group", sql: LOCK, params: &lock_params });
        }
        batch.extend(waiting_params.as_ref().map(reference::lock_waiting));
        let at = batch.len();
        batch.push(Statement { doing: "storing a resource", sql: &sql, params: used });
        batch.extend(resolve_params.as_ref().map(reference::resolve));
        if let Some((members, params)) = members.as_ref().zip(member_params.as_ref()) {
            batch.push(members.statement(params));
        }
        let answers = self.batch(&batch).await?;
        let joined = if awaited.is_some() { answers[at + 1].first().map_or(0, |row| row.get(0)) } else { 0 };
        Ok((written(&answers[at]), joined))
    }

    /// Deletes a resource: the row stays as a tombstone, and everything that finds it goes. With a version given,
    /// only when it still has that one.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn delete(
        &self,
        resource_type: &str,
        id: Uuid,
        expected: Option<(i64, i64)>,
        stamp: &Stamp,
    ) -> Result<Written, Error> {
        let (slot, event) = (slot(), words(resource_type).deleted);
        let (version, changes) = (expected.map(|it| it.0), expected.map(|it| it.1));
        let lock_params: [&(dyn ToSql + Sync); 2] = [&self.tenant.0, &id];
        let params: [&(dyn ToSql + Sync); 10] = [
            &self.tenant.0,
            &id,
            &resource_type,
            &stamp.at,
            &version,
            &changes,
            &slot,
            &event,
            &stamp.actor,
            &stamp.request_id,
        ];
        let drop_params: [&(dyn ToSql + Sync); 4] = [&self.tenant.0, &id, &stamp.at, &slot];
        let answers = self
            .batch(&[
                Statement { doing: "locking a resource", sql: LOCK, params: &lock_params },
                Statement { doing: "deleting a resource", sql: TOMBSTONE, params: &params },
                Statement { doing: "dropping memberships", sql: DROP_MEMBERSHIPS, params: &drop_params },
            ])
            .await?;
        Ok(written(&answers[1]))
    }
}

/// An update and what it was computed from.
pub struct Update<'a> {
    /// The resource's type.
    pub resource_type: &'a str,
    /// Its id.
    pub id: Uuid,
    /// The own version that was read.
    pub version: i64,
    /// The member changes that were read, where they must not have moved on.
    pub member_changes: Option<i64>,
    /// The keys of the document that was read.
    pub before: &'a Keys,
    /// What to store.
    pub content: &'a Content,
    /// Member changes to make in the same transaction.
    pub members: Option<&'a Members>,
}

pub(in crate::store) fn written(rows: &[tokio_postgres::Row]) -> Written {
    rows.first().map_or(Written::Lost, |row| Written::Done(row.get(0)))
}

pub(in crate::store) type Columns<'a> = (Vec<&'a str>, Vec<&'a str>);

pub(in crate::store) fn columns(keys: &[Key]) -> Columns<'_> {
    keys.iter().map(|key| (key.attribute.as_str(), key.key.as_str())).unzip()
}

/// What comes and what goes; what stays is left alone, so a unique index never meets a key that is also deleted.
fn difference<'a>(before: &'a [Key], after: &'a [Key]) -> (Columns<'a>, Columns<'a>) {
    let pick = |from: &'a [Key], but: &[Key]| {
        from.iter().filter(|key| !but.contains(key)).map(|key| (key.attribute.as_str(), key.key.as_str())).unzip()
    };
    (pick(after, before), pick(before, after))
}
