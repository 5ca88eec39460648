//! The registry: what plugins are called, by name and version, for one tenant or for all. A version never changes what it means.

use std::time::SystemTime;

use tokio_postgres::Row;
use uuid::Uuid;

use crate::store::audit::{self, Entry};
use crate::store::error::Error;
use crate::store::postgres::pool::{Pool, Role, Statement};
use crate::store::{ControlStore, Params, TenantStore};

/// The owner of releases of all tenants.
const ALL: Uuid = Uuid::nil();
/// Most releases that the steps of one mapping are looked for among.
const MAX_NAMED: i64 = 200;

const COLUMNS: &str = "r.tenant_id, r.name, r.version, r.digest, r.dev, r.author, r.source, r.signature, r.created_at, r.yanked_at, \
                       r.yanked_by, p.manifest, coalesce(p.size, octet_length(p.wasm))";

const INSERT: &str = "
INSERT INTO plugin_release (tenant_id, name, version, digest, dev, author, source, signature, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (tenant_id, name, version) DO NOTHING RETURNING 1";

/// All but the newest pushes of a plugin between its releases, unless a mapping revision uses them.
const DELETE_OLD_DEV: &str = "
WITH old AS (SELECT r.version FROM plugin_release r WHERE r.tenant_id = $1 AND r.name = $2 AND r.dev
  ORDER BY r.created_at DESC, r.version DESC OFFSET $3)
DELETE FROM plugin_release r USING old WHERE r.tenant_id = $1 AND r.name = $2 AND r.version = old.version
  AND NOT EXISTS (SELECT 1 FROM mapping_plugin u WHERE u.owner = $1 AND u.name = $2 AND u.version = r.version)
RETURNING r.digest";

const USES: &str = "
SELECT t.id, t.name, u.revision, m.draft, u.revision = t.active_mapping FROM mapping_plugin u
JOIN tenant t ON t.id = u.tenant_id JOIN mapping_revision m ON m.tenant_id = u.tenant_id AND m.revision = u.revision
WHERE u.owner = $1 AND u.name = $2 AND u.version = $3 AND (u.tenant_id, u.revision) > ($4, $5)
ORDER BY u.tenant_id, u.revision LIMIT $6";

/// A release of a plugin, without the plugin's code.
#[derive(Clone, Debug)]
pub struct ReleaseRow {
    /// Whether it is of all tenants; otherwise it is the handle's tenant's own.
    pub is_global: bool,
    /// The plugin's name.
    pub name: String,
    /// The version; of a push between releases, the manifest's version with the digest.
    pub version: String,
    /// SHA-256 of the plugin's bytes, in hexadecimal.
    pub digest: String,
    /// Whether it is a push between releases.
    pub dev: bool,
    /// The operator key's id, or the name of a command; none where an older version stored it.
    pub author: Option<String>,
    /// Where it was pulled from.
    pub source: Option<String>,
    /// The signature of its bytes.
    pub signature: Option<String>,
    /// When it was released.
    pub created_at: SystemTime,
    /// Since when no new mapping revision may use it.
    pub yanked_at: Option<SystemTime>,
    /// Who yanked it.
    pub yanked_by: Option<String>,
    /// The plugin's manifest, as JSON text.
    pub manifest: String,
    /// The plugin's length in bytes.
    pub size: i32,
}

/// A release about to be stored.
#[derive(Clone, Copy, Debug)]
pub struct NewRelease<'a> {
    /// The plugin's name.
    pub name: &'a str,
    /// The version.
    pub version: &'a str,
    /// The plugin, which is stored already.
    pub digest: &'a str,
    /// Whether it is a push between releases.
    pub dev: bool,
    /// The operator key's id, or the name of a command.
    pub author: &'a str,
    /// Where it was pulled from.
    pub source: Option<&'a str>,
    /// The signature of its bytes.
    pub signature: Option<&'a str>,
}

/// How the steps of a mapping name their plugins.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// By digest.
    pub digests: Vec<String>,
    /// By name and version: the names.
    pub names: Vec<String>,
    /// … and their versions.
    pub versions: Vec<String>,
    /// By a name that only one plugin has.
    pub bare: Vec<String>,
}

/// A mapping revision that uses a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UseRow {
    /// The tenant's id.
    pub tenant_id: Uuid,
    /// The tenant's name.
    pub tenant: String,
    /// The revision.
    pub revision: i32,
    /// Whether it was never active.
    pub is_draft: bool,
    /// Whether it is active.
    pub is_active: bool,
}

/// The releases of one owner: a tenant, or all.
#[derive(Clone)]
pub struct Releases {
    pool: Pool,
    role: Role,
    owner: Uuid,
    /// What is recorded with the next change.
    entry: Option<Entry>,
}

impl TenantStore {
    /// The tenant's own releases.
    #[must_use]
    pub fn releases(&self) -> Releases {
        Releases { pool: self.pool.clone(), role: Role::Tenant(self.tenant), owner: self.tenant.0, entry: None }
    }
}

impl ControlStore {
    /// The releases of all tenants.
    #[must_use]
    pub fn releases(&self) -> Releases {
        Releases { pool: self.pool.clone(), role: Role::Control, owner: ALL, entry: None }
    }

    /// The mapping revisions that use a release, after one of them.
    pub async fn release_uses(
        &self,
        releases: &Releases,
        (name, version): (&str, &str),
        (after, limit): ((Uuid, i32), i64),
    ) -> Result<Vec<UseRow>, Error> {
        let params: Params<'_> = &[&releases.owner, &name, &version, &after.0, &after.1, &limit];
        let rows = self.query("looking for who uses a plugin", USES, params).await?;
        let uses = rows.iter().map(|row| UseRow {
            tenant_id: row.get(0),
            tenant: row.get(1),
            revision: row.get(2),
            is_draft: row.get(3),
            is_active: row.get(4),
        });
        Ok(uses.collect())
    }
}

impl Releases {
    /// Whether they are those of all tenants.
    #[must_use]
    pub fn is_global(&self) -> bool {
        self.owner == ALL
    }

    /// The same, which records a change in its transaction.
    #[must_use]
    pub fn audited(&self, entry: Entry) -> Self {
        Self { entry: Some(entry.if_anything_changes()), ..self.clone() }
    }

    /// Stores a release, unless there is one of that name and version.
    pub async fn insert(&self, new: &NewRelease<'_>, at: SystemTime) -> Result<bool, Error> {
        let NewRelease { name, version, digest, dev, author, source, signature } = new;
        let params: Params<'_> = &[&self.owner, name, version, digest, dev, author, source, signature, &at];
        Ok(!self.query("releasing a plugin", INSERT, params).await?.is_empty())
    }

    /// A release.
    pub async fn get(&self, name: &str, version: &str) -> Result<Option<ReleaseRow>, Error> {
        let sql = format!(
            "SELECT {COLUMNS} FROM plugin_release r JOIN plugin p ON p.digest = r.digest \
             WHERE r.tenant_id = $1 AND r.name = $2 AND r.version = $3"
        );
        let rows = self.query("reading a release of a plugin", &sql, &[&self.owner, &name, &version]).await?;
        Ok(rows.first().map(release))
    }

    /// Releases after a name and a version, up to a name, in the order of both.
    pub async fn list(&self, after: (&str, &str), up_to: &str, limit: i64) -> Result<Vec<ReleaseRow>, Error> {
        let sql = format!(
            "SELECT {COLUMNS} FROM plugin_release r JOIN plugin p ON p.digest = r.digest \
             WHERE r.tenant_id = $1 AND (r.name, r.version) > ($2, $3) AND r.name <= $4 ORDER BY r.name, r.version LIMIT $5"
        );
        let params: Params<'_> = &[&self.owner, &after.0, &after.1, &up_to, &limit];
        let rows = self.query("listing releases of plugins", &sql, params).await?;
        Ok(rows.iter().map(release).collect())
    }

    /// The releases, its own or of all tenants, that steps may mean: its own first, then what is not a push between releases. By a name
    /// alone only those are found that are neither that nor yanked.
    pub async fn named(&self, wanted: &Wanted) -> Result<Vec<ReleaseRow>, Error> {
        let sql = format!(
            "SELECT {COLUMNS} FROM (SELECT r.* FROM plugin_release r WHERE r.tenant_id = ANY($1) AND r.digest = ANY($2) \
             UNION SELECT r.* FROM plugin_release r, unnest($3::text[], $4::text[]) n (name, version) \
             WHERE r.tenant_id = ANY($1) AND r.name = n.name AND r.version = n.version \
             UNION SELECT r.* FROM plugin_release r WHERE r.tenant_id = ANY($1) AND r.name = ANY($5) AND NOT r.dev AND r.yanked_at IS NULL) r \
             JOIN plugin p ON p.digest = r.digest ORDER BY r.tenant_id DESC, r.dev, r.created_at, r.version LIMIT {MAX_NAMED}"
        );
        let Wanted { digests, names, versions, bare } = wanted;
        let owners = [self.owner, ALL];
        let rows = self.query("looking for plugins", &sql, &[&&owners[..], digests, names, versions, bare]).await?;
        Ok(rows.iter().map(release).collect())
    }

    /// The releases that a mapping revision of the tenant uses.
    pub async fn of_revision(&self, revision: i32) -> Result<Vec<ReleaseRow>, Error> {
        let sql = format!(
            "SELECT {COLUMNS} FROM mapping_plugin u JOIN plugin_release r ON r.tenant_id = u.owner AND r.name = u.name AND r.version = u.version \
             JOIN plugin p ON p.digest = r.digest WHERE u.tenant_id = $1 AND u.revision = $2"
        );
        let rows = self.query("reading the plugins of a mapping", &sql, &[&self.owner, &revision]).await?;
        Ok(rows.iter().map(release).collect())
    }

    /// Keeps a signature with a release.
    pub async fn sign(&self, name: &str, version: &str, signature: &str) -> Result<(), Error> {
        let sql = "UPDATE plugin_release SET signature = $4 WHERE tenant_id = $1 AND name = $2 AND version = $3";
        self.query("keeping a signature", sql, &[&self.owner, &name, &version, &signature]).await.map(drop)
    }

    /// Keeps new mapping revisions from a release, unless that is so already.
    pub async fn yank(&self, name: &str, version: &str, (by, at): (&str, SystemTime)) -> Result<(), Error> {
        let sql = "UPDATE plugin_release SET yanked_at = $4, yanked_by = $5 \
                   WHERE tenant_id = $1 AND name = $2 AND version = $3 AND yanked_at IS NULL";
        self.query("yanking a plugin", sql, &[&self.owner, &name, &version, &at, &by]).await.map(drop)
    }

    /// Takes that back.
    pub async fn unyank(&self, name: &str, version: &str) -> Result<(), Error> {
        let sql = "UPDATE plugin_release SET yanked_at = NULL, yanked_by = NULL WHERE tenant_id = $1 AND name = $2 AND version = $3";
        self.query("taking a yank back", sql, &[&self.owner, &name, &version]).await.map(drop)
    }

    /// Removes a release; returns its digest, or none where there is none.
    ///
    /// # Errors
    /// [`Error::Reference`] where a mapping revision uses it.
    pub async fn remove(&self, name: &str, version: &str) -> Result<Option<String>, Error> {
        let sql = "DELETE FROM plugin_release WHERE tenant_id = $1 AND name = $2 AND version = $3 RETURNING digest";
        let rows = self.query("removing a release of a plugin", sql, &[&self.owner, &name, &version]).await?;
        Ok(rows.first().map(|row| row.get(0)))
    }

    /// Removes unused pushes between releases but for the newest `keep`; returns their digests.
    pub async fn remove_old_dev(&self, name: &str, keep: i64) -> Result<Vec<String>, Error> {
        match self.query("removing old pushes of a plugin", DELETE_OLD_DEV, &[&self.owner, &name, &keep]).await {
            Ok(rows) => Ok(rows.iter().map(|row| row.get(0)).collect()),
            // A mapping revision began to use one at the same moment; the next push comes here again.
            Err(Error::Reference { .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    async fn query(&self, doing: &'static str, sql: &str, params: Params<'_>) -> Result<Vec<Row>, Error> {
        let statement = Statement::new(doing, sql, params);
        match &self.entry {
            Some(entry) => Ok(audit::batch(&self.pool, self.role, entry, &[statement]).await?.swap_remove(0)),
            None => self.pool.query(self.role, &statement).await,
        }
    }
}

fn release(row: &Row) -> ReleaseRow {
    ReleaseRow {
        is_global: row.get::<_, Uuid>(0) == ALL,
        name: row.get(1),
        version: row.get(2),
        digest: row.get(3),
        dev: row.get(4),
        author: row.get(5),
        source: row.get(6),
        signature: row.get(7),
        created_at: row.get(8),
        yanked_at: row.get(9),
        yanked_by: row.get(10),
        manifest: row.get(11),
        size: row.get(12),
    }
}
