//! Members: added and removed in batches, each asked for afterwards as Entra asks, and then all compared.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;

use super::wire::{ADDED_AT_ONCE, Form, REMOVED_AT_ONCE};
use super::{Entra, wire};
use crate::client::Ask;
use crate::compare::Exchange;
use crate::error::Error;
use crate::exchange::{Search, Type, quoted};
use crate::finding::{Finding, Kind};
use crate::model::Group;

/// What is done with members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Add,
    Remove,
}

impl Entra<'_> {
    pub(super) async fn add_members(&self, form: Form, group: &mut Group, ids: &[String]) -> Result<(), Error> {
        self.send_members((form, Deed::Add), group, ids).await
    }

    pub(super) async fn remove_members(&self, form: Form, group: &mut Group, ids: &[String]) -> Result<(), Error> {
        self.send_members((form, Deed::Remove), group, ids).await
    }

    async fn send_members(&self, (form, deed): (Form, Deed), group: &mut Group, ids: &[String]) -> Result<(), Error> {
        let Some(id) = group.life.id().filter(|_| !ids.is_empty()).map(str::to_owned) else { return Ok(()) };
        let (label, path) = (group.label(), Type::Group.one(&id));
        let batch = if deed == Deed::Remove && form == Form::Flag { REMOVED_AT_ONCE } else { ADDED_AT_ONCE };
        let (mut unclear, mut answer) = (Vec::new(), Value::Null);
        for some in ids.chunks(batch) {
            let (what, body) = match deed {
                Deed::Add => ("add members", wire::add_members(form, some)),
                Deed::Remove => ("remove members", wire::remove_members(form, some)),
            };
            let ask = Ask::new(what, Method::PATCH, path.clone()).body(body);
            let Some(answered) = self.play.session.patch(ask, &label).await? else { continue };
            answer = answered;
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
        let exchange = match deed {
            Deed::Add => Exchange { removed: &[], added: ids },
            Deed::Remove => Exchange { removed: ids, added: &[] },
        };
        let seen = self.play.compare_members(group, exchange, &answer).await?;
        self.tell_unclear(&label, unclear, (deed, &seen));
        Ok(())
    }

    /// The membership check: `id eq "…" and members eq "…"`.
    async fn is_member(&self, group: &str, member: &str) -> Result<Option<bool>, Error> {
        let filter = format!("id eq {} and members eq {}", quoted(group), quoted(member));
        let query = vec![("attributes", "id")];
        let found = self.play.session.search(&Search { what: "check member", of: Type::Group, filter, query }).await?;
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
            self.play.session.found(finding.expected(expected).seen(format!("the opposite for {member}")));
        }
    }
}
