//! `/directory/v1/events`: what changed for the product, in order.

use scimgate_scim::error::ScimError;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::clock::rfc3339;
use crate::http::access::DirectoryAccess;
use crate::http::error::ApiFailure;
use crate::http::json::Json;
use crate::http::query::{Parameters, limit, number};
use crate::operation::directory;
use crate::store::event::Event as StoredEvent;

/// Which events to read.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EventQuery {
    /// The number of the last event that the product has read; `lastSeq` of the reply before.
    #[param(value_type = Option<i64>, minimum = 0, default = 0)]
    after: Option<String>,
    /// Most events of the reply.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 1000, default = 100)]
    limit: Option<String>,
    /// Instead of both, so many of the newest events. What the product has read does not count by it.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 1000)]
    last: Option<String>,
}

/// Events, in order.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventList {
    events: Vec<Event>,
    /// What to give as `after` next, also where there are no events.
    last_seq: i64,
}

/// A change of what the product sees.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Event {
    /// 1, 2, 3 … for each tenant, without gaps.
    seq: i64,
    /// `user.created`, `membership.added`, `token.expiring`, …
    #[serde(rename = "type")]
    kind: String,
    /// The resource's type; `Token` or `ClientSecret` of an event that reminds of one.
    resource_type: String,
    #[schema(format = "uuid")]
    resource_id: String,
    /// The member, of a membership event.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid", nullable = false)]
    member_id: Option<String>,
    /// The resource's version after the change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    version: Option<i64>,
    /// The id of the token that made the request, or the name of the background job.
    actor: String,
    request_id: String,
    #[schema(format = DateTime)]
    at: String,
    /// In about how many days a token or a client's secret expires, of an event that reminds of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    expires_in_days: Option<i32>,
}

/// List the events after a number.
#[utoipa::path(
    get, path = "/directory/v1/events", operation_id = "listEvents", tag = "events", params(EventQuery),
    responses(
        (status = 200, description = "The next events.", body = EventList),
        (status = 400, description = "A number is out of bounds."),
        (
            status = 410,
            description = "Events after this number are not kept any more. Read all resources anew, and then the events after lastSeq."
        ),
    )
)]
pub(super) async fn list(
    DirectoryAccess(ctx): DirectoryAccess,
    Parameters(query): Parameters<EventQuery>,
) -> Result<Json<EventList>, ApiFailure> {
    if let Some(last) = query.last.as_deref() {
        if query.after.is_some() || query.limit.is_some() {
            return Err(ScimError::new(400, "last takes the place of after and limit; send one or the other.").into());
        }
        let count = number("last", Some(last), 1, 1..=directory::MAX_PAGE_SIZE)?;
        let (events, last_seq) = directory::last_events(&ctx, count).await?;
        return Ok(Json(EventList { events: events.into_iter().map(Event::from).collect(), last_seq }));
    }
    let after = number("after", query.after.as_deref(), 0, 0..=i64::MAX)?;
    let events = directory::events(&ctx, after, limit(query.limit.as_deref())?).await?;
    let last_seq = events.last().map_or(after, |event| event.seq);
    Ok(Json(EventList { events: events.into_iter().map(Event::from).collect(), last_seq }))
}

impl From<StoredEvent> for Event {
    fn from(event: StoredEvent) -> Self {
        Self {
            seq: event.seq,
            kind: event.kind,
            resource_type: event.resource_type,
            resource_id: event.resource_id.to_string(),
            member_id: event.member_id.map(|id| id.to_string()),
            version: event.version,
            actor: event.actor,
            request_id: event.request_id,
            at: rfc3339(event.at),
            expires_in_days: event.expires_in_days,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_omits_what_it_does_not_have() {
        let event = Event::from(StoredEvent {
            seq: 7,
            kind: "membership.added".into(),
            resource_type: "Group".into(),
            resource_id: uuid::Uuid::nil(),
            member_id: Some(uuid::Uuid::nil()),
            version: None,
            actor: "a".into(),
            request_id: "r".into(),
            at: std::time::UNIX_EPOCH,
            expires_in_days: None,
        });
        let json = serde_json::to_value(event).unwrap();
        assert_eq!(json["memberId"], "00000000-0000-0000-0000-000000000000");
        assert!(json.get("version").is_none());
    }
}
