//! Members: added and removed in batches, each asked for afterwards as Entra asks, and then all compared.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;

use super::wire::{ADDED_AT_ONCE, Form, REMOVED_AT_ONCE};
use super::{Entra, wire};
use crate::simulate::client::Ask;
use crate::simulate::compare;
use crate::simulate::error::Error;
use crate::simulate::exchange::{Search, Type, quoted};
use crate::simulate::finding::{Finding, Kind};
use crate::simulate::model::Group;

/// What is done with members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Add,
    Remove,
}

impl Entra<'_> {
    /// The members that a new group gets.
    pub(super) async fn fill(&self, group: &mut Group, ids: &[Option<String>]) -> Result<(), Error> {
        let wanted = group.first_members.iter().filter_map(|index| ids[*index].clone());
        let missing: Vec<String> = wanted.filter(|id| !group.members.contains(id)).collect();
        let form = self.form("fill", group.index);
        self.add_members(form, group, &missing).await
    }

    /// Some members leave in a cycle, and others come.
    pub(super) async fn exchange_members(
        &self,
        group: &mut Group,
        ids: &[Option<String>],
        cycle: usize,
    ) -> Result<(), Error> {
        let number = group.index + cycle * self.options.size.groups;
        let own: Vec<&String> = group.first_members.iter().filter_map(|index| ids[*index].as_ref()).collect();
        let every_fifth =
            own.iter().enumerate().filter(|(place, _)| (place + cycle).is_multiple_of(5)).map(|(_, id)| *id);
        let leave: Vec<String> = every_fifth.filter(|id| group.members.contains(*id)).cloned().collect();
        let after = group.first_members.last().map_or(0, |last| last + 1);
        let others = (0..2).filter_map(|more| ids.get((after + 2 * cycle + more) % ids.len().max(1))?.clone());
        let come: Vec<String> = others.filter(|id| !group.members.contains(id)).collect();
        let form = self.form("members", number);
        self.remove_members(form, group, &leave).await?;
        self.add_members(form, group, &come).await
    }

    pub(super) async fn add_members(&self, form: Form, group: &mut Group, ids: &[String]) -> Result<(), Error> {
        self.send_members((form, Deed::Add), group, ids).await
    }

    async fn remove_members(&self, form: Form, group: &mut Group, ids: &[String]) -> Result<(), Error> {
        self.send_members((form, Deed::Remove), group, ids).await
    }

    async fn send_members(&self, (form, deed): (Form, Deed), group: &mut Group, ids: &[String]) -> Result<(), Error> {
        let Some(id) = group.life.id().filter(|_| !ids.is_empty()).map(str::to_owned) else { return Ok(()) };
        let (label, path) = (group.label(), Type::Group.one(&id));
        let batch = if deed == Deed::Remove && form == Form::Flag { REMOVED_AT_ONCE } else { ADDED_AT_ONCE };
        let mut unclear = Vec::new();
        for some in ids.chunks(batch) {
            let (what, body) = match deed {
                Deed::Add => ("add members", wire::add_members(form, some)),
                Deed::Remove => ("remove members", wire::remove_members(form, some)),
            };
            if !self.session.patch(Ask::new(what, Method::PATCH, path.clone()).body(body), &label).await? {
                continue;
            }
            match deed {
                Deed::Add => group.members.extend(some.iter().cloned()),
                Deed::Remove => group.members.retain(|id| !some.contains(id)),
            }
            // One of each batch is asked for: all are compared below.
            let last = &some[some.len() - 1];
            if self.is_member(&id, last).await? != Some(deed == Deed::Add) {
                unclear.push(last.clone());
            }
        }
        let removed = if deed == Deed::Remove { ids } else { &[] };
        let seen = self.compare_members(group, removed).await?;
        self.tell_unclear(&label, unclear, (deed, &seen));
        Ok(())
    }

    /// The membership check: `id eq "…" and members eq "…"`.
    async fn is_member(&self, group: &str, member: &str) -> Result<Option<bool>, Error> {
        let filter = format!("id eq {} and members eq {}", quoted(group), quoted(member));
        let query = vec![("attributes", "id")];
        let found = self.session.search(&Search { what: "check member", of: Type::Group, filter, query }).await?;
        Ok(found.map(|found| !found.is_empty()))
    }

    /// A check that is at odds with the group itself is the filter's fault.
    fn tell_unclear(&self, label: &str, unclear: Vec<String>, (deed, seen): (Deed, &BTreeSet<String>)) {
        for member in unclear {
            let (kind, expected) = match deed {
                Deed::Add if seen.contains(&member) => (Kind::FilterMissed, "the group, by its id and a member"),
                Deed::Remove if !seen.contains(&member) => (Kind::FilterIgnored, "no group that it was removed from"),
                _ => continue,
            };
            let finding = Finding::new(kind, label).attribute("id and members");
            self.session.found(finding.expected(expected).seen(format!("the opposite for {member}")));
        }
    }

    /// Compares the members, and goes on from those that are there: one loss is one finding.
    async fn compare_members(&self, group: &mut Group, removed: &[String]) -> Result<BTreeSet<String>, Error> {
        let (Some(id), label) = (group.life.id(), group.label()) else { return Ok(BTreeSet::new()) };
        let ask = Ask::new("read group", Method::GET, Type::Group.one(id));
        let Some(document) = self.session.read(ask, &label).await? else { return Ok(BTreeSet::new()) };
        let seen = compare::members(&document);
        let found = compare::membership(&label, (&group.members, &seen), removed, str::to_owned);
        self.session.found_all(found);
        if document.get("id").and_then(Value::as_str) == Some(id) {
            group.members.clone_from(&seen);
        }
        Ok(seen)
    }
}
