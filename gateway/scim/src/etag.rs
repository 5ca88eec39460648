//! Entity tags (RFC 7644 §3.14, RFC 9110 §8.8.3) and the conditions clients make of them.

use crate::error::ScimError;

/// The weak tag of a version: `W/"7"`.
#[must_use]
pub fn weak(version: i64) -> String {
    format!("W/\"{version}\"")
}

/// What a request asks of the version that is there: `If-Match`, `If-None-Match`, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    matching: Option<Tags>,
    not_matching: Option<Tags>,
}

/// The value of one of the headers.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Tags {
    /// `*`: any version there is.
    Any,
    /// One of these opaque tags, without `W/` and quotes.
    Listed(Vec<String>),
}

impl Condition {
    /// Reads an `If-Match` header, or the `version` of a bulk operation, which means the same. A tag without its quotes is
    /// taken as it is, because some clients send back the bare version.
    ///
    /// # Errors
    /// 400 `invalidSyntax` if a quote is left open or the list is empty.
    pub fn parse(header: &str) -> Result<Self, ScimError> {
        Ok(Self { matching: Some(Tags::parse(header)?), not_matching: None })
    }

    /// Reads both headers; none where neither is there.
    ///
    /// # Errors
    /// As [`Condition::parse`].
    pub fn read(if_match: Option<&str>, if_none_match: Option<&str>) -> Result<Option<Self>, ScimError> {
        let (matching, not_matching) =
            (if_match.map(Tags::parse).transpose()?, if_none_match.map(Tags::parse).transpose()?);
        let asks = matching.is_some() || not_matching.is_some();
        Ok(asks.then_some(Self { matching, not_matching }))
    }

    /// Whether a resource of this version may be written; `None` if there is no resource.
    #[must_use]
    pub fn holds(&self, current: Option<i64>) -> bool {
        self.matches(current) && !self.is_known(current)
    }

    /// Whether a resource of this version is one that `If-Match` asks for.
    #[must_use]
    pub fn matches(&self, current: Option<i64>) -> bool {
        self.matching.as_ref().is_none_or(|tags| tags.include(current))
    }

    /// Whether a resource of this version is one that the client has already, by `If-None-Match`.
    #[must_use]
    pub fn is_known(&self, current: Option<i64>) -> bool {
        self.not_matching.as_ref().is_some_and(|tags| tags.include(current))
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
            let (tag, after) = one_tag(rest).ok_or_else(|| malformed(header))?;
            tags.push(tag.to_owned());
            rest = after.trim_start_matches([' ', '\t', ',']);
        }
        if tags.is_empty() { Err(malformed(header)) } else { Ok(Self::Listed(tags)) }
    }

    /// The comparison is weak, since every tag here is.
    fn include(&self, current: Option<i64>) -> bool {
        match (self, current) {
            (_, None) => false,
            (Self::Any, Some(_)) => true,
            (Self::Listed(tags), Some(version)) => tags.contains(&version.to_string()),
        }
    }
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
        assert!(!Condition::parse("*").unwrap().holds(None), "there is none");
    }

    #[test]
    fn malformed_headers_are_refused() {
        for header in ["", " ", "\"7", "W/\"", "W/", "7\"", "\"7\"8", ","] {
            assert_eq!(Condition::parse(header).map_err(|error| error.status), Err(400), "{header}");
        }
    }

    #[test]
    fn two_headers_are_two_conditions() {
        for (if_match, if_none_match, matches, known) in [
            (None, Some("W/\"7\""), true, true),
            (None, Some("W/\"6\""), true, false),
            (None, Some("*"), true, true),
            (Some("*"), Some("\"6\", \"8\""), true, false),
            (Some("\"6\""), Some("\"7\""), false, true),
        ] {
            let condition = Condition::read(if_match, if_none_match).unwrap().unwrap();
            assert_eq!((condition.matches(Some(7)), condition.is_known(Some(7))), (matches, known), "{condition:?}");
            assert_eq!(condition.holds(Some(7)), matches && !known, "{condition:?}");
        }
        assert_eq!(Condition::read(None, None), Ok(None));
        assert!(Condition::read(None, Some("*")).unwrap().unwrap().holds(None), "what is not there is not known");
        assert!(Condition::read(Some("*"), Some("\"7")).is_err());
    }
}
