//! Which elements of a multi-valued attribute are the same, by look-up: both lists of a request can have a thousand.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Map, Value};

use crate::attribute::Attribute;
use crate::effort::{Effort, of_value};
use crate::error::ScimError;
use crate::fold::comparison_key;

/// The index of the first element that adding `new` would repeat. RFC 7644 §3.5.2.1: "If the target location already contains
/// the value specified, no changes SHOULD be made". Elements are the same if `value` and `type` are, or if the present one has
/// the `value` of one without a `type`, or everything that one without a `value` (an address) has.
pub(super) fn position(elements: &[Value], new: &Value, effort: &mut Effort) -> Result<Option<usize>, ScimError> {
    for (index, present) in elements.iter().enumerate() {
        let is_same = if let (Value::Object(present), Value::Object(new)) = (present, new) {
            contains(present, new, effort)?
        } else {
            effort.compare(1, 0)?;
            present == new
        };
        if is_same {
            return Ok(Some(index));
        }
    }
    Ok(None)
}

fn contains(present: &Map<String, Value>, new: &Map<String, Value>, effort: &mut Effort) -> Result<bool, ScimError> {
    let by_value = new.contains_key("value");
    for (key, value) in new.iter().filter(|(key, _)| !by_value || matches!(key.as_str(), "value" | "type")) {
        let own = present.get(key);
        effort.compare(1, own.map_or(0, |own| shorter(own, value)))?;
        if own != Some(value) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The bytes that a comparison of two texts reads at most.
fn shorter(own: &Value, value: &Value) -> usize {
    let length = |value: &Value| value.as_str().map_or_else(|| of_value(value), str::len);
    length(own).min(length(value))
}

/// As [`position`], by look-up, for several elements to add.
#[derive(Default)]
pub(super) struct Present {
    /// The first element with this `value` and `type`, or with this `value` and any `type`, or that is this value itself.
    first: HashMap<Key, usize>,
}

#[derive(PartialEq, Eq, Hash)]
enum Key {
    Whole(Value),
    Value(Value),
    ValueAndType(Value, Option<Value>),
}

impl Present {
    /// Reads the elements.
    pub(super) fn new(elements: &[Value], effort: &mut Effort) -> Result<Self, ScimError> {
        let mut present = Self::default();
        for (index, element) in elements.iter().enumerate() {
            present.insert(index, element, effort)?;
        }
        Ok(present)
    }

    /// Reads another element. Merging an element that is the same into it changes neither its `value` nor its `type`, so that
    /// nothing has to be read again.
    pub(super) fn insert(&mut self, index: usize, element: &Value, effort: &mut Effort) -> Result<(), ScimError> {
        effort.charge(of_value(element))?;
        let Some(members) = element.as_object() else {
            self.first.entry(Key::Whole(element.clone())).or_insert(index);
            return Ok(());
        };
        if let Some(value) = members.get("value") {
            self.first.entry(Key::Value(value.clone())).or_insert(index);
            self.first.entry(Key::ValueAndType(value.clone(), members.get("type").cloned())).or_insert(index);
        }
        Ok(())
    }

    /// The index of the element that is the same as `new`. One without a `value` is compared with each, since no look-up
    /// knows supersets.
    pub(super) fn find(
        &self,
        elements: &[Value],
        new: &Value,
        effort: &mut Effort,
    ) -> Result<Option<usize>, ScimError> {
        effort.charge(of_value(new))?;
        let Some(members) = new.as_object() else { return Ok(self.first.get(&Key::Whole(new.clone())).copied()) };
        let key = match (members.get("value"), members.get("type")) {
            (Some(value), None) => Key::Value(value.clone()),
            (Some(value), kind) => Key::ValueAndType(value.clone(), kind.cloned()),
            (None, _) => return position(elements, new, effort),
        };
        Ok(self.first.get(&key).copied())
    }
}

/// The list of values of a removal. An element is listed if everything that identifies the listed one is the same: its `value`
/// and `type`, or without a `value` all that it has. `$ref` and `display` are derived from the value and identify nothing.
/// Texts are compared as in a filter.
pub(super) struct Listed<'a> {
    attribute: &'a Attribute,
    /// Of each set of names that identifies a listed element, the values under them, in the names' order. No names: the
    /// element is not an object.
    by_names: BTreeMap<Vec<&'a str>, HashSet<Vec<Comparable<'a>>>>,
}

/// A value by which elements are compared.
#[derive(PartialEq, Eq, Hash)]
enum Comparable<'a> {
    Text(Cow<'a, str>),
    Other(&'a Value),
}

impl<'a> Listed<'a> {
    /// Reads the list; `None` if one of its elements has nothing that identifies an element.
    pub(super) fn new(
        listed: &'a [Value],
        attribute: &'a Attribute,
        effort: &mut Effort,
    ) -> Result<Option<Self>, ScimError> {
        let mut by_names: BTreeMap<Vec<&str>, HashSet<Vec<Comparable<'_>>>> = BTreeMap::new();
        for element in listed {
            let names = element.as_object().map(identifying);
            if names.as_ref().is_some_and(Vec::is_empty) {
                return Ok(None);
            }
            let names = names.unwrap_or_default();
            if let Some(values) = comparables(element, &names, attribute, effort)? {
                by_names.entry(names).or_default().insert(values);
            }
        }
        Ok(Some(Self { attribute, by_names }))
    }

    /// Whether the list has an element.
    pub(super) fn contains(&self, element: &Value, effort: &mut Effort) -> Result<bool, ScimError> {
        for (names, values) in &self.by_names {
            let is_listed = comparables(element, names, self.attribute, effort)?.is_some_and(|it| values.contains(&it));
            if is_listed {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The names that identify a listed element, in alphabetical order.
fn identifying(listed: &Map<String, Value>) -> Vec<&str> {
    let by_value = listed.contains_key("value");
    let is_wanted = |name: &&str| match *name {
        "$ref" | "display" => false,
        "value" | "type" => true,
        _ => !by_value,
    };
    let mut names: Vec<&str> = listed.keys().map(String::as_str).filter(is_wanted).collect();
    names.sort_unstable();
    names
}

/// The values under these names, or the element itself for no names; `None` if the element lacks one.
fn comparables<'v>(
    element: &'v Value,
    names: &[&str],
    attribute: &Attribute,
    effort: &mut Effort,
) -> Result<Option<Vec<Comparable<'v>>>, ScimError> {
    if names.is_empty() {
        return if element.is_object() { Ok(None) } else { Ok(Some(vec![comparable(element, attribute, effort)?])) };
    }
    let mut values = Vec::with_capacity(names.len());
    for name in names {
        let (Some(value), Some(sub)) = (element.get(*name), attribute.sub_attribute(name)) else {
            effort.compare(1, 0)?;
            return Ok(None);
        };
        values.push(comparable(value, sub, effort)?);
    }
    Ok(Some(values))
}

fn comparable<'v>(value: &'v Value, attribute: &Attribute, effort: &mut Effort) -> Result<Comparable<'v>, ScimError> {
    effort.charge(of_value(value))?;
    let Some(text) = value.as_str() else { return Ok(Comparable::Other(value)) };
    effort.fold(text)?;
    Ok(Comparable::Text(comparison_key(text, attribute)))
}

#[cfg(test)]
mod laws;
