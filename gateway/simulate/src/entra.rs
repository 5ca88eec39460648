//! Microsoft Entra ID: Test Connection, the initial cycle, incremental cycles and provisioning on demand, with and without
//! its feature flag.

mod bodies;
mod connection;
mod members;
mod on_demand;
mod references;

use serde_json::Value;

use crate::attribute::{EXTERNAL_ID, USER_NAME};
use crate::change::Change;
use crate::compare::MemberChange;
use crate::cycles;
use crate::error::Error;
use crate::model::{Group, Model, User};
use crate::options::{Dialect, Options};
use crate::provider::Provider;
use crate::report::{Report, Variant};
use crate::simulation::Simulation;
use crate::step::Progress;
use crate::users::Match;
use bodies::Style;

const USER_AGENT: &str = concat!("scimgate-simulate/", env!("CARGO_PKG_VERSION"), " (entra)");

/// Maps the attributes that the server's schemas have.
struct Entra<'a> {
    simulation: Simulation<'a>,
}

/// Simulates Microsoft Entra ID. The report says what the server does wrong.
///
/// # Errors
/// The simulation cannot start.
pub async fn run(options: &Options, progress: &dyn Progress) -> Result<Report, Error> {
    let mut entra = Entra { simulation: Simulation::new(options, USER_AGENT, progress)? };
    entra.simulation.mapped = entra.test_connection().await?;
    let dialect = Some(options.dialect.name());
    Ok(cycles::run(&entra, Variant { dialect, ..Variant::of("entra") }).await)
}

impl Entra<'_> {
    /// How a request is written.
    fn style(&self, request: &str, index: usize) -> Style {
        match self.simulation.options.dialect {
            Dialect::Default => Style::Default,
            Dialect::Mixed if self.simulation.population.seed.one_in(2, request, index) => Style::Default,
            Dialect::Flag | Dialect::Mixed => Style::Flag,
        }
    }

    /// How a request about a group is written in a cycle.
    fn group_style(&self, request: &str, group: &Group, cycle: usize) -> Style {
        self.style(request, group.index + cycle * self.simulation.options.size.groups)
    }

    async fn patch_user(&self, style: Style, user: &mut User, changes: &[Change]) -> Result<(), Error> {
        self.simulation.patch_user(user, changes, bodies::change_user(style, changes)).await
    }
}

impl Provider for Entra<'_> {
    /// Entra never clears a value.
    const CLEARS_ATTRIBUTES: bool = false;
    const SENDS_GROUP_EXTERNAL_ID: bool = true;
    const SENDS_MANAGERS: bool = true;

    fn simulation(&self) -> &Simulation<'_> {
        &self.simulation
    }

    /// Searches by each matching attribute in turn.
    async fn find(&self, user: &User) -> Result<Match, Error> {
        let first = self.simulation.find_user(user, USER_NAME, &[]).await?;
        if matches!(first, Match::None) && self.simulation.options.match_external_id {
            return self.simulation.find_user(user, EXTERNAL_ID, &[]).await;
        }
        Ok(first)
    }

    fn user_body(&self, user: &User) -> Value {
        bodies::create_user(&user.values)
    }

    async fn send_changes(&self, user: &mut User, changes: &[Change], cycle: usize) -> Result<(), Error> {
        let style = self.style("change", user.index + cycle * self.simulation.options.size.users);
        self.patch_user(style, user, changes).await
    }

    async fn find_group(&self, group: &Group) -> Result<Option<Vec<Value>>, Error> {
        let query = &[("excludedAttributes", "members")];
        let found = self.simulation.find_group(("displayName", &group.display_name), query).await?;
        if found.as_ref().is_some_and(Vec::is_empty) && self.simulation.options.match_external_id {
            return self.simulation.find_group(("externalId", &group.external_id), query).await;
        }
        Ok(found)
    }

    fn group_body(&self, group: &Group) -> Value {
        bodies::create_group(group)
    }

    async fn send_group_name(&self, group: &Group, cycle: usize) -> Result<Option<Value>, Error> {
        let body = bodies::rename_group(self.group_style("rename", group, cycle), &group.display_name);
        self.simulation.patch_group("rename group", group, body).await
    }

    async fn change_members(&self, group: &mut Group, change: MemberChange<'_>, cycle: usize) -> Result<(), Error> {
        let style = self.group_style("members", group, cycle);
        self.remove_members(style, group, change.removed).await?;
        self.add_members(style, group, change.added).await
    }

    async fn send_manager(&self, user: &mut User, ids: &[Option<String>], cycle: usize) -> Result<(), Error> {
        self.send_reference(user, ids, cycle).await
    }

    async fn after_cycles(&self, model: &mut Model) -> Result<(), Error> {
        self.on_demand(model).await
    }
}
