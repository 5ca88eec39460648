//! Completing the search keys of stored resources, and the attributes that can be searched by value.

use std::sync::LazyLock;
use std::time::SystemTime;

use tokio_postgres::Row;
use uuid::Uuid;

use crate::store::error::Error;
use crate::store::job::{JobKind, begin_job};
use crate::store::resource::key::Key;
use crate::store::{Params, TenantStore};

/// A document whose search keys are to be completed.
#[derive(Clone, Debug)]
pub struct KeySource {
    /// The resource.
    pub id: Uuid,
    /// Its type's name.
    pub resource_type: String,
    /// Its own version.
    pub version: i64,
    /// The source document's text; none of a tombstone.
    pub source: Option<String>,
}

/// Tombstones count, so that a batch reads no more rows than its size.
const NEXT: &str = "
SELECT id, resource_type, version, CASE WHEN deleted_at IS NULL THEN source END FROM resource
WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3";

const BY_IDS: &str = "
SELECT r.id, r.resource_type, r.version, r.source FROM unnest($2::uuid[]) v (id) CROSS JOIN LATERAL
  (SELECT * FROM resource r WHERE r.tenant_id = $1 AND r.id = v.id LIMIT 1) r WHERE r.deleted_at IS NULL";

/// Only for a document from which the keys were computed: a write of another one inserts its own keys.
const FILL: &str = "
WITH living AS (SELECT r.id FROM unnest($2::uuid[], $3::bigint[]) v (id, version) CROSS JOIN LATERAL
  (SELECT r.id FROM resource r WHERE r.tenant_id = $1 AND r.id = v.id AND CASE WHEN r.version = v.version THEN r.deleted_at IS NULL END
   FOR SHARE) r),
filled AS (INSERT INTO search_key (tenant_id, h, id)
  SELECT $1, k.h, k.id FROM unnest($4::uuid[], $5::bigint[]) k (id, h) CROSS JOIN LATERAL (SELECT count(*) AS n FROM
    (SELECT 1 FROM search_key s WHERE s.tenant_id = $1 AND s.h = k.h AND s.id = k.id LIMIT 1) s) present
  WHERE present.n = 0 AND k.id IN (SELECT id FROM living) RETURNING id)
SELECT v.id, v.id IN (SELECT id FROM filled) FROM unnest($2::uuid[]) v (id)
WHERE v.id NOT IN (SELECT id FROM living) OR v.id IN (SELECT id FROM filled)";

/// Members read their groups' names from the column.
const FILL_DISPLAY: &str = "
UPDATE resource r SET display = r.source::json ->> 'displayName', display_version = r.version
FROM (SELECT g.id FROM unnest($2::uuid[]) v (id) CROSS JOIN LATERAL
  (SELECT r.id FROM resource r WHERE r.tenant_id = $1 AND r.id = v.id AND CASE WHEN r.resource_type = 'Group'
    THEN r.display_version IS DISTINCT FROM r.version END LIMIT 1) g LIMIT (SELECT 1000000)) g
WHERE r.tenant_id = $1 AND r.id = g.id";

const READY: &str = "
UPDATE tenant SET search_ready = search_attributes, key_layout = greatest(key_layout, 1::smallint), config_epoch = nextval('config_epoch')
WHERE id = $1 AND search_attributes = $2 RETURNING 1";

const RESUME: &str = "
UPDATE job SET state = 'running', resume_at = now() WHERE tenant_id = $1 AND kind = 'search-keys' AND state = 'cancelled'";

/// A writer that does not know the attributes is refused by the schema revision. The job inserts the keys of what is stored.
static SET: LazyLock<String> = LazyLock::new(|| {
    format!(
        "
WITH t AS (UPDATE tenant SET search_attributes = $2,
    search_ready = ARRAY(SELECT name FROM unnest(search_ready) name WHERE name = ANY($2)),
    schema_revision = schema_revision + 1, config_epoch = nextval('config_epoch')
  WHERE id = $1 RETURNING id, schema_revision){}",
        begin_job(JobKind::SearchKeys)
    )
});

/// What [`TenantStore::fill_search_keys`] did.
#[derive(Debug, Default)]
pub struct FilledKeys {
    /// Resources that lacked keys.
    pub filled: Vec<Uuid>,
    /// Resources that were written or deleted meanwhile.
    pub missed: Vec<Uuid>,
}

impl TenantStore {
    /// The next resources of all types, tombstones included, by their ids.
    pub async fn key_sources_after(&self, after: Uuid, count: i64) -> Result<Vec<KeySource>, Error> {
        let rows = self.query("reading documents", NEXT, &[&self.tenant.0, &after, &count]).await?;
        Ok(rows.iter().map(key_source).collect())
    }

    /// The living resources with these ids.
    pub async fn key_sources(&self, ids: &[Uuid]) -> Result<Vec<KeySource>, Error> {
        let rows = self.query("reading documents", BY_IDS, &[&self.tenant.0, &ids]).await?;
        Ok(rows.iter().map(key_source).collect())
    }

    /// Inserts the search keys that documents of these versions lack.
    pub async fn fill_search_keys(&self, documents: &[(Uuid, i64, Vec<Key>)]) -> Result<FilledKeys, Error> {
        let (ids, versions): (Vec<Uuid>, Vec<i64>) = documents.iter().map(|(id, version, _)| (*id, *version)).unzip();
        let keys = documents.iter().flat_map(|(id, _, keys)| keys.iter().map(|key| (*id, key.hash())));
        let (owners, hashes): (Vec<Uuid>, Vec<i64>) = keys.unzip();
        let params: Params<'_> = &[&self.tenant.0, &ids, &versions, &owners, &hashes];
        let mut done = FilledKeys::default();
        for row in self.query("inserting search keys", FILL, params).await? {
            let list = if row.get(1) { &mut done.filled } else { &mut done.missed };
            list.push(row.get(0));
        }
        Ok(done)
    }

    /// Stores the displayName of those of the resources that are groups, where a replica of the version before wrote them.
    pub async fn fill_displays(&self, ids: &[Uuid]) -> Result<(), Error> {
        self.query("storing names of groups", FILL_DISPLAY, &[&self.tenant.0, &ids]).await?;
        Ok(())
    }

    /// From now on filters rely on the search keys of these attributes, if they are still those of the tenant; returns whether
    /// they are.
    pub async fn search_keys_are_complete(&self, attributes: &[String]) -> Result<bool, Error> {
        let rows = self.query("completing search keys", READY, &[&self.tenant.0, &attributes]).await?;
        Ok(!rows.is_empty())
    }

    /// Continues the job where an operator has cancelled it.
    pub async fn resume_search_keys(&self) -> Result<(), Error> {
        self.query("continuing a job", RESUME, &[&self.tenant.0]).await?;
        Ok(())
    }

    /// Sets the attributes that can be searched by value; a job inserts the keys of stored resources.
    pub async fn set_search_attributes(&self, attributes: &[String], now: SystemTime) -> Result<(), Error> {
        self.query("setting search attributes", &SET, &[&self.tenant.0, &attributes, &now]).await?;
        Ok(())
    }
}

fn key_source(row: &Row) -> KeySource {
    KeySource { id: row.get(0), resource_type: row.get(1), version: row.get(2), source: row.get(3) }
}
