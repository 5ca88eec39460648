//! The log of changes to unknown attributes, in the order in which the client made them. Without a schema their result is
//! unknown, so a change is only dropped where a later one assigns or removes the whole of what it names.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::name::{head, related, same, within};
use super::secret;
use crate::effort::{Effort, of_value};
use crate::error::ScimError;
use crate::leniency::{Leniencies, Leniency, Warnings};
use crate::verb::Verb;

/// Most changes that are kept of one resource.
pub const MAX_ENTRIES: usize = 1_000;
/// Most bytes of their names and values as JSON: half of what a resource may have.
pub const MAX_BYTES: usize = 512 << 10;

/// The units of [`Effort`] of comparing a path with one name: it is done up to four times.
const ENTRY_EFFORT: usize = 8;

/// The changes to the unknown attributes of one resource.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UnknownAttributes {
    pub(super) entries: Vec<Change>,
}

/// One change, as the client made it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    pub(super) verb: Verb,
    /// The path as it was written, or the key of a body.
    pub(super) path: String,
    /// None only for a removal of everything that the path selects.
    pub(super) value: Option<Value>,
}

impl UnknownAttributes {
    /// The values of a body. Of names that differ only in case the last one counts.
    pub(crate) fn from_body(values: Map<String, Value>) -> Self {
        let mut names = HashSet::with_capacity(values.len());
        let last_first = values.into_iter().rev().filter(|(name, _)| names.insert(name.to_ascii_lowercase()));
        let mut entries: Vec<Change> = last_first
            .filter(|(_, value)| !value.is_null())
            .filter_map(|(name, value)| Change::assignment(name, value).without_secrets())
            .collect();
        entries.reverse();
        Self { entries }
    }

    /// Reads what [`UnknownAttributes::to_json`] wrote; `None` if it is something else.
    #[must_use]
    pub fn from_json(stored: Value) -> Option<Self> {
        let changes: Vec<Change> = match stored {
            Value::Object(values) => values.into_iter().map(|(name, value)| Change::assignment(name, value)).collect(),
            Value::Array(changes) => changes.into_iter().map(Change::from_json).collect::<Option<_>>()?,
            _ => return None,
        };
        Some(Self { entries: changes.into_iter().filter_map(Change::without_secrets).collect() })
    }

    /// The stored form: an object of names and values if each name has one assignment, else an array of PATCH operations.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut names = HashSet::with_capacity(self.entries.len());
        let mut entries = self.entries.iter();
        if entries.all(|change| change.verb == Verb::Add && names.insert(change.path.to_ascii_lowercase())) {
            let values = self.entries.iter();
            return values.map(|change| (change.path.clone(), change.value.clone().unwrap_or_default())).collect();
        }
        self.entries.iter().map(Change::to_json).collect()
    }

    /// Whether nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Keeps an operation of a PATCH. A replacement by null is a removal.
    ///
    /// # Errors
    /// That of `effort`: the log is read.
    pub(crate) fn record(
        &mut self,
        verb: Verb,
        path: String,
        value: Option<Value>,
        effort: &mut Effort,
    ) -> Result<(), ScimError> {
        let value = value.filter(|value| !value.is_null());
        let change = match (verb, value) {
            (Verb::Replace, None) => Change { verb: Verb::Remove, path, value: None },
            (Verb::Add, value) => Change::assignment(path, value.unwrap_or_default()),
            (verb, value) => Change { verb, path, value },
        };
        // RFC 7644 §3.5.2.3: sub-attributes that an object does not name are "left unchanged".
        let is_whole = match change.verb {
            Verb::Add => false,
            Verb::Remove => change.value.is_none(),
            Verb::Replace => !change.value.as_ref().is_some_and(Value::is_object),
        };
        let is_whole = is_whole && !change.path.contains('[');
        self.append(change, is_whole, effort)
    }

    /// Keeps a value of a body, and drops all earlier changes of its name.
    ///
    /// # Errors
    /// As for [`UnknownAttributes::record`].
    pub(super) fn assign(&mut self, change: Change, effort: &mut Effort) -> Result<(), ScimError> {
        if self.entries.iter().filter(|entry| entry.concerns(&change.path)).nth(1).is_some() {
            self.forget(&change.path);
        }
        self.append(change, true, effort)
    }

    fn append(&mut self, change: Change, is_whole: bool, effort: &mut Effort) -> Result<(), ScimError> {
        effort.charge(self.entries.iter().map(|entry| entry.effort(&change)).sum())?;
        let Some(mut change) = change.without_secrets() else { return Ok(()) };
        let mut earlier = self.entries.iter().rev().filter(|entry| entry.concerns(&change.path));
        if let Some(last) = earlier.next().filter(|last| last.says(&change)) {
            let is_added = last.verb != Verb::Remove && change.verb != Verb::Remove && earlier.next().is_none();
            if last.verb == change.verb || is_added {
                return Ok(());
            }
        }
        if is_whole {
            self.forget(&change.path);
        } else if change.verb == Verb::Replace {
            self.entries.retain(|entry| !entry.is_covered(&change));
        }
        if !self.entries.iter().any(|entry| entry.concerns(&change.path)) {
            if change.verb == Verb::Remove || change.value == Some(Value::Null) {
                return Ok(());
            }
            // RFC 7644 §3.5.2.3: where there is nothing to replace, "treat the operation as an 'add'".
            change.verb = Verb::Add;
        }
        self.entries.push(change);
        Ok(())
    }

    /// Drops the changes of a name and of its parts, and the name from the objects under its URN.
    pub(crate) fn forget(&mut self, name: &str) {
        self.entries.retain_mut(|entry| {
            if within(&entry.path, name).is_some() {
                return false;
            }
            let key = within(name, &entry.path).and_then(|rest| rest.strip_prefix(':'));
            let (Some(key), Some(Value::Object(members))) = (key, &mut entry.value) else { return true };
            members.retain(|member, _| within(member, key).is_none());
            !members.is_empty()
        });
    }

    /// Whether there are no more than are kept.
    #[must_use]
    pub fn is_within_bounds(&self) -> bool {
        self.entries.len() <= MAX_ENTRIES && self.entries.iter().map(Change::size).sum::<usize>() <= MAX_BYTES
    }

    /// Drops the oldest changes past the bounds, with a warning for each.
    ///
    /// # Errors
    /// 400 if the tenant refuses the leniency.
    pub(crate) fn enforce_bounds(&mut self, leniencies: &Leniencies, warnings: &mut Warnings) -> Result<(), ScimError> {
        self.drop_oldest().iter().try_for_each(|name| tolerate_drop(name, leniencies, warnings))
    }

    /// Drops the oldest changes past the bounds, and what is too large by itself; returns their names.
    pub(super) fn drop_oldest(&mut self) -> Vec<String> {
        let mut dropped: Vec<Change> = self.entries.extract_if(.., |change| change.size() > MAX_BYTES).collect();
        let mut bytes = 0;
        let latest = self.entries.iter().rev().take(MAX_ENTRIES);
        let kept = latest.take_while(|change| {
            bytes += change.size();
            bytes <= MAX_BYTES
        });
        let surplus = self.entries.len() - kept.count();
        dropped.extend(self.entries.drain(..surplus));
        dropped.into_iter().map(|change| change.path).collect()
    }
}

/// Records that a change is dropped because there are too many.
///
/// # Errors
/// 400 if the tenant refuses the leniency.
pub(crate) fn tolerate_drop(name: &str, leniencies: &Leniencies, warnings: &mut Warnings) -> Result<(), ScimError> {
    leniencies.tolerate(Leniency::UnknownAttributeDropped, name, warnings, || {
        ScimError::invalid_value(format!(
            "\"{name}\" would have to be dropped: the last {MAX_ENTRIES} changes and {MAX_BYTES} bytes of attributes that \
             no schema defines are kept of a resource. Send fewer, or add an extension that defines them."
        ))
    })
}

impl Change {
    fn assignment(path: String, value: Value) -> Self {
        Self { verb: Verb::Add, path, value: Some(value) }
    }

    fn from_json(stored: Value) -> Option<Self> {
        let Value::Object(mut members) = stored else { return None };
        let verb = Verb::find(members.get("op")?.as_str()?)?;
        let value = members.shift_remove("value");
        let Some(Value::String(path)) = members.shift_remove("path") else { return None };
        (verb == Verb::Remove || value.is_some()).then_some(Self { verb, path, value })
    }

    /// As an operation of a PATCH.
    pub(super) fn to_json(&self) -> Value {
        let mut operation = json!({ "op": self.verb.word(), "path": self.path });
        if let Some(value) = &self.value {
            operation["value"] = value.clone();
        }
        operation
    }

    /// The change with no secret in it, if anything is left.
    fn without_secrets(mut self) -> Option<Self> {
        let is_secret = secret::is_secret(&self.path) || self.value.as_mut().is_some_and(secret::strip);
        (!is_secret).then_some(self)
    }

    /// Whether this change and a path may name the same attribute or parts of it. For an object under a URN its members are
    /// compared.
    fn concerns(&self, path: &str) -> bool {
        let (own, name) = (head(&self.path), head(path));
        match (within(name, own), &self.value) {
            (Some(rest), Some(Value::Object(members))) if rest.starts_with(':') => {
                members.keys().any(|member| related(member, rest.trim_start_matches(':')))
            }
            _ => related(own, name),
        }
    }

    /// What it costs to compare this change with a later one: their paths, and each member under a URN.
    fn effort(&self, later: &Self) -> usize {
        let members = self.value.as_ref().and_then(Value::as_object).map_or(0, Map::len);
        let is_same = same(&self.path, &later.path);
        let values = if is_same { self.value.as_ref().map_or(0, of_value) } else { 0 };
        self.path
            .len()
            .min(later.path.len())
            .saturating_add(values)
            .saturating_add(members.saturating_add(1).saturating_mul(ENTRY_EFFORT))
    }

    /// Whether both have the same path and value.
    fn says(&self, other: &Self) -> bool {
        same(&self.path, &other.path) && self.value == other.value
    }

    /// Whether the later replacement by an object assigns each member of this change's object again. Objects in it are merged.
    fn is_covered(&self, by: &Self) -> bool {
        let (Some(Value::Object(own)), Some(Value::Object(later))) = (&self.value, &by.value) else { return false };
        let is_assigned = |name: &str| later.get(name).is_some_and(|value| !value.is_object());
        let is_same = self.verb != Verb::Remove && !by.path.contains('[') && same(&self.path, &by.path);
        is_same && own.iter().all(|(name, value)| !value.is_object() && is_assigned(name))
    }

    fn size(&self) -> usize {
        self.path.len() + self.value.as_ref().map_or(0, |value| value.to_string().len())
    }
}

#[cfg(test)]
mod tests;
