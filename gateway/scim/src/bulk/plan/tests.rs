//! Plans of requests as clients send them.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::bulk::{BULK_REQUEST_SCHEMA, Operation, Plan, Request};
use crate::leniency::Leniencies;
use crate::schema::packs::ENTERPRISE_USER;
use crate::schema::registry::Registry;

fn plan(operations: &[Value]) -> (Plan, Vec<Operation>) {
    let body = json!({ "schemas": [BULK_REQUEST_SCHEMA], "Operations": operations });
    let request = Request::parse(body, &Registry::standard(), &Leniencies::auto(), "https://a.test").unwrap();
    let mut operations = request.operations;
    (Plan::new(&mut operations), operations)
}

#[track_caller]
fn check(operations: &[Value], sets: &[&[usize]]) -> Plan {
    let (plan, operations) = plan(operations);
    assert_eq!(plan.sets, sets);
    assert!(operations.iter().all(|operation| operation.task.is_ok()), "{operations:#?}");
    plan
}

fn user(name: &str, manager: &str) -> Value {
    let manager = if manager.is_empty() { json!({}) } else { json!({ "manager": { "value": manager } }) };
    json!({ "method": "POST", "path": "/Users", "bulkId": name, "data": { "userName": name, ENTERPRISE_USER: manager } })
}

fn group(name: &str, members: &[&str]) -> Value {
    let members: Vec<Value> = members.iter().map(|id| json!({ "value": id })).collect();
    json!({ "method": "POST", "path": "/Groups", "bulkId": name, "data": { "displayName": name, "members": members } })
}

fn add(path: &str, members: &[&str]) -> Value {
    let members: Vec<Value> = members.iter().map(|id| json!({ "value": id })).collect();
    json!({ "method": "PATCH", "path": path, "data": { "Operations": [{ "op": "add", "path": "members", "value": members }] } })
}

fn delete(path: &str) -> Value {
    json!({ "method": "DELETE", "path": path })
}

#[test]
fn an_operation_follows_those_that_it_refers_to() {
    let both = [group("g", &["bulkId:a", "bulkId:b", "7"]), user("a", ""), user("b", "bulkId:a")];
    let plan = check(&both, &[&[1], &[2], &[0]]);
    assert_eq!(plan.dependencies, [vec![1, 2], vec![], vec![1]]);
    check(&[user("a", ""), group("g", &["bulkId:a"]), delete("/Users/9")], &[&[0], &[1], &[2]]);
    check(&[add("/Groups/bulkId:g", &["bulkId:a"]), group("g", &[]), user("a", "")], &[&[1], &[2], &[0]]);
}

#[test]
fn a_cycle_of_posts_is_one_set() {
    check(
        &[user("a", "bulkId:b"), delete("/Users/9"), user("b", "bulkId:a"), user("c", "bulkId:a")],
        &[&[1], &[0, 2], &[3]],
    );
    check(&[group("a", &["bulkId:b"]), group("b", &["bulkId:c"]), group("c", &["bulkId:a"])], &[&[0, 1, 2]]);
    let plan = check(&[user("a", "bulkId:a"), user("b", "")], &[&[0], &[1]]);
    assert_eq!(plan.dependencies, [vec![0], vec![]], "a POST may refer to its own bulkId");
    // A change of a created resource forms no cycle.
    check(&[user("a", ""), user("b", "bulkId:a"), manager("/Users/bulkId:a", "bulkId:b")], &[&[0], &[1], &[2]]);
}

fn manager(path: &str, id: &str) -> Value {
    json!({ "method": "PATCH", "path": path, "data": [{ "op": "add", "path": "manager", "value": id }] })
}

#[test]
fn operations_on_one_resource_keep_their_order() {
    let id = "0190B2C0-0000-7000-8000-00000000000a";
    let lower = id.to_lowercase();
    let path = |id: &str| format!("/Users/{id}");
    // The first depends on the last, and so do later operations on the same user.
    let known = [manager(&path(id), "bulkId:m"), delete(&path(&lower)), delete("/Users/9"), user("m", "")];
    check(&known, &[&[2], &[3], &[0], &[1]]);
    let created = [manager("/Users/bulkId:a", "bulkId:m"), delete("/Users/bulkId:a"), user("a", ""), user("m", "")];
    check(&created, &[&[2], &[3], &[0], &[1]]);
}

#[test]
fn a_delete_follows_earlier_references_to_its_resource() {
    check(&[add("/Groups/1", &["7", "bulkId:m"]), delete("/Users/7"), user("m", "")], &[&[2], &[0], &[1]]);
    check(&[group("g", &["7", "bulkId:m"]), delete("/Users/7"), user("m", "7")], &[&[2], &[0], &[1]]);
    let created =
        [add("/Groups/1", &["bulkId:a", "bulkId:m"]), delete("/Users/bulkId:a"), user("a", ""), user("m", "")];
    check(&created, &[&[2], &[3], &[0], &[1]]);
    // A later reference does not move before the DELETE.
    check(&[delete("/Users/7"), add("/Groups/1", &["7"])], &[&[0], &[1]]);
}

#[test]
fn an_unknown_bulk_id_fails_its_operation() {
    let other = json!({ "method": "DELETE", "path": "/Users/9", "bulkId": "d" });
    let requests = [
        add("/Groups/1", &["bulkId:none"]),
        delete("/Users/bulkId:none"),
        user("a", "bulkId:d"),
        group("g", &["bulkId:a"]),
        other,
    ];
    let (plan, operations) = plan(&requests);
    let errors: Vec<String> = operations
        .iter()
        .map(|operation| match &operation.task {
            Ok(_) => "accepted".to_owned(),
            Err(error) => format!("{}: {error}", error.status),
        })
        .collect();
    insta::assert_snapshot!(errors.join("\n"), @r"
    400: bulkId:none is named, but no operation of this request has the bulkId none.
    400: bulkId:none is named, but no operation of this request has the bulkId none.
    400: bulkId:d is named, but the operation with this bulkId makes nothing; name its resource by its id.
    accepted
    accepted
    ");
    assert_eq!(plan.dependencies, [vec![], vec![], vec![], vec![2], vec![]]);
}

#[test]
fn unknown_attributes_may_refer_to_created_resources_only() {
    let sent = |value: &str| {
        let owned = json!({ "deep": [{ "owner": value }] });
        json!({ "method": "POST", "path": "/Users", "bulkId": "o", "data": { "userName": "o", "urn:acme:owned": owned } })
    };
    let other = json!({ "method": "DELETE", "path": "/Users/9", "bulkId": "d" });
    for (value, needed) in [
        ("bulkId:a", vec![1]),
        ("bulkId:none", vec![]),
        ("bulkId:d", vec![]),
        ("see bulkId:a", vec![]),
        ("/Users/bulkId:a", vec![]),
        ("BULKID:a", vec![]),
        ("bulkId:", vec![]),
    ] {
        let (plan, operations) = plan(&[sent(value), user("a", ""), other.clone()]);
        assert!(operations.iter().all(|operation| operation.task.is_ok()), "{value}");
        assert_eq!(plan.dependencies[0], needed, "{value}");
    }
    let both = [sent("bulkId:a"), user("a", "bulkId:o")];
    check(&both, &[&[0, 1]]);
    let (plan, _) = plan(&[sent("bulkId:o")]);
    assert_eq!(plan.dependencies[0], [0]);
}

#[test]
fn a_malformed_post_is_still_a_dependency() {
    let broken = json!({ "method": "POST", "path": "/Users", "bulkId": "a" });
    let (plan, operations) = plan(&[group("g", &["bulkId:a"]), broken]);
    assert_eq!((plan.sets, plan.dependencies), (vec![vec![1], vec![0]], vec![vec![1], vec![]]));
    assert!(operations[0].task.is_ok() && operations[1].task.is_err());
}

/// Values for any position in a request.
fn anything() -> impl Strategy<Value = Value> {
    let words = [
        "",
        "/",
        "/Users",
        "/Users/bulkId:a",
        "Groups/1",
        "bulkId:a",
        "bulkId:b",
        "bulkId:",
        "members[",
        "manager",
        "members[value eq \"bulkId:b\"]",
        "\"",
        "post",
        "PATCH",
        "delete",
        "a",
        "b",
        "ü[\"",
        "value",
        ENTERPRISE_USER,
    ];
    let word = proptest::sample::select(words.to_vec());
    let keys = [
        "method",
        "path",
        "bulkId",
        "data",
        "version",
        "Operations",
        "op",
        "value",
        "members",
        "$ref",
        "manager",
        "schemas",
        "failOnErrors",
        "userName",
        ENTERPRISE_USER,
        "members[value eq \"bulkId:a\"]",
    ];
    let key = proptest::sample::select(keys.to_vec());
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        word.prop_map(Value::from)
    ];
    leaf.prop_recursive(6, 48, 6, move |inner| {
        let members = proptest::collection::vec((key.clone(), inner.clone()), 0..7);
        prop_oneof![
            proptest::collection::vec(inner, 0..5).prop_map(Value::from),
            members.prop_map(|members| members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    })
}

fn operation() -> impl Strategy<Value = Value> {
    let method = proptest::sample::select(vec!["POST", "PUT", "PATCH", "DELETE", "GET"]);
    let path =
        proptest::sample::select(vec!["/Users", "/Groups", "/Users/bulkId:a", "/Groups/bulkId:b", "/Users/1", "/x"]);
    let name = proptest::sample::select(vec![Value::Null, json!("a"), json!("b"), json!("c"), json!("d")]);
    (method, path, name, anything())
        .prop_map(|(method, path, name, data)| json!({ "method": method, "path": path, "bulkId": name, "data": data }))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_plan_contains_every_operation_once(operations in proptest::collection::vec(prop_oneof![operation(), anything()], 0..6)) {
        let body = json!({ "schemas": [BULK_REQUEST_SCHEMA], "Operations": operations });
        let parsed = Request::parse(body, &Registry::standard(), &Leniencies::auto(), "https://a.test");
        if let Ok(mut request) = parsed {
            let plan = Plan::new(&mut request.operations);
            let mut indices = plan.sets.concat();
            indices.sort_unstable();
            prop_assert_eq!(indices, (0..request.operations.len()).collect::<Vec<_>>());
            for (set, operation) in plan.sets.iter().flat_map(|set| set.iter().map(move |index| (set, *index))) {
                let posts = set.len() == 1 || request.operations[operation].method == "POST";
                prop_assert!(posts, "only POSTs form cycles");
                prop_assert!(plan.dependencies[operation].iter().all(|needed| request.operations[*needed].method == "POST"));
                if let Ok(mut task) = request.operations[operation].task.clone() {
                    task.substitute(|_| Some("1".into()));
                }
            }
        }
    }

    #[test]
    fn no_body_causes_a_panic(body in anything()) {
        let _ = Request::parse(body, &Registry::standard(), &Leniencies::auto(), "https://a.test");
    }
}
