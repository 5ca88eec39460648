//! Garbage bodies that are JSON: users and PATCH requests of wrong shapes.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Case, Target};
use crate::attribute::USER;
use crate::client::Request;
use crate::message::patch;
use crate::resource_type::ResourceType;

/// Invalid users, and unusual but valid ones.
pub(super) fn users(domain: &str) -> Vec<Case> {
    let user = |number: u32, more: Value| {
        let mut body = json!({ "schemas": [USER], "userName": format!("garbage{number}@{domain}") });
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name.as_str()] = value.clone();
        }
        body
    };
    let mails: Vec<Value> = (0..2_000).map(|number| json!({ "value": format!("{number}@{domain}") })).collect();
    let bodies = [
        ("an empty user", json!({})),
        ("a list as a user", json!([])),
        ("a text as a user", json!("ada")),
        ("a number as a user", json!(7)),
        ("null as a user", json!(null)),
        ("true as a user", json!(true)),
        ("a user without userName", json!({ "schemas": [USER] })),
        ("userName null", json!({ "schemas": [USER], "userName": null })),
        ("an empty userName", json!({ "schemas": [USER], "userName": "" })),
        ("a number as userName", json!({ "schemas": [USER], "userName": 7 })),
        ("an object as userName", json!({ "schemas": [USER], "userName": {} })),
        ("a list as userName", json!({ "schemas": [USER], "userName": ["ada"] })),
        ("a very long userName", json!({ "schemas": [USER], "userName": "a".repeat(100_000) })),
        (
            "names in Pascal case",
            json!({ "Schemas": [USER], "UserName": format!("pascal@{domain}"), "Active": "TRUE" }),
        ),
        ("a text as schemas", user(1, json!({ "schemas": USER }))),
        ("numbers as schemas", user(2, json!({ "schemas": [7] }))),
        ("unknown schemas", user(3, json!({ "schemas": ["urn:example:unknown"] }))),
        ("nulls", user(4, json!({ "name": null, "emails": null, "active": null, "title": null, "x": null }))),
        ("empty texts", user(5, json!({ "name": "", "emails": "", "active": "", "title": "", "manager": "" }))),
        ("unknown keys", user(6, json!({ "": 1, "💥": {}, "a.b.c": [[]], "urn:x:y": { "z": 1 } }))),
        ("a huge number", user(7, json!({ "title": 99_999_999_999_999_999_999_f64, "x": u64::MAX }))),
        ("a NUL in a text", user(8, json!({ "title": "a\u{0}b" }))),
        ("a word as active", user(9, json!({ "active": "maybe" }))),
        ("a number as active", user(10, json!({ "active": 2 }))),
        ("a text as emails", user(11, json!({ "emails": "ada@corp.test" }))),
        ("nulls and lists as emails", user(12, json!({ "emails": [null, [], [[[]]], 7, "ada@corp.test"] }))),
        ("very many emails", user(13, json!({ "emails": mails }))),
        (
            "two primary emails",
            user(14, json!({ "emails": [{ "value": "a", "primary": true }, { "value": "b", "primary": "True" }] })),
        ),
        ("a text as name", user(15, json!({ "name": "Ada" }))),
        ("an id and groups", user(16, json!({ "id": "mine", "groups": [{ "value": "g" }], "meta": 7 }))),
        ("a list as manager", user(17, json!({ "manager": [[{ "value": "x" }]] }))),
    ];
    let post = |(name, body): (&str, Value)| {
        let keys = ["userName", "UserName"];
        let user = keys.into_iter().find_map(|key| body.get(key)?.as_str().map(str::to_owned));
        let request = Request::new("bodies", Method::POST, ResourceType::User.path()).body(body);
        // A server that accepts it has created a user, whatever its name.
        Case { name: name.to_owned(), request, user: Some(user.unwrap_or_default()) }
    };
    bodies.into_iter().map(post).collect()
}

/// Invalid PATCH requests, and unusual but valid ones.
pub(super) fn patches(target: &Target) -> Vec<Case> {
    let one = |operation: Value| patch(vec![operation]);
    let many: Vec<Value> = vec![json!({ "op": "replace", "path": "title", "value": "x" }); 1_500];
    let of_user = [
        ("an empty PATCH", json!({})),
        ("a list as PATCH", json!([])),
        ("an object as Operations", json!({ "Operations": {} })),
        ("null as Operations", json!({ "Operations": null })),
        ("no operations", patch(json!([]))),
        ("null as operation", one(json!(null))),
        ("an empty operation", one(json!({}))),
        ("a text as operation", one(json!("replace"))),
        ("an unknown op", one(json!({ "op": "explode", "path": "title", "value": "x" }))),
        ("a number as op", one(json!({ "op": 7, "path": "title", "value": "x" }))),
        ("an op in capitals", one(json!({ "op": "REPLACE", "path": "TITLE", "value": "x" }))),
        ("a number as path", one(json!({ "op": "replace", "path": 7, "value": "x" }))),
        ("an empty path", one(json!({ "op": "replace", "path": "", "value": "x" }))),
        ("a bracket as path", one(json!({ "op": "replace", "path": "[", "value": "x" }))),
        ("a truncated path", one(json!({ "op": "replace", "path": "emails[type eq \"work\"", "value": "x" }))),
        ("a path that is too deep", one(json!({ "op": "replace", "path": "emails.value.value.value", "value": "x" }))),
        ("a URN prefix as path", one(json!({ "op": "replace", "path": "urn:", "value": "x" }))),
        ("a path in very many brackets", one(json!({ "op": "remove", "path": "emails[".repeat(500) }))),
        ("a removal without a path", one(json!({ "op": "remove" }))),
        ("a removal of the id", one(json!({ "op": "remove", "path": "id" }))),
        ("a removal of userName", one(json!({ "op": "remove", "path": "userName" }))),
        ("a replacement without a value", one(json!({ "op": "replace", "path": "title" }))),
        ("a replacement of the meta", one(json!({ "op": "replace", "path": "meta", "value": "x" }))),
        ("a replacement of the schemas", one(json!({ "op": "replace", "path": "schemas", "value": [] }))),
        ("a text as value without a path", one(json!({ "op": "replace", "value": "x" }))),
        ("null as value without a path", one(json!({ "op": "add", "value": null }))),
        ("unknown keys without a path", one(json!({ "op": "add", "value": { "[": 1, "a.b.c": 2, "": 3 } }))),
        ("very many operations", patch(many)),
    ];
    let of_group = [
        ("a text as members", one(json!({ "op": "add", "path": "members", "value": "x" }))),
        ("nulls as members", one(json!({ "op": "add", "path": "members", "value": [null, {}, [], 7] }))),
        (
            "members without ids",
            one(json!({ "op": "add", "path": "members", "value": [{ "value": null }, { "value": {} }] })),
        ),
        ("a truncated member path", one(json!({ "op": "remove", "path": "members[value eq " }))),
        (
            "a group that is its own member",
            one(json!({ "op": "add", "path": "members", "value": [{ "value": target.group }] })),
        ),
        (
            "a very long member",
            one(json!({ "op": "add", "path": "members", "value": [{ "value": "m".repeat(5_000) }] })),
        ),
    ];
    let send = |resource_type: ResourceType, id: &str, (name, body): (&str, Value)| {
        let request = Request::new("bodies", Method::PATCH, resource_type.path_of(id)).body(body);
        Case { name: name.to_owned(), request, user: None }
    };
    let users = of_user.into_iter().map(|it| send(ResourceType::User, &target.user, it));
    let groups = of_group.into_iter().map(|it| send(ResourceType::Group, &target.group, it));
    users.chain(groups).collect()
}
