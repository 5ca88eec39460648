//! The response to a bulk request.

use serde_json::{Value, json};

use super::BULK_RESPONSE_SCHEMA;
use crate::error::ScimError;
use crate::etag;

/// The result of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationResponse<'a> {
    /// The method of the request.
    pub method: &'a str,
    /// The client's name for the operation.
    pub bulk_id: Option<&'a str>,
    /// The URL of the resource; a failed POST has none.
    pub location: Option<&'a str>,
    /// The new version of the resource.
    pub version: Option<i64>,
    /// The status, or the error.
    pub result: Result<u16, ScimError>,
}

impl OperationResponse<'_> {
    /// RFC 7644 §3.7: "status" is the code as a text; "response […] MUST be included when indicating a response with an HTTP
    /// status other than a 200-series".
    fn to_json(&self) -> Value {
        let (status, error) = match &self.result {
            Ok(status) => (*status, None),
            Err(error) => (error.status, Some(error.to_json())),
        };
        let members = [
            ("location", self.location.map(Value::from)),
            ("method", Some(self.method).filter(|method| !method.is_empty()).map(Value::from)),
            ("bulkId", self.bulk_id.map(Value::from)),
            ("version", self.version.map(|version| etag::weak(version).into())),
            ("status", Some(status.to_string().into())),
            ("response", error),
        ];
        members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

/// The body of the response.
#[must_use]
pub fn response(operations: &[OperationResponse<'_>]) -> Value {
    json!({
        "schemas": [BULK_RESPONSE_SCHEMA],
        "Operations": operations.iter().map(OperationResponse::to_json).collect::<Value>(),
    })
}

/// The error of an operation that depends on `needed`, if `failed` was refused with `cause`: `needed` itself, or one that
/// `needed` depends on.
///
/// RFC 7644 §3.7.1 requires 409 for an unresolved reference: unlike 400, the operation itself may be valid. A temporary cause
/// makes it 503.
#[must_use]
pub fn failed_dependency(needed: &str, failed: &str, cause: &ScimError) -> ScimError {
    let status = if cause.status >= 500 { 503 } else { 409 };
    let indirect = if needed == failed { String::new() } else { format!("was not done because bulkId {failed} ") };
    ScimError::new(status, format!("Not done: it depends on bulkId {needed}, which {indirect}failed: {}", cause.detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_response_has_the_members_of_the_rfc() {
        let done = OperationResponse {
            method: "POST",
            bulk_id: Some("qwerty"),
            location: Some("https://a.test/scim/v2/Users/1"),
            version: Some(1),
            result: Ok(201),
        };
        let refusal = ScimError::uniqueness("Another User has this userName already.");
        let failed = OperationResponse {
            location: None,
            version: None,
            bulk_id: Some("ytrewq"),
            result: Err(refusal.clone()),
            ..done.clone()
        };
        let unreadable = OperationResponse { method: "", bulk_id: None, ..failed.clone() };
        let body = response(&[done, failed, unreadable]);
        insta::assert_snapshot!(serde_json::to_string_pretty(&body).unwrap(), @r#"
        {
          "schemas": [
            "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
          ],
          "Operations": [
            {
              "location": "https://a.test/scim/v2/Users/1",
              "method": "POST",
              "bulkId": "qwerty",
              "version": "W/\"1\"",
              "status": "201"
            },
            {
              "method": "POST",
              "bulkId": "ytrewq",
              "status": "409",
              "response": {
                "schemas": [
                  "urn:ietf:params:scim:api:messages:2.0:Error"
                ],
                "status": "409",
                "scimType": "uniqueness",
                "detail": "Another User has this userName already."
              }
            },
            {
              "status": "409",
              "response": {
                "schemas": [
                  "urn:ietf:params:scim:api:messages:2.0:Error"
                ],
                "status": "409",
                "scimType": "uniqueness",
                "detail": "Another User has this userName already."
              }
            }
          ]
        }
        "#);
    }

    #[test]
    fn a_failed_dependency_names_the_cause() {
        let cause = ScimError::invalid_value("userName is required.");
        let direct = failed_dependency("a", "a", &cause);
        assert_eq!(direct.status, 409);
        insta::assert_snapshot!(direct, @"Not done: it depends on bulkId a, which failed: userName is required.");
        insta::assert_snapshot!(
            failed_dependency("b", "a", &cause),
            @"Not done: it depends on bulkId b, which was not done because bulkId a failed: userName is required."
        );
        assert_eq!(failed_dependency("a", "a", &ScimError::new(500, "Out of order.")).status, 503);
    }
}
