//! Rows of the provisioning log on the wire.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::clock::rfc3339;
use crate::operation::provisioning_log::causes;
use crate::operation::provisioning_log::row_id::moment_of;
use crate::store::provisioning_log::LogRow;

/// A page of the provisioning log.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct LogPage {
    pub(super) rows: Vec<LoggedRequest>,
    /// `cursor` of the next page; null after the last.
    #[schema(format = "uuid", required)]
    pub(super) next: Option<String>,
    /// Down to when the log was looked through for this page; null where nothing older fits.
    #[schema(format = DateTime, required)]
    pub(super) searched_to: Option<String>,
}

/// A SCIM request, or an operation of a bulk request.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct LoggedRequest {
    #[schema(format = "uuid")]
    id: String,
    /// When it ended.
    #[schema(format = DateTime)]
    at: String,
    request_id: String,
    /// Of an operation in a bulk request: which one, from 1.
    #[schema(required)]
    number: Option<i32>,
    /// What was asked for; `lost` of a row that says how many others are missing.
    operation: String,
    /// The status of the reply; 499 where the client disconnected before it, 0 of `lost`.
    status: i16,
    /// Of an operation in a bulk request that of the whole request.
    duration_ms: f64,
    /// The credential's id; null where none was accepted.
    #[schema(format = "uuid", required)]
    credential: Option<String>,
    /// The profile of the SCIM client, where one was chosen or recognised.
    #[schema(required)]
    client: Option<String>,
    /// The client's address.
    #[schema(required)]
    address: Option<String>,
    #[schema(required)]
    resource_type: Option<String>,
    #[schema(format = "uuid", required)]
    resource_id: Option<String>,
    /// What names the resource, such as its userName; null of what only reads, and where it is redacted.
    #[schema(required)]
    name: Option<String>,
    /// What a write did: `created`, `updated`, `restored`, `unchanged`, `members-changed` or `deleted`.
    #[schema(required)]
    effect: Option<String>,
    #[schema(required)]
    scim_type: Option<String>,
    /// What the client read of a refusal.
    #[schema(required)]
    detail: Option<String>,
    /// What the refusal means.
    #[schema(required)]
    cause: Option<LoggedCause>,
    /// The mapping revision of a write.
    #[schema(required)]
    mapping_revision: Option<i32>,
    /// Of `lost`: how many rows are missing.
    #[schema(required)]
    lost_rows: Option<i64>,
    details: LoggedDetails,
}

/// What a refusal means, and what to do about it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct LoggedCause {
    code: String,
    /// What happened.
    cause: String,
    /// What to change at the identity provider.
    remedy: String,
    /// What Entra ID calls it.
    entra_codes: Vec<String>,
}

/// What else is known of a request.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::http) struct LoggedDetails {
    /// Leniencies that were used.
    warnings: Vec<LoggedLeniency>,
    /// What a write changed.
    changes: Vec<LoggedChange>,
    /// Further changes that are not listed.
    #[schema(required)]
    omitted_changes: Option<u64>,
    /// How a group's members changed.
    #[schema(required)]
    members: Option<LoggedMembers>,
    /// What the mapping's steps did.
    steps: Vec<LoggedStep>,
    /// How often the write was tried, if more than once.
    #[schema(required)]
    attempts: Option<u32>,
    /// The query of a list. Values are masked, but for those that name resources.
    #[schema(required)]
    query: Option<String>,
    /// The page of a list.
    #[schema(required)]
    page: Option<LoggedPage>,
    /// How many operations a bulk request had.
    #[schema(required)]
    operations: Option<u64>,
}

#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(in crate::http) struct LoggedLeniency {
    leniency: String,
    attribute: String,
}

/// A change of an attribute.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(in crate::http) struct LoggedChange {
    path: String,
    /// What it was.
    #[serde(default)]
    before: Value,
    /// What it became.
    #[serde(default)]
    after: Value,
    /// Whether values are left out.
    #[serde(default)]
    redacted: bool,
}

/// A change of a group's members, with the first fifty values of each kind.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct LoggedMembers {
    /// Whether all others were removed.
    #[serde(default)]
    replaced_all: bool,
    added_count: u64,
    removed_count: u64,
    #[serde(default)]
    added: Vec<String>,
    #[serde(default)]
    removed: Vec<String>,
}

/// What a mapping step did.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct LoggedStep {
    number: u64,
    /// The plugin, as `name@version`.
    plugin: String,
    /// `mapped`, `excluded`, `rejected`, `failed` or `skipped`.
    result: String,
    /// Why, in the plugin's words.
    #[schema(required)]
    reason: Option<String>,
    cpu_us: u64,
    /// The first lines that the plugin logged.
    #[serde(default)]
    log: Vec<LoggedLine>,
    /// Paths that the plugin could not read or write.
    #[serde(default)]
    refused_paths: Vec<LoggedPath>,
}

#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(in crate::http) struct LoggedLine {
    level: String,
    message: String,
}

#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(in crate::http) struct LoggedPath {
    call: String,
    path: String,
    why: String,
}

/// A page of a list.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct LoggedPage {
    #[schema(required)]
    start_index: Option<u64>,
    /// How many resources it has.
    returned: u64,
    /// How many all pages have, where that is known.
    #[schema(required)]
    total: Option<u64>,
}

pub(super) fn wire(row: LogRow) -> LoggedRequest {
    let details = row.facts.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 microseconds")]
    let duration_ms = row.duration_us as f64 / 1e3;
    LoggedRequest {
        id: row.id.to_string(),
        at: rfc3339(moment_of(row.id)),
        request_id: row.request_id,
        number: row.number,
        operation: row.operation.into_owned(),
        status: row.status,
        duration_ms,
        credential: row.credential.map(|id| id.to_string()),
        client: row.client.map(Into::into),
        address: row.address,
        resource_type: row.resource_type,
        resource_id: row.resource_id.map(|id| id.to_string()),
        name: row.name,
        effect: row.effect.map(Into::into),
        scim_type: row.scim_type.map(Into::into),
        detail: row.detail,
        cause: row.cause.as_deref().map(cause),
        mapping_revision: row.mapping_revision,
        lost_rows: row.rows,
        details,
    }
}

/// A code that this version does not know was written by a newer one.
fn cause(code: &str) -> LoggedCause {
    let known = causes::find(code);
    LoggedCause {
        code: code.to_owned(),
        cause: known.map(|known| known.cause.clone()).unwrap_or_default(),
        remedy: known.map(|known| known.remedy.clone()).unwrap_or_default(),
        entra_codes: known.map(|known| known.entra.clone()).unwrap_or_default(),
    }
}
