//! What is kept aside of one resource: the changes that its client asked for and no schema could make, in their order. A
//! later schema makes them as if they had been asked for only then.
//!
//! What a later change makes of no account is dropped, as far as that is so whatever the attribute turns out to be: single
//! or many, a text or an object. Nothing else is, since an object that replaces another is merged into it if it is the only
//! one, and takes the place of all if it is one of many.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use crate::error::ScimError;
use crate::verb::Verb;
use names::{after, related, within};

mod listed;
pub(crate) mod names;

pub use names::{MAX_CHANGES, MAX_NAMES};

/// All that is kept aside of a resource.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Aside {
    pub(crate) entries: Vec<Entry>,
}

/// One change.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) verb: Verb,
    /// The path as it was written, or the key of a body.
    pub(crate) name: String,
    /// None only of a removal, which then is one of all that the path means.
    pub(crate) value: Option<Value>,
}

/// The values of a body, each under its name.
impl From<Map<String, Value>> for Aside {
    fn from(values: Map<String, Value>) -> Self {
        let entry = |(name, value)| Entry { verb: Verb::Add, name, value: Some(value) };
        Self { entries: values.into_iter().map(entry).collect() }
    }
}

impl Aside {
    /// Reads what [`Aside::to_json`] wrote; none if it is something else.
    #[must_use]
    pub fn from_json(stored: Value) -> Option<Self> {
        match stored {
            Value::Object(values) => Some(values.into()),
            Value::Array(changes) => {
                let entries: Option<Vec<Entry>> = changes.into_iter().map(Entry::from_json).collect();
                entries.map(|entries| Self { entries })
            }
            _ => None,
        }
    }

    /// The form in which it is stored: an object of the values under their names where nothing more need be said, else an
    /// array of operations as a PATCH has them.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut names = HashSet::with_capacity(self.entries.len());
        let mut plain = self.entries.iter();
        if plain.all(|entry| entry.verb == Verb::Add && names.insert(entry.name.to_ascii_lowercase())) {
            let values = self.entries.iter();
            return values.map(|entry| (entry.name.clone(), entry.value.clone().unwrap_or_default())).collect();
        }
        self.entries.iter().map(Entry::to_json).collect()
    }

    /// Whether nothing is kept aside.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Keeps values of a document that its schemas define no more, however many.
    pub(crate) fn append(&mut self, values: Map<String, Value>) {
        self.entries.extend(Self::from(values).entries);
    }

    /// The values alone, for one change that has left no more than that.
    pub(crate) fn into_values(self) -> Map<String, Value> {
        self.entries.into_iter().filter_map(|entry| Some((entry.name, entry.value?))).collect()
    }

    /// Keeps a change of what no schema defines. A replacement by nothing is a removal.
    ///
    /// # Errors
    /// 400 where as much is kept as can be.
    pub(crate) fn change(&mut self, verb: Verb, name: String, value: Option<Value>) -> Result<(), ScimError> {
        match (verb, value) {
            // To add a part of elements is to replace it.
            (Verb::Add, Some(value)) if names::part(&name).is_some() => self.replace(name, value),
            (Verb::Add, value) => self.add(name, value.unwrap_or_default()),
            (Verb::Replace, Some(value)) => self.replace(name, value),
            (Verb::Remove | Verb::Replace, None) => self.remove(name),
            (Verb::Remove, Some(list)) => self.remove_listed(name, list),
        }
    }

    /// Drops whatever was kept of a name, of a part of it, and of it within what is around it. Gives the name and place of
    /// the first change of just that name.
    pub(crate) fn forget(&mut self, name: &str) -> Option<(usize, String)> {
        self.forget_for(Verb::Remove, name)
    }

    fn forget_for(&mut self, verb: Verb, name: &str) -> Option<(usize, String)> {
        // Of elements that lose a part nothing may be left, so that they don't get another.
        let stays = |entry: &Entry| entry.verb == Verb::Remove && verb != Verb::Remove && name.contains('[');
        let is_own = |entry: &Entry| after(&entry.name, name).is_some_and(names::is_inside);
        let former = self.drop_where(name, |entry| is_own(entry) && !stays(entry));
        let selects = |name: &str| name.contains('[');
        if selects(name) || self.entries.iter().any(|entry| selects(&entry.name) && related(&entry.name, name)) {
            return former;
        }
        let (mut place, mut emptied) = (0, 0);
        self.entries.retain_mut(|entry| {
            let stays = entry.verb == Verb::Remove || !entry.empty_of(name);
            emptied += usize::from(!stays && former.as_ref().is_some_and(|(own, _)| place < *own));
            place += 1;
            stays
        });
        former.map(|(place, name)| (place - emptied, name))
    }

    /// Drops changes of a name for which `is_dropped` says that the one to come makes them of no account, as long as no other
    /// in between depends on them.
    fn drop_where(&mut self, name: &str, is_dropped: impl Fn(&Entry) -> bool) -> Option<(usize, String)> {
        let (mut between, mut dropped) = (Vec::new(), HashSet::new());
        for (place, entry) in self.entries.iter().enumerate().rev() {
            if is_dropped(entry) {
                if between.iter().any(|later: &&Entry| later.depends_on(entry, name)) {
                    break;
                }
                dropped.insert(place);
            } else if related(&entry.name, name) && (entry.verb == Verb::Remove || entry.concerns(name)) {
                between.push(entry);
            }
        }
        let own = |place: &usize| self.entries.get(*place).is_some_and(|entry| after(&entry.name, name) == Some(""));
        let first = dropped.iter().copied().filter(own).min();
        let former = first.and_then(|place| Some((place, self.entries.get(place)?.name.clone())));
        let mut place = 0;
        self.entries.retain(|_| {
            place += 1;
            !dropped.contains(&(place - 1))
        });
        former.map(|(place, name)| (place - dropped.iter().filter(|it| **it < place).count(), name))
    }

    fn add(&mut self, name: String, value: Value) -> Result<(), ScimError> {
        if value.is_null() && !self.has(&name) {
            return Ok(());
        }
        let entry = Entry { verb: Verb::Add, name, value: Some(value) };
        // To add the same again is to have added it last.
        if let Some(place) = self.entries.iter().rposition(|earlier| earlier.says_the_same(&entry)) {
            let mut later = self.entries.iter().skip(place + 1).filter(|later| related(&later.name, &entry.name));
            if later.clone().next().is_none() {
                return Ok(());
            }
            let is_plain = |entry: &Entry| entry.verb == Verb::Add && !entry.name.contains('[');
            if is_plain(&entry) && later.all(is_plain) {
                self.entries.remove(place);
            }
        }
        self.put(entry, None)
    }

    fn replace(&mut self, name: String, value: Value) -> Result<(), ScimError> {
        let former =
            if value.is_object() { self.forget_covered(&name, &value) } else { self.forget_for(Verb::Replace, &name) };
        // Where there is nothing to replace it is an add, which asks less of the form of a value.
        let verb = if self.has(&name) { Verb::Replace } else { Verb::Add };
        self.put(Entry { verb, name, value: Some(value) }, former)
    }

    /// Drops what an object says anew in all its parts.
    fn forget_covered(&mut self, name: &str, value: &Value) -> Option<(usize, String)> {
        self.drop_where(name, |entry| match after(&entry.name, name) {
            Some("") => entry.value.is_some() && covers(value, entry.value.as_ref()),
            Some(rest) => {
                let part = rest.strip_prefix([':', '.']);
                let part = part.and_then(|part| member(value, part));
                part.is_some_and(|part| covers(part, entry.value.as_ref()))
            }
            None => false,
        })
    }

    fn remove(&mut self, name: String) -> Result<(), ScimError> {
        let former = self.forget(&name);
        if let Some(selected) = listed::selection(&name) {
            return self.without(selected.attribute, &[selected.element], name.clone(), None);
        }
        self.put_removal(Entry { verb: Verb::Remove, name, value: None }, former)
    }

    fn remove_listed(&mut self, name: String, list: Value) -> Result<(), ScimError> {
        let elements = match &list {
            Value::Array(elements) => elements.clone(),
            one => vec![one.clone()],
        };
        if elements.is_empty() {
            return Ok(());
        }
        self.without(&name.clone(), &elements, name, Some(list))
    }

    /// Takes elements out of the lists that are kept of an attribute, if lists are all that is, and if by the letter it is
    /// clear of each element whether it is meant. Else the removal is kept.
    fn without(
        &mut self,
        attribute: &str,
        elements: &[Value],
        name: String,
        value: Option<Value>,
    ) -> Result<(), ScimError> {
        let is_own = |entry: &Entry| entry.verb != Verb::Remove && after(&entry.name, attribute) == Some("");
        let mut kept = self.entries.iter().filter(|entry| entry.verb != Verb::Remove);
        let is_clear = |entry: &Entry| {
            if is_own(entry) { listed::is_clear(entry.value.as_ref(), elements) } else { !entry.concerns(attribute) }
        };
        if !kept.all(is_clear) {
            return self.put_removal(Entry { verb: Verb::Remove, name, value }, None);
        }
        self.entries.retain_mut(|entry| !(is_own(entry) && entry.lose(elements)));
        self.drop_vain_removals(attribute);
        Ok(())
    }

    /// Keeps a removal, if something is kept that it could be about.
    fn put_removal(&mut self, entry: Entry, former: Option<(usize, String)>) -> Result<(), ScimError> {
        if !self.has(&entry.name) {
            self.drop_vain_removals(&entry.name);
            return Ok(());
        }
        let same = self.entries.iter().rposition(|earlier| earlier.says_the_same(&entry));
        let is_last = |place: usize| !self.entries.iter().skip(place + 1).any(|it| related(&it.name, &entry.name));
        if same.is_some_and(is_last) {
            return Ok(());
        }
        self.put(entry, former)
    }

    /// Removals of a name and its parts, where nothing is left that they could be about.
    fn drop_vain_removals(&mut self, name: &str) {
        let head = names::head(name).to_owned();
        if self.has(&head) {
            return;
        }
        let is_own = |entry: &Entry| after(&entry.name, &head).is_some_and(names::is_inside);
        self.entries.retain(|entry| entry.verb != Verb::Remove || !is_own(entry));
    }

    /// Keeps a change after all that it could be about, and where the former one was if there is none since.
    fn put(&mut self, mut entry: Entry, former: Option<(usize, String)>) -> Result<(), ScimError> {
        let Some((place, name)) = former else {
            self.check_room(&entry.name)?;
            self.entries.push(entry);
            return Ok(());
        };
        let moves = self.entries.iter().skip(place).any(|later| related(&later.name, &entry.name));
        entry.name = name;
        self.entries.insert(if moves { self.entries.len() } else { place }, entry);
        Ok(())
    }

    /// Whether something is kept that a change of this name could be about.
    fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|entry| entry.verb != Verb::Remove && entry.concerns(name))
    }

    fn check_room(&self, name: &str) -> Result<(), ScimError> {
        if self.entries.len() < names::MAX_NAMES {
            return Ok(());
        }
        let is_new = !self.entries.iter().any(|entry| entry.name.eq_ignore_ascii_case(name));
        if is_new && self.names() >= names::MAX_NAMES {
            return Err(names::one_too_many(name));
        }
        if self.entries.len() >= names::MAX_CHANGES {
            return Err(names::one_change_too_many(name));
        }
        Ok(())
    }

    /// How many names there are; those that differ by case alone are one.
    pub(crate) fn names(&self) -> usize {
        let names: HashSet<String> = self.entries.iter().map(|entry| entry.name.to_ascii_lowercase()).collect();
        names.len()
    }
}

impl Entry {
    fn from_json(stored: Value) -> Option<Self> {
        let Value::Object(mut members) = stored else { return None };
        let verb = Verb::find(members.get("op")?.as_str()?)?;
        let value = members.shift_remove("value");
        let Some(Value::String(name)) = members.shift_remove("path") else { return None };
        (verb == Verb::Remove || value.is_some()).then_some(Self { verb, name, value })
    }

    fn to_json(&self) -> Value {
        let mut operation = json!({ "op": self.verb.word(), "path": self.name });
        if let Some(value) = &self.value {
            operation["value"] = value.clone();
        }
        operation
    }

    fn says_the_same(&self, other: &Self) -> bool {
        self.verb == other.verb && after(&self.name, &other.name) == Some("") && self.value == other.value
    }

    /// Whether this change could be another one without an earlier one, of a name or a part of it.
    fn depends_on(&self, earlier: &Self, name: &str) -> bool {
        if !self.name.contains('[') && !name.contains('[') {
            return false;
        }
        // Parts of elements that are selected by others have nothing to do with each other.
        let (Some(own), Some(other)) = (names::part(&self.name), names::part(&earlier.name)) else { return true };
        self.verb == Verb::Remove || names::mentions(own.0, other.1) || names::mentions(other.0, own.1)
    }

    /// Takes a name out of an object around it; tells whether that has left nothing of it.
    fn empty_of(&mut self, name: &str) -> bool {
        let Some(rest) = within(name, &self.name) else { return false };
        let Some(value) = &mut self.value else { return false };
        take(value, rest);
        *value == Value::Object(Map::new())
    }

    /// Takes elements out of its list; tells whether it says nothing any more.
    fn lose(&mut self, elements: &[Value]) -> bool {
        let Some(Value::Array(own)) = &mut self.value else { return false };
        own.retain(|element| !elements.iter().any(|listed| listed::is_meant(element, listed)));
        let emptied = own.is_empty();
        if emptied && self.verb == Verb::Replace {
            (self.verb, self.value) = (Verb::Remove, None);
            return false;
        }
        emptied
    }

    fn concerns(&self, name: &str) -> bool {
        match within(name, &self.name) {
            Some(rest) => self.value.as_ref().is_some_and(|value| reaches(value, rest)),
            None => related(&self.name, name),
        }
    }
}

fn take(kept: &mut Value, name: &str) {
    let Value::Object(members) = kept else { return };
    members.retain(|key, member| {
        if let Some(rest) = within(name, key) {
            take(member, rest);
        }
        !key.eq_ignore_ascii_case(name)
    });
}

/// Whether a value has something at a name within it, or could have.
fn reaches(value: &Value, name: &str) -> bool {
    match value {
        Value::Null => false,
        Value::Object(members) if !name.starts_with('[') => members.iter().any(|(key, member)| {
            key.eq_ignore_ascii_case(name) || within(name, key).is_some_and(|rest| reaches(member, rest))
        }),
        _ => true,
    }
}

/// Whether nothing of `old` is left when `new` has come over it, merged into it or in its place.
fn covers(new: &Value, old: Option<&Value>) -> bool {
    match (new, old) {
        (Value::Object(_), Some(Value::Object(old))) => {
            old.iter().all(|(key, old)| member(new, key).is_some_and(|new| covers(new, Some(old))))
        }
        (Value::Object(_), _) => false,
        _ => true,
    }
}

fn member<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    let mut members = value.as_object()?.iter();
    members.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
