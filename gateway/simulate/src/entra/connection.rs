//! Entra's button *Test Connection*, and the discovery of the schemas.

use std::collections::BTreeSet;

use reqwest::Method;

use super::Entra;
use crate::attribute::{ALL, Attribute, USER};
use crate::client::Request;
use crate::discovery::Schemas;
use crate::error::Error;
use crate::requests::quote;
use crate::resource_type::ResourceType;
use crate::step::Step;

impl Entra<'_> {
    /// Sends the three probes. Returns the attributes that the server's schemas have.
    pub(super) async fn test_connection(&self) -> Result<BTreeSet<Attribute>, Error> {
        self.simulation.session.begin_step(Step::TestConnection, 0);
        self.probe_users().await?;
        if self.simulation.options.size.groups > 0 {
            self.probe_groups().await?;
        }
        self.discover().await
    }

    pub(super) async fn probe_users(&self) -> Result<(), Error> {
        self.simulation.probe_unknown_user("userName", &[]).await
    }

    async fn probe_groups(&self) -> Result<(), Error> {
        let filter = format!("displayName eq {}", quote(&self.simulation.population.seed.guid("probe", 1)));
        let request = Request::new("probe groups", Method::GET, ResourceType::Group.path());
        let request = request.query("excludedAttributes", "members").query("filter", filter);
        let list = self.simulation.probe_groups(request).await?;
        self.simulation.session.expect_empty("probe groups", &list);
        Ok(())
    }

    async fn discover(&self) -> Result<BTreeSet<Attribute>, Error> {
        let Some(schemas) = Schemas::read(&self.simulation.session).await? else {
            // An administrator would then enter the core attributes by hand.
            return Ok(ALL.into_iter().filter(|attribute| attribute.schema() == USER).collect());
        };
        Ok(ALL.into_iter().filter(|attribute| schemas.has(*attribute)).collect())
    }
}
