//! What stands behind Entra's button *Test Connection*, and the discovery of the schemas.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;

use super::Entra;
use crate::simulate::attribute::{ALL, Attribute, USER, USER_NAME};
use crate::simulate::client::{Answer, Ask};
use crate::simulate::error::Error;
use crate::simulate::exchange::{Type, quoted};
use crate::simulate::finding::{Finding, Kind};
use crate::simulate::list::List;
use crate::simulate::step::Step;

impl Entra<'_> {
    /// The three probes. Gives the attributes that the server's schemas have.
    pub(super) async fn test_connection(&self) -> Result<BTreeSet<Attribute>, Error> {
        self.session.begin(Step::TestConnection, 0);
        self.probe_users().await?;
        if self.options.size.groups > 0 {
            self.probe_groups().await?;
        }
        self.discover().await
    }

    /// Nobody has this name, so the right answer is an empty list.
    pub(super) async fn probe_users(&self) -> Result<(), Error> {
        let guid = self.population.chance.guid("probe", 0);
        let ask = Ask::new("probe users", Method::GET, Type::User.path());
        let answer = self.session.ask(ask.query("filter", format!("userName eq {}", quoted(&guid)))).await?;
        if answer.status == 403 {
            return Err(Error::Forbidden(self.session.address().to_owned()));
        }
        self.expect_nobody("probe users", &answer).map_err(|what| Error::NotScim {
            address: self.session.address().to_owned(),
            status: answer.status,
            what,
        })
    }

    async fn probe_groups(&self) -> Result<(), Error> {
        let filter = format!("displayName eq {}", quoted(&self.population.chance.guid("probe", 1)));
        let ask = Ask::new("probe groups", Method::GET, Type::Group.path()).query("excludedAttributes", "members");
        let answer = self.session.ask(ask.query("filter", filter)).await?;
        self.expect_nobody("probe groups", &answer)
            .map_err(|_| Error::NoGroups { address: self.session.address().to_owned(), status: answer.status })
    }

    /// # Errors
    /// It is no answer of a SCIM server; in words.
    fn expect_nobody(&self, what: &'static str, answer: &Answer) -> Result<(), String> {
        if answer.json.is_none() {
            let html = answer.header("content-type").contains("html") || answer.text.trim_start().starts_with('<');
            return Err(if html { "an HTML page".to_owned() } else { "no JSON".to_owned() });
        }
        if answer.status != 200 {
            return Err(format!("an error ({})", answer.describe()));
        }
        let list = List::read(answer.body())?;
        if list.total != 0 || !list.resources.is_empty() {
            let finding = Finding::new(Kind::FilterIgnored, what).attribute("filter");
            self.session
                .found(finding.expected("an empty list for a random name").seen(format!("{} found", list.total)));
        }
        Ok(())
    }

    async fn discover(&self) -> Result<BTreeSet<Attribute>, Error> {
        let answer = self.session.ask(Ask::new("schemas", Method::GET, "/Schemas")).await?;
        let listed = List::read(answer.body()).map(|list| list.resources).unwrap_or_default();
        let has = |attribute: &Attribute| listed.iter().any(|schema| has(schema, *attribute));
        if answer.status == 200 && has(&USER_NAME) {
            return Ok(ALL.into_iter().filter(has).collect());
        }
        let finding = Finding::new(Kind::SchemaMissing, "schemas").attribute("body");
        self.session.found(finding.expected("a list with the schema of users").seen(answer.describe()));
        // An administrator would then type the core attributes in by hand.
        Ok(ALL.into_iter().filter(|attribute| attribute.schema() == USER).collect())
    }
}

fn has(schema: &Value, attribute: Attribute) -> bool {
    let same = |value: Option<&Value>, text: &str| {
        value.and_then(Value::as_str).is_some_and(|value| value.eq_ignore_ascii_case(text))
    };
    // A common attribute (RFC 7643 §3.1) is in no schema.
    if attribute.name() == "externalId" {
        return same(schema.get("id"), USER);
    }
    let attributes = schema.get("attributes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    same(schema.get("id"), attribute.schema()) && attributes.iter().any(|it| same(it.get("name"), attribute.name()))
}
