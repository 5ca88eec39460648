//! OneLogin: bodies from an administrator's template, with the URN of SCIM 1.0; users by PUT or PATCH, groups by PATCH.

use serde_json::{Value, json};

use crate::attribute::{Attribute, EXTERNAL_ID, LANGUAGE, NICK_NAME, TITLE, USER_NAME};
use crate::change::{Change, after};
use crate::compare::MemberChange;
use crate::cycles;
use crate::error::Error;
use crate::message;
use crate::model::{Group, User, Values};
use crate::options::Options;
use crate::provider::Provider;
use crate::report::{Report, Variant};
use crate::simulation::Simulation;
use crate::step::{Progress, Step};
use crate::users::Match;

const USER_AGENT: &str = concat!("scimgate-simulate/", env!("CARGO_PKG_VERSION"), " (onelogin)");
/// The schema that the default templates declare, even for SCIM 2.0.
const SCHEMA_1_0: &str = "urn:scim:schemas:core:1.0";
/// Attributes of the template that are sent as an empty text if a user does not have them.
const TEMPLATE_ATTRIBUTES: [Attribute; 3] = [TITLE, NICK_NAME, LANGUAGE];

struct OneLogin<'a> {
    simulation: Simulation<'a>,
}

/// Simulates OneLogin. The report says what the server does wrong.
///
/// # Errors
/// The simulation cannot start.
pub async fn run(options: &Options, progress: &dyn Progress) -> Result<Report, Error> {
    let onelogin = OneLogin { simulation: Simulation::new(options, USER_AGENT, progress)? };
    onelogin.connect().await?;
    Ok(cycles::run(&onelogin, Variant::of("onelogin")).await)
}

impl OneLogin<'_> {
    /// Tests the API connection with a search, and reads the groups that rules can refer to.
    async fn connect(&self) -> Result<(), Error> {
        self.simulation.session.begin_step(Step::TestConnection, 0);
        self.simulation.probe_unknown_user("userName", &[]).await?;
        self.simulation.probe_first_group_page(&[]).await
    }
}

/// A user by the template.
fn user_by_template(values: &Values) -> Value {
    let mut body = message::user_with(values, [("schemas", json!([SCHEMA_1_0]))]);
    for attribute in TEMPLATE_ATTRIBUTES.into_iter().filter(|attribute| !values.contains_key(attribute)) {
        body[attribute.name()] = "".into();
    }
    body
}

impl Provider for OneLogin<'_> {
    fn simulation(&self) -> &Simulation<'_> {
        &self.simulation
    }

    async fn find(&self, user: &User) -> Result<Match, Error> {
        let by = if self.simulation.options.match_external_id { EXTERNAL_ID } else { USER_NAME };
        self.simulation.find_user(user, by, &[]).await
    }

    fn user_body(&self, user: &User) -> Value {
        user_by_template(&user.values)
    }

    /// About half of the users have an older template, without PATCH.
    async fn send_changes(&self, user: &mut User, changes: &[Change], _: usize) -> Result<(), Error> {
        if self.simulation.population.seed.one_in(2, "template", user.index) {
            return self.simulation.patch_user(user, changes, message::changes(changes)).await;
        }
        let values = after(&user.values, changes);
        self.simulation.put_user(user, changes, user_by_template(&values)).await
    }

    fn group_body(&self, group: &Group) -> Value {
        let mut body = message::group(group, None);
        body["schemas"] = json!([SCHEMA_1_0]);
        body
    }

    async fn change_members(&self, group: &mut Group, change: MemberChange<'_>, _: usize) -> Result<(), Error> {
        let mut last = None;
        if !change.removed.is_empty() {
            let body = message::patch(message::remove_by_path(change.removed));
            last = self.simulation.patch_group("remove members", group, body).await?;
            if last.is_some() {
                MemberChange { added: &[], ..change }.apply(&mut group.members);
            }
        }
        if !change.added.is_empty() {
            let body = message::patch(vec![message::add(change.added)]);
            last = self.simulation.patch_group("add members", group, body).await?;
            if last.is_some() {
                MemberChange { removed: &[], ..change }.apply(&mut group.members);
            }
        }
        self.simulation.compare_members(group, change, &last.unwrap_or_default()).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_adds_empty_texts_for_missing_values() {
        let body = user_by_template(&Values::from([(USER_NAME, json!("ada@corp.test")), (TITLE, json!("CFO"))]));
        let expected = json!({
            "schemas": [SCHEMA_1_0], "userName": "ada@corp.test", "title": "CFO", "nickName": "", "preferredLanguage": "",
        });
        assert_eq!(body, expected);
    }
}
