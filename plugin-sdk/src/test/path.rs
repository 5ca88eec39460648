//! The few paths that native tests need; the host has the full grammar.

use crate::error::PathError;

const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:";

/// `urn:attribute[sub eq "value"].sub`, every part but the attribute optional.
#[derive(Debug, PartialEq)]
pub(super) struct Path<'a> {
    pub(super) schema: Option<&'a str>,
    pub(super) attribute: &'a str,
    pub(super) filter: Option<(&'a str, serde_json::Value)>,
    pub(super) sub: Option<&'a str>,
}

impl<'a> Path<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, PathError> {
        let malformed = || PathError::Malformed(format!("{text} is not a path that native tests support"));
        let (schema, rest) = split_schema(text);
        let (head, filter, sub) = match rest.split_once('[') {
            Some((head, rest)) => {
                let (filter, sub) = rest.rsplit_once(']').ok_or_else(malformed)?;
                let (name, value) = filter.split_once(" eq ").ok_or_else(malformed)?;
                let value = serde_json::from_str(value).map_err(|_| malformed())?;
                let sub = if sub.is_empty() { None } else { Some(sub.strip_prefix('.').ok_or_else(malformed)?) };
                (head, Some((name.trim(), value)), sub)
            }
            None => match rest.split_once('.') {
                Some((head, sub)) => (head, None, Some(sub)),
                None => (rest, None, None),
            },
        };
        let named = |name: &str| {
            !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "$-_".contains(letter))
        };
        if named(head) && sub.is_none_or(named) {
            Ok(Self { schema, attribute: head, filter, sub })
        } else {
            Err(malformed())
        }
    }
}

/// The attribute follows the last colon before a filter. The URN of a core schema is optional, so it is dropped.
fn split_schema(text: &str) -> (Option<&str>, &str) {
    if !text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("urn:")) {
        return (None, text);
    }
    let end = text.find('[').unwrap_or(text.len());
    match text[..end].rfind(':') {
        Some(colon) if text.starts_with(CORE) => (None, &text[colon + 1..]),
        Some(colon) => (Some(&text[..colon]), &text[colon + 1..]),
        None => (None, text),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(text: &str, schema: Option<&str>, attribute: &str, sub: Option<&str>) {
        let path = Path::parse(text).unwrap();
        assert_eq!((path.schema, path.attribute, path.sub), (schema, attribute, sub));
    }

    #[test]
    fn simple_paths_are_parsed() {
        check("userName", None, "userName", None);
        check("name.givenName", None, "name", Some("givenName"));
        check("urn:example:a:2.0:User:badge", Some("urn:example:a:2.0:User"), "badge", None);
        check("urn:example:a:2.0:User:manager.value", Some("urn:example:a:2.0:User"), "manager", Some("value"));
        check("urn:ietf:params:scim:schemas:core:2.0:User:userName", None, "userName", None);
        check("emails[type eq \"a.b:c\"].value", None, "emails", Some("value"));
        assert_eq!(Path::parse("emails[primary eq true]").unwrap().filter, Some(("primary", json!(true))));
    }

    #[test]
    fn other_paths_are_refused() {
        for text in ["", ".", "a.", "a[b]", "a[b eq]", "a[b eq \"c\"", "a[b eq \"c\"]d", "a b"] {
            assert!(Path::parse(text).is_err(), "{text}");
        }
    }
}
