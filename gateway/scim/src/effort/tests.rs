//! Requests that ask for more work than a request may cause, counted in units and never in time; and that ordinary requests
//! are far below the limits.

use serde_json::{Map, json};

use super::*;
use crate::filter::Filter;
use crate::fold::fold;
use crate::leniency::{Leniencies, Warnings};
use crate::normalise::normalise;
use crate::patch::{PATCH_SCHEMA, Patch, Patched};
use crate::projection::{self, Projection};
use crate::schema::ResourceType;
use crate::schema::registry::Registry;
use crate::sort::Sort;
use crate::unknown::{UnknownAttributes, keep_omitted};

/// What an ordinary request may spend of a limit.
const ORDINARY_SHARE: usize = 4;

fn user() -> ResourceType {
    ResourceType::clone(Registry::standard().resource_type("User").unwrap())
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        other => panic!("{other} is not an object"),
    }
}

/// A user with so many mail addresses, each with a value of so many bytes.
fn with_emails(count: usize, bytes: usize) -> Map<String, Value> {
    let emails: Vec<Value> =
        (0..count).map(|n| json!({ "value": format!("{n:0>bytes$}"), "type": "work", "display": "Ada" })).collect();
    object(json!({ "schemas": [user().schema.id], "userName": "ada", "emails": emails }))
}

fn apply(operations: &[Value], document: &Map<String, Value>, effort: &mut Effort) -> Result<Patched, ScimError> {
    let (rt, how) = (user(), Leniencies::all());
    let patch = Patch::parse(json!({ "schemas": [PATCH_SCHEMA], "Operations": operations }), &rt, &how)?;
    patch.apply_within(effort, document, &UnknownAttributes::default(), &rt, &how)
}

/// The units of a PATCH that succeeds.
fn units(operations: &[Value], document: &Map<String, Value>) -> usize {
    let mut effort = Effort::patch();
    apply(operations, document, &mut effort).unwrap();
    effort.spent()
}

#[track_caller]
fn check_refused(operations: &[Value], document: &Map<String, Value>) {
    let mut effort = Effort::patch();
    let error = apply(operations, document, &mut effort).unwrap_err();
    assert_eq!((error.status, error.scim_type), (413, None), "{error}");
    assert!(error.detail.starts_with("Operation ") && error.detail.contains("67108864 bytes"), "{error}");
}

/// Evaluates a filter on a document until it is refused, at most this often.
fn evaluate(filter: &str, document: &Map<String, Value>, times: usize) -> (Effort, Result<(), ScimError>) {
    let filter = Filter::parse(filter, &user()).unwrap();
    let (prepared, mut effort) = (filter.prepare(), Effort::list());
    for _ in 0..times {
        if let Err(error) = prepared.matches_within(document, &|_| None, &mut effort) {
            return (effort, Err(error));
        }
    }
    (effort, Ok(()))
}

fn any_of(count: usize, term: impl Fn(usize) -> String) -> String {
    (0..count).map(term).collect::<Vec<_>>().join(" or ")
}

#[test]
fn a_charge_past_the_limit_is_refused_and_so_are_all_after_it() {
    let mut effort = Effort::patch_within(10);
    assert_eq!((effort.charge(10), effort.left(), effort.is_exceeded()), (Ok(()), 0, false));
    assert_eq!(effort.charge(1).unwrap_err().status, 413);
    assert_eq!(effort.charge(0).unwrap_err().status, 413);
    assert_eq!((effort.spent(), effort.left(), effort.is_exceeded()), (11, 0, true));
    let mut list = Effort::list();
    let error = list.charge(usize::MAX).unwrap_err();
    assert_eq!((error.status, error.scim_type), (400, Some(ScimType::TooMany)));
    assert!(error.detail.contains("134217728 bytes"), "{error}");
    assert_eq!(Effort::unlimited().charge(usize::MAX), Ok(()));
}

#[test]
fn lists_of_attribute_names_are_bounded() {
    let user = user();
    let named = |count: usize| (0..count).map(|n| format!("a{n}")).collect::<Vec<_>>().join(",");
    for list in [named(300_000), "id,".repeat(30_000)] {
        for (attributes, excluded, name) in
            [(Some(&*list), None, "attributes"), (None, Some(&*list), "excludedAttributes")]
        {
            let error = Projection::parse(attributes, excluded, &user).unwrap_err();
            let expected = format!("{name} has {} bytes; at most 65536 are read.", list.len());
            assert_eq!((error.scim_type, error.detail), (Some(ScimType::InvalidValue), expected));
        }
    }
    let error = Projection::parse(Some(&named(201)), None, &user).unwrap_err();
    assert_eq!(error.detail, "attributes has 201 names; at most 200 are accepted.");
    assert!(Projection::parse(Some(&named(projection::MAX_NAMES)), None, &user).is_ok());
    assert!(Projection::parse(None, Some(&"userName, USERNAME,".repeat(1_000)), &user).is_ok(), "one name");
}

#[test]
fn a_text_is_folded_once_however_many_terms_compare_it() {
    let title = "é".repeat(200_000);
    let document = object(json!({ "userName": "ada", "title": title }));
    let filter = any_of(150, |n| format!("title co \"x{n}\""));
    let (effort, result) = evaluate(&filter, &document, 1);
    assert_eq!(result, Ok(()));
    let compared = 150 * (title.len() + 2 * COMPARISON);
    assert_eq!(effort.spent(), compared + NORMALISATION * title.len());
    let (_, result) = evaluate(&filter, &document, 5);
    assert_eq!(result.unwrap_err().scim_type, Some(ScimType::TooMany), "five such documents are too many");
}

#[test]
fn expensive_filters_are_refused() {
    let large = object(json!({ "userName": "ada", "title": "x".repeat(400_000), "nickName": "Ω".repeat(200_000) }));
    let nested = (0..30).fold("title co \"y\"".to_owned(), |inner, n| {
        let word = if n % 2 == 0 { "and nickName co \"Ω\"" } else { "or title co \"z\"" };
        format!("not ({inner}) {word}")
    });
    let many = with_emails(1_000, 900);
    for (filter, document, times) in [
        (nested, &large, 100),
        (any_of(100, |_| "emails.display ne \"Ada\"".to_owned()), &many, 1_000),
        (any_of(90, |n| format!("not (emails co \"a{n}\")")).replace(" or ", " and "), &many, 100),
        (format!("emails[{}]", any_of(150, |n| format!("value co \"a{n}\""))), &many, 10),
        (any_of(140, |n| format!("emails.display eq \"{n}\"")), &many, 200),
        (
            any_of(200, |_| "photos pr".to_owned()),
            &object(json!({ "photos": vec![json!({ "value": "" }); 1_000] })),
            100,
        ),
    ] {
        let (effort, result) = evaluate(&filter, document, times);
        let scim_type = result.err().and_then(|error| error.scim_type);
        assert_eq!(scim_type, Some(ScimType::TooMany), "{filter}: {}", effort.spent());
        // A refusal comes before the work that it refuses.
        assert!(effort.spent() < 2 * MAX_LIST_EFFORT, "{}", effort.spent());
    }
}

#[test]
fn ordinary_filters_on_fifty_thousand_documents_are_far_within_the_limit() {
    let document = object(json!({
        "userName": "Ada.Byron@Corp.Test", "displayName": "Ada Bÿron", "title": "Analyst", "active": true,
        "emails": [{ "value": "Ada.Byron@Corp.Test", "type": "work" }, { "value": "ada@home.test", "type": "home" }],
    }));
    for filter in [
        "title co \"engine\"",
        "displayName co \"bÿr\" and active eq false",
        "emails[type eq \"work\" and value ew \"@corp.test\"]",
        "userName sw \"b\" or displayName sw \"b\" or emails.value sw \"b\"",
    ] {
        let (effort, result) = evaluate(filter, &document, 50_000);
        assert_eq!(result, Ok(()));
        assert!(effort.spent() < MAX_LIST_EFFORT / ORDINARY_SHARE, "{filter}: {}", effort.spent());
    }
}

#[test]
fn a_removal_of_listed_values_reads_each_value_once() {
    let listed: Vec<Value> = (0..1_900).map(|n| json!({ "value": format!("{n:x>500}") })).collect();
    let remove = json!({ "op": "remove", "path": "emails", "value": listed });
    let spent = units(&[remove], &with_emails(900, 900));
    assert!(spent < 8 << 20, "{spent}");
}

#[test]
fn expensive_patches_are_refused() {
    let many = with_emails(1_000, 900);
    let path =
        |terms: usize| format!("emails[{} or value co \"0\"].display", any_of(terms, |n| format!("value co \"a{n}\"")));
    let large = json!("x".repeat(900_000));
    // An address has no `value` to look it up by.
    let addresses = |from: usize, to: usize| {
        (from..to).map(|n| json!({ "country": "GB", "streetAddress": format!("{n:0>400}") })).collect::<Vec<_>>()
    };
    let housed = object(json!({ "userName": "ada", "addresses": addresses(0, 500) }));
    for (operations, document) in [
        (vec![json!({ "op": "add", "path": "addresses", "value": addresses(500, 1_000) })], &housed),
        (vec![json!({ "op": "replace", "path": path(150), "value": "x" }); 10], &many),
        (vec![json!({ "op": "replace", "path": path(1), "value": "x" }); 1_000], &many),
        (vec![json!({ "op": "replace", "path": "emails.display", "value": large })], &many),
        (vec![json!({ "op": "add", "path": "emails[type eq \"work\"]", "value": { "display": large } })], &many),
        (vec![json!({ "op": "replace", "path": "emails[not (value eq \"a\")].type", "value": "x" }); 900], &many),
    ] {
        check_refused(&operations, document);
    }
}

#[test]
fn ordinary_patches_are_far_within_the_limit() {
    let select =
        |n: usize| json!({ "op": "replace", "path": format!("emails[value eq \"{n:0>40}\"].type"), "value": "x" });
    let emails: Vec<Value> = (0..500).map(|n| json!({ "value": format!("É{n}@corp.test"), "type": "work" })).collect();
    let address = |n: usize| json!({ "streetAddress": format!("{n} St James"), "country": "GB" });
    let many = with_emails(500, 40);
    for operations in [
        (0..100).map(select).collect::<Vec<_>>(),
        vec![json!({ "op": "add", "path": "emails", "value": emails })],
        vec![json!({ "op": "remove", "path": "emails", "value": emails })],
        vec![json!({ "op": "add", "path": "addresses", "value": (0..500).map(address).collect::<Vec<_>>() })],
        (0..1_000).map(|n| json!({ "op": "replace", "path": "title", "value": n.to_string() })).collect(),
    ] {
        let spent = units(&operations, &many);
        assert!(spent < MAX_PATCH_EFFORT / ORDINARY_SHARE, "{}: {spent}", operations[0]);
    }
    let registry = Registry::standard();
    let group = registry.resource_type("Group").unwrap();
    let member = |n: usize| json!({ "op": "add", "path": "members", "value": [{ "value": format!("u{n}") }] });
    let body = json!({ "schemas": [PATCH_SCHEMA], "Operations": (0..1_000).map(member).collect::<Vec<_>>() });
    let mut effort = Effort::patch();
    let (nothing, how) = (UnknownAttributes::default(), Leniencies::strict());
    let patched = Patch::parse(body, group, &how).unwrap();
    let patched = patched.apply_within(&mut effort, &Map::new(), &nothing, group, &how).unwrap();
    assert_eq!((patched.members.add.len(), effort.spent()), (1_000, 0));
}

#[test]
fn a_sort_key_reads_a_bounded_part_of_a_value() {
    let user = user();
    let types: [&ResourceType; 1] = [&user];
    let sort = |by: &str| {
        Sort::parse(Some(by), None, &types, (&Leniencies::all(), &mut Warnings::default())).unwrap().unwrap()
    };
    let emails: Vec<Value> = (0..1_000).map(|_| json!({ "value": "É".repeat(450) })).collect();
    let document = object(json!({ "emails": emails, "title": "Ω".repeat(500_000) }));
    for (by, most) in
        [("emails", 1_100 * COMPARISON + 900 * NORMALISATION), ("title", 4_096 * NORMALISATION + COMPARISON)]
    {
        let mut effort = Effort::list();
        assert!(sort(by).key(&document, &mut effort).unwrap().is_some());
        assert!(effort.spent() <= most, "{by}: {}", effort.spent());
    }
}

#[test]
fn changes_of_unknown_attributes_beside_a_large_log_are_refused() {
    let members: Map<String, Value> = (0..40_000).map(|n| (format!("a{n}"), json!(n))).collect();
    let (rt, how) = (user(), Leniencies::all());
    let urn = "urn:acme:unknown";
    let log = UnknownAttributes::from_json(json!({ urn: members })).unwrap();
    let change = |n: usize| json!({ "op": "replace", "path": format!("{urn}:b{n}"), "value": n });
    let body = json!({ "schemas": [PATCH_SCHEMA], "Operations": (0..1_000).map(change).collect::<Vec<_>>() });
    let refused = Patch::parse(body, &rt, &how).unwrap().apply(&Map::new(), &log, &rt, &how).unwrap_err();
    assert_eq!(refused.status, 413, "{refused}");

    let names: Map<String, Value> = (0..900).map(|n| (format!("{urn}:b{n}"), json!(n))).collect();
    let mut body = normalise(Value::Object(names), &rt, &how).unwrap().unknown;
    let refused = keep_omitted(&mut body, &log, &Map::new(), &[], &rt, &how).unwrap_err();
    assert_eq!(refused.status, 413, "{refused}");
}

#[test]
fn a_thousand_unknown_attributes_are_within_the_limit() {
    let (rt, how) = (user(), Leniencies::all());
    let names = |of: &str| (0..1_000).map(|n| (format!("{of}{n}"), json!(n))).collect::<Map<String, Value>>();
    let log = UnknownAttributes::from_json(Value::Object(names("a"))).unwrap();
    let operations = json!([{ "op": "replace", "value": names("a") }]);
    let patch = Patch::parse(json!({ "schemas": [PATCH_SCHEMA], "Operations": operations }), &rt, &how).unwrap();
    let mut effort = Effort::patch();
    patch.apply_within(&mut effort, &Map::new(), &log, &rt, &how).unwrap();
    assert!(effort.spent() < MAX_PATCH_EFFORT, "{}", effort.spent());
}

/// What is charged for folding bounds the folded text: no text grows to more than three times its bytes. Compatibility
/// decompositions, by which one character becomes eighteen, are not applied.
#[test]
fn folding_expands_a_text_to_three_times_its_bytes_at_most() {
    for c in '\0'..=char::MAX {
        let folded = fold(&c.to_string());
        assert!(folded.len() <= 3 * c.len_utf8(), "U+{:04X}", u32::from(c));
    }
    assert_eq!(fold("\u{FDFA}"), "\u{FDFA}");
    let document = object(json!({ "userName": "ada", "title": "\u{390}\u{1D160}\u{FDFA}".repeat(40_000) }));
    let (effort, result) = evaluate(&any_of(20, |n| format!("title co \"x{n}\"")), &document, 1);
    assert_eq!(result, Ok(()));
    assert!(effort.spent() < 20 * 3 * 360_000 + NORMALISATION * 400_000, "{}", effort.spent());
}
