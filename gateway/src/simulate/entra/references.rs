//! Managers: Entra sends references in a second pass, when everybody is there, and asks whether they arrived.

use reqwest::Method;
use serde_json::Value;

use super::{Entra, wire};
use crate::simulate::attribute::MANAGER;
use crate::simulate::change::{Change, shown};
use crate::simulate::client::Ask;
use crate::simulate::error::Error;
use crate::simulate::exchange::{Search, Type, quoted};
use crate::simulate::finding::{Finding, Kind};
use crate::simulate::list;
use crate::simulate::model::User;
use crate::simulate::population::Part;

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
        if self.play.session.patch(ask, &user.label()).await?.is_none() {
            return Ok(());
        }
        change.apply(&mut user.values);
        let arrived = match &change.after {
            Some(manager) => self.has_manager(user, &id, manager).await?,
            None => false,
        };
        if arrived { Ok(()) } else { self.look(user, &id, change).await }
    }

    /// The reference check: `id eq "…" and manager eq "…"`.
    async fn has_manager(&self, user: &User, id: &str, manager: &Value) -> Result<bool, Error> {
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

    /// The check finds nothing, or there is nothing to check: is it the reference that is missing, or the filter?
    async fn look(&self, user: &User, id: &str, change: Change) -> Result<(), Error> {
        let label = user.label();
        let ask = Ask::new("read user", Method::GET, Type::User.one(id));
        let Some(seen) = self.play.session.read(ask, &label).await? else { return Ok(()) };
        let is_set = change.after.is_some();
        let findings = shown(&label, &[change], false, &seen);
        if findings.is_empty() && is_set {
            let finding = Finding::new(Kind::FilterMissed, &label).attribute("id and manager");
            self.play.session.found(finding.expected("the user, by its id and its manager").seen("an empty list"));
        }
        self.play.session.found_all(findings);
        Ok(())
    }
}
