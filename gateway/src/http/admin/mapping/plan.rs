//! `/admin/v1/tenants/{tenant}/mapping/revisions/{revision}/plan`: what a revision would do to the stored documents.

use std::collections::BTreeMap;

use axum::extract::Path;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::rfc3339;
use crate::http::access::OperatorAccess;
use crate::http::admin::mapping::revisions::numbered;
use crate::http::error::ApiFailure;
use crate::http::json::Json;
use crate::operation::plan::report::{Change, Example, Removals, Report};
use crate::operation::plan::{self, Plan, PlanState, Wanted};

/// How much a plan looks at.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct NewPlan {
    /// About so many documents; all if it is not given.
    #[serde(default)]
    #[schema(minimum = 1)]
    sample: Option<u32>,
    /// Chooses the documents of the sample: the same seed, the same documents.
    #[serde(default)]
    seed: i64,
}

/// Where a plan stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum PlanStateName {
    Running,
    Finished,
    /// It was cancelled, or another plan was begun.
    Incomplete,
}

/// What a revision would do to the stored documents.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http::admin) struct PlanReply {
    revision: i32,
    state: PlanStateName,
    /// Whether the active mapping or the schemas have changed since it began.
    outdated: bool,
    /// The revision that was active when it began; 0 for none.
    base_revision: i32,
    /// About so many documents were looked at; null: all.
    #[schema(required)]
    sample: Option<i64>,
    /// The tenant's resources when it began.
    total: i64,
    #[serde(flatten)]
    report: ReportReply,
    guard: GuardForecast,
    /// Whether so many users would vanish that activating the revision must be confirmed.
    needs_confirmation: bool,
    /// About how long the remap would take, in seconds.
    #[schema(required)]
    remap_seconds: Option<u64>,
    #[schema(format = DateTime)]
    begun_at: String,
    #[schema(format = DateTime, required)]
    finished_at: Option<String>,
}

/// What the guard against mass deprovisioning would do. Of a sample, it is what the sample has.
#[derive(Debug, Serialize, ToSchema)]
struct GuardForecast {
    /// What the product would lose, held or not.
    removed: RemovalsReply,
    /// What of it would be held, if the revision was activated now. It is the least: once a batch is open, all that follows joins it.
    held: RemovalsReply,
}

/// What the product would lose, as the guard counts it.
#[derive(Debug, Serialize, ToSchema)]
struct RemovalsReply {
    /// Users, and resources of other types but groups, that are excluded or become inactive.
    users: i64,
    /// Memberships of groups that are excluded.
    memberships: i64,
    /// Protected users.
    protected: i64,
}

impl From<Removals> for RemovalsReply {
    fn from(removals: Removals) -> Self {
        let Removals { users, memberships, protected } = removals;
        Self { users, memberships, protected }
    }
}

/// What a mapping would change.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http::admin) struct ReportReply {
    /// Documents that were mapped.
    examined: i64,
    unchanged: i64,
    /// Documents that change for the product.
    changed: i64,
    /// Documents that the product sees, and would not see any more.
    newly_excluded: i64,
    /// Users among them.
    vanishing_users: i64,
    /// Documents that the product does not see, and would see.
    newly_included: i64,
    /// Documents that become inactive, among the changed ones.
    deactivated: i64,
    /// Documents that a plugin rejects. They keep their older mapped document.
    rejected: i64,
    /// Documents on which a plugin fails. The same.
    failed: i64,
    /// Documents whose result does not comply with the directory schema. The same.
    non_compliant: i64,
    /// Documents that would have a value that must be unique, and that another resource has. The same.
    conflicts: i64,
    /// How many documents change at an attribute, by resource type and attribute.
    attributes: BTreeMap<String, BTreeMap<String, i64>>,
    /// Changes of further attributes.
    other_attributes: i64,
    /// At most twenty, chosen so that each kind of change has one.
    examples: Vec<ExampleReply>,
}

/// What happens to a document.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum ChangeName {
    Changed,
    NewlyExcluded,
    NewlyIncluded,
    Rejected,
    Failed,
    NonCompliant,
    Conflict,
}

/// An example.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ExampleReply {
    id: String,
    resource_type: String,
    /// Its userName or displayName.
    #[schema(required)]
    name: Option<String>,
    change: ChangeName,
    /// Why, in a plugin's words.
    #[schema(required)]
    reason: Option<String>,
    /// What differs for the product, at most twenty places.
    differences: Vec<DifferenceReply>,
}

/// One place at which the product's document changes. Values are JSON texts, which may be cut.
#[derive(Debug, Serialize, ToSchema)]
struct DifferenceReply {
    path: String,
    #[schema(required)]
    before: Option<String>,
    #[schema(required)]
    after: Option<String>,
}

/// Begin a plan of a revision: what it would do to the stored documents, or to a sample of them. A job makes it; nothing is written but
/// the plan.
#[utoipa::path(
    post, path = "/admin/v1/tenants/{tenant}/mapping/revisions/{revision}/plan", operation_id = "planMapping", tag = "mapping",
    request_body = NewPlan,
    responses((status = 202, description = "The plan is being made.", body = PlanReply))
)]
pub(in crate::http::admin) async fn begin(
    OperatorAccess(operator): OperatorAccess,
    Path((tenant, revision)): Path<(String, String)>,
    Json(body): Json<NewPlan>,
) -> Result<(StatusCode, Json<PlanReply>), ApiFailure> {
    let wanted = Wanted { sample: body.sample, seed: body.seed };
    let begun = plan::begin(&operator, &tenant, numbered(&revision)?, wanted).await?;
    Ok((StatusCode::ACCEPTED, Json(begun.into())))
}

/// Show the latest plan of a revision, complete or not.
#[utoipa::path(
    get, path = "/admin/v1/tenants/{tenant}/mapping/revisions/{revision}/plan", operation_id = "getMappingPlan", tag = "mapping",
    responses(
        (status = 200, description = "The plan.", body = PlanReply),
        (status = 404, description = "There is no plan of it."),
    )
)]
pub(in crate::http::admin) async fn get(
    OperatorAccess(operator): OperatorAccess,
    Path((tenant, revision)): Path<(String, String)>,
) -> Result<Json<PlanReply>, ApiFailure> {
    Ok(Json(plan::get(&operator, &tenant, numbered(&revision)?).await?.into()))
}

impl From<Plan> for PlanReply {
    fn from(plan: Plan) -> Self {
        Self {
            revision: plan.revision,
            state: match plan.state {
                PlanState::Running => PlanStateName::Running,
                PlanState::Finished => PlanStateName::Finished,
                PlanState::Incomplete => PlanStateName::Incomplete,
            },
            outdated: plan.is_outdated,
            base_revision: plan.base_mapping,
            sample: plan.sample,
            total: plan.total,
            guard: GuardForecast { removed: plan.report.removals.into(), held: plan.held.into() },
            needs_confirmation: plan.needs_confirmation,
            report: plan.report.into(),
            remap_seconds: plan.remap_time.map(|time| time.as_secs().max(1)),
            begun_at: rfc3339(plan.begun_at),
            finished_at: plan.finished_at.map(rfc3339),
        }
    }
}

impl From<Report> for ReportReply {
    fn from(report: Report) -> Self {
        Self {
            examined: report.examined,
            unchanged: report.unchanged,
            changed: report.changed,
            newly_excluded: report.excluded,
            vanishing_users: report.excluded_users,
            newly_included: report.included,
            deactivated: report.deactivated,
            rejected: report.rejected,
            failed: report.failed,
            non_compliant: report.non_compliant,
            conflicts: report.conflicts,
            attributes: report.attributes,
            other_attributes: report.other_attributes,
            examples: report.examples.into_iter().map(ExampleReply::from).collect(),
        }
    }
}

impl From<Example> for ExampleReply {
    fn from(example: Example) -> Self {
        let differences = example.differences.into_iter();
        Self {
            id: example.id.to_string(),
            resource_type: example.resource_type,
            name: example.name,
            change: match example.change {
                Change::Changed => ChangeName::Changed,
                Change::Excluded => ChangeName::NewlyExcluded,
                Change::Included => ChangeName::NewlyIncluded,
                Change::Rejected => ChangeName::Rejected,
                Change::Failed => ChangeName::Failed,
                Change::NonCompliant => ChangeName::NonCompliant,
                Change::Conflict => ChangeName::Conflict,
            },
            reason: example.reason,
            differences: differences
                .map(|it| DifferenceReply { path: it.path, before: it.before, after: it.after })
                .collect(),
        }
    }
}
