//! The browser of a request: its cookie for a link, and whether a form was sent from the page itself.

use axum::http::header::{COOKIE, ORIGIN};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use reqwest::Url;
use scimgate_scim::error::ScimError;
use uuid::Uuid;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

fn cookie_name(link: Uuid) -> String {
    format!("setup-{}", link.simple())
}

/// The value of the cookie of a link.
pub(super) fn cookie(headers: &HeaderMap, link: Uuid) -> Option<String> {
    let name = cookie_name(link);
    let lines = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
}

/// Sets the cookie of a link, for so many seconds. It follows the link out of a mail, but no form of another site.
pub(super) fn set_cookie(link: Uuid, value: &str, seconds: u64, origin: &str) -> Option<HeaderValue> {
    let secure = if origin.starts_with("https://") { "; Secure" } else { "" };
    let name = cookie_name(link);
    HeaderValue::try_from(format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")).ok()
}

/// Refuses a form that was sent from another site. The address itself is a secret that no other site knows; this holds where it leaked.
pub(super) fn check_origin(headers: &HeaderMap, own: &str) -> Result<(), ScimError> {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let is_own = match (text(FETCH_SITE), text(ORIGIN)) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        // A page without a referrer names no origin.
        (None, None | Some("null")) => true,
        (None, Some(origin)) => Url::parse(own).is_ok_and(|own| own.origin().ascii_serialization() == origin),
    };
    if is_own {
        return Ok(());
    }
    Err(ScimError::new(403, "This form came from another site. Open the link itself, and press the button there."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_form_of_another_site_is_refused() {
        let own = "https://scim.example.com/below";
        for (sent, is_own) in [
            (vec![], true),
            (vec![("origin", "null")], true),
            (vec![("origin", "https://scim.example.com")], true),
            (vec![("origin", "https://scim.example.com:8443")], false),
            (vec![("origin", "https://evil.test")], false),
            (vec![("sec-fetch-site", "same-origin"), ("origin", "null")], true),
            (vec![("sec-fetch-site", "none")], true),
            (vec![("sec-fetch-site", "cross-site"), ("origin", "null")], false),
            (vec![("sec-fetch-site", "same-site")], false),
        ] {
            assert_eq!(check_origin(&headers(&sent), own).is_ok(), is_own, "{sent:?}");
        }
    }

    #[test]
    fn the_cookie_of_a_link_is_found_among_others() {
        let (link, other) = (Uuid::from_u128(7), Uuid::from_u128(8));
        let set = set_cookie(link, "value", 60, "https://scim.example.com").unwrap();
        assert!(set.to_str().unwrap().ends_with("; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"));
        let pair = set.to_str().unwrap().split(';').next().unwrap().to_owned();
        let sent = headers(&[("cookie", &format!("a=b; {pair}; c=d"))]);
        assert_eq!(cookie(&sent, link).as_deref(), Some("value"));
        assert_eq!(cookie(&sent, other), None);
        assert_eq!(cookie(&HeaderMap::new(), link), None);
    }
}
