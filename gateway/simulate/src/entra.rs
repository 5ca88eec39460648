//! Microsoft Entra ID: Test Connection, the initial cycle, incremental cycles, provisioning on demand, in the dialect of
//! either setting of its feature flag.

mod connection;
mod members;
mod on_demand;
mod references;
mod wire;

use serde_json::Value;

use crate::attribute::{EXTERNAL_ID, USER_NAME};
use crate::change::Change;
use crate::compare::Exchange;
use crate::cycles;
use crate::error::Error;
use crate::model::{Group, Model, User};
use crate::options::{Dialect, Options};
use crate::play::Play;
use crate::provider::Provider;
use crate::report::{Played, Report};
use crate::step::Watcher;
use crate::users::Match;
use wire::Form;

const NAME: &str = concat!("scimgate-simulate/", env!("CARGO_PKG_VERSION"), " (entra)");

/// Entra, at work on one tenant. Its mapping has the attributes that the server's schemas have.
struct Entra<'a> {
    play: Play<'a>,
}

/// Plays Entra. What the server does wrong is in the report.
///
/// # Errors
/// It could not begin: nobody answers, or somebody who is no SCIM server, or the token is not accepted.
pub async fn run(options: &Options, watcher: &dyn Watcher) -> Result<Report, Error> {
    let mut entra = Entra { play: Play::new(options, NAME, watcher)? };
    entra.play.mapped = entra.test_connection().await?;
    let dialect = Some(options.dialect.name());
    Ok(cycles::play(&entra, Played { dialect, ..Played::plainly("entra") }).await)
}

impl Entra<'_> {
    /// How the next request on something is written.
    fn form(&self, what: &str, index: usize) -> Form {
        match self.play.options.dialect {
            Dialect::Default => Form::Default,
            Dialect::Mixed if self.play.population.chance.once_in(2, what, index) => Form::Default,
            Dialect::Flag | Dialect::Mixed => Form::Flag,
        }
    }

    /// The same, of a group in a cycle.
    fn group_form(&self, what: &str, group: &Group, cycle: usize) -> Form {
        self.form(what, group.index + cycle * self.play.options.size.groups)
    }

    async fn change_in(&self, form: Form, user: &mut User, changes: &[Change]) -> Result<(), Error> {
        self.play.patch_user(user, changes, wire::change_user(form, changes)).await
    }
}

impl Provider for Entra<'_> {
    /// Entra sends no nulls.
    const CLEARS: bool = false;
    const NAMES_GROUPS: bool = true;
    const REFERS: bool = true;

    fn play(&self) -> &Play<'_> {
        &self.play
    }

    /// By each matching attribute in the order of their precedence.
    async fn find(&self, user: &User) -> Result<Match, Error> {
        let first = self.play.find_user(user, USER_NAME, &[]).await?;
        if matches!(first, Match::Nobody) && self.play.options.match_external_id {
            return self.play.find_user(user, EXTERNAL_ID, &[]).await;
        }
        Ok(first)
    }

    fn new_user(&self, user: &User) -> Value {
        wire::create_user(&user.values)
    }

    async fn send(&self, user: &mut User, changes: &[Change], round: usize) -> Result<(), Error> {
        let form = self.form("change", user.index + round * self.play.options.size.users);
        self.change_in(form, user, changes).await
    }

    async fn find_group(&self, group: &Group) -> Result<Option<Vec<Value>>, Error> {
        let query = &[("excludedAttributes", "members")];
        let found = self.play.find_group(("displayName", &group.display_name), query).await?;
        if found.as_ref().is_some_and(Vec::is_empty) && self.play.options.match_external_id {
            return self.play.find_group(("externalId", &group.external_id), query).await;
        }
        Ok(found)
    }

    fn new_group(&self, group: &Group) -> Value {
        wire::create_group(group)
    }

    async fn send_name(&self, group: &Group, round: usize) -> Result<Option<Value>, Error> {
        let body = wire::rename_group(self.group_form("rename", group, round), &group.display_name);
        self.play.patch_group("rename group", group, body).await
    }

    async fn exchange(&self, group: &mut Group, exchange: Exchange<'_>, round: usize) -> Result<(), Error> {
        let form = self.group_form("members", group, round);
        self.remove_members(form, group, exchange.removed).await?;
        self.add_members(form, group, exchange.added).await
    }

    async fn refer(&self, user: &mut User, ids: &[Option<String>], cycle: usize) -> Result<(), Error> {
        self.send_reference(user, ids, cycle).await
    }

    async fn afterwards(&self, model: &mut Model) -> Result<(), Error> {
        self.on_demand(model).await
    }
}
