//! What every provider does with users: looks them up, creates, changes and deletes them, and checks the results.

use reqwest::Method;
use serde_json::Value;

use crate::attribute::{Attribute, USER_NAME};
use crate::change::{Change, Expectation, after, check_patch, check_put, stale_values};
use crate::client::Request;
use crate::error::Error;
use crate::finding::{Finding, Kind};
use crate::list::id;
use crate::message::Patch;
use crate::model::{Presence, User};
use crate::requests::{Search, quote};
use crate::resource_type::ResourceType;
use crate::simulation::Simulation;

/// How much of an unexpected document a finding quotes.
const MAX_QUOTED_CHARS: usize = 120;

/// The result of a look-up by a matching attribute.
#[derive(Clone, Debug)]
pub(crate) enum Match {
    None,
    One(Value),
    /// The response cannot be used; the provider skips the user.
    Unusable,
}

impl Simulation<'_> {
    /// Looks a user up by a matching attribute, with further parameters.
    pub(crate) async fn find_user(
        &self,
        user: &User,
        by: Attribute,
        query: &[(&'static str, &'static str)],
    ) -> Result<Match, Error> {
        let wanted = user.text(by);
        let filter = format!("{} eq {}", by.path(), quote(wanted));
        let search = Search { name: "find user", resource_type: ResourceType::User, filter, query: query.to_vec() };
        let Some(mut found) = self.session.search(&search).await? else { return Ok(Match::Unusable) };
        let matches = |resource: &Value| by.read(resource).iter().any(|seen| is_same(by, seen, wanted));
        if let Some(other) = found.iter().find(|resource| !matches(resource)) {
            let finding = Finding::new(Kind::FilterIgnored, user.label()).attribute(by.path());
            self.session.report(finding.expected(format!("only {}", search.filter)).seen(format!("{} too", id(other))));
            found.retain(matches);
        }
        if found.len() > 1 {
            let ids: Vec<&str> = found.iter().map(id).collect();
            let finding = Finding::new(Kind::SeveralMatches, user.label()).attribute(by.path());
            self.session.report(finding.expected(format!("at most one for {}", search.filter)).seen(ids.join(", ")));
        }
        Ok(found.into_iter().next().map_or(Match::None, Match::One))
    }

    /// Creates a user; the response must show what was sent.
    pub(crate) async fn create_user(&self, user: &mut User, body: Value) -> Result<(), Error> {
        let request = Request::new("create user", Method::POST, ResourceType::User.path()).body(body);
        let label = user.label();
        let Some(created) = self.session.create(request, ResourceType::User, &label).await? else { return Ok(()) };
        user.presence = Presence::Present(id(&created).to_owned());
        let label = user.label();
        let check =
            |(attribute, value): (&Attribute, _)| Expectation::of(*attribute, Some(value)).check(&label, &created);
        self.session.report_all(user.values.iter().filter_map(check).collect());
        Ok(())
    }

    /// Creates a user, unless it is left from an earlier run.
    pub(crate) async fn ensure_user(&self, user: &mut User, body: Value) -> Result<(), Error> {
        match self.find_user(user, USER_NAME, &[]).await? {
            Match::One(found) => user.presence = Presence::Present(id(&found).to_owned()),
            Match::None => self.create_user(user, body).await?,
            Match::Unusable => (),
        }
        Ok(())
    }

    /// Takes over a user that is present already, perhaps from an earlier run. Returns the changes to the wanted values;
    /// other values are kept.
    pub(crate) fn adopt(&self, user: &mut User, found: &Value) -> Vec<Change> {
        user.presence = Presence::Present(id(found).to_owned());
        let wanted = std::mem::take(&mut user.values);
        for attribute in &self.mapped {
            if let Some(seen) = attribute.read(found).first() {
                user.values.insert(*attribute, (*seen).clone());
            }
        }
        wanted.into_iter().map(|(attribute, value)| Change::of(&user.values, attribute, Some(value))).collect()
    }

    /// Sends a PATCH and checks that its changes were made.
    pub(crate) async fn patch_user(&self, user: &mut User, changes: &[Change], patch: Patch) -> Result<(), Error> {
        let Some(id) = user.presence.id() else { return Ok(()) };
        let (address, label) = (ResourceType::User.path_of(id), user.label());
        let request = Request::new("change user", Method::PATCH, address.clone()).body(patch.body);
        let Some(response) = self.session.patch(request, &label).await? else { return Ok(()) };
        user.values = after(&user.values, changes);
        let check = |document: &Value| check_patch(&label, changes, patch.as_text, document);
        self.check_written((address, &label), &response, check).await
    }

    /// Sends a PUT and checks that the user equals its body.
    pub(crate) async fn put_user(&self, user: &mut User, changes: &[Change], body: Value) -> Result<(), Error> {
        let Some(id) = user.presence.id() else { return Ok(()) };
        let (address, label) = (ResourceType::User.path_of(id), user.label());
        let request = Request::new("replace user", Method::PUT, address.clone()).body(body);
        let Some(response) = self.session.put(request, &label).await? else { return Ok(()) };
        user.values = after(&user.values, changes);
        let check = |document: &Value| check_put(&label, changes, (&user.values, &self.mapped), document);
        self.check_written((address, &label), &response, check).await
    }

    /// Reads a written user and checks it; the response to the write, if it has a body, must show the same.
    async fn check_written(
        &self,
        (address, label): (String, &str),
        response: &Value,
        check: impl Fn(&Value) -> Vec<Finding>,
    ) -> Result<(), Error> {
        let request = Request::new("read user", Method::GET, address);
        let Some(seen) = self.session.read(request, label).await? else { return Ok(()) };
        let found = check(&seen);
        if !response.is_null() {
            self.session.report_all(stale_values(check(response), &found));
        }
        self.session.report_all(found);
        Ok(())
    }

    /// Checks that a reactivated user kept its id.
    pub(crate) fn check_same_id(&self, user: &mut User, before: &str, now: &str) {
        if before != now {
            let finding = Finding::new(Kind::RestoredUnderAnotherId, user.label()).attribute("id");
            self.session.report(finding.expected(before).seen(now));
            user.presence = Presence::Present(now.to_owned());
        }
    }

    /// Creates a deactivated user that a filter did not find, as the provider would. If the server creates a second user,
    /// it is removed again.
    pub(crate) async fn recreate_unfound(&self, user: &User, body: Value) -> Result<(), Error> {
        let filter = format!("userName eq {}", quote(user.text(USER_NAME)));
        let finding = Finding::new(Kind::FilterMissed, user.label()).attribute("filter");
        self.session.report(finding.expected(format!("the deactivated user for {filter}")).seen("an empty list"));
        let request = Request::new("create user again", Method::POST, ResourceType::User.path()).body(body);
        let response = self.session.send(request).await?;
        if matches!(response.status, 200 | 201) {
            self.remove_duplicate(user, id(response.body())).await?;
        }
        Ok(())
    }

    /// Reports and removes a second user that was created under another id. Returns whether there was none.
    pub(crate) async fn remove_duplicate(&self, user: &User, second: &str) -> Result<bool, Error> {
        if second.is_empty() || user.presence.id() == Some(second) {
            return Ok(true);
        }
        let finding = Finding::new(Kind::DuplicateCreated, user.label()).attribute("userName");
        self.session.report(finding.expected("one user with this name").seen(format!("a second user, {second}")));
        self.session.remove(ResourceType::User, user.label(), second.to_owned()).await?;
        Ok(false)
    }

    /// Deletes a user, which filters must not find afterwards.
    pub(crate) async fn delete_user(&self, user: &mut User) -> Result<(), Error> {
        let (Some(id), label) = (user.presence.id().map(str::to_owned), user.label()) else { return Ok(()) };
        if !self.session.delete(ResourceType::User, &id, &label).await? {
            return Ok(());
        }
        user.presence = Presence::Deleted(id);
        if let Match::One(found) = self.find_user(user, USER_NAME, &[]).await? {
            let finding = Finding::new(Kind::DeletedStillThere, label).expected("an empty list for its userName");
            self.session.report(finding.seen(found.to_string().chars().take(MAX_QUOTED_CHARS).collect::<String>()));
        }
        Ok(())
    }
}

/// RFC 7643 §4.1.1: userName is "case insensitive".
fn is_same(by: Attribute, seen: &Value, wanted: &str) -> bool {
    let seen = seen.as_str().unwrap_or_default();
    if by == USER_NAME { seen.to_lowercase() == wanted.to_lowercase() } else { seen == wanted }
}
