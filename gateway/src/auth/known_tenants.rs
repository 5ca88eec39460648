//! The tenants that exist, as this process knows them from its polls for changes. A credential of any other tenant is refused
//! without a look-up.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use crate::tenant::TenantId;

/// How much older than the last poll of all tenants a tenant must be to be known by it: clocks differ.
const MARGIN: Duration = Duration::from_mins(2);
/// How long the tenants are known after a poll.
const MAX_STALENESS: Duration = Duration::from_secs(30);

/// The tenants of the polls so far.
#[derive(Clone, Default)]
pub(super) struct KnownTenants(Arc<RwLock<Known>>);

#[derive(Default)]
struct Known {
    tenants: HashSet<TenantId>,
    /// When the last poll began.
    polled: Option<SystemTime>,
    /// When the last poll of all tenants began.
    swept: Option<SystemTime>,
}

impl KnownTenants {
    /// A poll that began then has read these tenants: all, or those that have changed.
    pub(super) fn confirm(&self, tenants: impl Iterator<Item = TenantId>, began: SystemTime, is_sweep: bool) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.tenants.extend(tenants);
        known.polled = Some(began);
        if is_sweep {
            known.swept = Some(began);
        }
    }

    /// Whether a poll has read all tenants.
    pub(super) fn is_known(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).swept.is_some()
    }

    /// Whether a poll has read this tenant.
    pub(super) fn contains(&self, tenant: TenantId) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).tenants.contains(&tenant)
    }

    /// Whether it is certain that there is no such tenant. A tenant that is restored from a backup into a running installation may
    /// be excluded until the next poll of all tenants, half a minute later.
    pub(super) fn excludes(&self, tenant: TenantId, now: SystemTime) -> bool {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let is_confirmed = known.polled.is_some_and(|at| now.duration_since(at).unwrap_or_default() <= MAX_STALENESS);
        let is_older = |swept: SystemTime| tenant.created_at().is_none_or(|at| at + MARGIN <= swept);
        is_confirmed && !known.tenants.contains(&tenant) && known.swept.is_some_and(is_older)
    }
}

#[cfg(test)]
mod tests {
    use uuid::{NoContext, Timestamp, Uuid};

    use super::*;

    #[test]
    fn only_a_tenant_that_a_poll_of_all_must_have_seen_is_excluded() {
        let start = SystemTime::UNIX_EPOCH + Duration::from_hours(1_000);
        let tenant = |age: u64| {
            let at = (start - Duration::from_secs(age)).duration_since(SystemTime::UNIX_EPOCH).unwrap();
            TenantId(Uuid::new_v7(Timestamp::from_unix(NoContext, at.as_secs(), 0)))
        };
        let known = KnownTenants::default();
        let (old, other, young) = (tenant(1_000), tenant(1_000), tenant(60));
        assert!(!known.excludes(old, start), "no poll yet");
        known.confirm([old].into_iter(), start, true);
        assert!(!known.excludes(old, start) && known.excludes(other, start) && !known.excludes(young, start));
        let later = start + Duration::from_mins(3);
        assert!(!known.excludes(other, later), "the database may not have answered since");
        known.confirm([other].into_iter(), later, false);
        assert!(!known.excludes(old, later) && !known.excludes(other, later));
        assert!(!known.excludes(young, later), "all tenants were read before it was two minutes old");
        known.confirm([].into_iter(), later, true);
        assert!(known.excludes(young, later));
    }
}
