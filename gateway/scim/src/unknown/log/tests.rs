//! What the log keeps of a sequence of requests: bounds, repetitions and secrets.

use serde_json::json;

use super::*;
use crate::normalise::normalise;
use crate::patch::{PATCH_SCHEMA, Patch};
use crate::unknown::keep_omitted;
use crate::unknown::tests::{S, op, patched, reconciled, remove, set, user, written};

/// The number of entries after a request has been made often, each time a little different.
fn grown(requests: impl Fn(usize) -> Value) -> usize {
    let rt = user(&[]);
    let start = written(&json!({ S: { "tags": ["kept"] } }), &[], &rt);
    (0..50).fold(start, |state, number| patched(state, &requests(number), &rt)).1.entries.len()
}

#[test]
fn whole_assignments_replace_earlier_entries() {
    let text = |number: usize| json!(format!("n{number}"));
    for path in ["a", "tags", "desk.floor", "items"] {
        let most = grown(|number| json!([op("replace", &format!("urn:acme:s:{path}"), &text(number))]));
        assert_eq!(most, if path == "tags" { 1 } else { 2 }, "{path}");
    }
    assert_eq!(grown(|number| set("replace", &json!({ "a": text(number), "b": "1" }))), 2);
    let object = |number| json!([op("replace", "urn:acme:s:desk", &json!({ "floor": text(number) }))]);
    assert_eq!(grown(object), 2);
    let comes_and_goes = |number| json!([op("add", "urn:acme:s:items", &text(number)), remove("URN:acme:s:Items")]);
    assert_eq!(grown(comes_and_goes), 1);
}

#[test]
fn a_repeated_operation_is_no_change() {
    for operation in [
        op("add", "urn:acme:s:items", &json!([{ "value": "x" }])),
        op("add", "urn:acme:s:desk", &json!({ "floor": "1" })),
        op("replace", "urn:acme:s:items[type eq \"work\"].value", &json!("x")),
        op("replace", "urn:acme:s:desk", &json!({ "floor": "1" })),
        op("remove", "urn:acme:s:tags", &json!(["kept"])),
        remove("urn:acme:s:tags[value eq \"kept\"]"),
    ] {
        assert_eq!(grown(|_| json!([operation])), 2, "{operation}");
    }
    assert_eq!(grown(|_| json!([remove("urn:acme:s:a"), remove("x"), op("add", "x", &Value::Null)])), 1);
}

/// The leniencies' use of a request, apart from that unknown attributes were kept.
fn dropped(warnings: &Warnings) -> Vec<&str> {
    let drops = warnings.iter().filter(|warning| warning.leniency == Leniency::UnknownAttributeDropped);
    drops.map(|warning| warning.attribute.as_str()).collect()
}

#[test]
fn the_oldest_entry_is_dropped_with_a_warning() {
    let rt = user(&[]);
    let add = |number: usize| op("add", "urn:acme:s:tags", &json!([number.to_string()]));
    let many = |from: usize, count: usize| Value::from((from..from + count).map(add).collect::<Vec<_>>());
    let full = written(&json!({ "x": 1 }), &[many(0, MAX_ENTRIES - 1)], &rt);
    assert_eq!(full.1.entries.len(), MAX_ENTRIES);
    let body = json!({ "schemas": [PATCH_SCHEMA], "Operations": [add(5_000)] });
    let apply = |how: Leniencies| Patch::parse(body.clone(), &rt, &how)?.apply(&full.0, &full.1, &rt, &how);
    let patched = apply(Leniencies::all()).unwrap();
    assert_eq!((patched.unknown.entries.len(), dropped(&patched.warnings)), (MAX_ENTRIES, vec!["x"]));
    let refusal = apply(Leniencies::all().without(Leniency::UnknownAttributeDropped)).unwrap_err();
    assert!(
        refusal.status == 400 && refusal.detail.starts_with("\"x\" would have to be dropped: the last 1000 changes")
    );

    let over = written(&json!({}), &[many(0, MAX_ENTRIES), many(MAX_ENTRIES, 500)], &rt);
    let found = reconciled(over.0, over.1);
    let tags = found.document[S]["tags"].as_array().unwrap();
    assert_eq!((tags.len(), &tags[0]), (MAX_ENTRIES, &json!("500")));
    assert!(found.unknown.is_empty() && found.rejected.is_empty());
}

#[test]
fn the_log_is_bounded_in_bytes() {
    let rt = user(&[]);
    let text = |length: usize| json!("x".repeat(length));
    let half = text(MAX_BYTES / 2);
    let state = written(&json!({ "a1": half, "a2": 1 }), &[], &rt);
    let (_, unknown) = patched(state.clone(), &json!([op("add", "a3", &half)]), &rt);
    assert_eq!(unknown.to_json(), json!({ "a2": 1, "a3": half }), "the oldest goes");
    let (_, unknown) = patched(state.clone(), &json!([op("add", "a3", &text(MAX_BYTES))]), &rt);
    assert_eq!(unknown, state.1, "what is too large by itself takes no other with it");
}

#[test]
fn a_log_that_is_too_long_from_before_does_not_refuse_other_changes() {
    let rt = user(&[]);
    let over: Map<String, Value> = (0..1_500).map(|number| (format!("x{number}"), json!(number))).collect();
    let over = UnknownAttributes::from_json(over.into()).unwrap();
    let how = Leniencies::all().without(Leniency::UnknownAttributeDropped);
    let apply = |path: &str, how: Leniencies| {
        let body = json!({ "schemas": [PATCH_SCHEMA], "Operations": [op("replace", path, &json!("x"))] });
        Patch::parse(body, &rt, &how)?.apply(&written(&json!({}), &[], &rt).0, &over, &rt, &how)
    };
    assert_eq!(apply("title", how).unwrap().unknown, over);
    assert_eq!(apply("x1499", how).unwrap_err().status, 400);
    assert_eq!(apply("x1499", Leniencies::all()).unwrap().unknown.entries.len(), MAX_ENTRIES);
}

#[test]
fn the_drop_is_reported_among_many_warnings() {
    let rt = user(&[]);
    let body = |count: usize| {
        let mut body: Map<String, Value> = (0..count).map(|n| (format!("x{n}"), json!(n))).collect();
        body.insert("userName".into(), json!("ada"));
        Value::Object(body)
    };
    let full = normalise(body(MAX_ENTRIES), &rt, &Leniencies::all()).unwrap();
    assert_eq!((full.unknown.entries.len(), dropped(&full.warnings)), (MAX_ENTRIES, vec![]));
    let over = normalise(body(MAX_ENTRIES + 1), &rt, &Leniencies::all()).unwrap();
    assert_eq!((over.unknown.entries.len(), dropped(&over.warnings)), (MAX_ENTRIES, vec!["x0"]));
    let how = Leniencies::all().without(Leniency::UnknownAttributeDropped);
    assert_eq!(normalise(body(MAX_ENTRIES + 1), &rt, &how).unwrap_err().status, 400);

    let mut more = UnknownAttributes::from_json(json!({ "y": 8 })).unwrap();
    let warnings = keep_omitted(&mut more, &full.unknown, &Map::new(), &[], &rt, &Leniencies::all()).unwrap();
    assert_eq!((more.entries.len(), dropped(&warnings)), (MAX_ENTRIES, vec!["x0"]));
    let mut same = UnknownAttributes::from_json(json!({ "X7": 8 })).unwrap();
    let warnings = keep_omitted(&mut same, &full.unknown, &Map::new(), &[], &rt, &how).unwrap();
    assert_eq!((same.entries.len(), &same.to_json()["X7"], dropped(&warnings)), (MAX_ENTRIES, &json!(8), vec![]));
    let mut more = UnknownAttributes::from_json(json!({ "y": 8 })).unwrap();
    assert_eq!(keep_omitted(&mut more, &full.unknown, &Map::new(), &[], &rt, &how).unwrap_err().status, 400);
}

#[test]
fn unknown_parts_of_a_value_are_bounded_too() {
    let rt = user(&[]);
    let parts: Map<String, Value> = (0..5_000).map(|number| (format!("p{number}"), json!(number))).collect();
    let (document, unknown) = written(&json!({}), &[json!([op("replace", "name", &parts.into())])], &rt);
    assert!(document.get("name").is_none());
    assert_eq!(unknown.entries.len(), MAX_ENTRIES);
}

#[test]
fn names_that_differ_in_case_alone_are_one() {
    let spellings = ["Shoe", "shoe", "SHOE"].map(|name| (name.to_owned(), json!(name)));
    let mut body = Map::from_iter(spellings);
    body.insert("userName".into(), json!("ada"));
    let found = normalise(Value::Object(body), &user(&[]), &Leniencies::all()).unwrap();
    assert_eq!(found.unknown.to_json(), json!({ "SHOE": "SHOE" }), "the last one holds");
}

#[test]
fn secrets_are_never_kept() {
    let rt = user(&[]);
    let body = json!({
        "userPassword": "s3cr3t", "urn:acme:x:1.0:User:Token": "s3cr3t", "shoe": 42, "urn:acme:password:1.0:hat": "top",
        "login": { "PASSWORD": "s3cr3t", "name": "ada", "more": [{ "client_secret": "s3cr3t" }, { "a": 1 }] },
        "urn:acme:y:1.0:User": { "secret": "s3cr3t", "desk": { "pwd": "s3cr3t" } }, "keys": [{ "tokens": ["s3cr3t"] }],
        "name": { "passwd": "s3cr3t" },
    });
    let (_, unknown) = written(&body, &[], &rt);
    let login = json!({ "name": "ada", "more": [{ "a": 1 }] });
    assert_eq!(unknown.to_json(), json!({ "shoe": 42, "urn:acme:password:1.0:hat": "top", "login": login }));

    let before = unknown.clone();
    let text = json!("s3cr3t");
    let (_, unknown) = patched(
        (written(&json!({}), &[], &rt).0, unknown),
        &json!([
            op("add", "SECRET", &text),
            op("replace", "urn:acme:x:1.0:User:logins[type eq \"work\"].password", &text),
            op("replace", "logins[password eq \"s3cr3t\"].type", &text),
            op("add", "logins[type eq \"password\"].value", &text),
            op("add", "desk.token", &text),
            op("add", "emails[type eq \"work\"].token", &text),
            op("replace", "name", &json!({ "pwd": "s3cr3t" })),
            op("replace", "login", &json!({ "password": "s3cr3t" })),
            set("add", &json!({ "token": "s3cr3t" }))[0],
        ]),
        &rt,
    );
    assert_eq!(unknown, before);
    let stored = json!([{ "op": "add", "path": "token", "value": "s3cr3t" }, { "op": "remove", "path": "x" }]);
    assert!(!UnknownAttributes::from_json(stored).unwrap().to_json().to_string().contains("s3cr3t"));
    let stored = json!({ "x": { "password": "s3cr3t" }, "y": 1 });
    assert_eq!(UnknownAttributes::from_json(stored).unwrap().to_json(), json!({ "y": 1 }));
}
