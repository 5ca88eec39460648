//! The end state: what must be there against what is, attribute by attribute, and memberships as sets.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use crate::attribute::{Attribute, USER_NAME};
use crate::change::{Judge, difference};
use crate::finding::{Finding, Kind};
use crate::list::id;
use crate::model::{Life, Model, Values};

/// How much was compared, and by which door.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Compared {
    /// Through which door it was read.
    pub by: &'static str,
    /// Users that must be there.
    pub users: u64,
    /// Attributes of them whose values were compared.
    pub attributes: u64,
    /// Groups that must be there.
    pub groups: u64,
    /// Members of them.
    pub memberships: u64,
    /// Deleted resources that must not be there.
    pub gone: u64,
    /// What was wrong.
    pub differences: u64,
}

/// What is wrong with the values of a document.
#[must_use]
pub fn values(label: &str, expected: &Values, among: &BTreeSet<Attribute>, document: &Value) -> Vec<Finding> {
    let judged = among.iter().filter_map(|attribute| {
        let expected = expected.get(attribute);
        let judge = Judge { attribute: *attribute, expected, before: None, as_text: false };
        judge.finds(document).map(|kind| difference(kind, label, (*attribute, expected), document))
    });
    judged.collect()
}

/// The ids of a group's members.
#[must_use]
pub fn members(document: &Value) -> BTreeSet<String> {
    let listed = document.get("members").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    listed.iter().filter_map(|member| member.get("value").and_then(Value::as_str).map(str::to_owned)).collect()
}

/// Two sets of members in a few words: what is expected, and what is seen in its place.
#[must_use]
pub fn in_numbers(expected: &BTreeSet<String>, seen: &BTreeSet<String>) -> (String, String) {
    let some = |ids: BTreeSet<&String>| ids.into_iter().take(3).cloned().collect::<Vec<_>>().join(", ");
    let (lost, more) = (expected.difference(seen).collect(), seen.difference(expected).collect());
    let shown = format!("{} members; missing: {}; too many: {}", seen.len(), some(lost), some(more));
    (format!("{} members", expected.len()), shown)
}

/// What a request does to a group's members.
#[derive(Clone, Copy, Debug, Default)]
pub struct Exchange<'a> {
    /// The ids of those who leave.
    pub removed: &'a [String],
    /// The ids of those who come.
    pub added: &'a [String],
}

impl Exchange<'_> {
    /// Carries it out.
    pub fn apply(&self, members: &mut BTreeSet<String>) {
        let removed: BTreeSet<&String> = self.removed.iter().collect();
        members.retain(|id| !removed.contains(id));
        members.extend(self.added.iter().cloned());
    }
}

/// What is wrong with a group's members after an exchange.
#[must_use]
pub fn membership(
    label: &str,
    (expected, seen): (&BTreeSet<String>, &BTreeSet<String>),
    Exchange { removed, added }: Exchange<'_>,
    name: impl Fn(&str) -> String,
) -> Vec<Finding> {
    let (removed, added): (BTreeSet<&String>, BTreeSet<&String>) = (removed.iter().collect(), added.iter().collect());
    let mut stayed = expected.iter().filter(|id| !added.contains(id)).peekable();
    if stayed.peek().is_some() && stayed.all(|id| !seen.contains(id)) && (!removed.is_empty() || expected.len() > 1) {
        let finding = Finding::new(Kind::GroupWiped, label).attribute("members");
        let wanted = format!("{} members, after {} left and {} came", expected.len(), removed.len(), added.len());
        return vec![finding.expected(wanted).seen(format!("{}, and none of those who were there", seen.len()))];
    }
    let told = |kind, id: &String, words: (&str, &str)| {
        let finding = Finding::new(kind, label).attribute(format!("member {id}"));
        finding.expected(format!("{} as {}", name(id), words.0)).seen(words.1)
    };
    let lost = expected.difference(seen).map(|id| told(Kind::MemberLost, id, ("a member", "it is none")));
    let more = seen.difference(expected).map(|id| {
        let kind = if removed.contains(id) { Kind::MemberKept } else { Kind::MemberStranger };
        told(kind, id, ("no member", "it is one"))
    });
    lost.chain(more).collect()
}

/// What is wrong with a list of all users, besides the values of each: who is missing, twice, or there again.
#[must_use]
pub fn presence(model: &Model, listed: &[Value]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut times: BTreeMap<&str, u32> = BTreeMap::new();
    let mut names: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for resource in listed {
        *times.entry(id(resource)).or_default() += 1;
        if let Some(name) = USER_NAME.read(resource).first().and_then(|name| name.as_str()) {
            names.entry(name.to_lowercase()).or_default().insert(id(resource));
        }
    }
    for user in &model.users {
        findings.extend(in_list(&user.life, &user.label(), &times));
        if let Some(own) = user.life.id() {
            let same = names.get(&user.text(USER_NAME).to_lowercase());
            for other in same.into_iter().flatten().filter(|other| **other != own) {
                let finding = Finding::new(Kind::DuplicateCreated, user.label()).attribute("userName");
                findings.push(finding.expected("one user of this name").seen(format!("{other} too")));
            }
        }
    }
    findings
}

/// What is wrong with a resource's place in a list.
fn in_list(life: &Life, label: &str, times: &BTreeMap<&str, u32>) -> Option<Finding> {
    let finding = |kind| Finding::new(kind, label).attribute("place in the list");
    match life {
        Life::Absent => None,
        Life::Living(id) => match times.get(id.as_str()).copied().unwrap_or_default() {
            0 => Some(finding(Kind::MissingFromList).expected("once in the list").seen("on no page")),
            1 => None,
            more => Some(finding(Kind::ListedTwice).expected("once in the list").seen(format!("{more} times"))),
        },
        Life::Deleted(id) => times
            .contains_key(id.as_str())
            .then(|| finding(Kind::DeletedStillThere).expected("not in the list").seen("there")),
    }
}

/// The same of a list of all groups.
#[must_use]
pub fn groups_presence(model: &Model, listed: &[Value]) -> Vec<Finding> {
    let mut times: BTreeMap<&str, u32> = BTreeMap::new();
    for resource in listed {
        *times.entry(id(resource)).or_default() += 1;
    }
    model.groups.iter().filter_map(|group| in_list(&group.life, &group.label(), &times)).collect()
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
        let exchange = Exchange { removed: &removed, added: &added };
        let cases: [(&[&str], &[Kind]); 6] = [
            (&["a", "b"], &[]),
            (&["a"], &[Kind::MemberLost]),
            (&["a", "b", "c"], &[Kind::MemberKept]),
            (&["a", "b", "x"], &[Kind::MemberStranger]),
            (&["b"], &[Kind::GroupWiped]),
            (&[], &[Kind::GroupWiped]),
        ];
        for (seen, found) in cases {
            let findings = membership("group g", (&set(&["a", "b"]), &set(seen)), exchange, str::to_owned);
            assert_eq!(kinds(&findings), found, "{seen:?}");
        }
    }

    #[test]
    fn values_are_compared_verbatim_and_only_those_of_the_mapping() {
        let expected = Values::from([(TITLE, json!("CFO")), (PHONE, json!("+1 2"))]);
        let document = json!({ "title": "CFO", "phoneNumbers": [{ "type": "work", "value": "+12" }], "nickName": "x" });
        let among = BTreeSet::from([TITLE, PHONE]);
        assert_eq!(kinds(&values("user a", &expected, &among, &document)), [Kind::ValueAltered]);
        assert_eq!(kinds(&values("user a", &expected, &BTreeSet::from([TITLE]), &document)), []);
    }

    #[test]
    fn everyone_is_in_the_list_once_and_nobody_else_has_the_name() {
        let user = |life, name: &str| {
            let values = Values::from([(USER_NAME, json!(name))]);
            User { index: 0, name: name.to_owned(), life, values }
        };
        let listed = |ids: &[(&str, &str)]| -> Vec<Value> {
            ids.iter().map(|(id, name)| json!({ "id": id, "userName": name })).collect()
        };
        let living = || user(Life::Living("1".into()), "a@x");
        let model = Model { users: vec![living(), user(Life::Deleted("2".into()), "b@x")], groups: Vec::new() };
        let found = |ids: &[(&str, &str)]| kinds(&presence(&model, &listed(ids)));
        assert_eq!(found(&[("1", "a@x"), ("9", "z@x")]), []);
        assert_eq!(found(&[]), [Kind::MissingFromList]);
        assert_eq!(found(&[("1", "a@x"), ("1", "a@x")]), [Kind::ListedTwice]);
        assert_eq!(found(&[("1", "a@x"), ("2", "b@x")]), [Kind::DeletedStillThere]);
        assert_eq!(found(&[("1", "a@x"), ("3", "A@x")]), [Kind::DuplicateCreated]);
    }
}
