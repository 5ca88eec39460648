//! What became of the operations, as the answer tells it.

use serde_json::{Map, Value, json};

use super::BULK_RESPONSE_SCHEMA;
use crate::error::ScimError;
use crate::etag;

/// What became of one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome<'a> {
    /// The method, as it was asked.
    pub method: &'a str,
    /// The client's name for the operation.
    pub bulk_id: Option<&'a str>,
    /// The resource's address; there is none of a POST that failed.
    pub location: Option<&'a str>,
    /// The resource's version now.
    pub version: Option<i64>,
    /// The status of one that was done, or why it was not.
    pub result: Result<u16, ScimError>,
}

impl Outcome<'_> {
    /// RFC 7644 §3.7: "status" is the code alone, as a text; "response […] MUST be included when indicating a response with
    /// an HTTP status other than a 200-series".
    fn to_json(&self) -> Value {
        let mut told = Map::new();
        let mut put = |name: &str, value: Value| {
            told.insert(name.to_owned(), value);
        };
        self.location.inspect(|location| put("location", (*location).into()));
        if !self.method.is_empty() {
            put("method", self.method.into());
        }
        self.bulk_id.inspect(|bulk_id| put("bulkId", (*bulk_id).into()));
        self.version.inspect(|version| put("version", etag::weak(*version).into()));
        match &self.result {
            Ok(status) => put("status", status.to_string().into()),
            Err(error) => {
                put("status", error.status.to_string().into());
                put("response", error.to_json());
            }
        }
        Value::Object(told)
    }
}

/// The body of the answer.
#[must_use]
pub fn response(outcomes: &[Outcome<'_>]) -> Value {
    json!({
        "schemas": [BULK_RESPONSE_SCHEMA],
        "Operations": outcomes.iter().map(Outcome::to_json).collect::<Value>(),
    })
}

/// Why an operation is not done that needs the resource `needed`, where `failed` is the operation that was refused with
/// `cause`: the same one, or one that `needed` needs itself.
///
/// RFC 7644 §3.7.1 answers a reference that cannot be resolved with 409: unlike a 400 it says that the operation itself may
/// be right. Where the cause may pass, so may this.
#[must_use]
pub fn unmet(needed: &str, failed: &str, cause: &ScimError) -> ScimError {
    let status = if cause.status >= 500 { 503 } else { 409 };
    let told = if needed == failed {
        format!("Not done: it depends on bulkId {needed}, which failed: {}", cause.detail)
    } else {
        format!(
            "Not done: it depends on bulkId {needed}, which was not done because bulkId {failed} failed: {}",
            cause.detail
        )
    };
    ScimError::new(status, told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_told_as_the_rfc_has_it() {
        let done = Outcome {
            method: "POST",
            bulk_id: Some("qwerty"),
            location: Some("https://a.test/scim/v2/Users/1"),
            version: Some(1),
            result: Ok(201),
        };
        let refusal = ScimError::uniqueness("Another User has this userName already.");
        let failed = Outcome {
            location: None,
            version: None,
            bulk_id: Some("ytrewq"),
            result: Err(refusal.clone()),
            ..done.clone()
        };
        let nameless = Outcome { method: "", bulk_id: None, ..failed.clone() };
        assert_eq!(
            response(&[done, failed, nameless]),
            json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkResponse"],
                "Operations": [
                    {
                        "location": "https://a.test/scim/v2/Users/1", "method": "POST", "bulkId": "qwerty",
                        "version": "W/\"1\"", "status": "201",
                    },
                    { "method": "POST", "bulkId": "ytrewq", "status": "409", "response": refusal.to_json() },
                    { "status": "409", "response": refusal.to_json() },
                ],
            })
        );
    }

    #[test]
    fn who_is_not_done_is_told_why_and_whether_it_may_pass() {
        let cause = ScimError::invalid_value("userName is required.");
        let direct = unmet("a", "a", &cause);
        assert_eq!(
            (direct.status, direct.detail.as_str()),
            (409, "Not done: it depends on bulkId a, which failed: userName is required.")
        );
        let through = unmet("b", "a", &cause);
        assert_eq!(
            through.detail,
            "Not done: it depends on bulkId b, which was not done because bulkId a failed: userName is required."
        );
        assert_eq!(unmet("a", "a", &ScimError::new(500, "Out of order.")).status, 503);
    }
}
