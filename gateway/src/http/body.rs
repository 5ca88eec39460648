//! A SCIM request's body: limited, read once, parsed once.

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use scimgate_scim::error::ScimError;
use scimgate_scim::json;
use serde_json::Value;
use std::time::Duration;

use crate::operation::Error;

/// Longest body in bytes.
pub const LONGEST: usize = 1024 * 1024;
/// Longest silence between two parts of a body.
const IDLE: Duration = Duration::from_secs(15);

/// Reads and parses a body.
///
/// # Errors
/// 415 for another media type, 413 over the limit, 408 for a stalled upload, 400 `invalidSyntax` for what is no JSON.
pub async fn read(headers: &HeaderMap, body: Body) -> Result<Value, Error> {
    check_media_type(headers)?;
    let bytes = collect(body).await?;
    // Some clients write a byte order mark, which JSON does not allow (RFC 8259 §8.1 lets a reader ignore it).
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let text = std::str::from_utf8(text)
        .map_err(|_| ScimError::invalid_syntax("The body is not UTF-8 text, which JSON must be."))?;
    Ok(json::parse(text)?)
}

/// RFC 7644 §3.1: `application/scim+json`, and `application/json` as well. A missing type is taken for JSON, since some
/// clients send none.
fn check_media_type(headers: &HeaderMap) -> Result<(), Error> {
    let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let written = value.to_str().unwrap_or_default();
    let media = written.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if matches!(media.as_str(), "application/scim+json" | "application/json" | "") {
        return Ok(());
    }
    Err(ScimError::new(415, format!("The body is declared as {media}; send application/scim+json.")).into())
}

async fn collect(body: Body) -> Result<Vec<u8>, Error> {
    let mut limited = Limited::new(body, LONGEST);
    let mut bytes = Vec::new();
    loop {
        let next = tokio::time::timeout(IDLE, limited.frame()).await;
        let Ok(next) = next else {
            return Err(ScimError::new(408, format!("No more of the body came for {} s.", IDLE.as_secs())).into());
        };
        match next {
            None => return Ok(bytes),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    bytes.extend_from_slice(&data);
                }
            }
            Some(Err(error)) if error.is::<LengthLimitError>() => {
                return Err(ScimError::new(
                    413,
                    format!("The body is longer than {LONGEST} bytes, the longest accepted."),
                )
                .into());
            }
            Some(Err(_)) => return Err(ScimError::invalid_syntax("The body broke off.").into()),
        }
    }
}
