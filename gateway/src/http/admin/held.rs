//! `/admin/v1/tenants/{tenant}/held`: batches of removals that wait for an operator.

use axum::extract::Path;
use scimgate_scim::error::ScimError;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::clock::rfc3339;
use crate::http::access::OperatorAccess;
use crate::http::error::ApiFailure;
use crate::http::json::Json;
use crate::http::query::{Parameters, limit};
use crate::operation::admin::held;
use crate::store::held::batch::{HeldBatch, HeldGroup, HeldResource, Verdict};

/// A batch of removals that the product does not see.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Batch {
    #[schema(format = "uuid")]
    id: String,
    /// `threshold`: too many removals within an hour; `protected`: removals of protected users.
    cause: String,
    /// `open`, `releasing`, `rejecting`, `released` or `rejected`.
    state: String,
    /// Resources that it holds now. Counted up to 100,000.
    resources: i64,
    /// Memberships that it holds now. Counted up to 100,000.
    memberships: i64,
    /// How many removals of that kind the product had been sent within the hour before.
    passed: i64,
    #[schema(format = DateTime)]
    opened_at: String,
    /// The token of the first request that was held.
    actor: String,
    request_id: String,
    #[schema(format = DateTime)]
    decided_at: Option<String>,
    /// The operator key.
    decided_by: Option<String>,
}

/// A tenant's batches, the latest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BatchList {
    batches: Vec<Batch>,
}

/// A batch with one page of its resources, and its groups.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BatchPage {
    batch: Batch,
    resources: Vec<HeldEntry>,
    /// What to give as `after` for the next page; null after the last.
    #[schema(format = "uuid")]
    next: Option<String>,
    /// The groups with the most held memberships.
    groups: Vec<Group>,
}

/// A resource whose removal is held.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct HeldEntry {
    #[schema(format = "uuid")]
    id: String,
    resource_type: String,
    name: Option<String>,
    /// `deactivated`, `excluded` or `deleted`.
    kind: &'static str,
    #[schema(format = DateTime)]
    since: String,
    /// The last request that removed it.
    request_id: String,
}

/// A group of which memberships are held.
#[derive(Debug, Serialize, ToSchema)]
struct Group {
    #[schema(format = "uuid")]
    id: String,
    display: Option<String>,
    /// How many.
    members: i64,
}

/// List a tenant's batches of held changes.
#[utoipa::path(
    get, path = "/admin/v1/tenants/{tenant}/held", operation_id = "listHeld", tag = "held changes",
    responses((status = 200, description = "The latest batches.", body = BatchList))
)]
pub(super) async fn list(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
) -> Result<Json<BatchList>, ApiFailure> {
    let batches = held::list(&operator, &tenant).await?;
    Ok(Json(BatchList { batches: batches.into_iter().map(Batch::from).collect() }))
}

/// Which page of a batch's resources to read.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WhichPage {
    /// `next` of the page before; none for the first page.
    after: Option<String>,
    /// Most resources of the page.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 1000, default = 100)]
    limit: Option<String>,
}

/// Show a batch.
#[utoipa::path(
    get, path = "/admin/v1/tenants/{tenant}/held/{batch}", operation_id = "getHeld", tag = "held changes", params(WhichPage),
    responses(
        (status = 200, description = "The batch.", body = BatchPage),
        (status = 400, description = "A parameter is out of bounds."),
    )
)]
pub(super) async fn get(
    OperatorAccess(operator): OperatorAccess,
    Path((tenant, batch)): Path<(String, String)>,
    Parameters(page): Parameters<WhichPage>,
) -> Result<Json<BatchPage>, ApiFailure> {
    let after = page.after.as_deref().map_or(Ok(Uuid::nil()), str::parse);
    let after = after.map_err(|_| ScimError::new(400, "after must be an id, as next of the page before has it."))?;
    let limit = limit(page.limit.as_deref())?;
    let page = held::show(&operator, &tenant, &batch, (after, limit)).await?;
    Ok(Json(BatchPage {
        batch: page.batch.into(),
        resources: page.resources.into_iter().map(HeldEntry::from).collect(),
        next: page.next.map(|id| id.to_string()),
        groups: page.groups.into_iter().map(Group::from).collect(),
    }))
}

/// What an operator decides.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Decision {
    state: DecidedState,
}

/// What becomes of a batch.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum DecidedState {
    /// The product is sent the events, and sees what the source says.
    Released,
    /// The source becomes what it was.
    Rejected,
}

/// Release or reject an open batch. The job `held` carries it out; the batch says when it is done.
#[utoipa::path(
    patch, path = "/admin/v1/tenants/{tenant}/held/{batch}", operation_id = "decideHeld", tag = "held changes",
    request_body = Decision,
    responses(
        (status = 200, description = "The batch.", body = Batch),
        (status = 409, description = "The batch is not open."),
    )
)]
pub(super) async fn patch(
    OperatorAccess(operator): OperatorAccess,
    Path((tenant, batch)): Path<(String, String)>,
    Json(body): Json<Decision>,
) -> Result<Json<Batch>, ApiFailure> {
    let verdict = match body.state {
        DecidedState::Released => Verdict::Release,
        DecidedState::Rejected => Verdict::Reject,
    };
    Ok(Json(held::decide(&operator, &tenant, &batch, verdict).await?.into()))
}

impl From<HeldBatch> for Batch {
    fn from(batch: HeldBatch) -> Self {
        Self {
            id: batch.id.to_string(),
            cause: batch.cause,
            state: batch.state,
            resources: batch.resources,
            memberships: batch.memberships,
            passed: batch.passed,
            opened_at: rfc3339(batch.opened_at),
            actor: batch.actor,
            request_id: batch.request_id,
            decided_at: batch.decided_at.map(rfc3339),
            decided_by: batch.decided_by,
        }
    }
}

impl From<(HeldResource, Option<String>)> for HeldEntry {
    fn from((held, name): (HeldResource, Option<String>)) -> Self {
        Self {
            id: held.id.to_string(),
            resource_type: held.resource_type,
            name,
            kind: held.kind.word(),
            since: rfc3339(held.since),
            request_id: held.request_id,
        }
    }
}

impl From<HeldGroup> for Group {
    fn from(group: HeldGroup) -> Self {
        Self { id: group.id.to_string(), display: group.display, members: group.members }
    }
}
