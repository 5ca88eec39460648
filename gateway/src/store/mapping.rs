//! Mapping revisions: numbered, and what they do never changes. One at most is active; a draft never was.

use std::time::SystemTime;

use tokio_postgres::Row;

use crate::store::TenantStore;
use crate::store::error::Error;
use crate::store::job::begin_remap;
use crate::store::postgres::pool::Statement;

/// Where a revision is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevisionState {
    /// It was never active.
    Draft,
    /// Writes are mapped by it.
    Active,
    /// It was active.
    Retired,
}

impl RevisionState {
    /// Its name in the admin API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Active => "active",
            Self::Retired => "retired",
        }
    }
}

/// A revision without what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevisionHead {
    /// Its number, from 1.
    pub revision: i32,
    /// Where it is in its life.
    pub state: RevisionState,
    /// `refuse` or `keep`.
    pub on_failure: String,
    /// The operator key's id, or the name of a command; none for a revision of an older version.
    pub author: Option<String>,
    /// Why it was made, in its author's words.
    pub note: Option<String>,
    /// When it was made.
    pub created_at: SystemTime,
    /// When it was activated last; none for a draft.
    pub activated_at: Option<SystemTime>,
    /// Who activated it last.
    pub activated_by: Option<String>,
    /// When it ceased to be active; none where it is active, is a draft, or an older version did it.
    pub retired_at: Option<SystemTime>,
}

/// A stored revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingRow {
    /// All but its steps.
    pub head: RevisionHead,
    /// The steps, as JSON text.
    pub steps: String,
}

/// A revision about to be stored.
#[derive(Clone, Copy, Debug)]
pub struct NewRevision<'a> {
    /// `refuse` or `keep`.
    pub on_failure: &'a str,
    /// The steps, as JSON text.
    pub steps: &'a str,
    /// The operator key's id, or the name of a command.
    pub author: &'a str,
    /// Why it is made.
    pub note: Option<&'a str>,
}

/// What an activation was decided on. If the tenant has changed since, nothing is activated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActivationBase {
    /// The active revision; 0 for none.
    pub active_mapping: i32,
    /// The schema revision.
    pub schema_revision: i64,
}

/// The tenant's row is locked first, in a statement of its own, so that two concurrent revisions get two numbers.
const LOCK: &str = "SELECT 1 FROM tenant WHERE id = $1 FOR NO KEY UPDATE";

const INSERT_DRAFT: &str = "
INSERT INTO mapping_revision (tenant_id, revision, on_failure, steps, author, note, created_at, draft)
SELECT $1, coalesce(max(revision), 0) + 1, $2, $3, $4, $5, $6, true FROM mapping_revision WHERE tenant_id = $1 RETURNING revision";

const INSERT_ACTIVE: &str = "
WITH r AS (INSERT INTO mapping_revision (tenant_id, revision, on_failure, steps, author, note, created_at, activated_at, activated_by)
  SELECT $1, coalesce(max(revision), 0) + 1, $2, $3, $4, $5, $6, $6, $4 FROM mapping_revision WHERE tenant_id = $1 RETURNING revision),
o AS (UPDATE mapping_revision m SET retired_at = $6 FROM tenant t WHERE t.id = $1 AND m.tenant_id = $1 AND m.revision = t.active_mapping),
t AS (UPDATE tenant SET active_mapping = r.revision, config_epoch = nextval('config_epoch'), modified_at = $6 FROM r WHERE id = $1)
SELECT revision FROM r";

const ACTIVATE: &str = "
WITH r AS (UPDATE mapping_revision m SET draft = false, activated_at = $3, activated_by = $4, retired_at = NULL FROM tenant t
  WHERE t.id = $1 AND t.active_mapping = $5 AND t.schema_revision = $6 AND m.tenant_id = $1 AND m.revision = $2 RETURNING m.revision),
o AS (UPDATE mapping_revision m SET retired_at = $3 FROM r
  WHERE m.tenant_id = $1 AND m.revision = $5 AND m.revision <> r.revision)
UPDATE tenant SET active_mapping = r.revision, config_epoch = nextval('config_epoch'), modified_at = $3 FROM r WHERE id = $1 RETURNING 1";

const DEACTIVATE: &str = "
WITH o AS (UPDATE mapping_revision m SET retired_at = $2 FROM tenant t WHERE t.id = $1 AND m.tenant_id = $1 AND m.revision = t.active_mapping)
UPDATE tenant SET active_mapping = 0, config_epoch = nextval('config_epoch'), modified_at = $2 WHERE id = $1";

/// A revision that an older version inserted was active at once.
const HEAD: &str = "m.revision, m.draft, m.revision = t.active_mapping, m.on_failure, m.author, m.note, m.created_at, \
                    CASE WHEN NOT m.draft THEN coalesce(m.activated_at, m.created_at) END, m.activated_by, m.retired_at";

impl TenantStore {
    /// Stores a draft; returns its number.
    pub async fn insert_draft(&self, new: &NewRevision<'_>, at: SystemTime) -> Result<i32, Error> {
        self.insert_revision(INSERT_DRAFT, new, at).await
    }

    /// Stores a new revision and activates it; returns its number.
    pub async fn insert_active(&self, new: &NewRevision<'_>, at: SystemTime) -> Result<i32, Error> {
        self.insert_revision(INSERT_ACTIVE, new, at).await
    }

    async fn insert_revision(&self, sql: &str, new: &NewRevision<'_>, at: SystemTime) -> Result<i32, Error> {
        let NewRevision { on_failure, steps, author, note } = new;
        let answers = self
            .batch(&[
                Statement::new("locking a tenant", LOCK, &[&self.tenant.0]),
                Statement::new("storing a mapping", sql, &[&self.tenant.0, on_failure, steps, author, note, &at]),
                begin_remap(&self.tenant, &at),
            ])
            .await?;
        let row = answers[1].first();
        row.map(|row| row.get(0)).ok_or_else(|| Error::Corrupt { what: "mapping", why: "no row came back".into() })
    }

    /// Activates a revision, and retires the one that was active; gives whether the tenant still was as `base` says and has the
    /// revision.
    pub async fn activate_mapping(
        &self,
        revision: i32,
        base: ActivationBase,
        (by, at): (&str, SystemTime),
    ) -> Result<bool, Error> {
        let ActivationBase { active_mapping, schema_revision } = base;
        let answers = self
            .batch(&[
                Statement::new("locking a tenant", LOCK, &[&self.tenant.0]),
                Statement::new(
                    "activating a mapping",
                    ACTIVATE,
                    &[&self.tenant.0, &revision, &at, &by, &active_mapping, &schema_revision],
                ),
                begin_remap(&self.tenant, &at),
            ])
            .await?;
        Ok(!answers[1].is_empty())
    }

    /// Switches mapping off.
    pub async fn deactivate_mapping(&self, at: SystemTime) -> Result<(), Error> {
        self.batch(&[
            Statement::new("locking a tenant", LOCK, &[&self.tenant.0]),
            Statement::new("switching mapping off", DEACTIVATE, &[&self.tenant.0, &at]),
            begin_remap(&self.tenant, &at),
        ])
        .await
        .map(drop)
    }

    /// A revision by number.
    pub async fn mapping(&self, revision: i32) -> Result<Option<MappingRow>, Error> {
        let sql = format!(
            "SELECT {HEAD}, m.steps FROM mapping_revision m JOIN tenant t ON t.id = m.tenant_id \
             WHERE m.tenant_id = $1 AND m.revision = $2"
        );
        let rows = self.query("reading a mapping", &sql, &[&self.tenant.0, &revision]).await?;
        Ok(rows.first().map(|row| MappingRow { head: head(row), steps: row.get(10) }))
    }

    /// Revisions with a lower number than `before`, the newest first.
    pub async fn mappings(&self, before: i32, limit: i64) -> Result<Vec<RevisionHead>, Error> {
        let sql = format!(
            "SELECT {HEAD} FROM mapping_revision m JOIN tenant t ON t.id = m.tenant_id \
             WHERE m.tenant_id = $1 AND m.revision < $2 ORDER BY m.revision DESC LIMIT $3"
        );
        let rows = self.query("listing mappings", &sql, &[&self.tenant.0, &before, &limit]).await?;
        Ok(rows.iter().map(head).collect())
    }

    /// The newest revision with a lower number than `before` that was active once.
    pub async fn mapping_before(&self, before: i32) -> Result<Option<i32>, Error> {
        let sql = "SELECT revision FROM mapping_revision WHERE tenant_id = $1 AND revision < $2 AND NOT draft \
                   ORDER BY revision DESC LIMIT 1";
        let rows = self.query("looking for an older mapping", sql, &[&self.tenant.0, &before]).await?;
        Ok(rows.first().map(|row| row.get(0)))
    }
}

fn head(row: &Row) -> RevisionHead {
    let state = match (row.get(2), row.get(1)) {
        (true, _) => RevisionState::Active,
        (false, true) => RevisionState::Draft,
        (false, false) => RevisionState::Retired,
    };
    RevisionHead {
        revision: row.get(0),
        state,
        on_failure: row.get(3),
        author: row.get(4),
        note: row.get(5),
        created_at: row.get(6),
        activated_at: row.get(7),
        activated_by: row.get(8),
        retired_at: row.get(9),
    }
}
