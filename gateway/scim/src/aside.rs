//! What no schema knew when a client wrote it, and how it becomes part of the document once one does.
//!
//! Values are taken in as a client's PATCH would bring them, so that one set of rules decides what they become. What does
//! not fit its schema stays aside, with the reason; a value that the document has already is newer and stays.

use serde_json::{Map, Value, json};

use crate::attribute::{Mutability, Returned};
use crate::error::ScimError;
use crate::leniency::Leniencies;
use crate::normalise::rebuild_schemas;
use crate::patch::{PATCH_SCHEMA, Patch};
use crate::schema::validate::{check_attribute, validate};
use crate::schema::{AttributeRef, ResourceType, common_attributes};

/// A value that its schema does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The name it is kept aside under.
    pub name: String,
    /// A sentence that names the attribute and what is wrong.
    pub why: String,
}

/// A document with what could be taken in.
#[derive(Clone, Debug, PartialEq)]
pub struct TakenIn {
    /// The canonical document.
    pub document: Map<String, Value>,
    /// What stays aside.
    pub set_aside: Map<String, Value>,
    /// What stays aside although a schema knows it.
    pub misfits: Vec<Misfit>,
    /// Whether the document is another than before.
    pub changed: bool,
}

/// Takes what the resource type knows by now into the document. `allowed` can keep an attribute out for the caller's
/// reasons; what it keeps out is a misfit with that reason.
#[must_use]
pub fn take_in(
    document: Map<String, Value>,
    set_aside: Map<String, Value>,
    resource_type: &ResourceType,
    leniencies: &Leniencies,
    allowed: &dyn Fn(&AttributeRef) -> Result<(), String>,
) -> TakenIn {
    let mut taken = TakenIn { document, set_aside: Map::new(), misfits: Vec::new(), changed: false };
    let mut known: Vec<Entry> = Vec::new();
    for (name, value) in spread(set_aside, resource_type) {
        match resource_type.resolve(head(&name)) {
            Some(reference) => known.push(Entry { name, value, reference }),
            None => drop(taken.set_aside.insert(name, value)),
        }
    }
    // An extension comes in as a whole or not at all, since one of its attributes may be required beside another.
    let (base, of_extensions): (Vec<Entry>, Vec<Entry>) =
        known.into_iter().partition(|entry| entry.reference.extension.is_none());
    let mut rules = Rules { resource_type, leniencies, allowed };
    for entry in base {
        taken.unit(vec![entry], &mut rules);
    }
    for extension in &resource_type.extensions {
        let own = |entry: &&Entry| entry.reference.extension.as_ref().is_some_and(|it| it.id == extension.schema.id);
        let unit: Vec<Entry> = of_extensions.iter().filter(own).cloned().collect();
        if !unit.is_empty() {
            taken.unit(unit, &mut rules);
        }
    }
    taken
}

/// Brings a document that was canonical by other schemas to those of this type: what they don't define goes aside, and
/// what was aside comes in. For a write that was under way when the schemas changed.
#[must_use]
pub fn refit(
    document: Map<String, Value>,
    mut set_aside: Map<String, Value>,
    resource_type: &ResourceType,
    leniencies: &Leniencies,
) -> TakenIn {
    let before = document.clone();
    let mut kept = Map::new();
    for (key, value) in document {
        let extension = resource_type.extensions.iter().find(|it| it.schema.id == key);
        match (extension, value) {
            (Some(extension), Value::Object(members)) => {
                let (own, foreign): (Map<_, _>, Map<_, _>) =
                    members.into_iter().partition(|(name, _)| extension.schema.attribute(name).is_some());
                set_aside.extend(foreign.into_iter().map(|(name, value)| (format!("{key}:{name}"), value)));
                kept.insert(key, Value::Object(own));
            }
            (_, value) if is_own(&key, resource_type) => drop(kept.insert(key, value)),
            (_, value) => drop(set_aside.insert(key, value)),
        }
    }
    rebuild_schemas(&mut kept, resource_type);
    let mut taken = take_in(kept, set_aside, resource_type, leniencies, &|_| Ok(()));
    taken.changed = taken.document != before;
    taken
}

/// Keeps a value aside under the name as written, or takes it away. What is kept under a name around it, or of a part of
/// it, must not come back later as if it were newer.
pub(crate) fn keep(set_aside: &mut Map<String, Value>, name: String, value: Option<Value>) {
    let name = set_aside.keys().find(|key| key.eq_ignore_ascii_case(&name)).cloned().unwrap_or(name);
    set_aside.retain(|key, kept| {
        if let Some(rest) = within(&name, key) {
            remove(kept, rest);
        }
        !key.eq_ignore_ascii_case(&name) && within(key, &name).is_none() && *kept != Value::Object(Map::new())
    });
    if let Some(value) = value {
        set_aside.insert(name, value);
    }
}

/// What of `name` is left behind `outer`, where it names a part of that.
fn within<'n>(name: &'n str, outer: &str) -> Option<&'n str> {
    let start = name.get(..outer.len()).filter(|start| start.eq_ignore_ascii_case(outer))?;
    name.get(start.len()..)?.strip_prefix([':', '.'])
}

fn remove(kept: &mut Value, name: &str) {
    let Value::Object(members) = kept else { return };
    members.retain(|key, member| {
        if let Some(rest) = within(name, key) {
            remove(member, rest);
        }
        !key.eq_ignore_ascii_case(name)
    });
}

#[derive(Clone)]
struct Entry {
    name: String,
    value: Value,
    reference: AttributeRef,
}

struct Rules<'a> {
    resource_type: &'a ResourceType,
    leniencies: &'a Leniencies,
    allowed: &'a dyn Fn(&AttributeRef) -> Result<(), String>,
}

impl TakenIn {
    /// Takes in what belongs together; what does not fit stays aside, and where the rest is incomplete without it, all does.
    fn unit(&mut self, entries: Vec<Entry>, rules: &mut Rules<'_>) {
        let mut document = self.document.clone();
        let mut left = Map::new();
        let mut misfits = Vec::new();
        for Entry { name, value, reference } in &entries {
            match rules.one(&document, name, value, reference) {
                Ok((with, rest)) => {
                    document = with;
                    left.extend(rest);
                }
                Err(why) => {
                    misfits.push(Misfit { name: name.clone(), why });
                    left.insert(name.clone(), value.clone());
                }
            }
        }
        if document != self.document {
            if let Err(refusal) = validate(&document, rules.resource_type) {
                self.misfits
                    .extend(entries.iter().map(|it| Misfit { name: it.name.clone(), why: refusal.detail.clone() }));
                self.set_aside.extend(entries.into_iter().map(|it| (it.name, it.value)));
                return;
            }
            self.changed = true;
        }
        self.document = document;
        self.set_aside.extend(left);
        self.misfits.extend(misfits);
    }
}

type Taken = (Map<String, Value>, Map<String, Value>);

impl Rules<'_> {
    /// The document with one value, and what of it stays aside.
    fn one(
        &self,
        document: &Map<String, Value>,
        name: &str,
        value: &Value,
        reference: &AttributeRef,
    ) -> Result<Taken, String> {
        let attribute = &reference.attribute;
        let parts = [Some(attribute), reference.sub.as_ref()];
        let untouchable = parts
            .into_iter()
            .flatten()
            .any(|it| it.mutability == Mutability::ReadOnly || it.returned == Returned::Never);
        if untouchable || is_there(document, reference) {
            // As at the door: what only the server writes is passed over, and what is never returned is not kept.
            return Ok((document.clone(), Map::new()));
        }
        (self.allowed)(reference)?;
        if reference.sub.is_some() && attribute.multi_valued && !name.contains('[') {
            return Err(format!("{} does not say which of the values it belongs to.", reference.name()));
        }
        self.patched(document, name, value, reference).map_err(|refusal| refusal.detail)
    }

    fn patched(
        &self,
        document: &Map<String, Value>,
        name: &str,
        value: &Value,
        reference: &AttributeRef,
    ) -> Result<Taken, ScimError> {
        let operation = json!({ "op": "add", "path": name, "value": value });
        let body = json!({ "schemas": [PATCH_SCHEMA], "Operations": [operation] });
        let patch = Patch::parse(body, self.resource_type, self.leniencies)?;
        let patched = patch.apply(document.clone(), Map::new(), self.resource_type, self.leniencies)?;
        check_attribute(&patched.document, reference)?;
        Ok((patched.document, patched.set_aside))
    }
}

/// Whether the document says something of the attribute already.
fn is_there(document: &Map<String, Value>, reference: &AttributeRef) -> bool {
    match (reference.value(document), &reference.sub) {
        (Some(value), Some(sub)) if !reference.attribute.multi_valued => value.get(&sub.name).is_some(),
        (Some(_), Some(_)) | (None, _) => false,
        (Some(_), None) => true,
    }
}

/// The object under a schema's URN becomes an entry for each of its attributes.
fn spread(set_aside: Map<String, Value>, resource_type: &ResourceType) -> Vec<(String, Value)> {
    let mut entries = Vec::with_capacity(set_aside.len());
    for (name, value) in set_aside {
        let schema = resource_type.split_urn(&name).filter(|found| found.rest.is_empty());
        match (schema, value) {
            (Some(schema), Value::Object(members)) => {
                let urn = schema.extension.map_or(&resource_type.schema.id, |extension| &extension.id);
                entries.extend(members.into_iter().map(|(member, value)| (format!("{urn}:{member}"), value)));
            }
            (_, value) => entries.push((name, value)),
        }
    }
    entries
}

fn is_own(key: &str, resource_type: &ResourceType) -> bool {
    key == "schemas"
        || resource_type.schema.attribute(key).is_some()
        || common_attributes().iter().any(|attribute| attribute.name == key)
}

fn head(name: &str) -> &str {
    name.split('[').next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests;
