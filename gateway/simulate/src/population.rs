//! The users and groups in scope and what happens to them, all determined by the seed.

use serde_json::{Value, json};

use crate::attribute::{self, Attribute};
use crate::model::{Group, Model, Presence, User, Values};
use crate::options::Size;
use crate::seed::Seed;

const GIVEN: [&str; 20] = [
    "Ada",
    "Grace",
    "Edsger",
    "Barbara",
    "Alan",
    "Radia",
    "Ken",
    "Frances",
    "Niklaus",
    "Adele",
    "Željko",
    "Zoë",
    "Søren",
    "Lucía",
    "Jürgen",
    "Chloë",
    "Ömer",
    "Nguyễn",
    "Дарья",
    "美咲",
];
const FAMILY: [&str; 20] = [
    "Byron",
    "Hopper",
    "Dijkstra",
    "Liskov",
    "Turing",
    "Perlman",
    "Thompson",
    "Allen",
    "Wirth",
    "Goldberg",
    "O'Brien",
    "van der Berg",
    "Müller-Lüdenscheid",
    "García Márquez",
    "Ødegård",
    "Ivanova",
    "佐藤",
    "D\"Arc",
    "Smith",
    "St. John",
];
const DEPARTMENTS: [&str; 6] = ["R&D", "Sales", "Customer Success", "Legal / Compliance", "IT", "Finance <EMEA>"];
const TITLES: [&str; 6] =
    ["Engineer", "Senior Engineer", "Account Manager", "CFO", "Working student", "Head of “Special” Projects"];
const TOWNS: [(&str, &str, &str, &str); 5] = [
    ("1 St. James's Square", "London", "SW1Y 4JU", "GB"),
    ("Hauptstraße 5", "Berlin", "01067", "DE"),
    ("1 Microsoft Way", "Redmond", "98052-6399", "US"),
    ("Calle de Alcalá 42", "Madrid", "28014", "ES"),
    ("港区六本木 6-10-1", "東京", "106-6108", "JP"),
];
const LANGUAGES: [&str; 4] = ["en-US", "de-DE", "es-ES", "ja-JP"];
const TEAMS: [&str; 8] =
    ["Analysts", "Team \"North\"", "Büro Süd", "R&D", "All staff", "On call", "Path\\Readers", "VPN users"];

/// What happens to a user in the incremental cycles. Each user has one role, so ten users cover all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Is deactivated and reactivated in each cycle.
    Returning,
    /// Is deactivated in the last cycle.
    Leaving,
    /// Gets other core attributes.
    Promoted,
    /// Gets another mail address and other telephone numbers.
    ContactChanged,
    /// Changes the department.
    Transferred,
    /// Gets another family name and user name; the next cycle restores both.
    Renamed,
    /// Gets values that were missing.
    Completed,
    /// Is deactivated and deleted.
    Deleted,
    /// Gets another manager, then none.
    Reassigned,
    /// Is not changed.
    Unchanged,
}

const ROLES: [Role; 10] = [
    Role::Returning,
    Role::Leaving,
    Role::Promoted,
    Role::ContactChanged,
    Role::Transferred,
    Role::Renamed,
    Role::Completed,
    Role::Deleted,
    Role::Reassigned,
    Role::Unchanged,
];

/// Generates users and groups.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Population {
    pub(crate) seed: Seed,
    size: Size,
}

impl Population {
    pub(crate) fn new(seed: Seed, size: Size) -> Self {
        Self { seed, size }
    }

    /// Everyone in scope, not provisioned yet.
    pub(crate) fn model(&self) -> Model {
        let users = (0..self.size.users).map(|index| self.user(index)).collect();
        let groups = (0..self.size.groups).map(|index| self.group(index)).collect();
        Model { users, groups }
    }

    pub(crate) fn role(&self, index: usize) -> Role {
        ROLES[(index + self.seed.below("first role", 0, ROLES.len())) % ROLES.len()]
    }

    /// The cycle, counted from 1, in which a user with the role [`Role::Deleted`] is deleted.
    pub(crate) fn deletion_cycle(&self, index: usize) -> usize {
        1 + (index / ROLES.len()) % self.size.cycles.max(1)
    }

    /// The domain of all addresses, which is reserved (RFC 6761 §6.4).
    pub(crate) fn domain(&self) -> String {
        format!("seed-{}.simulated.test", self.seed.0)
    }

    pub(crate) fn user(&self, index: usize) -> User {
        let seed = self.seed;
        let (given, family) = (seed.pick("given", index, &GIVEN), seed.pick("family", index, &FAMILY));
        let town = seed.pick("town", index, &TOWNS);
        let mail = format!("{}{index}@{}", ascii(given), self.domain());
        let name = format!("{}.{}{index}@{}", ascii(given), ascii(family), self.domain());
        let mut values = Values::new();
        let mut set = |attribute: Attribute, value: Value| drop(values.insert(attribute, value));
        set(attribute::USER_NAME, name.clone().into());
        set(attribute::EXTERNAL_ID, seed.guid("user", index).into());
        set(attribute::ACTIVE, true.into());
        set(attribute::DISPLAY_NAME, format!("{given} {family}").into());
        set(attribute::GIVEN_NAME, (*given).into());
        set(attribute::FAMILY_NAME, (*family).into());
        set(attribute::MAIL, mail.into());
        set(attribute::PHONE, self.phone("phone", index).into());
        set(attribute::TITLE, (*seed.pick("title", index, &TITLES)).into());
        set(attribute::DEPARTMENT, (*seed.pick("department", index, &DEPARTMENTS)).into());
        set(attribute::EMPLOYEE_NUMBER, format!("{:06}", 701 + index).into());
        let optional: [(Attribute, Value); 9] = [
            (attribute::MOBILE, self.phone("mobile", index).into()),
            (attribute::LANGUAGE, (*seed.pick("language", index, &LANGUAGES)).into()),
            (attribute::STREET, town.0.into()),
            (attribute::LOCALITY, town.1.into()),
            (attribute::POSTAL_CODE, town.2.into()),
            (attribute::COUNTRY, town.3.into()),
            (attribute::COST_CENTER, format!("0{}", seed.below("cost center", index, 9000)).into()),
            (attribute::DIVISION, "EMEA".into()),
            (attribute::CUSTOM_1, format!("B-{:04}", index + 1).into()),
        ];
        for (number, (attribute, value)) in optional.into_iter().enumerate() {
            if !seed.one_in(4, "left out", index * 16 + number) {
                set(attribute, value);
            }
        }
        User { index, name, presence: Presence::Absent, values }
    }

    /// A telephone number in one of the forms that people use.
    fn phone(&self, name: &str, index: usize) -> String {
        let number = self.seed.below(name, index, 9_000_000) + 1_000_000;
        match self.seed.below("phone form", index, 4) {
            0 => format!("+49 (0)30 {number}"),
            1 => format!("+1 425-555-{:04}", number % 10_000),
            2 => format!("020 {}", number % 100_000),
            _ => format!("tel:+4930{number};ext=7"),
        }
    }

    pub(crate) fn group(&self, index: usize) -> Group {
        let team = self.seed.pick("team", index, &TEAMS);
        let count = self.size.members_per_group.min(self.size.users);
        let name = format!("{team} {index} (seed {})", self.seed.0);
        let first = self.seed.below("first member", index, self.size.users);
        Group {
            index,
            presence: Presence::Absent,
            display_name: name.clone(),
            name,
            external_id: self.seed.guid("group", index),
            initial_members: (0..count).map(|number| (first + number) % self.size.users).collect(),
            members: std::collections::BTreeSet::new(),
        }
    }

    /// The manager of a user in a cycle (0 is the initial one): another user who is never deleted.
    pub(crate) fn manager(&self, index: usize, cycle: usize) -> Option<usize> {
        let first = self.seed.below("manager", index + cycle * self.size.users, self.size.users);
        let candidates = (0..self.size.users).map(|number| (first + number) % self.size.users);
        candidates.take(3).find(|it| *it != index && self.role(*it) != Role::Deleted)
    }

    /// The values of a user that the provider changes in a cycle.
    pub(crate) fn changes(&self, index: usize, cycle: usize) -> Vec<(Attribute, Value)> {
        let original = self.user(index);
        let first = |attribute| original.values.get(&attribute).cloned().unwrap_or_default();
        match self.role(index) {
            Role::Promoted => vec![
                (attribute::TITLE, json!(format!("Principal {index}, cycle {cycle}"))),
                (
                    attribute::DISPLAY_NAME,
                    json!(format!("Dr {} (cycle {cycle})", original.text(attribute::DISPLAY_NAME))),
                ),
                (attribute::CUSTOM_2, json!(format!("Building {cycle}"))),
            ],
            Role::ContactChanged => vec![
                (attribute::MAIL, json!(format!("Reached{index}.{cycle}@{}", self.domain()))),
                (attribute::PHONE, json!(self.phone("changed phone", index + cycle * self.size.users))),
                (attribute::MOBILE, json!(self.phone("changed mobile", index + cycle * self.size.users))),
                (attribute::GIVEN_NAME, json!(format!("{} {cycle}.", original.text(attribute::GIVEN_NAME)))),
            ],
            Role::Transferred => vec![
                (attribute::DEPARTMENT, json!(format!("Department {cycle}"))),
                (attribute::COST_CENTER, json!(format!("00{cycle}"))),
                (attribute::LOCALITY, json!(format!("Town {cycle}"))),
            ],
            Role::Renamed if cycle % 2 == 1 => vec![
                (attribute::USER_NAME, json!(format!("married.{}", original.text(attribute::USER_NAME)))),
                (attribute::FAMILY_NAME, json!("Byron-King")),
            ],
            Role::Renamed => vec![
                (attribute::USER_NAME, first(attribute::USER_NAME)),
                (attribute::FAMILY_NAME, first(attribute::FAMILY_NAME)),
            ],
            Role::Completed => vec![
                (attribute::NICK_NAME, json!(format!("Nick {cycle}"))),
                (attribute::DIVISION, json!(format!("Division {cycle}"))),
                (attribute::STREET, json!(format!("{cycle} New Street"))),
            ],
            _ => Vec::new(),
        }
    }
}

/// The characters of a name that user names contain: ASCII letters, digits, apostrophes and hyphens.
fn ascii(name: &str) -> String {
    let kept: String =
        name.chars().filter(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '\'' | '-')).collect();
    if kept.is_empty() { "user".to_owned() } else { kept }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn population(seed: u64, users: usize) -> Population {
        Population::new(Seed(seed), Size { users, groups: 8, members_per_group: 30, cycles: 2 })
    }

    #[test]
    fn the_seed_determines_the_model() {
        let debug = |seed| format!("{:?}", population(seed, 40).model());
        assert_eq!(debug(7), debug(7));
        assert_ne!(debug(7), debug(8));
    }

    #[test]
    fn names_ids_and_members_are_unique() {
        let model = population(3, 500).model();
        for attribute in [attribute::USER_NAME, attribute::EXTERNAL_ID] {
            let texts: BTreeSet<String> = model.users.iter().map(|user| user.text(attribute).to_lowercase()).collect();
            assert_eq!(texts.len(), 500, "{}", attribute.path());
        }
        let names: BTreeSet<&str> = model.groups.iter().map(|group| group.display_name.as_str()).collect();
        assert_eq!(names.len(), 8);
        for group in &model.groups {
            assert_eq!(group.initial_members.iter().collect::<BTreeSet<_>>().len(), 30);
        }
    }

    #[test]
    fn ten_users_have_every_role_and_no_manager_is_deleted() {
        let population = population(11, 10);
        for role in ROLES {
            assert_eq!((0..10).filter(|index| population.role(*index) == role).count(), 1, "{role:?}");
        }
        for index in 0..10 {
            let manager = population.manager(index, 1);
            assert!(manager.is_none_or(|it| it != index && population.role(it) != Role::Deleted));
        }
    }

    #[test]
    fn small_populations_are_complete() {
        for users in 0..4 {
            let model = population(1, users).model();
            assert_eq!(model.users.len(), users);
            assert!(model.groups.iter().all(|group| group.initial_members.len() == users));
        }
    }
}
