//! `/admin/v1/tenants/{tenant}/explanation`: where a resource stands and why, and the lists of those that are not mapped.

use axum::extract::Path;
use scimgate_scim::error::ScimError;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::clock::rfc3339;
use crate::http::access::OperatorAccess;
use crate::http::error::ApiFailure;
use crate::http::json::Json;
use crate::http::query::{Parameters, limit};
use crate::mapping::{StepReport, StepResult};
use crate::operation::explain::{self, DryOutcome, DryRun};
use crate::store::event::Event;
use crate::store::mapping_reason::KeptReason;

/// Which resource to explain.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WhichResource {
    /// Its userName, displayName, externalId or id.
    resource: String,
    /// The name of its type, where resources of several types have the name.
    #[serde(rename = "type")]
    resource_type: Option<String>,
}

/// Where a resource stands and why.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Explanation {
    #[schema(format = "uuid")]
    id: String,
    resource_type: String,
    /// Its userName, or what else names resources of its type.
    name: Option<String>,
    /// `same`, `mapped`, `excluded`, `stale`, `never` or `held`; `deleted` of a deleted resource.
    state: &'static str,
    /// What it all means.
    sentences: Vec<String>,
    version: i64,
    #[schema(format = DateTime)]
    created: String,
    #[schema(format = DateTime)]
    last_modified: String,
    #[schema(format = DateTime)]
    deleted_at: Option<String>,
    reason: Option<MappingReason>,
    /// The batch that holds its removal: the product still sees it.
    #[schema(format = "uuid")]
    held: Option<String>,
    /// What the SCIM client wrote, and reads.
    #[schema(value_type = Object)]
    source: Value,
    /// What the product reads; null where it does not see the resource.
    #[schema(value_type = Option<Object>)]
    mapped: Option<Value>,
    /// What group rules give to a user, by rule and group.
    granted: Vec<Granted>,
    /// What the active mapping makes of the source now. Nothing of it is stored.
    now: Option<Now>,
    /// The last events about it and its memberships, the latest first.
    events: Vec<SentEvent>,
}

/// Why the product does not see a resource, or sees an older document of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct MappingReason {
    state: &'static str,
    #[schema(format = DateTime)]
    since: String,
    revision: i32,
    /// The position of the step in the chain, from 1.
    step: i32,
    /// The plugin as `name@version`.
    plugin: String,
    /// Its digest; absent in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    digest: Option<String>,
    /// In the plugin's words.
    reason: String,
}

/// A role or an entitlement that a group rule gives.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Granted {
    /// The rule's position among the group rules, from 1.
    rule: usize,
    /// `roles` or `entitlements`.
    attribute: &'static str,
    value: String,
    #[schema(format = "uuid")]
    group_id: String,
    /// Null where the membership is gone at the source, and its removal is held.
    #[schema(required)]
    group_name: Option<String>,
    /// Whether the mapped document has the value itself: the directory shows it once.
    in_document: bool,
}

/// A run of the active chain.
#[derive(Debug, Serialize, ToSchema)]
struct Now {
    /// The active revision; 0 for none.
    revision: i32,
    /// `mapped`, `excluded`, `rejected` or `failed`.
    outcome: &'static str,
    reason: Option<String>,
    steps: Vec<Step>,
}

/// What one step did.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Step {
    number: usize,
    /// The plugin as `name@version`; empty if it could not be loaded.
    plugin: String,
    /// Its digest.
    digest: String,
    /// `mapped`, `excluded`, `rejected`, `failed`, or `skipped` where it does not apply to the type.
    result: &'static str,
    reason: Option<String>,
    cpu_micros: u64,
    log: Vec<String>,
}

/// An event that the product was sent.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SentEvent {
    seq: i64,
    #[serde(rename = "type")]
    kind: String,
    #[schema(format = "uuid")]
    resource_id: String,
    #[schema(format = "uuid")]
    member_id: Option<String>,
    actor: String,
    request_id: String,
    #[schema(format = DateTime)]
    at: String,
}

/// Explain where a resource stands: its source, what the mapping makes of it, and what the product was sent.
#[utoipa::path(
    get, path = "/admin/v1/tenants/{tenant}/explanation", operation_id = "explainResource", tag = "explanation",
    params(WhichResource),
    responses(
        (status = 200, description = "Where it stands.", body = Explanation),
        (status = 400, description = "No resource is named."),
        (status = 409, description = "Several resources have the name; the detail has their ids."),
    )
)]
pub(super) async fn explain(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
    Parameters(which): Parameters<WhichResource>,
) -> Result<Json<Explanation>, ApiFailure> {
    let found = explain::explain(&operator, &tenant, &which.resource, which.resource_type.as_deref()).await?;
    let stored = &found.stored;
    Ok(Json(Explanation {
        id: stored.id.to_string(),
        resource_type: stored.resource_type.clone(),
        name: found.name,
        state: if found.deleted_at.is_some() { "deleted" } else { stored.mapping_state.word() },
        sentences: found.sentences,
        version: stored.version(),
        created: rfc3339(stored.created_at),
        last_modified: rfc3339(stored.modified_at),
        deleted_at: found.deleted_at.map(rfc3339),
        reason: found.reason.as_ref().map(|kept| MappingReason { digest: found.reason_digest, ..kept.into() }),
        held: stored.held.map(|batch| batch.to_string()),
        source: Value::Object(found.source),
        mapped: found.mapped.map(Value::Object),
        granted: found.granted.into_iter().map(Granted::from).collect(),
        now: found.now.map(Now::from),
        events: found.events.into_iter().map(SentEvent::from).collect(),
    }))
}

/// Which resources to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WhichState {
    /// `excluded`: hidden by the mapping; `stale`: the mapping fails, and the product sees an older document; `never`: the mapping
    /// fails, and the product never saw one.
    state: String,
    /// `next` of the page before; none for the first page.
    after: Option<String>,
    /// Most resources of the page.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 1000, default = 100)]
    limit: Option<String>,
}

/// Resources of one mapping state, in the order of their ids.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UnmappedList {
    resources: Vec<UnmappedResource>,
    /// What to give as `after` for the next page; null after the last.
    #[schema(format = "uuid")]
    next: Option<String>,
}

/// A resource of which the product does not see what its source says.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UnmappedResource {
    #[schema(format = "uuid")]
    id: String,
    resource_type: String,
    name: Option<String>,
    /// Null where it was written before reasons were kept.
    reason: Option<MappingReason>,
}

/// List the resources of a mapping state, with the reasons.
#[utoipa::path(
    get, path = "/admin/v1/tenants/{tenant}/unmapped", operation_id = "listUnmapped", tag = "explanation", params(WhichState),
    responses(
        (status = 200, description = "One page.", body = UnmappedList),
        (status = 400, description = "The state is unknown, or a parameter is out of bounds."),
    )
)]
pub(super) async fn unmapped(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
    Parameters(which): Parameters<WhichState>,
) -> Result<Json<UnmappedList>, ApiFailure> {
    let after = which.after.as_deref().map_or(Ok(Uuid::nil()), str::parse);
    let after = after.map_err(|_| ScimError::new(400, "after must be an id, as next of the page before has it."))?;
    let limit = limit(which.limit.as_deref())?;
    let page = explain::unmapped(&operator, &tenant, &which.state, (after, limit)).await?;
    let resources = page.resources.into_iter().map(|(found, name)| UnmappedResource {
        id: found.id.to_string(),
        resource_type: found.resource_type,
        name,
        reason: found.reason.as_ref().map(MappingReason::from),
    });
    Ok(Json(UnmappedList { resources: resources.collect(), next: page.next.map(|id| id.to_string()) }))
}

impl From<&KeptReason> for MappingReason {
    fn from(kept: &KeptReason) -> Self {
        Self {
            state: kept.state.word(),
            since: rfc3339(kept.since),
            revision: kept.revision,
            step: kept.reason.step,
            plugin: kept.reason.plugin.clone(),
            digest: None,
            reason: kept.reason.text.clone(),
        }
    }
}

impl From<explain::Granted> for Granted {
    fn from(granted: explain::Granted) -> Self {
        let explain::Granted { rule, grant, group, group_name, is_in_document } = granted;
        Self {
            rule,
            attribute: grant.attribute.name(),
            value: grant.value,
            group_id: group.to_string(),
            group_name,
            in_document: is_in_document,
        }
    }
}

impl From<DryRun> for Now {
    fn from(run: DryRun) -> Self {
        let (outcome, reason) = match run.outcome {
            DryOutcome::Mapped(_) => ("mapped", None),
            DryOutcome::Excluded(why) => ("excluded", Some(why)),
            DryOutcome::Rejected(why) => ("rejected", Some(why)),
            DryOutcome::Failed(why) => ("failed", Some(why)),
        };
        Self { revision: run.revision, outcome, reason, steps: run.steps.into_iter().map(Step::from).collect() }
    }
}

impl From<StepReport> for Step {
    fn from(report: StepReport) -> Self {
        let (result, reason) = match report.result {
            StepResult::Mapped => ("mapped", None),
            StepResult::Skipped => ("skipped", None),
            StepResult::Excluded(why) => ("excluded", Some(why)),
            StepResult::Rejected(why) => ("rejected", Some(why)),
            StepResult::Failed(why) => ("failed", Some(why)),
        };
        Self {
            number: report.number,
            plugin: report.title,
            digest: report.plugin,
            result,
            reason,
            cpu_micros: u64::try_from(report.cpu.as_micros()).unwrap_or(u64::MAX),
            log: report.log.into_iter().map(|line| line.message).collect(),
        }
    }
}

impl From<Event> for SentEvent {
    fn from(event: Event) -> Self {
        Self {
            seq: event.seq,
            kind: event.kind,
            resource_id: event.resource_id.to_string(),
            member_id: event.member_id.map(|id| id.to_string()),
            actor: event.actor,
            request_id: event.request_id,
            at: rfc3339(event.at),
        }
    }
}
