//! JumpCloud: the activation with its test user and test group, users by PUT, members one by one and removed by a list of
//! values.

mod activation;

use serde_json::Value;

use crate::change::{Change, after};
use crate::compare::Exchange;
use crate::cycles;
use crate::error::Error;
use crate::message;
use crate::model::{Group, User};
use crate::options::Options;
use crate::play::Play;
use crate::provider::Provider;
use crate::report::{Played, Report};
use crate::step::Watcher;

const AGENT: &str = concat!("scimgate-simulate/", env!("CARGO_PKG_VERSION"), " (jumpcloud)");

/// JumpCloud, at work on one tenant.
struct JumpCloud<'a> {
    play: Play<'a>,
}

/// Plays JumpCloud. What the server does wrong is in the report.
///
/// # Errors
/// It could not begin: nobody answers, or somebody who is no SCIM server, or the token is not accepted.
pub async fn run(options: &Options, watcher: &dyn Watcher) -> Result<Report, Error> {
    let jumpcloud = JumpCloud { play: Play::new(options, AGENT, watcher)? };
    jumpcloud.connect().await?;
    jumpcloud.activate().await?;
    Ok(cycles::play(&jumpcloud, Played::plainly("jumpcloud")).await)
}

impl Provider for JumpCloud<'_> {
    fn play(&self) -> &Play<'_> {
        &self.play
    }

    async fn send(&self, user: &mut User, changes: &[Change], _: usize) -> Result<(), Error> {
        let values = after(&user.values, changes);
        self.play.put_user(user, changes, message::user_with(&values, [])).await
    }

    fn new_group(&self, group: &Group) -> Value {
        message::group(group, Some(&[]))
    }

    async fn exchange(&self, group: &mut Group, exchange: Exchange<'_>, _: usize) -> Result<(), Error> {
        self.play.exchange_one_by_one(group, exchange, message::remove_by_value).await
    }
}
