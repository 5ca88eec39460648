//! What is known of one request: each part is added where it becomes known, and all of it is passed on once, when the request has
//! ended. That is when the reply's last byte was taken, or, of a client that disconnected before its reply, when the work ends.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use scimgate_scim::error::ScimError;
use scimgate_scim::leniency::Warnings;
use scimgate_scim::profile::Profile;
use scimgate_scim::schema::ResourceType;
use tracing::Span;
use uuid::Uuid;

use crate::auth::Verified;
use crate::operation::resource::record::Written;
use crate::operation::settings::Settings;
use crate::store::waited::Waited;
use crate::tenant::TenantId;
use crate::trace::{Trace, TraceContext};

/// A handle to the facts of one request. It is in the extensions of the request and in its context. The default one belongs to
/// background work: nobody takes its facts.
#[derive(Clone, Default)]
pub struct RequestFacts(Arc<Shared>);

/// Takes the facts of each request that has ended. It runs on the request's path: what takes time belongs elsewhere.
pub trait TakesFacts: Send + Sync {
    /// A request of an interface begins.
    fn begin(&self, surface: &'static str);

    /// The trace of a request of an interface that begins, as a part of the sender's.
    fn trace(&self, surface: &'static str, sender: &dyn Fn() -> Option<TraceContext>) -> Trace;

    /// Takes the facts of one request.
    fn take(&self, facts: Facts);
}

/// What takes time apart from the request's own computing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlowPart {
    /// The client sends the body.
    Body,
    /// The request waits for a place among those of its tenant, or for a permit.
    Permit,
    /// Plugins map documents.
    Plugins,
    /// Statements wait for a connection to the database.
    Connection,
}

impl SlowPart {
    /// All parts.
    pub const ALL: [Self; 4] = [Self::Body, Self::Permit, Self::Plugins, Self::Connection];

    /// Its name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::Permit => "permit",
            Self::Plugins => "plugins",
            Self::Connection => "connection",
        }
    }
}

/// The facts of one request.
#[derive(Debug, Default)]
pub struct Facts {
    /// The request's id.
    pub request_id: String,
    /// The span of its log lines.
    pub span: Option<Span>,
    /// Its trace.
    pub trace: Trace,
    /// Its method; `other` if it is none of RFC 9110 and RFC 5789.
    pub method: &'static str,
    /// The interface that it belongs to: `scim`, `oauth`, `setup`, `admin`, `directory`, `probe`.
    pub surface: &'static str,
    /// The pattern of its route, as the router has it; none where the address has no route.
    pub route: Option<&'static str>,
    /// The client's own address.
    pub client: Option<IpAddr>,
    /// The tenant's credential, once it is verified.
    pub credential: Option<Arc<Verified>>,
    /// The operator key, once it is verified.
    pub operator_key: Option<Uuid>,
    /// The tenant's settings with which the request ended.
    pub settings: Option<Arc<Settings>>,
    /// Whose request it says to be, where its credential is not accepted.
    pub claimed: Option<Claimed>,
    /// The resource type and the resource in the address.
    pub target: Option<Target>,
    /// The query of the address, of a list.
    pub query: Option<String>,
    /// The page of a list that was sent.
    pub page: Option<Page>,
    /// The leniencies that were used, but for those of writes.
    pub warnings: Warnings,
    /// The writes that were made or refused.
    pub writes: Vec<Written>,
    /// The operations of a bulk request.
    pub operations: Vec<BulkOperation>,
    /// The status of the reply; none where the client disconnected before it.
    pub status: Option<u16>,
    /// Why the request was refused, or how it failed.
    pub refusal: Option<Refusal>,
    /// From the complete header to the end.
    pub duration: Duration,
    /// Bytes of the request's body that were read.
    pub bytes_in: u64,
    /// Bytes of the reply's body that were sent.
    pub bytes_out: u64,
    /// How long each slow part took, in the order of [`SlowPart::ALL`].
    pub slow_parts: [Duration; SlowPart::ALL.len()],
}

/// A refusal, as the client reads it and as the log explains it.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Status, scimType and detail. The detail may contain personal data.
    pub error: ScimError,
    /// What kind of error it was: one of a few words ([`crate::operation::Error::kind`]).
    pub kind: &'static str,
    /// The limit that refused it, by the name that metrics have.
    pub limit: Option<&'static str>,
    /// Of a failure of the service: the error with its causes.
    pub failure: Option<String>,
    /// Whether the database was unavailable.
    pub is_unavailable: bool,
}

/// The tenant that a request with a credential that is not accepted names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Claimed {
    /// By the credential: there is most likely such a tenant.
    Id(TenantId),
    /// By the address: there may be none.
    Name(String),
}

/// What an address names.
#[derive(Clone, Debug)]
pub struct Target {
    /// The resource type.
    pub resource_type: Arc<ResourceType>,
    /// The resource.
    pub id: Option<Uuid>,
}

/// A page of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// The number of its first resource, from 1; none of a page by cursor.
    pub start_index: Option<u64>,
    /// How many resources it has.
    pub returned: usize,
    /// How many all pages have, where that is known.
    pub total: Option<u64>,
}

/// One operation of a bulk request.
#[derive(Clone, Debug)]
pub struct BulkOperation {
    /// Which one, from 1.
    pub number: usize,
    /// Its method.
    pub method: String,
    /// The status of its result.
    pub status: u16,
    /// Why it was refused.
    pub refusal: Option<Refusal>,
    /// What its address names.
    pub target: Option<Target>,
    /// Its write.
    pub write: Option<Written>,
}

impl Facts {
    /// The tenant, once its credential is verified.
    #[must_use]
    pub fn tenant(&self) -> Option<TenantId> {
        self.credential.as_ref().map(|verified| verified.tenant)
    }

    /// The tenant's name.
    #[must_use]
    pub fn tenant_name(&self) -> Option<&str> {
        self.credential.as_ref().map(|verified| verified.tenant_names.current.as_str())
    }

    /// The id of the tenant's credential, or of the operator key.
    #[must_use]
    pub fn credential_id(&self) -> Option<Uuid> {
        self.credential.as_ref().map(|verified| verified.credential).or(self.operator_key)
    }

    /// The profile of the SCIM client: the chosen one, or the recognised one; none where there is neither.
    #[must_use]
    pub fn profile(&self) -> Option<&'static str> {
        let client = &self.settings.as_ref()?.client;
        match client.profile {
            Profile::Auto => client.recognised.map(|found| found.profile.name()),
            chosen => Some(chosen.name()),
        }
    }

    /// How long a part took.
    #[must_use]
    pub fn slow_part(&self, part: SlowPart) -> Duration {
        self.slow_parts[part as usize]
    }
}

#[derive(Default)]
struct Shared {
    begun: Option<Instant>,
    facts: Mutex<Facts>,
    counts: Counts,
    /// Who takes the facts; none once they are taken.
    taker: Mutex<Option<Arc<dyn TakesFacts>>>,
}

#[derive(Default)]
struct Counts {
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    /// In microseconds.
    slow_parts: [AtomicU64; SlowPart::ALL.len()],
    /// How long statements of the tenant's handle waited for a connection.
    waited: Waited,
}

impl RequestFacts {
    /// The facts of a request that begins now.
    pub fn begin(facts: Facts, taker: Arc<dyn TakesFacts>) -> Self {
        taker.begin(facts.surface);
        Self(Arc::new(Shared {
            begun: Some(Instant::now()),
            facts: Mutex::new(facts),
            counts: Counts::default(),
            taker: Mutex::new(Some(taker)),
        }))
    }

    /// Adds facts.
    pub fn add(&self, add: impl FnOnce(&mut Facts)) {
        add(&mut self.0.facts());
    }

    /// Adds a write. Of background work, which has no end of its own, nothing is kept.
    pub fn add_write(&self, written: impl FnOnce() -> Written) {
        if self.0.begun.is_some() {
            let written = written();
            self.add(|facts| facts.writes.push(written));
        }
    }

    /// Takes the writes that were added: those of an operation of a bulk request.
    #[must_use]
    pub fn take_writes(&self) -> Vec<Written> {
        std::mem::take(&mut self.0.facts().writes)
    }

    /// Adds leniencies that were used, but for those of a write.
    pub fn add_warnings(&self, warnings: &Warnings) {
        if self.0.begun.is_some() {
            self.add(|facts| facts.warnings.extend(warnings.clone()));
        }
    }

    /// The request's id; empty for background work.
    #[must_use]
    pub fn request_id(&self) -> String {
        self.0.facts().request_id.clone()
    }

    /// Counts bytes of the request's body.
    pub fn received(&self, bytes: usize) {
        self.0.counts.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts bytes of the reply's body.
    pub fn sent(&self, bytes: u64) {
        self.0.counts.bytes_out.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Adds to a slow part what passed since `begun`.
    pub fn took(&self, part: SlowPart, begun: Instant) {
        let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.0.counts.slow_parts[part as usize].fetch_add(micros, Ordering::Relaxed);
    }

    /// What counts how long the tenant's statements wait for a connection.
    #[must_use]
    pub fn waited(&self) -> Waited {
        self.0.counts.waited.clone()
    }

    /// The request has ended: its facts are passed on. Later calls do nothing.
    pub fn end(&self) {
        self.0.end();
    }
}

impl Shared {
    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self) {
        let Some(taker) = self.taker.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let mut facts = std::mem::take(&mut *self.facts());
        facts.duration = self.begun.map(|begun| begun.elapsed()).unwrap_or_default();
        facts.bytes_in = self.counts.bytes_in.load(Ordering::Relaxed);
        facts.bytes_out = self.counts.bytes_out.load(Ordering::Relaxed);
        for (part, micros) in facts.slow_parts.iter_mut().zip(&self.counts.slow_parts) {
            *part = Duration::from_micros(micros.load(Ordering::Relaxed));
        }
        facts.slow_parts[SlowPart::Connection as usize] += self.counts.waited.total();
        taker.take(facts);
    }
}

impl Drop for Shared {
    /// Of a client that disconnected: the last part of the work has ended.
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Taken(Mutex<Vec<Facts>>);

    impl TakesFacts for Taken {
        fn begin(&self, _surface: &'static str) {}

        fn trace(&self, _surface: &'static str, _sender: &dyn Fn() -> Option<TraceContext>) -> Trace {
            Trace::default()
        }

        fn take(&self, facts: Facts) {
            self.0.lock().unwrap().push(facts);
        }
    }

    #[test]
    fn facts_are_taken_once_at_the_end_or_when_the_last_work_ends() {
        let taken = Arc::new(Taken::default());
        let begin = || {
            let facts = Facts { method: "POST", ..Facts::default() };
            RequestFacts::begin(facts, Arc::clone(&taken) as Arc<dyn TakesFacts>)
        };
        let answered = begin();
        answered.received(7);
        answered.sent(9);
        answered.add(|facts| facts.status = Some(201));
        answered.end();
        answered.end();
        drop(answered);
        let facts = taken.0.lock().unwrap().pop().unwrap();
        assert_eq!((facts.status, facts.bytes_in, facts.bytes_out, facts.method), (Some(201), 7, 9, "POST"));

        let abandoned = begin();
        let work = abandoned.clone();
        drop(abandoned);
        assert!(taken.0.lock().unwrap().is_empty(), "the work goes on");
        work.took(SlowPart::Plugins, Instant::now());
        drop(work);
        let mut all = taken.0.lock().unwrap();
        assert_eq!((all.len(), all[0].status), (1, None));
        drop(RequestFacts::default());
        all.clear();
    }
}
