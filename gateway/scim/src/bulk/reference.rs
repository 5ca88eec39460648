//! Finds the references in a request: the attributes that are references by their schema, in every form of a body or a
//! PATCH. Other texts that look like one stay (a displayName "bulkId:x"). In an attribute that no schema defines, a text is a
//! reference only if it is exactly the bulkId of a resource that the request creates.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Action, Task};
use crate::attribute::{Attribute, Type};
use crate::leniency::{Leniencies, Warnings};
use crate::normalise::key::{self, Key};
use crate::schema::{ResourceType, Schema};

/// The prefix of a bulkId in the place of an id (RFC 7644 §3.7.2).
const PREFIX: &str = "bulkId:";

/// The kind of a text that is or may be a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextKind {
    /// A reference by its schema.
    Reference,
    /// A text in an attribute that no schema defines.
    Unknown,
}

/// Called with each text that is or may be a reference, and may change it.
type Visitor<'v> = &'v mut dyn FnMut(&mut String, TextKind);

impl TextKind {
    /// The bulkId in a text of this kind.
    pub(super) fn bulk_id(self, text: &str) -> Option<&str> {
        match self {
            Self::Reference => bulk_id(text),
            Self::Unknown => text.strip_prefix(PREFIX),
        }
    }
}

/// The bulkId in a text: `bulkId:qwerty`, or a URI that ends in it.
pub(super) fn bulk_id(text: &str) -> Option<&str> {
    text.get(start(text)?..)?.get(PREFIX.len()..)
}

/// The position of `bulkId:` in a text.
fn start(text: &str) -> Option<usize> {
    let is_bulk_id = |text: &str| {
        text.len() > PREFIX.len() && text.get(..PREFIX.len()).is_some_and(|head| head.eq_ignore_ascii_case(PREFIX))
    };
    if is_bulk_id(text) {
        return Some(0);
    }
    let last = text.rfind('/')? + 1;
    text.get(last..).is_some_and(is_bulk_id).then_some(last)
}

/// Replaces a known bulkId by the id.
pub(super) fn substitute(text: &mut String, kind: TextKind, id_of: &dyn Fn(&str) -> Option<String>) {
    if let Some(id) = kind.bulk_id(text).and_then(id_of)
        && let Some(start) = start(text)
    {
        text.replace_range(start.., &id);
    }
}

/// Visits every text in the body of an operation that is or may be a reference.
pub(super) fn visit(task: &mut Task, visitor: Visitor<'_>) {
    let Task { resource_type, action, .. } = task;
    let mut reader = Reader { rt: resource_type, visitor };
    match action {
        Action::Create(Value::Object(body)) | Action::Replace(_, Value::Object(body)) => reader.attributes(body),
        Action::Patch(_, Value::Object(message)) => reader.patch(message),
        Action::Create(_) | Action::Replace(..) | Action::Patch(..) | Action::Delete(_) => {}
    }
}

struct Reader<'a> {
    rt: &'a ResourceType,
    visitor: Visitor<'a>,
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

    /// The value at a path or key.
    fn named(&mut self, name: &str, value: &mut Value) {
        let name = name.trim();
        match (self.resolve(name), value) {
            (Key::Attribute(found), value) => {
                let tail = name.rsplit_once("].").map(|(_, tail)| tail.trim());
                let sub = found.sub.or_else(|| tail.and_then(|tail| found.attribute.sub_attribute(tail)).cloned());
                match (tail, sub) {
                    (Some(_), None) => self.unknown(value),
                    (_, sub) => self.value(value, &found.attribute, sub.as_deref()),
                }
            }
            (Key::Extension(schema), Value::Object(members)) => self.schema(members, Some(&schema)),
            (Key::Base, Value::Object(members)) => self.schema(members, None),
            (Key::Unknown, value) => self.unknown(value),
            (Key::Extension(_) | Key::Base, _) => {}
        }
    }

    /// Resolves a name without its filter. Executing the operation checks the leniencies.
    fn resolve(&self, name: &str) -> Key {
        let head = name.split(|c: char| c == '[' || c.is_whitespace()).next().unwrap_or_default();
        key::resolve(head, self.rt, &Leniencies::auto(), &mut Warnings::default()).unwrap_or(Key::Unknown)
    }

    fn schema(&mut self, members: &mut Map<String, Value>, schema: Option<&Arc<Schema>>) {
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
            Value::String(text) if is_reference(attribute, sub) => (self.visitor)(text, TextKind::Reference),
            _ => {}
        }
    }

    /// All texts in the value of an unknown attribute.
    fn unknown(&mut self, value: &mut Value) {
        let mut stack = vec![value];
        while let Some(value) = stack.pop() {
            match value {
                Value::String(text) => (self.visitor)(text, TextKind::Unknown),
                Value::Array(elements) => stack.extend(elements),
                Value::Object(members) => stack.extend(members.values_mut()),
                Value::Null | Value::Bool(_) | Value::Number(_) => {}
            }
        }
    }

    /// The texts in the filter of a path: `members[value eq "bulkId:qwerty"]`.
    fn filter(&mut self, path: &mut String) {
        if !path.contains('"') {
            return;
        }
        let kind = match self.resolve(path.trim()) {
            Key::Attribute(found) if is_reference(&found.attribute, None) => TextKind::Reference,
            Key::Unknown => TextKind::Unknown,
            Key::Attribute(_) | Key::Extension(_) | Key::Base => return,
        };
        let mut changed = String::with_capacity(path.len());
        let mut rest = path.as_str();
        while let Some((before, literal, after)) = next_literal(rest) {
            changed.push_str(before);
            match serde_json::from_str::<String>(literal) {
                Ok(mut text) => {
                    (self.visitor)(&mut text, kind);
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

/// Whether a text of the attribute refers to a resource: its type is reference, or it is the `value` of an attribute with a
/// `$ref` (`members`, `manager`). A bare text for such an attribute is its `value`.
fn is_reference(attribute: &Attribute, sub: Option<&Attribute>) -> bool {
    let leaf = sub.unwrap_or(attribute);
    if leaf.kind == Type::Reference {
        let is_external = |kind: &String| matches!(kind.as_str(), "external" | "uri");
        return leaf.reference_types.is_empty() || !leaf.reference_types.iter().all(is_external);
    }
    let has_ref = attribute.sub_attribute("$ref").is_some() && attribute.sub_attribute("value").is_some();
    has_ref && sub.is_none_or(|sub| sub.name == "value")
}

fn find<'m>(members: &'m mut Map<String, Value>, name: &str) -> Option<&'m mut Value> {
    members.iter_mut().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// Splits a text into the part before the first quoted string, that string with its quotes, and the rest.
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
