//! What a client learns from a server's own documents: its schemas, and whether each document is there at all.

use reqwest::Method;
use serde_json::Value;

use crate::attribute::{Attribute, USER, USER_NAME};
use crate::client::Ask;
use crate::error::Error;
use crate::finding::{Finding, Kind};
use crate::list::List;
use crate::session::Session;

/// The schemas that a server lists.
#[derive(Clone, Debug)]
pub struct Schemas(Vec<Value>);

impl Schemas {
    /// Reads them; none where the schema of users is not there.
    ///
    /// # Errors
    /// The server is gone, or does not accept the token.
    pub async fn read(session: &Session<'_>) -> Result<Option<Self>, Error> {
        let answer = session.ask(Ask::new("schemas", Method::GET, "/Schemas")).await?;
        let schemas = Self(List::read(answer.body()).map(|list| list.resources).unwrap_or_default());
        if answer.status == 200 && schemas.has(USER_NAME) {
            return Ok(Some(schemas));
        }
        let finding = Finding::new(Kind::SchemaMissing, "schemas").attribute("body");
        session.found(finding.expected("a list with the schema of users").seen(answer.describe()));
        Ok(None)
    }

    /// Whether an attribute is in its schema.
    #[must_use]
    pub fn has(&self, attribute: Attribute) -> bool {
        self.0.iter().any(|schema| defines(schema, attribute).is_some())
    }

    /// Whether a client may write an attribute.
    #[must_use]
    pub fn can_write(&self, attribute: Attribute) -> bool {
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
    /// Reads a document of discovery; none where it is not there.
    ///
    /// # Errors
    /// The server is gone, or does not accept the token.
    pub async fn discover(&self, what: &'static str, path: &str, wants: &str) -> Result<Option<Value>, Error> {
        let answer = self.ask(Ask::new(what, Method::GET, path)).await?;
        if answer.status == 200 && answer.body().get(wants).is_some_and(|it| !it.is_null()) {
            return Ok(answer.json);
        }
        let finding = Finding::new(Kind::DiscoveryMissing, path).attribute("body");
        self.found(finding.expected(format!("200 and a document with {wants}")).seen(answer.describe()));
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::attribute::{DEPARTMENT, EXTERNAL_ID, TITLE};

    #[test]
    fn an_attribute_is_in_its_own_schema_and_can_be_written_unless_it_is_read_only() {
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
