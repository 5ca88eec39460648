//! Applies the steps in their order. RFC 7644 §3.5.2: "Each operation in the "Operations" array is applied sequentially
//! […] each operation in the sequence is applied to the target resource; the resulting resource becomes the target of
//! the next operation."

use serde_json::{Map, Value};

use super::context::Context;
use super::members::Ledger;
use super::{Patch, Patched, Step, Target, Verb, add, element, remove, replace, slot};
use crate::attribute::Mutability;
use crate::effort;
use crate::error::ScimError;
use crate::leniency::Leniencies;
use crate::normalise::rebuild_schemas;
use crate::schema::{AttributeRef, ResourceType, Schema};
use crate::unknown::log::{MAX_ENTRIES, UnknownAttributes, tolerate_drop};

/// Most that the steps of a request may go over together, as [`effort::weight`] counts it: a quarter of a second where
/// every text must be normalised, and some milliseconds otherwise. A hundred changes of five hundred mail addresses are
/// within it.
const MOST_EFFORT: usize = 16 << 20;

/// What an element costs that is compared with another.
const COMPARISON: usize = 8;

/// What the steps may still cost.
pub(crate) struct Effort(usize);

impl Effort {
    /// The bound of one request.
    pub(crate) const MAX: usize = MOST_EFFORT;

    pub(crate) fn new(most: usize) -> Self {
        Self(most)
    }

    /// A step goes over the whole value, and over it once more for each term of its filter.
    fn spend(&mut self, step: &Target, value: Option<&Value>) -> Result<(), ScimError> {
        let selecting = step.element.as_ref().map_or(0, |filter| effort::of_filter(filter, value));
        self.0 = self.0.saturating_sub(selecting).saturating_sub(value.map_or(0, effort::weight));
        if !self.is_spent() {
            return Ok(());
        }
        let name = AttributeRef { sub: None, ..step.reference.clone() }.name();
        let detail = format!(
            "The operations, the conditions in their paths and the values of {name} are too many together: more than \
             {MOST_EFFORT} bytes would have to be gone over. Send them in several requests, or replace {name} as a whole."
        );
        Err(ScimError::new(413, detail))
    }

    /// Each new element is compared with those that are there, and with those before it.
    pub(crate) fn compare(&mut self, new: usize, present: usize) {
        let comparisons = new.saturating_mul(present.saturating_add(new / 2));
        self.0 = self.0.saturating_sub(comparisons.saturating_mul(COMPARISON));
    }

    /// Whether nothing more may be done.
    pub(crate) fn is_spent(&self) -> bool {
        self.0 == 0
    }

    /// What may still be done.
    pub(crate) fn left(&self) -> usize {
        self.0
    }
}

pub(super) fn patch(
    patch: Patch,
    mut document: Map<String, Value>,
    mut unknown: UnknownAttributes,
    rt: &ResourceType,
    leniencies: Leniencies,
    effort: &mut Effort,
) -> Result<Patched, ScimError> {
    let members_only = patch.touches_only_members();
    let before = if members_only { None } else { Some((document.clone(), unknown.clone())) };
    let mut warnings = patch.warnings;
    let mut ledger = Ledger::default();
    // Each part of a value that no schema defines is held against the whole log.
    let mut room = MAX_ENTRIES;
    for step in patch.steps {
        match step {
            Step::Attribute { verb, target, value } => {
                let attribute = AttributeRef { sub: None, ..target.reference.clone() };
                effort.spend(&target, attribute.value(&document))?;
                let mut parts = Map::new();
                let outdated = is_whole(verb, &target, value.as_ref());
                let mut context = Context { target: &target, leniencies, warnings: &mut warnings, unknown: &mut parts };
                change(&mut document, verb, value, &mut context)?;
                if outdated {
                    forget(&mut unknown, &target.reference, rt);
                }
                let Some(verb) = kept_as(verb, &target) else { continue };
                for (name, value) in parts {
                    if room == 0 {
                        tolerate_drop(&name, &leniencies, &mut warnings)?;
                        continue;
                    }
                    room -= 1;
                    unknown.record(verb, name, Some(value));
                }
            }
            Step::ExtensionRemoved(schema) => {
                extension_removed(&mut document, &schema)?;
                unknown.forget(&schema.id);
            }
            Step::Unknown { verb, name, value } => unknown.record(verb, name, value),
            Step::Members(Verb::Add, members) => ledger.add(members),
            Step::Members(Verb::Replace, members) => ledger.replace(members),
            Step::Members(Verb::Remove, members) => ledger.remove(members),
        }
    }
    let mut changed = false;
    if let Some((before, unknown_before)) = before {
        rebuild_schemas(&mut document, rt);
        if unknown != unknown_before {
            unknown.enforce_bounds(&leniencies, &mut warnings)?;
        }
        changed = before != document || unknown_before != unknown;
    }
    Ok(Patched { document, unknown, members: ledger.finish(), changed, warnings })
}

fn change(
    document: &mut Map<String, Value>,
    verb: Verb,
    value: Option<Value>,
    context: &mut Context<'_>,
) -> Result<(), ScimError> {
    let reference = &context.target.reference;
    let definition = &reference.attribute;
    let before = slot::take(document, reference);
    let after = match (verb, value) {
        (Verb::Remove, value) => remove::edit(before.clone(), value, context)?,
        (Verb::Add, value) => add::edit(before.clone(), value.unwrap_or_default(), context)?,
        (Verb::Replace, value) => replace::edit(before.clone(), value.unwrap_or_default(), context)?,
    };
    let mut after = after.filter(|value| !slot::is_unassigned(value));
    if let Some(Value::Array(elements)) = &mut after {
        element::keep_one_primary(before.as_ref(), elements);
    }
    if after.is_none() && definition.required {
        let detail = format!("{} is required and cannot be left without a value.", reference.name());
        // RFC 7644 §3.5.2.2: "If an attribute is removed or becomes unassigned and is defined as a required attribute
        // […], the server SHALL return […] a "scimType" error code of "mutability"."
        return Err(ScimError::mutability(detail));
    }
    // RFC 7643 §7: an immutable attribute "MAY be defined at resource creation […] or at record replacement via a
    // request. It SHALL NOT be updated"; RFC 7644 §3.5.2 lets an add set it while it has no value.
    let grows = verb == Verb::Add && definition.multi_valued;
    if definition.mutability == Mutability::Immutable && before.is_some() && before != after && !grows {
        return Err(ScimError::mutability(format!("{} is immutable and has a value already.", reference.name())));
    }
    slot::put(document, reference, after);
    Ok(())
}

/// Whether nothing of what was said of the target before is left: what is kept of it must not come back then.
fn is_whole(verb: Verb, target: &Target, value: Option<&Value>) -> bool {
    let leaf = target.reference.leaf();
    let value = value.filter(|value| !value.is_null() && value.as_str() != Some(""));
    let stays = match verb {
        Verb::Remove => leaf.multi_valued && value.is_some(),
        Verb::Add => leaf.multi_valued || (leaf.is_complex() && value.is_some()),
        Verb::Replace => !leaf.multi_valued && leaf.is_complex() && value.is_some(),
    };
    target.element.is_none() && !stays
}

fn forget(unknown: &mut UnknownAttributes, reference: &AttributeRef, rt: &ResourceType) {
    unknown.forget(&reference.name());
    let plain = AttributeRef { extension: None, ..reference.clone() }.name();
    if reference.extension.is_some() && rt.resolve(&plain).as_ref() == Some(reference) {
        unknown.forget(&plain);
    }
}

/// How the unknown parts of a value are kept. Parts of elements are added to what is kept, since they don't say of which they
/// are; of a single value the last counts. What is said of an element to be removed is no value.
fn kept_as(verb: Verb, target: &Target) -> Option<Verb> {
    match verb {
        Verb::Remove => None,
        Verb::Add if target.reference.attribute.multi_valued => Some(Verb::Add),
        Verb::Add | Verb::Replace => Some(Verb::Replace),
    }
}

/// All attributes of an extension at once; what the server alone writes stays.
fn extension_removed(document: &mut Map<String, Value>, schema: &Schema) -> Result<(), ScimError> {
    let Some(Value::Object(data)) = document.get_mut(&schema.id) else { return Ok(()) };
    for attribute in &schema.attributes {
        match attribute.mutability {
            Mutability::ReadOnly => {}
            Mutability::Immutable if data.contains_key(&attribute.name) => {
                let name = format!("{}:{}", schema.id, attribute.name);
                return Err(ScimError::mutability(format!("{name} is immutable and has a value already.")));
            }
            _ => {
                data.shift_remove(&attribute.name);
            }
        }
    }
    Ok(())
}
