//! What stands behind Entra's button *Test Connection*, and the discovery of the schemas.

use std::collections::BTreeSet;

use reqwest::Method;

use super::Entra;
use crate::attribute::{ALL, Attribute, USER};
use crate::client::Ask;
use crate::discovery::Schemas;
use crate::error::Error;
use crate::exchange::{Type, quoted};
use crate::step::Step;

impl Entra<'_> {
    /// The three probes. Gives the attributes that the server's schemas have.
    pub(super) async fn test_connection(&self) -> Result<BTreeSet<Attribute>, Error> {
        self.play.session.begin(Step::TestConnection, 0);
        self.probe_users().await?;
        if self.play.options.size.groups > 0 {
            self.probe_groups().await?;
        }
        self.discover().await
    }

    pub(super) async fn probe_users(&self) -> Result<(), Error> {
        self.play.probe_nobody("userName", &[]).await
    }

    async fn probe_groups(&self) -> Result<(), Error> {
        let filter = format!("displayName eq {}", quoted(&self.play.population.chance.guid("probe", 1)));
        let ask = Ask::new("probe groups", Method::GET, Type::Group.path()).query("excludedAttributes", "members");
        let list = self.play.probe_groups(ask.query("filter", filter)).await?;
        self.play.session.expect_nobody("probe groups", &list);
        Ok(())
    }

    async fn discover(&self) -> Result<BTreeSet<Attribute>, Error> {
        let Some(schemas) = Schemas::read(&self.play.session).await? else {
            // An administrator would then type the core attributes in by hand.
            return Ok(ALL.into_iter().filter(|attribute| attribute.schema() == USER).collect());
        };
        Ok(ALL.into_iter().filter(|attribute| schemas.has(*attribute)).collect())
    }
}
