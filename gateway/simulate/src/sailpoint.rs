//! SailPoint: reads every document of discovery, one by one too; provisions accounts and entitlements by PATCH; then
//! aggregates all users and groups.

use reqwest::Method;
use serde_json::Value;

use crate::attribute::USER;
use crate::change::Change;
use crate::client::Ask;
use crate::compare::{self, Exchange};
use crate::cycles;
use crate::discovery::Schemas;
use crate::error::Error;
use crate::exchange::Type;
use crate::message;
use crate::model::{Group, Model, User};
use crate::options::Options;
use crate::play::Play;
use crate::provider::Provider;
use crate::readback::Reading;
use crate::report::{Played, Report};
use crate::step::{Step, Watcher};

const AGENT: &str = concat!("scimgate-simulate/", env!("CARGO_PKG_VERSION"), " (sailpoint)");

/// SailPoint, at work on one tenant.
struct SailPoint<'a> {
    play: Play<'a>,
}

/// Plays SailPoint. What the server does wrong is in the report.
///
/// # Errors
/// It could not begin: nobody answers, or somebody who is no SCIM server, or the token is not accepted.
pub async fn run(options: &Options, watcher: &dyn Watcher) -> Result<Report, Error> {
    let sailpoint = SailPoint { play: Play::new(options, AGENT, watcher)? };
    sailpoint.connect().await?;
    Ok(cycles::play(&sailpoint, Played::plainly("sailpoint")).await)
}

impl SailPoint<'_> {
    /// Lists, and then the documents of discovery each by itself.
    async fn connect(&self) -> Result<(), Error> {
        let session = &self.play.session;
        session.begin(Step::TestConnection, 0);
        let first = Ask::new("probe users", Method::GET, Type::User.path());
        let _ = self.play.probe_users(first.query("startIndex", "1").query("count", "1")).await?;
        let _ = session.discover("configuration", "/ServiceProviderConfig", "patch").await?;
        let _ = session.discover("resource types", "/ResourceTypes", "Resources").await?;
        let _ = session.discover("type of users", "/ResourceTypes/User", "endpoint").await?;
        let _ = Schemas::read(session).await?;
        let _ = session.discover("schema of users", &format!("/Schemas/{USER}"), "attributes").await?;
        if self.play.options.size.groups > 0 {
            let _ = session.discover("type of groups", "/ResourceTypes/Group", "endpoint").await?;
        }
        self.play.probe_group_page(&[("startIndex", "1"), ("count", "1")]).await
    }

    /// All users and all groups, page by page: nobody may be left out.
    async fn aggregate(&self, model: &Model) -> Result<(), Error> {
        let session = &self.play.session;
        session.begin(Step::Import, 0);
        let users = session.pages(Reading { what: "aggregate users", of: Type::User, query: &[] }).await?;
        session.found_all(compare::presence(model, &users));
        if !model.groups.is_empty() {
            let groups = session.pages(Reading { what: "aggregate groups", of: Type::Group, query: &[] }).await?;
            session.found_all(compare::groups_presence(model, &groups));
        }
        Ok(())
    }
}

impl Provider for SailPoint<'_> {
    fn play(&self) -> &Play<'_> {
        &self.play
    }

    async fn send(&self, user: &mut User, changes: &[Change], _: usize) -> Result<(), Error> {
        self.play.patch_user(user, changes, message::changes(changes)).await
    }

    fn new_group(&self, group: &Group) -> Value {
        message::group(group, None)
    }

    /// One entitlement of one account is one request.
    async fn exchange(&self, group: &mut Group, exchange: Exchange<'_>, _: usize) -> Result<(), Error> {
        self.play.exchange_one_by_one(group, exchange, message::remove_one).await
    }

    async fn afterwards(&self, model: &mut Model) -> Result<(), Error> {
        self.aggregate(model).await
    }
}
