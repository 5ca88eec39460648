//! One stored resource: its row, and reading it by id.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::SystemTime;

use scimgate_scim::fold::folded;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::store::TenantStore;
use crate::store::error::Error;
use crate::store::membership::too_many;
use crate::store::postgres::sql::Variants;
use crate::store::resource::key::{Key, truncate};

/// The mapped document's relation to the source document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MappingState {
    /// The two are equal: the product reads the source, which is not stored twice.
    Same,
    /// The mapping made the mapped document.
    Mapped,
    /// The mapping excluded the resource from the product.
    Excluded,
    /// The mapping failed and the mapped document is an older one.
    Stale,
    /// The mapping failed and there never was a mapped document.
    Never,
    /// The product reads an older document because a batch holds what came after it.
    Held,
}

impl MappingState {
    /// The word in the directory and the admin API.
    #[must_use]
    pub fn word(self) -> &'static str {
        if self == Self::Held { "held" } else { self.column() }
    }

    /// The word in the database. A held resource is stale there, which replicas of the version before understand.
    pub(in crate::store) fn column(self) -> &'static &'static str {
        match self {
            Self::Same => &"same",
            Self::Mapped => &"mapped",
            Self::Excluded => &"excluded",
            Self::Stale | Self::Held => &"stale",
            Self::Never => &"never",
        }
    }

    pub(in crate::store) fn from_word(word: &str) -> Result<Self, Error> {
        let all = [Self::Same, Self::Mapped, Self::Excluded, Self::Stale, Self::Never];
        all.into_iter()
            .find(|state| *state.column() == word)
            .ok_or_else(|| Error::Corrupt { what: "mapping state", why: format!("\"{word}\" is none") })
    }

    /// Whether the mapping succeeded. Where it failed, the next write runs it again, though nothing else changes.
    #[must_use]
    pub fn is_mapped(self) -> bool {
        !matches!(self, Self::Stale | Self::Never)
    }

    /// Whether a reason is kept of it.
    #[must_use]
    pub fn has_reason(self) -> bool {
        !matches!(self, Self::Same | Self::Mapped)
    }

    /// Whether the product sees the resource.
    #[must_use]
    pub fn is_visible(self) -> bool {
        !matches!(self, Self::Excluded | Self::Never)
    }
}

/// A living resource as it is stored.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its id.
    pub id: Uuid,
    /// Its type's name.
    pub resource_type: String,
    /// The source document's text, without id and meta.
    pub source: String,
    /// The unknown attributes that are kept, as text.
    pub set_aside: Option<String>,
    /// The mapped document's text, where it differs from the source.
    pub mapped: Option<String>,
    /// The mapped document's relation to the source.
    pub mapping_state: MappingState,
    /// The mapping revision that made the mapped document, or failed to; 0 for none.
    pub mapping_revision: i32,
    /// The row's own version.
    pub own_version: i64,
    /// Member changes since the group was created; 0 for other types.
    pub member_changes: i64,
    /// When it was created.
    pub created_at: SystemTime,
    /// When it, or a group's members, last changed.
    pub modified_at: SystemTime,
    /// The batch in which the product's view is held.
    pub held: Option<Uuid>,
    /// A user's groups.
    pub groups: Vec<GroupRef>,
}

/// A group that a resource is a direct member of.
#[derive(Clone, Debug)]
pub struct GroupRef {
    /// The group's id.
    pub id: Uuid,
    /// Its displayName.
    pub display: String,
}

/// What identifies a row as it was read. A write of its document changes the version; a remap changes how it is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowVersion {
    /// The row's own version.
    pub version: i64,
    /// The mapping revision that made the mapped document, or failed to.
    pub mapping_revision: i32,
    /// The mapped document's relation to the source.
    pub mapping_state: MappingState,
}

impl Stored {
    /// The row as it was read.
    #[must_use]
    pub fn row_version(&self) -> RowVersion {
        let Self { own_version, mapping_revision, mapping_state, .. } = *self;
        RowVersion { version: own_version, mapping_revision, mapping_state }
    }

    /// The bytes of its texts.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let others = self.set_aside.as_ref().into_iter().chain(&self.mapped).map(String::len);
        self.source.len() + others.sum::<usize>()
    }

    /// The version in the ETag: the row's own plus a group's member changes.
    #[must_use]
    pub fn version(&self) -> i64 {
        self.own_version + self.member_changes
    }

    /// The text that the product reads; none if the resource is hidden from it.
    #[must_use]
    pub fn mapped_text(&self) -> Option<&str> {
        match self.mapping_state {
            MappingState::Same => Some(&self.source),
            MappingState::Mapped | MappingState::Stale | MappingState::Held => self.mapped.as_deref(),
            MappingState::Excluded | MappingState::Never => None,
        }
    }

    pub(in crate::store) fn from_row(row: &Row) -> Result<Self, Error> {
        let (state, held) = (MappingState::from_word(row.get(5))?, row.get::<_, Option<Uuid>>(12));
        Ok(Self {
            id: row.get(0),
            resource_type: row.get(1),
            source: row.get(2),
            set_aside: row.get(3),
            mapped: row.get(4),
            mapping_state: if state == MappingState::Stale && held.is_some() { MappingState::Held } else { state },
            own_version: row.get(6),
            created_at: row.get(7),
            member_changes: row.get(8),
            modified_at: row.get(9),
            groups: groups(row.get(10))?,
            mapping_revision: row.get(11),
            held,
        })
    }
}

/// Reads the object of ids and names that [`GROUPS`] makes of a resource's groups; none where it has none.
pub(in crate::store) fn groups(text: Option<&str>) -> Result<Vec<GroupRef>, Error> {
    let Some(text) = text else { return Ok(Vec::new()) };
    let corrupt = |why: String| Error::Corrupt { what: "list of groups", why };
    let names: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(text).map_err(|why| corrupt(why.to_string()))?;
    let group = |(id, name): (String, serde_json::Value)| {
        let id = id.parse().map_err(|_| corrupt(format!("\"{id}\" is not an id")))?;
        Ok(GroupRef { id, display: name.as_str().unwrap_or_default().to_owned() })
    };
    names.into_iter().map(group).collect()
}

/// What a read includes besides the row and its source document.
#[derive(Clone, Copy, Debug)]
pub struct ReadOptions {
    /// The groups that the resource is a member of.
    pub groups: bool,
    /// A group's member changes, which its version and lastModified include.
    pub changes: bool,
    /// The mapped document and the unknown attributes, which showing the source does not need.
    pub mapped: bool,
}

impl Default for ReadOptions {
    /// What a write or the product needs.
    fn default() -> Self {
        Self { groups: false, changes: true, mapped: true }
    }
}

/// The groups of a row called `r`, which [`groups`] reads.
pub(in crate::store) const GROUPS: &str = "CASE WHEN r.resource_type <> 'Group' \
    AND (SELECT true FROM membership m WHERE m.tenant_id = $1 AND m.member_id = r.id LIMIT 1) \
    THEN groups_of($1, r.id) END";

/// Joins the memberships `m` and the groups `g` of rows called `v`. Group by group, whatever number the server estimates: joined
/// as a whole, it may read all of them.
pub(super) const GROUPS_OF_ROWS: &str = "CROSS JOIN LATERAL \
    (SELECT member_id, group_id FROM membership WHERE tenant_id = $1 AND member_id = v.id OFFSET 0) m CROSS JOIN LATERAL \
    (SELECT CASE WHEN r.display_version = r.version THEN r.display ELSE r.source::json ->> 'displayName' END AS display \
    FROM resource r \
    WHERE r.tenant_id = $1 AND r.id = m.group_id AND CASE WHEN r.tenant_id = $1 THEN r.deleted_at IS NULL END LIMIT 1) g";

/// The columns of [`Stored`], in the order in which `from_row` reads them, for a row called `r` with the tenant in `$1`.
pub(in crate::store) fn columns(options: ReadOptions) -> String {
    let mapped = if options.mapped { "r.set_aside, r.mapped" } else { "NULL::text, NULL::text" };
    let changes = if options.changes {
        "coalesce(gc.n, 0)::bigint, greatest(r.modified_at, gc.at)"
    } else {
        "0::bigint, r.modified_at"
    };
    // A user without groups costs one index look-up; with EXISTS the server may read the memberships of the whole tenant first.
    // The names are behind a function, because the server sets up a sub-select whether it is needed or not.
    let groups = if options.groups { GROUPS } else { "NULL::text" };
    format!(
        "r.id, r.resource_type, r.source, {mapped}, r.mapping_state, r.version, r.created_at, {changes}, {groups}, \
         r.mapping_revision, r.held"
    )
}

/// The joins that [`columns`] needs.
pub(in crate::store) fn joins(options: ReadOptions) -> &'static str {
    if options.changes {
        "LEFT JOIN LATERAL (SELECT sum(n) AS n, max(at) AS at FROM group_change c \
         WHERE c.tenant_id = $1 AND c.group_id = r.id AND r.resource_type = 'Group') gc ON true"
    } else {
        ""
    }
}

/// Selects [`Stored`] rows from tables of which one is `r`.
pub(in crate::store) fn select(tables: &str, options: ReadOptions, rest: &str) -> String {
    format!("SELECT {} FROM {tables} {} {rest}", columns(options), joins(options))
}

impl TenantStore {
    /// Reads a living resource of a type.
    pub async fn get(&self, resource_type: &str, id: Uuid, options: ReadOptions) -> Result<Option<Stored>, Error> {
        const LIVING: &str =
            "WHERE r.tenant_id = $1 AND r.id = $2 AND CASE WHEN r.resource_type = $3 THEN r.deleted_at IS NULL END";
        // Sent more often than all other statements, so its text is built once.
        static TEXTS: Variants = Variants::new();
        let text = || select("resource r", options, LIVING);
        let sql = TEXTS.get([options.groups, options.changes, options.mapped], text);
        let rows = self.query("reading a resource", sql, &[&self.tenant.0, &id, &resource_type]).await?;
        rows.first().map(Stored::from_row).transpose()
    }

    /// Reads the living user with a userName, or else the living resource that has a unique value.
    pub async fn owner(
        &self,
        resource_type: &str,
        unique: &Key,
        options: ReadOptions,
    ) -> Result<Option<Stored>, Error> {
        let Key { attribute, key } = unique;
        let doing = "reading the owner of a unique value";
        let rows = if resource_type == "User" && **attribute == *"userName" {
            let named = "WHERE r.tenant_id = $1 AND r.resource_type = $2 AND r.name_key = $3 AND r.deleted_at IS NULL";
            let sql = select("resource r", options, named);
            self.query(doing, &sql, &[&self.tenant.0, &resource_type, key]).await?
        } else {
            let sql = select(
                "unique_key k CROSS JOIN LATERAL (SELECT * FROM resource WHERE tenant_id = $1 AND id = k.id \
                 AND CASE WHEN tenant_id = $1 THEN deleted_at IS NULL END LIMIT 1) r",
                options,
                "WHERE k.tenant_id = $1 AND k.resource_type = $2 AND k.attribute = $3 AND k.key = $4",
            );
            let attribute: &str = attribute;
            self.query(doing, &sql, &[&self.tenant.0, &resource_type, &attribute, key]).await?
        };
        rows.first().map(Stored::from_row).transpose()
    }

    /// Living resources with a name in any case; of most types several may have it.
    pub async fn named(&self, resource_type: &str, name: &str, limit: i64) -> Result<Vec<Stored>, Error> {
        let key = truncate(folded(name).into_owned());
        let named =
            "WHERE r.tenant_id = $1 AND r.resource_type = $2 AND r.name_key = $3 AND r.deleted_at IS NULL LIMIT $4";
        let sql = select("resource r", ReadOptions::default(), named);
        let rows =
            self.query("reading resources by name", &sql, &[&self.tenant.0, &resource_type, &key, &limit]).await?;
        rows.iter().map(Stored::from_row).collect()
    }

    /// Adds their groups to these resources. For a page this is a second round trip and still a fraction of the work of
    /// reading them for each resource by itself, as [`columns`] does.
    pub(in crate::store) async fn add_groups<'a>(
        &self,
        page: impl Iterator<Item = &'a mut Stored>,
    ) -> Result<(), Error> {
        static SQL: LazyLock<String> = LazyLock::new(|| {
            let of = "SELECT m.member_id, m.group_id, g.display FROM unnest($2::uuid[]) v (id)";
            format!("{of} {GROUPS_OF_ROWS} ORDER BY m.group_id")
        });
        let mut members: HashMap<Uuid, &mut Stored> =
            page.filter(|stored| stored.resource_type != "Group").map(|stored| (stored.id, stored)).collect();
        if members.is_empty() {
            return Ok(());
        }
        let ids: Vec<Uuid> = members.keys().copied().collect();
        for row in self.read("reading the groups of a page", &SQL, &[&self.tenant.0, &ids]).await.map_err(too_many)? {
            if let Some(stored) = members.get_mut(&row.get(0)) {
                let display = row.get::<_, Option<String>>(2).unwrap_or_default();
                stored.groups.push(GroupRef { id: row.get(1), display });
            }
        }
        Ok(())
    }
}
