//! Random filters on every attribute with every operator that applies to it.

use scimgate_scim::attribute::{Attribute, Mutability, Returned, Type};
use scimgate_scim::fold::is_case_exact;
use scimgate_scim::schema::{AttributeRef, ResourceType, common_attributes};
use serde_json::{Map, Value};

use super::documents::scalar;
use super::random::Random;

pub(super) const OPERATORS: [&str; 10] = ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "pr"];

/// An attribute by name, with its definition.
#[derive(Clone)]
pub(super) struct Subject {
    pub(super) name: String,
    pub(super) found: AttributeRef,
}

/// A kind of condition, for coverage: operator, type, multi-valued, case-exact, and compared with null.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    pub(super) operator: &'static str,
    pub(super) of: String,
    pub(super) multi: bool,
    pub(super) exact: bool,
    pub(super) null: bool,
}

impl Subject {
    pub(super) fn kind(&self, operator: &'static str, null: bool) -> Kind {
        let leaf = self.found.leaf();
        // A comparison with a complex attribute is one with its value.
        Kind {
            operator,
            of: format!("{:?}", leaf.kind),
            multi: self.found.attribute.multi_valued || leaf.multi_valued,
            exact: is_case_exact(leaf),
            null,
        }
    }

    fn has_value(&self) -> bool {
        !self.found.leaf().is_complex() || self.found.attribute.sub_attribute("value").is_some()
    }
}

/// Every attribute of a resource type that can be filtered by.
pub(super) fn subjects(resource_type: &ResourceType) -> Vec<Subject> {
    let mut subjects = Vec::new();
    let mut add = |name: String| {
        let found = resource_type.resolve(&name).unwrap();
        subjects.push(Subject { name, found });
    };
    let secret = |it: &Attribute| it.returned == Returned::Never || it.mutability == Mutability::WriteOnly;
    let own = resource_type.schema.attributes.iter().chain(common_attributes()).map(|it| (String::new(), it));
    let extended = resource_type
        .extensions
        .iter()
        .flat_map(|extension| extension.schema.attributes.iter().map(|it| (format!("{}:", extension.schema.id), it)));
    for (urn, attribute) in own.chain(extended).filter(|(_, it)| !secret(it)) {
        add(format!("{urn}{}", attribute.name));
        for sub in &attribute.sub_attributes {
            add(format!("{urn}{}.{}", attribute.name, sub.name));
        }
    }
    subjects
}

/// Whether an operator applies to an attribute.
pub(super) fn applies(operator: &str, subject: &Subject) -> bool {
    let leaf = subject.found.leaf();
    let kind = match (leaf.kind, subject.found.attribute.sub_attribute("value")) {
        (Type::Complex, Some(value)) if operator != "pr" => value.kind,
        (kind, _) => kind,
    };
    match (kind, operator) {
        (_, "pr") => true,
        (Type::Complex, _) => subject.has_value(),
        (Type::Boolean, operator) => matches!(operator, "eq" | "ne"),
        (Type::Binary, operator) => !matches!(operator, "gt" | "ge" | "lt" | "le"),
        (Type::Integer | Type::Decimal, operator) => !matches!(operator, "co" | "sw" | "ew"),
        _ => true,
    }
}

/// One condition on the subject.
pub(super) fn leaf(
    name: &str,
    subject: &Subject,
    operator: &'static str,
    documents: &[Map<String, Value>],
    random: &mut Random,
) -> (String, Kind) {
    if operator == "pr" {
        return (format!("{name} pr"), subject.kind(operator, false));
    }
    if matches!(operator, "eq" | "ne") && (random.once_in(3) || !subject.has_value()) {
        return (format!("{name} {operator} null"), subject.kind(operator, true));
    }
    let literal = literal(subject, operator, documents, random);
    (format!("{name} {operator} {literal}"), subject.kind(operator, false))
}

fn literal(subject: &Subject, operator: &str, documents: &[Map<String, Value>], random: &mut Random) -> Value {
    let leaf = match (subject.found.leaf(), subject.found.attribute.sub_attribute("value")) {
        (leaf, Some(value)) if leaf.is_complex() => value,
        (leaf, _) => leaf,
    };
    let document = random.pick(documents);
    let value = subject.found.value(document).and_then(|value| scalars(value, &leaf.name, subject).into_iter().next());
    let mut value = match value {
        Some(value) if !random.once_in(3) => value,
        _ => scalar(leaf.kind, random),
    };
    let partial = matches!(operator, "co" | "sw" | "ew");
    if leaf.kind == Type::DateTime && !partial {
        return value;
    }
    if let Value::String(text) = &mut value {
        let letters: Vec<char> = text.chars().collect();
        if partial && !letters.is_empty() {
            let (from, to) = match operator {
                "sw" => (0, random.below(letters.len() + 1)),
                "ew" => (random.below(letters.len()), letters.len()),
                _ => {
                    let from = random.below(letters.len());
                    (from, from + random.below(letters.len() - from + 1))
                }
            };
            *text = letters[from..to].iter().collect();
        }
        if random.once_in(3) {
            *text = if random.once_in(2) { text.to_uppercase() } else { text.to_lowercase() };
        }
    }
    value
}

/// The values of a sub-attribute in an attribute's value.
fn scalars(value: &Value, part: &str, subject: &Subject) -> Vec<Value> {
    let elements = match value {
        Value::Array(elements) => elements.clone(),
        single => vec![single.clone()],
    };
    let of_part = |element: Value| {
        if subject.found.attribute.is_complex() { element.get(part).cloned() } else { Some(element) }
    };
    elements.into_iter().filter_map(of_part).filter(|it| !it.is_null() && !it.is_object() && !it.is_array()).collect()
}

/// A value path on a complex attribute, with conditions on its sub-attributes.
fn value_path(
    subject: &Subject,
    subjects: &[Subject],
    documents: &[Map<String, Value>],
    random: &mut Random,
) -> Option<String> {
    let prefix = format!("{}.", subject.name);
    let parts: Vec<&Subject> = subjects.iter().filter(|it| it.name.starts_with(&prefix)).collect();
    if parts.is_empty() || !subject.found.attribute.is_complex() {
        return None;
    }
    let mut inner = String::new();
    for index in 0..=random.below(3) {
        let part = *random.pick(&parts);
        let fitting: Vec<&'static str> = OPERATORS.into_iter().filter(|operator| applies(operator, part)).collect();
        let name = part.found.sub.as_ref().unwrap().name.clone();
        let operator = *random.pick(&fitting);
        let (text, _) = leaf(&name, part, operator, documents, random);
        let text = if random.once_in(5) { format!("not ({text})") } else { text };
        inner += if index == 0 {
            ""
        } else if random.once_in(2) {
            " and "
        } else {
            " or "
        };
        inner += &text;
    }
    if random.once_in(4) && subject.has_value() {
        return Some(format!("{}[{inner}].value pr", subject.name));
    }
    Some(format!("{}[{inner}]", subject.name))
}

/// A filter around one condition.
pub(super) fn around(
    first: String,
    subjects: &[Subject],
    documents: &[Map<String, Value>],
    random: &mut Random,
) -> String {
    let mut text = first;
    for _ in 0..random.below(4) {
        let subject = random.pick(subjects);
        let fitting: Vec<&'static str> = OPERATORS.into_iter().filter(|operator| applies(operator, subject)).collect();
        let operator = *random.pick(&fitting);
        let more = match value_path(subject, subjects, documents, random) {
            Some(path) if random.once_in(2) => path,
            _ => leaf(&subject.name, subject, operator, documents, random).0,
        };
        text = match random.below(6) {
            0 | 1 => format!("({text}) and {more}"),
            2 | 3 => format!("{text} or {more}"),
            4 => format!("not ({text}) and {more}"),
            _ => format!("not ({more}) or ({text})"),
        };
    }
    text
}
