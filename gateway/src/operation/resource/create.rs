//! POST: creates a resource (RFC 7644 §3.3).

use std::sync::Arc;

use scimgate_scim::leniency::Warnings;
use scimgate_scim::projection::{Projection, Specified};
use scimgate_scim::schema::ResourceType;
use serde_json::Value;
use uuid::Uuid;

use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::resource::change::{Change, Prepared, Refusal};
use crate::operation::resource::new::New;
use crate::operation::resource::record::Action;
use crate::operation::resource::reply::{Reply, show};
use crate::operation::resource::restore::{self, CreateConflict};
use crate::operation::resource::{members, write};
use crate::store::resource::read::ReadOptions;

/// Creates a resource of the body and shows it; or restores the one that it means, where the client's profile says so.
///
/// # Errors
/// 400 for a body that is not valid, 409 `uniqueness` for a name in use, and what the mapping refuses.
pub async fn run(
    mut ctx: Context,
    resource_type: Arc<ResourceType>,
    body: Value,
    projection: Option<Projection>,
) -> Result<Reply, Error> {
    let projection = projection.map(|it| it.after_write(Specified::Everything));
    let mut create = Create {
        id: ctx.gateway.clock.new_id(),
        options: members::read_options(&resource_type, projection.as_ref()),
        resource_type,
        body,
        new: None,
        resolved: false,
        refusal: None,
        meant: None,
        warnings: Warnings::default(),
    };
    let (stored, joined) = write::run(&mut ctx, &mut create).await?.into_stored();
    let stored = stored.ok_or(Error::Contended)?;
    let resource_type = &create.resource_type;
    let has_members = create.meant.is_none() && create.new.is_some_and(|new| new.members.is_some());
    if joined == 0 && !has_members {
        return show(&ctx, 201, resource_type, &stored, &[], projection.as_ref());
    }
    // Groups that had a pending reference to this one, or first members: only the database knows which of them there are.
    let stored = ctx.store.get(&resource_type.name, stored.id, create.options).await?.unwrap_or(stored);
    let listed = members::shown(&ctx, resource_type, stored.id, projection.as_ref()).await?;
    show(&ctx, 201, resource_type, &stored, &listed, projection.as_ref())
}

struct Create {
    id: Uuid,
    resource_type: Arc<ResourceType>,
    body: Value,
    options: ReadOptions,
    new: Option<New>,
    /// Whether members that name no resource have been looked for.
    resolved: bool,
    /// The unique index has refused it.
    refusal: Option<Error>,
    /// The leniencies by which the request means a resource that exists or existed.
    meant: Option<Warnings>,
    warnings: Warnings,
}

impl Change for Create {
    fn action(&self) -> Action {
        Action::Create
    }

    fn subject(&self) -> (&ResourceType, Option<Uuid>) {
        (&self.resource_type, None)
    }

    fn read(&mut self, ctx: &Context) -> Result<(), Error> {
        let new = New::read(ctx, &self.resource_type, self.body.take(), &mut self.warnings)?;
        self.resource_type = Arc::clone(&new.resource_type);
        self.new = Some(new);
        Ok(())
    }

    async fn prepare(&mut self, ctx: &Context) -> Result<Prepared, Error> {
        let Some(new) = &mut self.new else { return Err(Error::Contended) };
        if !self.resolved {
            new.members = members::resolve_unknown(ctx, new.members.take(), &mut self.warnings).await?;
            self.resolved = true;
        }
        new.fit(ctx)?;
        self.resource_type = Arc::clone(&new.resource_type);
        self.meant = None;
        // Whose the name is, and whether this request means that resource, matters only after the unique index has refused.
        if let Some(refusal) = self.refusal.take() {
            return match restore::resolve_conflict(ctx, new, self.options).await? {
                CreateConflict::Repeated(stored, used) => {
                    self.meant = Some(used);
                    Ok(Prepared::Unchanged(stored))
                }
                CreateConflict::Deactivated(write, used) => {
                    self.meant = Some(used);
                    Ok(Prepared::Write(vec![*write]))
                }
                CreateConflict::Unrelated => Err(refusal),
            };
        }
        if let Some((write, used)) = restore::deleted(ctx, new).await? {
            self.meant = Some(used);
            return Ok(Prepared::Write(vec![write]));
        }
        Ok(Prepared::Write(vec![new.insert(self.id)]))
    }

    fn recover(&mut self, _place: usize, refusal: Refusal) -> Result<(), Error> {
        match refusal {
            Refusal::Taken(error) if self.meant.is_none() => {
                self.refusal = Some(error);
                Ok(())
            }
            refusal => Err(refusal.into()),
        }
    }

    fn warnings(&self, _place: usize) -> Warnings {
        let mut warnings = self.warnings.clone();
        warnings.extend(self.meant.clone().unwrap_or_default());
        warnings
    }
}
