//! Users in Entra's cycles: looked for by the matching attributes, made or changed, deactivated, restored, deleted.

use reqwest::Method;
use serde_json::Value;

use super::{Entra, wire};
use crate::simulate::attribute::{ACTIVE, Attribute, EXTERNAL_ID, USER_NAME};
use crate::simulate::change::{Change, Judge, difference, shown};
use crate::simulate::client::Ask;
use crate::simulate::error::Error;
use crate::simulate::exchange::{Search, Type, quoted};
use crate::simulate::finding::{Finding, Kind};
use crate::simulate::list::id;
use crate::simulate::model::{Life, User};

/// What a matching attribute finds.
pub(super) enum Match {
    /// Nobody.
    Nobody,
    /// One.
    One(Value),
    /// The answer cannot be used, and Entra leaves the user for the next cycle.
    Unclear,
}

impl Entra<'_> {
    /// Looks for a user, and makes or changes it.
    pub(super) async fn provision(&self, user: &mut User) -> Result<(), Error> {
        match self.match_user(user).await? {
            Match::Unclear => Ok(()),
            Match::Nobody => self.create_user(user).await,
            Match::One(found) => self.adopt(user, &found).await,
        }
    }

    /// By each matching attribute in the order of their precedence.
    pub(super) async fn match_user(&self, user: &User) -> Result<Match, Error> {
        let first = self.find_user(user, USER_NAME).await?;
        if matches!(first, Match::Nobody) && self.options.match_external_id {
            return self.find_user(user, EXTERNAL_ID).await;
        }
        Ok(first)
    }

    async fn find_user(&self, user: &User, by: Attribute) -> Result<Match, Error> {
        let wanted = user.text(by);
        let filter = format!("{} eq {}", by.path(), quoted(wanted));
        let search = Search { what: "find user", of: Type::User, filter, query: Vec::new() };
        let Some(mut found) = self.session.search(&search).await? else { return Ok(Match::Unclear) };
        let is_it = |resource: &Value| by.read(resource).iter().any(|seen| same(by, seen, wanted));
        if let Some(other) = found.iter().find(|resource| !is_it(resource)) {
            let finding = Finding::new(Kind::FilterIgnored, user.label()).attribute(by.path());
            self.session.found(finding.expected(format!("only {}", search.filter)).seen(format!("{} too", id(other))));
            found.retain(is_it);
        }
        if found.len() > 1 {
            let ids: Vec<&str> = found.iter().map(id).collect();
            let finding = Finding::new(Kind::SeveralMatches, user.label()).attribute(by.path());
            self.session.found(finding.expected(format!("one at most for {}", search.filter)).seen(ids.join(", ")));
        }
        Ok(found.into_iter().next().map_or(Match::Nobody, Match::One))
    }

    pub(super) async fn create_user(&self, user: &mut User) -> Result<(), Error> {
        let ask = Ask::new("create user", Method::POST, Type::User.path()).body(wire::create_user(&user.values));
        let Some(made) = self.session.create(ask, Type::User, &user.label()).await? else { return Ok(()) };
        user.life = Life::Living(id(&made).to_owned());
        for (attribute, value) in &user.values {
            let judge = Judge { attribute: *attribute, expected: Some(value), before: None, as_text: false };
            if let Some(kind) = judge.finds(&made) {
                self.session.found(difference(kind, &user.label(), (*attribute, Some(value)), &made));
            }
        }
        Ok(())
    }

    /// A user that is there already, of an earlier run perhaps: what differs is changed. Nothing is cleared, since Entra
    /// sends no nulls; what the user has besides stays.
    async fn adopt(&self, user: &mut User, found: &Value) -> Result<(), Error> {
        user.life = Life::Living(id(found).to_owned());
        let wanted = std::mem::take(&mut user.values);
        for attribute in &self.mapped {
            if let Some(seen) = attribute.read(found).first() {
                user.values.insert(*attribute, (*seen).clone());
            }
        }
        let changes = wanted.into_iter().map(|(attribute, value)| Change::of(&user.values, attribute, Some(value)));
        self.change(user, changes.collect(), "adopt").await
    }

    /// Sends those changes that are some, and looks whether they were made.
    pub(super) async fn change(&self, user: &mut User, changes: Vec<Change>, why: &str) -> Result<(), Error> {
        let form = self.form(why, user.index);
        self.change_in(form, user, changes).await
    }

    pub(super) async fn change_in(
        &self,
        form: wire::Form,
        user: &mut User,
        mut changes: Vec<Change>,
    ) -> Result<(), Error> {
        changes.retain(|change| change.is_one() && self.mapped.contains(&change.attribute));
        let Some(id) = user.life.id().filter(|_| !changes.is_empty()) else { return Ok(()) };
        let path = Type::User.one(id);
        let written = wire::change_user(form, &changes);
        let ask = Ask::new("change user", Method::PATCH, path.clone()).body(written.body);
        if !self.session.patch(ask, &user.label()).await? {
            return Ok(());
        }
        let label = user.label();
        for change in &changes {
            change.apply(&mut user.values);
        }
        let read = Ask::new("read user", Method::GET, path);
        if let Some(seen) = self.session.read(read, &label).await? {
            self.session.found_all(shown(&label, &changes, written.as_text, &seen));
        }
        Ok(())
    }

    /// What changed at the provider since the cycle before.
    pub(super) async fn follow(&self, user: &mut User, ids: &[Option<String>], cycle: usize) -> Result<(), Error> {
        let changes = self.population.changes(user.index, cycle).into_iter();
        let changes = changes.map(|(attribute, value)| Change::of(&user.values, attribute, Some(value)));
        self.change(user, changes.collect(), &format!("cycle {cycle}")).await?;
        self.refer(user, ids, cycle).await
    }

    pub(super) async fn set_active(&self, user: &mut User, active: bool) -> Result<(), Error> {
        let change = Change::of(&user.values, ACTIVE, Some(active.into()));
        self.change(user, vec![change], if active { "restore" } else { "leave" }).await
    }

    /// Who comes back is looked for again, activated, and must be the same one.
    pub(super) async fn restore(&self, user: &mut User) -> Result<(), Error> {
        let Some(before) = user.life.id().map(str::to_owned) else { return Ok(()) };
        match self.match_user(user).await? {
            Match::Unclear => return Ok(()),
            Match::Nobody => return self.restore_unfound(user).await,
            Match::One(found) => self.is_still(user, &before, id(&found)),
        }
        self.set_active(user, true).await?;
        if let Match::One(found) = self.match_user(user).await? {
            self.is_still(user, &before, id(&found));
        }
        Ok(())
    }

    fn is_still(&self, user: &mut User, before: &str, now: &str) {
        if before != now {
            let finding = Finding::new(Kind::RestoredUnderAnotherId, user.label()).attribute("id");
            self.session.found(finding.expected(before).seen(now));
            user.life = Life::Living(now.to_owned());
        }
    }

    /// A user that the filter does not show is a new one to Entra. Where the server takes it a second time, the second one
    /// is removed again.
    async fn restore_unfound(&self, user: &mut User) -> Result<(), Error> {
        let filter = format!("userName eq {}", quoted(user.text(USER_NAME)));
        let finding = Finding::new(Kind::FilterMissed, user.label()).attribute("filter");
        self.session.found(finding.expected(format!("the deactivated user for {filter}")).seen("an empty list"));
        let ask = Ask::new("create user again", Method::POST, Type::User.path()).body(wire::create_user(&user.values));
        let answer = self.session.ask(ask).await?;
        let second = id(answer.body()).to_owned();
        if matches!(answer.status, 200 | 201) && user.life.id() != Some(&second) {
            let finding = Finding::new(Kind::DuplicateCreated, user.label()).attribute("userName");
            self.session.found(finding.expected("409 uniqueness").seen(format!("a second user, {second}")));
            self.session.remove(Type::User, user.label(), second).await?;
        }
        self.set_active(user, true).await
    }

    /// Deletes for good; then nothing may be left of it.
    pub(super) async fn delete_user(&self, user: &mut User) -> Result<(), Error> {
        let (Some(id), label) = (user.life.id().map(str::to_owned), user.label()) else { return Ok(()) };
        if !self.session.delete(("delete user", "delete user again"), (Type::User, &id), &label).await? {
            return Ok(());
        }
        user.life = Life::Deleted(id.clone());
        self.session.is_gone("read deleted user", (Type::User, &id), &label).await?;
        if let Match::One(found) = self.find_user(user, USER_NAME).await? {
            let finding = Finding::new(Kind::DeletedStillThere, label).expected("an empty list for its userName");
            self.session.found(finding.seen(found.to_string().chars().take(120).collect::<String>()));
        }
        Ok(())
    }
}

/// RFC 7643 §4.1.1: userName is "case insensitive".
fn same(by: Attribute, seen: &Value, wanted: &str) -> bool {
    let seen = seen.as_str().unwrap_or_default();
    if by == USER_NAME { seen.to_lowercase() == wanted.to_lowercase() } else { seen == wanted }
}
