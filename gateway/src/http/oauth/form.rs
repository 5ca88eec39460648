//! The body of a request to the token endpoint, and the client's credentials in it or in the Authorization header.

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::auth::oauth::token_error::TokenError;
use crate::http::json;
use crate::operation::Error;

/// Longest body in bytes.
const MAX_FORM_BYTES: usize = 32 * 1024;

const JWT_BEARER_ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const JWT_BEARER_GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// The parameters that are read; others are ignored (RFC 6749 §3.2).
#[derive(Default)]
pub(super) struct Form {
    grant_type: Option<String>,
    pub(super) scope: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    client_assertion_type: Option<String>,
    client_assertion: Option<String>,
    assertion: Option<String>,
}

/// What a client presents.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Credentials {
    Secret { client: String, secret: String },
    Assertion { client: Option<String>, assertion: String, exchange: bool },
}

impl Form {
    /// Reads a body.
    ///
    /// # Errors
    /// It is too long, is declared as something else, or has a parameter twice.
    pub(super) async fn read(headers: &HeaderMap, body: Body) -> Result<Self, Error> {
        let declared = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media = declared.split(';').next().unwrap_or_default().trim();
        if !media.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(TokenError::InvalidRequest("The body must be application/x-www-form-urlencoded.").into());
        }
        let bytes = json::read(body, MAX_FORM_BYTES).await?;
        Ok(Self::parse(&bytes)?)
    }

    fn parse(bytes: &[u8]) -> Result<Self, TokenError> {
        let mut form = Self::default();
        for (name, value) in form_urlencoded::parse(bytes) {
            let place = match &*name {
                "grant_type" => &mut form.grant_type,
                "scope" => &mut form.scope,
                "client_id" => &mut form.client_id,
                "client_secret" => &mut form.client_secret,
                "client_assertion_type" => &mut form.client_assertion_type,
                "client_assertion" => &mut form.client_assertion,
                "assertion" => &mut form.assertion,
                _ => continue,
            };
            // RFC 6749 §3.2: parameters "MUST NOT be included more than once".
            if place.replace(value.into_owned()).is_some() {
                return Err(TokenError::InvalidRequest("A parameter is there twice."));
            }
        }
        Ok(form)
    }

    /// The client's credentials, of which there must be one kind (RFC 6749 §2.3).
    pub(super) fn credentials(&self, headers: &HeaderMap) -> Result<Credentials, TokenError> {
        let exchange = match self.grant_type.as_deref() {
            Some("client_credentials") => false,
            Some(JWT_BEARER_GRANT) => true,
            Some(_) => return Err(TokenError::UnsupportedGrantType),
            None => return Err(TokenError::InvalidRequest("The grant_type is missing.")),
        };
        let header = headers.get(AUTHORIZATION).map(|value| value.to_str().unwrap_or_default());
        let presented = if exchange { &self.assertion } else { &self.client_assertion };
        match (header, &self.client_secret, presented) {
            (Some(header), None, None) => {
                let (client, secret) = basic(header).ok_or(TokenError::InvalidClient)?;
                if self.client_id.as_ref().is_some_and(|named| *named != client) {
                    return Err(TokenError::InvalidRequest("Two different clients are named."));
                }
                Ok(Credentials::Secret { client, secret })
            }
            (None, Some(secret), None) => {
                let client = self.client_id.clone().ok_or(TokenError::InvalidClient)?;
                Ok(Credentials::Secret { client, secret: secret.clone() })
            }
            (None, None, Some(assertion)) => {
                if !exchange && self.client_assertion_type.as_deref() != Some(JWT_BEARER_ASSERTION) {
                    return Err(TokenError::InvalidRequest(
                        "The client_assertion_type must be urn:ietf:params:oauth:client-assertion-type:jwt-bearer.",
                    ));
                }
                Ok(Credentials::Assertion { client: self.client_id.clone(), assertion: assertion.clone(), exchange })
            }
            (None, None, None) if exchange => Err(TokenError::InvalidRequest("The assertion is missing.")),
            (None, None, None) => Err(TokenError::InvalidClient),
            _ => Err(TokenError::InvalidRequest("Credentials of one kind are expected, and there are two.")),
        }
    }
}

/// The id and the secret of HTTP Basic, each form-encoded (RFC 6749 §2.3.1).
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.trim().split_once(' ')?;
    let bytes = STANDARD.decode(encoded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let text = String::from_utf8(bytes).ok()?;
    let (client, secret) = text.split_once(':')?;
    let decode = |part: &str| {
        let spaced = part.replace('+', " ");
        percent_encoding::percent_decode_str(&spaced).decode_utf8().ok().map(std::borrow::Cow::into_owned)
    };
    Some((decode(client)?, decode(secret)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str, header: Option<&str>) -> Result<Credentials, TokenError> {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert(AUTHORIZATION, header.parse().unwrap());
        }
        Form::parse(body.as_bytes())?.credentials(&headers)
    }

    fn basic_of(text: &str) -> String {
        format!("Basic {}", STANDARD.encode(text))
    }

    #[test]
    fn a_client_presents_credentials_of_one_kind() {
        let secret = |client: &str, secret: &str| {
            Ok(Credentials::Secret { client: client.to_owned(), secret: secret.to_owned() })
        };
        let grant = "grant_type=client_credentials";
        assert_eq!(read(grant, Some(&basic_of("a:b%2B+c"))), secret("a", "b+ c"));
        assert_eq!(read(&format!("{grant}&client_id=a"), Some(&basic_of("a:b"))), secret("a", "b"));
        assert_eq!(read(&format!("{grant}&client_id=a&client_secret=b%2Bc&other=1&other=2"), None), secret("a", "b+c"));
        let assertion = format!("{grant}&client_assertion_type={JWT_BEARER_ASSERTION}&client_assertion=x.y.z");
        let expected = Credentials::Assertion { client: None, assertion: "x.y.z".to_owned(), exchange: false };
        assert_eq!(read(&assertion, None), Ok(expected));
        let exchanged = Credentials::Assertion { client: None, assertion: "x.y.z".to_owned(), exchange: true };
        assert_eq!(read(&format!("grant_type={JWT_BEARER_GRANT}&assertion=x.y.z"), None), Ok(exchanged));
    }

    #[test]
    fn other_requests_have_the_code_of_the_standard() {
        let both = basic_of("a:b");
        for (body, header, code) in [
            ("", None, "invalid_request"),
            ("grant_type=password", None, "unsupported_grant_type"),
            ("grant_type=client_credentials", None, "invalid_client"),
            ("grant_type=client_credentials&grant_type=client_credentials", None, "invalid_request"),
            ("grant_type=client_credentials&client_secret=b", None, "invalid_client"),
            ("grant_type=client_credentials&client_id=a&client_secret=b", Some(both.as_str()), "invalid_request"),
            ("grant_type=client_credentials&client_id=other", Some(&both), "invalid_request"),
            ("grant_type=client_credentials", Some("Basic !"), "invalid_client"),
            ("grant_type=client_credentials", Some("Bearer abc"), "invalid_client"),
            ("grant_type=client_credentials&client_assertion=x.y.z", None, "invalid_request"),
            ("grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer", None, "invalid_request"),
        ] {
            assert_eq!(read(body, header).unwrap_err().code(), code, "{body} {header:?}");
        }
    }
}
