//! A pending schema change, which writes must already fit while stored documents are checked, and the keys that it adds and
//! removes.

use std::sync::LazyLock;
use std::time::SystemTime;

use uuid::Uuid;

use crate::store::error::Error;
use crate::store::job::{JobKind, begin_job};
use crate::store::postgres::pool::Statement;
use crate::store::resource::key::Key;
use crate::store::{ControlStore, Params, TenantStore};
use crate::tenant::TenantId;

/// Keys that one statement deletes at most.
const MAX_DELETED_KEYS: i64 = 5_000;

/// A resource's stored documents, to check against a schema change.
#[derive(Clone, Debug)]
pub struct StoredDocuments {
    /// The resource.
    pub id: Uuid,
    /// Its own version.
    pub version: i64,
    /// The source document's text.
    pub source: String,
    /// The mapped document's text, where it differs.
    pub mapped: Option<String>,
}

/// A key that a document of this version must have.
#[derive(Clone, Debug)]
pub struct WantedKey {
    /// The resource.
    pub id: Uuid,
    /// The version of the document from which the key was computed.
    pub version: i64,
    /// The key.
    pub key: Key,
}

/// A key that could not be inserted.
#[derive(Clone, Debug)]
pub struct MissingKey {
    /// The resource.
    pub id: Uuid,
    /// The attribute.
    pub attribute: String,
    /// Whether another resource has the key; otherwise this resource was written meanwhile.
    pub taken: bool,
}

const BEGIN: &str = "
WITH t AS (UPDATE tenant SET config_epoch = nextval('config_epoch'), schema_revision = schema_revision + 1
  WHERE id = $1 AND schema_revision = $2 AND NOT EXISTS (SELECT 1 FROM schema_change c WHERE c.tenant_id = $1)
  RETURNING id, schema_revision),
c AS (INSERT INTO schema_change (tenant_id, definitions, holder, until) SELECT t.id, $3, $4, $5 FROM t)
SELECT schema_revision FROM t";

/// The reconcile job begins anew: it also drops the keys of attributes that are no longer unique.
static CANCEL: LazyLock<String> = LazyLock::new(|| {
    let begin_reconcile = begin_job(JobKind::Reconcile);
    format!(
        "
WITH c AS (DELETE FROM schema_change WHERE tenant_id = $1 AND holder = $2 RETURNING tenant_id),
t AS (UPDATE tenant SET config_epoch = nextval('config_epoch'), schema_revision = schema_revision + 1 FROM c
  WHERE id = c.tenant_id RETURNING id, schema_revision){begin_reconcile}"
    )
});

/// Only for a document from which the key was computed: a write of another one inserts its own keys.
const INSERT_KEYS: &str = "
WITH w AS (SELECT * FROM unnest($2::uuid[], $3::bigint[], $4::text[], $5::text[]) w (id, version, attribute, key)),
living AS (SELECT r.id, v.version FROM (SELECT DISTINCT id, version FROM w ORDER BY id) v CROSS JOIN LATERAL
  (SELECT r.id FROM resource r WHERE r.tenant_id = $1 AND r.id = v.id
    AND CASE WHEN r.version = v.version THEN r.deleted_at IS NULL END FOR SHARE) r)
INSERT INTO unique_key (tenant_id, resource_type, attribute, key, id)
SELECT $1, $6, w.attribute, w.key, w.id FROM w WHERE (w.id, w.version) IN (SELECT id, version FROM living)
  ORDER BY w.attribute, w.key
ON CONFLICT DO NOTHING";

/// A statement of its own: its snapshot sees the rows with which the one before conflicted.
const MISSING_KEYS: &str = "
SELECT w.id, w.attribute, k.id IS NOT NULL AS taken FROM unnest($2::uuid[], $3::text[], $4::text[]) w (id, attribute, key)
LEFT JOIN LATERAL (SELECT k.id FROM unique_key k WHERE k.tenant_id = $1 AND k.resource_type = $5
  AND k.attribute = w.attribute AND k.key = w.key LIMIT 1) k ON true WHERE k.id IS DISTINCT FROM w.id";

/// From each to the next, by the table's order: there are few among many keys.
const KEYED: &str = "
WITH RECURSIVE keyed AS (
  (SELECT resource_type, attribute FROM unique_key WHERE tenant_id = $1 ORDER BY resource_type, attribute, key LIMIT 1)
  UNION ALL SELECT next.* FROM keyed CROSS JOIN LATERAL (SELECT k.resource_type, k.attribute FROM unique_key k
    WHERE k.tenant_id = $1 AND (k.resource_type, k.attribute) > (keyed.resource_type, keyed.attribute)
    ORDER BY k.resource_type, k.attribute, k.key LIMIT 1) next)
SELECT resource_type, attribute FROM keyed";

const DELETE_KEYS: &str = "
DELETE FROM unique_key k WHERE k.tenant_id = $1 AND k.resource_type = $3 AND k.attribute = $4
  AND EXISTS (SELECT 1 FROM tenant t WHERE t.id = $1 AND t.schema_revision = $2)
  AND k.key IN (SELECT key FROM unique_key WHERE tenant_id = $1 AND resource_type = $3 AND attribute = $4 LIMIT $5)
RETURNING 1";

impl TenantStore {
    /// Makes a schema change pending, if the schemas have still this revision and no other is. Gives the new revision.
    pub async fn begin_pending_change(
        &self,
        definitions: &str,
        revision: i64,
        holder: Uuid,
        until: SystemTime,
    ) -> Result<Option<i64>, Error> {
        let params: Params<'_> = &[&self.tenant.0, &revision, &definitions, &holder, &until];
        let rows = self.query("beginning a schema change", BEGIN, params).await?;
        Ok(rows.first().map(|row| row.get(0)))
    }

    /// Extends a pending change; gives whether it still is pending.
    pub async fn renew_pending_change(&self, holder: Uuid, until: SystemTime) -> Result<bool, Error> {
        let sql = "UPDATE schema_change SET until = $3 WHERE tenant_id = $1 AND holder = $2 RETURNING 1";
        let rows = self.query("extending a schema change", sql, &[&self.tenant.0, &holder, &until]).await?;
        Ok(!rows.is_empty())
    }

    /// Cancels a pending change.
    pub async fn cancel_pending_change(&self, holder: Uuid, at: SystemTime) -> Result<(), Error> {
        self.query("cancelling a schema change", &CANCEL, &[&self.tenant.0, &holder, &at]).await?;
        Ok(())
    }

    /// The holder of the pending change, and when it is abandoned.
    pub async fn pending_change(&self) -> Result<Option<(Uuid, SystemTime)>, Error> {
        let sql = "SELECT holder, until FROM schema_change WHERE tenant_id = $1";
        let rows = self.query("looking for a schema change", sql, &[&self.tenant.0]).await?;
        Ok(rows.first().map(|row| (row.get(0), row.get(1))))
    }

    /// The next living resources of a type, by their ids, with both documents.
    pub async fn documents_after(
        &self,
        resource_type: &str,
        after: Uuid,
        count: i64,
    ) -> Result<Vec<StoredDocuments>, Error> {
        let sql = "SELECT id, version, source, mapped FROM resource WHERE tenant_id = $1 AND resource_type = $2 \
                   AND deleted_at IS NULL AND created_at > '-infinity' AND id > $3 ORDER BY id LIMIT $4";
        let rows = self.query("reading documents", sql, &[&self.tenant.0, &resource_type, &after, &count]).await?;
        Ok(rows.iter().map(stored_documents).collect())
    }

    /// The living resources of a type with these ids, with both documents.
    pub async fn documents_by_ids(&self, resource_type: &str, ids: &[Uuid]) -> Result<Vec<StoredDocuments>, Error> {
        let sql = "SELECT r.* FROM unnest($3::uuid[]) v (id) CROSS JOIN LATERAL \
                   (SELECT id, version, source, mapped FROM resource WHERE tenant_id = $1 AND id = v.id \
                   AND CASE WHEN resource_type = $2 THEN deleted_at IS NULL END LIMIT 1) r";
        let rows = self.query("reading documents", sql, &[&self.tenant.0, &resource_type, &ids]).await?;
        Ok(rows.iter().map(stored_documents).collect())
    }

    /// Inserts the keys of documents that lack them; gives those that could not be inserted.
    pub async fn fill_keys(&self, resource_type: &str, wanted: &[WantedKey]) -> Result<Vec<MissingKey>, Error> {
        let ids: Vec<Uuid> = wanted.iter().map(|it| it.id).collect();
        let versions: Vec<i64> = wanted.iter().map(|it| it.version).collect();
        let (attributes, keys): (Vec<&str>, Vec<&str>) =
            wanted.iter().map(|it| (it.key.attribute.as_ref(), it.key.key.as_str())).unzip();
        let (doing, tenant) = ("inserting keys", &self.tenant.0);
        let insert: Params<'_> = &[tenant, &ids, &versions, &attributes, &keys, &resource_type];
        let missing: Params<'_> = &[tenant, &ids, &attributes, &keys, &resource_type];
        let answers = self
            .batch(&[Statement::new(doing, INSERT_KEYS, insert), Statement::new(doing, MISSING_KEYS, missing)])
            .await?;
        let missing = answers[1].iter();
        Ok(missing.map(|row| MissingKey { id: row.get(0), attribute: row.get(1), taken: row.get(2) }).collect())
    }

    /// The resource types and attributes that have unique keys.
    pub async fn keyed_attributes(&self) -> Result<Vec<(String, String)>, Error> {
        let rows = self.query("looking for keys", KEYED, &[&self.tenant.0]).await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// Deletes keys of an attribute, if the schemas have still this revision; gives whether there may be more.
    pub async fn drop_keys(&self, revision: i64, resource_type: &str, attribute: &str) -> Result<bool, Error> {
        let params: Params<'_> = &[&self.tenant.0, &revision, &resource_type, &attribute, &MAX_DELETED_KEYS];
        Ok(!self.query("deleting keys", DELETE_KEYS, params).await?.is_empty())
    }
}

impl ControlStore {
    /// Pending changes that are abandoned, with their holders.
    pub async fn abandoned_changes(&self, now: SystemTime) -> Result<Vec<(TenantId, Uuid)>, Error> {
        let sql = "SELECT tenant_id, holder FROM schema_change WHERE until < $1 LIMIT 100";
        let rows = self.query("looking for abandoned changes", sql, &[&now]).await?;
        Ok(rows.iter().map(|row| (TenantId(row.get(0)), row.get(1))).collect())
    }
}

fn stored_documents(row: &tokio_postgres::Row) -> StoredDocuments {
    StoredDocuments { id: row.get(0), version: row.get(1), source: row.get(2), mapped: row.get(3) }
}
