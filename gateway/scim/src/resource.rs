//! Builds the resource for a reply from a stored document, its id, its `meta` and attributes stored elsewhere.

use serde_json::{Map, Value, json};

use crate::etag;

/// RFC 7643 §3.1 `meta`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta<'a> {
    /// The name of the resource type.
    pub resource_type: &'a str,
    /// The time of creation as RFC 3339 text.
    pub created: &'a str,
    /// The time of the last change as RFC 3339 text.
    pub last_modified: &'a str,
    /// The absolute URI.
    pub location: &'a str,
    /// The version number, if versions are shown.
    pub version: Option<i64>,
}

impl Meta<'_> {
    /// The `meta` attribute.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut meta = json!({
            "resourceType": self.resource_type,
            "created": self.created,
            "lastModified": self.last_modified,
            "location": self.location,
        });
        if let Some(version) = self.version {
            meta["version"] = etag::weak(version).into();
        }
        meta
    }

    /// As [`Meta::to_json`], as text: for a page of a hundred resources, building trees would be most of the work.
    fn push_to(&self, text: &mut String) {
        for (before, value) in [
            ("{\"resourceType\":", self.resource_type),
            (",\"created\":", self.created),
            (",\"lastModified\":", self.last_modified),
            (",\"location\":", self.location),
        ] {
            text.push_str(before);
            push_string(text, value);
        }
        if let Some(version) = self.version {
            text.push_str(",\"version\":");
            push_string(text, &etag::weak(version));
        }
        text.push('}');
    }

    /// The approximate length of the text.
    fn size(&self) -> usize {
        self.resource_type.len() + self.created.len() + self.last_modified.len() + self.location.len() + 112
    }
}

/// The text of a resource from the text of its stored document, which is not parsed because a page has up to a thousand.
/// `extra` are attributes stored elsewhere, such as `groups` or `members`, with their JSON texts. A document that is not an
/// object is left out.
#[must_use]
pub fn splice(document: &str, id: &str, meta: &Meta<'_>, extra: &[(&str, &str)]) -> String {
    let inner = document.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_default().trim();
    let size: usize = extra.iter().map(|(name, text)| name.len() + text.len() + 4).sum();
    let mut text = String::with_capacity(inner.len() + id.len() + meta.size() + size + 24);
    text.push_str("{\"id\":");
    push_string(&mut text, id);
    if !inner.is_empty() {
        text.push(',');
        text.push_str(inner);
    }
    for (name, value) in extra {
        text.push(',');
        push_string(&mut text, name);
        text.push(':');
        text.push_str(value);
    }
    text.push_str(",\"meta\":");
    meta.push_to(&mut text);
    text.push('}');
    text
}

/// Appends a JSON string. Nearly all texts need no escapes.
fn push_string(text: &mut String, value: &str) {
    if value.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        text.push('"');
        text.push_str(value);
        text.push('"');
    } else {
        text.push_str(&Value::from(value).to_string());
    }
}

/// As [`splice`], as a tree for a projection or a filter.
#[must_use]
pub fn to_tree(
    document: Map<String, Value>,
    id: &str,
    meta: &Meta<'_>,
    extra: impl IntoIterator<Item = (String, Value)>,
) -> Map<String, Value> {
    let mut tree = Map::new();
    tree.insert("id".into(), id.into());
    tree.extend(document);
    tree.extend(extra);
    tree.insert("meta".into(), meta.to_json());
    tree
}

#[cfg(test)]
mod tests {
    use super::*;

    const META: Meta<'_> = Meta {
        resource_type: "Group",
        created: "2026-05-01T09:30:00Z",
        last_modified: "2026-05-02T09:30:00Z",
        location: "https://a.test/scim/v2/Groups/\"1\"",
        version: Some(7),
    };

    #[test]
    fn text_and_tree_are_the_same_resource() {
        let extra = [("members", "[{\"value\":\"u1\"}]")];
        for document in ["{}", " { } ", "{\"schemas\":[\"a\"],\"displayName\":\"Crew }{ \\\" \"}"] {
            let text = splice(document, "1\"2", &META, &extra);
            let spliced: Value = serde_json::from_str(&text).unwrap();
            let Ok(Value::Object(document)) = serde_json::from_str(document) else { panic!("no object") };
            let parts = extra.map(|(name, text)| (name.to_owned(), serde_json::from_str(text).unwrap()));
            let tree = to_tree(document, "1\"2", &META, parts);
            assert_eq!(text, Value::Object(tree).to_string());
            assert_eq!(spliced["id"], "1\"2");
            assert_eq!(spliced["meta"]["version"], "W/\"7\"");
            assert_eq!(spliced["members"][0]["value"], "u1");
        }
    }

    #[test]
    fn numbers_keep_their_digits() {
        let text = splice("{\"level\":1.000000000000000000001}", "1", &META, &[]);
        assert!(text.contains("\"level\":1.000000000000000000001,"));
    }

    #[test]
    fn a_document_that_is_not_an_object_is_left_out() {
        for broken in ["", "{", "}", "null", "[1]"] {
            let resource: Value = serde_json::from_str(&splice(broken, "1", &META, &[])).unwrap();
            assert_eq!(resource.as_object().unwrap().len(), 2, "{broken}");
        }
    }
}
