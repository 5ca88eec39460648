//! The server's discovery documents: which schemas it has, and whether each document is present.

use reqwest::Method;
use serde_json::Value;

use crate::attribute::{Attribute, USER, USER_NAME};
use crate::client::Request;
use crate::error::Error;
use crate::finding::{Finding, Kind};
use crate::list::List;
use crate::session::Session;

/// The schemas that a server lists.
#[derive(Clone, Debug)]
pub(crate) struct Schemas(Vec<Value>);

impl Schemas {
    /// Reads the schemas; `None` if that of users is missing.
    pub(crate) async fn read(session: &Session<'_>) -> Result<Option<Self>, Error> {
        let response = session.send(Request::new("schemas", Method::GET, "/Schemas")).await?;
        let schemas = Self(List::read(response.body()).map(|list| list.resources).unwrap_or_default());
        if response.status == 200 && schemas.has(USER_NAME) {
            return Ok(Some(schemas));
        }
        let finding = Finding::new(Kind::SchemaMissing, "schemas").attribute("body");
        session.report(finding.expected("a list with the schema of users").seen(response.describe()));
        Ok(None)
    }

    /// Whether an attribute is in its schema.
    pub(crate) fn has(&self, attribute: Attribute) -> bool {
        self.0.iter().any(|schema| defines(schema, attribute).is_some())
    }

    /// Whether a client may write an attribute.
    pub(crate) fn can_write(&self, attribute: Attribute) -> bool {
        let mut defined = self.0.iter().filter_map(|schema| defines(schema, attribute));
        defined.any(|definition| !is(definition.get("mutability"), "readOnly"))
    }
}

/// An attribute's definition in a schema.
fn defines(schema: &Value, attribute: Attribute) -> Option<&Value> {
    // A common attribute (RFC 7643 §3.1) is in no schema.
    if attribute.name() == "externalId" {
        return is(schema.get("id"), USER).then_some(&Value::Null);
    }
    let attributes = schema.get("attributes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut named = attributes.iter().filter(|it| is(it.get("name"), attribute.name()));
    named.next().filter(|_| is(schema.get("id"), attribute.schema()))
}

fn is(value: Option<&Value>, text: &str) -> bool {
    value.and_then(Value::as_str).is_some_and(|value| value.eq_ignore_ascii_case(text))
}

impl Session<'_> {
    /// Reads a discovery document; `None` if it is missing or lacks an attribute.
    pub(crate) async fn discover(
        &self,
        name: &'static str,
        path: &str,
        attribute: &str,
    ) -> Result<Option<Value>, Error> {
        let response = self.send(Request::new(name, Method::GET, path)).await?;
        if response.status == 200 && response.body().get(attribute).is_some_and(|it| !it.is_null()) {
            return Ok(response.json);
        }
        let finding = Finding::new(Kind::DiscoveryMissing, path).attribute("body");
        self.report(finding.expected(format!("200 and a document with {attribute}")).seen(response.describe()));
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::attribute::{DEPARTMENT, EXTERNAL_ID, TITLE};

    #[test]
    fn an_attribute_can_be_written_if_its_schema_has_it_and_it_is_not_read_only() {
        let attributes = json!([
            { "name": "userName", "mutability": "readWrite" },
            { "name": "title", "mutability": "readOnly" },
            { "name": "department" },
        ]);
        let schemas = Schemas(vec![json!({ "id": USER, "attributes": attributes })]);
        let known = [USER_NAME, TITLE, EXTERNAL_ID, DEPARTMENT].map(|it| (schemas.has(it), schemas.can_write(it)));
        assert_eq!(known, [(true, true), (true, false), (true, true), (false, false)]);
    }
}
