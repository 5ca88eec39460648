//! POSTs that need each other: all their ids are given first, so every document is complete before any is stored, and all
//! are stored in one transaction.

use std::collections::HashSet;

use futures_util::stream::{StreamExt as _, TryStreamExt as _, iter};
use scimgate_scim::bulk::{Action, Task};
use scimgate_scim::error::ScimError;
use scimgate_scim::leniency::Warnings;
use scimgate_scim::normalise::{Normalised, normalise};
use scimgate_scim::schema::validate::validate;
use uuid::Uuid;

use crate::operation::ATTEMPTS;
use crate::operation::Context;
use crate::operation::Error;
use crate::operation::duplicate;
use crate::operation::resource::document::{Draft, content};
use crate::operation::resource::members;
use crate::operation::resource::new::New;
use crate::operation::resource::reply::{Reply, location};
use crate::store::resource::batch::BatchOutcome;
use crate::store::resource::insert::Insert;
use crate::store::resource::read::ReadOptions;
use crate::store::resource::update::Content;
use crate::store::stamp::Stamp;

/// Documents that are mapped at once.
const AT_ONCE: usize = 8;

/// Why none was made, and the place of the one because of which.
type Refused = (usize, Error);

/// A resource about to be made under this id, and what had to be tolerated of its body.
struct Given {
    id: Uuid,
    new: New,
    warnings: Warnings,
}

/// Makes all of them, with these ids, or none.
///
/// # Errors
/// What is wrong with one of them.
pub(crate) async fn run(mut ctx: Context, tasks: Vec<(Uuid, Task)>) -> Result<Vec<Reply>, Refused> {
    let read = |(place, (id, task))| read(&ctx, id, task).map_err(|error| (place, error));
    let mut all = tasks.into_iter().enumerate().map(read).collect::<Result<Vec<Given>, Refused>>()?;
    settle_members(&ctx, &mut all).await?;
    for _ in 0..ATTEMPTS {
        let stamp = ctx.stamp();
        let contents = map(&ctx, &all, &stamp).await?;
        let inserts = all.iter().zip(&contents).map(|(Given { id, new, .. }, content)| Insert {
            resource_type: &new.resource_type.name,
            id: *id,
            content,
            members: new.members.as_ref(),
        });
        let inserts: Vec<Insert<'_>> = inserts.collect();
        match ctx.store.insert_batch(&inserts, &stamp).await.map_err(|error| (0, error.into()))? {
            BatchOutcome::Done => {
                ctx.gateway.events_waiting.notify_one();
                for given in &all {
                    ctx.record_leniencies(&given.warnings);
                }
                return Ok(show(&ctx, &all).await);
            }
            BatchOutcome::Lost => {
                ctx = ctx.refreshed().await.map_err(|error| (0, error))?;
                for (place, given) in all.iter_mut().enumerate() {
                    given.new.fit(&ctx).map_err(|error| (place, error))?;
                }
            }
            BatchOutcome::Refused(place, error) => {
                let refused = |given: &Given| duplicate(&ctx, error, &given.new.resource_type);
                return Err((place, all.get(place).map_or_else(|| Error::Contended, refused)));
            }
        }
    }
    Err((0, Error::Contended))
}

fn read(ctx: &Context, id: Uuid, task: Task) -> Result<Given, Error> {
    let Task { resource_type, action: Action::Create(body), .. } = task else {
        // Only what is made can be named by others.
        return Err(ScimError::invalid_syntax("Only POSTs can need each other.").into());
    };
    // As in `create`.
    let resource_type = ctx.current(&resource_type)?;
    let normalised = normalise(body, &resource_type, &ctx.settings.leniencies)?;
    let Normalised { document, unknown, cleared, detached, warnings } = normalised;
    validate(&document, &resource_type)?;
    let members = resource_type.detached.map(|_| members::replace_with(&detached)).transpose()?;
    let members = members.filter(|members| !members.add.is_empty());
    let new = New { resource_type, document, unknown, cleared, members, projection: None };
    Ok(Given { id, new, warnings })
}

/// Members that nobody knows, as the client's profile has it; those that are made here are known.
async fn settle_members(ctx: &Context, all: &mut [Given]) -> Result<(), Refused> {
    let made: HashSet<String> = all.iter().map(|given| given.id.to_string()).collect();
    for (place, given) in all.iter_mut().enumerate() {
        let Some(members) = &mut given.new.members else { continue };
        let others: Vec<String> = members.add.iter().filter(|value| !made.contains(*value)).cloned().collect();
        let unknown = members::unwanted(ctx, &others).await.map_err(|error| (place, error))?;
        members.add.retain(|value| !unknown.contains(value));
    }
    Ok(())
}

/// What is stored of each, in their order.
async fn map(ctx: &Context, all: &[Given], stamp: &Stamp) -> Result<Vec<Content>, Refused> {
    let mut mapping = Vec::with_capacity(all.len());
    for (place, Given { id, new, .. }) in all.iter().enumerate() {
        let draft = Draft {
            resource_type: &new.resource_type,
            id: *id,
            document: new.document.clone(),
            unknown: new.unknown.clone(),
            before: None,
        };
        mapping.push(async move { content(ctx, draft, stamp).await.map_err(|error| (place, error)) });
    }
    iter(mapping).buffered(AT_ONCE).try_collect().await
}

/// A group's version counts how its first members came, which only the database knows.
/// All of it is stored: where the version cannot be read any more it is left out, and nothing is told to have failed.
async fn show(ctx: &Context, all: &[Given]) -> Vec<Reply> {
    let mut replies = Vec::with_capacity(all.len());
    for Given { id, new: New { resource_type, members, .. }, .. } in all {
        let options = ReadOptions { groups: false, changes: true, mapped: false };
        let version = if members.is_some() {
            let read = ctx.store.get(&resource_type.name, *id, options).await;
            read.ok().flatten().map(|stored| stored.version())
        } else {
            Some(1)
        };
        let location = Some(location(ctx, resource_type, id));
        replies.push(Reply { status: 201, location, version, body: None });
    }
    replies
}
