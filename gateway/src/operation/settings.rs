//! A tenant's settings as its requests need them: schemas of both documents and the mapping, read once and cached.

pub(crate) mod directory_schema;
pub mod guard;
pub mod registries;

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::future::Cache;
use scimgate_scim::directory_schema::{DirectorySchema, TypeRules};
use scimgate_scim::leniency::Leniencies;
use scimgate_scim::schema::ResourceType;
use scimgate_scim::schema::registry::Registry;
use serde_json::{Map, Value};

use crate::config::{Rate, TenantLimits};
use crate::counts::{CacheCounts, CacheFigures};
use crate::mapping::Chain;
use crate::operation::client::Client;
use crate::operation::error::{Error, tenant_deleted};
use crate::operation::group_rules::GroupRules;
use crate::operation::provisioning_log::redaction::Redaction;
use crate::operation::settings::guard::Guard;
use crate::operation::settings::registries::Registries;
use crate::store::resource::indexed::{IndexedAttributes, SearchKeys};
use crate::store::resource::key::Keys;
use crate::store::schema::Definitions;
use crate::store::tenant::LimitsRow;
use crate::store::{self, Store};
use crate::tenant::TenantId;

/// One tenant's settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The tenant's name.
    pub name: String,
    /// What the SCIM client may send and reads back.
    pub registry: Registry,
    /// What a mapped document may hold: the same, and the directory-only extensions.
    pub directory: Registry,
    /// Both under a pending schema change, which writes must fit, too.
    pub pending: Option<Registries>,
    /// The schema revision of these settings.
    pub schema_revision: i64,
    /// Which attributes can be searched by value.
    pub search: SearchKeys,
    /// The attributes with keys of each resource type, by its name: now, and under a pending schema change.
    pub(in crate::operation) indexed: [HashMap<String, IndexedAttributes>; 2],
    /// Whether member references may be pending.
    pub awaits_references: bool,
    /// How much its client, and the product for it, may send; what is none follows the default.
    pub limits: TenantLimits,
    /// The guard against mass deprovisioning.
    pub guard: Guard,
    /// What mapped documents must be beyond their schemas.
    pub directory_schema: Arc<DirectorySchema>,
    /// What members of groups have by rules.
    pub group_rules: Arc<GroupRules>,
    /// The active mapping.
    pub chain: Arc<Chain>,
    /// The draft that also maps live writes.
    pub shadow: Option<Shadow>,
    /// Of which attributes the provisioning log has no values.
    pub log_redaction: Arc<Redaction>,
    /// The SCIM client: the chosen profile, and the client that was recognised.
    pub client: Client,
    /// The client's leniencies, which follow from that.
    pub leniencies: Leniencies,
}

/// A draft that also maps live writes.
#[derive(Clone, Debug)]
pub struct Shadow {
    /// What it does.
    pub chain: Arc<Chain>,
    /// How many writes, in per cent.
    pub percent: u8,
}

/// A cache of tenants' settings.
#[derive(Clone)]
pub struct SettingsCache {
    store: Store,
    /// By tenant and generation. `forget` increments the generation, so a request after it never joins a read that began
    /// before.
    cache: Cache<(TenantId, u64), Arc<Settings>>,
    counts: CacheCounts,
    generations: Arc<[AtomicU64; GENERATIONS]>,
    shared: registries::SharedRegistries,
}

/// Tenants that share a counter lose their cached settings together.
const GENERATIONS: usize = 256;
const MAX_CACHED_TENANTS: u64 = 10_000;
/// A change drops what is cached (`work/change_poll.rs`). This only frees the memory of tenants without requests.
const CACHE_TTL: Duration = Duration::from_mins(10);

impl SettingsCache {
    /// An empty cache over the store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        let cache = Cache::builder().max_capacity(MAX_CACHED_TENANTS).time_to_live(CACHE_TTL).build();
        let generations = Arc::new(std::array::from_fn(|_| AtomicU64::new(0)));
        Self { store, cache, counts: CacheCounts::default(), generations, shared: registries::SharedRegistries::new() }
    }

    /// A tenant's settings, read no earlier than the last call of `forget`; concurrent misses read once.
    pub async fn get(&self, tenant: TenantId) -> Result<Arc<Settings>, Error> {
        let key = (tenant, self.generation(tenant).load(Ordering::SeqCst));
        if let Some(known) = self.counts.note(self.cache.get(&key).await) {
            return Ok(known);
        }
        let loading = load(&self.store, &self.shared, tenant);
        self.cache.try_get_with(key, loading).await.map_err(|shared: Arc<Error>| match &*shared {
            Error::Store(source) => Error::Store(source.clone()),
            Error::Corrupt(why) => Error::Corrupt(why.clone()),
            Error::Scim(refusal) => Error::Scim(refusal.clone()),
            other => Error::Corrupt(other.to_string()),
        })
    }

    /// The cache now.
    #[must_use]
    pub fn cache_figures(&self) -> CacheFigures {
        self.counts.figures("settings", self.cache.entry_count())
    }

    /// Drops what is cached of a tenant.
    pub async fn forget(&self, tenant: TenantId) {
        let before = self.generation(tenant).fetch_add(1, Ordering::SeqCst);
        self.cache.invalidate(&(tenant, before)).await;
    }

    /// Drops what is cached of all tenants.
    pub fn forget_all(&self) {
        for generation in self.generations.iter() {
            generation.fetch_add(1, Ordering::SeqCst);
        }
        self.cache.invalidate_all();
    }

    fn generation(&self, tenant: TenantId) -> &AtomicU64 {
        // The last byte of an id is random.
        &self.generations[usize::from(tenant.0.as_bytes()[15])]
    }
}

async fn load(store: &Store, shared: &registries::SharedRegistries, tenant: TenantId) -> Result<Arc<Settings>, Error> {
    let row = store.control().tenant_by_id(tenant).await?;
    let row = row.ok_or_else(tenant_deleted)?;
    let rows = store.tenant(tenant);
    // After the tenant's row: schemas that are newer than the revision are refused at the first write, older ones not.
    let (definitions, pending) = rows.definitions_and_pending().await?;
    let Registries { client: registry, directory } = shared.of(&definitions).await?;
    let pending = pending.map(|text| pending_registries(&text)).transpose()?;
    let chain = match row.active_mapping {
        0 => Chain::default(),
        revision => {
            let gone = || Error::Corrupt(format!("mapping revision {revision} is gone"));
            chain(rows.mapping(revision).await?.ok_or_else(gone)?)?
        }
    };
    let shadow = match u8::try_from(row.shadow_percent) {
        Ok(percent) if percent > 0 && row.shadow_mapping != row.active_mapping => {
            let draft = rows.mapping(row.shadow_mapping).await?;
            draft.map(self::chain).transpose()?.map(|chain| Shadow { chain: Arc::new(chain), percent })
        }
        _ => None,
    };
    let directory_schema = directory_schema::read(rows.directory_schema().await?.as_ref(), &directory)?;
    let group_rules = rows
        .group_rules()
        .await?
        .map_or_else(|| Ok(GroupRules::default()), |found| GroupRules::stored(&found.rules))?;
    let client = Client::read(row.client);
    let guard = Guard::of(&row.guard, &registry);
    let leniencies = client.leniencies();
    let indexed = [Some(&registry), pending.as_ref().map(|next| &next.client)]
        .map(|registry| registry.map(|it| indexed(it, &row.search)).unwrap_or_default());
    Ok(Arc::new(Settings {
        name: row.name,
        registry,
        directory,
        pending,
        schema_revision: row.schema_revision,
        search: row.search,
        indexed,
        awaits_references: row.awaits_references,
        limits: tenant_limits(row.limits),
        guard,
        directory_schema: Arc::new(directory_schema),
        group_rules: Arc::new(group_rules),
        chain: Arc::new(chain),
        shadow,
        log_redaction: Arc::new(Redaction::of(&row.log_redacted)),
        client,
        leniencies,
    }))
}

/// The limits of a tenant's row.
pub(in crate::operation) fn tenant_limits(row: LimitsRow) -> TenantLimits {
    let number = |number: Option<i32>| number.and_then(|number| u32::try_from(number).ok());
    let rate = number(row.rate).and_then(NonZeroU32::new).zip(number(row.burst).and_then(NonZeroU32::new));
    TenantLimits { requests: number(row.requests), rate: rate.map(|(per_second, burst)| Rate { per_second, burst }) }
}

fn indexed(registry: &Registry, search: &SearchKeys) -> HashMap<String, IndexedAttributes> {
    let types = registry.resource_types().iter();
    types.map(|known| (known.name.clone(), IndexedAttributes::of(known, search))).collect()
}

fn pending_registries(text: &str) -> Result<Registries, Error> {
    let definitions: Definitions =
        serde_json::from_str(text).map_err(|why| Error::Corrupt(format!("pending definitions: {why}")))?;
    Registries::of(&definitions)
}

impl Settings {
    /// What mapped documents of a type must be beyond its schemas.
    #[must_use]
    pub fn rules(&self, resource_type: &str) -> Option<&TypeRules> {
        self.directory_schema.of(resource_type).map(AsRef::as_ref)
    }

    /// The index keys of a document under the current schemas and under pending ones.
    #[must_use]
    pub fn keys(&self, document: &Map<String, Value>, resource_type: &ResourceType) -> Keys {
        let [now, next] = &self.indexed;
        let keys = |indexed: &IndexedAttributes| Keys::of(document, resource_type, indexed);
        let mut found = match now.get(&resource_type.name) {
            Some(indexed) => keys(indexed),
            None => keys(&IndexedAttributes::of(resource_type, &self.search)),
        };
        if let Some(indexed) = next.get(&resource_type.name) {
            found.join(keys(indexed));
        }
        found
    }
}

/// The chain of a stored revision.
pub(crate) fn chain(row: store::mapping::MappingRow) -> Result<Chain, Error> {
    let revision = row.head.revision;
    let corrupt = |why: String| Error::Corrupt(format!("mapping revision {revision}: {why}"));
    let on_failure = serde_json::from_value(row.head.on_failure.into()).map_err(|why| corrupt(why.to_string()))?;
    let steps = serde_json::from_str(&row.steps).map_err(|why| corrupt(why.to_string()))?;
    Ok(Chain { revision, on_failure, steps })
}
