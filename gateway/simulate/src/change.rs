//! A change of one attribute, and whether a document shows it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::attribute::{ACTIVE, Attribute, MANAGER};
use crate::finding::{Finding, Kind};
use crate::model::Values;

/// A change of one attribute.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    pub(crate) attribute: Attribute,
    pub(crate) before: Option<Value>,
    /// The new value; `None` to clear it.
    pub(crate) after: Option<Value>,
}

impl Change {
    /// A change from the value in `values` to a new one.
    pub(crate) fn of(values: &Values, attribute: Attribute, after: Option<Value>) -> Self {
        Self { attribute, before: values.get(&attribute).cloned(), after }
    }

    /// Whether the new value differs from the old one.
    pub(crate) fn is_effective(&self) -> bool {
        self.before != self.after
    }

    pub(crate) fn apply(&self, values: &mut Values) {
        match &self.after {
            Some(value) => drop(values.insert(self.attribute, value.clone())),
            None => drop(values.remove(&self.attribute)),
        }
    }
}

/// The values with the changes applied.
pub(crate) fn after(values: &Values, changes: &[Change]) -> Values {
    let mut values = values.clone();
    for change in changes {
        change.apply(&mut values);
    }
    values
}

/// What must be the value of one attribute.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expectation<'a> {
    pub(crate) attribute: Attribute,
    pub(crate) expected: Option<&'a Value>,
    /// The value before the write, if it is known.
    pub(crate) before: Option<&'a Value>,
    /// Whether a boolean was sent as text.
    pub(crate) as_text: bool,
}

impl<'a> Expectation<'a> {
    /// The expectation without anything known about the write.
    pub(crate) fn of(attribute: Attribute, expected: Option<&'a Value>) -> Self {
        Self { attribute, expected, before: None, as_text: false }
    }

    /// What is wrong with the attribute in a document of `resource`, if anything.
    pub(crate) fn check(&self, resource: &str, document: &Value) -> Option<Finding> {
        let seen = self.attribute.read(document);
        let kind = match (self.expected, seen.as_slice()) {
            (_, [_, _, ..]) => Kind::ValueDoubled,
            (None, []) => return None,
            (Some(expected), [seen]) if expected == *seen => return None,
            // Clients with templates send an empty text for a missing value.
            (None, [seen]) if *seen == "" => return None,
            (Some(_), _) if self.attribute == ACTIVE && self.as_text => Kind::StringBooleanIgnored,
            (Some(_), _) if self.attribute == MANAGER => Kind::ManagerLost,
            (Some(_), []) => Kind::ValueLost,
            (Some(_), [seen]) if self.before == Some(*seen) => Kind::ChangeIgnored,
            (Some(_), [_]) => Kind::ValueAltered,
            (None, [_]) => Kind::ValueKept,
        };
        let seen = seen.into_iter().map(Value::to_string).collect::<Vec<_>>().join(" and ");
        let finding = Finding::new(kind, resource)
            .attribute(self.attribute.path())
            .expected(self.expected.map_or_else(|| "nothing".to_owned(), Value::to_string))
            .seen(if seen.is_empty() { "nothing".to_owned() } else { seen });
        Some(finding)
    }
}

/// What a document shows wrong after a PATCH.
pub(crate) fn check_patch(resource: &str, changes: &[Change], as_text: bool, document: &Value) -> Vec<Finding> {
    let is_unchanged = |change: &Change| change.attribute.read(document).first().copied() == change.before.as_ref();
    let nothing_done = changes.len() > 1 && changes.iter().all(is_unchanged);
    let check = |change: &Change| {
        let (expected, before) = (change.after.as_ref(), change.before.as_ref());
        let expectation = Expectation { attribute: change.attribute, expected, before, as_text };
        let finding = expectation.check(resource, document)?;
        Some(if nothing_done { finding.of_kind(Kind::NothingDone) } else { finding })
    };
    changes.iter().filter_map(check).collect()
}

/// What a document shows wrong after a PUT: of the changed attributes, the others, and those that the body omitted.
pub(crate) fn check_put(
    resource: &str,
    changes: &[Change],
    (expected, mapped): (&Values, &BTreeSet<Attribute>),
    document: &Value,
) -> Vec<Finding> {
    let (written, others): (Vec<Attribute>, Vec<Attribute>) =
        mapped.iter().partition(|attribute| changes.iter().any(|change| change.attribute == **attribute));
    let mut findings = check_patch(resource, changes, false, document);
    findings.retain(|finding| written.iter().any(|attribute| attribute.path() == finding.attribute));
    findings.extend(
        others
            .into_iter()
            .filter_map(|attribute| Expectation::of(attribute, expected.get(&attribute)).check(resource, document)),
    );
    let by_put = |it: Finding| if it.kind == Kind::ValueKept { it.of_kind(Kind::PutNotWhole) } else { it };
    findings.into_iter().map(by_put).collect()
}

/// What the response to a write shows differently from the resource itself. `of_resource` are the findings about the
/// resource: a response that shows them is not stale.
pub(crate) fn stale_values(of_response: Vec<Finding>, of_resource: &[Finding]) -> Vec<Finding> {
    let is_true = |it: &Finding| of_resource.iter().any(|other| other.attribute == it.attribute);
    let stale = of_response.into_iter().filter(|it| !is_true(it));
    stale.map(|it| stale_attribute(&it.resource, &it.attribute, it.expected, it.seen)).collect()
}

/// A finding about one stale attribute of a response.
pub(crate) fn stale_attribute(resource: &str, attribute: &str, expected: String, seen: String) -> Finding {
    let finding = Finding::new(Kind::AnswerStale, resource).attribute(format!("{attribute} in the response"));
    finding.expected(expected).seen(seen)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::attribute::{NICK_NAME, PHONE, TITLE};

    fn change(attribute: Attribute, before: &Value, after: &Value) -> Change {
        let some = |value: &Value| (!value.is_null()).then(|| value.clone());
        Change { attribute, before: some(before), after: some(after) }
    }

    fn kinds(changes: &[Change], as_text: bool, document: &Value) -> Vec<Kind> {
        check_patch("user a", changes, as_text, document).into_iter().map(|finding| finding.kind).collect()
    }

    #[test]
    fn each_result_of_a_change_has_its_kind() {
        let phone = |value: &str| json!({ "phoneNumbers": [{ "type": "work", "value": value }] });
        let two = json!({ "phoneNumbers": [{ "type": "work", "value": "1" }, { "type": "work", "value": "2" }] });
        let (none, deactivation) = (json!(null), change(ACTIVE, &json!(true), &json!(false)));
        let new_phone = change(PHONE, &json!("1"), &json!("+1 2"));
        let manager = change(MANAGER, &none, &json!("m1"));
        let cases = [
            (&new_phone, false, phone("+1 2"), None),
            (&new_phone, false, phone("+12"), Some(Kind::ValueAltered)),
            (&new_phone, false, phone("1"), Some(Kind::ChangeIgnored)),
            (&new_phone, false, json!({}), Some(Kind::ValueLost)),
            (&new_phone, false, two, Some(Kind::ValueDoubled)),
            (&deactivation, true, json!({ "active": true }), Some(Kind::StringBooleanIgnored)),
            (&deactivation, true, json!({ "active": "False" }), Some(Kind::StringBooleanIgnored)),
            (&deactivation, false, json!({ "active": true }), Some(Kind::ChangeIgnored)),
            (&deactivation, true, json!({ "active": false }), None),
            (&manager, false, json!({}), Some(Kind::ManagerLost)),
            (&change(TITLE, &json!("a"), &none), false, json!({ "title": "a" }), Some(Kind::ValueKept)),
            (&change(TITLE, &json!("a"), &none), false, json!({ "title": "" }), None),
            (&change(TITLE, &json!("a"), &none), false, json!({}), None),
        ];
        for (change, as_text, document, kind) in cases {
            assert_eq!(kinds(std::slice::from_ref(change), as_text, &document), Vec::from_iter(kind), "{document}");
        }
    }

    #[test]
    fn a_put_is_checked_in_all_mapped_attributes() {
        let expected = Values::from([(TITLE, json!("b"))]);
        let mapped = BTreeSet::from([TITLE, NICK_NAME, PHONE]);
        let changes = [change(TITLE, &json!("a"), &json!("b")), change(NICK_NAME, &json!("n"), &json!(null))];
        let found = |document: Value| {
            let findings = check_put("user a", &changes, (&expected, &mapped), &document);
            findings.into_iter().map(|finding| finding.kind).collect::<Vec<_>>()
        };
        assert_eq!(found(json!({ "title": "b" })), []);
        assert_eq!(found(json!({ "title": "b", "nickName": "n" })), [Kind::PutNotWhole]);
        assert_eq!(found(json!({})), [Kind::ValueLost]);
        let extra = json!({ "title": "b", "phoneNumbers": [{ "type": "work", "value": "1" }] });
        assert_eq!(found(extra), [Kind::PutNotWhole]);
    }

    #[test]
    fn a_response_is_stale_if_it_contradicts_the_resource() {
        let changes = [change(TITLE, &json!("a"), &json!("b")), change(NICK_NAME, &json!("m"), &json!("n"))];
        let (new, old) = (json!({ "title": "b", "nickName": "n" }), json!({ "title": "a", "nickName": "m" }));
        let half = json!({ "title": "a", "nickName": "n" });
        let cases = [
            (&new, &new, vec![]),
            (&old, &new, vec!["title in the response", "nickName in the response"]),
            (&half, &new, vec!["title in the response"]),
            // Nothing was done, and the response says so.
            (&old, &old, vec![]),
            (&half, &half, vec![]),
            (&old, &half, vec!["nickName in the response"]),
        ];
        for (response, resource, expected) in cases {
            let check = |document| check_patch("user a", &changes, false, document);
            let found = stale_values(check(response), &check(resource));
            let attributes: Vec<&str> = found.iter().map(|finding| finding.attribute.as_str()).collect();
            assert_eq!(attributes, expected, "{response} {resource}");
            assert!(found.iter().all(|finding| finding.kind == Kind::AnswerStale));
        }
    }

    #[test]
    fn a_patch_without_any_effect_has_its_own_kind() {
        let changes = [change(TITLE, &json!("a"), &json!("b")), change(NICK_NAME, &json!(null), &json!("n"))];
        assert_eq!(kinds(&changes, false, &json!({ "title": "a" })), [Kind::NothingDone; 2]);
        assert_eq!(kinds(&changes, false, &json!({ "title": "b" })), [Kind::ValueLost]);
    }
}
