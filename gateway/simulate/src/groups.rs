//! What every client does with groups: looks for them, makes, renames and deletes them; and what must come of it and of
//! changes of their members.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;

use crate::change::stale_attribute;
use crate::client::Ask;
use crate::compare::{self, Exchange};
use crate::error::Error;
use crate::exchange::{Search, Type, quoted};
use crate::finding::{Finding, Kind};
use crate::list::id;
use crate::message;
use crate::model::{Group, Life};
use crate::play::Play;

impl Play<'_> {
    /// Looks for a group; none where the answer cannot be used.
    ///
    /// # Errors
    /// The server is gone, or does not accept the token.
    pub async fn find_group(
        &self,
        (by, wanted): (&str, &str),
        query: &[(&'static str, &'static str)],
    ) -> Result<Option<Vec<Value>>, Error> {
        let filter = format!("{by} eq {}", quoted(wanted));
        let search = Search { what: "find group", of: Type::Group, filter, query: query.to_vec() };
        let Some(mut found) = self.session.search(&search).await? else { return Ok(None) };
        let is_it = |group: &Value| {
            group.get(by).and_then(Value::as_str).is_some_and(|seen| seen.to_lowercase() == wanted.to_lowercase())
        };
        if let Some(other) = found.iter().find(|group| !is_it(group)) {
            let finding = Finding::new(Kind::FilterIgnored, "find group").attribute(by);
            self.session.found(finding.expected(format!("only {}", search.filter)).seen(format!("{} too", id(other))));
            found.retain(is_it);
        }
        Ok(Some(found))
    }

    /// A name must be found once.
    pub fn several_groups(&self, group: &Group, found: &[Value]) {
        if found.len() > 1 {
            let finding = Finding::new(Kind::SeveralMatches, group.label()).attribute("displayName");
            self.session.found(finding.expected("one at most").seen(format!("{} groups", found.len())));
        }
    }

    /// Makes a group.
    ///
    /// # Errors
    /// The server is gone, or does not accept the token.
    pub async fn create_group(&self, group: &mut Group, body: Value) -> Result<(), Error> {
        let ask = Ask::new("create group", Method::POST, Type::Group.path()).body(body);
        if let Some(made) = self.session.create(ask, Type::Group, &group.label()).await? {
            group.life = Life::Living(id(&made).to_owned());
        }
        Ok(())
    }

    /// Makes a group without members; one of an earlier run makes room for it.
    ///
    /// # Errors
    /// The server is gone, or does not accept the token.
    pub async fn have_group(&self, group: &mut Group, body: Value) -> Result<(), Error> {
        for old in self.find_group(("displayName", &group.display_name), &[]).await?.unwrap_or_default() {
            self.session.remove(Type::Group, group.label(), id(&old).to_owned()).await?;
        }
        self.create_group(group, body).await
    }

    /// A group of an earlier run: its members stay, and are read to know what must be there. Tells whether it has the name
    /// that it should have.
    ///
    /// # Errors
    /// The server is gone, or does not accept the token.
    pub async fn adopt_group(&self, group: &mut Group, id: &str) -> Result<bool, Error> {
        let ask = Ask::new("read group", Method::GET, Type::Group.one(id));
        group.life = Life::Living(id.to_owned());
        let Some(seen) = self.session.read(ask, &group.label()).await? else { return Ok(true) };
        group.members = compare::members(&seen);
        Ok(seen.get("displayName").and_then(Value::as_str) == Some(group.display_name.as_str()))
    }

    /// Changes a group; gives what the answer shows, null where it has no body, and none where it was refused.
    ///
    /// # Errors
    /// The server is gone, or does not accept the token.
    pub async fn patch_group(&self, what: &'static str, group: &Group, body: Value) -> Result<Option<Value>, Error> {
        let Some(id) = group.life.id() else { return Ok(None) };
        let ask = Ask::new(what, Method::PATCH, Type::Group.one(id)).body(body);
        self.session.patch(ask, &group.label()).await
    }

    /// Sends a group whole, as it must be; gives what the answer shows, as of a PATCH.
    ///
    /// # Errors
    /// The server is gone, or does not accept the token.
    pub async fn put_group(&self, group: &Group) -> Result<Option<Value>, Error> {
        let Some(id) = group.life.id() else { return Ok(None) };
        let members: Vec<String> = group.members.iter().cloned().collect();
        let mut body = message::group(group, Some(&members));
        body["id"] = id.into();
        self.session.put(Ask::new("replace group", Method::PUT, Type::Group.one(id)).body(body), &group.label()).await
    }

    /// Sends an exchange of members as one request: the group whole, or who leaves by their paths and who comes in a list.
    ///
    /// # Errors
    /// The server is gone, or does not accept the token.
    pub async fn exchange_at_once(&self, group: &mut Group, exchange: Exchange<'_>, whole: bool) -> Result<(), Error> {
        let before = group.members.clone();
        exchange.apply(&mut group.members);
        let answer = if whole {
            self.put_group(group).await?
        } else {
            let mut operations = message::remove_by_path(exchange.removed);
            operations.extend((!exchange.added.is_empty()).then(|| message::add(exchange.added)));
            self.patch_group("change members", group, message::patch(operations)).await?
        };
        let Some(answer) = answer else {
            group.members = before;
            return Ok(());
        };
        self.compare_members(group, exchange, &answer).await.map(drop)
    }

    /// Sends a request for each member that leaves or comes.
    ///
    /// # Errors
    /// The server is gone, or does not accept the token.
    pub async fn exchange_one_by_one(
        &self,
        group: &mut Group,
        exchange: Exchange<'_>,
        removal: impl Fn(&str) -> Value,
    ) -> Result<(), Error> {
        let mut last = None;
        for id in exchange.removed {
            last = self.patch_group("remove member", group, message::patch(vec![removal(id)])).await?;
            if last.is_some() {
                group.members.remove(id);
            }
        }
        for id in exchange.added {
            let one = message::patch(vec![message::add(std::slice::from_ref(id))]);
            last = self.patch_group("add member", group, one).await?;
            if last.is_some() {
                group.members.insert(id.clone());
            }
        }
        self.compare_members(group, exchange, &last.unwrap_or_default()).await.map(drop)
    }

    /// Looks whether a group has its new name, and whether the answer to the renaming shows it.
    ///
    /// # Errors
    /// The server is gone, or does not accept the token.
    pub async fn is_renamed(&self, group: &Group, before: &str, answer: &Value) -> Result<(), Error> {
        let (Some(id), label) = (group.life.id(), group.label()) else { return Ok(()) };
        let ask = Ask::new("read group head", Method::GET, Type::Group.one(id)).query("excludedAttributes", "members");
        let Some(seen) = self.session.read(ask, &label).await? else { return Ok(()) };
        let name = |document: &Value| document.get("displayName").and_then(Value::as_str).map(str::to_owned);
        let shown = name(&seen).unwrap_or_default();
        if shown == group.display_name {
            if !answer.is_null() && name(answer).as_ref() != Some(&shown) {
                let seen = name(answer).unwrap_or_else(|| "nothing".to_owned());
                self.session.found(stale_attribute(&label, "displayName", shown, seen));
            }
        } else {
            let kind = if shown == before { Kind::ChangeIgnored } else { Kind::ValueAltered };
            let finding = Finding::new(kind, &label).attribute("displayName");
            self.session.found(finding.expected(&group.display_name).seen(shown));
        }
        Ok(())
    }

    /// Compares the members, and goes on from those that are there: one loss is one finding. `answer` is that to the last
    /// change of them.
    ///
    /// # Errors
    /// The server is gone, or does not accept the token.
    pub async fn compare_members(
        &self,
        group: &mut Group,
        exchange: Exchange<'_>,
        answer: &Value,
    ) -> Result<BTreeSet<String>, Error> {
        let (Some(id), label) = (group.life.id(), group.label()) else { return Ok(BTreeSet::new()) };
        let ask = Ask::new("read group", Method::GET, Type::Group.one(id));
        let Some(document) = self.session.read(ask, &label).await? else { return Ok(BTreeSet::new()) };
        let seen = compare::members(&document);
        let found = compare::membership(&label, (&group.members, &seen), exchange, str::to_owned);
        // An answer may leave the members out, which are many.
        let answered = compare::members(answer);
        if found.is_empty() && !answered.is_empty() && answered != seen {
            let (expected, seen) = compare::in_numbers(&seen, &answered);
            self.session.found(stale_attribute(&label, "members", expected, seen));
        }
        self.session.found_all(found);
        if document.get("id").and_then(Value::as_str) == Some(id) {
            group.members.clone_from(&seen);
        }
        Ok(seen)
    }

    /// Deletes a group; then nothing may be left of it.
    ///
    /// # Errors
    /// The server is gone, or does not accept the token.
    pub async fn delete_group(&self, group: &mut Group) -> Result<(), Error> {
        let (Some(id), label) = (group.life.id().map(str::to_owned), group.label()) else { return Ok(()) };
        if self.session.delete(("delete group", "delete group again"), (Type::Group, &id), &label).await? {
            self.session.is_gone("read deleted group", (Type::Group, &id), &label).await?;
            group.life = Life::Deleted(id);
        }
        Ok(())
    }
}
