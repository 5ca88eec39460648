//! A change of schemas that is announced before it is made, and the keys that come and go with it.

use std::sync::LazyLock;
use std::time::SystemTime;

use uuid::Uuid;

use crate::store::error::Error;
use crate::store::job::BEGIN_RECONCILE;
use crate::store::postgres::pool::Statement;
use crate::store::resource::key::Key;
use crate::store::{ControlStore, TenantStore};
use crate::tenant::TenantId;

/// Keys that one statement takes away.
const BATCH: i64 = 5_000;

/// A stored document that a change of schemas is held against.
#[derive(Clone, Debug)]
pub struct Held {
    /// The resource.
    pub id: Uuid,
    /// Its own version.
    pub version: i64,
    /// The source document's text.
    pub source: String,
    /// The mapped document's text, where it differs.
    pub mapped: Option<String>,
}

/// A key that is wanted for a document of this version.
#[derive(Clone, Debug)]
pub struct WantedKey {
    /// The resource.
    pub id: Uuid,
    /// The version of the document that the key was read from.
    pub version: i64,
    /// The key.
    pub key: Key,
}

/// A key that is not there after all.
#[derive(Clone, Debug)]
pub struct Missing {
    /// The resource.
    pub id: Uuid,
    /// The attribute.
    pub attribute: String,
    /// Whether another resource has it; otherwise this one was written meanwhile.
    pub taken: bool,
}

const ANNOUNCE: &str = "
WITH t AS (UPDATE tenant SET config_epoch = nextval('config_epoch'), schema_revision = schema_revision + 1
  WHERE id = $1 AND schema_revision = $2 AND NOT EXISTS (SELECT 1 FROM schema_change c WHERE c.tenant_id = $1)
  RETURNING id, schema_revision),
c AS (INSERT INTO schema_change (tenant_id, definitions, holder, until) SELECT t.id, $3, $4, $5 FROM t)
SELECT schema_revision FROM t";

/// The reconcile job begins anew: it also drops the keys that no schema wants.
static WITHDRAW: LazyLock<String> = LazyLock::new(|| {
    format!(
        "
WITH c AS (DELETE FROM schema_change WHERE tenant_id = $1 AND holder = $2 RETURNING tenant_id),
t AS (UPDATE tenant SET config_epoch = nextval('config_epoch'), schema_revision = schema_revision + 1 FROM c
  WHERE id = c.tenant_id RETURNING id, schema_revision){BEGIN_RECONCILE}"
    )
});

/// Only for a document that still is what the key was read from: who writes another one writes its keys.
const FILL: &str = "
WITH w AS (SELECT * FROM unnest($2::uuid[], $3::bigint[], $4::text[], $5::text[]) w (id, version, attribute, key)),
living AS (SELECT r.id FROM resource r WHERE r.tenant_id = $1 AND r.deleted_at IS NULL
  AND EXISTS (SELECT 1 FROM w WHERE w.id = r.id AND w.version = r.version) AND r.id = ANY($2) ORDER BY r.id FOR SHARE)
INSERT INTO unique_key (tenant_id, resource_type, attribute, key, id)
SELECT $1, $6, w.attribute, w.key, w.id FROM w JOIN living ON living.id = w.id ORDER BY w.attribute, w.key
ON CONFLICT DO NOTHING";

/// A statement of its own: its snapshot sees what the one before met.
const MISSING: &str = "
SELECT w.id, w.attribute, EXISTS (SELECT 1 FROM unique_key k WHERE k.tenant_id = $1 AND k.resource_type = $5
  AND k.attribute = w.attribute AND k.key = w.key AND k.id <> w.id) AS taken
FROM unnest($2::uuid[], $3::text[], $4::text[]) w (id, attribute, key)
WHERE NOT EXISTS (SELECT 1 FROM unique_key k WHERE k.tenant_id = $1 AND k.resource_type = $5
  AND k.attribute = w.attribute AND k.key = w.key AND k.id = w.id)";

const DROP: &str = "
DELETE FROM unique_key k WHERE k.tenant_id = $1 AND k.resource_type = $3 AND k.attribute = $4
  AND EXISTS (SELECT 1 FROM tenant t WHERE t.id = $1 AND t.schema_revision = $2)
  AND k.key IN (SELECT key FROM unique_key WHERE tenant_id = $1 AND resource_type = $3 AND attribute = $4 LIMIT $5)
RETURNING 1";

impl TenantStore {
    /// Announces definitions, if the schemas have still this revision and nothing else is announced. Gives the new revision.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn announce(
        &self,
        definitions: &str,
        revision: i64,
        holder: Uuid,
        until: SystemTime,
    ) -> Result<Option<i64>, Error> {
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
            [&self.tenant.0, &revision, &definitions, &holder, &until];
        let rows = self.query("announcing a change of schemas", ANNOUNCE, &params).await?;
        Ok(rows.first().map(|row| row.get(0)))
    }

    /// Stays at it a while longer; tells whether the announcement is still there.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn renew_announcement(&self, holder: Uuid, until: SystemTime) -> Result<bool, Error> {
        let sql = "UPDATE schema_change SET until = $3 WHERE tenant_id = $1 AND holder = $2 RETURNING 1";
        let rows = self.query("staying at a change of schemas", sql, &[&self.tenant.0, &holder, &until]).await?;
        Ok(!rows.is_empty())
    }

    /// Takes an announcement back.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn withdraw(&self, holder: Uuid, at: SystemTime) -> Result<(), Error> {
        self.query("taking back a change of schemas", &WITHDRAW, &[&self.tenant.0, &holder, &at]).await?;
        Ok(())
    }

    /// Who announced a change, and until when.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn announcement(&self) -> Result<Option<(Uuid, SystemTime)>, Error> {
        let sql = "SELECT holder, until FROM schema_change WHERE tenant_id = $1";
        let rows = self.query("looking for a change of schemas", sql, &[&self.tenant.0]).await?;
        Ok(rows.first().map(|row| (row.get(0), row.get(1))))
    }

    /// The next living resources of a type, by their ids, with both documents.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn held_after(&self, resource_type: &str, after: Uuid, count: i64) -> Result<Vec<Held>, Error> {
        let sql = "SELECT id, version, source, mapped FROM resource WHERE tenant_id = $1 AND resource_type = $2 \
                   AND deleted_at IS NULL AND id > $3 ORDER BY id LIMIT $4";
        let rows = self.query("reading documents", sql, &[&self.tenant.0, &resource_type, &after, &count]).await?;
        Ok(rows.iter().map(held).collect())
    }

    /// The living resources of a type with these ids.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn held_by_ids(&self, resource_type: &str, ids: &[Uuid]) -> Result<Vec<Held>, Error> {
        let sql = "SELECT id, version, source, mapped FROM resource WHERE tenant_id = $1 AND resource_type = $2 \
                   AND deleted_at IS NULL AND id = ANY($3)";
        let rows = self.query("reading documents", sql, &[&self.tenant.0, &resource_type, &ids]).await?;
        Ok(rows.iter().map(held).collect())
    }

    /// Makes keys of documents that have none, and tells which of them are not there then.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn fill_keys(&self, resource_type: &str, wanted: &[WantedKey]) -> Result<Vec<Missing>, Error> {
        let ids: Vec<Uuid> = wanted.iter().map(|it| it.id).collect();
        let versions: Vec<i64> = wanted.iter().map(|it| it.version).collect();
        let (attributes, keys): (Vec<&str>, Vec<&str>) =
            wanted.iter().map(|it| (it.key.attribute.as_str(), it.key.key.as_str())).unzip();
        let doing = "making keys";
        let answers = self
            .batch(&[
                Statement {
                    doing,
                    sql: FILL,
                    params: &[&self.tenant.0, &ids, &versions, &attributes, &keys, &resource_type],
                },
                Statement { doing, sql: MISSING, params: &[&self.tenant.0, &ids, &attributes, &keys, &resource_type] },
            ])
            .await?;
        let missing = answers[1].iter();
        Ok(missing.map(|row| Missing { id: row.get(0), attribute: row.get(1), taken: row.get(2) }).collect())
    }

    /// The attributes of each type that have unique keys.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn keyed_attributes(&self) -> Result<Vec<(String, String)>, Error> {
        let sql = "SELECT DISTINCT resource_type, attribute FROM unique_key WHERE tenant_id = $1";
        let rows = self.query("looking for keys", sql, &[&self.tenant.0]).await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// Takes away keys of an attribute, if the schemas have still this revision; tells whether there may be more.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn drop_keys(&self, revision: i64, resource_type: &str, attribute: &str) -> Result<bool, Error> {
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
            [&self.tenant.0, &revision, &resource_type, &attribute, &BATCH];
        Ok(!self.query("taking away keys", DROP, &params).await?.is_empty())
    }
}

impl ControlStore {
    /// Changes that were announced and that nobody is at any more.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn abandoned_changes(&self, now: SystemTime) -> Result<Vec<(TenantId, Uuid)>, Error> {
        let sql = "SELECT tenant_id, holder FROM schema_change WHERE until < $1 LIMIT 100";
        let rows = self.query("looking for abandoned changes", sql, &[&now]).await?;
        Ok(rows.iter().map(|row| (TenantId(row.get(0)), row.get(1))).collect())
    }
}

fn held(row: &tokio_postgres::Row) -> Held {
    Held { id: row.get(0), version: row.get(1), source: row.get(2), mapped: row.get(3) }
}
