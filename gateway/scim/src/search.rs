//! The parameters of a list request, from the query of a GET or the body of a POST to `.search` (RFC 7644 §3.4.2, §3.4.3,
//! RFC 9865 §2).

use serde_json::Value;

use crate::error::ScimError;
use crate::value::member;

/// The URN of a search request.
pub const SEARCH_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

/// The parameters as texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// `filter`.
    pub filter: Option<String>,
    /// `attributes`, comma-separated.
    pub attributes: Option<String>,
    /// `excludedAttributes`, comma-separated.
    pub excluded_attributes: Option<String>,
    /// `sortBy`.
    pub sort_by: Option<String>,
    /// `sortOrder`.
    pub sort_order: Option<String>,
    /// `startIndex`.
    pub start_index: Option<String>,
    /// `count`.
    pub count: Option<String>,
    /// `cursor`; empty for the first page.
    pub cursor: Option<String>,
}

impl Search {
    /// Reads the parameters of a query; `get` finds one by name in any case.
    #[must_use]
    pub fn from_query<'q>(get: impl Fn(&str) -> Option<&'q str>) -> Self {
        let get = |name: &str| get(name).map(str::to_owned);
        Self {
            filter: get("filter"),
            attributes: get("attributes"),
            excluded_attributes: get("excludedAttributes"),
            sort_by: get("sortBy"),
            sort_order: get("sortOrder"),
            start_index: get("startIndex"),
            count: get("count"),
            cursor: get("cursor"),
        }
    }

    /// Reads a search request. An error is 400 `invalidSyntax`, or `invalidValue` for a parameter of the wrong type.
    pub fn from_json(body: &Value) -> Result<Self, ScimError> {
        let Some(members) = body.as_object() else {
            return Err(ScimError::invalid_syntax("A search request must be a JSON object."));
        };
        let get = |name: &str| member(members, name).filter(|value| !value.is_null());
        let is_search = |value: &Value| value.as_str().is_some_and(|urn| urn.eq_ignore_ascii_case(SEARCH_SCHEMA));
        // RFC 7644 §3.4.3: "MUST contain the attribute "schemas"".
        if !get("schemas").and_then(Value::as_array).is_some_and(|schemas| schemas.iter().any(is_search)) {
            let detail = format!("The body is not a search request: its schemas must hold {SEARCH_SCHEMA}.");
            return Err(ScimError::invalid_syntax(detail));
        }
        let text = |name: &str| get(name).map(|value| scalar(name, value)).transpose();
        let list = |name: &str| get(name).map(|value| names(name, value)).transpose();
        Ok(Self {
            filter: text("filter")?,
            attributes: list("attributes")?,
            excluded_attributes: list("excludedAttributes")?,
            sort_by: text("sortBy")?,
            sort_order: text("sortOrder")?,
            start_index: text("startIndex")?,
            count: text("count")?,
            cursor: text("cursor")?,
        })
    }
}

fn scalar(name: &str, value: &Value) -> Result<String, ScimError> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err(ScimError::invalid_value(format!("{name} must be a text or a number."))),
    }
}

/// RFC 7644 §3.4.3: "A multi-valued list of strings". Some clients send one text with commas, as in a query.
fn names(name: &str, value: &Value) -> Result<String, ScimError> {
    let wrong = || ScimError::invalid_value(format!("{name} must be a list of attribute names."));
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Array(elements) => {
            let names: Option<Vec<&str>> = elements.iter().map(Value::as_str).collect();
            names.map(|names| names.join(",")).ok_or_else(wrong)
        }
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_search_request_equals_the_query() {
        let body = json!({
            "schemas": [SEARCH_SCHEMA], "attributes": ["userName", "name.familyName"], "filter": "userName pr",
            "sortBy": "userName", "sortOrder": "descending", "startIndex": 1, "Count": 10, "excludedAttributes": null,
            "cursor": "",
        });
        let query = [
            ("attributes", "userName,name.familyName"),
            ("filter", "userName pr"),
            ("sortBy", "userName"),
            ("sortOrder", "descending"),
            ("startIndex", "1"),
            ("count", "10"),
            ("cursor", ""),
        ];
        let of_query = Search::from_query(|name| query.iter().find(|(key, _)| *key == name).map(|(_, value)| *value));
        assert_eq!(Search::from_json(&body), Ok(of_query));
    }

    #[test]
    fn malformed_search_requests_are_refused() {
        for body in [
            json!([]),
            json!({ "filter": "userName pr" }),
            json!({ "schemas": ["urn:x"] }),
            json!({ "schemas": [SEARCH_SCHEMA], "filter": ["userName pr"] }),
            json!({ "schemas": [SEARCH_SCHEMA], "attributes": { "userName": true } }),
            json!({ "schemas": [SEARCH_SCHEMA], "attributes": [1] }),
        ] {
            assert_eq!(Search::from_json(&body).unwrap_err().status, 400, "{body}");
        }
    }
}
