//! Members of groups, kept beside their document.

use std::collections::HashSet;

use scimgate_scim::error::ScimError;
use scimgate_scim::leniency::{Choice, Leniency};
use scimgate_scim::member::Member;
use scimgate_scim::patch::MemberDelta;
use scimgate_scim::projection::Projection;
use scimgate_scim::schema::ResourceType;
use uuid::Uuid;

use crate::operation::{ATTEMPTS, Context, Error};
use crate::store::membership::{self, Members, Unknown};
use crate::store::resource::read::ReadOptions;
use crate::store::resource::read::Stored;

/// A PATCH's net effect as the store takes it.
///
/// # Errors
/// 400 `invalidValue` for a value that is too long to name anything.
pub(crate) fn from_delta(delta: &MemberDelta) -> Result<Members, Error> {
    let (replace_all, remove) = (delta.replace_all, delta.remove.clone());
    Ok(Members { replace_all, add: values(&delta.add)?, remove, drop_unknown: false })
}

/// These and no others.
///
/// # Errors
/// As [`from_delta`].
pub(crate) fn replace_with(members: &[Member]) -> Result<Members, Error> {
    Ok(Members { replace_all: true, add: values(members)?, remove: Vec::new(), drop_unknown: false })
}

/// The change as the client's profile has it for values that nobody knows.
///
/// What is refused is looked for first. A member that is deleted between the look and the change is left out, as if it had
/// been deleted after it; one that is made meanwhile came too late. So no lock is needed.
///
/// # Errors
/// 400 `invalidValue` that names some of them, where they are refused.
pub(crate) async fn resolve_unknown(ctx: &Context, change: Option<Members>) -> Result<Option<Members>, Error> {
    let Some(mut change) = change else { return Ok(None) };
    change.drop_unknown = !ctx.settings.leniencies.allows(Leniency::UnknownMemberPending);
    let unwanted = unwanted(ctx, &change.add).await?;
    change.add.retain(|value| !unwanted.contains(value));
    Ok(Some(change))
}

/// Which of these values nobody knows and are to be left out.
///
/// # Errors
/// As [`settled`].
pub(crate) async fn unwanted(ctx: &Context, values: &[String]) -> Result<HashSet<String>, Error> {
    let unknown = if values.is_empty() { Vec::new() } else { ctx.store.unknown_members(values).await? };
    if unknown.is_empty() {
        return Ok(HashSet::new());
    }
    note_unknown(ctx, &unknown)?;
    let kept = ctx.settings.leniencies.allows(Leniency::UnknownMemberPending);
    Ok(if kept { HashSet::new() } else { unknown.into_iter().map(|it| it.value).collect() })
}

/// Whether the client may name members that nobody knows.
fn note_unknown(ctx: &Context, unknown: &[Unknown]) -> Result<(), Error> {
    let leniencies = &ctx.settings.leniencies;
    let used =
        [Leniency::UnknownMemberPending, Leniency::UnknownMemberDropped].into_iter().find(|it| leniencies.allows(*it));
    let Some(used) = used else {
        return Err(ScimError::invalid_value(detail(unknown)).into());
    };
    ctx.record_leniency(used, "members");
    Ok(())
}

/// Whom a refused request should not have named, and what to do about it.
fn detail(unknown: &[Unknown]) -> String {
    let several: Vec<&str> = unknown.iter().filter(|it| it.is_ambiguous).map(|it| it.value.as_str()).collect();
    let nobody: Vec<&str> = unknown.iter().filter(|it| !it.is_ambiguous).map(|it| it.value.as_str()).collect();
    if nobody.is_empty() {
        return format!("More than one user has the externalId {}; name the member by its id.", some(&several));
    }
    format!("There is no member {}; make it before it is added.", some(&nobody))
}

/// The first of them.
fn some(values: &[&str]) -> String {
    let shown = &values[..values.len().min(3)];
    let more =
        if values.len() > shown.len() { format!(" and {} more", values.len() - shown.len()) } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

/// By which leniency a change leaves out or keeps what nobody knows.
pub(crate) fn unknown_member_policy(change: &Members) -> Leniency {
    if change.drop_unknown { Leniency::UnknownMemberDropped } else { Leniency::UnknownMemberPending }
}

/// As [`settled`], for a change of members alone, which the change itself tells what it did not know.
pub(crate) async fn resolve_unknown_in_change(ctx: &Context, mut change: Members) -> Result<Members, Error> {
    let allows = |leniency| ctx.settings.leniencies.allows(leniency);
    if allows(Leniency::UnknownMemberPending) || allows(Leniency::UnknownMemberDropped) {
        change.drop_unknown = !allows(Leniency::UnknownMemberPending);
        return Ok(change);
    }
    Ok(resolve_unknown(ctx, Some(change)).await?.unwrap_or_default())
}

/// Changes members alone: no document is read, no plugin runs, and the group's row is left alone. Tells whether there was a
/// value among them that nobody knows.
///
/// # Errors
/// 404 where the group is gone.
pub(crate) async fn change(
    ctx: &Context,
    resource_type: &ResourceType,
    id: Uuid,
    change: &Members,
) -> Result<bool, Error> {
    for _ in 0..ATTEMPTS {
        match ctx.store.change_members(id, change, &ctx.stamp()).await {
            Ok(done) if done.group_found => {
                ctx.gateway.events_waiting.notify_one();
                return Ok(done.unknown > 0);
            }
            Ok(_) => return Err(ScimError::not_found(&resource_type.name, &id.to_string()).into()),
            // A deadlock was resolved against this one.
            Err(crate::store::Error::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::Contended)
}

/// Longest value that can name a member, in bytes; longer ones would not fit the index.
const LONGEST: usize = 512;

fn values(members: &[Member]) -> Result<Vec<String>, Error> {
    if let Some(long) = members.iter().find(|member| member.value.len() > LONGEST) {
        let detail = format!("A member's value is {} bytes long; at most {LONGEST} are accepted.", long.value.len());
        return Err(ScimError::invalid_value(detail).into());
    }
    let mut values: Vec<String> = members.iter().map(|member| member.value.clone()).collect();
    values.sort();
    values.dedup();
    Ok(values)
}

/// What a read must take along for a reply.
pub(crate) fn read_options(resource_type: &ResourceType, projection: Option<&Projection>) -> ReadOptions {
    let has_groups = resource_type.detached.is_none() && resource_type.resolve("groups").is_some();
    ReadOptions {
        groups: has_groups && projection.is_none_or(|asked| asked.includes("groups")),
        changes: resource_type.detached.is_some(),
        mapped: false,
    }
}

/// What was written, read again where groups that waited have it as a member since: only the database knows which.
pub(crate) async fn reload_if_joined(
    ctx: &Context,
    options: ReadOptions,
    written: Stored,
    joined: i64,
) -> Result<Stored, Error> {
    if joined == 0 {
        return Ok(written);
    }
    Ok(ctx.store.get(&written.resource_type, written.id, options).await?.unwrap_or(written))
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

/// Most members of a group that is shown after a change without having been asked for.
const FEW: i64 = 100;

/// Whether a group is shown after a change. RFC 7644 §3.5.2: the server "either MUST return a 200 OK response code and the
/// entire resource within the response body […] or MAY return HTTP status code 204 (No Content)". What it costs must not
/// grow with the group.
pub(crate) async fn may_be_shown(ctx: &Context, id: Uuid) -> Result<bool, Error> {
    Ok(!ctx.settings.leniencies.chooses(Choice::GroupNoContent)
        && ctx.store.count_members(&[id], FEW + 1).await? <= FEW)
}

/// Whether a reply shows members.
pub(crate) fn are_shown(resource_type: &ResourceType, projection: Option<&Projection>) -> bool {
    resource_type.detached.is_some_and(|name| projection.is_none_or(|asked| asked.includes(name)))
}
