//! A bulk request has the same results, resources and events as its operations sent one after the other.

use std::collections::HashMap;

use scimgate_tests::tenant::{ENTERPRISE, patch, user};
use scimgate_tests::{Request, Tenant, TestGateway, on_postgres};
use serde_json::{Value, json};

use super::{bulk, id, statuses};
use crate::pushdown::random::Random;

on_postgres!(a_bulk_request_equals_its_operations_one_by_one);

const ROUNDS: u64 = 5;
const OPERATIONS: usize = 40;
/// Users that exist before, named `@0`, `@1` …
const EXISTING_USERS: usize = 4;

/// The names of the operations so far, to be referenced by later ones.
#[derive(Default)]
struct Created {
    users: Vec<String>,
    groups: Vec<String>,
}

impl Created {
    /// A user by id, by bulkId, or by a userName that may not exist.
    fn reference(&self, random: &mut Random) -> String {
        match random.below(4) {
            0 => format!("@{}", random.below(EXISTING_USERS)),
            1 => format!("u{}@corp.test", random.below(9)),
            _ => one(&self.users, random),
        }
    }
}

/// One of these, or an existing user.
fn one(of: &[String], random: &mut Random) -> String {
    if of.is_empty() { format!("@{}", random.below(EXISTING_USERS)) } else { format!("bulkId:{}", random.pick(of)) }
}

fn body(random: &mut Random, created: &Created) -> Value {
    let mut body = user(&format!("u{}", random.below(9)));
    if random.once_in(3) {
        body[ENTERPRISE] = json!({ "manager": { "value": created.reference(random) } });
    }
    if random.once_in(12) {
        body["active"] = "perhaps".into();
    }
    body
}

fn operation(random: &mut Random, created: &mut Created, name: &str) -> Value {
    let target = |kind: &str, id: String| format!("/{kind}/{id}");
    let members = |random: &mut Random, created: &Created| -> Vec<Value> {
        (0..random.below(4)).map(|_| json!({ "value": created.reference(random) })).collect()
    };
    let (method, path, data) = match random.below(16) {
        0..=7 => {
            let data = body(random, created);
            created.users.push(name.to_owned());
            ("POST", "/Users".to_owned(), data)
        }
        8 | 9 => {
            let data = json!({ "displayName": name, "members": members(random, created) });
            created.groups.push(name.to_owned());
            ("POST", "/Groups".to_owned(), data)
        }
        10 => ("PUT", target("Users", one(&created.users, random)), body(random, created)),
        11 | 12 => {
            let value = format!("u{}@corp.test", random.below(9));
            let path = *random.pick(&["userName", "title", "nothing[", "manager"]);
            let operations = json!([{ "op": "replace", "path": path, "value": value }]);
            ("PATCH", target("Users", one(&created.users, random)), patch(operations))
        }
        13 => {
            let op = *random.pick(&["add", "remove"]);
            let operations = json!([{ "op": op, "path": "members", "value": members(random, created) }]);
            ("PATCH", target("Groups", one(&created.groups, random)), patch(operations))
        }
        14 => ("DELETE", target("Groups", one(&created.groups, random)), Value::Null),
        _ => ("DELETE", target("Users", one(&created.users, random)), Value::Null),
    };
    json!({ "method": method, "path": path, "bulkId": name, "data": data })
}

/// The ids of a tenant's resources by the test's names.
type Ids = HashMap<String, String>;

/// Replaces names by a tenant's ids.
fn named(operation: &Value, ids: &Ids) -> Value {
    let names = ids.iter().filter(|(name, _)| name.starts_with('@'));
    let text = names.fold(operation.to_string(), |text, (name, id)| text.replace(name, id));
    serde_json::from_str(&text).unwrap()
}

/// Sends each operation as a request of its own, one after the other; returns the statuses.
async fn one_by_one(tenant: &Tenant, operations: &[Value], ids: &mut Ids) -> Vec<String> {
    let mut statuses = Vec::new();
    for operation in operations {
        let mut text = operation.to_string();
        let name = operation["bulkId"].as_str().unwrap().to_owned();
        for (created, id) in ids.iter().filter(|(created, _)| !created.starts_with('@')) {
            text = text.replace(&format!("bulkId:{created}\""), &format!("{id}\""));
        }
        if text.contains("bulkId:") {
            statuses.push("409".to_owned());
            continue;
        }
        let operation: Value = serde_json::from_str(&text).unwrap();
        let request = Request::new(operation["method"].as_str().unwrap(), operation["path"].as_str().unwrap());
        let request = if operation["data"].is_null() { request } else { request.json(&operation["data"]) };
        let answer = tenant.send(request).await;
        // The PATCH of a group has 204 by itself, and 200 with a version in a bulk request.
        let status = if answer.status == 204 && operation["method"] == "PATCH" { 200 } else { answer.status };
        if operation["method"] == "POST" && status == 201 {
            ids.insert(name, answer.id());
        }
        statuses.push(status.to_string());
    }
    statuses
}

/// All resources and events, with names in place of ids. A group's version depends on whether its members existed when
/// they were added.
async fn state(tenant: &Tenant, ids: &Ids) -> (Vec<Value>, Vec<String>) {
    let label = |text: String| ids.iter().fold(text, |text, (name, id)| text.replace(id, name));
    let mut resources = Vec::new();
    for text in tenant.everything().await {
        let mut page: Value = serde_json::from_str(&label(text)).unwrap();
        let list = if page["Resources"].is_array() { "Resources" } else { "resources" };
        for resource in page[list].as_array_mut().into_iter().flatten() {
            if resource["meta"]["resourceType"] == "Group" {
                resource["meta"].as_object_mut().unwrap().shift_remove("version");
            }
            resources.push(resource.clone());
        }
    }
    let events = tenant
        .events()
        .await
        .into_iter()
        .map(|event| label(format!("{} {} {}", event["type"], event["resourceId"], event["memberId"])));
    let mut events: Vec<String> = events.collect();
    events.sort();
    (resources, events)
}

async fn a_bulk_request_equals_its_operations_one_by_one(gateway: &TestGateway) {
    let mut seen = HashMap::new();
    for round in 0..ROUNDS {
        let mut random = Random::new(round);
        let tenants = [gateway.tenant(&format!("a{round}")).await, gateway.tenant(&format!("b{round}")).await];
        let mut ids = [Ids::new(), Ids::new()];
        for (tenant, ids) in tenants.iter().zip(&mut ids) {
            for number in 0..EXISTING_USERS {
                ids.insert(format!("@{number}"), tenant.user(&format!("u{number}")).await);
            }
        }
        let mut created = Created::default();
        let operations: Vec<Value> =
            (0..OPERATIONS).map(|number| operation(&mut random, &mut created, &format!("n{number}x"))).collect();
        let [bulk_ids, one_by_one_ids] = &mut ids;
        let named_for =
            |ids: &Ids| -> Vec<Value> { operations.iter().map(|operation| named(operation, ids)).collect() };
        let results = bulk(&tenants[0], &json!(named_for(bulk_ids))).await;
        for result in results.iter().filter(|result| result["method"] == "POST" && result["status"] == "201") {
            bulk_ids.insert(result["bulkId"].as_str().unwrap().to_owned(), id(result));
        }
        let expected = one_by_one(&tenants[1], &named_for(one_by_one_ids), one_by_one_ids).await;
        assert_eq!(statuses(&results), expected, "round {round}: {operations:#?}");
        let [first, second] = &ids;
        let states = (state(&tenants[0], first).await, state(&tenants[1], second).await);
        assert_eq!(states.0, states.1, "round {round}: {operations:#?}");
        for (operation, status) in operations.iter().zip(expected) {
            *seen.entry(format!("{} {status}", operation["method"].as_str().unwrap())).or_insert(0) += 1;
        }
    }
    for kind in ["POST 201", "POST 409", "POST 400", "PATCH 200", "PATCH 400", "PUT 200", "DELETE 204", "DELETE 404"] {
        assert!(seen.contains_key(kind), "no {kind}: {seen:?}");
    }
}
