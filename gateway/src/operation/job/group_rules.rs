//! Announces to the product whose roles and entitlements by group rules change: follows the tenant's events, looks at the users that they
//! are about, and compares what they have now with what was announced.
//!
//! A step is one transaction with the events that it writes, what they announce, and how far it has come. So a killed process announces
//! nothing twice, and leaves nothing out.

mod feed;
mod users;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use uuid::Uuid;

use crate::operation::context::{Context, Gateway};
use crate::operation::error::Error;
use crate::operation::group_rules::GroupRules;
use crate::operation::job::batch::{Batch, End};
use crate::operation::job::group_rules::feed::Feed;
use crate::operation::job::group_rules::users::Users;
use crate::store::announced::{AnnouncedGroup, Announcement, FeedEvent};
use crate::store::group_rules::GroupNames;
use crate::tenant::TenantId;

/// Events of one step.
const MAX_EVENTS: i64 = 1_000;
/// Members of walked groups that one step compares.
const WALK_SIZE: usize = 500;
/// Groups that one step walks.
const MAX_WALKED_GROUPS: usize = 20;
/// Time in which every replica reads rules that were set: the product must not be sent to one that shows the ones before.
const SETTLING_TIME: Duration = Duration::from_millis(1_500);
/// Pause of a run that has handled all events.
const IDLE_REST: Duration = Duration::from_millis(200);
/// The actor of the events.
const ACTOR: &str = "group-rules";
/// What is kept of a group of which only some members were announced.
const PARTIAL: &str = "";
/// What is kept of a group whose members have nothing.
const NOTHING: &str = "[]";

/// Runs the next step.
pub(super) async fn batch(gateway: &Gateway, tenant: TenantId, batch: &mut Batch) -> Result<End, Error> {
    let ctx = Context::background(gateway, tenant, ACTOR).await?;
    let Some(row) = ctx.store.group_rules().await? else { return Ok(End::Finished) };
    if !row.settled {
        ctx.store.settle_group_rules(batch.lease()).await?;
        return Ok(End::Pause(SETTLING_TIME));
    }
    // Those that are stored, whatever is cached.
    let rules = GroupRules::stored(&row.rules)?;
    // In this order: what changes after the groups were read, the next step sees.
    let wakes = ctx.store.wakes().await?;
    let head = ctx.store.last_seq().await?;
    let seq = row.seq.unwrap_or(head);
    let groups = Groups::read(&ctx, &rules).await?;
    let events = ctx.store.events_to_follow(seq, MAX_EVENTS).await?;
    let step = Step { ctx: &ctx, rules: &rules, groups, seq, head, wakes };
    step.run(&events, batch).await
}

/// The groups that rules name, as they are announced and as they are.
struct Groups {
    announced: BTreeMap<Uuid, AnnouncedGroup>,
    /// With the version and what the members have.
    now: HashMap<Uuid, (i64, String)>,
}

impl Groups {
    async fn read(ctx: &Context, rules: &GroupRules) -> Result<Self, Error> {
        let announced = ctx.store.announced_groups().await?.into_iter().collect();
        let found = if rules.is_empty() { Vec::new() } else { ctx.store.ruled_groups(rules.keys()).await? };
        let now = found.iter().map(|group| Ok((group.id, (group.version, grants_text(rules, group)?))));
        Ok(Self { announced, now: now.collect::<Result<_, Error>>()? })
    }

    /// Whether a membership of the group may matter.
    fn know(&self, group: Uuid) -> bool {
        self.announced.contains_key(&group) || self.now.contains_key(&group)
    }

    /// What is announced of the members of a group, if it is announced of all.
    fn announced_to_all(&self, group: Uuid) -> Option<&str> {
        let grants = self.announced.get(&group).map(|group| group.grants.as_str());
        grants.filter(|grants| *grants != PARTIAL && *grants != NOTHING)
    }

    /// Groups whose members have something else than was announced.
    fn changed(&self) -> Vec<(Uuid, AnnouncedGroup)> {
        let ids: BTreeSet<Uuid> = self.announced.keys().chain(self.now.keys()).copied().collect();
        let walked = |id: Uuid| {
            let now = self.now.get(&id).map_or(NOTHING, |(_, grants)| grants.as_str());
            let announced = self.announced.get(&id).map(|group| group.grants.as_str());
            let is_new = announced != Some(now);
            is_new.then(|| (id, AnnouncedGroup { grants: now.to_owned(), walk_after: Some(Uuid::nil()) }))
        };
        ids.into_iter().filter_map(walked).collect()
    }
}

/// What the members of a group have, as it is kept.
fn grants_text(rules: &GroupRules, group: &GroupNames) -> Result<String, Error> {
    let mut grants = rules.grants(group);
    grants.sort();
    serde_json::to_string(&grants).map_err(|why| Error::Corrupt(format!("grants of a group: {why}")))
}

struct Step<'a> {
    ctx: &'a Context,
    rules: &'a GroupRules,
    groups: Groups,
    /// The last event that is handled.
    seq: i64,
    /// The tenant's last event when the step began.
    head: i64,
    wakes: i64,
}

impl Step<'_> {
    async fn run(mut self, events: &[FeedEvent], batch: &mut Batch) -> Result<End, Error> {
        let is_caught_up = i64::try_from(events.len()).unwrap_or(MAX_EVENTS) < MAX_EVENTS;
        let has_gap = events.first().map_or(self.head > self.seq, |first| first.seq > self.seq + 1);
        let last = events.last().map_or(self.head, |event| event.seq);
        let is_quiet = events.is_empty();
        let mut it = Announcement { seq: Some(last), wakes: self.wakes, ..Announcement::default() };
        let mut feed = Feed::default();
        for event in events {
            feed.add(event, &mut self.groups, &mut it.groups);
        }
        let mut compared = feed.changed.clone();
        let is_walking = self.walk(&mut compared, &mut it).await?;
        let mut progress = batch.job.progress.clone();
        progress.examined += i64::try_from(compared.len()).unwrap_or(0);
        Users { ctx: self.ctx, rules: self.rules }.compare(&compared, &feed, &mut it).await?;
        let mut changed = if is_caught_up { self.groups.changed() } else { Vec::new() };
        if has_gap {
            changed = self.all_groups();
        }
        let is_done = is_quiet && !is_walking && changed.is_empty() && it.grants.is_empty();
        self.keep_groups(changed, &mut it);
        it.is_idle = is_done;
        if is_done && self.rules.is_empty() {
            it.seq = None;
        }
        let stamp = self.ctx.stamp();
        progress.changed = self.ctx.store.announce(batch.lease(), &it, &progress, &stamp).await?;
        batch.job.progress = progress;
        if !it.updated.is_empty() {
            self.ctx.gateway.events_waiting.add(self.ctx.store.id());
        }
        Ok(match (is_done, it.seq) {
            (true, None) => End::Finished,
            (true, Some(_)) => End::Pause(IDLE_REST),
            (false, _) => End::More,
        })
    }

    /// Adds the next members of groups that are walked; gives whether there are some.
    async fn walk(&mut self, compared: &mut BTreeSet<Uuid>, it: &mut Announcement) -> Result<bool, Error> {
        let pending = self.groups.announced.iter().filter_map(|(id, group)| Some((*id, group.walk_after?)));
        let pending: Vec<(Uuid, Uuid)> = pending.take(MAX_WALKED_GROUPS).collect();
        let mut room = WALK_SIZE;
        for (group, after) in &pending {
            if room == 0 {
                break;
            }
            let limit = i64::try_from(room).unwrap_or(i64::MAX);
            let page = self.ctx.store.members_to_compare(*group, *after, limit).await?;
            let last = page.last().copied().filter(|_| page.len() >= room);
            room -= page.len().min(room);
            compared.extend(page);
            let Some(announced) = self.groups.announced.get_mut(group) else { continue };
            announced.walk_after = last;
            if last.is_none() && announced.grants == NOTHING {
                it.forgotten.push(*group);
                self.groups.announced.remove(group);
            } else {
                it.groups.push((*group, announced.clone()));
            }
        }
        Ok(!pending.is_empty())
    }

    /// Every group anew: events are missing.
    fn all_groups(&self) -> Vec<(Uuid, AnnouncedGroup)> {
        tracing::warn!(tenant.id = %self.ctx.store.id(), seq = self.seq, "events are gone that were not followed; all groups of rules are compared");
        let ids: BTreeSet<Uuid> = self.groups.announced.keys().chain(self.groups.now.keys()).copied().collect();
        let walked = |id: Uuid| {
            let grants = self.groups.now.get(&id).map_or(NOTHING, |(_, grants)| grants.as_str()).to_owned();
            (id, AnnouncedGroup { grants, walk_after: Some(Uuid::nil()) })
        };
        ids.into_iter().map(walked).collect()
    }

    /// Keeps what changes of groups: the last state of each. A group of which something else is announced of a member than of all is looked
    /// at again, so that nothing announced is forgotten.
    fn keep_groups(&self, changed: Vec<(Uuid, AnnouncedGroup)>, it: &mut Announcement) {
        let mut kept: BTreeMap<Uuid, AnnouncedGroup> = std::mem::take(&mut it.groups).into_iter().collect();
        kept.extend(changed);
        for grant in &it.grants {
            let group = kept.get(&grant.group).or_else(|| self.groups.announced.get(&grant.group));
            if group.is_none_or(|group| group.grants != grant.grants) {
                let walk_after = group.and_then(|group| group.walk_after);
                kept.insert(grant.group, AnnouncedGroup { grants: PARTIAL.to_owned(), walk_after });
            }
        }
        it.forgotten.retain(|group| !kept.contains_key(group));
        it.groups = kept.into_iter().collect();
    }
}
