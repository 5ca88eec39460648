//! Inserting a resource: usually one statement, and a second one if groups have pending references to the resource.

use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::store::TenantStore;
use crate::store::error::Error;
use crate::store::guard::MembersGuard;
use crate::store::mapped_unique::UniqueWrite;
use crate::store::membership::Members;
use crate::store::membership::change::MemberStatement;
use crate::store::membership::reference::PendingReferences;
use crate::store::postgres::pool::Statement;
use crate::store::postgres::sql::Variants;
use crate::store::resource::content::{Arms, Content, NONE_PENDING, Origin, RowWrite, Written};
use crate::store::stamp::{Stamp, Target, slot};

/// How an insert treats pending references to the resource.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pending {
    /// The tenant has none; otherwise nothing is inserted.
    None,
    /// Nothing is inserted if there are some, and the answer says so.
    Checked,
    /// The same transaction resolves them.
    Resolved,
}

fn sql(arms: Arms, pending: Pending, imports: bool) -> &'static str {
    static TEXTS: Variants<128> = Variants::new();
    let Arms { text, unique, searchable, event } = arms;
    let (checked, resolved) = (pending == Pending::Checked, pending == Pending::Resolved);
    TEXTS.get([text, unique, searchable, event, checked, resolved, imports], || build(arms, pending, imports))
}

fn build(arms: Arms, pending: Pending, imports: bool) -> String {
    let mut next = arms.next_param();
    let count = arms.count(next);
    next += usize::from(!arms.event);
    let (version, created, modified) = if imports {
        next += 3;
        (format!("${}::int8", next - 3), format!("${}::timestamptz", next - 2), format!("${}::timestamptz", next - 1))
    } else {
        ("1".to_owned(), "$12".to_owned(), "$12".to_owned())
    };
    let (with, from, condition, found) = match pending {
        Pending::None => (String::new(), "", NONE_PENDING, ""),
        Pending::Resolved => (String::new(), "", "", ""),
        Pending::Checked => (
            format!(
                "pending AS (SELECT EXISTS (SELECT 1 FROM unnest(${next}::text[]) k (key) CROSS JOIN LATERAL
  (SELECT 1 FROM member_ref m WHERE m.tenant_id = $1 AND m.key = k.key LIMIT 1) m) AS found),
"
            ),
            ", pending",
            " AND NOT pending.found",
            ", (SELECT found FROM pending)",
        ),
    };
    format!(
        "
WITH {with}w AS (
  INSERT INTO resource (tenant_id, id, resource_type, name_key, external_id, active, source, set_aside, mapped,
    mapping_state, mapping_revision, version, created_at, modified_at, display, display_version)
  SELECT t.id, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, {version}, {created}, {modified},
    CASE WHEN $3 = 'Group' THEN $7::text::json ->> 'displayName' END, CASE WHEN $3 = 'Group' THEN {version} END FROM tenant t{from}
  WHERE t.id = $1 AND t.active_mapping = $11 AND t.schema_revision = $13{condition}
  RETURNING tenant_id, id, version){}{count}{}
SELECT (SELECT version FROM w){found}",
        arms.insert_keys(),
        arms.insert_event("1")
    )
}

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
        let insert = InsertStatements::new(self, new, (slot(), stamp));
        if new.members.is_none() {
            let awaits = new.content.awaits_references;
            let pending = if awaits { Pending::Checked } else { Pending::None };
            let mut batch = vec![insert.statement(pending)];
            batch.extend(insert.reason());
            batch.extend(insert.unique());
            let answers = self.batch(&batch).await?;
            let has_pending = awaits && answers[0].first().is_some_and(|row| row.get(1));
            if !has_pending {
                return Ok((Written::from_rows(&answers[0]), 0));
            }
        }
        let members = insert.members();
        let mut batch = vec![insert.insert(), insert.resolve()];
        batch.extend(members.as_ref().map(MemberStatement::statement));
        batch.extend(insert.reason());
        batch.extend(insert.unique());
        let answers = self.batch(&batch).await?;
        Ok((Written::from_rows(&answers[0]), answers[1].first().map_or(0, |row| row.get(0))))
    }
}

/// The statements that insert one resource.
pub(in crate::store) struct InsertStatements<'a> {
    write: RowWrite<'a>,
    content: &'a Content,
    members: Option<&'a Members>,
    pending: PendingReferences,
    has_event: bool,
    unique: Option<UniqueWrite>,
}

impl<'a> InsertStatements<'a> {
    pub(in crate::store) fn new(store: &TenantStore, new: &Insert<'a>, (slot, stamp): (i16, &'a Stamp)) -> Self {
        let Insert { resource_type, id, content, members } = *new;
        let target = Target { tenant: store.tenant, resource_type, id, slot, stamp };
        let pending = PendingReferences::new(resource_type, id, &content.keys);
        let unique = content.unique_write(id);
        let (write, has_event) = (RowWrite::new(target, content), content.event.is_some());
        Self { write, content, members, pending, has_event, unique }
    }

    /// The insert, in a transaction with [`InsertStatements::resolve`].
    pub(in crate::store) fn insert(&self) -> Statement<'_> {
        self.statement(Pending::Resolved)
    }

    fn statement(&self, pending: Pending) -> Statement<'_> {
        let arms = self.write.arms();
        let mut params = self.write.params();
        if !arms.event {
            params.push(&self.write.target.slot);
        }
        if let Some(Origin { created_at, modified_at, version }) = &self.content.origin {
            let origin: [&(dyn ToSql + Sync); 3] = [version, created_at, modified_at];
            params.extend(origin);
        }
        if pending == Pending::Checked {
            params.push(&self.pending.keys);
        }
        Statement { doing: "storing a resource", sql: sql(arms, pending, self.content.origin.is_some()), params }
    }

    pub(in crate::store) fn reason(&self) -> Option<Statement<'_>> {
        let Target { tenant, id, stamp, .. } = &self.write.target;
        self.content.reason.statement(&tenant.0, id, stamp)
    }

    /// Enters the unique values of the mapped document.
    pub(in crate::store) fn unique(&self) -> Option<Statement<'_>> {
        self.unique.as_ref()?.take(&self.write.target.tenant.0)
    }

    pub(in crate::store) fn resolve(&self) -> Statement<'_> {
        self.pending.resolve(&self.write.target, &self.has_event)
    }

    pub(in crate::store) fn members(&self) -> Option<MemberStatement<'a>> {
        let Target { tenant, id, stamp, .. } = self.write.target;
        self.members.map(|members| MemberStatement::new(tenant, id, true, (members, &MembersGuard::Off), stamp))
    }
}
