//! One value that is set aside: what its name means by now, and where it goes if it stays.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::schema::{AttributeRef, ResourceType};

/// A value that is set aside.
pub(super) struct Entry {
    /// The object that it is in, if that is one of a schema.
    home: Option<Arc<Home>>,
    /// The key, there or in all that is set aside.
    key: String,
    /// The value.
    pub(super) value: Value,
}

/// An object under a schema's URN.
struct Home {
    /// The URN as it was written.
    written: String,
    /// The URN as its schema has it.
    urn: String,
}

/// A value whose name means an attribute by now.
pub(super) struct Known {
    pub(super) entry: Entry,
    pub(super) reference: AttributeRef,
}

/// All that is set aside; of an object under a schema's URN, each of its members.
pub(super) fn spread(set_aside: Map<String, Value>, resource_type: &ResourceType) -> Vec<Entry> {
    let mut entries = Vec::with_capacity(set_aside.len());
    for (key, value) in set_aside {
        let schema = resource_type.split_urn(&key).filter(|found| found.rest.is_empty());
        match (schema, value) {
            (Some(schema), Value::Object(members)) => {
                let urn = schema.extension.map_or(&resource_type.schema.id, |extension| &extension.id).clone();
                let home = Arc::new(Home { written: key, urn });
                let members = members.into_iter();
                entries.extend(members.map(|(key, value)| Entry { home: Some(Arc::clone(&home)), key, value }));
            }
            (_, value) => entries.push(Entry { home: None, key, value }),
        }
    }
    entries
}

impl Entry {
    /// The full name.
    pub(super) fn name(&self) -> String {
        self.home.as_ref().map_or_else(|| self.key.clone(), |home| format!("{}:{}", home.urn, self.key))
    }

    /// What the name means, whichever of the values it is about: `emails[type eq "work"].display` is `emails.display`.
    pub(super) fn reference(&self, resource_type: &ResourceType) -> Option<AttributeRef> {
        let name = self.name();
        let Some((head, rest)) = name.split_once('[') else { return resource_type.resolve(name.trim()) };
        let part = rest.rsplit_once(']').map_or("", |(_, part)| part);
        resource_type.resolve(&format!("{}{}", head.trim(), part.trim_end()))
    }

    /// Leaves the value where it is.
    pub(super) fn stay(self, set_aside: &mut Map<String, Value>) {
        let Some(home) = self.home else {
            set_aside.insert(self.key, self.value);
            return;
        };
        put(set_aside, &home, self.key, self.value);
    }

    /// Leaves a part of the value, which has a name of its own. It goes where the value was: each name with the URN in
    /// front of it would be many times as long.
    pub(super) fn leave(self, rest: Map<String, Value>, set_aside: &mut Map<String, Value>) {
        for (name, value) in rest {
            let own = self.home.as_ref().and_then(|home| {
                let key = name.strip_prefix(home.urn.as_str())?.strip_prefix(':')?;
                Some((home, key.to_owned()))
            });
            match own {
                Some((home, key)) => put(set_aside, home, key, value),
                None => drop(set_aside.insert(name, value)),
            }
        }
    }
}

fn put(set_aside: &mut Map<String, Value>, home: &Home, key: String, value: Value) {
    let members = set_aside.entry(home.written.as_str()).or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(members) = members {
        members.insert(key, value);
    }
}
