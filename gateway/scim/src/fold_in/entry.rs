//! One change that is kept aside: what its name means by now, and where it goes if it stays.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::aside::{Aside, Entry};
use crate::schema::{AttributeRef, ResourceType};
use crate::verb::Verb;

/// A change, or what one says of a member of an object under a schema's URN.
pub(super) struct Piece {
    /// Which of the changes it is of.
    place: usize,
    pub(super) verb: Verb,
    /// The object that it is in.
    home: Option<Arc<Home>>,
    /// The key there, or the path.
    key: String,
    pub(super) value: Option<Value>,
}

/// An object under a schema's URN.
struct Home {
    /// The URN as it was written.
    written: String,
    /// The URN as its schema has it.
    urn: String,
}

/// A change whose name means an attribute by now.
pub(super) struct Known {
    pub(super) piece: Piece,
    pub(super) reference: AttributeRef,
}

/// All that is kept aside; of an object under a schema's URN, each of its members.
pub(super) fn spread(set_aside: Aside, resource_type: &ResourceType) -> Vec<Piece> {
    let mut pieces = Vec::with_capacity(set_aside.entries.len());
    for (place, Entry { verb, name, value }) in set_aside.entries.into_iter().enumerate() {
        let schema = resource_type.split_urn(&name).filter(|found| found.rest.is_empty());
        match (schema, value) {
            (Some(schema), Some(Value::Object(members))) if verb != Verb::Remove => {
                let urn = schema.extension.map_or(&resource_type.schema.id, |extension| &extension.id).clone();
                let home = Arc::new(Home { written: name, urn });
                let piece =
                    |(key, value)| Piece { place, verb, home: Some(Arc::clone(&home)), key, value: Some(value) };
                pieces.extend(members.into_iter().map(piece));
            }
            (_, value) => pieces.push(Piece { place, verb, home: None, key: name, value }),
        }
    }
    pieces
}

/// What is left of what was spread, in its order.
pub(super) fn gather(mut pieces: Vec<Piece>) -> Aside {
    pieces.sort_by_key(|piece| piece.place);
    let mut entries: Vec<Entry> = Vec::with_capacity(pieces.len());
    // The object that is being put together, and the change that it is of.
    let mut open = None;
    for Piece { place, verb, home, key, value } in pieces {
        let Some(home) = home else {
            entries.push(Entry { verb, name: key, value });
            continue;
        };
        let started = open.filter(|(of, _)| *of == place).and_then(|(_, index): (usize, usize)| entries.get_mut(index));
        match (started, value) {
            (Some(Entry { value: Some(Value::Object(members)), .. }), Some(value)) => drop(members.insert(key, value)),
            (_, value) => {
                open = Some((place, entries.len()));
                let members = value.map(|value| Value::Object(Map::from_iter([(key, value)])));
                entries.push(Entry { verb, name: home.written.clone(), value: members });
            }
        }
    }
    Aside { entries }
}

/// What a name means, whichever of the values it is about: `emails[type eq "work"].display` is `emails.display`.
pub(super) fn meaning(name: &str, resource_type: &ResourceType) -> Option<AttributeRef> {
    let Some((head, rest)) = name.split_once('[') else { return resource_type.resolve(name.trim()) };
    let part = rest.rsplit_once(']').map_or("", |(_, part)| part);
    resource_type.resolve(&format!("{}{}", head.trim(), part.trim_end()))
}

impl Piece {
    /// The full name.
    pub(super) fn name(&self) -> String {
        self.home.as_ref().map_or_else(|| self.key.clone(), |home| format!("{}:{}", home.urn, self.key))
    }

    /// Leaves a part of the value, which has a name of its own. It goes where the value was: each name with the URN in
    /// front of it would be many times as long. What is said of an element to be removed is no value.
    pub(super) fn leave(self, rest: Map<String, Value>, left: &mut Vec<Piece>) {
        if self.verb == Verb::Remove {
            return;
        }
        for (name, value) in rest {
            let own = self.home.as_ref().and_then(|home| {
                let key = name.strip_prefix(home.urn.as_str())?.strip_prefix(':')?;
                Some((Some(Arc::clone(home)), key.to_owned()))
            });
            let (home, key) = own.unwrap_or((None, name));
            left.push(Self { place: self.place, verb: self.verb, home, key, value: Some(value) });
        }
    }
}
