//! When the credentials of all tenants were used, stored in batches.

use std::time::SystemTime;

use uuid::Uuid;

use crate::store::ControlStore;
use crate::store::error::Error;
use crate::tenant::TenantId;

const MARK_USED: &str = "
UPDATE credential c SET last_used_at = u.at FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) u (tenant_id, id, at)
WHERE c.tenant_id = u.tenant_id AND c.id = u.id AND (c.last_used_at IS NULL OR c.last_used_at < u.at)";

impl ControlStore {
    /// Stores when credentials were used.
    pub async fn mark_credentials_used(&self, used: &[((TenantId, Uuid), SystemTime)]) -> Result<(), Error> {
        let tenants: Vec<Uuid> = used.iter().map(|((tenant, _), _)| tenant.0).collect();
        let ids: Vec<Uuid> = used.iter().map(|((_, id), _)| *id).collect();
        let times: Vec<SystemTime> = used.iter().map(|(_, at)| *at).collect();
        self.query("storing when credentials were used", MARK_USED, &[&tenants, &ids, &times]).await.map(drop)
    }
}
