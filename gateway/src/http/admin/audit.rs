//! `/admin/v1/audit`.

use std::time::SystemTime;

use scimgate_scim::error::ScimError;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::clock::{moment, rfc3339};
use crate::http::access::OperatorAccess;
use crate::http::error::ApiFailure;
use crate::http::json::Json;
use crate::http::query::{Parameters, number};
use crate::operation::admin::audit::{self, MAX_PAGE, Wanted};
use crate::store::audit::Recorded;

/// Which changes to read.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditQuery {
    /// Changes of this tenant: its name, or its id, by which those of a deleted one are found.
    tenant: Option<String>,
    /// Changes from this time on.
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<String>,
    /// Changes before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<String>,
    /// Changes older than the one with this id, the latest first.
    #[param(value_type = Option<String>, format = "uuid")]
    before: Option<Uuid>,
    /// Changes newer than the one with this id, the oldest first. The nil UUID begins at the first.
    #[param(value_type = Option<String>, format = "uuid")]
    after: Option<Uuid>,
    /// Most changes of the reply.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 500, default = 100)]
    limit: Option<String>,
}

/// What an operator changed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AuditedChange {
    #[schema(format = "uuid")]
    id: String,
    #[schema(format = DateTime)]
    at: String,
    /// The id of the tenant that it concerns; null for what belongs to none.
    #[schema(format = "uuid", required)]
    tenant: Option<String>,
    /// The operator key's label at that time, or the name of a command.
    actor: String,
    /// The operator key's id; null for a command.
    #[schema(format = "uuid", required)]
    key: Option<String>,
    /// What was done, such as `token.issue`.
    action: String,
    /// The name or the id of what was changed.
    subject: String,
    /// What it was.
    before: Value,
    /// What it became.
    after: Value,
    request_id: String,
    /// The client's address; null for a command.
    #[schema(required)]
    address: Option<String>,
}

/// A page of the audit.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AuditPage {
    changes: Vec<AuditedChange>,
    /// `before`, or `after`, of the next page; null after the last.
    #[schema(format = "uuid", required)]
    next: Option<String>,
}

/// Read the audit.
#[utoipa::path(
    get, path = "/admin/v1/audit", operation_id = "listAudit", tag = "audit", params(AuditQuery),
    responses(
        (status = 200, description = "The changes, the latest first; with `after`, the oldest first.", body = AuditPage),
        (status = 400, description = "A parameter cannot be read, or `before` and `after` are both given."),
        (status = 404, description = "There is no tenant of that name."),
    )
)]
pub(super) async fn list(
    OperatorAccess(operator): OperatorAccess,
    Parameters(query): Parameters<AuditQuery>,
) -> Result<Json<AuditPage>, ApiFailure> {
    let AuditQuery { tenant, since, until, before, after, limit } = query;
    let limit = number("limit", limit.as_deref(), 100, 1..=MAX_PAGE)?;
    let (since, until) = (time("since", since.as_deref())?, time("until", until.as_deref())?);
    let listed = audit::list(&operator, &Wanted { tenant, since, until, before, after, limit }).await?;
    let next = listed.changes.last().filter(|_| listed.more).map(|last| last.id.to_string());
    Ok(Json(AuditPage { changes: listed.changes.into_iter().map(wire).collect(), next }))
}

fn time(name: &str, text: Option<&str>) -> Result<Option<SystemTime>, ScimError> {
    let parse = |text: &str| {
        let refusal = || ScimError::new(400, format!("{name} must be a time such as 2026-05-01T09:00:00Z."));
        moment(text).ok_or_else(refusal)
    };
    text.map(parse).transpose()
}

fn wire(change: Recorded) -> AuditedChange {
    let value = |text: Option<String>| text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or(Value::Null);
    AuditedChange {
        id: change.id.to_string(),
        at: rfc3339(change.at),
        tenant: change.tenant.map(|id| id.to_string()),
        actor: change.actor,
        key: change.key.map(|id| id.to_string()),
        action: change.action,
        subject: change.subject,
        before: value(change.before),
        after: value(change.after),
        request_id: change.request_id,
        address: change.address,
    }
}
