//! Updating a resource, with its members where it is a group.

use std::slice;

use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::store::TenantStore;
use crate::store::error::Error;
use crate::store::event::EventKind;
use crate::store::guard::MembersGuard;
use crate::store::membership::change::MemberStatement;
use crate::store::membership::events::announce;
use crate::store::membership::held::HoldMembers;
use crate::store::membership::reference::PendingReferences;
use crate::store::membership::{LOCK_RESOURCE, Members};
use crate::store::postgres::pool::Statement;
use crate::store::postgres::sql::Variants;
use crate::store::resource::content::{
    Arms, Content, IF_SETTINGS_UNCHANGED, NONE_PENDING, RowParams, RowWrite, SET_CONTENT, SearchColumns, Written,
    delete_search_keys, if_row_unchanged, key_columns,
};
use crate::store::resource::key::{Key, Keys};
use crate::store::resource::read::{GROUPS, GroupRef, RowVersion, groups};
use crate::store::stamp::{Stamp, Target, slot};

/// The parts of the statement that depend on what changes.
#[derive(Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each part is there or not, independently of the others")]
struct Parts {
    arms: Arms,
    /// Whether unique keys are deleted.
    loses_unique: bool,
    /// Whether search keys are deleted.
    loses_searchable: bool,
    /// Whether it is one, which the index finds without more ado.
    loses_one: bool,
    /// Whether a group's members must be as they were read.
    guards_members: bool,
    /// Whether the resource gets a name and the tenant has no pending references.
    none_pending: bool,
    /// Whether the answer has the resource's groups.
    reads_groups: bool,
}

impl Parts {
    fn sql(self) -> &'static str {
        static TEXTS: Variants<1024> = Variants::new();
        let Arms { text, unique, searchable, event } = self.arms;
        let Self { loses_unique, loses_searchable, loses_one, guards_members, none_pending, reads_groups, .. } = self;
        let flags = [
            text,
            unique,
            searchable,
            event,
            loses_unique,
            loses_searchable,
            loses_one,
            guards_members,
            none_pending,
            reads_groups,
        ];
        TEXTS.get(flags, || self.text())
    }

    fn text(self) -> String {
        let version = self.arms.next_param();
        let mut next = version + 3;
        let mut deletes = Vec::with_capacity(2);
        if self.loses_unique {
            deletes.push(format!(
                ",
ud AS (DELETE FROM unique_key k USING w, unnest(${next}::text[], ${}::text[]) gone (attribute, key)
  WHERE k.tenant_id = $1 AND k.resource_type = $3 AND k.attribute = gone.attribute AND k.key = gone.key AND k.id = w.id)",
                next + 1
            ));
            next += 2;
        }
        if self.loses_searchable && self.arms.text {
            deletes.push(format!(
                ",
sd AS (DELETE FROM resource_key k USING w, unnest(${next}::text[], ${}::text[]) gone (attribute, key)
  WHERE k.tenant_id = $1 AND k.attribute = gone.attribute AND k.key = gone.key AND k.id = w.id)",
                next + 1
            ));
            next += 2;
        } else if self.loses_one {
            deletes.push(format!(
                ",
sd AS (DELETE FROM search_key k USING w WHERE k.tenant_id = $1 AND k.h = ${next}::int8 AND k.id = w.id)"
            ));
            next += 1;
        } else if self.loses_searchable {
            deletes.push(format!(
                ",
sd AS ({})",
                delete_search_keys(next)
            ));
            next += 1;
        }
        let members = if self.guards_members {
            format!(
                "
  AND ${next}::bigint = (SELECT coalesce(sum(n), 0) FROM group_change g WHERE g.tenant_id = $1 AND g.group_id = $2)"
            )
        } else {
            String::new()
        };
        let groups = if self.reads_groups { GROUPS } else { "NULL::text" };
        let deletes = deletes.concat();
        let row = if_row_unchanged(version);
        let none_pending = if self.none_pending { NONE_PENDING } else { "" };
        let keys = self.arms.insert_keys();
        let events = self.arms.insert_event("NULL::smallint");
        format!(
            "
WITH w AS ({SET_CONTENT}
  WHERE r.tenant_id = $1 AND r.id = $2 AND CASE WHEN r.resource_type = $3 THEN r.deleted_at IS NULL END AND {row}{members}{IF_SETTINGS_UNCHANGED}{none_pending})
  RETURNING r.tenant_id, r.id, r.version, r.resource_type){keys}{deletes}{events}
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
    /// The row as it was read.
    pub row: RowVersion,
    /// The member changes that were read, where they must be unchanged.
    pub member_changes: Option<i64>,
    /// The keys of the document that was read.
    pub before: &'a Keys,
    /// What to store.
    pub content: &'a Content,
    /// Member changes to make in the same transaction.
    pub members: Option<&'a Members>,
    /// How the removal of members passes the guard.
    pub members_guard: &'a MembersGuard,
    /// Whether to read the groups that the resource is a member of.
    pub reads_groups: bool,
}

impl TenantStore {
    /// Updates a resource whose row is still as it was read, and its members. With `member_changes` given, a group's
    /// members must not have changed either. Also returns the number of groups whose pending references to one of its new
    /// names became memberships, and its groups where they are to be read.
    ///
    /// # Errors
    /// [`Error::Duplicate`] when a unique value is in use.
    pub async fn update(&self, update: &Update<'_>, stamp: &Stamp) -> Result<(Written, i64, Vec<GroupRef>), Error> {
        let Update { resource_type, id, row, member_changes, before, content, members, .. } = update;
        let target = Target { tenant: self.tenant, resource_type, id: *id, slot: slot(), stamp };
        let (added, removed) = difference(&before.unique, &content.keys.unique);
        let (found, lost) = difference(&before.searchable, &content.keys.searchable);
        let removed = key_columns(removed);
        let lost = SearchColumns::of(lost, content.key_layout);
        let write =
            RowWrite::with_keys(target, content, (key_columns(added), SearchColumns::of(found, content.key_layout)));
        let named = PendingReferences::renamed(resource_type, before, &content.keys);
        let none_pending = named.is_some() && !content.awaits_references;
        let pending = named.filter(|_| content.awaits_references);
        let parts = Parts {
            arms: write.arms(),
            loses_unique: !removed.0.is_empty(),
            loses_searchable: !lost.is_empty(),
            loses_one: lost.one().is_some(),
            guards_members: member_changes.is_some(),
            none_pending,
            reads_groups: update.reads_groups,
        };
        let row = RowParams::from(*row);
        let mut params = write.params();
        params.extend(row.params());
        if parts.loses_unique {
            let unique: [&(dyn ToSql + Sync); 2] = [&removed.0, &removed.1];
            params.extend(unique);
        }
        match lost.one() {
            Some(hash) => params.push(hash),
            None => lost.push_to(&mut params),
        }
        if parts.guards_members {
            params.push(member_changes);
        }
        let hold_members = members
            .zip(update.members_guard.batch())
            .map(|(members, batch)| HoldMembers::new(self.tenant.0, *id, (members, batch), stamp));
        let members =
            members.map(|members| MemberStatement::new(self.tenant, *id, true, (members, update.members_guard), stamp));
        let unique = content.unique_write(*id);
        let mut batch = Vec::with_capacity(6);
        if parts.guards_members || hold_members.is_some() {
            batch.push(Statement::new("locking a group", LOCK_RESOURCE, &[&self.tenant.0, id]));
        }
        batch.extend(pending.as_ref().map(|pending| pending.lock_groups(&write.target)));
        let index = batch.len();
        batch.push(Statement { doing: "storing a resource", sql: parts.sql(), params });
        let created: &[Uuid] = if content.event == Some(EventKind::Created) { slice::from_ref(id) } else { &[] };
        batch.extend((!created.is_empty()).then(|| announce(&self.tenant.0, &created, stamp)));
        let resolved = batch.len();
        batch.extend(pending.as_ref().map(|pending| pending.resolve(&write.target, &parts.arms.event)));
        batch.extend(hold_members.as_ref().map(HoldMembers::statement));
        batch.extend(members.as_ref().map(MemberStatement::statement));
        batch.extend(content.further((&self.tenant.0, id), unique.as_ref(), stamp));
        let answers = self.batch(&batch).await?;
        let joined = if pending.is_some() { answers[resolved].first().map_or(0, |row| row.get(0)) } else { 0 };
        let of = answers[index].first().map_or(Ok(Vec::new()), |row| groups(row.get(1)))?;
        Ok((Written::from_rows(&answers[index]), joined, of))
    }
}

/// The added and the removed keys. A key in both is neither, because the unique index would refuse to insert a key that the
/// same statement deletes.
fn difference<'a>(before: &'a [Key], after: &'a [Key]) -> (Vec<&'a Key>, Vec<&'a Key>) {
    let pick = |from: &'a [Key], but: &[Key]| from.iter().filter(|key| !but.contains(key)).collect();
    (pick(after, before), pick(before, after))
}
