//! Rows that this process wrote shortly before, so that the next write of one starts without reading it.
//!
//! A row from here is only what a write starts from, never what a reply shows or a refusal is decided on. It is safe since the
//! statement that stores a change depends on the version and on how the row is mapped, and everything of a row that is kept here
//! changes only together with one of them: a deletion, a restoration and a write by another process increment the version, and a
//! remap changes the mapping revision or state. What changes without them is not kept: a
//! user's groups, which the write itself reads anew, and groups, whose version and time count their members' changes.

use std::sync::Arc;

use moka::future::Cache;
use moka::policy::EvictionPolicy;
use scimgate_scim::schema::ResourceType;
use uuid::Uuid;

use crate::counts::{CacheCounts, CacheFigures};
use crate::store::resource::read::Stored;
use crate::tenant::TenantId;

/// Most bytes of rows that are kept, of all tenants.
const MAX_RECENT_BYTES: u64 = 8 << 20;
/// What a row takes besides its texts.
const ROW_BYTES: usize = 512;

/// The rows, by tenant and id. The one that was written longest ago gives way.
#[derive(Clone)]
pub struct RecentRows(Cache<(TenantId, Uuid), Arc<Stored>>, CacheCounts);

impl Default for RecentRows {
    fn default() -> Self {
        let weigh =
            |_: &(TenantId, Uuid), row: &Arc<Stored>| u32::try_from(row.bytes() + ROW_BYTES).unwrap_or(u32::MAX);
        let cache = Cache::builder().max_capacity(MAX_RECENT_BYTES).weigher(weigh);
        Self(cache.eviction_policy(EvictionPolicy::lru()).build(), CacheCounts::default())
    }
}

impl RecentRows {
    /// Keeps a row that was just stored.
    pub(super) async fn keep(&self, tenant: TenantId, resource_type: &ResourceType, stored: &Stored) {
        if resource_type.detached.is_none() {
            let row = Stored { groups: Vec::new(), ..stored.clone() };
            self.0.insert((tenant, row.id), Arc::new(row)).await;
        }
    }

    /// The rows now.
    #[must_use]
    pub fn cache_figures(&self) -> CacheFigures {
        self.1.figures("recent_rows", self.0.entry_count())
    }

    /// Takes a row out: the write that starts from it keeps the new one, and one that turns out to be older is of no use.
    pub(super) async fn take(&self, tenant: TenantId, id: Uuid) -> Option<Stored> {
        self.1.note(self.0.remove(&(tenant, id)).await).map(Arc::unwrap_or_clone)
    }
}
