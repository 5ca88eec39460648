//! What no schema knew when a client wrote it, and how it becomes part of the document once one does.
//!
//! Values are taken in as a client's PATCH would bring them, so that one set of rules decides what they become. What does
//! not fit its schema stays aside, with the reason; a value that the document has already is newer and stays.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::attribute::{Mutability, Returned};
use crate::error::ScimError;
use crate::leniency::Leniencies;
use crate::normalise::rebuild_schemas;
use crate::patch::{PATCH_SCHEMA, Patch, Patched};
use crate::schema::validate::{check_attribute, check_extension_of};
use crate::schema::{AttributeRef, ResourceType, Schema, common_attributes};
use entry::{Entry, Known};

mod entry;
pub(crate) mod names;

pub use names::{MAX_NAMES, keep_omitted};

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
    pub set_aside: Map<String, Value>,
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
    set_aside: Map<String, Value>,
    resource_type: &ResourceType,
    leniencies: &Leniencies,
    allowed: &dyn Fn(&AttributeRef) -> Result<(), String>,
) -> TakenIn {
    let mut rules = Rules { resource_type, leniencies, allowed, effort: Effort::default() };
    TakenIn::of(document, set_aside, &mut rules)
}

/// Brings a document that was canonical by other schemas to those of this type: what they don't define goes aside, and
/// what was aside comes in. For a write that was under way when the schemas changed.
#[must_use]
pub fn refit(
    document: Map<String, Value>,
    mut set_aside: Map<String, Value>,
    resource_type: &ResourceType,
    leniencies: &Leniencies,
) -> TakenIn {
    let before = document.clone();
    let mut kept = Map::new();
    for (key, value) in document {
        let extension = resource_type.extensions.iter().find(|it| it.schema.id == key);
        match (extension, value) {
            (Some(extension), Value::Object(members)) => {
                let (own, foreign): (Map<_, _>, Map<_, _>) =
                    members.into_iter().partition(|(name, _)| extension.schema.attribute(name).is_some());
                set_aside.extend(foreign.into_iter().map(|(name, value)| (format!("{key}:{name}"), value)));
                kept.insert(key, Value::Object(own));
            }
            (_, value) if is_own(&key, resource_type) => drop(kept.insert(key, value)),
            (_, value) => drop(set_aside.insert(key, value)),
        }
    }
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

/// What one value has changed.
#[derive(Default)]
struct Change {
    /// What of the value stays aside, under full names.
    rest: Map<String, Value>,
    /// Whether the attribute is another than before.
    made: bool,
    /// What it was before, if it is.
    before: Option<Value>,
}

impl TakenIn {
    fn of(document: Map<String, Value>, set_aside: Map<String, Value>, rules: &mut Rules<'_>) -> Self {
        let mut taken = Self { document, set_aside: Map::new(), misfits: Vec::new(), changed: false };
        let extensions = &rules.resource_type.extensions;
        let mut units: Vec<Vec<Known>> = extensions.iter().map(|_| Vec::new()).collect();
        for entry in entry::spread(set_aside, rules.resource_type) {
            let Some(reference) = entry.reference(rules.resource_type) else {
                entry.stay(&mut taken.set_aside);
                continue;
            };
            let of = |schema: &Arc<Schema>| extensions.iter().position(|it| it.schema.id == schema.id);
            let unit = reference.extension.as_ref().and_then(of).and_then(|place| units.get_mut(place));
            let known = Known { entry, reference };
            match unit {
                Some(unit) => unit.push(known),
                None => taken.single(known, rules),
            }
        }
        for (extension, unit) in extensions.iter().zip(units) {
            taken.unit(unit, &extension.schema, rules);
        }
        if taken.changed {
            rebuild_schemas(&mut taken.document, rules.resource_type);
        }
        taken
    }

    fn single(&mut self, known: Known, rules: &mut Rules<'_>) {
        match self.one(&known, rules) {
            Ok(change) => {
                self.changed |= change.made;
                known.entry.leave(change.rest, &mut self.set_aside);
            }
            Err(why) => self.misfit(known.entry, why),
        }
    }

    /// An extension comes in as a whole or not at all, since one of its attributes may be required beside another: what
    /// does not fit stays aside, and where the rest is incomplete without it, all does.
    fn unit(&mut self, unit: Vec<Known>, schema: &Schema, rules: &mut Rules<'_>) {
        let outcomes: Vec<Result<Change, String>> = unit.iter().map(|known| self.one(known, rules)).collect();
        let changed = outcomes.iter().flatten().any(|change| change.made);
        let refusal = if changed { check_extension_of(&self.document, schema).err() } else { None };
        let Some(refusal) = refusal else {
            self.changed |= changed;
            for (known, outcome) in unit.into_iter().zip(outcomes) {
                match outcome {
                    Ok(change) => known.entry.leave(change.rest, &mut self.set_aside),
                    Err(why) => self.misfit(known.entry, why),
                }
            }
            return;
        };
        for (known, outcome) in unit.iter().zip(outcomes).rev() {
            if let Ok(Change { made: true, before, .. }) = outcome {
                exchange(&mut self.document, &known.reference, before);
            }
        }
        for known in unit {
            self.misfit(known.entry, refusal.detail.clone());
        }
    }

    fn misfit(&mut self, entry: Entry, why: String) {
        self.misfits.push(Misfit { name: entry.name(), why });
        entry.stay(&mut self.set_aside);
    }

    /// Takes in one value, or says why it stays aside. Nothing is copied before it is clear that there is something to
    /// do, and then the one attribute, whatever else the document has.
    fn one(&mut self, known: &Known, rules: &mut Rules<'_>) -> Result<Change, String> {
        let Known { entry, reference } = known;
        if is_dropped(reference) || says_nothing(&entry.value) || is_there(&self.document, reference) {
            return Ok(Change::default());
        }
        (rules.allowed)(reference)?;
        let name = entry.name();
        if reference.sub.is_some() && reference.attribute.multi_valued && !name.contains('[') {
            return Err(format!("{} does not say which of the values it belongs to.", reference.name()));
        }
        let present = reference.value(&self.document);
        rules.effort.spend(present, &entry.value)?;
        let mut part = Map::new();
        if let Some(present) = present {
            exchange(&mut part, reference, Some(present.clone()));
        }
        let patched = rules.patched(part, &name, &entry.value, reference).map_err(|refusal| refusal.detail)?;
        let after = reference.value(&patched.document);
        let made = after.is_some() && after != present;
        let after = after.filter(|_| made).cloned();
        let before = after.and_then(|after| exchange(&mut self.document, reference, Some(after)));
        Ok(Change { rest: patched.set_aside, made, before })
    }
}

impl Rules<'_> {
    fn patched(
        &self,
        part: Map<String, Value>,
        name: &str,
        value: &Value,
        reference: &AttributeRef,
    ) -> Result<Patched, ScimError> {
        let operation = json!({ "op": "add", "path": name, "value": value });
        let body = json!({ "schemas": [PATCH_SCHEMA], "Operations": [operation] });
        let patch = Patch::parse(body, self.resource_type, self.leniencies)?;
        let patched = patch.apply(part, Map::new(), self.resource_type, self.leniencies)?;
        check_attribute(&patched.document, reference)?;
        Ok(patched)
    }
}

/// How much has been done. Elements are compared with one another, so their number counts, and so does each value by itself.
#[derive(Default)]
struct Effort {
    tries: usize,
    comparisons: usize,
}

impl Effort {
    /// What one document is worth, since all of it is looked at with each of its changes.
    const MOST: usize = 4_000_000;
    /// What a value costs beside its elements, as if it had so many.
    const VALUE: usize = 20;

    fn spend(&mut self, present: Option<&Value>, supplied: &Value) -> Result<(), String> {
        if self.comparisons >= Self::MOST {
            return Err("More is set aside than is looked at in one go.".to_owned());
        }
        let count = |value: &Value| value.as_array().map_or(0, Vec::len);
        let supplied = count(supplied).saturating_add(Self::VALUE);
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
