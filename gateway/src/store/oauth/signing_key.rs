//! The keys that sign access tokens. The private ones are encrypted, and no tenant's role can read any.

use std::time::SystemTime;

use tokio_postgres::Row;
use uuid::Uuid;

use crate::store::ControlStore;
use crate::store::error::Error;

/// A signing key as stored.
#[derive(Clone, Debug)]
pub struct SigningKeyRow {
    /// Its id: the `kid` of what it signs.
    pub id: Uuid,
    /// The public key.
    pub public_key: Vec<u8>,
    /// The private key, encrypted.
    pub sealed: Vec<u8>,
    /// When it was created.
    pub created_at: SystemTime,
    /// Since when it signs no more.
    pub retired_at: Option<SystemTime>,
    /// Since when what it signed is refused.
    pub revoked_at: Option<SystemTime>,
}

/// Keys of a listing, the latest first.
const MAX_LISTED: i64 = 100;

impl ControlStore {
    /// The keys, the latest first.
    pub async fn signing_keys(&self) -> Result<Vec<SigningKeyRow>, Error> {
        let sql = "SELECT id, public_key, sealed, created_at, retired_at, revoked_at FROM signing_key ORDER BY id DESC LIMIT $1";
        let rows = self.query("reading the signing keys", sql, &[&MAX_LISTED]).await?;
        Ok(rows.iter().map(key).collect())
    }

    /// Stores a new key and retires the others, and revokes them if wanted.
    pub async fn insert_signing_key(&self, new: &SigningKeyRow, revoke_others: bool) -> Result<(), Error> {
        let sql = "WITH others AS (UPDATE signing_key SET retired_at = coalesce(retired_at, $4), \
                   revoked_at = CASE WHEN $5 THEN coalesce(revoked_at, $4) ELSE revoked_at END \
                   WHERE retired_at IS NULL OR $5 AND revoked_at IS NULL) \
                   INSERT INTO signing_key (id, public_key, sealed, created_at) VALUES ($1, $2, $3, $4)";
        let SigningKeyRow { id, public_key, sealed, created_at, .. } = new;
        self.query("storing a signing key", sql, &[id, public_key, sealed, created_at, &revoke_others]).await?;
        Ok(())
    }
}

fn key(row: &Row) -> SigningKeyRow {
    SigningKeyRow {
        id: row.get(0),
        public_key: row.get(1),
        sealed: row.get(2),
        created_at: row.get(3),
        retired_at: row.get(4),
        revoked_at: row.get(5),
    }
}
