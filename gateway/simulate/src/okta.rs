//! Okta: the connection test, users of an app made by the wizard (PUT of the whole) or of the catalogue (PATCH of `active`,
//! PUT of the profile, POST for who comes back), group push, and the import.

mod connection;
mod push;
mod wire;

use reqwest::Method;
use serde_json::Value;

use crate::attribute::{ACTIVE, USER_NAME};
use crate::change::{Change, after, replaced};
use crate::client::Ask;
use crate::compare::Exchange;
use crate::cycles;
use crate::error::Error;
use crate::exchange::Type;
use crate::finding::{Finding, Kind};
use crate::list::id;
use crate::model::{Group, Model, User};
use crate::options::Options;
use crate::play::Play;
use crate::provider::Provider;
use crate::report::{Played, Report};
use crate::step::Watcher;
use crate::users::Match;

/// What Okta calls itself.
const AGENT: &str = "Okta SCIM Client 1.0.0";
/// Every filter is asked for with a page.
const PAGE: [(&str, &str); 2] = [("startIndex", "1"), ("count", "100")];

/// How an Okta app speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// An app made with the App Integration Wizard: every change is a GET and a PUT of the whole user, with what the server
    /// showed; groups are pushed with PUT.
    Wizard,
    /// An app of the catalogue: PATCH without a path for `active`, PUT for the profile, POST for who is assigned again;
    /// groups are pushed with PATCH.
    Catalogue,
}

impl Form {
    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Wizard => "wizard",
            Self::Catalogue => "catalogue",
        }
    }
}

/// Okta, at work on one tenant.
struct Okta<'a> {
    play: Play<'a>,
    form: Form,
}

/// Plays Okta. What the server does wrong is in the report.
///
/// # Errors
/// It could not begin: nobody answers, or somebody who is no SCIM server, or the token is not accepted.
pub async fn run(options: &Options, form: Form, watcher: &dyn Watcher) -> Result<Report, Error> {
    let okta = Okta { play: Play::new(options, AGENT, watcher)?, form };
    okta.test_connection().await?;
    Ok(cycles::play(&okta, Played { form: Some(form.name()), ..Played::plainly("okta") }).await)
}

impl Okta<'_> {
    /// The wizard's update: the user is read, changed, and sent back whole.
    async fn read_and_put(&self, user: &mut User, changes: &[Change]) -> Result<(), Error> {
        let Some(id) = user.life.id() else { return Ok(()) };
        let ask = Ask::new("read user to change", Method::GET, Type::User.one(id));
        let Some(seen) = self.play.session.read(ask, &user.label()).await? else { return Ok(()) };
        self.play.put_user(user, changes, wire::echo(seen, changes)).await
    }

    /// The catalogue's update: PATCH for `active`, PUT for the rest.
    async fn patch_and_put(&self, user: &mut User, changes: &[Change]) -> Result<(), Error> {
        let (active, profile): (Vec<Change>, Vec<Change>) =
            changes.iter().cloned().partition(|change| change.attribute == ACTIVE);
        if !profile.is_empty() {
            let body = wire::profile(&after(&user.values, &profile), user.life.id().unwrap_or_default());
            self.play.put_user(user, &profile, body).await?;
        }
        for change in active {
            let patch = wire::activate(change.after.as_ref());
            self.play.patch_user(user, &[change], patch).await?;
        }
        Ok(())
    }

    /// Who is assigned again is sent as a new user; the old one must come back.
    async fn assign_again(&self, user: &mut User, round: usize) -> Result<(), Error> {
        let Some(before) = user.life.id().map(str::to_owned) else { return Ok(()) };
        user.values.insert(ACTIVE, true.into());
        let ask = Ask::new("assign user again", Method::POST, Type::User.path()).body(self.new_user(user));
        let answer = self.play.session.ask(ask).await?;
        if matches!(answer.status, 200 | 201) {
            let now = id(answer.body()).to_owned();
            if self.play.only_one(user, &now).await? {
                return self.look_again(user, &before).await;
            }
        } else {
            let finding = Finding::new(Kind::ReactivationRefused, user.label()).attribute("active");
            let finding = finding.expected("200 or 201, with the user's old id");
            self.play.session.found(finding.seen(answer.describe()));
        }
        // An administrator would now activate it by hand.
        user.values.insert(ACTIVE, false.into());
        self.set_active(user, true, round).await
    }

    /// The user must be there as it was, and active.
    async fn look_again(&self, user: &mut User, before: &str) -> Result<(), Error> {
        let change = Change { attribute: ACTIVE, before: Some(false.into()), after: Some(true.into()) };
        let (label, among) = (user.label(), &self.play.mapped);
        let ask = Ask::new("read user", Method::GET, Type::User.one(before));
        if let Some(seen) = self.play.session.read(ask, &label).await? {
            let found = replaced(&label, &[change], (&user.values, among), &seen);
            self.play.session.found_all(found);
        }
        Ok(())
    }
}

impl Provider for Okta<'_> {
    fn play(&self) -> &Play<'_> {
        &self.play
    }

    async fn find(&self, user: &User) -> Result<Match, Error> {
        self.play.find_user(user, USER_NAME, &PAGE).await
    }

    fn new_user(&self, user: &User) -> Value {
        wire::create(&user.values, &self.play.population.chance.guid("password", user.index))
    }

    async fn send(&self, user: &mut User, changes: &[Change], _: usize) -> Result<(), Error> {
        match self.form {
            Form::Wizard => self.read_and_put(user, changes).await,
            Form::Catalogue => self.patch_and_put(user, changes).await,
        }
    }

    /// Catalogue apps send a new user in every other cycle, and activate the old one in the others.
    async fn restore(&self, user: &mut User, round: usize) -> Result<(), Error> {
        if self.form == Form::Catalogue && !round.is_multiple_of(2) && !user.is_active() {
            return self.assign_again(user, round).await;
        }
        let Some(before) = user.life.id().map(str::to_owned) else { return Ok(()) };
        self.set_active(user, true, round).await?;
        match self.find(user).await? {
            Match::One(found) => self.play.is_still(user, &before, id(&found)),
            Match::Nobody => self.play.create_unfound(user, self.new_user(user)).await?,
            Match::Unclear => (),
        }
        Ok(())
    }

    /// Okta never deletes a user.
    async fn end(&self, user: &mut User) -> Result<(), Error> {
        self.set_active(user, false, 0).await
    }

    async fn find_group(&self, group: &Group) -> Result<Option<Vec<Value>>, Error> {
        self.play.find_group(("displayName", &group.display_name), &PAGE).await
    }

    fn new_group(&self, group: &Group) -> Value {
        super::message::group(group, Some(&[]))
    }

    async fn send_name(&self, group: &Group, _: usize) -> Result<Option<Value>, Error> {
        self.push_name(group).await
    }

    async fn exchange(&self, group: &mut Group, exchange: Exchange<'_>, round: usize) -> Result<(), Error> {
        self.push(group, exchange, round).await
    }

    async fn afterwards(&self, model: &mut Model) -> Result<(), Error> {
        self.import(model).await
    }
}
