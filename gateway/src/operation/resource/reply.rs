//! What a client reads back: the stored text with id, meta, groups and members spliced in.

use scimgate_scim::error::ScimError;
use scimgate_scim::etag::{self, Condition};
use scimgate_scim::leniency::Choice;
use scimgate_scim::projection::Projection;
use scimgate_scim::resource::{self, Meta};
use scimgate_scim::schema::ResourceType;
use serde_json::{Map, Value, json};

use crate::clock::rfc3339;
use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::resource::document::parse;
use crate::store::membership::Member;
use crate::store::resource::read::{GroupRef, Stored};

/// The outcome of a use case on one resource.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The resource's address.
    pub location: Option<String>,
    /// Its version, which the weak ETag shows.
    pub version: Option<i64>,
    /// The body; none for 204.
    pub body: Option<String>,
}

impl Reply {
    /// 204.
    #[must_use]
    pub fn no_content() -> Self {
        Self { status: 204, location: None, version: None, body: None }
    }

    /// The resource's id, read from the end of its address.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.location.as_deref().and_then(|location| location.rsplit('/').next())
    }
}

/// RFC 7644 §3.14: a write whose `If-Match` does not hold is refused.
pub(crate) fn check_match(if_match: Option<&Condition>, stored: &Stored) -> Result<(), ScimError> {
    if if_match.is_none_or(|tags| tags.holds(Some(stored.version()))) {
        return Ok(());
    }
    Err(ScimError::new(412, format!("The resource has version {} now.", etag::weak(stored.version()))))
}

/// Address of a resource.
pub(crate) fn location(ctx: &Context, resource_type: &ResourceType, id: &dyn std::fmt::Display) -> String {
    format!("{}{}/{id}", ctx.base_url, resource_type.endpoint)
}

/// Whether replies have versions, and requests may have conditions on them.
pub(crate) fn shows_versions(ctx: &Context) -> bool {
    !ctx.settings.leniencies.chooses(Choice::NoEtags)
}

/// A reply that shows the resource.
pub(crate) fn show(
    ctx: &Context,
    status: u16,
    resource_type: &ResourceType,
    stored: &Stored,
    members: &[Member],
    projection: Option<&Projection>,
) -> Result<Reply, Error> {
    Ok(Reply {
        status,
        location: Some(location(ctx, resource_type, &stored.id)),
        version: shows_versions(ctx).then(|| stored.version()),
        body: Some(render(ctx, resource_type, stored, members, projection)?),
    })
}

/// The resource's text. Without a projection the stored text passes through and no tree is built.
pub(crate) fn render(
    ctx: &Context,
    resource_type: &ResourceType,
    stored: &Stored,
    members: &[Member],
    projection: Option<&Projection>,
) -> Result<String, Error> {
    let id = stored.id.to_string();
    let meta = MetaText::of(ctx, resource_type, stored);
    let mut extra: Vec<(&str, Value)> = Vec::new();
    if !stored.groups.is_empty() {
        extra.push(("groups", stored.groups.iter().map(|group| group_json(ctx, group)).collect()));
    }
    if let Some(name) = resource_type.detached
        && !members.is_empty()
    {
        extra.push((name, members.iter().map(|member| member_json(ctx, member)).collect()));
    }
    let Some(projection) = projection else {
        let texts: Vec<(&str, String)> = extra.iter().map(|(name, value)| (*name, value.to_string())).collect();
        let texts: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (*name, text.as_str())).collect();
        return Ok(resource::splice(&stored.source, &id, &meta.borrow(resource_type, stored), &texts));
    };
    let extra = extra.into_iter().map(|(name, value)| (name.to_owned(), value));
    let document = parse("source", &stored.source)?;
    let tree = resource::to_tree(document, &id, &meta.borrow(resource_type, stored), extra);
    Ok(Value::Object(projection.apply(tree)).to_string())
}

/// The resource's text with its version, whatever the client's profile shows of it, and without groups and members.
pub(crate) fn exported(ctx: &Context, resource_type: &ResourceType, stored: &Stored) -> String {
    let meta = MetaText { versions: true, ..MetaText::of(ctx, resource_type, stored) };
    resource::splice(&stored.source, &stored.id.to_string(), &meta.borrow(resource_type, stored), &[])
}

/// The document that a filter is evaluated on: with id and meta, and the groups where they were read; never the members.
pub(crate) fn tree(ctx: &Context, resource_type: &ResourceType, stored: &Stored) -> Result<Map<String, Value>, Error> {
    let meta = MetaText::of(ctx, resource_type, stored);
    let document = parse("source", &stored.source)?;
    let groups = (!stored.groups.is_empty())
        .then(|| ("groups".to_owned(), stored.groups.iter().map(|group| group_json(ctx, group)).collect()));
    Ok(resource::to_tree(document, &stored.id.to_string(), &meta.borrow(resource_type, stored), groups))
}

/// The texts that a resource's `meta` borrows.
struct MetaText {
    created: String,
    last_modified: String,
    location: String,
    versions: bool,
}

impl MetaText {
    fn of(ctx: &Context, resource_type: &ResourceType, stored: &Stored) -> Self {
        Self {
            created: rfc3339(stored.created_at),
            last_modified: rfc3339(stored.modified_at),
            location: location(ctx, resource_type, &stored.id),
            versions: shows_versions(ctx),
        }
    }

    fn borrow<'a>(&'a self, resource_type: &'a ResourceType, stored: &Stored) -> Meta<'a> {
        Meta {
            resource_type: &resource_type.name,
            created: &self.created,
            last_modified: &self.last_modified,
            location: &self.location,
            version: self.versions.then(|| stored.version()),
        }
    }
}

fn group_json(ctx: &Context, group: &GroupRef) -> Value {
    json!({
        "value": group.id.to_string(),
        "$ref": format!("{}/Groups/{}", ctx.base_url, group.id),
        "display": group.display,
        "type": "direct",
    })
}

/// Members as JSON objects, with commas between them.
pub(crate) fn members_text(
    ctx: &Context,
    attribute: &str,
    members: &[Member],
    projection: Option<&Projection>,
) -> String {
    let objects: Value = members.iter().map(|member| member_json(ctx, member)).collect();
    let shown = match projection {
        Some(projection) => projection.apply(Map::from_iter([(attribute.to_owned(), objects)])).remove(attribute),
        None => Some(objects),
    };
    let text = shown.map(|shown| shown.to_string()).unwrap_or_default();
    text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or_default().to_owned()
}

/// A pending reference has no type and no address yet.
fn member_json(ctx: &Context, member: &Member) -> Value {
    let known = member.resource_type.as_ref().and_then(|name| ctx.settings.registry.resource_type(name));
    match known {
        Some(kind) => json!({
            "value": member.value,
            "$ref": format!("{}{}/{}", ctx.base_url, kind.endpoint, member.value),
            "type": kind.name,
        }),
        None => json!({ "value": member.value }),
    }
}
