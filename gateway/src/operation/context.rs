//! What every use case is given: the gateway's parts, the tenant and the actor.

use std::sync::Arc;

use scimgate_scim::leniency::{Leniency, Warnings};
use scimgate_scim::schema::ResourceType;

use crate::auth::Auth;
use crate::clock::Clock;
use crate::config::{JobShare, Network, Plugins};
use crate::docs::Docs;
use crate::mapping::Mapper;
use crate::operation::admission::{Admission, Permit, Place};
use crate::operation::closed_guards::ClosedGuards;
use crate::operation::error::Error;
use crate::operation::event_readers::EventReaders;
use crate::operation::events_waiting::EventsWaiting;
use crate::operation::figures::LatestFigures;
use crate::operation::health::webhooks::Webhooks;
use crate::operation::keyed_lock::KeyedLock;
use crate::operation::large::{LARGE_BYTES, Large, LargeRequests};
use crate::operation::leniency_use::LeniencyUses;
use crate::operation::list::limits::Limits;
use crate::operation::provisioning_log::ProvisioningLog;
use crate::operation::request_end::{RequestEnd, ShowsRequest};
use crate::operation::request_facts::{RequestFacts, SlowPart};
use crate::operation::resource::recent::RecentRows;
use crate::operation::resource::record::Recorder;
use crate::operation::settings::{Settings, SettingsCache};
use crate::operation::shadow_queue::ShadowQueue;
use crate::operation::worker::Workers;
use crate::root_key::Keys;
use crate::store::stamp::Stamp;
use crate::store::tenant::Tenant;
use crate::store::{Store, TenantStore};
use crate::tenant::TenantId;

/// What all use cases share.
#[derive(Clone)]
pub struct Gateway {
    /// The database.
    pub store: Store,
    /// Time and ids.
    pub clock: Clock,
    /// Verifies credentials. Like the next fields it is behind one pointer, because every request clones the gateway several
    /// times.
    pub auth: Arc<Auth>,
    /// Seals and opens cursors.
    pub keys: Arc<Keys>,
    /// The documents, for the internal listener.
    pub docs: Arc<Docs>,
    /// Runs plugins.
    pub mapper: Arc<Mapper>,
    /// Which plugins are taken.
    pub plugins: Arc<Plugins>,
    /// Each tenant's schemas and mapping, cached.
    pub settings: Arc<SettingsCache>,
    /// The limits of one list request.
    pub lists: Limits,
    /// The address that clients reach, without a trailing slash; Locations and references are built from it.
    pub public_url: Arc<str>,
    /// Proxies whose forwarding headers are believed.
    pub trusted_proxies: Arc<[Network]>,
    /// Serialises the writers of one resource.
    pub write_locks: KeyedLock,
    /// Rows that this process wrote shortly before.
    pub recent: RecentRows,
    /// Tenants whose removals were held shortly before.
    pub closed_guards: ClosedGuards,
    /// Takes the record of each write.
    pub recorder: Arc<dyn Recorder>,
    /// What is to be written into the provisioning log.
    pub provisioning_log: Arc<ProvisioningLog>,
    /// Are sent changes of the health of tenants.
    pub webhooks: Arc<Webhooks>,
    /// Takes the facts of each request that has ended.
    pub request_end: Arc<RequestEnd>,
    /// Figures of all tenants together, for metrics.
    pub figures: Arc<LatestFigures>,
    /// The background work, whose failures are counted.
    pub workers: Workers,
    /// The part of this process that each tenant may have.
    pub admission: Admission,
    /// The requests whose computing takes long.
    pub large: Arc<LargeRequests>,
    /// Permits for bulk requests of all tenants: a parsed one is many times as large as its text.
    pub bulks: Arc<tokio::sync::Semaphore>,
    /// Uses of leniencies that are not written yet.
    pub uses: LeniencyUses,
    /// Wakes the sequencer: these tenants may have events.
    pub events_waiting: Arc<EventsWaiting>,
    /// How far the events were read, until it is stored.
    pub event_readers: EventReaders,
    /// Writes that drafts also map.
    pub shadow: Arc<ShadowQueue>,
    /// The share of one worker that jobs may take.
    pub job_share: JobShare,
    /// Held during a round of jobs: a process runs one at a time.
    pub job_rounds: Arc<tokio::sync::Semaphore>,
    /// Wakes the job runner: a tenant's schemas or its mapping changed.
    pub schemas_changed: Arc<tokio::sync::Notify>,
}

impl Gateway {
    /// What is made of each request when it has ended: the requests of so many tenants are counted apart, those with the most, and each
    /// is shown to somebody. Before anything is served.
    pub fn end_requests(&mut self, counted_tenants: usize, shown_by: Option<Arc<dyn ShowsRequest>>) {
        let (availability, log) = (Arc::clone(self.store.availability()), Arc::clone(&self.provisioning_log));
        let end = RequestEnd::new(availability, log, counted_tenants);
        self.request_end = Arc::new(match shown_by {
            Some(shown_by) => end.shown_by(shown_by),
            None => end,
        });
    }

    /// Drops what this process has cached of a tenant. Other replicas poll the tenant's row (`work/change_poll.rs`).
    pub async fn forget_tenant(&self, tenant: TenantId) {
        self.auth.forget(tenant);
        self.settings.forget(tenant).await;
    }

    /// Drops what this process has cached of any tenant.
    pub fn forget_all_tenants(&self) {
        self.auth.forget_all();
        self.settings.forget_all();
    }
}

/// One request's tenant, actor and settings.
#[derive(Clone)]
pub struct Context {
    /// What all use cases share.
    pub gateway: Gateway,
    /// The tenant's rows.
    pub store: TenantStore,
    /// The tenant's schemas and mapping as they were when the request arrived.
    pub settings: Arc<Settings>,
    /// The address of this tenant's endpoint, as this request reached it, without a trailing slash.
    pub base_url: Arc<str>,
    /// The credential's id.
    pub actor: String,
    /// The request's id.
    pub request_id: String,
    /// The latest time of the reply.
    pub deadline: tokio::time::Instant,
    /// The request's place among those of its tenant; none in background work.
    pub place: Option<Place>,
    /// Whether what the request computes takes long.
    pub large: Large,
    /// What is known of the request.
    pub facts: RequestFacts,
}

impl Context {
    /// The context of background work, with the name of the work in place of a credential's id.
    pub(crate) async fn background(gateway: &Gateway, tenant: TenantId, actor: &str) -> Result<Self, Error> {
        Ok(Self {
            store: gateway.store.tenant(tenant),
            settings: gateway.settings.get(tenant).await?,
            base_url: Arc::clone(&gateway.public_url),
            actor: actor.to_owned(),
            request_id: gateway.clock.new_id().to_string(),
            deadline: tokio::time::Instant::now() + std::time::Duration::from_mins(5),
            gateway: gateway.clone(),
            place: None,
            large: Large::default(),
            facts: RequestFacts::default(),
        })
    }

    /// Called before so many bytes are parsed, compared or written: from [`LARGE_BYTES`] on other requests must not wait for it.
    pub(crate) async fn compute(&self, bytes: usize) {
        if bytes >= LARGE_BYTES {
            self.gateway.large.begin(self.store.id(), &self.large).await;
        }
    }

    /// Lets the request read documents that no index selects, one of few at a time.
    ///
    /// # Errors
    /// [`Error::Busy`] where none becomes free in time.
    pub(crate) async fn scan(&self) -> Result<Option<Permit>, Error> {
        match &self.place {
            Some(place) => Ok(Some(self.permit(place.scan()).await?)),
            None => Ok(None),
        }
    }

    /// Lets the request read a page of so many resources: a long one is one of few at a time.
    ///
    /// # Errors
    /// [`Error::Busy`] where none becomes free in time.
    pub(crate) async fn page(&self, resources: u64) -> Result<Option<Permit>, Error> {
        match &self.place {
            Some(place) => Ok(self.permit(place.page(resources)).await?),
            None => Ok(None),
        }
    }

    /// Lets a bulk request begin: one of few of the tenant, and of few of all.
    ///
    /// # Errors
    /// [`Error::Busy`] where none of the tenant's ends in time.
    pub async fn bulk(&self) -> Result<[Option<Permit>; 2], Error> {
        // The tenant's permit first: a request must not hold a common permit while it waits for its tenant's.
        let of_tenant = match &self.place {
            Some(place) => Some(self.permit(place.bulk()).await?),
            None => None,
        };
        // Never closed.
        Ok([of_tenant, self.permit(Arc::clone(&self.gateway.bulks).acquire_owned()).await.ok()])
    }

    /// Waits for a permit.
    async fn permit<T>(&self, permit: impl Future<Output = T>) -> T {
        let begun = std::time::Instant::now();
        let permit = permit.await;
        self.facts.took(SlowPart::Permit, begun);
        permit
    }

    /// The actor, the request and the time now.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        Stamp { at: self.gateway.clock.now(), actor: self.actor.clone(), request_id: self.request_id.clone() }
    }

    /// The resource type behind `/Users` and the like. Paths are case-sensitive (RFC 3986 §6.2.2.1); another case is a
    /// leniency.
    ///
    /// # Errors
    /// 404 where the tenant has none there.
    pub fn resource_type(&self, endpoint: &str) -> Result<Arc<ResourceType>, Error> {
        let Settings { registry, leniencies, .. } = &*self.settings;
        let mut warnings = Warnings::default();
        let found = registry.by_endpoint_with(endpoint, leniencies, &mut warnings).cloned();
        self.record_leniencies(&warnings);
        found.ok_or_else(|| {
            Error::Scim(scimgate_scim::error::ScimError::new(
                404,
                format!(
                    "There is nothing at /{endpoint}. The resource types are listed at {}/ResourceTypes.",
                    self.base_url
                ),
            ))
        })
    }

    /// The same resource type under these settings.
    ///
    /// # Errors
    /// 404 where it is gone.
    pub(crate) fn current(&self, resource_type: &ResourceType) -> Result<Arc<ResourceType>, Error> {
        self.settings
            .registry
            .resource_type(&resource_type.name)
            .cloned()
            .map_or_else(|| self.resource_type(resource_type.endpoint.trim_start_matches('/')), Ok)
    }

    /// After a lost race: the same settings, or new ones where the mapping or the schemas changed meanwhile.
    pub(crate) async fn refreshed(&self) -> Result<Self, Error> {
        let row = self.gateway.store.control().tenant_by_id(self.store.id()).await?;
        let Settings { chain, schema_revision, awaits_references, .. } = &*self.settings;
        let is_same = |row: Tenant| {
            row.active_mapping == chain.revision
                && row.schema_revision == *schema_revision
                && row.awaits_references == *awaits_references
        };
        if row.is_some_and(is_same) {
            return Ok(self.clone());
        }
        self.gateway.settings.forget(self.store.id()).await;
        let settings = self.gateway.settings.get(self.store.id()).await?;
        Ok(Self { settings, ..self.clone() })
    }
}

impl Context {
    /// Counts the leniencies that a request used, and adds them to its facts.
    pub fn record_leniencies(&self, warnings: &Warnings) {
        if !warnings.is_empty() {
            self.facts.add_warnings(warnings);
            self.count_leniencies(warnings);
        }
    }

    /// Counts the leniencies that a write used, which has them in its record.
    pub(crate) fn count_leniencies(&self, warnings: &Warnings) {
        if warnings.is_empty() {
            return;
        }
        for warning in warnings {
            tracing::debug!(tenant.id = %self.store.id(), leniency = %warning.leniency, "leniency used");
        }
        self.gateway.uses.add(self.store.id(), warnings, self.gateway.clock.now());
    }

    /// Counts one use of a leniency.
    pub fn record_leniency(&self, leniency: Leniency, attribute: &str) {
        let mut warnings = Warnings::default();
        warnings.add(leniency, attribute);
        self.record_leniencies(&warnings);
    }
}
