//! Updating a resource, with its members where it is a group.

use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::store::TenantStore;
use crate::store::error::Error;
use crate::store::event::EventKind;
use crate::store::membership::change::MemberStatement;
use crate::store::membership::reference::PendingReferences;
use crate::store::membership::{LOCK_RESOURCE, Members};
use crate::store::postgres::pool::Statement;
use crate::store::postgres::sql::Variants;
use crate::store::resource::content::{
    Content, IF_UNCHANGED, INSERT_EVENT, INSERT_KEYS, KeyColumns, PARAMS_WITHOUT_KEYS, RowWrite, SET_CONTENT, Written,
    key_columns,
};
use crate::store::resource::key::{Key, Keys};
use crate::store::resource::read::{GROUPS, GroupRef, groups};
use crate::store::stamp::{Stamp, Target, slot};

const IF_MEMBERS_UNCHANGED: &str =
    "$17::bigint = (SELECT coalesce(sum(n), 0) FROM group_change g WHERE g.tenant_id = $1 AND g.group_id = $2)";
const WHATEVER_MEMBERS: &str = "$17::bigint IS NULL";

const DELETE_KEYS: &str = ",
ud AS (DELETE FROM unique_key k USING w, unnest($23::text[], $24::text[]) gone (attribute, key)
  WHERE k.tenant_id = $1 AND k.resource_type = $3 AND k.attribute = gone.attribute AND k.key = gone.key AND k.id = w.id),
sd AS (DELETE FROM resource_key k USING w, unnest($25::text[], $26::text[]) gone (attribute, key)
  WHERE k.tenant_id = $1 AND k.attribute = gone.attribute AND k.key = gone.key AND k.id = w.id)";

/// The events of an update that makes a resource visible to the product. They include its memberships, because none were
/// written while it was excluded. An update that hides a resource needs no such events: `deleted` implies them.
const INSERT_CREATED_EVENTS: &str = ",
e AS (INSERT INTO event (tenant_id, type, resource_type, resource_id, member_id, version, actor, request_id, at)
  SELECT new.tenant_id, new.type, new.resource_type, new.id, new.member_id, new.version, $15, $16, $12 FROM (
    SELECT 0 AS nth, w.tenant_id, $14::text AS type, $3::text AS resource_type, w.id, NULL::uuid AS member_id, w.version FROM w
    UNION ALL SELECT 1, w.tenant_id, 'membership.added', 'Group', m.group_id, m.member_id, NULL FROM w
    JOIN membership m ON m.tenant_id = $1 AND m.member_id = w.id
    JOIN resource g ON g.tenant_id = $1 AND g.id = m.group_id AND g.mapping_state NOT IN ('excluded', 'never')
    WHERE $3::text <> 'Group'
    UNION ALL SELECT 1, w.tenant_id, 'membership.added', 'Group', m.group_id, m.member_id, NULL FROM w
    JOIN membership m ON m.tenant_id = $1 AND m.group_id = w.id
    JOIN resource u ON u.tenant_id = $1 AND u.id = m.member_id AND u.mapping_state NOT IN ('excluded', 'never')
    WHERE $3::text = 'Group') new ORDER BY new.nth)";

/// The parts of the statement. Those with nothing to do are left out, because the server initialises them in any case, which
/// costs more than writing the row.
#[derive(Clone, Copy)]
struct Parts {
    guards_members: bool,
    changes_keys: bool,
    is_created: bool,
}

impl Parts {
    fn sql(self, reads_groups: bool) -> &'static str {
        static TEXTS: [Variants; 2] = [const { Variants::new() }; 2];
        let (texts, groups) = (&TEXTS[usize::from(reads_groups)], if reads_groups { GROUPS } else { "NULL::text" });
        texts.get([self.guards_members, self.changes_keys, self.is_created], || self.text(groups))
    }

    fn text(self, groups: &str) -> String {
        let guard = if self.guards_members { IF_MEMBERS_UNCHANGED } else { WHATEVER_MEMBERS };
        let (inserts, deletes) = if self.changes_keys { (INSERT_KEYS, DELETE_KEYS) } else { ("", "") };
        let events = if self.is_created { INSERT_CREATED_EVENTS } else { INSERT_EVENT };
        format!(
            "
WITH w AS ({SET_CONTENT}{IF_UNCHANGED} AND r.deleted_at IS NULL AND {guard}
  RETURNING r.tenant_id, r.id, r.version, r.resource_type){inserts}{deletes}{events}
SELECT r.version, {groups} FROM w r"
        )
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
    /// The member changes that were read, where they must be unchanged.
    pub member_changes: Option<i64>,
    /// The keys of the document that was read.
    pub before: &'a Keys,
    /// What to store.
    pub content: &'a Content,
    /// Member changes to make in the same transaction.
    pub members: Option<&'a Members>,
    /// Whether to read the groups that the resource is a member of.
    pub reads_groups: bool,
}

impl TenantStore {
    /// Updates a resource whose own version is still `version`, and its members. With `member_changes` given, a group's
    /// members must not have changed either. Also returns the number of groups whose pending references to one of its new
    /// names became memberships, and its groups where they are to be read.
    ///
    /// # Errors
    /// [`Error::Duplicate`] when a unique value is in use.
    pub async fn update(&self, update: &Update<'_>, stamp: &Stamp) -> Result<(Written, i64, Vec<GroupRef>), Error> {
        let Update { resource_type, id, version, member_changes, before, content, members, .. } = update;
        let target = Target { tenant: self.tenant, resource_type, id: *id, slot: slot(), stamp };
        let (added, removed) = difference(&before.unique, &content.keys.unique);
        let (found, lost) = difference(&before.searchable, &content.keys.searchable);
        let parts = Parts {
            guards_members: member_changes.is_some(),
            changes_keys: [&added, &found, &removed, &lost].iter().any(|keys| !keys.0.is_empty()),
            is_created: content.event == Some(EventKind::Created),
        };
        let write = RowWrite::with_keys(target, content, (added, found));
        let mut params = write.params([member_changes, version]);
        if parts.changes_keys {
            let deleted: [&(dyn ToSql + Sync); 4] = [&removed.0, &removed.1, &lost.0, &lost.1];
            params.extend(deleted);
        } else {
            params.truncate(PARAMS_WITHOUT_KEYS);
        }
        let pending = PendingReferences::renamed(resource_type, before, &content.keys);
        let members = members.map(|members| MemberStatement::new(self.tenant, *id, true, members, stamp));
        let mut batch = Vec::with_capacity(4);
        if parts.guards_members {
            batch.push(Statement::new("locking a group", LOCK_RESOURCE, &[&self.tenant.0, id]));
        }
        batch.extend(pending.as_ref().map(|pending| pending.lock_groups(&write.target)));
        let index = batch.len();
        batch.push(Statement { doing: "storing a resource", sql: parts.sql(update.reads_groups), params });
        batch.extend(pending.as_ref().map(|pending| pending.resolve(&write.target)));
        batch.extend(members.as_ref().map(MemberStatement::statement));
        let answers = self.batch(&batch).await?;
        let joined = if pending.is_some() { answers[index + 1].first().map_or(0, |row| row.get(0)) } else { 0 };
        let of = answers[index].first().map_or(Ok(Vec::new()), |row| groups(row.get(1)))?;
        Ok((Written::from_rows(&answers[index]), joined, of))
    }
}

/// The added and the removed keys. A key in both is neither, because the unique index would refuse to insert a key that the
/// same statement deletes.
fn difference<'a>(before: &'a [Key], after: &'a [Key]) -> (KeyColumns<'a>, KeyColumns<'a>) {
    let pick = |from: &'a [Key], but: &[Key]| key_columns(from.iter().filter(|key| !but.contains(key)));
    (pick(after, before), pick(before, after))
}
