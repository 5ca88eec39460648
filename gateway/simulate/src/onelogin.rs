//! OneLogin: a body that an administrator's template makes, with the URN of SCIM 1.0 in it; users by PUT or by PATCH,
//! groups by PATCH.

use serde_json::{Value, json};

use crate::attribute::{Attribute, EXTERNAL_ID, LANGUAGE, NICK_NAME, TITLE, USER_NAME};
use crate::change::{Change, after};
use crate::compare::Exchange;
use crate::cycles;
use crate::error::Error;
use crate::message;
use crate::model::{Group, User, Values};
use crate::options::Options;
use crate::play::Play;
use crate::provider::Provider;
use crate::report::{Played, Report};
use crate::step::{Step, Watcher};
use crate::users::Match;

const AGENT: &str = concat!("scimgate-simulate/", env!("CARGO_PKG_VERSION"), " (onelogin)");
/// The schema that the default templates declare, whatever version the endpoint is of.
const FOREIGN: &str = "urn:scim:schemas:core:1.0";
/// What the template names and a user may not have goes out as an empty text.
const NAMED: [Attribute; 3] = [TITLE, NICK_NAME, LANGUAGE];

/// OneLogin, at work on one tenant.
struct OneLogin<'a> {
    play: Play<'a>,
}

/// Plays OneLogin. What the server does wrong is in the report.
///
/// # Errors
/// It could not begin: nobody answers, or somebody who is no SCIM server, or the token is not accepted.
pub async fn run(options: &Options, watcher: &dyn Watcher) -> Result<Report, Error> {
    let onelogin = OneLogin { play: Play::new(options, AGENT, watcher)? };
    onelogin.connect().await?;
    Ok(cycles::play(&onelogin, Played::plainly("onelogin")).await)
}

impl OneLogin<'_> {
    /// The API connection is tested by looking for somebody; groups are read to be chosen from in rules.
    async fn connect(&self) -> Result<(), Error> {
        self.play.session.begin(Step::TestConnection, 0);
        self.play.probe_nobody("userName", &[]).await?;
        self.play.probe_group_page(&[]).await
    }
}

/// A user, as the template says.
fn templated(values: &Values) -> Value {
    let mut body = message::user_with(values, [("schemas", json!([FOREIGN]))]);
    for attribute in NAMED.into_iter().filter(|attribute| !values.contains_key(attribute)) {
        body[attribute.name()] = "".into();
    }
    body
}

impl Provider for OneLogin<'_> {
    fn play(&self) -> &Play<'_> {
        &self.play
    }

    async fn find(&self, user: &User) -> Result<Match, Error> {
        let by = if self.play.options.match_external_id { EXTERNAL_ID } else { USER_NAME };
        self.play.find_user(user, by, &[]).await
    }

    fn new_user(&self, user: &User) -> Value {
        templated(&user.values)
    }

    /// Older templates know no PATCH; here every other user has one of those.
    async fn send(&self, user: &mut User, changes: &[Change], _: usize) -> Result<(), Error> {
        if self.play.population.chance.once_in(2, "template", user.index) {
            return self.play.patch_user(user, changes, message::changes(changes)).await;
        }
        let values = after(&user.values, changes);
        self.play.put_user(user, changes, templated(&values)).await
    }

    fn new_group(&self, group: &Group) -> Value {
        let mut body = message::group(group, None);
        body["schemas"] = json!([FOREIGN]);
        body
    }

    async fn exchange(&self, group: &mut Group, exchange: Exchange<'_>, _: usize) -> Result<(), Error> {
        let mut last = None;
        if !exchange.removed.is_empty() {
            let body = message::patch(message::remove_by_path(exchange.removed));
            last = self.play.patch_group("remove members", group, body).await?;
            if last.is_some() {
                Exchange { added: &[], ..exchange }.apply(&mut group.members);
            }
        }
        if !exchange.added.is_empty() {
            let body = message::patch(vec![message::add(exchange.added)]);
            last = self.play.patch_group("add members", group, body).await?;
            if last.is_some() {
                Exchange { removed: &[], ..exchange }.apply(&mut group.members);
            }
        }
        self.play.compare_members(group, exchange, &last.unwrap_or_default()).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_fills_in_nothing_where_there_is_nothing() {
        let body = templated(&Values::from([(USER_NAME, json!("ada@corp.test")), (TITLE, json!("CFO"))]));
        let expected = json!({
            "schemas": [FOREIGN], "userName": "ada@corp.test", "title": "CFO", "nickName": "", "preferredLanguage": "",
        });
        assert_eq!(body, expected);
    }
}
