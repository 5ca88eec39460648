//! Who would have which unique value, as far as a plan or a check has come. It is saved with the run's progress, and deleted when the
//! run ends.

use std::collections::HashMap;

use uuid::Uuid;

use crate::store::error::Error;
use crate::store::mapped_unique::TypedKey;
use crate::store::postgres::pool::Statement;
use crate::store::resource::key::Key;
use crate::store::{Params, TenantStore};

/// Rows that one statement deletes at most.
const MAX_DELETED: i64 = 5_000;

/// What a batch of a plan or a check changes.
#[derive(Debug, Default)]
pub struct PlannedWrite {
    types: Vec<String>,
    attributes: Vec<String>,
    keys: Vec<String>,
    ids: Vec<Option<Uuid>>,
    conflicts: Vec<Uuid>,
    resolved: Vec<Uuid>,
}

const CLAIM: &str = "
INSERT INTO planned_unique AS p (tenant_id, run, resource_type, attribute, key, id)
SELECT $1, j.id, v.resource_type, v.attribute, v.key, v.id FROM job j,
  unnest($3::text[], $4::text[], $5::text[], $6::uuid[]) v (resource_type, attribute, key, id)
WHERE j.tenant_id = $1 AND j.kind = $7 AND CASE WHEN j.id = $2 THEN j.xmin = pg_current_xact_id()::xid END
ON CONFLICT (tenant_id, run, resource_type, attribute, key) DO UPDATE SET id = excluded.id";

const KEEP_CONFLICTS: &str = "
INSERT INTO planned_conflict (tenant_id, run, id) SELECT $1, j.id, v.id FROM job j, unnest($3::uuid[]) v (id)
WHERE j.tenant_id = $1 AND j.kind = 'plan' AND CASE WHEN j.id = $2 THEN j.xmin = pg_current_xact_id()::xid END
ON CONFLICT DO NOTHING";

/// Each by its key, one by one.
const DROP_CONFLICTS: &str = "
DELETE FROM planned_conflict p USING (SELECT p.place FROM job j, unnest($3::uuid[]) v (id) CROSS JOIN LATERAL
    (SELECT p.ctid AS place FROM planned_conflict p WHERE p.tenant_id = $1 AND p.run = $2 AND p.id = v.id LIMIT 1) p
  WHERE j.tenant_id = $1 AND j.kind = 'plan' AND CASE WHEN j.id = $2 THEN j.xmin = pg_current_xact_id()::xid END LIMIT (SELECT 1000000)) gone
WHERE p.tenant_id = $1 AND p.ctid = gone.place";

const HOLDERS: &str = "
SELECT v.resource_type, v.attribute, v.key, p.id FROM unnest($3::text[], $4::text[], $5::text[]) v (resource_type, attribute, key)
CROSS JOIN LATERAL (SELECT p.id FROM planned_unique p WHERE p.tenant_id = $1 AND p.run = $2 AND p.resource_type = v.resource_type
  AND p.attribute = v.attribute AND p.key = v.key LIMIT 1) p";

const CONFLICTS: &str =
    "SELECT p.id FROM planned_conflict p WHERE p.tenant_id = $1 AND p.run = $2 AND p.id > $3 ORDER BY p.id LIMIT $4";

/// Deletes some rows of a run, and of runs that did not end: no job has their id. From each run to the next by the table's order: there are
/// few among many rows.
macro_rules! forget {
    ($table:literal, $order:literal) => {
        concat!(
            "
WITH RECURSIVE runs AS (
  (SELECT p.run FROM ",
            $table,
            " p WHERE p.tenant_id = $1 ORDER BY ",
            $order,
            " LIMIT 1)
  UNION ALL SELECT next.run FROM runs CROSS JOIN LATERAL (SELECT p.run FROM ",
            $table,
            " p WHERE p.tenant_id = $1 AND p.run > runs.run ORDER BY ",
            $order,
            " LIMIT 1) next),
over AS MATERIALIZED (SELECT r.run FROM runs r WHERE r.run = $2 OR NOT EXISTS (SELECT 1 FROM job j WHERE j.tenant_id = $1 AND j.id = r.run)),
gone AS MATERIALIZED (SELECT p.place FROM over CROSS JOIN LATERAL
  (SELECT p.ctid AS place FROM ",
            $table,
            " p WHERE p.tenant_id = $1 AND p.run = over.run ORDER BY ",
            $order,
            " LIMIT $3) p LIMIT $3)
DELETE FROM ",
            $table,
            " d USING (SELECT place FROM gone LIMIT (SELECT 1000000)) gone WHERE d.tenant_id = $1 AND d.ctid = gone.place RETURNING 1"
        )
    };
}

const FORGET: &str = forget!("planned_unique", "p.run, p.resource_type, p.attribute, p.key");
const FORGET_CONFLICTS: &str = forget!("planned_conflict", "p.run, p.id");

impl PlannedWrite {
    /// A resource has the value from now on, or nobody has it.
    pub fn claim(&mut self, (resource_type, key): &TypedKey, id: Option<Uuid>) {
        self.types.push(resource_type.clone());
        self.attributes.push(key.attribute.to_string());
        self.keys.push(key.key.clone());
        self.ids.push(id);
    }

    /// Another resource's value keeps this one from being mapped.
    pub fn conflict(&mut self, id: Uuid) {
        self.conflicts.push(id);
    }

    /// … and does not any more.
    pub fn resolve(&mut self, id: Uuid) {
        self.resolved.push(id);
    }

    /// The statements to send after the one that saves the progress of the plan's run, in its transaction.
    pub(in crate::store) fn statements<'s>(&'s self, tenant: &'s Uuid, run: &'s Uuid) -> Vec<Statement<'s>> {
        let mut all = Vec::new();
        all.extend(self.claims(tenant, run, &"plan"));
        if !self.conflicts.is_empty() {
            all.push(Statement::new("keeping conflicts of a plan", KEEP_CONFLICTS, &[tenant, run, &self.conflicts]));
        }
        if !self.resolved.is_empty() {
            all.push(Statement::new("dropping conflicts of a plan", DROP_CONFLICTS, &[tenant, run, &self.resolved]));
        }
        all
    }

    /// The statement that enters the values, for the run of a job of this kind.
    pub(in crate::store) fn claims<'s>(
        &'s self,
        tenant: &'s Uuid,
        run: &'s Uuid,
        kind: &'static &'static str,
    ) -> Option<Statement<'s>> {
        let Self { types, attributes, keys, ids, .. } = self;
        (!ids.is_empty()).then(|| {
            Statement::new("entering planned values", CLAIM, &[tenant, run, types, attributes, keys, ids, kind])
        })
    }
}

impl TenantStore {
    /// Who would have these values; none for a value that nobody would have any more.
    pub async fn planned_holders(
        &self,
        run: Uuid,
        keys: &[TypedKey],
    ) -> Result<HashMap<TypedKey, Option<Uuid>>, Error> {
        let types: Vec<&str> = keys.iter().map(|(of, _)| of.as_str()).collect();
        let attributes: Vec<&str> = keys.iter().map(|(_, key)| &*key.attribute).collect();
        let values: Vec<&str> = keys.iter().map(|(_, key)| key.key.as_str()).collect();
        let params: Params<'_> = &[&self.tenant.0, &run, &types, &attributes, &values];
        let rows = self.query("looking for planned values", HOLDERS, params).await?;
        let holder = |row: &tokio_postgres::Row| {
            let key = Key { attribute: row.get::<_, &str>(1).into(), key: row.get(2) };
            ((row.get(0), key), row.get(3))
        };
        Ok(rows.iter().map(holder).collect())
    }

    /// The next resources of a plan, by id, that another one's value keeps from being mapped.
    pub async fn planned_conflicts(&self, run: Uuid, after: Uuid, count: i64) -> Result<Vec<Uuid>, Error> {
        let params: Params<'_> = &[&self.tenant.0, &run, &after, &count];
        let rows = self.query("reading conflicts of a plan", CONFLICTS, params).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Deletes what is kept of a run; gives whether there may be more.
    pub async fn forget_planned(&self, run: Uuid) -> Result<bool, Error> {
        let params: Params<'_> = &[&self.tenant.0, &run, &MAX_DELETED];
        let answers = self
            .batch(&[
                Statement::new("deleting planned values", FORGET, params),
                Statement::new("deleting conflicts of a plan", FORGET_CONFLICTS, params),
            ])
            .await?;
        Ok(answers.iter().any(|rows| !rows.is_empty()))
    }
}
