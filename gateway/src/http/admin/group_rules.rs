//! `/admin/v1/tenants/{tenant}/group-rules`.

use axum::extract::Path;
use scimgate_scim::error::ScimError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::clock::rfc3339;
use crate::http::access::OperatorAccess;
use crate::http::error::ApiFailure;
use crate::http::json::Json;
use crate::operation::admin::group_rules::{self, Shown};
use crate::operation::group_rules::{Grant, GrantedAttribute, GroupName, Rule};

/// A group, by exactly one of its names.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RuledGroup {
    /// Its id in the gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid", nullable = false)]
    id: Option<String>,
    /// Its externalId at the source, exactly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    external_id: Option<String>,
    /// Its displayName at the source, in any case. Several groups may have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    display_name: Option<String>,
}

/// A role or an entitlement.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct GrantedValue {
    /// What the product compares; at most 1,024 bytes, as the other texts.
    value: String,
    /// What it shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    display: Option<String>,
    /// The kind of value.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    kind: Option<String>,
    /// Whether it is the primary one, where the mapped document has none. All rules together give one primary role at most, and one
    /// primary entitlement.
    #[serde(default)]
    primary: bool,
}

/// The members of a group have a role, or an entitlement: exactly one of both.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct GroupRule {
    group: RuledGroup,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    role: Option<GrantedValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    entitlement: Option<GrantedValue>,
}

/// What members of groups have in the directory, beside what their mapped documents say.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewGroupRules {
    /// At most 200; none switches group rules off.
    rules: Vec<GroupRule>,
}

/// Group rules.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupRulesReply {
    rules: Vec<GroupRule>,
    /// How many groups each rule names that the product sees, in the order of the rules.
    groups: Vec<usize>,
    /// When they were set; null where none ever were.
    #[schema(format = DateTime, required)]
    changed_at: Option<String>,
    /// The operator key's id.
    #[schema(required)]
    changed_by: Option<String>,
    /// Whether the product was sent a `user.updated` of every user of whom it sees something else by them.
    announced: bool,
}

/// Show a tenant's group rules.
#[utoipa::path(
    get, path = "/admin/v1/tenants/{tenant}/group-rules", operation_id = "getGroupRules", tag = "group rules",
    responses((status = 200, description = "The rules.", body = GroupRulesReply))
)]
pub(super) async fn get(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
) -> Result<Json<GroupRulesReply>, ApiFailure> {
    Ok(Json(group_rules::get(&operator, &tenant).await?.into()))
}

/// Set a tenant's group rules. The directory shows at once what they give; a job sends the product a `user.updated` of each user of whom it
/// shows something else.
#[utoipa::path(
    put, path = "/admin/v1/tenants/{tenant}/group-rules", operation_id = "setGroupRules", tag = "group rules",
    request_body = NewGroupRules,
    responses(
        (status = 200, description = "The rules.", body = GroupRulesReply),
        (status = 400, description = "A rule cannot hold; the detail has its number."),
    )
)]
pub(super) async fn put(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
    Json(body): Json<NewGroupRules>,
) -> Result<Json<GroupRulesReply>, ApiFailure> {
    let rules = body.rules.into_iter().enumerate().map(|(index, rule)| {
        let refuse = |why: String| ScimError::new(400, format!("Rule {}: {why}", index + 1));
        Ok(Rule {
            group: rule.group.read().map_err(refuse)?,
            grant: grant(rule.role, rule.entitlement).map_err(refuse)?,
        })
    });
    let rules = rules.collect::<Result<Vec<_>, ScimError>>()?;
    Ok(Json(group_rules::set(&operator, &tenant, rules).await?.into()))
}

/// Switch a tenant's group rules off, as setting none does.
#[utoipa::path(
    delete, path = "/admin/v1/tenants/{tenant}/group-rules", operation_id = "removeGroupRules", tag = "group rules",
    responses((status = 200, description = "There are no rules.", body = GroupRulesReply))
)]
pub(super) async fn delete(
    OperatorAccess(operator): OperatorAccess,
    Path(tenant): Path<String>,
) -> Result<Json<GroupRulesReply>, ApiFailure> {
    Ok(Json(group_rules::set(&operator, &tenant, Vec::new()).await?.into()))
}

impl RuledGroup {
    fn read(self) -> Result<GroupName, String> {
        match self {
            Self { id: Some(id), external_id: None, display_name: None } => {
                let id = Uuid::try_parse(&id).map_err(|_| format!("group.id {id:?} is not an id of a resource."))?;
                Ok(GroupName::Id(id))
            }
            Self { id: None, external_id: Some(text), display_name: None } => Ok(GroupName::ExternalId(text)),
            Self { id: None, external_id: None, display_name: Some(text) } => Ok(GroupName::DisplayName(text)),
            _ => Err("group has exactly one of id, externalId and displayName.".to_owned()),
        }
    }
}

fn grant(role: Option<GrantedValue>, entitlement: Option<GrantedValue>) -> Result<Grant, String> {
    let (attribute, given) = match (role, entitlement) {
        (Some(role), None) => (GrantedAttribute::Roles, role),
        (None, Some(entitlement)) => (GrantedAttribute::Entitlements, entitlement),
        _ => return Err("it gives exactly one role or one entitlement.".to_owned()),
    };
    let GrantedValue { value, display, kind, primary } = given;
    Ok(Grant { attribute, value, display, kind, primary })
}

impl From<Rule> for GroupRule {
    fn from(rule: Rule) -> Self {
        let group = match rule.group {
            GroupName::Id(id) => RuledGroup { id: Some(id.to_string()), ..RuledGroup::default() },
            GroupName::ExternalId(text) => RuledGroup { external_id: Some(text), ..RuledGroup::default() },
            GroupName::DisplayName(text) => RuledGroup { display_name: Some(text), ..RuledGroup::default() },
        };
        let Grant { attribute, value, display, kind, primary } = rule.grant;
        let given = Some(GrantedValue { value, display, kind, primary });
        let (role, entitlement) = match attribute {
            GrantedAttribute::Roles => (given, None),
            GrantedAttribute::Entitlements => (None, given),
        };
        Self { group, role, entitlement }
    }
}

impl From<Shown> for GroupRulesReply {
    fn from(shown: Shown) -> Self {
        let (rules, groups): (Vec<Rule>, Vec<usize>) = shown.rules.into_iter().unzip();
        Self {
            rules: rules.into_iter().map(GroupRule::from).collect(),
            groups,
            changed_at: shown.changed_at.map(rfc3339),
            changed_by: shown.changed_by,
            announced: shown.announced,
        }
    }
}
