//! The tenants that exist, as this process knows them from its polls for changes. A credential of any other tenant is refused
//! without a look-up.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use crate::tenant::TenantId;

/// A tenant that is younger may be unknown although it exists.
const MIN_AGE: Duration = Duration::from_mins(2);
/// How long the tenants are known after a poll.
const MAX_STALENESS: Duration = Duration::from_secs(30);

/// The tenants of the polls so far.
#[derive(Clone, Default)]
pub(super) struct KnownTenants(Arc<RwLock<Known>>);

#[derive(Default)]
struct Known {
    tenants: HashSet<TenantId>,
    /// When the last poll ended; none before the first.
    confirmed: Option<SystemTime>,
}

impl KnownTenants {
    /// A poll has read what is new: the first all tenants, a later one those that have changed.
    pub(super) fn confirm(&self, tenants: impl Iterator<Item = TenantId>, now: SystemTime) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.tenants.extend(tenants);
        known.confirmed = Some(now);
    }

    /// Whether a poll has ended.
    pub(super) fn is_known(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).confirmed.is_some()
    }

    /// Whether it is certain that there is no such tenant.
    pub(super) fn excludes(&self, tenant: TenantId, now: SystemTime) -> bool {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let is_recent = |at: SystemTime, limit| now.duration_since(at).unwrap_or_default() <= limit;
        known.confirmed.is_some_and(|at| is_recent(at, MAX_STALENESS))
            && !known.tenants.contains(&tenant)
            && !tenant.created_at().is_some_and(|at| is_recent(at, MIN_AGE))
    }
}

#[cfg(test)]
mod tests {
    use uuid::{NoContext, Timestamp, Uuid};

    use super::*;

    #[test]
    fn only_an_old_tenant_that_no_recent_poll_has_seen_is_excluded() {
        let start = SystemTime::UNIX_EPOCH + Duration::from_hours(1_000);
        let tenant = |age: u64| {
            let at = (start - Duration::from_secs(age)).duration_since(SystemTime::UNIX_EPOCH).unwrap();
            TenantId(Uuid::new_v7(Timestamp::from_unix(NoContext, at.as_secs(), 0)))
        };
        let known = KnownTenants::default();
        let (old, other, young) = (tenant(1_000), tenant(1_000), tenant(60));
        assert!(!known.excludes(old, start), "no poll yet");
        known.confirm([old].into_iter(), start);
        assert!(!known.excludes(old, start) && known.excludes(other, start) && !known.excludes(young, start));
        let later = start + Duration::from_secs(31);
        assert!(!known.excludes(other, later), "the database may not have answered since");
        known.confirm([other].into_iter(), later);
        assert!(!known.excludes(old, later) && !known.excludes(other, later));
    }
}
