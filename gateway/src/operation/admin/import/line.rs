//! One line of an export.

use std::sync::Arc;

use scimgate_scim::error::ScimError;
use scimgate_scim::schema::ResourceType;
use scimgate_scim::unknown::UnknownAttributes;
use scimgate_scim::{etag, json};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::clock::moment;
use crate::operation::admin::export::{FORMAT, MAX_LINE_MEMBERS, VERSION};
use crate::operation::context::Context;
use crate::operation::resource::import::Exported;
use crate::operation::resource::members::MAX_VALUE_BYTES;
use crate::store::resource::content::Origin;

/// Longest line in bytes: twice the longest document, for the characters that JSON escapes.
pub const MAX_LINE_BYTES: usize = 2 << 20;

/// The levels of a line around a resource.
const AROUND_LEVELS: usize = 2;
/// The largest version that is accepted: none is reached, and none that follows it overflows.
const MAX_VERSION: i64 = 1 << 53;

/// A line that was read.
pub(super) enum Line {
    /// A resource.
    Resource(Box<Exported>),
    /// Members of a group.
    Members(MembersLine),
    /// The header, or the end.
    Frame,
}

/// Members of a group.
pub(super) struct MembersLine {
    /// The group's id.
    pub(super) group: Uuid,
    /// The values, each once and in order.
    pub(super) values: Vec<String>,
    /// Whether they were pending references, so that they may name no resource.
    pub(super) are_pending: bool,
}

/// Why a line cannot be read.
pub(super) struct Refusal {
    /// What is wrong.
    pub(super) refusal: ScimError,
    /// The id in the line.
    pub(super) id: Option<Uuid>,
    /// Whether no other line can be read either.
    pub(super) is_of_all: bool,
}

impl From<ScimError> for Refusal {
    fn from(refusal: ScimError) -> Self {
        Self { refusal, id: None, is_of_all: false }
    }
}

impl Line {
    /// Reads a line.
    pub(super) fn read(ctx: &Context, text: &str) -> Result<Self, Refusal> {
        if text.len() > MAX_LINE_BYTES {
            let detail = format!("The line is longer than {MAX_LINE_BYTES} bytes, the longest accepted.");
            return Err(ScimError::new(413, detail).into());
        }
        let no_line = |why: &str| ScimError::invalid_syntax(format!("This is not a line of an export: {why}"));
        let line = json::parse_around(text, AROUND_LEVELS).map_err(|refusal| no_line(&refusal.detail))?;
        let Value::Object(mut line) = line else { return Err(no_line("it is not a JSON object.").into()) };
        let unknown = line.shift_remove("unknown");
        let mut members = line.into_iter();
        let (Some((kind, value)), None) = (members.next(), members.next()) else {
            return Err(no_line("it needs one of header, resource, members and end.").into());
        };
        match (kind.as_str(), unknown) {
            ("header", None) => {
                check_header(&value).map_err(|refusal| Refusal { refusal, id: None, is_of_all: true })?;
                Ok(Self::Frame)
            }
            ("resource", unknown) => Ok(Self::Resource(Box::new(exported(ctx, value, unknown)?))),
            ("members", None) => {
                let form: MembersForm = serde_json::from_value(value)
                    .map_err(|why| no_line(&format!("its members cannot be read: {why}.")))?;
                Ok(Self::Members(form.read()?))
            }
            ("end", None) => Ok(Self::Frame),
            (other, _) => Err(no_line(&format!("{other} is none of header, resource, members and end.")).into()),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MembersForm {
    group: Uuid,
    ids: Option<Vec<String>>,
    pending: Option<Vec<String>>,
}

fn check_header(header: &Value) -> Result<(), ScimError> {
    if header["format"] != FORMAT {
        return Err(ScimError::new(400, "The header is not that of a tenant's export."));
    }
    if header["version"] == VERSION {
        return Ok(());
    }
    let version = &header["version"];
    Err(ScimError::new(
        400,
        format!("The export has the version {version} of the format; this gateway reads version {VERSION}."),
    ))
}

fn exported(ctx: &Context, mut body: Value, unknown: Option<Value>) -> Result<Exported, Refusal> {
    let id: Option<Uuid> = body["id"].as_str().and_then(|id| id.parse().ok());
    let refuse = |refusal: ScimError| Refusal { refusal, id, is_of_all: false };
    let Some(known) = id else {
        return Err(refuse(ScimError::invalid_value("The resource has no id, or one that is not a UUID.")));
    };
    let resource_type = resource_type(ctx, &body["meta"]["resourceType"]).map_err(refuse)?;
    let origin = origin(&body["meta"]).map_err(refuse)?;
    let unknown = unknown.map(self::unknown).transpose().map_err(refuse)?.unwrap_or_default();
    if let Some(members) = body.as_object_mut() {
        // They are in the line for the importer, not as what a client sends.
        members.shift_remove("id");
        members.shift_remove("meta");
    }
    Ok(Exported { id: known, resource_type, origin, body, unknown })
}

fn resource_type(ctx: &Context, name: &Value) -> Result<Arc<ResourceType>, ScimError> {
    let known = name.as_str().and_then(|name| ctx.settings.registry.resource_type(name));
    known.cloned().ok_or_else(|| {
        let detail = format!("This tenant has no resource type {name}. Add it, and import again.");
        ScimError::invalid_value(detail)
    })
}

fn origin(meta: &Value) -> Result<Origin, ScimError> {
    let time = |name: &str| {
        let time = meta[name].as_str().and_then(moment);
        time.ok_or_else(|| ScimError::invalid_value(format!("meta.{name} must be a time since 1970 (RFC 3339).")))
    };
    let version =
        meta["version"].as_str().and_then(etag::version).filter(|version| (1..=MAX_VERSION).contains(version));
    let version = version.ok_or_else(|| ScimError::invalid_value("meta.version must be like W/\"1\"."))?;
    Ok(Origin { created_at: time("created")?, modified_at: time("lastModified")?, version })
}

fn unknown(value: Value) -> Result<UnknownAttributes, ScimError> {
    let unknown = UnknownAttributes::from_json(value).filter(UnknownAttributes::is_within_bounds);
    unknown.ok_or_else(|| ScimError::invalid_value("The unknown attributes are not in the form of an export."))
}

impl MembersForm {
    fn read(self) -> Result<MembersLine, Refusal> {
        let group = self.group;
        let refuse =
            |detail: String| Refusal { refusal: ScimError::invalid_value(detail), id: Some(group), is_of_all: false };
        let (mut values, are_pending) = match (self.ids, self.pending) {
            (Some(ids), None) => (ids, false),
            (None, Some(pending)) => (pending, true),
            _ => return Err(refuse("Members need either ids or pending.".into())),
        };
        if values.len() > MAX_LINE_MEMBERS {
            return Err(refuse(format!("A line has at most {MAX_LINE_MEMBERS} members.")));
        }
        if values.iter().any(|value| value.len() > MAX_VALUE_BYTES || value.is_empty() || value.contains('\0')) {
            return Err(refuse(format!("A member's value has 1 to {MAX_VALUE_BYTES} bytes.")));
        }
        if !are_pending && values.iter().any(|value| value.parse::<Uuid>().is_err()) {
            return Err(refuse("One of the ids is not a UUID.".into()));
        }
        values.sort_unstable();
        values.dedup();
        Ok(MembersLine { group, values, are_pending })
    }
}
