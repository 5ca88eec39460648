//! Reads everything back through SCIM, page by page and one by one, and compares it with the model.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::Value;

use crate::attribute::Attribute;
use crate::client::Request;
use crate::compare::{self, Comparison, MemberChange};
use crate::error::Error;
use crate::finding::{Finding, Kind};
use crate::list::{List, id};
use crate::model::{Group, Model};
use crate::resource_type::ResourceType;
use crate::session::Session;

/// Resources per page.
const PAGE_SIZE: usize = 100;
/// About how many users are also read one by one.
const SAMPLE_SIZE: usize = 25;

/// The pages of a list that were read so far.
struct Pages {
    resources: Vec<Value>,
    /// Whether these are all, according to totalResults.
    complete: bool,
}

/// A list to read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListRequest {
    /// The request's name in the report.
    pub(crate) name: &'static str,
    pub(crate) resource_type: ResourceType,
    /// Parameters besides those of the page.
    pub(crate) query: &'static [(&'static str, &'static str)],
}

impl Session<'_> {
    /// Compares the end state.
    pub(crate) async fn read_back(&self, model: &Model, mapped: &BTreeSet<Attribute>) -> Result<Comparison, Error> {
        let mut compared = Comparison { by: "SCIM", gone: model.deleted_count(), ..Comparison::default() };
        let before = self.finding_count();
        let list = ListRequest { name: "list users", resource_type: ResourceType::User, query: &[] };
        let users = self.read_list(list).await?;
        self.report_all(compare::check_user_list(model, &users));
        let listed: BTreeMap<&str, &Value> = users.iter().map(|resource| (id(resource), resource)).collect();
        for (user, id) in model.present_users() {
            compared.users += 1;
            compared.attributes += u64::try_from(mapped.len()).unwrap_or_default();
            let Some(seen) = listed.get(id) else { continue };
            self.report_all(compare::check_values(&user.label(), &user.values, mapped, seen));
        }
        self.read_sample(model, mapped).await?;
        if !model.groups.is_empty() {
            let query = &[("excludedAttributes", "members")];
            let list = ListRequest { name: "list groups", resource_type: ResourceType::Group, query };
            self.report_all(compare::check_group_list(model, &self.read_list(list).await?));
            let groups: Vec<&Group> = model.present_groups().map(|(group, _)| group).collect();
            compared.groups = u64::try_from(groups.len()).unwrap_or_default();
            compared.memberships =
                groups.iter().map(|group| u64::try_from(group.members.len()).unwrap_or_default()).sum();
            self.each(groups, |group| self.compare_group(model, group)).await?;
        }
        compared.differences = self.finding_count() - before;
        Ok(compared)
    }

    /// Reads some users by id as well, since a list may be served from elsewhere.
    async fn read_sample(&self, model: &Model, mapped: &BTreeSet<Attribute>) -> Result<(), Error> {
        let present: Vec<_> = model.present_users().collect();
        let step = present.len().div_ceil(SAMPLE_SIZE).max(1);
        self.each(present.into_iter().step_by(step), |(user, id)| async move {
            let label = user.label();
            let request = Request::new("read user", Method::GET, ResourceType::User.path_of(id));
            let Some(seen) = self.read(request, &label).await? else { return Ok(()) };
            self.report_all(compare::check_values(&label, &user.values, mapped, &seen));
            Ok(())
        })
        .await
    }

    async fn compare_group(&self, model: &Model, group: &Group) -> Result<(), Error> {
        let (Some(id), label) = (group.presence.id(), group.label()) else { return Ok(()) };
        let request = Request::new("read group", Method::GET, ResourceType::Group.path_of(id));
        let Some(document) = self.read(request, &label).await? else { return Ok(()) };
        for (name, expected) in [("displayName", &group.display_name), ("externalId", &group.external_id)] {
            let seen = document.get(name).and_then(Value::as_str).unwrap_or_default();
            if seen != expected && !expected.is_empty() {
                let finding = Finding::new(Kind::ValueAltered, &label).attribute(name);
                self.report(finding.expected(expected).seen(seen));
            }
        }
        let members = (&group.members, &compare::members(&document));
        let name = |id: &str| model.name_of(id);
        self.report_all(compare::check_members(&label, members, MemberChange::default(), name));
        Ok(())
    }

    /// Reads the pages of a list, as far as they can be read.
    pub(crate) async fn read_list(&self, list: ListRequest) -> Result<Vec<Value>, Error> {
        let mut pages = Pages { resources: Vec::new(), complete: false };
        while !pages.complete {
            let start_index = pages.resources.len() + 1;
            let request = Request::new(list.name, Method::GET, list.resource_type.path()).queries(list.query);
            let request = request.query("startIndex", start_index.to_string()).query("count", PAGE_SIZE.to_string());
            let response = self.send(request).await?;
            if response.status != 200 {
                self.report_status(list.name, (list.name, "200 and a list"), &response);
                break;
            }
            let Some(page) = self.list(list.name, &response) else { break };
            if !self.append_page(&mut pages, (list.name, start_index), page) {
                break;
            }
        }
        Ok(pages.resources)
    }

    /// Checks and appends a page. Returns whether it had any resources.
    fn append_page(&self, pages: &mut Pages, (request, start_index): (&str, usize), page: List) -> bool {
        let wrong = |attribute: &str, expected: String, seen: String| {
            let finding = Finding::new(Kind::PagingWrong, request).attribute(attribute);
            self.report(finding.expected(expected).seen(seen));
        };
        let length = page.resources.len();
        let is = |given: Option<u64>, number: usize| given.is_none_or(|given| usize::try_from(given) == Ok(number));
        if !is(page.start_index, start_index) {
            wrong("startIndex", start_index.to_string(), page.start_index.unwrap_or_default().to_string());
        }
        if !is(page.items_per_page, length) {
            wrong("itemsPerPage", length.to_string(), page.items_per_page.unwrap_or_default().to_string());
        }
        if length > PAGE_SIZE {
            wrong("count", format!("at most {PAGE_SIZE}"), length.to_string());
        }
        pages.resources.extend(page.resources);
        pages.complete = u64::try_from(pages.resources.len()).unwrap_or(u64::MAX) >= page.total;
        if length == 0 && !pages.complete {
            wrong("totalResults", format!("{} in all", pages.resources.len()), page.total.to_string());
        }
        length > 0
    }

    /// Deletes a resource without further checks.
    pub(crate) async fn remove(&self, resource_type: ResourceType, label: String, id: String) -> Result<(), Error> {
        let name = if resource_type == ResourceType::User { "delete user" } else { "delete group" };
        let response = self.send(Request::new(name, Method::DELETE, resource_type.path_of(&id))).await?;
        if !response.is_deleted() {
            self.report_status(&label, (name, "204"), &response);
        }
        Ok(())
    }
}
