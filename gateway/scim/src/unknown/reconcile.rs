//! Makes kept changes part of the document once a schema defines their attributes. The PATCH engine replays them, so that one
//! set of rules decides the result. What the schema does not allow stays in the log and is reported.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::log::{Change, UnknownAttributes};
use crate::attribute::{Mutability, Returned};
use crate::effort::{Effort, MAX_PATCH_EFFORT};
use crate::leniency::Leniencies;
use crate::normalise::rebuild_schemas;
use crate::patch::Patch;
use crate::schema::validate::{check_attribute, check_elements, check_extension_of};
use crate::schema::{AttributeRef, ResourceType};
use crate::value::is_unassigned;
use crate::verb::Verb;

/// The most units of [`Effort`] of all changes of one resource.
const MAX_EFFORT: usize = MAX_PATCH_EFFORT;

/// A value that its schema does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedValue {
    /// The name it is kept under.
    pub name: String,
    /// A sentence that names the attribute and what is wrong.
    pub why: String,
}

/// A document with the changes that its schemas allow.
#[derive(Clone, Debug, PartialEq)]
pub struct Reconciled {
    /// The canonical document.
    pub document: Map<String, Value>,
    /// What is still kept.
    pub unknown: UnknownAttributes,
    /// What is still kept although a schema defines it.
    pub rejected: Vec<RejectedValue>,
    /// Whether the document differs from before.
    pub changed: bool,
}

/// Replays the changes to attributes that the resource type defines by now. An attribute that the document has already is
/// newer and stays. `allowed` lets the caller reject an attribute.
#[must_use]
pub fn reconcile(
    document: Map<String, Value>,
    unknown: UnknownAttributes,
    resource_type: &ResourceType,
    leniencies: &Leniencies,
    allowed: &dyn Fn(&AttributeRef) -> Result<(), String>,
) -> Reconciled {
    let mut replay = Replay { resource_type, leniencies, allowed, left: MAX_EFFORT, document, changed: false };
    // What is left of each entry of the log.
    let mut log: Vec<Vec<Change>> = Vec::new();
    let mut schemas: BTreeMap<Option<String>, Groups> = BTreeMap::new();
    for change in split(unknown, resource_type) {
        let Some(reference) = resource_type.resolve_any(&change.path) else {
            log.push(vec![change]);
            continue;
        };
        let urn = reference.extension.as_ref().map(|schema| schema.id.clone());
        let group = schemas.entry(urn).or_default().entry(reference.attribute.name.clone()).or_default();
        group.push(Known { index: log.len(), change, reference });
        log.push(Vec::new());
    }
    let mut outcomes: Vec<(Known, Outcome)> = schemas.into_values().flat_map(|groups| replay.schema(groups)).collect();
    outcomes.sort_by_key(|(known, _)| known.index);
    let mut rejected = Vec::new();
    for (Known { index, change, .. }, outcome) in outcomes {
        let rest = outcome.unwrap_or_else(|why| {
            rejected.push(RejectedValue { name: change.path.clone(), why });
            vec![change]
        });
        if let Some(entry) = log.get_mut(index) {
            *entry = rest;
        }
    }
    let mut unknown = UnknownAttributes { entries: log.into_iter().flatten().collect() };
    let Replay { mut document, changed, .. } = replay;
    rejected.extend(unknown.drop_oldest().into_iter().map(|name| RejectedValue { name, why: DROPPED.to_owned() }));
    if changed {
        rebuild_schemas(&mut document, resource_type);
    }
    Reconciled { document, unknown, rejected, changed }
}

/// The log with the members of an object under a schema's URN as changes of their own, as far as the schema defines them.
fn split(unknown: UnknownAttributes, resource_type: &ResourceType) -> Vec<Change> {
    let mut changes = Vec::with_capacity(unknown.entries.len());
    for mut change in unknown.entries {
        let schema = resource_type.split_urn(&change.path).filter(|name| name.rest.is_empty());
        let (mut known, mut stays) = (Vec::new(), true);
        if change.verb != Verb::Remove
            && let (Some(name), Some(Value::Object(members))) = (schema, &mut change.value)
        {
            let urn = &name.extension.unwrap_or(&resource_type.schema).id;
            for (key, value) in std::mem::take(members) {
                let path = format!("{urn}:{key}");
                if resource_type.resolve_any(&path).is_some() {
                    known.push(Change { verb: change.verb, path, value: Some(value) });
                } else {
                    members.insert(key, value);
                }
            }
            stays = !members.is_empty();
        }
        if stays {
            changes.push(change);
        }
        changes.append(&mut known);
    }
    changes
}

/// A change to an attribute that is defined by now, and its index in the log.
struct Known {
    index: usize,
    change: Change,
    reference: AttributeRef,
}

/// The changes to the attributes of one schema, each attribute's in their order.
type Groups = BTreeMap<String, Vec<Known>>;

/// The rest of a change that was made, or why it was not made.
type Outcome = Result<Vec<Change>, String>;

/// The reason for changes that were not examined.
const TOO_MUCH: &str = "More is kept than is reconciled at once.";
/// The reason for changes that are dropped.
const DROPPED: &str = "It is no longer kept: the resource has too many unknown attributes.";

struct Replay<'a> {
    resource_type: &'a ResourceType,
    leniencies: &'a Leniencies,
    allowed: &'a dyn Fn(&AttributeRef) -> Result<(), String>,
    /// The effort that is left. The changes of one attribute get half of it, so that some is left for the others.
    left: usize,
    document: Map<String, Value>,
    changed: bool,
}

impl Replay<'_> {
    /// The attributes of one schema. An extension that would lack a required attribute is refused whole.
    fn schema(&mut self, groups: Groups) -> Vec<(Known, Outcome)> {
        let first = groups.values().flatten().next();
        let extension = first.and_then(|known| known.reference.extension.clone());
        let before = extension.as_ref().and_then(|schema| self.document.get(&schema.id).cloned());
        let (mut all, mut changed) = (Vec::new(), false);
        for group in groups.into_values() {
            let (outcomes, is_changed) = self.attribute(&group);
            all.extend(group.into_iter().zip(outcomes));
            changed |= is_changed;
        }
        if let Some(schema) = extension.filter(|_| changed)
            && let Err(refusal) = check_extension_of(&self.document, &schema)
        {
            match before {
                Some(before) => drop(self.document.insert(schema.id.clone(), before)),
                None => drop(self.document.shift_remove(&schema.id)),
            }
            for (_, outcome) in &mut all {
                *outcome = Err(refusal.detail.clone());
            }
            changed = false;
        }
        self.changed |= changed;
        all
    }

    /// The changes of one attribute; whether it has another value now. Only the attribute is copied, however much else the
    /// document has.
    fn attribute(&mut self, group: &[Known]) -> (Vec<Outcome>, bool) {
        let Some(first) = group.first() else { return (Vec::new(), false) };
        let attribute = &first.reference;
        let mut part = Map::new();
        attribute.set(&mut part, attribute.value(&self.document).cloned());
        let mut effort = Effort::patch_within(self.left / 2);
        let outcomes: Vec<Outcome> = group.iter().map(|known| self.one(known, &mut part, &mut effort)).collect();
        self.left -= self.left / 2 - effort.left();
        // What is made of the first changes would count as newer than the others, except for parts of elements.
        let in_parts = |known: &Known| known.reference.sub.is_some() && attribute.attribute.multi_valued;
        if effort.is_exceeded() && !group.iter().all(in_parts) {
            return (vec![Err(TOO_MUCH.to_owned()); group.len()], false);
        }
        let value = attribute.value(&part);
        let changed = value != attribute.value(&self.document);
        if changed {
            attribute.set(&mut self.document, value.cloned());
        }
        (outcomes, changed)
    }

    fn one(&self, known: &Known, part: &mut Map<String, Value>, effort: &mut Effort) -> Outcome {
        let Known { change, reference, .. } = known;
        let present = reference.value(part);
        let says_nothing = change.verb == Verb::Remove || change.value.as_ref().is_none_or(is_unassigned);
        if is_never_written(reference) || is_newer(&self.document, reference) || (present.is_none() && says_nothing) {
            return Ok(Vec::new());
        }
        (self.allowed)(reference)?;
        let is_ambiguous = reference.sub.is_some() && reference.attribute.multi_valued && !change.path.contains('[');
        if is_ambiguous && change.verb != Verb::Remove {
            return Err(format!("{} does not say which of the values it belongs to.", reference.name()));
        }
        let count = |value: Option<&Value>| value.and_then(Value::as_array).map_or(0, Vec::len);
        check_elements(count(change.value.as_ref()), &reference.name()).map_err(|refusal| refusal.detail)?;
        if effort.is_exceeded() {
            return Err(TOO_MUCH.to_owned());
        }
        let (resource_type, leniencies) = (self.resource_type, self.leniencies);
        let patched = Patch::parse_operation(change.to_json(), resource_type, leniencies)
            .and_then(|patch| {
                patch.apply_within(effort, part, &UnknownAttributes::default(), resource_type, leniencies)
            })
            .and_then(|patched| check_attribute(&patched.document, reference).map(|()| patched));
        match patched {
            Ok(patched) => {
                *part = patched.document;
                Ok(patched.unknown.entries)
            }
            Err(_) if effort.is_exceeded() => Err(TOO_MUCH.to_owned()),
            Err(refusal) => Err(refusal.detail),
        }
    }
}

/// As in a body: readOnly attributes are ignored, and those that are never returned are not kept.
fn is_never_written(reference: &AttributeRef) -> bool {
    let parts = [Some(&reference.attribute), reference.sub.as_ref()];
    parts.into_iter().flatten().any(|it| it.mutability == Mutability::ReadOnly || it.returned == Returned::Never)
}

/// Whether the document has a value of the attribute, which then was written after the change.
fn is_newer(document: &Map<String, Value>, reference: &AttributeRef) -> bool {
    match (reference.value(document), &reference.sub) {
        (Some(value), Some(sub)) if !reference.attribute.multi_valued => value.get(&sub.name).is_some(),
        (Some(_), None) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
