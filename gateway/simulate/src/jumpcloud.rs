//! JumpCloud: the activation with a test user and a test group, users by PUT, members one by one and removed by a list of
//! values.

mod activation;

use serde_json::Value;

use crate::change::{Change, after};
use crate::compare::MemberChange;
use crate::cycles;
use crate::error::Error;
use crate::message;
use crate::model::{Group, User};
use crate::options::Options;
use crate::provider::Provider;
use crate::report::{Report, Variant};
use crate::simulation::Simulation;
use crate::step::Progress;

const USER_AGENT: &str = concat!("scimgate-simulate/", env!("CARGO_PKG_VERSION"), " (jumpcloud)");

struct JumpCloud<'a> {
    simulation: Simulation<'a>,
}

/// Simulates JumpCloud. The report says what the server does wrong.
///
/// # Errors
/// The simulation cannot start.
pub async fn run(options: &Options, progress: &dyn Progress) -> Result<Report, Error> {
    let jumpcloud = JumpCloud { simulation: Simulation::new(options, USER_AGENT, progress)? };
    jumpcloud.connect().await?;
    jumpcloud.activate().await?;
    Ok(cycles::run(&jumpcloud, Variant::of("jumpcloud")).await)
}

impl Provider for JumpCloud<'_> {
    fn simulation(&self) -> &Simulation<'_> {
        &self.simulation
    }

    async fn send_changes(&self, user: &mut User, changes: &[Change], _: usize) -> Result<(), Error> {
        let values = after(&user.values, changes);
        self.simulation.put_user(user, changes, message::user_with(&values, [])).await
    }

    fn group_body(&self, group: &Group) -> Value {
        message::group(group, Some(&[]))
    }

    async fn change_members(&self, group: &mut Group, change: MemberChange<'_>, _: usize) -> Result<(), Error> {
        self.simulation.change_members_one_by_one(group, change, message::remove_by_value).await
    }
}
