//! Group rules: members of a group have a role or an entitlement. The directory shows it at once, and the product is sent one
//! `user.updated` of each user of whom it shows something else.

mod held;
mod killed;
mod large;
mod mapped;
mod members;
mod purged;
mod random;
mod set;

use std::collections::{BTreeMap, BTreeSet};

use scimgate_tests::tenant::patch;
use scimgate_tests::{Tenant, TestGateway, poll};
use serde_json::{Value, json};

pub(crate) const PATH: &str = "/tenants/acme/group-rules";

/// A rule by displayName that gives a role.
pub(crate) fn role(group: &str, value: &str) -> Value {
    json!({ "group": { "displayName": group }, "role": { "value": value } })
}

pub(crate) async fn set_rules(gateway: &TestGateway, rules: &[Value]) {
    let _ = gateway.operator.put(PATH, &json!({ "rules": rules })).await.expect(200);
}

/// Waits until everything is announced, and every event has its number, also without rules. The runner is woken: it looks for work once a
/// second.
async fn announced(gateway: &TestGateway) {
    let control = gateway.gateway.store.control();
    poll("everything is announced", async || {
        let is_announced = gateway.operator.get(PATH).await.expect(200).body["announced"] == true;
        gateway.gateway.schemas_changed.notify_one();
        let is_numbered = control.tenants_with_unnumbered_events().await.unwrap().is_empty();
        (is_announced && is_numbered).then_some(())
    })
    .await;
}

/// What the directory shows of each user: roles and entitlements, each with the attribute.
async fn shown(tenant: &Tenant) -> BTreeMap<String, BTreeSet<String>> {
    let mut all = BTreeMap::new();
    let page = tenant.directory("/users?limit=1000").await.expect(200).body;
    for user in page["resources"].as_array().unwrap() {
        let id = user["id"].as_str().unwrap();
        let single = tenant.directory(&format!("/users/{id}")).await.expect(200).body;
        assert_eq!(*user, single, "the list and the user agree");
        all.insert(id.to_owned(), values(user));
    }
    all
}

/// The roles and entitlements of a user; one by a rule is not told from one of the document.
fn values(user: &Value) -> BTreeSet<String> {
    let of = |attribute: &'static str| {
        let elements = user[attribute].as_array().into_iter().flatten();
        elements.map(move |it| {
            let mut it = it.clone();
            it.as_object_mut().unwrap().remove("byGroup");
            format!("{attribute} {it}")
        })
    };
    let all: Vec<String> = of("roles").chain(of("entitlements")).collect();
    let set: BTreeSet<String> = all.iter().cloned().collect();
    assert_eq!(set.len(), all.len(), "a value is shown twice: {user}");
    set
}

/// A tenant, and what the product knew of its users at the last look.
struct Watched<'g> {
    gateway: &'g TestGateway,
    tenant: Tenant,
    known: BTreeMap<String, BTreeSet<String>>,
    seq: u64,
}

/// What happened since the last look.
struct Change {
    /// Users whom the product saw before and sees now, and of whom it is shown something else.
    differ: Vec<String>,
    /// Users of whom the rules wrote events, one for each event.
    announced: Vec<String>,
    /// The types of all events, with the resource.
    events: Vec<(String, String)>,
}

impl<'g> Watched<'g> {
    async fn new(gateway: &'g TestGateway) -> Self {
        let tenant = gateway.plain_tenant("acme").await;
        Self { gateway, tenant, known: BTreeMap::new(), seq: 0 }
    }

    /// What changed since the last look, once it is announced.
    async fn look(&mut self) -> Change {
        announced(self.gateway).await;
        let now = shown(&self.tenant).await;
        let mut events = Vec::new();
        loop {
            let page = self.tenant.directory(&format!("/events?after={}&limit=1000", self.seq)).await.expect(200).body;
            self.seq = page["lastSeq"].as_u64().unwrap();
            let some = page["events"].as_array().unwrap();
            if some.is_empty() {
                break;
            }
            events.extend_from_slice(some);
        }
        let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();
        let by_rules = events.iter().filter(|event| event["actor"] == "group-rules");
        let mut announced: Vec<String> = by_rules
            .map(|event| {
                assert_eq!(
                    (&event["type"], &event["resourceType"]),
                    (&json!("user.updated"), &json!("User")),
                    "{event}"
                );
                text(&event["resourceId"])
            })
            .collect();
        announced.sort();
        let differ = now.iter().filter(|(id, values)| self.known.get(*id).is_some_and(|before| before != *values));
        let differ = differ.map(|(id, _)| id.clone()).collect();
        let events = events.iter().map(|event| (text(&event["type"]), text(&event["resourceId"]))).collect();
        self.known = now;
        Change { differ, announced, events }
    }

    /// Users of whom the directory shows something else, each of whom was announced once.
    async fn changed(&mut self) -> Vec<String> {
        let Change { differ, announced, events } = self.look().await;
        assert_eq!(announced, differ, "one event for each user that changed: {events:?}");
        announced
    }

    /// The roles and entitlements of a user, without their other members.
    fn has(&self, user: &str) -> Vec<String> {
        let value = |text: &String| {
            let (attribute, element) = text.split_once(' ').unwrap();
            let element: Value = serde_json::from_str(element).unwrap();
            format!("{attribute} {}", element["value"].as_str().unwrap())
        };
        self.known[user].iter().map(value).collect()
    }

    async fn edit(&self, path: &str, operations: Value) {
        let _ = self.tenant.patch(path, &patch(operations)).await.expect(200);
    }

    async fn add(&self, group: &str, member: &str) {
        let add = json!([{ "op": "add", "path": "members", "value": [{ "value": member }] }]);
        self.edit(&format!("/Groups/{group}"), add).await;
    }

    async fn remove(&self, group: &str, member: &str) {
        let remove = json!([{ "op": "remove", "path": format!("members[value eq \"{member}\"]") }]);
        self.edit(&format!("/Groups/{group}"), remove).await;
    }

    async fn rename(&self, group: &str, name: &str) {
        self.edit(&format!("/Groups/{group}"), json!([{ "op": "replace", "path": "displayName", "value": name }]))
            .await;
    }
}

/// The ids in order.
fn sorted(ids: &[&String]) -> Vec<String> {
    let mut ids: Vec<String> = ids.iter().map(|id| (*id).clone()).collect();
    ids.sort();
    ids
}
