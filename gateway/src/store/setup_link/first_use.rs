//! What is known of the requests with a link's credential: the first one that was accepted, and the latest before it that was not.

use std::time::SystemTime;

use uuid::Uuid;

use crate::store::TenantStore;
use crate::store::error::Error;

impl TenantStore {
    /// Notes the first use of a link's credential, and which client was recognised. Later ones change nothing.
    pub async fn note_first_use(&self, link: Uuid, recognised: Option<&str>, at: SystemTime) -> Result<(), Error> {
        let sql = "UPDATE setup_link SET first_used_at = $3, recognised = $4 \
                   WHERE tenant_id = $1 AND id = $2 AND first_used_at IS NULL";
        self.query("noting a first use", sql, &[&self.tenant.0, &link, &at, &recognised]).await.map(drop)
    }

    /// Notes why a request was refused, at the tenant's links that were used and whose first request is still to come.
    pub async fn note_refused(&self, why: &str, at: SystemTime) -> Result<(), Error> {
        let sql = "UPDATE setup_link SET refused_at = $2, refused_why = $3 WHERE tenant_id = $1 AND used_at IS NOT NULL \
                   AND first_used_at IS NULL AND revoked_at IS NULL AND expires_at > $2";
        self.query("noting a refused request", sql, &[&self.tenant.0, &at, &why]).await.map(drop)
    }
}
