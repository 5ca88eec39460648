//! Members: added and removed in batches, with Entra's membership check after each batch and a comparison at the end.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;

use super::bodies::{MAX_ADDED_MEMBERS, MAX_REMOVE_OPERATIONS, Style};
use super::{Entra, bodies};
use crate::client::Request;
use crate::compare::MemberChange;
use crate::error::Error;
use crate::finding::{Finding, Kind};
use crate::model::Group;
use crate::requests::{Search, quote};
use crate::resource_type::ResourceType;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Add,
    Remove,
}

impl Entra<'_> {
    pub(super) async fn add_members(&self, style: Style, group: &mut Group, ids: &[String]) -> Result<(), Error> {
        self.send_members((style, Action::Add), group, ids).await
    }

    pub(super) async fn remove_members(&self, style: Style, group: &mut Group, ids: &[String]) -> Result<(), Error> {
        self.send_members((style, Action::Remove), group, ids).await
    }

    async fn send_members(
        &self,
        (style, action): (Style, Action),
        group: &mut Group,
        ids: &[String],
    ) -> Result<(), Error> {
        let Some(id) = group.presence.id().filter(|_| !ids.is_empty()).map(str::to_owned) else { return Ok(()) };
        let (label, path) = (group.label(), ResourceType::Group.path_of(&id));
        let by_path = action == Action::Remove && style == Style::Flag;
        let batch_size = if by_path { MAX_REMOVE_OPERATIONS } else { MAX_ADDED_MEMBERS };
        let (mut contradicted, mut last_response) = (Vec::new(), Value::Null);
        for batch in ids.chunks(batch_size) {
            let (name, body) = match action {
                Action::Add => ("add members", bodies::add_members(style, batch)),
                Action::Remove => ("remove members", bodies::remove_members(style, batch)),
            };
            let request = Request::new(name, Method::PATCH, path.clone()).body(body);
            let Some(response) = self.simulation.session.patch(request, &label).await? else { continue };
            last_response = response;
            match action {
                Action::Add => group.members.extend(batch.iter().cloned()),
                Action::Remove => group.members.retain(|id| !batch.contains(id)),
            }
            // One member per batch is checked; all are compared below.
            let last = &batch[batch.len() - 1];
            if self.is_member(&id, last).await? != Some(action == Action::Add) {
                contradicted.push(last.clone());
            }
        }
        let change = match action {
            Action::Add => MemberChange { removed: &[], added: ids },
            Action::Remove => MemberChange { removed: ids, added: &[] },
        };
        let seen = self.simulation.compare_members(group, change, &last_response).await?;
        self.report_filter(&label, contradicted, (action, &seen));
        Ok(())
    }

    /// The membership check: `id eq "…" and members eq "…"`.
    async fn is_member(&self, group: &str, member: &str) -> Result<Option<bool>, Error> {
        let filter = format!("id eq {} and members eq {}", quote(group), quote(member));
        let query = vec![("attributes", "id")];
        let search = Search { name: "check member", resource_type: ResourceType::Group, filter, query };
        Ok(self.simulation.session.search(&search).await?.map(|found| !found.is_empty()))
    }

    /// Reports the filter where a membership check contradicts the group itself.
    fn report_filter(&self, label: &str, contradicted: Vec<String>, (action, seen): (Action, &BTreeSet<String>)) {
        for member in contradicted {
            let (kind, expected) = match action {
                Action::Add if seen.contains(&member) => (Kind::FilterMissed, "the group, by its id and a member"),
                Action::Remove if !seen.contains(&member) => (Kind::FilterIgnored, "no group that it was removed from"),
                _ => continue,
            };
            let finding = Finding::new(kind, label).attribute("id and members");
            self.simulation.session.report(finding.expected(expected).seen(format!("the opposite for {member}")));
        }
    }
}
