//! SailPoint: reads every discovery document, also one by one; provisions accounts and entitlements by PATCH; then
//! aggregates all users and groups.

use reqwest::Method;
use serde_json::Value;

use crate::attribute::USER;
use crate::change::Change;
use crate::client::Request;
use crate::compare::{self, MemberChange};
use crate::cycles;
use crate::discovery::Schemas;
use crate::error::Error;
use crate::message;
use crate::model::{Group, Model, User};
use crate::options::Options;
use crate::provider::Provider;
use crate::readback::ListRequest;
use crate::report::{Report, Variant};
use crate::resource_type::ResourceType;
use crate::simulation::Simulation;
use crate::step::{Progress, Step};

const USER_AGENT: &str = concat!("scimgate-simulate/", env!("CARGO_PKG_VERSION"), " (sailpoint)");

struct SailPoint<'a> {
    simulation: Simulation<'a>,
}

/// Simulates SailPoint. The report says what the server does wrong.
///
/// # Errors
/// The simulation cannot start.
pub async fn run(options: &Options, progress: &dyn Progress) -> Result<Report, Error> {
    let sailpoint = SailPoint { simulation: Simulation::new(options, USER_AGENT, progress)? };
    sailpoint.connect().await?;
    Ok(cycles::run(&sailpoint, Variant::of("sailpoint")).await)
}

impl SailPoint<'_> {
    /// Reads the first user, the discovery documents one by one, and the first group.
    async fn connect(&self) -> Result<(), Error> {
        let session = &self.simulation.session;
        session.begin_step(Step::TestConnection, 0);
        let first = Request::new("probe users", Method::GET, ResourceType::User.path());
        let _ = self.simulation.probe_users(first.query("startIndex", "1").query("count", "1")).await?;
        let _ = session.discover("configuration", "/ServiceProviderConfig", "patch").await?;
        let _ = session.discover("resource types", "/ResourceTypes", "Resources").await?;
        let _ = session.discover("type of users", "/ResourceTypes/User", "endpoint").await?;
        let _ = Schemas::read(session).await?;
        let _ = session.discover("schema of users", &format!("/Schemas/{USER}"), "attributes").await?;
        if self.simulation.options.size.groups > 0 {
            let _ = session.discover("type of groups", "/ResourceTypes/Group", "endpoint").await?;
        }
        self.simulation.probe_first_group_page(&[("startIndex", "1"), ("count", "1")]).await
    }

    /// Reads all users and groups; each must be listed once.
    async fn aggregate(&self, model: &Model) -> Result<(), Error> {
        let session = &self.simulation.session;
        session.begin_step(Step::Import, 0);
        let list = ListRequest { name: "aggregate users", resource_type: ResourceType::User, query: &[] };
        session.report_all(compare::check_user_list(model, &session.read_list(list).await?));
        if !model.groups.is_empty() {
            let list = ListRequest { name: "aggregate groups", resource_type: ResourceType::Group, query: &[] };
            session.report_all(compare::check_group_list(model, &session.read_list(list).await?));
        }
        Ok(())
    }
}

impl Provider for SailPoint<'_> {
    fn simulation(&self) -> &Simulation<'_> {
        &self.simulation
    }

    async fn send_changes(&self, user: &mut User, changes: &[Change], _: usize) -> Result<(), Error> {
        self.simulation.patch_user(user, changes, message::changes(changes)).await
    }

    fn group_body(&self, group: &Group) -> Value {
        message::group(group, None)
    }

    /// Each entitlement of an account is a request of its own.
    async fn change_members(&self, group: &mut Group, change: MemberChange<'_>, _: usize) -> Result<(), Error> {
        self.simulation.change_members_one_by_one(group, change, message::remove_one).await
    }

    async fn after_cycles(&self, model: &mut Model) -> Result<(), Error> {
        self.aggregate(model).await
    }
}
