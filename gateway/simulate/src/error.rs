//! Why a simulation could not start or continue. What a server does wrong while it runs is a finding, not an error.

/// Why a simulation stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is not a base URL.
    #[error("\"{0}\" is not a SCIM base URL; it looks like https://scim.example.com/scim/v2/")]
    Address(String),
    /// The secret cannot be sent.
    #[error("the token cannot be sent in a header; it contains a control character or a line break")]
    Token,
    /// The HTTP client cannot be set up.
    #[error("TLS cannot be set up for {address}")]
    Setup {
        /// The base URL.
        address: String,
        /// The client's error.
        #[source]
        source: reqwest::Error,
    },
    /// No attempt was answered.
    #[error("{address} did not respond in {attempts} attempts; is the server running, and is the URL right?")]
    Unreachable {
        /// The base URL.
        address: String,
        /// The number of attempts.
        attempts: u32,
        /// The client's error at the last attempt.
        #[source]
        source: reqwest::Error,
    },
    /// The response was 401.
    #[error(
        "{0} answered 401: the token is wrong, expired or of another tenant; use the token that belongs to this URL"
    )]
    Unauthorized(String),
    /// The response was 403.
    #[error(
        "{0} answered 403: the token is valid but not allowed to provision; grant its account access, or use another token"
    )]
    Forbidden(String),
    /// The response was not SCIM.
    #[error(
        "{address} answered {status} with {content}: the URL is not a SCIM base URL (often the path, like /scim/v2/, is missing)"
    )]
    NotScim {
        /// The base URL.
        address: String,
        /// The status.
        status: u16,
        /// What the response was instead.
        content: String,
    },
    /// The probe for groups failed.
    #[error("{address} answered {status} to the probe for groups; to test a server without groups, use --groups 0")]
    NoGroups {
        /// The base URL.
        address: String,
        /// The status.
        status: u16,
    },
    /// The directory refused a request.
    #[error("the directory at {address} answered {status}; check --admin-url and --directory-key, or omit the key")]
    Directory {
        /// The directory's base URL.
        address: String,
        /// The status.
        status: u16,
    },
}
