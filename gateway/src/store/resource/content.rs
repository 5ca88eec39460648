//! What a write stores of a resource, and the SQL and the parameters that inserting, updating and restoring share.
//!
//! Each write is one statement in which keys and events all depend on the written row `w`. If the row's version, the tenant's
//! mapping or its schemas changed since they were read, nothing is written. Resources are counted by the sequencer, from their
//! events; one that the product does not see has no event and is counted with the write.

use std::time::SystemTime;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::store::event::EventKind;
use crate::store::held::HoldChange;
use crate::store::job::look_at_groups;
use crate::store::mapped_unique::{UniqueChange, UniqueWrite};
use crate::store::mapping_reason::ReasonChange;
use crate::store::postgres::pool::Statement;
use crate::store::resource::indexed::KeyLayout;
use crate::store::resource::key::{Key, Keys};
use crate::store::resource::read::{MappingState, RowVersion, Stored};
use crate::store::stamp::{Stamp, Target};

/// What is stored of a resource besides its identity.
#[derive(Clone, Debug)]
pub struct Content {
    /// The source document's text.
    pub source: String,
    /// The unknown attributes that are kept.
    pub set_aside: Option<String>,
    /// The mapped document's text, where it differs.
    pub mapped: Option<String>,
    /// The mapped document's relation to the source document.
    pub mapping_state: MappingState,
    /// The revision of the mapping; 0 for none. The write is refused if another is active by now.
    pub mapping_revision: i32,
    /// The revision of the schemas. The write is refused if they changed meanwhile.
    pub schema_revision: i64,
    /// How the tenant's keys are stored.
    pub key_layout: KeyLayout,
    /// Whether member references of the tenant may be pending. If not, a write that could resolve one is refused once there
    /// are such references.
    pub awaits_references: bool,
    /// The index keys of the source document.
    pub keys: Keys,
    /// The event for the product; none where it does not see the change.
    pub event: Option<EventKind>,
    /// Why the product does not see it, or sees an older document.
    pub reason: ReasonChange,
    /// Whether the product sees the change at once.
    pub hold: HoldChange,
    /// The mapped document's values that must be unique.
    pub unique: UniqueChange,
    /// Whether rules may name the group by what it is called at the source.
    pub has_ruled_names: bool,
    /// Of an imported resource: its life before.
    pub origin: Option<Origin>,
}

/// What an imported resource was where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// When it was created.
    pub created_at: SystemTime,
    /// When it, or a group's members, last changed.
    pub modified_at: SystemTime,
    /// Its version; a group's with its member changes.
    pub version: i64,
}

impl Content {
    /// The statements to send after the one that writes the resource, in its transaction: of the mapping's reason, the hold, the unique
    /// values of its mapped document, and the rules that name a group.
    pub(in crate::store) fn further<'s>(
        &'s self,
        (tenant, id): (&'s Uuid, &'s Uuid),
        unique: Option<&'s UniqueWrite>,
        stamp: &'s Stamp,
    ) -> impl Iterator<Item = Statement<'s>> {
        let of_row = [self.reason.statement(tenant, id, stamp), self.hold.statement(tenant, id, stamp)];
        let unique = unique.into_iter().flat_map(|unique| unique.statements(tenant));
        let renamed_unseen = self.has_ruled_names && self.event.is_none();
        of_row.into_iter().flatten().chain(unique).chain(renamed_unseen.then(|| look_at_groups(tenant)))
    }

    /// What it changes about the unique values of mapped documents.
    pub(in crate::store) fn unique_write(&self, id: Uuid) -> Option<UniqueWrite> {
        UniqueWrite::of(id, &self.unique, matches!(self.hold, HoldChange::Keep(_)))
    }

    /// The resource once this content is stored, without reading it back.
    #[must_use]
    pub fn stored(self, before: &Stored, version: i64, at: SystemTime) -> Stored {
        Stored {
            id: before.id,
            resource_type: before.resource_type.clone(),
            source: self.source,
            set_aside: self.set_aside,
            mapped: self.mapped,
            mapping_state: self.mapping_state,
            mapping_revision: self.mapping_revision,
            own_version: version,
            member_changes: before.member_changes,
            created_at: before.created_at,
            modified_at: self.origin.map_or(at, |origin| origin.modified_at),
            held: self.hold.after(before.held),
            groups: before.groups.clone(),
        }
    }
}

/// The result of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// Done; the row's own version now.
    Done(i64),
    /// The row, the mapping or the schemas changed since they were read: read again.
    Lost,
}

impl Written {
    /// Reads the version in the first column.
    pub(in crate::store) fn from_rows(rows: &[Row]) -> Self {
        rows.first().and_then(|row| row.get(0)).map_or(Self::Lost, Self::Done)
    }
}

/// Sets the content of an existing row `r`.
pub(in crate::store) const SET_CONTENT: &str = "
  UPDATE resource r SET name_key = $4, external_id = $5, active = $6, source = $7, set_aside = $8, mapped = $9,
    mapping_state = $10, mapping_revision = $11, version = r.version + 1, modified_at = $12,
    display = CASE WHEN $3 = 'Group' THEN $7::text::json ->> 'displayName' END,
    display_version = CASE WHEN $3 = 'Group' THEN r.version + 1 END";

/// Whether the tenant's mapping and schemas have the revisions that were read. In a form that the primary key alone can serve,
/// like every condition on a row by its id: a plan that was made while the table was empty might take another index.
pub(in crate::store) const IF_SETTINGS_UNCHANGED: &str = "
    AND EXISTS (SELECT 1 FROM tenant t WHERE t.id = $1 AND t.active_mapping = $11 AND t.schema_revision = $13";

/// Whether the row `r` is as it was read: its version, the mapping revision and the mapping state in the three parameters from this
/// one on.
pub(in crate::store) fn if_row_unchanged(version: usize) -> String {
    let (revision, state) = (version + 1, version + 2);
    format!("r.version = ${version} AND r.mapping_revision = ${revision} AND r.mapping_state = ${state}")
}

/// The parameters of [`if_row_unchanged`].
pub(in crate::store) struct RowParams(i64, i32, &'static str);

impl From<RowVersion> for RowParams {
    fn from(row: RowVersion) -> Self {
        Self(row.version, row.mapping_revision, row.mapping_state.column())
    }
}

impl RowParams {
    pub(in crate::store) fn params(&self) -> [&(dyn ToSql + Sync); 3] {
        [&self.0, &self.1, &self.2]
    }
}

/// The end of [`IF_SETTINGS_UNCHANGED`] for a write that looks for no pending references.
pub(in crate::store) const NONE_PENDING: &str = " AND NOT t.awaits_references";

/// The number of the parameters of the row.
const ROW_PARAMS: usize = 13;

/// Which arms a write has besides the row. An arm that has nothing to do is left out: the server would set it up in any case.
#[derive(Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each arm is there or not, independently of the others")]
pub(in crate::store) struct Arms {
    /// Keys as the version before reads them: all keys in both tables.
    pub(in crate::store) text: bool,
    /// Keys that must be unique.
    pub(in crate::store) unique: bool,
    /// Keys to search by.
    pub(in crate::store) searchable: bool,
    /// An event.
    pub(in crate::store) event: bool,
}

impl Arms {
    /// The number of the first parameter behind those of [`RowWrite::params`].
    pub(in crate::store) fn next_param(self) -> usize {
        let search = if self.text { 2 } else { 1 };
        ROW_PARAMS
            + 1
            + usize::from(self.event) * 3
            + usize::from(self.unique) * 2
            + usize::from(self.searchable) * search
    }

    /// The arms that insert keys of the row `w`.
    pub(in crate::store) fn insert_keys(self) -> String {
        let mut next = ROW_PARAMS + 1 + usize::from(self.event) * 3;
        let mut arms = Vec::with_capacity(2);
        if self.unique {
            arms.push(format!(
                ",
u AS (INSERT INTO unique_key (tenant_id, resource_type, attribute, key, id)
  SELECT w.tenant_id, $3, k.attribute, k.key, w.id FROM w, unnest(${next}::text[], ${}::text[]) k (attribute, key))",
                next + 1
            ));
            next += 2;
        }
        if self.searchable && self.text {
            arms.push(format!(
                ",
s AS (INSERT INTO resource_key (tenant_id, attribute, key, id)
  SELECT w.tenant_id, k.attribute, k.key, w.id FROM w, unnest(${next}::text[], ${}::text[]) k (attribute, key))",
                next + 1
            ));
        } else if self.searchable {
            arms.push(format!(
                ",
s AS (INSERT INTO search_key (tenant_id, h, id) SELECT w.tenant_id, k.h, w.id FROM w, unnest(${next}::int8[]) k (h))"
            ));
        }
        arms.concat()
    }

    /// The arm that inserts the event of the row `w`, which changes the number of resources by `delta`.
    pub(in crate::store) fn insert_event(self, delta: &str) -> String {
        if !self.event {
            return String::new();
        }
        format!(
            ",
e AS (INSERT INTO event (tenant_id, type, resource_type, resource_id, version, actor, request_id, at, delta)
  SELECT w.tenant_id, $14, $3, w.id, w.version, $15, $16, $12, {delta} FROM w)"
        )
    }

    /// The arm that counts the row `w` where no event does, with the counter's slot in the parameter `slot`.
    pub(in crate::store) fn count(self, slot: usize) -> String {
        if self.event {
            return String::new();
        }
        format!(
            ",
c AS (INSERT INTO resource_count AS c (tenant_id, resource_type, slot, n) SELECT w.tenant_id, $3, ${slot}, 1 FROM w
  ON CONFLICT (tenant_id, resource_type, slot) DO UPDATE SET n = c.n + 1)"
        )
    }
}

/// Deletes the search keys of the row `w` with the hashes in this parameter. Each is looked up on its own, and deleted by its
/// place, of which the planner expects few: otherwise all keys of the tenant may be read.
pub(in crate::store) fn delete_search_keys(hashes: usize) -> String {
    format!(
        "DELETE FROM search_key k USING (SELECT f.place FROM w, unnest(${hashes}::int8[]) lost (h) CROSS JOIN LATERAL
    (SELECT f.ctid AS place FROM search_key f WHERE f.tenant_id = $1 AND f.h = lost.h AND f.id = w.id LIMIT 10) f
    LIMIT (SELECT 1000)) gone WHERE k.tenant_id = $1 AND k.ctid = gone.place"
    )
}

/// The owned parameters of a write of a row.
pub(in crate::store) struct RowWrite<'a> {
    pub(in crate::store) target: Target<'a>,
    content: &'a Content,
    mapping_state: &'static str,
    event: Option<String>,
    unique: KeyColumns<'a>,
    searchable: SearchColumns<'a>,
}

impl<'a> RowWrite<'a> {
    /// A write that inserts all keys of the content.
    pub(in crate::store) fn new(target: Target<'a>, content: &'a Content) -> Self {
        let Keys { unique, searchable, .. } = &content.keys;
        Self::with_keys(target, content, (key_columns(unique), SearchColumns::of(searchable, content.key_layout)))
    }

    /// A write that inserts these unique and searchable keys.
    pub(in crate::store) fn with_keys(
        target: Target<'a>,
        content: &'a Content,
        (unique, searchable): (KeyColumns<'a>, SearchColumns<'a>),
    ) -> Self {
        let event = content.event.map(|kind| kind.name(target.resource_type));
        Self { target, content, mapping_state: content.mapping_state.column(), event, unique, searchable }
    }

    pub(in crate::store) fn arms(&self) -> Arms {
        Arms {
            text: self.content.key_layout != KeyLayout::Hashed,
            unique: !self.unique.0.is_empty(),
            searchable: !self.searchable.is_empty(),
            event: self.event.is_some(),
        }
    }

    /// The parameters of the row, the event and the keys; [`Arms::next_param`] is the number of the next one.
    pub(in crate::store) fn params(&self) -> Vec<&(dyn ToSql + Sync)> {
        let Self { target, content, .. } = self;
        let keys = &content.keys;
        let mut params: Vec<&(dyn ToSql + Sync)> = Vec::with_capacity(MAX_PARAMS);
        let row: [&(dyn ToSql + Sync); ROW_PARAMS] = [
            &target.tenant.0,
            &target.id,
            &target.resource_type,
            &keys.name_key,
            &keys.external_id,
            &keys.active,
            &content.source,
            &content.set_aside,
            &content.mapped,
            &self.mapping_state,
            &content.mapping_revision,
            &target.stamp.at,
            &content.schema_revision,
        ];
        params.extend(row);
        if let Some(event) = &self.event {
            let event: [&(dyn ToSql + Sync); 3] = [event, &target.stamp.actor, &target.stamp.request_id];
            params.extend(event);
        }
        if !self.unique.0.is_empty() {
            let unique: [&(dyn ToSql + Sync); 2] = [&self.unique.0, &self.unique.1];
            params.extend(unique);
        }
        self.searchable.push_to(&mut params);
        params
    }
}

/// Parameters of the widest write.
const MAX_PARAMS: usize = 30;

/// The attributes and the values of keys, as two array parameters.
pub(in crate::store) type KeyColumns<'a> = (Vec<&'a str>, Vec<&'a str>);

pub(in crate::store) fn key_columns<'a>(keys: impl IntoIterator<Item = &'a Key>) -> KeyColumns<'a> {
    keys.into_iter().map(|key| (key.attribute.as_ref(), key.key.as_str())).unzip()
}

/// Keys to search by, as the parameters of the tenant's layout.
pub(in crate::store) enum SearchColumns<'a> {
    Text(KeyColumns<'a>),
    Hashed(Vec<i64>),
}

impl<'a> SearchColumns<'a> {
    pub(in crate::store) fn of(keys: impl IntoIterator<Item = &'a Key>, layout: KeyLayout) -> Self {
        match layout {
            KeyLayout::Hashed => Self::Hashed(keys.into_iter().map(Key::hash).collect()),
            KeyLayout::Text | KeyLayout::Mirrored => Self::Text(key_columns(keys)),
        }
    }

    pub(in crate::store) fn is_empty(&self) -> bool {
        match self {
            Self::Text((attributes, _)) => attributes.is_empty(),
            Self::Hashed(hashes) => hashes.is_empty(),
        }
    }

    /// The hash of the only key.
    pub(in crate::store) fn one(&self) -> Option<&i64> {
        match self {
            Self::Hashed(hashes) if hashes.len() == 1 => hashes.first(),
            _ => None,
        }
    }

    /// Adds the parameters, unless there are no keys.
    pub(in crate::store) fn push_to<'p>(&'p self, params: &mut Vec<&'p (dyn ToSql + Sync)>) {
        match self {
            _ if self.is_empty() => {}
            Self::Text((attributes, keys)) => {
                let columns: [&(dyn ToSql + Sync); 2] = [attributes, keys];
                params.extend(columns);
            }
            Self::Hashed(hashes) => params.push(hashes),
        }
    }
}
