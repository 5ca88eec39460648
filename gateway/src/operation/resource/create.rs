//! POST: makes a resource (RFC 7644 §3.3).

use std::sync::Arc;

use scimgate_scim::normalise::{Normalised, normalise};
use scimgate_scim::projection::{Projection, Specified};
use scimgate_scim::schema::ResourceType;
use scimgate_scim::schema::validate::validate;
use serde_json::Value;
use uuid::Uuid;

use crate::operation::ATTEMPTS;
use crate::operation::Context;
use crate::operation::Error;
use crate::operation::resource::document::{Draft, content};
use crate::operation::resource::members;
use crate::operation::resource::new::New;
use crate::operation::resource::reply::{Reply, show};
use crate::operation::resource::restore::{self, CreateConflict};
use crate::store::resource::insert::Insert;
use crate::store::resource::read::MappingState;
use crate::store::resource::read::Stored;
use crate::store::resource::update::Written;

/// Makes a resource of the body and shows it; or restores the one that it means, where the client's profile says so.
///
/// # Errors
/// 400 for a body that is not valid, 409 `uniqueness` for a name in use, and what the mapping refuses.
pub async fn run(
    mut ctx: Context,
    resource_type: Arc<ResourceType>,
    body: Value,
    projection: Option<Projection>,
) -> Result<Reply, Error> {
    // The settings may be newer than the address was read by, and the write is checked against theirs.
    let resource_type = ctx.current(&resource_type)?;
    let normalised = normalise(body, &resource_type, &ctx.settings.leniencies)?;
    ctx.record_leniencies(&normalised.warnings);
    let Normalised { document, unknown, cleared, detached, .. } = normalised;
    validate(&document, &resource_type)?;
    let members = resource_type.detached.map(|_| members::replace_with(&detached)).transpose()?;
    let members = members::resolve_unknown(&ctx, members.filter(|members| !members.add.is_empty())).await?;
    let id = ctx.gateway.clock.new_id();
    let projection = projection.map(|it| it.after_write(Specified::Everything));
    let mut new = New { resource_type, document, unknown, cleared, members, projection };
    for _ in 0..ATTEMPTS {
        match restore::deleted(&ctx, &new).await? {
            CreateConflict::Answered(reply) => return Ok(reply),
            CreateConflict::Other => {}
            CreateConflict::Changed => {
                new.refresh(&mut ctx).await?;
                continue;
            }
        }
        match insert(&ctx, &new, id).await? {
            InsertOutcome::Made(reply) => return Ok(reply),
            InsertOutcome::Again => {}
            InsertOutcome::Lost => new.refresh(&mut ctx).await?,
            // The unique index has decided. Who has the name, and whether this is meant by it, is looked at only now.
            InsertOutcome::Taken(refusal) => match restore::meet(&ctx, &new).await? {
                CreateConflict::Answered(reply) => return Ok(reply),
                CreateConflict::Other => return Err(refusal),
                CreateConflict::Changed => new.refresh(&mut ctx).await?,
            },
        }
    }
    Err(Error::Contended)
}

/// What came of one attempt.
enum InsertOutcome {
    Made(Reply),
    /// The mapping or the schemas are others now.
    Lost,
    /// A deadlock was resolved against this one.
    Again,
    /// A unique value is in use.
    Taken(Error),
}

async fn insert(ctx: &Context, new: &New, id: Uuid) -> Result<InsertOutcome, Error> {
    let New { resource_type, document, unknown, members: first_members, projection, .. } = new;
    let stamp = ctx.stamp();
    let draft = Draft { resource_type, id, document: document.clone(), unknown: unknown.clone(), before: None };
    let content = content(ctx, draft, &stamp).await?;
    let row = Insert { resource_type: &resource_type.name, id, content: &content, members: first_members.as_ref() };
    let (version, groups) = match ctx.store.insert(&row, &stamp).await {
        Ok((Written::Done(version), groups)) => (version, groups),
        Ok((Written::Lost, _)) => return Ok(InsertOutcome::Lost),
        Err(crate::store::Error::Conflict { .. }) => return Ok(InsertOutcome::Again),
        Err(error @ crate::store::Error::Duplicate { .. }) => {
            return Ok(InsertOutcome::Taken(crate::operation::duplicate(ctx, error, resource_type)));
        }
        Err(error) => return Err(error.into()),
    };
    ctx.gateway.events_waiting.notify_one();
    let mut stored = content.stored(nothing(resource_type, id, stamp.at), version, stamp.at);
    let mut listed = Vec::new();
    if groups > 0 || first_members.is_some() {
        // Groups that waited for this one, or members: the database knows which of them there are.
        let options = members::read_options(resource_type, projection.as_ref());
        stored = ctx.store.get(&resource_type.name, id, options).await?.unwrap_or(stored);
        listed = members::shown(ctx, resource_type, id, projection.as_ref()).await?;
    }
    show(ctx, 201, resource_type, &stored, &listed, projection.as_ref()).map(InsertOutcome::Made)
}

/// A resource of which nothing is stored yet.
fn nothing(resource_type: &ResourceType, id: Uuid, at: std::time::SystemTime) -> Stored {
    Stored {
        id,
        resource_type: resource_type.name.clone(),
        source: String::new(),
        set_aside: None,
        mapped: None,
        mapping_state: MappingState::Never,
        own_version: 0,
        member_changes: 0,
        created_at: at,
        modified_at: at,
        groups: Vec::new(),
    }
}
