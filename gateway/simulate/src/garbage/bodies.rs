//! Garbage that is JSON: users and PATCH requests of the wrong shapes.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Piece, Target};
use crate::attribute::USER;
use crate::client::Ask;
use crate::exchange::Type;
use crate::message::patch;

/// Users that are none, and some that are.
pub(super) fn users(domain: &str) -> Vec<Piece> {
    let named = |number: u32, more: Value| {
        let mut body = json!({ "schemas": [USER], "userName": format!("garbage{number}@{domain}") });
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name.as_str()] = value.clone();
        }
        body
    };
    let mails: Vec<Value> = (0..2_000).map(|number| json!({ "value": format!("{number}@{domain}") })).collect();
    let bodies = [
        ("an empty user", json!({})),
        ("a list for a user", json!([])),
        ("a text for a user", json!("ada")),
        ("a number for a user", json!(7)),
        ("null for a user", json!(null)),
        ("true for a user", json!(true)),
        ("a user without a name", json!({ "schemas": [USER] })),
        ("a userName of null", json!({ "schemas": [USER], "userName": null })),
        ("a userName of nothing", json!({ "schemas": [USER], "userName": "" })),
        ("a userName of a number", json!({ "schemas": [USER], "userName": 7 })),
        ("a userName of an object", json!({ "schemas": [USER], "userName": {} })),
        ("a userName of a list", json!({ "schemas": [USER], "userName": ["ada"] })),
        ("a very long userName", json!({ "schemas": [USER], "userName": "a".repeat(100_000) })),
        (
            "names in Pascal case",
            json!({ "Schemas": [USER], "UserName": format!("pascal@{domain}"), "Active": "TRUE" }),
        ),
        ("schemas of a text", named(1, json!({ "schemas": USER }))),
        ("schemas of numbers", named(2, json!({ "schemas": [7] }))),
        ("schemas that nobody knows", named(3, json!({ "schemas": ["urn:nobody:knows"] }))),
        ("nulls", named(4, json!({ "name": null, "emails": null, "active": null, "title": null, "x": null }))),
        ("empty texts", named(5, json!({ "name": "", "emails": "", "active": "", "title": "", "manager": "" }))),
        ("keys that nobody knows", named(6, json!({ "": 1, "💥": {}, "a.b.c": [[]], "urn:x:y": { "z": 1 } }))),
        ("a huge number", named(7, json!({ "title": 99_999_999_999_999_999_999_f64, "x": u64::MAX }))),
        ("a NUL in a text", named(8, json!({ "title": "a\u{0}b" }))),
        ("active of a word", named(9, json!({ "active": "maybe" }))),
        ("active of a number", named(10, json!({ "active": 2 }))),
        ("emails of a text", named(11, json!({ "emails": "ada@corp.test" }))),
        ("emails of nulls and lists", named(12, json!({ "emails": [null, [], [[[]]], 7, "ada@corp.test"] }))),
        ("very many emails", named(13, json!({ "emails": mails }))),
        (
            "two primary emails",
            named(14, json!({ "emails": [{ "value": "a", "primary": true }, { "value": "b", "primary": "True" }] })),
        ),
        ("a name of a text", named(15, json!({ "name": "Ada" }))),
        ("an id and groups", named(16, json!({ "id": "mine", "groups": [{ "value": "g" }], "meta": 7 }))),
        ("a manager of a list", named(17, json!({ "manager": [[{ "value": "x" }]] }))),
    ];
    let post = |(name, body): (&str, Value)| {
        let user = ["userName", "UserName"].into_iter().find_map(|key| body.get(key)?.as_str().map(str::to_owned));
        let ask = Ask::new("bodies", Method::POST, Type::User.path()).body(body);
        // Whatever it is called: a server that takes it has made a user.
        Piece { name: name.to_owned(), ask, user: Some(user.unwrap_or_default()) }
    };
    bodies.into_iter().map(post).collect()
}

/// PATCH requests that are none, and some that are.
pub(super) fn patches(target: &Target) -> Vec<Piece> {
    let one = |operation: Value| patch(vec![operation]);
    let many: Vec<Value> = vec![json!({ "op": "replace", "path": "title", "value": "x" }); 1_500];
    let of_user = [
        ("a PATCH of nothing", json!({})),
        ("a PATCH of a list", json!([])),
        ("operations of an object", json!({ "Operations": {} })),
        ("operations of null", json!({ "Operations": null })),
        ("no operations", patch(json!([]))),
        ("an operation of null", one(json!(null))),
        ("an operation of nothing", one(json!({}))),
        ("an operation of a text", one(json!("replace"))),
        ("an op that nobody knows", one(json!({ "op": "explode", "path": "title", "value": "x" }))),
        ("an op of a number", one(json!({ "op": 7, "path": "title", "value": "x" }))),
        ("an op in capitals", one(json!({ "op": "REPLACE", "path": "TITLE", "value": "x" }))),
        ("a path of a number", one(json!({ "op": "replace", "path": 7, "value": "x" }))),
        ("a path of nothing", one(json!({ "op": "replace", "path": "", "value": "x" }))),
        ("a path of a bracket", one(json!({ "op": "replace", "path": "[", "value": "x" }))),
        ("a path that breaks off", one(json!({ "op": "replace", "path": "emails[type eq \"work\"", "value": "x" }))),
        ("a path too deep", one(json!({ "op": "replace", "path": "emails.value.value.value", "value": "x" }))),
        ("a path of a URN alone", one(json!({ "op": "replace", "path": "urn:", "value": "x" }))),
        ("a path in very many brackets", one(json!({ "op": "remove", "path": "emails[".repeat(500) }))),
        ("a removal without a path", one(json!({ "op": "remove" }))),
        ("a removal of the id", one(json!({ "op": "remove", "path": "id" }))),
        ("a removal of the name", one(json!({ "op": "remove", "path": "userName" }))),
        ("a replacement without a value", one(json!({ "op": "replace", "path": "title" }))),
        ("a replacement of the meta", one(json!({ "op": "replace", "path": "meta", "value": "x" }))),
        ("a replacement of the schemas", one(json!({ "op": "replace", "path": "schemas", "value": [] }))),
        ("a value of a text without a path", one(json!({ "op": "replace", "value": "x" }))),
        ("a value of null without a path", one(json!({ "op": "add", "value": null }))),
        ("keys that nobody knows without a path", one(json!({ "op": "add", "value": { "[": 1, "a.b.c": 2, "": 3 } }))),
        ("very many operations", patch(many)),
    ];
    let of_group = [
        ("members of a text", one(json!({ "op": "add", "path": "members", "value": "x" }))),
        ("members of nulls", one(json!({ "op": "add", "path": "members", "value": [null, {}, [], 7] }))),
        (
            "members without ids",
            one(json!({ "op": "add", "path": "members", "value": [{ "value": null }, { "value": {} }] })),
        ),
        ("a member path that breaks off", one(json!({ "op": "remove", "path": "members[value eq " }))),
        (
            "a group that is its own member",
            one(json!({ "op": "add", "path": "members", "value": [{ "value": target.group }] })),
        ),
        (
            "a very long member",
            one(json!({ "op": "add", "path": "members", "value": [{ "value": "m".repeat(5_000) }] })),
        ),
    ];
    let send = |of: Type, id: &str, (name, body): (&str, Value)| {
        let ask = Ask::new("bodies", Method::PATCH, of.one(id)).body(body);
        Piece { name: name.to_owned(), ask, user: None }
    };
    let users = of_user.into_iter().map(|it| send(Type::User, &target.user, it));
    let groups = of_group.into_iter().map(|it| send(Type::Group, &target.group, it));
    users.chain(groups).collect()
}
