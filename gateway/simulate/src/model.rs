//! What must be there: the state that the requests sent so far make, kept without asking the server.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::attribute::{ACTIVE, Attribute, EXTERNAL_ID, USER_NAME};

/// The values of a user.
pub type Values = BTreeMap<Attribute, Value>;

/// Where a resource is in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Life {
    /// Not provisioned, or not yet.
    Absent,
    /// There, under this id.
    Living(String),
    /// It had this id and was deleted.
    Deleted(String),
}

impl Life {
    /// The id of what is there.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Living(id) => Some(id),
            _ => None,
        }
    }
}

/// A user in scope.
#[derive(Clone, Debug)]
pub struct User {
    /// Its number in the population.
    pub index: usize,
    /// Its first user name, by which it is told of whatever it is called later.
    pub name: String,
    /// Where it is in its life.
    pub life: Life,
    /// What the server must show.
    pub values: Values,
}

impl User {
    /// A text value; empty where there is none.
    #[must_use]
    pub fn text(&self, attribute: Attribute) -> &str {
        self.values.get(&attribute).and_then(Value::as_str).unwrap_or_default()
    }

    /// Its name in messages. The external id is what never changes.
    #[must_use]
    pub fn label(&self) -> String {
        format!("user {} ({})", self.name, self.life.id().unwrap_or_else(|| self.text(EXTERNAL_ID)))
    }

    /// Whether it is active.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.values.get(&ACTIVE).and_then(Value::as_bool).unwrap_or(true)
    }
}

/// A group in scope.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its number in the population.
    pub index: usize,
    /// Where it is in its life.
    pub life: Life,
    /// Its first name, by which it is told of whatever it is called later.
    pub name: String,
    /// Its name.
    pub display_name: String,
    /// Its id at the provider; empty where the client does not tell it.
    pub external_id: String,
    /// Numbers of the users that are its members at first.
    pub first_members: Vec<usize>,
    /// The ids of its members.
    pub members: BTreeSet<String>,
}

impl Group {
    /// Its name in messages.
    #[must_use]
    pub fn label(&self) -> String {
        match self.life.id().unwrap_or(&self.external_id) {
            "" => format!("group {}", self.name),
            id => format!("group {} ({id})", self.name),
        }
    }
}

/// Everything in scope.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// The users.
    pub users: Vec<User>,
    /// The groups.
    pub groups: Vec<Group>,
}

impl Model {
    /// The users that are there.
    pub fn living_users(&self) -> impl Iterator<Item = (&User, &str)> {
        self.users.iter().filter_map(|user| user.life.id().map(|id| (user, id)))
    }

    /// The groups that are there.
    pub fn living_groups(&self) -> impl Iterator<Item = (&Group, &str)> {
        self.groups.iter().filter_map(|group| group.life.id().map(|id| (group, id)))
    }

    /// The ids of the users, by number; none of those that are not there.
    #[must_use]
    pub fn ids(&self) -> Vec<Option<String>> {
        self.users.iter().map(|user| user.life.id().map(str::to_owned)).collect()
    }

    /// The ids of users that were deleted.
    #[must_use]
    pub fn deleted_ids(&self) -> Vec<String> {
        let deleted = |user: &User| match &user.life {
            Life::Deleted(id) => Some(id.clone()),
            _ => None,
        };
        self.users.iter().filter_map(deleted).collect()
    }

    /// A name for an id in messages.
    #[must_use]
    pub fn name_of(&self, id: &str) -> String {
        let named =
            self.users.iter().find(|user| matches!(&user.life, Life::Living(it) | Life::Deleted(it) if it == id));
        named.map_or_else(|| id.to_owned(), |user| format!("{} ({id})", user.text(USER_NAME)))
    }

    /// A deleted user is a member of nothing.
    pub fn forget_member(&mut self, id: &str) {
        for group in &mut self.groups {
            group.members.remove(id);
        }
    }
}
