//! A client at work on one tenant: what it sends through, whom it provisions, and how it begins and ends.

use std::collections::BTreeSet;

use reqwest::Method;

use crate::attribute::{self, Attribute};
use crate::chance::Chance;
use crate::client::{Answer, Ask, Client};
use crate::compare::Compared;
use crate::directory;
use crate::error::Error;
use crate::exchange::{Type, quoted};
use crate::finding::{Finding, Kind};
use crate::list::List;
use crate::model::Model;
use crate::options::Options;
use crate::population::Population;
use crate::session::Session;
use crate::step::{Step, Watcher};

/// A client at work.
pub struct Play<'a> {
    /// What it sends through.
    pub session: Session<'a>,
    /// Whom it provisions.
    pub population: Population,
    /// What it was told.
    pub options: &'a Options,
    /// The attributes of its mapping.
    pub mapped: BTreeSet<Attribute>,
}

impl<'a> Play<'a> {
    /// A client that calls itself `agent` to the server.
    ///
    /// # Errors
    /// TLS cannot be set up, or the token cannot stand in a header.
    pub fn new(options: &'a Options, agent: &str, watcher: &'a dyn Watcher) -> Result<Self, Error> {
        let client = Client::new(options.base.clone(), options.token.clone(), options.pace, agent)?;
        let population = Population::new(Chance::new(options.seed), options.size);
        let session = Session::new(client, options.pace, watcher);
        Ok(Self { session, population, options, mapped: attribute::plain() })
    }
}

impl Play<'_> {
    /// Everyone in scope with the attributes of the mapping.
    #[must_use]
    pub fn model(&self) -> Model {
        let mut model = self.population.model();
        for user in &mut model.users {
            user.values.retain(|attribute, _| self.mapped.contains(attribute));
        }
        model
    }

    /// The first request of all. Its answer tells whether there is a SCIM server at the address.
    ///
    /// # Errors
    /// There is none, or the token is not accepted.
    pub async fn probe_users(&self, ask: Ask) -> Result<List, Error> {
        let what = ask.what;
        let answer = self.session.ask(ask).await?;
        let address = self.session.address().to_owned();
        if answer.status == 403 {
            return Err(Error::Forbidden(address));
        }
        let not_scim = |what: String| Error::NotScim { address, status: answer.status, what };
        is_list(&answer).map_err(not_scim)?;
        Ok(self.session.list(what, &answer).unwrap_or_default())
    }

    /// A search for somebody who cannot be there; the right answer is an empty list.
    ///
    /// # Errors
    /// There is no SCIM server, or the token is not accepted.
    pub async fn probe_nobody(&self, by: &str, query: &[(&'static str, &'static str)]) -> Result<(), Error> {
        let filter = format!("{by} eq {}", quoted(&self.population.chance.guid("probe", 0)));
        let ask = with(Ask::new("probe users", Method::GET, Type::User.path()), query);
        let list = self.probe_users(ask.query("filter", filter)).await?;
        self.session.expect_nobody("probe users", &list);
        Ok(())
    }

    /// The first page of groups, where there are some to provision.
    ///
    /// # Errors
    /// The server has none, or is gone.
    pub async fn probe_group_page(&self, query: &[(&'static str, &'static str)]) -> Result<(), Error> {
        if self.options.size.groups > 0 {
            let ask = with(Ask::new("probe groups", Method::GET, Type::Group.path()), query);
            drop(self.probe_groups(ask).await?);
        }
        Ok(())
    }

    /// The first question for groups.
    ///
    /// # Errors
    /// The server has none, or is gone.
    pub async fn probe_groups(&self, ask: Ask) -> Result<List, Error> {
        let what = ask.what;
        let answer = self.session.ask(ask).await?;
        let no_groups = |_| Error::NoGroups { address: self.session.address().to_owned(), status: answer.status };
        is_list(&answer).map_err(no_groups)?;
        Ok(self.session.list(what, &answer).unwrap_or_default())
    }

    /// Reads everything back and compares it, and takes away what was made.
    ///
    /// # Errors
    /// The server is gone, or does not accept the token; or the directory does not accept the key.
    pub async fn finish(&self, model: &mut Model, compared: &mut Vec<Compared>) -> Result<(), Error> {
        self.session.begin(Step::ReadBack, 0);
        compared.push(self.session.read_back(model, &self.mapped).await?);
        if let Some(directory) = &self.options.directory {
            compared.push(directory::compare(&self.session, directory, (model, &self.mapped)).await?);
        }
        if self.options.keep { Ok(()) } else { self.clean_up(model).await }
    }

    /// Deletes all that is there of the simulation, groups first.
    ///
    /// # Errors
    /// The server is gone, or does not accept the token.
    pub async fn clean_up(&self, model: &Model) -> Result<(), Error> {
        let of = |of: Type, label: String, id: &str| (of, label, id.to_owned());
        let groups: Vec<_> = model.living_groups().map(|(group, id)| of(Type::Group, group.label(), id)).collect();
        let users: Vec<_> = model.living_users().map(|(user, id)| of(Type::User, user.label(), id)).collect();
        self.session.begin(Step::CleanUp, groups.len() + users.len());
        for all in [groups, users] {
            self.session.each(all, |(of, label, id)| self.session.remove(of, label, id)).await?;
        }
        Ok(())
    }
}

impl Session<'_> {
    /// A list for a random name must be empty.
    pub fn expect_nobody(&self, what: &'static str, list: &List) {
        if list.total != 0 || !list.resources.is_empty() {
            let finding = Finding::new(Kind::FilterIgnored, what).attribute("filter");
            let finding = finding.expected("an empty list for a random name");
            self.found(finding.seen(format!("{} found", list.total)));
        }
    }
}

fn with(ask: Ask, query: &[(&'static str, &'static str)]) -> Ask {
    query.iter().fold(ask, |ask, (name, value)| ask.query(name, *value))
}

/// # Errors
/// It is no answer of a SCIM server; in words.
fn is_list(answer: &Answer) -> Result<(), String> {
    if answer.json.is_none() {
        let html = answer.header("content-type").contains("html") || answer.text.trim_start().starts_with('<');
        return Err(if html { "an HTML page".to_owned() } else { "no JSON".to_owned() });
    }
    if answer.status != 200 {
        return Err(format!("an error ({})", answer.describe()));
    }
    List::read(answer.body()).map(drop)
}
