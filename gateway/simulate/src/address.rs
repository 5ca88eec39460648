//! A base URL as administrators type it: with or without a trailing slash, and perhaps with Entra's feature flags.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;

use crate::error::Error;

/// All but the unreserved characters (RFC 3986 §2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The flag by which Entra follows the RFC more closely.
const FLAG: &str = "aadOptscim062020";

/// A base URL, to which paths are joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    /// Without a trailing slash.
    address: String,
    /// The query, which is part of every request.
    flags: Option<String>,
}

impl BaseUrl {
    /// Parses a URL.
    ///
    /// # Errors
    /// [`Error::Address`] unless it is an HTTP URL without credentials and fragment.
    pub fn parse(written: &str) -> Result<Self, Error> {
        let refuse = || Error::Address(written.to_owned());
        let url = Url::parse(written.trim()).map_err(|_| refuse())?;
        let plain = matches!(url.scheme(), "http" | "https") && url.host().is_some() && url.fragment().is_none();
        if !plain || !url.username().is_empty() || url.password().is_some() {
            return Err(refuse());
        }
        let flags = url.query().map(|query| query.trim_matches('/').to_owned()).filter(|query| !query.is_empty());
        let address = format!("{}{}", url.origin().ascii_serialization(), url.path().trim_end_matches('/'));
        Ok(Self { address, flags })
    }

    /// Whether it has Entra's flag.
    #[must_use]
    pub fn has_flag(&self) -> bool {
        self.flags.as_deref().is_some_and(|flags| flags.split('&').any(|flag| flag.eq_ignore_ascii_case(FLAG)))
    }

    /// Whether the connection is without TLS.
    pub(crate) fn is_plain(&self) -> bool {
        self.address.starts_with("http://")
    }

    /// The URL without its query.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.address
    }

    /// The URL of a path below it; the flags stay parameters.
    pub(crate) fn join(&self, path: &str, query: &[(&str, String)]) -> String {
        let mut parameters: Vec<String> = self.flags.iter().cloned().collect();
        parameters.extend(query.iter().map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, ESCAPED))));
        match parameters.as_slice() {
            [] => format!("{}{path}", self.address),
            some => format!("{}{path}?{}", self.address, some.join("&")),
        }
    }
}

/// An id as a segment of a path.
pub(crate) fn escape(id: &str) -> String {
    utf8_percent_encode(id, ESCAPED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_appended_and_flags_stay_parameters() {
        let filter = [("filter", "userName eq \"a b\"".to_owned())];
        let cases = [
            ("https://x.test/scim/v2", "https://x.test/scim/v2/Users?filter=userName%20eq%20%22a%20b%22"),
            ("https://x.test/scim/v2/", "https://x.test/scim/v2/Users?filter=userName%20eq%20%22a%20b%22"),
            ("https://x.test", "https://x.test/Users?filter=userName%20eq%20%22a%20b%22"),
            (
                "https://x.test/scim/?aadOptscim062020",
                "https://x.test/scim/Users?aadOptscim062020&filter=userName%20eq%20%22a%20b%22",
            ),
            (
                "https://x.test:8443/scim?aadOptscim062020&tenant=7",
                "https://x.test:8443/scim/Users?aadOptscim062020&tenant=7&filter=userName%20eq%20%22a%20b%22",
            ),
        ];
        for (written, joined) in cases {
            assert_eq!(BaseUrl::parse(written).unwrap().join("/Users", &filter), joined, "{written}");
        }
        assert_eq!(
            BaseUrl::parse("https://x.test/scim/?flag").unwrap().join("/Users/7", &[]),
            "https://x.test/scim/Users/7?flag"
        );
    }

    #[test]
    fn the_flag_is_recognised_in_any_case_and_among_others() {
        for (written, has) in [
            ("https://x.test/scim/?aadOptscim062020", true),
            ("https://x.test/scim/?AADOPTSCIM062020/", true),
            ("https://x.test/scim/?AzureAdScimPatch2017&aadOptscim062020", true),
            ("https://x.test/scim/?AzureAdScimPatch2017", false),
            ("https://x.test/scim/", false),
        ] {
            assert_eq!(BaseUrl::parse(written).unwrap().has_flag(), has, "{written}");
        }
    }

    #[test]
    fn an_invalid_url_is_refused() {
        for written in
            ["", "scim.example.com", "localhost:8080", "ftp://x.test/", "https://a:b@x.test/", "https://x.test/#a"]
        {
            assert!(BaseUrl::parse(written).is_err(), "{written}");
        }
    }
}
