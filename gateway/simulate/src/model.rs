//! The expected state: what the requests sent so far must have made, tracked without asking the server.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::attribute::{ACTIVE, Attribute, EXTERNAL_ID, USER_NAME};

/// The values of a user.
pub(crate) type Values = BTreeMap<Attribute, Value>;

/// Whether a resource is on the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// Not created yet.
    Absent,
    /// Present under this id.
    Present(String),
    /// Deleted; it had this id.
    Deleted(String),
}

impl Presence {
    /// The id of a present resource.
    pub(crate) fn id(&self) -> Option<&str> {
        match self {
            Self::Present(id) => Some(id),
            _ => None,
        }
    }
}

/// A user in scope.
#[derive(Clone, Debug)]
pub(crate) struct User {
    /// The index in the population.
    pub(crate) index: usize,
    /// The initial user name, which messages use even after a change.
    pub(crate) name: String,
    pub(crate) presence: Presence,
    /// The values that the server must show.
    pub(crate) values: Values,
}

impl User {
    /// A text value; empty if there is none.
    pub(crate) fn text(&self, attribute: Attribute) -> &str {
        self.values.get(&attribute).and_then(Value::as_str).unwrap_or_default()
    }

    /// The user in messages. The external id never changes.
    pub(crate) fn label(&self) -> String {
        format!("user {} ({})", self.name, self.presence.id().unwrap_or_else(|| self.text(EXTERNAL_ID)))
    }

    pub(crate) fn is_active(&self) -> bool {
        self.values.get(&ACTIVE).and_then(Value::as_bool).unwrap_or(true)
    }
}

/// A group in scope.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// The index in the population.
    pub(crate) index: usize,
    pub(crate) presence: Presence,
    /// The initial name, which messages use even after a change.
    pub(crate) name: String,
    pub(crate) display_name: String,
    /// The id at the provider; empty if the client does not send it.
    pub(crate) external_id: String,
    /// The indexes of the users that are its initial members.
    pub(crate) initial_members: Vec<usize>,
    /// The ids of its members.
    pub(crate) members: BTreeSet<String>,
}

impl Group {
    /// The group in messages.
    pub(crate) fn label(&self) -> String {
        match self.presence.id().unwrap_or(&self.external_id) {
            "" => format!("group {}", self.name),
            id => format!("group {} ({id})", self.name),
        }
    }
}

/// Everything in scope.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) users: Vec<User>,
    pub(crate) groups: Vec<Group>,
}

impl Model {
    pub(crate) fn present_users(&self) -> impl Iterator<Item = (&User, &str)> {
        self.users.iter().filter_map(|user| user.presence.id().map(|id| (user, id)))
    }

    pub(crate) fn present_groups(&self) -> impl Iterator<Item = (&Group, &str)> {
        self.groups.iter().filter_map(|group| group.presence.id().map(|id| (group, id)))
    }

    /// The ids of the users by index; `None` for those that are not present.
    pub(crate) fn user_ids(&self) -> Vec<Option<String>> {
        self.users.iter().map(|user| user.presence.id().map(str::to_owned)).collect()
    }

    /// The ids of the deleted users.
    pub(crate) fn deleted_user_ids(&self) -> Vec<String> {
        let deleted = |user: &User| match &user.presence {
            Presence::Deleted(id) => Some(id.clone()),
            _ => None,
        };
        self.users.iter().filter_map(deleted).collect()
    }

    /// The number of deleted users and groups.
    pub(crate) fn deleted_count(&self) -> u64 {
        let users = self.users.iter().map(|user| &user.presence);
        let all = users.chain(self.groups.iter().map(|group| &group.presence));
        u64::try_from(all.filter(|it| matches!(it, Presence::Deleted(_))).count()).unwrap_or_default()
    }

    /// A user's name and id for messages.
    pub(crate) fn name_of(&self, id: &str) -> String {
        let has_id = |user: &&User| matches!(&user.presence, Presence::Present(it) | Presence::Deleted(it) if it == id);
        let user = self.users.iter().find(has_id);
        user.map_or_else(|| id.to_owned(), |user| format!("{} ({id})", user.text(USER_NAME)))
    }

    /// Removes a deleted user from all groups.
    pub(crate) fn remove_from_groups(&mut self, id: &str) {
        for group in &mut self.groups {
            group.members.remove(id);
        }
    }
}
