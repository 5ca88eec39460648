//! `/admin/v1/tenants/{tenant}/import`: lines of an export, in batches.

use axum::extract::{Path, Request};
use scimgate_scim::error::ScimError;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};
use tracing::Instrument as _;
use utoipa::{IntoParams, ToSchema};

use crate::http::access::OperatorAccess;
use crate::http::connection::Deadline;
use crate::http::error::ApiFailure;
use crate::http::json::{Json, read};
use crate::http::query::{Parameters, number};
use crate::operation::Error;
use crate::operation::admin::import::{self, Batch, Outcome};
use crate::trace;

/// Longest batch in bytes: as long as the two longest lines.
const MAX_BATCH_BYTES: usize = 4 << 20;

/// How lines are imported.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(super) struct ImportQuery {
    /// The number of the first line in its file, by which problems are reported.
    #[param(value_type = Option<i64>, minimum = 1, default = 1)]
    first_line: Option<String>,
    /// Whether nothing is stored: what would be done is reported.
    #[serde(default)]
    #[param(default = false, required = false)]
    dry_run: bool,
}

/// What became of the lines.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ImportReport {
    /// The lines that were read: send those after them again, for which the time did not suffice.
    lines: usize,
    /// Resources that are stored.
    created: usize,
    /// Resources that are there already as the lines have them.
    unchanged: usize,
    /// Members whose memberships are there now.
    members: usize,
    /// The lines that could not be imported, or not as they were exported.
    problems: Vec<LineProblem>,
}

/// What is wrong with a line.
#[derive(Debug, Serialize, ToSchema)]
struct LineProblem {
    /// Its number.
    line: usize,
    /// The id of the resource or the group.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid", nullable = false)]
    id: Option<String>,
    /// Why it is not imported, and what to do.
    reason: String,
}

/// Import lines of an export.
///
/// At most 1,000 lines and 4 MiB at once. Send the lines with members after those with the resources. A line that cannot be imported is
/// reported and keeps no other one from being imported. Lines can be sent again: what is there already stays, and what is there with
/// another content is reported. The settings in the header are not set; set them before.
#[utoipa::path(
    post, path = "/admin/v1/tenants/{tenant}/import", operation_id = "importTenant", tag = "tenants", params(ImportQuery),
    request_body(content = String, content_type = "application/x-ndjson", description = "The lines."),
    responses((status = 200, description = "What became of the lines.", body = ImportReport))
)]
pub(super) async fn import(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
    Parameters(query): Parameters<ImportQuery>,
    request: Request,
) -> Result<Json<ImportReport>, ApiFailure> {
    let first_line = number("firstLine", query.first_line.as_deref(), 1, 1..=i64::MAX / 2)?;
    let deadline = request.extensions().get::<Deadline>().map_or_else(Instant::now, |deadline| deadline.0);
    let bytes = read(request.into_body(), MAX_BATCH_BYTES).await?;
    let text = String::from_utf8(bytes.into()).map_err(|_| ScimError::new(400, "The lines are not UTF-8 text."))?;
    let first_line = usize::try_from(first_line).unwrap_or(1);
    let batch = Batch { text, first_line, is_dry_run: query.dry_run, deadline };
    // A client that disconnects cannot interrupt it, so that what is stored is recorded.
    let work = async move { import::run(&operator, &tenant, batch).await };
    let task = tokio::spawn(trace::carried(timeout_at(deadline, work).in_current_span()));
    let outcome = task.await.map_err(Error::from)?.map_err(|_elapsed| Error::TimedOut)??;
    Ok(Json(outcome.into()))
}

impl From<Outcome> for ImportReport {
    fn from(outcome: Outcome) -> Self {
        let Outcome { lines, created, unchanged, members, problems } = outcome;
        let problem =
            |it: import::Problem| LineProblem { line: it.line, id: it.id.map(|id| id.to_string()), reason: it.reason };
        Self { lines, created, unchanged, members, problems: problems.into_iter().map(problem).collect() }
    }
}
