//! A list response (RFC 7644 §3.4.2).

use serde_json::Value;

const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// A list response.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct List {
    pub(crate) total: u64,
    /// The resources on this page.
    pub(crate) resources: Vec<Value>,
    pub(crate) start_index: Option<u64>,
    pub(crate) items_per_page: Option<u64>,
    /// The names of the numbers that were texts.
    pub(crate) as_text: Vec<&'static str>,
}

impl List {
    /// Reads a list; fails with a description of what is wrong.
    pub(crate) fn read(body: &Value) -> Result<Self, String> {
        let schemas = body.get("schemas").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        if !schemas.iter().any(|urn| urn == LIST) {
            return Err(format!("schemas without {LIST}"));
        }
        let mut as_text = Vec::new();
        let mut number = |name| {
            let (number, is_text) = number(body.get(name))?;
            as_text.extend(is_text.then_some(name));
            Some(number)
        };
        let (total, start_index, items_per_page) =
            (number("totalResults"), number("startIndex"), number("itemsPerPage"));
        let total =
            total.ok_or_else(|| format!("totalResults {}", body.get("totalResults").unwrap_or(&Value::Null)))?;
        // RFC 7644 §3.4.2: Resources is "REQUIRED if totalResults is non-zero".
        let resources = match body.get("Resources") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(resources)) => resources.clone(),
            Some(_) => return Err("Resources that is not an array".to_owned()),
        };
        Ok(Self { total, resources, start_index, items_per_page, as_text })
    }
}

/// A number, and whether it was a text.
fn number(value: Option<&Value>) -> Option<(u64, bool)> {
    match value? {
        Value::String(text) => text.parse().ok().map(|number| (number, true)),
        other => other.as_u64().map(|number| (number, false)),
    }
}

/// The id of a resource; empty if there is none.
pub(crate) fn id(resource: &Value) -> &str {
    resource.get("id").and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_as_texts_are_read_and_listed() {
        let texts = json!({ "schemas": [LIST], "totalResults": "7", "startIndex": 1, "itemsPerPage": "2" });
        let read = List::read(&texts).unwrap();
        assert_eq!((read.total, read.start_index, read.items_per_page), (7, Some(1), Some(2)));
        assert_eq!(read.as_text, ["totalResults", "itemsPerPage"]);
    }

    #[test]
    fn a_list_is_read_and_anything_else_is_refused() {
        let read = List::read(&json!({ "schemas": [LIST], "totalResults": 0 })).unwrap();
        assert_eq!(read, List::default());
        let full = json!({ "schemas": [LIST], "totalResults": 7, "Resources": [{ "id": "a" }], "startIndex": 3, "itemsPerPage": 1 });
        let read = List::read(&full).unwrap();
        assert_eq!(
            (read.total, id(&read.resources[0]), read.start_index, read.items_per_page),
            (7, "a", Some(3), Some(1))
        );
        for wrong in [
            json!(null),
            json!([]),
            json!({ "totalResults": 0 }),
            json!({ "schemas": [LIST], "totalResults": "many" }),
            json!({ "schemas": [LIST], "totalResults": 1, "Resources": {} }),
        ] {
            assert!(List::read(&wrong).is_err(), "{wrong}");
        }
    }
}
