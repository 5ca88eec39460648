//! What a stretch of the tenant's events means for group rules: the users to look at, and what the product has read of users who appeared.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::operation::job::group_rules::Groups;
use crate::store::announced::{AnnouncedGroup, FeedEvent};

/// A stretch of events.
#[derive(Default)]
pub(super) struct Feed {
    /// Users whose memberships changed.
    pub(super) changed: BTreeSet<Uuid>,
    /// Users of whom nothing of before is announced: the product saw them go.
    pub(super) gone: BTreeSet<Uuid>,
    /// What the product has read of users by their own event, by user and group: what was announced of the group's members.
    pub(super) read: BTreeMap<Uuid, BTreeMap<Uuid, String>>,
}

impl Feed {
    /// The next event.
    pub(super) fn add(&mut self, event: &FeedEvent, groups: &mut Groups, kept: &mut Vec<(Uuid, AnnouncedGroup)>) {
        match (event.kind.as_str(), event.member) {
            ("membership.added", Some(user)) if event.is_covered => {
                // Whatever it is by now: what changed since has an event of its own.
                if let Some(grants) = groups.announced_to_all(event.resource) {
                    self.read.entry(user).or_default().insert(event.resource, grants.to_owned());
                }
            }
            ("membership.added" | "membership.removed", Some(user)) if groups.know(event.resource) => {
                self.changed.insert(user);
            }
            ("user.deleted", _) => {
                // If the user comes back, the event of that covers what changed.
                self.changed.remove(&event.resource);
                self.read.remove(&event.resource);
                self.gone.insert(event.resource);
            }
            ("group.created", _) => appear(event, groups, kept),
            _ => {}
        }
    }
}

/// A group that appears has an event of each membership. It is announced from here on, if its names are those of the event: otherwise the
/// next look at the groups finds it.
fn appear(event: &FeedEvent, groups: &mut Groups, kept: &mut Vec<(Uuid, AnnouncedGroup)>) {
    let Some((version, grants)) = groups.now.get(&event.resource) else { return };
    if Some(*version) == event.version && !groups.announced.contains_key(&event.resource) {
        let group = AnnouncedGroup { grants: grants.clone(), walk_after: None };
        groups.announced.insert(event.resource, group.clone());
        kept.push((event.resource, group));
    }
}
