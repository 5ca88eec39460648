//! Compares the expected state with the actual one: values attribute by attribute, members as sets, and lists.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use crate::attribute::{Attribute, USER_NAME};
use crate::change::Expectation;
use crate::finding::{Finding, Kind};
use crate::list::id;
use crate::model::{Model, Presence, Values};

/// How many ids a finding about a set lists.
const MAX_LISTED_IDS: usize = 3;

/// What was compared, and through which API.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// The API.
    pub by: &'static str,
    /// Users that must be present.
    pub users: u64,
    /// Compared attributes of these users.
    pub attributes: u64,
    /// Groups that must be present.
    pub groups: u64,
    /// Members of these groups.
    pub memberships: u64,
    /// Deleted resources that must be absent.
    pub gone: u64,
    /// Findings.
    pub differences: u64,
}

/// What is wrong with the values of a document.
pub(crate) fn check_values(
    label: &str,
    expected: &Values,
    mapped: &BTreeSet<Attribute>,
    document: &Value,
) -> Vec<Finding> {
    let check = |attribute: &Attribute| Expectation::of(*attribute, expected.get(attribute)).check(label, document);
    mapped.iter().filter_map(check).collect()
}

/// The ids of a group's members.
pub(crate) fn members(document: &Value) -> BTreeSet<String> {
    let listed = document.get("members").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    listed.iter().filter_map(|member| member.get("value").and_then(Value::as_str).map(str::to_owned)).collect()
}

/// Describes two different sets of members: the expected and the actual one.
pub(crate) fn describe_sets(expected: &BTreeSet<String>, seen: &BTreeSet<String>) -> (String, String) {
    let some = |ids: BTreeSet<&String>| ids.into_iter().take(MAX_LISTED_IDS).cloned().collect::<Vec<_>>().join(", ");
    let (missing, extra) = (expected.difference(seen).collect(), seen.difference(expected).collect());
    let description = format!("{} members; missing: {}; too many: {}", seen.len(), some(missing), some(extra));
    (format!("{} members", expected.len()), description)
}

/// A change of a group's members.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct MemberChange<'a> {
    /// The ids of the removed members.
    pub(crate) removed: &'a [String],
    /// The ids of the added members.
    pub(crate) added: &'a [String],
}

impl MemberChange<'_> {
    pub(crate) fn apply(&self, members: &mut BTreeSet<String>) {
        let removed: BTreeSet<&String> = self.removed.iter().collect();
        members.retain(|id| !removed.contains(id));
        members.extend(self.added.iter().cloned());
    }
}

/// What is wrong with a group's members after a change.
pub(crate) fn check_members(
    label: &str,
    (expected, seen): (&BTreeSet<String>, &BTreeSet<String>),
    MemberChange { removed, added }: MemberChange<'_>,
    name: impl Fn(&str) -> String,
) -> Vec<Finding> {
    let (removed, added): (BTreeSet<&String>, BTreeSet<&String>) = (removed.iter().collect(), added.iter().collect());
    let mut kept = expected.iter().filter(|id| !added.contains(id)).peekable();
    if kept.peek().is_some() && kept.all(|id| !seen.contains(id)) && (!removed.is_empty() || expected.len() > 1) {
        let finding = Finding::new(Kind::GroupWiped, label).attribute("members");
        let expected =
            format!("{} members, after {} were removed and {} added", expected.len(), removed.len(), added.len());
        return vec![finding.expected(expected).seen(format!("{}, and none of the previous members", seen.len()))];
    }
    let finding = |kind, id: &String, (expected, seen): (&str, &str)| {
        let finding = Finding::new(kind, label).attribute(format!("member {id}"));
        finding.expected(format!("{} as {expected}", name(id))).seen(seen)
    };
    let lost = expected.difference(seen).map(|id| finding(Kind::MemberLost, id, ("a member", "not a member")));
    let extra = seen.difference(expected).map(|id| {
        let kind = if removed.contains(id) { Kind::MemberKept } else { Kind::MemberStranger };
        finding(kind, id, ("no member", "a member"))
    });
    lost.chain(extra).collect()
}

/// What is wrong with a list of all users, apart from their values: missing, repeated, deleted and duplicate ones.
pub(crate) fn check_user_list(model: &Model, listed: &[Value]) -> Vec<Finding> {
    let counts = count_ids(listed);
    let mut ids_by_name: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for resource in listed {
        if let Some(name) = USER_NAME.read(resource).first().and_then(|name| name.as_str()) {
            ids_by_name.entry(name.to_lowercase()).or_default().insert(id(resource));
        }
    }
    let mut findings = Vec::new();
    for user in &model.users {
        findings.extend(check_listed(&user.presence, &user.label(), &counts));
        if let Some(own) = user.presence.id() {
            let ids = ids_by_name.get(&user.text(USER_NAME).to_lowercase());
            for other in ids.into_iter().flatten().filter(|other| **other != own) {
                let finding = Finding::new(Kind::DuplicateCreated, user.label()).attribute("userName");
                findings.push(finding.expected("one user with this name").seen(format!("{other} too")));
            }
        }
    }
    findings
}

/// What is wrong with a list of all groups.
pub(crate) fn check_group_list(model: &Model, listed: &[Value]) -> Vec<Finding> {
    let counts = count_ids(listed);
    model.groups.iter().filter_map(|group| check_listed(&group.presence, &group.label(), &counts)).collect()
}

fn count_ids(listed: &[Value]) -> BTreeMap<&str, u32> {
    let mut counts = BTreeMap::new();
    for resource in listed {
        *counts.entry(id(resource)).or_default() += 1;
    }
    counts
}

fn check_listed(presence: &Presence, label: &str, counts: &BTreeMap<&str, u32>) -> Option<Finding> {
    let finding = |kind| Finding::new(kind, label).attribute("place in the list");
    match presence {
        Presence::Absent => None,
        Presence::Present(id) => match counts.get(id.as_str()).copied().unwrap_or_default() {
            0 => Some(finding(Kind::MissingFromList).expected("once in the list").seen("on no page")),
            1 => None,
            count => Some(finding(Kind::ListedTwice).expected("once in the list").seen(format!("{count} times"))),
        },
        Presence::Deleted(id) => counts
            .contains_key(id.as_str())
            .then(|| finding(Kind::DeletedStillThere).expected("not in the list").seen("in the list")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::attribute::{PHONE, TITLE};
    use crate::model::User;

    fn set(ids: &[&str]) -> BTreeSet<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    fn kinds(findings: &[Finding]) -> Vec<Kind> {
        findings.iter().map(|finding| finding.kind).collect()
    }

    #[test]
    fn members_are_compared_as_sets() {
        let (removed, added) = (["c".to_owned()], ["b".to_owned()]);
        let change = MemberChange { removed: &removed, added: &added };
        let cases: [(&[&str], &[Kind]); 6] = [
            (&["a", "b"], &[]),
            (&["a"], &[Kind::MemberLost]),
            (&["a", "b", "c"], &[Kind::MemberKept]),
            (&["a", "b", "x"], &[Kind::MemberStranger]),
            (&["b"], &[Kind::GroupWiped]),
            (&[], &[Kind::GroupWiped]),
        ];
        for (seen, found) in cases {
            let findings = check_members("group g", (&set(&["a", "b"]), &set(seen)), change, str::to_owned);
            assert_eq!(kinds(&findings), found, "{seen:?}");
        }
    }

    #[test]
    fn mapped_values_are_compared_verbatim() {
        let expected = Values::from([(TITLE, json!("CFO")), (PHONE, json!("+1 2"))]);
        let document = json!({ "title": "CFO", "phoneNumbers": [{ "type": "work", "value": "+12" }], "nickName": "x" });
        let mapped = BTreeSet::from([TITLE, PHONE]);
        assert_eq!(kinds(&check_values("user a", &expected, &mapped, &document)), [Kind::ValueAltered]);
        assert_eq!(kinds(&check_values("user a", &expected, &BTreeSet::from([TITLE]), &document)), []);
    }

    #[test]
    fn every_user_is_listed_once_and_names_are_unique() {
        let user = |presence, name: &str| {
            let values = Values::from([(USER_NAME, json!(name))]);
            User { index: 0, name: name.to_owned(), presence, values }
        };
        let listed = |ids: &[(&str, &str)]| -> Vec<Value> {
            ids.iter().map(|(id, name)| json!({ "id": id, "userName": name })).collect()
        };
        let present = || user(Presence::Present("1".into()), "a@x");
        let model = Model { users: vec![present(), user(Presence::Deleted("2".into()), "b@x")], groups: Vec::new() };
        let found = |ids: &[(&str, &str)]| kinds(&check_user_list(&model, &listed(ids)));
        assert_eq!(found(&[("1", "a@x"), ("9", "z@x")]), []);
        assert_eq!(found(&[]), [Kind::MissingFromList]);
        assert_eq!(found(&[("1", "a@x"), ("1", "a@x")]), [Kind::ListedTwice]);
        assert_eq!(found(&[("1", "a@x"), ("2", "b@x")]), [Kind::DeletedStillThere]);
        assert_eq!(found(&[("1", "a@x"), ("3", "A@x")]), [Kind::DuplicateCreated]);
    }
}
