//! Bodies of the admin API: JSON that says what was wrong with it, read to a limit.

use std::error::Error as _;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use http_body_util::LengthLimitError;
use scimgate_scim::error::ScimError;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::error::Category;

use crate::http::error::Failure;
use crate::http::upload;
use crate::operation::Gateway;

/// Longest JSON body in bytes.
const LONGEST: usize = 1024 * 1024;

/// A JSON body. The media type is not asked for: there is only one that it can be.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Gateway> for Json<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &Gateway) -> Result<Self, Failure> {
        let bytes = read(request.into_body(), LONGEST).await.map_err(Failure::internal)?;
        parse(&bytes).map(Self).map_err(Failure::internal)
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
            upload::refusal(&error)
        }
    })
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ScimError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(ScimError::new(400, "The body is empty; send a JSON object."));
    }
    serde_json::from_slice(bytes).map_err(|why| {
        let what = match why.classify() {
            Category::Data => "The body is not what this address takes",
            Category::Syntax | Category::Eof | Category::Io => "The body is no JSON document",
        };
        ScimError::new(400, format!("{what}: {why}."))
    })
}

/// A JSON reply.
pub(super) fn reply(status: StatusCode, body: Value) -> Response {
    (status, axum::Json(body)).into_response()
}

/// 201 for what is new, 200 for what was there.
pub(super) fn made(new: bool) -> StatusCode {
    if new { StatusCode::CREATED } else { StatusCode::OK }
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
    fn a_body_that_cannot_be_read_says_why() {
        let cases = [
            ("", "The body is empty"),
            (" \n", "The body is empty"),
            ("{", "The body is no JSON document: EOF"),
            ("name: x", "The body is no JSON document: expected"),
            ("{}", "The body is not what this address takes: missing field `name`"),
            ("{\"name\":1}", "The body is not what this address takes: invalid type"),
            ("{\"name\":\"a\",\"nane\":1}", "The body is not what this address takes: unknown field `nane`"),
        ];
        for (body, start) in cases {
            let refusal = parse::<Named>(body.as_bytes()).unwrap_err();
            assert!(refusal.status == 400 && refusal.detail.starts_with(start), "{body:?}: {}", refusal.detail);
        }
        assert!(parse::<Named>(b" {\"name\":\"a\"} ").is_ok());
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_413() {
        assert_eq!(read(Body::from("1234"), 4).await.unwrap(), "1234");
        assert_eq!(read(Body::from("12345"), 4).await.unwrap_err().status, 413);
    }
}
