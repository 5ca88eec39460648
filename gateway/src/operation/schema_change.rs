//! How a tenant's schemas and resource types change: all definitions are replaced at once, so that they always fit together.
//!
//! A change that only extends the schemas is made at once. Any other is checked against the stored resources, then made
//! pending: from then on each write must fit both the old and the new schemas. When the writes in flight have ended, the
//! stored resources are checked again; every later write fits the change, so the result stays valid until it is made.

pub(crate) mod check;
pub mod conflict;
pub(crate) mod in_flight;
pub(crate) mod stale_keys;

use std::time::SystemTime;

use scimgate_scim::error::ScimError;
use scimgate_scim::schema::registry::Registry;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::operation::context::Gateway;
use crate::operation::directory_schema;
use crate::operation::error::{Error, tenant_deleted};
use crate::operation::operator::Operator;
use crate::operation::resource::write::MAX_ATTEMPTS;
use crate::operation::schema_change::check::{Check, PENDING_TTL, Pass};
use crate::operation::schema_change::conflict::Conflicts;
use crate::operation::settings::registries::Registries;
use crate::store::TenantStore;
use crate::store::audit::Entry;
use crate::store::schema::Definitions;
use crate::tenant::TenantId;

/// Changes a tenant's definitions by `edit`, which is called again where another change came first, and returns what `edit`
/// returned beside them.
///
/// # Errors
/// 400 for definitions that don't fit together, 409 for a change that stored resources contradict.
pub(crate) async fn change<T>(
    operator: &Operator,
    (tenant, entry): (TenantId, Entry),
    edit: impl Fn(Definitions) -> Result<(Definitions, T), Error>,
) -> Result<T, Error> {
    let gateway = &operator.gateway;
    let store = gateway.store.tenant(tenant);
    for _ in 0..MAX_ATTEMPTS {
        if let Some((holder, until)) = store.pending_change().await? {
            clear(gateway, &store, holder, until).await?;
        }
        // The revision first: the write is refused with definitions that are newer than it, not with older ones.
        let row = gateway.store.control().tenant_by_id(tenant).await?;
        let row = row.ok_or_else(tenant_deleted)?;
        let (revision, search) = (row.schema_revision, row.search.attributes);
        let before = store.definitions().await?;
        let (after, given) = edit(before.clone())?;
        if after == before {
            return Ok(given);
        }
        let gateway = gateway.clone();
        let entry = entry.clone().before(&rest(&before, &after)).after(&rest(&after, &before));
        let replacement = Replacement { gateway, store: store.clone(), entry, revision, search, before, after };
        // An operator that disconnects must not leave a change half made.
        if tokio::spawn(replacement.run()).await?? {
            return Ok(given);
        }
    }
    Err(Error::Contended)
}

/// What one side has and the other has not, or has otherwise.
fn rest(one: &Definitions, other: &Definitions) -> Value {
    let schemas: Vec<_> = one.schemas.iter().filter(|row| !other.schemas.contains(row)).collect();
    let types: Vec<_> = one.types.iter().filter(|row| !other.types.contains(row)).collect();
    json!({ "schemas": schemas, "resourceTypes": types })
}

/// Leaves a pending change of another request alone; rolls it back if its process is gone.
async fn clear(gateway: &Gateway, store: &TenantStore, holder: Uuid, until: SystemTime) -> Result<(), Error> {
    if until >= gateway.clock.now() {
        let detail = "Another change of this tenant's schemas is being checked against what is stored. Try again when it is done.";
        return Err(ScimError::new(409, detail).into());
    }
    store.cancel_pending_change(holder, gateway.clock.now()).await?;
    Ok(())
}

/// Rolls back pending changes whose process has not renewed them.
pub async fn roll_back_abandoned(gateway: &Gateway) -> Result<(), Error> {
    for (tenant, holder) in gateway.store.control().abandoned_changes(gateway.clock.now()).await? {
        gateway.store.tenant(tenant).cancel_pending_change(holder, gateway.clock.now()).await?;
        gateway.forget_tenant(tenant).await;
        tracing::warn!(tenant.id = %tenant, "an abandoned schema change was rolled back");
    }
    Ok(())
}

/// One change, by the definitions that were read.
struct Replacement {
    gateway: Gateway,
    store: TenantStore,
    /// What the change is recorded as.
    entry: Entry,
    revision: i64,
    /// The tenant's search attributes.
    search: Vec<String>,
    before: Definitions,
    after: Definitions,
}

impl Replacement {
    /// Makes the change; false if another one was made first.
    async fn run(self) -> Result<bool, Error> {
        let (before, after) = (Registries::of(&self.before)?, Registries::of(&self.after)?);
        self.check_search_attributes(&before.client, &after.client)?;
        directory_schema::check_schemas(&self.store, (&before.directory, &after.directory)).await?;
        let check = Check { store: &self.store, clock: &self.gateway.clock, before: &before, after: &after };
        if check.only_grows() {
            return self.put(self.revision, None).await;
        }
        // Most conflicts are found here, before any write is affected.
        none(check.run(Pass::First).await?)?;
        let (holder, now) = (self.gateway.clock.new_id(), self.gateway.clock.now());
        let text =
            serde_json::to_string(&self.after).map_err(|why| Error::Corrupt(format!("pending definitions: {why}")))?;
        let Some(revision) = self.store.begin_pending_change(&text, self.revision, holder, now + PENDING_TTL).await?
        else {
            return Ok(false);
        };
        self.gateway.forget_tenant(self.store.id()).await;
        match self.confirm(&check, holder, revision).await {
            Ok(true) => Ok(true),
            other => {
                self.store.cancel_pending_change(holder, self.gateway.clock.now()).await?;
                self.forget().await;
                other
            }
        }
    }

    /// The keys of stored values are folded as their attribute says.
    fn check_search_attributes(&self, before: &Registry, after: &Registry) -> Result<(), ScimError> {
        let folding = |registry: &Registry, name: &str| {
            let found = registry.resource_types().iter().find_map(|known| known.resolve(name))?;
            Some((found.leaf().kind, found.leaf().case_exact))
        };
        let differs = |name: &&String| matches!((folding(before, name), folding(after, name)), (Some(before), Some(after)) if before != after);
        let Some(name) = self.search.iter().find(differs) else { return Ok(()) };
        let detail = format!(
            "{name} is a search attribute, so its type and caseExact must stay. Remove it from those first \
             (`scimgate schema search`), and add it again."
        );
        Err(ScimError::new(409, detail))
    }

    /// Checks again when all writes that began before the change was pending have ended: every later one fits it.
    async fn confirm(&self, check: &Check<'_>, holder: Uuid, revision: i64) -> Result<bool, Error> {
        in_flight::wait(&self.store).await?;
        check.drop_stale_keys(revision).await?;
        none(check.run(Pass::Pending(holder)).await?)?;
        self.put(revision, Some(holder)).await
    }

    async fn put(&self, revision: i64, holder: Option<Uuid>) -> Result<bool, Error> {
        let put = self.store.clone().audited(self.entry.clone());
        let put = put.put_definitions(&self.after, revision, holder, self.gateway.clock.now()).await?;
        if put.is_some() {
            self.forget().await;
        }
        Ok(put.is_some())
    }

    async fn forget(&self) {
        self.gateway.forget_tenant(self.store.id()).await;
        self.gateway.schemas_changed.notify_one();
    }
}

fn none(found: Conflicts) -> Result<(), Error> {
    if found.count == 0 { Ok(()) } else { Err(Error::SchemaConflicts(found)) }
}
