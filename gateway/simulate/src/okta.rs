//! Okta: the connection test, users of an app from the wizard (PUT of the whole user) or from the catalogue (PATCH of
//! `active`, PUT of the profile, POST to reactivate), group push, and the import.

mod bodies;
mod connection;
mod push;

use reqwest::Method;
use serde_json::Value;

use crate::attribute::{ACTIVE, USER_NAME};
use crate::change::{Change, after, check_put};
use crate::client::Request;
use crate::compare::MemberChange;
use crate::cycles;
use crate::error::Error;
use crate::finding::{Finding, Kind};
use crate::list::id;
use crate::message;
use crate::model::{Group, Model, User};
use crate::options::Options;
use crate::provider::Provider;
use crate::report::{Report, Variant};
use crate::resource_type::ResourceType;
use crate::simulation::Simulation;
use crate::step::Progress;
use crate::users::Match;

/// Okta's own user agent.
const USER_AGENT: &str = "Okta SCIM Client 1.0.0";
/// Every filter has these parameters.
const PAGE: [(&str, &str); 2] = [("startIndex", "1"), ("count", "100")];

/// The kinds of Okta apps, which send different requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum OktaApp {
    /// An app from the App Integration Wizard: every change is a GET and a PUT of the whole user as the server returned it;
    /// groups are pushed with PUT.
    Wizard,
    /// An app from the catalogue: PATCH without a path for `active`, PUT for the profile, POST for users that are assigned
    /// again; groups are pushed with PATCH.
    Catalogue,
}

impl OktaApp {
    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Wizard => "wizard",
            Self::Catalogue => "catalogue",
        }
    }
}

struct Okta<'a> {
    simulation: Simulation<'a>,
    app: OktaApp,
}

/// Simulates Okta. The report says what the server does wrong.
///
/// # Errors
/// The simulation cannot start.
pub async fn run(options: &Options, app: OktaApp, progress: &dyn Progress) -> Result<Report, Error> {
    let okta = Okta { simulation: Simulation::new(options, USER_AGENT, progress)?, app };
    okta.test_connection().await?;
    Ok(cycles::run(&okta, Variant { form: Some(app.name()), ..Variant::of("okta") }).await)
}

impl Okta<'_> {
    /// An update by a wizard app: the user is read, changed, and sent back whole.
    async fn read_and_put(&self, user: &mut User, changes: &[Change]) -> Result<(), Error> {
        let Some(id) = user.presence.id() else { return Ok(()) };
        let request = Request::new("read user to change", Method::GET, ResourceType::User.path_of(id));
        let Some(seen) = self.simulation.session.read(request, &user.label()).await? else { return Ok(()) };
        self.simulation.put_user(user, changes, bodies::echo(seen, changes)).await
    }

    /// An update by a catalogue app: PATCH for `active`, PUT for the rest.
    async fn patch_and_put(&self, user: &mut User, changes: &[Change]) -> Result<(), Error> {
        let (active, profile): (Vec<Change>, Vec<Change>) =
            changes.iter().cloned().partition(|change| change.attribute == ACTIVE);
        if !profile.is_empty() {
            let body = bodies::profile(&after(&user.values, &profile), user.presence.id().unwrap_or_default());
            self.simulation.put_user(user, &profile, body).await?;
        }
        for change in active {
            let patch = bodies::activate(change.after.as_ref());
            self.simulation.patch_user(user, &[change], patch).await?;
        }
        Ok(())
    }

    /// Assigns a deactivated user again: it is sent as a new user, and the old one must be reactivated.
    async fn assign_again(&self, user: &mut User, cycle: usize) -> Result<(), Error> {
        let Some(before) = user.presence.id().map(str::to_owned) else { return Ok(()) };
        user.values.insert(ACTIVE, true.into());
        let request = Request::new("assign user again", Method::POST, ResourceType::User.path());
        let response = self.simulation.session.send(request.body(self.user_body(user))).await?;
        if matches!(response.status, 200 | 201) {
            let now = id(response.body()).to_owned();
            if self.simulation.remove_duplicate(user, &now).await? {
                return self.check_reactivated(user, &before).await;
            }
        } else {
            let finding = Finding::new(Kind::ReactivationRefused, user.label()).attribute("active");
            let finding = finding.expected("200 or 201, with the user's old id");
            self.simulation.session.report(finding.seen(response.describe()));
        }
        // An administrator would now activate it by hand.
        user.values.insert(ACTIVE, false.into());
        self.set_active(user, true, cycle).await
    }

    /// Checks that a user is active and otherwise unchanged.
    async fn check_reactivated(&self, user: &mut User, id: &str) -> Result<(), Error> {
        let change = Change { attribute: ACTIVE, before: Some(false.into()), after: Some(true.into()) };
        let (label, mapped) = (user.label(), &self.simulation.mapped);
        let request = Request::new("read user", Method::GET, ResourceType::User.path_of(id));
        if let Some(seen) = self.simulation.session.read(request, &label).await? {
            self.simulation.session.report_all(check_put(&label, &[change], (&user.values, mapped), &seen));
        }
        Ok(())
    }
}

impl Provider for Okta<'_> {
    fn simulation(&self) -> &Simulation<'_> {
        &self.simulation
    }

    async fn find(&self, user: &User) -> Result<Match, Error> {
        self.simulation.find_user(user, USER_NAME, &PAGE).await
    }

    fn user_body(&self, user: &User) -> Value {
        bodies::create(&user.values, &self.simulation.population.seed.guid("password", user.index))
    }

    async fn send_changes(&self, user: &mut User, changes: &[Change], _: usize) -> Result<(), Error> {
        match self.app {
            OktaApp::Wizard => self.read_and_put(user, changes).await,
            OktaApp::Catalogue => self.patch_and_put(user, changes).await,
        }
    }

    /// Catalogue apps send a new user in every other cycle, and activate the old one in between.
    async fn reactivate(&self, user: &mut User, cycle: usize) -> Result<(), Error> {
        if self.app == OktaApp::Catalogue && !cycle.is_multiple_of(2) && !user.is_active() {
            return self.assign_again(user, cycle).await;
        }
        let Some(before) = user.presence.id().map(str::to_owned) else { return Ok(()) };
        self.set_active(user, true, cycle).await?;
        match self.find(user).await? {
            Match::One(found) => self.simulation.check_same_id(user, &before, id(&found)),
            Match::None => self.simulation.recreate_unfound(user, self.user_body(user)).await?,
            Match::Unusable => (),
        }
        Ok(())
    }

    /// Okta never deletes a user.
    async fn delete(&self, user: &mut User) -> Result<(), Error> {
        self.set_active(user, false, 0).await
    }

    async fn find_group(&self, group: &Group) -> Result<Option<Vec<Value>>, Error> {
        self.simulation.find_group(("displayName", &group.display_name), &PAGE).await
    }

    fn group_body(&self, group: &Group) -> Value {
        message::group(group, Some(&[]))
    }

    async fn send_group_name(&self, group: &Group, _: usize) -> Result<Option<Value>, Error> {
        self.push_name(group).await
    }

    async fn change_members(&self, group: &mut Group, change: MemberChange<'_>, cycle: usize) -> Result<(), Error> {
        self.push(group, change, cycle).await
    }

    async fn after_cycles(&self, model: &mut Model) -> Result<(), Error> {
        self.import(model).await
    }
}
