//! POSTs that need each other: all ids are given first, so every document is complete before any is stored, and all are
//! stored in one transaction.

use std::collections::HashSet;

use scimgate_scim::bulk::{Action as Asked, Task};
use scimgate_scim::error::ScimError;
use scimgate_scim::leniency::Warnings;
use scimgate_scim::schema::ResourceType;
use uuid::Uuid;

use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::resource::change::{Change, Outcome, Prepared, Refusal};
use crate::operation::resource::new::New;
use crate::operation::resource::record::Action;
use crate::operation::resource::reply::{Reply, location};
use crate::operation::resource::{members, write};
use crate::store;
use crate::store::resource::read::ReadOptions;

/// Why nothing was created, and the index of the POST that caused it.
type Refused = (usize, Error);

/// Creates all resources, with these ids, or none. After a refused trial the caller runs the POSTs one by one, so the refusal
/// is not recorded.
pub(super) async fn run(mut ctx: Context, tasks: Vec<(Uuid, Task)>, is_trial: bool) -> Result<Vec<Reply>, Refused> {
    let Some(resource_type) = tasks.first().map(|(_, task)| task.resource_type.clone()) else { return Ok(Vec::new()) };
    let mut batch =
        Batch { resource_type, tasks, posts: Vec::new(), resolved: false, culprit: 0, is_trial, warnings: Vec::new() };
    match write::run(&mut ctx, &mut batch).await {
        Ok(Outcome::Saved(_)) => Ok(show(&ctx, &batch.posts).await),
        Ok(_) => Err((0, Error::Contended)),
        Err(error) => Err((batch.culprit, error)),
    }
}

struct Batch {
    /// The type of the first resource, for a record that names no other.
    resource_type: std::sync::Arc<ResourceType>,
    tasks: Vec<(Uuid, Task)>,
    posts: Vec<(Uuid, New)>,
    /// Whether the members have been checked for values that name no resource.
    resolved: bool,
    /// The index of the POST because of which all are refused.
    culprit: usize,
    is_trial: bool,
    /// The warnings of each POST.
    warnings: Vec<Warnings>,
}

impl Change for Batch {
    fn action(&self) -> Action {
        Action::Create
    }

    fn subject(&self) -> (&ResourceType, Option<Uuid>) {
        let culprit = self.posts.get(self.culprit).map_or(&self.resource_type, |(_, new)| &new.resource_type);
        (culprit, None)
    }

    fn read(&mut self, ctx: &Context) -> Result<(), Error> {
        for (index, (id, task)) in std::mem::take(&mut self.tasks).into_iter().enumerate() {
            self.culprit = index;
            let Task { resource_type, action: Asked::Create(body), .. } = task else {
                // Only a POST has a bulkId that other operations can refer to.
                return Err(ScimError::invalid_syntax("Only POSTs can need each other.").into());
            };
            let mut warnings = Warnings::default();
            self.posts.push((id, New::read(ctx, &resource_type, body, &mut warnings)?));
            self.warnings.push(warnings);
        }
        self.culprit = 0;
        Ok(())
    }

    async fn prepare(&mut self, ctx: &Context) -> Result<Prepared, Error> {
        if !self.resolved {
            self.resolve_members(ctx).await?;
            self.resolved = true;
        }
        for (index, (_, new)) in self.posts.iter_mut().enumerate() {
            self.culprit = index;
            new.fit(ctx)?;
        }
        self.culprit = 0;
        Ok(Prepared::Write(self.posts.iter().map(|(id, new)| new.insert(*id)).collect()))
    }

    fn recover(&mut self, index: usize, refusal: Refusal) -> Result<(), Error> {
        self.culprit = index;
        Err(refusal.into())
    }

    fn warnings(&self, index: usize) -> Warnings {
        // After a refusal those of the culprit; until then it is the first.
        self.warnings.get(index.max(self.culprit)).cloned().unwrap_or_default()
    }

    fn is_final(&self, error: &Error) -> bool {
        !self.is_trial || matches!(error, Error::Store(store::Error::Unavailable { .. }))
    }
}

impl Batch {
    /// Handles member values that name no resource, by the client's profile. Ids that this batch creates do name one.
    async fn resolve_members(&mut self, ctx: &Context) -> Result<(), Error> {
        let created: HashSet<String> = self.posts.iter().map(|(id, _)| id.to_string()).collect();
        for (index, ((_, new), warnings)) in self.posts.iter_mut().zip(&mut self.warnings).enumerate() {
            self.culprit = index;
            let Some(members) = &mut new.members else { continue };
            let others: Vec<String> = members.add.iter().filter(|value| !created.contains(*value)).cloned().collect();
            let unwanted = members::unwanted(ctx, &others, warnings).await?;
            members.add.retain(|value| !unwanted.contains(value));
        }
        Ok(())
    }
}

/// The replies. A group's version counts its first members, so it is read back. Everything is committed by now, so where the
/// version cannot be read the reply leaves it out rather than fail.
async fn show(ctx: &Context, posts: &[(Uuid, New)]) -> Vec<Reply> {
    let mut replies = Vec::with_capacity(posts.len());
    for (id, New { resource_type, members, .. }) in posts {
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
