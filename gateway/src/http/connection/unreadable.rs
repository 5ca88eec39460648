//! JSON bodies for the replies that hyper itself sends to unreadable requests, which have none. Such a reply is recognised by
//! its status and by the lack of a request id.

use axum::http::StatusCode;
use scimgate_scim::error::ScimError;

use crate::http::error::{Surface, media_type_and_body};

/// No reply of hyper's own is longer.
const MAX_REPLY_BYTES: usize = 256;

/// What to send in place of these bytes; none where they are not such a reply.
pub(super) fn replacement(bytes: &[u8], surface: Surface) -> Option<Vec<u8>> {
    let rest = bytes.strip_prefix(b"HTTP/1.1 4").filter(|_| bytes.len() <= MAX_REPLY_BYTES)?;
    let head = std::str::from_utf8(bytes).ok()?;
    if !head.contains("\r\ncontent-length: 0\r\n") || head.contains("\r\nx-request-id:") {
        return None;
    }
    let status: u16 = std::str::from_utf8(rest.get(..2)?).ok()?.parse::<u16>().ok()? + 400;
    let detail = match status {
        400 => {
            "The request cannot be read as HTTP. In an address, spaces and quotes must be encoded: \
             filter=userName%20eq%20%22bob%22."
        }
        414 => "The address is longer than 65,534 bytes. Send a long filter by POST to .search.",
        431 => "The headers are too large, or there are more than 100.",
        _ => return None,
    };
    let (media, body) = media_type_and_body(&ScimError::new(status, detail), surface, None);
    let reason = StatusCode::from_u16(status).ok()?.canonical_reason().unwrap_or_default();
    let head = format!(
        "HTTP/1.1 {status} {reason}\r\ncontent-type: {media}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    Some([head.into_bytes(), body.into_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_refusals_of_hyper_are_replaced() {
        let reply = |line: &str, more: &str| format!("HTTP/1.1 {line}\r\n{more}content-length: 0\r\ndate: x\r\n\r\n");
        for (bytes, expected) in [
            (reply("400 Bad Request", ""), Some("HTTP/1.1 400 Bad Request\r\n")),
            (reply("414 URI Too Long", ""), Some("HTTP/1.1 414 URI Too Long\r\n")),
            (
                reply("431 Request Header Fields Too Large", ""),
                Some("HTTP/1.1 431 Request Header Fields Too Large\r\n"),
            ),
            (reply("400 Bad Request", "x-request-id: 7\r\n"), None),
            (reply("404 Not Found", ""), None),
            (reply("200 OK", ""), None),
            ("HTTP/1.1 4".to_owned(), None),
            (String::new(), None),
        ] {
            let found = replacement(bytes.as_bytes(), Surface::Scim).map(|text| String::from_utf8(text).unwrap());
            assert_eq!(found.is_some(), expected.is_some(), "{bytes}");
            assert!(found.is_none_or(|text| text.starts_with(expected.unwrap()) && text.ends_with('}')));
        }
    }
}
