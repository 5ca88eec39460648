//! What a write stores of a resource, and the SQL and the parameters that inserting, updating and restoring share.
//!
//! Each write is one statement in which keys, counter and events all depend on the written row `w`. If the row's version, the
//! tenant's mapping or its schemas changed since they were read, nothing is written.

use std::time::SystemTime;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::store::event::EventKind;
use crate::store::resource::key::{Key, Keys};
use crate::store::resource::read::{MappingState, Stored};
use crate::store::stamp::Target;

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
    /// The index keys of the source document.
    pub keys: Keys,
    /// The event for the product; none where it does not see the change.
    pub event: Option<EventKind>,
}

impl Content {
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
            own_version: version,
            member_changes: before.member_changes,
            created_at: before.created_at,
            modified_at: at,
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
    mapping_state = $10, mapping_revision = $11, version = r.version + 1, modified_at = $12";

/// Whether the row still has the version that was read, and the tenant's mapping and schemas the revisions.
pub(in crate::store) const IF_UNCHANGED: &str = "
  WHERE r.tenant_id = $1 AND r.id = $2 AND r.resource_type = $3 AND r.version = $18
    AND EXISTS (SELECT 1 FROM tenant t WHERE t.id = $1 AND t.active_mapping = $11 AND t.schema_revision = $13)";

pub(in crate::store) const INSERT_KEYS: &str = ",
u AS (INSERT INTO unique_key (tenant_id, resource_type, attribute, key, id)
  SELECT w.tenant_id, $3, k.attribute, k.key, w.id FROM w, unnest($19::text[], $20::text[]) k (attribute, key)),
s AS (INSERT INTO resource_key (tenant_id, attribute, key, id)
  SELECT w.tenant_id, k.attribute, k.key, w.id FROM w, unnest($21::text[], $22::text[]) k (attribute, key))";

pub(in crate::store) const INCREMENT_COUNT: &str = ",
c AS (INSERT INTO resource_count AS c (tenant_id, resource_type, slot, n) SELECT w.tenant_id, $3, $17, 1 FROM w
  ON CONFLICT (tenant_id, resource_type, slot) DO UPDATE SET n = c.n + 1)";

pub(in crate::store) const INSERT_EVENT: &str = ",
e AS (INSERT INTO event (tenant_id, type, resource_type, resource_id, version, actor, request_id, at)
  SELECT w.tenant_id, $14, $3, w.id, w.version, $15, $16, $12 FROM w WHERE $14::text IS NOT NULL)";

/// Parameters before the keys of [`INSERT_KEYS`].
pub(in crate::store) const PARAMS_WITHOUT_KEYS: usize = 18;

/// The owned parameters of a write of a row.
pub(in crate::store) struct RowWrite<'a> {
    pub(in crate::store) target: Target<'a>,
    content: &'a Content,
    mapping_state: &'static str,
    event: Option<String>,
    unique: KeyColumns<'a>,
    searchable: KeyColumns<'a>,
}

impl<'a> RowWrite<'a> {
    /// A write that inserts all keys of the content.
    pub(in crate::store) fn new(target: Target<'a>, content: &'a Content) -> Self {
        let Keys { unique, searchable, .. } = &content.keys;
        Self::with_keys(target, content, (key_columns(unique), key_columns(searchable)))
    }

    /// A write that inserts these unique and searchable keys.
    pub(in crate::store) fn with_keys(
        target: Target<'a>,
        content: &'a Content,
        (unique, searchable): (KeyColumns<'a>, KeyColumns<'a>),
    ) -> Self {
        let event = content.event.map(|kind| kind.name(target.resource_type));
        Self { target, content, mapping_state: content.mapping_state.word(), event, unique, searchable }
    }

    /// The parameters `$1` to `$22`, of which `$17` and `$18` are the statement's `own`.
    pub(in crate::store) fn params<'p>(&'p self, own: [&'p (dyn ToSql + Sync); 2]) -> Vec<&'p (dyn ToSql + Sync)> {
        let Self { target, content, .. } = self;
        let keys = &content.keys;
        let all: [&(dyn ToSql + Sync); 22] = [
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
            &self.event,
            &target.stamp.actor,
            &target.stamp.request_id,
            own[0],
            own[1],
            &self.unique.0,
            &self.unique.1,
            &self.searchable.0,
            &self.searchable.1,
        ];
        all.to_vec()
    }
}

/// The attributes and the values of keys, as two array parameters.
pub(in crate::store) type KeyColumns<'a> = (Vec<&'a str>, Vec<&'a str>);

pub(in crate::store) fn key_columns<'a>(keys: impl IntoIterator<Item = &'a Key>) -> KeyColumns<'a> {
    keys.into_iter().map(|key| (key.attribute.as_str(), key.key.as_str())).unzip()
}
