//! Applies the steps in order. RFC 7644 §3.5.2: "Each operation in the "Operations" array is applied sequentially […] each
//! operation in the sequence is applied to the target resource; the resulting resource becomes the target of the next
//! operation."

use serde_json::{Map, Value};

use super::context::Context;
use super::members::DeltaBuilder;
use super::{Patch, Patched, Step, Target, Verb, add, element, remove, replace, write};
use crate::aside::Aside;
use crate::attribute::Mutability;
use crate::cost;
use crate::error::ScimError;
use crate::leniency::{Choice, Leniencies};
use crate::normalise::rebuild_schemas;
use crate::schema::{AttributeRef, ResourceType, Schema};
use crate::value::{is_blank, is_unassigned};

/// The limit on the [cost](cost::of_value) of all steps, in bytes: a quarter of a second if every text must be normalised,
/// and some milliseconds otherwise. A hundred changes of five hundred mail addresses are within it.
const MAX_COST: usize = 16 << 20;

/// The cost of the steps so far.
#[derive(Default)]
struct Cost(usize);

impl Cost {
    /// A step reads the whole value, and once more for each term of its filter.
    fn add(&mut self, target: &Target, value: Option<&Value>) -> Result<(), ScimError> {
        let filter = target.element.as_ref().map_or(0, |filter| cost::of_filter(filter, value));
        self.0 = self.0.saturating_add(filter).saturating_add(value.map_or(0, cost::of_value));
        if self.0 <= MAX_COST {
            return Ok(());
        }
        let name = target.reference.attribute_name();
        let detail = format!(
            "The operations, the conditions in their paths and the values of {name} are too many together: more than \
             {MAX_COST} bytes would have to be examined. Send them in several requests, or replace {name} as a whole."
        );
        Err(ScimError::new(413, detail))
    }
}

pub(super) fn apply(
    patch: Patch,
    mut document: Map<String, Value>,
    mut set_aside: Aside,
    rt: &ResourceType,
    leniencies: Leniencies,
) -> Result<Patched, ScimError> {
    let members_only = patch.touches_only_members();
    let before = if members_only { None } else { Some((document.clone(), set_aside.clone())) };
    let mut warnings = patch.warnings;
    let mut members = DeltaBuilder::default();
    let mut cost = Cost::default();
    for step in patch.steps {
        match step {
            Step::Attribute { verb, target, value } => {
                cost.add(&target, target.reference.value(&document))?;
                let mut unknown = Map::new();
                let replaces_all = replaces_all(verb, &target, value.as_ref());
                let mut context =
                    Context { target: &target, leniencies, warnings: &mut warnings, unknown: &mut unknown };
                change(&mut document, verb, value, &mut context)?;
                if replaces_all {
                    forget(&mut set_aside, &target.reference, rt);
                }
                keep_unknown(&mut set_aside, verb, &target, unknown)?;
            }
            Step::ExtensionRemoved(schema) => {
                remove_extension(&mut document, &schema)?;
                set_aside.forget(&schema.id);
            }
            Step::SetAside { verb, name, value } => set_aside.change(verb, name, value)?,
            Step::Members(Verb::Add, listed) => members.add(listed),
            Step::Members(Verb::Replace, listed) => members.replace(listed),
            Step::Members(Verb::Remove, listed) => members.remove(listed),
        }
    }
    let changed = before.is_some_and(|(before, aside_before)| {
        rebuild_schemas(&mut document, rt);
        before != document || aside_before != set_aside
    });
    Ok(Patched { document, set_aside, members: members.finish(), changed, warnings })
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
fn forget(set_aside: &mut Aside, reference: &AttributeRef, rt: &ResourceType) {
    set_aside.forget(&reference.name());
    let plain = AttributeRef { extension: None, ..reference.clone() }.name();
    if reference.extension.is_some() && rt.resolve(&plain).as_ref() == Some(reference) {
        set_aside.forget(&plain);
    }
}

/// Unknown parts of elements are added to earlier ones, because they do not say which element they belong to. For a single
/// value the last one replaces the earlier ones.
fn keep_unknown(
    set_aside: &mut Aside,
    verb: Verb,
    target: &Target,
    unknown: Map<String, Value>,
) -> Result<(), ScimError> {
    let verb = match verb {
        // The elements of a removal only identify what is removed.
        Verb::Remove => return Ok(()),
        Verb::Add if target.reference.attribute.multi_valued => Verb::Add,
        Verb::Add | Verb::Replace => Verb::Replace,
    };
    unknown.into_iter().try_for_each(|(name, value)| set_aside.change(verb, name, Some(value)))
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
