//! The cycles of every provider: users and groups are provisioned; then users are changed, deactivated, reactivated and
//! deleted, and groups are renamed, filled and emptied.

use crate::attribute::TITLE;
use crate::change::Change;
use crate::compare::{Comparison, MemberChange};
use crate::error::Error;
use crate::model::{Group, Model, User};
use crate::population::Role;
use crate::provider::Provider;
use crate::report::{Report, Variant};
use crate::step::Step;

/// Every fourth group is renamed in each cycle.
const RENAMED_EVERY: usize = 4;
/// Every fifth group is deleted in the last cycle.
const DELETED_EVERY: usize = 5;
/// Every fifth member is removed in each cycle.
const REMOVED_MEMBERS_EVERY: usize = 5;
/// Members added to each group in each cycle.
const ADDED_MEMBERS: usize = 2;

/// Runs everything after the first probes. The report says what the server does wrong.
pub(crate) async fn run<P: Provider>(provider: &P, variant: Variant) -> Report {
    let simulation = provider.simulation();
    let mut model = simulation.model();
    if !P::SENDS_GROUP_EXTERNAL_ID {
        model.groups.iter_mut().for_each(|group| group.external_id.clear());
    }
    let mut compared = Vec::new();
    let stopped = Box::pin(run_all(provider, &mut model, &mut compared)).await.err();
    Report { compared, ..Report::new(simulation.options, variant, simulation.session.finish(), stopped) }
}

async fn run_all<P: Provider>(provider: &P, model: &mut Model, compared: &mut Vec<Comparison>) -> Result<(), Error> {
    provision(provider, model).await?;
    for cycle in 1..=provider.simulation().options.size.cycles {
        change_users(provider, model, cycle).await?;
        provider.simulation().session.begin_step(Step::GroupChanges, model.groups.len());
        let ids = model.user_ids();
        let change = |group| change_group(provider, group, &ids, cycle);
        provider.simulation().session.each(&mut model.groups, change).await?;
    }
    lose_scope(provider, model).await?;
    provider.after_cycles(model).await?;
    provider.simulation().finish(model, compared).await
}

/// The initial cycle.
async fn provision<P: Provider>(provider: &P, model: &mut Model) -> Result<(), Error> {
    let session = &provider.simulation().session;
    session.begin_step(Step::InitialUsers, model.users.len());
    session.each(&mut model.users, |user| provider.provision(user)).await?;
    let ids = model.user_ids();
    if P::SENDS_MANAGERS {
        session.begin_step(Step::References, model.users.len());
        session.each(&mut model.users, |user| provider.send_manager(user, &ids, 0)).await?;
    }
    session.begin_step(Step::InitialGroups, model.groups.len());
    session.each(&mut model.groups, |group| provider.provision_group(group)).await?;
    session.begin_step(Step::Memberships, model.groups.len());
    session.each(&mut model.groups, |group| add_initial_members(provider, group, &ids)).await
}

async fn change_users<P: Provider>(provider: &P, model: &mut Model, cycle: usize) -> Result<(), Error> {
    let (session, population) = (&provider.simulation().session, &provider.simulation().population);
    let ids = model.user_ids();
    session.begin_step(Step::Changes, model.users.len());
    session.each(&mut model.users, |user| change_user(provider, user, &ids, cycle)).await?;

    let leaving: Vec<_> = model.users.iter_mut().filter(|user| leaves(provider, user.index, cycle)).collect();
    session.begin_step(Step::Leaving, leaving.len());
    session.each(leaving, |user| provider.set_active(user, false, cycle)).await?;

    let is_returning = |user: &&mut User| population.role(user.index) == Role::Returning;
    let returning: Vec<_> = model.users.iter_mut().filter(is_returning).collect();
    session.begin_step(Step::Returning, returning.len());
    session.each(returning, |user| provider.reactivate(user, cycle)).await?;
    // A user that has another id now is no longer a member of any group.
    for (old, user) in ids.iter().zip(0..) {
        if let Some(old) = old.as_deref().filter(|old| model.users[user].presence.id() != Some(old)) {
            model.remove_from_groups(old);
        }
    }

    let deleted: Vec<_> = model.users.iter_mut().filter(|user| is_deleted_in(provider, user.index, cycle)).collect();
    session.begin_step(Step::Deletions, deleted.len());
    session.each(deleted, |user| provider.delete(user)).await?;
    for id in model.deleted_user_ids() {
        model.remove_from_groups(&id);
    }
    Ok(())
}

/// Deactivates a share of the users, those that are active, as a wrong scoping filter does.
async fn lose_scope<P: Provider>(provider: &P, model: &mut Model) -> Result<(), Error> {
    let options = &provider.simulation().options;
    let count = model.users.len() * usize::from(options.lost_percent) / 100;
    if count == 0 {
        return Ok(());
    }
    let in_scope = model.users.iter_mut().filter(|user| user.presence.id().is_some() && user.is_active());
    let lost: Vec<_> = in_scope.take(count).collect();
    let session = &provider.simulation().session;
    session.begin_step(Step::OutOfScope, lost.len());
    session.each(lost, |user| provider.set_active(user, false, options.size.cycles + 1)).await
}

fn leaves(provider: &impl Provider, index: usize, cycle: usize) -> bool {
    match provider.simulation().population.role(index) {
        Role::Returning => true,
        Role::Leaving => cycle == provider.simulation().options.size.cycles,
        _ => is_deleted_in(provider, index, cycle),
    }
}

fn is_deleted_in(provider: &impl Provider, index: usize, cycle: usize) -> bool {
    let population = &provider.simulation().population;
    population.role(index) == Role::Deleted && population.deletion_cycle(index) == cycle
}

/// Sends what changed at the provider since the previous cycle.
async fn change_user<P: Provider>(
    provider: &P,
    user: &mut User,
    ids: &[Option<String>],
    cycle: usize,
) -> Result<(), Error> {
    let population = &provider.simulation().population;
    let mut changes: Vec<_> = population
        .changes(user.index, cycle)
        .into_iter()
        .map(|(attribute, value)| Change::of(&user.values, attribute, Some(value)))
        .collect();
    if P::CLEARS_ATTRIBUTES && population.role(user.index) == Role::Reassigned {
        // The next cycle sets it again.
        let initial = population.user(user.index).values.remove(&TITLE);
        changes.push(Change::of(&user.values, TITLE, initial.filter(|_| cycle.is_multiple_of(2))));
    }
    provider.change(user, changes, cycle).await?;
    provider.send_manager(user, ids, cycle).await
}

async fn add_initial_members<P: Provider>(
    provider: &P,
    group: &mut Group,
    ids: &[Option<String>],
) -> Result<(), Error> {
    let initial = group.initial_members.iter().filter_map(|index| ids[*index].clone());
    let missing: Vec<String> = initial.filter(|id| !group.members.contains(id)).collect();
    change_members(provider, group, MemberChange { removed: &[], added: &missing }, 0).await
}

async fn change_members<P: Provider>(
    provider: &P,
    group: &mut Group,
    change: MemberChange<'_>,
    cycle: usize,
) -> Result<(), Error> {
    if group.presence.id().is_none() || (change.removed.is_empty() && change.added.is_empty()) {
        return Ok(());
    }
    provider.change_members(group, change, cycle).await
}

async fn change_group<P: Provider>(
    provider: &P,
    group: &mut Group,
    ids: &[Option<String>],
    cycle: usize,
) -> Result<(), Error> {
    if group.presence.id().is_none() {
        return Ok(());
    }
    if group.index.is_multiple_of(RENAMED_EVERY) {
        // The next cycle restores the name.
        let mut name = provider.simulation().population.group(group.index).display_name;
        if cycle % 2 == 1 {
            name.push_str(", renamed");
        }
        provider.rename(group, name, cycle).await?;
    }
    change_some_members(provider, group, ids, cycle).await?;
    let is_deleted = group.index % DELETED_EVERY == DELETED_EVERY - 1;
    if is_deleted && cycle == provider.simulation().options.size.cycles {
        provider.simulation().delete_group(group).await?;
    }
    Ok(())
}

/// Removes some initial members and adds other users.
async fn change_some_members<P: Provider>(
    provider: &P,
    group: &mut Group,
    ids: &[Option<String>],
    cycle: usize,
) -> Result<(), Error> {
    let initial = group.initial_members.iter().filter_map(|index| ids[*index].as_ref()).enumerate();
    let selected = initial.filter(|(index, _)| (index + cycle).is_multiple_of(REMOVED_MEMBERS_EVERY));
    let removed: Vec<String> = selected.map(|(_, id)| id).filter(|id| group.members.contains(*id)).cloned().collect();
    let next = group.initial_members.last().map_or(0, |last| last + 1);
    let others = (0..ADDED_MEMBERS)
        .filter_map(|number| ids.get((next + ADDED_MEMBERS * cycle + number) % ids.len().max(1))?.clone());
    let added: Vec<String> = others.filter(|id| !group.members.contains(id)).collect();
    change_members(provider, group, MemberChange { removed: &removed, added: &added }, cycle).await
}
