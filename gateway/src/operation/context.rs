//! What every use case is given: the gateway's parts, and for whom and by whom it runs.

use std::sync::Arc;

use scimgate_scim::schema::ResourceType;

use crate::auth::Auth;
use crate::clock::Clock;
use crate::config::Network;
use crate::mapping::Mapper;
use crate::operation::bulk::admission::BulkAdmission;
use crate::operation::error::Error;
use crate::operation::keyed_lock::KeyedLock;
use crate::operation::leniency_use::LeniencyUses;
use crate::operation::list;
use crate::operation::settings::{Settings, SettingsCache};
use crate::root_key::Keys;
use crate::store::stamp::Stamp;
use crate::store::{Store, TenantStore};

/// What all use cases share.
#[derive(Clone)]
pub struct Gateway {
    /// The database.
    pub store: Store,
    /// Time and ids.
    pub clock: Clock,
    /// Credentials. Behind one pointer, as the next two: every request clones all of this more than once.
    pub auth: Arc<Auth>,
    /// Seals what clients hold for us.
    pub keys: Arc<Keys>,
    /// Runs plugins.
    pub mapper: Arc<Mapper>,
    /// Each tenant's schemas and mapping, cached.
    pub settings: Arc<SettingsCache>,
    /// How much work a list may cause.
    pub lists: list::Limits,
    /// The address that clients reach, without a trailing slash; Locations and references are built from it.
    pub public_url: Arc<str>,
    /// Proxies that may tell another one, by which the client came.
    pub trusted_proxies: Arc<[Network]>,
    /// Writers of one resource take turns.
    pub write_locks: KeyedLock,
    /// How many bulk requests are at work.
    pub bulks: BulkAdmission,
    /// Which leniencies were used, until it is written.
    pub uses: LeniencyUses,
    /// Tells the sequencer that there may be events.
    pub events_waiting: Arc<tokio::sync::Notify>,
    /// Tells the background that a tenant's schemas changed.
    pub schemas_changed: Arc<tokio::sync::Notify>,
}

impl Gateway {
    /// Drops what this process has cached of a tenant. Other replicas see the change in the tenant's row.
    pub(crate) async fn forget_tenant(&self, tenant: crate::tenant::TenantId) {
        self.auth.forget(tenant);
        self.settings.forget(tenant).await;
    }
}

/// One request's surroundings: for whom, by whom, with which settings.
#[derive(Clone)]
pub struct Context {
    /// What all use cases share.
    pub gateway: Gateway,
    /// The tenant's rows.
    pub store: TenantStore,
    /// The tenant's schemas and mapping as they were when the request came.
    pub settings: Arc<Settings>,
    /// The address of this tenant's endpoint, as this request reached it, without a trailing slash.
    pub base_url: Arc<str>,
    /// The credential's id.
    pub actor: String,
    /// The request's id.
    pub request_id: String,
    /// When the request is answered at the latest.
    pub deadline: tokio::time::Instant,
}

impl Context {
    /// The surroundings of background work, under a name of its own in place of a credential's id.
    ///
    /// # Errors
    /// The tenant's settings cannot be read.
    pub(crate) async fn background(
        gateway: &Gateway,
        tenant: crate::tenant::TenantId,
        actor: &str,
    ) -> Result<Self, Error> {
        Ok(Self {
            store: gateway.store.tenant(tenant),
            settings: gateway.settings.get(tenant).await?,
            base_url: Arc::clone(&gateway.public_url),
            actor: actor.to_owned(),
            request_id: gateway.clock.new_id().to_string(),
            deadline: tokio::time::Instant::now() + std::time::Duration::from_mins(5),
            gateway: gateway.clone(),
        })
    }

    /// Who writes, and when: now.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        Stamp { at: self.gateway.clock.now(), actor: self.actor.clone(), request_id: self.request_id.clone() }
    }

    /// The resource type behind `/Users` and the like.
    ///
    /// # Errors
    /// 404 where the tenant has none there.
    pub fn resource_type(&self, endpoint: &str) -> Result<Arc<ResourceType>, Error> {
        self.settings.registry.by_endpoint(endpoint).cloned().ok_or_else(|| {
            Error::Scim(scimgate_scim::error::ScimError::new(
                404,
                format!(
                    "There is nothing at /{endpoint}. The resource types are listed at {}/ResourceTypes.",
                    self.base_url
                ),
            ))
        })
    }

    /// The same resource type by the settings as they are now.
    ///
    /// # Errors
    /// 404 where there is none any more.
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
        let (mapping, schemas) = (self.settings.chain.revision, self.settings.schema_revision);
        if row.is_some_and(|row| row.active_mapping == mapping && row.schema_revision == schemas) {
            return Ok(self.clone());
        }
        self.gateway.settings.forget(self.store.id()).await;
        let settings = self.gateway.settings.get(self.store.id()).await?;
        Ok(Self { settings, ..self.clone() })
    }
}
