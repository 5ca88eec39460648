//! PUT: replaces a resource (RFC 7644 §3.5.1).

use std::sync::Arc;

use scimgate_scim::error::ScimError;
use scimgate_scim::etag::Condition;
use scimgate_scim::leniency::{Choice, Warnings};
use scimgate_scim::normalise::{Normalised, normalise, omitted};
use scimgate_scim::projection::{Projection, Specified};
use scimgate_scim::schema::ResourceType;
use scimgate_scim::schema::validate::{check_immutable, validate};
use scimgate_scim::unknown::{UnknownAttributes, keep_omitted};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::resource::change::{Base, Change, MembersWrite, Prepared, Refusal, Write};
use crate::operation::resource::document::{parse, parse_unknown, refit};
use crate::operation::resource::get::{find, parse_id};
use crate::operation::resource::record::Action;
use crate::operation::resource::reply::{Reply, check_match, show};
use crate::operation::resource::start::Start;
use crate::operation::resource::{members, write};
use crate::store::membership::Members;
use crate::store::resource::read::{ReadOptions, Stored};

/// Replaces a resource by the body and shows it.
///
/// # Errors
/// 404 where there is none, 412 where `If-Match` does not hold, else as for POST.
pub async fn run(
    mut ctx: Context,
    resource_type: Arc<ResourceType>,
    id: &str,
    body: Value,
    if_match: Option<Condition>,
    projection: Option<Projection>,
) -> Result<Reply, Error> {
    let projection = projection.map(|it| it.after_write(Specified::Everything));
    let options = members::read_options(&resource_type, projection.as_ref());
    let mut replace = Replace {
        id: parse_id(id),
        written_id: id,
        resource_type,
        body,
        if_match,
        options,
        parsed: None,
        start: Start::default(),
        warnings: Warnings::default(),
        dropped: Warnings::default(),
    };
    let (stored, joined) = write::run(&mut ctx, &mut replace).await?.into_stored();
    let stored = stored.ok_or(Error::Contended)?;
    let resource_type = &replace.resource_type;
    // Concurrent member changes count for the version, and are not in the row that was written: read it again.
    let is_read = joined > 0 || resource_type.detached.is_some();
    let read = if is_read { ctx.store.get(&resource_type.name, stored.id, options).await? } else { None };
    let stored = read.unwrap_or(stored);
    let listed = members::shown_after_write(&ctx, resource_type, stored.id, projection.as_ref()).await?;
    show(&ctx, 200, resource_type, &stored, &listed, projection.as_ref())
}

struct Replace<'a> {
    id: Option<Uuid>,
    written_id: &'a str,
    resource_type: Arc<ResourceType>,
    body: Value,
    if_match: Option<Condition>,
    options: ReadOptions,
    parsed: Option<ParsedBody>,
    start: Start,
    warnings: Warnings,
    /// Unknown attributes that the last attempt dropped, since there are too many.
    dropped: Warnings,
}

/// The parsed body.
struct ParsedBody {
    document: Arc<Map<String, Value>>,
    unknown: UnknownAttributes,
    members: Option<Members>,
    /// Whether the members have been checked for values that name no resource.
    resolved: bool,
    /// Attributes that the body names without a value.
    cleared: Vec<String>,
    /// The type by which the document was validated. None where the profile keeps what the body omits: the document is then
    /// complete only after the stored one was read.
    validated_by: Option<Arc<ResourceType>>,
}

impl Change for Replace<'_> {
    fn action(&self) -> Action {
        Action::Replace
    }

    fn subject(&self) -> (&ResourceType, Option<Uuid>) {
        (&self.resource_type, self.id)
    }

    fn read(&mut self, ctx: &Context) -> Result<(), Error> {
        self.id.ok_or_else(|| ScimError::not_found(&self.resource_type.name, self.written_id))?;
        self.resource_type = ctx.current(&self.resource_type)?;
        let resource_type = &self.resource_type;
        // RFC 7644 §3.5.1 clears what the body omits. Clients rename a group by a PUT without its members.
        let leniencies = &ctx.settings.leniencies;
        let keeps_members = leniencies.chooses(Choice::PutKeepsMembers) || leniencies.chooses(Choice::PutKeepsOmitted);
        let writes_members = resource_type.detached.is_some_and(|name| !keeps_members || mentions(&self.body, name));
        let normalised = normalise(self.body.take(), resource_type, &ctx.settings.leniencies)?;
        let Normalised { document, unknown, cleared, detached, warnings } = normalised;
        self.warnings = warnings;
        let keeps = ctx.settings.leniencies.chooses(Choice::PutKeepsOmitted);
        if !keeps {
            validate(&document, resource_type)?;
        }
        let validated_by = (!keeps).then(|| Arc::clone(resource_type));
        let members = writes_members.then(|| members::replace_with(&detached)).transpose()?;
        let document = Arc::new(document);
        self.parsed = Some(ParsedBody { document, unknown, members, resolved: false, cleared, validated_by });
        Ok(())
    }

    fn locks(&self) -> Option<Uuid> {
        self.id
    }

    async fn prepare(&mut self, ctx: &Context) -> Result<Prepared, Error> {
        let (Some(id), Some(body)) = (self.id, &mut self.parsed) else { return Err(Error::Contended) };
        if !body.resolved {
            body.members = members::resolve_unknown(ctx, body.members.take(), &mut self.warnings).await?;
            body.resolved = true;
        }
        body.fit(ctx, &mut self.resource_type)?;
        if let Some(recent) = self.start.recent(ctx, &self.resource_type, id).await {
            let prepared = self.change(ctx, recent, self.options.groups);
            if let Some(write) = self.start.tried(prepared) {
                return Ok(write);
            }
        }
        let before = find(ctx, &self.resource_type, id, ReadOptions { mapped: true, ..self.options }).await?;
        self.change(ctx, before, false)
    }

    fn recover(&mut self, _place: usize, refusal: Refusal) -> Result<(), Error> {
        if self.start.was_recent() { Ok(()) } else { Err(refusal.into()) }
    }

    fn warnings(&self, _place: usize) -> Warnings {
        let mut warnings = self.warnings.clone();
        warnings.extend(self.dropped.clone());
        warnings
    }
}

impl Replace<'_> {
    /// Puts the body on the row. With `reads_groups` the row is without its groups, which the reply shows.
    fn change(&mut self, ctx: &Context, before: Stored, reads_groups: bool) -> Result<Prepared, Error> {
        let Some(body) = &self.parsed else { return Err(Error::Contended) };
        let (id, resource_type) = (before.id, &self.resource_type);
        check_match(self.if_match.as_ref(), &before)?;
        let old = parse("source", &before.source)?;
        let kept = parse_unknown(&before)?;
        let (document, unknown, dropped) = body.onto(ctx, &old, &kept, resource_type)?;
        self.dropped = dropped;
        check_immutable(&old, &document, resource_type)?;
        let is_same = old == *document && kept == unknown;
        if is_same && self.if_match.is_none() && before.mapping_state.is_mapped() {
            return Ok(match &body.members {
                None => Prepared::Unchanged(before),
                Some(members) => {
                    Prepared::Members(MembersWrite { id, members: members.clone(), group: Some(before), unknown: None })
                }
            });
        }
        Ok(Prepared::Write(vec![Write {
            resource_type: Arc::clone(resource_type),
            id,
            document,
            unknown,
            validated_by: body.validated_by.clone(),
            members: body.members.clone(),
            base: Base::Living { before, document: old, guards_members: self.if_match.is_some(), reads_groups },
        }]))
    }
}

/// A document, its unknown attributes, and those that were dropped.
type Merged = (Arc<Map<String, Value>>, UnknownAttributes, Warnings);

impl ParsedBody {
    /// Converts the body to the current schemas.
    fn fit(&mut self, ctx: &Context, resource_type: &mut Arc<ResourceType>) -> Result<(), Error> {
        refit(ctx, resource_type, &mut self.document, &mut self.unknown)
    }

    /// The document and the unknown attributes, given what is stored now. Unknown attributes that the body omits stay in any
    /// case, since GET does not show them.
    fn onto(
        &self,
        ctx: &Context,
        old: &Map<String, Value>,
        kept: &UnknownAttributes,
        resource_type: &ResourceType,
    ) -> Result<Merged, ScimError> {
        let (mut document, mut unknown) = (Arc::clone(&self.document), self.unknown.clone());
        let leniencies = &ctx.settings.leniencies;
        let dropped = keep_omitted(&mut unknown, kept, &document, &self.cleared, resource_type, leniencies)?;
        if self.validated_by.is_none() {
            omitted::keep(old, Arc::make_mut(&mut document), &self.cleared, resource_type);
            validate(&*document, resource_type)?;
        }
        Ok((document, unknown, dropped))
    }
}

fn mentions(body: &Value, name: &str) -> bool {
    let is_named = |key: &str| key.rsplit(':').next().is_some_and(|last| last.eq_ignore_ascii_case(name));
    let names = |object: &Map<String, Value>| object.keys().any(|key| is_named(key));
    // As it is, with the schema's URN in front, or in an object under that.
    let nested = |value: &Value| value.as_object().is_some_and(names);
    body.as_object().is_some_and(|object| names(object) || object.values().any(nested))
}
