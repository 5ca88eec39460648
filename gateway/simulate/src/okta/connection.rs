//! Okta's connection test and its import, which both hang on one stable order.

use reqwest::Method;
use serde_json::Value;

use super::{Okta, PAGE};
use crate::client::Ask;
use crate::compare;
use crate::error::Error;
use crate::exchange::Type;
use crate::finding::{Finding, Kind};
use crate::list::id;
use crate::model::Model;
use crate::readback::Reading;
use crate::step::Step;

impl Okta<'_> {
    /// The first two users, nobody by a name, the first groups.
    pub(super) async fn test_connection(&self) -> Result<(), Error> {
        self.play.session.begin(Step::TestConnection, 0);
        let _ = self.play.probe_users(first_users("first users")).await?;
        self.play.probe_nobody("userName", &PAGE).await?;
        self.play.probe_group_page(&PAGE).await
    }

    /// Everybody, a hundred at a time, must be there once, and in the order of the connection test.
    pub(super) async fn import(&self, model: &Model) -> Result<(), Error> {
        let session = &self.play.session;
        session.begin(Step::Import, 0);
        let first = self.play.probe_users(first_users("import first users")).await?;
        let users = session.pages(Reading { what: "import users", of: Type::User, query: &[] }).await?;
        session.found_all(compare::presence(model, &users));
        let ids = |some: &[Value]| some.iter().map(id).take(2).map(str::to_owned).collect::<Vec<_>>();
        let (short, long) = (ids(&first.resources), ids(&users));
        if short != long {
            let finding = Finding::new(Kind::OrderUnstable, "import users").attribute("order");
            let told = |ids: &[String]| if ids.is_empty() { "nobody".to_owned() } else { ids.join(", ") };
            session.found(finding.expected(format!("first {}, as with count=2", told(&short))).seen(told(&long)));
        }
        if !model.groups.is_empty() {
            let groups = session.pages(Reading { what: "import groups", of: Type::Group, query: &[] }).await?;
            session.found_all(compare::groups_presence(model, &groups));
        }
        Ok(())
    }
}

fn first_users(what: &'static str) -> Ask {
    Ask::new(what, Method::GET, Type::User.path()).query("startIndex", "1").query("count", "2")
}
