//! A bulk request does what its operations do one after the other: the same answers, the same resources, the same events.

use std::collections::HashMap;

use scimgate_tests::tenant::{ENTERPRISE, patch, user};
use scimgate_tests::{Request, Tenant, TestGateway, on_both};
use serde_json::{Value, json};

use super::{bulk, id, statuses};
use crate::pushdown::random::Random;

on_both!(a_bulk_request_equals_its_operations_one_by_one);

const ROUNDS: u64 = 5;
const OPERATIONS: usize = 40;
/// Users who are there before, as `@0`, `@1` …
const THERE: usize = 4;

/// What operations there are so far, to be named by others.
#[derive(Default)]
struct Made {
    users: Vec<String>,
    groups: Vec<String>,
}

impl Made {
    /// Somebody who is there, or should be: by id, by bulkId, or by a name that may be anybody's.
    fn anybody(&self, random: &mut Random) -> String {
        match random.below(4) {
            0 => format!("@{}", random.below(THERE)),
            1 => format!("u{}@corp.test", random.below(9)),
            _ => one(&self.users, random),
        }
    }
}

/// One of these, or somebody who was there before.
fn one(of: &[String], random: &mut Random) -> String {
    if of.is_empty() { format!("@{}", random.below(THERE)) } else { format!("bulkId:{}", random.pick(of)) }
}

fn body(random: &mut Random, made: &Made) -> Value {
    let mut body = user(&format!("u{}", random.below(9)));
    if random.once_in(3) {
        body[ENTERPRISE] = json!({ "manager": { "value": made.anybody(random) } });
    }
    if random.once_in(12) {
        body["active"] = "perhaps".into();
    }
    body
}

fn operation(random: &mut Random, made: &mut Made, name: &str) -> Value {
    let target = |kind: &str, id: String| format!("/{kind}/{id}");
    let members = |random: &mut Random, made: &Made| -> Vec<Value> {
        (0..random.below(4)).map(|_| json!({ "value": made.anybody(random) })).collect()
    };
    let (method, path, data) = match random.below(16) {
        0..=7 => {
            let data = body(random, made);
            made.users.push(name.to_owned());
            ("POST", "/Users".to_owned(), data)
        }
        8 | 9 => {
            let data = json!({ "displayName": name, "members": members(random, made) });
            made.groups.push(name.to_owned());
            ("POST", "/Groups".to_owned(), data)
        }
        10 => ("PUT", target("Users", one(&made.users, random)), body(random, made)),
        11 | 12 => {
            let value = format!("u{}@corp.test", random.below(9));
            let path = *random.pick(&["userName", "title", "nothing[", "manager"]);
            let operations = json!([{ "op": "replace", "path": path, "value": value }]);
            ("PATCH", target("Users", one(&made.users, random)), patch(operations))
        }
        13 => {
            let op = *random.pick(&["add", "remove"]);
            let operations = json!([{ "op": op, "path": "members", "value": members(random, made) }]);
            ("PATCH", target("Groups", one(&made.groups, random)), patch(operations))
        }
        14 => ("DELETE", target("Groups", one(&made.groups, random)), Value::Null),
        _ => ("DELETE", target("Users", one(&made.users, random)), Value::Null),
    };
    json!({ "method": method, "path": path, "bulkId": name, "data": data })
}

/// The ids of a tenant's resources by the names they have here.
type Ids = HashMap<String, String>;

/// Puts a tenant's ids in the place of names.
fn named(operation: &Value, ids: &Ids) -> Value {
    let names = ids.iter().filter(|(name, _)| name.starts_with('@'));
    let text = names.fold(operation.to_string(), |text, (name, id)| text.replace(name, id));
    serde_json::from_str(&text).unwrap()
}

/// Does the operations each by a request of its own, as a client would who waits for every answer; gives the statuses.
async fn one_by_one(tenant: &Tenant, operations: &[Value], ids: &mut Ids) -> Vec<String> {
    let mut statuses = Vec::new();
    for operation in operations {
        let mut text = operation.to_string();
        let name = operation["bulkId"].as_str().unwrap().to_owned();
        for (made, id) in ids.iter().filter(|(made, _)| !made.starts_with('@')) {
            text = text.replace(&format!("bulkId:{made}\""), &format!("{id}\""));
        }
        if text.contains("bulkId:") {
            statuses.push("409".to_owned());
            continue;
        }
        let operation: Value = serde_json::from_str(&text).unwrap();
        let request = Request::new(operation["method"].as_str().unwrap(), operation["path"].as_str().unwrap());
        let request = if operation["data"].is_null() { request } else { request.json(&operation["data"]) };
        let answer = tenant.send(request).await;
        // Where a group is changed, a bulk request tells its version and a request of its own nothing.
        let status = if answer.status == 204 && operation["method"] == "PATCH" { 200 } else { answer.status };
        if operation["method"] == "POST" && status == 201 {
            ids.insert(name, answer.id());
        }
        statuses.push(status.to_string());
    }
    statuses
}

/// All that is there and was told, with names in the place of ids. How many changes of its members a group's version counts
/// depends on whether a member was there when it was named.
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
    let told = tenant
        .events()
        .await
        .into_iter()
        .map(|event| label(format!("{} {} {}", event["type"], event["resourceId"], event["memberId"])));
    let mut told: Vec<String> = told.collect();
    told.sort();
    (resources, told)
}

async fn a_bulk_request_equals_its_operations_one_by_one(gateway: &TestGateway) {
    let mut seen = HashMap::new();
    for round in 0..ROUNDS {
        let mut random = Random::new(round);
        let tenants = [gateway.tenant(&format!("a{round}")).await, gateway.tenant(&format!("b{round}")).await];
        let mut ids = [Ids::new(), Ids::new()];
        for (tenant, ids) in tenants.iter().zip(&mut ids) {
            for number in 0..THERE {
                ids.insert(format!("@{number}"), tenant.user(&format!("u{number}")).await);
            }
        }
        let mut made = Made::default();
        let operations: Vec<Value> =
            (0..OPERATIONS).map(|number| operation(&mut random, &mut made, &format!("n{number}x"))).collect();
        let [at_once, one_by_one_ids] = &mut ids;
        let named_for =
            |ids: &Ids| -> Vec<Value> { operations.iter().map(|operation| named(operation, ids)).collect() };
        let results = bulk(&tenants[0], &json!(named_for(at_once))).await;
        for result in results.iter().filter(|result| result["method"] == "POST" && result["status"] == "201") {
            at_once.insert(result["bulkId"].as_str().unwrap().to_owned(), id(result));
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
        assert!(seen.contains_key(kind), "{kind} never came: {seen:?}");
    }
}
