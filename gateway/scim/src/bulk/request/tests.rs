//! What a bulk request says, in its many spellings, and what of it is refused: all of it or one operation.

use serde_json::{Value, json};

use crate::bulk::{Action, BULK_REQUEST_SCHEMA, MAX_OPERATIONS, Operation, Request, Target};
use crate::error::ScimError;
use crate::etag::Condition;
use crate::leniency::Leniencies;
use crate::patch::PATCH_SCHEMA;
use crate::schema::registry::Registry;

const BASE: &str = "https://a.test/scim/v2";

fn parse(body: Value) -> Result<Request, ScimError> {
    Request::parse(body, &Registry::standard(), &Leniencies::auto(), BASE)
}

fn request(operations: &Value) -> Value {
    json!({ "schemas": [BULK_REQUEST_SCHEMA], "Operations": operations })
}

fn one(operation: &Value) -> Operation {
    parse(request(&json!([operation]))).unwrap().operations.pop().unwrap()
}

#[test]
fn the_rfcs_four_methods_are_read() {
    let user = json!({ "userName": "Alice" });
    let made = one(&json!({ "method": "POST", "path": "/Users", "bulkId": "qwerty", "data": user }));
    assert_eq!((made.method.as_str(), made.bulk_id.as_deref(), made.path.as_str()), ("POST", Some("qwerty"), "Users"));
    let task = made.task.unwrap();
    assert_eq!((task.resource_type.name.as_str(), task.action), ("User", Action::Create(user.clone())));

    let version = json!("W/\"4weymrEsh5O6cAEK\"");
    let put = json!({ "method": "PUT", "path": "/Users/b7c1", "version": version, "bulkId": "p", "data": user });
    let task = one(&put).task.unwrap();
    assert_eq!(task.action, Action::Replace(Target::Id("b7c1".into()), user));
    assert_eq!(task.version, Some(Condition::parse("W/\"4weymrEsh5O6cAEK\"").unwrap()));

    // The RFC's example has a bare array, which its erratum 5050 calls wrong.
    let changes = json!([{ "op": "remove", "path": "nickName" }]);
    let message = json!({ "schemas": [PATCH_SCHEMA], "Operations": changes });
    for data in [changes, message.clone()] {
        let patch = one(&json!({ "method": "PATCH", "path": "/Users/5d8d", "data": data }));
        assert_eq!(patch.task.unwrap().action, Action::Patch(Target::Id("5d8d".into()), message.clone()));
    }
    let delete = one(&json!({ "method": "DELETE", "path": "/Users/e9025315" }));
    assert_eq!(delete.task.unwrap().action, Action::Delete(Target::Id("e9025315".into())));
}

#[test]
fn spellings_that_mean_the_same_are_read() {
    for path in ["/Users", "Users", "/Users/", " /Users ", "https://a.test/scim/v2/Users"] {
        let made = one(&json!({ "Method": "POST", "PATH": path, "bulkid": "a", "Data": {}, "version": 7 }));
        assert_eq!((made.method.as_str(), made.path.as_str()), ("POST", "Users"), "{path}");
        assert_eq!(made.task.map(|task| task.version), Ok(None), "{path}");
    }
    for path in ["/Users/bulkId:a", "Users/bulkid:a", "https://a.test/scim/v2/Users/bulkId:a"] {
        let delete = one(&json!({ "method": "DELETE", "path": path, "version": null }));
        assert_eq!(delete.task.unwrap().target(), Some(&Target::BulkId("a".into())), "{path}");
    }
    let slashed = one(&json!({ "method": "DELETE", "path": "/Groups/bulkId:a/b" }));
    assert_eq!(slashed.task.unwrap().target(), Some(&Target::BulkId("a/b".into())));
    let request = parse(json!({ "schemas": [BULK_REQUEST_SCHEMA], "operations": [], "failonerrors": 3 })).unwrap();
    assert_eq!((request.fail_on_errors, request.operations.len()), (Some(3), 0));
    let request = parse(json!({ "schemas": [BULK_REQUEST_SCHEMA], "Operations": [], "failOnErrors": null })).unwrap();
    assert_eq!(request.fail_on_errors, None);
}

#[test]
fn what_is_wrong_with_an_operation_fails_it_alone() {
    let data = json!({});
    let cases = [
        (json!("POST"), 400, "An operation must be a JSON object."),
        (json!({ "method": "POST", "bulkId": "a", "data": data }), 400, "must have a path"),
        (json!({ "method": "POST", "path": "/", "bulkId": "a", "data": data }), 400, "must have a path"),
        (json!({ "method": "POST", "path": 7, "bulkId": "a", "data": data }), 400, "must have a path"),
        (json!({ "method": "POST", "path": "/Users", "data": data }), 400, "must have a bulkId"),
        (json!({ "method": "POST", "path": "/Users", "bulkId": "", "data": data }), 400, "bulkId must be a text"),
        (json!({ "method": "POST", "path": "/Users", "bulkId": 7, "data": data }), 400, "bulkId must be a text"),
        (json!({ "method": "POST", "path": "/Users", "bulkId": "a" }), 400, "A POST must have data"),
        (json!({ "method": "POST", "path": "/Users", "bulkId": "a", "data": "{}" }), 400, "A POST must have data"),
        (json!({ "method": "PUT", "path": "/Users/1", "data": [] }), 400, "A PUT must have data"),
        (json!({ "method": "PATCH", "path": "/Users/1", "data": null }), 400, "A PATCH must have data"),
        (json!({ "method": "GET", "path": "/Users/1" }), 400, "method is \"GET\"; it must be"),
        (json!({ "path": "/Users/1" }), 400, "method is \"\"; it must be"),
        (json!({ "method": "POST", "path": "/Users/1", "bulkId": "a", "data": data }), 405, "does not allow POST"),
        (json!({ "method": "PUT", "path": "/Users", "data": data }), 405, "does not allow PUT"),
        (json!({ "method": "DELETE", "path": "/Groups" }), 405, "does not allow DELETE"),
        (json!({ "method": "POST", "path": "/users", "bulkId": "a", "data": data }), 404, "There is nothing at /users"),
        (json!({ "method": "DELETE", "path": "/Schemas/x" }), 404, "There is nothing at /Schemas/x"),
        (json!({ "method": "DELETE", "path": "https://b.test/scim/v2/Users/1" }), 404, "There is nothing at"),
        (json!({ "method": "POST", "path": "/Bulk", "bulkId": "a", "data": data }), 400, "cannot hold another"),
        (json!({ "method": "DELETE", "path": "/Users/1", "version": 7 }), 400, "version must be a text"),
        (json!({ "method": "DELETE", "path": "/Users/1", "version": "\"" }), 400, "no list of entity tags"),
    ];
    for (operation, status, told) in cases {
        let good = json!({ "method": "DELETE", "path": "/Users/2" });
        let request = parse(request(&json!([operation, good]))).unwrap();
        let error = request.operations[0].task.clone().unwrap_err();
        assert_eq!(error.status, status, "{operation}: {error}");
        assert!(error.detail.contains(told), "{operation}: {error}");
        assert!(request.operations[1].task.is_ok());
    }
}

#[test]
fn what_makes_the_whole_unreadable_refuses_it() {
    let named = |name: &str| json!({ "method": "DELETE", "path": "/Users/1", "bulkId": name });
    let limited = |errors: Value| json!({ "schemas": [BULK_REQUEST_SCHEMA], "Operations": [], "failOnErrors": errors });
    let cases = [
        (json!([]), 400, "must be a JSON object"),
        (json!({ "schemas": [BULK_REQUEST_SCHEMA] }), 400, "must have Operations"),
        (json!({ "schemas": [BULK_REQUEST_SCHEMA], "Operations": {} }), 400, "must have Operations"),
        (request(&json!([named("a"), named("b"), named("a")])), 400, "Two operations have the bulkId a."),
        (limited(json!(0)), 400, "failOnErrors must be a whole number, 1 or more"),
        (limited(json!(-1)), 400, "failOnErrors must be"),
        (limited(json!(1.5)), 400, "failOnErrors must be"),
        (limited(json!("1")), 400, "failOnErrors must be"),
        (request(&vec![named("a"); MAX_OPERATIONS + 1].into()), 413, "has 1001 operations; maxOperations is 1000"),
    ];
    for (body, status, told) in cases {
        let error = parse(body).unwrap_err();
        assert_eq!(error.status, status, "{error}");
        assert!(error.detail.contains(told), "{error}");
    }
    let most = vec![json!({ "method": "DELETE", "path": "/Users/1" }); MAX_OPERATIONS];
    assert_eq!(parse(request(&most.into())).unwrap().operations.len(), MAX_OPERATIONS);
    // Names differ by case.
    assert!(parse(request(&json!([named("a"), named("A")]))).is_ok());
}

#[test]
fn only_the_lenient_do_without_the_schema() {
    for schemas in [json!(null), json!([]), json!([PATCH_SCHEMA])] {
        let body = json!({ "schemas": schemas, "Operations": [] });
        assert!(parse(body.clone()).is_ok(), "{schemas}");
        let refused = Request::parse(body, &Registry::standard(), &Leniencies::strict(), BASE).unwrap_err();
        assert!(refused.detail.contains(BULK_REQUEST_SCHEMA), "{refused}");
    }
}
