//! Rippling: what the server says of itself decides what is sent; users are matched by `externalId`, and a POST whose answer
//! got lost is sent again.

use reqwest::Method;
use serde_json::Value;

use crate::attribute::{self, EXTERNAL_ID, USER_NAME};
use crate::change::{Change, after};
use crate::client::Ask;
use crate::compare::Exchange;
use crate::cycles;
use crate::discovery::Schemas;
use crate::error::Error;
use crate::exchange::Type;
use crate::finding::{Finding, Kind};
use crate::list::id;
use crate::message;
use crate::model::{Group, User};
use crate::options::Options;
use crate::play::Play;
use crate::provider::Provider;
use crate::report::{Played, Report};
use crate::step::{Step, Watcher};
use crate::users::Match;

const AGENT: &str = concat!("scimgate-simulate/", env!("CARGO_PKG_VERSION"), " (rippling)");
/// The answer to one POST in so many gets lost.
const LOST: usize = 3;

/// Rippling, at work on one tenant.
struct Rippling<'a> {
    play: Play<'a>,
    /// Whether the server says that it knows PATCH.
    patches: bool,
}

/// Plays Rippling. What the server does wrong is in the report.
///
/// # Errors
/// It could not begin: nobody answers, or somebody who is no SCIM server, or the token is not accepted.
pub async fn run(options: &Options, watcher: &dyn Watcher) -> Result<Report, Error> {
    let mut rippling = Rippling { play: Play::new(options, AGENT, watcher)?, patches: false };
    rippling.connect().await?;
    Ok(cycles::play(&rippling, Played::plainly("rippling")).await)
}

impl Rippling<'_> {
    /// Reads what the server can do and which attributes it has, and sends no others.
    async fn connect(&mut self) -> Result<(), Error> {
        let session = &self.play.session;
        session.begin(Step::TestConnection, 0);
        self.play.probe_nobody("externalId", &[]).await?;
        let config = session.discover("configuration", "/ServiceProviderConfig", "patch").await?;
        self.patches = config.as_ref().and_then(|it| it.pointer("/patch/supported")) == Some(&Value::Bool(true));
        if let Some(schemas) = Schemas::read(session).await? {
            self.play.mapped = attribute::plain().into_iter().filter(|it| schemas.can_write(*it)).collect();
        }
        // Without these there is nothing to provision.
        self.play.mapped.extend([USER_NAME, EXTERNAL_ID]);
        self.play.probe_group_page(&[("startIndex", "1"), ("count", "1")]).await
    }

    /// The answer is taken for lost, and the same request sent again.
    async fn retry(&self, user: &User, body: Value) -> Result<(), Error> {
        let ask = Ask::new("create user again", Method::POST, Type::User.path()).body(body);
        let answer = self.play.session.ask(ask).await?;
        if matches!(answer.status, 200 | 201) {
            self.play.only_one(user, id(answer.body())).await?;
        } else {
            let finding = Finding::new(Kind::RetryRefused, user.label()).attribute("externalId");
            let finding = finding.expected("200 or 201, and the user that the first request made");
            self.play.session.found(finding.seen(answer.describe()));
        }
        // However it was answered: there is one.
        match self.find(user).await? {
            Match::One(found) => drop(self.play.only_one(user, id(&found)).await?),
            Match::Nobody => {
                let finding = Finding::new(Kind::FilterMissed, user.label()).attribute("filter");
                self.play.session.found(finding.expected("the user for its externalId").seen("an empty list"));
            }
            Match::Unclear => (),
        }
        Ok(())
    }
}

impl Provider for Rippling<'_> {
    const NAMES_GROUPS: bool = true;

    fn play(&self) -> &Play<'_> {
        &self.play
    }

    async fn find(&self, user: &User) -> Result<Match, Error> {
        self.play.find_user(user, EXTERNAL_ID, &[]).await
    }

    async fn create(&self, user: &mut User) -> Result<(), Error> {
        let body = self.new_user(user);
        self.play.create_user(user, body.clone()).await?;
        if user.index.is_multiple_of(LOST) && user.life.id().is_some() {
            self.retry(user, body).await?;
        }
        Ok(())
    }

    async fn send(&self, user: &mut User, changes: &[Change], _: usize) -> Result<(), Error> {
        if self.patches {
            return self.play.patch_user(user, changes, message::changes(changes)).await;
        }
        let values = after(&user.values, changes);
        self.play.put_user(user, changes, message::user_with(&values, [])).await
    }

    fn new_group(&self, group: &Group) -> Value {
        message::group(group, None)
    }

    async fn send_name(&self, group: &Group, _: usize) -> Result<Option<Value>, Error> {
        if !self.patches {
            return self.play.put_group(group).await;
        }
        self.play.patch_group("rename group", group, message::rename(&group.display_name)).await
    }

    async fn exchange(&self, group: &mut Group, exchange: Exchange<'_>, _: usize) -> Result<(), Error> {
        self.play.exchange_at_once(group, exchange, !self.patches).await
    }
}
