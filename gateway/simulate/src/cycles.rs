//! The cycles that all clients go through: everyone is provisioned, then users change, leave, come back and are deleted,
//! and groups are renamed, filled and emptied.

use crate::attribute::TITLE;
use crate::change::Change;
use crate::compare::{Compared, Exchange};
use crate::error::Error;
use crate::model::{Group, Model, User};
use crate::population::Part;
use crate::provider::Provider;
use crate::report::{Played, Report};
use crate::step::Step;

/// Every so many groups are renamed, and as many deleted in the last cycle.
const RENAMED: usize = 4;
const DELETED: usize = 5;

/// Plays all of it, from after the first probes to the end. What the server does wrong is in the report.
pub(super) async fn play(provider: &impl Provider, played: Played) -> Report {
    let play = provider.play();
    let mut model = play.model();
    if !named(provider) {
        model.groups.iter_mut().for_each(|group| group.external_id.clear());
    }
    let mut compared = Vec::new();
    let stopped = Box::pin(run(provider, &mut model, &mut compared)).await.err();
    let (seen, took) = play.session.end();
    Report::new(play.options, played, &seen).of(took, compared, stopped)
}

fn named<P: Provider>(_: &P) -> bool {
    P::NAMES_GROUPS
}

async fn run<P: Provider>(provider: &P, model: &mut Model, compared: &mut Vec<Compared>) -> Result<(), Error> {
    initial(provider, model).await?;
    for cycle in 1..=provider.play().options.size.cycles {
        users(provider, model, cycle).await?;
        provider.play().session.begin(Step::GroupChanges, model.groups.len());
        let ids = model.ids();
        let changed = |group| change_group(provider, group, &ids, cycle);
        provider.play().session.each(&mut model.groups, changed).await?;
    }
    provider.afterwards(model).await?;
    provider.play().finish(model, compared).await
}

async fn initial<P: Provider>(provider: &P, model: &mut Model) -> Result<(), Error> {
    let session = &provider.play().session;
    session.begin(Step::InitialUsers, model.users.len());
    session.each(&mut model.users, |user| provider.provision(user)).await?;
    let ids = model.ids();
    if P::REFERS {
        session.begin(Step::References, model.users.len());
        session.each(&mut model.users, |user| provider.refer(user, &ids, 0)).await?;
    }
    session.begin(Step::InitialGroups, model.groups.len());
    session.each(&mut model.groups, |group| provider.provision_group(group)).await?;
    session.begin(Step::Memberships, model.groups.len());
    session.each(&mut model.groups, |group| fill(provider, group, &ids)).await
}

/// What becomes of the users in a cycle.
async fn users<P: Provider>(provider: &P, model: &mut Model, cycle: usize) -> Result<(), Error> {
    let (session, population) = (&provider.play().session, &provider.play().population);
    let ids = model.ids();
    session.begin(Step::Changes, model.users.len());
    session.each(&mut model.users, |user| follow(provider, user, &ids, cycle)).await?;

    let leavers: Vec<_> = model.users.iter_mut().filter(|user| leaves(provider, user.index, cycle)).collect();
    session.begin(Step::Leaving, leavers.len());
    session.each(leavers, |user| provider.set_active(user, false, cycle)).await?;

    let back: Vec<_> = model.users.iter_mut().filter(|user| population.part(user.index) == Part::Returns).collect();
    session.begin(Step::Returning, back.len());
    session.each(back, |user| provider.restore(user, cycle)).await?;
    // Who came back as somebody else is a member of nothing.
    for (old, user) in ids.iter().zip(0..) {
        if let Some(old) = old.as_deref().filter(|old| model.users[user].life.id() != Some(old)) {
            model.forget_member(old);
        }
    }

    let deleted: Vec<_> = model.users.iter_mut().filter(|user| is_deleted_in(provider, user.index, cycle)).collect();
    session.begin(Step::Deletions, deleted.len());
    session.each(deleted, |user| provider.end(user)).await?;
    for id in model.deleted_ids() {
        model.forget_member(&id);
    }
    Ok(())
}

fn leaves(provider: &impl Provider, index: usize, cycle: usize) -> bool {
    match provider.play().population.part(index) {
        Part::Returns => true,
        Part::Leaves => cycle == provider.play().options.size.cycles,
        _ => is_deleted_in(provider, index, cycle),
    }
}

fn is_deleted_in(provider: &impl Provider, index: usize, cycle: usize) -> bool {
    let population = &provider.play().population;
    population.part(index) == Part::Deleted && population.cycle_of(index) == cycle
}

/// What changed at the provider since the cycle before.
async fn follow<P: Provider>(provider: &P, user: &mut User, ids: &[Option<String>], cycle: usize) -> Result<(), Error> {
    let population = &provider.play().population;
    let mut changes: Vec<_> = population
        .changes(user.index, cycle)
        .into_iter()
        .map(|(attribute, value)| Change::of(&user.values, attribute, Some(value)))
        .collect();
    if P::CLEARS && population.part(user.index) == Part::Reassigned {
        // The next cycle gives it back.
        let first = population.user(user.index).values.remove(&TITLE);
        changes.push(Change::of(&user.values, TITLE, first.filter(|_| cycle.is_multiple_of(2))));
    }
    provider.change(user, changes, cycle).await?;
    provider.refer(user, ids, cycle).await
}

/// The members that a new group gets.
async fn fill<P: Provider>(provider: &P, group: &mut Group, ids: &[Option<String>]) -> Result<(), Error> {
    let wanted = group.first_members.iter().filter_map(|index| ids[*index].clone());
    let missing: Vec<String> = wanted.filter(|id| !group.members.contains(id)).collect();
    exchange(provider, group, Exchange { removed: &[], added: &missing }, 0).await
}

async fn exchange<P: Provider>(
    provider: &P,
    group: &mut Group,
    exchange: Exchange<'_>,
    cycle: usize,
) -> Result<(), Error> {
    if group.life.id().is_none() || (exchange.removed.is_empty() && exchange.added.is_empty()) {
        return Ok(());
    }
    provider.exchange(group, exchange, cycle).await
}

/// What a cycle changes of a group.
async fn change_group<P: Provider>(
    provider: &P,
    group: &mut Group,
    ids: &[Option<String>],
    cycle: usize,
) -> Result<(), Error> {
    if group.life.id().is_none() {
        return Ok(());
    }
    if group.index.is_multiple_of(RENAMED) {
        // The next cycle takes the name back.
        let mut name = provider.play().population.group(group.index).display_name;
        if cycle % 2 == 1 {
            name.push_str(", renamed");
        }
        provider.rename(group, name, cycle).await?;
    }
    exchange_some(provider, group, ids, cycle).await?;
    if group.index % DELETED == DELETED - 1 && cycle == provider.play().options.size.cycles {
        provider.play().delete_group(group).await?;
    }
    Ok(())
}

/// Some members leave in a cycle, and others come.
async fn exchange_some<P: Provider>(
    provider: &P,
    group: &mut Group,
    ids: &[Option<String>],
    cycle: usize,
) -> Result<(), Error> {
    let own: Vec<&String> = group.first_members.iter().filter_map(|index| ids[*index].as_ref()).collect();
    let every_fifth = own.iter().enumerate().filter(|(place, _)| (place + cycle).is_multiple_of(5)).map(|(_, id)| *id);
    let leave: Vec<String> = every_fifth.filter(|id| group.members.contains(*id)).cloned().collect();
    let after = group.first_members.last().map_or(0, |last| last + 1);
    let others = (0..2).filter_map(|more| ids.get((after + 2 * cycle + more) % ids.len().max(1))?.clone());
    let come: Vec<String> = others.filter(|id| !group.members.contains(id)).collect();
    exchange(provider, group, Exchange { removed: &leave, added: &come }, cycle).await
}
