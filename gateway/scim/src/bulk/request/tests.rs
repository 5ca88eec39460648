//! The forms of bulk requests, and the errors of a request or an operation.

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
fn the_four_methods_are_parsed() {
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
fn equivalent_spellings_are_accepted() {
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
fn an_error_of_an_operation_fails_only_that_one() {
    let data = json!({});
    let operations = [
        json!("POST"),
        json!({ "method": "POST", "bulkId": "a", "data": data }),
        json!({ "method": "POST", "path": "/", "bulkId": "a", "data": data }),
        json!({ "method": "POST", "path": 7, "bulkId": "a", "data": data }),
        json!({ "method": "POST", "path": "/Users", "data": data }),
        json!({ "method": "POST", "path": "/Users", "bulkId": "", "data": data }),
        json!({ "method": "POST", "path": "/Users", "bulkId": 7, "data": data }),
        json!({ "method": "POST", "path": "/Users", "bulkId": "a" }),
        json!({ "method": "POST", "path": "/Users", "bulkId": "a", "data": "{}" }),
        json!({ "method": "PUT", "path": "/Users/1", "data": [] }),
        json!({ "method": "PATCH", "path": "/Users/1", "data": null }),
        json!({ "method": "GET", "path": "/Users/1" }),
        json!({ "path": "/Users/1" }),
        json!({ "method": "POST", "path": "/Users/1", "bulkId": "a", "data": data }),
        json!({ "method": "PUT", "path": "/Users", "data": data }),
        json!({ "method": "DELETE", "path": "/Groups" }),
        json!({ "method": "POST", "path": "/user", "bulkId": "a", "data": data }),
        json!({ "method": "DELETE", "path": "/Schemas/x" }),
        json!({ "method": "DELETE", "path": "https://b.test/scim/v2/Users/1" }),
        json!({ "method": "POST", "path": "/Bulk", "bulkId": "a", "data": data }),
        json!({ "method": "DELETE", "path": "/Users/1", "version": 7 }),
        json!({ "method": "DELETE", "path": "/Users/1", "version": "\"" }),
    ];
    let errors = operations.map(|operation| {
        let valid = json!({ "method": "DELETE", "path": "/Users/2" });
        let request = parse(request(&json!([operation, valid]))).unwrap();
        assert!(request.operations[1].task.is_ok());
        let error = request.operations[0].task.clone().unwrap_err();
        format!("{}: {error}", error.status)
    });
    insta::assert_snapshot!(errors.join("\n"), @r#"
    400: An operation must be a JSON object.
    400: An operation must have a path, such as /Users.
    400: An operation must have a path, such as /Users.
    400: An operation must have a path, such as /Users.
    400: A POST must have a bulkId, by which the answer names it.
    400: bulkId must be a text that is not empty.
    400: bulkId must be a text that is not empty.
    400: A POST must have data, a JSON object: the resource.
    400: A POST must have data, a JSON object: the resource.
    400: A PUT must have data, a JSON object: the resource.
    400: A PATCH must have data, a JSON object with Operations.
    400: method is "GET"; it must be POST, PUT, PATCH or DELETE.
    400: method is ""; it must be POST, PUT, PATCH or DELETE.
    405: /Users/1 does not allow POST; make a resource at /Users.
    405: /Users does not allow PUT; name a resource of it.
    405: /Groups does not allow DELETE; name a resource of it.
    404: There is nothing at /user: no resource type has /user.
    404: There is nothing at /Schemas/x: no resource type has /Schemas.
    404: There is nothing at /https://b.test/scim/v2/Users/1: no resource type has /https:.
    400: A bulk request cannot hold another one.
    400: version must be a text, as meta.version has it.
    400: """ is not a list of entity tags such as W/"1", W/"2".
    "#);
}

#[test]
fn an_error_of_the_request_refuses_it() {
    let named = |name: &str| json!({ "method": "DELETE", "path": "/Users/1", "bulkId": name });
    let limited = |errors: Value| json!({ "schemas": [BULK_REQUEST_SCHEMA], "Operations": [], "failOnErrors": errors });
    let bodies = [
        json!([]),
        json!({ "schemas": [BULK_REQUEST_SCHEMA] }),
        json!({ "schemas": [BULK_REQUEST_SCHEMA], "Operations": {} }),
        request(&json!([named("a"), named("b"), named("a")])),
        limited(json!(0)),
        limited(json!(-1)),
        limited(json!(1.5)),
        limited(json!("1")),
        request(&vec![named("a"); MAX_OPERATIONS + 1].into()),
    ];
    let errors = bodies.map(|body| {
        let error = parse(body).unwrap_err();
        format!("{}: {error}", error.status)
    });
    insta::assert_snapshot!(errors.join("\n"), @r"
    400: A bulk request must be a JSON object with Operations.
    400: A bulk request must have Operations, an array.
    400: A bulk request must have Operations, an array.
    400: Two operations have the bulkId a.
    400: failOnErrors must be a whole number, 1 or more; leave it out to go on whatever fails.
    400: failOnErrors must be a whole number, 1 or more; leave it out to go on whatever fails.
    400: failOnErrors must be a whole number, 1 or more; leave it out to go on whatever fails.
    400: failOnErrors must be a whole number, 1 or more; leave it out to go on whatever fails.
    413: The request has 1001 operations; maxOperations is 1000. Send them in several requests.
    ");
    let most = vec![json!({ "method": "DELETE", "path": "/Users/1" }); MAX_OPERATIONS];
    assert_eq!(parse(request(&most.into())).unwrap().operations.len(), MAX_OPERATIONS);
    // Names differ by case.
    assert!(parse(request(&json!([named("a"), named("A")]))).is_ok());
}

#[test]
fn strict_requires_the_schema() {
    for schemas in [json!(null), json!([]), json!([PATCH_SCHEMA])] {
        let body = json!({ "schemas": schemas, "Operations": [] });
        assert!(parse(body.clone()).is_ok(), "{schemas}");
        let refused = Request::parse(body, &Registry::standard(), &Leniencies::strict(), BASE).unwrap_err();
        assert!(refused.detail.contains(BULK_REQUEST_SCHEMA), "{refused}");
    }
}

#[test]
fn an_endpoint_in_another_case_is_a_leniency() {
    let body = request(&json!([{ "method": "DELETE", "path": "/USERS/1" }]));
    let parse = |how: Leniencies| Request::parse(body.clone(), &Registry::standard(), &how, BASE).unwrap();
    let lenient = parse(Leniencies::auto());
    assert_eq!(lenient.operations[0].task.as_ref().unwrap().resource_type.name, "User");
    assert_eq!(lenient.warnings.iter().next().unwrap().attribute, "/Users");
    let strict = parse(Leniencies::strict());
    assert_eq!(strict.operations[0].task.as_ref().unwrap_err().status, 404);
    assert!(strict.warnings.is_empty());
}
