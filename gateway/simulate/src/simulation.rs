//! A provider at work on one tenant: its session, its population, and how it starts and ends.

use std::collections::BTreeSet;

use reqwest::Method;

use crate::attribute::{self, Attribute};
use crate::client::{Client, Request, Response};
use crate::compare::Comparison;
use crate::directory;
use crate::error::Error;
use crate::finding::{Finding, Kind};
use crate::list::List;
use crate::model::Model;
use crate::options::Options;
use crate::population::Population;
use crate::requests::quote;
use crate::resource_type::ResourceType;
use crate::seed::Seed;
use crate::session::Session;
use crate::step::{Progress, Step};

/// A provider at work.
pub(crate) struct Simulation<'a> {
    pub(crate) session: Session<'a>,
    pub(crate) population: Population,
    pub(crate) options: &'a Options,
    /// The attributes of its mapping.
    pub(crate) mapped: BTreeSet<Attribute>,
}

impl<'a> Simulation<'a> {
    pub(crate) fn new(options: &'a Options, user_agent: &str, progress: &'a dyn Progress) -> Result<Self, Error> {
        let client = Client::new(options.base_url.clone(), options.token.clone(), options.pace, user_agent)?;
        let population = Population::new(Seed(options.seed), options.size);
        let session = Session::new(client, options.pace, progress);
        Ok(Self { session, population, options, mapped: attribute::default_mapping() })
    }
}

impl Simulation<'_> {
    /// Everyone in scope, with the mapped attributes only.
    pub(crate) fn model(&self) -> Model {
        let mut model = self.population.model();
        for user in &mut model.users {
            user.values.retain(|attribute, _| self.mapped.contains(attribute));
        }
        model
    }

    /// Sends the first request, which fails unless there is a SCIM server at the URL.
    pub(crate) async fn probe_users(&self, request: Request) -> Result<List, Error> {
        let name = request.name;
        let response = self.session.send(request).await?;
        let address = self.session.base_url().to_owned();
        if response.status == 403 {
            return Err(Error::Forbidden(address));
        }
        let not_scim = |content: String| Error::NotScim { address, status: response.status, content };
        require_list(&response).map_err(not_scim)?;
        Ok(self.session.list(name, &response).unwrap_or_default())
    }

    /// Searches for a random name, which must find nothing.
    pub(crate) async fn probe_unknown_user(
        &self,
        by: &str,
        query: &[(&'static str, &'static str)],
    ) -> Result<(), Error> {
        let filter = format!("{by} eq {}", quote(&self.population.seed.guid("probe", 0)));
        let request = Request::new("probe users", Method::GET, ResourceType::User.path()).queries(query);
        let list = self.probe_users(request.query("filter", filter)).await?;
        self.session.expect_empty("probe users", &list);
        Ok(())
    }

    /// Reads the first page of groups, if groups are in scope.
    pub(crate) async fn probe_first_group_page(&self, query: &[(&'static str, &'static str)]) -> Result<(), Error> {
        if self.options.size.groups > 0 {
            let request = Request::new("probe groups", Method::GET, ResourceType::Group.path()).queries(query);
            drop(self.probe_groups(request).await?);
        }
        Ok(())
    }

    /// Sends the first request for groups, which fails unless the server has groups.
    pub(crate) async fn probe_groups(&self, request: Request) -> Result<List, Error> {
        let name = request.name;
        let response = self.session.send(request).await?;
        let no_groups = |_| Error::NoGroups { address: self.session.base_url().to_owned(), status: response.status };
        require_list(&response).map_err(no_groups)?;
        Ok(self.session.list(name, &response).unwrap_or_default())
    }

    /// Reads everything back, compares it, and deletes it.
    pub(crate) async fn finish(&self, model: &mut Model, compared: &mut Vec<Comparison>) -> Result<(), Error> {
        self.session.begin_step(Step::ReadBack, 0);
        compared.push(self.session.read_back(model, &self.mapped).await?);
        if let Some(directory) = &self.options.directory {
            compared.push(directory::compare(&self.session, directory, (model, &self.mapped)).await?);
        }
        if self.options.keep { Ok(()) } else { self.clean_up(model).await }
    }

    /// Deletes everything that is present, groups first.
    pub(crate) async fn clean_up(&self, model: &Model) -> Result<(), Error> {
        let groups: Vec<_> =
            model.present_groups().map(|(group, id)| (ResourceType::Group, group.label(), id.to_owned())).collect();
        let users: Vec<_> =
            model.present_users().map(|(user, id)| (ResourceType::User, user.label(), id.to_owned())).collect();
        self.session.begin_step(Step::CleanUp, groups.len() + users.len());
        for all in [groups, users] {
            self.session.each(all, |(resource_type, label, id)| self.session.remove(resource_type, label, id)).await?;
        }
        Ok(())
    }
}

impl Session<'_> {
    /// Checks that the list for a random name is empty.
    pub(crate) fn expect_empty(&self, request: &'static str, list: &List) {
        if list.total != 0 || !list.resources.is_empty() {
            let finding = Finding::new(Kind::FilterIgnored, request).attribute("filter");
            let finding = finding.expected("an empty list for a random name");
            self.report(finding.seen(format!("{} found", list.total)));
        }
    }
}

/// Fails with a description of the response unless it is a list.
fn require_list(response: &Response) -> Result<(), String> {
    if response.json.is_none() {
        let html = response.header("content-type").contains("html") || response.text.trim_start().starts_with('<');
        return Err(if html { "an HTML page".to_owned() } else { "a body that is not JSON".to_owned() });
    }
    if response.status != 200 {
        return Err(format!("an error ({})", response.describe()));
    }
    List::read(response.body()).map(drop)
}
