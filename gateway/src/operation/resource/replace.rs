//! PUT: replaces a resource (RFC 7644 §3.5.1).

use std::sync::Arc;

use scimgate_scim::error::ScimError;
use scimgate_scim::etag::Condition;
use scimgate_scim::leniency::Choice;
use scimgate_scim::normalise::{Normalised, normalise, omitted};
use scimgate_scim::projection::{Projection, Specified};
use scimgate_scim::schema::ResourceType;
use scimgate_scim::schema::validate::{check_immutable, validate};
use scimgate_scim::unknown::{UnknownAttributes, keep_omitted};
use serde_json::{Map, Value};

use crate::operation::ATTEMPTS;
use crate::operation::Context;
use crate::operation::Error;
use crate::operation::Target;
use crate::operation::resource::document::{Draft, Fitted, content, parse, parse_unknown, refit};
use crate::operation::resource::members;
use crate::operation::resource::reply::{Reply, show};
use crate::store::membership::Members;
use crate::store::resource::read::ReadOptions;
use crate::store::resource::read::Stored;
use crate::store::resource::update::Update;
use crate::store::resource::update::Written;

/// Replaces a resource by the body and shows it.
///
/// # Errors
/// 404 where there is none, 412 where `If-Match` does not hold, else as for POST.
pub async fn run(
    ctx: Context,
    resource_type: Arc<ResourceType>,
    id: &str,
    body: Value,
    if_match: Option<Condition>,
    projection: Option<Projection>,
) -> Result<Reply, Error> {
    // As in `create`.
    let resource_type = ctx.current(&resource_type)?;
    let projection = projection.map(|it| it.after_write(Specified::Everything));
    let key = crate::operation::resource::get::parse_id(&resource_type, id)?;
    // A group's members are left alone by a body that does not mention them: who sends a name means the name.
    let mentions_members = resource_type.detached.is_some_and(|name| mentions(&body, name));
    let normalised = normalise(body, &resource_type, &ctx.settings.leniencies)?;
    ctx.record_leniencies(&normalised.warnings);
    let Normalised { document, unknown, cleared, detached, .. } = normalised;
    let keeps = ctx.settings.leniencies.chooses(Choice::PutKeepsOmitted);
    if !keeps {
        validate(&document, &resource_type)?;
    }
    let members = mentions_members.then(|| members::replace_with(&detached)).transpose()?;
    let members = members::resolve_unknown(&ctx, members).await?;
    let change = Change { document, unknown, members, cleared, keeps };
    let options = members::read_options(&resource_type, projection.as_ref());
    let target = Target { resource_type: &resource_type, id: key, options };
    let mut stored = store(ctx.clone(), &target, change, if_match.as_ref()).await?;
    if resource_type.detached.is_some() {
        // Others change members meanwhile; how many changes there were, only the database knows.
        stored = ctx.store.get(&resource_type.name, key, options).await?.unwrap_or(stored);
    }
    let listed = members::shown(&ctx, &resource_type, key, projection.as_ref()).await?;
    show(&ctx, 200, &resource_type, &stored, &listed, projection.as_ref())
}

struct Change {
    document: Map<String, Value>,
    unknown: UnknownAttributes,
    members: Option<Members>,
    /// What the body names without a value.
    cleared: Vec<String>,
    /// Whether what the body leaves out stays in the document; unknown attributes always do, since GET does not show them.
    keeps: bool,
}

impl Change {
    /// The document and the unknown attributes, given what is stored now.
    fn onto(
        &self,
        ctx: &Context,
        old: &Map<String, Value>,
        kept: &UnknownAttributes,
        resource_type: &ResourceType,
    ) -> Result<Fitted, ScimError> {
        let (mut document, mut unknown) = (self.document.clone(), self.unknown.clone());
        let leniencies = &ctx.settings.leniencies;
        let warnings = keep_omitted(&mut unknown, kept, &document, &self.cleared, resource_type, leniencies)?;
        ctx.record_leniencies(&warnings);
        if self.keeps {
            omitted::keep(old, &mut document, &self.cleared, resource_type);
            validate(&document, resource_type)?;
        }
        Ok((document, unknown))
    }
}

fn mentions(body: &Value, name: &str) -> bool {
    let is_named = |key: &str| key.rsplit(':').next().is_some_and(|last| last.eq_ignore_ascii_case(name));
    let names = |object: &Map<String, Value>| object.keys().any(|key| is_named(key));
    // As it is, with the schema's URN in front, or in an object under that.
    let nested = |value: &Value| value.as_object().is_some_and(names);
    body.as_object().is_some_and(|object| names(object) || object.values().any(nested))
}

/// Writes the change on what is there now, again after each lost race; gives what is stored then.
async fn store(
    mut ctx: Context,
    target: &Target<'_>,
    mut change: Change,
    if_match: Option<&Condition>,
) -> Result<Stored, Error> {
    let Target { id, options, .. } = *target;
    let mut resource_type = Arc::clone(target.resource_type);
    let write_locks = ctx.gateway.write_locks.clone();
    let _guard = write_locks.take(ctx.store.id(), id).await;
    for _ in 0..ATTEMPTS {
        let before = ctx.store.get(&resource_type.name, id, ReadOptions { mapped: true, ..options }).await?;
        let before = before.ok_or_else(|| ScimError::not_found(&resource_type.name, &id.to_string()))?;
        crate::operation::check_match(if_match, &before)?;
        let old = parse("source", &before.source)?;
        let kept = parse_unknown(&before)?;
        let (document, unknown) = change.onto(&ctx, &old, &kept, &resource_type)?;
        check_immutable(&old, &document, &resource_type)?;
        let same = old == document && kept == unknown;
        let stamp = ctx.stamp();
        if same && if_match.is_none() && before.mapping_state.is_settled() {
            // Nothing of the document changes, so nothing is written and the version stays.
            if let Some(members) = &change.members {
                let _ = members::change(&ctx, &resource_type, id, members).await?;
            }
            return Ok(before);
        }
        let draft = Draft { resource_type: &resource_type, id, document, unknown, before: Some(&before) };
        let content = content(&ctx, draft, &stamp).await?;
        let update = Update {
            resource_type: &resource_type.name,
            id,
            version: before.own_version,
            member_changes: if_match.map(|_| before.member_changes),
            before: &ctx.settings.keys(&old, &resource_type),
            content: &content,
            members: change.members.as_ref(),
        };
        let written = ctx.store.update(&update, &stamp).await;
        match crate::operation::lost_on_conflict(written, (Written::Lost, 0))
            .map_err(|error| crate::operation::duplicate(&ctx, error, &resource_type))?
        {
            (Written::Lost, _) => {
                ctx = ctx.refreshed().await?;
                (change.document, change.unknown) = refit(&ctx, &mut resource_type, change.document, change.unknown)?;
                if !change.keeps {
                    validate(&change.document, &resource_type)?;
                }
            }
            (Written::Done(version), joined) => {
                ctx.gateway.events_waiting.notify_one();
                let stored = content.stored(before, version, stamp.at);
                return members::reload_if_joined(&ctx, options, stored, joined).await;
            }
        }
    }
    Err(Error::Contended)
}
