//! The audit: which operator changed what. A row is written in the transaction of its change, and is neither changed nor deleted.

use std::fmt::Display;
use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::store::ControlStore;
use crate::store::error::Error;
use crate::store::postgres::pool::{Pool, Role, Statement};
use crate::tenant::TenantId;

/// Longest text of what something was before or after a change. Of a longer one only the length is kept.
pub const MAX_VALUE_BYTES: usize = 64 * 1024;

/// The operator of a change.
#[derive(Clone, Debug)]
pub struct Actor {
    /// The operator key's label, or the name of a command.
    pub name: String,
    /// The operator key; none for a command.
    pub key: Option<Uuid>,
    /// The request's id.
    pub request_id: String,
    /// The client's address; none for a command.
    pub address: Option<IpAddr>,
}

/// A change, to be recorded.
#[derive(Clone, Debug)]
pub struct Entry {
    id: Uuid,
    at: SystemTime,
    tenant: Option<Uuid>,
    actor: Actor,
    action: &'static str,
    subject: String,
    before: Option<String>,
    after: Option<String>,
    address: Option<String>,
    form: Form,
}

/// How it is found out, in the change's transaction, whether there is something to record.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// There is.
    Always,
    /// The transaction has written something, or locked a row.
    Any,
    /// It has written the tenant's row.
    Tenant,
    /// It has written the tenant's job that is the subject.
    Job,
    /// It has written the operator key that is the subject.
    Key,
    /// It has written the newest mapping revision, which becomes the subject.
    Revision,
}

macro_rules! insert {
    ($subject:literal, $condition:literal) => {
        concat!(
            "INSERT INTO audit (id, at, tenant, actor, key_id, action, subject, before, after, request_id, address) \
             SELECT $1::uuid, $2::timestamptz, $3::uuid, $4::text, $5::uuid, $6::text, ",
            $subject,
            ", $8::text, $9::text, $10::text, $11::text WHERE ",
            $condition
        )
    };
}

const ALWAYS: &str = insert!("$7::text", "true");
const ANY: &str = insert!("$7::text", "pg_current_xact_id_if_assigned() IS NOT NULL");
const TENANT: &str =
    insert!("$7::text", "EXISTS (SELECT 1 FROM tenant WHERE id = $3::uuid AND xmin = pg_current_xact_id()::xid)");
const JOB: &str = insert!(
    "$7::text",
    "EXISTS (SELECT 1 FROM job WHERE tenant_id = $3::uuid AND kind = $7::text AND xmin = pg_current_xact_id()::xid)"
);
const KEY: &str = insert!(
    "$7::text",
    "EXISTS (SELECT 1 FROM operator_key WHERE id = $7::text::uuid AND xmin = pg_current_xact_id()::xid)"
);
const REVISION: &str = insert!(
    "coalesce((SELECT max(revision) FROM mapping_revision WHERE tenant_id = $3::uuid)::text, $7::text)",
    "pg_current_xact_id_if_assigned() IS NOT NULL"
);

impl Entry {
    /// A change of something that an operator calls `subject`.
    #[must_use]
    pub fn new((id, at): (Uuid, SystemTime), actor: Actor, action: &'static str, subject: &dyn Display) -> Self {
        let address = actor.address.map(|address| address.to_canonical().to_string());
        let subject = subject.to_string();
        Self { id, at, tenant: None, actor, action, subject, before: None, after: None, address, form: Form::Any }
    }

    /// It concerns a tenant, and is recorded if it changes the tenant's row, as every change of credentials, settings, schemas and
    /// the mapping does.
    #[must_use]
    pub fn of(self, tenant: TenantId) -> Self {
        Self { tenant: Some(tenant.0), form: Form::Tenant, ..self }
    }

    /// What the subject was. It must have no secret in it.
    #[must_use]
    pub fn before(self, value: &Value) -> Self {
        Self { before: Some(text(value)), ..self }
    }

    /// What the subject is now. It must have no secret in it.
    #[must_use]
    pub fn after(self, value: &Value) -> Self {
        Self { after: Some(text(value)), ..self }
    }

    /// To be recorded if anything changes.
    #[must_use]
    pub fn if_anything_changes(self) -> Self {
        Self { form: Form::Any, ..self }
    }

    /// To be recorded if the tenant's job changes that is the subject.
    #[must_use]
    pub fn if_job_changes(self) -> Self {
        Self { form: Form::Job, ..self }
    }

    /// To be recorded only if the operator key changes that is the subject.
    #[must_use]
    pub fn if_key_changes(self) -> Self {
        Self { form: Form::Key, ..self }
    }

    /// The subject is the mapping revision that the change makes.
    #[must_use]
    pub fn of_new_revision(self) -> Self {
        Self { form: Form::Revision, ..self }
    }

    fn statement(&self) -> Statement<'_> {
        let sql = match self.form {
            Form::Always => ALWAYS,
            Form::Any => ANY,
            Form::Tenant => TENANT,
            Form::Job => JOB,
            Form::Key => KEY,
            Form::Revision => REVISION,
        };
        let params: [&(dyn ToSql + Sync); 11] = [
            &self.id,
            &self.at,
            &self.tenant,
            &self.actor.name,
            &self.actor.key,
            &self.action,
            &self.subject,
            &self.before,
            &self.after,
            &self.actor.request_id,
            &self.address,
        ];
        Statement::new("recording a change", sql, &params)
    }
}

fn text(value: &Value) -> String {
    let text = value.to_string();
    if text.len() <= MAX_VALUE_BYTES { text } else { json!({ "omittedBytes": text.len() }).to_string() }
}

/// Runs the statements of a change as one transaction with the entry, and returns the rows of each without the entry's.
pub(super) async fn batch(
    pool: &Pool,
    role: Role,
    entry: &Entry,
    statements: &[Statement<'_>],
) -> Result<Vec<Vec<Row>>, Error> {
    let all: Vec<Statement<'_>> = statements.iter().cloned().chain([entry.statement()]).collect();
    let mut answers = pool.transaction(role, &all).await.map_err(|failure| failure.error)?;
    answers.truncate(statements.len());
    Ok(answers)
}

/// A recorded change.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Its id, by which changes are in the order of time.
    pub id: Uuid,
    /// When.
    pub at: SystemTime,
    /// The tenant that it concerns.
    pub tenant: Option<Uuid>,
    /// The operator key's label at that time, or the name of a command.
    pub actor: String,
    /// The operator key.
    pub key: Option<Uuid>,
    /// What was done.
    pub action: String,
    /// With what.
    pub subject: String,
    /// What it was, as JSON.
    pub before: Option<String>,
    /// What it became, as JSON.
    pub after: Option<String>,
    /// The request's id.
    pub request_id: String,
    /// The client's address.
    pub address: Option<String>,
}

/// Which recorded changes to read: those with ids between two others, of one tenant or of all.
#[derive(Clone, Debug)]
pub struct Page {
    /// The tenant.
    pub tenant: Option<TenantId>,
    /// Changes after this id …
    pub after: Uuid,
    /// … and before this one.
    pub before: Uuid,
    /// Whether the latest come first.
    pub latest_first: bool,
    /// So many at most.
    pub limit: i64,
}

/// The smallest id of a moment.
#[must_use]
pub fn first_id(at: SystemTime) -> Uuid {
    let millis = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    Uuid::from_u128(millis << 80)
}

const COLUMNS: &str =
    "SELECT id, at, tenant, actor, key_id, action, subject, before, after, request_id, address FROM audit";

impl ControlStore {
    /// Records a change that was made in transactions of its own.
    pub async fn record(&self, entry: Entry) -> Result<(), Error> {
        let entry = Entry { form: Form::Always, ..entry };
        let Statement { doing, sql, params } = entry.statement();
        self.query(doing, sql, &params).await.map(drop)
    }

    /// Recorded changes.
    pub async fn recorded(&self, page: &Page) -> Result<Vec<Recorded>, Error> {
        let Page { tenant, after, before, latest_first, limit } = page;
        let order = if *latest_first { "ORDER BY id DESC" } else { "ORDER BY id" };
        let doing = "reading the audit";
        let rows = if let Some(tenant) = tenant {
            let sql = format!("{COLUMNS} WHERE tenant = $1 AND id > $2 AND id < $3 {order} LIMIT $4");
            self.query(doing, &sql, &[&tenant.0, after, before, limit]).await?
        } else {
            let sql = format!("{COLUMNS} WHERE id > $1 AND id < $2 {order} LIMIT $3");
            self.query(doing, &sql, &[after, before, limit]).await?
        };
        Ok(rows.iter().map(recorded).collect())
    }
}

fn recorded(row: &Row) -> Recorded {
    Recorded {
        id: row.get(0),
        at: row.get(1),
        tenant: row.get(2),
        actor: row.get(3),
        key: row.get(4),
        action: row.get(5),
        subject: row.get(6),
        before: row.get(7),
        after: row.get(8),
        request_id: row.get(9),
        address: row.get(10),
    }
}
