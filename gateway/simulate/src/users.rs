//! What every client does with users: looks for them, makes and changes them, takes them back, deletes them; and what must
//! come of it.

use reqwest::Method;
use serde_json::Value;

use crate::attribute::{Attribute, USER_NAME};
use crate::change::{Change, Judge, difference, replaced, shown, stale};
use crate::client::Ask;
use crate::error::Error;
use crate::exchange::{Search, Type, quoted};
use crate::finding::{Finding, Kind};
use crate::list::id;
use crate::model::{Life, User};
use crate::play::Play;

/// What a matching attribute finds.
#[derive(Clone, Debug)]
pub enum Match {
    /// Nobody.
    Nobody,
    /// One.
    One(Value),
    /// The answer cannot be used, and the client leaves the user for later.
    Unclear,
}

/// The body of a PATCH.
#[derive(Clone, Debug)]
pub struct Patch {
    /// The body.
    pub body: Value,
    /// Whether a boolean is written as text.
    pub as_text: bool,
}

impl Play<'_> {
    /// Looks for a user by a matching attribute, with further parameters.
    ///
    /// # Errors
    /// The server is gone, or does not accept the token.
    pub async fn find_user(
        &self,
        user: &User,
        by: Attribute,
        query: &[(&'static str, &'static str)],
    ) -> Result<Match, Error> {
        let wanted = user.text(by);
        let filter = format!("{} eq {}", by.path(), quoted(wanted));
        let search = Search { what: "find user", of: Type::User, filter, query: query.to_vec() };
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

    /// Makes a user; the answer must show what was sent.
    ///
    /// # Errors
    /// The server is gone, or does not accept the token.
    pub async fn create_user(&self, user: &mut User, body: Value) -> Result<(), Error> {
        let ask = Ask::new("create user", Method::POST, Type::User.path()).body(body);
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

    /// Makes a user, unless an earlier run left it.
    ///
    /// # Errors
    /// The server is gone, or does not accept the token.
    pub async fn have_user(&self, user: &mut User, body: Value) -> Result<(), Error> {
        match self.find_user(user, USER_NAME, &[]).await? {
            Match::One(found) => user.life = Life::Living(id(&found).to_owned()),
            Match::Nobody => self.create_user(user, body).await?,
            Match::Unclear => (),
        }
        Ok(())
    }

    /// Takes over a user that is there already, of an earlier run perhaps. Gives what differs from what was wanted; nothing
    /// is cleared, and what the user has besides stays.
    pub fn adopt(&self, user: &mut User, found: &Value) -> Vec<Change> {
        user.life = Life::Living(id(found).to_owned());
        let wanted = std::mem::take(&mut user.values);
        for attribute in &self.mapped {
            if let Some(seen) = attribute.read(found).first() {
                user.values.insert(*attribute, (*seen).clone());
            }
        }
        wanted.into_iter().map(|(attribute, value)| Change::of(&user.values, attribute, Some(value))).collect()
    }

    /// Sends a PATCH, and looks whether what it names was changed.
    ///
    /// # Errors
    /// The server is gone, or does not accept the token.
    pub async fn patch_user(&self, user: &mut User, changes: &[Change], patch: Patch) -> Result<(), Error> {
        let Some(id) = user.life.id() else { return Ok(()) };
        let (address, label) = (Type::User.one(id), user.label());
        let ask = Ask::new("change user", Method::PATCH, address.clone()).body(patch.body);
        let Some(answer) = self.session.patch(ask, &label).await? else { return Ok(()) };
        for change in changes {
            change.apply(&mut user.values);
        }
        let judge = |document: &Value| shown(&label, changes, patch.as_text, document);
        self.look_at_written((address, &label), &answer, judge).await
    }

    /// Sends a PUT, and looks whether the user is what it says.
    ///
    /// # Errors
    /// The server is gone, or does not accept the token.
    pub async fn put_user(&self, user: &mut User, changes: &[Change], body: Value) -> Result<(), Error> {
        let Some(id) = user.life.id() else { return Ok(()) };
        let (path, label) = (Type::User.one(id), user.label());
        let ask = Ask::new("replace user", Method::PUT, path.clone()).body(body);
        let Some(answer) = self.session.put(ask, &label).await? else { return Ok(()) };
        for change in changes {
            change.apply(&mut user.values);
        }
        let judge = |document: &Value| replaced(&label, changes, (&user.values, &self.mapped), document);
        self.look_at_written((path, &label), &answer, judge).await
    }

    /// Reads what was written, and judges it; the answer to the write, if it has a body, must show the same.
    async fn look_at_written(
        &self,
        (path, label): (String, &str),
        answer: &Value,
        judge: impl Fn(&Value) -> Vec<Finding>,
    ) -> Result<(), Error> {
        let ask = Ask::new("read user", Method::GET, path);
        let Some(seen) = self.session.read(ask, label).await? else { return Ok(()) };
        let found = judge(&seen);
        if !answer.is_null() {
            self.session.found_all(stale(judge(answer), &found));
        }
        self.session.found_all(found);
        Ok(())
    }

    /// Who comes back must be the one who went.
    pub fn is_still(&self, user: &mut User, before: &str, now: &str) {
        if before != now {
            let finding = Finding::new(Kind::RestoredUnderAnotherId, user.label()).attribute("id");
            self.session.found(finding.expected(before).seen(now));
            user.life = Life::Living(now.to_owned());
        }
    }

    /// A deactivated user that the filter does not show is a new one to the client. Where the server takes it a second
    /// time, the second one is removed again.
    ///
    /// # Errors
    /// The server is gone, or does not accept the token.
    pub async fn create_unfound(&self, user: &User, body: Value) -> Result<(), Error> {
        let filter = format!("userName eq {}", quoted(user.text(USER_NAME)));
        let finding = Finding::new(Kind::FilterMissed, user.label()).attribute("filter");
        self.session.found(finding.expected(format!("the deactivated user for {filter}")).seen("an empty list"));
        let ask = Ask::new("create user again", Method::POST, Type::User.path()).body(body);
        let answer = self.session.ask(ask).await?;
        if matches!(answer.status, 200 | 201) {
            self.only_one(user, id(answer.body())).await?;
        }
        Ok(())
    }

    /// A user that was made a second time under another id is one too many, and is removed again.
    ///
    /// # Errors
    /// The server is gone, or does not accept the token.
    pub async fn only_one(&self, user: &User, second: &str) -> Result<bool, Error> {
        if second.is_empty() || user.life.id() == Some(second) {
            return Ok(true);
        }
        let finding = Finding::new(Kind::DuplicateCreated, user.label()).attribute("userName");
        self.session.found(finding.expected("one user of this name").seen(format!("a second user, {second}")));
        self.session.remove(Type::User, user.label(), second.to_owned()).await?;
        Ok(false)
    }

    /// Deletes for good; then nothing may be left of it.
    ///
    /// # Errors
    /// The server is gone, or does not accept the token.
    pub async fn delete_user(&self, user: &mut User) -> Result<(), Error> {
        let (Some(id), label) = (user.life.id().map(str::to_owned), user.label()) else { return Ok(()) };
        if !self.session.delete(("delete user", "delete user again"), (Type::User, &id), &label).await? {
            return Ok(());
        }
        user.life = Life::Deleted(id.clone());
        self.session.is_gone("read deleted user", (Type::User, &id), &label).await?;
        if let Match::One(found) = self.find_user(user, USER_NAME, &[]).await? {
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
