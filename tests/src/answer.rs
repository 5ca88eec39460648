//! A reply, with the checks that every reply must pass.

use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde_json::Value;

/// A reply.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The request's method and URL, for messages.
    pub asked: String,
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body's bytes as text.
    pub text: String,
    /// The body; null where there is none, or where it is not JSON.
    pub body: Value,
}

impl Answer {
    pub(crate) async fn read(asked: String, response: reqwest::Response) -> Result<Self, reqwest::Error> {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or_default();
        Ok(Self { asked, status, headers, text, body })
    }

    /// The reply, if it has this status.
    #[expect(
        clippy::return_self_not_must_use,
        clippy::must_use_candidate,
        reason = "many tests check the status alone"
    )]
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{} was answered\n{}", self.asked, self.text);
        self
    }

    /// The body for a snapshot.
    #[must_use]
    pub fn redacted(&self) -> String {
        crate::redacted(&self.body)
    }

    /// The id in the body.
    #[must_use]
    #[track_caller]
    pub fn id(&self) -> String {
        self.body["id"]
            .as_str()
            .unwrap_or_else(|| panic!("{} was answered without an id\n{}", self.asked, self.text))
            .into()
    }

    /// A header's text; empty where it is missing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The number in the weak ETag.
    #[must_use]
    #[track_caller]
    pub fn version(&self) -> i64 {
        let tag = self.header("etag");
        let number =
            tag.strip_prefix("W/\"").and_then(|rest| rest.strip_suffix('"')).and_then(|text| text.parse().ok());
        number.unwrap_or_else(|| panic!("{} was answered with the ETag {tag:?}", self.asked))
    }

    /// Checks what every reply of the SCIM endpoint must have: a request id, and JSON of the right media type.
    /// RFC 7644 §3.12: an error has its status as a string.
    #[track_caller]
    pub fn check_scim(&self) {
        assert!(!self.header("x-request-id").is_empty(), "{} was answered without a request id", self.asked);
        if self.status == 204 || self.status == 304 {
            assert_eq!(self.text, "", "{} was answered {} with a body", self.asked, self.status);
            return;
        }
        let media = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        assert_eq!(media, Some("application/scim+json"), "{} was answered {}", self.asked, self.text);
        assert!(self.body.is_object(), "{} was answered with no JSON object: {}", self.asked, self.text);
        if self.status >= 400 {
            assert_eq!(self.body["schemas"][0], "urn:ietf:params:scim:api:messages:2.0:Error", "{}", self.asked);
            assert_eq!(self.body["status"], self.status.to_string(), "{}", self.asked);
            assert!(
                self.body["detail"].as_str().is_some_and(|detail| !detail.is_empty()),
                "{}: {}",
                self.asked,
                self.text
            );
        }
    }
}
