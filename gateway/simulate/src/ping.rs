//! PingFederate: users by PUT alone; groups are looked for by reading all of them, and changed by PATCH or PUT.

use serde_json::{Value, json};

use crate::change::{Change, after};
use crate::compare::Exchange;
use crate::cycles;
use crate::error::Error;
use crate::exchange::Type;
use crate::message;
use crate::model::{Group, User};
use crate::options::Options;
use crate::play::Play;
use crate::provider::Provider;
use crate::readback::Reading;
use crate::report::{Played, Report};
use crate::step::{Step, Watcher};

const AGENT: &str = concat!("scimgate-simulate/", env!("CARGO_PKG_VERSION"), " (pingfederate)");

/// PingFederate, at work on one tenant.
struct Ping<'a> {
    play: Play<'a>,
}

/// Plays PingFederate. What the server does wrong is in the report.
///
/// # Errors
/// It could not begin: nobody answers, or somebody who is no SCIM server, or the token is not accepted.
pub async fn run(options: &Options, watcher: &dyn Watcher) -> Result<Report, Error> {
    let ping = Ping { play: Play::new(options, AGENT, watcher)? };
    ping.connect().await?;
    Ok(cycles::play(&ping, Played::plainly("ping")).await)
}

impl Ping<'_> {
    async fn connect(&self) -> Result<(), Error> {
        self.play.session.begin(Step::TestConnection, 0);
        self.play.probe_nobody("userName", &[]).await?;
        self.play.probe_group_page(&[("startIndex", "1"), ("count", "100")]).await
    }

    /// Groups by PUT, as before version 1.4 of the connector; the others by PATCH.
    fn puts(&self, group: &Group) -> bool {
        self.play.population.chance.once_in(2, "connector", group.index)
    }
}

impl Provider for Ping<'_> {
    fn play(&self) -> &Play<'_> {
        &self.play
    }

    /// There is no PATCH of a user: what is cleared is what the body leaves out.
    async fn send(&self, user: &mut User, changes: &[Change], _: usize) -> Result<(), Error> {
        let values = after(&user.values, changes);
        let body = message::user_with(&values, [("id", user.life.id().unwrap_or_default().into())]);
        self.play.put_user(user, changes, body).await
    }

    /// All groups are read for each that is looked for.
    async fn find_group(&self, group: &Group) -> Result<Option<Vec<Value>>, Error> {
        let all = self.play.session.pages(Reading { what: "read all groups", of: Type::Group, query: &[] }).await?;
        let wanted = json!(group.display_name);
        Ok(Some(all.into_iter().filter(|it| it.get("displayName") == Some(&wanted)).collect()))
    }

    fn new_group(&self, group: &Group) -> Value {
        message::group(group, Some(&[]))
    }

    async fn send_name(&self, group: &Group, _: usize) -> Result<Option<Value>, Error> {
        if self.puts(group) {
            return self.play.put_group(group).await;
        }
        self.play.patch_group("rename group", group, message::rename(&group.display_name)).await
    }

    async fn exchange(&self, group: &mut Group, exchange: Exchange<'_>, _: usize) -> Result<(), Error> {
        self.play.exchange_at_once(group, exchange, self.puts(group)).await
    }
}
