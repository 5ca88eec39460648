//! How much of this process one tenant may have at once: requests, lists that no index decides, bulk requests, and requests a
//! second. A tenant beyond its part waits for a moment, and then gets 429. The others do not notice.
//!
//! A request's [`Place`] is in its context, which goes wherever its work goes: a client that disconnects does not give the place
//! back before the work has ended.

mod share;

use std::num::NonZeroU32;
use std::sync::Arc;

use crate::config::TenantLimits;
use crate::store::tenant::credential::Scope;
use crate::tenant::TenantId;
use crate::tenant::in_use::InUse;

pub use share::Permit;
use share::Share;

/// The parts of all tenants.
#[derive(Clone)]
pub struct Admission {
    defaults: TenantLimits,
    replicas: NonZeroU32,
    /// What the SCIM client and the product ask for is counted apart, so that neither can stop the other.
    shares: Arc<InUse<(TenantId, Scope), Share>>,
}

/// A tenant's part is used up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a tenant's part is used up: {why}")]
pub struct Busy {
    /// The limit's name in metrics.
    pub limit: &'static str,
    /// What there is too much of, with the limit.
    pub why: String,
    /// Seconds after which another try is worth while.
    pub retry_after: u32,
}

/// A request's place among those of its tenant, until the last clone is dropped.
#[derive(Clone)]
pub struct Place {
    share: Arc<Share>,
    _permit: Arc<Permit>,
}

impl Default for Admission {
    fn default() -> Self {
        Self::new(TenantLimits::default(), NonZeroU32::MIN)
    }
}

impl Admission {
    /// With these limits for each tenant that has none of its own, and this process one of so many replicas: rates are divided
    /// by them.
    #[must_use]
    pub fn new(defaults: TenantLimits, replicas: NonZeroU32) -> Self {
        Self { defaults, replicas, shares: Arc::default() }
    }

    /// A place for a request of a tenant with these limits of its own.
    ///
    /// # Errors
    /// [`Busy`] beyond the tenant's rate, or where no place becomes free in time.
    pub async fn admit(&self, tenant: TenantId, scope: Scope, own: &TenantLimits) -> Result<Place, Busy> {
        let mut limits = own.or(&self.defaults);
        limits.rate = limits.rate.map(|rate| rate.of_one(self.replicas));
        // New limits begin with a new share; requests that have a place keep it.
        let new = || Share::new(limits.clone());
        let share = self.shares.get((tenant, scope), |known| known.limits == limits, new);
        share.check_rate()?;
        let permit = share.request().await?;
        Ok(Place { share, _permit: Arc::new(permit) })
    }
}

impl Place {
    /// Lets a request read documents that no index selects, one of few at a time.
    ///
    /// # Errors
    /// [`Busy`] where none becomes free in time.
    pub async fn scan(&self) -> Result<Permit, Busy> {
        self.share.scan().await
    }

    /// Lets a request read a page of so many resources: a long one is one of few at a time.
    ///
    /// # Errors
    /// [`Busy`] where none becomes free in time.
    pub async fn page(&self, resources: u64) -> Result<Option<Permit>, Busy> {
        if resources > share::LONG_PAGE { Ok(Some(self.share.long_page().await?)) } else { Ok(None) }
    }

    /// Lets a bulk request begin, one of few at a time.
    ///
    /// # Errors
    /// [`Busy`] where none becomes free in time.
    pub async fn bulk(&self) -> Result<Permit, Busy> {
        self.share.bulk().await
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use uuid::Uuid;

    use super::*;

    fn limits(requests: u32) -> TenantLimits {
        TenantLimits { requests: Some(requests), rate: None }
    }

    async fn admit(admission: &Admission, tenant: u128, own: &TenantLimits) -> Result<Place, Busy> {
        admission.admit(TenantId(Uuid::from_u128(tenant)), Scope::Scim, own).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_tenant_has_its_places_and_no_more() {
        let admission = Admission::new(limits(2), NonZeroU32::MIN);
        let own = TenantLimits::default();
        let first = admit(&admission, 1, &own).await.unwrap();
        let second = admit(&admission, 1, &own).await.unwrap();
        let busy = admit(&admission, 1, &own).await.err().unwrap();
        assert!(busy.why.contains("2 requests"), "{}", busy.why);
        assert!(admit(&admission, 2, &own).await.is_ok(), "another tenant has its own");
        let product = admission.admit(TenantId(Uuid::from_u128(1)), Scope::Directory, &own).await;
        assert!(product.is_ok(), "and so has the product");
        let moved = second.clone();
        drop(second);
        assert!(admit(&admission, 1, &own).await.is_err(), "the work goes on elsewhere");
        drop(moved);
        assert!(admit(&admission, 1, &own).await.is_ok());
        drop(first);
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiting_request_gets_the_next_free_place() {
        let admission = Admission::new(limits(1), NonZeroU32::MIN);
        let own = TenantLimits::default();
        let first = admit(&admission, 1, &own).await.unwrap();
        let mut second = Box::pin(admit(&admission, 1, &own));
        assert!((&mut second).now_or_never().is_none());
        drop(first);
        assert!(second.await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn own_limits_replace_the_default_ones() {
        let admission = Admission::new(limits(1), NonZeroU32::MIN);
        let _first = admit(&admission, 1, &limits(2)).await.unwrap();
        let second = admit(&admission, 1, &limits(2)).await.unwrap();
        assert!(admit(&admission, 1, &limits(2)).await.is_err());
        let places = admit(&admission, 1, &limits(3)).await;
        assert!(places.is_ok(), "a new limit holds for the next request");
        drop(second);
    }

    #[tokio::test(start_paused = true)]
    async fn scans_and_bulk_requests_are_few_at_a_time() {
        let admission = Admission::new(limits(10), NonZeroU32::MIN);
        let place = admit(&admission, 1, &TenantLimits::default()).await.unwrap();
        let _held = [place.scan().await.unwrap(), place.scan().await.unwrap()];
        assert!(place.scan().await.err().unwrap().why.contains("2 lists"));
        let _pages: Vec<_> = (0..4).map(|_| place.page(201).now_or_never().unwrap().unwrap().unwrap()).collect();
        assert!(place.page(1000).await.err().unwrap().why.contains("4 pages of more than 200"));
        assert!(place.page(200).await.unwrap().is_none());
        let _held = [place.bulk().await.unwrap(), place.bulk().await.unwrap()];
        assert!(place.bulk().await.err().unwrap().why.contains("2 bulk requests"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_allows_its_burst_and_names_the_wait() {
        let admission = Admission::default();
        let own = TenantLimits { rate: Some("1/3".parse().unwrap()), ..TenantLimits::default() };
        for _ in 0..3 {
            assert!(admit(&admission, 1, &own).await.is_ok());
        }
        let busy = admit(&admission, 1, &own).await.err().unwrap();
        assert!(busy.why.contains("1 request a second"), "{}", busy.why);
        assert_eq!(busy.retry_after, 1);
    }
}
