//! A rotation: a second credential is issued, both are accepted, and then one of them is revoked.

use std::time::SystemTime;

use uuid::Uuid;

use super::{Credential, insertion};
use crate::store::TenantStore;
use crate::store::error::Error;

/// `$13` is the one to be replaced.
const START: &str = "
WITH o AS (UPDATE credential SET state = 'retiring' WHERE tenant_id = $1 AND id = $13 AND state = 'active' AND revoked_at IS NULL
  AND (expires_at IS NULL OR expires_at > $7) RETURNING tenant_id),
c AS (INSERT INTO credential (tenant_id, id, scope, label, digest, last_four, created_at, expires_at, created_by, read_only,
    resource_type, networks, state, replaces)
  SELECT o.tenant_id, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'pending', $13 FROM o RETURNING tenant_id)
UPDATE tenant SET config_epoch = nextval('config_epoch') FROM c WHERE tenant.id = c.tenant_id RETURNING 1";

const COMPLETE: &str = "
WITH c AS (UPDATE credential SET state = 'active' WHERE tenant_id = $1 AND replaces = $2 AND state = 'pending' AND revoked_at IS NULL
  AND (expires_at IS NULL OR expires_at > $3) RETURNING tenant_id, id),
o AS (UPDATE credential o SET revoked_at = $3 FROM c WHERE o.tenant_id = $1 AND o.id = $2 AND o.revoked_at IS NULL),
t AS (UPDATE tenant SET config_epoch = nextval('config_epoch') FROM c WHERE tenant.id = c.tenant_id)
SELECT id FROM c";

const CANCEL: &str = "
WITH c AS (UPDATE credential SET revoked_at = $3 WHERE tenant_id = $1 AND replaces = $2 AND state = 'pending' AND revoked_at IS NULL
  RETURNING tenant_id, id),
o AS (UPDATE credential o SET state = 'active' FROM c WHERE o.tenant_id = $1 AND o.id = $2 AND o.state = 'retiring'),
t AS (UPDATE tenant SET config_epoch = nextval('config_epoch') FROM c WHERE tenant.id = c.tenant_id)
SELECT id FROM c";

impl TenantStore {
    /// Stores a new credential that is to replace an accepted one which is in no rotation; gives whether there is such a one.
    pub async fn start_rotation(&self, new: &Credential, digest: &[u8], old: Uuid) -> Result<bool, Error> {
        let scope = new.scope.word();
        let mut params = insertion(&self.tenant, new, &scope, &digest).to_vec();
        params.push(&old);
        Ok(!self.query("storing a second credential", START, &params).await?.is_empty())
    }

    /// Revokes the credential that is being replaced; gives the one that replaces it, and none where there is no rotation of it.
    pub async fn complete_rotation(&self, old: Uuid, at: SystemTime) -> Result<Option<Uuid>, Error> {
        let rows = self.query("completing a rotation", COMPLETE, &[&self.tenant.0, &old, &at]).await?;
        Ok(rows.first().map(|row| row.get(0)))
    }

    /// Revokes the credential that was to replace another one; gives it, and none where there is no rotation of the other one.
    pub async fn cancel_rotation(&self, old: Uuid, at: SystemTime) -> Result<Option<Uuid>, Error> {
        let rows = self.query("cancelling a rotation", CANCEL, &[&self.tenant.0, &old, &at]).await?;
        Ok(rows.first().map(|row| row.get(0)))
    }
}
