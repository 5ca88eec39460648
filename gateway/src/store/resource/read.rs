//! One stored resource: its row, and reading it by id.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::SystemTime;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::store::TenantStore;
use crate::store::error::Error;
use crate::store::resource::key::Key;

/// How the mapped document stands to the source document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MappingState {
    /// No step changed it: the source is what the product reads, and is not stored twice.
    Same,
    /// The chain made the mapped document.
    Mapped,
    /// The chain keeps it from the product.
    Excluded,
    /// A chain failed and the mapped document is an older one.
    Stale,
    /// A chain failed and there never was a mapped document.
    Never,
}

impl MappingState {
    /// The word in the database and in the directory.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Mapped => "mapped",
            Self::Excluded => "excluded",
            Self::Stale => "stale",
            Self::Never => "never",
        }
    }

    fn from_word(word: &str) -> Result<Self, Error> {
        let all = [Self::Same, Self::Mapped, Self::Excluded, Self::Stale, Self::Never];
        all.into_iter()
            .find(|state| state.word() == word)
            .ok_or_else(|| Error::Corrupt { what: "mapping state", why: format!("\"{word}\" is none") })
    }

    /// Whether the chain had its say; where it failed, the next write tries it again, though nothing else changes.
    #[must_use]
    pub fn is_settled(self) -> bool {
        !matches!(self, Self::Stale | Self::Never)
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
    /// What no schema knows yet, as text.
    pub set_aside: Option<String>,
    /// The mapped document's text, where it differs from the source.
    pub mapped: Option<String>,
    /// How the two stand to one another.
    pub mapping_state: MappingState,
    /// The row's own version.
    pub own_version: i64,
    /// Member changes since the group was made; 0 for other types.
    pub member_changes: i64,
    /// When it was made.
    pub created_at: SystemTime,
    /// When it, or its membership, changed last.
    pub modified_at: SystemTime,
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

impl Stored {
    /// The version that the ETag shows: a group's own plus its member changes.
    #[must_use]
    pub fn version(&self) -> i64 {
        self.own_version + self.member_changes
    }

    /// The text the product reads; none where it is not to see the resource.
    #[must_use]
    pub fn mapped_text(&self) -> Option<&str> {
        match self.mapping_state {
            MappingState::Same => Some(&self.source),
            MappingState::Mapped | MappingState::Stale => self.mapped.as_deref(),
            MappingState::Excluded | MappingState::Never => None,
        }
    }

    pub(in crate::store) fn from_row(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            id: row.get(0),
            resource_type: row.get(1),
            source: row.get(2),
            set_aside: row.get(3),
            mapped: row.get(4),
            mapping_state: MappingState::from_word(row.get(5))?,
            own_version: row.get(6),
            created_at: row.get(7),
            member_changes: row.get(8),
            modified_at: row.get(9),
            groups: row.get::<_, Option<&str>>(10).map_or_else(|| Ok(Vec::new()), groups)?,
        })
    }
}

/// Reads the object of ids and names that [`columns`] makes of a resource's groups.
fn groups(text: &str) -> Result<Vec<GroupRef>, Error> {
    let corrupt = |why: String| Error::Corrupt { what: "list of groups", why };
    let names: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(text).map_err(|why| corrupt(why.to_string()))?;
    let group = |(id, name): (String, serde_json::Value)| {
        let id = id.parse().map_err(|_| corrupt(format!("\"{id}\" is no id")))?;
        Ok(GroupRef { id, display: name.as_str().unwrap_or_default().to_owned() })
    };
    names.into_iter().map(group).collect()
}

/// What a read takes along besides the row and its source document.
#[derive(Clone, Copy, Debug)]
pub struct ReadOptions {
    /// The groups that the resource is a member of.
    pub groups: bool,
    /// A group's member changes, which its version and lastModified include.
    pub changes: bool,
    /// The mapped document and what is set aside: who only shows the source does without.
    pub mapped: bool,
}

impl Default for ReadOptions {
    /// All that a write or the product needs.
    fn default() -> Self {
        Self { groups: false, changes: true, mapped: true }
    }
}

/// The columns of [`Stored`], in the order in which `from_row` reads them, for a row called `r` with the tenant in `$1`.
pub(in crate::store) fn columns(options: ReadOptions) -> String {
    let mapped = if options.mapped { "r.set_aside, r.mapped" } else { "NULL::text, NULL::text" };
    let changes = if options.changes {
        "coalesce(gc.n, 0)::bigint, greatest(r.modified_at, gc.at)"
    } else {
        "0::bigint, r.modified_at"
    };
    // A group's display is read from its document: groups are few beside users, and a copy of the name would have to
    // be kept right in two places. Who has none costs a look at one index; by EXISTS the server may read the memberships of
    // the whole tenant first. The names are behind a function, since the server sets up a sub-select whether it is
    // needed or not.
    let groups = if options.groups {
        "CASE WHEN r.resource_type <> 'Group' \
          AND (SELECT true FROM membership m WHERE m.tenant_id = $1 AND m.member_id = r.id LIMIT 1) \
          THEN groups_of($1, r.id) END"
    } else {
        "NULL::text"
    };
    format!("r.id, r.resource_type, r.source, {mapped}, r.mapping_state, r.version, r.created_at, {changes}, {groups}")
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

/// The statement that reads one resource, written once: it is sent more often than all others.
fn by_id(options: ReadOptions) -> &'static str {
    static TEXTS: LazyLock<Vec<String>> =
        LazyLock::new(|| (0..8).map(ReadOptions::from_bits).map(by_id_text).collect());
    &TEXTS[options.bits()]
}

fn by_id_text(options: ReadOptions) -> String {
    format!(
        "SELECT {} FROM resource r {} WHERE r.tenant_id = $1 AND r.id = $2 AND r.resource_type = $3 AND r.deleted_at IS NULL",
        columns(options),
        joins(options)
    )
}

impl ReadOptions {
    fn bits(self) -> usize {
        usize::from(self.groups) | usize::from(self.changes) << 1 | usize::from(self.mapped) << 2
    }

    fn from_bits(bits: usize) -> Self {
        Self { groups: bits & 1 != 0, changes: bits & 2 != 0, mapped: bits & 4 != 0 }
    }
}

impl TenantStore {
    /// Reads a living resource of a type.
    ///
    /// # Errors
    /// The database is unavailable or a row cannot be read.
    pub async fn get(&self, resource_type: &str, id: Uuid, options: ReadOptions) -> Result<Option<Stored>, Error> {
        let rows = self.query("reading a resource", by_id(options), &[&self.tenant.0, &id, &resource_type]).await?;
        rows.first().map(Stored::from_row).transpose()
    }

    /// Reads the living resource that has a unique value.
    ///
    /// # Errors
    /// The database is unavailable or a row cannot be read.
    pub async fn owner(
        &self,
        resource_type: &str,
        unique: &Key,
        options: ReadOptions,
    ) -> Result<Option<Stored>, Error> {
        let sql = format!(
            "SELECT {} FROM unique_key k JOIN resource r ON r.tenant_id = $1 AND r.id = k.id AND r.deleted_at IS NULL {} \
             WHERE k.tenant_id = $1 AND k.resource_type = $2 AND k.attribute = $3 AND k.key = $4",
            columns(options),
            joins(options)
        );
        let params: [&(dyn ToSql + Sync); 4] = [&self.tenant.0, &resource_type, &unique.attribute, &unique.key];
        let rows = self.query("reading who has a name", &sql, &params).await?;
        rows.first().map(Stored::from_row).transpose()
    }

    /// Puts their groups to these resources. For a page this is a second round trip and still a fraction of the work
    /// of asking for each resource by itself, as [`columns`] does.
    ///
    /// # Errors
    /// The database is unavailable.
    pub(in crate::store) async fn add_groups<'a>(
        &self,
        page: impl Iterator<Item = &'a mut Stored>,
    ) -> Result<(), Error> {
        let mut members: HashMap<Uuid, &mut Stored> =
            page.filter(|stored| stored.resource_type != "Group").map(|stored| (stored.id, stored)).collect();
        if members.is_empty() {
            return Ok(());
        }
        let ids: Vec<Uuid> = members.keys().copied().collect();
        // Group by group, whatever number the server reckons with: joined as a whole, it may read all of them.
        let sql = "SELECT m.member_id, m.group_id, g.display FROM membership m CROSS JOIN LATERAL \
                   (SELECT r.source::json ->> 'displayName' AS display FROM resource r \
                   WHERE r.tenant_id = $1 AND r.id = m.group_id AND r.deleted_at IS NULL LIMIT 1) g \
                   WHERE m.tenant_id = $1 AND m.member_id = ANY($2) ORDER BY m.group_id";
        for row in self.query("reading the groups of a page", sql, &[&self.tenant.0, &ids]).await? {
            if let Some(stored) = members.get_mut(&row.get(0)) {
                let display = row.get::<_, Option<String>>(2).unwrap_or_default();
                stored.groups.push(GroupRef { id: row.get(1), display });
            }
        }
        Ok(())
    }
}
