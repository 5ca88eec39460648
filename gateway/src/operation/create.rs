//! POST: makes a resource (RFC 7644 §3.3).

use std::sync::Arc;

use scimgate_scim::normalise::{Normalised, normalise};
use scimgate_scim::projection::Projection;
use scimgate_scim::schema::ResourceType;
use scimgate_scim::schema::validate::validate;
use serde_json::Value;

use super::document::{Draft, content, refit};
use super::reply::{Reply, show};
use super::{ATTEMPTS, Context, Error, members};
use crate::store::insert::Insert;
use crate::store::resource::{MappingState, Stored};
use crate::store::write::Written;

/// Makes a resource of the body and shows it.
///
/// # Errors
/// 400 for a body that is not valid, 409 `uniqueness` for a name in use, and what the mapping refuses.
pub async fn run(
    mut ctx: Context,
    mut resource_type: Arc<ResourceType>,
    body: Value,
    projection: Option<Projection>,
) -> Result<Reply, Error> {
    let Normalised { mut document, mut set_aside, detached, .. } =
        normalise(body, &resource_type, &ctx.settings.leniencies)?;
    validate(&document, &resource_type)?;
    let first_members = resource_type.detached.map(|_| members::exactly(&detached)).transpose()?;
    let first_members = first_members.filter(|members| !members.add.is_empty());
    let id = ctx.gateway.clock.new_id();
    for _ in 0..ATTEMPTS {
        let stamp = ctx.stamp();
        let draft = Draft {
            resource_type: &resource_type,
            id,
            document: document.clone(),
            set_aside: set_aside.clone(),
            before: None,
        };
        let content = content(&ctx, draft, &stamp).await?;
        let new = Insert { resource_type: &resource_type.name, id, content: &content, members: first_members.as_ref() };
        let written = ctx.store.insert(&new, &stamp).await;
        let written = match written {
            Err(crate::store::Error::Conflict { .. }) => continue,
            other => other.map_err(|error| super::duplicate(error, &resource_type))?,
        };
        match written {
            (Written::Lost, _) => {
                ctx = ctx.refreshed().await?;
                (document, set_aside) = refit(&ctx, &mut resource_type, document, set_aside)?;
                validate(&document, &resource_type)?;
            }
            (Written::Done(version), groups) => {
                ctx.gateway.events_waiting.notify_one();
                let mut stored = content.stored(nothing(&resource_type, id, stamp.at), version, stamp.at);
                let mut listed = Vec::new();
                if groups > 0 || first_members.is_some() {
                    // Groups that waited for this one, or members: the database knows which of them there are.
                    let along = members::along(&resource_type, projection.as_ref());
                    stored = ctx.store.get(&resource_type.name, id, along).await?.unwrap_or(stored);
                    listed = members::shown(&ctx, &resource_type, id, projection.as_ref()).await?;
                }
                return show(&ctx, 201, &resource_type, &stored, &listed, projection.as_ref());
            }
        }
    }
    Err(Error::Contended)
}

/// A resource of which nothing is stored yet.
fn nothing(resource_type: &ResourceType, id: uuid::Uuid, at: std::time::SystemTime) -> Stored {
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
