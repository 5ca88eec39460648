//! What all HTML pages have: the style, the headers that keep them from being framed, cached, indexed or scripted by others, and the
//! page of a refusal.

use std::sync::LazyLock;

use askama::Template;
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use sha2::{Digest as _, Sha256};

/// The style of every page.
pub(super) const STYLE: &str = include_str!("../../templates/page.css");
/// The script of the pages of setup links.
pub(super) const SCRIPT: &str = include_str!("../../templates/setup/page.js");

/// The path of a setup link, before its secret.
pub(super) const SETUP_PREFIX: &str = "/setup/";

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");

/// Nothing but the style and the script of our own, by their digests.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let policy = format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; connect-src 'self'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'",
        digest(STYLE),
        digest(SCRIPT)
    );
    HeaderValue::try_from(policy).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"))
});

fn digest(text: &str) -> String {
    use base64::Engine as _;
    format!("sha256-{}", base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text.as_bytes())))
}

#[derive(Template)]
#[template(path = "refusal.html")]
struct Refusal<'a> {
    status: u16,
    title: &'static str,
    detail: &'a str,
}

/// The page of a refusal.
pub(super) fn refusal(status: u16, detail: &str) -> String {
    let title = match status {
        404 => "This link is not valid",
        410 => "This link is closed",
        429 => "Too many attempts",
        500.. => "This does not work now",
        _ => "This did not work",
    };
    // Rendering fails only where a value's own text does.
    Refusal { status, title, detail }.render().unwrap_or_else(|_| detail.to_owned())
}

/// Whether a request wants JSON in place of a page: its Accept header says so, and names no HTML.
pub(super) fn prefers_json(headers: &HeaderMap) -> bool {
    let accept: Vec<&str> = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let accept = accept.join(",").to_ascii_lowercase();
    accept.contains("json") && !accept.contains("html")
}

/// Adds the headers of a page to a reply.
pub(super) async fn protected(mut response: Response) -> Response {
    protect(response.headers_mut());
    response
}

/// The headers of a page.
pub(super) fn protect(headers: &mut HeaderMap) {
    headers.insert(CONTENT_SECURITY_POLICY, POLICY.clone());
    for (name, value) in [
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (OPENER_POLICY, "same-origin"),
        (ROBOTS, "noindex, nofollow"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// Whether the replies at a path are pages.
pub(super) fn is_page(path: &str) -> bool {
    path.starts_with(SETUP_PREFIX) || path == SETUP_PREFIX.trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_escaped() {
        let page = refusal(404, "<script>alert(1)</script>\"&'");
        assert!(!page.contains("<script>alert"), "{page}");
        assert!(page.contains("&#60;script&#62;alert(1)") || page.contains("&lt;script&gt;alert(1)"), "{page}");
    }

    #[test]
    fn only_a_client_that_asks_for_json_alone_gets_it() {
        for (accept, expected) in [
            ("", false),
            ("*/*", false),
            ("text/html,application/xhtml+xml,*/*;q=0.8", false),
            ("application/json", true),
            ("application/problem+json, */*;q=0.1", true),
            ("text/html, application/json", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            assert_eq!(prefers_json(&headers), expected, "{accept}");
        }
        assert!(!prefers_json(&HeaderMap::new()));
    }
}
