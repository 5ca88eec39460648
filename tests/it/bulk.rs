//! Bulk requests (RFC 7644 §3.7): results, references between operations, and order.

mod circular;
mod equivalence;
mod errors;
mod interrupted;
mod limits;
mod order;

use insta::assert_snapshot;
use scimgate_tests::tenant::{ENTERPRISE, patch, user};
use scimgate_tests::{Answer, Tenant, TestGateway, on_both, redacted};
use serde_json::{Value, json};

on_both!(
    a_user_and_its_group_are_created_in_one_request,
    the_four_methods_work_as_in_single_requests,
    a_version_is_a_precondition,
    both_addresses_of_the_endpoint_accept_bulk_requests,
    a_group_is_created_with_a_thousand_new_members,
);

const REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

fn request(operations: &Value) -> Value {
    json!({ "schemas": [REQUEST], "Operations": operations })
}

async fn send(tenant: &Tenant, operations: &Value) -> Answer {
    tenant.post("/Bulk", &request(operations)).await
}

/// The results of a successful request, each checked for what the RFC requires of all.
async fn bulk(tenant: &Tenant, operations: &Value) -> Vec<Value> {
    results(&send(tenant, operations).await.expect(200))
}

fn results(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.body["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:BulkResponse"]));
    let results = answer.body["Operations"].as_array().unwrap();
    for result in results {
        let status: u16 = result["status"].as_str().unwrap().parse().unwrap();
        let response = &result["response"];
        assert_eq!(response.is_null(), status < 300, "{result}");
        if status >= 300 {
            assert_eq!((&response["schemas"], &response["status"]), (&json!([ERROR]), &result["status"]), "{result}");
            assert!(response["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{result}");
            assert!(result.get("version").is_none(), "{result}");
        }
        if status >= 300 && result["method"] == "POST" {
            assert!(result.get("location").is_none(), "a failed POST has no location: {result}");
        }
    }
    results.clone()
}

fn statuses(results: &[Value]) -> Vec<&str> {
    results.iter().map(|result| result["status"].as_str().unwrap()).collect()
}

fn detail(result: &Value) -> &str {
    result["response"]["detail"].as_str().unwrap()
}

/// The id in a result's location.
#[track_caller]
fn id(result: &Value) -> String {
    result["location"].as_str().unwrap_or_else(|| panic!("{result}")).rsplit('/').next().unwrap().to_owned()
}

fn post(path: &str, name: &str, data: &Value) -> Value {
    json!({ "method": "POST", "path": path, "bulkId": name, "data": data })
}

/// A POST of a user with this name, who has this manager.
fn post_user(name: &str, manager: &str) -> Value {
    let mut data = user(name);
    if !manager.is_empty() {
        data["schemas"].as_array_mut().unwrap().push(ENTERPRISE.into());
        data[ENTERPRISE] = json!({ "manager": { "value": manager } });
    }
    post("/Users", name, &data)
}

/// A POST of a group with this name and these members.
fn post_group(name: &str, members: &[&str]) -> Value {
    let members: Vec<Value> = members.iter().map(|id| json!({ "value": id })).collect();
    let urn = "urn:ietf:params:scim:schemas:core:2.0:Group";
    post("/Groups", name, &json!({ "schemas": [urn], "displayName": name, "members": members }))
}

async fn members(tenant: &Tenant, group: &str) -> Vec<String> {
    let read = tenant.get(&format!("/Groups/{group}")).await.expect(200);
    let listed = read.body["members"].as_array().cloned().unwrap_or_default();
    let mut ids: Vec<String> = listed.iter().map(|member| member["value"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

fn sorted<const N: usize>(mut ids: [String; N]) -> [String; N] {
    ids.sort();
    ids
}

async fn total(tenant: &Tenant, path: &str) -> i64 {
    tenant.get(path).await.expect(200).body["totalResults"].as_i64().unwrap()
}

/// RFC 7644 §3.7.2's first example, to the letter.
async fn a_user_and_its_group_are_created_in_one_request(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let operations = json!([
        {
            "method": "POST", "path": "/Users", "bulkId": "qwerty",
            "data": { "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "Alice" },
        },
        {
            "method": "POST", "path": "/Groups", "bulkId": "ytrewq",
            "data": {
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Tour Guides",
                "members": [{ "type": "User", "value": "bulkId:qwerty" }],
            },
        },
    ]);
    let results = bulk(&tenant, &operations).await;
    let (alice, guides) = (id(&results[0]), id(&results[1]));
    assert_snapshot!(redacted(&json!(results)), @r#"
    [
      {
        "location": "http://[host]/scim/v2/Users/[id 1]",
        "method": "POST",
        "bulkId": "qwerty",
        "version": "W/\"1\"",
        "status": "201"
      },
      {
        "location": "http://[host]/scim/v2/Groups/[id 2]",
        "method": "POST",
        "bulkId": "ytrewq",
        "version": "W/\"2\"",
        "status": "201"
      }
    ]
    "#);
    let group = tenant.get(&format!("/Groups/{guides}")).await.expect(200);
    assert_eq!(results[1]["version"], group.header("etag"));
    assert_eq!(members(&tenant, &guides).await, std::slice::from_ref(&alice));
    let user = tenant.get(&format!("/Users/{alice}")).await.expect(200);
    assert_eq!((&user.body["userName"], &user.body["groups"][0]["value"]), (&json!("Alice"), &json!(guides)));
    // The other order has the same result.
    let mut reversed = operations.as_array().unwrap().clone();
    reversed.reverse();
    reversed[1]["data"]["userName"] = "Alice 2".into();
    let results = bulk(&tenant, &json!(reversed)).await;
    assert_eq!((&results[0]["bulkId"], statuses(&results)), (&json!("ytrewq"), vec!["201", "201"]));
    assert_eq!(members(&tenant, &id(&results[0])).await, [id(&results[1])]);
}

async fn the_four_methods_work_as_in_single_requests(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let (ada, bob, crew) = (tenant.user("ada").await, tenant.user("bob").await, tenant.group("crew").await);
    let mut changed = user("ada");
    changed["title"] = "Countess".into();
    let operations = json!([
        { "method": "PUT", "path": format!("/Users/{ada}"), "data": changed },
        { "method": "PATCH", "path": format!("Users/{ada}"), "data": [{ "op": "add", "path": "nickName", "value": "A" }] },
        { "method": "PATCH", "path": format!("/Users/{ada}"), "data": patch(json!([{ "op": "add", "path": "nickName", "value": "A" }])) },
        { "method": "PATCH", "path": format!("/Groups/{crew}"), "data": patch(json!([{ "op": "add", "path": "members", "value": [{ "value": ada }] }])) },
        { "method": "DELETE", "path": format!("/Users/{bob}"), "bulkId": "deleted" },
    ]);
    let results = bulk(&tenant, &operations).await;
    let user = tenant.get(&format!("/Users/{ada}")).await.expect(200);
    let group = tenant.get(&format!("/Groups/{crew}")).await.expect(200);
    assert_eq!((&user.body["title"], &user.body["nickName"]), (&json!("Countess"), &json!("A")));
    // The second PATCH of the user changes nothing, so the version is the same.
    assert_snapshot!(redacted(&json!(results)), @r#"
    [
      {
        "location": "http://[host]/scim/v2/Users/[id 1]",
        "method": "PUT",
        "version": "W/\"2\"",
        "status": "200"
      },
      {
        "location": "http://[host]/scim/v2/Users/[id 1]",
        "method": "PATCH",
        "version": "W/\"3\"",
        "status": "200"
      },
      {
        "location": "http://[host]/scim/v2/Users/[id 1]",
        "method": "PATCH",
        "version": "W/\"3\"",
        "status": "200"
      },
      {
        "location": "http://[host]/scim/v2/Groups/[id 2]",
        "method": "PATCH",
        "version": "W/\"2\"",
        "status": "200"
      },
      {
        "location": "http://[host]/scim/v2/Users/[id 3]",
        "method": "DELETE",
        "bulkId": "deleted",
        "status": "204"
      }
    ]
    "#);
    assert_eq!(results[2]["version"], user.header("etag"));
    assert_eq!(results[3]["version"], group.header("etag"));
    assert_eq!(members(&tenant, &crew).await, [ada]);
    let _ = tenant.get(&format!("/Users/{bob}")).await.expect(404);
}

async fn a_version_is_a_precondition(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let ada = tenant.user("ada").await;
    let path = format!("/Users/{ada}");
    let title = |version: Value, title: &str| json!({ "method": "PATCH", "path": path, "version": version, "data": [{ "op": "add", "path": "title", "value": title }] });
    let put = json!({ "method": "PUT", "path": path, "version": "W/\"1\"", "data": user("ada") });
    let delete = |version: &str| json!({ "method": "DELETE", "path": path, "version": version });
    let operations = json!([
        title(json!("W/\"7\""), "no"),
        title(json!("W/\"1\""), "yes"),
        put,
        delete("W/\"1\""),
        title(json!("*"), "all")
    ]);
    let results = bulk(&tenant, &operations).await;
    assert_eq!(statuses(&results), ["412", "200", "412", "412", "200"], "{results:#?}");
    assert!(detail(&results[0]).contains("W/\"1\""), "{}", results[0]);
    let read = tenant.get(&path).await.expect(200);
    assert_eq!((&read.body["title"], read.version()), (&json!("all"), 3));
    assert_eq!(statuses(&bulk(&tenant, &json!([delete("W/\"3\"")])).await), ["204"]);
    let _ = tenant.get(&path).await.expect(404);
}

async fn both_addresses_of_the_endpoint_accept_bulk_requests(gateway: &TestGateway) {
    let tenant = gateway.tenant("acme").await;
    let config = tenant.get("/ServiceProviderConfig").await.expect(200);
    assert_snapshot!(redacted(&config.body["bulk"]), @r#"
    {
      "supported": true,
      "maxOperations": 1000,
      "maxPayloadSize": 8388608
    }
    "#);
    let mut named = tenant.clone();
    named.scim = tenant.scim.at(format!("http://{}/t/acme/scim/v2", gateway.public));
    let made = bulk(&named, &json!([post_user("ada", "")])).await;
    let location = made[0]["location"].as_str().unwrap();
    assert!(location.starts_with(&format!("{}/Users/", named.scim.base)), "{location}");
    // A path may be a whole URL, as in a reply.
    let results = bulk(&named, &json!([{ "method": "DELETE", "path": location }])).await;
    assert_eq!((statuses(&results), &results[0]["location"]), (vec!["204"], &json!(location)));
    for method in ["GET", "PUT", "PATCH", "DELETE"] {
        let _ = tenant.send(scimgate_tests::Request::new(method, "/Bulk")).await.expect(405);
    }
}

async fn a_group_is_created_with_a_thousand_new_members(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let users: Vec<Value> = (0..999).map(|number| post_user(&format!("u{number}"), "")).collect();
    let names: Vec<String> = (0..999).map(|number| format!("bulkId:u{number}")).collect();
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.push("no such user");
    let group = post_group("all", &names);
    let operations: Vec<Value> = std::iter::once(group).chain(users).collect();
    let results = bulk(&tenant, &json!(operations)).await;
    assert!(statuses(&results).iter().all(|status| *status == "201"), "{:#?}", &results[..2]);
    let mut expected: Vec<String> = results[1..].iter().map(id).collect();
    expected.push("no such user".into());
    expected.sort();
    assert_eq!(members(&tenant, &id(&results[0])).await, expected);
    assert_eq!(total(&tenant, "/Users?count=0").await, 999);
}
