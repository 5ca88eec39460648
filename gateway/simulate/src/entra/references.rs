//! Managers: Entra sends references in a second pass, when everybody is there, and asks whether they arrived.

use reqwest::Method;
use serde_json::Value;

use super::{Entra, wire};
use crate::attribute::MANAGER;
use crate::change::{Change, shown, stale};
use crate::client::Ask;
use crate::error::Error;
use crate::exchange::{Search, Type, quoted};
use crate::finding::{Finding, Kind};
use crate::list;
use crate::model::User;
use crate::population::Part;

/// What the reference checks say after a change.
#[derive(Clone, Copy, Debug)]
struct Check {
    /// The user is found by its new manager.
    arrived: bool,
    /// And by the one of before.
    stayed: bool,
}

impl Entra<'_> {
    /// Sends the manager of a user in a cycle, the initial one being 0. Afterwards only some get another one, and those
    /// lose theirs in the next cycle.
    pub(super) async fn send_reference(
        &self,
        user: &mut User,
        ids: &[Option<String>],
        cycle: usize,
    ) -> Result<(), Error> {
        let reassigned = self.play.population.part(user.index) == Part::Reassigned;
        if !self.play.mapped.contains(&MANAGER) || (cycle > 0 && !reassigned) {
            return Ok(());
        }
        let manager = self.play.population.manager(user.index, cycle).and_then(|manager| ids[manager].clone());
        let change = match manager {
            _ if cycle > 0 && cycle.is_multiple_of(2) => Change::of(&user.values, MANAGER, None),
            Some(manager) => Change::of(&user.values, MANAGER, Some(manager.into())),
            None => return Ok(()),
        };
        self.send_manager(user, change, cycle).await
    }

    async fn send_manager(&self, user: &mut User, change: Change, cycle: usize) -> Result<(), Error> {
        let Some(id) = user.life.id().filter(|_| change.is_one()).map(str::to_owned) else { return Ok(()) };
        let number = user.index + cycle * self.play.options.size.users;
        let shape = self.play.population.chance.below("shape of the manager", number, 5);
        let body = wire::change_manager(self.form("manager", number), shape, &change);
        let ask = Ask::new("change manager", Method::PATCH, Type::User.one(&id)).body(body);
        let Some(answer) = self.play.session.patch(ask, &user.label()).await? else { return Ok(()) };
        change.apply(&mut user.values);
        let check = Check {
            arrived: self.has_manager(user, &id, change.after.as_ref()).await?,
            // Where the filter is read as that for the id alone, it is.
            stayed: self.has_manager(user, &id, change.before.as_ref()).await?,
        };
        self.judge_reference((user, &id), &change, (check, &answer)).await
    }

    /// Looks at the user itself where a check or the answer is not as it should be.
    async fn judge_reference(
        &self,
        (user, id): (&User, &str),
        change: &Change,
        (check, answer): (Check, &Value),
    ) -> Result<(), Error> {
        let label = user.label();
        let judge = |document: &Value| shown(&label, std::slice::from_ref(change), false, document);
        let of_answer = if answer.is_null() { Vec::new() } else { judge(answer) };
        if check.arrived && !check.stayed && of_answer.is_empty() {
            return Ok(());
        }
        let ask = Ask::new("read user", Method::GET, Type::User.one(id));
        let Some(seen) = self.play.session.read(ask, &label).await? else { return Ok(()) };
        let found = judge(&seen);
        self.play.session.found_all(stale(of_answer, &found));
        if found.is_empty() {
            self.blame_filter(&label, check, change);
        }
        self.play.session.found_all(found);
        Ok(())
    }

    /// The reference check: `id eq "…" and manager eq "…"`.
    async fn has_manager(&self, user: &User, id: &str, manager: Option<&Value>) -> Result<bool, Error> {
        let Some(manager) = manager else { return Ok(false) };
        let filter = format!("id eq {} and manager eq {manager}", quoted(id));
        let query = vec![("attributes", "id")];
        let search = Search { what: "check manager", of: Type::User, filter, query };
        let Some(found) = self.play.session.search(&search).await? else { return Ok(false) };
        if let Some(other) = found.iter().find(|it| list::id(it) != id) {
            let finding = Finding::new(Kind::FilterIgnored, user.label()).attribute("id and manager");
            self.play.session.found(finding.expected(format!("only {}", search.filter)).seen(list::id(other)));
        }
        Ok(found.iter().any(|it| list::id(it) == id))
    }

    /// A check that is at odds with the user itself is the filter's fault.
    fn blame_filter(&self, label: &str, check: Check, change: &Change) {
        let told = |kind, expected: &str, seen: &str| {
            let finding = Finding::new(kind, label).attribute("id and manager");
            self.play.session.found(finding.expected(expected).seen(seen));
        };
        if change.after.is_some() && !check.arrived {
            told(Kind::FilterMissed, "the user, by its id and its manager", "an empty list");
        }
        if check.stayed {
            told(Kind::FilterIgnored, "nobody, by its id and the manager that it had before", "the user");
        }
    }
}
