//! One role, and the forms in which it arrives.

use scimgate_plugin_sdk::serde_json::{self, Map, Value};

/// Deepest nesting of JSON in a `value`.
const MAX_DEPTH: u32 = 2;

#[derive(Debug, PartialEq)]
pub(crate) struct Role {
    pub(crate) value: String,
    display: Option<String>,
    kind: Option<String>,
    primary: bool,
}

/// The roles of an element: a text, an object, or an object whose `value` is the JSON text of one or several roles.
pub(crate) fn read(element: &Value) -> Vec<Role> {
    within(element, 0)
}

fn within(element: &Value, depth: u32) -> Vec<Role> {
    match element {
        Value::String(text) => match embedded(text).filter(|_| depth < MAX_DEPTH) {
            Some(Value::Array(roles)) => roles.iter().flat_map(|role| within(role, depth + 1)).collect(),
            Some(role) => within(&role, depth + 1),
            None => plain(text).into_iter().collect(),
        },
        Value::Object(members) => object(members, depth),
        _ => Vec::new(),
    }
}

/// A role's name is not a JSON object or list, so a text that is one is meant as such.
fn embedded(text: &str) -> Option<Value> {
    text.trim_start().starts_with(['{', '[']).then(|| serde_json::from_str(text).ok()).flatten()
}

fn plain(text: &str) -> Option<Role> {
    let value = text.trim();
    (!value.is_empty()).then(|| Role { value: value.to_owned(), display: None, kind: None, primary: false })
}

fn object(members: &Map<String, Value>, depth: u32) -> Vec<Role> {
    let text = |name: &str| {
        let found = members.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.and_then(|(_, value)| value.as_str()).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let (display, kind) = (text("display").or_else(|| text("displayName")), text("type"));
    let mut roles = match text("value").or_else(|| display.clone()) {
        Some(value) => within(&Value::String(value), depth),
        None => Vec::new(),
    };
    let primary = members.iter().any(|(name, value)| {
        name.eq_ignore_ascii_case("primary")
            && (value == &Value::Bool(true) || value.as_str().is_some_and(|text| text.eq_ignore_ascii_case("true")))
    });
    for role in &mut roles {
        role.display = role.display.take().or_else(|| display.clone());
        role.kind = role.kind.take().or_else(|| kind.clone());
        role.primary |= primary;
    }
    roles
}

/// Adds a role that is not there yet; of several primary ones the first stays primary.
pub(crate) fn add(roles: &mut Vec<Role>, mut role: Role) {
    role.primary &= roles.iter().all(|known| !known.primary);
    match roles.iter_mut().find(|known| known.value == role.value) {
        Some(known) => {
            known.display = known.display.take().or(role.display);
            known.kind = known.kind.take().or(role.kind);
            known.primary |= role.primary;
        }
        None => roles.push(role),
    }
}

impl Role {
    /// `display` only where it says more than `value`.
    pub(crate) fn to_json(&self, keep_type: bool) -> Value {
        let mut members = Map::new();
        members.insert("value".to_owned(), Value::from(self.value.as_str()));
        if let Some(display) = self.display.as_deref().filter(|display| *display != self.value) {
            members.insert("display".to_owned(), Value::from(display));
        }
        if let Some(kind) = self.kind.as_deref().filter(|_| keep_type) {
            members.insert("type".to_owned(), Value::from(kind));
        }
        if self.primary {
            members.insert("primary".to_owned(), Value::Bool(true));
        }
        Value::Object(members)
    }
}
