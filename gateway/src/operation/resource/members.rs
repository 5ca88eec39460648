//! Members of groups, which are stored outside of the group's document.

use std::collections::HashSet;

use scimgate_scim::error::ScimError;
use scimgate_scim::leniency::{Choice, Leniency, Warnings};
use scimgate_scim::member::Member;
use scimgate_scim::patch::MemberDelta;
use scimgate_scim::projection::Projection;
use scimgate_scim::schema::ResourceType;
use uuid::Uuid;

use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::store;
use crate::store::membership::{self, Members, UnknownMember};
use crate::store::resource::read::ReadOptions;

/// A PATCH's net effect on the members, as the store takes it.
///
/// # Errors
/// 400 `invalidValue` for a value that is too long to name anything.
pub(crate) fn from_delta(delta: &MemberDelta) -> Result<Members, Error> {
    let (replace_all, remove) = (delta.replace_all, delta.remove.clone());
    Ok(Members { replace_all, add: values(&delta.add)?, remove, ..Members::default() })
}

/// The change that leaves exactly these members.
///
/// # Errors
/// As [`from_delta`].
pub(crate) fn replace_with(members: &[Member]) -> Result<Members, Error> {
    Ok(Members { replace_all: true, add: values(members)?, ..Members::default() })
}

/// Handles added values that name no resource. By the client's profile they are kept as pending references, dropped or
/// refused.
///
/// The look-up comes before the change and needs no lock: a member that is deleted in between is dropped, as if it had been
/// deleted after the change.
///
/// # Errors
/// 400 `invalidValue` that names some of them, where they are refused.
pub(crate) async fn resolve_unknown(
    ctx: &Context,
    change: Option<Members>,
    warnings: &mut Warnings,
) -> Result<Option<Members>, Error> {
    let Some(mut change) = change else { return Ok(None) };
    change.drop_unknown = !ctx.settings.leniencies.allows(Leniency::UnknownMemberPending);
    let unwanted = unwanted(ctx, &change.add, warnings).await?;
    change.add.retain(|value| !unwanted.contains(value));
    Ok(Some(change))
}

/// Which of these values name no resource and are to be dropped.
///
/// # Errors
/// As [`resolve_unknown`].
pub(crate) async fn unwanted(
    ctx: &Context,
    values: &[String],
    warnings: &mut Warnings,
) -> Result<HashSet<String>, Error> {
    let unknown = if values.is_empty() { Vec::new() } else { ctx.store.unknown_members(values).await? };
    if unknown.is_empty() {
        return Ok(HashSet::new());
    }
    warnings.add(policy(ctx, &unknown)?, "members");
    let kept = ctx.settings.leniencies.allows(Leniency::UnknownMemberPending);
    Ok(if kept { HashSet::new() } else { unknown.into_iter().map(|it| it.value).collect() })
}

/// The leniency that allows the client to name members that don't exist.
fn policy(ctx: &Context, unknown: &[UnknownMember]) -> Result<Leniency, ScimError> {
    let policies = [Leniency::UnknownMemberPending, Leniency::UnknownMemberDropped];
    let allowed = policies.into_iter().find(|it| ctx.settings.leniencies.allows(*it));
    allowed.ok_or_else(|| ScimError::invalid_value(detail(unknown)))
}

/// The refusal's text on the values that name no resource.
fn detail(unknown: &[UnknownMember]) -> String {
    let several: Vec<&str> = unknown.iter().filter(|it| it.is_ambiguous).map(|it| it.value.as_str()).collect();
    let missing: Vec<&str> = unknown.iter().filter(|it| !it.is_ambiguous).map(|it| it.value.as_str()).collect();
    if missing.is_empty() {
        return format!("More than one user has the externalId {}; name the member by its id.", some(&several));
    }
    format!("There is no member {}; make it before it is added.", some(&missing))
}

/// The first of them.
fn some(values: &[&str]) -> String {
    let shown = &values[..values.len().min(3)];
    let more =
        if values.len() > shown.len() { format!(" and {} more", values.len() - shown.len()) } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

/// The leniency by which a change drops or keeps values that name no resource.
pub(crate) fn unknown_member_policy(change: &Members) -> Leniency {
    if change.drop_unknown { Leniency::UnknownMemberDropped } else { Leniency::UnknownMemberPending }
}

/// As [`resolve_unknown`], for a change of members alone: its statement itself reports values that name no resource.
pub(crate) async fn resolve_unknown_in_change(
    ctx: &Context,
    mut change: Members,
    warnings: &mut Warnings,
) -> Result<Members, Error> {
    let allows = |leniency| ctx.settings.leniencies.allows(leniency);
    if allows(Leniency::UnknownMemberPending) || allows(Leniency::UnknownMemberDropped) {
        change.drop_unknown = !allows(Leniency::UnknownMemberPending);
        return Ok(change);
    }
    Ok(resolve_unknown(ctx, Some(change), warnings).await?.unwrap_or_default())
}

/// Longest value that can name a member; longer ones would not fit the index.
pub(crate) const MAX_VALUE_BYTES: usize = 512;

fn values(members: &[Member]) -> Result<Vec<String>, Error> {
    if let Some(long) = members.iter().find(|member| member.value.len() > MAX_VALUE_BYTES) {
        let detail =
            format!("A member's value is {} bytes long; at most {MAX_VALUE_BYTES} are accepted.", long.value.len());
        return Err(ScimError::invalid_value(detail).into());
    }
    let mut values: Vec<String> = members.iter().map(|member| member.value.clone()).collect();
    values.sort();
    values.dedup();
    Ok(values)
}

/// What must be read for a reply.
pub(crate) fn read_options(resource_type: &ResourceType, projection: Option<&Projection>) -> ReadOptions {
    let has_groups = resource_type.detached.is_none() && resource_type.resolve("groups").is_some();
    ReadOptions {
        groups: has_groups && projection.is_none_or(|asked| asked.includes("groups")),
        changes: resource_type.detached.is_some(),
        mapped: false,
    }
}

/// The members of a group, where the reply shows them; a request that leaves them out never loads them.
pub(crate) async fn shown(
    ctx: &Context,
    resource_type: &ResourceType,
    id: Uuid,
    projection: Option<&Projection>,
) -> Result<Vec<membership::Member>, Error> {
    if !are_shown(resource_type, projection) {
        return Ok(Vec::new());
    }
    Ok(ctx.store.members(&[id]).await?.remove(&id).unwrap_or_default())
}

/// The same after a write, which has succeeded whatever the reply can show: without the members if they do not fit into a reply,
/// or if memory for them does not become free.
pub(crate) async fn shown_after_write(
    ctx: &Context,
    resource_type: &ResourceType,
    id: Uuid,
    projection: Option<&Projection>,
) -> Result<Vec<membership::Member>, Error> {
    match shown(ctx, resource_type, id, projection).await {
        Err(Error::Store(store::Error::TooLong { .. } | store::Error::Memory { .. })) => Ok(Vec::new()),
        other => other,
    }
}

/// Most members of a group that a reply shows where the request names no attributes.
const MAX_SHOWN_AFTER_PATCH: i64 = 100;

/// Whether a group is shown after a change. RFC 7644 §3.5.2: the server "either MUST return a 200 OK response code and the
/// entire resource within the response body […] or MAY return HTTP status code 204 (No Content)". What it costs must not
/// grow with the group.
pub(crate) async fn may_be_shown(ctx: &Context, id: Uuid) -> Result<bool, Error> {
    Ok(!ctx.settings.leniencies.chooses(Choice::GroupNoContent)
        && ctx.store.count_members(&[id], MAX_SHOWN_AFTER_PATCH + 1).await? <= MAX_SHOWN_AFTER_PATCH)
}

/// Whether a reply shows members.
pub(crate) fn are_shown(resource_type: &ResourceType, projection: Option<&Projection>) -> bool {
    resource_type.detached.is_some_and(|name| projection.is_none_or(|asked| asked.includes(name)))
}
