//! What every provider does with groups: looks them up, creates, renames and deletes them, changes their members, and
//! checks the results.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;

use crate::change::stale_attribute;
use crate::client::Request;
use crate::compare::{self, MemberChange};
use crate::error::Error;
use crate::finding::{Finding, Kind};
use crate::list::id;
use crate::message;
use crate::model::{Group, Presence};
use crate::requests::{Search, quote};
use crate::resource_type::ResourceType;
use crate::simulation::Simulation;

impl Simulation<'_> {
    /// Looks a group up; `None` if the response cannot be used.
    pub(crate) async fn find_group(
        &self,
        (by, wanted): (&str, &str),
        query: &[(&'static str, &'static str)],
    ) -> Result<Option<Vec<Value>>, Error> {
        let filter = format!("{by} eq {}", quote(wanted));
        let search = Search { name: "find group", resource_type: ResourceType::Group, filter, query: query.to_vec() };
        let Some(mut found) = self.session.search(&search).await? else { return Ok(None) };
        let matches = |group: &Value| {
            group.get(by).and_then(Value::as_str).is_some_and(|seen| seen.to_lowercase() == wanted.to_lowercase())
        };
        if let Some(other) = found.iter().find(|group| !matches(group)) {
            let finding = Finding::new(Kind::FilterIgnored, "find group").attribute(by);
            self.session.report(finding.expected(format!("only {}", search.filter)).seen(format!("{} too", id(other))));
            found.retain(matches);
        }
        Ok(Some(found))
    }

    /// Checks that a name finds one group at most.
    pub(crate) fn check_single_group(&self, group: &Group, found: &[Value]) {
        if found.len() > 1 {
            let finding = Finding::new(Kind::SeveralMatches, group.label()).attribute("displayName");
            self.session.report(finding.expected("at most one").seen(format!("{} groups", found.len())));
        }
    }

    pub(crate) async fn create_group(&self, group: &mut Group, body: Value) -> Result<(), Error> {
        let request = Request::new("create group", Method::POST, ResourceType::Group.path()).body(body);
        if let Some(created) = self.session.create(request, ResourceType::Group, &group.label()).await? {
            group.presence = Presence::Present(id(&created).to_owned());
        }
        Ok(())
    }

    /// Creates a group without members; one that is left from an earlier run is deleted first.
    pub(crate) async fn ensure_empty_group(&self, group: &mut Group, body: Value) -> Result<(), Error> {
        for old in self.find_group(("displayName", &group.display_name), &[]).await?.unwrap_or_default() {
            self.session.remove(ResourceType::Group, group.label(), id(&old).to_owned()).await?;
        }
        self.create_group(group, body).await
    }

    /// Takes over a group from an earlier run with its members. Returns whether it has the right name.
    pub(crate) async fn adopt_group(&self, group: &mut Group, id: &str) -> Result<bool, Error> {
        let request = Request::new("read group", Method::GET, ResourceType::Group.path_of(id));
        group.presence = Presence::Present(id.to_owned());
        let Some(seen) = self.session.read(request, &group.label()).await? else { return Ok(true) };
        group.members = compare::members(&seen);
        Ok(seen.get("displayName").and_then(Value::as_str) == Some(group.display_name.as_str()))
    }

    /// Sends a PATCH and returns the body of the response, null if there is none; `None` if it was refused.
    pub(crate) async fn patch_group(
        &self,
        name: &'static str,
        group: &Group,
        body: Value,
    ) -> Result<Option<Value>, Error> {
        let Some(id) = group.presence.id() else { return Ok(None) };
        let request = Request::new(name, Method::PATCH, ResourceType::Group.path_of(id)).body(body);
        self.session.patch(request, &group.label()).await
    }

    /// Sends the whole group with PUT; returns the same as [`Self::patch_group`].
    pub(crate) async fn put_group(&self, group: &Group) -> Result<Option<Value>, Error> {
        let Some(id) = group.presence.id() else { return Ok(None) };
        let members: Vec<String> = group.members.iter().cloned().collect();
        let mut body = message::group(group, Some(&members));
        body["id"] = id.into();
        let request = Request::new("replace group", Method::PUT, ResourceType::Group.path_of(id)).body(body);
        self.session.put(request, &group.label()).await
    }

    /// Changes members in one request: a PUT of the whole group, or a PATCH that removes by path and adds by list.
    pub(crate) async fn change_members_in_one_request(
        &self,
        group: &mut Group,
        change: MemberChange<'_>,
        by_put: bool,
    ) -> Result<(), Error> {
        let before = group.members.clone();
        change.apply(&mut group.members);
        let response = if by_put {
            self.put_group(group).await?
        } else {
            let mut operations = message::remove_by_path(change.removed);
            operations.extend((!change.added.is_empty()).then(|| message::add(change.added)));
            self.patch_group("change members", group, message::patch(operations)).await?
        };
        let Some(response) = response else {
            group.members = before;
            return Ok(());
        };
        self.compare_members(group, change, &response).await.map(drop)
    }

    /// Changes members with one request per member.
    pub(crate) async fn change_members_one_by_one(
        &self,
        group: &mut Group,
        change: MemberChange<'_>,
        removal: impl Fn(&str) -> Value,
    ) -> Result<(), Error> {
        let mut last = None;
        for id in change.removed {
            last = self.patch_group("remove member", group, message::patch(vec![removal(id)])).await?;
            if last.is_some() {
                group.members.remove(id);
            }
        }
        for id in change.added {
            let body = message::patch(vec![message::add(std::slice::from_ref(id))]);
            last = self.patch_group("add member", group, body).await?;
            if last.is_some() {
                group.members.insert(id.clone());
            }
        }
        self.compare_members(group, change, &last.unwrap_or_default()).await.map(drop)
    }

    /// Checks that a group has its new name, and that the response to the change shows it.
    pub(crate) async fn check_renamed(&self, group: &Group, before: &str, response: &Value) -> Result<(), Error> {
        let (Some(id), label) = (group.presence.id(), group.label()) else { return Ok(()) };
        let request = Request::new("read group head", Method::GET, ResourceType::Group.path_of(id));
        let request = request.query("excludedAttributes", "members");
        let Some(document) = self.session.read(request, &label).await? else { return Ok(()) };
        let name = |document: &Value| document.get("displayName").and_then(Value::as_str).map(str::to_owned);
        let seen = name(&document).unwrap_or_default();
        if seen == group.display_name {
            if !response.is_null() && name(response).as_ref() != Some(&seen) {
                let in_response = name(response).unwrap_or_else(|| "nothing".to_owned());
                self.session.report(stale_attribute(&label, "displayName", seen, in_response));
            }
        } else {
            let kind = if seen == before { Kind::ChangeIgnored } else { Kind::ValueAltered };
            let finding = Finding::new(kind, &label).attribute("displayName");
            self.session.report(finding.expected(&group.display_name).seen(seen));
        }
        Ok(())
    }

    /// Compares the members, and continues with those that are there, so that one loss is one finding. `response` is that
    /// to the last change of members.
    pub(crate) async fn compare_members(
        &self,
        group: &mut Group,
        change: MemberChange<'_>,
        response: &Value,
    ) -> Result<BTreeSet<String>, Error> {
        let (Some(id), label) = (group.presence.id(), group.label()) else { return Ok(BTreeSet::new()) };
        let request = Request::new("read group", Method::GET, ResourceType::Group.path_of(id));
        let Some(document) = self.session.read(request, &label).await? else { return Ok(BTreeSet::new()) };
        let seen = compare::members(&document);
        let findings = compare::check_members(&label, (&group.members, &seen), change, str::to_owned);
        // A response may omit the members, since there can be many.
        let in_response = compare::members(response);
        if findings.is_empty() && !in_response.is_empty() && in_response != seen {
            let (expected, seen) = compare::describe_sets(&seen, &in_response);
            self.session.report(stale_attribute(&label, "members", expected, seen));
        }
        self.session.report_all(findings);
        if document.get("id").and_then(Value::as_str) == Some(id) {
            group.members.clone_from(&seen);
        }
        Ok(seen)
    }

    pub(crate) async fn delete_group(&self, group: &mut Group) -> Result<(), Error> {
        let (Some(id), label) = (group.presence.id().map(str::to_owned), group.label()) else { return Ok(()) };
        if self.session.delete(ResourceType::Group, &id, &label).await? {
            group.presence = Presence::Deleted(id);
        }
        Ok(())
    }
}
