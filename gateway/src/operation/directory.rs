//! What the product reads: mapped documents with their members and what group rules give, and events. What a mapping excludes is not
//! visible.

mod granted;
mod subject;

use std::slice;

use scimgate_scim::directory_schema::TypeRules;
use scimgate_scim::error::ScimError;
use scimgate_scim::etag;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::clock::rfc3339;
use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::group_rules::Grant;
use crate::operation::pace::Pace;
use crate::operation::resource::large_group::{LargeGroup, MAX_MEMBERS_AT_ONCE, Text};
use crate::store::event::{Event, EventPage};
use crate::store::membership::page::Viewer;
use crate::store::membership::{Member, MembersByGroup};
use crate::store::resource::read::Stored;

/// Entries of a page where no limit is given.
pub const DEFAULT_PAGE_SIZE: i64 = 100;
/// Most entries of a page.
pub const MAX_PAGE_SIZE: i64 = 1_000;

/// The purpose for which the key that seals cursors is derived.
const PURPOSE: &str = "cursor of the directory";

/// Where a page ended: an id, sealed for the tenant and the type. It grants nothing and never expires.
fn cursor(ctx: &Context, resource_type: &str, last: Uuid) -> String {
    ctx.gateway.keys.seal(PURPOSE, &[&ctx.store.id().to_string(), resource_type], last.as_bytes())
}

/// The last id of the page before.
fn after(ctx: &Context, resource_type: &str, cursor: &str) -> Result<Uuid, ScimError> {
    let opened = ctx.gateway.keys.open(PURPOSE, &[&ctx.store.id().to_string(), resource_type], cursor);
    opened.and_then(|id| Uuid::from_slice(&id).ok()).ok_or_else(|| {
        let detail =
            "This is not a cursor for this list. Use nextCursor of the page before as it is, or none for the first page.";
        ScimError::new(400, detail)
    })
}

/// One page of mapped documents.
#[derive(Clone, Debug)]
pub struct Page {
    /// The documents' texts.
    pub documents: Vec<String>,
    /// The cursor of the next page; none after the last.
    pub next: Option<String>,
}

/// The name of the resource type behind an endpoint.
///
/// # Errors
/// 404 where the tenant has none there.
pub fn resource_type(ctx: &Context, endpoint: &str) -> Result<String, Error> {
    let types = ctx.settings.directory.resource_types();
    let here = |known: &&std::sync::Arc<scimgate_scim::schema::ResourceType>| {
        known.endpoint.trim_start_matches('/').eq_ignore_ascii_case(endpoint)
    };
    types.iter().find(here).map(|known| known.name.clone()).ok_or_else(|| {
        let there: Vec<String> = types.iter().map(|known| known.endpoint.to_lowercase()).collect();
        ScimError::new(404, format!("There is nothing at /{endpoint}. There are: {}, /events.", there.join(", ")))
            .into()
    })
}

/// One page of what the product sees of a resource type, in the order of the ids; the first one without a cursor. Groups have all of
/// their members, or none.
///
/// # Errors
/// 400 for a cursor that is forged or of another list.
pub async fn list(
    ctx: &Context,
    resource_type: &str,
    (from, limit): (Option<&str>, i64),
    shows_members: bool,
) -> Result<Page, Error> {
    // Ids are never nil.
    let after = from.map_or(Ok(Uuid::nil()), |cursor| after(ctx, resource_type, cursor))?;
    let limit = limit.clamp(1, MAX_PAGE_SIZE);
    let _page = ctx.page(limit.unsigned_abs()).await?;
    // One entry more than the limit shows whether there is a next page.
    let mut page = ctx.store.visible_page(resource_type, after, limit + 1).await?;
    let more = page.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    if more {
        page.pop();
    }
    let next = page.last().filter(|_| more).map(|last| cursor(ctx, resource_type, last.id));
    let members = if shows_members { members(ctx, &page).await? } else { MembersByGroup::new() };
    let grants = granted::of(ctx, resource_type, &page).await?;
    let rules = subject::rules(ctx, resource_type);
    let (mut documents, mut yields) = (Vec::with_capacity(page.len()), Pace::begin());
    for stored in &page {
        yields.step().await;
        let listed = members.get(&stored.id).map(Vec::as_slice).unwrap_or_default();
        let listed = (shows_members && is_group(stored)).then_some(listed);
        documents.extend(document(stored, listed, grants.get(&stored.id), rules)?);
    }
    Ok(Page { documents, next })
}

/// What the product sees with a single sign-on subject: one resource or none.
///
/// # Errors
/// 400 where the type has no such subject, 503 while those of stored users are being entered.
pub async fn by_subject(ctx: &Context, resource_type: &str, subject: &str) -> Result<Page, Error> {
    let mut documents = Vec::new();
    if let Some(stored) = subject::find(ctx, resource_type, subject).await? {
        let grants = granted::of(ctx, resource_type, slice::from_ref(&stored)).await?;
        documents.extend(document(&stored, None, grants.get(&stored.id), subject::rules(ctx, resource_type))?);
    }
    Ok(Page { documents, next: None })
}

/// The mapped document of one resource.
///
/// # Errors
/// 404 where no resource with this id is visible.
pub async fn get(ctx: Context, resource_type: &str, id: &str) -> Result<Text, Error> {
    let not_found = || Error::from(ScimError::not_found(resource_type, id));
    let uuid = Uuid::try_parse(id).map_err(|_| not_found())?;
    let stored = ctx.store.visible(resource_type, uuid).await?.ok_or_else(not_found)?;
    if !is_group(&stored) {
        let grants = granted::of(&ctx, resource_type, slice::from_ref(&stored)).await?;
        let rules = subject::rules(&ctx, resource_type);
        return Ok(Text::Whole(document(&stored, None, grants.get(&uuid), rules)?.ok_or_else(not_found)?));
    }
    if let Some(few) = ctx.store.few_members(uuid, Viewer::Product, MAX_MEMBERS_AT_ONCE).await? {
        return Ok(Text::Whole(document(&stored, Some(&few), None, None)?.ok_or_else(not_found)?));
    }
    let text = document(&stored, None, None, None)?.ok_or_else(not_found)?;
    let render = Box::new(|_: &Context, members: &[Member]| {
        members.iter().map(|it| member(it).to_string()).collect::<Vec<_>>().join(",")
    });
    let group = LargeGroup { ctx, id: uuid, viewer: Viewer::Product, text, attribute: "members", render };
    Ok(Text::InParts(group.parts()))
}

/// Events after a number, in order.
///
/// # Errors
/// [`Error::EventsPurged`] where some after that number are not kept any more: what the product has is then out of date.
pub async fn events(ctx: &Context, after: i64, limit: i64) -> Result<Vec<Event>, Error> {
    let EventPage { events, purged_through, last_seq } = ctx.store.events(after, limit.clamp(1, MAX_PAGE_SIZE)).await?;
    if after < purged_through {
        return Err(Error::EventsPurged { purged_through, last_seq });
    }
    if let Ok(reader) = ctx.actor.parse() {
        ctx.gateway.event_readers.note(ctx.store.id(), reader, after);
    }
    Ok(events)
}

/// The newest events, at most so many, in order, and the number of the last one that there has been. The product has not read the feed
/// by it.
pub async fn last_events(ctx: &Context, count: i64) -> Result<(Vec<Event>, i64), Error> {
    let count = count.clamp(1, MAX_PAGE_SIZE);
    let head = ctx.store.events(i64::MAX, 1).await?;
    let after = (head.last_seq - count).max(head.purged_through);
    let events = ctx.store.events(after, count).await?.events;
    let last = events.last().map_or(head.last_seq, |event| event.seq);
    Ok((events, last))
}

/// The visible members of the groups among the resources, read in one query.
async fn members(ctx: &Context, page: &[Stored]) -> Result<MembersByGroup, Error> {
    let groups: Vec<Uuid> = page.iter().filter(|stored| is_group(stored)).map(|stored| stored.id).collect();
    if groups.is_empty() {
        return Ok(MembersByGroup::new());
    }
    Ok(ctx.store.visible_members(&groups).await?)
}

fn is_group(stored: &Stored) -> bool {
    stored.resource_type == "Group"
}

/// The mapped document with `meta`, `mappingState`, these members, what group rules give, and the single sign-on subject where rules name
/// one; none where the resource is not visible.
fn document(
    stored: &Stored,
    members: Option<&[Member]>,
    grants: Option<&Vec<Grant>>,
    rules: Option<&TypeRules>,
) -> Result<Option<String>, Error> {
    let Some(mapped) = stored.mapped_text() else { return Ok(None) };
    let mapped = granted::text(mapped, grants)?;
    let mut extra = Vec::new();
    if let Some(members) = members {
        extra.push(("members", members.iter().map(member).collect()));
    }
    extra.push(("meta", meta(stored)));
    extra.push(("mappingState", stored.mapping_state.word().into()));
    if let Some(rules) = rules {
        extra.push(("ssoSubject", subject::of(stored, rules)?.into()));
    }
    splice(&mapped, stored.id, &extra).map(Some)
}

fn member(member: &Member) -> Value {
    json!({ "value": member.value, "type": member.resource_type })
}

fn meta(stored: &Stored) -> Value {
    json!({
        "resourceType": stored.resource_type,
        "created": rfc3339(stored.created_at),
        "lastModified": rfc3339(stored.modified_at),
        "version": etag::weak(stored.version()),
    })
}

/// Adds to the stored text without parsing it: a page has up to a thousand documents.
fn splice(mapped: &str, id: Uuid, extra: &[(&str, Value)]) -> Result<String, Error> {
    let inner = mapped.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let inner = inner.ok_or_else(|| Error::Corrupt(format!("the mapped document of {id} is not an object")))?.trim();
    let mut text = format!("{{\"id\":\"{id}\"");
    if !inner.is_empty() {
        text.push(',');
        text.push_str(inner);
    }
    for (name, value) in extra {
        text.push_str(",\"");
        text.push_str(name);
        text.push_str("\":");
        text.push_str(&value.to_string());
    }
    text.push('}');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::store::resource::read::MappingState;

    fn stored(resource_type: &str, mapping_state: MappingState) -> Stored {
        Stored {
            id: Uuid::from_u128(7),
            resource_type: resource_type.into(),
            source: "{\"displayName\":\"Crew\"}".into(),
            set_aside: None,
            mapped: Some("{\"displayName\":\"CREW\"}".into()),
            mapping_state,
            mapping_revision: 1,
            own_version: 2,
            member_changes: 3,
            created_at: UNIX_EPOCH,
            modified_at: UNIX_EPOCH,
            held: None,
            groups: Vec::new(),
        }
    }

    #[test]
    fn a_group_has_its_visible_members_and_its_mapping_state() {
        let member = Member { value: "u1".into(), resource_type: Some("User".into()) };
        let text = document(&stored("Group", MappingState::Mapped), Some(&[member]), None, None).unwrap().unwrap();
        let expected = json!({
            "id": "00000000-0000-0000-0000-000000000007",
            "displayName": "CREW",
            "members": [{ "value": "u1", "type": "User" }],
            "meta": {
                "resourceType": "Group",
                "created": "1970-01-01T00:00:00.000Z",
                "lastModified": "1970-01-01T00:00:00.000Z",
                "version": "W/\"5\"",
            },
            "mappingState": "mapped",
        });
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
    }

    #[test]
    fn an_unchanged_document_is_the_source_and_an_excluded_one_is_not_visible() {
        let same = document(&stored("User", MappingState::Same), None, None, None).unwrap().unwrap();
        assert!(same.contains("\"Crew\"") && !same.contains("members"));
        assert!(document(&stored("User", MappingState::Excluded), None, None, None).unwrap().is_none());
        assert!(document(&stored("User", MappingState::Never), None, None, None).unwrap().is_none());
    }

    #[test]
    fn an_empty_document_still_has_an_id() {
        assert_eq!(splice("{}", Uuid::nil(), &[]).unwrap(), "{\"id\":\"00000000-0000-0000-0000-000000000000\"}");
        assert!(splice("[]", Uuid::nil(), &[]).is_err());
    }
}
