//! Entity tags (RFC 7644 §3.14, RFC 9110 §8.8.3) and conditional requests.

use crate::error::ScimError;

/// The weak entity tag of a version: `W/"7"`.
#[must_use]
pub fn weak(version: i64) -> String {
    format!("W/\"{version}\"")
}

/// The version of a weak entity tag, as [`weak`] writes it.
#[must_use]
pub fn version(tag: &str) -> Option<i64> {
    tag.strip_prefix("W/\"")?.strip_suffix('"')?.parse().ok()
}

/// The condition of a request: `If-Match`, `If-None-Match`, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    if_match: Option<Tags>,
    if_none_match: Option<Tags>,
}

/// The value of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Tags {
    /// `*`: any version.
    Any,
    /// Opaque tags, without `W/` and quotes.
    Listed(Vec<String>),
}

impl Condition {
    /// Parses an `If-Match` header, or the `version` of a bulk operation, which means the same. Quotes may be missing, because
    /// some clients send back the bare version. An error is 400 `invalidSyntax`.
    pub fn parse(if_match: &str) -> Result<Self, ScimError> {
        Ok(Self { if_match: Some(Tags::parse(if_match)?), if_none_match: None })
    }

    /// Parses both headers; `None` if neither is present.
    pub fn read(if_match: Option<&str>, if_none_match: Option<&str>) -> Result<Option<Self>, ScimError> {
        let parse = |header: Option<&str>| header.map(Tags::parse).transpose();
        let condition = Self { if_match: parse(if_match)?, if_none_match: parse(if_none_match)? };
        Ok((condition != Self::default()).then_some(condition))
    }

    /// Whether the condition allows a write to this version; `None` means that there is no resource.
    #[must_use]
    pub fn holds(&self, current: Option<i64>) -> bool {
        self.if_match_holds(current) && self.if_none_match_holds(current)
    }

    /// Whether `If-Match` lists this version.
    #[must_use]
    pub fn if_match_holds(&self, current: Option<i64>) -> bool {
        self.if_match.as_ref().is_none_or(|tags| tags.include(current))
    }

    /// Whether `If-None-Match` does not list this version.
    #[must_use]
    pub fn if_none_match_holds(&self, current: Option<i64>) -> bool {
        !self.if_none_match.as_ref().is_some_and(|tags| tags.include(current))
    }
}

impl Tags {
    fn parse(header: &str) -> Result<Self, ScimError> {
        let mut rest = header.trim();
        if rest == "*" {
            return Ok(Self::Any);
        }
        let mut tags = Vec::new();
        while !rest.is_empty() {
            let (tag, after) = split_tag(rest).ok_or_else(|| malformed(header))?;
            tags.push(tag.to_owned());
            rest = after.trim_start_matches([' ', '\t', ',']);
        }
        if tags.is_empty() { Err(malformed(header)) } else { Ok(Self::Listed(tags)) }
    }

    /// The weak comparison, since all tags are weak.
    fn include(&self, current: Option<i64>) -> bool {
        match (self, current) {
            (_, None) => false,
            (Self::Any, Some(_)) => true,
            (Self::Listed(tags), Some(version)) => tags.contains(&version.to_string()),
        }
    }
}

/// The first tag and the rest of the list.
fn split_tag(text: &str) -> Option<(&str, &str)> {
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
    ScimError::invalid_syntax(format!("\"{header}\" is not a list of entity tags such as W/\"1\", W/\"2\"."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_from_the_tag_that_shows_it_alone() {
        assert_eq!(version(&weak(7)), Some(7));
        for tag in ["7", "\"7\"", "W/\"x\"", "W/\"\"", "w/\"7\"", ""] {
            assert_eq!(version(tag), None, "{tag}");
        }
    }

    #[test]
    fn a_condition_holds_for_the_listed_versions() {
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
        assert!(!Condition::parse("*").unwrap().holds(None), "no resource");
    }

    #[test]
    fn malformed_headers_are_refused() {
        for header in ["", " ", "\"7", "W/\"", "W/", "7\"", "\"7\"8", ","] {
            assert_eq!(Condition::parse(header).map_err(|error| error.status), Err(400), "{header}");
        }
    }

    #[test]
    fn if_match_and_if_none_match_must_both_hold() {
        for (if_match, if_none_match, expected) in [
            (None, Some("W/\"7\""), (true, false)),
            (None, Some("W/\"6\""), (true, true)),
            (None, Some("*"), (true, false)),
            (Some("*"), Some("\"6\", \"8\""), (true, true)),
            (Some("\"6\""), Some("\"7\""), (false, false)),
        ] {
            let condition = Condition::read(if_match, if_none_match).unwrap().unwrap();
            let found = (condition.if_match_holds(Some(7)), condition.if_none_match_holds(Some(7)));
            assert_eq!(found, expected, "{condition:?}");
            assert_eq!(condition.holds(Some(7)), expected == (true, true), "{condition:?}");
        }
        assert_eq!(Condition::read(None, None), Ok(None));
        assert!(Condition::read(None, Some("*")).unwrap().unwrap().holds(None), "no resource matches *");
        assert!(Condition::read(Some("*"), Some("\"7")).is_err());
    }
}
