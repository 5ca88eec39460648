//! PATCH: changes a resource (RFC 7644 §3.5.2).

use std::sync::Arc;

use scimgate_scim::error::ScimError;
use scimgate_scim::etag::Condition;
use scimgate_scim::leniency::Warnings;
use scimgate_scim::patch::{self, Patched};
use scimgate_scim::projection::{Projection, Specified};
use scimgate_scim::schema::ResourceType;
use scimgate_scim::unknown::{Reconciled, UnknownAttributes, reconcile};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::resource::change::{Base, Change, MembersWrite, Prepared, Refusal, Write};
use crate::operation::resource::document::{parse, parse_unknown, refit};
use crate::operation::resource::get::{find, parse_id};
use crate::operation::resource::record::Action;
use crate::operation::resource::reply::{Reply, check_match, location, show};
use crate::operation::resource::start::Start;
use crate::operation::resource::{members, write};
use crate::store::resource::read::{ReadOptions, Stored};

/// Applies the operations, all or none. The reply shows a user; a group only where the request names attributes, or where
/// the group is small and the client's profile wants it, because showing it loads its members.
///
/// # Errors
/// 404 where there is none, 412 where `If-Match` does not hold, and what the operations or the mapping refuse.
pub async fn run(
    mut ctx: Context,
    resource_type: Arc<ResourceType>,
    id: &str,
    body: Value,
    if_match: Option<Condition>,
    projection: Option<Projection>,
) -> Result<Reply, Error> {
    let options = members::read_options(&resource_type, projection.as_ref());
    let mut patch = Patch {
        id: parse_id(id),
        written_id: id,
        resource_type,
        body,
        if_match,
        projection,
        options,
        request: None,
        reconciles: true,
        has_reconciled: false,
        start: Start::default(),
        warnings: Warnings::default(),
    };
    let (stored, joined) = write::run(&mut ctx, &mut patch).await?.into_stored();
    reply(&ctx, patch, stored, joined).await
}

async fn reply(ctx: &Context, patch: Patch<'_>, stored: Option<Stored>, joined: i64) -> Result<Reply, Error> {
    let Patch { id, resource_type, projection, options, .. } = patch;
    let id = id.ok_or(Error::Contended)?;
    let done = || Reply { location: Some(location(ctx, &resource_type, &id)), ..Reply::no_content() };
    let is_requested = projection.as_ref().is_some_and(Projection::is_requested);
    if resource_type.detached.is_some() && !is_requested && !members::may_be_shown(ctx, id).await? {
        return Ok(done());
    }
    let stored = match stored.filter(|_| resource_type.detached.is_none() && joined == 0) {
        Some(stored) => stored,
        // Concurrent member changes count for the version, and are not in the row that was written: read it again.
        None => match ctx.store.get(&resource_type.name, id, options).await? {
            Some(stored) => stored,
            // Deleted by a concurrent request after this one's write.
            None => return Ok(done()),
        },
    };
    let listed = members::shown_after_write(ctx, &resource_type, id, projection.as_ref()).await?;
    show(ctx, 200, &resource_type, &stored, &listed, projection.as_ref())
}

struct Patch<'a> {
    id: Option<Uuid>,
    written_id: &'a str,
    resource_type: Arc<ResourceType>,
    body: Value,
    if_match: Option<Condition>,
    projection: Option<Projection>,
    options: ReadOptions,
    request: Option<patch::Patch>,
    /// Whether to reconcile unknown attributes that a schema defines by now. Switched off where the document would be refused
    /// with them, because the client did not send them with this request.
    reconciles: bool,
    has_reconciled: bool,
    start: Start,
    warnings: Warnings,
}

impl Change for Patch<'_> {
    fn action(&self) -> Action {
        Action::Patch
    }

    fn subject(&self) -> (&ResourceType, Option<Uuid>) {
        (&self.resource_type, self.id)
    }

    fn read(&mut self, ctx: &Context) -> Result<(), Error> {
        self.id.ok_or_else(|| ScimError::not_found(&self.resource_type.name, self.written_id))?;
        let patch = patch::Patch::parse(self.body.take(), &self.resource_type, &ctx.settings.leniencies)?;
        self.projection = self.projection.take().map(|it| it.after_write(Specified::Attributes(patch.specified())));
        self.options = members::read_options(&self.resource_type, self.projection.as_ref());
        self.request = Some(patch);
        Ok(())
    }

    fn locks(&self) -> Option<Uuid> {
        self.id.filter(|_| !self.changes_members_alone())
    }

    async fn prepare(&mut self, ctx: &Context) -> Result<Prepared, Error> {
        let (Some(id), Some(patch)) = (self.id, self.request.clone()) else { return Err(Error::Contended) };
        if self.changes_members_alone() {
            return self.members_alone(ctx, id, patch).await;
        }
        if let Some(recent) = self.start.recent(ctx, &self.resource_type, id).await {
            ctx.compute(recent.bytes().saturating_mul(patch.step_count())).await;
            let prepared = self.change(ctx, recent, patch.clone(), self.options.groups).await;
            if let Some(write) = self.start.tried(prepared) {
                return Ok(write);
            }
        }
        let before = find(ctx, &self.resource_type, id, ReadOptions { mapped: true, ..self.options }).await?;
        ctx.compute(before.bytes().saturating_mul(patch.step_count())).await;
        self.change(ctx, before, patch, false).await
    }

    fn recover(&mut self, _place: usize, refusal: Refusal) -> Result<(), Error> {
        let error = refusal.into();
        if !matches!(error, Error::Scim(_) | Error::Mapping(_)) {
            return Err(error);
        }
        if self.start.was_recent() {
            return Ok(());
        }
        if self.has_reconciled {
            self.reconciles = false;
            return Ok(());
        }
        Err(error)
    }

    fn warnings(&self, _place: usize) -> Warnings {
        self.warnings.clone()
    }
}

impl Patch<'_> {
    /// Applies the request to the row. With `reads_groups` the row is without its groups, which the reply shows.
    async fn change(
        &mut self,
        ctx: &Context,
        before: Stored,
        patch: patch::Patch,
        reads_groups: bool,
    ) -> Result<Prepared, Error> {
        let resource_type = &self.resource_type;
        check_match(self.if_match.as_ref(), &before)?;
        let old = parse("source", &before.source)?;
        let kept = parse_unknown(&before)?;
        let reconciled = self.reconciled(ctx, &old, &kept)?;
        self.has_reconciled = reconciled.is_some();
        let (document, unknown) = reconciled.as_ref().map_or((&old, &kept), |it| (&it.document, &it.unknown));
        let patch = by_current_schemas(ctx, resource_type, patch)?;
        let leniencies = &ctx.settings.leniencies;
        let patched = patch.apply(document, unknown, resource_type, leniencies)?;
        let Patched { document, mut unknown, members, warnings, changed, .. } = patched;
        self.warnings = warnings;
        if !changed && !self.has_reconciled && members.is_empty() && before.mapping_state.is_mapped() {
            return Ok(Prepared::Unchanged(before));
        }
        let mut now = Arc::clone(resource_type);
        let mut document = Arc::new(document);
        refit(ctx, &mut now, &mut document, &mut unknown)?;
        let members = (!members.is_empty()).then(|| members::from_delta(&members)).transpose()?;
        let members = members::resolve_unknown(ctx, members, &mut self.warnings).await?;
        Ok(Prepared::Write(vec![Write {
            resource_type: now,
            id: before.id,
            document,
            unknown,
            validated_by: None,
            members,
            base: Base::Living { before, document: old, guards_members: self.if_match.is_some(), reads_groups },
        }]))
    }

    /// The stored document after reconciling the unknown attributes that a schema defines by now; none where it stays.
    fn reconciled(
        &self,
        ctx: &Context,
        old: &Map<String, Value>,
        kept: &UnknownAttributes,
    ) -> Result<Option<Reconciled>, Error> {
        if kept.is_empty() || !self.reconciles {
            return Ok(None);
        }
        let now = ctx.current(&self.resource_type)?;
        let reconciled = reconcile(old.clone(), kept.clone(), &now, &ctx.settings.leniencies, &|_| Ok(()));
        Ok(Some(reconciled).filter(|reconciled| reconciled.changed))
    }

    /// Whether the group's document need not be read: the cost is then that of the changed members, not of the group.
    fn changes_members_alone(&self) -> bool {
        self.if_match.is_none() && self.request.as_ref().is_some_and(patch::Patch::touches_only_members)
    }

    async fn members_alone(&mut self, ctx: &Context, id: Uuid, patch: patch::Patch) -> Result<Prepared, Error> {
        let patched =
            patch.apply(&Map::new(), &UnknownAttributes::default(), &self.resource_type, &ctx.settings.leniencies)?;
        self.warnings = patched.warnings;
        let members = members::from_delta(&patched.members)?;
        let members = members::resolve_unknown_in_change(ctx, members, &mut self.warnings).await?;
        let unknown = Some(members::unknown_member_policy(&members));
        Ok(Prepared::Members(MembersWrite { id, members, group: None, unknown }))
    }
}

/// The request under the current schemas, which may define attributes that were unknown when it was parsed.
fn by_current_schemas(
    ctx: &Context,
    resource_type: &Arc<ResourceType>,
    patch: patch::Patch,
) -> Result<patch::Patch, Error> {
    let now = ctx.current(resource_type)?;
    if Arc::ptr_eq(&now, resource_type) {
        return Ok(patch);
    }
    Ok(patch.reinterpret(&now, &ctx.settings.leniencies)?)
}
