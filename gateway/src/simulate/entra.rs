//! Microsoft Entra ID: Test Connection, the initial cycle, incremental cycles, provisioning on demand, in the dialect of
//! either setting of its feature flag.

mod connection;
mod groups;
mod members;
mod on_demand;
mod references;
mod users;
mod wire;

use std::collections::BTreeSet;

use super::attribute::Attribute;
use super::chance::Chance;
use super::client::Client;
use super::compare::Compared;
use super::directory;
use super::error::Error;
use super::exchange::Type;
use super::model::{Life, Model};
use super::options::{Dialect, Options};
use super::population::{Part, Population};
use super::report::Report;
use super::session::Session;
use super::step::{Step, Watcher};
use wire::Form;

const NAME: &str = concat!("scimgate-simulate/", env!("CARGO_PKG_VERSION"), " (entra)");

/// Entra, at work on one tenant.
struct Entra<'a> {
    session: Session<'a>,
    population: Population,
    options: &'a Options,
    /// The attributes of the mapping: those that the server's schemas have.
    mapped: BTreeSet<Attribute>,
}

/// Plays Entra. What the server does wrong is in the report.
///
/// # Errors
/// It could not begin: nobody answers, or somebody who is no SCIM server, or the token is not accepted.
pub async fn run(options: &Options, watcher: &dyn Watcher) -> Result<Report, Error> {
    let client = Client::new(options.base.clone(), options.token.clone(), options.pace, NAME)?;
    let population = Population::new(Chance::new(options.seed), options.size);
    let session = Session::new(client, options.pace, watcher);
    let mut entra = Entra { session, population, options, mapped: BTreeSet::new() };
    entra.mapped = entra.test_connection().await?;
    let mut model = population.model();
    for user in &mut model.users {
        user.values.retain(|attribute, _| entra.mapped.contains(attribute));
    }
    let mut compared = Vec::new();
    let stopped = entra.play(&mut model, &mut compared).await.err();
    let (seen, took) = entra.session.end();
    Ok(Report::new(options, "entra", &seen).of(took, compared, stopped))
}

impl Entra<'_> {
    async fn play(&self, model: &mut Model, compared: &mut Vec<Compared>) -> Result<(), Error> {
        self.initial_cycle(model).await?;
        for cycle in 1..=self.options.size.cycles {
            self.incremental_cycle(model, cycle).await?;
        }
        self.on_demand(model).await?;
        self.session.begin(Step::ReadBack, 0);
        compared.push(self.session.read_back(model, &self.mapped).await?);
        if let Some(directory) = &self.options.directory {
            compared.push(directory::compare(&self.session, directory, (model, &self.mapped)).await?);
        }
        if self.options.keep { Ok(()) } else { self.clean_up(model).await }
    }

    async fn initial_cycle(&self, model: &mut Model) -> Result<(), Error> {
        self.session.begin(Step::InitialUsers, model.users.len());
        self.session.each(&mut model.users, |user| self.provision(user)).await?;
        self.session.begin(Step::References, model.users.len());
        let ids = model.ids();
        let managed = |user| self.refer(user, &ids, 0);
        self.session.each(&mut model.users, managed).await?;
        self.session.begin(Step::InitialGroups, model.groups.len());
        self.session.each(&mut model.groups, |group| self.provision_group(group)).await?;
        self.session.begin(Step::Memberships, model.groups.len());
        self.session.each(&mut model.groups, |group| self.fill(group, &ids)).await
    }

    async fn incremental_cycle(&self, model: &mut Model, cycle: usize) -> Result<(), Error> {
        let ids = model.ids();
        self.session.begin(Step::Changes, model.users.len());
        self.session.each(&mut model.users, |user| self.follow(user, &ids, cycle)).await?;

        let leavers: Vec<_> = model.users.iter_mut().filter(|user| self.leaves(user.index, cycle)).collect();
        self.session.begin(Step::Leaving, leavers.len());
        self.session.each(leavers, |user| self.set_active(user, false)).await?;

        let back: Vec<_> =
            model.users.iter_mut().filter(|user| self.population.part(user.index) == Part::Returns).collect();
        self.session.begin(Step::Returning, back.len());
        self.session.each(back, |user| self.restore(user)).await?;
        // Who came back as somebody else is a member of nothing.
        for (old, user) in ids.iter().zip(0..) {
            if let Some(old) = old.as_deref().filter(|old| model.users[user].life.id() != Some(old)) {
                model.forget_member(old);
            }
        }

        let deleted: Vec<_> = model.users.iter_mut().filter(|user| self.is_deleted_in(user.index, cycle)).collect();
        self.session.begin(Step::Deletions, deleted.len());
        self.session.each(deleted, |user| self.delete_user(user)).await?;
        let gone: Vec<String> = model.users.iter().filter_map(|user| deleted_id(&user.life)).collect();
        for id in &gone {
            model.forget_member(id);
        }

        self.session.begin(Step::GroupChanges, model.groups.len());
        let ids = model.ids();
        self.session.each(&mut model.groups, |group| self.change_group(group, &ids, cycle)).await
    }

    fn leaves(&self, index: usize, cycle: usize) -> bool {
        match self.population.part(index) {
            Part::Returns => true,
            Part::Leaves => cycle == self.options.size.cycles,
            _ => self.is_deleted_in(index, cycle),
        }
    }

    fn is_deleted_in(&self, index: usize, cycle: usize) -> bool {
        self.population.part(index) == Part::Deleted && self.population.cycle_of(index) == cycle
    }

    /// How the next request on something is written.
    fn form(&self, what: &str, index: usize) -> Form {
        match self.options.dialect {
            Dialect::Default => Form::Default,
            Dialect::Mixed if self.population.chance.once_in(2, what, index) => Form::Default,
            Dialect::Flag | Dialect::Mixed => Form::Flag,
        }
    }

    /// Deletes all that is there of the simulation, groups first.
    async fn clean_up(&self, model: &mut Model) -> Result<(), Error> {
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

fn deleted_id(life: &Life) -> Option<String> {
    match life {
        Life::Deleted(id) => Some(id.clone()),
        _ => None,
    }
}
