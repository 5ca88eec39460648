//! Applies the steps in order. RFC 7644 §3.5.2: "Each operation in the "Operations" array is applied sequentially […] each
//! operation in the sequence is applied to the target resource; the resulting resource becomes the target of the next
//! operation."

use serde_json::{Map, Value};

use super::context::Context;
use super::members::DeltaBuilder;
use super::{Patch, Patched, Step, Target, Verb, add, element, remove, replace, write};
use crate::attribute::Mutability;
use crate::effort::{Effort, of_value};
use crate::error::ScimError;
use crate::leniency::{Choice, Leniencies, Warnings};
use crate::normalise::rebuild_schemas;
use crate::schema::{AttributeRef, ResourceType, Schema};
use crate::unknown::log::{MAX_ENTRIES, UnknownAttributes, tolerate_drop};
use crate::value::{is_blank, is_unassigned};

pub(super) fn apply(
    patch: Patch,
    document_before: &Map<String, Value>,
    unknown_before: &UnknownAttributes,
    rt: &ResourceType,
    leniencies: Leniencies,
    effort: &mut Effort,
) -> Result<Patched, ScimError> {
    let members_only = patch.touches_only_members();
    let (mut document, mut unknown) = (document_before.clone(), unknown_before.clone());
    let mut applied = Applied {
        document: &mut document,
        unknown: &mut unknown,
        members: DeltaBuilder::default(),
        warnings: patch.warnings,
        room: MAX_ENTRIES,
        rt,
        leniencies,
        effort,
    };
    for (operation, step) in patch.steps {
        applied.step(step).map_err(|error| error.in_operation(operation))?;
    }
    let Applied { members, mut warnings, .. } = applied;
    let mut changed = false;
    if !members_only {
        rebuild_schemas(&mut document, rt);
        if unknown != *unknown_before {
            unknown.enforce_bounds(&leniencies, &mut warnings)?;
        }
        changed = document != *document_before || unknown != *unknown_before;
    }
    Ok(Patched { document, unknown, members: members.finish(), changed, warnings })
}

/// The state between two steps.
struct Applied<'a> {
    document: &'a mut Map<String, Value>,
    unknown: &'a mut UnknownAttributes,
    members: DeltaBuilder,
    warnings: Warnings,
    /// How many more unknown parts are recorded: each reads the whole log.
    room: usize,
    rt: &'a ResourceType,
    leniencies: Leniencies,
    effort: &'a mut Effort,
}

impl Applied<'_> {
    fn step(&mut self, step: Step) -> Result<(), ScimError> {
        match step {
            Step::Attribute { verb, target, value } => return self.attribute(verb, &target, value),
            Step::ExtensionRemoved(schema) => {
                remove_extension(self.document, &schema)?;
                self.unknown.forget(&schema.id);
            }
            Step::Unknown { verb, name, value } => self.unknown.record(verb, name, value, self.effort)?,
            Step::Members(Verb::Add, listed) => self.members.add(listed),
            Step::Members(Verb::Replace, listed) => self.members.replace(listed),
            Step::Members(Verb::Remove, listed) => self.members.remove(listed),
        }
        Ok(())
    }

    fn attribute(&mut self, verb: Verb, target: &Target, value: Option<Value>) -> Result<(), ScimError> {
        // A step reads and copies the whole value.
        self.effort.charge(target.reference.value(self.document).map_or(0, of_value))?;
        let mut parts = Map::new();
        let replaces_all = replaces_all(verb, target, value.as_ref());
        let (leniencies, warnings) = (self.leniencies, &mut self.warnings);
        let mut context = Context { target, leniencies, warnings, unknown: &mut parts, effort: self.effort };
        change(self.document, verb, value, &mut context)?;
        if replaces_all {
            forget(self.unknown, &target.reference, self.rt);
        }
        let Some(verb) = verb_of_parts(verb, target) else { return Ok(()) };
        for (name, value) in parts {
            if self.room == 0 {
                tolerate_drop(&name, &self.leniencies, &mut self.warnings)?;
                continue;
            }
            self.room -= 1;
            self.unknown.record(verb, name, Some(value), self.effort)?;
        }
        Ok(())
    }
}

fn change(
    document: &mut Map<String, Value>,
    verb: Verb,
    value: Option<Value>,
    context: &mut Context<'_>,
) -> Result<(), ScimError> {
    let reference = &context.target.reference;
    let definition = &reference.attribute;
    // The key stays in the document, so that its members keep their order.
    let before = reference.value_mut(document).map(Value::take).filter(|value| !value.is_null());
    let after = match (verb, value) {
        (Verb::Remove, value) => remove::edit(before.clone(), value, context)?,
        (verb, value) => edit(verb, before.clone(), value.unwrap_or_default(), context)?,
    };
    let mut after = after.filter(|value| !is_unassigned(value));
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
    reference.set(document, after);
    Ok(())
}

/// The value after an add or a replace. RFC 7644 §3.5.2.1 and §3.5.2.3: a single value is replaced by both, and a replace
/// without a target is an add.
fn edit(
    verb: Verb,
    current: Option<Value>,
    value: Value,
    context: &mut Context<'_>,
) -> Result<Option<Value>, ScimError> {
    let Target { reference, element } = context.target;
    match (verb, &reference.sub) {
        (_, Some(sub)) => write::sub_attribute(current, value, sub, context),
        (Verb::Replace, None) if element.is_some() => replace::selected(current, value, context),
        (_, None) if element.is_some() => add::selected(current, value, context),
        (_, None) if !reference.attribute.multi_valued => {
            let replaced = verb == Verb::Replace && context.leniencies.chooses(Choice::ComplexReplacedWhole);
            write::single(current, value, replaced, context)
        }
        (Verb::Replace, None) => context.coerce(value),
        (_, None) => add::elements(current, value, context),
    }
}

/// Whether the operation leaves nothing of the target's earlier value, so that its unknown parts are obsolete, too.
fn replaces_all(verb: Verb, target: &Target, value: Option<&Value>) -> bool {
    let leaf = target.reference.leaf();
    let has_value = value.is_some_and(|value| !is_blank(value));
    let stays = match verb {
        Verb::Remove => leaf.multi_valued && has_value,
        Verb::Add => leaf.multi_valued || (leaf.is_complex() && has_value),
        Verb::Replace => !leaf.multi_valued && leaf.is_complex() && has_value,
    };
    target.element.is_none() && !stays
}

/// Drops the unknown parts of an attribute, kept under its full name or under its plain name if that resolves to it.
fn forget(unknown: &mut UnknownAttributes, reference: &AttributeRef, rt: &ResourceType) {
    unknown.forget(&reference.name());
    let plain = AttributeRef { extension: None, ..reference.clone() }.name();
    if reference.extension.is_some() && rt.resolve(&plain).as_ref() == Some(reference) {
        unknown.forget(&plain);
    }
}

/// The verb that records the unknown parts of a value. Those of elements are added to earlier ones, because they do not say
/// which element they belong to. For a single value the last one replaces the earlier ones.
fn verb_of_parts(verb: Verb, target: &Target) -> Option<Verb> {
    match verb {
        // The elements of a removal only identify what is removed.
        Verb::Remove => None,
        Verb::Add if target.reference.attribute.multi_valued => Some(Verb::Add),
        Verb::Add | Verb::Replace => Some(Verb::Replace),
    }
}

/// Removes all attributes of an extension but the readOnly ones.
fn remove_extension(document: &mut Map<String, Value>, schema: &Schema) -> Result<(), ScimError> {
    let Some(Value::Object(data)) = document.get_mut(&schema.id) else { return Ok(()) };
    for attribute in &schema.attributes {
        match attribute.mutability {
            Mutability::ReadOnly => {}
            Mutability::Immutable if data.contains_key(&attribute.name) => {
                let name = format!("{}:{}", schema.id, attribute.name);
                return Err(ScimError::mutability(format!("{name} is immutable and has a value already.")));
            }
            _ => drop(data.shift_remove(&attribute.name)),
        }
    }
    Ok(())
}
