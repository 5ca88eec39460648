//! JSON bodies of the admin API and the directory. A request's body is read up to a limit, and refused with what is wrong
//! with it.

use std::error::Error as _;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use http_body_util::LengthLimitError;
use scimgate_scim::error::ScimError;
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::error::Category;

use super::connection;
use super::error::ApiFailure;
use crate::operation::Gateway;

/// Longest JSON body in bytes.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// A JSON body. The media type of a request is not checked: every body is read as JSON.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Gateway> for Json<T> {
    type Rejection = ApiFailure;

    async fn from_request(request: Request, _: &Gateway) -> Result<Self, ApiFailure> {
        let bytes = read(request.into_body(), MAX_BODY_BYTES).await?;
        Ok(Self(parse(&bytes)?))
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// Reads a body whole.
///
/// # Errors
/// 413 over the limit, 408 for a stalled upload, 400 for a body that broke off.
pub(super) async fn read(body: Body, limit: usize) -> Result<Bytes, ScimError> {
    axum::body::to_bytes(body, limit).await.map_err(|error| {
        if error.source().is_some_and(<dyn std::error::Error>::is::<LengthLimitError>) {
            ScimError::new(413, format!("The body is longer than {limit} bytes, the longest accepted."))
        } else {
            connection::refusal(&error)
        }
    })
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ScimError> {
    match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        None => return Err(ScimError::new(400, "The body is empty; send a JSON object.")),
        // A list could be read as an object's members in their order.
        Some(first) if *first != b'{' && serde_json::from_slice::<IgnoredAny>(bytes).is_ok() => {
            let kind = if *first == b'[' { "list" } else { "single value" };
            return Err(ScimError::new(400, format!("The body is a {kind}; send a JSON object, in braces.")));
        }
        Some(_) => {}
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        refuse(&path, &error.into_inner())
    })?;
    reader.end().map_err(|why| refuse(".", &why))?;
    Ok(value)
}

/// What is wrong with a body, and with which member of it.
fn refuse(path: &str, why: &serde_json::Error) -> ScimError {
    let detail = match why.classify() {
        // The path of the whole body is a dot.
        Category::Data if path != "." => format!("The body is not what this address takes: {why}, in `{path}`."),
        Category::Data => format!("The body is not what this address takes: {why}."),
        Category::Syntax | Category::Eof | Category::Io => format!("The body is not a JSON document: {why}."),
    };
    ScimError::new(400, detail)
}

/// 201 for what was added, 200 for what was replaced.
pub(super) fn put_status(added: bool) -> StatusCode {
    if added { StatusCode::CREATED } else { StatusCode::OK }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Named {
        #[expect(dead_code, reason = "only whether it can be read matters")]
        name: String,
    }

    #[test]
    fn an_unreadable_body_is_refused_with_the_reason() {
        let cases = [
            ("", "The body is empty"),
            (" \n", "The body is empty"),
            ("{", "The body is not a JSON document: EOF"),
            ("name: x", "The body is not a JSON document: expected"),
            ("{}", "The body is not what this address takes: missing field `name`"),
            ("{\"name\":1}", "The body is not what this address takes: invalid type: integer `1`, expected a string"),
            ("[]", "The body is a list; send a JSON object"),
            ("[\"a\"]", "The body is a list; send a JSON object"),
            ("1", "The body is a single value; send a JSON object"),
            ("{\"name\":\"a\"} x", "The body is not a JSON document: trailing characters"),
            ("{\"name\":\"a\",\"nane\":1}", "The body is not what this address takes: unknown field `nane`"),
        ];
        for (body, start) in cases {
            let refusal = parse::<Named>(body.as_bytes()).unwrap_err();
            assert!(refusal.status == 400 && refusal.detail.starts_with(start), "{body:?}: {}", refusal.detail);
        }
        assert!(parse::<Named>(b" {\"name\":\"a\"} ").is_ok());
        let wrong = parse::<Named>(br#"{"name":1}"#).unwrap_err().detail;
        assert!(wrong.ends_with(", in `name`."), "{wrong}");
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_413() {
        assert_eq!(read(Body::from("1234"), 4).await.unwrap(), "1234");
        assert_eq!(read(Body::from("12345"), 4).await.unwrap_err().status, 413);
    }
}
