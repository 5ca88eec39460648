//! The root key of an installation without a configured one. Like the operator keys, no tenant's role can read it.

use std::time::SystemTime;

use crate::store::ControlStore;
use crate::store::error::Error;

/// Two first starts at once may both insert one: the first one stays.
const KEEP: &str = "
INSERT INTO root_key (sole, key, created_at) VALUES (true, $1, $2) ON CONFLICT DO NOTHING";

const FIND: &str = "SELECT key FROM root_key";

impl ControlStore {
    /// The stored root key; where there is none, `new` is stored.
    pub async fn root_key(&self, new: &[u8], now: SystemTime) -> Result<Vec<u8>, Error> {
        let kept = self.find_root_key().await?;
        if let Some(kept) = kept {
            return Ok(kept);
        }
        let _ = self.query("keeping the root key", KEEP, &[&new, &now]).await?;
        Ok(self.find_root_key().await?.unwrap_or_default())
    }

    /// The stored root key, if there is one.
    pub async fn find_root_key(&self) -> Result<Option<Vec<u8>>, Error> {
        let rows = self.query("reading the root key", FIND, &[]).await?;
        Ok(rows.first().map(|row| row.get(0)))
    }
}
