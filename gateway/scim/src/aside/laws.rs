//! Whatever is written before a schema is there leads to what it would have led to with the schema.

use proptest::prelude::*;
use serde_json::json;

use super::tests::{S, attributes, op, taken, user};
use super::*;
use crate::leniency::Leniencies;
use crate::normalise::normalise;
use crate::patch::{PATCH_SCHEMA, Patch};

fn text() -> impl Strategy<Value = Value> {
    prop::sample::select(vec!["x", "y", "X", "z"]).prop_map(Value::from)
}

fn element() -> impl Strategy<Value = Value> {
    let kind = prop::sample::select(vec!["work", "home"]);
    prop_oneof![
        (kind.clone(), text()).prop_map(|(kind, value)| json!({ "type": kind, "value": value })),
        text().prop_map(|value| json!({ "value": value })),
    ]
}

fn desk() -> impl Strategy<Value = Value> {
    prop_oneof![
        text().prop_map(|floor| json!({ "floor": floor })),
        text().prop_map(|room| json!({ "room": room })),
        (text(), text()).prop_map(|(floor, room)| json!({ "floor": floor, "room": room })),
    ]
}

/// Values that differ: a body may have one twice, and an add has not.
fn list(of: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let told = |value: &Value| value.get("value").unwrap_or(value).clone();
    prop::collection::vec(of, 1..4).prop_map(move |mut values| {
        values.dedup_by_key(|value| told(value));
        values.truncate(2);
        Value::from(values)
    })
}

/// A path of the schema and a value that fits it.
fn written() -> impl Strategy<Value = (&'static str, Value)> {
    let whole =
        (text(), list(text()), desk()).prop_map(|(a, tags, desk)| json!({ "a": a, "tags": tags, "desk": desk }));
    prop_oneof![
        (Just("a"), prop_oneof![text(), Just(Value::Null)]),
        (Just("tags"), list(text())),
        (Just("desk"), desk()),
        (Just("desk.floor"), text()),
        (Just("items"), list(element())),
        (Just("items[type eq \"work\"]"), text().prop_map(|value| json!({ "value": value }))),
        (Just("items[type eq \"work\"].value"), text()),
        (Just("items[value eq \"x\"].type"), Just(json!("home"))),
        (Just(""), desk().prop_map(|desk| json!({ "desk": desk }))),
        (Just(""), whole),
    ]
}

fn operation() -> impl Strategy<Value = Value> {
    let at = |path: &str| if path.is_empty() { S.to_owned() } else { format!("{S}:{path}") };
    let gone = [
        "a",
        "tags",
        "desk",
        "desk.room",
        "items",
        "items[type eq \"work\"]",
        "items[value eq \"x\"]",
        "items.value",
        "items[type eq \"work\"].value",
        "items[type eq \"home\" and value eq \"y\"]",
        "tags[value eq \"x\"]",
        "",
    ];
    prop_oneof![
        6 => (prop::sample::select(vec!["add", "replace"]), written()).prop_map(move |(verb, (path, value))| op(verb, &at(path), &value)),
        2 => prop::sample::select(gone.to_vec()).prop_map(move |path| json!({ "op": "remove", "path": at(path) })),
        1 => list(text()).prop_map(move |list| op("remove", &at("tags"), &list)),
        1 => list(element()).prop_map(move |list| op("remove", &at("items"), &list)),
    ]
}

/// Elements in an order of their own, and their members: which of them came first means nothing.
fn sorted(value: Option<&Value>) -> Value {
    let mut value = value.cloned().unwrap_or_default();
    value.sort_all_objects();
    for member in value.as_object_mut().into_iter().flatten().filter_map(|(_, member)| member.as_array_mut()) {
        member.sort_by_key(ToString::to_string);
    }
    value
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn before_the_schema_is_as_with_it(operations in prop::collection::vec(operation(), 1..9)) {
        let (without, with) = (user(&[]), user(&attributes()));
        let made = normalise(json!({ "userName": "ada" }), &without, &Leniencies::all()).unwrap();
        let (mut expected, mut aside) = (made.document.clone(), Aside::default());
        for operation in &operations {
            let body = json!({ "schemas": [PATCH_SCHEMA], "Operations": [operation] });
            let known = Patch::parse(body.clone(), &with, &Leniencies::all());
            let known = known.and_then(|it| it.apply(expected.clone(), Aside::default(), &with, &Leniencies::all()));
            let Ok(known) = known else { continue };
            expected = known.document;
            let kept = Patch::parse(body, &without, &Leniencies::all()).unwrap();
            aside = kept.apply(made.document.clone(), aside, &without, &Leniencies::all()).unwrap().set_aside;
        }
        let found = taken(made.document, aside.clone());
        prop_assert_eq!(sorted(found.document.get(S)), sorted(expected.get(S)), "{}", aside.to_json());
        prop_assert!(found.misfits.is_empty() && found.set_aside.is_empty(), "{:?} {}", found.misfits, aside.to_json());
    }
}
