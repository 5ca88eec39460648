//! What the product sees of resources: those that the mapping shows, and deleted ones whose removal a batch holds.

use std::sync::LazyLock;

use uuid::Uuid;

use crate::store::error::Error;
use crate::store::resource::read::{ReadOptions, Stored, select};
use crate::store::{Params, TenantStore};

/// A page of each, both in the order of ids, merged in one statement, so that nothing is missed that moves from one to the other.
const PAGE: &str = "((SELECT r.* FROM resource r WHERE r.tenant_id = $1 AND r.resource_type = $2 AND r.deleted_at IS NULL \
    AND r.created_at > '-infinity' AND r.mapping_state NOT IN ('excluded', 'never') AND r.id > $3 ORDER BY r.id LIMIT $4) UNION ALL \
    (SELECT r.* FROM held h CROSS JOIN LATERAL (SELECT r.* FROM resource r WHERE r.tenant_id = $1 AND r.id = h.id LIMIT 1) r \
    WHERE h.tenant_id = $1 AND h.resource_type = $2 AND h.kind = 'deleted' AND h.id > $3 ORDER BY h.id LIMIT $4)) r";

const ONE: &str = "WHERE r.tenant_id = $1 AND r.id = $2 \
    AND CASE WHEN r.resource_type = $3 THEN r.deleted_at IS NULL OR r.held IS NOT NULL END";

impl TenantStore {
    /// The resources that the product sees, after an id and in the order of ids.
    pub async fn visible_page(&self, resource_type: &str, after: Uuid, count: i64) -> Result<Vec<Stored>, Error> {
        static SQL: LazyLock<String> = LazyLock::new(|| select(PAGE, ReadOptions::default(), "ORDER BY r.id LIMIT $4"));
        let params: Params<'_> = &[&self.tenant.0, &resource_type, &after, &count];
        let rows = self.read("reading a directory page", &SQL, params).await.map_err(|error| error.of_page(count))?;
        rows.iter().map(Stored::from_row).collect()
    }

    /// A resource of a type, if the product may see it: the mapping state says whether it does.
    pub async fn visible(&self, resource_type: &str, id: Uuid) -> Result<Option<Stored>, Error> {
        static SQL: LazyLock<String> = LazyLock::new(|| select("resource r", ReadOptions::default(), ONE));
        let rows = self.query("reading a mapped resource", &SQL, &[&self.tenant.0, &id, &resource_type]).await?;
        rows.first().map(Stored::from_row).transpose()
    }
}
