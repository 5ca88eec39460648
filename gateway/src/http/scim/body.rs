//! A SCIM request's body: limited, read once, parsed once.

use std::time::Instant;

use axum::body::{Body, HttpBody as _};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use http_body_util::BodyExt;
use scimgate_scim::error::ScimError;
use scimgate_scim::json;
use serde_json::Value;

use crate::http::connection;
use crate::operation::request_facts::SlowPart;
use crate::operation::{Context, Error};

/// Longest body in bytes.
const MAX_BODY_BYTES: usize = 1024 * 1024;
/// How much of a longer body is read and dropped, in bytes.
const MAX_DROPPED_BYTES: usize = 16 * MAX_BODY_BYTES;

/// Reads and parses a body.
///
/// # Errors
/// 415 for another media type, 413 over the limit, 408 for a stalled upload, 400 `invalidSyntax` for a body that is not JSON.
pub(super) async fn read(ctx: &Context, headers: &HeaderMap, body: Body) -> Result<Value, Error> {
    let bytes = read_bytes(ctx, headers, body, (MAX_BODY_BYTES, "the longest accepted")).await?;
    ctx.compute(bytes.len()).await;
    Ok(json::parse(text(&bytes)?)?)
}

/// Reads a body up to a limit; `name` is the limit's name in the refusal. Its memory is held until the reply is sent.
///
/// # Errors
/// 415 for another media type, 413 over the limit, 408 for a stalled upload, 429 where no memory becomes free.
pub(super) async fn read_bytes(
    ctx: &Context,
    headers: &HeaderMap,
    body: Body,
    (limit, name): (usize, &str),
) -> Result<Vec<u8>, Error> {
    check_media_type(headers)?;
    // What is declared is not there yet; without a length the limit counts.
    let declared = body.size_hint().upper().and_then(|bytes| usize::try_from(bytes).ok());
    ctx.store.account().hold_parsed(declared.unwrap_or(limit).min(limit)).await?;
    let begun = Instant::now();
    let bytes = collect(limit, body).await;
    ctx.facts.took(SlowPart::Body, begun);
    let bytes = bytes?;
    bytes.ok_or_else(|| ScimError::new(413, format!("The body is longer than {limit} bytes, {name}.")).into())
}

/// A body's text.
///
/// # Errors
/// 400 `invalidSyntax` where it is not UTF-8.
pub(super) fn text(bytes: &[u8]) -> Result<&str, ScimError> {
    // Some clients write a byte order mark, which JSON does not allow (RFC 8259 §8.1 lets a reader ignore it).
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(text).map_err(|_| ScimError::invalid_syntax("The body is not UTF-8 text, which JSON must be."))
}

/// RFC 7644 §3.1: `application/scim+json`, and `application/json` as well. A missing type is taken for JSON, since some
/// clients send none.
fn check_media_type(headers: &HeaderMap) -> Result<(), Error> {
    let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let written = value.to_str().unwrap_or_default();
    let mut parts = written.split(';').map(|part| part.trim().to_ascii_lowercase());
    let media = parts.next().unwrap_or_default();
    if !matches!(media.as_str(), "application/scim+json" | "application/json" | "") {
        let detail = format!("The body is declared as {media}; send application/scim+json.");
        return Err(ScimError::new(415, detail).into());
    }
    // RFC 8259 §8.1: JSON "MUST be encoded using UTF-8".
    let charset = parts.find_map(|part| part.strip_prefix("charset=").map(|name| name.trim_matches('"').to_owned()));
    if charset.as_deref().is_some_and(|name| !matches!(name, "utf-8" | "utf8" | "us-ascii")) {
        return Err(
            ScimError::new(415, "The body is declared in another charset than UTF-8, which JSON must be.").into()
        );
    }
    Ok(())
}

/// The body's bytes; none where there are more than the limit.
async fn collect(limit: usize, mut body: Body) -> Result<Option<Vec<u8>>, Error> {
    let (mut bytes, mut length) = (Vec::new(), 0usize);
    loop {
        match body.frame().await {
            None => return Ok((length <= limit).then_some(bytes)),
            Some(Ok(frame)) => {
                let Ok(data) = frame.into_data() else { continue };
                length += data.len();
                // A client that is disconnected while it writes never reads the reply, so more is read and dropped.
                if length > MAX_DROPPED_BYTES {
                    return Ok(None);
                }
                if length > limit {
                    bytes = Vec::new();
                } else {
                    bytes.extend_from_slice(&data);
                }
            }
            Some(Err(error)) => return Err(connection::refusal(&error).into()),
        }
    }
}
