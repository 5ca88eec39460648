//! A tenant's definitions: extension schemas, and resource types of its own.

pub mod change;
pub mod writers;

use std::sync::LazyLock;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::store::error::Error;
use crate::store::job::{JobKind, begin_job};
use crate::store::postgres::pool::Statement;
use crate::store::{Params, TenantStore};

/// One stored extension schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaRow {
    /// The URN.
    pub id: String,
    /// The resource type it extends.
    pub resource_type: String,
    /// Whether it is only for mapped documents.
    pub directory_only: bool,
    /// Whether every resource must have it.
    pub required: bool,
    /// The definition's JSON text (RFC 7643 §7).
    pub definition: String,
}

/// One stored resource type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeRow {
    /// Its name.
    pub name: String,
    /// The definition's JSON text.
    pub definition: String,
}

/// All definitions of a tenant, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definitions {
    /// Its resource types.
    pub types: Vec<TypeRow>,
    /// Its extension schemas.
    pub schemas: Vec<SchemaRow>,
}

/// Every part depends on the tenant's row still having the revision that was read. The reconcile job begins anew.
static PUT: LazyLock<String> = LazyLock::new(|| {
    let begin_reconcile = begin_job(JobKind::Reconcile);
    format!("
WITH t AS (UPDATE tenant SET config_epoch = nextval('config_epoch'), schema_revision = schema_revision + 1
  WHERE id = $1 AND schema_revision = $2
    AND (SELECT max(c.holder::text) FROM schema_change c WHERE c.tenant_id = $1) IS NOT DISTINCT FROM $11::uuid::text
  RETURNING id, schema_revision),
c AS (DELETE FROM schema_change c USING t WHERE c.tenant_id = t.id),
j AS ({begin_reconcile}),
gone_schemas AS (DELETE FROM schema_definition d USING t WHERE d.tenant_id = t.id AND d.id <> ALL($4)),
gone_types AS (DELETE FROM resource_type_definition d USING t WHERE d.tenant_id = t.id AND d.name <> ALL($9)),
s AS (INSERT INTO schema_definition AS s (tenant_id, id, resource_type, directory_only, required, definition, created_at)
  SELECT t.id, d.id, d.resource_type, d.directory_only, d.required, d.definition, $3
  FROM t, unnest($4::text[], $5::text[], $6::boolean[], $7::boolean[], $8::text[])
    d (id, resource_type, directory_only, required, definition)
  ON CONFLICT (tenant_id, id) DO UPDATE SET resource_type = excluded.resource_type,
    directory_only = excluded.directory_only, required = excluded.required, definition = excluded.definition),
r AS (INSERT INTO resource_type_definition AS r (tenant_id, name, definition, created_at)
  SELECT t.id, d.name, d.definition, $3 FROM t, unnest($9::text[], $10::text[]) d (name, definition)
  ON CONFLICT (tenant_id, name) DO UPDATE SET definition = excluded.definition)
SELECT schema_revision FROM t")
});

impl TenantStore {
    /// Replaces all definitions, if the schemas still have this revision. Returns the new revision; none if another change
    /// was made first, or another holder has a pending change.
    pub async fn put_definitions(
        &self,
        definitions: &Definitions,
        revision: i64,
        holder: Option<Uuid>,
        at: SystemTime,
    ) -> Result<Option<i64>, Error> {
        let schemas = &definitions.schemas;
        let texts = |of: fn(&SchemaRow) -> &str| schemas.iter().map(of).collect::<Vec<&str>>();
        let flags = |of: fn(&SchemaRow) -> bool| schemas.iter().map(of).collect::<Vec<bool>>();
        let (names, types): (Vec<&str>, Vec<&str>) =
            definitions.types.iter().map(|it| (it.name.as_str(), it.definition.as_str())).unzip();
        let params: Params<'_> = &[
            &self.tenant.0,
            &revision,
            &at,
            &texts(|it| &it.id),
            &texts(|it| &it.resource_type),
            &flags(|it| it.directory_only),
            &flags(|it| it.required),
            &texts(|it| &it.definition),
            &names,
            &types,
            &holder,
        ];
        let rows = self.query("storing schemas", &PUT, params).await?;
        Ok(rows.first().map(|row| row.get(0)))
    }

    /// All definitions of the tenant.
    pub async fn definitions(&self) -> Result<Definitions, Error> {
        Ok(self.definitions_and_pending().await?.0)
    }

    /// All definitions of the tenant, and the text of those of a pending change.
    pub async fn definitions_and_pending(&self) -> Result<(Definitions, Option<String>), Error> {
        let schemas = "SELECT id, resource_type, directory_only, required, definition FROM schema_definition \
                       WHERE tenant_id = $1 ORDER BY created_at, id";
        let types =
            "SELECT name, definition FROM resource_type_definition WHERE tenant_id = $1 ORDER BY created_at, name";
        let pending = "SELECT definitions FROM schema_change WHERE tenant_id = $1";
        let doing = "reading schemas";
        let answers = self
            .batch(&[
                Statement::new(doing, schemas, &[&self.tenant.0]),
                Statement::new(doing, types, &[&self.tenant.0]),
                Statement::new(doing, pending, &[&self.tenant.0]),
            ])
            .await?;
        let schemas = answers[0].iter().map(|row| SchemaRow {
            id: row.get(0),
            resource_type: row.get(1),
            directory_only: row.get(2),
            required: row.get(3),
            definition: row.get(4),
        });
        let types = answers[1].iter().map(|row| TypeRow { name: row.get(0), definition: row.get(1) });
        let definitions = Definitions { types: types.collect(), schemas: schemas.collect() };
        Ok((definitions, answers[2].first().map(|row| row.get(0))))
    }
}
