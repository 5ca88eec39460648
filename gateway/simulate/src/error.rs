//! Why a simulation could not begin or go on. What a server does wrong while it runs is a finding and not an error.

/// Why it stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is none.
    #[error("\"{0}\" is no SCIM base address; it looks like https://scim.example.com/scim/v2/")]
    Address(String),
    /// The secret cannot be sent.
    #[error("the token cannot stand in a header; it has a control character or a line break in the middle")]
    Token,
    /// The HTTP client cannot be made.
    #[error("TLS cannot be set up for {address}")]
    Setup {
        /// Where it should connect to.
        address: String,
        /// What the client said.
        #[source]
        source: reqwest::Error,
    },
    /// No answer came, however often it was tried.
    #[error("{address} gave no answer in {attempts} attempts; is the server running, and is the URL right?")]
    Unreachable {
        /// Who does not answer.
        address: String,
        /// How often it was tried.
        attempts: u32,
        /// What the client said last.
        #[source]
        source: reqwest::Error,
    },
    /// 401.
    #[error(
        "{0} answered 401: the token is wrong, expired or of another tenant; take the one that belongs to this URL"
    )]
    Unauthorized(String),
    /// 403.
    #[error(
        "{0} answered 403: the token is known but may not provision; give its account the right to, or take another token"
    )]
    Forbidden(String),
    /// An answer that is no SCIM.
    #[error(
        "{address} answered {status} with {what}: the URL is not a SCIM base address (often the path, like /scim/v2/, is missing)"
    )]
    NotScim {
        /// Who answered.
        address: String,
        /// With which status.
        status: u16,
        /// With what.
        what: String,
    },
    /// The probe for groups fails.
    #[error(
        "{address} answered {status} to the question for groups; a server without groups can be tried with --groups 0"
    )]
    NoGroups {
        /// Who answered.
        address: String,
        /// With which status.
        status: u16,
    },
    /// The directory refuses.
    #[error(
        "the directory at {address} answered {status}; check --admin-url and --directory-key, or leave the key out"
    )]
    Directory {
        /// Who answered.
        address: String,
        /// With which status.
        status: u16,
    },
}
