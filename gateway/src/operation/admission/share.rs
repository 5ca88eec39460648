//! The part of one tenant.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Busy;
use crate::config::{DEFAULT_REQUESTS, Rate, TenantLimits};

/// How long a request waits for a place. Longer than almost any request takes, shorter than a client's patience.
const MAX_WAIT: Duration = Duration::from_secs(2);
/// How long a bulk request waits: those before it take longer.
const MAX_BULK_WAIT: Duration = Duration::from_secs(10);
/// Requests of a tenant that wait at once; each of them holds a connection.
const MAX_WAITING: usize = 256;
/// Lists of a tenant at once that read documents which no index selects. Each occupies a connection to the database for as long
/// as it reads, and a processor.
const MAX_SCANS: usize = 2;
/// Pages of a tenant at once that have more than [`LONG_PAGE`] resources. Each takes a processor for some milliseconds.
const MAX_LONG_PAGES: usize = 4;
/// From more resources on a page is long.
pub(super) const LONG_PAGE: u64 = 200;
/// Bulk requests of a tenant at once: each means up to a thousand writes.
const MAX_BULKS: usize = 2;
/// Seconds until another try where all places are taken.
const RETRY_AFTER: u32 = 2;

/// One of a limited number, until it is dropped.
pub type Permit = OwnedSemaphorePermit;

/// The part of one tenant.
pub(super) struct Share {
    pub(super) limits: TenantLimits,
    requests: Arc<Semaphore>,
    scans: Arc<Semaphore>,
    long_pages: Arc<Semaphore>,
    bulks: Arc<Semaphore>,
    rate: Option<DefaultDirectRateLimiter>,
    waiting: AtomicUsize,
}

impl Share {
    pub(super) fn new(limits: TenantLimits) -> Self {
        let requests = limits.requests.unwrap_or(DEFAULT_REQUESTS);
        let semaphore = |places| Arc::new(Semaphore::new(places));
        let quota = |rate: Rate| Quota::per_second(rate.per_second).allow_burst(rate.burst);
        Self {
            requests: semaphore(usize::try_from(requests).unwrap_or(usize::MAX >> 4)),
            scans: semaphore(MAX_SCANS),
            long_pages: semaphore(MAX_LONG_PAGES),
            bulks: semaphore(MAX_BULKS),
            rate: limits.rate.map(quota).map(DefaultDirectRateLimiter::direct),
            waiting: AtomicUsize::new(0),
            limits,
        }
    }

    /// Counts a request against the tenant's rate.
    pub(super) fn check_rate(&self) -> Result<(), Busy> {
        let (Some(limiter), Some(rate)) = (&self.rate, self.limits.rate) else { return Ok(()) };
        limiter.check().map_err(|refused| {
            let wait = refused.wait_time_from(DefaultClock::default().now());
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            let requests = if rate.per_second.get() == 1 { "request" } else { "requests" };
            Busy {
                limit: "rate",
                why: format!("more than {} {requests} a second, after a burst of {}", rate.per_second, rate.burst),
                retry_after: u32::try_from(seconds).unwrap_or(u32::MAX).max(1),
            }
        })
    }

    pub(super) async fn request(&self) -> Result<Permit, Busy> {
        let limit = self.limits.requests.unwrap_or(DEFAULT_REQUESTS);
        self.take(("requests", &self.requests, MAX_WAIT), || {
            format!("{limit} requests are in progress, as many as it may have at once")
        })
        .await
    }

    pub(super) async fn scan(&self) -> Result<Permit, Busy> {
        self.take(("scans", &self.scans, MAX_WAIT), || {
            format!(
                "{MAX_SCANS} lists are being read for filters that no index decides, as many as it may have at once"
            )
        })
        .await
    }

    pub(super) async fn long_page(&self) -> Result<Permit, Busy> {
        let why = || {
            format!(
                "{MAX_LONG_PAGES} pages of more than {LONG_PAGE} resources are being read, as many as it may have at once"
            )
        };
        self.take(("long_pages", &self.long_pages, MAX_WAIT), why).await
    }

    pub(super) async fn bulk(&self) -> Result<Permit, Busy> {
        let why = || format!("{MAX_BULKS} bulk requests are in progress, as many as it may have at once");
        self.take(("bulks", &self.bulks, MAX_BULK_WAIT), why).await
    }

    /// A permit, in order of arrival, or a refusal.
    async fn take(
        &self,
        (limit, places, max_wait): (&'static str, &Arc<Semaphore>, Duration),
        why: impl Fn() -> String,
    ) -> Result<Permit, Busy> {
        if let Ok(permit) = Arc::clone(places).try_acquire_owned() {
            return Ok(permit);
        }
        let busy = || Busy { limit, why: why(), retry_after: RETRY_AFTER };
        let _waiting = Waiting::begin(&self.waiting).ok_or_else(busy)?;
        match tokio::time::timeout(max_wait, Arc::clone(places).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            // The semaphores are never closed.
            Ok(Err(_)) | Err(_) => Err(busy()),
        }
    }
}

/// A waiting request, until it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn begin(count: &'a AtomicUsize) -> Option<Self> {
        let waiting = Self(count);
        (count.fetch_add(1, Ordering::Relaxed) < MAX_WAITING).then_some(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
