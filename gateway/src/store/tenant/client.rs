//! A tenant's SCIM client: its profile, its leniencies, and the client that was recognised.

use std::time::SystemTime;

use tokio_postgres::Row;

use crate::store::TenantStore;
use crate::store::error::Error;

/// A tenant's settings for its SCIM client, as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientRow {
    /// The profile's name.
    pub profile: String,
    /// Leniencies and choices that are on whatever the profile says.
    pub allowed: Vec<String>,
    /// Those that are off.
    pub refused: Vec<String>,
    /// The client that was recognised.
    pub recognised: Option<RecognisedRow>,
}

/// A client that was recognised.
#[derive(Clone, Debug, PartialEq)]
pub struct RecognisedRow {
    /// The client's profile.
    pub profile: String,
    /// The signal.
    pub signal: String,
    /// How certain the signal is.
    pub strength: String,
    /// When.
    pub at: SystemTime,
}

/// The columns that [`ClientRow::from_row`] reads.
pub(in crate::store) const COLUMNS: &str =
    "client_profile, allowed, refused, recognised, recognised_by, recognised_strength, recognised_at";

impl ClientRow {
    /// Reads the [`COLUMNS`], the first of which is the row's `at`-th.
    pub(in crate::store) fn from_row(row: &Row, at: usize) -> Self {
        let recognised = row.get::<_, Option<String>>(at + 3).map(|profile| RecognisedRow {
            profile,
            signal: row.get::<_, Option<String>>(at + 4).unwrap_or_default(),
            strength: row.get::<_, Option<String>>(at + 5).unwrap_or_default(),
            at: row.get::<_, Option<SystemTime>>(at + 6).unwrap_or(SystemTime::UNIX_EPOCH),
        });
        Self { profile: row.get(at), allowed: row.get(at + 1), refused: row.get(at + 2), recognised }
    }
}

impl TenantStore {
    /// Stores the recognised client, unless another was since `before` was read; gives whether it was stored.
    pub async fn recognise(&self, found: &RecognisedRow, before: Option<&RecognisedRow>) -> Result<bool, Error> {
        let sql = "UPDATE tenant SET recognised = $2, recognised_by = $3, recognised_strength = $4, recognised_at = $5, \
                   config_epoch = nextval('config_epoch') \
                   WHERE id = $1 AND recognised IS NOT DISTINCT FROM $6 AND recognised_by IS NOT DISTINCT FROM $7 RETURNING 1";
        let (profile, signal) = (before.map(|it| &it.profile), before.map(|it| &it.signal));
        let RecognisedRow { profile: new, signal: by, strength, at } = found;
        let doing = "storing a recognised client";
        let rows = self.query(doing, sql, &[&self.tenant.0, new, by, strength, at, &profile, &signal]).await?;
        Ok(!rows.is_empty())
    }

    /// Sets the profile and the leniencies, unless the tenant's settings changed since `epoch`; gives whether it did. With
    /// `forget`, the client is to be recognised again.
    pub async fn set_client(
        &self,
        client: &ClientRow,
        forget: bool,
        (epoch, at): (i64, SystemTime),
    ) -> Result<bool, Error> {
        let sql = "UPDATE tenant SET client_profile = $2, allowed = $3, refused = $4, modified_at = $5, \
                   config_epoch = nextval('config_epoch'), \
                   recognised = CASE WHEN $6 THEN NULL ELSE recognised END, \
                   recognised_by = CASE WHEN $6 THEN NULL ELSE recognised_by END, \
                   recognised_strength = CASE WHEN $6 THEN NULL ELSE recognised_strength END, \
                   recognised_at = CASE WHEN $6 THEN NULL ELSE recognised_at END \
                   WHERE id = $1 AND state <> 'deleted' AND config_epoch = $7 RETURNING 1";
        let ClientRow { profile, allowed, refused, .. } = client;
        let doing = "setting a client's profile";
        let rows = self.query(doing, sql, &[&self.tenant.0, profile, allowed, refused, &at, &forget, &epoch]).await?;
        Ok(!rows.is_empty())
    }
}
