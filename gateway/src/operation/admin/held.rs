//! Held changes: batches of removals that the product does not see until an operator releases or rejects them.

use scimgate_scim::error::ScimError;
use serde_json::json;
use uuid::Uuid;

use crate::operation::error::Error;
use crate::operation::explain::name_of;
use crate::operation::operator::{Operator, log_change};
use crate::operation::resource::document::parse;
use crate::store::held::batch::{HeldBatch, HeldGroup, HeldResource, Verdict};

/// Most groups of a batch that are shown.
const MAX_GROUPS: i64 = 20;

/// A batch with one page of what it holds.
#[derive(Debug)]
pub struct BatchPage {
    /// The batch.
    pub batch: HeldBatch,
    /// Its resources with their names, in the order of their ids.
    pub resources: Vec<(HeldResource, Option<String>)>,
    /// The id to continue after; none after the last page.
    pub next: Option<Uuid>,
    /// The groups with the most held memberships.
    pub groups: Vec<HeldGroup>,
}

/// A tenant's batches, the latest first.
///
/// # Errors
/// 404 where there is no such tenant.
pub async fn list(operator: &Operator, tenant: &str) -> Result<Vec<HeldBatch>, Error> {
    let tenant = operator.tenant(tenant).await?;
    Ok(operator.gateway.store.tenant(tenant.id).held_batches().await?)
}

/// A batch, with the resources after an id.
///
/// # Errors
/// 404 where there is no such tenant or batch.
pub async fn show(
    operator: &Operator,
    tenant: &str,
    batch: &str,
    (after, limit): (Uuid, i64),
) -> Result<BatchPage, Error> {
    let tenant = operator.tenant(tenant).await?;
    let (gateway, id) = (&operator.gateway, parse_id(batch)?);
    let store = gateway.store.tenant(tenant.id);
    let found = store.held_batch(id).await?.ok_or_else(|| no_batch(batch))?;
    // One more than the limit shows whether there is another page.
    let mut page = store.held_resources(id, after, limit + 1).await?;
    let more = page.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    if more {
        page.pop();
    }
    let next = page.last().filter(|_| more).map(|last| last.id);
    let settings = gateway.settings.get(tenant.id).await?;
    let mut resources = Vec::with_capacity(page.len());
    for held in page {
        let source = parse("source", &held.source)?;
        let known = settings.directory.resource_type(&held.resource_type);
        let name = known.and_then(|known| name_of(&source, known));
        resources.push((held, name));
    }
    let groups = store.held_groups(id, MAX_GROUPS).await?;
    Ok(BatchPage { batch: found, resources, next, groups })
}

/// Releases or rejects an open batch. A job carries it out.
///
/// # Errors
/// 404 where there is no such tenant or batch, 409 where the batch is not open.
pub async fn decide(operator: &Operator, tenant: &str, batch: &str, verdict: Verdict) -> Result<HeldBatch, Error> {
    let found = operator.tenant(tenant).await?;
    let (gateway, id) = (&operator.gateway, parse_id(batch)?);
    let store = gateway.store.tenant(found.id);
    let entry = operator.change_of(&found, "held.decide", id).after(&json!({ "verdict": verdict.done() }));
    let entry = entry.if_anything_changes();
    let decided =
        store.clone().audited(entry).decide_batch(id, verdict, (gateway.clock.now(), &operator.actor)).await?;
    let now = store.held_batch(id).await?.ok_or_else(|| no_batch(batch))?;
    if !decided {
        return Err(ScimError::new(409, format!("The batch {batch} is {}, not open.", now.state)).into());
    }
    gateway.schemas_changed.notify_one();
    log_change!(operator, tenant.id = %found.id, held.batch = %id, verdict = verdict.done(), "held changes decided");
    Ok(now)
}

fn parse_id(batch: &str) -> Result<Uuid, Error> {
    batch.parse().map_err(|_| no_batch(batch))
}

fn no_batch(batch: &str) -> Error {
    ScimError::new(404, format!("The tenant has no held batch {batch}.")).into()
}
