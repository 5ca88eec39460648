//! Whatever is written before a schema is defined leads to what it would have led to with the schema.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::tests::{S, attributes, op, reconciled, user};
use super::*;
use crate::leniency::Leniencies;
use crate::normalise::normalise;
use crate::patch::{PATCH_SCHEMA, Patch};
use crate::schema::ResourceType;

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
    let id = |value: &Value| value.get("value").unwrap_or(value).clone();
    prop::collection::vec(of, 1..4).prop_map(move |mut values| {
        values.dedup_by_key(|value| id(value));
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

/// The value of the extension in a body.
fn extension() -> impl Strategy<Value = Value> {
    let member = prop_oneof![
        text().prop_map(|text| ("a", text)),
        list(text()).prop_map(|list| ("tags", list)),
        desk().prop_map(|desk| ("desk", desk)),
        list(element()).prop_map(|list| ("items", list)),
    ];
    prop::collection::vec(member, 0..4)
        .prop_map(|members| members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

#[derive(Clone, Debug)]
enum Request {
    Put(Value),
    Patch(Value),
}

fn request() -> impl Strategy<Value = Request> {
    prop_oneof![8 => operation().prop_map(Request::Patch), 1 => extension().prop_map(Request::Put)]
}

/// What is stored of a resource.
type State = (Map<String, Value>, UnknownAttributes);

fn put(extension: &Value, before: &UnknownAttributes, rt: &ResourceType) -> State {
    let found = normalise(json!({ "userName": "ada", S: extension }), rt, &Leniencies::all()).unwrap();
    let mut unknown = found.unknown;
    keep_omitted(&mut unknown, before, &found.document, &found.cleared, rt, &Leniencies::all()).unwrap();
    (found.document, unknown)
}

/// `None` for a request that is refused.
fn made((document, unknown): &State, request: &Request, rt: &ResourceType) -> Option<State> {
    let operation = match request {
        Request::Put(extension) => return Some(put(extension, unknown, rt)),
        Request::Patch(operation) => operation,
    };
    let body = json!({ "schemas": [PATCH_SCHEMA], "Operations": [operation] });
    let patch = Patch::parse(body, rt, &Leniencies::all()).ok()?;
    let patched = patch.apply(document, unknown, rt, &Leniencies::all()).ok()?;
    Some((patched.document, UnknownAttributes::from_json(patched.unknown.to_json())?))
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
    fn before_the_schema_is_as_with_it(first in extension(), requests in prop::collection::vec(request(), 1..9)) {
        let (without, with) = (user(&[]), user(&attributes()));
        let nothing = UnknownAttributes::default();
        let (mut expected, mut state) = (put(&first, &nothing, &with), put(&first, &nothing, &without));
        for request in &requests {
            let Some(known) = made(&expected, request, &with) else { continue };
            expected = known;
            state = made(&state, request, &without).unwrap();
        }
        let (document, unknown) = state;
        let found = reconciled(document, unknown.clone());
        prop_assert_eq!(sorted(found.document.get(S)), sorted(expected.0.get(S)), "{}", unknown.to_json());
        prop_assert!(found.rejected.is_empty() && found.unknown.is_empty(), "{:?} {}", found.rejected, unknown.to_json());
    }
}
