//! What no schema knew when a client wrote it, and how it becomes part of the document once one does.
//!
//! Changes are made as the operations of a client's PATCH, in their order, so that one set of rules decides what they lead
//! to. What does not fit its schema stays aside, with the reason; a value that the document has already is newer and stays.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use serde_json::{Map, Value, json};

use crate::aside::Aside;
use crate::attribute::{Mutability, Returned};
use crate::error::ScimError;
use crate::leniency::Leniencies;
use crate::normalise::rebuild_schemas;
use crate::patch::{PATCH_SCHEMA, Patch, Patched};
use crate::schema::validate::{check_attribute, check_extension_of};
use crate::schema::{AttributeRef, ResourceType, Schema, common_attributes};
use crate::verb::Verb;
use entry::{Known, Piece};

mod entry;
mod omitted;

pub use omitted::keep_omitted;

/// A value that its schema does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The name it is kept aside under.
    pub name: String,
    /// A sentence that names the attribute and what is wrong.
    pub why: String,
}

/// A document with what could be taken in.
#[derive(Clone, Debug, PartialEq)]
pub struct TakenIn {
    /// The canonical document.
    pub document: Map<String, Value>,
    /// What stays aside.
    pub set_aside: Aside,
    /// What stays aside although a schema knows it.
    pub misfits: Vec<Misfit>,
    /// Whether the document is another than before.
    pub changed: bool,
}

/// Takes what the resource type knows by now into the document. `allowed` can keep an attribute out for the caller's
/// reasons; what it keeps out is a misfit with that reason.
#[must_use]
pub fn take_in(
    document: Map<String, Value>,
    set_aside: Aside,
    resource_type: &ResourceType,
    leniencies: &Leniencies,
    allowed: &dyn Fn(&AttributeRef) -> Result<(), String>,
) -> TakenIn {
    let mut rules = Rules { resource_type, leniencies, allowed, effort: Effort::default() };
    Intake::of(document, set_aside, &mut rules)
}

/// Brings a document that was canonical by other schemas to those of this type: what they don't define goes aside, and
/// what was aside comes in. For a write that was under way when the schemas changed.
#[must_use]
pub fn refit(
    document: Map<String, Value>,
    mut set_aside: Aside,
    resource_type: &ResourceType,
    leniencies: &Leniencies,
) -> TakenIn {
    let before = document.clone();
    let (mut kept, mut foreign) = (Map::new(), Map::new());
    for (key, value) in document {
        let extension = resource_type.extensions.iter().find(|it| it.schema.id == key);
        match (extension, value) {
            (Some(extension), Value::Object(members)) => {
                let (own, others): (Map<_, _>, Map<_, _>) =
                    members.into_iter().partition(|(name, _)| extension.schema.attribute(name).is_some());
                foreign.extend(others.into_iter().map(|(name, value)| (format!("{key}:{name}"), value)));
                kept.insert(key, Value::Object(own));
            }
            (_, value) if is_own(&key, resource_type) => drop(kept.insert(key, value)),
            (_, value) => drop(foreign.insert(key, value)),
        }
    }
    set_aside.append(foreign);
    rebuild_schemas(&mut kept, resource_type);
    let mut taken = take_in(kept, set_aside, resource_type, leniencies, &|_| Ok(()));
    taken.changed = taken.document != before;
    taken
}

struct Rules<'a> {
    resource_type: &'a ResourceType,
    leniencies: &'a Leniencies,
    allowed: &'a dyn Fn(&AttributeRef) -> Result<(), String>,
    effort: Effort,
}

/// A document that changes are being made to.
struct Intake {
    document: Map<String, Value>,
    left: Vec<Piece>,
    misfits: Vec<Misfit>,
    changed: bool,
}

/// All changes of one attribute in their order.
struct Group {
    /// The attribute, without a sub-attribute.
    attribute: AttributeRef,
    known: Vec<Known>,
}

/// What came of a group.
struct Outcome {
    /// Of each change what of its value stays aside, under full names; or why all of it does.
    each: Vec<Result<Map<String, Value>, String>>,
    /// What the attribute was before, if it is another now.
    before: Option<Before>,
}

/// The value of an attribute before it was changed, if it had one.
struct Before(Option<Value>);

impl Intake {
    fn of(document: Map<String, Value>, set_aside: Aside, rules: &mut Rules<'_>) -> TakenIn {
        let mut intake = Self { document, left: Vec::new(), misfits: Vec::new(), changed: false };
        let groups = intake.groups(set_aside, rules.resource_type);
        let (own, of_extensions): (Vec<Group>, Vec<Group>) =
            groups.into_iter().partition(|group| group.attribute.extension.is_none());
        for group in own {
            let outcome = intake.group(&group, rules);
            intake.changed |= outcome.before.is_some();
            intake.settle(group, outcome);
        }
        let mut of_extensions = of_extensions;
        for extension in &rules.resource_type.extensions {
            let is_of =
                |group: &Group| group.attribute.extension.as_ref().is_some_and(|it| it.id == extension.schema.id);
            let (unit, others) = of_extensions.into_iter().partition(is_of);
            of_extensions = others;
            intake.unit(unit, &extension.schema, rules);
        }
        let Self { mut document, left, misfits, changed } = intake;
        if changed {
            rebuild_schemas(&mut document, rules.resource_type);
        }
        TakenIn { document, set_aside: entry::gather(left), misfits, changed }
    }

    /// What is known by now, by attributes in the order in which they come up. The rest is left.
    fn groups(&mut self, set_aside: Aside, resource_type: &ResourceType) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for piece in entry::spread(set_aside, resource_type) {
            let Some(reference) = entry::meaning(&piece.name(), resource_type) else {
                self.left.push(piece);
                continue;
            };
            let attribute = AttributeRef { sub: None, ..reference.clone() };
            let known = Known { piece, reference };
            let group = match places.entry(attribute.name()) {
                Slot::Occupied(place) => groups.get_mut(*place.get()),
                Slot::Vacant(place) => {
                    place.insert(groups.len());
                    groups.push(Group { attribute, known: Vec::new() });
                    groups.last_mut()
                }
            };
            if let Some(group) = group {
                group.known.push(known);
            }
        }
        groups
    }

    /// An extension comes in as a whole or not at all, since one of its attributes may be required beside another: what
    /// does not fit stays aside, and where the rest is incomplete without it, all does.
    fn unit(&mut self, unit: Vec<Group>, schema: &Schema, rules: &mut Rules<'_>) {
        let outcomes: Vec<Outcome> = unit.iter().map(|group| self.group(group, rules)).collect();
        let changed = outcomes.iter().any(|outcome| outcome.before.is_some());
        let refusal = if changed { check_extension_of(&self.document, schema).err() } else { None };
        self.changed |= changed && refusal.is_none();
        for (group, mut outcome) in unit.into_iter().zip(outcomes) {
            if let Some(refusal) = &refusal {
                if let Some(Before(value)) = outcome.before.take() {
                    exchange(&mut self.document, &group.attribute, value);
                }
                outcome.each.fill_with(|| Err(refusal.detail.clone()));
            }
            self.settle(group, outcome);
        }
    }

    fn settle(&mut self, group: Group, outcome: Outcome) {
        for (Known { piece, .. }, result) in group.known.into_iter().zip(outcome.each) {
            match result {
                Ok(rest) => piece.leave(rest, &mut self.left),
                Err(why) => {
                    self.misfits.push(Misfit { name: piece.name(), why });
                    self.left.push(piece);
                }
            }
        }
    }

    /// Makes the changes of one attribute. What the document says of it already is newer than all of them.
    fn group(&mut self, group: &Group, rules: &mut Rules<'_>) -> Outcome {
        let is_there = |known: &Known| is_there(&self.document, &known.reference);
        let passed: Vec<bool> = group.known.iter().map(|it| is_dropped(&it.reference) || is_there(it)).collect();
        let whole = group.known.iter().any(|known| known.reference.sub.is_none());
        let (mut before, refused) = (None::<Before>, rules.effort.refused);
        let mut each = Vec::with_capacity(group.known.len());
        for (known, passed) in group.known.iter().zip(passed) {
            // One that is begun is not left in the middle: what is made of it would be taken for newer than the rest.
            let most = if whole && !each.is_empty() { Effort::MOST_OF_ONE } else { Effort::MOST };
            each.push(if passed { Ok(Map::new()) } else { self.one(known, &mut before, most, rules) });
        }
        if whole && rules.effort.refused > refused {
            if let Some(Before(value)) = before.take() {
                exchange(&mut self.document, &group.attribute, value);
            }
            each.fill_with(|| Err(TOO_MUCH.to_owned()));
        }
        let before = before.filter(|before| before.0.as_ref() != group.attribute.value(&self.document));
        Outcome { each, before }
    }

    /// Makes one change, or says why it stays aside. Nothing is copied before it is clear that there is something to do,
    /// and then the one attribute, whatever else the document has.
    fn one(
        &mut self,
        known: &Known,
        before: &mut Option<Before>,
        most: usize,
        rules: &mut Rules<'_>,
    ) -> Result<Map<String, Value>, String> {
        let Known { piece, reference } = known;
        let present = reference.value(&self.document);
        if present.is_none() && (piece.verb == Verb::Remove || piece.value.as_ref().is_none_or(says_nothing)) {
            return Ok(Map::new());
        }
        (rules.allowed)(reference)?;
        let name = piece.name();
        let parts = reference.sub.is_some() && reference.attribute.multi_valued && !name.contains('[');
        if parts && piece.verb != Verb::Remove {
            return Err(format!("{} does not say which of the values it belongs to.", reference.name()));
        }
        rules.effort.spend(present, piece.value.as_ref(), most)?;
        let mut part = Map::new();
        if let Some(present) = present {
            exchange(&mut part, reference, Some(present.clone()));
        }
        let patched = rules.patched(part, &name, piece, reference).map_err(|refusal| refusal.detail)?;
        let after = reference.value(&patched.document);
        if after != present {
            let after = after.cloned();
            let replaced = exchange(&mut self.document, reference, after);
            before.get_or_insert(Before(replaced));
        }
        Ok(patched.unknown)
    }
}

impl Rules<'_> {
    fn patched(
        &self,
        part: Map<String, Value>,
        name: &str,
        piece: &Piece,
        reference: &AttributeRef,
    ) -> Result<Made, ScimError> {
        let mut operation = json!({ "op": piece.verb.word(), "path": name });
        if let Some(value) = &piece.value {
            operation["value"] = value.clone();
        }
        let body = json!({ "schemas": [PATCH_SCHEMA], "Operations": [operation] });
        let patch = Patch::parse(body, self.resource_type, self.leniencies)?;
        let patched = patch.apply(part, Aside::default(), self.resource_type, self.leniencies)?;
        check_attribute(&patched.document, reference)?;
        let Patched { document, set_aside, .. } = patched;
        Ok(Made { document, unknown: set_aside.into_values() })
    }
}

/// What one change has made.
struct Made {
    document: Map<String, Value>,
    /// What of its value no schema knows still.
    unknown: Map<String, Value>,
}

/// Why a change stays aside that has not been looked at.
const TOO_MUCH: &str = "More is set aside than is looked at in one go.";

/// How much has been done. Elements are compared with one another, so their number counts, and so does each value by itself.
#[derive(Default)]
struct Effort {
    tries: usize,
    comparisons: usize,
    /// What was too much.
    refused: usize,
}

impl Effort {
    /// What one document is worth, since all of it is looked at with each of its changes.
    const MOST: usize = 4_000_000;
    /// What the changes of one attribute are worth, once the first of them is made.
    const MOST_OF_ONE: usize = 7 * Self::MOST;
    /// What a value costs beside its elements, as if it had so many.
    const VALUE: usize = 20;

    fn spend(&mut self, present: Option<&Value>, supplied: Option<&Value>, most: usize) -> Result<(), String> {
        if self.comparisons >= most {
            self.refused += 1;
            return Err(TOO_MUCH.to_owned());
        }
        let count = |value: &Value| value.as_array().map_or(0, Vec::len);
        let supplied = supplied.map_or(0, count).saturating_add(Self::VALUE);
        let all = supplied.saturating_add(present.map_or(0, count));
        self.tries += 1;
        self.comparisons = self.comparisons.saturating_add(supplied.saturating_mul(all));
        Ok(())
    }
}

/// As at the door: what only the server writes is passed over, and what is never returned is not kept.
fn is_dropped(reference: &AttributeRef) -> bool {
    let parts = [Some(&reference.attribute), reference.sub.as_ref()];
    parts.into_iter().flatten().any(|it| it.mutability == Mutability::ReadOnly || it.returned == Returned::Never)
}

fn says_nothing(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

/// Puts a value in the place of what the document has of the attribute, and gives that.
fn exchange(document: &mut Map<String, Value>, reference: &AttributeRef, value: Option<Value>) -> Option<Value> {
    let put = |members: &mut Map<String, Value>| match value {
        Some(value) => members.insert(reference.attribute.name.clone(), value),
        None => members.shift_remove(&reference.attribute.name),
    };
    let Some(schema) = &reference.extension else { return put(document) };
    let members = document.entry(schema.id.clone()).or_insert_with(|| Value::Object(Map::new()));
    let members = members.as_object_mut()?;
    let before = put(members);
    if members.is_empty() {
        document.shift_remove(&schema.id);
    }
    before
}

/// Whether the document says something of the attribute already.
fn is_there(document: &Map<String, Value>, reference: &AttributeRef) -> bool {
    match (reference.value(document), &reference.sub) {
        (Some(value), Some(sub)) if !reference.attribute.multi_valued => value.get(&sub.name).is_some(),
        (Some(_), Some(_)) | (None, _) => false,
        (Some(_), None) => true,
    }
}

fn is_own(key: &str, resource_type: &ResourceType) -> bool {
    key == "schemas"
        || resource_type.schema.attribute(key).is_some()
        || common_attributes().iter().any(|attribute| attribute.name == key)
}

#[cfg(test)]
mod tests;
