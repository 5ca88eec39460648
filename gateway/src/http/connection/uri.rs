//! Corrections of request addresses before routing.
//!
//! Administrators type the address with a trailing slash, with a doubled one, or followed by a feature flag
//! (`…/scim/v2/?aadOptscim062020`), after which the client appends its path to the query.

use axum::http::Uri;
use axum::http::uri::PathAndQuery;

/// Whether the path is UTF-8 text once its escapes are decoded, as every address of ours is.
#[must_use]
pub(in crate::http) fn is_text(uri: &Uri) -> bool {
    percent_encoding::percent_decode_str(uri.path()).decode_utf8().is_ok()
}

/// The corrected address; none where there is nothing to correct.
#[must_use]
pub(super) fn tidy(uri: &Uri) -> Option<Uri> {
    let (path, query) = unfold_flag(uri.path(), uri.query());
    let tidied = tidy_path(&path);
    if tidied == uri.path() && query.as_deref() == uri.query() {
        return None;
    }
    let text = match query {
        Some(query) if !query.is_empty() => format!("{tidied}?{query}"),
        _ => tidied,
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(text).ok()?);
    Uri::from_parts(parts).ok()
}

/// `/scim/v2/?flag/Users?filter=…` becomes `/scim/v2/Users?filter=…&flag`: a path behind a flag without a value is a path.
fn unfold_flag(path: &str, query: Option<&str>) -> (String, Option<String>) {
    let Some(query) = query else { return (path.to_owned(), None) };
    let first = query.split('&').next().unwrap_or_default();
    let Some((flag, rest)) = query.split_once('/') else { return (path.to_owned(), Some(query.to_owned())) };
    if flag.contains(['=', '&', '?']) || !first.contains('/') {
        return (path.to_owned(), Some(query.to_owned()));
    }
    match rest.split_once(['?', '&']) {
        // The flag stays, behind the rest: the client is recognised by it.
        Some((more, query)) => (format!("{path}/{more}"), Some(format!("{query}&{flag}"))),
        None => (format!("{path}/{rest}"), Some(flag.to_owned())),
    }
}

fn tidy_path(path: &str) -> String {
    let kept: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_of_invalid_utf8_are_no_text() {
        for (path, text) in [("/scim/v2/Users/7", true), ("/a%20%C3%A4", true), ("/%00", true), ("/%ff", false)] {
            assert_eq!(is_text(&path.parse().unwrap()), text, "{path}");
        }
    }

    #[test]
    fn slashes_and_flags_are_corrected() {
        let cases = [
            ("/scim/v2/Users/", "/scim/v2/Users"),
            ("/scim/v2//Users", "/scim/v2/Users"),
            (
                "/scim/v2/?aadOptscim062020/Users?filter=a%20eq%20%22b%22",
                "/scim/v2/Users?filter=a%20eq%20%22b%22&aadOptscim062020",
            ),
            ("/scim/v2/?aadOptscim062020/Users/7", "/scim/v2/Users/7?aadOptscim062020"),
            ("/scim/v2/Users/?aadOptscim062020", "/scim/v2/Users?aadOptscim062020"),
            (
                "/scim/v2/Users?filter=profileUrl%20eq%20%22http://x/y\"",
                "/scim/v2/Users?filter=profileUrl%20eq%20%22http://x/y\"",
            ),
            ("/", "/"),
        ];
        for (given, meant) in cases {
            let uri: Uri = given.replace('"', "%22").parse().unwrap();
            let tidied = tidy(&uri).unwrap_or(uri);
            assert_eq!(tidied.to_string(), meant.replace('"', "%22"), "{given}");
        }
    }
}
