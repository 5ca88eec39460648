//! What users have by group rules now, compared with what was announced of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::group_rules::shown::shown;
use crate::operation::group_rules::{Grant, GroupRules};
use crate::operation::job::group_rules::feed::Feed;
use crate::operation::job::group_rules::grants_text;
use crate::operation::pace::Pace;
use crate::operation::resource::document::parse;
use crate::store::announced::{AnnouncedGrant, Announcement};
use crate::telemetry;

/// Mapped documents that are read at once.
const DOCUMENTS_AT_ONCE: usize = 50;

/// What a user has by each group, as it is kept.
type ByGroup = BTreeMap<Uuid, String>;

/// Compares users.
pub(super) struct Users<'a> {
    pub(super) ctx: &'a Context,
    pub(super) rules: &'a GroupRules,
}

impl Users<'_> {
    /// Adds to the announcement what changes of users: of those to be compared what they have now, of the others what the feed says.
    pub(super) async fn compare(
        &self,
        compared: &BTreeSet<Uuid>,
        feed: &Feed,
        it: &mut Announcement,
    ) -> Result<(), Error> {
        let all: BTreeSet<Uuid> = compared.iter().chain(&feed.gone).chain(feed.read.keys()).copied().collect();
        let all: Vec<Uuid> = all.into_iter().collect();
        if all.is_empty() {
            return Ok(());
        }
        let mut stored: HashMap<Uuid, ByGroup> = HashMap::new();
        for grant in self.ctx.store.apart().announced_grants(&all).await? {
            stored.entry(grant.member).or_default().insert(grant.group, grant.grants);
        }
        let mut now = self.now(compared).await?;
        let mut differing = Vec::new();
        for user in all {
            let rows = stored.remove(&user).unwrap_or_default();
            let mut known = if feed.gone.contains(&user) { ByGroup::new() } else { rows.clone() };
            known.extend(feed.read.get(&user).cloned().unwrap_or_default());
            let after = if compared.contains(&user) { now.remove(&user).unwrap_or_default() } else { known.clone() };
            keep(user, &rows, &after, it);
            let (before, after) = (grants(&known)?, grants(&after)?);
            if before != after {
                differing.push((user, before, after));
            }
        }
        it.updated = self.seen_to_differ(&differing).await?;
        Ok(())
    }

    /// What the users have now.
    async fn now(&self, users: &BTreeSet<Uuid>) -> Result<HashMap<Uuid, ByGroup>, Error> {
        let mut now: HashMap<Uuid, ByGroup> = HashMap::new();
        if users.is_empty() || self.rules.is_empty() {
            return Ok(now);
        }
        let users: Vec<Uuid> = users.iter().copied().collect();
        let mut pace = Pace::begin();
        for membership in self.ctx.store.apart().ruled_memberships(&users, self.rules.keys()).await? {
            pace.step().await;
            let grants = grants_text(self.rules, &membership.group)?;
            now.entry(membership.user).or_default().insert(membership.group.id, grants);
        }
        Ok(now)
    }

    /// The users of whom the directory shows something else: a value that the mapped document has itself is the same before and after.
    async fn seen_to_differ(&self, users: &[(Uuid, BTreeSet<Grant>, BTreeSet<Grant>)]) -> Result<Vec<Uuid>, Error> {
        let mut differ = Vec::new();
        for some in users.chunks(DOCUMENTS_AT_ONCE) {
            let ids: Vec<Uuid> = some.iter().map(|(id, ..)| *id).collect();
            let texts: HashMap<Uuid, String> = self.ctx.store.mapped_texts(&ids).await?.into_iter().collect();
            for (id, before, after) in some {
                // A user without a text is one that the product does not see.
                let Some(text) = texts.get(id) else { continue };
                let document = parse("mapped", text).unwrap_or_else(|error| {
                    tracing::error!(resource.id = %id, error = telemetry::chain(&error), "a mapped document cannot be read");
                    Map::<String, Value>::new()
                });
                if shown(&document, before) != shown(&document, after) {
                    differ.push(*id);
                }
            }
        }
        Ok(differ)
    }
}

/// The values by all groups.
fn grants(by_group: &ByGroup) -> Result<BTreeSet<Grant>, Error> {
    let mut all = BTreeSet::new();
    for text in by_group.values() {
        let grants: Vec<Grant> =
            serde_json::from_str(text).map_err(|why| Error::Corrupt(format!("an announced grant: {why}")))?;
        all.extend(grants);
    }
    Ok(all)
}

/// What changes of a user's announced rows.
fn keep(user: Uuid, before: &ByGroup, after: &ByGroup, it: &mut Announcement) {
    let gone = before.keys().filter(|group| !after.contains_key(*group));
    it.withdrawn.extend(gone.map(|group| (*group, user)));
    let new = after.iter().filter(|(group, grants)| before.get(*group) != Some(*grants));
    it.grants.extend(new.map(|(group, grants)| AnnouncedGrant { group: *group, member: user, grants: grants.clone() }));
}
