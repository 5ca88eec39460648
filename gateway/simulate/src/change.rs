//! One attribute's change, and whether a document shows it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::attribute::{ACTIVE, Attribute, MANAGER};
use crate::finding::{Finding, Kind};
use crate::model::Values;

/// A change of one attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Of what.
    pub attribute: Attribute,
    /// What was there.
    pub before: Option<Value>,
    /// What shall be there; none to clear it.
    pub after: Option<Value>,
}

impl Change {
    /// A change of what `values` hold.
    #[must_use]
    pub fn of(values: &Values, attribute: Attribute, after: Option<Value>) -> Self {
        Self { attribute, before: values.get(&attribute).cloned(), after }
    }

    /// What it is before it is sent: nothing, if the value is there.
    #[must_use]
    pub fn is_one(&self) -> bool {
        self.before != self.after
    }

    /// Carries it out.
    pub fn apply(&self, values: &mut Values) {
        match &self.after {
            Some(value) => drop(values.insert(self.attribute, value.clone())),
            None => drop(values.remove(&self.attribute)),
        }
    }
}

/// The values after some changes.
#[must_use]
pub fn after(values: &Values, changes: &[Change]) -> Values {
    let mut values = values.clone();
    for change in changes {
        change.apply(&mut values);
    }
    values
}

/// What is wrong with an attribute in a document, if anything is.
#[derive(Clone, Copy, Debug)]
pub struct Judge<'a> {
    /// Of what.
    pub attribute: Attribute,
    /// What must be there.
    pub expected: Option<&'a Value>,
    /// What was there before it was written, if that is known.
    pub before: Option<&'a Value>,
    /// Whether a boolean went out as text.
    pub as_text: bool,
}

impl Judge<'_> {
    /// The verdict on a document.
    #[must_use]
    pub fn finds(&self, document: &Value) -> Option<Kind> {
        let seen = self.attribute.read(document);
        if seen.len() > 1 {
            return Some(Kind::ValueDoubled);
        }
        match (self.expected, seen.first().copied()) {
            (None, None) => None,
            (Some(expected), Some(seen)) if expected == seen => None,
            // Clients that fill in templates send an empty text for what is not there.
            (None, Some(seen)) if seen == "" => None,
            (expected, seen) => Some(self.name(expected, seen)),
        }
    }

    fn name(&self, expected: Option<&Value>, seen: Option<&Value>) -> Kind {
        match (expected, seen) {
            (Some(_), _) if self.attribute == ACTIVE && self.as_text => Kind::StringBooleanIgnored,
            (Some(_), _) if self.attribute == MANAGER => Kind::ManagerLost,
            (Some(_), None) => Kind::ValueLost,
            (Some(_), Some(seen)) if self.before == Some(seen) => Kind::ChangeIgnored,
            (Some(_), Some(_)) => Kind::ValueAltered,
            (None, _) => Kind::ValueKept,
        }
    }
}

/// What a document shows of a PATCH.
#[must_use]
pub fn shown(resource: &str, changes: &[Change], as_text: bool, document: &Value) -> Vec<Finding> {
    let untouched = |change: &Change| change.attribute.read(document).first().copied() == change.before.as_ref();
    let nothing_done = changes.len() > 1 && changes.iter().all(untouched);
    changes
        .iter()
        .filter_map(|change| {
            let expected = change.after.as_ref();
            let judge = Judge { attribute: change.attribute, expected, before: change.before.as_ref(), as_text };
            let kind = judge.finds(document).map(|kind| if nothing_done { Kind::NothingDone } else { kind });
            kind.map(|kind| difference(kind, resource, (change.attribute, expected), document))
        })
        .collect()
}

/// What a document shows of a PUT: what changed, what stayed, and what its body left out.
#[must_use]
pub fn replaced(
    resource: &str,
    changes: &[Change],
    (expected, among): (&Values, &BTreeSet<Attribute>),
    document: &Value,
) -> Vec<Finding> {
    let is_among = |attribute: &Attribute| changes.iter().any(|change| change.attribute == *attribute);
    let (of_changes, of_others): (Vec<Attribute>, Vec<Attribute>) = among.iter().partition(|it| is_among(it));
    let mut findings = shown(resource, changes, false, document);
    findings.retain(|finding| of_changes.iter().any(|attribute| attribute.path() == finding.attribute));
    for attribute in of_others {
        let expected = expected.get(&attribute);
        let judge = Judge { attribute, expected, before: None, as_text: false };
        findings.extend(judge.finds(document).map(|kind| difference(kind, resource, (attribute, expected), document)));
    }
    for finding in findings.iter_mut().filter(|finding| finding.kind == Kind::ValueKept) {
        (finding.kind, finding.hint) = (Kind::PutNotWhole, Kind::PutNotWhole.hint());
    }
    findings
}

/// What the answer to a write shows otherwise than the resource does afterwards. `found` is what is wrong with the resource
/// itself: that has its own name, and the answer is right to show it.
#[must_use]
pub fn stale(of_answer: Vec<Finding>, found: &[Finding]) -> Vec<Finding> {
    let shown_rightly = |it: &Finding| found.iter().any(|found| found.attribute == it.attribute);
    let at_odds = of_answer.into_iter().filter(|it| !shown_rightly(it));
    at_odds.map(|it| stale_attribute(&it.resource, &it.attribute, it.expected, it.seen)).collect()
}

/// The same of one attribute.
#[must_use]
pub fn stale_attribute(resource: &str, attribute: &str, expected: String, seen: String) -> Finding {
    let finding = Finding::new(Kind::AnswerStale, resource).attribute(format!("{attribute} in the answer"));
    finding.expected(expected).seen(seen)
}

/// A finding about an attribute of a document.
#[must_use]
pub fn difference(
    kind: Kind,
    resource: &str,
    (attribute, expected): (Attribute, Option<&Value>),
    document: &Value,
) -> Finding {
    let seen = attribute.read(document).into_iter().map(Value::to_string).collect::<Vec<_>>().join(" and ");
    Finding::new(kind, resource)
        .attribute(attribute.path())
        .expected(expected.map_or_else(|| "nothing".to_owned(), Value::to_string))
        .seen(if seen.is_empty() { "nothing".to_owned() } else { seen })
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
        shown("user a", changes, as_text, document).into_iter().map(|finding| finding.kind).collect()
    }

    #[test]
    fn what_became_of_one_change_has_a_name() {
        let phone = |value: &str| json!({ "phoneNumbers": [{ "type": "work", "value": value }] });
        let two = json!({ "phoneNumbers": [{ "type": "work", "value": "1" }, { "type": "work", "value": "2" }] });
        let (none, leaves) = (json!(null), change(ACTIVE, &json!(true), &json!(false)));
        let calls = change(PHONE, &json!("1"), &json!("+1 2"));
        let manager = change(MANAGER, &none, &json!("m1"));
        let cases = [
            (&calls, false, phone("+1 2"), None),
            (&calls, false, phone("+12"), Some(Kind::ValueAltered)),
            (&calls, false, phone("1"), Some(Kind::ChangeIgnored)),
            (&calls, false, json!({}), Some(Kind::ValueLost)),
            (&calls, false, two, Some(Kind::ValueDoubled)),
            (&leaves, true, json!({ "active": true }), Some(Kind::StringBooleanIgnored)),
            (&leaves, true, json!({ "active": "False" }), Some(Kind::StringBooleanIgnored)),
            (&leaves, false, json!({ "active": true }), Some(Kind::ChangeIgnored)),
            (&leaves, true, json!({ "active": false }), None),
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
    fn a_put_is_judged_by_all_that_it_holds() {
        let expected = Values::from([(TITLE, json!("b"))]);
        let among = BTreeSet::from([TITLE, NICK_NAME, PHONE]);
        let changes = [change(TITLE, &json!("a"), &json!("b")), change(NICK_NAME, &json!("n"), &json!(null))];
        let found = |document: Value| {
            let findings = replaced("user a", &changes, (&expected, &among), &document);
            findings.into_iter().map(|finding| finding.kind).collect::<Vec<_>>()
        };
        assert_eq!(found(json!({ "title": "b" })), []);
        assert_eq!(found(json!({ "title": "b", "nickName": "n" })), [Kind::PutNotWhole]);
        assert_eq!(found(json!({})), [Kind::ValueLost]);
        let stranger = json!({ "title": "b", "phoneNumbers": [{ "type": "work", "value": "1" }] });
        assert_eq!(found(stranger), [Kind::PutNotWhole]);
    }

    #[test]
    fn an_answer_is_stale_where_it_is_at_odds_with_the_resource() {
        let changes = [change(TITLE, &json!("a"), &json!("b")), change(NICK_NAME, &json!("m"), &json!("n"))];
        let (new, old) = (json!({ "title": "b", "nickName": "n" }), json!({ "title": "a", "nickName": "m" }));
        let half = json!({ "title": "a", "nickName": "n" });
        let cases = [
            (&new, &new, vec![]),
            (&old, &new, vec!["title in the answer", "nickName in the answer"]),
            (&half, &new, vec!["title in the answer"]),
            // Nothing was done, and the answer says so.
            (&old, &old, vec![]),
            (&half, &half, vec![]),
            (&old, &half, vec!["nickName in the answer"]),
        ];
        for (answer, resource, expected) in cases {
            let judge = |document| shown("user a", &changes, false, document);
            let found = stale(judge(answer), &judge(resource));
            let attributes: Vec<&str> = found.iter().map(|finding| finding.attribute.as_str()).collect();
            assert_eq!(attributes, expected, "{answer} {resource}");
            assert!(found.iter().all(|finding| finding.kind == Kind::AnswerStale));
        }
    }

    #[test]
    fn a_patch_that_did_nothing_at_all_is_called_so() {
        let changes = [change(TITLE, &json!("a"), &json!("b")), change(NICK_NAME, &json!(null), &json!("n"))];
        assert_eq!(kinds(&changes, false, &json!({ "title": "a" })), [Kind::NothingDone; 2]);
        assert_eq!(kinds(&changes, false, &json!({ "title": "b" })), [Kind::ValueLost]);
    }
}
