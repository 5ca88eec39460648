//! What a tenant's resource types and schemas are, and how they change: all definitions are replaced at once, so that what is
//! stored always fits together.
//!
//! A change that only grows is made at once. Any other is looked at against what is stored, then announced: from then on each
//! write must fit the schemas as they are and as they would be. When the writers from before are done, it is looked at once
//! more, and what was seen then stays true until the change is made.

pub mod conflicts;

use std::time::SystemTime;

use scimgate_scim::error::ScimError;
use scimgate_scim::schema::Schema;
use scimgate_scim::schema::definition::TypeDefinition;
use scimgate_scim::schema::registry::Registry;
use serde_json::Value;
use uuid::Uuid;

use crate::operation::ATTEMPTS;
use crate::operation::Context;
use crate::operation::Error;
use crate::operation::Gateway;
use crate::operation::job::reconcile::settle;
use crate::operation::schema_change::conflicts::{Check, Contradictions, Look, TERM};
use crate::store::TenantStore;
use crate::store::resource::key::unique_names;
use crate::store::schema::Definitions;
use crate::tenant::TenantId;

/// The registries of the two documents: what the SCIM client may send, and what a mapped document may hold.
#[derive(Clone, Debug)]
pub struct Registries {
    /// What the SCIM client may send and reads back.
    pub client: Registry,
    /// The same, and the directory-only extensions.
    pub directory: Registry,
}

impl Registries {
    /// Builds them from a tenant's definitions.
    ///
    /// # Errors
    /// A definition contradicts another or the core schemas.
    pub fn of(definitions: &Definitions) -> Result<Self, Error> {
        let mut client = Registry::standard();
        for row in &definitions.types {
            client = client.with_type(TypeDefinition::from_json(&read(&row.definition)?)?.resource_type())?;
        }
        let mut directory = client.clone();
        for row in &definitions.schemas {
            let schema = Schema::from_json(&read(&row.definition)?)?;
            directory = directory.with_extension(&row.resource_type, schema.clone(), false)?;
            if !row.directory_only {
                client = client.with_extension(&row.resource_type, schema, row.required)?;
            }
        }
        Ok(Self { client, directory })
    }
}

/// Reads a stored definition.
pub(crate) fn read(text: &str) -> Result<Value, Error> {
    serde_json::from_str(text).map_err(|why| Error::Corrupt(format!("a schema definition: {why}")))
}

/// Changes a tenant's definitions as `edit` says, which is asked again where another change comes first. What it gives
/// beside them is given back.
///
/// # Errors
/// 400 for definitions that don't fit together, 409 for a change that what is stored contradicts.
pub(crate) async fn change<T>(
    gateway: &Gateway,
    tenant: TenantId,
    edit: impl Fn(Definitions) -> Result<(Definitions, T), Error>,
) -> Result<T, Error> {
    let store = gateway.store.tenant(tenant);
    for _ in 0..ATTEMPTS {
        if let Some((holder, until)) = store.announcement().await? {
            clear(gateway, &store, holder, until).await?;
        }
        // The revision first: definitions that are newer are refused with it, older ones would not be.
        let row = gateway.store.control().tenant_by_id(tenant).await?;
        let revision = row.ok_or_else(|| Error::Corrupt(format!("tenant {tenant} is gone")))?.schema_revision;
        let before = store.definitions().await?;
        let (after, given) = edit(before.clone())?;
        if after == before {
            return Ok(given);
        }
        let step = Step { gateway: gateway.clone(), store: store.clone(), revision, before, after };
        // Who goes away must not leave a change half made.
        if tokio::spawn(step.run()).await?? {
            return Ok(given);
        }
    }
    Err(Error::Contended)
}

/// Another's change is waited for by whoever asked; one that nobody is at any more is taken back.
async fn clear(gateway: &Gateway, store: &TenantStore, holder: Uuid, until: SystemTime) -> Result<(), Error> {
    if until >= gateway.clock.now() {
        let detail = "Another change of this tenant's schemas is being checked against what is stored. Try again when it is done.";
        return Err(ScimError::new(409, detail).into());
    }
    store.withdraw(holder, gateway.clock.now()).await?;
    Ok(())
}

/// Takes back changes that nobody is at any more.
///
/// # Errors
/// The database is unavailable.
pub async fn withdraw_abandoned(gateway: &Gateway) -> Result<(), Error> {
    for (tenant, holder) in gateway.store.control().abandoned_changes(gateway.clock.now()).await? {
        gateway.store.tenant(tenant).withdraw(holder, gateway.clock.now()).await?;
        gateway.forget_tenant(tenant).await;
        tracing::warn!(tenant.id = %tenant, "a change of schemas was abandoned and is taken back");
    }
    Ok(())
}

/// One change of definitions, from what they were.
struct Step {
    gateway: Gateway,
    store: TenantStore,
    revision: i64,
    before: Definitions,
    after: Definitions,
}

impl Step {
    /// Makes the change; false where another one came first.
    async fn run(self) -> Result<bool, Error> {
        let (before, after) = (Registries::of(&self.before)?, Registries::of(&self.after)?);
        let check = Check { store: &self.store, clock: &self.gateway.clock, before: &before, after: &after };
        if check.only_grows() {
            return self.put(self.revision, None).await;
        }
        // Most contradictions are found here, and nobody has noticed anything.
        none(check.run(Look::First).await?)?;
        let (holder, now) = (self.gateway.clock.new_id(), self.gateway.clock.now());
        let text = serde_json::to_string(&self.after)
            .map_err(|why| Error::Corrupt(format!("definitions to be announced: {why}")))?;
        let Some(revision) = self.store.announce(&text, self.revision, holder, now + TERM).await? else {
            return Ok(false);
        };
        self.gateway.forget_tenant(self.store.id()).await;
        match self.confirm(&check, holder, revision).await {
            Ok(true) => Ok(true),
            other => {
                self.store.withdraw(holder, self.gateway.clock.now()).await?;
                self.told().await;
                other
            }
        }
    }

    /// Looks again when nobody writes any more who has not heard of the change: from then on, what is written fits it.
    async fn confirm(&self, check: &Check<'_>, holder: Uuid, revision: i64) -> Result<bool, Error> {
        settle(&self.store).await?;
        none(check.run(Look::Announced(holder)).await?)?;
        self.put(revision, Some(holder)).await
    }

    async fn put(&self, revision: i64, holder: Option<Uuid>) -> Result<bool, Error> {
        let put = self.store.put_definitions(&self.after, revision, holder, self.gateway.clock.now()).await?;
        if put.is_some() {
            self.told().await;
        }
        Ok(put.is_some())
    }

    async fn told(&self) {
        self.gateway.forget_tenant(self.store.id()).await;
        self.gateway.schemas_changed.notify_one();
    }
}

fn none(found: Contradictions) -> Result<(), Error> {
    if found.count == 0 { Ok(()) } else { Err(Error::Contradicted(found)) }
}

/// Takes away the keys of what is not unique any more.
///
/// # Errors
/// The database is unavailable.
pub(crate) async fn drop_stale_keys(ctx: &Context) -> Result<(), Error> {
    let settings = &ctx.settings;
    let registries = [Some(&settings.registry), settings.announced.as_ref().map(|next| &next.client)];
    let is_wanted = |resource_type: &str, attribute: &str| {
        let types = registries.iter().flatten().filter_map(|registry| registry.resource_type(resource_type));
        types.into_iter().any(|known| unique_names(known).iter().any(|name| name == attribute))
    };
    for (resource_type, attribute) in ctx.store.keyed_attributes().await? {
        if !is_wanted(&resource_type, &attribute) {
            while ctx.store.drop_keys(settings.schema_revision, &resource_type, &attribute).await? {}
        }
    }
    Ok(())
}
