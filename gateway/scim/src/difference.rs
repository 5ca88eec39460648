//! What differs between two documents of a resource type, by the paths that a PATCH would use.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::attribute::Attribute;
use crate::schema::ResourceType;
use crate::value::{Members, is_unassigned};

/// One place at which two documents differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The path: `name.givenName`, `emails[type eq "work"].value`.
    pub path: String,
    /// The attribute without a filter: `emails.value`.
    pub attribute: String,
    /// The value in the first document.
    pub before: Option<Value>,
    /// The value in the second.
    pub after: Option<Value>,
}

/// The differences of two canonical documents, in the order of the first. `schemas`, which follows from the rest, is left out,
/// and so are `id` and `meta`. The work grows with the documents' size alone.
#[must_use]
pub fn differences(before: &impl Members, after: &impl Members, resource_type: &ResourceType) -> Vec<Difference> {
    let mut found = Found(Vec::new());
    for (name, one, other) in pairs(before, after) {
        if ["schemas", "id", "meta"].contains(&name) {
            continue;
        }
        let extension = resource_type.extensions.iter().find(|extension| extension.schema.id == *name);
        let Some(extension) = extension else {
            found.attribute(name, resource_type.schema.attribute(name).map(AsRef::as_ref), one, other);
            continue;
        };
        for (part, one, other) in pairs(members(one), members(other)) {
            let attribute = extension.schema.attribute(part).map(AsRef::as_ref);
            found.attribute(&format!("{name}:{part}"), attribute, one, other);
        }
    }
    found.0
}

/// The members of two objects whose values differ, each with both values: those of the first, then those of the second alone.
fn pairs<'d>(
    before: &'d impl Members,
    after: &'d impl Members,
) -> impl Iterator<Item = (&'d str, Option<&'d Value>, Option<&'d Value>)> {
    let first = before.iter().map(|(name, value)| (name.as_str(), Some(value), after.get(name)));
    let second = after.iter().filter(|(name, _)| before.get(name).is_none());
    let all = first.chain(second.map(|(name, value)| (name.as_str(), None, Some(value))));
    all.filter(|(_, one, other)| one != other)
}

fn members(value: Option<&Value>) -> &Map<String, Value> {
    static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    value.and_then(Value::as_object).unwrap_or(&NONE)
}

struct Found(Vec<Difference>);

impl Found {
    fn attribute(&mut self, name: &str, attribute: Option<&Attribute>, one: Option<&Value>, other: Option<&Value>) {
        match attribute.filter(|attribute| attribute.is_complex()) {
            Some(complex) if complex.multi_valued => self.elements(name, one, other),
            Some(_) => self.parts((name, name), one, other),
            None => self.add((name, name), one, other),
        }
    }

    /// The sub-attributes of a complex value at a path, of an attribute.
    fn parts(&mut self, (path, name): (&str, &str), one: Option<&Value>, other: Option<&Value>) {
        for (part, one, other) in pairs(members(one), members(other)) {
            self.add((&format!("{path}.{part}"), &format!("{name}.{part}")), one, other);
        }
    }

    /// Elements with the same `type`, or else the same `value`, are compared with each other if it tells them apart; otherwise
    /// the arrays are compared as a whole.
    fn elements(&mut self, name: &str, one: Option<&Value>, other: Option<&Value>) {
        let keyed = ["type", "value"].into_iter().find_map(|key| Some((key, by(key, one)?, by(key, other)?)));
        let Some((key, before, after)) = keyed else { return self.add((name, name), one, other) };
        let count = self.0.len();
        let old = before.list.iter().map(|(label, element)| (*label, Some(*element), after.get(label)));
        let new = after.list.iter().filter(|(label, _)| before.get(label).is_none());
        for (label, one, other) in old.chain(new.map(|(label, element)| (*label, None, Some(*element)))) {
            let path = format!("{name}[{key} eq {}]", Value::from(label));
            if one.is_some() && other.is_some() {
                self.parts((&path, name), one, other);
            } else {
                self.add((&path, name), one, other);
            }
        }
        // The same elements in another order.
        if self.0.len() == count {
            self.add((name, name), one, other);
        }
    }

    fn add(&mut self, (path, attribute): (&str, &str), one: Option<&Value>, other: Option<&Value>) {
        let assigned = |value: Option<&Value>| value.filter(|value| !is_unassigned(value)).cloned();
        let (before, after) = (assigned(one), assigned(other));
        if before != after {
            self.0.push(Difference { path: path.to_owned(), attribute: attribute.to_owned(), before, after });
        }
    }
}

/// Elements with a text of their own each.
struct Labelled<'d> {
    list: Vec<(&'d str, &'d Value)>,
    by_label: HashMap<&'d str, &'d Value>,
}

impl<'d> Labelled<'d> {
    fn get(&self, label: &str) -> Option<&'d Value> {
        self.by_label.get(label).copied()
    }
}

fn by<'d>(key: &str, array: Option<&'d Value>) -> Option<Labelled<'d>> {
    let elements = array.map_or(Some(&[][..]), |array| array.as_array().map(Vec::as_slice))?;
    let list: Vec<(&str, &Value)> =
        elements.iter().map(|element| Some((element.get(key)?.as_str()?, element))).collect::<Option<_>>()?;
    let by_label: HashMap<&str, &Value> = list.iter().copied().collect();
    (by_label.len() == list.len()).then_some(Labelled { list, by_label })
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::sync::Arc;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::access::{self, Overlay};
    use crate::sample::{Extent, document};
    use crate::schema::packs::ENTERPRISE_USER;
    use crate::schema::registry::Registry;

    fn user() -> Arc<ResourceType> {
        Arc::clone(Registry::standard().resource_type("User").unwrap())
    }

    fn shown(before: &Value, after: &Value) -> String {
        let [before, after] = [before, after].map(|document| document.as_object().unwrap().clone());
        let mut text = String::new();
        for it in differences(&before, &after, &user()) {
            let [one, other] = [it.before, it.after].map(|value| value.map_or_else(|| "-".into(), |it| it.to_string()));
            writeln!(text, "{} ({}): {one} => {other}", it.path, it.attribute).unwrap();
        }
        text
    }

    #[test]
    fn differences_are_named_by_path() {
        let before = json!({
            "schemas": ["a"], "userName": "ada", "name": { "givenName": "Ada", "familyName": "Byron" },
            "emails": [{ "type": "work", "value": "Ada@X" }, { "type": "home", "value": "h" }],
            "roles": [{ "value": "admin" }, { "value": "user" }],
            "phoneNumbers": [{ "value": "1" }, { "value": "1" }],
            ENTERPRISE_USER: { "department": "R&D", "manager": { "value": "1" } },
        });
        let after = json!({
            "schemas": ["b"], "userName": "ada", "name": { "givenName": "Ada", "familyName": "King" },
            "emails": [{ "type": "work", "value": "ada@x", "primary": true }],
            "roles": [{ "value": "user" }, { "value": "owner" }],
            "phoneNumbers": [{ "value": "1" }],
            "title": "Countess",
            ENTERPRISE_USER: { "manager": { "value": "2" } },
        });
        insta::assert_snapshot!(shown(&before, &after), @r#"
        name.familyName (name.familyName): "Byron" => "King"
        emails[type eq "work"].value (emails.value): "Ada@X" => "ada@x"
        emails[type eq "work"].primary (emails.primary): - => true
        emails[type eq "home"] (emails): {"type":"home","value":"h"} => -
        roles[value eq "admin"] (roles): {"value":"admin"} => -
        roles[value eq "owner"] (roles): - => {"value":"owner"}
        phoneNumbers (phoneNumbers): [{"value":"1"},{"value":"1"}] => [{"value":"1"}]
        urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department (urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department): "R&D" => -
        urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value (urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value): "1" => "2"
        title (title): - => "Countess"
        "#);
        let swapped = json!({ "emails": [{ "type": "home", "value": "h" }, { "type": "work", "value": "w" }] });
        let there = json!({ "emails": [{ "type": "work", "value": "w" }, { "type": "home", "value": "h" }] });
        assert!(shown(&there, &swapped).starts_with("emails (emails): ["));
        assert_eq!(shown(&there, &there), "");
    }

    proptest! {
        /// What is reported is what changed: applied to the first document by path, it gives the second.
        #[test]
        fn the_differences_make_one_document_from_the_other(
            changes in prop::collection::vec((prop::sample::select(vec![
                "title", "name.givenName", "emails[type eq \"work\"].value", "emails[type eq \"home\"]", "roles", "active",
                "addresses[type eq \"work\"].locality",
            ]), prop::option::of("[a-z]{1,3}")), 0..6),
        ) {
            let user = user();
            let before = Arc::new(document(&user, Extent::Full));
            let mut after = Overlay::new(Arc::clone(&before), None);
            for (path, value) in changes {
                let value = match (path, value) {
                    (_, None) => Value::Null,
                    ("active", Some(_)) => Value::Bool(false),
                    ("roles", Some(text)) => json!([{ "value": text }, { "value": "other" }]),
                    (path, Some(text)) if path.ends_with(']') => json!({ "type": "home", "value": text }),
                    (_, Some(text)) => text.into(),
                };
                let _ = access::set(&mut after, &user, path, value);
            }
            let mut made = Overlay::new(Arc::clone(&before), None);
            for it in differences(&*before, &after, &user) {
                prop_assert_ne!(&it.before, &it.after);
                let value = it.after.unwrap_or(Value::Null);
                access::set(&mut made, &user, &it.path, value).unwrap();
            }
            let sorted = |overlay: &Overlay| {
                let mut map = overlay.to_map();
                for (_, value) in &mut map {
                    if let Value::Array(elements) = value {
                        elements.sort_by_key(|element| [&element["type"], &element["value"]].map(ToString::to_string));
                    }
                }
                map
            };
            prop_assert_eq!(sorted(&made), sorted(&after));
        }
    }
}
