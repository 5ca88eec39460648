//! The refusals of the token endpoint.

/// Why a client gets no access token, besides failures that any request may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The request is not one for a token.
    #[error("{0}")]
    InvalidRequest(&'static str),
    /// The client has not authenticated itself.
    #[error("The client's credentials are missing or not accepted.")]
    InvalidClient,
    /// The assertion that is to be exchanged is not accepted.
    #[error("The assertion is not accepted.")]
    InvalidGrant,
    /// The grant is none of those that there are.
    #[error("The grant_type must be client_credentials or urn:ietf:params:oauth:grant-type:jwt-bearer.")]
    UnsupportedGrantType,
    /// The scope is another one.
    #[error("The only scope is scim.")]
    InvalidScope,
}

impl TokenError {
    /// The code (RFC 6749 §5.2).
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
        }
    }
}
