//! Rippling: the server's configuration and schemas determine what is sent; users are matched by `externalId`, and a POST
//! whose response was lost is repeated.

use reqwest::Method;
use serde_json::Value;

use crate::attribute::{self, EXTERNAL_ID, USER_NAME};
use crate::change::{Change, after};
use crate::client::Request;
use crate::compare::MemberChange;
use crate::cycles;
use crate::discovery::Schemas;
use crate::error::Error;
use crate::finding::{Finding, Kind};
use crate::list::id;
use crate::message;
use crate::model::{Group, User};
use crate::options::Options;
use crate::provider::Provider;
use crate::report::{Report, Variant};
use crate::resource_type::ResourceType;
use crate::simulation::Simulation;
use crate::step::{Progress, Step};
use crate::users::Match;

const USER_AGENT: &str = concat!("scimgate-simulate/", env!("CARGO_PKG_VERSION"), " (rippling)");
/// The response to every third POST is treated as lost.
const LOST_RESPONSE_EVERY: usize = 3;

struct Rippling<'a> {
    simulation: Simulation<'a>,
    /// Whether the server declares support of PATCH.
    supports_patch: bool,
}

/// Simulates Rippling. The report says what the server does wrong.
///
/// # Errors
/// The simulation cannot start.
pub async fn run(options: &Options, progress: &dyn Progress) -> Result<Report, Error> {
    let mut rippling = Rippling { simulation: Simulation::new(options, USER_AGENT, progress)?, supports_patch: false };
    rippling.connect().await?;
    Ok(cycles::run(&rippling, Variant::of("rippling")).await)
}

impl Rippling<'_> {
    /// Reads the server's configuration and its attributes, to which the mapping is limited.
    async fn connect(&mut self) -> Result<(), Error> {
        let session = &self.simulation.session;
        session.begin_step(Step::TestConnection, 0);
        self.simulation.probe_unknown_user("externalId", &[]).await?;
        let config = session.discover("configuration", "/ServiceProviderConfig", "patch").await?;
        self.supports_patch = config.as_ref().and_then(|it| it.pointer("/patch/supported")) == Some(&Value::Bool(true));
        if let Some(schemas) = Schemas::read(session).await? {
            let mapping = attribute::default_mapping().into_iter();
            self.simulation.mapped = mapping.filter(|attribute| schemas.can_write(*attribute)).collect();
        }
        // Without these, no user can be provisioned.
        self.simulation.mapped.extend([USER_NAME, EXTERNAL_ID]);
        self.simulation.probe_first_group_page(&[("startIndex", "1"), ("count", "1")]).await
    }

    /// Repeats a POST as if its response had been lost.
    async fn repeat_create(&self, user: &User, body: Value) -> Result<(), Error> {
        let request = Request::new("create user again", Method::POST, ResourceType::User.path()).body(body);
        let response = self.simulation.session.send(request).await?;
        if matches!(response.status, 200 | 201) {
            self.simulation.remove_duplicate(user, id(response.body())).await?;
        } else {
            let finding = Finding::new(Kind::RetryRefused, user.label()).attribute("externalId");
            let finding = finding.expected("200 or 201, and the user that the first request created");
            self.simulation.session.report(finding.seen(response.describe()));
        }
        // Whatever the response was, there must be exactly one user.
        match self.find(user).await? {
            Match::One(found) => drop(self.simulation.remove_duplicate(user, id(&found)).await?),
            Match::None => {
                let finding = Finding::new(Kind::FilterMissed, user.label()).attribute("filter");
                self.simulation.session.report(finding.expected("the user for its externalId").seen("an empty list"));
            }
            Match::Unusable => (),
        }
        Ok(())
    }
}

impl Provider for Rippling<'_> {
    const SENDS_GROUP_EXTERNAL_ID: bool = true;

    fn simulation(&self) -> &Simulation<'_> {
        &self.simulation
    }

    async fn find(&self, user: &User) -> Result<Match, Error> {
        self.simulation.find_user(user, EXTERNAL_ID, &[]).await
    }

    async fn create(&self, user: &mut User) -> Result<(), Error> {
        let body = self.user_body(user);
        self.simulation.create_user(user, body.clone()).await?;
        if user.index.is_multiple_of(LOST_RESPONSE_EVERY) && user.presence.id().is_some() {
            self.repeat_create(user, body).await?;
        }
        Ok(())
    }

    async fn send_changes(&self, user: &mut User, changes: &[Change], _: usize) -> Result<(), Error> {
        if self.supports_patch {
            return self.simulation.patch_user(user, changes, message::changes(changes)).await;
        }
        let values = after(&user.values, changes);
        self.simulation.put_user(user, changes, message::user_with(&values, [])).await
    }

    fn group_body(&self, group: &Group) -> Value {
        message::group(group, None)
    }

    async fn send_group_name(&self, group: &Group, _: usize) -> Result<Option<Value>, Error> {
        if !self.supports_patch {
            return self.simulation.put_group(group).await;
        }
        self.simulation.patch_group("rename group", group, message::rename(&group.display_name)).await
    }

    async fn change_members(&self, group: &mut Group, change: MemberChange<'_>, _: usize) -> Result<(), Error> {
        self.simulation.change_members_in_one_request(group, change, !self.supports_patch).await
    }
}
