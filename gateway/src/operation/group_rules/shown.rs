//! What the directory shows of a user by group rules: the values that the mapped document does not have.

use scimgate_scim::fold::fold;
use serde_json::{Map, Value, json};

use crate::operation::group_rules::{Grant, GrantedAttribute};

/// The name of the member by which a value that a rule gave is recognised.
pub const BY_GROUP: &str = "byGroup";

const ATTRIBUTES: [GrantedAttribute; 2] = [GrantedAttribute::Roles, GrantedAttribute::Entitlements];

/// The elements of an attribute of a document.
fn elements(document: &Map<String, Value>, attribute: GrantedAttribute) -> &[Value] {
    match document.get(attribute.name()) {
        Some(Value::Array(elements)) => elements,
        Some(Value::Null) | None => &[],
        Some(single) => std::slice::from_ref(single),
    }
}

fn has_value(elements: &[Value], value: &str) -> bool {
    let value = fold(value);
    elements.iter().any(|it| it.get("value").unwrap_or(it).as_str().is_some_and(|text| fold(text) == value))
}

fn has_primary(elements: &[Value]) -> bool {
    elements.iter().any(|it| it.get("primary") == Some(&Value::Bool(true)))
}

/// Whether a document has a value itself.
#[must_use]
pub fn has(document: &Map<String, Value>, grant: &Grant) -> bool {
    has_value(elements(document, grant.attribute), &grant.value)
}

/// What is shown of grants beside what a document has, in their order: each value once, and a primary one as such only where the document
/// has none.
#[must_use]
pub fn shown<'g>(document: &Map<String, Value>, grants: impl IntoIterator<Item = &'g Grant>) -> Vec<Grant> {
    let mut all: Vec<Grant> = Vec::new();
    for grant in grants {
        if has(document, grant) || all.iter().any(|it| it.attribute == grant.attribute && it.value == grant.value) {
            continue;
        }
        let primary = grant.primary && !has_primary(elements(document, grant.attribute));
        all.push(Grant { primary, ..grant.clone() });
    }
    all
}

/// Adds to a document what is shown of grants.
pub fn add<'g>(document: &mut Map<String, Value>, grants: impl IntoIterator<Item = &'g Grant>) {
    let all = shown(document, grants);
    for attribute in ATTRIBUTES {
        let mut more = all.iter().filter(|grant| grant.attribute == attribute).map(element).peekable();
        if more.peek().is_some() {
            let elements = elements(document, attribute).iter().cloned().chain(more).collect();
            document.insert(attribute.name().to_owned(), elements);
        }
    }
}

/// A value as the directory shows it.
fn element(grant: &Grant) -> Value {
    let Grant { value, display, kind, primary, .. } = grant;
    let mut element = json!({ "value": value });
    if let Some(display) = display {
        element["display"] = display.as_str().into();
    }
    if let Some(kind) = kind {
        element["type"] = kind.as_str().into();
    }
    if *primary {
        element["primary"] = true.into();
    }
    element[BY_GROUP] = true.into();
    element
}
