//! A list as it must be (RFC 7644 §3.4.2).

use serde_json::Value;

const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// A list response.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct List {
    /// How many match.
    pub total: u64,
    /// Those on this page.
    pub resources: Vec<Value>,
    /// The number of the first.
    pub start_index: Option<u64>,
    /// How many are on this page, by the server's count.
    pub items_per_page: Option<u64>,
    /// The names of those numbers that came as texts.
    pub as_text: Vec<&'static str>,
}

impl List {
    /// Reads a list.
    ///
    /// # Errors
    /// It is none; in words.
    pub fn read(body: &Value) -> Result<Self, String> {
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
            Some(_) => return Err("Resources that are no array".to_owned()),
        };
        Ok(Self { total, resources, start_index, items_per_page, as_text })
    }
}

/// A number, and whether it came as a text.
fn number(value: Option<&Value>) -> Option<(u64, bool)> {
    match value? {
        Value::String(text) => text.parse().ok().map(|number| (number, true)),
        other => other.as_u64().map(|number| (number, false)),
    }
}

/// The id of a resource; empty where there is none.
#[must_use]
pub fn id(resource: &Value) -> &str {
    resource.get("id").and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_that_are_texts_are_read_and_named() {
        let texts = json!({ "schemas": [LIST], "totalResults": "7", "startIndex": 1, "itemsPerPage": "2" });
        let read = List::read(&texts).unwrap();
        assert_eq!((read.total, read.start_index, read.items_per_page), (7, Some(1), Some(2)));
        assert_eq!(read.as_text, ["totalResults", "itemsPerPage"]);
    }

    #[test]
    fn a_list_is_read_and_what_is_none_is_told() {
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
