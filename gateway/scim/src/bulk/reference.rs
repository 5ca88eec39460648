//! Where a request names resources: every attribute that is a reference by its schema, in whatever form a body or a
//! PATCH can have. A name that only looks like one (a displayName "bulkId:x") is left as it is. Of an attribute that no
//! schema knows yet, nobody can say: there a text names what this request makes, if it is just its bulkId, and else nothing.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Action, Task};
use crate::attribute::{Attribute, Type};
use crate::leniency::{Leniencies, Warnings};
use crate::normalise::key::{self, Key};
use crate::schema::{ResourceType, Schema};

/// What stands in front of a bulkId where an id belongs (RFC 7644 §3.7.2).
const PREFIX: &str = "bulkId:";

/// What stands in a place where a resource could be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spot {
    /// A reference by its schema.
    Reference,
    /// A text in what no schema knows.
    Unknown,
}

/// Is given each text that is or could be a reference, and may change it.
type Visit<'v> = &'v mut dyn FnMut(&mut String, Spot);

impl Spot {
    /// The bulkId that a text in this place stands for, if there is one of that name.
    pub(super) fn bulk_id(self, text: &str) -> Option<&str> {
        match self {
            Self::Reference => bulk_id(text),
            Self::Unknown => text.strip_prefix(PREFIX),
        }
    }
}

/// The bulkId that a text stands for: `bulkId:qwerty`, or an address that ends in it.
pub(super) fn bulk_id(text: &str) -> Option<&str> {
    text.get(start(text)?..)?.get(PREFIX.len()..)
}

/// Where in a text `bulkId:` begins.
fn start(text: &str) -> Option<usize> {
    let is_one = |text: &str| {
        let (head, name) = (text.get(..PREFIX.len()), text.get(PREFIX.len()..));
        head.is_some_and(|head| head.eq_ignore_ascii_case(PREFIX)) && name.is_some_and(|name| !name.is_empty())
    };
    if is_one(text) {
        return Some(0);
    }
    let last = text.rfind('/')? + 1;
    text.get(last..).is_some_and(is_one).then_some(last)
}

/// Puts the id in the place of the bulkId, where it is known.
pub(super) fn substitute(text: &mut String, spot: Spot, id_of: &dyn Fn(&str) -> Option<String>) {
    if let Some(id) = spot.bulk_id(text).and_then(id_of)
        && let Some(start) = start(text)
    {
        text.replace_range(start.., &id);
    }
}

/// Shows every reference in the body of an operation, and every text that could be one.
pub(super) fn visit(task: &mut Task, each: Visit<'_>) {
    let Task { resource_type, action, .. } = task;
    let mut reader = Reader { rt: resource_type, each };
    match action {
        Action::Create(Value::Object(body)) | Action::Replace(_, Value::Object(body)) => reader.attributes(body),
        Action::Patch(_, Value::Object(message)) => reader.patch(message),
        Action::Create(_) | Action::Replace(..) | Action::Patch(..) | Action::Delete(_) => {}
    }
}

struct Reader<'a> {
    rt: &'a ResourceType,
    each: Visit<'a>,
}

impl Reader<'_> {
    fn patch(&mut self, message: &mut Map<String, Value>) {
        let operations = message.iter_mut().filter(|(key, _)| key.eq_ignore_ascii_case("Operations"));
        for operation in operations.filter_map(|(_, value)| value.as_array_mut()).flatten() {
            let Value::Object(members) = operation else { continue };
            let path = match find(members, "path") {
                Some(Value::String(path)) if !path.trim().is_empty() => {
                    self.filter(path);
                    Some(path.clone())
                }
                _ => None,
            };
            match (path, find(members, "value")) {
                (Some(path), Some(value)) => self.named(&path, value),
                (None, Some(Value::Object(attributes))) => self.attributes(attributes),
                (_, _) => {}
            }
        }
    }

    /// The attributes of a body, or of the value of a PATCH operation without a path.
    fn attributes(&mut self, members: &mut Map<String, Value>) {
        if members.keys().any(|key| key.contains('[')) {
            let renamed = std::mem::take(members).into_iter().map(|(mut key, value)| {
                self.filter(&mut key);
                (key, value)
            });
            *members = renamed.collect();
        }
        for (key, value) in members {
            self.named(key, value);
        }
    }

    /// What stands at a path or under a key.
    fn named(&mut self, name: &str, value: &mut Value) {
        let name = name.trim();
        match (self.locate(name), value) {
            (Key::Attribute(found), value) => {
                let tail = name.rsplit_once("].").map(|(_, tail)| tail.trim());
                let sub = found.sub.or_else(|| tail.and_then(|tail| found.attribute.sub_attribute(tail)).cloned());
                match (tail, sub) {
                    (Some(_), None) => self.unknown(value),
                    (_, sub) => self.value(value, &found.attribute, sub.as_deref()),
                }
            }
            (Key::Extension(schema), Value::Object(members)) => self.of_schema(members, Some(&schema)),
            (Key::Base, Value::Object(members)) => self.of_schema(members, None),
            (Key::Unknown, value) => self.unknown(value),
            (Key::Extension(_) | Key::Base, _) => {}
        }
    }

    /// By what a name begins, a filter after it aside. Which forms are allowed is for whoever does the operation.
    fn locate(&self, name: &str) -> Key {
        let head = name.split(|c: char| c == '[' || c.is_whitespace()).next().unwrap_or_default();
        key::read(head, self.rt, &Leniencies::auto(), &mut Warnings::default()).unwrap_or(Key::Unknown)
    }

    fn of_schema(&mut self, members: &mut Map<String, Value>, schema: Option<&Arc<Schema>>) {
        for (name, value) in members {
            match self.rt.resolve_in(schema, name.trim()) {
                Some(found) => self.value(value, &found.attribute, found.sub.as_deref()),
                None => self.unknown(value),
            }
        }
    }

    fn value(&mut self, value: &mut Value, attribute: &Attribute, sub: Option<&Attribute>) {
        match value {
            Value::Array(elements) => elements.iter_mut().for_each(|element| self.value(element, attribute, sub)),
            Value::Object(members) if sub.is_none() => {
                for (name, value) in members {
                    match attribute.sub_attribute(name) {
                        Some(sub) => self.value(value, attribute, Some(sub)),
                        None => self.unknown(value),
                    }
                }
            }
            Value::String(text) if names_a_resource(attribute, sub) => (self.each)(text, Spot::Reference),
            _ => {}
        }
    }

    /// The texts of a value that no schema knows, however deep.
    fn unknown(&mut self, value: &mut Value) {
        let mut open = vec![value];
        while let Some(value) = open.pop() {
            match value {
                Value::String(text) => (self.each)(text, Spot::Unknown),
                Value::Array(elements) => open.extend(elements),
                Value::Object(members) => open.extend(members.values_mut()),
                Value::Null | Value::Bool(_) | Value::Number(_) => {}
            }
        }
    }

    /// The texts in the filter of a path: `members[value eq "bulkId:qwerty"]`.
    fn filter(&mut self, path: &mut String) {
        if !path.contains('"') {
            return;
        }
        let spot = match self.locate(path.trim()) {
            Key::Attribute(found) if names_a_resource(&found.attribute, None) => Spot::Reference,
            Key::Unknown => Spot::Unknown,
            Key::Attribute(_) | Key::Extension(_) | Key::Base => return,
        };
        let mut changed = String::with_capacity(path.len());
        let mut rest = path.as_str();
        while let Some((before, literal, after)) = next_literal(rest) {
            changed.push_str(before);
            match serde_json::from_str::<String>(literal) {
                Ok(mut text) => {
                    (self.each)(&mut text, spot);
                    changed.push_str(&Value::from(text).to_string());
                }
                Err(_) => changed.push_str(literal),
            }
            rest = after;
        }
        changed.push_str(rest);
        *path = changed;
    }
}

/// A reference to a resource, or the `value` of what is one as a whole because it has a `$ref` (`members`, `manager`). A
/// bare text in the place of such a whole is its `value`.
fn names_a_resource(attribute: &Attribute, sub: Option<&Attribute>) -> bool {
    let leaf = sub.unwrap_or(attribute);
    if leaf.kind == Type::Reference {
        let only_elsewhere = |kind: &String| matches!(kind.as_str(), "external" | "uri");
        return leaf.reference_types.is_empty() || !leaf.reference_types.iter().all(only_elsewhere);
    }
    let whole = attribute.sub_attribute("$ref").is_some() && attribute.sub_attribute("value").is_some();
    whole && sub.is_none_or(|sub| sub.name == "value")
}

fn find<'m>(members: &'m mut Map<String, Value>, name: &str) -> Option<&'m mut Value> {
    members.iter_mut().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// What comes before the first text in quotes, that text with its quotes, and what comes after.
fn next_literal(text: &str) -> Option<(&str, &str, &str)> {
    let open = text.find('"')?;
    let mut escaped = false;
    let close = text.get(open + 1..)?.find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    })?;
    let end = open + close + 2;
    Some((text.get(..open)?, text.get(open..end)?, text.get(end..)?))
}

#[cfg(test)]
mod tests;
