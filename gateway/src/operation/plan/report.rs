//! What a mapping would change, counted and exemplified: of a plan over stored documents, and of a shadow over live writes. It is
//! bounded, whatever is added.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use scimgate_scim::difference::{Difference, differences};
use scimgate_scim::schema::ResourceType;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::operation::error::Error;
use crate::operation::resource::document::parse;
use crate::operation::resource::mapped::{Mapped, ProblemKind};
use crate::store::event::EventKind;
use crate::store::resource::read::Stored;

/// Most examples.
pub const MAX_EXAMPLES: usize = 20;
/// Examples of one kind of change, while there is room.
const EXAMPLES_OF_A_KIND: usize = 3;
/// Most differences of an example.
const MAX_DIFFERENCES: usize = 20;
/// Longest text of a value or a reason in an example.
const MAX_TEXT_CHARS: usize = 200;
/// Most attributes that are counted by name.
const MAX_ATTRIBUTES: usize = 500;

/// What a mapping does to a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// The product sees another document.
    Changed,
    /// The product does not see it any more.
    Excluded,
    /// The product sees it from then on.
    Included,
    /// A plugin rejects it: it keeps its older mapped document.
    Rejected,
    /// A plugin fails on it: the same.
    Failed,
    /// The result does not comply with the directory schema: the same.
    NonCompliant,
    /// Another resource has a value that must be unique: the same.
    Conflict,
}

/// A report.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Report {
    /// Documents that were mapped.
    pub examined: i64,
    /// Documents that stay the same for the product.
    pub unchanged: i64,
    /// Documents that change for the product.
    pub changed: i64,
    /// Documents that the product sees, and would not.
    pub excluded: i64,
    /// Users among them.
    pub excluded_users: i64,
    /// Documents that the product does not see, and would.
    pub included: i64,
    /// Documents that change and become inactive by it.
    pub deactivated: i64,
    /// Documents that a plugin rejects.
    pub rejected: i64,
    /// Documents on which a plugin fails.
    pub failed: i64,
    /// Documents whose result does not comply with the directory schema.
    pub non_compliant: i64,
    /// Documents of which another one has a value that must be unique.
    pub conflicts: i64,
    /// How many documents change at an attribute, by resource type and attribute.
    pub attributes: BTreeMap<String, BTreeMap<String, i64>>,
    /// Changes of attributes that are not counted by name, since there are too many.
    pub other_attributes: i64,
    /// Examples of every kind of change.
    pub examples: Vec<Example>,
    /// The time it took, in microseconds.
    pub micros: u64,
    /// What the guard would count or hold, in a plan.
    pub removals: Removals,
}

/// What the product would lose, as the guard counts it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Removals {
    /// Users, and resources of other types but groups.
    pub users: i64,
    /// Memberships of groups.
    pub memberships: i64,
    /// Protected users.
    pub protected: i64,
}

/// An example.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Example {
    /// The resource.
    pub id: Uuid,
    /// Its type.
    pub resource_type: String,
    /// Its userName or displayName.
    pub name: Option<String>,
    /// What happens to it.
    pub change: Change,
    /// Why, in a plugin's words.
    pub reason: Option<String>,
    /// What differs, at most some of it.
    pub differences: Vec<ExampleDifference>,
    /// The attributes that differ, all of them: what this is an example of.
    pub attributes: BTreeSet<String>,
}

/// A difference in an example: values are JSON text, shortened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExampleDifference {
    /// The path.
    pub path: String,
    /// What the product reads.
    pub before: Option<String>,
    /// What it would read.
    pub after: Option<String>,
}

impl Report {
    /// Adds what a mapping made of a document.
    ///
    /// # Errors
    /// A stored mapped document cannot be read.
    pub(crate) fn add(&mut self, resource_type: &ResourceType, stored: &Stored, mapped: &Mapped) -> Result<(), Error> {
        self.examined += 1;
        let Some(change) = change(mapped) else {
            self.unchanged += 1;
            return Ok(());
        };
        let is_user = stored.resource_type == "User";
        match change {
            Change::Changed => self.changed += 1,
            Change::Excluded => {
                self.excluded += 1;
                self.excluded_users += i64::from(is_user);
            }
            Change::Included => self.included += 1,
            Change::Rejected => self.rejected += 1,
            Change::Failed => self.failed += 1,
            Change::NonCompliant => self.non_compliant += 1,
            Change::Conflict => self.conflicts += 1,
        }
        self.deactivated += i64::from(mapped.event == Some(EventKind::Deactivated));
        let differences = if change == Change::Changed { found(resource_type, stored, mapped)? } else { Vec::new() };
        let attributes: BTreeSet<String> = differences.iter().map(|it| it.attribute.clone()).collect();
        self.count(&stored.resource_type, &attributes);
        let kinds = kinds(&stored.resource_type, change, &attributes);
        if let Some(place) = self.place_for(&kinds) {
            let example = example(resource_type, stored, (change, mapped), (&differences, attributes));
            match self.examples.get_mut(place) {
                Some(redundant) => *redundant = example,
                None => self.examples.push(example),
            }
        }
        Ok(())
    }

    /// Adds another report.
    pub fn join(&mut self, other: Self) {
        self.examined += other.examined;
        self.unchanged += other.unchanged;
        self.changed += other.changed;
        self.excluded += other.excluded;
        self.excluded_users += other.excluded_users;
        self.included += other.included;
        self.deactivated += other.deactivated;
        self.rejected += other.rejected;
        self.failed += other.failed;
        self.non_compliant += other.non_compliant;
        self.conflicts += other.conflicts;
        self.other_attributes += other.other_attributes;
        self.micros += other.micros;
        self.removals.users += other.removals.users;
        self.removals.memberships += other.removals.memberships;
        self.removals.protected += other.removals.protected;
        for (resource_type, attributes) in other.attributes {
            for (attribute, count) in attributes {
                self.count_one(&resource_type, attribute, count);
            }
        }
        for example in other.examples {
            let kinds = kinds(&example.resource_type, example.change, &example.attributes);
            match self.place_for(&kinds) {
                Some(place) if place < self.examples.len() => self.examples[place] = example,
                Some(_) => self.examples.push(example),
                None => {}
            }
        }
    }

    /// Documents for which an activation writes an event.
    #[must_use]
    pub fn events(&self) -> i64 {
        self.changed + self.excluded + self.included
    }

    /// Documents that an activation leaves as they are because the chain refuses them.
    #[must_use]
    pub fn refused(&self) -> i64 {
        self.rejected + self.failed + self.non_compliant + self.conflicts
    }

    /// A document that another one kept from being mapped is added again, since the value has become free.
    pub(crate) fn resolve(&mut self, id: Uuid) {
        self.examined -= 1;
        self.conflicts -= 1;
        self.examples.retain(|example| example.id != id || example.change != Change::Conflict);
    }

    pub(crate) fn took(&mut self, time: Duration) {
        self.micros = self.micros.saturating_add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    fn count(&mut self, resource_type: &str, attributes: &BTreeSet<String>) {
        for attribute in attributes {
            self.count_one(resource_type, attribute.clone(), 1);
        }
    }

    fn count_one(&mut self, resource_type: &str, attribute: String, count: i64) {
        let named: usize = self.attributes.values().map(BTreeMap::len).sum();
        let of_type = self.attributes.entry(resource_type.to_owned()).or_default();
        match of_type.get_mut(&attribute) {
            Some(known) => *known += count,
            None if named < MAX_ATTRIBUTES => {
                of_type.insert(attribute, count);
            }
            None => self.other_attributes += count,
        }
    }

    /// Where an example of these kinds goes: behind the others while there is room and a kind has few, or else, if it is the first
    /// of a kind, in the place of one whose kinds all have another example.
    fn place_for(&self, kinds: &BTreeSet<Kind>) -> Option<usize> {
        let mut known = BTreeMap::<Kind, usize>::new();
        let all: Vec<BTreeSet<Kind>> =
            self.examples.iter().map(|it| self::kinds(&it.resource_type, it.change, &it.attributes)).collect();
        for kind in all.iter().flatten() {
            *known.entry(kind.clone()).or_default() += 1;
        }
        let count = |kind: &Kind| known.get(kind).copied().unwrap_or_default();
        if self.examples.len() < MAX_EXAMPLES {
            return kinds.iter().any(|kind| count(kind) < EXAMPLES_OF_A_KIND).then_some(self.examples.len());
        }
        if kinds.iter().all(|kind| count(kind) > 0) {
            return None;
        }
        all.iter().position(|of_one| of_one.iter().all(|kind| count(kind) > 1)).or_else(|| self.place_for_change(kinds))
    }

    /// Where the first example of what happens to a document goes when each example is the only one of a kind.
    fn place_for_change(&self, kinds: &BTreeSet<Kind>) -> Option<usize> {
        let (_, new, _) = kinds.first()?;
        let count = |change: Change| self.examples.iter().filter(|it| it.change == change).count();
        if count(*new) > 0 {
            return None;
        }
        self.examples.iter().rposition(|it| count(it.change) > 1)
    }
}

/// What an example is of: the type, the change, and an attribute, or none.
type Kind = (String, Change, String);

fn kinds(resource_type: &str, change: Change, attributes: &BTreeSet<String>) -> BTreeSet<Kind> {
    let kind = |attribute: &str| (resource_type.to_owned(), change, attribute.to_owned());
    if attributes.is_empty() { BTreeSet::from([kind("")]) } else { attributes.iter().map(|it| kind(it)).collect() }
}

/// None where the product sees no change.
fn change(mapped: &Mapped) -> Option<Change> {
    if let Some(problem) = &mapped.problem {
        return Some(match problem.kind {
            ProblemKind::Rejected => Change::Rejected,
            ProblemKind::Failed => Change::Failed,
            ProblemKind::NonCompliant => Change::NonCompliant,
            ProblemKind::Conflict => Change::Conflict,
        });
    }
    mapped.event.map(|event| match event {
        EventKind::Created => Change::Included,
        EventKind::Updated | EventKind::Deactivated => Change::Changed,
        EventKind::Deleted => Change::Excluded,
    })
}

fn found(resource_type: &ResourceType, stored: &Stored, mapped: &Mapped) -> Result<Vec<Difference>, Error> {
    let read = |text: Option<&str>| text.map_or_else(|| Ok(Map::new()), |text| parse("mapped", text));
    Ok(differences(&read(stored.mapped_text())?, &read(mapped.view(stored))?, resource_type))
}

fn example(
    resource_type: &ResourceType,
    stored: &Stored,
    (change, mapped): (Change, &Mapped),
    (differences, attributes): (&[Difference], BTreeSet<String>),
) -> Example {
    let text = |value: &Option<Value>| value.as_ref().map(|value| shortened(&value.to_string()));
    let differences = differences.iter().take(MAX_DIFFERENCES);
    let differences = differences.map(|it| ExampleDifference {
        path: shortened(&it.path),
        before: text(&it.before),
        after: text(&it.after),
    });
    let source = parse("source", &stored.source).unwrap_or_default();
    Example {
        id: stored.id,
        resource_type: stored.resource_type.clone(),
        name: source.get(&resource_type.name_attribute).and_then(Value::as_str).map(shortened),
        change,
        reason: mapped.reason().map(shortened),
        differences: differences.collect(),
        attributes,
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
