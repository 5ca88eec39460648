//! `/directory/v1/{endpoint}`: the mapped resources of a type. The endpoint is that of SCIM, in any case.

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use scimgate_scim::error::ScimError;
use serde::Deserialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::http::access::DirectoryAccess;
use crate::http::error::{self, ApiFailure};
use crate::http::query::{Parameters, limit};
use crate::operation::directory;
use crate::operation::resource::large_group::Text;

/// Which page to read.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// `nextCursor` of the page before; none for the first page.
    cursor: Option<String>,
    /// Most resources of the page.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 1000, default = 100)]
    limit: Option<String>,
    /// `members`, for groups without them: those of large groups are read group by group.
    #[serde(rename = "excludedAttributes")]
    #[param(rename = "excludedAttributes")]
    excluded_attributes: Option<String>,
    /// Of users: the one with this single sign-on subject, on a page of its own; a page without resources where nobody has it. It is
    /// compared as the attribute says that the subject is (`caseExact`).
    #[serde(rename = "ssoSubject")]
    #[param(rename = "ssoSubject")]
    sso_subject: Option<String>,
}

/// A mapped resource: its attributes as the mapping left them, with `id`, `meta` and `mappingState`, of a group the `members` that the
/// product sees, and of a user the `roles` and `entitlements` that group rules give, each with `byGroup`; also, where the tenant has a single sign-on
/// subject, the `ssoSubject`; null if the user has none.
#[derive(Debug, ToSchema)]
#[schema(value_type = Object)]
pub(super) struct Resource(String);

/// One page of resources, in the order of their ids.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub(super) struct ResourcePage {
    resources: Vec<Resource>,
    /// The cursor of the next page; null after the last.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// List the resources of a type.
#[utoipa::path(
    get, path = "/directory/v1/{endpoint}", operation_id = "listResources", tag = "resources", params(PageQuery),
    responses(
        (status = 200, description = "One page.", body = ResourcePage),
        (
            status = 400,
            description = "The limit is out of bounds, the cursor is not of this list, the page would be too long, or there is no single sign-on subject."
        ),
    )
)]
pub(super) async fn list(
    DirectoryAccess(ctx): DirectoryAccess,
    Path(endpoint): Path<String>,
    Parameters(query): Parameters<PageQuery>,
) -> Result<ResourcePage, ApiFailure> {
    let resource_type = directory::resource_type(&ctx, &endpoint)?;
    let limit = limit(query.limit.as_deref())?;
    if let Some(subject) = query.sso_subject.as_deref() {
        if query.cursor.is_some() {
            return Err(ScimError::new(400, "ssoSubject selects one user; it has no cursor.").into());
        }
        return Ok(page(directory::by_subject(&ctx, &resource_type, subject).await?));
    }
    let shows_members = match query.excluded_attributes.as_deref() {
        None | Some("") => true,
        Some("members") => false,
        Some(_) => return Err(ScimError::new(400, "excludedAttributes can only be members.").into()),
    };
    let found = directory::list(&ctx, &resource_type, (query.cursor.as_deref(), limit), shows_members).await?;
    Ok(page(found))
}

fn page(found: directory::Page) -> ResourcePage {
    ResourcePage { resources: found.documents.into_iter().map(Resource).collect(), next_cursor: found.next }
}

/// Show a resource.
#[utoipa::path(
    get, path = "/directory/v1/{endpoint}/{id}", operation_id = "getResource", tag = "resources",
    responses((status = 200, description = "The resource.", body = Resource))
)]
pub(super) async fn get(
    DirectoryAccess(ctx): DirectoryAccess,
    Path((endpoint, id)): Path<(String, String)>,
) -> Result<Response, ApiFailure> {
    let resource_type = directory::resource_type(&ctx, &endpoint)?;
    Ok(match directory::get(ctx, &resource_type, &id).await? {
        Text::Whole(text) => json(text),
        Text::InParts(parts) => json(error::body(parts)),
    })
}

impl IntoResponse for ResourcePage {
    fn into_response(self) -> Response {
        json(self.to_text())
    }
}

impl ResourcePage {
    /// The page as JSON. The resources are texts already, and a page has up to a thousand, so none is parsed.
    fn to_text(&self) -> String {
        let resources: Vec<&str> = self.resources.iter().map(|resource| resource.0.as_str()).collect();
        let cursor = Value::from(self.next_cursor.as_deref());
        format!("{{\"resources\":[{}],\"nextCursor\":{cursor}}}", resources.join(","))
    }
}

fn json(text: impl Into<Body>) -> Response {
    let mut response = Response::new(text.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_json_with_and_without_a_next_one() {
        let page = |next_cursor| ResourcePage {
            resources: vec![Resource("{\"id\":\"1\"}".into()), Resource("{\"id\":\"2\"}".into())],
            next_cursor,
        };
        assert_eq!(page(None).to_text(), r#"{"resources":[{"id":"1"},{"id":"2"}],"nextCursor":null}"#);
        let first = page(Some("here".into())).to_text();
        assert!(first.ends_with(r#""nextCursor":"here"}"#), "{first}");
    }
}
