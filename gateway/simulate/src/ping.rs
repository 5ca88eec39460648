//! PingFederate: users by PUT only; groups are looked up by reading all of them, and changed by PATCH or PUT.

use serde_json::{Value, json};

use crate::change::{Change, after};
use crate::compare::MemberChange;
use crate::cycles;
use crate::error::Error;
use crate::message;
use crate::model::{Group, User};
use crate::options::Options;
use crate::provider::Provider;
use crate::readback::ListRequest;
use crate::report::{Report, Variant};
use crate::resource_type::ResourceType;
use crate::simulation::Simulation;
use crate::step::{Progress, Step};

const USER_AGENT: &str = concat!("scimgate-simulate/", env!("CARGO_PKG_VERSION"), " (pingfederate)");

struct Ping<'a> {
    simulation: Simulation<'a>,
}

/// Simulates PingFederate. The report says what the server does wrong.
///
/// # Errors
/// The simulation cannot start.
pub async fn run(options: &Options, progress: &dyn Progress) -> Result<Report, Error> {
    let ping = Ping { simulation: Simulation::new(options, USER_AGENT, progress)? };
    ping.connect().await?;
    Ok(cycles::run(&ping, Variant::of("ping")).await)
}

impl Ping<'_> {
    async fn connect(&self) -> Result<(), Error> {
        self.simulation.session.begin_step(Step::TestConnection, 0);
        self.simulation.probe_unknown_user("userName", &[]).await?;
        self.simulation.probe_first_group_page(&[("startIndex", "1"), ("count", "100")]).await
    }

    /// Whether a group is changed by PUT, as before version 1.4 of the connector.
    fn uses_put(&self, group: &Group) -> bool {
        self.simulation.population.seed.one_in(2, "connector", group.index)
    }
}

impl Provider for Ping<'_> {
    fn simulation(&self) -> &Simulation<'_> {
        &self.simulation
    }

    /// There is no PATCH of a user: cleared attributes are those that the body omits.
    async fn send_changes(&self, user: &mut User, changes: &[Change], _: usize) -> Result<(), Error> {
        let values = after(&user.values, changes);
        let body = message::user_with(&values, [("id", user.presence.id().unwrap_or_default().into())]);
        self.simulation.put_user(user, changes, body).await
    }

    /// Reads all groups for every look-up.
    async fn find_group(&self, group: &Group) -> Result<Option<Vec<Value>>, Error> {
        let list = ListRequest { name: "read all groups", resource_type: ResourceType::Group, query: &[] };
        let groups = self.simulation.session.read_list(list).await?;
        let wanted = json!(group.display_name);
        Ok(Some(groups.into_iter().filter(|it| it.get("displayName") == Some(&wanted)).collect()))
    }

    fn group_body(&self, group: &Group) -> Value {
        message::group(group, Some(&[]))
    }

    async fn send_group_name(&self, group: &Group, _: usize) -> Result<Option<Value>, Error> {
        if self.uses_put(group) {
            return self.simulation.put_group(group).await;
        }
        self.simulation.patch_group("rename group", group, message::rename(&group.display_name)).await
    }

    async fn change_members(&self, group: &mut Group, change: MemberChange<'_>, _: usize) -> Result<(), Error> {
        self.simulation.change_members_in_one_request(group, change, self.uses_put(group)).await
    }
}
