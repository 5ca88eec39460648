//! The Authorization header (RFC 6750 §2.1).

/// The credentials in a header value. The scheme is optional, because Okta's header mode sends the bare token, and
/// its case does not matter (RFC 9110 §11.1).
#[must_use]
pub fn credentials(header: &str) -> &str {
    let header = header.trim();
    match header.split_once(' ') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => rest.trim(),
        _ => header,
    }
}

/// Whether a header value is the credentials alone, without a scheme.
#[must_use]
pub fn is_bare(header: &str) -> bool {
    !header.trim().contains(' ')
}

#[cfg(test)]
mod tests {
    use super::{credentials, is_bare};

    #[test]
    fn the_scheme_is_optional_and_of_any_case() {
        for header in ["Bearer abc", "bearer abc", "BEARER  abc ", "abc", " abc"] {
            assert_eq!(credentials(header), "abc", "{header:?}");
            assert_eq!(is_bare(header), header.trim() == "abc", "{header:?}");
        }
    }
}
