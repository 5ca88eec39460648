//! `/admin/v1/tenants/{tenant}/directory-schema`.

use std::collections::BTreeMap;

use axum::extract::Path;
use axum::http::StatusCode;
use scimgate_scim::directory_schema::Statement;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::clock::rfc3339;
use crate::http::access::OperatorAccess;
use crate::http::error::ApiFailure;
use crate::http::json::Json;
use crate::operation::directory_schema::report::CheckExample;
use crate::operation::directory_schema::{self, Check, CheckState, Shown};

/// A rule for the values at a path of mapped documents.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rule {
    /// The resource type's name; User if it is not given.
    #[serde(default = "user")]
    resource_type: String,
    /// A path as in PATCH, such as `emails[type eq "work"].value`.
    path: String,
    /// The type of each value, where it is not just that of the attribute: a string may have to be a dateTime.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    kind: Option<String>,
    /// Whether there must be a value.
    #[serde(default)]
    required: bool,
    /// The values that are allowed; all if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    allowed: Vec<Value>,
    /// Whether no two resources of the type may have the same value.
    #[serde(default)]
    unique: bool,
}

fn user() -> String {
    "User".to_owned()
}

/// What mapped documents must be, beyond the schemas of their types.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewDirectorySchema {
    /// At most 100; none switches the directory schema off.
    rules: Vec<Rule>,
}

/// Rules that stored mapped documents are checked by.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewCheck {
    /// Those of the directory schema if they are not given.
    #[serde(default)]
    rules: Option<Vec<Rule>>,
}

/// A directory schema.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DirectorySchemaReply {
    rules: Vec<Rule>,
    /// The path of the single sign-on subject, which is required and unique besides: `…/sso-subject` sets it.
    #[schema(required)]
    sso_subject: Option<String>,
    /// When it was set; null where none ever was.
    #[schema(format = DateTime, required)]
    changed_at: Option<String>,
    /// The operator key's id.
    #[schema(required)]
    changed_by: Option<String>,
}

/// Where a check stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum CheckStateName {
    Running,
    Finished,
    /// It was cancelled, or its rules do not fit the schemas any more.
    Incomplete,
}

/// How the stored mapped documents comply with rules.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CheckReply {
    state: CheckStateName,
    /// Whether the rules are those of the directory schema that was set.
    applies: bool,
    rules: Vec<Rule>,
    /// The tenant's resources when it began.
    total: i64,
    /// Documents that the product sees, and that were looked at.
    examined: i64,
    /// Documents that break a rule.
    non_compliant: i64,
    /// Documents that have a value which must be unique, and which another one has.
    conflicts: i64,
    /// How many, by resource type and path; a document that breaks several rules counts for the first.
    by_rule: BTreeMap<String, BTreeMap<String, i64>>,
    /// At most twenty.
    examples: Vec<CheckExampleReply>,
    #[schema(format = DateTime)]
    begun_at: String,
    #[schema(format = DateTime, required)]
    finished_at: Option<String>,
}

/// A document that does not comply.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CheckExampleReply {
    id: String,
    resource_type: String,
    path: String,
    /// The rule and the value.
    reason: String,
}

/// Show a tenant's directory schema.
#[utoipa::path(
    get, path = "/admin/v1/tenants/{tenant}/directory-schema", operation_id = "getDirectorySchema", tag = "directory schema",
    responses((status = 200, description = "The rules.", body = DirectorySchemaReply))
)]
pub(super) async fn get(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
) -> Result<Json<DirectorySchemaReply>, ApiFailure> {
    Ok(Json(directory_schema::get(&operator, &tenant).await?.into()))
}

/// Set a tenant's directory schema. Writes are checked by it from then on; what is stored stays as it is, and a job finds out how it
/// complies.
#[utoipa::path(
    put, path = "/admin/v1/tenants/{tenant}/directory-schema", operation_id = "setDirectorySchema", tag = "directory schema",
    request_body = NewDirectorySchema,
    responses(
        (status = 200, description = "The rules.", body = DirectorySchemaReply),
        (status = 409, description = "The tenant's schemas are being changed."),
    )
)]
pub(super) async fn put(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
    Json(body): Json<NewDirectorySchema>,
) -> Result<Json<DirectorySchemaReply>, ApiFailure> {
    let rules = body.rules.into_iter().map(Statement::from).collect();
    Ok(Json(directory_schema::set(&operator, &tenant, rules).await?.into()))
}

/// Begin a check of the stored mapped documents by rules that are not set, or by those that are. Nothing is written but its report.
#[utoipa::path(
    post, path = "/admin/v1/tenants/{tenant}/directory-schema/check", operation_id = "checkDirectory", tag = "directory schema",
    request_body = NewCheck,
    responses(
        (status = 202, description = "The check is being made.", body = CheckReply),
        (status = 409, description = "The tenant's schemas are being changed, or values are being entered."),
    )
)]
pub(super) async fn begin_check(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
    Json(body): Json<NewCheck>,
) -> Result<(StatusCode, Json<CheckReply>), ApiFailure> {
    let rules = body.rules.map(|rules| rules.into_iter().map(Statement::from).collect());
    let begun = directory_schema::begin_check(&operator, &tenant, rules).await?;
    Ok((StatusCode::ACCEPTED, Json(begun.into())))
}

/// Show the latest check, complete or not.
#[utoipa::path(
    get, path = "/admin/v1/tenants/{tenant}/directory-schema/check", operation_id = "getDirectoryCheck", tag = "directory schema",
    responses(
        (status = 200, description = "The check.", body = CheckReply),
        (status = 404, description = "There is none."),
    )
)]
pub(super) async fn check(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
) -> Result<Json<CheckReply>, ApiFailure> {
    Ok(Json(directory_schema::check(&operator, &tenant).await?.into()))
}

impl From<Rule> for Statement {
    fn from(rule: Rule) -> Self {
        let Rule { resource_type, path, kind, required, allowed, unique } = rule;
        Self { resource_type, path, kind, required, allowed, unique, ..Self::default() }
    }
}

impl From<Statement> for Rule {
    fn from(rule: Statement) -> Self {
        let Statement { resource_type, path, kind, required, allowed, unique, .. } = rule;
        Self { resource_type, path, kind, required, allowed, unique }
    }
}

impl From<Shown> for DirectorySchemaReply {
    fn from(shown: Shown) -> Self {
        Self {
            rules: shown.rules.into_iter().map(Rule::from).collect(),
            sso_subject: shown.subject,
            changed_at: shown.changed_at.map(rfc3339),
            changed_by: shown.changed_by,
        }
    }
}

impl From<Check> for CheckReply {
    fn from(check: Check) -> Self {
        Self {
            state: match check.state {
                CheckState::Running => CheckStateName::Running,
                CheckState::Finished => CheckStateName::Finished,
                CheckState::Incomplete => CheckStateName::Incomplete,
            },
            applies: check.applies,
            rules: check.rules.into_iter().map(Rule::from).collect(),
            total: check.total,
            examined: check.report.examined,
            non_compliant: check.report.non_compliant,
            conflicts: check.report.conflicts,
            by_rule: check.report.rules,
            examples: check.report.examples.into_iter().map(CheckExampleReply::from).collect(),
            begun_at: rfc3339(check.begun_at),
            finished_at: check.finished_at.map(rfc3339),
        }
    }
}

impl From<CheckExample> for CheckExampleReply {
    fn from(example: CheckExample) -> Self {
        let CheckExample { id, resource_type, path, reason } = example;
        Self { id: id.to_string(), resource_type, path, reason }
    }
}
