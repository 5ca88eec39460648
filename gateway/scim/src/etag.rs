//! Entity tags (RFC 7644 §3.14, RFC 9110 §8.8.3) and the conditions clients make of them.

use crate::error::ScimError;

/// The weak tag of a version: `W/"7"`.
#[must_use]
pub fn weak(version: i64) -> String {
    format!("W/\"{version}\"")
}

/// The value of an `If-Match` or `If-None-Match` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// `*`: any version there is.
    Any,
    /// One of these opaque tags, without `W/` and quotes.
    Tags(Vec<String>),
}

impl Condition {
    /// Reads a header. A tag without its quotes is taken as it is, because some clients send back the bare version.
    ///
    /// # Errors
    /// 400 `invalidSyntax` if a quote is left open or the list is empty.
    pub fn parse(header: &str) -> Result<Self, ScimError> {
        let mut rest = header.trim();
        if rest == "*" {
            return Ok(Self::Any);
        }
        let mut tags = Vec::new();
        while !rest.is_empty() {
            let (tag, after) = one_tag(rest).ok_or_else(|| malformed(header))?;
            tags.push(tag.to_owned());
            rest = after.trim_start_matches([' ', '\t', ',']);
        }
        if tags.is_empty() { Err(malformed(header)) } else { Ok(Self::Tags(tags)) }
    }

    /// Whether a resource of this version meets the condition; `None` if there is no resource. The comparison is
    /// weak, since every tag here is.
    #[must_use]
    pub fn holds(&self, current: Option<i64>) -> bool {
        match (self, current) {
            (_, None) => false,
            (Self::Any, Some(_)) => true,
            (Self::Tags(tags), Some(version)) => tags.contains(&version.to_string()),
        }
    }
}

/// Checks `If-Match` ahead of a write.
///
/// # Errors
/// 412 if the resource is of another version (RFC 7644 §3.14), 400 if the header is malformed.
pub fn check_if_match(header: Option<&str>, current: i64) -> Result<(), ScimError> {
    let Some(header) = header else { return Ok(()) };
    if Condition::parse(header)?.holds(Some(current)) {
        return Ok(());
    }
    Err(ScimError::new(
        412,
        format!("The resource has changed: its version is {}, not {header}. Read it again.", weak(current)),
    ))
}

/// Whether the client has this version already, so that a read is answered with 304.
///
/// # Errors
/// 400 if the header is malformed.
pub fn is_unchanged(if_none_match: Option<&str>, current: i64) -> Result<bool, ScimError> {
    if_none_match.map_or(Ok(false), |header| Ok(Condition::parse(header)?.holds(Some(current))))
}

fn one_tag(text: &str) -> Option<(&str, &str)> {
    let quoted = text.strip_prefix("W/").or_else(|| text.strip_prefix("w/")).unwrap_or(text);
    if let Some(opened) = quoted.strip_prefix('"') {
        let (tag, after) = opened.split_once('"')?;
        let ended = after.is_empty() || after.starts_with([',', ' ', '\t']);
        return ended.then_some((tag, after));
    }
    let end = quoted.find([',', ' ', '\t']).unwrap_or(quoted.len());
    let (tag, after) = quoted.split_at(end);
    (!tag.is_empty() && !tag.contains('"')).then_some((tag, after))
}

fn malformed(header: &str) -> ScimError {
    ScimError::invalid_syntax(format!("\"{header}\" is no list of entity tags such as W/\"1\", W/\"2\"."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_holds_for_its_versions_only() {
        for (header, version, expected) in [
            ("*", 7, true),
            (" * ", 7, true),
            ("W/\"7\"", 7, true),
            ("\"7\"", 7, true),
            ("w/\"7\"", 7, true),
            ("7", 7, true),
            ("W/7", 7, true),
            ("W/\"6\", W/\"7\"", 7, true),
            ("\"6\",\"7\"", 7, true),
            ("W/\"6\" , , \"8\"", 7, false),
            ("W/\"07\"", 7, false),
            ("W/\"a,7\"", 7, false),
            ("\"*\"", 7, false),
        ] {
            assert_eq!(Condition::parse(header).map(|found| found.holds(Some(version))), Ok(expected), "{header}");
        }
        assert!(!Condition::Any.holds(None));
    }

    #[test]
    fn malformed_headers_are_refused() {
        for header in ["", " ", "\"7", "W/\"", "W/", "7\"", "\"7\"8", ","] {
            assert_eq!(Condition::parse(header).map_err(|error| error.status), Err(400), "{header}");
        }
    }

    #[test]
    fn a_write_on_another_version_is_412_and_a_read_of_the_same_is_unchanged() {
        assert_eq!(check_if_match(None, 7), Ok(()));
        assert_eq!(check_if_match(Some(&weak(7)), 7), Ok(()));
        assert_eq!(check_if_match(Some(&weak(6)), 7).map_err(|error| error.status), Err(412));
        assert_eq!(is_unchanged(None, 7), Ok(false));
        assert_eq!(is_unchanged(Some("W/\"7\""), 7), Ok(true));
        assert_eq!(is_unchanged(Some("W/\"6\""), 7), Ok(false));
    }
}
