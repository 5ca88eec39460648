//! Managers: Entra sends references in a second pass, when all users are created, and checks them with a filter.

use reqwest::Method;
use serde_json::Value;

use super::{Entra, bodies};
use crate::attribute::MANAGER;
use crate::change::{Change, check_patch, stale_values};
use crate::client::Request;
use crate::error::Error;
use crate::finding::{Finding, Kind};
use crate::list;
use crate::model::User;
use crate::population::Role;
use crate::requests::{Search, quote};
use crate::resource_type::ResourceType;

/// The results of Entra's reference checks after a change.
#[derive(Clone, Copy, Debug)]
struct ReferenceCheck {
    found_by_new_manager: bool,
    found_by_old_manager: bool,
}

impl Entra<'_> {
    /// Sends the manager of a user in a cycle, 0 being the initial one. In later cycles only some users get another
    /// manager, and lose it in the next one.
    pub(super) async fn send_reference(
        &self,
        user: &mut User,
        ids: &[Option<String>],
        cycle: usize,
    ) -> Result<(), Error> {
        let reassigned = self.simulation.population.role(user.index) == Role::Reassigned;
        if !self.simulation.mapped.contains(&MANAGER) || (cycle > 0 && !reassigned) {
            return Ok(());
        }
        let manager = self.simulation.population.manager(user.index, cycle).and_then(|manager| ids[manager].clone());
        let change = match manager {
            _ if cycle > 0 && cycle.is_multiple_of(2) => Change::of(&user.values, MANAGER, None),
            Some(manager) => Change::of(&user.values, MANAGER, Some(manager.into())),
            None => return Ok(()),
        };
        self.change_manager(user, change, cycle).await
    }

    async fn change_manager(&self, user: &mut User, change: Change, cycle: usize) -> Result<(), Error> {
        let Some(id) = user.presence.id().filter(|_| change.is_effective()).map(str::to_owned) else { return Ok(()) };
        let number = user.index + cycle * self.simulation.options.size.users;
        let shape = self.simulation.population.seed.below("shape of the manager", number, bodies::MANAGER_SHAPES);
        let body = bodies::change_manager(self.style("manager", number), shape, &change);
        let request = Request::new("change manager", Method::PATCH, ResourceType::User.path_of(&id)).body(body);
        let Some(response) = self.simulation.session.patch(request, &user.label()).await? else { return Ok(()) };
        change.apply(&mut user.values);
        let check = ReferenceCheck {
            found_by_new_manager: self.has_manager(user, &id, change.after.as_ref()).await?,
            // True where the server ignores the filter's second half.
            found_by_old_manager: self.has_manager(user, &id, change.before.as_ref()).await?,
        };
        self.check_reference((user, &id), &change, (check, &response)).await
    }

    /// Reads the user itself if a reference check or the response is not as expected.
    async fn check_reference(
        &self,
        (user, id): (&User, &str),
        change: &Change,
        (check, response): (ReferenceCheck, &Value),
    ) -> Result<(), Error> {
        let label = user.label();
        let check_document = |document: &Value| check_patch(&label, std::slice::from_ref(change), false, document);
        let of_response = if response.is_null() { Vec::new() } else { check_document(response) };
        if check.found_by_new_manager && !check.found_by_old_manager && of_response.is_empty() {
            return Ok(());
        }
        let request = Request::new("read user", Method::GET, ResourceType::User.path_of(id));
        let Some(seen) = self.simulation.session.read(request, &label).await? else { return Ok(()) };
        let of_user = check_document(&seen);
        self.simulation.session.report_all(stale_values(of_response, &of_user));
        if of_user.is_empty() {
            self.report_reference_filter(&label, check, change);
        }
        self.simulation.session.report_all(of_user);
        Ok(())
    }

    /// The reference check: `id eq "…" and manager eq "…"`.
    async fn has_manager(&self, user: &User, id: &str, manager: Option<&Value>) -> Result<bool, Error> {
        let Some(manager) = manager else { return Ok(false) };
        let filter = format!("id eq {} and manager eq {manager}", quote(id));
        let query = vec![("attributes", "id")];
        let search = Search { name: "check manager", resource_type: ResourceType::User, filter, query };
        let Some(found) = self.simulation.session.search(&search).await? else { return Ok(false) };
        if let Some(other) = found.iter().find(|it| list::id(it) != id) {
            let finding = Finding::new(Kind::FilterIgnored, user.label()).attribute("id and manager");
            self.simulation.session.report(finding.expected(format!("only {}", search.filter)).seen(list::id(other)));
        }
        Ok(found.iter().any(|it| list::id(it) == id))
    }

    /// Reports the filter where a reference check contradicts the user itself.
    fn report_reference_filter(&self, label: &str, check: ReferenceCheck, change: &Change) {
        let report = |kind, expected: &str, seen: &str| {
            let finding = Finding::new(kind, label).attribute("id and manager");
            self.simulation.session.report(finding.expected(expected).seen(seen));
        };
        if change.after.is_some() && !check.found_by_new_manager {
            report(Kind::FilterMissed, "the user, by its id and its manager", "an empty list");
        }
        if check.found_by_old_manager {
            report(Kind::FilterIgnored, "an empty list, by its id and its previous manager", "the user");
        }
    }
}
