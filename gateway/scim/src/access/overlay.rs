//! A document with changes on top: the source is shared and stays as it is, and only what a change touches is copied, by
//! member of the document.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::schema::AttributeRef;
use crate::text::{self, Printed};
use crate::value::{Members, is_unassigned};

/// A document that is changed by path, over the one that it was made from. Members keep their order; new ones are last.
#[derive(Clone, Debug)]
pub struct Overlay {
    /// Plugins see the id first; the stored document has none.
    id: Option<Value>,
    source: Arc<Map<String, Value>>,
    /// What the changes are on: the source, unless the document was replaced as a whole.
    base: Arc<Map<String, Value>>,
    /// Members that stand in the place of the base's. They are few, so that no index of them is kept.
    changed: Vec<(String, Value)>,
    /// Members of the base that are not in their place any more.
    removed: Vec<String>,
    /// Members after those of the base.
    added: Map<String, Value>,
}

impl Overlay {
    /// The document without a change.
    #[must_use]
    pub fn new(source: Arc<Map<String, Value>>, id: Option<String>) -> Self {
        let (id, base) = (id.map(Value::String), Arc::clone(&source));
        Self { id, source, base, changed: Vec::new(), removed: Vec::new(), added: Map::new() }
    }

    /// Whether the document has the same members as its source. Their order does not count.
    #[must_use]
    pub fn is_source(&self) -> bool {
        if !Arc::ptr_eq(&self.base, &self.source) {
            return self.iter().count() == self.source.len()
                && self.iter().all(|(name, value)| self.source.get(name) == Some(value));
        }
        let is_same = |(name, value): (&String, &Value)| self.base.get(name) == Some(value);
        self.changed.iter().all(|(name, value)| is_same((name, value)))
            && self.removed.len() == self.added.len()
            && self.added.iter().all(is_same)
    }

    /// The document as its own tree, without the id.
    #[must_use]
    pub fn to_map(&self) -> Map<String, Value> {
        self.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// The document's text, without the id. Unchanged members are taken from the source's text.
    #[must_use]
    pub fn print(&self, source: &Printed) -> String {
        let mut text = text::Writer::with_capacity(source.text().len() + 256);
        let is_source = Arc::ptr_eq(&self.base, &self.source);
        for (index, (name, value)) in self.base.iter().enumerate() {
            if self.removed.contains(name) {
                continue;
            }
            match (self.changed(name), source.member(index).filter(|_| is_source)) {
                (Some(changed), _) => text.member(name, changed),
                (None, Some(member)) => text.raw(member),
                (None, None) => text.member(name, value),
            }
        }
        for (name, value) in &self.added {
            text.member(name, value);
        }
        text.finish()
    }

    /// As a plugin reads it: with the id.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = text::Writer::with_capacity(0);
        for (name, value) in self.id.iter().map(|id| (ID, id)).chain(self.iter().map(|(name, value)| (&**name, value)))
        {
            text.member(name, value);
        }
        text.finish()
    }

    /// Replaces all members.
    pub fn replace(&mut self, members: Map<String, Value>) {
        (self.changed, self.removed, self.added) = (Vec::new(), Vec::new(), Map::new());
        self.base = Arc::new(members);
    }

    /// The value of an attribute, not of the sub-attribute.
    pub(super) fn value(&self, attribute: &AttributeRef) -> Option<&Value> {
        match &attribute.extension {
            None => self.get(&attribute.attribute.name),
            Some(schema) => self.get(&schema.id)?.get(&attribute.attribute.name),
        }
    }

    /// As [`Overlay::value`], to be changed.
    pub(super) fn value_mut(&mut self, attribute: &AttributeRef) -> Option<&mut Value> {
        match &attribute.extension {
            None => self.get_mut(&attribute.attribute.name),
            Some(schema) => {
                self.get(&schema.id)?.get(&attribute.attribute.name)?;
                self.get_mut(&schema.id)?.get_mut(&attribute.attribute.name)
            }
        }
    }

    /// Sets the value of an attribute; none, or an unassigned one, removes it. The object of an extension is created with
    /// its first attribute and removed with its last.
    pub(super) fn set(&mut self, attribute: &AttributeRef, value: Option<Value>) {
        let value = value.filter(|value| !is_unassigned(value));
        let name = &attribute.attribute.name;
        let Some(schema) = &attribute.extension else {
            return match value {
                Some(value) => self.insert(name, value),
                None => drop(self.remove(name)),
            };
        };
        let Some(Value::Object(members)) = self.get_mut(&schema.id) else {
            if let Some(value) = value {
                self.insert(&schema.id, Value::Object(Map::from_iter([(name.clone(), value)])));
            }
            return;
        };
        match value {
            Some(value) => drop(members.insert(name.clone(), value)),
            None => drop(members.shift_remove(name)),
        }
        if members.is_empty() {
            self.remove(&schema.id);
        }
    }

    /// Sets a member.
    pub(super) fn insert(&mut self, name: &str, value: Value) {
        if let Some((_, changed)) = self.changed.iter_mut().find(|(known, _)| known == name) {
            *changed = value;
        } else if self.base.contains_key(name) && !self.is_removed(name) {
            self.changed.push((name.to_owned(), value));
        } else {
            self.added.insert(name.to_owned(), value);
        }
    }

    /// Removes a member and returns whether it was there.
    pub(super) fn remove(&mut self, name: &str) -> bool {
        if self.added.shift_remove(name).is_some() {
            return true;
        }
        if !self.base.contains_key(name) || self.is_removed(name) {
            return false;
        }
        self.changed.retain(|(known, _)| known != name);
        self.removed.push(name.to_owned());
        true
    }

    fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        if let Some(position) = self.changed.iter().position(|(known, _)| known == name) {
            return self.changed.get_mut(position).map(|(_, value)| value);
        }
        if !self.added.is_empty() && self.added.contains_key(name) {
            return self.added.get_mut(name);
        }
        if self.is_removed(name) {
            return None;
        }
        let value = self.base.get(name)?.clone();
        self.changed.push((name.to_owned(), value));
        self.changed.last_mut().map(|(_, value)| value)
    }

    fn changed(&self, name: &str) -> Option<&Value> {
        self.changed.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    fn is_removed(&self, name: &str) -> bool {
        self.removed.iter().any(|removed| removed == name)
    }
}

const ID: &str = "id";

impl Members for Overlay {
    fn get(&self, name: &str) -> Option<&Value> {
        if let (ID, Some(id)) = (name, &self.id) {
            return Some(id);
        }
        let changed = self.changed(name).or_else(|| self.added.get(name));
        changed.or_else(|| self.base.get(name).filter(|_| !self.is_removed(name)))
    }

    fn iter(&self) -> impl Iterator<Item = (&String, &Value)> {
        let in_place = self.base.iter().filter(|(name, _)| !self.is_removed(name));
        in_place.map(|(name, value)| (name, self.changed(name).unwrap_or(value))).chain(&self.added)
    }
}

impl PartialEq for Overlay {
    /// By what the documents say now.
    fn eq(&self, other: &Self) -> bool {
        self.iter().count() == other.iter().count()
            && self.iter().all(|(name, value)| Members::get(other, name) == Some(value))
    }
}
