//! A tenant's memberships and pending references in the order of their keys, for its export.

use uuid::Uuid;

use crate::store::error::Error;
use crate::store::{Params, TenantStore};

// The comparison of pairs leaves no index but the primary key, which has its order: that of the columns, not of their texts.
const MEMBERSHIPS: &str = "
SELECT m.group_id, m.member_id::text FROM membership m WHERE m.tenant_id = $1 AND (m.group_id, m.member_id) > ($2, $3)
ORDER BY m.group_id, m.member_id LIMIT $4";

const REFERENCES: &str = "
SELECT m.group_id, m.value FROM member_ref m WHERE m.tenant_id = $1 AND (m.group_id, m.value) > ($2, $3)
ORDER BY m.group_id, m.value LIMIT $4";

/// A group and the value of one of its members.
pub type GroupMember = (Uuid, String);

impl TenantStore {
    /// The memberships after one of them, at most `limit`. The nil ids are before all.
    pub async fn memberships_after(
        &self,
        (group, member): (Uuid, Uuid),
        limit: i64,
    ) -> Result<Vec<GroupMember>, Error> {
        let params: Params<'_> = &[&self.tenant.0, &group, &member, &limit];
        let rows = self.query("exporting memberships", MEMBERSHIPS, params).await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// The pending references after one of them, at most `limit`. The nil id and an empty value are before all.
    pub async fn references_after(&self, (group, value): (Uuid, &str), limit: i64) -> Result<Vec<GroupMember>, Error> {
        let params: Params<'_> = &[&self.tenant.0, &group, &value, &limit];
        let rows = self.query("exporting pending references", REFERENCES, params).await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }
}
