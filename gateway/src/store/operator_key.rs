//! The operators' keys.

use std::time::SystemTime;

use uuid::Uuid;

use crate::store::ControlStore;
use crate::store::error::Error;

impl ControlStore {
    /// Stores an operator key. A first key (`bootstrap`) is refused where there is one already.
    ///
    /// # Errors
    /// [`Error::Duplicate`] for a second first key.
    pub async fn insert_operator_key(
        &self,
        id: Uuid,
        digest: &[u8],
        last_four: &str,
        bootstrap: bool,
        at: SystemTime,
    ) -> Result<(), Error> {
        let sql = "INSERT INTO operator_key (id, digest, last_four, bootstrap, created_at) VALUES ($1, $2, $3, $4, $5)";
        self.query("storing an operator key", sql, &[&id, &digest, &last_four, &bootstrap, &at]).await?;
        Ok(())
    }

    /// The id of the unrevoked operator key with this digest.
    pub async fn find_operator_key(&self, digest: &[u8]) -> Result<Option<Uuid>, Error> {
        let sql = "SELECT id FROM operator_key WHERE digest = $1 AND revoked_at IS NULL";
        let rows = self.query("looking up an operator key", sql, &[&digest]).await?;
        Ok(rows.first().map(|row| row.get(0)))
    }

    /// Revokes every first key, so that a new one can be made.
    pub async fn revoke_bootstrap_keys(&self, at: SystemTime) -> Result<(), Error> {
        let sql = "UPDATE operator_key SET revoked_at = $1 WHERE bootstrap AND revoked_at IS NULL";
        self.query("revoking operator keys", sql, &[&at]).await?;
        Ok(())
    }
}
