//! POSTs that need each other: all their ids are given first, so every document is complete before any is stored, and all
//! are stored in one transaction.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::stream::{StreamExt as _, TryStreamExt as _, iter};
use scimgate_scim::aside::Aside;
use scimgate_scim::bulk::{Action, Task};
use scimgate_scim::error::ScimError;
use scimgate_scim::leniency::Warnings;
use scimgate_scim::normalise::{Normalised, normalise};
use scimgate_scim::schema::ResourceType;
use scimgate_scim::schema::validate::validate;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::operation::document::{Draft, content, refit};
use crate::operation::reply::{Reply, location};
use crate::operation::{ATTEMPTS, Context, Error, duplicate, members};
use crate::store::insert::Insert;
use crate::store::membership::Members;
use crate::store::resource::Along;
use crate::store::stamp::Stamp;
use crate::store::together::Together;
use crate::store::write::Content;

/// Documents that are mapped at once.
const AT_ONCE: usize = 8;

/// Why none was made, and the place of the one because of which.
type Refused = (usize, Error);

/// A resource about to be made.
struct New {
    id: Uuid,
    resource_type: Arc<ResourceType>,
    document: Map<String, Value>,
    set_aside: Aside,
    members: Option<Members>,
    warnings: Warnings,
}

impl New {
    /// By the schemas as they are now.
    fn fit(&mut self, ctx: &Context) -> Result<(), Error> {
        let (document, set_aside) = (std::mem::take(&mut self.document), std::mem::take(&mut self.set_aside));
        (self.document, self.set_aside) = refit(ctx, &mut self.resource_type, document, set_aside)?;
        Ok(validate(&self.document, &self.resource_type)?)
    }
}

/// Makes all of them, with these ids, or none.
///
/// # Errors
/// What is wrong with one of them.
pub(super) async fn run(mut ctx: Context, tasks: Vec<(Uuid, Task)>) -> Result<Vec<Reply>, Refused> {
    let read = |(place, (id, task))| read(&ctx, id, task).map_err(|error| (place, error));
    let mut new = tasks.into_iter().enumerate().map(read).collect::<Result<Vec<New>, Refused>>()?;
    settle_members(&ctx, &mut new).await?;
    for _ in 0..ATTEMPTS {
        let stamp = ctx.stamp();
        let contents = map(&ctx, &new, &stamp).await?;
        let inserts = new.iter().zip(&contents).map(|(new, content)| Insert {
            resource_type: &new.resource_type.name,
            id: new.id,
            content,
            members: new.members.as_ref(),
        });
        let inserts: Vec<Insert<'_>> = inserts.collect();
        match ctx.store.insert_together(&inserts, &stamp).await.map_err(|error| (0, error.into()))? {
            Together::Done => {
                ctx.gateway.events_waiting.notify_one();
                for new in &new {
                    ctx.tolerated(&new.warnings);
                }
                return Ok(show(&ctx, &new).await);
            }
            Together::Lost => {
                ctx = ctx.refreshed().await.map_err(|error| (0, error))?;
                for (place, new) in new.iter_mut().enumerate() {
                    new.fit(&ctx).map_err(|error| (place, error))?;
                }
            }
            Together::Refused(place, error) => {
                let error =
                    new.get(place).map_or_else(|| Error::Contended, |new| duplicate(&ctx, error, &new.resource_type));
                return Err((place, error));
            }
        }
    }
    Err((0, Error::Contended))
}

fn read(ctx: &Context, id: Uuid, task: Task) -> Result<New, Error> {
    let Task { resource_type, action: Action::Create(body), .. } = task else {
        // Only what is made can be named by others.
        return Err(ScimError::invalid_syntax("Only POSTs can need each other.").into());
    };
    // As in `create`.
    let resource_type = ctx.current(&resource_type)?;
    let normalised = normalise(body, &resource_type, &ctx.settings.leniencies)?;
    let Normalised { document, set_aside, detached, warnings, .. } = normalised;
    validate(&document, &resource_type)?;
    let members = resource_type.detached.map(|_| members::exactly(&detached)).transpose()?;
    let members = members.filter(|members| !members.add.is_empty());
    Ok(New { id, resource_type, document, set_aside, members, warnings })
}

/// Members that nobody knows, as the client's profile has it; those that are made here are known.
async fn settle_members(ctx: &Context, new: &mut [New]) -> Result<(), Refused> {
    let made: HashSet<String> = new.iter().map(|new| new.id.to_string()).collect();
    for (place, new) in new.iter_mut().enumerate() {
        let Some(members) = &mut new.members else { continue };
        let others: Vec<String> = members.add.iter().filter(|value| !made.contains(*value)).cloned().collect();
        let unknown = members::unwanted(ctx, &others).await.map_err(|error| (place, error))?;
        members.add.retain(|value| !unknown.contains(value));
    }
    Ok(())
}

/// What is stored of each, in their order.
async fn map(ctx: &Context, new: &[New], stamp: &Stamp) -> Result<Vec<Content>, Refused> {
    let mut mapping = Vec::with_capacity(new.len());
    for (place, new) in new.iter().enumerate() {
        let draft = Draft {
            resource_type: &new.resource_type,
            id: new.id,
            document: new.document.clone(),
            set_aside: new.set_aside.clone(),
            before: None,
        };
        mapping.push(async move { content(ctx, draft, stamp).await.map_err(|error| (place, error)) });
    }
    iter(mapping).buffered(AT_ONCE).try_collect().await
}

/// A group's version counts how its first members came, which only the database knows.
/// All of it is stored: where the version cannot be read any more it is left out, and nothing is told to have failed.
async fn show(ctx: &Context, new: &[New]) -> Vec<Reply> {
    let mut replies = Vec::with_capacity(new.len());
    for New { id, resource_type, members, .. } in new {
        let along = Along { groups: false, changes: true, mapped: false };
        let version = if members.is_some() {
            let read = ctx.store.get(&resource_type.name, *id, along).await;
            read.ok().flatten().map(|stored| stored.version())
        } else {
            Some(1)
        };
        let location = Some(location(ctx, resource_type, id));
        replies.push(Reply { status: 201, location, version, body: None });
    }
    replies
}
