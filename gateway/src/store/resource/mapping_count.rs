//! How many documents each mapping revision has mapped.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::store::TenantStore;
use crate::store::error::Error;
use crate::store::resource::read::MappingState;

/// Rows that one statement reads, without their documents.
const PAGE_ROWS: i64 = 10_000;

const PAGE: &str = "
WITH page AS MATERIALIZED (SELECT id, mapping_revision, mapping_state, deleted_at IS NULL AS living FROM resource
  WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3)
SELECT mapping_revision, mapping_state, count(*), NULL::uuid FROM page WHERE living GROUP BY mapping_revision, mapping_state
UNION ALL SELECT NULL, NULL, count(*), (SELECT id FROM page ORDER BY id DESC LIMIT 1) FROM page";

/// The number of living resources by the revision that mapped them last, or failed to, and by their mapping state's word.
pub type MappingCounts = BTreeMap<(i32, &'static str), i64>;

impl TenantStore {
    /// Counts page by page, so that the counts are of no single moment while resources are written.
    pub async fn count_by_mapping(&self) -> Result<MappingCounts, Error> {
        let (mut counts, mut after) = (MappingCounts::new(), Uuid::nil());
        loop {
            let rows = self.query("counting mapped documents", PAGE, &[&self.tenant.0, &after, &PAGE_ROWS]).await?;
            let mut read = 0;
            for row in rows {
                if let Some(revision) = row.get::<_, Option<i32>>(0) {
                    let state = MappingState::from_word(row.get(1))?.word();
                    *counts.entry((revision, state)).or_default() += row.get::<_, i64>(2);
                } else {
                    (read, after) = (row.get(2), row.get::<_, Option<Uuid>>(3).unwrap_or_default());
                }
            }
            if read < PAGE_ROWS {
                return Ok(counts);
            }
        }
    }
}
