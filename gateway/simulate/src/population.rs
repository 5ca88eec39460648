//! Who is in scope: people, groups and what becomes of them, all by the seed.

use serde_json::{Value, json};

use crate::attribute::{self, Attribute};
use crate::chance::Chance;
use crate::model::{Group, Life, Model, User, Values};
use crate::options::Size;

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

/// What becomes of a user in the incremental cycles. Each user plays one part, so that even a few play them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Leaves and comes back in each cycle.
    Returns,
    /// Is deactivated in the last cycle and stays so.
    Leaves,
    /// Gets other core attributes.
    Promoted,
    /// Gets another mail address and other telephones.
    Reached,
    /// Changes department.
    Transferred,
    /// Marries: another name, another user name; the next cycle takes both back.
    Renamed,
    /// Is given what was not there.
    Completed,
    /// Is deactivated and deleted.
    Deleted,
    /// Gets another manager, then none.
    Reassigned,
    /// Is left alone.
    Constant,
}

const PARTS: [Part; 10] = [
    Part::Returns,
    Part::Leaves,
    Part::Promoted,
    Part::Reached,
    Part::Transferred,
    Part::Renamed,
    Part::Completed,
    Part::Deleted,
    Part::Reassigned,
    Part::Constant,
];

/// Makes people and groups.
#[derive(Clone, Copy, Debug)]
pub struct Population {
    /// The seed's choices.
    pub chance: Chance,
    size: Size,
}

impl Population {
    /// A population of a size.
    #[must_use]
    pub fn new(chance: Chance, size: Size) -> Self {
        Self { chance, size }
    }

    /// Everyone in scope, and nobody provisioned.
    #[must_use]
    pub fn model(&self) -> Model {
        let users = (0..self.size.users).map(|index| self.user(index)).collect();
        let groups = (0..self.size.groups).map(|index| self.group(index)).collect();
        Model { users, groups }
    }

    /// The part of a user.
    #[must_use]
    pub fn part(&self, index: usize) -> Part {
        PARTS[(index + self.chance.below("first part", 0, PARTS.len())) % PARTS.len()]
    }

    /// One of the cycles, counted from 1, for what happens to a user once.
    #[must_use]
    pub fn cycle_of(&self, index: usize) -> usize {
        1 + (index / PARTS.len()) % self.size.cycles.max(1)
    }

    /// The domain of all addresses; it cannot be anyone's (RFC 6761 §6.4).
    #[must_use]
    pub fn domain(&self) -> String {
        format!("seed-{}.simulated.test", self.chance.seed())
    }

    /// A user.
    #[must_use]
    pub fn user(&self, index: usize) -> User {
        let chance = self.chance;
        let (given, family) = (chance.pick("given", index, &GIVEN), chance.pick("family", index, &FAMILY));
        let town = chance.pick("town", index, &TOWNS);
        let mail = format!("{}{index}@{}", ascii(given), self.domain());
        let name = format!("{}.{}{index}@{}", ascii(given), ascii(family), self.domain());
        let mut values = Values::new();
        let mut set = |attribute: Attribute, value: Value| drop(values.insert(attribute, value));
        set(attribute::USER_NAME, name.clone().into());
        set(attribute::EXTERNAL_ID, chance.guid("user", index).into());
        set(attribute::ACTIVE, true.into());
        set(attribute::DISPLAY_NAME, format!("{given} {family}").into());
        set(attribute::GIVEN_NAME, (*given).into());
        set(attribute::FAMILY_NAME, (*family).into());
        set(attribute::MAIL, mail.into());
        set(attribute::PHONE, self.phone("phone", index).into());
        set(attribute::TITLE, (*chance.pick("title", index, &TITLES)).into());
        set(attribute::DEPARTMENT, (*chance.pick("department", index, &DEPARTMENTS)).into());
        set(attribute::EMPLOYEE_NUMBER, format!("{:06}", 701 + index).into());
        let sometimes: [(Attribute, Value); 9] = [
            (attribute::MOBILE, self.phone("mobile", index).into()),
            (attribute::LANGUAGE, (*chance.pick("language", index, &LANGUAGES)).into()),
            (attribute::STREET, town.0.into()),
            (attribute::LOCALITY, town.1.into()),
            (attribute::POSTAL_CODE, town.2.into()),
            (attribute::COUNTRY, town.3.into()),
            (attribute::COST_CENTER, format!("0{}", chance.below("cost center", index, 9000)).into()),
            (attribute::DIVISION, "EMEA".into()),
            (attribute::CUSTOM_1, format!("B-{:04}", index + 1).into()),
        ];
        for (number, (attribute, value)) in sometimes.into_iter().enumerate() {
            if !chance.once_in(4, "left out", index * 16 + number) {
                set(attribute, value);
            }
        }
        User { index, name, life: Life::Absent, values }
    }

    /// A telephone number as people write it; none of them in one form.
    #[must_use]
    pub fn phone(&self, what: &str, index: usize) -> String {
        let number = self.chance.below(what, index, 9_000_000) + 1_000_000;
        match self.chance.below("phone form", index, 4) {
            0 => format!("+49 (0)30 {number}"),
            1 => format!("+1 425-555-{:04}", number % 10_000),
            2 => format!("020 {}", number % 100_000),
            _ => format!("tel:+4930{number};ext=7"),
        }
    }

    /// A group.
    #[must_use]
    pub fn group(&self, index: usize) -> Group {
        let team = self.chance.pick("team", index, &TEAMS);
        let count = self.size.members_per_group.min(self.size.users);
        let name = format!("{team} {index} (seed {})", self.chance.seed());
        let first = self.chance.below("first member", index, self.size.users);
        Group {
            index,
            life: Life::Absent,
            display_name: name.clone(),
            name,
            external_id: self.chance.guid("group", index),
            first_members: (0..count).map(|number| (first + number) % self.size.users).collect(),
            members: std::collections::BTreeSet::new(),
        }
    }

    /// The manager of a user in a cycle, the initial one being 0: somebody else who is never deleted.
    #[must_use]
    pub fn manager(&self, index: usize, cycle: usize) -> Option<usize> {
        let first = self.chance.below("manager", index + cycle * self.size.users, self.size.users);
        let candidates = (0..self.size.users).map(|number| (first + number) % self.size.users);
        candidates.take(3).find(|it| *it != index && self.part(*it) != Part::Deleted)
    }

    /// What the provider changes of a user in a cycle.
    #[must_use]
    pub fn changes(&self, index: usize, cycle: usize) -> Vec<(Attribute, Value)> {
        let original = self.user(index);
        let first = |attribute| original.values.get(&attribute).cloned().unwrap_or_default();
        match self.part(index) {
            Part::Promoted => vec![
                (attribute::TITLE, json!(format!("Principal {index}, cycle {cycle}"))),
                (
                    attribute::DISPLAY_NAME,
                    json!(format!("Dr {} (cycle {cycle})", original.text(attribute::DISPLAY_NAME))),
                ),
                (attribute::CUSTOM_2, json!(format!("Building {cycle}"))),
            ],
            Part::Reached => vec![
                (attribute::MAIL, json!(format!("Reached{index}.{cycle}@{}", self.domain()))),
                (attribute::PHONE, json!(self.phone("changed phone", index + cycle * self.size.users))),
                (attribute::MOBILE, json!(self.phone("changed mobile", index + cycle * self.size.users))),
                (attribute::GIVEN_NAME, json!(format!("{} {cycle}.", original.text(attribute::GIVEN_NAME)))),
            ],
            Part::Transferred => vec![
                (attribute::DEPARTMENT, json!(format!("Department {cycle}"))),
                (attribute::COST_CENTER, json!(format!("00{cycle}"))),
                (attribute::LOCALITY, json!(format!("Town {cycle}"))),
            ],
            Part::Renamed if cycle % 2 == 1 => vec![
                (attribute::USER_NAME, json!(format!("married.{}", original.text(attribute::USER_NAME)))),
                (attribute::FAMILY_NAME, json!("Byron-King")),
            ],
            Part::Renamed => vec![
                (attribute::USER_NAME, first(attribute::USER_NAME)),
                (attribute::FAMILY_NAME, first(attribute::FAMILY_NAME)),
            ],
            Part::Completed => vec![
                (attribute::NICK_NAME, json!(format!("Nick {cycle}"))),
                (attribute::DIVISION, json!(format!("Division {cycle}"))),
                (attribute::STREET, json!(format!("{cycle} New Street"))),
            ],
            _ => Vec::new(),
        }
    }
}

/// What a user name is made of: ASCII letters, digits and the signs that occur in one.
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
        Population::new(Chance::new(seed), Size { users, groups: 8, members_per_group: 30, cycles: 2 })
    }

    #[test]
    fn a_seed_decides_everything() {
        let said = |seed| format!("{:?}", population(seed, 40).model());
        assert_eq!(said(7), said(7));
        assert_ne!(said(7), said(8));
    }

    #[test]
    fn what_must_be_unique_is() {
        let model = population(3, 500).model();
        for attribute in [attribute::USER_NAME, attribute::EXTERNAL_ID] {
            let texts: BTreeSet<String> = model.users.iter().map(|user| user.text(attribute).to_lowercase()).collect();
            assert_eq!(texts.len(), 500, "{}", attribute.path());
        }
        let names: BTreeSet<&str> = model.groups.iter().map(|group| group.display_name.as_str()).collect();
        assert_eq!(names.len(), 8);
        for group in &model.groups {
            assert_eq!(group.first_members.iter().collect::<BTreeSet<_>>().len(), 30);
        }
    }

    #[test]
    fn ten_users_play_every_part_and_nobody_is_led_by_who_is_deleted() {
        let population = population(11, 10);
        for part in PARTS {
            assert_eq!((0..10).filter(|index| population.part(*index) == part).count(), 1, "{part:?}");
        }
        for index in 0..10 {
            let manager = population.manager(index, 1);
            assert!(manager.is_none_or(|it| it != index && population.part(it) != Part::Deleted));
        }
    }

    #[test]
    fn small_scopes_are_no_trouble() {
        for users in 0..4 {
            let model = population(1, users).model();
            assert_eq!(model.users.len(), users);
            assert!(model.groups.iter().all(|group| group.first_members.len() == users));
        }
    }
}
