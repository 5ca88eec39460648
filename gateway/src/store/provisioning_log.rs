//! The provisioning log: what identity providers sent for each tenant, and how it ended. Rows are added in batches over all tenants,
//! and lie in a partition for each day.

pub mod days;
pub mod search;

use std::borrow::Cow;
use std::collections::BTreeSet;

use uuid::Uuid;

use crate::store::ControlStore;
use crate::store::error::Error;
use crate::tenant::TenantId;

/// The operation of a row that stands for many requests which only read and succeeded.
pub const READS: &str = "reads";
/// The operation of a row that says how many others are missing.
pub const LOST: &str = "lost";

/// A row of the log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogRow {
    /// Orders the rows by time: it begins with the milliseconds at which the request came.
    pub id: Uuid,
    /// The request's id.
    pub request_id: String,
    /// Of an operation in a bulk request: which one, from 1.
    pub number: Option<i32>,
    /// What was asked for.
    pub operation: Cow<'static, str>,
    /// The status of the reply; 499 where the client disconnected before it.
    pub status: i16,
    /// How long it took, in microseconds.
    pub duration_us: i64,
    /// The credential.
    pub credential: Option<Uuid>,
    /// The SCIM client's profile.
    pub client: Option<Cow<'static, str>>,
    /// The client's address.
    pub address: Option<String>,
    /// The resource's type.
    pub resource_type: Option<String>,
    /// The resource.
    pub resource_id: Option<Uuid>,
    /// What names the resource.
    pub name: Option<String>,
    /// What a write did.
    pub effect: Option<Cow<'static, str>>,
    /// The keyword of a refusal.
    pub scim_type: Option<Cow<'static, str>>,
    /// Why it was refused.
    pub detail: Option<String>,
    /// The code of that in the catalogue of causes.
    pub cause: Option<Cow<'static, str>>,
    /// The mapping revision of a write.
    pub mapping_revision: Option<i32>,
    /// How many rows it stands for.
    pub rows: Option<i64>,
    /// What else is known, as JSON.
    pub facts: Option<String>,
}

impl LogRow {
    /// Whether it is among those that failed. Missing rows may have been.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        self.status >= 400 || self.operation == LOST
    }

    /// The bytes of its texts.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let texts = [&self.address, &self.resource_type, &self.name, &self.detail, &self.facts];
        self.request_id.len() + texts.into_iter().flatten().map(String::len).sum::<usize>()
    }
}

macro_rules! insert {
    ($end:literal) => {
        concat!(
            "WITH living AS MATERIALIZED (SELECT d.id FROM unnest($20::uuid[]) d (id)
  WHERE (SELECT t.state FROM tenant t WHERE t.id = d.id) <> 'deleted')
INSERT INTO provisioning_log (tenant_id, id, request_id, number, operation, status, duration_us, credential, client, address, resource_type,
  resource_id, name, effect, scim_type, detail, cause, mapping_revision, rows, failed_id, facts)
SELECT u.tenant_id, u.id, u.request_id, u.number, u.operation, u.status, u.duration_us, u.credential, u.client, u.address, u.resource_type,
  u.resource_id, u.name, u.effect, u.scim_type, u.detail, u.cause, u.mapping_revision, u.rows,
  CASE WHEN u.status >= 400 OR u.operation = 'lost' THEN u.id END, u.facts
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::int4[], $5::text[], $6::int2[], $7::int8[], $8::uuid[], $9::text[], $10::text[],
    $11::text[], $12::uuid[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[], $18::int4[], $19::int8[], $21::text[])
  u (tenant_id, id, request_id, number, operation, status, duration_us, credential, client, address, resource_type, resource_id, name,
    effect, scim_type, detail, cause, mapping_revision, rows, facts)
WHERE u.tenant_id IN (SELECT id FROM living)",
            $end
        )
    };
}

const INSERT: &str = insert!("");
/// Of a batch that may be stored already. To name the key, the role would need the right to read it.
const INSERT_AGAIN: &str = insert!(" ON CONFLICT DO NOTHING");

impl ControlStore {
    /// Adds rows to the logs of their tenants, all or none; those of deleted tenants are left out. With `again` some may be there already:
    /// an earlier try ended without an answer.
    pub async fn add_to_provisioning_log(&self, rows: &[(TenantId, LogRow)], again: bool) -> Result<(), Error> {
        let tenants: Vec<Uuid> = rows.iter().map(|(tenant, _)| tenant.0).collect();
        let distinct: Vec<Uuid> = tenants.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
        let ids: Vec<Uuid> = column(rows, |row| row.id);
        let requests: Vec<&str> = column(rows, |row| row.request_id.as_str());
        let numbers: Vec<Option<i32>> = column(rows, |row| row.number);
        let operations: Vec<&str> = column(rows, |row| row.operation.as_ref());
        let statuses: Vec<i16> = column(rows, |row| row.status);
        let durations: Vec<i64> = column(rows, |row| row.duration_us);
        let credentials: Vec<Option<Uuid>> = column(rows, |row| row.credential);
        let clients: Vec<Option<&str>> = column(rows, |row| row.client.as_deref());
        let addresses: Vec<Option<&str>> = column(rows, |row| row.address.as_deref());
        let types: Vec<Option<&str>> = column(rows, |row| row.resource_type.as_deref());
        let resources: Vec<Option<Uuid>> = column(rows, |row| row.resource_id);
        let names: Vec<Option<&str>> = column(rows, |row| row.name.as_deref());
        let effects: Vec<Option<&str>> = column(rows, |row| row.effect.as_deref());
        let scim_types: Vec<Option<&str>> = column(rows, |row| row.scim_type.as_deref());
        let details: Vec<Option<&str>> = column(rows, |row| row.detail.as_deref());
        let causes: Vec<Option<&str>> = column(rows, |row| row.cause.as_deref());
        let revisions: Vec<Option<i32>> = column(rows, |row| row.mapping_revision);
        let counts: Vec<Option<i64>> = column(rows, |row| row.rows);
        let facts: Vec<Option<&str>> = column(rows, |row| row.facts.as_deref());
        let sql = if again { INSERT_AGAIN } else { INSERT };
        let doing = "adding to the provisioning log";
        self.query(
            doing,
            sql,
            &[
                &tenants,
                &ids,
                &requests,
                &numbers,
                &operations,
                &statuses,
                &durations,
                &credentials,
                &clients,
                &addresses,
                &types,
                &resources,
                &names,
                &effects,
                &scim_types,
                &details,
                &causes,
                &revisions,
                &counts,
                &distinct,
                &facts,
            ],
        )
        .await
        .map(drop)
    }
}

fn column<'r, T>(rows: &'r [(TenantId, LogRow)], value: impl Fn(&'r LogRow) -> T) -> Vec<T> {
    rows.iter().map(|(_, row)| value(row)).collect()
}
