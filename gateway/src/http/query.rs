//! The query parameters of the directory and the admin API.

use std::ops::RangeInclusive;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use scimgate_scim::error::ScimError;
use serde::de::DeserializeOwned;

use crate::http::error::ApiFailure;
use crate::operation::Gateway;
use crate::operation::directory::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE};

/// Query parameters, refused with a problem document where they cannot be read.
pub(in crate::http) struct Parameters<T>(pub(in crate::http) T);

impl<T: DeserializeOwned> FromRequestParts<Gateway> for Parameters<T> {
    type Rejection = ApiFailure;

    async fn from_request_parts(parts: &mut Parts, _: &Gateway) -> Result<Self, ApiFailure> {
        let read = Query::try_from_uri(&parts.uri);
        let Query(parameters) = read.map_err(|why| ScimError::new(400, format!("{}.", why.body_text())))?;
        Ok(Self(parameters))
    }
}

/// Entries of a page.
pub(in crate::http) fn limit(text: Option<&str>) -> Result<i64, ScimError> {
    number("limit", text, DEFAULT_PAGE_SIZE, 1..=MAX_PAGE_SIZE)
}

/// A whole number within bounds, or the default where none is given.
pub(super) fn number(
    name: &str,
    text: Option<&str>,
    default: i64,
    allowed: RangeInclusive<i64>,
) -> Result<i64, ScimError> {
    let Some(text) = text else { return Ok(default) };
    text.parse().ok().filter(|number| allowed.contains(number)).ok_or_else(|| {
        ScimError::new(400, format!("{name} must be a whole number from {} to {}.", allowed.start(), allowed.end()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_hundred_by_default_and_bounded() {
        assert_eq!(limit(None), Ok(100));
        assert_eq!(limit(Some("1000")), Ok(1000));
        for text in ["", "0", "1001", "-1", "ten", "1.5"] {
            let refusal = limit(Some(text)).unwrap_err();
            assert_eq!(refusal.detail, "limit must be a whole number from 1 to 1000.", "{text}");
        }
    }
}
