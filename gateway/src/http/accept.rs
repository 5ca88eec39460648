//! The `Accept` header of a SCIM request (RFC 9110 §12.5.1). Every reply is `application/scim+json`; a client that accepts
//! JSON accepts that, too.

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;

/// Whether the Accept header admits a SCIM reply; a missing one does.
#[must_use]
pub(super) fn admits_scim(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let (mut names_any, mut admitted) = (false, false);
    for range in lines.flat_map(|line| line.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default().to_ascii_lowercase();
        names_any |= !media.is_empty();
        let fits = matches!(media.as_str(), "*/*" | "application/*" | "application/scim+json" | "application/json");
        let is_refused = parts.any(is_zero);
        // The most specific range decides (RFC 9110 §12.5.1).
        if is_refused && media == "application/scim+json" {
            return false;
        }
        admitted |= fits && !is_refused;
    }
    admitted || !names_any
}

/// `q=0` refuses a media type.
fn is_zero(parameter: &str) -> bool {
    let Some((name, weight)) = parameter.split_once('=') else { return false };
    name.trim().eq_ignore_ascii_case("q") && weight.trim().parse::<f32>().is_ok_and(|weight| weight <= 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_under_any_name_admits_scim() {
        for (values, expected) in [
            (vec![], true),
            (vec![""], true),
            (vec!["*/*"], true),
            (vec!["application/json"], true),
            (vec!["application/scim+json; charset=utf-8"], true),
            (vec!["Application/SCIM+JSON"], true),
            (vec!["text/html, application/json;q=0.9, */*;q=0.1"], true),
            (vec!["text/html", "application/*"], true),
            (vec!["text/html"], false),
            (vec!["application/xml, text/plain"], false),
            (vec!["application/json;q=0, text/html"], false),
            (vec!["*/*; q=0.0"], false),
            (vec!["application/scim+json;q=0, application/json"], false),
            (vec!["*/*", "application/scim+json;q=0"], false),
            (vec!["application/json;q=0, */*"], true),
        ] {
            let mut headers = HeaderMap::new();
            for value in &values {
                headers.append(ACCEPT, value.parse().unwrap());
            }
            assert_eq!(admits_scim(&headers), expected, "{values:?}");
        }
    }
}
