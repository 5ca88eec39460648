//! Random schemas with attributes of every kind, and random documents with some of them.

use scimgate_scim::attribute::{Attribute, Type};
use scimgate_scim::schema::ResourceType;
use serde_json::{Map, Value, json};

use super::random::Random;

const KINDS: [&str; 7] = ["string", "boolean", "decimal", "integer", "dateTime", "reference", "binary"];

/// Texts that overlap: in other cases, as parts of each other, at the length limits of an index, and at the limits of
/// Unicode.
pub(super) fn texts() -> Vec<String> {
    let long = |head: &str, length: usize, tail: &str| {
        let mut text = head.repeat(length / head.len());
        text.push_str(tail);
        text
    };
    let mut texts: Vec<String> = [
        "",
        "a",
        "A",
        "ab",
        "aB",
        "Ab",
        "b",
        "B",
        "abc",
        "bc",
        "ß",
        "SS",
        "ss",
        "straße",
        "STRASSE",
        "é",
        "e\u{301}",
        "İ",
        "i",
        "a b",
        "a%b",
        "a_b",
        "a\\b",
        "a\"b",
        "'; --",
        "\u{d7ff}",
        "\u{e000}",
        "\u{10ffff}",
        "a\u{10ffff}",
        "😀",
        "0",
        "1",
        "true",
        "null",
        "work",
        "home",
        "direct",
        "User",
        "user",
        "2026-05-01T09:00:00Z",
    ]
    .map(str::to_owned)
    .to_vec();
    for length in [430, 440, 441, 446, 447, 448, 507, 508, 509, 511, 512, 513, 600] {
        texts.extend([long("a", length, ""), long("a", length, "B"), long("é", length, "x")]);
    }
    texts
}

const NUMBERS: [&str; 12] =
    ["0", "1", "1.0", "1e0", "-1", "2", "10", "1.5", "-0.5", "12345678901234567890123", "1e30", "100"];
const WHOLE: [&str; 8] = ["0", "1", "1.0", "-1", "2", "10", "12345678901234567890123", "1e2"];
const TIMES: [&str; 10] = [
    "2026-05-01T09:00:00Z",
    "2026-05-01T11:00:00+02:00",
    "2026-05-01T09:00:00.001Z",
    "2026-05-01T09:00:00.0010000Z",
    "2026-05-01T09:00:00.0015Z",
    "2026-05-01T09:00:00.002Z",
    "2026-04-30T23:00:00-10:00",
    "1969-12-31T23:59:59.9999Z",
    "0001-01-01T00:00:00Z",
    "9999-12-30T00:00:00Z",
];

/// A value of a type.
pub(super) fn scalar(kind: Type, random: &mut Random) -> Value {
    let number = |text: &str| serde_json::from_str(text).unwrap();
    match kind {
        Type::Boolean => json!(random.once_in(2)),
        Type::Decimal => number(random.pick::<&str>(&NUMBERS)),
        Type::Integer => number(random.pick::<&str>(&WHOLE)),
        Type::DateTime => json!(*random.pick::<&str>(&TIMES)),
        Type::Binary => json!(*random.pick::<&str>(&["", "YQ==", "Yq==", "YWI=", "ywi="])),
        Type::String | Type::Reference | Type::Complex => {
            let texts = texts();
            let short = texts.iter().position(|text| text.len() > 100).unwrap();
            json!(if random.once_in(8) { random.pick(&texts[short..]) } else { random.pick(&texts[..short]) })
        }
    }
}

/// An extension with an attribute of each kind, single and multi-valued, case-exact and not. Names and other
/// characteristics differ from set to set.
pub(super) fn extension(urn: &str, random: &mut Random) -> Value {
    let salt = random.below(1000);
    let mut attributes = Vec::new();
    for kind in KINDS {
        for multi in [false, true] {
            for case_exact in [false, true] {
                let name =
                    format!("{kind}{}{}{salt}", if multi { "Many" } else { "" }, if case_exact { "X" } else { "" });
                let unique = kind == "string" && random.once_in(2);
                attributes.push(json!({
                    "name": name, "type": kind, "multiValued": multi, "caseExact": case_exact,
                    "referenceTypes": if kind == "reference" { json!(["uri"]) } else { json!([]) },
                    "uniqueness": if unique { "server" } else { "none" },
                }));
            }
        }
    }
    for multi in [false, true] {
        let mut parts: Vec<Value> = KINDS
            .iter()
            .map(|kind| {
                let case_exact = random.once_in(2);
                json!({ "name": format!("{kind}Part"), "type": kind, "caseExact": case_exact,
                    "referenceTypes": if *kind == "reference" { json!(["uri"]) } else { json!([]) } })
            })
            .collect();
        parts.push(json!({ "name": "value", "type": "string", "caseExact": random.once_in(2) }));
        parts.push(json!({ "name": "primary", "type": "boolean" }));
        let name = format!("complex{}{salt}", if multi { "Many" } else { "" });
        attributes.push(json!({ "name": name, "type": "complex", "multiValued": multi, "subAttributes": parts }));
    }
    json!({ "id": urn, "name": "Generated", "attributes": attributes })
}

/// A counter that makes values unique.
pub(super) type Serial<'a> = &'a mut u64;

fn value(attribute: &Attribute, unique: bool, serial: Serial<'_>, random: &mut Random) -> Option<Value> {
    let mut one = |random: &mut Random| {
        if attribute.is_complex() {
            let mut parts = Map::new();
            for part in &attribute.sub_attributes {
                if !random.once_in(3) {
                    parts.insert(part.name.clone(), scalar(part.kind, random));
                }
            }
            return (!parts.is_empty()).then_some(Value::Object(parts));
        }
        let value = scalar(attribute.kind, random);
        if unique && let Value::String(text) = &value {
            *serial += 1;
            return Some(if random.once_in(2) {
                json!(format!("{text}~{serial}"))
            } else {
                json!(format!("{serial}~{text}"))
            });
        }
        Some(value)
    };
    if random.once_in(4) {
        return None;
    }
    if !attribute.multi_valued {
        return one(random);
    }
    let elements: Vec<Value> = (0..=random.below(3)).filter_map(|_| one(random)).collect();
    (!elements.is_empty()).then_some(Value::Array(elements))
}

/// A canonical document of a type.
pub(super) fn document(resource_type: &ResourceType, serial: Serial<'_>, random: &mut Random) -> Map<String, Value> {
    use scimgate_scim::attribute::{Mutability, Uniqueness};
    let mut document = Map::new();
    document.insert("schemas".into(), json!([resource_type.schema.id]));
    if !random.once_in(4) {
        document.insert("externalId".into(), scalar(Type::String, random));
    }
    let written = |attribute: &Attribute| {
        attribute.mutability != Mutability::ReadOnly
            && attribute.mutability != Mutability::WriteOnly
            && resource_type.detached != Some(attribute.name.as_str())
    };
    for attribute in resource_type.schema.attributes.iter().filter(|it| written(it)) {
        let unique = attribute.uniqueness != Uniqueness::None;
        let mut found = value(attribute, unique, serial, random);
        while attribute.required && found.is_none() {
            found = value(attribute, unique, serial, random);
        }
        if let Some(found) = found {
            document.insert(attribute.name.clone(), found);
        }
    }
    for extension in &resource_type.extensions {
        let mut members = Map::new();
        for attribute in extension.schema.attributes.iter().filter(|it| written(it)) {
            let unique = attribute.uniqueness != Uniqueness::None;
            if let Some(found) = value(attribute, unique, serial, random) {
                members.insert(attribute.name.clone(), found);
            }
        }
        if !members.is_empty() {
            document.insert(extension.schema.id.clone(), Value::Object(members));
        }
    }
    document
}
