//! The other input of a call, and its outcome.

use jiff::Timestamp;

use crate::{Error, Result};

/// Which document this is, and when it was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Context {
    /// The tenant's name, for texts that people read. An operator may change it: what differs between tenants belongs into the
    /// configuration.
    pub tenant: String,
    /// `User`, `Group`, or a resource type that the tenant defined.
    pub resource_type: String,
    /// The resource's `id`.
    pub resource_id: String,
    /// RFC 3339. The only "now", so a preview and a later run give the same result.
    pub last_modified: String,
}

impl Context {
    /// The time of the change, to compute with.
    pub fn now(&self) -> Result<Timestamp> {
        let time = &self.last_modified;
        time.parse().map_err(|error| Error::Other(format!("lastModified ({time}) is not a date and time: {error}")))
    }
}

/// Why a document is rejected, for the client (RFC 7644, table 9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScimType {
    /// A value is not what it must be.
    #[default]
    InvalidValue,
    /// Another resource has the value.
    Uniqueness,
    /// The attribute must not change.
    Mutability,
    /// The request has the wrong structure.
    InvalidSyntax,
}

impl ScimType {
    /// The word in the client's error.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidValue => "invalidValue",
            Self::Uniqueness => "uniqueness",
            Self::Mutability => "mutability",
            Self::InvalidSyntax => "invalidSyntax",
        }
    }
}

/// What the plugin decides for the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The product gets the document as the plugin left it.
    Mapped,
    /// Accepted from the client, hidden from the product; the text is the reason.
    Excluded(String),
    /// Nothing is stored; the client gets a SCIM error.
    Rejected {
        /// A scimType of RFC 7644, table 9.
        scim_type: Option<String>,
        /// A sentence for the administrator of the identity provider.
        detail: String,
    },
}

impl Outcome {
    /// Hides the resource from the product.
    pub fn excluded(why: impl Into<String>) -> Self {
        Self::Excluded(why.into())
    }

    /// Hides the resource from the product if the condition holds, and maps it otherwise.
    ///
    /// ```
    /// # use scimgate_plugin_sdk::Outcome;
    /// assert_eq!(Outcome::excluded_if(true, || "a contractor".to_owned()), Outcome::excluded("a contractor"));
    /// assert_eq!(Outcome::excluded_if(false, || "a contractor".to_owned()), Outcome::Mapped);
    /// ```
    pub fn excluded_if(condition: bool, why: impl FnOnce() -> String) -> Self {
        if condition { Self::Excluded(why()) } else { Self::Mapped }
    }

    /// Rejects the document as an `invalidValue`.
    pub fn rejected(detail: impl Into<String>) -> Self {
        Self::rejected_as(ScimType::InvalidValue, detail)
    }

    /// Rejects the document with another scimType.
    pub fn rejected_as(scim_type: ScimType, detail: impl Into<String>) -> Self {
        Self::Rejected { scim_type: Some(scim_type.as_str().to_owned()), detail: detail.into() }
    }
}
