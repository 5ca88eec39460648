//! `/admin/v1/tenants/{tenant}/provisioning-log`.

mod model;

use std::time::SystemTime;

use axum::extract::Path;
use scimgate_scim::error::ScimError;
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use self::model::{LogPage, wire};
use crate::clock::{moment, rfc3339};
use crate::http::access::OperatorAccess;
use crate::http::error::ApiFailure;
use crate::http::json::Json;
use crate::http::query::{Parameters, number};
use crate::operation::admin::provisioning_log::{self, MAX_PAGE, Wanted, WantedStatus};
use crate::operation::provisioning_log::{causes, kinds};

/// Which rows to read.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub(super) struct LogQuery {
    /// Rows about the user with this userName, externalId or id. Requests that only read and succeeded are not among them.
    user: Option<String>,
    /// Rows about the group with this displayName, externalId or id, likewise.
    group: Option<String>,
    /// Rows about the resource of any type with this name, externalId or id, likewise.
    resource: Option<String>,
    /// `ok`, `failed`, or a status.
    status: Option<String>,
    /// `create`, `replace`, `patch`, `delete`, `get`, `list`, `search`, `bulk`, `discovery`, `me` or `other`.
    operation: Option<String>,
    /// The request's id, as in `X-Request-Id` and the server's log.
    request_id: Option<String>,
    /// The code of a cause.
    cause: Option<String>,
    /// Rows from this time on.
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<String>,
    /// Rows before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<String>,
    /// `next` of the page before.
    #[param(value_type = Option<String>, format = "uuid")]
    cursor: Option<Uuid>,
    /// Most rows of the reply.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 500, default = 100)]
    limit: Option<String>,
}

/// Search the provisioning log.
///
/// One row for each SCIM request and each operation of a bulk request, the latest first. Rows are written a moment after the reply, and
/// say `lost` where some are missing. A page can have fewer rows than asked for, even none, while more follow: `next` says so.
#[utoipa::path(
    get, path = "/admin/v1/tenants/{tenant}/provisioning-log", operation_id = "searchProvisioningLog", tag = "provisioning-log",
    params(LogQuery),
    responses(
        (status = 200, description = "The rows, the latest first.", body = LogPage),
        (status = 400, description = "A parameter cannot be read."),
    )
)]
pub(super) async fn search(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
    Parameters(query): Parameters<LogQuery>,
) -> Result<Json<LogPage>, ApiFailure> {
    let (resource, resource_type) = subject(&query)?;
    let wanted = Wanted {
        resource,
        resource_type,
        status: status(query.status.as_deref())?,
        operation: known("operation", query.operation, &kinds::OPERATIONS)?,
        request: query.request_id.map(request_id).transpose()?,
        cause: known("cause", query.cause, &causes::all().iter().map(|cause| cause.code.as_str()).collect::<Vec<_>>())?,
        since: time("since", query.since.as_deref())?,
        until: time("until", query.until.as_deref())?,
        cursor: query.cursor,
        limit: number("limit", query.limit.as_deref(), 100, 1..=MAX_PAGE)?,
    };
    let listed = provisioning_log::list(&operator, &tenant, &wanted).await?;
    Ok(Json(LogPage {
        rows: listed.rows.into_iter().map(wire).collect(),
        next: listed.next.map(|id| id.to_string()),
        searched_to: listed.searched_to.map(rfc3339),
    }))
}

/// A word out of those that there are.
fn known(name: &str, given: Option<String>, words: &[&str]) -> Result<Option<String>, ScimError> {
    match given {
        Some(word) if !words.contains(&word.as_str()) => {
            Err(ScimError::new(400, format!("{name} must be one of {}.", words.join(", "))))
        }
        given => Ok(given),
    }
}

fn request_id(text: String) -> Result<String, ScimError> {
    if text.contains('\0') {
        return Err(ScimError::new(400, "requestId cannot have the character NUL."));
    }
    Ok(text)
}

/// The name of the resource whose rows are wanted, and its type.
fn subject(query: &LogQuery) -> Result<(Option<String>, Option<String>), ScimError> {
    let given = [(&query.user, Some("User")), (&query.group, Some("Group")), (&query.resource, None)];
    let mut given = given.into_iter().filter_map(|(name, of_type)| Some((name.clone()?, of_type)));
    let first = given.next();
    if given.next().is_some() {
        return Err(ScimError::new(400, "Give one of user, group and resource."));
    }
    Ok(first.map_or((None, None), |(name, of_type)| (Some(name), of_type.map(str::to_owned))))
}

fn status(text: Option<&str>) -> Result<Option<WantedStatus>, ScimError> {
    let Some(text) = text else { return Ok(None) };
    let exact = || text.parse().ok().filter(|status| (100..600).contains(status)).map(WantedStatus::Exactly);
    let status = match text {
        "ok" => Some(WantedStatus::Ok),
        "failed" => Some(WantedStatus::Failed),
        _ => exact(),
    };
    status.map(Some).ok_or_else(|| ScimError::new(400, "status must be ok, failed, or a status such as 409."))
}

fn time(name: &str, text: Option<&str>) -> Result<Option<SystemTime>, ScimError> {
    let refusal = || ScimError::new(400, format!("{name} must be a time such as 2026-05-01T09:00:00Z."));
    text.map(|text| moment(text).ok_or_else(refusal)).transpose()
}
