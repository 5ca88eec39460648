//! `/directory/v1`: what the product reads, with a directory key of the tenant.

use std::collections::HashMap;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query};
use axum::http::{HeaderValue, Method, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use scimgate_scim::error::ScimError;
use serde_json::{Value, json};

use super::access::DirectoryAccess;
use super::error::Failure;
use crate::clock::rfc3339;
use crate::operation::directory::{self, DEFAULT_PAGE, LONGEST_PAGE, Page};
use crate::operation::{Context, Error};
use crate::store::event::Event;

type Asked = Query<HashMap<String, String>>;

/// The table of the directory.
pub fn routes() -> Router<crate::operation::Gateway> {
    Router::new()
        .route("/directory/v1/events", get(events))
        .route("/directory/v1/{endpoint}", get(list))
        .route("/directory/v1/{endpoint}/{id}", get(one))
        .method_not_allowed_fallback(method_not_allowed)
}

/// The endpoint is that of SCIM, in any case: `/directory/v1/users`, `/directory/v1/devices`.
async fn list(
    DirectoryAccess(ctx): DirectoryAccess,
    Path(endpoint): Path<String>,
    Query(asked): Asked,
) -> Result<Response, Failure> {
    page(&ctx, &endpoint, &asked).await.map_err(Failure::internal)
}

async fn one(
    DirectoryAccess(ctx): DirectoryAccess,
    Path((endpoint, id)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let found = async {
        let resource_type = directory::resource_type(&ctx, &endpoint)?;
        directory::get(&ctx, &resource_type, &id).await
    };
    found.await.map(reply).map_err(Failure::internal)
}

async fn events(DirectoryAccess(ctx): DirectoryAccess, Query(asked): Asked) -> Result<Response, Failure> {
    feed(&ctx, &asked).await.map(reply).map_err(Failure::internal)
}

async fn method_not_allowed(method: Method, uri: Uri) -> Failure {
    Failure::internal(ScimError::new(405, format!("{} has no {method}; the directory is only read.", uri.path())))
}

async fn page(ctx: &Context, endpoint: &str, asked: &HashMap<String, String>) -> Result<Response, Error> {
    let resource_type = directory::resource_type(ctx, endpoint)?;
    let from = asked.get("cursor").map(String::as_str);
    let page = directory::list(ctx, &resource_type, from, limit(asked)?).await?;
    Ok(reply(page_text(&page)))
}

async fn feed(ctx: &Context, asked: &HashMap<String, String>) -> Result<String, Error> {
    let after = number(asked, "after", 0, 0..=i64::MAX)?;
    let events = directory::events(ctx, after, limit(asked)?).await?;
    // What to ask for next, also where nothing new has come.
    let last = events.last().map_or(after, |event| event.seq);
    let events: Vec<Value> = events.iter().map(event).collect();
    Ok(json!({ "events": events, "lastSeq": last }).to_string())
}

/// The documents are put in as the texts they are.
fn page_text(page: &Page) -> String {
    format!("{{\"resources\":[{}],\"nextCursor\":{}}}", page.documents.join(","), Value::from(page.next.as_deref()))
}

fn event(event: &Event) -> Value {
    let mut shown = json!({
        "seq": event.seq,
        "type": event.kind,
        "resourceType": event.resource_type,
        "resourceId": event.resource_id.to_string(),
    });
    if let Some(member) = event.member_id {
        shown["memberId"] = member.to_string().into();
    }
    if let Some(version) = event.version {
        shown["version"] = version.into();
    }
    shown["actor"] = event.actor.as_str().into();
    shown["requestId"] = event.request_id.as_str().into();
    shown["at"] = rfc3339(event.at).into();
    shown
}

fn limit(asked: &HashMap<String, String>) -> Result<i64, ScimError> {
    number(asked, "limit", DEFAULT_PAGE, 1..=LONGEST_PAGE)
}

fn number(
    asked: &HashMap<String, String>,
    key: &str,
    default: i64,
    allowed: std::ops::RangeInclusive<i64>,
) -> Result<i64, ScimError> {
    let Some(text) = asked.get(key) else { return Ok(default) };
    text.parse().ok().filter(|number| allowed.contains(number)).ok_or_else(|| {
        ScimError::new(400, format!("{key} must be a whole number from {} to {}.", allowed.start(), allowed.end()))
    })
}

fn reply(text: String) -> Response {
    let mut response = Body::from(text).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(key: &str, text: &str) -> HashMap<String, String> {
        HashMap::from([(key.to_owned(), text.to_owned())])
    }

    #[test]
    fn a_limit_is_a_hundred_unless_said_and_bounded() {
        assert_eq!(limit(&HashMap::new()), Ok(100));
        assert_eq!(limit(&asked("limit", "1000")), Ok(1000));
        for text in ["", "0", "1001", "-1", "ten", "1.5"] {
            let refusal = limit(&asked("limit", text)).unwrap_err();
            assert_eq!(refusal.detail, "limit must be a whole number from 1 to 1000.", "{text}");
        }
    }

    #[test]
    fn a_page_is_json_with_and_without_a_next_one() {
        let documents = vec!["{\"id\":\"1\"}".to_owned(), "{\"id\":\"2\"}".to_owned()];
        let last = page_text(&Page { documents: documents.clone(), next: None });
        assert_eq!(last, r#"{"resources":[{"id":"1"},{"id":"2"}],"nextCursor":null}"#);
        let first = page_text(&Page { documents, next: Some("here".into()) });
        assert!(first.ends_with(r#""nextCursor":"here"}"#), "{first}");
    }

    #[test]
    fn an_event_tells_only_what_it_has() {
        let shown = event(&Event {
            seq: 7,
            kind: "membership.added".into(),
            resource_type: "Group".into(),
            resource_id: uuid::Uuid::nil(),
            member_id: Some(uuid::Uuid::nil()),
            version: None,
            actor: "a".into(),
            request_id: "r".into(),
            at: std::time::UNIX_EPOCH,
        });
        assert_eq!(shown["memberId"], "00000000-0000-0000-0000-000000000000");
        assert!(shown.get("version").is_none());
    }
}
