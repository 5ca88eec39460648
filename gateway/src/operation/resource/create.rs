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

/// Creates a resource and returns it. By the client's profile a POST can instead repeat, reactivate or restore a resource
/// that exists or existed (`restore.rs`).
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
        name: body.get(&resource_type.name_attribute).and_then(Value::as_str).map(str::to_owned),
        resource_type,
        body,
        new: None,
        resolved: false,
        refusal: None,
        existing: None,
        warnings: Warnings::default(),
    };
    let (stored, joined) = write::run(&mut ctx, &mut create).await?.into_stored();
    let stored = stored.ok_or(Error::Contended)?;
    let resource_type = &create.resource_type;
    let has_members = create.existing.is_none() && create.new.is_some_and(|new| new.members.is_some());
    if joined == 0 && !has_members {
        return show(&ctx, 201, resource_type, &stored, &[], projection.as_ref());
    }
    // The database resolved pending references to this resource, or a new group's first members: read what it stored.
    let stored = ctx.store.get(&resource_type.name, stored.id, create.options).await?.unwrap_or(stored);
    let listed = members::shown_after_write(&ctx, resource_type, stored.id, projection.as_ref()).await?;
    show(&ctx, 201, resource_type, &stored, &listed, projection.as_ref())
}

struct Create {
    id: Uuid,
    resource_type: Arc<ResourceType>,
    body: Value,
    /// What names the resource, in the spelling of the schema.
    name: Option<String>,
    options: ReadOptions,
    new: Option<New>,
    /// Whether the members have been checked for values that name no resource.
    resolved: bool,
    /// The refusal of the unique index, until the conflict is resolved.
    refusal: Option<Error>,
    /// The leniencies used, where the request is about a resource that exists or existed.
    existing: Option<Warnings>,
    warnings: Warnings,
}

impl Change for Create {
    fn action(&self) -> Action {
        Action::Create
    }

    fn subject(&self) -> (&ResourceType, Option<Uuid>) {
        (&self.resource_type, None)
    }

    fn name(&self) -> Option<&str> {
        self.name.as_deref()
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
        self.existing = None;
        // The resource that has the name is looked up only where the unique index refused the insert.
        if let Some(refusal) = self.refusal.take() {
            return match restore::resolve_conflict(ctx, new, self.options).await? {
                CreateConflict::Repeated(stored, used) => {
                    self.existing = Some(used);
                    Ok(Prepared::Unchanged(stored))
                }
                CreateConflict::Deactivated(write, used) => {
                    self.existing = Some(used);
                    Ok(Prepared::Write(vec![*write]))
                }
                CreateConflict::Unrelated => Err(refusal),
            };
        }
        if let Some((write, used)) = restore::deleted(ctx, new).await? {
            self.existing = Some(used);
            return Ok(Prepared::Write(vec![write]));
        }
        Ok(Prepared::Write(vec![new.insert(self.id)]))
    }

    fn recover(&mut self, _place: usize, refusal: Refusal) -> Result<(), Error> {
        match refusal {
            Refusal::Taken(error) if self.existing.is_none() => {
                self.refusal = Some(error);
                Ok(())
            }
            refusal => Err(refusal.into()),
        }
    }

    fn warnings(&self, _place: usize) -> Warnings {
        let mut warnings = self.warnings.clone();
        warnings.extend(self.existing.clone().unwrap_or_default());
        warnings
    }
}
