//! Okta's connection test and its import, which both depend on a stable order.

use reqwest::Method;
use serde_json::Value;

use super::{Okta, PAGE};
use crate::client::Request;
use crate::compare;
use crate::error::Error;
use crate::finding::{Finding, Kind};
use crate::list::id;
use crate::model::Model;
use crate::readback::ListRequest;
use crate::resource_type::ResourceType;
use crate::step::Step;

impl Okta<'_> {
    /// Reads the first two users, searches for an unknown name, and reads the first groups.
    pub(super) async fn test_connection(&self) -> Result<(), Error> {
        self.simulation.session.begin_step(Step::TestConnection, 0);
        let _ = self.simulation.probe_users(first_users("first users")).await?;
        self.simulation.probe_unknown_user("userName", &PAGE).await?;
        self.simulation.probe_first_group_page(&PAGE).await
    }

    /// Reads all users and groups; each must be listed once, and the order must be that of the connection test.
    pub(super) async fn import(&self, model: &Model) -> Result<(), Error> {
        let session = &self.simulation.session;
        session.begin_step(Step::Import, 0);
        let first = self.simulation.probe_users(first_users("import first users")).await?;
        let list = ListRequest { name: "import users", resource_type: ResourceType::User, query: &[] };
        let users = session.read_list(list).await?;
        session.report_all(compare::check_user_list(model, &users));
        let ids = |some: &[Value]| some.iter().map(id).take(2).map(str::to_owned).collect::<Vec<_>>();
        let (short, long) = (ids(&first.resources), ids(&users));
        if short != long {
            let finding = Finding::new(Kind::OrderUnstable, "import users").attribute("order");
            let join = |ids: &[String]| if ids.is_empty() { "no user".to_owned() } else { ids.join(", ") };
            session.report(finding.expected(format!("first {}, as with count=2", join(&short))).seen(join(&long)));
        }
        if !model.groups.is_empty() {
            let list = ListRequest { name: "import groups", resource_type: ResourceType::Group, query: &[] };
            session.report_all(compare::check_group_list(model, &session.read_list(list).await?));
        }
        Ok(())
    }
}

fn first_users(name: &'static str) -> Request {
    Request::new(name, Method::GET, ResourceType::User.path()).query("startIndex", "1").query("count", "2")
}
