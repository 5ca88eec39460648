//! PATCH: changes a resource (RFC 7644 §3.5.2).

use std::sync::Arc;

use scimgate_scim::aside::Aside;
use scimgate_scim::error::ScimError;
use scimgate_scim::etag::Condition;
use scimgate_scim::fold_in::{TakenIn, take_in};
use scimgate_scim::patch::{Patch, Patched};
use scimgate_scim::projection::{Projection, Specified};
use scimgate_scim::schema::ResourceType;
use scimgate_scim::schema::validate::validate;
use serde_json::{Map, Value};

use crate::operation::ATTEMPTS;
use crate::operation::Context;
use crate::operation::Error;
use crate::operation::Target;
use crate::operation::resource::document::{Draft, content, parse, parse_set_aside, refit};
use crate::operation::resource::members;
use crate::operation::resource::reply::{Reply, location, show};
use crate::store::resource::read::ReadOptions;
use crate::store::resource::read::Stored;
use crate::store::resource::update::Update;
use crate::store::resource::update::Written;

/// Applies the operations, all or none. A user is shown afterwards; a group only where attributes are asked for, or where
/// it has few members and its client wants it, because showing it loads its members.
///
/// # Errors
/// 404 where there is none, 412 where `If-Match` does not hold, and what the operations or the mapping refuse.
pub async fn run(
    ctx: Context,
    resource_type: Arc<ResourceType>,
    id: &str,
    body: Value,
    if_match: Option<Condition>,
    projection: Option<Projection>,
) -> Result<Reply, Error> {
    let key = crate::operation::resource::get::parse_id(&resource_type, id)?;
    let patch = Patch::parse(body, &resource_type, &ctx.settings.leniencies)?;
    let projection = projection.map(|it| it.after_write(Specified::Attributes(patch.specified())));
    let options = members::read_options(&resource_type, projection.as_ref());
    let target = Target { resource_type: &resource_type, id: key, options };
    let stored = if patch.touches_only_members() && if_match.is_none() {
        let Patched { members, warnings, .. } =
            patch.apply(Map::new(), Aside::default(), &resource_type, &ctx.settings.leniencies)?;
        ctx.record_leniencies(&warnings);
        let change = members::resolve_unknown_in_change(&ctx, members::from_delta(&members)?).await?;
        if members::change(&ctx, &resource_type, key, &change).await? {
            ctx.record_leniency(members::unknown_member_policy(&change), "members");
        }
        None
    } else {
        Some(store(ctx.clone(), &target, &patch, if_match.as_ref()).await?)
    };
    let done = || Reply { location: Some(location(&ctx, &resource_type, &key)), ..Reply::no_content() };
    let asked = projection.as_ref().is_some_and(Projection::is_requested);
    if resource_type.detached.is_some() && !asked && !members::may_be_shown(&ctx, key).await? {
        return Ok(done());
    }
    let stored = match stored {
        Some(stored) if resource_type.detached.is_none() => stored,
        // Others change members meanwhile; how many changes there were, only the database knows.
        _ => match ctx.store.get(&resource_type.name, key, options).await? {
            Some(stored) => stored,
            // Deleted by another request after this one was done.
            None => return Ok(done()),
        },
    };
    let listed = members::shown(&ctx, &resource_type, key, projection.as_ref()).await?;
    show(&ctx, 200, &resource_type, &stored, &listed, projection.as_ref())
}

/// Writes the change on what is there now, again after each lost race; gives what is stored then.
async fn store(
    mut ctx: Context,
    target: &Target<'_>,
    patch: &Patch,
    if_match: Option<&Condition>,
) -> Result<Stored, Error> {
    let Target { resource_type, id, options } = *target;
    // What was aside comes in first, unless the document is refused with it: that is nothing the client can mend.
    let mut folds = true;
    let write_locks = ctx.gateway.write_locks.clone();
    let _guard = write_locks.take(ctx.store.id(), id).await;
    for _ in 0..ATTEMPTS {
        let before = ctx.store.get(&resource_type.name, id, ReadOptions { mapped: true, ..options }).await?;
        let before = before.ok_or_else(|| ScimError::not_found(&resource_type.name, &id.to_string()))?;
        crate::operation::check_match(if_match, &before)?;
        let old = parse("source", &before.source)?;
        let taken = with_aside(&ctx, resource_type, &before, &old, folds)?;
        let mut patched = read_now(&ctx, resource_type, patch)?.apply(
            taken.document,
            taken.set_aside,
            resource_type,
            &ctx.settings.leniencies,
        )?;
        if !patched.changed && !taken.changed && patched.members.is_empty() && before.mapping_state.is_settled() {
            // Nothing changes, so nothing is written and version and lastModified stay (RFC 7644 §3.5.2.1).
            ctx.record_leniencies(&patched.warnings);
            return Ok(before);
        }
        let mut now = Arc::clone(resource_type);
        (patched.document, patched.set_aside) = refit(&ctx, &mut now, patched.document, patched.set_aside)?;
        validate(&patched.document, &now)?;
        let warnings = patched.warnings.clone();
        match write(&ctx, &now, before, &old, patched, if_match.is_some()).await {
            Ok(None) => ctx = ctx.refreshed().await?,
            Ok(Some((stored, joined))) => {
                ctx.record_leniencies(&warnings);
                ctx.gateway.events_waiting.notify_one();
                return members::reload_if_joined(&ctx, options, stored, joined).await;
            }
            Err(Error::Scim(_) | Error::Mapping(_)) if taken.changed => folds = false,
            Err(error) => return Err(error),
        }
    }
    Err(Error::Contended)
}

/// The request by the schemas that hold now: what they know is no longer set aside, since what was aside of it is not either.
fn read_now(ctx: &Context, resource_type: &Arc<ResourceType>, patch: &Patch) -> Result<Patch, Error> {
    let now = ctx.current(resource_type)?;
    let patch = patch.clone();
    if Arc::ptr_eq(&now, resource_type) {
        return Ok(patch);
    }
    Ok(patch.reinterpret(&now, &ctx.settings.leniencies)?)
}

/// What is stored, with what was set aside of it and has a schema by now.
fn with_aside(
    ctx: &Context,
    resource_type: &ResourceType,
    before: &Stored,
    old: &Map<String, Value>,
    folds: bool,
) -> Result<TakenIn, Error> {
    let (document, set_aside) = (old.clone(), parse_set_aside(before)?);
    if set_aside.is_empty() || !folds {
        return Ok(TakenIn { document, set_aside, misfits: Vec::new(), changed: false });
    }
    let now = ctx.current(resource_type)?;
    Ok(take_in(document, set_aside, &now, &ctx.settings.leniencies, &|_| Ok(())))
}

/// What is stored, and how many groups have it as a member since. None where the race was lost.
async fn write(
    ctx: &Context,
    resource_type: &ResourceType,
    before: Stored,
    old: &Map<String, Value>,
    patched: Patched,
    guarded: bool,
) -> Result<Option<(Stored, i64)>, Error> {
    let stamp = ctx.stamp();
    let members = (!patched.members.is_empty()).then(|| members::from_delta(&patched.members)).transpose()?;
    let members = members::resolve_unknown(ctx, members).await?;
    let draft = Draft {
        resource_type,
        id: before.id,
        document: patched.document,
        set_aside: patched.set_aside,
        before: Some(&before),
    };
    let content = content(ctx, draft, &stamp).await?;
    let update = Update {
        resource_type: &resource_type.name,
        id: before.id,
        version: before.own_version,
        member_changes: guarded.then_some(before.member_changes),
        before: &ctx.settings.keys(old, resource_type),
        content: &content,
        members: members.as_ref(),
    };
    let written = ctx.store.update(&update, &stamp).await;
    let written = crate::operation::lost_on_conflict(written, (Written::Lost, 0));
    Ok(match written.map_err(|error| crate::operation::duplicate(ctx, error, resource_type))? {
        (Written::Lost, _) => None,
        (Written::Done(version), joined) => Some((content.stored(before, version, stamp.at), joined)),
    })
}
