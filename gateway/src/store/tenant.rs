//! Tenants, which operators create, list, suspend and delete.

pub mod client;
pub mod credential;
pub mod deleted;
pub mod leniency_use;
pub mod names;

use std::time::SystemTime;

use tokio_postgres::Row;

use crate::store::error::Error;
use crate::store::guard::GuardRow;
use crate::store::resource::indexed::{KeyLayout, SearchKeys};
use crate::store::retention::RetentionRow;
use crate::store::tenant::client::ClientRow;
use crate::store::{ControlStore, Params};
use crate::tenant::TenantId;

/// Whether a tenant's requests are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// They are.
    Active,
    /// An operator suspended it: 403.
    Suspended,
    /// It does not exist for its clients; its rows are kept until an operator has them erased.
    Deleted,
}

impl State {
    /// The word in the database and the admin API.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Deleted => "deleted",
        }
    }
}

/// A tenant's row.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its name, as in `/t/{tenant}/scim/v2`.
    pub name: String,
    /// The names that it had before, which the address may have as well.
    pub former_names: Vec<String>,
    /// Whether its requests are accepted.
    pub state: State,
    /// Its SCIM client's settings.
    pub client: ClientRow,
    /// The active mapping revision; 0 for none.
    pub active_mapping: i32,
    /// New with every change of its credentials, schemas or mapping.
    pub config_epoch: i64,
    /// New with every change of its schemas.
    pub schema_revision: i64,
    /// When it was created.
    pub created_at: SystemTime,
    /// Which attributes of its resources can be searched by value.
    pub search: SearchKeys,
    /// Whether member references may be pending.
    pub awaits_references: bool,
    /// How much may be sent for it.
    pub limits: LimitsRow,
    /// Its guard against mass deprovisioning.
    pub guard: GuardRow,
    /// How long it keeps what.
    pub retention: RetentionRow,
    /// Attributes whose values its provisioning log does not have.
    pub log_redacted: Vec<String>,
    /// The revision that also maps live writes, or did so last; 0 for none.
    pub shadow_mapping: i32,
    /// How many of them, in per cent; 0 where it is off.
    pub shadow_percent: i16,
}

/// How much may be sent for a tenant, as stored; none for what follows the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitsRow {
    /// Requests at once.
    pub requests: Option<i32>,
    /// Requests a second.
    pub rate: Option<i32>,
    /// Requests at once after a pause.
    pub burst: Option<i32>,
}

/// The tenant's own columns, and those of its client.
fn columns() -> String {
    format!(
        "id, name, state, active_mapping, config_epoch, created_at, schema_revision, key_layout, search_attributes, \
         search_ready, awaits_references, max_requests, rate, burst, guard_users, guard_members, guard_percent, guard_protected, \
         guard_confirm_from, shadow_mapping, shadow_percent, former_names, keep_tombstones, keep_events, keep_log, log_redacted, {}",
        client::COLUMNS
    )
}

const SET_STATE: &str = "
UPDATE tenant SET state = $2, modified_at = $3, config_epoch = nextval('config_epoch') WHERE id = $1 AND state <> 'deleted' RETURNING 1";

/// Writes by the settings that a process has cached are refused from then on, since the schema revision changes.
const DELETE: &str = "
UPDATE tenant SET state = $2, deleted_name = name, deleted_at = $3, name = 'd' || left(replace(id::text, '-', ''), 32), former_names = '{}',
  modified_at = $3, schema_revision = schema_revision + 1, config_epoch = nextval('config_epoch')
WHERE id = $1 AND state <> 'deleted' RETURNING 1";

/// Of an erased tenant, whose row is gone, the erasure has the epoch.
const EPOCHS: &str = "
SELECT id, config_epoch FROM tenant WHERE config_epoch > $1
UNION ALL SELECT tenant, config_epoch FROM erasure WHERE config_epoch > $1 AND state = 'finished' ORDER BY 2";

impl ControlStore {
    /// Creates a tenant.
    ///
    /// # Errors
    /// [`Error::Duplicate`] when the name is in use, or is a former name of another tenant.
    pub async fn insert_tenant(&self, id: TenantId, name: &str, at: SystemTime) -> Result<Tenant, Error> {
        let sql = format!(
            "INSERT INTO tenant (id, name, created_at, modified_at) SELECT $1, $2::text, $3, $3 WHERE NOT EXISTS \
             (SELECT 1 FROM tenant o WHERE o.former_names @> ARRAY[$2::text] AND o.former_names <> '{{}}') RETURNING {}",
            columns()
        );
        let rows = self.query("storing a tenant", &sql, &[&id.0, &name, &at]).await?;
        let duplicate = || Error::Duplicate { constraint: "tenant_former".to_owned() };
        rows.first().map(tenant).transpose()?.ok_or_else(duplicate)
    }

    /// Every tenant that is not deleted, by name.
    pub async fn tenants(&self) -> Result<Vec<Tenant>, Error> {
        self.select_tenants("listing tenants", "ORDER BY name", &[]).await
    }

    /// The tenant of a name, unless it is deleted.
    pub async fn find_tenant(&self, name: &str) -> Result<Option<Tenant>, Error> {
        Ok(self.select_tenants("looking up a tenant", "AND name = $1", &[&name]).await?.pop())
    }

    /// The tenant of an id, unless it is deleted.
    pub async fn tenant_by_id(&self, id: TenantId) -> Result<Option<Tenant>, Error> {
        Ok(self.select_tenants("looking up a tenant", "AND id = $1", &[&id.0]).await?.pop())
    }

    async fn select_tenants(&self, doing: &'static str, rest: &str, params: Params<'_>) -> Result<Vec<Tenant>, Error> {
        let sql = format!("SELECT {} FROM tenant WHERE state <> 'deleted' {rest}", columns());
        self.query(doing, &sql, params).await?.iter().map(tenant).collect()
    }

    /// Sets a tenant's state; gives whether there is one. A deleted one frees its name.
    pub async fn set_tenant_state(&self, id: TenantId, state: State, at: SystemTime) -> Result<bool, Error> {
        let sql = if state == State::Deleted { DELETE } else { SET_STATE };
        Ok(!self.query("setting a tenant's state", sql, &[&id.0, &state.word(), &at]).await?.is_empty())
    }

    /// Sets how much may be sent for a tenant; gives whether there is one.
    pub async fn set_tenant_limits(&self, id: TenantId, limits: &LimitsRow, at: SystemTime) -> Result<bool, Error> {
        let sql = "UPDATE tenant SET max_requests = $2, rate = $3, burst = $4, modified_at = $5, \
                   config_epoch = nextval('config_epoch') WHERE id = $1 AND state <> 'deleted' RETURNING 1";
        let LimitsRow { requests, rate, burst } = limits;
        Ok(!self.query("setting a tenant's limits", sql, &[&id.0, requests, rate, burst, &at]).await?.is_empty())
    }

    /// Sets of which attributes a tenant's provisioning log has no values; gives whether there is one.
    pub async fn set_log_redaction(&self, id: TenantId, attributes: &[String], at: SystemTime) -> Result<bool, Error> {
        let sql = "UPDATE tenant SET log_redacted = $2, modified_at = $3, config_epoch = nextval('config_epoch') \
                   WHERE id = $1 AND state <> 'deleted' RETURNING 1";
        Ok(!self.query("setting the redaction of a log", sql, &[&id.0, &attributes, &at]).await?.is_empty())
    }

    /// Tenants whose configuration changed after an epoch. Epochs are taken before commit, so query with an overlap.
    pub async fn config_epochs_after(&self, epoch: i64) -> Result<Vec<(TenantId, i64)>, Error> {
        let rows = self.query("looking for changed settings", EPOCHS, &[&epoch]).await?;
        Ok(rows.iter().map(|row| (TenantId(row.get(0)), row.get(1))).collect())
    }
}

fn tenant(row: &Row) -> Result<Tenant, Error> {
    let word: &str = row.get(2);
    let all = [State::Active, State::Suspended, State::Deleted];
    Ok(Tenant {
        id: TenantId(row.get(0)),
        name: row.get(1),
        state: all
            .into_iter()
            .find(|state| state.word() == word)
            .ok_or_else(|| Error::Corrupt { what: "tenant", why: format!("\"{word}\" is not a state") })?,
        active_mapping: row.get(3),
        config_epoch: row.get(4),
        created_at: row.get(5),
        schema_revision: row.get(6),
        search: SearchKeys { layout: KeyLayout::from_number(row.get(7))?, attributes: row.get(8), ready: row.get(9) },
        awaits_references: row.get(10),
        limits: LimitsRow { requests: row.get(11), rate: row.get(12), burst: row.get(13) },
        guard: GuardRow {
            users: row.get(14),
            members: row.get(15),
            percent: row.get(16),
            protected: row.get(17),
            confirm_from: row.get(18),
        },
        shadow_mapping: row.get(19),
        shadow_percent: row.get(20),
        former_names: row.get(21),
        retention: RetentionRow { tombstones: row.get(22), events: row.get(23), log: row.get(24) },
        log_redacted: row.get(25),
        client: ClientRow::from_row(row, 26),
    })
}
