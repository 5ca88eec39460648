//! A request's path as the log has it: short, without mail addresses, which some clients write into it, and without the secret of a
//! setup link.

use std::borrow::Cow;
use std::fmt;

use crate::http::page::SETUP_PREFIX;

/// Longest path in the log, in bytes.
const MAX_PATH_BYTES: usize = 200;

/// A path that is written to the log.
pub(super) fn path(path: &str) -> impl fmt::Display {
    let masked = match mask(path) {
        Cow::Owned(masked) => masked,
        Cow::Borrowed(path) => path.to_owned(),
    };
    let end = masked.floor_char_boundary(MAX_PATH_BYTES);
    if end < masked.len() { format!("{}…", &masked[..end]) } else { masked }
}

/// Segments with an at sign, plain or as %40, are mail addresses or names like them; what follows the prefix of setup links is a secret.
fn mask(path: &str) -> Cow<'_, str> {
    let is_address = |segment: &str| segment.contains('@') || segment.contains("%40");
    if let Some(rest) = path.strip_prefix(SETUP_PREFIX) {
        let more = rest.find('/').map(|at| &rest[at..]).filter(|more| *more == "/status").unwrap_or_default();
        return Cow::Owned(format!("{SETUP_PREFIX}…{more}"));
    }
    if !is_address(path) {
        return Cow::Borrowed(path);
    }
    let segments: Vec<&str> = path.split('/').map(|it| if is_address(it) { "…" } else { it }).collect();
    Cow::Owned(segments.join("/"))
}

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn a_path_is_short_and_has_no_mail_address() {
        for (written, logged) in [
            ("/scim/v2/Users", "/scim/v2/Users".to_owned()),
            ("/scim/v2/Users/ada@corp.test", "/scim/v2/Users/…".to_owned()),
            ("/scim/v2/Users/ada%40corp.test/x", "/scim/v2/Users/…/x".to_owned()),
            ("/setup/sgs_0123456789/status", "/setup/…/status".to_owned()),
            ("/setup/sgs_0123456789", "/setup/…".to_owned()),
            ("/setup/x/sgs_0123456789", "/setup/…".to_owned()),
            (&format!("/{}", "a".repeat(300)), format!("/{}…", "a".repeat(199))),
            (&format!("/{}", "ä".repeat(300)), format!("/{}…", "ä".repeat(99))),
        ] {
            assert_eq!(path(written).to_string(), logged, "{written}");
        }
    }
}
