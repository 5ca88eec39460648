//! Reads everything back through SCIM, page by page and one by one, and compares it with the model.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::Value;

use crate::attribute::Attribute;
use crate::client::Ask;
use crate::compare::{self, Compared, Exchange};
use crate::error::Error;
use crate::exchange::Type;
use crate::finding::{Finding, Kind};
use crate::list::{List, id};
use crate::model::{Group, Model};
use crate::session::Session;

/// Resources asked for at once.
pub const PAGE: usize = 100;
/// About so many users are also read one by one.
const SAMPLE: usize = 25;

/// A list as far as it came.
struct Walk {
    resources: Vec<Value>,
    /// Whether it is all there is, by the server's own count.
    complete: bool,
}

/// How a list is read.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// What it is for, in the report.
    pub what: &'static str,
    /// Of what.
    pub of: Type,
    /// Parameters besides those of the page.
    pub query: &'static [(&'static str, &'static str)],
}

impl Session<'_> {
    /// Compares the end state.
    ///
    /// # Errors
    /// The server is gone, or does not accept the token.
    pub async fn read_back(&self, model: &Model, mapped: &BTreeSet<Attribute>) -> Result<Compared, Error> {
        let mut compared = Compared { by: "SCIM", ..Compared::default() };
        let before = self.differences();
        let users = self.pages(Reading { what: "list users", of: Type::User, query: &[] }).await?;
        self.found_all(compare::presence(model, &users));
        let listed: BTreeMap<&str, &Value> = users.iter().map(|resource| (id(resource), resource)).collect();
        for (user, id) in model.living_users() {
            compared.users += 1;
            compared.attributes += u64::try_from(mapped.len()).unwrap_or_default();
            let Some(seen) = listed.get(id) else { continue };
            self.found_all(compare::values(&user.label(), &user.values, mapped, seen));
        }
        self.sample(model, mapped).await?;
        if !model.groups.is_empty() {
            let query = &[("excludedAttributes", "members")];
            let groups = self.pages(Reading { what: "list groups", of: Type::Group, query }).await?;
            self.found_all(compare::groups_presence(model, &groups));
            let living: Vec<&Group> = model.living_groups().map(|(group, _)| group).collect();
            compared.groups = u64::try_from(living.len()).unwrap_or_default();
            compared.memberships =
                living.iter().map(|group| u64::try_from(group.members.len()).unwrap_or_default()).sum();
            self.each(living, |group| self.compare_group(model, group)).await?;
        }
        compared.gone = gone(model);
        compared.differences = self.differences() - before;
        Ok(compared)
    }

    /// Some users are read by their ids, too: a list may come from elsewhere than the resource itself.
    async fn sample(&self, model: &Model, mapped: &BTreeSet<Attribute>) -> Result<(), Error> {
        let living: Vec<_> = model.living_users().collect();
        let step = living.len().div_ceil(SAMPLE).max(1);
        self.each(living.into_iter().step_by(step), |(user, id)| async move {
            let label = user.label();
            let ask = Ask::new("read user", Method::GET, Type::User.one(id));
            let Some(seen) = self.read(ask, &label).await? else { return Ok(()) };
            self.found_all(compare::values(&label, &user.values, mapped, &seen));
            Ok(())
        })
        .await
    }

    async fn compare_group(&self, model: &Model, group: &Group) -> Result<(), Error> {
        let (Some(id), label) = (group.life.id(), group.label()) else { return Ok(()) };
        let Some(seen) = self.read(Ask::new("read group", Method::GET, Type::Group.one(id)), &label).await? else {
            return Ok(());
        };
        for (name, expected) in [("displayName", &group.display_name), ("externalId", &group.external_id)] {
            let shown = seen.get(name).and_then(Value::as_str).unwrap_or_default();
            if shown != expected && !expected.is_empty() {
                let finding = Finding::new(Kind::ValueAltered, &label).attribute(name);
                self.found(finding.expected(expected).seen(shown));
            }
        }
        let members = compare::members(&seen);
        let found =
            compare::membership(&label, (&group.members, &members), Exchange::default(), |id| model.name_of(id));
        self.found_all(found);
        Ok(())
    }

    /// Every page of a list, as far as it came.
    ///
    /// # Errors
    /// The server is gone, or does not accept the token.
    pub async fn pages(&self, reading: Reading) -> Result<Vec<Value>, Error> {
        let what = reading.what;
        let mut walk = Walk { resources: Vec::new(), complete: false };
        while !walk.complete {
            let start = walk.resources.len() + 1;
            let mut ask = Ask::new(what, Method::GET, reading.of.path());
            for (name, value) in reading.query {
                ask = ask.query(name, *value);
            }
            let ask = ask.query("startIndex", start.to_string()).query("count", PAGE.to_string());
            let answer = self.ask(ask).await?;
            if answer.status != 200 {
                self.refused(what, (what, "200 and a list"), &answer);
                break;
            }
            let Some(page) = self.list(what, &answer) else { break };
            if !self.turn(&mut walk, (what, start), page) {
                break;
            }
        }
        Ok(walk.resources)
    }

    /// Takes a page; tells whether it leads on.
    fn turn(&self, walk: &mut Walk, (what, start): (&str, usize), page: List) -> bool {
        let told = |attribute: &str, expected: String, seen: String| {
            self.found(Finding::new(Kind::PagingWrong, what).attribute(attribute).expected(expected).seen(seen));
        };
        let length = page.resources.len();
        let is = |given: Option<u64>, number: usize| given.is_none_or(|given| usize::try_from(given) == Ok(number));
        if !is(page.start_index, start) {
            told("startIndex", start.to_string(), format!("{:?}", page.start_index.unwrap_or_default()));
        }
        if !is(page.items_per_page, length) {
            told("itemsPerPage", length.to_string(), page.items_per_page.unwrap_or_default().to_string());
        }
        if length > PAGE {
            told("count", format!("{PAGE} at most"), length.to_string());
        }
        walk.resources.extend(page.resources);
        walk.complete = u64::try_from(walk.resources.len()).unwrap_or(u64::MAX) >= page.total;
        if length == 0 && !walk.complete {
            told("totalResults", format!("{} in all", walk.resources.len()), page.total.to_string());
        }
        length > 0
    }

    /// Deletes what is cleaned up.
    ///
    /// # Errors
    /// The server is gone, or does not accept the token.
    pub async fn remove(&self, of: Type, label: String, id: String) -> Result<(), Error> {
        let what = if of == Type::User { "delete user" } else { "delete group" };
        let answer = self.ask(Ask::new(what, Method::DELETE, of.one(&id))).await?;
        if !matches!(answer.status, 200 | 204) {
            self.refused(&label, (what, "204"), &answer);
        }
        Ok(())
    }
}

/// How many deleted resources must not be there.
#[must_use]
pub fn gone(model: &Model) -> u64 {
    let lives = model.users.iter().map(|user| &user.life).chain(model.groups.iter().map(|group| &group.life));
    u64::try_from(lives.filter(|life| matches!(life, super::model::Life::Deleted(_))).count()).unwrap_or_default()
}
